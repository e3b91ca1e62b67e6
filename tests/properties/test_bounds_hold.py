"""No run uses more than its bounds, and a run that tries hard enough uses all of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.config.models import AgentConfig, Limits
from agentmesh.events import BoundsChanged, Event, MessageDelivered, TopologyChanged
from agentmesh.scheduler import StartTurn
from agentmesh.topology.bounds import bounds_of
from agentmesh.topology.graph import Topology, Vote
from tests.properties.bounds_cases import KINDS, NAMES, RANKED, VOTE, VOTES, courses, deeds, graphs
from tests.scheduler.scheduler_play import Holds, Play, decide, hand_off, send, tasks


@given(st.data())
def test_no_run_exceeds_its_bounds(data: st.DataObject) -> None:
    topology = data.draw(st.one_of(st.sampled_from(KINDS), graphs(), courses()))
    retries = data.draw(st.integers(0, 1))
    bounds = bounds_of(topology.phases, retries=retries)
    play = Play(
        topology,
        dict.fromkeys(topology.nodes, lambda turn: data.draw(deeds())),
        choose=lambda pending: data.draw(st.integers(0, len(pending) - 1)),
        verify=lambda answer: False,
        until=lambda said: data.draw(st.booleans()),
        accept=lambda command: data.draw(st.sampled_from([None, "it does not hold"])),
        slow_accept=data.draw(st.booleans()),
        check_now=lambda: data.draw(st.booleans()),
        options={"verify_retries": retries or data.draw(st.sampled_from([None, 0]))},
    ).run()
    assert bounds.turns is not None
    assert bounds.messages is not None
    assert len(play.order) <= bounds.turns
    assert len(play.of(MessageDelivered)) <= bounds.messages
    play.check_form()


@given(st.data())
def test_no_run_exceeds_the_bounds_that_a_change_of_its_graph_left(data: st.DataObject) -> None:
    topology = data.draw(st.one_of(st.sampled_from(KINDS), graphs(), courses()))
    edges: Any = st.lists(st.sampled_from(topology.edges), min_size=1, max_size=3, unique=True).map(tuple)
    when = data.draw(st.lists(st.integers(3, 60), min_size=1, max_size=2))
    changes: list[TopologyChanged] = []

    def change(play: Play, event: Event) -> list[Event]:
        if len(changes) == len(when) or len(play.log) < when[len(changes)]:
            return []
        cut = [pair for one in changes if one.change == "cut" for pair in one.edges]
        back: bool = data.draw(st.booleans())
        if cut and back:
            changes.append(TopologyChanged(change="restore", edges=tuple(cut)))
        elif back:
            changes.append(TopologyChanged(change="enter_phase", phase=topology.phases[-1].name))
        else:
            changes.append(TopologyChanged(change="cut", edges=data.draw(edges)))
        return [changes[-1]]

    play = Play(
        topology,
        dict.fromkeys(topology.nodes, lambda turn: data.draw(st.sampled_from(["talk", "talk", None]) | deeds())),
        after=change,
        accept=lambda command: data.draw(st.sampled_from([None, "it does not hold"])),
        slow_accept=data.draw(st.booleans()),
        check_now=lambda: data.draw(st.booleans()),
        options={"bounds": lambda phases, used: bounds_of(phases, begun=True).after(used)},
    ).run()
    made = play.of(BoundsChanged)
    if made and len(made) == len(changes):
        assert len(play.order) <= (made[-1].bounds["turns"] or 0)
        assert len(play.of(MessageDelivered)) <= (made[-1].bounds["messages"] or 0)
    play.check_form()


def used(play: Play) -> tuple[int, int]:
    play.run()
    return len(play.order), len(play.of(MessageDelivered))


def bound(topology: Topology) -> tuple[int | None, int | None]:
    return topology.bounds.turns, topology.bounds.messages


TALKING = {
    "solo": Topology.solo("a"),
    "chain": Topology.chain(NAMES),
    "flat": Topology.flat(NAMES, rounds=3),
    "flat in turn": Topology.flat(NAMES, order="round_robin"),
    "flat that votes": Topology.flat(NAMES, rounds=3, vote=VOTE),
    "star": Topology.star("a", ["b", "c", "d"]),
    "star that asks again": Topology.star("a", ["b", "c", "d"], rounds=3),
    "ring": Topology.ring(NAMES),
    "ring in turn": Topology.ring(NAMES, order="round_robin", rounds=5),
    "layers": Topology.layers([["a", "b"], ["c"], ["d"]]),
    "debate": Topology.debate(["a", "b", "c"], judge="d", rounds=3),
    "debate at once": Topology.debate(["a", "b", "c"], judge="d", order="simultaneous"),
    "a vote": Topology.independent(NAMES, vote=VOTE),
    "an aggregator": Topology.independent(NAMES[:3], aggregator="d"),
    "a vote that tells agents": Topology.graph(
        ["user -> a, b", "a, b -> v", "v -> c", "c -> user"], votes={VOTE: Vote()}
    ),
    "a join of two": Topology.graph(["user -> a, b, c", "a, b, c -> d", "d -> user"], joins={"d": 2}),
    "a quorum": Topology.graph(["user -> a, b, c", "a, b, c -> d", "d -> user"], joins={"d": "quorum"}),
    "blind, then a discussion, then a vote": Topology(
        [
            {"name": "blind", "edges": ["user -> a, b, c"]},
            {"name": "discuss", "edges": ["a, b, c -> a, b, c"], "order": "round_robin", "rounds": 2},
            {"name": "vote", "edges": ["a, b, c -> v", "v -> user"], "order": "simultaneous", "rounds": 1},
        ],
        votes=VOTES,
    ),
}


@pytest.mark.parametrize("topology", TALKING.values(), ids=list(TALKING))
def test_agents_that_always_talk_reach_the_bounds(topology: Topology) -> None:
    assert used(Play(topology, dict.fromkeys(topology.nodes, lambda turn: "talk"))) == bound(topology)


def test_some_draw_of_a_random_order_reaches_the_bounds() -> None:
    topology = Topology.flat(NAMES[:3], rounds=3, order="random")
    talk = dict.fromkeys(NAMES[:3], lambda turn: "talk")
    plays = [used(Play(topology, talk, seed=seed)) for seed in range(60)]
    assert max(plays) == bound(topology)
    assert min(plays) < max(plays), "not every draw lets everybody act in every round"


def test_agents_that_never_agree_reach_the_bounds_of_a_phase_that_ends_when_they_do() -> None:
    def stubborn(turn: StartTurn) -> Any:
        return "talk" if turn.positions == "off" else Holds("talk", turn.agent)

    topology = Topology.flat(NAMES, rounds=3, positions="required", end="converged")
    assert used(Play(topology, dict.fromkeys(NAMES, stubborn))) == bound(topology)
    agreed = Play(topology, dict.fromkeys(NAMES, lambda turn: Holds("talk", "42") if turn.positions != "off" else "x"))
    assert used(agreed) < used(Play(topology, dict.fromkeys(NAMES, stubborn)))


def test_a_judge_that_ranks_reaches_the_bounds_of_the_best_of_several() -> None:
    topology = Topology.independent(NAMES[:3], best_of="d")
    actors: Any = dict.fromkeys(NAMES[:3], lambda turn: "talk")
    play = Play(topology, {**actors, "d": lambda turn: [("vote", {"ranking": ["b", "a"]}), None]})
    assert used(play) == bound(topology)


def test_candidates_that_enter_and_vote_reach_the_bounds() -> None:
    topology = Topology.graph(
        ["user -> a, b", {"from": "a", "to": "b", "max_messages": 1}, {"from": "b", "to": "a", "max_messages": 1},
         "a, b -> w", "w -> user"], votes={RANKED: Vote(candidates=("a", "b"))},
    )  # fmt: skip

    def candidate(turn: StartTurn) -> Any:
        return "my text" if turn.turn == 1 else [("vote", {"ranking": ["a"]}), None]

    play = Play(topology, {"a": candidate, "b": candidate})
    assert bound(topology) == (4, 2 + 2 + 4 + 1)
    assert used(play) == bound(topology)
    assert play.end.answer == "my text"


def test_a_moderator_that_hesitates_to_the_last_reaches_its_bounds() -> None:
    def moderator(turn: StartTurn) -> Any:
        said = send("a", "b", "c")
        return "who is next?" if turn.turn % 3 else [said, ("next_speaker", {"agent": "b"}), None]

    topology = Topology(
        [
            {
                "name": "talk",
                "edges": ["user -> d", "d -> a, b, c", "a -> b", "b -> a, c", "c -> a"],
                "order": "moderator",
                "moderator": "d",
                "rounds": 3,
            },
            {"name": "answer", "edges": ["b -> user"]},
        ]
    )
    actors: Any = dict.fromkeys(NAMES[:3], lambda turn: "talk")
    assert bound(topology) == (9 + 3 + 1, 1 + 9 * 3 + 3 * 2 + 1)
    assert used(Play(topology, {**actors, "d": moderator})) == bound(topology)


@pytest.mark.parametrize("memory", ["fresh", "full"])
def test_a_loop_that_is_satisfied_at_the_last_moment_reaches_the_bounds(memory: str) -> None:
    topology = Topology(
        [
            {
                "name": "work", "edges": ["user -> a, b, c", "a, b, c -> a, b, c"], "order": "simultaneous",
                "rounds": 2, "until": {"promise": "done", "function": "m:f"}, "max_iterations": 3, "memory": memory,
            },
            {"name": "answer", "edges": ["a -> user"]},
        ]
    )  # fmt: skip
    actors = dict.fromkeys("abc", lambda turn: "<promise>done</promise>" if turn.turn == 6 else "talk")
    told = 9 if memory == "fresh" else 3
    assert bound(topology) == (18 + 1, told + 3 * 2 * 6 + 1)
    assert used(Play(topology, actors)) == bound(topology)


def test_a_loop_that_answers_in_every_iteration_and_is_refuted_beside_reaches_the_bounds() -> None:
    phase = {"name": "work", "edges": ["user -> a", "a -> user"], "memory": "fresh", "max_iterations": 3}
    topology = Topology([{**phase, "until": {"function": "m:f"}}])
    assert used(Play(topology, {"a": lambda turn: "x"}, until=lambda said: False)) == bound(topology) == (3, 3 + 3)
    bounds = bounds_of(topology.phases, retries=1)
    checks = iter([False, False, True, True])
    play = Play(
        topology,
        {"a": lambda turn: "x"},
        until=lambda said: next(checks),
        verify=lambda answer: False,
        options={"verify_retries": 1},
    )
    assert used(play) == (4, 3 + 4)
    assert play.end.reason == "not_verified"
    assert (bounds.messages, (bounds.turns or 0) >= 4) == (3 + 4, True)


def test_an_answer_that_is_refuted_to_the_last_reaches_the_bounds() -> None:
    topology = Topology.chain(["a", "b"])
    bounds = bounds_of(topology.phases, retries=2)
    play = Play(topology, dict.fromkeys("ab", lambda turn: "x"), verify=lambda _: False, options={"verify_retries": 2})
    assert used(play) == (bounds.turns, bounds.messages) == (1 + 3, 1 + 1 + 3)


def test_a_root_that_talks_beside_its_tasks_proposes_nothing() -> None:
    """Else a judge would have to decide more often than its bounds say."""
    topology = Topology.hierarchy("p", ["w"], judge="j", max_tasks=3, max_cycles=1)

    def planner(turn: StartTurn) -> Any:
        return [tasks(f"t{turn.turn}"), "I opened a task"] if turn.turn <= 3 else "answer"

    play = Play(
        topology,
        {"p": planner, "w": lambda turn: [hand_off("done"), None], "j": lambda turn: "I wonder"},
        options={"agent_limits": {"w": Limits(turns=1)}},
    ).run()
    assert play.order.count("j") == 3
    assert [said for said in play.said if said[1] == "j"] == [("p", "j", "answer")]


def test_every_model_call_of_a_run_is_in_its_bounds() -> None:
    """As many as a turn may take, in every turn, and one for each summary."""
    topology = Topology.graph(
        [{"from": "user", "to": "a"}, {"from": "a", "to": ["b", "c"], "carries": "summary"}, "b, c -> d", "d -> user"],
        joins={"d": "all"},
    )
    agents = {name: AgentConfig(max_steps=3) for name in NAMES}
    asked: list[str] = []
    play = Play(
        topology,
        {
            "a": lambda turn: [send("b", content="one"), send("c", content="two"), None],
            **dict.fromkeys("bcd", lambda turn: "x"),
        },
        summarise=lambda content: asked.append(content) or "short",  # type: ignore[func-returns-value]
    ).run()
    bounds = bounds_of(topology.phases, agents)
    assert asked == ["one", "two"]
    assert bounds.model_calls == 3 * len(play.order) + len(asked)


def test_the_summary_of_an_answer_is_in_the_bounds() -> None:
    """One for each answer that may come, however many agents may give it."""
    edges: list[Any] = ["user -> a, b", {"from": ["a", "b"], "to": "user", "carries": "summary"}]
    topology = Topology.graph(edges)
    asked: list[str] = []
    play = Play(
        topology,
        dict.fromkeys("ab", lambda turn: "long"),
        summarise=lambda content: asked.append(content) or "short",  # type: ignore[func-returns-value]
    ).run()
    agents = {name: AgentConfig(max_steps=1) for name in NAMES}
    assert asked == ["long"]
    assert play.order == ["a", "b"]
    assert bounds_of(topology.phases, agents).model_calls == 2 + 1
    refuted = bounds_of(topology.phases, agents, retries=2)
    assert refuted.model_calls == (refuted.turns or 0) + 3


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


def test_messages_that_are_read_one_by_one_reach_the_bounds() -> None:
    topology = Topology.graph(
        ["user -> a", "a -> b, c", "b, c -> d", {"from": "d", "to": "a", "max_messages": 2}, "d -> user"]
    )
    actors: Any = dict.fromkeys("abc", lambda turn: "talk")
    d_first = lambda pending: next((at for at, turn in enumerate(pending) if turn.agent == "d"), 0)  # noqa: E731
    play = Play(topology, {**actors, "d": lambda turn: send("a") if turn.turn < 6 else "talk"}, choose=d_first)
    assert bound(topology) == (3 + 3 + 3 + 6, 1 + 2 * 3 + 2 * 3 + 2 + 1)
    assert used(play) == bound(topology)


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
