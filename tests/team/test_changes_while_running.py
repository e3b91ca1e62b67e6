"""A topology that changes while a run lives: by events alone, so that the log gives the graph at every point."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from agentmesh import Agent, Reply, Run, Team, ToolCall, Topology, TopologyError, View, topology_at
from agentmesh.events import (
    BoundsChanged,
    ContextStarted,
    MessageDelivered,
    MessageRefused,
    MessageWithheld,
    ModelCallStarted,
    PhaseEnded,
    PhaseStarted,
    Question,
    ToolCallFinished,
    TopologyChanged,
    TurnStarted,
)
from agentmesh.topology.phases import edges_hash
from tests.runner.run_checks import calls, team, well_formed

pytestmark = pytest.mark.anyio
CHAIN = Topology.graph(["user -> a", "a -> b", "b -> user"])


class Gates:
    """Agents that wait at a gate: a test opens it once it has changed what it wants to change."""

    def __init__(self) -> None:
        self.gates: dict[str, anyio.Event] = {}
        self.seen: list[tuple[str, str]] = []

    def model(self, request: Any) -> Any:
        async def answer() -> str:
            self.seen.append((request.agent, request.messages[-1]["content"]))
            await self.gates.setdefault(request.agent, anyio.Event()).wait()
            return f"{request.agent} says"

        return answer()

    def open(self, *names: str) -> None:
        for name in names:
            self.gates.setdefault(name, anyio.Event()).set()


async def until(run: Run, wanted: Callable[[Any], bool]) -> None:
    with anyio.fail_after(5):
        while not any(map(wanted, run.events)):
            await anyio.sleep(0.001)


def began(agent: str) -> Callable[[Any], bool]:
    return lambda event: isinstance(event, ModelCallStarted) and event.agent == agent


async def test_an_agent_held_in_reserve_takes_the_place_of_another_and_knows_nothing_of_it() -> None:
    gates = Gates()
    agents = [Agent(name="a"), Agent(name="b"), Agent(name="spare", reserve=True)]
    async with Team(agents, CHAIN, models={"default": gates.model}).start("the task") as run:
        await until(run, began("a"))
        run.replace("a", "spare")
        assert run.topology.edges == [("user", "spare"), ("spare", "b"), ("b", "user")]
        gates.open("a", "b", "spare")
        result = await run.result()
    assert result.answer == "b says"
    said = [(e.sender, e.recipient) for e in result.events if isinstance(e, MessageDelivered)]
    assert said == [("user", "a"), ("user", "spare"), ("spare", "b"), ("b", "user")]
    # Its edges are gone: what it was still writing goes to nobody.
    assert not [event for event in result.events if isinstance(event, MessageRefused)]
    contexts = [(e.agent, e.reason) for e in result.events if isinstance(e, ContextStarted)]
    assert ("spare", "replace") in contexts
    [shown] = [text for agent, text in gates.seen if agent == "spare"]
    assert "the task" in shown
    assert "a says" not in shown
    well_formed(result.events)


async def test_only_those_in_reserve_may_come_and_only_those_on_the_graph_may_go() -> None:
    gates = Gates()
    agents = [Agent(name="a"), Agent(name="b"), Agent(name="spare", reserve=True)]
    async with Team(agents, CHAIN, models={"default": gates.model}).start("task") as run:
        with pytest.raises(TopologyError, match=r"'ghost' is not on the graph"):
            run.replace("ghost", "spare")
        with pytest.raises(TopologyError, match=r"'b' is not held in reserve; in reserve: spare"):
            run.replace("a", "b")
        with pytest.raises(TopologyError, match=r"there is no phase 'grap'; phases: graph; did you mean 'graph'\?"):
            run.enter_phase("grap")
        with pytest.raises(TopologyError, match="no message 'm9' is withheld"):
            run.release("m9")


async def test_a_planner_is_not_replaced_while_it_holds_what_was_planned() -> None:
    agents = [Agent(name=name) for name in ("p", "w")] + [Agent(name="spare", reserve=True)]
    gates = Gates()
    async with Team(agents, Topology.hierarchy("p", ["w"]), models={"default": gates.model}).start("task") as run:
        with pytest.raises(TopologyError, match="'p' plans or judges"):
            run.replace("p", "spare")


async def test_entering_a_phase_leaves_the_one_before_when_nobody_is_in_a_turn() -> None:
    gates = Gates()
    topology = Topology.flat(["a", "b"], rounds=5)
    async with team(gates.model, topology).start("task") as run:
        await until(run, began("a"))
        run.enter_phase("answer")
        gates.open("a", "b")
        result = await run.result()
    assert result.answer == "b says"
    assert [e.phase for e in result.events if isinstance(e, PhaseStarted)] == ["discuss", "answer"]
    assert [e.reason for e in result.events if isinstance(e, PhaseEnded)] == ["entered: answer"]
    assert [e.agent for e in result.events if isinstance(e, TurnStarted)] == ["a", "b", "b"]
    well_formed(result.events)


async def test_a_phase_may_be_entered_again_and_the_bounds_are_told_anew() -> None:
    gates = Gates()
    gates.open("a", "b")
    answered = anyio.Event()
    rounds: list[int] = []

    async def a(view: View) -> str:
        rounds.append(view.round)
        if len(rounds) == 2:
            answered.set()
            await anyio.sleep(0.01)
        return "a"

    topology = Topology.flat(["a", "b"], rounds=2)
    whole = Team([Agent(name="a", function=a), Agent(name="b", function=lambda view: "b")], topology)
    async with whole.start("task") as run:
        await answered.wait()
        run.enter_phase("discuss")
        result = await run.result()
    assert [e.phase for e in result.events if isinstance(e, PhaseStarted)] == ["discuss", "discuss", "answer"]
    [changed] = [event for event in result.events if isinstance(event, BoundsChanged)]
    assert changed.bounds["turns"] > (whole.bounds.turns or 0)
    assert result.turns <= changed.bounds["turns"]
    assert result.messages <= changed.bounds["messages"]
    well_formed(result.events)


async def test_bounds_that_change_stay_within_the_limits_of_the_run() -> None:
    limits = {"turns": 6, "messages": 8, "model_calls": 20, "tokens": 9_000}
    gates = Gates()
    whole = team(gates.model, Topology.flat(["a", "b"], rounds=4), limits=limits)
    assert {name: whole.bounds.as_dict()[name] for name in limits} == limits
    gates.open("a")
    async with whole.start("task") as run:
        while not any(event.type == "turn_ended" for event in run.events):
            await anyio.sleep(0)
        run.cut("a", "b")
        gates.open("b")
        result = await run.result()
    [changed] = [event for event in result.events if isinstance(event, BoundsChanged)]
    assert {name: changed.bounds[name] for name in limits} == limits
    well_formed(result.events)


async def test_a_message_on_a_cut_edge_is_refused_while_it_is_under_way() -> None:
    reached = anyio.Event()
    go = anyio.Event()

    async def slow(text: str) -> str:
        reached.set()
        await go.wait()
        return text

    topology = Topology.graph(["user -> a", {"from": "a", "to": "b", "rewrite": "slow"}, "b -> user"])
    agents = [Agent(name="a", model=lambda request: "x"), Agent(name="b", model=lambda request: "y")]
    async with Team(agents, topology, tools={"slow": slow}).start("task") as run:
        await reached.wait()
        run.cut("a", "b")
        go.set()
        result = await run.result()
    [refused] = [event for event in result.events if isinstance(event, MessageRefused)]
    assert (refused.sender, refused.recipient, refused.reason) == ("a", "b", "no_edge")
    assert not any(isinstance(e, MessageDelivered) and e.recipient == "b" for e in result.events)
    assert result.outcome == "stalled"
    well_formed(result.events)


async def test_the_log_gives_the_graph_at_every_point() -> None:
    gates = Gates()
    topology = Topology.graph(["user -> a", "a -> b", "a -> c", "b -> user", "c -> user"])
    async with team(gates.model, topology).start("task") as run:
        await until(run, began("a"))
        run.cut("a", "b")
        run.isolate("c")
        run.restore("a", "b")
        gates.open("a", "b")
        result = await run.result()
    changes = [event for event in result.events if isinstance(event, TopologyChanged)]
    graphs = [topology_at(result.events, event.id).edges for event in changes]
    assert ("a", "b") not in graphs[0]
    assert graphs[1] == [("user", "a"), ("b", "user")]
    assert graphs[2] == [("user", "a"), ("a", "b"), ("b", "user")]
    assert topology_at(result.events, changes[0].id - 1).edges == topology.edges
    assert [event.hash for event in changes] == [edges_hash(edges) for edges in graphs]
    assert len({event.hash for event in changes}) == 3
    with pytest.raises(TopologyError, match="no phase has started"):
        topology_at(result.events, 1)


async def test_a_quarantined_message_waits_for_a_person_and_passes_only_where_an_edge_permits_it_by_then() -> None:
    wrote = anyio.Event()
    go = anyio.Event()

    async def a(view: View) -> Reply | str:
        if view.turn == 1:
            return calls("send_message", recipients=["b"], content="secret")
        return "x"

    async def c(view: View) -> str:
        wrote.set()
        await go.wait()
        return "c"

    edges = ["user -> a", "user -> c", "a -> b", "b -> user", "c -> b"]
    topology = Topology.graph(edges, joins={"b": 2}, policy="quarantine")
    agents = [
        Agent(name="a", function=a),
        Agent(name="b", function=lambda view: view.text),
        Agent(name="c", function=c),
    ]
    async with Team(agents, topology).start("task") as run:
        run.cut("a", "b")
        await wrote.wait()
        await until(run, lambda event: isinstance(event, MessageWithheld))
        [withheld] = [event for event in run.events if isinstance(event, MessageWithheld)]
        [question] = [event for event in run.events if isinstance(event, Question)]
        assert (withheld.policy, question.question_id) == ("quarantine", withheld.message_id)
        run.restore("a", "b")
        run.release(withheld.message_id)
        go.set()
        result = await run.result()
    assert result.answer == "secret\n\nc"


async def test_a_message_that_nobody_releases_is_refused_when_the_run_ends() -> None:
    def a(view: View) -> Reply:
        return Reply("done", (ToolCall("send_message", {"recipients": ["b", "user"], "content": "psst"}),))

    topology = Topology.graph(["user -> a", "a -> user", "user -> b", "b -> user"], policy="quarantine")
    result = await Team([Agent(name="a", function=a), Agent(name="b", function=lambda view: None)], topology).run("t")
    assert result.answer == "psst"
    [refused] = [event for event in result.events if isinstance(event, MessageRefused)]
    assert (refused.recipient, refused.reason) == ("b", "completed")
    assert [question.question_id for question in result.questions] == [refused.message_id]


@pytest.mark.parametrize("policy", ["drop", "halt"])
async def test_what_no_edge_permits_is_dropped_or_halts_the_run_where_the_team_says_so(policy: Any) -> None:
    def a(request: Any) -> Any:
        return calls("send_message", recipients=["b", "user"], content="the answer")

    topology = Topology.graph(["user -> a", "a -> user", "user -> b", "b -> user"], policy=policy)
    agents = [Agent(name="a", model=a), Agent(name="b", function=lambda view: None)]
    result = await Team(agents, topology).run("t")
    [refused] = [e for e in result.events if isinstance(e, MessageRefused) and e.recipient == "b"]
    assert (refused.policy, refused.reason) == (policy, "no_edge")
    if policy == "drop":
        assert result.answer == "the answer"
        [sent] = [event for event in result.events if isinstance(event, ToolCallFinished)]
        assert (sent.result, sent.error) == ("handed over", None)
    else:
        assert (result.outcome, result.answer) == ("halted", None)
        assert result.reason == "policy: 'a' may not message 'b'; it may message: user"
    well_formed(result.events)
