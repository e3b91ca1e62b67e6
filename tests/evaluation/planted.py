"""Runs and monitors made by hand: what is there, and what is found, is known to the word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agentmesh.evaluation.calibration import LabelledRun
from agentmesh.events import Event, MessageProposed, TurnStarted, stamped
from agentmesh.messages import Finding


def planted(name: str, said: Sequence[str], *, onset: int | None = None, until: int | None = None) -> LabelledRun:
    """A run of one message a turn. It shows `stall` from the message `onset` on, up to `until`.

    Event 2k is the start of turn k, event 2k + 1 its message.
    """
    events: list[Event] = []
    for at, text in enumerate(said):
        events.append(stamped(TurnStarted(agent="a", turn=at, phase="p"), 2 * at + 1, name, float(at)))
        message = MessageProposed(agent="a", message_id=f"m{at}", sender="a", recipient="b", content=text)
        events.append(stamped(message, 2 * at + 2, name, at + 0.5))
    first = None if onset is None else 2 * onset + 1
    last = len(events) if until is None else 2 * until + 1
    shown = [frozenset({"stall"} if first is not None and first <= at < last else ()) for at in range(len(events))]
    return LabelledRun(name, events, shown, {} if first is None else {"stall": first})


class Reads:
    """Finds `stall` with the score that a message names: `alarm 0.7`; `cites N` adds an event to the evidence."""

    labels = ("stall",)
    thresholds = {"stall": 0.6}  # noqa: RUF012 - read only

    def __init__(self) -> None:
        self.events = 0

    def observe(self, event: Event) -> Iterator[Finding]:
        self.events += 1
        assert event.id == self.events, "made anew for each run"
        if isinstance(event, MessageProposed) and event.content.startswith("alarm"):
            words = event.content.split()
            cited = (int(words[3]),) if len(words) > 3 else ()
            yield Finding(label="stall", score=float(words[1]), evidence=cited)
