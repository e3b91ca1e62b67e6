"""Recorded models: a run answered from the log of another one, and what it says of what that one did not ask."""

from __future__ import annotations

import random
import re
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentmesh import Agent, Reply, Request, RunResult, Team, ToolCall, Topology
from agentmesh.errors import ConfigError, ProviderError, RunChanged, RunNotFound
from agentmesh.events import Event, ModelCallFinished, ModelCallStarted
from agentmesh.messages import Usage
from agentmesh.providers.replay import RecordedCall, ReplayProvider, changes
from tests.journal.killing import counting_server

pytestmark = pytest.mark.anyio
TOPOLOGIES = Path(__file__).parents[2] / "topologies"
TASK = "What is (12*7)+(45-6)*3?"


@pytest.fixture
def journal(tmp_path: Path) -> str:
    return str(tmp_path / "journal.db")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and from then on no socket can be connected."""

    def refuse(*_: Any) -> None:
        pytest.fail("a socket was connected")

    def cut() -> None:
        monkeypatch.setattr(socket.socket, "connect", refuse)
        monkeypatch.setattr(socket.socket, "connect_ex", refuse)

    return cut


def what_happened(events: Sequence[Event]) -> dict[str | None, list[dict[str, Any]]]:
    """By agent, without stamps, and without who was asked, and at what price.

    Tools of several agents that work at the same time are done in any order.
    """
    found: dict[str | None, list[dict[str, Any]]] = {}
    for event in events:
        left = event.model_dump(
            exclude={"id", "run_id", "ts", "seconds", "key", "team_hash", "settled_usd", "reserved_usd"}
        )
        if isinstance(event, ModelCallStarted):
            del left["model"]
        if isinstance(event, ModelCallFinished):
            del left["usage"]["cost_usd"]
        if isinstance(event, ModelCallFinished) and event.error is not None:
            del left["model"]
        found.setdefault(event.agent, []).append(left)
    return found


def calls(result: RunResult) -> list[ModelCallFinished]:
    return [event for event in result.events if isinstance(event, ModelCallFinished)]


def solo(model: Any, **agent: Any) -> Team:
    return Team([Agent(name="a", **agent)], Topology.solo("a"), models={"default": model})


@pytest.mark.parametrize("kind", ["chain", "hierarchy", "flat", "independent", "board", "blind_then_discuss", "tree"])
async def test_a_recorded_run_is_run_again_without_a_model(
    kind: str, journal: str, offline: Callable[[], None]
) -> None:
    path = TOPOLOGIES / f"{kind}.yaml"
    first = await Team.from_yaml(path, model="simulated:worker").run(TASK, journal=journal, seed=7)
    offline()
    team = Team.from_yaml(path, model=f"replay:{first.run_id}", journal=journal)
    again = await team.run(TASK, seed=7)
    assert len(calls(first)) > 2
    assert what_happened(again.events) == what_happened(first.events)
    assert [call.agent for call in calls(again)] == [call.agent for call in calls(first)]
    asked = {event.model for event in again.events if isinstance(event, ModelCallStarted)}
    assert asked == {f"replay:{first.run_id}"}
    assert {call.model for call in calls(again)} == {"simulated:worker"}


@pytest.mark.real_models
async def test_no_key_is_needed_and_nothing_is_asked_of_the_server_that_answered_then(
    journal: str, offline: Callable[[], None]
) -> None:
    with counting_server() as server:
        path, model = TOPOLOGIES / "hierarchy.yaml", server.model("replay~20")
        recorded = Team.from_yaml(path, model=model, environment={"OPENAI_API_KEY": "sk-recorded"})
        made = {"file": str(path), "model": model, "overrides": [], "allow": []}
        first = await recorded.run(TASK, journal=journal, made=made)
        sent = len(server.requests("replay~20"))
        assert sent == len(calls(first)) > 5
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("AGENTMESH_BLOCK_MODEL_REQUESTS", "1")
            team = Team.from_yaml(path, model=f"replay:{first.run_id[:8]}@{journal}", environment={})
            with pytest.MonkeyPatch.context() as wires:
                wires.setattr(socket.socket, "connect", lambda *_: pytest.fail("a socket was connected"))
                again = await team.run(TASK)
        assert what_happened(again.events) == what_happened(first.events)
        assert len(server.requests("replay~20")) == sent
    assert again.usage.tokens == first.usage.tokens > 0
    assert again.usage.cost_usd == 0.0


async def test_a_changed_instruction_is_shown_against_what_was_told_then(journal: str, tmp_path: Path) -> None:
    before = (TOPOLOGIES / "chain.yaml").read_text(encoding="utf-8")
    changed = before.replace("Add nothing that the notes do not hold.", "Add a joke.")
    assert changed != before
    file = tmp_path / "team.yaml"
    file.write_text(before, encoding="utf-8")
    first = await Team.from_yaml(file, model="simulated:worker").run(TASK, journal=journal)
    file.write_text(changed, encoding="utf-8")
    with pytest.raises(RunChanged) as refused:
        await Team.from_yaml(file, model=f"replay:{first.run_id}", journal=journal).run(TASK)
    said = str(refused.value).splitlines()
    assert said[0].startswith(f"replay:{first.run_id}: agent 'writer' asks what run {first.run_id} never asked")
    assert [line for line in said[1:] if line.startswith("-")] == [
        "- Write an answer from the notes that you are given, and repeat the question above it. "
        "Add nothing that the notes do not hold."
    ]
    assert [line for line in said[1:] if line.startswith("+")] == [
        "+ Write an answer from the notes that you are given, and repeat the question above it. Add a joke."
    ]
    asked = first.events[(refused.value.event or 0) - 1]
    assert (asked.type, asked.agent) == ("model_call_started", "writer")


async def test_the_nearest_request_of_a_long_turn_is_the_one_at_the_same_place(journal: str) -> None:
    numbers = iter(range(100))

    def number() -> int:
        """A number that is another one each time."""
        return next(numbers)

    def ten_calls(request: Request) -> Reply:
        done = sum(message["role"] == "tool" for message in request.messages)
        return Reply("done") if done == 5 else Reply(tool_calls=(ToolCall("number", {}, f"c{done}"),))

    team = solo(ten_calls, tools=[number])
    first = await team.run("Count.", journal=journal)
    with pytest.raises(RunChanged) as refused:
        await team.recorded(first.run_id, journal=journal).run("Count.")
    said = str(refused.value).splitlines()
    second = [event for event in first.events if isinstance(event, ModelCallStarted)][1]
    assert f"event {second.id} (solo#1/a/1/3)" in said[0]
    assert [line for line in said[1:] if line[0] in "+-"] == ["- -> 0", "+ -> 5"]


async def test_other_tools_are_told_apart_from_other_words(journal: str) -> None:
    def look(what: str) -> str:
        """Look something up."""
        return what

    first = await solo(lambda request: "ok").run("Go.", journal=journal)
    with pytest.raises(RunChanged, match="the same messages: its tools, or the form of its answer, are others now"):
        await solo(lambda request: "ok", tools=[look]).recorded(first.run_id, journal=journal).run("Go.")


async def test_a_request_is_answered_as_often_as_it_was_asked(journal: str) -> None:
    answers = iter("abcdef")
    agent = Agent(name="a", memory="fresh")
    drawn = Topology.chain(["a"])
    first = await Team([agent], drawn, models={"default": lambda _: next(answers)}).run("Go.", journal=journal)
    team = Team([agent], drawn).recorded(first.run_id, journal=journal)
    assert [(await team.run("Go.")).answer for _ in range(2)] == ["a", "a"]  # each run has the recording to itself

    events = [event for event in first.events if isinstance(event, ModelCallStarted)]
    replies = [RecordedCall("a", key, "same", n, n + 1, Reply(key)) for n, key in ((1, "x"), (3, "y"))]
    provider = ReplayProvider("r", replies)
    request = Request(agent="a", messages=[], request_hash="same")
    assert len(events) == 1
    assert [(await provider.complete(request)).text for _ in range(2)] == ["x", "y"]
    with pytest.raises(RunChanged, match="asks once more what run r asked 2 times"):
        await provider.complete(request)


async def test_of_the_same_requests_each_is_answered_as_under_its_own_key() -> None:
    replies = [RecordedCall("a", key, "same", n, n + 4, Reply(key)) for n, key in ((1, "x"), (2, "y"), (3, "z"))]
    provider = ReplayProvider("r", replies)
    said = {}

    async def ask(key: str) -> None:
        request = Request(agent="a", messages=[], request_hash="same", key=f"run/{key}")
        said[key] = (await provider.complete(request)).text

    async with anyio.create_task_group() as group:
        for key in ("z", "y", "x"):
            group.start_soon(ask, key)
    assert said == {"x": "x", "y": "y", "z": "z"}


@pytest.mark.parametrize("seed", range(5))
async def test_what_came_in_another_order_than_it_was_asked_for_comes_in_that_order_again(
    seed: int, journal: str
) -> None:
    waits = random.Random(seed)
    names = [f"w{number}" for number in range(6)]

    async def slow(request: Request) -> Reply:
        await anyio.sleep(waits.random() / 100)
        told = " ".join(str(message["content"]) for message in request.messages[1:] if message["role"] == "user")
        if request.agent != "boss":
            return Reply(f"{request.agent} heard {len(told)}")
        to = ["user"] if told.count("heard") >= 20 else [names[told.count("heard") % 6]]
        heard = "".join(re.findall(r"(w\d) heard", told))
        return Reply(tool_calls=(ToolCall("send_message", {"recipients": to, "content": heard}, f"c{len(told)}"),))

    drawn = Topology.graph(
        [("boss", "user"), *(pair for name in names for pair in ((name, "boss"), ("user", name), ("boss", name)))]
    )
    team = Team([Agent(name=name) for name in [*names, "boss"]], drawn, models={"default": slow}, limits={"turns": 60})
    first = await team.run("Go.", journal=journal)
    again = await team.recorded(first.run_id, journal=journal).run("Go.")
    order = [(call.agent, call.content) for call in calls(first) if call.error is None]
    assert first.outcome == "completed"
    assert len(order) > 12
    assert [(call.agent, call.content) for call in calls(again) if call.error is None] == order
    assert (again.answer, again.reason) == (first.answer, first.reason)


async def test_a_reply_waits_no_longer_for_one_that_never_comes_than_it_is_patient(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ReplayProvider, "patience_s", 0.2)
    gone = RecordedCall("b", "b", "gone", 1, 3, Reply("never"))
    here = [RecordedCall("a", str(n), f"h{n}", n, n + 2, Reply(str(n))) for n in (2, 6, 10)]
    provider = ReplayProvider("r", [gone, *here])
    with anyio.fail_after(5):
        started = anyio.current_time()
        for n in (2, 6, 10):
            assert (await provider.complete(Request(agent="a", messages=[], request_hash=f"h{n}"))).text == str(n)
    assert 0.2 <= anyio.current_time() - started < 0.6  # once, not for each


async def test_a_call_that_failed_then_fails_in_the_same_words(journal: str) -> None:
    def refuses(request: Request) -> Reply:
        raise ProviderError("content_refused", "not this", hint="ask for something else")

    first = await solo(refuses).run("Go.", journal=journal)
    again = await solo(refuses).recorded(first.run_id, journal=journal).run("Go.")
    assert first.outcome == again.outcome == "failed"
    assert what_happened(again.events) == what_happened(first.events)
    assert "content_refused: not this; ask for something else" in again.reason


async def test_a_call_that_was_cut_off_then_has_no_answer_now(journal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReplayProvider, "patience_s", 0.1)
    asked = anyio.Event()

    async def hangs(request: Request) -> str:
        asked.set()
        await anyio.sleep(60)
        return "too late"

    async with solo(hangs).start("Go.", journal=journal) as run:
        await asked.wait()
        run.cancel()
        first = await run.result()
    assert first.outcome == "cancelled"
    with pytest.raises(RunChanged, match=r"was cut off in run .* before it was answered"):
        await solo(hangs).recorded(first.run_id, journal=journal).run("Go.")


async def test_a_run_that_went_on_after_an_interruption_is_one_recording(journal: str) -> None:
    asked: list[str] = []
    last = anyio.Event()

    async def model(request: Request) -> str:
        asked.append(request.agent)
        if asked == names:
            last.set()
            await anyio.sleep(60)
        return f"{request.agent} said so"

    names = ["a", "b", "c"]
    team = Team([Agent(name=name) for name in names], Topology.chain(names), models={"default": model})
    async with team.start("Go.", journal=journal) as run:
        await last.wait()
        run.cancel("interrupted by a test")
        first = await run.result()
    whole = await team.resume(first.run_id, journal=journal)
    assert asked == [*names, "c"]
    again = await team.recorded(first.run_id, journal=journal).run("Go.")
    assert (asked, again.answer) == ([*names, "c"], "c said so")
    assert again.answer == whole.answer


async def test_a_team_on_a_node_is_answered_from_the_log_of_the_team_around_it(journal: str, tmp_path: Path) -> None:
    outer = tmp_path / "outer.yaml"
    outer.write_text(
        f"version: 1\nagents:\n  inner: {{kind: team, team: {TOPOLOGIES / 'chain.yaml'}}}\n  last: {{}}\n"
        "topology: {kind: chain, agents: [inner, last]}\n",
        encoding="utf-8",
    )
    first = await Team.from_yaml(outer, model="simulated:worker").run(TASK, journal=journal)
    again = await Team.from_yaml(outer, model=f"replay:{first.run_id}", journal=journal).run(TASK)
    assert len(calls(first)) >= 4
    assert what_happened(again.events) == what_happened(first.events)


async def test_limits_in_tokens_bind_as_they_did_and_nothing_costs_anything(journal: str) -> None:
    def dear(request: Request) -> Reply:
        return Reply("x", usage=Usage(input_tokens=100, output_tokens=50, cost_usd=1.5))

    first = await solo(dear).run("Go.", journal=journal)
    again = await solo(dear).recorded(first.run_id, journal=journal).run("Go.")
    assert (first.usage.cost_usd, again.usage.cost_usd) == (1.5, 0.0)
    assert [call.settled for call in calls(again)] == [150]


def test_a_recording_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunNotFound, match=r"there is no journal .*none\.db; --journal PATH, or replay:abc@PATH"):
        Team.from_yaml(TOPOLOGIES / "solo.yaml", model="replay:abc", journal=tmp_path / "none.db")
    assert not list(tmp_path.iterdir())


async def test_a_recording_answers_for_all_models_or_none(journal: str) -> None:
    with pytest.raises(ConfigError, match="answers for all models of a team at once: give it with -m replay:abc"):
        Team([Agent(name="a", model="replay:abc")], Topology.solo("a"))


def test_a_difference_in_a_long_line_is_shown_where_it_is() -> None:
    before, now = "x" * 1000 + "then" + "y" * 1000, "x" * 1000 + "now" + "y" * 1000
    gone, new = changes(["same", before], ["same", now])[1:]
    assert "then" in gone
    assert "now" in new
    assert len(gone) < 200


@pytest.mark.parametrize(
    ("before", "now", "shown"),
    [
        (["a", "b"], ["a", "b"], []),
        (["a"], ["b"], ["- a", "+ b"]),
        (["a"], ["a", "b"], ["  a", "+ b"]),
        (["a", "b", "c"], ["a", "c"], ["  a", "- b"]),
    ],
)
def test_changes_are_shown_after_the_line_before_them(before: list[str], now: list[str], shown: list[str]) -> None:
    assert changes(before, now) == shown
