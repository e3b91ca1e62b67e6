"""The rule of thumb, and what it is read off."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentmesh import Team
from agentmesh.evaluation.advice.rules import RuleOfThumb, Suggestion
from agentmesh.evaluation.intervals import Estimate
from agentmesh.evaluation.measures import measured
from agentmesh.events import TaskChanged

HIERARCHY = Path(__file__).parents[3] / "topologies" / "hierarchy.yaml"


@pytest.mark.parametrize(
    ("alone", "sequential", "tools", "suggests", "words"),
    [
        (0.46, 0.0, 0.0, "solo", "above the 45 %"),
        (0.44, 0.5, 0.0, "solo", "looks sequential"),
        (0.44, None, 0.0, "centralised", "no planner divided it"),
        (0.44, 0.2, 2.0, "decentralised", "2.0 times per turn, which is much"),
    ],
)
def test_the_rule_goes_by_success_then_by_sequence_then_by_tools(
    alone: float, sequential: float | None, tools: float, suggests: Suggestion, words: str
) -> None:
    rule = RuleOfThumb(Estimate(alone, 0.2, 0.7), sequential, "plans", tools)
    assert rule.suggests == suggests
    assert any(words in reason for reason in rule.reasons)


def test_parts_of_the_work_and_calls_of_tools_are_counted_from_the_events() -> None:
    team = Team.from_yaml(HIERARCHY, model="simulated:worker")
    result = team.run_sync("Compute (3 + 4) * 12 and (5 + 6) * 7.", seed=1)
    found = measured(result.events, lambda text: None)
    opened = {event.task.id: event.task for event in result.events if isinstance(event, TaskChanged)}
    assert found.tasks == len(opened) > 1
    assert found.dependent == sum(bool(task.depends_on) for task in opened.values())
    assert found.tool_calls > 0
    waiting = [
        event.model_copy(update={"task": event.task.model_copy(update={"depends_on": ("another",)})})
        if isinstance(event, TaskChanged)
        else event
        for event in result.events
    ]
    assert measured(waiting, lambda text: None).dependent == found.tasks
