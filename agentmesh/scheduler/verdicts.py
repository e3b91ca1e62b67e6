"""Findings that wait for a judge: until its verdict nothing is done about them, and a message they hold back waits."""

from __future__ import annotations

from agentmesh.events import Event, FindingRecorded, MessageEvent, RunStarted
from agentmesh.scheduler.commands import Judge, Step
from agentmesh.scheduler.interventions import Interventions
from agentmesh.scheduler.ladder import Ladder
from agentmesh.scheduler.orders import Order
from agentmesh.scheduler.post import Post
from agentmesh.scheduler.state import RunState


class Verdicts:
    """Has suspicions judged, and lets what was found climb its ladder."""

    def __init__(self, state: RunState, post: Post, interventions: Interventions, ladder: Ladder) -> None:
        self._state = state
        self._post = post
        self._interventions = interventions
        self._ladder = ladder
        self._asked: dict[int, Event | None] = {}
        """By suspicion: the message that waits for the verdict."""

    @property
    def waiting(self) -> bool:
        """Whether a judge has still to say something."""
        return bool(self._asked)

    def found(self, event: FindingRecorded) -> Step:
        """What follows from a finding: a judge is asked, or the ladder is climbed."""
        if event.judge == "asked":
            message = self._interventions.undecided if event.blocking else None
            self._asked[event.id] = message
            if isinstance(message, MessageEvent):
                self._post.suspect(message.message_id)
            return [Judge(event, f"{self._state.phase.name}#{self._state.occurrence}")]
        if event.suspicion:
            self._interventions.undecided = self._asked.pop(event.suspicion, None)
        return list(self._ladder.climb(event)) if event.counts else []

    def released(self, order: Order, task: RunStarted) -> Step:
        """What the message that waited comes to, now that all is done that had to be done before it is decided on."""
        message = self._interventions.undecided
        out = self._interventions.decided(order, task)
        return [*out, *(self._post.cleared(message.message_id) if isinstance(message, MessageEvent) else ())]
