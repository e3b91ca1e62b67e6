"""No run uses more than its bounds, and a run that tries hard enough uses all of it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agentmesh.config.models import Limits
from agentmesh.events import MessageDelivered
from agentmesh.scheduler import StartTurn
from agentmesh.topology.bounds import bounds_of
from agentmesh.topology.graph import Topology
from tests.scheduler.scheduler_play import Play, decide, hand_off, send, tasks

NAMES = ("a", "b", "c", "d")
KINDS = [
    Topology.chain(NAMES),
    Topology.flat(NAMES, rounds=2),
    Topology.flat(NAMES, rounds=2, order="round_robin", speaker="a"),
    Topology.hierarchy("a", ["b", "c"], judge="d", max_cycles=2, max_tasks=3),
    Topology.hierarchy("a", [{"planner": "b", "workers": ["c"], "max_tasks": 2}, "d"], max_tasks=2),
    Topology.hierarchy("a", [{"planner": "b", "workers": ["c"], "max_tasks": 2}], judge="d", max_cycles=2, max_tasks=2),
]


@st.composite
def graphs(draw: st.DrawFn) -> Topology:
    """Any digraph whose every inner edge has a cap, or which has no cycle among agents."""
    ends = st.tuples(st.sampled_from([*NAMES, "user"]), st.sampled_from([*NAMES, "user"]))
    pairs = sorted(draw(st.sets(ends.filter(lambda pair: pair[0] != pair[1]), min_size=1, max_size=10)))
    edges = [
        {"from": a, "to": b}
        if a < b or "user" in (a, b)
        else {"from": a, "to": b, "max_messages": draw(st.integers(1, 2))}
        for a, b in pairs
    ]
    joins: Any = draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["all", 2])))
    return Topology.graph(edges, joins=joins)


@st.composite
def deeds(draw: st.DrawFn) -> Any:
    """Anything that an agent may try in a turn."""
    to = st.lists(st.sampled_from([*NAMES, "user", "ghost"]), min_size=1, max_size=3)
    ids = st.lists(st.sampled_from("123456"), min_size=1, max_size=3, unique=True)
    calls = st.one_of(
        to.map(lambda names: send(*names)),
        ids.map(lambda found: tasks(*found)),
        st.sampled_from(["done", "failed", "blocked"]).map(lambda status: hand_off("x", status)),
        st.sampled_from(["done", "continue", "replan"]).map(decide),
    )
    last = st.sampled_from([None, "", "text"])
    several = st.tuples(st.lists(calls, max_size=3), last).map(lambda both: [*both[0], both[1]])
    return draw(st.one_of(several, st.just("text"), st.just(Exception("broken"))))


@given(st.data())
def test_no_run_exceeds_its_bounds(data: st.DataObject) -> None:
    topology = data.draw(st.one_of(st.sampled_from(KINDS), graphs()))
    retries = data.draw(st.integers(0, 1))
    bounds = bounds_of(topology.phases, retries=retries)
    play = Play(
        topology,
        dict.fromkeys(topology.nodes, lambda turn: data.draw(deeds())),
        choose=lambda pending: data.draw(st.integers(0, len(pending) - 1)),
        verify=lambda answer: False,
        options={"verify_retries": retries or data.draw(st.sampled_from([None, 0]))},
    ).run()
    assert bounds.turns is not None
    assert bounds.messages is not None
    assert len(play.order) <= bounds.turns
    assert len(play.of(MessageDelivered)) <= bounds.messages
    play.check_form()


def used(play: Play) -> tuple[int, int]:
    play.run()
    return len(play.order), len(play.of(MessageDelivered))


def bound(topology: Topology) -> tuple[int | None, int | None]:
    return topology.bounds.turns, topology.bounds.messages


def test_agents_that_always_talk_reach_the_bounds_of_chain_and_flat() -> None:
    for topology in (Topology.chain(NAMES), Topology.flat(NAMES, rounds=3), Topology.flat(NAMES, order="round_robin")):
        assert used(Play(topology, dict.fromkeys(NAMES, lambda turn: "talk"))) == bound(topology)


def test_a_planner_that_opens_one_task_at_a_time_reaches_its_bounds() -> None:
    def planner(turn: StartTurn) -> Any:
        return [tasks(f"t{turn.turn}"), None] if turn.turn <= 3 else "answer"

    topology = Topology.hierarchy("p", ["w1", "w2"], max_tasks=3)
    done = lambda turn: [hand_off("done"), None]  # noqa: E731
    assert used(Play(topology, {"p": planner, "w1": done, "w2": done})) == bound(topology)


def test_a_judge_that_hesitates_to_the_last_reaches_the_bounds() -> None:
    def planner(turn: StartTurn) -> Any:
        return [tasks(f"t{turn.turn}"), None] if turn.turn <= 2 else "answer"

    def judge(turn: StartTurn) -> Any:
        if turn.turn % 3:
            return "I wonder"
        return [decide("continue" if turn.turn < 9 else "done"), None]

    topology = Topology.hierarchy("p", ["w"], judge="j", max_tasks=2, max_cycles=3)
    play = Play(topology, {"p": planner, "w": lambda turn: [hand_off("done"), None], "j": judge})
    assert used(play) == bound(topology)
    assert play.end.answer == "answer"


def test_talk_around_a_capped_cycle_reaches_the_bounds() -> None:
    topology = Topology.graph(
        ["user -> a", "a -> b", {"from": "b", "to": "a", "max_messages": 3}, "b -> c", "c -> user"]
    )
    actors = {"a": lambda turn: "a", "b": lambda turn: "b", "c": lambda turn: None if turn.turn < 4 else "c"}
    assert bound(topology) == (4 + 4 + 4, 1 + 4 + 3 + 4 + 1)
    play = Play(topology, actors)
    assert used(play) == bound(topology)
    assert play.end.answer == "c"


def test_limits_are_bounds_too() -> None:
    topology = Topology.graph(["user -> a", "a -> b", "b -> a", "b -> user"])
    limits = Limits(turns=7)
    bounds = bounds_of(topology.phases, limits=limits)
    play = Play(
        topology,
        dict.fromkeys("ab", lambda turn: [send("a" if turn.agent == "b" else "b"), None]),
        options={"limits": limits},
    ).run()
    assert len(play.order) == bounds.turns == 7
