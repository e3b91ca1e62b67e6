"""What a run measures, read off its events."""

from __future__ import annotations

import json

import pytest

from agentmesh import Agent, Team, Topology
from agentmesh.evaluation.measures import Measures, measured
from agentmesh.messages import Reply


def right(text: str) -> bool | None:
    """4 is right, any other digit wrong, and a text without one says nothing."""
    digits = [char for char in text if char.isdigit()]
    return None if not digits else digits[-1] == "4"


def debated(*said: list[str]) -> Measures:
    """A flat team whose agents say these things, one after the other; the last one answers with its last word."""
    replies = {f"a{at}": iter(texts) for at, texts in enumerate(said)}
    agents = [
        Agent(name=name, model=lambda request: Reply(next(replies[request.agent]))) for name in replies
    ]  # fmt: skip
    topology = Topology.flat([*replies], rounds=2, order="round_robin")
    return measured(Team(agents, topology).run_sync("What is 2 + 2?").events, right)


def test_every_answer_that_is_stated_counts_once_however_many_it_was_sent_to() -> None:
    measures = debated(["4, surely.", "Still 4."], ["I get 5.", "Then 4."], ["Let me think.", "So 5.", "It is 5."])
    assert (measures.stated, measures.wrong) == (6, 3)
    assert measures.turns == 7
    assert measures.messages == 12
    assert measures.findings == {}


def test_rounds_hold_who_said_what_and_whether_it_is_right() -> None:
    measures = debated(["4", "4"], ["5", "4"], ["Let me think.", "6", "4"])
    assert measures.rounds == (
        {"a0": ("4", True), "a1": ("5", False)},
        {"a0": ("4", True), "a1": ("4", True), "a2": ("6", False)},
        {"a2": ("4", True)},
    )


def test_rounds_of_like_texts_are_less_diverse() -> None:
    alike = debated(["gulls over harbour", "x"], ["gulls over harbour", "x"], ["gulls over harbour", "x", "x"])
    apart = debated(["gulls over harbour", "x"], ["kettle boils tea", "x"], ["seven brass lamps", "x", "x"])
    assert alike.diversity[0] == pytest.approx(1.0)
    assert apart.diversity[0] == pytest.approx(3.0)
    assert apart.redundancy == pytest.approx(1.0), "in the end they all say x"


def test_measures_survive_json() -> None:
    measures = debated(["4", "5"], ["5", "4"], ["6", "6", "4"])
    assert Measures.from_json(json.loads(json.dumps(measures.to_json()))) == measures
