"""Writing code: an agent reads the files, claims a place and says which names it chose where it can, edits, reports.

What a peer says in a message or on a board is taken in by the chance of `attention`; what an agent writes keeps to what
it announced by that of `fidelity`. In each turn it reads the files anew, and what it has heard since changes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from agentmesh.messages import USER, Position
from agentmesh.providers.simulated.coding.agreements import TASK, Names, told
from agentmesh.providers.simulated.coding.features import Piece, pieces_in
from agentmesh.providers.simulated.coding.lead import lead
from agentmesh.providers.simulated.coding.source import exchange, functions
from agentmesh.providers.simulated.coding.writing import Writing
from agentmesh.providers.simulated.drafts import Draft, Solver
from agentmesh.providers.simulated.planning import HAND_OFF, OPEN_TASKS
from agentmesh.providers.simulated.reading import Reading
from agentmesh.providers.simulated.sheets import CLAIM, consult, sheets

READ_FILE, EDIT_FILE, WRITE_FILE = "read_file", "edit_file", "write_file"
COMMIT = "commit_to"

_FAILED = "error:"
_REFUSED = "is claimed by"


def code(reading: Reading, solver: Solver) -> Draft | None:
    """The next reply of who is asked for features of a package; None where nobody asks for any, or it has no files."""
    pieces = pieces_in(_asking(reading)) if solver.mind.profile.computes else ()
    if not pieces:
        return None
    if OPEN_TASKS in reading.tools:
        return lead(reading, pieces, Names(reading, solver.mind))
    if READ_FILE not in reading.tools or not {EDIT_FILE, WRITE_FILE} & reading.tools.keys():
        return None
    turn = _Turn(reading, Writing(pieces, Names(reading, solver.mind), solver.mind))
    return consult(reading) or turn.look() or turn.claim() or turn.write() or turn.report()


def _asking(reading: Reading) -> list[str]:
    """Whose words ask for work: the task at hand, or else the user's, and what the agent was told alone."""
    asked = reading.request
    if asked.kind == TASK:
        return [block.text for block in reading.messages if (block.kind, block.task) == (TASK, asked.task)]
    return [reading.system, *(block.text for block in reading.messages if block.sender == USER)]


@dataclass(frozen=True)
class _Turn:
    """What is done in one turn, step by step."""

    reading: Reading
    writing: Writing

    def look(self) -> Draft | None:
        """Read the files at issue, those that others write to as well."""
        read = {call.arguments.get("path") for call in self.reading.calls(READ_FILE, self.reading.turn)}
        paths = dict.fromkeys(path for piece in self._pieces for path in (piece.path, piece.other) if path)
        due = [path for path in paths if path not in read]
        return self._calls([(READ_FILE, {"path": path}) for path in due])

    def claim(self) -> Draft | None:
        """Claim a place for what is new in a file, and commit to the names that others may need."""
        calls = [
            (CLAIM, {"board": board, "path": path, "start": line, "end": line})
            for board in self.reading.enum(CLAIM, "board")[:1]
            for path in self._adds_to
            if (line := self._due_claim(path)) is not None
        ]
        said = {str(entry.get("text")) for sheet in sheets(self.reading).values() for entry in sheet.entries}
        said |= {str(call.arguments.get("text")) for call in self.reading.calls(COMMIT, self.reading.turn)}
        commitments = [
            (COMMIT, {"board": board, "text": text})
            for board in self.reading.enum(COMMIT, "board")[:1]
            for text in self._names
            if text not in said
        ]
        return self._calls([*calls, *commitments])

    def write(self) -> Draft | None:
        """Change the files that are not yet as they ought to be."""
        if any(self.reading.calls(EDIT_FILE, self.reading.turn)) or any(
            self.reading.calls(WRITE_FILE, self.reading.turn)
        ):
            return None
        calls: list[tuple[str, dict[str, Any]]] = []
        for path in dict.fromkeys(piece.path for piece in self._pieces):
            if path not in self._files:
                continue
            before, after = self._files[path], self.writing.file(path, self._files, self._place(path))
            if after != before:
                calls.append(self._change(path, before, after))
        return self._calls(calls)

    def report(self) -> Draft:
        """Say what was written, and which names were chosen."""
        written = f"{_listed(self._pieces)} {'is' if len(_numbers(self._pieces)) == 1 else 'are'} written."
        missing = [path for path in dict.fromkeys(piece.path for piece in self._pieces) if path not in self._files]
        if missing:
            written = f"There is no {', '.join(missing)}, so that {_listed(self._pieces)} cannot be written."
        told_all = "\n".join([written, *self._names])
        if HAND_OFF in self.reading.tools and self.reading.can(HAND_OFF):
            handed = {
                "status": "failed" if missing else "done",
                "summary": written,
                "evidence": " ".join(self._names),
                "concerns": written if missing else "",
                "deviations": "",
            }
            if not any(self.reading.calls(HAND_OFF, self.reading.turn)):
                return Draft(calls=((HAND_OFF, handed),))
        return Draft(text=told_all, position=Position(answer=written), complete=not missing)

    @property
    def _pieces(self) -> tuple[Piece, ...]:
        return tuple(self.writing.pieces)

    @cached_property
    def _names(self) -> list[str]:
        """What others may need to know: each name that was left open."""
        names = self.writing.names
        return [told(piece, names.announced(piece)) for piece in self._pieces if piece.gives_name]

    @cached_property
    def _files(self) -> Mapping[str, str]:
        """The files as they were read in this turn."""
        found = {}
        for call in self.reading.calls(READ_FILE, self.reading.turn):
            text = self.reading.results.get(call.id, _FAILED)
            if not text.startswith(_FAILED):
                found[str(call.arguments.get("path"))] = text
        return found

    @cached_property
    def _adds_to(self) -> list[str]:
        paths = dict.fromkeys(piece.path for piece in self._pieces if not piece.widens)
        return [path for path in paths if path in self._files]

    # Places in a file

    def _due_claim(self, path: str) -> int | None:
        """The line to claim; None where the agent has its place, or has tried often enough."""
        if not self.reading.can(CLAIM):
            return None
        place = self._place(path)
        line = None if place is None else self._lines(path).get(place)
        return None if line is None or line in self._held(path) else line

    def _place(self, path: str) -> str | None:
        """Behind which function new ones go: the last one of the file, or where others claimed that, one before it.

        What stands in a place already stays there, unless that is claimed by others.
        """
        lines, taken, held = self._lines(path), self._taken(path), self._held(path)
        free = [name for name, line in lines.items() if line not in taken]
        mine = [name for name in free if lines[name] in held]
        before = [name for name in free if name == self.writing.place(path, self._files[path])]
        return next(reversed(mine or before or free), None)

    def _lines(self, path: str) -> dict[str, int]:
        """The functions of a file and their last lines, as others know it."""
        return functions(self.writing.undone(path, self._files[path]))

    def _held(self, path: str) -> set[int]:
        """Lines of a file that the agent has claimed."""
        found = {start for owner, start, _ in self._claims(path) if owner == self.reading.name}
        tried = [call for call in self._tried(path) if not self._result(call.id).startswith(_FAILED)]
        return found | {int(call.arguments["start"]) for call in tried}

    def _taken(self, path: str) -> set[int]:
        """Lines of a file that others have claimed."""
        found = {line for owner, a, b in self._claims(path) if owner != self.reading.name for line in range(a, b + 1)}
        refused = [call for call in self._tried(path) if _REFUSED in self._result(call.id)]
        return found | {int(call.arguments["start"]) for call in refused}

    def _claims(self, path: str) -> list[tuple[str, int, int]]:
        return [
            (str(entry.get("owner")), int(entry.get("start", 0)), int(entry.get("end", 0)))
            for sheet in sheets(self.reading).values()
            for entry in sheet.entries
            if entry.get("kind") == "claim" and entry.get("path") == path
        ]

    def _tried(self, path: str) -> list[Any]:
        return [c for c in self.reading.calls(CLAIM, self.reading.turn) if c.arguments.get("path") == path]

    def _result(self, call_id: str) -> str:
        return self.reading.results.get(call_id, _FAILED)

    # Calls

    def _change(self, path: str, before: str, after: str) -> tuple[str, dict[str, Any]]:
        if EDIT_FILE not in self.reading.tools:
            return (WRITE_FILE, {"path": path, "content": after})
        old, new = exchange(before, after)
        return (EDIT_FILE, {"path": path, "old": old, "new": new})

    def _calls(self, calls: list[tuple[str, dict[str, Any]]]) -> Draft | None:
        can = [(name, arguments) for name, arguments in calls if self.reading.can(name)]
        return Draft(calls=tuple(can)) if can else None


def _numbers(pieces: tuple[Piece, ...]) -> list[int]:
    return sorted({piece.feature for piece in pieces})


def _listed(pieces: tuple[Piece, ...]) -> str:
    *others, last = map(str, _numbers(pieces))
    return f"Features {', '.join(others)} and {last}" if others else f"Feature {last}"
