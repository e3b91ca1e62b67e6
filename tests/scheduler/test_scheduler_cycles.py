"""Tasks that are given out again, cycles that begin anew, and what is done before an answer is proposed."""

from __future__ import annotations

from typing import Any

import pytest

from agentmesh.config.models import Limits
from agentmesh.events import Event, MessageDelivered, Notice, TaskChanged, TopologyChanged
from agentmesh.scheduler import StartTurn
from agentmesh.topology.bounds import bounds_of
from agentmesh.topology.graph import Topology
from tests.scheduler.findings import found
from tests.scheduler.scheduler_play import Play, decide, hand_off, send, tasks

ONE = [[tasks("t1"), None], "the answer"]


def done(turn: StartTurn) -> Any:
    return [hand_off(f"{turn.agent} did it"), None]


def failing(turn: StartTurn) -> Any:
    return [hand_off(f"{turn.agent} cannot", "failed"), None]


def failing_once(turn: StartTurn) -> Any:
    return failing(turn) if turn.turn == 1 else done(turn)


def play(shape: dict[str, Any], actors: dict[str, Any], **more: Any) -> Play:
    return Play(Topology.hierarchy("p", **shape), actors, **more).run()


def states(run: Play, task: str = "t1") -> list[tuple[str, str | None, int]]:
    return [(event.status, event.worker, event.attempt) for event in run.of(TaskChanged) if event.task.id == task]


def read(run: Play, agent: str) -> list[list[str]]:
    """What the agent has read in each of its turns."""
    return [[item.content for item in view.inbox] for view in run.views if view.agent == agent]


def used(run: Play) -> tuple[int, int]:
    return len(run.order), len(run.of(MessageDelivered))


def bound(topology: Topology, **more: Any) -> tuple[int | None, int | None]:
    bounds = bounds_of(topology.phases, **more)
    return bounds.turns, bounds.messages


# Ready


def test_a_task_is_ready_when_it_waits_for_nothing_but_a_worker_and_open_while_it_waits_for_others() -> None:
    run = play({"workers": ["w"]}, {"p": [[tasks("t1", "t2", ("t3", "t2")), None], "ok"], "w": done})
    assert [entry[0] for entry in states(run, "t1")] == ["open", "claimed", "done"]
    assert [entry[0] for entry in states(run, "t2")] == ["open", "ready", "claimed", "done"]
    assert [entry[0] for entry in states(run, "t3")] == ["open", "claimed", "done"]


# Once more


@pytest.mark.parametrize(
    "fails",
    [failing, None, "  ", Exception("broken")],
    ids=["by its handoff", "silently", "with blanks", "by an error"],
)
def test_a_task_that_failed_is_given_to_a_worker_who_has_not_tried_it(fails: Any) -> None:
    run = play({"workers": ["w", "v"], "retries": 1}, {"p": ONE, "w": fails if callable(fails) else [fails], "v": done})
    assert states(run) == [
        *(("open", None, 1), ("claimed", "w", 1), ("failed", "w", 1)),
        *(("open", None, 2), ("claimed", "v", 2), ("done", "v", 2)),
    ]
    assert read(run, "v") == [["Task t1: do t1\n\nAttempt 2"]], "and nothing of what the other said"
    assert read(run, "p")[1] == ["Status: done\nSummary: v did it"]
    assert run.of(Notice) == []
    run.check_form()


def test_it_waits_for_such_a_worker_and_where_there_is_none_the_same_one_has_it_again() -> None:
    planner = [[tasks("t1", "t2"), None], "ok"]
    run = play({"workers": ["w", "v"], "retries": 1}, {"p": planner, "w": failing, "v": done})
    assert states(run)[3:5] == [("open", None, 2), ("ready", None, 2)]
    assert states(run)[-1] == ("done", "v", 2)
    run = play({"workers": ["w"], "retries": 2}, {"p": ONE, "w": failing})
    assert [entry for entry in states(run) if entry[0] == "claimed"] == [("claimed", "w", n) for n in (1, 2, 3)]
    assert read(run, "p")[1] == ["Status: failed\nSummary: w cannot"], "the last of it, once"


def test_of_what_is_blocked_the_planner_decides_and_of_what_depends_on_it_nothing_is_settled_before() -> None:
    blocked = lambda turn: [hand_off("I need a key", "blocked"), None]  # noqa: E731
    run = play({"workers": ["w", "v"], "retries": 3}, {"p": ONE, "w": blocked, "v": done})
    assert states(run)[-1] == ("blocked", "w", 1)
    planner = [[tasks("t1", ("t2", "t1")), None], "ok"]
    run = play({"workers": ["w", "v"], "retries": 1}, {"p": planner, "w": failing_once, "v": done})
    assert [entry[0] for entry in states(run, "t2")] == ["open", "claimed", "done"]


def test_a_task_is_not_given_out_again_where_nobody_is_left_who_could_do_it() -> None:
    run = play(
        {"workers": ["w"], "retries": 3},
        {"p": ONE, "w": failing},
        options={"agent_limits": {"w": Limits(turns=1)}},
    )
    assert run.order == ["p", "w", "p"]
    assert states(run)[-1][0] == "failed"
    assert run.end.answer == "the answer"


def test_tasks_that_always_fail_reach_the_bounds() -> None:
    topology = Topology.hierarchy("p", ["w", "v"], max_tasks=2, retries=2)
    planner = lambda turn: [tasks(f"t{turn.turn}"), None] if turn.turn < 3 else "ok"  # noqa: E731
    assert used(Play(topology, {"p": planner, "w": failing, "v": failing}).run()) == bound(topology)
    merging = Topology([phase.accepting(["w", "v"], 3, None) for phase in topology.phases])
    fates = iter([failing, failing, done, done, done, done] * 2)
    worker = lambda turn: next(fates)(turn)  # noqa: E731
    last = lambda command: "no" if command.attempt < 6 else None  # noqa: E731
    run = Play(merging, {"p": planner, "w": worker, "v": worker}, accept=last).run()
    assert used(run) == bound(merging)
    assert {entry[0] for entry in (states(run, "t1")[-1], states(run, "t2")[-1])} == {"verified"}


# Fresh


def cycles(memory: str = "fresh", **shape: Any) -> Play:
    """Two cycles of two tasks each; the judge wants the second."""
    planner = [
        [tasks("t1", {"id": "t2", "title": "x" * 200}), None],
        "first",
        [tasks("t3"), None],
        "second",
    ]
    judge = [[decide("continue", "add tests"), None], [decide("done"), None]]
    actors = {"p": planner, "w": done, "v": failing, "j": judge}
    return play({"workers": ["w", "v"], "judge": "j", "memory": memory, **shape}, actors)


def test_in_each_cycle_all_begin_anew_and_the_planner_has_the_task_the_decision_the_board_and_the_handoffs() -> None:
    run = cycles()
    assert [(view.agent, view.restart) for view in run.views if view.restart] == [
        ("p", "fresh"),
        ("w", "fresh"),
        ("j", "fresh"),
    ]
    [third] = [view for view in run.views if (view.agent, view.turn) == ("p", 3)]
    board = f"Your tasks so far, whose ids are not used again:\n- t1 (done): do t1\n- t2 (failed): {'x' * 119}…"
    assert [item.content for item in third.inbox] == [
        board,
        "the task",
        "Decision: continue\nReason: add tests",
        "Status: done\nSummary: w did it",
        "Status: failed\nSummary: v cannot",
    ]
    assert [item.sender for item in third.inbox if isinstance(item, MessageDelivered)] == ["user", "j", "w", "v"]
    assert len({item.message_id for item in run.of(MessageDelivered)}) == len(run.of(MessageDelivered))
    assert run.end.answer == "second"
    run.check_form()


def test_with_full_memory_nothing_is_told_again() -> None:
    run = cycles("full")
    assert not any(view.restart for view in run.views)
    assert read(run, "p")[2] == ["Decision: continue\nReason: add tests"]


def test_settled_tasks_stay_on_the_board_and_count() -> None:
    planner = [[tasks("t1"), None], "first", [tasks("t1"), tasks("t2", "t3"), None], "second"]
    judge = [[decide("replan"), None], [decide("done"), None]]
    shape = {"workers": ["w"], "judge": "j", "memory": "fresh", "max_tasks": 2}
    run = play(shape, {"p": planner, "w": done, "j": judge})
    assert run.errors == [
        "task ids used before: t1; each task needs an id of its own",
        "'p' may open 1 more tasks (max_tasks 2)",
    ]


def test_a_long_board_and_long_handoffs_are_shown_from_their_end() -> None:
    planner = [[tasks(*(f"t{n}" for n in range(60))), None], "first", "second"]
    shape = {"workers": ["w"], "judge": "j", "memory": "fresh", "max_tasks": 64}
    long = lambda turn: [hand_off(f"{turn.turn} " + "y" * 3000), None]  # noqa: E731
    run = play(shape, {"p": planner, "w": long, "j": [[decide("continue"), None], [decide("done"), None]]})
    anew = [item for view in run.views if view.agent == "p" and view.restart for item in view.inbox]
    [board] = [item.content.splitlines() for item in anew if isinstance(item, Notice)]
    assert board[1:3] == ["(10 before these)", "- t10 (done): do t10"]
    assert len(board) == 52
    handed = [item.content.split()[3] for item in anew if isinstance(item, MessageDelivered) and item.kind == "handoff"]
    assert handed == ["59", "60"]


def test_a_planner_below_is_told_its_own_board_with_its_next_task() -> None:
    below = [[tasks("a"), None], [hand_off("one"), None], [hand_off("two"), None]]
    run = play(
        {"workers": [{"planner": "s", "workers": ["w"]}], "judge": "j", "memory": "fresh"},
        {
            "p": [[tasks("t1"), None], "first", [tasks("t2"), None], "second"],
            "s": below,
            "w": done,
            "j": [[decide("continue"), None], [decide("done"), None]],
        },
    )
    assert read(run, "s")[2] == ["Your tasks so far, whose ids are not used again:\n- a (done): do a", "Task t2: do t2"]


def test_fresh_cycles_reach_the_bounds() -> None:
    topology = Topology.hierarchy("p", ["w"], judge="j", max_cycles=3, max_tasks=3, memory="fresh")
    planner = lambda turn: [tasks(f"t{turn.turn}"), None] if turn.turn % 2 else "answer"  # noqa: E731
    judge = lambda turn: "hm" if turn.turn % 3 else [decide("continue" if turn.turn < 9 else "done"), None]  # noqa: E731
    assert used(Play(topology, {"p": planner, "w": done, "j": judge}).run()) == bound(topology)


# Reconcile


def reconciled(tidier: Any = done, planner: Any = ONE, **more: Any) -> Play:
    shape = {"workers": ["w", "v"], "reconcile": "v", **more.pop("shape", {})}
    return play(shape, {"p": planner, "w": done, "v": tidier, "j": more.pop("judge", [])}, **more)


def test_before_an_answer_a_worker_puts_all_in_order_and_then_it_goes_on_word_for_word() -> None:
    run = reconciled(planner=[[tasks("t1", "t2"), None], " exactly this "])
    assert run.order == ["p", "w", "w", "p", "v"]
    [[task]] = read(run, "v")
    assert task.startswith("Task reconcile: Put everything in order\n\n")
    assert task.endswith("The tasks:\n- t1 (done): do t1\n- t2 (done): do t2\n\nThe answer:\n exactly this ")
    assert run.end.answer == " exactly this "
    assert states(run, "reconcile")[-1] == ("done", "v", 1)
    run.check_form()


def test_who_reconciles_gets_no_other_task_and_its_task_nobody_else() -> None:
    run = reconciled(
        planner=[[tasks("t1", "t2", "t3"), None], "ok"],
        shape={"retries": 1},
        tidier=failing_once,
    )
    claimed = {(event.task.id, event.worker) for event in run.of(TaskChanged) if event.status == "claimed"}
    assert claimed == {("t1", "w"), ("t2", "w"), ("t3", "w"), ("reconcile", "v")}


def test_if_it_fails_the_planner_is_told_and_decides() -> None:
    planner = [[tasks("t1"), None], "one", [tasks("t2"), None], "two"]
    run = reconciled(failing, planner)
    assert read(run, "p")[2] == ["Status: failed\nSummary: v cannot"]
    assert run.end.answer == "two"
    assert run.order == ["p", "w", "p", "v", "p", "w", "p"], "what it decides upon goes on at once"
    run = reconciled(failing, [[tasks("t1"), None], "one", None])
    assert run.end.answer is None
    assert run.end.outcome == "stalled"


def test_with_a_judge_it_is_done_once_a_cycle_and_does_not_count_as_the_planners() -> None:
    planner = [[tasks("reconcile"), None], "one", [tasks("t2"), None], "two"]
    run = reconciled(
        planner=planner, judge=[[decide("continue"), None], [decide("done"), None]],
        shape={"judge": "j", "max_tasks": 2},
    )  # fmt: skip
    assert [event.task.id for event in run.of(TaskChanged) if event.worker == "v" and event.status == "done"] == [
        "reconcile-2",
        "reconcile-3",
    ]
    assert run.order == ["p", "w", "p", "v", "j", "p", "w", "p", "v", "j"]
    assert run.end.answer == "two"


def test_its_work_is_merged_like_any_other_and_a_refuted_answer_is_put_in_order_again() -> None:
    drawn = Topology.hierarchy("p", ["w", "v"], reconcile="v")
    topology = Topology([phase.accepting(["w", "v"], 1, None) for phase in drawn.phases])
    run = Play(
        topology, {"p": ["one", "two"], "w": done, "v": done},
        accept=lambda command: "no" if command.attempt == 1 else None,
        verify=lambda answer: answer == "two", options={"verify_retries": 1},
    ).run()  # fmt: skip
    assert [(one.task.id, one.worker, one.attempt) for one in run.accepted] == [
        *(("reconcile", "v", 1), ("reconcile", "v", 2), ("reconcile-2", "v", 1), ("reconcile-2", "v", 2)),
    ]
    assert (run.end.outcome, run.end.answer) == ("verified", "two")


def test_a_proposal_is_forgotten_when_the_planner_plans_anew_meanwhile() -> None:
    def replanned(run: Play, event: Event) -> list[Event]:
        mine = isinstance(event, TaskChanged) and (event.task.id, event.status) == ("reconcile", "claimed")
        return [found("p")] if mine else []

    run = reconciled(planner=["one", "two"], after=replanned, options={"ladders": {"m": ["replan"]}})
    assert [event.status for event in run.of(TaskChanged)] == ["open", "claimed", "failed"]
    assert run.end.answer == "two"


def test_a_proposal_goes_on_once_even_if_all_is_put_in_order_again() -> None:
    def questioned(run: Play, event: Event) -> list[Event]:
        return [found("v")] if isinstance(event, MessageDelivered) and event.kind == "proposal" else []

    run = reconciled(
        planner=["one", None], after=questioned, options={"ladders": {"m": ["ask_evidence"]}},
        shape={"judge": "j"}, judge=[[decide("done"), None]], choose=lambda pending: len(pending) - 1,
    )  # fmt: skip
    sent = [(event.sender, event.kind) for event in run.of(MessageDelivered)]
    assert sent.count(("p", "proposal")) == 1
    assert sent.count(("v", "handoff")) == 1
    assert run.end.answer == "one"


@pytest.mark.parametrize("judge", [None, "j"])
def test_all_that_is_put_in_order_in_vain_reaches_the_bounds(judge: str | None) -> None:
    topology = Topology.hierarchy("p", ["w", "v"], judge=judge, max_cycles=2, max_tasks=1, reconcile="v", retries=1)
    planner = lambda turn: [tasks("t1"), None] if turn.turn == 1 else f"answer {turn.turn}"  # noqa: E731
    judging = lambda turn: "hm" if turn.turn % 3 else [decide("continue" if turn.turn < 6 else "done"), None]  # noqa: E731
    actors = {"p": planner, "w": failing, "v": failing, "j": judging}
    assert used(Play(topology, actors).run()) == bound(topology)


def test_who_reconciles_is_one_of_several_workers_of_the_root() -> None:
    cases: list[tuple[list[Any], str, str]] = [
        (["w", "v"], "x", "'x' is to reconcile, and is no worker of 'p'; allowed: w, v"),
        ([{"planner": "s", "workers": ["u"]}, "w"], "u", "'u' is to reconcile, and is no worker of 'p'; allowed: s, w"),
        (["w"], "w", "'w' gets no task but to reconcile, and 'p' has no other worker; add one"),
    ]
    for workers, name, wrong in cases:
        with pytest.raises(Exception, match=wrong):
            Topology.hierarchy("p", workers, reconcile=name)


# Who may change what


def test_only_a_planner_with_an_edge_to_a_worker_can_have_it_work_and_only_who_has_a_task_can_end_it() -> None:
    """Whatever else anybody tries, no task changes but by its planner's opening it and its worker's handing it off."""
    shape = {"workers": [{"planner": "s", "workers": ["u"]}, "w"], "judge": "j"}
    tried = [
        hand_off("not mine"),
        tasks("stolen"),
        decide("done"),
        send("u", content="t1"),
    ]

    def cut(run: Play, event: Event) -> list[Event]:
        opened = isinstance(event, TaskChanged) and (event.task.id, event.status) == ("t2", "claimed")
        return [TopologyChanged(change="cut", edges=(("p", "w"),))] if opened else []

    run = play(
        shape,
        {
            "p": [[*tried[::2], tasks("t1", "t2"), None], [tasks("t3"), None], "ok"],
            "s": [[tried[2], tried[3], tasks("a"), None], [hand_off("s done"), None], [hand_off("t3 by s"), None]],
            "u": [[*tried, hand_off("u done"), hand_off("again"), None]],
            "w": [[*tried[1:], hand_off("w done"), None]],
            "j": [[*tried[:2], decide("done"), None]],
        },
        after=cut,
    )
    by = {(event.agent, event.task.id): event.worker for event in run.of(TaskChanged) if event.status == "done"}
    assert by.pop(("p", "t3")) == "s", "the edge to w is gone"
    owners = {("s", "a"): "u"} | {("p", task): worker for (_, task), worker in by.items() if task != "a"}
    assert by == owners
    assert {event.task.id for event in run.of(TaskChanged)} == {"t1", "t2", "t3", "a"}
    assert len(run.errors) == 14
    edges = set(run.topology.edges)
    assert all((event.agent, event.worker) in edges for event in run.of(TaskChanged) if event.worker)
    run.check_form()
