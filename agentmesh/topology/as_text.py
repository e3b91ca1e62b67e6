"""A topology as lines for a terminal: one way, a tree, or lists of who writes to whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from agentmesh.messages import USER
from agentmesh.topology.layers import depths
from agentmesh.topology.phases import Phase
from agentmesh.topology.shapes import ANSWER, TASK, Link, agents_of, links_of, members, part_of, text_cells
from agentmesh.topology.words import join_text, note, order_text, part_text, phase_title, role_text

LINE = 96
"""Cells of a line of text, where it can be wrapped."""
EVERYBODY = "everybody"


def text_of(phases: Sequence[Phase], roles: Mapping[str, str]) -> str:
    """Each phase with its order, and every edge of it."""
    blocks = []
    for index, phase in enumerate(phases):
        title = f"{phase_title(phase, index, len(phases))} ({order_text(phase)})"
        lines = _path(phase) or _tree(phase, roles) or _lists(phase)
        lines = [*lines, *_facts(phase)]
        blocks.append("\n".join([title, *(f"  {line}" for line in lines)]))
    return "\n\n".join(blocks) + "\n"


def _facts(phase: Phase) -> Iterable[str]:
    """What nodes are that are no plain agents, and what agents wait for."""
    for name in members(phase):
        if part_of(phase, name) in ("vote", "board", "moderator"):
            yield f"{name} is {'the' if name == phase.moderator else 'a'} {part_text(phase, name)}"
    joins: dict[str, list[str]] = {}
    for name in members(phase):
        joins.setdefault(join_text(phase.join(name)), []).append(name)
    for join, names in joins.items():
        if join:
            said = join if len(names) == 1 else join.replace("waits", "wait", 1)
            yield from _wrapped([*names[:-1], f"{names[-1]} {said}"], ", ")


def _said(link: Link, stop: str | None = None) -> str:
    """A line from its arrow on, with its notes in brackets: `→ b`, `⇄ b (≤ 3)`, `⇄ b (≤ 3, back ≤ 2)`."""
    notes = _notes(link)
    return f"{_arrow(link)} {stop or _named(link.stop)}" + (f" ({notes})" if notes else "")


def _notes(link: Link) -> str:
    there, back = note(link.there), note(link.back)
    rewritten = [f"rewritten by {edge.rewrite}" for edge in link.edges if edge.rewrite]
    if link.back is None or there == back:
        return ", ".join([*[there] * bool(there), *dict.fromkeys(rewritten)])
    return ", ".join([*[there] * bool(there), *[f"back {back}"] * bool(back), *dict.fromkeys(rewritten)])


def _arrow(link: Link) -> str:
    return "⇄" if link.back else "→"


def _named(key: str) -> str:
    return USER if key in (TASK, ANSWER) else key


def _wrapped(words: Sequence[str], separator: str, indent: str = "    ") -> list[str]:
    lines = [words[0]]
    for word in words[1:]:
        if text_cells(lines[-1]) + text_cells(separator + word) <= LINE:
            lines[-1] += separator + word
        else:
            lines[-1] += separator.rstrip()
            lines.append(indent + word)
    return lines


# One way through all nodes.


def _path(phase: Phase) -> list[str]:
    """A phase that is one way through its nodes, on one line; nothing for any other."""
    links = links_of(phase)
    if any(link.back for link in links):
        return []
    way = _way(links)
    inside = {end for link in links for end in (link.start, link.stop)}
    return _wrapped(way, " ") if way and inside >= set(members(phase)) else []


def _way(links: Sequence[Link]) -> list[str]:
    """The words of a way along all the lines, or of a circle, which ends where it began; nothing if there is none."""
    ahead = {link.start: link for link in links}
    stops = {link.stop for link in links}
    if not links or len(ahead) != len(links) or len(stops) != len(links):
        return []
    starts = [link.start for link in links if link.start not in stops] or [links[0].start]
    words, at = [_named(starts[0])], starts[0]
    while at in ahead and len(words) <= len(links):
        words.append(_said(ahead[at]))
        at = ahead[at].stop
    whole = len(words) == len(links) + 1 and len(starts) == 1
    return words if whole and (at not in ahead or at == starts[0]) else []


# A tree.


def _tree(phase: Phase, roles: Mapping[str, str]) -> list[str]:
    """A phase in which everybody hangs from one other, as an indented tree; nothing for any other phase."""
    links = links_of(phase)
    keys = list(dict.fromkeys(end for link in links for end in (link.start, link.stop) if end != ANSWER))
    keys += [name for name in members(phase) if name not in keys]
    inner = [link for link in links if link.stop != ANSWER]
    depth = depths(keys, [(link.start, link.stop) for link in inner], [TASK])
    below: dict[str, list[Link]] = {key: [] for key in keys}
    for link in inner:
        if abs(depth[link.start] - depth[link.stop]) != 1 or (
            link.back is None and depth[link.start] > depth[link.stop]
        ):
            return []
        upper = min(link.start, link.stop, key=depth.__getitem__)
        below[upper].append(link if link.start == upper else link.turned())
    roots = [key for key in keys if depth[key] == 0]
    if len(roots) != 1 or len(inner) != len(keys) - 1:
        return []
    ends = {link.start: link for link in links if link.stop == ANSWER}
    named = {key: _named(key) + _role(phase, key, roles) for key in keys}
    return _branches(named, roots[0], below, ends)


def _branches(
    named: Mapping[str, str], key: str, below: Mapping[str, list[Link]], ends: Mapping[str, Link], notes: str = ""
) -> list[str]:
    """The lines of a node and what hangs from it; `notes` are those of the line that leads to it."""
    own = named[key] + (f" ({notes})" if notes else "")
    own += f" {_said(ends[key])}" if key in ends else ""
    children = below[key]
    if len(children) == 1 and key not in ends and (key == TASK or children[0].back is None):
        [link] = children
        first, *rest = _branches(named, link.stop, below, ends, _notes(link))
        before = f"{own} {_arrow(link)} "
        return [before + first, *(" " * text_cells(before) + line for line in rest)]
    lines = [own]
    for index, link in enumerate(children):
        last = index == len(children) - 1
        first, *rest = _branches(named, link.stop, below, ends, _notes(link))
        lines.append(f"{'└' if last else '├'}{_arrow(link)} {first}")
        lines += [f"{' ' if last else '│'}  {line}" for line in rest]
    return lines


def _role(phase: Phase, key: str, roles: Mapping[str, str]) -> str:
    if key in (TASK, ANSWER) or part_of(phase, key) in ("vote", "board", "moderator"):
        return ""
    role = role_text(phase, key, roles)
    return f" ({role})" if role else ""


# Lists.


def _lists(phase: Phase) -> list[str]:
    """A phase as lists: who writes to whom, nodes of which the same is said sharing a line."""
    agents = agents_of(phase)
    links = [link.turned() if link.start in phase.boards else link for link in links_of(phase)]
    told = [link for link in links if link.start == TASK]
    cliques = [(names, inner) for names in _cliques(agents, links) if (inner := _alike_within(names, links))]
    among = [link for _, inner in cliques for link in inner]
    rest = [link for link in links if link not in told and link not in among]
    around = [link for link in rest if {link.start, link.stop} <= set(agents) and not link.back]
    circle = (
        _way(around) if len(around) > 2 and {link.start for link in around} == {link.stop for link in around} else []
    )
    lines = [*_grouped(told, agents)]
    lines += [line for names, inner in cliques for line in _clique(names, inner[0], agents)]
    lines += _wrapped(circle, " ") if circle else []
    lines += _grouped([link for link in rest if not circle or link not in around], agents)
    joined = {end for link in links for end in (link.start, link.stop)}
    lines += [f"{name} (alone)" for name in members(phase) if name not in joined]
    return _explained(lines, agents)


def _explained(lines: list[str], agents: Sequence[str]) -> list[str]:
    """The lines with one that says who everybody is, after the first that speak of it."""
    speaking = [EVERYBODY in line.split() for line in lines]
    if True not in speaking:
        return lines
    first = speaking.index(True)
    end = next((at for at in range(first, len(lines)) if not speaking[at]), len(lines))
    return [*lines[:end], *_wrapped([f"{EVERYBODY}: {agents[0]}", *agents[1:]], ", "), *lines[end:]]


def _cliques(agents: Sequence[str], links: Sequence[Link]) -> list[tuple[str, ...]]:
    """Groups of three or more agents that write to each other, and otherwise hear and answer the same agents."""
    beside: dict[str, set[str]] = {name: {name} for name in agents}
    for link in links:
        if link.back and link.start in beside and link.stop in beside:
            beside[link.start].add(link.stop)
            beside[link.stop].add(link.start)
    groups: dict[frozenset[str], list[str]] = {}
    for name in agents:
        groups.setdefault(frozenset(beside[name]), []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 2]


def _alike_within(names: Sequence[str], links: Sequence[Link]) -> list[Link]:
    """The lines within a group, if the same is said of all; else nothing."""
    inner = [link for link in links if {link.start, link.stop} <= set(names)]
    said = {(note(edge), edge.rewrite) for link in inner for edge in link.edges}
    return inner if len(said) == 1 else []


def _clique(names: Sequence[str], link: Link, agents: Sequence[str]) -> list[str]:
    if len(names) == len(agents):
        return [f"{EVERYBODY} {_said(link, EVERYBODY)}"]
    return _wrapped([*names[:-1], f"{names[-1]} {_said(link, 'each other')}"], ", ")


def _grouped(links: Iterable[Link], agents: Sequence[str]) -> list[str]:
    """Lines by their start, and starts of which the same is said together."""
    by_start: dict[tuple[str, str], list[Link]] = {}
    for link in links:
        by_start.setdefault((link.start, _arrow(link)), []).append(link)
    by_words: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (start, arrow), group in by_start.items():
        words = tuple(_said(link).removeprefix(f"{arrow} ") for link in group)
        by_words.setdefault((arrow, words), []).append(_named(start))
    lines: list[str] = []
    for (arrow, stops), starts in by_words.items():
        senders, recipients = (_everybody(names, agents) for names in (starts, stops))
        joint = f"{senders[-1]} {arrow} {recipients[0]}"
        lines += _wrapped([*senders[:-1], joint, *recipients[1:]], ", ")
    return lines


def _everybody(names: Sequence[str], agents: Sequence[str]) -> Sequence[str]:
    """One word for all agents, where there are more than two."""
    return [EVERYBODY] if len(agents) > 2 and set(names) == set(agents) else names
