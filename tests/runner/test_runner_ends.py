"""How runs end: outcomes, limits, failures, and everything stopped at once."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentmesh import Agent, Limits, Reply, Request, Team, ToolCall, ToolError, Topology, VerifyConfig, View
from agentmesh.errors import LimitReached, ProviderError, RunCancelled, RunFailed, RunStalled
from agentmesh.events import (
    LimitWasReached,
    MessageRefused,
    ModelCallFinished,
    ModelCallStarted,
    ToolCallFinished,
    TurnFailed,
    Verification,
)
from tests.agents.test_other_agents import FAMILY, gone, grandchild
from tests.runner.run_checks import Timer, calls, forever, says, team, well_formed

pytestmark = pytest.mark.anyio
PAIR = Topology.graph(["user -> a", "a -> b", "b -> a", "b -> user"])


def raises(error: Exception) -> Any:
    def model(request: Request) -> str:
        raise error

    return model


async def test_an_answer_that_nobody_checked_completes_the_run() -> None:
    result = await team(says("42")).run("task")
    assert (result.outcome, result.reason, result.answer) == ("completed", "answered", "42")
    assert result.raise_for_outcome() is result
    assert (result.turns, result.messages, result.refused) == (1, 2, 0)
    assert result.usage.model_calls == 1
    assert result.usage.tokens > 0
    assert 0 <= result.seconds < 5
    well_formed(result.events)


async def test_an_answer_that_a_function_confirms_is_verified() -> None:
    for verify in (lambda answer: answer == "42", VerifyConfig(command=(sys.executable, "-c", CHECK))):
        result = await team(says("42"), verify=verify).run("task")
        assert (result.outcome, result.answer) == ("verified", "42")
        well_formed(result.events)


CHECK = "import sys; ok = sys.stdin.read() == '42'; print('looked at it'); sys.exit(not ok)"


async def test_an_answer_that_a_program_refutes_fails_with_what_it_said() -> None:
    result = await team(says("43"), verify=VerifyConfig(command=(sys.executable, "-c", CHECK))).run("task")
    assert (result.outcome, result.reason, result.answer) == ("failed", "not_verified", None)
    [checked] = [e for e in result.events if isinstance(e, Verification)]
    assert (checked.passed, checked.detail) == (False, "looked at it")
    with pytest.raises(RunFailed, match="not_verified"):
        result.raise_for_outcome()


async def test_a_refuted_answer_is_tried_again() -> None:
    answers = iter(["41", "42"])
    verify = VerifyConfig(command=(sys.executable, "-c", CHECK), retries=1)
    result = await team(lambda request: next(answers), verify=verify).run("task")
    assert (result.outcome, result.answer) == ("verified", "42")
    well_formed(result.events)


async def test_a_check_that_itself_fails_has_not_passed() -> None:
    async def check(answer: str) -> bool:
        raise ValueError("cannot say")

    result = await team(says(), verify=check).run("task")
    assert (result.outcome, result.reason) == ("failed", "not_verified")
    [checked] = [e for e in result.events if isinstance(e, Verification)]
    assert checked.detail == "ValueError: cannot say"


async def test_a_run_in_which_nobody_speaks_stalls() -> None:
    result = await Team([Agent(name="a", function=lambda view: None)], Topology.solo("a")).run("task")
    assert result.outcome == "stalled"
    with pytest.raises(RunStalled):
        result.raise_for_outcome()


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (ProviderError("authentication", "no key", hint="set KEY"), "authentication", "no key; set KEY"),
        (ValueError("odd"), "bad_request", "ValueError: odd"),
    ],
)
async def test_a_model_that_fails_is_an_event_and_the_reason_but_never_a_message(
    error: Exception, kind: str, text: str
) -> None:
    result = await team(raises(error), Topology.chain(["a", "b"])).run("task")
    assert result.outcome == "failed"
    assert result.reason.startswith("turn_failed: a: ")
    assert text in result.reason
    [failed] = [e for e in result.events if isinstance(e, TurnFailed)]
    assert failed.kind == kind
    [call] = [e for e in result.events if isinstance(e, ModelCallFinished)]
    assert text in (call.error or "")
    assert result.messages == 1
    well_formed(result.events)


async def test_a_provider_that_breaks_is_recorded_as_a_failed_call() -> None:
    class Broken:
        model_id = "broken:1"

        async def complete(self, request: Request, on_delta: Any = None) -> Reply:
            raise KeyError("choices")

        async def aclose(self) -> None:
            return None

    result = await team(Broken()).run("task")
    [call] = [e for e in result.events if isinstance(e, ModelCallFinished)]
    assert call.error == "KeyError: 'choices'"
    assert result.outcome == "failed"


async def test_a_function_that_fails_names_its_error() -> None:
    def broken(view: View) -> str:
        return str(1 / 0)

    result = await Team([broken], Topology.solo("broken")).run("task")
    assert "ZeroDivisionError" in result.reason
    well_formed(result.events)


async def test_an_error_in_a_task_group_of_an_agent_is_named_itself() -> None:
    async def inner() -> None:
        raise ValueError("the true reason")

    async def grouped(view: View) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(inner)

    result = await Team([grouped], Topology.solo("grouped")).run("task")
    assert result.reason == "turn_failed: grouped: ValueError: the true reason"


# Limits


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"turns": 3}, "turns: 3 allowed"),
        ({"model_calls": 3}, "model_calls: 3 allowed"),
        ({"messages": 4}, "messages: 4 allowed"),
        ({"tokens": 20_000}, "tokens: 20000 allowed"),
    ],
)
async def test_a_limit_of_the_run_ends_it_and_is_an_event(limits: dict[str, int], reason: str) -> None:
    def talk(request: Request) -> Reply:
        return calls("send_message", recipients=["a" if request.agent == "b" else "b"], content="go on")

    result = await team(talk, PAIR, limits={"turns": 50, **limits}).run("task")
    assert (result.outcome, result.reason, result.answer) == ("limit", reason, None)
    [reached] = [e for e in result.events if isinstance(e, LimitWasReached)]
    name, allowed = next(iter(limits.items()))
    assert (reached.limit, reached.allowed, reached.agent) == (name, allowed, None)
    assert reached.needed > allowed
    counted = {"turns": result.turns, "model_calls": result.usage.model_calls, "messages": result.messages}
    assert counted.get(name, 0) <= allowed
    assert result.usage.tokens <= limits.get("tokens", 10**9)
    with pytest.raises(LimitReached):
        result.raise_for_outcome()
    well_formed(result.events)


@pytest.mark.parametrize("limits", [{"turns": 1}, {"model_calls": 1}, {"messages": 1}])
async def test_a_limit_of_one_agent_retires_it_and_the_run_says_so(limits: dict[str, int]) -> None:
    def talk(request: Request) -> Reply | str:
        return "again" if request.agent == "a" else calls("send_message", recipients=["a"], content="go on")

    own = {"a": {"limits": Limits.model_validate(limits)}}
    result = await team(talk, PAIR, agents=own, limits={"turns": 50}).run("task")
    name = next(iter(limits))
    assert (result.outcome, result.reason) == ("limit", f"a: {name}: 1 allowed")
    assert {e.agent for e in result.events if isinstance(e, LimitWasReached)} == {"a"}
    well_formed(result.events)


async def test_seconds_end_the_run_and_stop_what_is_in_flight() -> None:
    timer = Timer()
    result = await team(forever, limits={"seconds": 0.1}).run("task")
    assert timer.seconds < 0.6
    assert (result.outcome, result.reason) == ("limit", "seconds: 0.1 allowed")
    well_formed(result.events)


async def test_seconds_of_one_agent_fail_its_turn_alone() -> None:
    async def model(request: Request) -> str:
        return await forever(request) if request.agent == "a" else "b answers"

    topology = Topology.graph(["user -> a", "user -> b", "a -> user", "b -> c", "c -> user"])

    async def slow(view: View) -> str:
        await anyio.sleep(0.3)
        return "c"

    result = await Team(
        [Agent(name="a", limits=Limits(seconds=0.1)), Agent(name="b"), Agent(name="c", function=slow)],
        topology,
        models={"default": model},
    ).run("task")
    assert result.answer == "c"
    [failed] = [e for e in result.events if isinstance(e, TurnFailed)]
    assert (failed.agent, failed.kind) == ("a", "limit")
    well_formed(result.events)


async def test_limits_of_one_run_stand_in_place_of_the_teams() -> None:
    one = team(says(), limits={"seconds": 60}, agents={"a": {"limits": Limits()}})
    result = await one.run("task", limits={"tokens": 10})
    assert result.reason == "tokens: 10 allowed"
    assert (await one.run("task")).outcome == "completed"


async def test_tokens_are_set_aside_before_a_call_and_settled_after_it() -> None:
    result = await team(
        says(),
        Topology.flat(["a", "b", "c"], rounds=2),
        agents={name: {"max_output_tokens": 100} for name in "abc"},
        limits={"tokens": 5000},
    ).run("x")
    assert result.outcome == "completed"
    reserved = settled = 0
    open_calls: dict[str, int] = {}
    for event in result.events:
        if isinstance(event, ModelCallStarted):
            open_calls[event.key] = event.reserved
            reserved += event.reserved
        elif isinstance(event, ModelCallFinished):
            reserved -= open_calls.pop(event.key)
            settled += event.usage.tokens
        assert reserved + settled <= 5000
    assert settled == result.usage.tokens


# Cancelling


@pytest.mark.parametrize("kind", ["model", "thread", "program", "tool", "person"])
async def test_cancelling_stops_everything_in_flight_at_once(kind: str, tmp_path: Path) -> None:
    release = threading.Event()

    async def wait() -> str:
        """Wait."""
        await anyio.sleep(3600)
        return ""

    pid = tmp_path / "pid"
    agents = {
        "model": Agent(name="a", model=forever),
        "thread": Agent(name="a", function=lambda view: release.wait(20) and None),
        "program": Agent.model_validate(
            {"name": "a", "command": {"argv": [sys.executable, "-c", FAMILY.format(path=str(pid))]}}
        ),
        "tool": Agent(name="a", model=lambda request: calls("wait"), tools=(wait,)),
        "person": Agent(name="a", kind="human"),
    }

    async def ask(agent: str, question: str) -> str:
        return await wait()

    async with Team([agents[kind]], Topology.solo("a")).start("task", ask=ask) as run:
        if kind == "program":
            child = await grandchild(pid)
        else:
            child = 0
            await anyio.sleep(0.05)
        timer = Timer()
        run.cancel("enough")
        result = await run.result()
        assert timer.seconds < 0.5
    release.set()
    assert (result.outcome, result.reason) == ("cancelled", "enough")
    with pytest.raises(RunCancelled, match="enough"):
        result.raise_for_outcome()
    well_formed(result.events)
    if child:
        assert await gone(child)


async def test_outer_cancellation_closes_the_log() -> None:
    seen: list[Any] = []
    timer = Timer()
    with anyio.move_on_after(0.05):
        await team(forever, Topology.flat(["a", "b", "c"])).run("task", watch=seen.append)
    assert timer.seconds < 0.5
    assert (seen[-1].outcome, seen[-1].reason) == ("cancelled", "interrupted")
    well_formed(seen)


async def test_leaving_the_block_cancels_the_run() -> None:
    async with team(forever).start("task") as run:
        await anyio.sleep(0.02)
    result = await run.result()
    assert result.outcome == "cancelled"
    well_formed(result.events)


async def test_a_run_cancelled_before_it_began_still_has_a_whole_log() -> None:
    async with team(forever).start("task") as run:
        run.cancel()
    result = await run.result()
    kinds = [e.type for e in result.events]
    assert (kinds[:2], kinds[-1]) == (["run_started", "stop_requested"], "run_ended")
    assert not {"turn_started", "message_delivered"} & set(kinds)


async def test_a_failure_inside_the_block_reaches_the_caller() -> None:
    with pytest.raises(ValueError, match="mine"):
        async with team(forever).start("task") as run:
            raise ValueError("mine")
    well_formed(run.events)


async def test_an_answer_stops_the_turns_that_are_still_going_on() -> None:
    async def model(request: Request) -> str:
        return "answer" if request.agent == "b" else await forever(request)

    timer = Timer()
    result = await team(model, Topology.graph(["user -> a", "user -> b", "a -> user", "b -> user"])).run("task")
    assert timer.seconds < 0.5
    assert result.answer == "answer"
    [call] = [e for e in result.events if isinstance(e, ModelCallFinished) and e.agent == "a"]
    assert call.error == "cancelled"
    well_formed(result.events)


async def test_a_function_abandoned_in_its_thread_leaves_no_trace_in_the_log() -> None:
    def slow(view: View) -> str:
        time.sleep(0.2)
        return "late"

    async with Team([slow], Topology.solo("slow")).start("task") as run:
        await anyio.sleep(0.05)
        run.cancel()
    await anyio.sleep(0.25)
    assert "late" not in str((await run.result()).events)


# Tools and people


async def test_tools_run_side_by_side_and_their_errors_go_to_the_model() -> None:
    together: list[int] = []

    async def add(a: int, b: int) -> int:
        """Add."""
        together.append(1)
        with anyio.fail_after(2):
            while len(together) < 2:
                await anyio.sleep(0)
        return a + b

    def fail() -> str:
        raise ToolError("no such luck")

    def crash() -> str:
        raise RuntimeError("oh")

    requests: list[Request] = []

    def model(request: Request) -> Reply | str:
        requests.append(request)
        if len(requests) > 1:
            return "done"
        wanted: list[tuple[str, dict[str, Any]]] = [
            ("add", {"a": 1, "b": 2}),
            ("add", {"a": 3, "b": 4}),
            ("fail", {}),
            ("crash", {}),
            ("ghost", {}),
            ("add", {"a": "x"}),
        ]
        return Reply(tool_calls=tuple(ToolCall(name, arguments) for name, arguments in wanted))

    result = await team(model, agents={"a": {"tools": (add, fail, crash)}}).run("task")
    texts = [str(item["content"]) for item in requests[1].messages if item["role"] == "tool"]
    assert texts[:4] == ["3", "7", "error: no such luck", "error: RuntimeError: oh"]
    assert texts[4] == "error: there is no tool 'ghost'; your tools: add, fail, crash"
    assert texts[5].startswith("error: add takes a, b; ")
    assert len([e for e in result.events if isinstance(e, ToolCallFinished)]) == 6
    assert result.answer == "done"
    well_formed(result.events)


async def test_a_refusal_is_an_answer_to_the_model_that_sent() -> None:
    requests: list[Request] = []

    def model(request: Request) -> Reply | str:
        requests.append(request)
        return calls("send_message", recipients=["user"], content="mine") if len(requests) == 1 else "fine"

    result = await team(model, Topology.chain(["a", "b"])).run("task")
    [refused] = [e for e in result.events if isinstance(e, MessageRefused)]
    assert (refused.sender, refused.recipient, refused.allowed, refused.policy) == (
        "a",
        "user",
        ("b",),
        "return_to_agent",
    )
    assert requests[1].messages[-1]["content"] == "error: 'a' may not message 'user'; it may message: b"
    assert result.answer == "fine"


async def test_people_are_asked_with_a_plain_or_an_asynchronous_function() -> None:
    async def later(agent: str, question: str) -> str:
        return f"{agent} was asked"

    human = Team([Agent(name="a", kind="human", instructions="Decide.")], Topology.solo("a"))
    for ask, answer in ((later, "a was asked"), (lambda agent, question: question[:7], "Decide.")):
        result = await human.run("task", ask=ask)
        assert result.answer == answer
        assert [e.type for e in result.events if e.type in {"question", "answered"}] == ["question", "answered"]
    result = await human.run("task")
    assert result.outcome == "failed"
    assert "nobody is there to answer" in result.reason
