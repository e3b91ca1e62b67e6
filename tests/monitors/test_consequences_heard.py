"""When what is found acts, and what monitors find in what follows from it before a message is decided on."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentmesh import Event, Finding, MonitorConfig, Team, Topology
from agentmesh.evaluation.audit import audit_run
from agentmesh.events import MessageDelivered, MessageProposed, Notice, TopologyChanged
from tests.runner.run_checks import says, team, well_formed

pytestmark = pytest.mark.anyio
PAIR = Topology.chain(["a", "b"])


def first_word(event: Event) -> Finding | None:
    """Finds something about a and b in what a writes to b."""
    between = isinstance(event, MessageProposed) and (event.sender, event.recipient) == ("a", "b")
    return Finding(label="odd", agents=("a", "b"), evidence=(event.id,), why="odd") if between else None


def cuts(event: Event) -> Finding | None:
    return Finding(label="cut", agents=("a",), evidence=(event.id,)) if isinstance(event, TopologyChanged) else None


def fails_at_cuts(event: Event) -> None:
    if isinstance(event, TopologyChanged):
        raise ZeroDivisionError("by zero")


def fails_at_notes(event: Event) -> None:
    if isinstance(event, Notice):
        raise ZeroDivisionError("by zero")


def watched_by(rung: str, other: object, ladder: tuple[str, ...] = ()) -> Team:
    first = MonitorConfig.model_validate({"blocking": True, "interventions": [rung]})
    second = MonitorConfig.model_validate({"interventions": ladder})
    return team(says(), PAIR, monitors={"first": (first_word, first), "other": (other, second)})


async def test_what_is_found_in_a_cut_before_a_message_is_decided_on_is_recorded_audited_and_replayed(
    tmp_path: Path,
) -> None:
    made, journal = watched_by("cut_edge", cuts, ("note",)), tmp_path / "journal.db"
    result = await made.run("task", journal=journal, durability="normal")
    assert [finding.label for finding in result.findings] == ["odd", "cut"]
    assert [made.kind for made in result.interventions] == ["cut_edge", "note"]
    assert [e.recipient for e in result.events if isinstance(e, MessageDelivered)] == ["a"]
    assert list(audit_run("r", result.events, made.monitors).findings) == result.findings
    assert (await made.replay(result.run_id, journal=journal)).identical
    for at in range(8, len(result.events)):
        fork = await made.fork(result.run_id, at, journal=journal, durability="normal")
        assert [finding.label for finding in fork.findings] == ["odd", "cut"], at
        assert [made.kind for made in fork.interventions] == ["cut_edge", "note"], at
        assert (await made.replay(fork.run_id, journal=journal)).identical, at
    well_formed(result.events)


@pytest.mark.parametrize(("rung", "other"), [("cut_edge", fails_at_cuts), ("note", fails_at_notes)])
async def test_a_monitor_that_raises_there_halts_the_run_too(rung: str, other: object) -> None:
    result = await watched_by(rung, other).run("task")
    assert (result.outcome, result.reason) == ("halted", "other: the monitor raised ZeroDivisionError: by zero")
    well_formed(result.events)


async def test_what_is_found_in_a_round_of_all_at_once_acts_when_the_whole_round_was_delivered() -> None:
    config = MonitorConfig.model_validate({"interventions": ["blind_revote"]})
    topology = Topology.flat(["a", "b", "c"], rounds=2, order="simultaneous")
    result = await team(says(), topology, monitors={"first": (first_word, config)}).run("task")
    until = next(event.id for event in result.events if event.type == "intervention")
    delivered = [e for e in result.events[:until] if isinstance(e, MessageDelivered) and e.sender != "user"]
    assert len(delivered) == 6
