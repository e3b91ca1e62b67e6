"""A run goes on from its log: the scheduler, the monitors and the agents' memories as they were, nothing paid twice."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from agentmesh.agents.base import Said
from agentmesh.agents.verifier import Verifier
from agentmesh.errors import RunChanged
from agentmesh.events import (
    Event,
    ModelCallFinished,
    ModelCallStarted,
    RunResumed,
    TurnEnded,
    TurnFailed,
    TurnStarted,
)
from agentmesh.providers.encoding import mended
from agentmesh.runner.fold import Fold, GoneThrough
from agentmesh.runner.observers import Observers
from agentmesh.runner.past import Deeds, EndOfRecord, Past, effective, inherited, seconds_of
from agentmesh.runner.summaries import Summaries
from agentmesh.runner.turn import RunningTurn, Shell
from agentmesh.scheduler import Command, Scheduler


class Resuming(Shell, Protocol):
    """The run that goes on."""

    events: list[Event]
    scheduler: Scheduler
    observers: Observers
    summaries: Summaries

    def go_on_from(self, past: Past, deeds: Mapping[str, Deeds], seconds: float, by_agent: Mapping[str, float]) -> None:
        """Take up a run that had gone on for so many seconds, and its agents' turns for so many."""
        ...


async def resume(runner: Resuming) -> list[Event | Command]:
    """Go through the log, and return what comes next. Raises: RunChanged, before anything is done."""
    fold, past = _folded(runner)
    recorded, resumed = runner.plan.recorded, runner.plan.resumed
    own = recorded[inherited([*recorded, resumed]) if resumed else 0 :]
    deeds = {turn.command.agent: turn.deeds for turn in fold.turns if not turn.over}
    runner.go_on_from(past, deeds, seconds_of(own), seconds_of_turns(own))
    latest = {turn.command.agent: turn for turn in fold.turns if turn.over}
    for turn in fold.turns:
        member = runner.plan.members[turn.command.agent]
        # Who remembers nothing still has the context of its last turn, in which it may be asked for a last answer.
        if member.rebuilt or (member.provider is not None and (not turn.over or turn is latest[turn.command.agent])):
            await _gone_through(runner, turn)
    _recall(runner)
    runner.summaries.recall(fold.summarised)
    for started, finished in calls_of(own):
        runner.ledger.charge(started, finished)
    return [*([resumed] if resumed else []), *fold.open, *fold.pending]


def _recall(runner: Resuming) -> None:
    """Tell models that count the calls of each agent, as scripts do, how many have been answered."""
    replies = Counter(reply.agent or "" for reply in runner.past.replies.values())
    plan = runner.plan
    providers = {agent: member.provider for agent, member in plan.members.items()}
    if isinstance(plan.verify, Verifier):
        providers[plan.verify.name] = plan.verify.provider
    for agent, provider in providers.items():
        recall = getattr(provider, "recall", None)
        if recall is not None:
            recall(agent, replies[agent])


async def gone_through(runner: Resuming) -> None:
    """Make sure that every event of the log follows from those before it. Raises: RunChanged, naming the first."""
    fold, past = _folded(runner, strict=True)
    runner.go_on_from(past, {}, 0.0, {})
    for turn in fold.turns:
        if runner.plan.members[turn.command.agent].provider is None:
            continue  # what a function, a program or a person said is a fact like any other
        said = await _gone_through(runner, turn)
        ended = turn.ended
        if isinstance(ended, TurnEnded) and (said is None or (said.text and mended(said.text)) != ended.reply):
            now = "nothing" if said is None else repr(said.text)
            why = f"event {ended.id} (turn_ended of '{ended.agent}'): it said {ended.reply!r}, and now says {now}"
            raise RunChanged(why, ended.id, ended.type)


def _folded(runner: Resuming, *, strict: bool = False) -> tuple[Fold, Past]:
    recorded, resumed = runner.plan.recorded, runner.plan.resumed
    assert resumed is not None, "a run that goes on says from where"
    counting = effective(recorded)
    fold = Fold(runner.scheduler, runner.observers.found, counting, resumed.at, strict, runner.plan.heard_later)
    fold.run()
    runner.events.extend(recorded)
    counting = [event for event in counting if event.id <= resumed.at]
    others = inherited([*recorded, resumed])
    for turn in fold.turns:
        turn.deeds.inherited = others
    return fold, Past.of(recorded, counting, others)


async def _gone_through(runner: Resuming, turn: GoneThrough) -> Said | None:
    """Let an agent remember a turn that is over; of one that is not, make sure that it asks what it asked before."""
    member = runner.plan.members[turn.command.agent]
    if not turn.over:  # it will be gone on with, and must find its memory as it was
        member = replace(member, occupant=member.occupant.fork(), results=member.results.fork())
    deeds = replace(turn.deeds, contexts=list(turn.deeds.contexts))
    try:
        return await member.occupant.act(RunningTurn(runner, member, turn.command, deeds, over=True))
    except RunChanged:
        raise
    except (Exception, EndOfRecord):
        return None  # as the turn ended then, or the point that it had come to


def calls_of(events: Iterable[Event]) -> list[tuple[ModelCallStarted, ModelCallFinished | None]]:
    """Every model call of a log, with its end unless it was cut off."""
    under_way: dict[str, list[ModelCallStarted]] = defaultdict(list)
    calls: list[tuple[ModelCallStarted, ModelCallFinished | None]] = []
    for event in events:
        if isinstance(event, ModelCallStarted):
            under_way[event.key].append(event)
        elif isinstance(event, ModelCallFinished) and under_way[event.key]:
            calls.append((under_way[event.key].pop(), event))
    return [*calls, *((started, None) for several in under_way.values() for started in several)]


def seconds_of_turns(events: Iterable[Event]) -> dict[str, float]:
    """How long processes were at work on the turns of each agent."""
    begun: dict[str, float] = {}
    total: dict[str, float] = defaultdict(float)
    counting: list[Event] = []
    for event in events:
        agent = event.agent or ""
        if isinstance(event, RunResumed):
            stopped = counting[-1].ts if counting else event.ts
            for name, since in begun.items():
                total[name] += stopped - since
            counting = effective([*counting, event])
            begun = dict.fromkeys(_in_turn(counting), event.ts)
            continue
        counting.append(event)
        if isinstance(event, TurnStarted):
            begun[agent] = event.ts
        elif isinstance(event, TurnEnded | TurnFailed) and agent in begun:
            total[agent] += event.ts - begun.pop(agent)
    for name, since in begun.items():
        total[name] += counting[-1].ts - since
    return dict(total)


def _in_turn(events: Iterable[Event]) -> set[str]:
    """Who has begun a turn and not ended it."""
    busy = set[str]()
    for event in events:
        if isinstance(event, TurnStarted):
            busy.add(event.agent or "")
        elif isinstance(event, TurnEnded | TurnFailed):
            busy.discard(event.agent or "")
    return busy
