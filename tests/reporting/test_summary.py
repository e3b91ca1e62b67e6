"""A run's summary is counted from its events alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from agentmesh.events import (
    Answered,
    Event,
    FindingRecorded,
    InterventionMade,
    MessageDelivered,
    MessageRefused,
    ModelCallFinished,
    Question,
    RunEnded,
    RunStarted,
    TurnEnded,
    TurnStarted,
    stamped,
)
from agentmesh.messages import Finding, Usage
from agentmesh.reporting import summary
from agentmesh.team import Team


def log(*events: Event) -> Sequence[Event]:
    return [stamped(event, number, "run-1", 100.0 + number / 4) for number, event in enumerate(events, 1)]


def call(cost: float | None) -> ModelCallFinished:
    usage = Usage(input_tokens=10, output_tokens=3, model_calls=1, cost_usd=cost)
    return ModelCallFinished(agent="a", key="k", model="m", usage=usage)


def test_a_summary_has_exactly_the_keys_of_the_command_line() -> None:
    facts = summary(log(RunStarted(team="t", task="x"), RunEnded(outcome="completed", reason="answered", answer="42")))
    assert list(facts) == [
        "run_id", "outcome", "reason", "answer", "usage", "turns", "messages", "refused", "findings", "interventions",
        "questions", "seconds",
    ]  # fmt: skip
    assert list(facts["usage"]) == ["input_tokens", "output_tokens", "model_calls", "cost_usd"]
    assert (facts["run_id"], facts["outcome"], facts["answer"], facts["seconds"]) == ("run-1", "completed", "42", 0.25)


def test_a_summary_counts_turns_and_delivered_and_refused_messages() -> None:
    facts = summary(
        log(
            RunStarted(team="t", task="x"),
            TurnStarted(agent="a", turn=1, phase="p"),
            MessageDelivered(message_id="1", sender="a", recipient="b", content="hello"),
            MessageDelivered(message_id="2", sender="a", recipient="c", content="hello"),
            MessageRefused(message_id="3", sender="a", recipient="user", content="done", allowed=("b", "c")),
            TurnEnded(agent="a", turn=1),
        )
    )
    assert (facts["turns"], facts["messages"], facts["refused"]) == (1, 2, 1)


def test_a_run_without_an_end_has_no_outcome_and_shows_its_open_questions() -> None:
    facts = summary(
        log(
            RunStarted(team="t", task="x"),
            Question(agent="a", question_id="q1", content="Which one?"),
            Answered(question_id="q1", content="This one."),
            Question(agent="b", question_id="q2", content="And now?"),
        )
    )
    assert facts["outcome"] is None
    assert facts["questions"] == [{"question_id": "q2", "agent": "b", "content": "And now?"}]


def test_costs_add_up() -> None:
    assert summary(log(call(0.25), call(0.5)))["usage"]["cost_usd"] == 0.75


def test_one_unknown_price_makes_the_cost_unknown() -> None:
    facts = summary(log(call(0.25), call(None), call(0.25)))
    assert facts["usage"] == {"input_tokens": 30, "output_tokens": 9, "model_calls": 3, "cost_usd": None}


def test_findings_and_interventions_are_listed_with_their_evidence() -> None:
    finding = Finding(monitor="mine", label="stall", score=0.8, agents=("a",), evidence=(3, 4), why="nobody moved")
    facts = summary(
        log(
            FindingRecorded(finding=finding),
            InterventionMade(
                kind="note", finding=1, monitor="mine", agents=("a",), edges=(("a", "b"),), skipped=("ask_human",)
            ),
        )
    )
    assert facts["findings"] == [
        {"id": 1, "monitor": "mine", "label": "stall", "score": 0.8, "agents": ["a"], "events": [3, 4],
         "why": "nobody moved"},
    ]  # fmt: skip
    assert facts["interventions"] == [
        {
            "id": 2,
            "kind": "note",
            "finding": 1,
            "monitor": "mine",
            "agents": ["a"],
            "edges": [["a", "b"]],
            "parameters": {},
            "skipped": ["ask_human"],
        }
    ]
    json.dumps(facts)


def test_no_events_make_an_empty_summary() -> None:
    assert summary([])["seconds"] == 0.0


def test_the_summary_and_the_result_of_a_real_run_agree(tmp_path: Path) -> None:
    path = tmp_path / "pair.yaml"
    path.write_text("version: 1\nagents: {a: {}, b: {}}\ntopology: {kind: chain, agents: [a, b]}\n")
    result = Team.from_yaml(path, model="simulated:worker").run_sync("What is 3 + 4?", seed=1)
    facts = summary(result.events)
    for name in ("run_id", "outcome", "reason", "answer", "turns", "messages", "refused"):
        assert facts[name] == getattr(result, name), name
    for name, value in facts["usage"].items():
        assert value == getattr(result.usage, name), name
    assert abs(facts["seconds"] - result.seconds) < 0.001
