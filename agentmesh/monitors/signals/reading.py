"""Events become acts: what an agent said in one breath, and what it did. Each is read once for all monitors."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from agentmesh.events import (
    Event,
    MessageDelivered,
    MessageProposed,
    PositionStated,
    RunStarted,
    ToolCallFinished,
    TurnStarted,
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


@dataclass
class Runs:
    """The runs of three words of one contribution. They are hashed when something is first compared with them."""

    event: int
    """The first that showed the contribution."""
    words: list[str]

    @cached_property
    def hashes(self) -> frozenset[int]:
        """Of each run, for one process."""
        return shingles_of(self.words)


@dataclass
class Said:
    """One contribution: a text, to however many recipients. `event`: id of the first event that showed it.

    What few monitors look at is computed when it is first asked for.
    """

    event: int
    ts: float
    index: int
    """How many contributions came before it in the run."""
    agent: str
    outside: bool
    """Whether it comes from the user, not from the team."""
    recipients: list[str]
    """Grows as copies of the same text to others follow."""
    text: str
    kind: MessageKind
    words: list[str]
    vocabulary: frozenset[str]
    """Each of them once."""
    content: frozenset[str]
    """Its words that carry content."""
    units: frozenset[str]
    """Numbers, names of things, quotes in it."""
    new_units: frozenset[str]
    """Those that nobody in the run had mentioned, and no tool returned."""
    deeds: int
    """Tool calls that the agent finished since its last contribution."""
    position: str | None
    """The answer that it holds, as answers are compared; None where it states none."""
    held: str | None
    """The answer that the agent held before."""
    before: Said | None
    """The agent's own last contribution."""
    runs: Runs = field(repr=False)
    earlier: tuple[Runs, ...] = field(repr=False)
    """Of the latest contributions before it, the newest last."""

    @cached_property
    def speech(self) -> Speech:
        """What it does, by its wording."""
        return speech_of(bounded(self.text), self.words, self.vocabulary)

    @property
    def fenced(self) -> bool:
        """Whether it has a fence, as there is around code."""
        return "`" in self.text and "```" in self.text  # one character is looked for ten times as fast

    @cached_property
    def sentences(self) -> int:
        """How many it has, about, and at least one."""
        return sentences_in(bounded(self.text))

    @property
    def shingles(self) -> frozenset[int]:
        """Its runs of three words, by their hashes."""
        return self.runs.hashes

    @cached_property
    def novelty(self) -> float:
        """Share of its runs of three words that were in none of the latest contributions."""
        new = self.shingles.difference(*(runs.hashes for runs in self.earlier))
        return len(new) / len(self.shingles) if new else 0.0

    @property
    def echo(self) -> float:
        """Largest share of them that one single earlier contribution had."""
        return self._echo[0]

    @property
    def echoes(self) -> int | None:
        """The event that showed that contribution."""
        return self._echo[1]

    @cached_property
    def _echo(self) -> tuple[float, int | None]:
        common = [(len(self.shingles & runs.hashes), runs.event) for runs in self.earlier]
        most, event = max(common, default=(0, 0))
        return (most / len(self.shingles), event) if most else (0.0, None)

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
        self._units: Memory[str] = Memory(10_000)
        self._runs: deque[Runs] = deque(maxlen=RECENT)
        self._deeds: dict[str, int] = {}
        self._stated: dict[str, str] = {}
        self._proposed: dict[str, None] = {}
        self._spoke_in_turn: dict[str, bool] = {}
        """By agent whose turns are shown: whether it has spoken since its last one began."""

    def read(self, event: Event) -> Act | None:
        """The act that this event shows, the same object for every monitor; None where it shows nothing new."""
        if event is not self._event:
            self._event, self._act = event, self._read(event)
        return self._act

    def _read(self, event: Event) -> Act | None:
        match event:
            case MessageProposed():
                self._proposed[event.message_id] = None
                if len(self._proposed) > 4 * RECENT:
                    del self._proposed[next(iter(self._proposed))]
                return self._contribution(event)
            case MessageDelivered():
                return None if event.message_id in self._proposed else self._contribution(event)
            case PositionStated(agent=str(agent)):
                self._stated[agent] = canonical(event.position.answer)
            case ToolCallFinished(agent=str(agent)) if event.name not in GRAPH_TOOLS:
                return self._deed(event, agent)
            case TurnStarted(agent=str(agent)):
                self._spoke_in_turn[agent] = False
            case RunStarted():
                self.task = event.task
                self._units.keep(units_of(bounded(event.task)), 0)
            case _:
                pass
        return None

    def _deed(self, event: ToolCallFinished, agent: str) -> Done:
        self._deeds[agent] = self._deeds.get(agent, 0) + 1
        result = bounded(event.result or event.error or "")
        units = units_of(result)
        new = self._units.unmet(units)
        self._units.keep(units, self.contributions)
        return Done(
            event.id, event.ts, self.contributions, agent, event.name, event.arguments, event.result, event.error, new
        )

    def _contribution(self, event: MessageProposed | MessageDelivered) -> Said | None:
        agent, last = event.sender, self.latest.get(event.sender)
        in_turn = self._spoke_in_turn.get(agent)
        copied = last is not None and last.text == event.content and (last is self.said[-1] or in_turn)
        if last is not None and copied and event.recipient not in last.recipients:
            last.recipients.append(event.recipient)
            return None
        said = self._said(event, agent, last)
        if last is not None:
            last.before = None  # what refers any further back would hold the whole run
        self.contributions += 1
        self.latest[agent] = said
        self.said.append(said)
        if in_turn is not None:
            self._spoke_in_turn[agent] = True
        self._runs.append(said.runs)
        if said.position is not None:
            self.positions[agent] = said.position
            self.first_positions.setdefault(agent, said.position)
        return said

    def _said(self, event: MessageProposed | MessageDelivered, agent: str, last: Said | None) -> Said:
        text = bounded(event.content)
        words = words_of(text)
        vocabulary = frozenset(words)
        units = units_of(text)
        new_units = self._units.unmet(units)
        self._units.keep(units, self.contributions)
        stated = canonical(event.position.answer) if event.position else self._stated.pop(agent, None)
        return Said(
            event=event.id, ts=event.ts, index=self.contributions, agent=agent, outside=agent == USER,
            recipients=[event.recipient], text=event.content, kind=event.kind, words=words, vocabulary=vocabulary,
            content=vocabulary - FUNCTION_WORDS, units=units, new_units=new_units, deeds=self._deeds.pop(agent, 0),
            position=stated or stated_answer(text, vocabulary), held=self.positions.get(agent), before=last,
            runs=Runs(event.id, words), earlier=tuple(self._runs),
        )  # fmt: skip
