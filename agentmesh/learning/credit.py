"""Rewards of single steps that only the log of a team can give: who did what the run came to.

Components:
    flips     +1 for the step by which an agent came from a wrong position to a right one, -1 for the way back
    evidence  1, shared by whoever supplied what the right positions cite that agents held in the end
    tasks     +1 for a worker's task that was merged and holds, -1 for one that was refused, or that it failed at
    findings  minus the score of what a monitor found, for each agent that it names

Right is what agrees with the gold answer; without one, with the answer of the run. Then `flips` and `evidence` reward
those who moved to what the team said in the end, be it wrong: they teach to go along, and no more.

No component can be had twice for one thing: a position that is stated again is no flip, only the last positions of
agents cite, an attempt is refused once, and of findings with one label only what exceeds the highest so far counts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from agentmesh.errors import AgentMeshError
from agentmesh.events import (
    Event,
    FindingRecorded,
    MessageDelivered,
    MessageProposed,
    ModelCallFinished,
    PositionStated,
    RunEnded,
    TaskChanged,
    Verification,
)
from agentmesh.learning.episodes import counting, is_step
from agentmesh.learning.provenance import Sources
from agentmesh.messages import USER, Position
from agentmesh.monitors.signals.answers import canonical, claimed_answer, stated_answer

if TYPE_CHECKING:
    from agentmesh.team.result import RunResult

COMPONENTS = ("flips", "evidence", "tasks", "findings")
Right = Callable[[str], bool | None]
"""Whether an answer is right; None where it cannot be told."""
_WHOLE = frozenset({"text", "proposal", "ballot", "answer"})
"""Kinds of messages that speak of the whole task."""
_CANCELLED = "cancelled"
"""What is said of a check that was cut off: it refutes nothing."""


class Credit(NamedTuple):
    """What an agent is given for what it did last before an event, which has its number in the log, from 0."""

    at: int
    agent: str
    component: str
    value: float


def credit(
    run: RunResult | Sequence[Event],
    gold: str | float | Right | None = None,
    weights: Mapping[str, float] | None = None,
) -> dict[int, dict[str, float]]:
    """By number of a step, as `episode_of(..., steps=...)` takes it: its rewards by component, where it has any.

    `gold`: the right answer, or a function that says whether an answer is right. `weights`: by component, 1 if absent.
    Agents without model calls have no steps. Raises: AgentMeshError for an unknown component, or gold that is none.
    """
    strange = [name for name in weights or {} if name not in COMPONENTS]
    if strange:
        raise AgentMeshError(f"there is no component '{strange[0]}'; components: {', '.join(COMPONENTS)}")
    events = counting(run)
    right = _right(gold if gold is not None else _answer(events))
    steps, found = Steps(events), defaultdict[int, dict[str, float]](dict)
    for given in (*_flips(events, right), *_evidence(events, right), *_tasks(events), *_findings(events)):
        step = steps.before(given.agent, given.at)
        value = given.value * (weights or {}).get(given.component, 1.0)
        if step is not None and value:
            found[step][given.component] = found[step].get(given.component, 0.0) + value
    return {step: found[step] for step in sorted(found)}


class Steps:
    """Which step of an agent was its last before an event."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._places: dict[str, list[int]] = defaultdict(list)
        self._steps: dict[str, list[int]] = defaultdict(list)
        calls = ((at, e) for at, e in enumerate(events) if isinstance(e, ModelCallFinished) and is_step(e))
        for step, (at, event) in enumerate(calls):
            self._places[event.agent or ""].append(at)
            self._steps[event.agent or ""].append(step)

    def before(self, agent: str, at: int) -> int | None:
        """The step by which the agent came to the event with this number; None if it had none."""
        found = bisect_right(self._places.get(agent, []), at)
        return self._steps[agent][found - 1] if found else None


# Positions


def _right(gold: str | float | Right | None) -> Right:
    if gold is None:
        return lambda _: None
    if callable(gold):
        return gold
    if not isinstance(gold, str | int | float):
        raise AgentMeshError(
            f"gold is the right answer, as text or a number, or a function that says whether an answer is right; "
            f"found {type(gold).__name__}"
        )
    expected = _forms(str(gold))
    return lambda answer: not expected.isdisjoint(_forms(answer))


def _forms(answer: str) -> set[str]:
    """An answer as it can be compared: all of it, what it states or computes last."""
    return {form for form in (canonical(answer), stated_answer(answer), claimed_answer(answer)) if form}


def _answer(events: Sequence[Event]) -> str | None:
    """What the run came to, as the position of who answered has it, if there is one."""
    for event in reversed(events):
        if isinstance(event, MessageDelivered) and event.recipient == USER and event.position is not None:
            return event.position.answer
    ended = next((event for event in reversed(events) if isinstance(event, RunEnded)), None)
    return ended.answer if ended else None


def _statements(events: Sequence[Event]) -> Iterator[tuple[int, str, Position]]:
    """What agents hold: positions, and answers that messages state in a form made to be read."""
    for at, event in enumerate(events):
        match event:
            case PositionStated(agent=str(agent)):
                yield at, agent, event.position
            case MessageProposed() if event.sender != USER and event.kind in _WHOLE:
                stated = None if event.position else stated_answer(event.content)
                position = event.position or (Position(answer=stated) if stated else None)
                if position is not None:
                    yield at, event.sender, position
            case _:
                pass


def _flips(events: Sequence[Event], right: Right) -> Iterator[Credit]:
    held: dict[str, bool] = {}
    for at, agent, position in _statements(events):
        now = right(position.answer)
        if now is None:
            continue
        if held.get(agent, now) != now:
            yield Credit(at, agent, "flips", 1.0 if now else -1.0)
        held[agent] = now


def _evidence(events: Sequence[Event], right: Right) -> Iterator[Credit]:
    last: dict[str, tuple[int, Position]] = {}
    for at, agent, position in _statements(events):
        # What is stated in a turn goes out with its message afterwards: the same position, once.
        if agent not in last or last[agent][1] != position:
            last[agent] = (at, position)
    sources = Sources(events)
    cited = []
    for agent, (at, position) in last.items():
        pieces = dict.fromkeys(position.evidence) if right(position.answer) else {}
        found = [source for piece in pieces if (source := sources.cited(agent, piece, at)) is not None]
        cited += [found] if found else []
    for found in cited:
        for source in found:
            yield Credit(source.made, source.agent, "evidence", 1 / len(cited) / len(found))


# Tasks and findings


def _tasks(events: Sequence[Event]) -> Iterator[Credit]:
    done: dict[tuple[str | None, str], tuple[int, str]] = {}
    refused: set[tuple[str | None, str, int]] = set()
    for at, event in enumerate(events):
        match event:
            case TaskChanged(status="done", worker=str(worker)):
                done[event.agent, event.task.id] = (at, worker)
            case TaskChanged(status="verified", worker=str(worker)):
                when, who = done.get((event.agent, event.task.id), (at, worker))
                yield Credit(when, who, "tasks", 1.0)
            case Verification(task=str(task), passed=False) if event.detail != _CANCELLED:
                if (event.agent, task) in done:
                    refused.add((event.agent, task, event.attempt))
                    yield Credit(*done[event.agent, task], "tasks", -1.0)
            case TaskChanged(status="failed", worker=str(worker)):
                if (event.agent, event.task.id, event.attempt) not in refused:
                    yield Credit(at, worker, "tasks", -1.0)
            case _:
                pass


def _findings(events: Sequence[Event]) -> Iterator[Credit]:
    places = {event.id: at for at, event in enumerate(events) if event.id}
    worst: dict[tuple[str, str, str], float] = defaultdict(float)
    for at, event in enumerate(events):
        if not isinstance(event, FindingRecorded) or not event.counts:
            continue
        finding = event.finding
        for agent in finding.agents:
            key = (finding.monitor, finding.label, agent)
            more = finding.score - worst[key]
            if more > 0:
                worst[key] = finding.score
                yield Credit(places.get(event.observed, at), agent, "findings", -more)
