"""A run under way: spoken to, its graph changed, watched."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest

from agentmesh import Agent, AgentMeshError, Event, Reply, Request, Team, Topology, TopologyError, View
from agentmesh.events import MessageDelivered, MessageRefused, Metric, RunEnded, TopologyChanged, TurnStarted
from agentmesh.runner.member import Delta, FailedAttempt
from tests.runner.run_checks import forever, says, team, well_formed

pytestmark = pytest.mark.anyio


def gated(gate: anyio.Event) -> Callable[[View], object]:
    async def agent(view: View) -> str:
        await gate.wait()
        return " | ".join(item.content for item in view.messages)

    return agent


async def test_the_user_may_speak_to_an_agent_while_the_run_lasts() -> None:
    gate = anyio.Event()

    async def a(view: View) -> str:
        await gate.wait()
        return view.text

    topology = Topology.graph(["user -> a", {"from": "a", "to": "b"}, "b -> user"], joins={})

    def b(view: View) -> str | None:
        return view.text if view.turn == 2 else None

    async with Team([a, b], topology).start("first") as run:
        await anyio.sleep(0)
        run.say("a", "second")
        gate.set()
        result = await run.result()
    assert result.answer == "second"
    well_formed(result.events)


async def test_what_is_said_before_the_first_turn_is_read_in_it() -> None:
    async with Team([Agent(name="a", function=lambda view: view.text)], Topology.solo("a")).start("task") as run:
        run.say("a", "and mind the gap")
        result = await run.result()
    assert "and mind the gap" in (result.answer or "")
    well_formed(result.events)


async def test_the_user_too_needs_an_edge() -> None:
    async with team(forever, Topology.chain(["a", "b"])).start("task") as run:
        await anyio.sleep(0.01)
        run.say("b", "psst")
        run.say("ghost", "psst")
        refused = [e for e in run.events if isinstance(e, MessageRefused)]
        assert [(e.sender, e.recipient, e.allowed) for e in refused] == [
            ("user", "b", ("a",)),
            ("user", "ghost", ("a",)),
        ]


async def test_a_cut_before_the_first_turn_holds_from_the_start() -> None:
    graph = Topology.graph(["user -> a", "a -> b", "a -> c", "b -> user", "c -> user"])
    async with team(lambda request: request.agent, graph).start("task") as run:
        run.cut("a", "b")
        result = await run.result()
    assert result.answer == "c"
    assert not [e for e in result.events if isinstance(e, TurnStarted) and e.agent == "b"]
    [change] = [e for e in result.events if isinstance(e, TopologyChanged)]
    assert (change.change, change.edges) == ("cut", (("a", "b"),))
    well_formed(result.events)


async def test_isolating_and_restoring() -> None:
    gate = anyio.Event()

    async def a(view: View) -> str:
        await gate.wait()
        return "from a"

    def echo(view: View) -> str:
        return view.text

    graph = Topology.graph(["user -> a", "a -> b", "b -> user"])
    team_ = Team([a, Agent(name="b", function=echo)], graph)
    async with team_.start("task") as run:
        await anyio.sleep(0)
        run.isolate("b")
        run.restore("a", "b")
        run.restore("b", "user")
        gate.set()
        assert (await run.result()).answer == "from a"
    async with team_.start("task") as run:
        run.isolate("b")
        result = await run.result()
    assert result.outcome == "stalled"
    assert [e.edges for e in result.events if isinstance(e, TopologyChanged)] == [(("a", "b"), ("b", "user"))]


async def test_only_drawn_edges_can_be_cut() -> None:
    async with team(forever, Topology.chain(["a", "b"])).start("task") as run:
        with pytest.raises(TopologyError, match="there is no such edge: b -> a; edges: user -> a, a -> b, b -> user"):
            run.cut("b", "a")
        with pytest.raises(TopologyError, match="there is no such edge"):
            run.restore("x", "y")
        for nobody in ("ghost", "user"):
            with pytest.raises(TopologyError, match=f"'{nobody}' is not on the graph; on it are: a, b"):
                run.isolate(nobody)


async def test_a_metric_is_in_the_log_and_in_no_prompt() -> None:
    seen: list[str] = []
    gate = anyio.Event()

    async def model(request: Request) -> str:
        await gate.wait()
        seen.append(str(request.messages))
        return "ok"

    async with team(model, Topology.chain(["a", "b"])).start("task") as run:
        run.record_metric("secret_score", 0.25, kind="held_out")
        gate.set()
        result = await run.result()
    [metric] = [e for e in result.events if isinstance(e, Metric)]
    assert (metric.name, metric.value, metric.kind) == ("secret_score", 0.25, "held_out")
    assert "secret_score" not in str(seen)


async def test_a_run_that_has_ended_stays_as_it_is() -> None:
    async with team(says()).start("task") as run:
        before = (await run.result()).events
        run.cancel()
        attempts: list[Callable[[], None]] = [
            lambda: run.say("a", "too late"),
            lambda: run.record_metric("late", 1),
            lambda: run.cut("user", "a"),
        ]
        for late in attempts:
            with pytest.raises(AgentMeshError, match="the run has ended"):
                late()
        assert run.events == before


async def test_every_event_is_watched_and_deltas_by_those_who_ask() -> None:
    class Watch:
        deltas = True

        def __init__(self) -> None:
            self.seen: list[Event | Delta | FailedAttempt] = []

        def __call__(self, event: Event | Delta | FailedAttempt) -> None:
            self.seen.append(event)

    watch = Watch()
    plain: list[Event | Delta | FailedAttempt] = []
    result = await team(says("streamed")).run("task", watch=watch)
    assert [item for item in watch.seen if not isinstance(item, Delta | FailedAttempt)] == list(result.events)
    assert [item.text for item in watch.seen if isinstance(item, Delta)] == ["streamed"]
    result = await team(says("not streamed")).run("task", watch=plain.append)
    assert plain == list(result.events)


async def test_failed_attempts_are_told_as_they_happen_to_those_who_ask() -> None:
    told: list[FailedAttempt] = []
    known_at_once: list[int] = []

    class Flaky:
        model_id = "flaky:model"

        async def complete(self, request: Request, on_delta: object = None) -> Reply:
            for why in ("rate: slow down", "server: out of order"):
                request.attempts.append(why)
                known_at_once.append(len(told))
            return Reply(text="at last")

        async def aclose(self) -> None:
            pass

    class Watch:
        attempts = True

        def __call__(self, event: Event | Delta | FailedAttempt) -> None:
            if isinstance(event, FailedAttempt):
                told.append(event)

    flaky = Team(agents=[Agent(name="a", model=Flaky())], topology=Topology.solo("a"))
    result = await flaky.run("task", watch=Watch())
    assert told == [FailedAttempt("a", 1, "rate: slow down"), FailedAttempt("a", 2, "server: out of order")]
    assert known_at_once == [1, 2]
    (call,) = [event for event in result.events if event.type == "model_call_finished"]
    assert call.attempts == ("rate: slow down", "server: out of order")


@pytest.mark.parametrize(
    "kind", ["run_started", "message_proposed", "turn_started", "model_call_started", "turn_ended"]
)
async def test_a_watcher_that_raises_ends_the_run_and_the_caller_gets_the_error(kind: str) -> None:
    seen: list[Event] = []

    def watch(event: Event | Delta | FailedAttempt) -> None:
        assert not isinstance(event, Delta | FailedAttempt)
        seen.append(event)
        if event.type == kind:
            raise OSError("the window was closed")

    with anyio.fail_after(5):
        with pytest.raises(OSError, match="the window was closed"):
            await team(says(), Topology.chain(["a", "b"])).run("task", watch=watch)
    assert seen[-1].type == kind
    async with team(says()).start("task", watch=watch) as run:
        with pytest.raises(OSError, match="closed"):
            await run.result()
    well_formed(run.events)
    assert isinstance(run.events[-1], RunEnded)
    assert run.events[-1].outcome == "failed"


async def test_fifty_runs_of_one_team_do_not_mix() -> None:
    async def model(request: Request) -> Reply | str:
        await anyio.sleep(0.001)
        return f"{request.agent}: {str(request.messages[-1]['content'])[-60:]}"

    one = team(model, Topology.flat(["a", "b", "c"], rounds=2))
    results = {}

    async def go(number: int) -> None:
        results[number] = await one.run(f"task <{number}>", seed=number)

    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(go, number)
    assert len({result.run_id for result in results.values()}) == 50
    for number, result in results.items():
        assert result.outcome == "completed"
        others = {f"task <{other}>" for other in range(50) if other != number}
        texts = {e.content for e in result.events if isinstance(e, MessageDelivered)}
        assert not any(other in text for other in others for text in texts)
        well_formed(result.events)


def test_one_team_runs_in_one_event_loop_after_another() -> None:
    one = team(says("ok"))
    assert [one.run_sync("task").answer for _ in range(3)] == ["ok"] * 3
