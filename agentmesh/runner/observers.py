"""The monitors of one run, shown every event: one that raises fails closed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agentmesh.config.secrets import told
from agentmesh.events import Event, FindingRecorded, InterventionMade, MessageProposed, MessageTransformed, RunEnded
from agentmesh.messages import Finding
from agentmesh.monitors.base import Watch
from agentmesh.scheduler import Command, Scheduler
from agentmesh.scheduler.ladder import MONITOR_ERROR


def heard(
    event: Event, found: list[FindingRecorded], scheduler: Scheduler, at_once: Callable[[Event], None]
) -> list[FindingRecorded]:
    """The findings that come after the event; those that block a message were passed on before it is decided on."""
    if not found:
        return found
    scheduler.expect(event)  # nothing new begins, and the run does not end, before each finding is heard
    if isinstance(event, MessageProposed | MessageTransformed):
        for finding in [finding for finding in found if finding.blocking]:
            at_once(finding)
        found = [finding for finding in found if not finding.blocking]
    return heard_after(found, scheduler)


def heard_after(found: list[FindingRecorded], scheduler: Scheduler) -> list[FindingRecorded]:
    """These findings, without which nothing new begins: they come after what is being passed on just now."""
    for finding in found:
        scheduler.expect(finding)
    return found


def acted_on(
    event: Event, scheduler: Scheduler, at_once: Callable[[Event | Command], None]
) -> Sequence[Event | Command]:
    """What follows from an event; of a verdict that a message waits for, what comes before it is passed on at once."""
    if not (isinstance(event, FindingRecorded) and event.suspicion and event.blocking):
        return scheduler.step(event)
    waiting = object()
    scheduler.expect(waiting)
    for item in scheduler.step(event):
        at_once(item)
    return scheduler.released(waiting)


class Observers:
    """What monitors find in each event, with what the team's configuration says of each."""

    def __init__(self, watches: Sequence[Watch]) -> None:
        self._watches = watches
        self._broken: set[str] = set()
        """Monitors that raised: the run halts on the first word of that, and asks them nothing more."""

    def found(self, event: Event) -> list[FindingRecorded]:
        """The findings in an event. Findings themselves, and what is done about them, are shown to nobody.

        Whoever finds something in the end of a run finds it for its scores: a run that has ended records nothing more.
        """
        if isinstance(event, FindingRecorded | InterventionMade):
            return []
        found = []
        for watch in self._watches:
            if watch.name in self._broken:
                continue
            try:
                findings = watch.findings(event)
            except Exception as error:  # a monitor is somebody else's code; it fails closed
                if watch.config.on_error == "ignore":
                    continue
                self._broken.add(watch.name)
                why = f"the monitor raised {told(error)}"
                findings = [Finding(monitor=watch.name, label=MONITOR_ERROR, why=why)]
            found += [
                FindingRecorded(
                    finding=finding,
                    threshold=watch.threshold(finding.label),
                    blocking=watch.config.blocking,
                    observed=event.id,
                    judge="asked" if watch.config.judge is not None and finding.label != MONITOR_ERROR else None,
                )
                for finding in findings
            ]
        return [] if isinstance(event, RunEnded) else found
