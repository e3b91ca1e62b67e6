"""A topology as a picture or as text: SVG, Graphviz, Mermaid, JSON, and lines for a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Literal, Protocol, assert_never

from agentmesh.messages import USER
from agentmesh.topology.layers import depths
from agentmesh.topology.layout import layout
from agentmesh.topology.phases import Edge, Join, Phase
from agentmesh.topology.shapes import ANSWER, TASK, Link, links_of, members, part_of, shortened_names, text_cells
from agentmesh.topology.svg import join_text, order_text, phase_title, role_text, svg

Format = Literal["mermaid", "svg", "dot", "json", "text"]
LINE = 96
"""Cells of a line of text, where it can be wrapped."""


class Drawable(Protocol):
    """What is drawn of a topology."""

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases, in the order of a run."""
        ...

    @property
    def nodes(self) -> tuple[str, ...]:
        """All agents."""
        ...

    @property
    def joins(self) -> Mapping[str, Join]:
        """What agents wait for, where it is not any message."""
        ...


def draw(topology: Drawable, format: Format, roles: Mapping[str, str] | None = None) -> str:
    """The topology in one of five forms. The same topology gives the same text, which ends with a newline.

    `roles`: words for what agents are, by name; SVG and text show them.
    """
    match format:
        case "mermaid":
            return _mermaid(topology)
        case "svg":
            return svg(topology.phases, topology.joins, roles or {})
        case "dot":
            return _dot(topology)
        case "json":
            return _json(topology)
        case "text":
            return _text(topology, roles or {})
        case _:
            assert_never(format)


def _json(topology: Drawable) -> str:
    pairs = [edge.pair for phase in topology.phases for edge in phase.edges]
    phases = [
        {"name": phase.name, "order": phase.order, "edges": [edge.pair for edge in phase.edges]}
        for phase in topology.phases
    ]
    nodes = dict.fromkeys((USER, *topology.nodes))
    return json.dumps({"nodes": list(nodes), "edges": list(dict.fromkeys(pairs)), "phases": phases}, indent=2) + "\n"


# Mermaid and Graphviz: the same shapes in their own words.

_MERMAID_SHAPES: Mapping[str, tuple[str, str]] = {
    "user": ("([", "])"),
    "planner": ("[[", "]]"),
    "judge": ("{{", "}}"),
    "worker": ("(", ")"),
    "agent": ("(", ")"),
}
_MERMAID_STYLE = """\
  classDef user fill:#2563eb,stroke:#1d4ed8,color:#fff
  classDef planner fill:#ede9fe,stroke:#7c3aed,color:#172033
  classDef worker fill:#e7f8f0,stroke:#0f9d6b,color:#172033
  classDef judge fill:#fff3d6,stroke:#d18a06,color:#172033
  classDef agent fill:#eef2f7,stroke:#64748b,color:#172033
"""
_DOT_SHAPES: Mapping[str, str] = {
    "user": 'shape=box, style="rounded,filled", fillcolor="#2563eb", color="#1d4ed8", fontcolor="white"',
    "planner": 'shape=box, style=filled, peripheries=2, fillcolor="#ede9fe", color="#7c3aed"',
    "worker": 'shape=box, style="rounded,filled", fillcolor="#e7f8f0", color="#0f9d6b"',
    "judge": 'shape=octagon, style=filled, fillcolor="#fff3d6", color="#d18a06"',
    "agent": 'shape=box, style="rounded,filled", fillcolor="#eef2f7", color="#64748b"',
}


def _nodes_of(phase: Phase) -> list[tuple[str, str]]:
    """Names with the part that each plays; `user` first, where it takes part."""
    speaks = any(USER in edge.pair for edge in phase.edges)
    return [(USER, "user")] * speaks + [(name, part_of(phase, name)) for name in members(phase)]


def _note(edge: Edge | None) -> str:
    return "" if edge is None or edge.max_messages is None else f"≤ {edge.max_messages}"


def _notes(link: Link) -> str:
    """The bounds of a line: one word if both directions agree."""
    return ", ".join(dict.fromkeys(note for note in (_note(link.there), _note(link.back)) if note))


def _mermaid(topology: Drawable) -> str:
    lines = ["flowchart LR"]
    several = len(topology.phases) > 1
    styled: dict[str, list[str]] = {}
    for index, phase in enumerate(topology.phases):
        ids = _ids((name for name, _ in _nodes_of(phase)), f"p{index + 1}_" if several else "")
        title = f"{phase_title(phase, index, len(topology.phases))}: {order_text(phase)}"
        lines.append(f'  subgraph phase_{index + 1}["{_mermaid_text(title)}"]')
        for name, part in _nodes_of(phase):
            opening, closing = _MERMAID_SHAPES[part]
            join = join_text(topology.joins.get(name, "any"))
            label = _mermaid_text(name) + (f"<br/><small>{join}</small>" if join else "")
            lines.append(f'    {ids[name]}{opening}"{label}"{closing}')
            styled.setdefault(part, []).append(ids[name])
        for link in links_of(phase):
            arrow = "<-->" if link.back else "-->"
            note = f'|"{_notes(link)}"|' if _notes(link) else ""
            lines.append(f"    {ids[link.there.sender]} {arrow}{note} {ids[link.there.recipient]}")
        lines.append("  end")
    lines += [f"  phase_{at} --> phase_{at + 1}" for at in range(1, len(topology.phases))]
    classes = [f"  class {','.join(names)} {part}" for part, names in styled.items()]
    kept = [line for line in _MERMAID_STYLE.splitlines() if line.split()[1] in styled]
    return "\n".join([*lines, *kept, *classes, ""])


def _ids(names: Iterable[str], prefix: str) -> dict[str, str]:
    """Mermaid takes few letters in an id, and some words not at all."""
    reserved = {
        "end",
        "graph",
        "subgraph",
        "flowchart",
        "style",
        "class",
        "click",
        "default",
        "call",
        "href",
        "direction",
    }
    ids: dict[str, str] = {}
    for name in names:
        wanted = prefix + (re.sub(r"[^A-Za-z0-9_]+", "_", name) or "_")
        while wanted.lower() in reserved or wanted in ids.values():
            wanted += "_"
        ids[name] = wanted
    return ids


def _mermaid_text(text: str) -> str:
    """Text between quotes; everything with a meaning of its own as a numbered entity."""
    return "".join(letter if letter.isalnum() or letter in " -_.,:·" else f"#{ord(letter)};" for letter in text)


def _dot(topology: Drawable) -> str:
    several = len(topology.phases) > 1
    titles = [
        f"{phase_title(phase, index, len(topology.phases))} ({order_text(phase)})"
        for index, phase in enumerate(topology.phases)
    ]
    lines = [
        "digraph topology {",
        f"  graph [layout=neato, inputscale=72, splines=true, labelloc=t, label={_quoted('  →  '.join(titles))}];",
        '  graph [fontname="Helvetica"];',
        '  node [fontname="Helvetica", fontsize=12];',
        '  edge [fontname="Helvetica", fontsize=10];',
    ]
    labels = shortened_names(name for phase in topology.phases for name in members(phase))
    pictures = [layout(phase, labels) for phase in topology.phases]
    middle = max((picture.height for picture in pictures), default=0.0) / 2
    left = 0.0
    for index, (phase, picture) in enumerate(zip(topology.phases, pictures, strict=True)):
        places = {spot.name: spot for spot in reversed(picture.spots)}
        prefix = f"{phase.name}/" if several else ""
        lines.append(f"  subgraph phase_{index + 1} {{")
        for name, part in _nodes_of(phase):
            spot = places[name]
            pos = f"{left + spot.x:.1f},{middle + picture.height / 2 - spot.y:.1f}!"
            label = f"label={_quoted(spot.label)}"
            if spot.label != name:
                label += f", tooltip={_quoted(name)}"
            lines.append(f'    {_quoted(prefix + name)} [{label}, pos="{pos}", {_DOT_SHAPES[part]}];')
        for link in links_of(phase):
            attributes = ["dir=both"] * (link.back is not None) + [f'label="{_notes(link)}"'] * bool(_notes(link))
            ends = f"{_quoted(prefix + link.there.sender)} -> {_quoted(prefix + link.there.recipient)}"
            lines.append(f"    {ends} [{', '.join(attributes)}];" if attributes else f"    {ends};")
        lines.append("  }")
        left += picture.width + 120
    return "\n".join([*lines, "}", ""])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


# Text for a terminal.


def _text(topology: Drawable, roles: Mapping[str, str]) -> str:
    blocks = []
    for index, phase in enumerate(topology.phases):
        title = f"{phase_title(phase, index, len(topology.phases))} ({order_text(phase)})"
        lines = _path(phase) or _tree(phase, roles) or [*_lists(phase)]
        waiting = [(name, join_text(topology.joins.get(name, "any"))) for name in members(phase)]
        lines += [f"{name} {join}" for name, join in waiting if join]
        blocks.append("\n".join([title, *(f"  {line}" for line in lines)]))
    return "\n\n".join(blocks) + "\n"


def _said(link: Link, stop: str | None = None) -> str:
    """A line from its arrow on, with its bounds in brackets: `→ b`, `⇄ b (≤ 3)`, `⇄ b (≤ 3, back ≤ 2)`."""
    there, back = _note(link.there), _note(link.back)
    notes = [there] if there and (there == back or link.back is None) else []
    if there != back and link.back is not None:
        notes = [there] * bool(there) + [f"back {back}"] * bool(back)
    return f"{_arrow(link)} {stop or _named(link.stop)}" + (f" ({', '.join(notes)})" if notes else "")


def _arrow(link: Link) -> str:
    return "⇄" if link.back else "→"


def _path(phase: Phase) -> list[str]:
    """A phase that is one way through its agents, on one line; nothing for any other."""
    links = links_of(phase)
    ahead = {link.start: link for link in links}
    if len(ahead) != len(links) or any(link.back for link in links) or len({link.stop for link in links}) != len(links):
        return []
    starts = [link.start for link in links if link.start not in {other.stop for other in links}]
    if len(starts) != 1:
        return []
    words, at = [_named(starts[0])], starts[0]
    while at in ahead:
        words.append(_said(ahead[at]))
        at = ahead[at].stop
    inside = {end for link in links for end in (link.start, link.stop)}
    return _wrapped(words, " ") if len(words) == len(links) + 1 and inside >= set(members(phase)) else []


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
        upper, lower = sorted((link.start, link.stop), key=depth.__getitem__)
        below[upper].append(link if link.start == upper else Link(upper, lower, link.back or link.there, link.there))
    roots = [key for key in keys if depth[key] == 0]
    if len(roots) != 1 or len(inner) != len(keys) - 1:
        return []
    ends = {link.start: link for link in links if link.stop == ANSWER}
    named = {key: _named(key) + _role(phase, key, roles) for key in keys}
    return _branches(named, roots[0], below, ends)


def _branches(
    named: Mapping[str, str], key: str, below: Mapping[str, list[Link]], ends: Mapping[str, Link]
) -> list[str]:
    own = named[key] + (f" {_said(ends[key])}" if key in ends else "")
    children = below[key]
    if len(children) == 1 and key not in ends and (key == TASK or children[0].back is None):
        first, *rest = _branches(named, children[0].stop, below, ends)
        before = f"{own} {_said(children[0], first)}"
        return [before, *(" " * (text_cells(before) - text_cells(first)) + line for line in rest)]
    lines = [own]
    for index, link in enumerate(children):
        last = index == len(children) - 1
        first, *rest = _branches(named, link.stop, below, ends)
        lines.append(f"{'└' if last else '├'}{_said(link, first)}")
        lines += [f"{' ' if last else '│'}  {line}" for line in rest]
    return lines


def _role(phase: Phase, key: str, roles: Mapping[str, str]) -> str:
    role = "" if key in (TASK, ANSWER) else role_text(key, part_of(phase, key), roles)
    return f" ({role})" if role else ""


def _lists(phase: Phase) -> Iterable[str]:
    """A phase as lists: who writes to whom, line by line."""
    links, agents = links_of(phase), members(phase)
    plain = {(link.start, link.stop, link.back is not None) for link in links if not _notes(link)}
    heard = all((TASK, name, False) in plain for name in agents)
    clique = len(agents) > 2 and all((a, b, True) in plain or (b, a, True) in plain for a, b in combinations(agents, 2))
    if clique:
        shown = _wrapped([f"everybody: {agents[0]}", *agents[1:]], ", ")
        yield from [f"{USER} → everybody"] * heard + ["everybody ⇄ everybody"] + shown
        links = tuple(link for link in links if link.stop == ANSWER or (link.start == TASK and not heard))
    by_start: dict[tuple[str, str], list[Link]] = {}
    for link in sorted(links, key=lambda link: link.start != TASK):
        by_start.setdefault((link.start, _arrow(link)), []).append(link)
    for (start, arrow), group in by_start.items():
        words = [_said(link).removeprefix(f"{arrow} ") for link in group]
        yield from _wrapped([f"{_named(start)} {arrow} {words[0]}", *words[1:]], ", ")
    joined = {end for link in links_of(phase) for end in (link.start, link.stop)}
    yield from (f"{name} (alone)" for name in agents if name not in joined)
