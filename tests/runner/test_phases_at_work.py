"""Phases, votes, positions and summaries in whole runs, with functions in the place of models."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest

from agentmesh import Agent, Position, Reply, RunResult, Team, ToolCall, Topology, Vote
from agentmesh.events import (
    MessageDelivered,
    MessageRefused,
    MessageTransformed,
    ModelCallFinished,
    ModelCallStarted,
    Notice,
    PhaseEnded,
    PositionStated,
    Verification,
    VoteCast,
)
from tests.runner.run_checks import calls, well_formed

BLIND: Any = [
    {"name": "first", "order": "simultaneous", "rounds": 1, "edges": ["user -> a, b, c"]},
    {"name": "discuss", "order": "simultaneous", "rounds": 2, "edges": ["a <-> b", "b <-> c", "c <-> a"]},
    {"name": "vote", "order": "simultaneous", "rounds": 1, "edges": ["a, b, c -> ballot", "ballot -> user"]},
]


def contribution(text: str, answer: str, **more: Any) -> str:
    position = {"answer": answer, "confidence": 0.8, "evidence": [], "changed_because": "", **more}
    return json.dumps({"text": text, "position": position})


def ran(phases: Any, model: Any, **more: Any) -> RunResult:
    phases = [{"positions": "required", **phase} for phase in phases]
    topology = Topology(phases, votes={"ballot": Vote()})
    result = Team([Agent(name=name) for name in topology.nodes], topology, models={"default": model}, **more).run_sync(
        "t"
    )
    well_formed(result.events)
    return result


def test_nobody_reads_the_others_before_it_has_answered_and_nobody_sees_a_ballot() -> None:
    prompts: dict[str, list[str]] = {}

    def model(request: Any) -> str:
        said = prompts.setdefault(request.agent, [])
        said.append(request.messages[-1]["content"])
        return contribution(f"secret of {request.agent} {len(said)}", "Forty-two" if request.agent != "c" else "7")

    result = ran(BLIND, model)
    assert result.answer == "Forty-two"
    for name, seen in prompts.items():
        first, second, *later = seen
        others = [other for other in "abc" if other != name]
        assert not any(f"secret of {other}" in first for other in others)
        assert not any(f"secret of {other}" in second for other in others)
        assert all(f"secret of {other} 2" in later[0] for other in others)
        assert "It is time to vote" in later[-1]
    ballots = [event for event in result.events if isinstance(event, VoteCast)]
    assert [event.agent for event in ballots] == ["a", "b", "c"]
    assert {event.ranking for event in ballots} == {("Forty-two",), ("7",)}
    assert not any(
        isinstance(e, MessageDelivered) and e.sender == "ballot" and e.recipient != "user" for e in result.events
    )


def test_every_contribution_carries_a_position_which_is_asked_for_as_structured_output() -> None:
    schemas: list[Any] = []

    def model(request: Any) -> str:
        schemas.append(request.response_schema)
        return contribution("text", "42", evidence=["call_1", "6 * 7"], changed_because="the tool said so")

    result = ran(BLIND, model)
    assert all(schema["required"] == ["text", "position"] for schema in schemas)
    stated = [event for event in result.events if isinstance(event, PositionStated)]
    assert [(e.agent, e.phase, e.round) for e in stated][:4] == [(n, "first", 1) for n in "abc"] + [("a", "discuss", 1)]
    assert stated[0].position.evidence == ("call_1", "6 * 7")
    carried = [
        e for e in result.events if isinstance(e, MessageDelivered) and e.sender in "abc" and e.recipient in "abc"
    ]
    assert carried
    assert all(e.content == "text" and e.position and e.position.confidence == 0.8 for e in carried)


def test_a_reply_without_the_position_that_is_required_is_asked_for_again() -> None:
    def model(request: Any) -> str:
        repaired = "could not be used" in str(request.messages[-1]["content"])
        return contribution("text", "42") if repaired else "I think it is 42."

    result = ran(BLIND, model)
    assert result.answer == "42"
    assert result.usage.model_calls == 2 * 12


def test_where_positions_are_optional_plain_text_will_do() -> None:
    phases = [{**phase, "positions": "optional"} for phase in BLIND]
    result = ran(phases, lambda request: "plain words")
    assert result.answer == "plain words"
    assert not any(isinstance(event, PositionStated) for event in result.events)


def test_a_function_may_state_a_position_and_else_its_reply_is_what_it_holds() -> None:
    topology = Topology.flat(["a", "b"], rounds=1, vote="ballot", positions="required")

    def a(text: str) -> Reply:
        return Reply("a long story", position=Position(answer="yes", confidence=0.9))

    agents = [Agent(name="a", function=a), Agent(name="b", function=lambda text: "Yes!")]
    result = Team(agents, topology).run_sync("t")
    assert result.answer == "yes"
    held = [(e.agent, e.position.answer) for e in result.events if isinstance(e, PositionStated)]
    assert sorted(held) == [("a", "yes")] * 2 + [("b", "Yes!")] * 2


def test_a_discussion_ends_as_soon_as_all_hold_the_same_position() -> None:
    def model(request: Any) -> str:
        rounds = sum(message["role"] == "assistant" for message in request.messages)
        return (
            contribution("text", "42" if request.agent == "a" or rounds else "41") if not says_plain(request) else "42"
        )

    topology = Topology.flat(["a", "b"], rounds=9, end="converged", positions="required")
    result = Team([Agent(name=name) for name in "ab"], topology, models={"default": model}).run_sync("t")
    assert result.answer == "42"
    assert [e.reason for e in result.events if isinstance(e, PhaseEnded)] == ["converged: after round 2"]


def says_plain(request: Any) -> bool:
    return request.response_schema is None


def test_an_edge_may_carry_the_position_alone() -> None:
    edges = ["user -> a", {"from": "a", "to": "b", "carries": "position"}, "b -> user"]
    seen: list[str] = []

    def model(request: Any) -> str:
        seen.append(request.messages[-1]["content"])
        return contribution("a very long story", "42") if request.agent == "a" else "42"

    topology = Topology.graph(edges, positions="required")
    result = Team([Agent(name="a"), Agent(name="b")], topology, models={"default": model}).run_sync("t")
    assert result.answer == "42"
    assert "a very long story" not in seen[1]
    assert "Position: 42 (confidence 0.8)" in seen[1]
    assert seen[1].count("Position: 42") == 1
    assert [e.by for e in result.events if isinstance(e, MessageTransformed)] == ["position"]


def summarising(model: Any, edges: list[Any], **more: Any) -> RunResult:
    topology = Topology.graph(edges)
    agents = [Agent(name=name, model=model) for name in topology.nodes]
    result = Team(agents, topology, **more).run_sync("t")
    well_formed(result.events)
    return result


def test_a_text_that_goes_to_several_recipients_is_summarised_once_and_paid_in_the_log() -> None:
    asked: list[Any] = []

    def short(request: Any) -> str:
        asked.append(request)
        return "in short"

    def model(request: Any) -> str:
        return "a very long story" if request.agent == "a" else request.messages[-1]["content"].splitlines()[1]

    carried = {"from": "a", "to": ["b", "c"], "carries": "summary", "model": "short"}
    edges = ["user -> a", carried, "b -> d", "c -> d", "d -> user"]
    result = summarising(model, edges, models={"short": short})
    assert result.answer == "in short"
    assert len(asked) == 1
    assert "a very long story" in asked[0].messages[-1]["content"]
    keys = [event.key for event in result.events if isinstance(event, ModelCallStarted) and "edge:" in event.key]
    assert [key.split("/")[2:] for key in keys] == [["edge:a->b", "m2"]]
    assert [event.by for event in result.events if isinstance(event, MessageTransformed)] == ["summary", "summary"]


def test_a_message_that_cannot_be_summarised_is_refused_and_its_sender_told() -> None:
    def short(request: Any) -> str:
        raise RuntimeError("out of order")

    def model(request: Any) -> Any:
        refused = any("none could be made" in str(message["content"]) for message in request.messages)
        if request.agent == "a" and not refused:
            return calls("send_message", recipients=["b"], content="a long story")
        return calls("send_message", recipients=["user"], content="done") if request.agent == "a" else "b"

    edges = ["user -> a", {"from": "a", "to": "b", "carries": "summary", "model": "short"}, "a -> user", "b -> a"]
    result = summarising(model, edges, models={"short": short}, limits={"turns": 9})
    assert result.answer == "done"
    [refused] = [event for event in result.events if isinstance(event, MessageRefused)]
    assert refused.reason == "not_summarised"
    [failed] = [event for event in result.events if isinstance(event, ModelCallFinished) and event.error]
    assert failed.error is not None
    assert failed.error.startswith("bad_request: the function short raised RuntimeError: out of order; mend")


def test_a_summary_that_the_limit_does_not_pay_for_is_not_asked_for() -> None:
    asked: list[Any] = []

    def short(request: Any) -> str:
        asked.append(request)
        return "x"

    edges = ["user -> a", {"from": "a", "to": "b", "carries": "summary", "model": "short"}, "b -> user"]
    result = summarising(lambda request: "long", edges, models={"short": short}, limits={"model_calls": 1})
    assert (result.outcome, result.reason, asked) == ("limit", "model_calls: 1 allowed", [])


def test_a_summary_ends_with_the_deadline_of_the_run_like_every_call() -> None:
    deadlines: list[float | None] = []

    def short(request: Any) -> str:
        deadlines.append(request.deadline_s)
        return "in short"

    edges = ["user -> a", {"from": "a", "to": "b", "carries": "summary", "model": "short"}, "b -> user"]
    assert summarising(lambda request: "long", edges, models={"short": short}, limits={"seconds": 60}).answer == "long"
    [deadline] = deadlines
    assert deadline is not None
    assert 0 < deadline <= 60


def test_a_phase_begins_again_with_fresh_agents_until_a_function_is_satisfied() -> None:
    prompts: list[int] = []

    def model(request: Any) -> str:
        prompts.append(len(request.messages))
        return f"draft {len(prompts)}"

    phases: list[dict[str, Any]] = [
        {
            "name": "work",
            "edges": ["user -> a", "a -> b"],
            "until": {"function": "good_enough"},
            "max_iterations": 5,
            "memory": "fresh",
        },
        {"name": "report", "edges": ["a -> user"], "opens": ["a"]},
    ]
    agents = [Agent(name="a", model=model), Agent(name="b", function=lambda text: None)]
    good = lambda text: text == "draft 3"  # noqa: E731
    result = Team(agents, Topology(phases), tools={"good_enough": good}).run_sync("t")
    checks = [(e.phase, e.passed, e.attempt) for e in result.events if isinstance(e, Verification)]
    assert checks == [("work", False, 1), ("work", False, 2), ("work", True, 3)]
    assert prompts[:3] == [2, 2, 2]
    assert result.answer == "draft 4"


def test_a_phase_that_is_never_satisfied_ends_the_run_as_a_limit() -> None:
    phases: list[dict[str, Any]] = [
        {"name": "work", "edges": ["user -> a"], "until": {"verify": ["false"]}, "max_iterations": 2},
        {"name": "report", "edges": ["a -> user"], "opens": ["a"]},
    ]
    result = Team([Agent(name="a", model=lambda request: "x")], Topology(phases)).run_sync("t")
    assert (result.outcome, result.reason, result.answer) == ("limit", "max_iterations: 2 allowed", None)


def test_a_moderator_gives_the_floor_to_its_successors_alone() -> None:
    def model(request: Any) -> Any:
        last = str(request.messages[-1]["content"])
        if request.agent != "chair":
            return f"{request.agent} speaks"
        if "answer to the user" in last:
            return "closed"
        heard = [name for name in "ab" if f"{name} speaks" in str(request.messages)]
        turn = "b" if heard == ["a"] else "ghost" if request.messages[-1]["role"] != "tool" and not heard else "a"
        return Reply(tool_calls=(ToolCall("next_speaker", {"agent": turn}),))

    phases: list[dict[str, Any]] = [
        {
            "name": "talk",
            "order": "moderator",
            "moderator": "chair",
            "rounds": 2,
            "edges": ["user -> a, b, chair", "chair <-> a", "chair <-> b"],
        },
        {"name": "end", "edges": ["chair -> user"], "opens": ["chair"]},
    ]
    result = Team([Agent(name=n) for n in ("chair", "a", "b")], Topology(phases), models={"default": model}).run_sync(
        "t"
    )
    assert result.answer == "closed"
    floors = [event.agent for event in result.events if isinstance(event, Notice) and event.template == "have_floor"]
    assert floors == ["a", "b"]
    well_formed(result.events)


@pytest.mark.parametrize("faster", ["a", "b"])
def test_the_best_answer_is_passed_on_word_for_word(faster: str) -> None:
    async def candidate(view: Any) -> str:
        await anyio.sleep(0 if view.agent == faster else 0.01)
        return f"the words of {view.agent}"

    judge = Agent(name="judge", model=lambda request: calls("vote", ranking=["b", "a"]))
    agents = [Agent(name="a", function=candidate), Agent(name="b", function=candidate), judge]
    result = Team(agents, Topology.independent(["a", "b"], best_of="judge")).run_sync("t")
    assert result.answer == "the words of b"
    assert [(e.agent, e.ranking) for e in result.events if isinstance(e, VoteCast)] == [("judge", ("b", "a"))]


def test_a_reply_that_is_no_ballot_is_asked_for_again() -> None:
    def model(request: Any) -> str:
        told = [message for message in request.messages if "must be one of these" in str(message["content"])]
        return "Yes." if told else "I think that it is yes."

    votes = {"ballot": Vote(options=("yes", "no"))}
    agents = [Agent(name=name, model=model) for name in "ab"]
    result = Team(agents, Topology.independent(["a", "b"], vote="ballot", votes=votes)).run_sync("t")
    assert result.answer == "yes"
    assert result.usage.model_calls == 4
    assert not any(isinstance(event, MessageRefused) for event in result.events)


@pytest.mark.parametrize("check", ["verify", "function"])
def test_a_check_of_a_phase_that_cannot_run_fails_the_run_at_once(check: str) -> None:
    until: dict[str, Any] = {"verify": ["/no/such/program"]} if check == "verify" else {"function": "broken"}
    phases: list[dict[str, Any]] = [
        {"name": "work", "edges": ["user -> a"], "until": until, "max_iterations": 5},
        {"name": "report", "edges": ["a -> user"], "opens": ["a"]},
    ]

    def broken(text: str) -> bool:
        raise KeyError(text)

    tools = {} if check == "verify" else {"broken": broken}
    result = Team([Agent(name="a", model=lambda request: "x")], Topology(phases), tools=tools).run_sync("t")
    assert result.outcome == "failed"
    assert result.reason.startswith("until of phase work: ")
    assert result.usage.model_calls == 1
