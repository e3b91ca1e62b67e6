"""Planning code: one task a feature, with names that others need decided in it, one after another where lines meet."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from agentmesh.providers.simulated.coding.agreements import Names, told
from agentmesh.providers.simulated.coding.features import Piece
from agentmesh.providers.simulated.drafts import Draft
from agentmesh.providers.simulated.planning import OPEN_TASKS, board_of
from agentmesh.providers.simulated.reading import Reading

_ATTEMPTS = 2
_WRITE = "Write the code for this in the files of your workspace. What is there must go on working.\n{}"


def lead(reading: Reading, pieces: Sequence[Piece], names: Names) -> Draft:
    """The next reply of who hands features out."""
    board = board_of(reading)
    features = {number: tuple(own) for number, own in groupby(sorted(pieces, key=_feature), key=_feature)}
    instructions = {number: _instructions(own, pieces, names) for number, own in features.items()}
    done = {task.part for task in board.opened if task.id in board.reports and board.reports[task.id].status == "done"}
    waiting = {task.part for task in board.waiting}
    due = [
        number
        for number, text in instructions.items()
        if text not in done | waiting and board.attempts(text) < _ATTEMPTS
    ]
    if due and board.refusals <= 1 and reading.can(OPEN_TASKS):
        return _open(due, features, instructions, board.fresh_ids(len(due)))
    if waiting and reading.can(OPEN_TASKS):
        return Draft(text=f"Waiting for {', '.join(task.id for task in board.waiting)}.")
    missing = [str(number) for number, text in instructions.items() if text not in done]
    written = f"Features {', '.join(map(str, features))} are written."
    return Draft(text=f"Not written: {', '.join(missing)}." if missing else written, complete=not missing)


def _feature(piece: Piece) -> int:
    return piece.feature


def _open(
    due: Sequence[int], features: dict[int, tuple[Piece, ...]], instructions: dict[int, str], ids: Sequence[str]
) -> Draft:
    named = dict(zip(due, ids, strict=True))
    tasks = [
        {
            "id": named[number],
            "title": f"Feature {number}",
            "instructions": instructions[number],
            "depends_on": [
                named[other] for other in due if other < number and _meet(features[other], features[number])
            ],
            "acceptance": "It does what it says, and all tests pass",
            "priority": 0,
        }
        for number in due
    ]
    return Draft(calls=((OPEN_TASKS, {"tasks": tasks}),))


def _instructions(own: Sequence[Piece], pieces: Sequence[Piece], names: Names) -> str:
    """What a worker is told: its feature, and every name in it that was left open."""
    nouns = {piece.noun for piece in own}
    agreed = [told(piece, names.announced(piece)) for piece in pieces if piece.gives_name and piece.noun in nouns]
    return _WRITE.format("\n".join([*(piece.line for piece in own), *agreed]))


def _meet(some: Sequence[Piece], others: Sequence[Piece]) -> bool:
    """Whether two features change one function."""
    changed = {(piece.path, piece.function) for piece in some if piece.widens}
    return any(piece.widens and (piece.path, piece.function) in changed for piece in others)
