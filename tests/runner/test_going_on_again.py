"""Runs that are interrupted, cancelled, added to, continued or changed, and go on after that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from agentmesh import Agent, AgentMeshError, ConfigError, Team, Topology, topology_at
from agentmesh.events import (
    ContextStarted,
    Event,
    RunResumed,
    RunStarted,
    StopRequested,
    TopologyChanged,
    TurnEnded,
    TurnFailed,
    TurnStarted,
    stamped,
)
from agentmesh.journal import RunRecord, open_journal
from agentmesh.runner.resume import seconds_of_turns
from tests.runner.rich_teams import TASK, speaks
from tests.runner.test_going_on import paid, state
from tests.runner.test_going_on_richly import alike, few_tokens, limited, sample

pytestmark = pytest.mark.anyio


async def slowly(request: Any) -> str:
    await anyio.sleep(0.02)
    return str(speaks(request))


PAIR = Topology.chain(["a", "b"])


def pair(**more: Any) -> Team:
    return Team([Agent(name=name) for name in "ab"], PAIR, models={"default": slowly}, **more)


async def until(run: Any, type_: str, count: int = 1) -> None:
    with anyio.fail_after(5):
        while sum(event.type == type_ for event in run.events) < count:
            await anyio.sleep(0.001)


async def test_a_run_that_is_interrupted_again_and_again_comes_to_the_end_of_an_undisturbed_one(tmp_path: Path) -> None:
    team = pair()
    options: Any = {"journal": tmp_path / "journal.db", "durability": "normal"}
    undisturbed = await team.run(TASK, **options)
    async with team.start(TASK, **options) as run:
        await until(run, "model_call_started")
        run.cancel("interrupted by a test")
        await run.result()
    run_id = run.run_id
    for count in (2, 4):  # in the first agent's turn once more, and in the second one's
        async with team.resuming(run_id, **options) as run:
            await until(run, "model_call_started", count)
            run.cancel("interrupted once more")
            assert (await run.result()).outcome == "cancelled"
    halfway = next(event.id for event in reversed(run.events) if isinstance(event, StopRequested)) - 1
    end = await team.resume(run_id, **options)
    assert state(end) == state(undisturbed)
    assert paid(end.events) == paid(undisturbed.events)
    fork = await team.fork(run_id, halfway, **options)
    assert state(fork) == state(undisturbed)
    of_fork = await team.fork(fork.run_id, len(fork.events) - 3, **options)
    assert state(of_fork) == state(undisturbed)
    assert of_fork.usage.model_calls == 0
    for each in (run_id, fork.run_id, of_fork.run_id):
        assert (await team.replay(each, journal=tmp_path / "journal.db")).difference is None


async def test_a_run_that_is_cancelled_stays_so_wherever_it_was_cancelled(tmp_path: Path) -> None:
    team = pair()
    options: Any = {"journal": tmp_path / "journal.db", "durability": "normal"}
    with anyio.move_on_after(0.01):
        await team.run(TASK, **options)
    journal = open_journal(tmp_path / "journal.db", "normal")
    [status] = await journal.runs()
    await journal.aclose()
    run_id = status.record.run_id
    assert status.outcome == "cancelled"
    with anyio.move_on_after(0.01):  # whoever waits for a run that goes on is interrupted, as in the first process
        await team.resume(run_id, **options)
    async with team.resuming(run_id, **options) as run:
        await until(run, "model_call_started", 3)
        run.cancel()
        cancelled = await run.result()
    assert (cancelled.outcome, cancelled.reason) == ("cancelled", "cancelled by the caller")
    async with team.resuming(run_id, **options) as run:
        assert list(run.events) == list(cancelled.events)
        changes: list[Any] = [lambda: run.cut("a", "b"), lambda: run.isolate("a"), lambda: run.say("a", "?")]
        for change in changes:
            with pytest.raises(AgentMeshError, match="the run has ended"):
                change()


async def test_a_run_that_waits_for_people_is_cancelled_for_good(tmp_path: Path) -> None:
    team = Team([Agent(name="a", kind="human"), Agent(name="b")], PAIR, models={"default": speaks})
    options: Any = {"journal": tmp_path / "journal.db", "durability": "normal"}
    waiting = await team.run(TASK, **options)
    assert waiting.outcome is None
    journal = open_journal(tmp_path / "journal.db", "normal")
    await journal.say(waiting.run_id, StopRequested(outcome="cancelled", reason="cancelled by me", by="me"))
    await journal.aclose()
    cancelled = await team.resume(waiting.run_id, **options)
    assert (cancelled.outcome, cancelled.reason) == ("cancelled", "cancelled by me")
    assert list((await team.resume(waiting.run_id, **options)).events) == list(cancelled.events)


async def test_a_limit_may_be_added_to_twice(tmp_path: Path) -> None:
    options: Any = {"journal": tmp_path / "journal.db", "durability": "normal"}
    undisturbed = await few_tokens(tmp_path).run(TASK, limits={"tokens": 100_000}, seed=3)
    team = limited(tmp_path, "round_robin", tokens=4600)
    run = await team.run(TASK, seed=3, **options)
    for added in (1000, 1000, 100_000):
        assert run.outcome == "limit"
        run = await team.resume(run.run_id, added={"tokens": added}, **options)
    assert run.answer == undisturbed.answer
    assert paid(run.events) >= paid(undisturbed.events)
    assert (await team.replay(run.run_id, journal=options["journal"])).difference is None


@pytest.mark.parametrize(
    "added", [{"turns": 3}, {"tokens": "5"}, {"usd": float("nan")}, {"seconds": -1.0}, {"token": 1}]
)
async def test_what_cannot_be_added_is_refused_before_anything_is_done(added: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="added to"):
        await pair().resume("whichever", added=added, journal=tmp_path / "journal.db")
    assert not list(tmp_path.iterdir())


async def test_a_run_that_is_continued_can_be_forked_and_remembers_what_was_said_before(tmp_path: Path) -> None:
    team = pair()
    options: Any = {"journal": tmp_path / "journal.db", "durability": "normal"}
    first = await team.run(TASK, **options)
    second = await first.continue_("And now?")
    assert second.run_id != first.run_id
    for at in sample("continued", range(1, len(second.events)), 3):
        alike(await team.fork(second.run_id, at, **options), second, at)


async def test_what_was_done_to_the_graph_and_said_to_agents_stays_done(tmp_path: Path) -> None:
    agents = [*(Agent(name=name) for name in "abc"), Agent(name="spare", reserve=True)]
    topology = Topology.flat(["a", "b", "c"], rounds=4, order="round_robin")
    team = Team(agents, topology, models={"default": speaks})
    options: Any = {"journal": tmp_path / "j.db"}
    deeds = [
        lambda run: run.cut("a", "b"), lambda run: run.record_metric("m", 1.5), lambda run: run.say("c", "hello"),
        lambda run: run.restore("a", "b"), lambda run: run.replace("b", "spare"), lambda run: run.say("a", "you"),
        lambda run: run.isolate("a"), lambda run: run.enter_phase("answer"),
    ]  # fmt: skip

    def watch(event: Any) -> None:
        if event.type == "turn_ended" and deeds:
            deeds.pop(0)(run)

    async with team.start(TASK, watch=watch, durability="normal", **options) as run:
        whole = await run.result()
    assert not deeds
    last = max(event.id for event in whole.events if isinstance(event, TopologyChanged))
    alike(await team.fork(whole.run_id, last, durability="normal", **options), whole, last)
    for at in sample("deeds", range(2, len(whole.events)), 4):
        fork = await team.fork(whole.run_id, at, durability="normal", **options)
        assert topology_at(fork.events, at) == topology_at(whole.events, at)
        assert (await team.replay(fork.run_id, journal=tmp_path / "j.db")).difference is None, at


def test_the_time_between_two_processes_belongs_to_no_turn() -> None:
    def at(seconds: float, event: Event) -> Event:
        return stamped(event, int(seconds), "r", seconds)

    log = [
        at(1, RunStarted(team="t", task="t", topology_hash="", version="")),
        at(2, TurnStarted(agent="a", turn=1, phase="p")),
        at(4, StopRequested(outcome="cancelled", reason="interrupted")),
        at(5, TurnFailed(agent="a", turn=1, error="cancelled", kind="cancelled")),
        at(100, RunResumed(at=2)),
        at(101, TurnEnded(agent="a", turn=1)),
        at(103, TurnStarted(agent="a", turn=2, phase="p")),
        at(107, ContextStarted(agent="a", reason="fresh")),
        at(500, RunResumed(at=107)),
        at(502, ContextStarted(agent="a", reason="fresh")),
    ]
    assert seconds_of_turns(log) == {"a": 3 + 1 + 4 + 2}


async def test_a_fork_whose_process_ended_at_once_goes_on_as_a_fork(tmp_path: Path) -> None:
    team = pair()
    options: Any = {"journal": tmp_path / "journal.db", "durability": "normal"}
    whole = await team.run(TASK, **options)
    at = next(event.id for event in whole.events if isinstance(event, TurnEnded))
    journal = open_journal(tmp_path / "journal.db", "normal")
    record = (await journal.status(whole.run_id)).record
    log = journal.start(RunRecord(**{**vars(record), "run_id": "f" * 12, "parent": whole.run_id, "at": at}))
    await log.durable()
    await log.release()
    await journal.aclose()
    fork = await team.resume("f" * 12, **options)
    assert state(fork) == state(whole)
    assert (fork.usage.model_calls, fork.inherited.model_calls) == (1, 1)
