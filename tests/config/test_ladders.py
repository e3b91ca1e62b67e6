"""Ladders of monitors: the short forms of a file, the same from Python, and what is wrong with one."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from agentmesh import MonitorConfig
from agentmesh.config.interventions import NEEDS, RUNGS, TAKES, Rung, ladder_of
from agentmesh.config.loader import load_team_text
from agentmesh.config.schema import team_schema

FILE = """
version: 1
agents:
  planner: {}
  worker: {replicas: 3}
  judge: {}
  skeptic: {instructions: "Look for what is wrong.", reserve: true}
topology: {kind: hierarchy, planner: planner, workers: [worker], judge: judge}
monitors:
  sycophancy: {interventions: [ask_evidence, blind_revote, {dissent: {agent: skeptic}}, halt]}
  work_stopping: {interventions: [reassign, halt]}
  my_check: {use: "my_package.monitors:Check", parameters: {window: 4}}
"""


def test_a_ladder_is_read_from_a_file_as_it_is_given_from_python() -> None:
    monitors = load_team_text(FILE).config.monitors
    given: Any = ["ask_evidence", "blind_revote", {"dissent": {"agent": "skeptic"}}, "halt"]
    assert monitors["sycophancy"] == MonitorConfig(interventions=given)
    assert ladder_of(monitors["sycophancy"].interventions) == (
        Rung("ask_evidence"), Rung("blind_revote"), Rung("dissent", agent="skeptic"), Rung("halt"),
    )  # fmt: skip
    assert ladder_of(monitors["work_stopping"].interventions) == (Rung("reassign"), Rung("halt"))
    assert monitors["my_check"].interventions == ()
    dumped = monitors["sycophancy"].model_dump(mode="json")
    assert MonitorConfig.model_validate(dumped) == monitors["sycophancy"]


@pytest.mark.parametrize("kind", RUNGS)
def test_each_rung_is_taken_alone_or_with_its_parameter_and_nothing_else(kind: str) -> None:
    takes: Any = TAKES.get(kind)
    alone: Any = [kind]
    if kind in NEEDS:
        with pytest.raises(ValidationError, match=f"'{kind}' needs `{takes}`"):
            MonitorConfig(interventions=alone)
    else:
        assert MonitorConfig(interventions=alone).interventions == (kind,)
    if takes:
        given: Any = [{kind: {takes: "x"}}]
        assert ladder_of(MonitorConfig(interventions=given).interventions)[0].parameters == {takes: "x"}
    wrong: Any = [{kind: {"colour": "red"}}]
    with pytest.raises(ValidationError, match="unknown parameter 'colour'"):
        MonitorConfig(interventions=wrong)


def test_the_schema_knows_every_rung() -> None:
    rungs = team_schema()["definitions"]["MonitorConfig"]["properties"]["interventions"]["items"]["anyOf"]
    assert set(RUNGS) <= set(_words(rungs))


def _words(node: Any) -> list[str]:
    """All keys and texts in a piece of schema."""
    if isinstance(node, dict):
        return [*node, *(word for value in node.values() for word in _words(value))]
    return [word for item in node for word in _words(item)] if isinstance(node, list) else [str(node)]
