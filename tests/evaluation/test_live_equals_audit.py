"""What monitors find while a run lives is what an audit of its journal finds, and what a replay finds again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agentmesh import Agent, MonitorConfig, Team, Topology
from agentmesh.evaluation.audit import audit_run
from agentmesh.events import Event, FindingRecorded, InterventionMade, MessageProposed, RunEnded, RunResumed
from agentmesh.messages import Finding
from agentmesh.monitors import registry
from agentmesh.runner.past import effective
from agentmesh.team.kept import opened
from tests.runner.intervening_teams import INTERVENING
from tests.runner.test_going_on_with_interventions import continues
from tests.sizes import NIGHTLY

pytestmark = pytest.mark.anyio
TEAMS = sorted(path.stem for path in Path("topologies").glob("*.yaml"))
WATCHED = sorted(path.stem for path in Path("topologies/watched").glob("*.yaml"))
TASK = "What is 38*47 + 26*19 - 15*12 - 301?"
LIST = "Compute each: 17*23; 45*6; 31*4; 99*3; 12*12; 8*17"
CHARACTERS = ("sycophant", "slacker", "worker")


def monitors(**config: Any) -> dict[str, tuple[Any, MonitorConfig]]:
    """All built-in monitors, with a threshold that lets much through."""
    return {name: (one, MonitorConfig(threshold=0.05, **config)) for name, one in registry.built_in().items()}


def recorded(events: Sequence[Event]) -> list[Finding]:
    """What monitors have found in the events that count, in the order of these; what blocks a message comes sooner."""
    found = [event for event in effective(events) if isinstance(event, FindingRecorded) and not event.suspicion]
    return [event.finding for event in sorted(found, key=lambda event: event.observed)]


async def agreed(team: Team, run_id: str, journal: Path) -> list[Finding]:
    """The findings of a run in a journal, which an audit and a replay find as well."""
    async with opened(journal) as store:
        events = await store.events(run_id)
    found = recorded(events)
    audit = audit_run(run_id, events, team.monitors)
    assert list(audit.findings) == found
    assert audit.faults == ()
    assert all(finding.score <= audit.scores[finding.label] for finding in found)
    assert (await team.replay(run_id, journal=journal)).difference is None
    return found


@pytest.mark.parametrize("blocking", [False, True], ids=["observing", "blocking"])
async def test_every_topology_with_all_monitors(blocking: bool, tmp_path: Path) -> None:
    """With one character of simulated agents, one observing and the next blocking; nightly all, from several seeds."""
    journal, total = tmp_path / "journal.db", 0
    for at, name in list(enumerate(TEAMS))[slice(None) if NIGHTLY else slice(blocking, None, 2)]:
        for character in CHARACTERS if NIGHTLY else (CHARACTERS[at % 3],):
            for seed in range(4) if NIGHTLY else (at,):
                team = Team.from_yaml(
                    f"topologies/{name}.yaml", model=f"simulated:{character}", monitors=monitors(blocking=blocking)
                )
                run = await team.run(LIST if at % 2 else TASK, journal=journal, seed=seed, durability="normal")
                total += len(await agreed(team, run.run_id, journal))
    assert total > 10


@pytest.mark.parametrize("name", WATCHED)
async def test_teams_whose_own_monitors_intervene(name: str, tmp_path: Path) -> None:
    team, journal = Team.from_yaml(f"topologies/watched/{name}.yaml"), tmp_path / "journal.db"
    acted = 0
    for seed in range(10 if NIGHTLY else 2):
        run = await team.run(LIST if name == "shift" else TASK, journal=journal, seed=seed, durability="normal")
        assert await agreed(team, run.run_id, journal)
        acted += len(run.interventions)
    assert acted


@pytest.mark.parametrize("name", list(INTERVENING) if NIGHTLY else list(INTERVENING)[::12])
async def test_runs_with_interventions_of_every_kind(name: str, tmp_path: Path) -> None:
    team, journal = INTERVENING[name](tmp_path), tmp_path / "journal.db"
    run = await team.run(TASK, journal=journal, seed=1, durability="normal", ask=continues)
    assert await agreed(team, run.run_id, journal)
    assert any(isinstance(event, InterventionMade) for event in run.events)


def pair(**more: Any) -> Team:
    """Two sycophants, all monitors, and one of these intervenes."""
    watched = monitors()
    watched["sycophancy"] = (registry.load("sycophancy"), MonitorConfig(interventions=("ask_evidence", "note")))
    agents = [Agent(name=name, model="simulated:sycophant") for name in ("ann", "ben")]
    return Team(agents, Topology.flat(["ann", "ben"], rounds=6), monitors=watched, **more)


async def test_a_fork_finds_what_the_run_found_before_and_after(tmp_path: Path) -> None:
    team, journal = pair(), tmp_path / "journal.db"
    run = await team.run(TASK, journal=journal, seed=2, durability="normal")
    found = await agreed(team, run.run_id, journal)
    assert found
    last = max(event.id for event in run.events if isinstance(event, FindingRecorded))
    places = range(1, len(run.events)) if NIGHTLY else (last // 3, last - 1, last)
    for at in places:
        fork = await team.fork(run.run_id, at, journal=journal, durability="normal")
        own = await agreed(team, fork.run_id, journal)
        before = recorded(run.events[:at])
        assert own[: len(before)] == before, at
        assert Counter(finding.label for finding in own) == Counter(finding.label for finding in found), at


async def test_a_run_that_came_to_a_limit_and_was_resumed(tmp_path: Path) -> None:
    team, journal = pair(limits={"tokens": 8_500}), tmp_path / "journal.db"
    run = await team.run(TASK, journal=journal, seed=2, durability="normal")
    assert run.outcome == "limit"
    before = await agreed(team, run.run_id, journal)
    resumed = await team.resume(run.run_id, added={"tokens": 100_000}, journal=journal, durability="normal")
    assert resumed.outcome == "completed"
    assert any(isinstance(event, RunResumed) for event in resumed.events)
    assert sum(isinstance(event, RunEnded) for event in effective(resumed.events)) == 1
    after = await agreed(team, run.run_id, journal)
    assert len(after) > len(before) > 0


class Everything:
    """Finds something in whatever it sees, from the first message of an agent on."""

    def __init__(self) -> None:
        self.begun = False

    def observe(self, event: Event) -> Finding | None:
        self.begun = self.begun or (isinstance(event, MessageProposed) and event.sender == "a")
        agents = (event.agent,) if event.agent in ("a", "b") else ("a",)
        return Finding(label="all", agents=agents, evidence=(event.id,), why=event.type) if self.begun else None


@pytest.mark.parametrize("blocking", [False, True], ids=["observing", "blocking"])
@pytest.mark.parametrize("rung", ["note", "ask_evidence", "cut_edge", "reset_context", "halt"])
async def test_a_monitor_that_finds_something_in_every_event(rung: Any, blocking: bool, tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    watched = {"all": (Everything, MonitorConfig(interventions=(rung,), blocking=blocking))}
    agents = [Agent(name=name, model="simulated:worker") for name in "ab"]
    team = Team(agents, Topology.flat(["a", "b"], rounds=2), monitors=watched)
    run = await team.run(TASK, journal=journal, seed=1, durability="normal", ask=continues)
    assert await agreed(team, run.run_id, journal)
    assert run.interventions
