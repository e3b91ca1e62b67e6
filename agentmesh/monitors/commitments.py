"""Commitments, offers and claims on boards that are not kept (`coordination_failure`).

What stands on boards is read, never what is said: an entry has an owner, and a state that only its owner changes. Each
of these is a piece of evidence, the first four once for each entry:
    0.7   a commitment that its owner drops
    0.9   a commitment that is open when its owner hands in its task as done
    0.7   a commitment that is open when a phase begins in which its owner cannot write to that board any more, or when
          the run ends as completed, failed or stalled
    0.7   an offer that nobody has chosen at any of these moments: a role is taken when both sides have confirmed it,
          one by the offer and the other by the choice
    1.1   a file that is written, by `write_file` or `edit_file`, where somebody else claims the lines, or all of it
    0.35  a file that is edited in which somebody else claims lines, where nothing says which lines were changed
score = 1 - exp(-mass), each further piece of a kind weighing half as much as the one before (`weighing`). What weighs
0.35 comes to a score of 0.4 at most and is found by nobody who does not lower the threshold.

Not flagged: what is open when a run is verified, or ends by a limit, a monitor or from outside, which weighs 0.35 a
piece; commitments and offers of one whose task has failed or was blocked, who says so, and of one who was isolated or
replaced; an offer of one who has agreed on a later one, its own or another's; writing what was claimed for a task that
is over, or in a phase that is; a write that was refused.

Source: the causes of failure in CooperBench (arXiv 2601.13295), commitment and expectation, and what its rare
successful pairs do: roles that both sides confirm, resources divided by lines. Weights are this project's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from agentmesh.events import BoardWritten, Event, PhaseEnded, PhaseStarted, RunEnded, TaskChanged, TopologyChanged
from agentmesh.messages import BoardEntry, Finding, Outcome
from agentmesh.monitors.base import Reader
from agentmesh.monitors.signals import Done
from agentmesh.monitors.weighing import Evidence

LABEL = "coordination_failure"
ENTRIES, WORKERS = 256, 1_000
DROPPED, HANDED_IN, LEFT_OPEN, UNCHOSEN, TRESPASS, NEARBY, EXCUSED = 0.7, 0.9, 0.7, 0.7, 1.1, 0.35, 0.35
ENDS = frozenset[Outcome](("completed", "failed", "stalled"))
"""Outcomes of runs that came to their end by themselves, and were not verified."""
OVER = frozenset(("done", "verified", "failed", "blocked"))
GIVEN_UP = frozenset(("failed", "blocked"))
WRITING = frozenset(("write_file", "edit_file"))
TEXT = 80
"""Characters of an entry that a finding repeats."""


@dataclass(slots=True)
class Standing:
    """An entry of a board that somebody may have to answer for."""

    board: str
    entry: BoardEntry
    event: int
    """The latest that wrote it."""

    @property
    def pending(self) -> bool:
        """Whether something is still to come of it."""
        entry = self.entry
        return entry.state == "open" if entry.kind == "commitment" else entry.kind == "offer" and not entry.taken_by


class Commitments(Reader):
    """Commitments on boards that are dropped or left open, offers nobody takes up, files that somebody else claims."""

    labels = (LABEL,)
    thresholds: ClassVar[Mapping[str, float]] = {LABEL: 0.5}
    cost = "looks at what stands on boards when a file is written or a task handed in"
    others = frozenset([BoardWritten, TaskChanged, PhaseStarted, PhaseEnded, TopologyChanged, RunEnded])

    def __init__(self) -> None:
        super().__init__()
        self._evidence = Evidence()
        self._standing: dict[tuple[str, str], Standing] = {}
        self._tasks: dict[str, str] = {}
        """By worker: the status of its latest task."""

    def done(self, done: Done) -> Iterator[Finding]:
        path = done.arguments.get("path")
        if done.name not in WRITING or done.error is not None or not isinstance(path, str):
            return
        lines = _lines(done)
        for one in [each for each in self._standing.values() if self._is_claimed(each, done.agent, path)]:
            owner, agents = one.entry.owner, (done.agent, one.entry.owner)
            events = (one.event, done.event)
            if lines is None:
                yield from self._found(
                    "nearby", NEARBY, events, agents, f"{done.agent} edits {path}, where {owner} claims"
                )
            elif one.entry.holds(path, *lines):
                yield from self._found(
                    "trespass", TRESPASS, events, agents, f"{done.agent} writes what {owner} claims of {path}"
                )

    def _is_claimed(self, one: Standing, agent: str, path: str) -> bool:
        """Whether somebody else claims something of the file, for work that is not over."""
        owner = one.entry.owner
        return owner != agent and self._tasks.get(owner) not in OVER and one.entry.holds(path, 0, sys.maxsize)

    def other(self, event: Event) -> Iterator[Finding]:
        match event:
            case BoardWritten(entry=BoardEntry() as entry):
                yield from self._written(event, entry)
            case TaskChanged(worker=str(worker)):
                yield from self._task(event, worker)
            case PhaseEnded():
                self._forget(lambda one: one.entry.kind == "claim")
            case PhaseStarted():
                edges = frozenset(event.edges)
                out = [one for one in self._standing.values() if (one.entry.owner, one.board) not in edges]
                yield from self._left(out, event.id, LEFT_OPEN, f"phase {event.phase} begins")
            case TopologyChanged(change="isolate" | "replace"):
                gone = event.agents if event.change == "isolate" else event.agents[:1]
                self._forget(lambda one: one.entry.owner in gone)
            case RunEnded():
                weight = LEFT_OPEN if event.outcome in ENDS else EXCUSED
                yield from self._left([*self._standing.values()], event.id, weight, "the run ends")
            case _:
                pass

    def _written(self, event: BoardWritten, entry: BoardEntry) -> Iterator[Finding]:
        key = (event.board, entry.id)
        self._standing.pop(key, None)
        if entry.kind == "offer" and entry.taken_by:
            self._agreed(event.board, frozenset((entry.owner, entry.taken_by)))
        elif entry.kind == "claim" or Standing(event.board, entry, event.id).pending:
            self._standing[key] = Standing(event.board, entry, event.id)
            if len(self._standing) > ENTRIES:
                del self._standing[next(iter(self._standing))]
        elif entry.state == "dropped":
            why = f"{entry.owner} drops what it had committed itself to: {entry.text[:TEXT]}"
            yield from self._found("dropped", DROPPED, (event.id,), (entry.owner,), why)

    def _agreed(self, board: str, both: frozenset[str]) -> None:
        """Who has agreed on one offer is held to none that it made before, which it may have put another one for."""
        self._forget(lambda one: one.board == board and one.entry.kind == "offer" and one.entry.owner in both)

    def _task(self, event: TaskChanged, worker: str) -> Iterator[Finding]:
        self._tasks[worker] = event.status
        if len(self._tasks) > WORKERS:
            del self._tasks[next(iter(self._tasks))]
        owed = [one for one in self._standing.values() if one.entry.owner == worker]
        if event.status in GIVEN_UP:
            self._forget(lambda one: one.entry.owner == worker and one.pending)
        elif event.status == "done":
            yield from self._left(owed, event.id, HANDED_IN, f"{worker} hands in {event.task.id} as done")

    def _left(self, entries: Iterable[Standing], event: int, weight: float, when: str) -> Iterator[Finding]:
        """What of these is still to come, when it was due."""
        for one in [each for each in entries if each.pending]:
            entry, events = one.entry, (one.event, event)
            del self._standing[one.board, entry.id]
            if entry.kind == "commitment":
                why = f"{when}, and open is what {entry.owner} had committed itself to: {entry.text[:TEXT]}"
                kind = "open" if weight != EXCUSED else "unsettled"
            else:
                why = f"{when}, and nobody has chosen of what {entry.owner} offered: {', '.join(entry.options)[:TEXT]}"
                kind, weight = ("unchosen", min(weight, UNCHOSEN)) if weight != EXCUSED else ("unsettled", weight)
            yield from self._found(kind, weight, events, (entry.owner,), why)

    def _forget(self, gone: Callable[[Standing], bool]) -> None:
        self._standing = {key: one for key, one in self._standing.items() if not gone(one)}

    def _found(
        self, kind: str, weight: float, events: tuple[int, ...], agents: tuple[str, ...], why: str
    ) -> Iterator[Finding]:
        evidence = self._evidence
        evidence.add(kind, weight, events[-1], agents)
        for event in events:
            evidence.repeat(kind, event)
        score = self.scores[LABEL] = evidence.score
        yield Finding(label=LABEL, score=score, agents=agents, evidence=evidence.events, why=why)


def _lines(done: Done) -> tuple[int, int] | None:
    """The first and the last line that a call has written; None where nothing says which."""
    if done.name == "write_file":
        return 0, sys.maxsize
    number = (done.result or "").rpartition(", from line ")[2][:9]
    if not number.isdecimal():
        return None
    first = int(number)
    return first, first + str(done.arguments.get("old", "")).rstrip("\n").count("\n")
