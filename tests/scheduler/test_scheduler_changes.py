"""Change while a run lives: cuts, replacements, and the bounds that follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.events import BoundsChanged, Event, MessageDelivered, TaskChanged, TopologyChanged, TurnStarted
from agentmesh.scheduler import StartTurn
from agentmesh.topology.bounds import Bounds
from agentmesh.topology.graph import Topology
from agentmesh.topology.phases import Edge, Phase
from tests.scheduler.scheduler_play import Play, hand_off, send, tasks


def when_begins(agent: str, turn: int, *events: Event) -> Any:
    def outside(play: Play, event: Event) -> Sequence[Event]:
        begun = isinstance(event, TurnStarted) and (event.agent, event.turn) == (agent, turn)
        return events if begun else []

    return outside


def named(turn: StartTurn) -> str:
    return f"{turn.agent}{turn.turn}"


def test_who_takes_anothers_place_has_its_edges_and_the_task_and_nothing_else() -> None:
    replaced = TopologyChanged(change="replace", agents=("b", "r"))
    topology = Topology.graph(["user -> a", "user -> b", "a -> b", "b -> c", "c -> user"])
    play = Play(topology, dict.fromkeys("abcr", named), after=when_begins("b", 1, replaced)).run()
    new = next(view for view in play.views if view.agent == "r")
    assert [item.content for item in new.inbox][-1] == "the task"
    assert "a1" not in [item.content for item in new.inbox]
    assert (new.recipients, new.restart) == (("c",), "replace")
    assert not [item for item in play.said if item[0] == "b"], "whose place is taken reaches nobody any more"
    assert play.end.answer == "c1"
    play.check_form()


def test_what_the_replaced_one_says_by_tool_is_refused() -> None:
    replaced = TopologyChanged(change="replace", agents=("a", "r"))
    play = Play(Topology.chain(["a", "b"]), {"a": [[replaced, send("b"), None]], "r": ["instead"], "b": ["done"]}).run()
    assert play.refused == [("a", "b", "no_edge")]
    assert ("r", "b", "instead") in play.said
    assert play.end.answer == "done"


def test_the_cap_of_an_edge_and_its_cut_stay_with_the_edge() -> None:
    edges = ["user -> a", {"from": "a", "to": "b", "max_messages": 1}, "a -> c", "b -> a", "c -> user", "a -> user"]
    replaced = TopologyChanged(change="replace", agents=("a", "r"))
    cut = TopologyChanged(change="cut", edges=(("a", "c"),))
    play = Play(
        Topology.graph(edges),
        {"a": [[cut, send("b"), None]], "b": [[replaced, "back"]], "r": [[send("b", "c"), "done"]], "c": []},
    ).run()
    assert play.refused[:2] == [("r", "b", "max_messages"), ("r", "c", "no_edge")]
    assert play.end.answer == "done"


@pytest.mark.parametrize("order", ["round_robin", "simultaneous", "random"])
def test_a_replacement_speaks_in_the_rounds_that_are_left(order: Any) -> None:
    topology = Topology.flat(["a", "b", "c"], rounds=2, speaker="c", order=order)
    replaced = TopologyChanged(change="replace", agents=("a", "r"))
    play = Play(topology, dict.fromkeys("abcr", named), after=when_begins("a", 1, replaced)).run()
    assert "r" in play.order
    assert not [item for item in play.said if item[0] == "a"]
    assert play.end.outcome == "completed"
    play.check_form()


def test_a_replaced_speaker_leaves_the_floor_to_who_comes() -> None:
    pairs = (("user", "m"), ("m", "a"), ("a", "m"))
    chaired = Phase("panel", "moderator", ("m", "a"), tuple(Edge(*pair) for pair in pairs), rounds=1, moderator="m")
    close = Phase("close", "reactive", ("m",), (Edge("m", "user"),), opens=("m",))
    replaced = TopologyChanged(change="replace", agents=("a", "r"))
    call = ("next_speaker", {"agent": "a"})
    play = Play(Topology([chaired, close]), {"m": [[call, replaced, None], "done"], "a": [], "r": ["by r"]}).run()
    assert play.order == ["m", "r", "m"]
    assert ("r", "m", "by r") in play.said


def test_a_replaced_moderator_leaves_the_chair_to_who_comes() -> None:
    pairs = (("user", "m"), ("m", "a"), ("a", "m"))
    chaired = Phase("panel", "moderator", ("m", "a"), tuple(Edge(*pair) for pair in pairs), rounds=1, moderator="m")
    close = Phase("close", "reactive", ("m",), (Edge("m", "user"),), opens=("m",))
    replaced = TopologyChanged(change="replace", agents=("m", "r"))
    call = ("next_speaker", {"agent": "a"})
    play = Play(
        Topology([chaired, close]), {"m": [[replaced, call, None]], "r": [[call, None], "done"], "a": ["a"]}
    ).run()
    assert play.order == ["m", "r", "a", "r"]
    assert play.end.answer == "done"


def test_the_task_of_a_replaced_worker_has_failed_and_the_new_one_takes_the_next() -> None:
    replaced = TopologyChanged(change="replace", agents=("w", "r"))
    topology = Topology.hierarchy("p", ["w"])
    play = Play(
        topology,
        {
            "p": [[tasks("t1", "t2"), None], "done"],
            "w": [[hand_off("too late"), None]],
            "r": [[hand_off("did t2"), None]],
        },
        after=when_begins("w", 1, replaced),
    ).run()
    ended = {e.task.id: (e.status, e.worker) for e in play.of(TaskChanged)}
    assert ended == {"t1": ("failed", "w"), "t2": ("done", "r")}
    assert play.end.answer == "done"
    play.check_form()


def test_a_quorum_is_one_of_those_who_can_still_be_heard() -> None:
    edges = [*(f"user -> {name}" for name in "abc"), *(f"{name} -> q" for name in "abc"), "q -> user"]
    topology = Topology.graph(edges, joins={"q": "quorum"})
    actors = {"a": [[send("q"), None]], "b": [None], "c": [None], "q": named}
    assert Play(topology, actors).run().end.outcome == "stalled"
    cut = TopologyChanged(change="cut", edges=(("b", "q"), ("c", "q")))
    actors = {"a": [[send("q"), None]], "b": [None], "c": [[cut, None]], "q": named}
    assert Play(topology, actors).run().end.answer == "q1"


def test_what_a_cut_edge_has_brought_still_counts() -> None:
    edges = [*(f"user -> {name}" for name in "abc"), *(f"{name} -> q" for name in "abc"), "q -> user"]
    topology = Topology.graph(edges, joins={"q": "all"})
    cut = TopologyChanged(change="cut", edges=(("a", "q"),))
    play = Play(topology, {"a": ["A"], "b": [[cut, "B"]], "c": ["C"], "q": named}).run()
    assert ("q", 1, ("A", "B", "C")) in play.inboxes()


@given(st.permutations(range(3)))
def test_a_barrier_is_read_in_the_order_of_the_edges_whoever_is_faster(places: list[int]) -> None:
    for join in ("all", "quorum"):
        edges = [*(f"user -> {name}" for name in "abc"), *(f"{name} -> q" for name in "abc"), "q -> user"]
        topology = Topology.graph(edges, joins={"q": join})
        left = iter(places)

        def choose(pending: Sequence[StartTurn], left: Any = left) -> int:
            names = [turn.agent for turn in pending]
            wanted = "abc"[next(left, 0)]
            return names.index(wanted) if wanted in names else 0

        play = Play(topology, dict.fromkeys("abcq", lambda turn: turn.agent), choose=choose).run()
        first = next(view for view in play.views if view.agent == "q")
        heard = [item.content for item in first.inbox]
        assert heard == sorted(heard)
        assert len(heard) == (3 if join == "all" else 2)


def test_every_change_gives_new_bounds_of_the_whole_run() -> None:
    seen: list[tuple[str, ...]] = []

    def bounds(phases: Sequence[Phase], used: Bounds) -> Bounds:
        seen.append(tuple(f"{phase.name}:{len(phase.edges)}" for phase in phases))
        return Bounds(10, 20, 30, 40, 0.5).after(used)

    cut = TopologyChanged(change="cut", edges=(("b", "a"),))
    enter = TopologyChanged(change="enter_phase", phase="answer")
    topology = Topology.flat(["a", "b"], rounds=5, order="round_robin")
    play = Play(topology, {"a": ["x"], "b": [[cut, enter, "x"], "done"]}, options={"bounds": bounds}).run()
    assert seen == [("discuss:3", "answer:1"), ("discuss:3", "answer:1")]
    first = play.of(BoundsChanged)[0].bounds
    turns, delivered = 2, len([e for e in play.of(MessageDelivered) if e.id < play.of(BoundsChanged)[0].id])
    assert first["turns"] == 10 + turns
    assert first["messages"] >= 30 + delivered
    assert len(play.of(TurnStarted)) <= first["turns"]


def test_an_agent_cut_off_from_everybody_is_passed_over() -> None:
    topology = Topology.flat(["a", "b", "c"], rounds=3, speaker="a")
    gone = TopologyChanged(change="isolate", agents=("c",), edges=tuple(pair for pair in topology.edges if "c" in pair))
    play = Play(topology, dict.fromkeys("abc", named), after=when_begins("a", 1, gone)).run()
    assert play.order.count("c") == 1
    assert not play.refused, "a plain reply goes to those who can be reached"
    assert not [item for item in play.said if "c" in item[:2] and item[0] != "user"]
    assert play.end.answer == "a4"


def test_who_is_isolated_is_cut_off_from_whoever_came_in_the_same_step() -> None:
    # Written down together, before the replacement: the edges of the second are drawn with the old name.
    replaced = TopologyChanged(change="replace", agents=("a", "r"))
    isolated = TopologyChanged(change="isolate", agents=("b",), edges=(("user", "b"), ("b", "a"), ("b", "user")))
    topology = Topology.graph(["user -> a", "user -> b", "b -> a", "a -> user", "b -> user"])
    play = Play(topology, dict.fromkeys("abr", named), after=when_begins("b", 1, replaced, isolated)).run()
    delivered = [(event.sender, event.recipient) for event in play.log if isinstance(event, MessageDelivered)]
    assert ("b", "r") not in delivered
    assert ("user", "r") in delivered
