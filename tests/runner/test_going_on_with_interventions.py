"""Runs in which monitors intervene are replayed to the last event, and go on from any of them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from agentmesh.events import InterventionMade
from tests.runner.arrivals import Arrivals
from tests.runner.intervening_teams import INTERVENING, plans
from tests.runner.rich_teams import TASK
from tests.runner.run_checks import well_formed
from tests.runner.test_going_on import state
from tests.runner.test_going_on_richly import EVERY, alike, cut_off, run_noted, sample

pytestmark = pytest.mark.anyio
NAMES = list(INTERVENING)
REPLAYED = NAMES if EVERY else NAMES[::3]
FORKED = NAMES if EVERY else NAMES[1::7]
RESUMED = NAMES[2::4] if EVERY else NAMES[5::16]
"""At night all, or of those that are cut off after every commit a quarter."""


def continues(agent: str, question: str) -> str:
    """A person who lets everything go on."""
    return "release" if "release it" in question else "continue"


@pytest.mark.parametrize("name", REPLAYED)
async def test_every_intervention_is_made_somewhere_and_its_run_is_replayed(name: str, tmp_path: Path) -> None:
    team, journal = INTERVENING[name](tmp_path), tmp_path / "journal.db"
    whole = await team.run(TASK, journal=journal, seed=3, durability="normal", ask=continues)
    well_formed(whole.events)
    made = [event for event in whole.events if isinstance(event, InterventionMade)]
    assert made, "nothing was found"
    assert whole.turns <= (team.bounds.turns or 0)
    assert whole.messages <= (team.bounds.messages or 0)
    assert (await team.replay(whole.run_id, journal=journal)).difference is None


@pytest.mark.parametrize("name", FORKED)
async def test_a_run_with_interventions_is_forked_at_any_event_and_comes_to_the_same_end(
    name: str, tmp_path: Path
) -> None:
    arrivals, journal = Arrivals(plans, continues), tmp_path / "journal.db"
    team = INTERVENING[name](tmp_path, arrivals.model)
    whole = await team.run(TASK, journal=journal, seed=3, durability="normal", ask=arrivals.person)
    for at in sample(name, range(1, len(whole.events)), 1):
        arrivals.follow(whole.events, at)
        with anyio.fail_after(20):
            fork = await team.fork(whole.run_id, at, journal=journal, durability="normal", ask=arrivals.person)
        alike(fork, whole, at)
        assert (await team.replay(fork.run_id, journal=journal)).difference is None, at


@pytest.mark.parametrize("name", RESUMED)
async def test_a_run_with_interventions_goes_on_after_a_crash_at_any_commit(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrivals, journal = Arrivals(plans, continues), tmp_path / "journal.db"
    team = INTERVENING[name](tmp_path, arrivals.model)
    whole, record, bursts = await run_noted(team, journal, arrivals.person, monkeypatch)
    for at in sample(name, bursts, 1):
        place = await cut_off(list(whole.events[:at]), record, tmp_path)
        arrivals.follow(whole.events, at)
        with anyio.fail_after(20):
            resumed = await team.resume(whole.run_id, journal=place, durability="normal", ask=arrivals.person)
        alike(resumed, whole, at)
        assert (await team.replay(whole.run_id, journal=place)).difference is None, at


@pytest.mark.parametrize("order", ["reactive", "tasks"])
async def test_who_answers_first_decides_what_comes_of_a_run_without_barriers(order: str, tmp_path: Path) -> None:
    async def slowly(request: Any) -> Any:
        for _ in range(40 if request.agent == "b" else 1):
            await anyio.lowlevel.checkpoint()
        return plans(request)

    made = INTERVENING[f"ask_evidence {order} blocking"]
    one, other = [await made(tmp_path, model).run(TASK, seed=3, journal=None) for model in (plans, slowly)]
    assert state(one) != state(other)


def test_each_kind_of_intervention_is_made_in_some_order() -> None:
    kinds = {name.split()[0] for name in NAMES}
    orders = {name.split()[1] for name in NAMES}
    assert len(kinds) >= 13
    assert orders == {"reactive", "round_robin", "simultaneous", "tasks"}
    assert len(list(itertools.product(kinds, orders))) >= 50
