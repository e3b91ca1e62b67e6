"""Boards: shared memory with versions. Who may read or write one is decided by edges, like everything else."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from agentmesh.events import BoardWritten, PhaseEnded, ToolCallFinished, ToolCallStarted
from agentmesh.messages import BoardEntry, Trust, answer_key
from agentmesh.scheduler.commands import Step
from agentmesh.scheduler.notices import notice
from agentmesh.scheduler.sending import finished
from agentmesh.scheduler.state import RunState
from agentmesh.tools.graph import BoardAction, Choose, Claim, CommitTo, Offer, ReadBoard, WriteBoard

_SHOWN = 40
"""Lines of a difference that a stale write is told."""
Outcome = BoardEntry | str
"""An entry to be made, or a sentence saying why it is refused."""
Writing = WriteBoard | Claim | CommitTo | Offer | Choose


@dataclass(frozen=True)
class Refused:
    """Why a board does not take something, and whether what that says may be acted upon."""

    why: str
    trust: Trust = "trusted"


@dataclass
class _Sheet:
    """One board: all versions of its text, who wrote each, and its entries by id."""

    versions: list[str]
    writers: list[str] = field(default_factory=list)
    untrusted: dict[int | str, str] = field(default_factory=dict)
    """By version or entry: who wrote it with an untrusted context."""
    entries: dict[str, BoardEntry] = field(default_factory=dict)
    made: int = 0
    """Entries so far, those that are gone too."""

    @property
    def version(self) -> int:
        return len(self.versions) - 1

    def source(self) -> str | None:
        """Who wrote what is untrusted of that which stands there now; None if all may be acted upon."""
        return next((self.untrusted[part] for part in (self.version, *self.entries) if part in self.untrusted), None)


class Boards:
    """What stands on the boards of a run."""

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._sheets: dict[str, _Sheet] = {}
        self._kept: list[tuple[str, Writing]] = []
        """What agents put on boards in a round of all at once, until it is over."""

    def called(self, event: ToolCallStarted, action: BoardAction) -> Step:
        """What follows from a tool call on a board."""
        agent = event.agent or ""
        reading = isinstance(action, ReadBoard)
        allowed = self._state.reads(agent) if reading else self._state.writes(agent)
        if action.board not in allowed:
            named = ", ".join(allowed) or "no board"
            verb = "read" if reading else "write to"
            return [finished(event, error=f"'{agent}' may not {verb} '{action.board}'; it may {verb}: {named}")]
        if isinstance(action, ReadBoard):
            return [self._read(event, action.board, self._sheet(action.board))]
        # In rounds of all at once what is written is seen by nobody before the round is over, like messages.
        return self._keep(event, action) if self._state.phase.order == "simultaneous" else self._put(event, action)

    def release(self) -> Step:
        """What was kept of a round that is over, one deed at a time, in the order of the nodes."""
        if not self._kept:
            return []
        order = {name: place for place, name in enumerate(self._state.phase.participants)}
        agent, action = min(self._kept, key=lambda kept: order.get(kept[0], len(order)))
        self._kept.remove((agent, action))
        may = action.board in self._state.writes(agent)
        made = self._made(agent, action) if may else Refused("the edge to it is gone")
        if isinstance(made, BoardWritten):
            return [made]
        return [notice(agent, "board_refused", board=action.board, why=made.why)]

    def written(self, event: BoardWritten) -> None:
        """A board has changed: its new state is what the event says."""
        sheet = self._sheet(event.board)
        if event.content is not None:
            sheet.versions.append(event.content)
            sheet.writers.append(event.agent or "")
            self._label(event, sheet, sheet.version)
        if event.entry is not None:
            sheet.made += event.entry.id not in sheet.entries
            sheet.entries[event.entry.id] = event.entry
            self._label(event, sheet, event.entry.id)

    def phase_ended(self, _: PhaseEnded) -> None:
        """Claims hold as long as a phase."""
        self._release(lambda entry: entry.kind == "claim")

    def left(self, agent: str) -> None:
        """An agent is out: what it claimed is free, and what it offered can be agreed upon with nobody any more."""
        self._release(
            lambda entry: (
                entry.owner == agent and (entry.kind == "claim" or (entry.kind == "offer" and not entry.taken_by))
            )
        )

    def _release(self, gone: Callable[[BoardEntry], bool]) -> None:
        for sheet in self._sheets.values():
            sheet.entries = {id_: entry for id_, entry in sheet.entries.items() if not gone(entry)}

    def _label(self, event: BoardWritten, sheet: _Sheet, part: int | str) -> None:
        if event.trust == "untrusted":
            sheet.untrusted[part] = f"what '{event.agent}' wrote on '{event.board}'"

    def _sheet(self, board: str) -> _Sheet:
        if board not in self._sheets:
            self._sheets[board] = _Sheet([self._state.phase.boards[board].content])
        return self._sheets[board]

    def _read(self, event: ToolCallStarted, board: str, sheet: _Sheet) -> ToolCallFinished:
        shown = {
            "board": board,
            "version": sheet.version,
            "content": sheet.versions[-1],
            "entries": [entry.model_dump(exclude_defaults=True) for entry in sheet.entries.values()],
        }
        text = json.dumps(shown, ensure_ascii=False)
        trust = self._shown(event.agent or "", board, sheet.source() is not None)
        return finished(event, result=text).model_copy(update={"trust": trust})

    def _put(self, event: ToolCallStarted, action: Writing) -> Step:
        """What a call puts on a board at once."""
        made = self._made(event.agent or "", action)
        if isinstance(made, Refused):
            return [finished(event, error=made.why).model_copy(update={"trust": made.trust})]
        entry = made.entry
        told = (
            f"{entry.kind} {entry.id} stands on '{made.board}'"
            if entry
            else f"'{made.board}' is at version {made.version}"
        )
        return [made, finished(event, result=told)]

    def _keep(self, event: ToolCallStarted, action: Writing) -> Step:
        """What a call puts on a board when the round is over; what cannot stand even now is refused now."""
        agent = event.agent or ""
        made = self._made(agent, action)
        if isinstance(made, Refused):
            return [finished(event, error=made.why).model_copy(update={"trust": made.trust})]
        writes = isinstance(action, WriteBoard)
        if writes and any(
            who == agent and isinstance(kept, WriteBoard) and kept.board == action.board for who, kept in self._kept
        ):
            return [finished(event, error=f"you have written to '{action.board}' in this round; once is all there is")]
        self._kept.append((agent, action))
        return [
            finished(
                event, result=f"kept: it stands on '{action.board}' when the round is over, if nothing precedes it"
            )
        ]

    def _made(self, agent: str, action: Writing) -> BoardWritten | Refused:
        """What an action makes of a board as it stands now, or why it makes nothing."""
        sheet = self._sheet(action.board)
        label = self._label_of(agent, action.board, self._state.labels.of(agent))
        reads = action.board in self._state.reads(agent)
        if not isinstance(action, WriteBoard):
            entry = _entry(agent, action, sheet, reads=reads)
            if isinstance(entry, str):
                return Refused(entry, self._shown(agent, action.board, reads and sheet.source() is not None))
            return BoardWritten(agent=agent, board=action.board, version=sheet.version, entry=entry, trust=label)
        if action.version != sheet.version:
            shown = reads and bool({action.version, sheet.version} & sheet.untrusted.keys())
            return Refused(self._stale(agent, action, sheet), self._shown(agent, action.board, shown))
        version = sheet.version + 1
        return BoardWritten(agent=agent, board=action.board, version=version, content=action.content, trust=label)

    def _shown(self, agent: str, board: str, untrusted: bool) -> Trust:
        """Whether what an agent is shown of a board may be acted upon."""
        return self._label_of(board, agent, "untrusted" if untrusted else "trusted")

    def _label_of(self, sender: str, recipient: str, label: Trust) -> Trust:
        """The label of what passes between an agent and a board: an edge may be untrusted by itself."""
        edge = self._state.phase.by_pair.get((sender, recipient))
        return "untrusted" if edge is not None and edge.trust == "untrusted" else label

    def _stale(self, agent: str, action: WriteBoard, sheet: _Sheet) -> str:
        """Why a write is refused; what changed is told only to those who may read the board."""
        told = f"'{action.board}' is at version {sheet.version}, and you wrote on version {action.version}"
        if action.version > sheet.version:
            return f"{told}, which there is not; read it and write again"
        if action.board not in self._state.reads(agent):
            return f"{told}; write again on version {sheet.version}"
        before, now = (sheet.versions[at].splitlines() for at in (action.version, sheet.version))
        changed = list(difflib.unified_diff(before, now, "yours", "now", lineterm="", n=1))[2:]
        more = [f"... and {len(changed) - _SHOWN} lines more"] if len(changed) > _SHOWN else []
        writers = ", ".join(dict.fromkeys(sheet.writers[action.version :]))
        return "\n".join([f"{told}; changed since, by {writers}:", *changed[:_SHOWN], *more])


def _entry(agent: str, action: Claim | CommitTo | Offer | Choose, sheet: _Sheet, *, reads: bool) -> Outcome:
    match action:
        case Claim():
            return _claimed(agent, action, sheet)
        case CommitTo():
            return _committed(agent, action, sheet)
        case Offer():
            return BoardEntry(id=f"o{sheet.made + 1}", kind="offer", owner=agent, options=action.options)
        case Choose():
            return _chosen(agent, action, sheet, reads=reads)


def _claimed(agent: str, action: Claim, sheet: _Sheet) -> Outcome:
    if action.end < action.start:
        return f"a claim goes from start to end; found {action.start} to {action.end}"
    for entry in sheet.entries.values():
        if entry.owner != agent and entry.holds(action.path, action.start, action.end):
            held = f"{entry.start}-{entry.end} of '{entry.path}' is claimed by '{entry.owner}' ({entry.id})"
            return f"{held}; claim what does not overlap with it"
    return BoardEntry(
        id=f"c{sheet.made + 1}", kind="claim", owner=agent, path=action.path, start=action.start, end=action.end
    )


def _committed(agent: str, action: CommitTo, sheet: _Sheet) -> Outcome:
    own = [entry for entry in sheet.entries.values() if entry.kind == "commitment" and entry.owner == agent]
    said = answer_key(action.text)
    for entry in own:
        if said in (entry.id, answer_key(entry.text)):
            return entry.model_copy(update={"state": action.state})
    if action.state != "open":
        # What is said with other words would leave the commitment open for ever, and nobody would know.
        yours = ", ".join(f"{entry.id} '{entry.text}'" for entry in own) or "none"
        return f"you have committed yourself to no such thing; yours: {yours}"
    return BoardEntry(id=f"k{sheet.made + 1}", kind="commitment", owner=agent, text=action.text, state=action.state)


def _chosen(agent: str, action: Choose, sheet: _Sheet, *, reads: bool) -> Outcome:
    """The offer with what was chosen. What it says is told only to those who may read the board."""
    offers = {entry.id: entry for entry in sheet.entries.values() if entry.kind == "offer"}
    offer = offers.get(action.offer)
    if offer is None:
        return f"there is no offer '{action.offer}'; offers: {', '.join(offers) or 'none'}"
    if offer.owner == agent:
        return f"{offer.id} is your own offer; somebody else chooses"
    if offer.taken_by:
        chosen = f"'{offer.option}'" if reads else "an option"
        return f"'{offer.taken_by}' has chosen {chosen} of {offer.id} already"
    if action.option not in offer.options:
        options = f"; options: {', '.join(offer.options)}" if reads else ""
        return f"'{action.option}' is no option of {offer.id}{options}"
    return offer.model_copy(update={"option": action.option, "taken_by": agent})
