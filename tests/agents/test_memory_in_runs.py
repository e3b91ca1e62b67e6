"""Memory in whole runs: what the log says of it, what it costs, and how a result too long for a prompt is read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from agentmesh import Agent, Team, Topology
from agentmesh.config.models import ModelConfig
from agentmesh.events import Event
from agentmesh.messages import Reply, ToolCall
from agentmesh.providers.base import Request
from agentmesh.tools.results import READ_RESULT, LongResults
from tests.agents.agent_lives import assert_contexts_only_grow, assert_well_formed

CUT = re.compile(r"\n\[cut: characters \d+ to (\d+) of \d+; read on with read_result: id (\w+), start \d+\]$")
LONG = "".join(f"<{n}>" for n in range(3000))


class Talker:
    """A model that talks at length, takes notes when told to, and remembers what it was asked."""

    def __init__(self, words: str = "w" * 600) -> None:
        self.words = words
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> str:
        self.requests.append(request)
        return f"what {request.agent} noted" if request.tool_choice == "none" else self.words


def in_contexts(events: Sequence[Event], requests: list[Request]) -> dict[str, list[tuple[int, Request]]]:
    """By agent: its requests in order, each with the number of the context in which the log has it."""
    found: dict[str, list[tuple[int, Request]]] = {}
    begun: Counter[str] = Counter()
    waiting = list(requests)
    for event in events:
        agent = event.agent or ""
        if event.type == "context_started":
            begun[agent] += 1
        elif event.type == "model_call_started":
            place = next(n for n, request in enumerate(waiting) if request.agent == agent)
            found.setdefault(agent, []).append((begun[agent], waiting.pop(place)))
    assert not waiting
    return found


@pytest.mark.parametrize("memory", ["full", "fresh", {"window": 2}, {"window": 5}, {"compact": 0.01}], ids=str)
def test_in_a_long_discussion_only_a_logged_context_changes_what_was_sent(memory: Any) -> None:
    model = Talker()
    agents = [Agent(name=name, model=model, memory=memory) for name in ("a", "b", "c")]
    result = Team(agents=agents, topology=Topology.flat(["a", "b", "c"], rounds=8)).run_sync("what to do?")
    assert result.outcome == "completed", result.reason
    by_agent = in_contexts(result.events, model.requests)
    compared = sum(map(assert_contexts_only_grow, by_agent.values()))
    assert compared >= 3 or memory == "fresh", "too little was compared"
    reasons = {event.reason for event in result.events if event.type == "context_started"}
    assert reasons - {"phase"} == ({"fresh"} if isinstance(memory, str) else {"fresh", *memory})
    for requests in by_agent.values():
        for _, request in requests:
            assert_well_formed(request.messages)
            if memory != "fresh":
                assert "what to do?" in str(request.messages[1]["content"])


def test_a_compaction_is_a_call_of_the_turn_with_a_key_of_its_own() -> None:
    model = Talker()
    agents = [Agent(name=name, model=model, memory={"compact": 0.01}, max_steps=3) for name in ("a", "b")]
    team = Team(agents=agents, topology=Topology.flat(["a", "b"], rounds=8))
    result = team.run_sync("what to do?")
    events = result.events
    places = [n for n, event in enumerate(events) if event.type == "context_started" and event.reason == "compact"]
    assert len(places) >= 2
    for place in places:
        agent = events[place].agent
        around = [event for event in events[: place + 1] if event.agent == agent][-4:]
        assert [event.type for event in around[-3:]] == ["model_call_started", "model_call_finished", "context_started"]
        after = next(event for event in events[place:] if event.agent == agent and event.type == "model_call_started")
        call = around[-3]
        assert call.type == "model_call_started"
        assert call.key.rpartition("/")[0] == after.key.rpartition("/")[0], "both are of the same turn"
        assert call.key != after.key
        finished = around[-2]
        assert finished.type == "model_call_finished"
        assert (finished.key, finished.content) == (call.key, f"what {agent} noted")
    keys = [event.key for event in events if event.type == "model_call_started"]
    assert len(set(keys)) == len(keys) == len(model.requests) == result.usage.model_calls
    assert team.bounds.model_calls is not None
    assert len(keys) <= team.bounds.model_calls
    notes = sum(request.tool_choice == "none" for request in model.requests)
    assert notes == len(places)
    turns = sum(event.type == "turn_started" for event in events)
    assert len(keys) == turns + notes


def test_the_models_own_window_says_when_it_is_full() -> None:
    def contexts(window: int) -> int:
        model = ModelConfig(provider="simulated", model="worker", context_window=window)
        agents = [Agent(name=name, memory="compact") for name in ("a", "b")]
        team = Team(agents=agents, topology=Topology.flat(["a", "b"], rounds=6), models={"default": model})
        result = team.run_sync("What is (12*7)+(45-6)*3?")
        assert result.outcome == "completed", result.reason
        return sum(event.type == "context_started" and event.reason == "compact" for event in result.events)

    assert contexts(600) > 0
    assert contexts(60_000) == 0


class Reader:
    """A model that calls its tool once and reads what came of it piece by piece, for at most so many pieces."""

    def __init__(self, pieces: int = 1000) -> None:
        self.left = pieces
        self.pieces: list[str] = []
        self.tools: list[list[str]] = []

    def __call__(self, request: Request) -> Reply:
        self.tools.append([tool["function"]["name"] for tool in request.tools])
        last = request.messages[-1]
        if last["role"] != "tool":
            call = READ_RESULT if "read on" in str(last["content"]) else self.tools[0][0]
            arguments = {"id": "r1", "start": 1000} if call == READ_RESULT else {}
            return Reply(tool_calls=(ToolCall(call, arguments),))
        text = str(last["content"])
        cut = CUT.search(text)
        self.pieces.append(text[: cut.start()] if cut else text)
        self.left -= 1
        if cut is None or not self.left:
            return Reply("read")
        return Reply(tool_calls=(ToolCall(READ_RESULT, {"id": cut[2], "start": int(cut[1])}),))


def look_up() -> str:
    """Look it up."""
    return LONG


def alone(model: Any, **config: Any) -> Team:
    agent = Agent(name="a", model=model, tools=[look_up], max_result=1000, max_steps=40, **config)
    return Team(agents=[agent], topology=Topology.solo("a"))


@pytest.mark.parametrize("memory", ["full", "fresh", {"window": 2}])
def test_a_long_result_read_piece_by_piece_is_the_whole_result(memory: Any) -> None:
    model = Reader()
    result = alone(model, memory=memory).run_sync("read it")
    assert result.answer == "read"
    assert "".join(model.pieces) == LONG
    assert {len(piece) for piece in model.pieces[:-1]} == {1000}
    assert model.tools[0] == ["look_up", READ_RESULT]
    assert all(tools == model.tools[0] for tools in model.tools)
    first, *others = [event for event in result.events if event.type == "tool_call_finished"]
    assert first.result == LONG, "the log has all of it"
    assert len(others) == len(model.pieces) - 1
    assert all(event.error is None for event in others)


def test_what_is_read_on_keeps_the_label_of_what_it_is_a_piece_of() -> None:
    model = Reader()
    page = {"use": "look_up", "trust": "untrusted"}
    agent = Agent.model_validate({"name": "a", "model": model, "tools": [page], "max_result": 5000, "max_steps": 40})
    team = Team(agents=[agent], topology=Topology.solo("a"), tools={"look_up": look_up})
    result = team.run_sync("read it")
    said, texts = zip(*(piece.split("\n", 1) for piece in model.pieces), strict=True)
    assert "".join(texts) == LONG
    assert all(line.startswith("[untrusted, from outside") for line in said), "each piece says so to the model"
    labels = [event.trust for event in result.events if event.type == "tool_call_finished"]
    assert labels == ["untrusted"] * len(model.pieces)


@pytest.mark.anyio
async def test_a_run_that_goes_on_can_read_on() -> None:
    model = Reader(1)
    result = await alone(model).run("read it")
    assert "".join(model.pieces) == LONG[:1000]
    model.left = 1000
    again = await result.continue_("read on")
    assert again.answer == "read"
    assert "".join(model.pieces) == LONG


def test_runs_that_go_on_from_the_same_one_keep_their_results_apart() -> None:
    results = LongResults(limit=3)
    results.shown("first", "trusted")
    other = results.fork()
    assert other.read({"id": "r1", "start": 3}) == ("st", "trusted")
    other.shown("other", "trusted")
    results.shown("second", "trusted")
    assert results.read({"id": "r2", "start": 3}) == ("ond", "trusted")
    assert other.read({"id": "r2", "start": 3}) == ("er", "trusted")


def test_results_that_are_never_long_need_no_tool_to_read_them() -> None:
    seen: list[list[str]] = []

    def model(request: Request) -> str:
        seen.append([tool["function"]["name"] for tool in request.tools])
        return "done"

    for tools in ([], ["calculator"], ["calculator", look_up]):
        agent = Agent.model_validate({"name": "a", "model": model, "tools": tools})
        Team(agents=[agent], topology=Topology.solo("a")).run_sync("x")
    assert seen == [[], ["calculator"], ["calculator", "look_up", READ_RESULT]]


def test_what_cannot_be_read_is_said_to_the_model() -> None:
    asked: list[dict[str, Any]] = [{"id": "r7", "start": 0}, {"id": "r1", "start": len(LONG)}, {"start": -1}]
    calls = iter([ToolCall("look_up"), *(ToolCall(READ_RESULT, arguments) for arguments in asked)])

    def model(request: Request) -> Reply:
        call = next(calls, None)
        return Reply(tool_calls=(call,)) if call else Reply("done")

    result = alone(model).run_sync("read it")
    errors = [str(event.error) for event in result.events if event.type == "tool_call_finished"][1:]
    assert errors[0] == "there is no result 'r7'; kept: r1"
    assert errors[1] == f"r1 has {len(LONG)} characters; start below that"
    assert errors[2].startswith("read_result takes id and start; ")
