"""What is found in an answer: before it is given its author can be made to go on, afterwards nothing can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentmesh import Event, Finding, MonitorConfig, Request, RunResult, Team, Topology
from agentmesh.events import MessageDelivered, MessageProposed, MessageRefused
from tests.runner.run_checks import team, well_formed

pytestmark = pytest.mark.anyio
TEAMS = {
    "chain": Topology.chain(["b", "a"]),
    "flat": Topology.flat(["b", "a"], rounds=1),
    "hierarchy": Topology.hierarchy("a", ["b"]),
    "rewritten": Topology.graph(["user -> b", "b -> a", {"from": "a", "to": "user", "rewrite": "loud"}]),
}


def hasty(event: Event) -> Finding | None:
    """Finds something in every answer that shows nothing."""
    if isinstance(event, MessageProposed) and event.recipient == "user" and "because" not in event.content:
        return Finding(label="hasty", agents=(event.sender,), evidence=(event.id,), why="it shows nothing")
    return None


def thinks_when_asked(request: Request) -> str:
    asked = "Say what shows your present answer to be right" in str(request.messages[-1]["content"])
    return "4 because 2+2" if asked else "4"


def watched(kind: str, *ladder: Any, blocking: bool = True) -> Team:
    config = MonitorConfig.model_validate({"blocking": blocking, "interventions": ladder})
    tools = {"loud": str.upper} if kind == "rewritten" else {}
    return team(thinks_when_asked, TEAMS[kind], monitors={"m": (hasty, config)}, tools=tools)


def kept_back(result: RunResult) -> list[str]:
    return [e.content for e in result.events if isinstance(e, MessageRefused) and e.reason == "kept_back"]


@pytest.mark.parametrize("kind", TEAMS)
async def test_a_blocking_monitor_keeps_an_answer_back_while_its_author_goes_on(kind: str, tmp_path: Path) -> None:
    made, journal = watched(kind, "ask_evidence"), tmp_path / "journal.db"
    result = await made.run("What is 2+2?", journal=journal, durability="normal")
    assert kept_back(result) == ["4"]
    assert [made.kind for made in result.interventions] == ["ask_evidence"]
    assert result.outcome == "completed"
    assert (result.answer or "").lower() == "4 because 2+2"
    assert result.turns <= (made.bounds.turns or 0)
    assert (await made.replay(result.run_id, journal=journal)).identical
    well_formed(result.events)


async def test_an_answer_is_kept_back_once_for_each_rung_and_then_passes() -> None:
    result = await watched("chain", "reset_context", "replan").run("What is 2+2?")
    assert kept_back(result) == ["4", "4"]
    assert (result.outcome, result.answer) == ("completed", "4")
    well_formed(result.events)


@pytest.mark.parametrize("rung", ["ask_evidence", "reset_context", "replan"])
async def test_nothing_is_done_about_an_answer_that_was_given_and_the_log_says_so(rung: str) -> None:
    def late(event: Event) -> Finding | None:
        given = isinstance(event, MessageDelivered) and event.recipient == "user"
        return Finding(label="hasty", agents=("a",), evidence=(event.id,)) if given else None

    config = MonitorConfig.model_validate({"interventions": [rung, "halt"]})
    result = await team(thinks_when_asked, TEAMS["chain"], monitors={"m": (late, config)}).run("What is 2+2?")
    assert [(made.kind, made.skipped) for made in result.interventions] == [("note", (rung,))]
    assert (result.outcome, result.answer) == ("completed", "4")
    well_formed(result.events)


async def test_the_last_words_of_a_run_that_came_to_its_limit_are_not_kept_back() -> None:
    made = watched("flat", "ask_evidence")
    result = await made.run("What is 2+2?", limits={"turns": 2})
    assert (result.outcome, result.answer, kept_back(result)) == ("limit", "4", [])
    assert [made.skipped for made in result.interventions] == [("ask_evidence",)]
    well_formed(result.events)


async def test_an_answer_whose_author_is_not_named_is_given() -> None:
    def about_b(event: Event) -> Finding | None:
        found = hasty(event)
        return None if found is None else found.model_copy(update={"agents": ("b",)})

    config = MonitorConfig.model_validate({"blocking": True, "interventions": ["ask_evidence"]})
    result = await team(thinks_when_asked, TEAMS["chain"], monitors={"m": (about_b, config)}).run("What is 2+2?")
    assert (result.outcome, kept_back(result)) == ("completed", [])
    assert [(made.kind, made.skipped) for made in result.interventions] == [("note", ("ask_evidence",))]
