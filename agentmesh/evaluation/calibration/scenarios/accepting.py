"""Workers whose tasks are merged and checked: success that the check refutes, commitments that a handoff leaves open.

Look-alikes: tasks that are accepted, conflicts that are mended, commitments that are kept before the handoff.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentmesh.evaluation.calibration.play import Play
from agentmesh.evaluation.calibration.scenarios.base import look_alike, pathology
from agentmesh.evaluation.calibration.scenarios.coordinating import committed
from agentmesh.evaluation.calibration.stage import Call
from agentmesh.events import Verification
from agentmesh.messages import Task

_PREMATURE, _UNCOORDINATED = "premature_termination", "coordination_failure"


@pathology(_PREMATURE, "accepting", "stall", agents=3)
def success_that_the_check_refutes(play: Play) -> None:
    """A worker hands in as done what does not pass, some of it without having done anything; again and again."""
    planner, board = _planned(play)
    for at in range(play.rng.randint(1, len(board) - 1)):
        _handed_in(play, planner, play.names[1 + at % 2], *board.pop(0))
    item, task = board.pop(0)
    for at in range(play.rng.randint(1, 3)):
        calls = play.rng.choice((0, 0, 1, 2))
        _handed_in(play, planner, play.names[1], item, task, calls=calls, against=_failures(play), onset=at == 0)
    play.stage.recover()
    if board:
        _handed_in(play, planner, play.names[2], *board.pop(0))
    play.end_by_limit()


@look_alike(_PREMATURE, "accepting", agents=3)
def tasks_that_are_accepted(play: Play) -> None:
    """Every task passes at the first time, and the planner answers."""
    _all_accepted(play)


@look_alike(_PREMATURE, "accepting", agents=3)
def conflicts_that_are_mended(play: Play) -> None:
    """Some tasks cannot be merged, since others were merged before; their authors mend that."""
    _all_accepted(play, conflicts=0.5)


@pathology(_UNCOORDINATED, "owing", agents=3)
def hands_in_and_leaves_commitments_open(play: Play) -> None:
    """A worker commits itself on a board to something that another builds upon, and hands in without having kept it."""
    planner, board = _planned(play)
    for at in range(play.rng.randint(1, len(board) - 1)):
        _handed_in(play, planner, play.names[1 + at % 2], *board.pop(0))
    for at, (item, task) in enumerate(board[:3]):
        worker = play.names[1 + at % 2]
        calls = [committed(play, worker, item, 100 + at), *(play.find(item).call for _ in range(2))]
        play.hand_in_as(planner, worker, task, _told(play, item), calls, onset=[_UNCOORDINATED])
    play.end_by_limit()


@look_alike(_UNCOORDINATED, "owing", agents=3)
def keeps_before_it_hands_in(play: Play) -> None:
    """A worker commits itself on a board to something, does it, and says so there."""
    planner, board = _planned(play)
    for at, (item, task) in enumerate(board):
        worker = play.names[1 + at % 2]
        first, last = (committed(play, worker, item, 100 + at, state) for state in ("open", "kept"))
        play.hand_in_as(planner, worker, task, _told(play, item), [first, play.find(item).call, last])
    _answered(play, planner)


def _planned(play: Play) -> tuple[str, list[tuple[str, Task]]]:
    planner = play.names[0]
    play.begin(to=[planner])
    return planner, list(play.tasks(planner, play.items).items())


def _all_accepted(play: Play, conflicts: float = 0.0) -> None:
    planner, board = _planned(play)
    for at, (item, task) in enumerate(board):
        worker = play.names[1 + at % 2]
        if play.chance(conflicts):
            against = f"the work of {worker} conflicts with main in {item}."
            _handed_in(play, planner, worker, item, task, against=against)
        _handed_in(play, planner, worker, item, task)
    _answered(play, planner)


def _handed_in(
    play: Play,
    planner: str,
    worker: str,
    item: str,
    task: Task,
    *,
    calls: int = 2,
    against: str = "",
    onset: bool = False,
) -> None:
    """A worker hands in its task as done, and it is checked. `against`: what the check says that refutes it."""
    stage, summary = play.stage, _told(play, item)
    handing: dict[str, object] = {"status": "done", "summary": summary, "evidence": ""}
    last = Call("hand_off", handing, onset=(_PREMATURE,) if onset else ())
    stage.task(planner, task, "claimed", worker)
    text = f"Task {task.id}: {task.title}\n\n{task.instructions}"
    stage.send(planner, [worker], text, kind="task", task_id=task.id)
    stage.turn(worker, None, [*_calls(play, item, calls), last])
    stage.task(planner, task, "done", worker, summary)
    stage.emit(Verification(agent=planner, task=task.id, passed=not against, attempt=1, detail=against))
    if not against:
        stage.task(planner, task, "verified", worker, summary)
        stage.send(worker, [planner], f"Status: done\nSummary: {summary}", kind="handoff", task_id=task.id)


def _calls(play: Play, item: str, count: int) -> Sequence[Call]:
    return [play.find(item).call for _ in range(count)]


def _told(play: Play, item: str) -> str:
    return play.say("report", item=item, fact=play.find(item).fact)


def _failures(play: Play) -> str:
    return f"{play.rng.randint(1, 9)} failed, {play.slots()['n']} passed"


def _answered(play: Play, planner: str) -> None:
    answer = play.say("claim_done")
    play.stage.turn(planner, answer, to=["user"])
    play.stage.verified(passed=True)
    play.stage.end("verified", "answered", answer)
