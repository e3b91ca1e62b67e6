"""What a group of batches comes to: the rows that are written of it."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agentmesh.errors import JournalError
from agentmesh.events import Answered, Event, Question, RunEnded, RunResumed
from agentmesh.journal.commits import Batch, HeldLog
from agentmesh.journal.stored import Stored, stored

_REMEMBERED = 20_000
"""Contents whose places are known without looking."""

ContentRow = tuple[int, str]
EventRow = tuple[int, int, str, str, str | None, int | None, str | None, int | None, bytes]


@dataclass
class Brought:
    """What one log brings."""

    log: HeldLog
    events: list[tuple[Event, Stored]] = field(default_factory=list)
    asked: int = 0
    """Questions, less answers."""
    end: tuple[str | None, str] | None = None
    """Outcome and reason, of a run that ends with it; no outcome where one goes on that had ended."""

    def add(self, event: Event) -> None:
        """Add an event. Raises: JournalError if it cannot be stored."""
        expected = self.log.count + len(self.events) + 1
        if event.id != expected:
            raise JournalError(f"run {self.log.run_id}: event {expected} comes next; found {event.id}")
        try:
            self.events.append((event, stored(event)))
        except Exception as error:  # of the serialiser, which says not which
            raise JournalError(
                f"run {self.log.run_id}: event {event.id} ({event.type}) cannot be stored: {error}"
            ) from error
        match event:
            case Question():
                self.asked += 1
            case Answered():
                self.asked -= 1
            case RunEnded():
                self.end = (event.outcome, event.reason)
            case RunResumed():
                self.end = (None, "")
            case _:
                pass


def brought_by(batches: Sequence[Batch]) -> list[Brought]:
    """What each log brings. A log with an event that cannot be stored fails, and brings nothing."""
    found: dict[HeldLog, Brought] = {}
    for batch in batches:
        log = batch.log
        if log.failed is not None:
            continue
        brought = found.setdefault(log, Brought(log))
        try:
            for event in batch.events:
                brought.add(event)
        except JournalError as error:
            log.failed = error
    return [brought for log, brought in found.items() if log.failed is None and brought.events]


class Places:
    """Where contents stand, so that what was said once is stored once."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, bytes], int] = OrderedDict()

    def forget(self) -> None:
        """Nothing is known to be there."""
        self._known.clear()

    def rows(self, brought: Sequence[Brought], free: Iterator[int]) -> tuple[list[ContentRow], list[EventRow]]:
        """New contents and events, of the logs that have not failed; those then stand behind these events."""
        contents: list[ContentRow] = []
        events: list[EventRow] = []
        for one in brought:
            log = one.log
            if log.failed is not None:
                continue
            for event, what in one.events:
                log.checksum = what.check(log.checksum)
                places = [(name, self._place(log.family, text, free, contents)) for name, text in what.long]
                (name1, place1), (name2, place2) = (*places, (None, None), (None, None))[:2]
                events.append((log.number, event.id, event.type, what.body, name1, place1, name2, place2, log.checksum))
            log.count += len(one.events)
        return contents, events

    def _place(self, family: int, text: str, free: Iterator[int], contents: list[ContentRow]) -> int:
        name = (family, hashlib.blake2b(text.encode(), digest_size=16).digest())
        place = self._known.get(name)
        if place is not None:
            self._known.move_to_end(name)
            return place
        place = self._known[name] = next(free)
        contents.append((place, text))
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return place
