"""Planners, workers and judges, on the scheduler alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.config.models import Limits
from agentmesh.events import (
    Event,
    LimitWasReached,
    MessageDelivered,
    MessageRefused,
    Notice,
    RunStarted,
    TaskChanged,
    ToolCallFinished,
    TopologyChanged,
    TurnStarted,
)
from agentmesh.scheduler import StartTurn
from agentmesh.topology.graph import Topology
from agentmesh.topology.lines import JUDGE_ATTEMPTS
from tests.scheduler.scheduler_play import Play, decide, hand_off, send, tasks


def done(turn: StartTurn) -> Any:
    """A worker that names its task."""
    return [hand_off(f"{getattr(turn.inbox[0], 'task_id', None)} by {turn.agent}"), None]


def play(planner: Any, worker: Any = done, judge: Any = None, *, workers: int = 2, **more: Any) -> Play:
    names = [f"w{i}" for i in range(1, workers + 1)]
    topology = Topology.hierarchy("p", names, judge="j" if judge else None, **more.pop("shape", {}))
    return Play(topology, {"p": planner, "j": judge or [], **dict.fromkeys(names, worker)}, **more)


def test_a_planner_opens_tasks_reads_all_handoffs_and_answers() -> None:
    run = play([[tasks("t1", "t2"), None], "the answer"]).run()
    assert run.order == ["p", "w1", "w2", "p"]
    assert run.end.answer == "the answer"
    read = run.views[-1].inbox
    assert [item.content for item in read] == ["Status: done\nSummary: t1 by w1", "Status: done\nSummary: t2 by w2"]
    assert [e.status for e in run.of(TaskChanged)] == ["open", "open", "claimed", "claimed", "done", "done"]
    run.check_form()


def test_handoffs_are_read_in_the_order_of_the_tasks_whoever_is_faster() -> None:
    for choose in (0, -1):
        run = play([[tasks("t1", "t2"), None], "ok"], choose=lambda pending, at=choose: at % len(pending)).run()
        assert [getattr(item, "task_id", "") for item in run.views[-1].inbox] == ["t1", "t2"]


def test_a_subplanners_own_task_is_read_first_even_if_ids_repeat() -> None:
    topology = Topology.hierarchy("p", [{"planner": "s", "workers": ["w"]}])
    run = Play(
        topology,
        {
            "p": [[tasks("x", "t1"), None], "ok"],
            "s": [
                [tasks("t0", "t1"), None],
                [hand_off("first"), None],
                [tasks("t2"), None],
                [hand_off("second"), None],
            ],
            "w": done,
        },
    ).run()
    assert [view.inbox[0].kind for view in run.views if view.agent == "s" and view.turn in {1, 3}] == ["task"] * 2  # type: ignore[union-attr]
    assert run.end.answer == "ok"


def test_workers_see_only_their_task() -> None:
    entry = {"id": "t1", "title": "Add", "instructions": "2 + 3", "acceptance": "a number"}
    run = play([[tasks(entry), None], "5"]).run("SECRET of the user")
    [worker] = [view for view in run.views if view.agent == "w1"]
    assert [item.content for item in worker.inbox] == ["Task t1: Add\n\n2 + 3\n\nAcceptance: a number"]
    assert worker.recipients == ("p",)
    assert worker.tools == ("hand_off",)
    assert not worker.answers


def test_all_ready_tasks_are_under_way_at_once_and_the_rest_wait_for_a_free_worker() -> None:
    run = play([[tasks("t1", "t2", "t3", "t4", "t5"), None], "ok"], workers=3).run()
    assert run.most_at_once == 3
    assert len([name for name in run.order if name != "p"]) == 5


def test_urgent_tasks_go_first_and_equal_ones_in_the_order_of_opening() -> None:
    entries: list[dict[str, Any]] = [
        {"id": "a"},
        {"id": "b", "priority": 5},
        {"id": "c", "priority": 5},
        {"id": "d", "priority": -1},
    ]
    run = play([[tasks(*entries), None], "ok"], workers=1).run()
    assert [e.task.id for e in run.of(TaskChanged) if e.status == "claimed"] == ["b", "c", "a", "d"]


def test_a_task_starts_only_when_those_it_depends_on_are_done() -> None:
    run = play([[tasks("a", ("b", "a"), ("c", "a", "b")), None], "ok"], workers=3).run()
    assert [(e.task.id, e.status) for e in run.of(TaskChanged)][3:] == [
        ("a", "claimed"),
        ("a", "done"),
        ("b", "claimed"),
        ("b", "done"),
        ("c", "claimed"),
        ("c", "done"),
    ]


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        ([("a", "b"), ("b", "a")], "depend on each other in a circle"),
        ([("a", "a")], "depend on each other in a circle"),
        ([("a", "ghost")], "task a depends on ghost, which is no task"),
        (["a", "a"], "task ids used before: a"),
        (["a", "b", "c", "d"], "may open 3 more tasks (max_tasks 3)"),
    ],
)
def test_wrong_tasks_go_back_to_the_planner_and_none_is_opened(entries: list[Any], found: str) -> None:
    run = play([[tasks(*entries), "I give up"]], shape={"max_tasks": 3}).run()
    assert found in (run.results[0].error or "")
    assert not run.results[0].ends_turn
    assert run.of(TaskChanged) == []
    assert run.end.answer == "I give up"


def test_malformed_arguments_go_back_with_what_is_expected() -> None:
    calls: list[Any] = [("open_tasks", {"tasks": "do it"}), ("open_tasks", {"": "{"}), ("open_tasks", {})]
    run = play([[*calls, "answer"]]).run()
    assert all("open_tasks takes tasks; found:" in (result.error or "") for result in run.results)
    assert run.end.answer == "answer"


@pytest.mark.parametrize("status", ["failed", "blocked"])
def test_what_depends_on_an_unsuccessful_task_is_blocked_and_the_planner_told(status: str) -> None:
    run = play([[tasks("a", ("b", "a"), ("c", "b")), None], "ok"], lambda turn: [hand_off("no", status), None]).run()
    last = {e.task.id: e.status for e in run.of(TaskChanged)}
    assert last == {"a": status, "b": "blocked", "c": "blocked"}
    told = [e.content for e in run.of(Notice)]
    assert told == [
        "Task b was not started: it depends on a, which did not succeed.",
        "Task c was not started: it depends on b, which did not succeed.",
    ]
    assert run.end.answer == "ok"


def test_a_worker_that_returns_without_a_handoff_has_failed_its_task() -> None:
    for silent in (None, "  ", Exception("broken")):
        run = play([[tasks("a"), None], "ok"], [silent]).run()
        assert [e.status for e in run.of(TaskChanged)] == ["open", "claimed", "failed"]
        assert [e.content for e in run.of(Notice)] == ["Task a came back without a handoff: the turn of w1 failed."]
        assert run.end.answer == "ok"
        run.check_form()


def test_a_workers_plain_text_is_a_handoff() -> None:
    run = play([[tasks("a"), None], "ok"], ["7"]).run()
    [handed] = [e for e in run.of(MessageDelivered) if e.kind == "handoff"]
    assert (handed.content, handed.task_id) == ("Status: done\nSummary: 7", "a")


def test_a_planner_may_open_more_tasks_after_reading_handoffs() -> None:
    run = play([[tasks("a"), None], [tasks(("b", "a")), None], "ok"]).run()
    assert run.order == ["p", "w1", "p", "w1", "p"]
    assert run.end.outcome == "completed"


def test_a_planner_that_says_nothing_stalls() -> None:
    assert play([None]).run().end.outcome == "stalled"


def test_workers_speak_to_nobody_but_their_planner() -> None:
    run = play([[tasks("a"), None], "ok"], [[send("w2", "user", "p"), hand_off("done"), None]]).run()
    refused = {(e.recipient, e.reason): e.allowed for e in run.of(MessageRefused)}
    assert refused[("w2", "no_edge")] == ("p",)
    assert refused[("user", "no_edge")] == ("p",)
    assert [item[:2] for item in run.said if item[0] == "w1"] == [("w1", "p")]
    run.check_form()


def test_nobody_gets_past_the_board_with_send_message() -> None:
    """Free text between planner and workers would start turns that no task accounts for."""
    run = play([[send("w1", "user"), tasks("a"), None], "ok"], [[send("p"), hand_off("done"), None]]).run()
    assert run.order == ["p", "w1", "p"]
    assert [e.kind for e in run.of(MessageDelivered)] == ["text", "task", "handoff", "answer"]
    assert {e.reason for e in run.of(MessageRefused)} == {"tools_only"}
    assert "acts through its tools" in (run.results[0].error or "")


@pytest.mark.parametrize(
    ("who", "call"), [("p", hand_off("x")), ("p", decide("done")), ("w", tasks("z")), ("w", decide("done"))]
)
def test_a_graph_tool_of_another_role_is_refused(who: str, call: Any) -> None:
    planner = [[call, tasks("a"), None] if who == "p" else [tasks("a"), None], "ok"]
    worker = [[call, hand_off("done"), None] if who == "w" else [hand_off("done"), None]]
    run = play(planner, worker).run()
    [wrong] = [result for result in run.results if result.name == call[0] and result.error]
    assert "has no tool" in (wrong.error or "")
    assert run.end.answer == "ok"


def test_a_task_is_handed_off_once() -> None:
    run = play([[tasks("a"), None], "ok"], [[hand_off("one"), hand_off("two"), "three"]]).run()
    assert "no task to hand off" in (run.results[-1].error or "")
    assert len([e for e in run.of(MessageDelivered) if e.kind == "handoff"]) == 1


def test_a_tree_of_planners_hands_tasks_down_and_results_up() -> None:
    topology = Topology.hierarchy(
        "p", [{"planner": "s1", "workers": ["w1", "w2"]}, {"planner": "s2", "workers": ["w3"]}, "w0"]
    )
    below = [[tasks("x", "y"), None], [hand_off("both done"), None]]
    run = Play(
        topology,
        {
            "p": [[tasks("a", "b", "c"), None], "all done"],
            "s1": below,
            "s2": below,
            **dict.fromkeys(["w0", "w1", "w2", "w3"], done),
        },
    ).run()
    assert run.end.answer == "all done"
    assert sorted(run.order) == ["p", "p", "s1", "s1", "s2", "s2", "w0", "w1", "w2", "w3", "w3"]
    assert {item[:2] for item in run.said if item[0].startswith("w")} == {
        ("w0", "p"),
        ("w1", "s1"),
        ("w2", "s1"),
        ("w3", "s2"),
    }
    assert {view.agent: view.tools for view in run.views}["s1"] == ("open_tasks", "hand_off")
    run.check_form()


def test_a_planner_below_may_not_hand_off_while_its_tasks_are_under_way() -> None:
    topology = Topology.hierarchy("p", [{"planner": "s", "workers": ["w"]}])
    run = Play(
        topology,
        {
            "p": [[tasks("a"), None], "ok"],
            "s": [[tasks("x"), hand_off("early"), None], [hand_off("late"), None]],
            "w": done,
        },
    ).run()
    assert "under way" in (run.results[2].error or "")
    assert [e.content for e in run.of(MessageDelivered) if e.sender == "s" and e.kind == "handoff"] == [
        "Status: done\nSummary: late"
    ]


@pytest.mark.parametrize(
    ("edge", "statuses", "template"),
    [(("p", "w1"), ["open", "failed"], "task_abandoned"), (("w1", "p"), ["open", "claimed", "done"], "handoff_lost")],
)
def test_a_planner_hears_of_tasks_and_handoffs_that_a_cut_kept_back(
    edge: tuple[str, str], statuses: list[str], template: str
) -> None:
    def outside(play: Play, event: Event) -> list[Event]:
        return [TopologyChanged(change="cut", edges=(edge,))] if isinstance(event, RunStarted) else []

    run = play([[tasks("a"), None], "ok"], workers=1, after=outside).run()
    assert [e.status for e in run.of(TaskChanged)] == statuses
    assert template in [e.template for e in run.of(Notice) if e.agent == "p"]
    assert run.end.answer == "ok"
    run.check_form()


@pytest.mark.parametrize("who", ["p", "w1", "j"])
def test_being_refused_again_and_again_keeps_nobody_going(who: str) -> None:
    def outside(play: Play, event: Event) -> list[Event]:
        wrong = isinstance(event, ToolCallFinished) and event.error
        return [Notice(agent=event.agent, template="refused", content="no")] if wrong else []

    stubborn = lambda turn: [send("ghost"), None]  # noqa: E731
    run = play(
        stubborn if who == "p" else [[tasks("a"), None], "answer"],
        stubborn if who == "w1" else done,
        stubborn if who == "j" else lambda turn: [decide("done"), None],
        after=outside,
        workers=1,
    ).run()
    assert run.order.count(who) <= 2
    run.check_form()


# The judge


def test_a_judges_done_forwards_the_planners_answer_word_for_word() -> None:
    run = play([[tasks("a"), None], "exactly this\n <answer> "], judge=[[decide("done", "fine"), None]]).run()
    assert run.end.answer == "exactly this\n <answer> "
    assert run.order == ["p", "w1", "p", "j"]
    assert [(e.sender, e.recipient) for e in run.of(MessageDelivered) if e.kind == "answer"] == [("j", "user")]


@pytest.mark.parametrize("decision", ["continue", "replan"])
def test_a_judge_sends_the_planner_back_with_its_reason(decision: str) -> None:
    run = play(["one", "two"], judge=[[decide(decision, "add more"), None], [decide("done"), None]]).run()
    assert run.end.answer == "two"
    assert [e.content for e in run.of(MessageDelivered) if e.kind == "decision"] == [
        f"Decision: {decision}\nReason: add more"
    ]


def test_a_judge_sends_the_planner_back_no_more_than_max_cycles() -> None:
    run = play(
        lambda turn: f"try {turn.turn}", judge=lambda turn: [decide("replan"), None], shape={"max_cycles": 3}
    ).run()
    assert (run.end.outcome, run.end.reason) == ("limit", "max_cycles: 3 allowed")
    assert run.order.count("p") == 3
    assert [e.limit for e in run.of(LimitWasReached)] == ["max_cycles"]
    run.check_form()


def test_a_judges_abort_ends_the_run_as_failed() -> None:
    run = play(["one"], judge=[[decide("abort", "it cannot be done"), None]]).run()
    assert (run.end.outcome, run.end.reason) == ("failed", "aborted")
    assert run.end.answer is None
    run.check_form()


def test_a_judge_that_only_talks_is_told_to_decide_and_then_fails_the_run() -> None:
    run = play(["one"], judge=lambda turn: "I am not sure").run()
    assert run.order.count("j") == JUDGE_ATTEMPTS
    assert (run.end.outcome, run.end.reason) == ("failed", f"'j' did not decide in {JUDGE_ATTEMPTS} turns")
    assert [e.template for e in run.of(Notice)] == ["decide_only"] * (JUDGE_ATTEMPTS - 1)
    run = play(["one"], judge=["hm", [decide("done"), None]]).run()
    assert run.end.answer == "one"


def test_a_judge_may_not_write_an_answer_of_its_own() -> None:
    run = play(["one"], judge=[[send("user", content="mine"), decide("done"), None]]).run()
    assert run.end.answer == "one"
    assert [e.reason for e in run.of(MessageRefused)] == ["tools_only"]


def test_a_refuted_answer_goes_back_to_the_planner_that_wrote_it() -> None:
    run = play(
        ["one", "two"],
        judge=lambda turn: [decide("done"), None],
        verify=lambda answer: answer == "two",
        options={"verify_retries": 1},
    ).run()
    assert (run.end.outcome, run.end.answer) == ("verified", "two")
    assert run.order == ["p", "j", "p", "j"]
    assert [e.agent for e in run.of(Notice)] == ["p"]


def test_tasks_of_a_worker_that_used_up_its_turns_fail_and_the_planner_is_told() -> None:
    run = play([[tasks("a", "b", "c"), None], "ok"], workers=1, options={"agent_limits": {"w1": Limits(turns=1)}}).run()
    assert [(e.task.id, e.status) for e in run.of(TaskChanged)][3:] == [
        ("a", "claimed"),
        ("b", "ready"),
        ("c", "ready"),
        ("a", "done"),
        ("b", "claimed"),
        ("b", "failed"),
        ("c", "failed"),
    ]
    assert [e.template for e in run.of(Notice)] == ["task_failed", "task_abandoned"]
    assert run.end.answer == "ok"
    run.check_form()


def test_other_workers_take_over_from_one_that_used_up_its_turns() -> None:
    run = play(
        [[tasks("a"), None], [tasks("b"), None], [tasks("c"), None], "ok"],
        done,
        options={"agent_limits": {"w1": Limits(turns=1)}},
    ).run()
    assert run.end.answer == "ok"


@given(st.data())
def test_random_boards_always_settle_and_the_planner_reads_the_same_whoever_is_faster(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 6))
    entries = [
        (f"t{i}", *(f"t{d}" for d in sorted(data.draw(st.sets(st.integers(0, i - 1), max_size=2)) if i else ())))
        for i in range(size)
    ]
    fates = data.draw(st.lists(st.sampled_from(["done", "failed", "blocked", "silent"]), min_size=size, max_size=size))

    def worker(turn: StartTurn) -> Any:
        fate = fates[int(str(getattr(turn.inbox[0], "task_id", ""))[1:])]
        return None if fate == "silent" else [hand_off(f"result of {fate}", fate), None]

    def run(fast: bool) -> Play:
        return play(
            [[tasks(*entries), None], "ok"],
            worker,
            workers=3,
            choose=(lambda p: 0) if fast else (lambda p: data.draw(st.integers(0, len(p) - 1))),
        ).run()

    one, other = run(True), run(False)
    assert one.end.answer == other.end.answer == "ok"
    settled = {e.task.id: e.status for e in other.of(TaskChanged)}
    assert set(settled.values()) <= {"done", "failed", "blocked"}
    assert settled == {e.task.id: e.status for e in one.of(TaskChanged)}
    handed = [[i.content for i in r.views[-1].inbox if isinstance(i, MessageDelivered)] for r in (one, other)]
    assert handed[0] == handed[1]
    other.check_form()
    assert len(one.of(ToolCallFinished)) == len(other.of(ToolCallFinished))
    assert len(one.of(TurnStarted)) == len(other.of(TurnStarted))
