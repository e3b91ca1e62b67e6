"""Interventions on the scheduler alone: tasks, phases, people, and how ladders are climbed."""

from __future__ import annotations

from typing import Any

import pytest

from agentmesh.events import (
    Answered,
    InterventionMade,
    MessageDelivered,
    PhaseStarted,
    Question,
    RunStarted,
    TaskChanged,
    TopologyChanged,
    TurnStarted,
)
from agentmesh.topology.graph import Topology
from tests.scheduler.findings import (
    PAIR,
    ROUNDS,
    after_turn,
    flat,
    kinds,
    named,
    notices,
    views,
    watched,
)
from tests.scheduler.scheduler_play import Play, hand_off, tasks

# Tasks


def test_an_unfinished_task_goes_to_another_worker_and_the_late_handoff_does_not_count() -> None:
    def late(play: Play) -> Any:
        return None

    play = watched(
        Topology.hierarchy("p", ["w", "v"]),
        {
            "p": [[tasks("t1"), None], lambda turn: "done"],
            "w": [[("open_tasks", {"tasks": []}), hand_off("late"), None]],
            "v": [[hand_off("in time"), None]],
        },
        ["reassign"],
        (lambda event: isinstance(event, TurnStarted) and event.agent == "w", ["w"]),
        choose=lambda pending: next((i for i, turn in enumerate(pending) if turn.agent == "v"), 0),
    )
    play.actors["p"][1] = "done"
    play._scripts["p"] = iter([[tasks("t1"), None], "done"])
    play.run()
    assert [(e.status, e.worker) for e in play.of(TaskChanged)] == [
        ("open", None), ("claimed", "w"), ("open", None), ("claimed", "v"), ("done", "v")
    ]  # fmt: skip
    assert notices(play, "reassigned") == ["w"]
    assert [text for sender, to, text in play.said if to == "p" and sender == "w"] == []
    assert play.end.answer == "done"
    play.check_form()


def test_what_was_handed_in_without_being_done_is_given_to_another() -> None:
    play = watched(
        Topology.hierarchy("p", ["w", "v"]),
        {"p": [[tasks("t1"), None], "done"], "w": [[hand_off("let us rest"), None]], "v": [[hand_off("did it"), None]]},
        ["reassign"],
        (lambda event: isinstance(event, MessageDelivered) and "let us rest" in event.content, ["w"]),
    ).run()
    assert ("claimed", "v") in [(e.status, e.worker) for e in play.of(TaskChanged)]
    assert "did it" in views(play, "p")[-1].inbox[-1].content
    play.check_form()


def test_a_reserve_agent_takes_the_task_and_the_place_of_a_worker() -> None:
    play = watched(
        Topology.hierarchy("p", ["w"]),
        {"p": [[tasks("t1"), None], "done"], "w": [[hand_off("late"), None]], "r": [[hand_off("did it"), None]]},
        [{"reassign": {"agent": "r"}}],
        (lambda event: isinstance(event, TurnStarted) and event.agent == "w", ["w"]),
        choose=lambda pending: len(pending) - 1,
        reserve=["r"],
    ).run()
    [replaced] = play.of(TopologyChanged)
    assert (replaced.change, replaced.agents) == ("replace", ("w", "r"))
    assert [(e.status, e.worker) for e in play.of(TaskChanged)][-2:] == [("claimed", "r"), ("done", "r")]
    assert not [text for sender, _, text in play.said if sender == "w"]
    play.check_form()


def test_in_other_orders_the_agent_is_replaced_by_the_one_in_reserve() -> None:
    play = watched(
        flat("round_robin"), dict.fromkeys(["a", "b", "c", "r"], named), ["reassign"], (after_turn("b"), ["b", "a"]),
        reserve=["r"],
    ).run()  # fmt: skip
    [made] = play.of(InterventionMade)
    assert (made.agents, made.parameters) == (("b",), {"agent": "r"})
    assert "the task" in [item.content for item in views(play, "r")[0].inbox]
    assert play.order.count("b") == 1
    play.check_form()


def test_nobody_waits_for_the_turn_of_an_agent_that_was_replaced() -> None:
    play = watched(
        flat("round_robin", 6), dict.fromkeys(["a", "b", "c", "r"], named), ["reassign", "cut_edge", "halt"],
        (after_turn("b"), ["b", "a"]), (after_turn("a", 3), ["b", "a"]), (after_turn("a", 4), ["b", "a"]),
        reserve=["r"],
    ).run()  # fmt: skip
    assert kinds(play) == ["reassign", "halt"]
    play.check_form()


def test_a_planner_plans_anew_and_what_it_had_opened_counts_no_more() -> None:
    play = watched(
        Topology.hierarchy("p", ["w"], max_tasks=2),
        {
            "p": [[tasks("t1", "t2"), None], [tasks("t3", "t4"), None], "done"],
            "w": [[hand_off("late"), None], [hand_off("x"), None], [hand_off("y"), None]],
        },
        ["replan"],
        (lambda event: isinstance(event, TurnStarted) and event.agent == "w" and event.turn == 1, ["w"]),
    ).run()
    second = views(play, "p")[1]
    assert second.restart == "reset"
    assert [item.content for item in second.inbox if isinstance(item, MessageDelivered)] == ["the task"]
    failed = [e.task.id for e in play.of(TaskChanged) if e.status == "failed"]
    assert failed == ["t1", "t2"]
    assert play.end.answer == "done"
    play.check_form()


@pytest.mark.parametrize("order", ROUNDS)
def test_elsewhere_the_phase_is_gone_through_again_with_fresh_contexts(order: Any) -> None:
    play = watched(flat(order), dict.fromkeys("abc", named), ["replan"], (after_turn("b", 2), ["b"])).run()
    assert [e.phase for e in play.of(PhaseStarted)] == ["discuss", "discuss", "answer"]
    again = [view for view in play.views if view.restart is not None]
    assert {view.agent for view in again} == {"a", "b", "c"}
    assert all("the task" in [item.content for item in view.inbox] for view in again)
    play.check_form()


def test_a_phase_is_entered_that_the_ladder_names() -> None:
    play = watched(
        flat("round_robin", 5), dict.fromkeys("abc", named), [{"enter_phase": {"phase": "answer"}}],
        (after_turn("b"), ["b"]),
    ).run()  # fmt: skip
    assert [e.phase for e in play.of(PhaseStarted)] == ["discuss", "answer"]
    assert max(e.round for e in play.of(TurnStarted)) == 1


def test_a_phase_in_reserve_is_gone_through_only_when_it_is_entered() -> None:
    talk = {"name": "talk", "edges": ["user -> a", "a -> b", "b -> a"], "order": "round_robin", "rounds": 4}
    close = {"name": "close", "edges": ["b -> a", "a -> user"], "order": "round_robin", "rounds": 1, "reserve": True}
    end = {"name": "end", "edges": ["b -> user"]}
    topology = Topology([talk, close, end])
    assert topology.bounds.turns == Topology([talk, end]).bounds.turns
    without = Play(topology, dict.fromkeys("ab", named)).run()
    assert [e.phase for e in without.of(PhaseStarted)] == ["talk", "end"]
    ladder = [{"switch_topology": {"phase": "close"}}]
    play = watched(topology, dict.fromkeys("ab", named), ladder, (after_turn("b"), ["a"])).run()
    assert [e.phase for e in play.of(PhaseStarted)] == ["talk", "close"]
    assert play.end.answer == "a2"


# People


@pytest.mark.parametrize("order", [*ROUNDS, "reactive"])
@pytest.mark.parametrize(("answer", "outcome"), [("continue", "completed"), ("halt", "halted"), ("think", "completed")])
def test_the_agents_wait_until_a_person_has_answered(order: Any, answer: str, outcome: str) -> None:
    topology = PAIR if order == "reactive" else flat(order)
    play = watched(
        topology, dict.fromkeys("abc", named), ["ask_human"], (after_turn("b"), ["a", "b", "c"]), answerable=True
    )
    waited: list[str] = []

    def until_answered() -> None:
        play.happen(RunStarted(team="t", task="the task", seed=0))
        while play.pending:
            play._act(play.pending.pop(0))
        [question] = play.of(Question)
        waited.extend(play.order)
        assert not play.scheduler.ended
        play.happen(Answered(question_id=question.question_id, content=answer))
        while not play.scheduler.ended:
            play._act(play.pending.pop(0))

    until_answered()
    assert play.end.outcome == outcome
    if answer == "think":
        told = [item for item in play.said if item[0] == "user" and item[2] == "think"]
        assert [item[1] for item in told] == (["a", "b"] if order == "reactive" else ["a", "b", "c"])
        assert notices(play, "human_says") == (["c"] if order == "reactive" else [])
    assert (len(play.order) > len(waited)) is (outcome == "completed")
    play.check_form()


def test_where_nobody_can_answer_the_next_rung_is_taken() -> None:
    play = watched(flat("round_robin"), dict.fromkeys("abc", named), ["ask_human"], (after_turn("b"), ["b"])).run()
    [made] = play.of(InterventionMade)
    assert (made.kind, made.skipped) == ("note", ("ask_human",))


# Ladders


def test_the_interventions_of_a_monitor_are_counted_and_halt_is_not_among_them() -> None:
    every = (lambda event: isinstance(event, TurnStarted), ["a"])
    play = watched(
        flat("round_robin", 9), dict.fromkeys("abc", named), ["note"], every, most_interventions={"m": 2}
    ).run()
    assert kinds(play) == ["note", "note"]
    play = watched(
        flat("round_robin", 9),
        dict.fromkeys("abc", named),
        ["note", "note", "halt"],
        every,
        most_interventions={"m": 2},
    ).run()
    assert (kinds(play), play.end.outcome) == (["note", "note", "halt"], "halted")


def test_a_last_rung_that_adds_turns_is_taken_once_for_each_set_of_agents() -> None:
    every = [(after_turn("a", turn), ["a"]) for turn in range(1, 6)]
    other = (after_turn("b", 5), ["b"])
    play = watched(flat("round_robin", 6), dict.fromkeys("abc", named), ["ask_evidence"], *every, other).run()
    assert [made.agents for made in play.of(InterventionMade)] == [("a",), ("b",)]
