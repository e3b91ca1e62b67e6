"""Work that is merged: what a worker hands off counts only then, and goes back if it does not hold."""

from __future__ import annotations

from typing import Any

import pytest

from agentmesh.config.models import Limits
from agentmesh.events import (
    Event,
    MessageDelivered,
    Notice,
    StopRequested,
    TaskChanged,
    ToolCallFinished,
    TopologyChanged,
    TurnEnded,
    TurnStarted,
    Verification,
    stamped,
)
from agentmesh.runner.fold import Fold
from agentmesh.scheduler import Accept, Scheduler, StartTurn
from agentmesh.topology.graph import Topology
from tests.scheduler.findings import found
from tests.scheduler.scheduler_play import Play, hand_off, tasks

ONE = [[tasks("t1"), None], "the answer"]


def done(turn: StartTurn) -> Any:
    return [hand_off(f"{turn.agent} says it is done"), None]


def merged(
    planner: Any = ONE,
    worker: Any = done,
    *,
    shape: Any = None,
    retries: int = 2,
    resolver: str | None = None,
    **more: Any,
) -> Play:
    """Two workers with a worktree each."""
    topology = Topology.hierarchy("p", ["w", "v"], **(shape or {}))
    topology = Topology([phase.accepting(["w", "v", "r"], retries, resolver) for phase in topology.phases])
    actors = more.pop("actors", {})
    return Play(topology, {"p": planner, "w": worker, "v": worker, **actors}, **more)


def states(play: Play, task: str = "t1") -> list[tuple[str, int]]:
    return [(event.status, event.attempt) for event in play.of(TaskChanged) if event.task.id == task]


def notices(play: Play, agent: str = "p") -> list[str]:
    return [event.template for event in play.of(Notice) if event.agent == agent]


def at_first(kind: type[Event], *more: Event, **facts: Any) -> Any:
    """Something that happens once, as soon as there is such an event."""
    happened: list[Event] = []

    def after(play: Play, event: Event) -> list[Event]:
        if happened or not isinstance(event, kind) or any(getattr(event, key) != facts[key] for key in facts):
            return []
        happened.append(event)
        return [*more]

    return after


@pytest.mark.parametrize(
    ("line", "why"), [("make test && rm x", "needs a shell for &&"), ("echo 'x", "cannot be read")]
)
def test_a_planner_is_told_at_once_of_a_command_that_nobody_could_run(line: str, why: str) -> None:
    wrong = tasks("t1", {"id": "t2", "acceptance": f"It works.\n$ {line}"})
    play = merged([[wrong, tasks("t3"), None], "the answer"]).run()
    first, *_ = play.of(ToolCallFinished)
    assert first.error is not None
    assert first.error.startswith("task t2: the acceptance command")
    assert why in first.error
    assert {event.task.id for event in play.of(TaskChanged)} == {"t3"}


def test_a_handoff_is_merged_before_it_is_read_and_before_what_depends_on_it_begins() -> None:
    play = merged([[tasks("t1", ("t2", "t1")), None], "the answer"], slow_accept=True).run()
    assert states(play) == [("open", 1), ("claimed", 1), ("done", 1), ("verified", 1)]
    assert [(one.planner, one.task.id, one.worker, one.attempt) for one in play.accepted] == [
        ("p", "t1", "w", 1),
        ("p", "t2", "w", 1),
    ]
    log = [(event.type, getattr(event, "status", getattr(event, "kind", ""))) for event in play.log]
    order = [log.index(entry) for entry in (("task_changed", "verified"), ("message_delivered", "handoff"))]
    assert log.index(("verification", "")) < order[0] < order[1]
    second = next(event.id for event in play.of(TaskChanged) if (event.task.id, event.status) == ("t2", "claimed"))
    assert second > next(event.id for event in play.of(TaskChanged) if event.status == "verified")
    assert play.end.answer == "the answer"
    play.check_form()


def test_nothing_is_merged_before_the_turn_is_over_in_which_it_was_made() -> None:
    play = merged(worker=[[hand_off("early"), ("shell", {}), "late words"]])
    play.run()
    asked = [event.id for event in play.of(Verification)]
    ended = [event.id for event in play.of(TurnEnded) if event.agent == "w"]
    assert ended < asked
    play = merged(worker=["in plain text"]).run()
    assert [one.worker for one in play.accepted] == ["w"]


def test_a_worker_does_nothing_else_while_its_work_is_merged() -> None:
    play = merged([[tasks("t1", "t2", "t3"), None], "ok"], slow_accept=True).run()
    busy = {"t1": "w", "t2": "v"}
    merged_at = {event.task: event.id for event in play.of(Verification)}
    third = next(event for event in play.of(TaskChanged) if (event.task.id, event.status) == ("t3", "claimed"))
    assert third.id > merged_at[next(task for task, worker in busy.items() if worker == third.worker)]
    assert states(play, "t3")[:2] == [("open", 1), ("ready", 1)]


def test_what_does_not_hold_goes_back_to_its_author_with_the_reason() -> None:
    why = "CONFLICT in a.py\n<<<<<<< base\nx = 1\n=======\nx = 2\n>>>>>>> yours"
    play = merged(accept=lambda command: why if command.attempt == 1 else None).run()
    assert states(play) == [
        *(("open", 1), ("claimed", 1), ("done", 1)),
        *(("open", 2), ("claimed", 2), ("done", 2), ("verified", 2)),
    ]
    read = [item.content for view in play.views if view.agent == "w" for item in view.inbox]
    assert read == ["Task t1: do t1", f"Task t1: do t1\n\nAttempt 2\n\n{why}"]
    assert play.order == ["p", "w", "w", "p"], "the planner hears of it once, when it holds"
    assert play.end.answer == "the answer"


def test_after_so_many_times_it_has_failed_and_the_planner_is_told_the_last_of_why() -> None:
    play = merged(accept=lambda command: f"check {command.attempt} fails:\n>>>>>>> main\n\n", retries=2).run()
    assert states(play)[-2:] == [("done", 3), ("failed", 3)]
    assert play.order.count("w") == 3
    [told] = [event.content for event in play.of(Notice)]
    assert told == "Task t1 has failed: what w handed off could not be accepted in 3 attempts. check 3 fails:"
    assert [event.kind for event in play.of(MessageDelivered) if event.recipient == "p"] == ["text"]
    assert play.end.answer == "the answer"


@pytest.mark.parametrize(("resolver", "then"), [("v", "v"), ("w", "w"), ("p", "w"), ("ghost", "w")])
def test_a_resolver_has_it_instead_if_it_works_for_the_same_planner(resolver: str, then: str) -> None:
    play = merged(accept=lambda command: "no" if command.attempt == 1 else None, resolver=resolver).run()
    assert [one.worker for one in play.accepted] == ["w", then]
    assert play.end.answer == "the answer"


def test_a_task_waits_ready_for_a_resolver_that_is_busy_and_goes_before_others_then() -> None:
    play = merged(
        [[tasks({"id": "t1", "priority": 9}, "t2", "t3", {"id": "t4", "priority": 5}), None], "ok"],
        accept=lambda command: "no" if (command.task.id, command.attempt) == ("t1", 1) else None,
        resolver="v",
    ).run()
    assert states(play)[3:5] == [("open", 2), ("ready", 2)]
    had = [event.task.id for event in play.of(TaskChanged) if (event.worker, event.status) == ("v", "claimed")]
    assert had[:2] == ["t4", "t1"]


def test_who_has_no_worktree_is_believed_and_a_planner_below_hands_off_what_was_merged_already() -> None:
    topology = Topology.hierarchy("p", [{"planner": "s", "workers": ["w"]}, "x"])
    topology = Topology([phase.accepting(["w", "s"], 1, None) for phase in topology.phases])
    below = [[tasks("u"), None], [hand_off("all of it"), None]]
    play = Play(topology, {"p": [[tasks("t1", "t2"), None], "ok"], "s": below, "w": done, "x": done}).run()
    assert [(one.planner, one.worker) for one in play.accepted] == [("s", "w")]
    assert states(play, "t1")[-1] == ("done", 1)
    assert states(play, "u")[-1] == ("verified", 1)
    assert play.end.answer == "ok"


def test_a_failure_that_a_worker_hands_off_is_not_merged() -> None:
    play = merged(worker=lambda turn: [hand_off("I cannot", "failed"), None]).run()
    assert play.accepted == []
    assert states(play)[-1] == ("failed", 1)


# What happens meanwhile


def being_merged(play: Play) -> bool:
    """Whether something is being merged, and nobody acts."""
    return bool(play.accepted) and not play.pending


def test_a_run_that_is_stopped_waits_until_the_merge_has_been_called_off() -> None:
    play = merged(slow_accept=True).run(until=being_merged)
    play.happen(StopRequested(outcome="cancelled", reason="enough", by="test"))
    assert [event.detail for event in play.of(Verification)] == ["cancelled"]
    assert play.end.outcome == "cancelled"
    assert states(play)[-1] == ("done", 1)
    play.check_form()


def test_nothing_is_merged_of_a_turn_in_which_the_run_was_stopped() -> None:
    stop = StopRequested(outcome="cancelled", reason="enough", by="test")
    play = merged(worker=[[hand_off("done"), stop, None]]).run()
    assert play.accepted == []
    assert states(play)[-1] == ("done", 1)


def test_a_limit_is_reached_and_what_is_being_merged_still_counts() -> None:
    play = merged(slow_accept=True, options={"limits": Limits(turns=3)}, shape={"max_tasks": 4}).run()
    assert states(play)[-1] == ("verified", 1)
    assert play.end.id > play.of(Verification)[0].id
    assert play.order == ["p", "w", "p"]
    assert play.end.outcome in ("limit", "completed")


@pytest.mark.parametrize("passed", [True, False])
def test_a_phase_is_left_only_when_nothing_is_being_merged(passed: bool) -> None:
    work = Topology.hierarchy("p", ["w", "v"]).phases[0].accepting(["w", "v"], 2, None)
    last = Topology([{"name": "last", "edges": ["p -> user"]}]).phases[0]
    play = Play(
        Topology([work, last]), {"p": [[tasks("t1"), None], "the end"], "w": done, "v": done},
        slow_accept=True, accept=lambda command: None if passed else "no",
        after=at_first(TurnEnded, TopologyChanged(change="enter_phase", phase="last"), agent="w"),
    ).run()  # fmt: skip
    assert play.of(Verification)[0].id < next(event.id for event in play.log if event.type == "phase_ended")
    assert states(play)[-1] == (("verified", 1) if passed else ("open", 2))
    assert play.order.count("w") == 1
    assert play.end.answer == "the end"


def at_merge(play: Play, *change: Event) -> Play:
    """Plays until something is being merged; then this happens, and the run goes on to its end."""
    play.run(until=being_merged)
    play.happen(*change)
    play.run().check_form()
    return play


@pytest.mark.parametrize("passed", [True, False])
def test_work_that_is_taken_from_its_worker_is_done_by_another_once_the_merge_is_over(passed: bool) -> None:
    play = merged(
        slow_accept=True, accept=lambda command: "no" if command.attempt == 1 and not passed else None,
        options={"ladders": {"m": ["reassign"]}},
    )  # fmt: skip
    at_merge(play, found("w"))
    assert [one.worker for one in play.accepted] == ["w", "v"]
    claimed = [event for event in play.of(TaskChanged) if event.status == "claimed"]
    assert [event.worker for event in claimed] == ["w", "v"]
    assert play.of(Verification)[0].id < claimed[1].id
    assert states(play)[-1] == ("verified", 2)
    assert play.end.answer == "the answer"


def test_a_planner_that_plans_anew_begins_when_the_merge_is_over() -> None:
    planner = [[tasks("t1"), None], [tasks("t2"), None], "the answer"]
    play = merged(planner, slow_accept=True, options={"ladders": {"m": ["replan"]}})
    at_merge(play, found("p"))
    assert states(play)[-1] == ("failed", 1)
    anew = [event for event in play.of(TurnStarted) if event.agent == "p"][1]
    assert play.of(Verification)[0].id < anew.id
    assert states(play, "t2")[-1] == ("verified", 1)
    assert play.end.answer == "the answer"


@pytest.mark.parametrize("change", ["isolate", "replace"])
@pytest.mark.parametrize("passed", [True, False])
def test_work_of_a_worker_who_has_left_counts_or_somebody_else_has_it(change: str, passed: bool) -> None:
    edges = (("p", "w"), ("w", "p"))
    gone: Event = (
        TopologyChanged(change="isolate", edges=edges, agents=("w",))
        if change == "isolate"
        else TopologyChanged(change="replace", edges=(("p", "r"), ("r", "p")), removed=edges, agents=("w", "r"))
    )
    play = merged(
        slow_accept=True, actors={"r": done},
        accept=lambda command: "no" if command.attempt == 1 and not passed else None,
    )  # fmt: skip
    at_merge(play, gone)
    assert states(play)[-1] == ("verified", 1 if passed else 2)
    if passed:
        assert notices(play) == ["handoff_lost"]
        assert len(play.accepted) == 1
    else:
        assert play.accepted[1].worker in ("v", "r")
    assert play.end.answer == "the answer"


def test_who_is_called_upon_while_its_work_is_merged_does_it_once_more() -> None:
    play = merged(slow_accept=True, options={"ladders": {"m": ["ask_evidence"]}})
    at_merge(play, found("w"))
    assert states(play)[2:] == [("done", 1), ("verified", 1), ("claimed", 2), ("done", 2), ("verified", 2)]
    second = [event for event in play.of(TurnStarted) if event.agent == "w"][1]
    assert second.id > play.of(Verification)[0].id
    assert play.end.answer == "the answer"


# A run that goes on from its log


def test_a_run_goes_on_from_any_event_of_its_log_with_what_was_being_merged() -> None:
    def made() -> Play:
        planner = [[tasks("t1", "t2", ("t3", "t1")), None], "ok"]
        fails = lambda command: "no\nbecause" if (command.task.id, command.attempt) == ("t1", 1) else None  # noqa: E731
        return merged(planner, accept=fails, slow_accept=True, shape={"retries": 1}, resolver="v")

    whole = made().run()
    recorded = [stamped(event, index, "run", 0.0) for index, event in enumerate(whole.log, 1)]
    again = 0
    for at in range(1, len(recorded)):
        fold = Fold(Scheduler(made().topology.phases), lambda event: (), recorded, at)
        fold.run()
        closed = {(e.agent, e.task, e.attempt) for e in recorded[:at] if isinstance(e, Verification)}
        asked = [c for c in [*fold.open, *fold.pending] if isinstance(c, Accept)]
        again += len(asked)
        for command in asked:
            assert (command.planner, command.task.id, command.attempt) not in closed
            after = [e for e in recorded[at:] if isinstance(e, Verification)]
            assert (command.task.id, command.attempt) in [(e.task, e.attempt) for e in after]
    assert again > len(whole.accepted) == 4
