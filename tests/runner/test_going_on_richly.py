"""Runs of teams with all that a team may have go on from any of their events, and after any crash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from agentmesh import Agent, Team, Topology
from agentmesh.config.models import Limits
from agentmesh.events import (
    Event,
    ModelCallFinished,
    ModelCallStarted,
)
from agentmesh.journal import RunRecord, open_journal
from agentmesh.journal.commits import HeldLog
from agentmesh.runner.member import Ask
from agentmesh.team import RunResult
from tests.runner.rich_teams import (
    TASK,
    asking,
    boards,
    broken_monitor,
    checked,
    failing,
    halts_after_it,
    halts_before_delivery,
    ignored_monitor,
    kinds,
    memories,
    notes,
    on_the_way,
    outer_loop,
    person,
    planned,
    policy,
    speaks,
    tools,
    written,
)
from tests.runner.test_going_on import called, paid, state

pytestmark = pytest.mark.anyio
EVERY = settings.default is not None and settings.default.max_examples >= 1000
"""Whether runs go on from all of their events; else from a sample."""


def limited(folder: Path, order: Any = "simultaneous", **limits: Any) -> Team:
    agents = [Agent(name="a", limits=Limits(turns=2)), Agent(name="b", max_output_tokens=100), Agent(name="c")]
    topology = Topology.flat(["a", "b", "c"], rounds=4, order=order)
    return Team(agents, topology, models={"default": speaks}, limits=limits)


def few_turns(folder: Path) -> Team:
    return limited(folder, turns=8)


def few_messages(folder: Path) -> Team:
    return limited(folder, messages=11)


LIMITS = """
version: 1
agents: {a: {limits: {model_calls: 4}}, b: {}, c: {}}
topology:
  kind: graph
  phases:
    - name: talk
      order: round_robin
      rounds: 5
      edges:
        - user -> a
        - {from: a, to: b, max_messages: 2}
        - {from: b, to: a, carries: summary, limits: {model_calls: 1}}
        - b -> c
        - c -> a
      limits: {model_calls: 7}
    - {name: again, order: round_robin, rounds: 5, edges: [a -> b, b -> c, c -> a], limits: {turns: 4}}
    - {name: end, edges: [user -> c, c -> user]}
"""


def spent_phases(folder: Path) -> Team:
    return written(folder, LIMITS, speaks)


def few_calls(folder: Path) -> Team:
    return limited(folder, "round_robin", model_calls=7)


def few_tokens(folder: Path) -> Team:
    return limited(folder, "round_robin", tokens=6000)


FORKED: dict[str, Callable[[Path], Team]] = {
    made.__name__: made
    for made in [
        notes, halts_before_delivery, halts_after_it, broken_monitor, ignored_monitor, checked, outer_loop, on_the_way,
        boards, tools, memories, kinds, asking, failing, planned, few_turns, few_messages,
    ]
} | {f"policy_{name}": policy(name) for name in ("drop", "halt", "return_to_agent", "quarantine")}  # fmt: skip
# What a run has used up is not charged to its forks: with limits of model calls and tokens they come to other ends.
RESUMED = FORKED | {made.__name__: made for made in (spent_phases, few_calls, few_tokens)}


def sample(name: str, several: Any, count: int) -> list[Any]:
    """A few of several, spread; other ones for each name; at night all."""
    step = 1 if EVERY else max(1, -(-len(several) // count))
    return list(several)[sum(map(ord, name)) % step :: step]


def alike(one: RunResult, other: RunResult, where: Any) -> None:
    assert state(one) == state(other), where
    assert paid(one.events) == paid(other.events), where
    assert called(one.events) == called(other.events), where


@pytest.mark.parametrize("name", FORKED)
async def test_any_run_is_forked_at_any_event_and_comes_to_the_same_end(name: str, tmp_path: Path) -> None:
    team, journal = FORKED[name](tmp_path), tmp_path / "journal.db"
    whole = await team.run(TASK, journal=journal, seed=3, durability="normal", ask=person)
    assert (await team.replay(whole.run_id, journal=journal)).difference is None
    for at in sample(name, range(1, len(whole.events)), 1):
        fork = await team.fork(whole.run_id, at, journal=journal, durability="normal", ask=person)
        alike(fork, whole, at)
        assert (await team.replay(fork.run_id, journal=journal)).difference is None, at


async def cut_off(events: list[Event], run: RunRecord, folder: Path) -> Path:
    """A journal that holds the beginning of a run, as a crash leaves it."""
    place = folder / f"cut_{len(events)}.db"
    journal = open_journal(place, "normal")
    log = journal.start(run)
    log.append(events)
    await log.durable()
    await log.release()
    await journal.aclose()
    return place


async def run_noted(
    team: Team, journal: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> tuple[RunResult, RunRecord, list[int]]:
    """A run, what its journal knows of it, and after which of its events a crash may find it."""
    bursts: list[int] = []
    append = HeldLog.append

    def noted(log: HeldLog, events: Sequence[Event]) -> None:
        bursts.append(events[-1].id)
        append(log, events)

    with monkeypatch.context() as patch:
        patch.setattr(HeldLog, "append", noted)
        whole = await team.run(TASK, journal=journal, seed=3, durability="normal", ask=ask)
    kept = open_journal(journal, "normal")
    record = (await kept.status(whole.run_id)).record
    await kept.aclose()
    return whole, record, bursts[:-1]


@pytest.mark.parametrize("name", RESUMED)
async def test_any_run_goes_on_after_a_crash_at_any_commit(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    team, journal = RESUMED[name](tmp_path), tmp_path / "journal.db"
    whole, record, bursts = await run_noted(team, journal, person, monkeypatch)
    charged = name not in FORKED  # a call whose end is not known counts as spent: the run then comes to another end
    ends = [at for at in bursts if not (charged and in_flight(whole.events[:at]))]
    for at in sample(name, ends, 1):
        place = await cut_off(list(whole.events[:at]), record, tmp_path)
        options: Any = {"journal": place, "durability": "normal", "ask": person}
        resumed = await team.resume(whole.run_id, **options)
        alike(resumed, whole, at)
        assert (await team.replay(whole.run_id, journal=place)).difference is None, at
        again = await team.resume(whole.run_id, **options)
        assert len(again.events) == len(resumed.events), at


def in_flight(events: Any) -> bool:
    begun = sum(isinstance(event, ModelCallStarted) for event in events)
    return begun > sum(isinstance(event, ModelCallFinished) for event in events)
