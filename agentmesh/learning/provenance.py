"""Where what an agent cites came from: followed back along what each agent had seen, to who brought it into the team.

An agent has seen the results of its own tools, the messages that were delivered to it, and what stood on boards. A
piece of evidence cites one of these by an id (of a tool call or a message), or by words of it: all of the piece, what
it puts in quotation marks, or a number of two digits or more. Words of the task cite nothing. The first source that the
agent had seen counts; if another agent wrote it, then what that one had seen before, and so on.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import merge

from agentmesh.events import (
    BoardWritten,
    Event,
    MessageDelivered,
    MessageProposed,
    ModelCallFinished,
    RunStarted,
    ToolCallFinished,
)
from agentmesh.messages import RUN, USER, ToolCall, answer_key
from agentmesh.tools.graph import GRAPH_TOOLS

_NAME = re.compile(r"[\w./#:-]*\w")
_QUOTED = re.compile(r"\"([^\"]{2,})\"|\u201c([^\u201d]{2,})\u201d|`([^`]{2,})`")
_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?![\w.]*\d)")


@dataclass(frozen=True)
class Source:
    """A text that an agent can cite."""

    agent: str
    """Whose words, or whose tool's, it is."""
    made: int
    """Number of the event by which the agent made it, or got it from its tool."""
    text: str
    names: frozenset[str] = frozenset()
    tool: bool = False

    @cached_property
    def key(self) -> str:
        """The text as citations are compared with it."""
        return answer_key(self.text)

    def holds(self, words: str) -> bool:
        """Whether these words, made plain, stand in it as words."""
        return words in self.key and re.search(rf"(?<!\w){re.escape(words)}(?!\w)", self.key) is not None


class Sources:
    """What each agent had seen at each point of a log. Events are numbered by their places in it, from 0."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._seen: dict[str, list[tuple[int, Source]]] = defaultdict(list)
        self._boards: list[tuple[int, Source]] = []
        self._asked: dict[str, Sequence[ToolCall]] = defaultdict(tuple)
        self._proposed: dict[str, int] = {}
        self._task = ""
        for at, event in enumerate(events):
            self._read(at, event)

    def cited(self, agent: str, piece: str, before: int) -> Source | None:
        """Where the piece came from that this agent cites at this event; None where nobody supplied it.

        An agent's own words are no evidence, even if they come back to it; what its tool said is.
        """
        found = self._named(agent, piece, before) or self._worded(agent, piece, before)
        return None if found is None or (found.agent == agent and not found.tool) else found

    def _read(self, at: int, event: Event) -> None:
        match event:
            case RunStarted():
                self._task = answer_key(event.task)
            case ModelCallFinished(agent=str(agent), error=None):
                self._asked[agent] = event.tool_calls
            case ToolCallFinished(agent=str(agent), result=str(result)) if event.name not in GRAPH_TOOLS:
                # The id that the model gave the call is what it knows the result by.
                asked = (event.name, event.arguments)
                ids = {call.id for call in self._asked[agent] if (call.name, call.arguments) == asked}
                self._seen[agent].append((at, Source(agent, at, result, frozenset({event.key, *ids}), tool=True)))
            case MessageProposed():
                self._proposed.setdefault(event.message_id, at)
            case MessageDelivered(sender=sender) if sender not in (USER, RUN):
                made = self._proposed.get(event.message_id, at)
                text = f"{event.content}\n{event.position.text()}" if event.position else event.content
                said = Source(sender, made, text, frozenset({event.message_id}))
                self._seen[event.recipient].append((at, said))
            case BoardWritten(agent=str(agent)):
                text = event.content or (event.entry.text if event.entry else "")
                self._boards.append((at, Source(agent, at, text)))
            case _:
                pass

    def _visible(self, agent: str, before: int) -> list[Source]:
        """What the agent had seen before an event, first things first."""
        seen = merge(self._seen[agent], self._boards, key=lambda one: one[0])
        return [source for at, source in seen if at < before]

    def _named(self, agent: str, piece: str, before: int) -> Source | None:
        names = {*_NAME.findall(piece)}
        return next((one for one in reversed(self._visible(agent, before)) if not names.isdisjoint(one.names)), None)

    def _worded(self, agent: str, piece: str, before: int) -> Source | None:
        found = (self._first(agent, words, before) for words in _words(piece) if words not in self._task)
        return next(filter(None, found), None)

    def _first(self, agent: str, words: str, before: int) -> Source | None:
        source = next((one for one in self._visible(agent, before) if one.holds(words)), None)
        if source is None or source.tool:
            return source
        # Each step back is to an earlier event, so that it comes to an end.
        return self._first(source.agent, words, source.made) or source


def _words(piece: str) -> Iterator[str]:
    """What a piece of evidence may have taken from a source, the whole first."""
    quoted = (next(filter(None, groups)) for groups in _QUOTED.findall(piece))
    numbers: Iterable[str] = _NUMBER.findall(piece)
    yield from filter(lambda words: len(words) > 1, map(answer_key, (piece, *quoted, *numbers)))
