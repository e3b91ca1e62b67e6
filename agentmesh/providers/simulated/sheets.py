"""Boards as a simulated model uses them: read before it contributes, add the own result, and divide work by claims."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

from agentmesh.messages import USER
from agentmesh.providers.simulated.ballots import VOTE
from agentmesh.providers.simulated.drafts import Draft
from agentmesh.providers.simulated.problems import Problem, arithmetic, is_number
from agentmesh.providers.simulated.reading import Call, Own, Reading
from agentmesh.tools.calculator import value_of

READ = "read_board"
WRITE = "write_board"
CLAIM = "claim"

_ATTEMPTS = 2
"""So often a turn tries to write to a board, and to claim something on it."""
_MAX_BOARDS = 4
_STEPS = 8
"""So many model calls a turn has, where nothing else is said."""
_ENTRY = re.compile(r"^([\w.-]+): (.*\S)[ \t]*$", re.MULTILINE)
_VERSION = re.compile(r"is at version (\d+)")
_HOLDER = re.compile(r"claimed by '([^']+)'")
_FAILED = "error:"


@dataclass(frozen=True)
class Sheet:
    """A board as it was last read."""

    board: str
    version: int
    content: str
    entries: tuple[Mapping[str, Any], ...] = ()

    @cached_property
    def said(self) -> dict[str, str]:
        """What stands on the board, by who wrote it; later lines count."""
        return dict(_ENTRY.findall(self.content))

    def with_line(self, name: str, line: str) -> str:
        """The text with the agent's line at its end, and without an earlier one of it."""
        earlier = f"{name}: "
        kept = [old for old in self.content.splitlines() if not (name and old.startswith(earlier))]
        return "\n".join([*kept, line])


@dataclass(frozen=True)
class Share:
    """What of several problems is the agent's to solve, and what others have done or claimed."""

    problems: tuple[Problem, ...]
    done: Mapping[str, tuple[str, Fraction]] = field(default_factory=dict)
    """By problem: on which board its value stands, and the value."""
    claimed: Mapping[str, str] = field(default_factory=dict)
    """By problem that somebody else works on: who."""
    open: tuple[str, ...] = ()
    """What nobody works on yet."""


def consult(reading: Reading) -> Draft | None:
    """The calls that read what has not been read in this turn; None if nothing is left to read."""
    if not reading.can(READ):
        return None
    read = {call.arguments.get("board") for call in reading.calls(READ, reading.turn)}
    due = [board for board in _boards(reading, READ) if board not in read]
    return Draft(calls=tuple((READ, {"board": board}) for board in due)) if due else None


def sheets(reading: Reading) -> dict[str, Sheet]:
    """The boards as they were last read in this turn."""
    found: dict[str, Sheet] = {}
    for call in reading.calls(READ, reading.turn):
        sheet = _sheet(reading.results.get(call.id, ""))
        if sheet is not None:
            found[sheet.board] = sheet
    return found


def record(reading: Reading, draft: Draft) -> Draft | None:
    """The calls that bring the agent's result onto its boards; None once it stands there, or cannot get there."""
    if not reading.can(WRITE) or not draft.result or _out_of_steps(reading):
        return None
    line = f"{reading.name}: {draft.result}" if reading.name else draft.result
    steps = [_step(reading, board, line) for board in _boards(reading, WRITE)]
    calls = tuple(step for step in steps if step is not None)
    return Draft(calls=calls) if calls else None


def _out_of_steps(reading: Reading) -> bool:
    """Whether the calls that are left to a turn are needed to end it: by a reply, or a ballot and then a reply."""
    taken = sum(isinstance(item, Own) for item in reading.turn)
    return taken + 1 + (VOTE in reading.tools) >= _STEPS


def _step(reading: Reading, board: str, line: str) -> tuple[str, dict[str, Any]] | None:
    """What has to be done next to bring a line onto a board."""
    tries = [call for call in reading.calls(WRITE, reading.turn) if call.arguments.get("board") == board]
    done = any(not _failed(reading, call) for call in tries)
    if done or len(tries) >= _ATTEMPTS:
        return None
    if not reading.can(READ) or board not in _boards(reading, READ):
        return _unseen(reading, board, line, tries)
    if tries and _read_last(reading, board) < _place(reading, tries[-1]):
        return (READ, {"board": board})
    sheet = sheets(reading).get(board)
    if sheet is None or line in sheet.content.splitlines():
        return None
    return (WRITE, {"board": board, "content": sheet.with_line(reading.name, line), "version": sheet.version})


def _unseen(reading: Reading, board: str, line: str, tries: list[Call]) -> tuple[str, dict[str, Any]] | None:
    """A board that cannot be read holds what this agent has to say, and its version is what its answers tell."""
    written = [call for call in reading.calls(WRITE, reading.items) if call.arguments.get("board") == board]
    last = written[-1] if written else None
    if last is not None and not tries and last.arguments.get("content") == line and not _failed(reading, last):
        return None
    told = [_VERSION.search(reading.results.get(call.id, "")) for call in written]
    versions = [int(found[1]) for found in told if found]
    return (WRITE, {"board": board, "content": line, "version": versions[-1] if versions else 0})


# Dividing work


def share_of(reading: Reading, problems: tuple[Problem, ...]) -> Share | Draft:
    """What the agent works on; or the call by which it claims something first.

    Where several problems stand and a board takes claims, an agent claims one of them and leaves the others alone.
    Whoever answers the user solves them all: what is claimed is not yet done.
    """
    boards = sheets(reading)
    on = next((board for board in _boards(reading, CLAIM) if board in boards), None)
    if len(problems) < 2 or on is None or USER in reading.recipients:
        return Share(problems)
    done = _done(boards, problems)
    tried = list(reading.calls(CLAIM, reading.turn))
    claimed = {str(entry.get("path")): str(entry.get("owner")) for entry in boards[on].entries if entry.get("path")}
    claimed |= {str(call.arguments.get("path")): _holder(reading, call) for call in tried}
    mine = tuple(problem for problem in problems if claimed.get(problem.text) == reading.name)
    free = [problem for problem in problems if problem.text not in claimed and problem.text not in done]
    begun = any(reading.calls(WRITE, reading.turn))
    more = not begun and len(tried) < _ATTEMPTS and all(problem.text in done for problem in mine)
    if free and more and reading.can(CLAIM):
        number = problems.index(free[0]) + 1
        return Draft(calls=((CLAIM, {"board": on, "path": free[0].text, "start": number, "end": number}),))
    others = {path: owner for path, owner in claimed.items() if owner != reading.name and path not in done}
    due = tuple(problem for problem in mine if problem.text not in done)
    return Share(due, done, others, tuple(problem.text for problem in free))


def _holder(reading: Reading, call: Call) -> str:
    """Who holds what a call tried to claim."""
    if not _failed(reading, call):
        return reading.name
    told = _HOLDER.search(reading.results.get(call.id, ""))
    return told[1] if told else "somebody else"


def _done(boards: Mapping[str, Sheet], problems: tuple[Problem, ...]) -> dict[str, tuple[str, Fraction]]:
    wanted = {problem.text for problem in problems}
    return {
        claim.text: (sheet.board, value_of(claim.claimed))
        for sheet in boards.values()
        for claim in arithmetic(sheet.content).equations
        if claim.text in wanted and is_number(claim.claimed)
    }


# What calls have brought


def _boards(reading: Reading, tool: str) -> tuple[str, ...]:
    return reading.enum(tool, "board")[:_MAX_BOARDS]


def _failed(reading: Reading, call: Call) -> bool:
    return reading.results.get(call.id, _FAILED).startswith(_FAILED)


def _read_last(reading: Reading, board: str) -> int:
    """Where in the turn a board was last read; -1 if it was not."""
    reads = (call for call in reading.calls(READ, reading.turn) if call.arguments.get("board") == board)
    return max((_place(reading, call) for call in reads), default=-1)


def _place(reading: Reading, call: Call) -> int:
    return next(n for n, item in enumerate(reading.turn) if isinstance(item, Own) and call in item.calls)


def _sheet(text: str) -> Sheet | None:
    """A board from the result of reading it. One that was cut, or refused, is none."""
    try:
        shown = json.loads(text)
        return Sheet(str(shown["board"]), int(shown["version"]), str(shown["content"]), _entries(shown))
    except (ValueError, KeyError, TypeError):
        return None


def _entries(shown: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    return tuple(entry for entry in shown.get("entries") or () if isinstance(entry, Mapping))
