"""What is wrong with single phases: edges over which nothing passes, votes, positions, ends and beginnings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from agentmesh.messages import USER
from agentmesh.topology.kinds import tree_edges
from agentmesh.topology.phases import IN_ROUNDS, Edge, Phase, speaks_to_user

_NAMED = 4
"""So many names are listed in a message; of more it says how many."""


class Lint(NamedTuple):
    """One fault of a graph. `check` names the rule, `agents` the nodes that it concerns.

    `phase` and `key` are the place: the index of the phase, and the key of it that is wrong.
    """

    check: str
    agents: tuple[str, ...]
    message: str
    fatal: bool = True
    phase: int | None = None
    key: str | None = None


def listed(names: Iterable[str]) -> str:
    """Names as a message gives them, the first few of many."""
    some = list(names)
    more = len(some) - _NAMED
    return ", ".join(some) if more < 2 else f"{', '.join(some[:_NAMED])} and {more} more"


def phase_faults(phases: Sequence[Phase]) -> Iterator[Lint]:
    """Everything wrong with each phase on its own, and with its place among the others."""
    for index, phase in enumerate(phases):
        where = f" in phase '{phase.name}'" if len(phases) > 1 else ""
        last = index == len(phases) - 1
        faults = (
            *_useless_edges(phase, where, phases[index:]),
            *_idle_keys(phase, where),
            *_votes(phase, where),
            *_positions(phase, where),
            *_converged(phase, where),
            *_until(phase, last=last),
            *_answer(phase, last=last),
            *_moderator(phase, where),
            *_opens(phase, where, first=index == 0),
        )
        yield from (fault._replace(phase=index) for fault in faults)


def _useless_edges(phase: Phase, where: str, from_here: Sequence[Phase]) -> Iterator[Lint]:
    """Word may be sent to somebody who takes part only later."""
    speaking = {*phase.participants, *phase.votes, *phase.boards, USER}
    hearing = speaking.union(*(later.participants for later in from_here))
    planned = _planned(phase)
    for edge in phase.edges:
        strangers = [*({edge.sender} - speaking), *({edge.recipient} - hearing)]
        why = f"'{strangers[0]}' takes no part; add it to `nodes`" if strangers else _why_useless(phase, edge, planned)
        if why:
            drawn = f"the edge {edge.sender} -> {edge.recipient}{where}"
            named = tuple(name for name in edge.pair if name != USER)
            yield Lint("useless_edge", named, f"{drawn} has no use: {why}", key="edges")


def _planned(phase: Phase) -> set[tuple[str, str]]:
    """The edges over which something passes in the order `tasks`."""
    planning = phase.planning
    if planning is None:
        return set()
    root, judge = planning.root, planning.judge
    edges = {(USER, root), (root, USER), *(edge.pair for edge in tree_edges(planning))}
    return edges | ({(root, judge), (judge, root), (judge, USER)} if judge else set())


def _why_useless(phase: Phase, edge: Edge, planned: set[tuple[str, str]]) -> str:
    sender, recipient = edge.pair
    others = {*phase.votes, *phase.boards}
    if not others.isdisjoint(edge.pair):
        if sender in phase.boards or recipient in phase.boards:
            alone = USER in edge.pair or others.issuperset(edge.pair)
            return "only agents read and write boards" if alone else ""
        if recipient in phase.votes and (sender == USER or sender in phase.votes):
            return "only agents vote"
    if planned and edge.pair not in planned:
        return "order: tasks knows only planners, their workers, the judge, and 'user' before and after them"
    return ""


def _idle_keys(phase: Phase, where: str) -> Iterator[Lint]:
    """What edges ask for and nobody does."""
    for edge in phase.edges:
        for key, why in _without_effect(phase, edge):
            named = tuple(name for name in edge.pair if name != USER)
            drawn = f"`{key}` has no effect on the edge {edge.sender} -> {edge.recipient}{where}"
            yield Lint("useless_edge", named, f"{drawn}: {why}; remove it", key="edges")


def _without_effect(phase: Phase, edge: Edge) -> Iterator[tuple[str, str]]:
    if edge.sender in phase.boards or edge.recipient in phase.boards:
        given = {"max_messages": edge.max_messages, "carries": edge.carries != "full", "rewrite": edge.rewrite}
        yield from ((key, "a board is read and written whole, by tools") for key, value in given.items() if value)
        return
    vote = phase.votes.get(edge.recipient)
    if vote is not None and edge.sender not in vote.candidates:
        if edge.carries == "summary":
            yield "carries: summary", "nobody changes a ballot"
        if edge.rewrite is not None:
            yield "rewrite", "nobody changes a ballot"
    elif edge.carries == "summary" and (edge.sender == USER or edge.sender in phase.votes):
        yield "carries: summary", "nobody shortens " + ("a task" if edge.sender == USER else "what won a vote")


def _votes(phase: Phase, where: str) -> Iterator[Lint]:
    for name, vote in phase.votes.items():
        before = [voter for voter in phase.predecessors.get(name, ()) if voter in phase.participants]
        if not before:
            yield Lint("vote", (name,), f"nobody may vote at '{name}'{where}: draw an edge from an agent to it")
        if not phase.successors.get(name):
            fix = "draw an edge from it to 'user' or to an agent"
            yield Lint("vote", (name,), f"the result of the vote '{name}' goes nowhere{where}: {fix}")
        for candidate in vote.candidates if before else ():
            if candidate not in before:
                found = f"'{candidate}' is a candidate of '{name}' and can enter nothing{where}"
                yield Lint("candidate", (candidate, name), f"{found}: draw an edge {candidate} -> {name}")


def _positions(phase: Phase, where: str) -> Iterator[Lint]:
    """Edges that carry positions, from those who state none."""
    why: dict[str, list[Edge]] = {}
    for edge in phase.edges:
        vote = phase.votes.get(edge.recipient)
        ballot = vote is not None and edge.sender not in vote.candidates
        if edge.carries == "position" and not ballot and edge.recipient not in phase.boards:
            why.setdefault(_why_none(phase, edge.sender), []).append(edge)
    for reason, edges in why.items():
        if reason:
            drawn = listed(f"{edge.sender} -> {edge.recipient}" for edge in edges)
            senders = tuple(dict.fromkeys(edge.sender for edge in edges if edge.sender != USER))
            carry = "edge {} carries" if len(edges) == 1 else "edges {} carry"
            message = f"the {carry.format(drawn)} positions{where}, and {reason}"
            yield Lint("positions", senders, message, key="edges")


def _why_none(phase: Phase, sender: str) -> str:
    """Why nobody can state a position there, or nothing."""
    if sender == USER or sender in phase.votes:
        return f"'{sender}' states none: take carries: full"
    if phase.order == "tasks":
        return "order: tasks asks for none: take carries: full"
    if phase.positions == "off":
        return "none are stated there: set positions: required"
    if (sender, USER) in phase.by_pair:
        return f"'{sender}' states none where it may answer 'user': let it answer in a later phase"
    return ""


def _converged(phase: Phase, where: str) -> Iterator[Lint]:
    if phase.end != "converged":
        return
    if phase.order not in IN_ROUNDS:
        message = f"end: converged{where} goes with an order in rounds, and this is order: {phase.order}"
        yield Lint("converged", (), message, key="end")
    elif phase.positions == "off":
        message = f"end: converged{where} compares positions, and none are stated there: set positions: required"
        yield Lint("converged", (), message, key="end")
    else:
        for name in phase.predecessors.get(USER, ()):
            if name in phase.participants:
                found = f"end: converged{where} waits for a position of '{name}', who states none where it may answer"
                yield Lint("converged", (name,), f"{found} 'user': let it answer in a later phase", key="end")


def _until(phase: Phase, *, last: bool) -> Iterator[Lint]:
    if phase.until is None:
        return
    if phase.until.command is None and phase.until.function is None:
        message = f"`until` of phase '{phase.name}' has nothing that checks: a promise alone proves nothing"
        yield Lint("until", (), f"{message}; add `verify` or `function`", key="until")
    if last and not speaks_to_user(phase):
        fix = "draw an edge to 'user', or add a phase that has one"
        message = f"phase '{phase.name}' has `until` and no phase comes after it, so that nobody can answer: {fix}"
        yield Lint("until", (), message, key="until")


def _answer(phase: Phase, *, last: bool) -> Iterator[Lint]:
    if phase.end != "answer":
        return
    if not speaks_to_user(phase):
        message = f"phase '{phase.name}' ends with an answer, and nobody may answer in it: draw an edge to 'user'"
        yield Lint("answer", (), message, key="end")
    elif not last:
        message = f"phase '{phase.name}' ends with an answer, so that the phases after it never come"
        yield Lint("answer", (), message, fatal=False, key="end")


def _moderator(phase: Phase, where: str) -> Iterator[Lint]:
    if phase.order != "moderator":
        return
    chair = phase.moderator
    if chair is None or chair not in phase.participants:
        message = f"order: moderator{where} needs a `moderator` among {listed(phase.participants) or 'its nodes'}"
        yield Lint("moderator", () if chair is None else (chair,), message, key="moderator")
        return
    if not set(phase.successors.get(chair, ())) & set(phase.participants):
        message = f"the moderator '{chair}' may call upon nobody{where}: draw edges from it to those who are to speak"
        yield Lint("moderator", (chair,), message, key="moderator")


def _opens(phase: Phase, where: str, *, first: bool) -> Iterator[Lint]:
    for name in phase.opens:
        if name not in phase.participants:
            yield Lint("opens", (name,), f"'{name}' opens and takes no part{where}: add it to `nodes`", key="opens")
    asleep = phase.order in ("reactive", "tasks") and not phase.opens and not phase.successors.get(USER)
    if asleep and not first and phase.agreed is None:
        yield Lint("opens", (), f"nobody acts first{where}: name somebody in `opens`", key="opens")
