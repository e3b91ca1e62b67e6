"""Whose context holds what is not to be acted upon: the label travels with every message, board and vote."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from agentmesh.events import ContextStarted, Inbound, MessageDelivered, ToolCallFinished
from agentmesh.messages import Trust


class Labels:
    """By node: where the untrusted part of its context came from.

    An agent's label goes when its context starts anew and with it whatever bore the label. `forgetful` agents keep
    nothing between turns. `untrusted`: what agents bring along from a run that this one continues.
    """

    def __init__(self, forgetful: Collection[str] = (), untrusted: Mapping[str, str] | None = None) -> None:
        self._forgetful = frozenset(forgetful)
        self._source: dict[str, str] = dict(untrusted or {})
        self._unread: dict[str, str] = {}
        """What the inbox of the current turn brought, which a context that starts with it keeps."""
        self._carried: dict[str, str] = {}
        """Of what agents will be shown again of their own words."""

    def of(self, node: str) -> Trust:
        """The label of what the node writes now."""
        return "untrusted" if node in self._source else "trusted"

    def source(self, node: str) -> str | None:
        """Where the untrusted part came from, or None if there is none."""
        return self._source.get(node)

    def begin(self, agent: str, inbox: Iterable[Inbound]) -> None:
        """A turn begins with this inbox."""
        if agent in self._forgetful:
            self._source.pop(agent, None)
        self._unread.pop(agent, None)
        if agent in self._carried:
            self._unread[agent] = self._source[agent] = self._carried.pop(agent)
        for item in inbox:
            if isinstance(item, MessageDelivered) and item.trust == "untrusted":
                self._unread[agent] = f"message {item.message_id} from '{item.sender}'"
                self._source[agent] = self._unread[agent]

    def carry(self, agent: str, source: str | None) -> None:
        """What the agent is told when its next turn begins comes from what it had from there."""
        if source is not None:
            self._carried[agent] = source

    def heard(self, event: ContextStarted | ToolCallFinished) -> None:
        """A context begins: what is carried over keeps its label. Or a tool has returned something from outside."""
        agent = event.agent or ""
        if isinstance(event, ToolCallFinished):
            if event.trust == "untrusted" and agent:
                self._source[agent] = f"what {event.name} returned"
        elif event.reason in ("fresh", "reset", "replace"):
            self._source.pop(agent, None)
            if agent in self._unread:
                self._source[agent] = self._unread[agent]

    def mark(self, node: str, source: str) -> None:
        """The node has taken in something untrusted."""
        self._source[node] = source

    def clear(self, node: str) -> None:
        """What the node held was replaced by something trusted."""
        self._source.pop(node, None)
