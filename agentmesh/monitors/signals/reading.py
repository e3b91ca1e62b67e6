"""Events become acts: what an agent said in one breath, and what it did. Each is read once for all monitors."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentmesh.events import (
    Event,
    MessageDelivered,
    MessageProposed,
    PositionStated,
    RunStarted,
    ToolCallFinished,
)
from agentmesh.messages import USER, MessageKind
from agentmesh.monitors.signals.answers import canonical, stated_answer
from agentmesh.monitors.signals.memory import Memory
from agentmesh.monitors.signals.speech import Speech, speech_of
from agentmesh.monitors.signals.wording import (
    FUNCTION_WORDS,
    bounded,
    sentences_in,
    shingles_of,
    units_of,
    words_of,
)
from agentmesh.tools.graph import GRAPH_TOOLS

RECENT = 16
"""Contributions that are kept whole: what is said is compared with these."""


@dataclass(slots=True)
class Said:
    """One contribution: a text, to however many recipients. `event`: id of the first event that showed it."""

    event: int
    ts: float
    index: int
    """How many contributions came before it in the run."""
    agent: str
    recipients: list[str]
    """Grows as copies of the same text to others follow."""
    text: str
    kind: MessageKind
    words: list[str]
    vocabulary: frozenset[str]
    """Each of them once."""
    content: frozenset[str]
    """Its words that carry content."""
    shingles: frozenset[int]
    sentences: int
    units: frozenset[str]
    """Numbers, names of things, quotes in it."""
    new_units: frozenset[str]
    """Those that nobody in the run had mentioned, and no tool returned."""
    new_words: float
    """Share of its content words that nobody in the run had used."""
    novelty: float
    """Share of its runs of three words that were in none of the latest contributions."""
    echo: float
    """Largest share of them that one single earlier contribution had."""
    echoes: Said | None
    """Which one that was."""
    deeds: int
    """Tool calls that the agent finished since its last contribution."""
    speech: Speech
    position: str | None
    """The answer that it holds, as answers are compared; None where it states none."""
    held: str | None
    """The answer that the agent held before."""
    before: Said | None
    """The agent's own last contribution."""

    @property
    def outside(self) -> bool:
        """Whether it comes from the user, not from the team."""
        return self.agent == USER

    @property
    def flips(self) -> bool:
        """Whether the agent gives up the answer that it held for another."""
        return self.position is not None and self.held is not None and self.position != self.held


@dataclass(slots=True)
class Done:
    """One tool call that came back. Calls of the tools by which agents act on the graph are none of these."""

    event: int
    ts: float
    index: int
    """How many contributions came before it in the run."""
    agent: str
    name: str
    arguments: Mapping[str, Any]
    result: str | None
    error: str | None
    new_units: frozenset[str]
    """Numbers and names in its result that nobody had mentioned before."""


Act = Said | Done


@dataclass
class Signals:
    """What has been said and done in one run so far, in bounded space. `read` every event once, in order."""

    task: str = ""
    said: deque[Said] = field(default_factory=lambda: deque(maxlen=RECENT))
    """The latest contributions, the newest last; the user's among them."""
    latest: dict[str, Said] = field(default_factory=dict)
    """By agent: its own last contribution."""
    positions: dict[str, str] = field(default_factory=dict)
    """By agent: the answer that it holds."""
    first_positions: dict[str, str] = field(default_factory=dict)
    """By agent: the first answer that it stated."""
    contributions: int = 0

    def __post_init__(self) -> None:
        self._event: Event | None = None
        self._act: Act | None = None
        self._words: Memory[str] = Memory(10_000)
        self._units: Memory[str] = Memory(10_000)
        self._shingles: Memory[int] = Memory(4_000)
        self._deeds: dict[str, int] = {}
        self._stated: dict[str, str] = {}
        self._proposed: dict[str, None] = {}

    def read(self, event: Event) -> Act | None:
        """The act that this event shows, the same object for every monitor; None where it shows nothing new."""
        if event is not self._event:
            self._event, self._act = event, self._read(event)
        return self._act

    def _read(self, event: Event) -> Act | None:
        match event:
            case RunStarted():
                self.task = event.task
                self._note(units_of(bounded(event.task)), words_of(bounded(event.task)))
            case MessageProposed():
                self._proposed[event.message_id] = None
                if len(self._proposed) > 4 * RECENT:
                    del self._proposed[next(iter(self._proposed))]
                return self._contribution(event)
            case MessageDelivered() if event.message_id not in self._proposed:
                return self._contribution(event)
            case PositionStated(agent=str(agent)):
                self._stated[agent] = canonical(event.position.answer)
            case ToolCallFinished(agent=str(agent)) if event.name not in GRAPH_TOOLS:
                return self._deed(event, agent)
            case _:
                pass
        return None

    def _deed(self, event: ToolCallFinished, agent: str) -> Done:
        self._deeds[agent] = self._deeds.get(agent, 0) + 1
        result = bounded(event.result or event.error or "")
        units = units_of(result)
        new = self._units.unmet(units)
        self._note(units, [])
        return Done(
            event.id, event.ts, self.contributions, agent, event.name, event.arguments, event.result, event.error, new
        )

    def _contribution(self, event: MessageProposed | MessageDelivered) -> Said | None:
        agent, last = event.sender, self.latest.get(event.sender)
        copied = last is not None and last is self.said[-1] and last.text == event.content
        if last is not None and copied and event.recipient not in last.recipients:
            last.recipients.append(event.recipient)
            return None
        said = self._said(event, agent, last)
        self._let_go(last)
        self.contributions += 1
        self.latest[agent] = said
        self.said.append(said)
        if said.position is not None:
            self.positions[agent] = said.position
            self.first_positions.setdefault(agent, said.position)
        return said

    def _let_go(self, last: Said | None) -> None:
        """Contributions refer to earlier ones: what refers any further back would hold the whole run."""
        if last is not None:
            last.before = None
        if len(self.said) == RECENT:
            self.said[0].echoes = None

    def _said(self, event: MessageProposed | MessageDelivered, agent: str, last: Said | None) -> Said:
        text = bounded(event.content)
        words = words_of(text)
        vocabulary = frozenset(words)
        content = vocabulary - FUNCTION_WORDS
        shingles, units = shingles_of(words), units_of(text)
        novelty, echo, echoes = self._compared(shingles)
        new_units = self._units.unmet(units)
        new_words = len(self._words.unmet(content)) / len(content) if content else 0.0
        self._note(units, content)
        self._shingles.keep(shingles, self.contributions)
        stated = canonical(event.position.answer) if event.position else self._stated.pop(agent, None)
        stated = stated or stated_answer(text)
        return Said(
            event=event.id, ts=event.ts, index=self.contributions, agent=agent, recipients=[event.recipient],
            text=event.content, kind=event.kind, words=words, vocabulary=vocabulary, content=content, shingles=shingles,
            sentences=sentences_in(text), units=units, new_units=new_units, new_words=new_words, novelty=novelty,
            echo=echo, echoes=echoes, deeds=self._deeds.pop(agent, 0), speech=speech_of(text, words, vocabulary),
            position=stated, held=self.positions.get(agent), before=last,
        )  # fmt: skip

    def _compared(self, shingles: frozenset[int]) -> tuple[float, float, Said | None]:
        """Share of runs of words that are new; the largest share that one contribution had; and which that was."""
        if not shingles:
            return 0.0, 0.0, None
        met = self._shingles.met(shingles)
        since = self.contributions - len(self.said)
        recent = {place: count for place, count in met.items() if place >= since}
        if not recent:
            return 1.0, 0.0, None
        place = max(recent, key=lambda at: (recent[at], at))
        novelty = 1 - sum(recent.values()) / len(shingles)
        return novelty, recent[place] / len(shingles), self.said[place - since]

    def _note(self, units: frozenset[str], words: frozenset[str] | list[str]) -> None:
        self._units.keep(units, self.contributions)
        self._words.keep(words, self.contributions)
