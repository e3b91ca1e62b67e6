"""Interventions on the scheduler alone: evidence, blind votes, edges, objections and contexts, in every order."""

from __future__ import annotations

from typing import Any

import pytest

from agentmesh.events import (
    InterventionMade,
    MessageDelivered,
    Notice,
    TaskChanged,
    TopologyChanged,
)
from agentmesh.scheduler import StartTurn
from agentmesh.topology.graph import Topology
from agentmesh.topology.history import topology_at
from agentmesh.topology.phases import edges_hash
from tests.scheduler.findings import (
    PAIR,
    ROUNDS,
    after_turn,
    flat,
    kinds,
    named,
    notices,
    said,
    turns_over,
    views,
    watched,
)
from tests.scheduler.scheduler_play import Play, hand_off, send, tasks

# Evidence


@pytest.mark.parametrize("order", ROUNDS)
@pytest.mark.parametrize("when", [1, 5, 7])
def test_who_is_asked_for_evidence_acts_on_it_even_after_the_last_round(order: Any, when: int) -> None:
    play = watched(flat(order), dict.fromkeys("abc", named), ["ask_evidence"], (turns_over(when), ["a", "b"])).run()
    assert kinds(play) == ["ask_evidence"]
    assert sorted(notices(play, "ask_evidence")) == ["a", "b"]
    for agent in "ab":
        read = [view for view in views(play, agent) if any(_is_notice(item, "ask_evidence") for item in view.inbox)]
        assert len(read) == 1
        assert read[0].phase == "discuss"
    assert play.end.outcome == "completed"
    play.check_form()


def _is_notice(item: Any, template: str) -> bool:
    return isinstance(item, Notice) and item.template == template


def test_a_reactive_agent_that_is_asked_for_evidence_acts_although_nobody_wrote_to_it() -> None:
    topology = Topology.graph(["user -> a", "a -> b", "b -> c", "c -> user"])
    play = watched(topology, dict.fromkeys("abc", named), ["ask_evidence"], (after_turn("b"), ["a"])).run()
    assert play.order.count("a") == 2
    assert ("a", "b", "a2") in play.said


def test_a_worker_that_is_asked_for_evidence_does_its_task_once_more_before_the_planner_goes_on() -> None:
    play = watched(
        Topology.hierarchy("p", ["w", "v"]),
        {
            "p": [[tasks("t1"), None], "done"],
            "w": [[hand_off("first"), None], [hand_off("second, with evidence"), None]],
            "v": [],
        },
        ["ask_evidence"],
        (lambda event: isinstance(event, TaskChanged) and event.status == "done" and event.summary == "first", ["w"]),
    ).run()
    last = views(play, "p")[-1]
    assert [item.content for item in last.inbox] == [
        "Status: done\nSummary: first",
        "Status: done\nSummary: second, with evidence",
    ]
    assert [e.status for e in play.of(TaskChanged)] == ["open", "claimed", "done", "claimed", "done"]
    assert play.end.answer == "done"
    play.check_form()


# Blind votes


@pytest.mark.parametrize("order", ROUNDS)
@pytest.mark.parametrize("when", [2, 5, 7])
def test_a_blind_vote_shows_nobody_what_others_say_before_all_have_answered(order: Any, when: int) -> None:
    play = watched(
        flat(order), dict.fromkeys("abc", named), ["blind_revote"], (turns_over(when), ["a", "b", "c"])
    ).run()
    assert kinds(play) == ["blind_revote"]
    blind = [view for view in play.views if view.restart == "reset"]
    assert sorted(view.agent for view in blind) == ["a", "b", "c"]
    for view in blind:
        senders = {item.sender for item in view.inbox if isinstance(item, MessageDelivered)}
        assert senders == {"user"}, f"{view.agent} was shown {view.inbox}"
        assert "the task" in [item.content for item in view.inbox]
    first = min(
        play.log.index(event) for event in play.of(MessageDelivered) if event.content in {named(v) for v in blind}
    )
    assert all(_ended(play, view) < first for view in blind)
    assert play.end.outcome == "completed"
    play.check_form()


def _ended(play: Play, view: StartTurn) -> int:
    return next(
        at
        for at, event in enumerate(play.log)
        if event.type == "turn_ended" and (event.agent, event.turn) == (view.agent, view.turn)
    )


def test_what_was_laid_aside_during_a_blind_vote_is_read_after_it() -> None:
    play = watched(
        flat("round_robin", 4), dict.fromkeys("abc", named), ["blind_revote"], (after_turn("a"), ["a", "b"])
    ).run()
    blind = [view for view in play.views if view.restart == "reset"]
    assert {view.agent for view in blind} == {"a", "b"}
    for agent in "ab":
        read = [
            item.content for view in views(play, agent) for item in view.inbox if isinstance(item, MessageDelivered)
        ]
        sent = [text for sender, to, text in play.said if to == agent and sender != "user"]
        heard = [text for text in read if text != "the task"]
        assert len(heard) >= 4
        assert heard == sent[: len(heard)], "all that was said was read, once, and in order"


def test_what_is_sent_by_tool_in_a_blind_vote_is_held_too() -> None:
    def sends(turn: StartTurn) -> Any:
        return named(turn) if turn.phase == "answer" else [send("a", "b", "c", content=named(turn)), None]

    play = watched(
        flat("round_robin"), dict.fromkeys("abc", sends), ["blind_revote"], (turns_over(4), ["a", "b", "c"])
    ).run()
    blind = [view for view in play.views if view.restart == "reset"]
    assert len(blind) == 3
    for view in blind:
        assert {item.sender for item in view.inbox if isinstance(item, MessageDelivered)} == {"user"}
    heard = {(sender, text) for sender, _, text in play.said}
    assert heard >= {(view.agent, named(view)) for view in blind}, "nothing that was held is lost"
    play.check_form()


def test_only_whom_the_user_addresses_votes_blind_and_without_any_the_next_rung_is_taken() -> None:
    topology = Topology.graph(["user -> a", "a -> b", "b -> c", "c -> user"])
    play = watched(topology, dict.fromkeys("abc", named), ["blind_revote", "note"], (after_turn("b"), ["b"])).run()
    [made] = play.of(InterventionMade)
    assert (made.kind, made.skipped) == ("note", ("blind_revote",))


# Edges


def test_a_cut_takes_the_edges_between_the_agents_and_none_of_the_users() -> None:
    play = watched(PAIR, dict.fromkeys("abc", named), ["cut_edge"], (said("a1"), ["a", "b"])).run()
    [cut] = play.of(TopologyChanged)
    assert (cut.change, set(cut.edges)) == ("cut", {("a", "b"), ("b", "a")})
    assert cut.hash == edges_hash(topology_at(play.log, cut.id).edges)
    later = [event for event in play.of(MessageDelivered) if event.id > cut.id]
    assert not [event for event in later if {event.sender, event.recipient} == {"a", "b"}]
    assert play.end.outcome == "completed"
    play.check_form()


def test_of_one_agent_the_edge_is_cut_over_which_it_was_found() -> None:
    play = watched(PAIR, dict.fromkeys("abc", named), ["cut_edge", "halt"], (said("b1"), ["b"])).run()
    [cut] = play.of(TopologyChanged)
    assert len(cut.edges) == 1
    assert cut.edges[0][0] == "b"


def test_an_edge_that_is_cut_already_is_not_cut_again_and_the_ladder_goes_on() -> None:
    ladder = ["cut_edge", "cut_edge", "isolate"]
    play = watched(
        flat("round_robin"),
        dict.fromkeys("abc", named),
        ladder,
        (after_turn("a", 1), ["a", "b"]),
        (after_turn("b", 2), ["a", "b"]),
    ).run()
    made = play.of(InterventionMade)
    assert [(one.kind, one.skipped) for one in made] == [("cut_edge", ()), ("isolate", ("cut_edge",))]
    assert made[1].agents == ("a",)
    isolated = play.of(TopologyChanged)[-1]
    assert isolated.change == "isolate"
    assert isolated.hash == edges_hash(edges := topology_at(play.log, isolated.id).edges)
    assert edges
    assert not [pair for pair in edges if "a" in pair]
    play.check_form()


def test_a_run_that_stalls_after_a_cut_names_the_edges_that_are_gone() -> None:
    topology = Topology.graph(["user -> a", "a -> b", "b -> c", "c -> user"])
    play = watched(topology, dict.fromkeys("abc", named), ["isolate"], (said("the task"), ["b"])).run()
    assert play.end.outcome == "stalled"
    assert play.end.reason.endswith("no answer reached the user; edges that were cut: a -> b, b -> c")
    names = [f"w{index}" for index in range(12)]
    wide = Topology.graph([f"user, a -> {name}" for name in names] + ["a -> user", "user -> a"])
    play = watched(wide, dict.fromkeys(["a", *names], named), ["isolate"], (said("the task"), ["a"])).run()
    assert play.end.reason.endswith("edges that were cut: a -> user, a -> w0, a -> w1, a -> w10, a -> w11, a -> w2, "
                                    "a -> w3, a -> w4 and 6 more")  # fmt: skip


# A dissenter


@pytest.mark.parametrize("order", ROUNDS)
@pytest.mark.parametrize("when", [2, 5, 7])
def test_a_dissenter_is_given_what_was_said_and_is_heard_by_those_it_objects_to(order: Any, when: int) -> None:
    play = watched(
        flat(order), dict.fromkeys(["a", "b", "c", "s"], named), [{"dissent": {"agent": "s"}}],
        (turns_over(when), ["a", "b"]), reserve=["s"],
    ).run()  # fmt: skip
    assert kinds(play) == ["dissent"]
    [joined] = play.of(TopologyChanged)
    assert (joined.change, joined.agents) == ("restore", ("s",))
    assert set(joined.edges) == {("a", "s"), ("s", "a"), ("b", "s"), ("s", "b")}
    assert joined.hash == edges_hash(topology_at(play.log, joined.id).edges)
    first = views(play, "s")[0]
    heard = {item.sender for item in first.inbox if isinstance(item, MessageDelivered)}
    assert heard <= {"a", "b"}
    assert len(heard) == 2 or when == 2
    assert any(_is_notice(item, "dissent") for item in first.inbox)
    for agent in "ab":
        reads = [view for view in views(play, agent) if "s1" in [item.content for item in view.inbox]]
        assert len(reads) == 1
        assert reads[0].phase == "discuss"
    assert play.end.outcome == "completed"
    play.check_form()


def test_a_dissenter_joins_a_reactive_team_and_acts_at_once() -> None:
    play = watched(
        PAIR, dict.fromkeys(["a", "b", "c", "s"], named), ["dissent"], (said("a1"), ["a"]), reserve=["s"]
    ).run()
    assert ("a", "s", "a1") in play.said
    assert ("s", "a", "s1") in play.said
    assert any("s1" in [item.content for item in view.inbox] for view in views(play, "a"))
    assert play.end.outcome == "completed"


def test_a_dissenter_objects_to_a_worker_who_does_its_task_once_more() -> None:
    play = watched(
        Topology.hierarchy("p", ["w"]),
        {
            "p": [[tasks("t1"), None], "done", "done after all"],
            "w": [[hand_off("lazy"), None], [hand_off("better"), None]],
            "s": ["I object"],
        },
        ["dissent"],
        (lambda event: isinstance(event, MessageDelivered) and "lazy" in event.content, ["w"]),
        reserve=["s"],
    ).run()
    assert ("s", "w", "I object") in play.said
    assert play.end.outcome == "completed"
    play.check_form()


def test_a_member_objects_by_a_notice_alone() -> None:
    play = watched(
        flat("round_robin"), dict.fromkeys("abc", named), [{"dissent": {"agent": "c"}}], (after_turn("b"), ["a", "b"])
    ).run()
    assert play.of(TopologyChanged) == []
    assert notices(play, "dissent") == ["c"]


# Contexts


@pytest.mark.parametrize("order", ROUNDS)
def test_a_context_is_reset_and_what_the_others_wrote_is_gone(order: Any) -> None:
    play = watched(flat(order), dict.fromkeys("abc", named), ["reset_context"], (after_turn("c"), ["a", "b"])).run()
    for agent in "ab":
        [fresh] = [view for view in views(play, agent) if view.restart == "reset"]
        assert "the task" in [item.content for item in fresh.inbox]
        other = "b" if agent == "a" else "a"
        assert f"{other}1" not in [item.content for item in fresh.inbox]
    assert play.end.outcome == "completed"
    play.check_form()
