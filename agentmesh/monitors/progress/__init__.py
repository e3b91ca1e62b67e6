"""Work that goes round in circles (`repetition`) and work that comes to nothing (`stall`).

`repetition`. Each act gets a weight from 0 to 1, how much of it is a repetition:
- a tool call with the name and arguments of an earlier one of the same agent and the same result, or one of which 90 %
  of the lines stood in one earlier result of the agent, if they are more than an acknowledgement (100 characters, or
  two numbers or names): 1, over 1 + the things that the agent may have changed since;
- the same failed turn, refused message or words of the user again: 1, 1, 0.5;
- a message whose content words are to 60 % those of one of the agent's last eight: that share, times the share of the
  numbers and names that are the same in both; half of it after a call of the agent that brought something;
- a message that brings nothing (no number or name, and at most two words, no more than half of them, that the last
  eight messages had not; no tool call before it): 1. Messages alone make up ping-pong of any number of agents.
A message by which an agent stands by its position weighs 0.7 of that.
Weights count in bursts: level = max(0, level + weight - drift); a weight counts once the level reaches the gate. One
level is for the messages of all (drift 0.5; gate 0.9, and 0.5 more for each speaker beyond two, so that one round of
the same words never counts), one for the calls of each agent (drift 0.25, gate 0.7; the first that counts is halved).
score = mass / (mass + 3), mass being the sum of the weights that counted.

`stall`. The same for acts that leave the work as it was, with one level for the whole run (drift 0.5, gate
0.9; the first that counts is halved):
- a message that brings nothing or says in nearly the same words, whatever figures they change, what its author said
  before: 1, or the share of the words; 0.6 of it where the author stands by its position;
- a message without a new number, name or word with a capital within a sentence, by which no position is held: twice
  the share of its content words that the user asked with, that the last eight messages had or those since the work
  came to a halt, at most 1; less, the more words there are besides, down to nothing for eight; vague words count as
  heard, where they are half of three or more;
- a call that fails or comes back with a few words that say "nothing" (0.7), with no text at all or with an error that
  names something new (0.5); any other that repeats; a refused message, a failed turn (0.7, in the same way again: 1);
- 0 for any other message after a call of its author that brought something.
The level starts again from zero when a call brings something, a task, a vote, a milestone, a check or an agent's
position changes, when a board is written, and when the user says something new.

Not flagged: repetition now and then, however long the run; polling while the results change; tests run again after
each change; retries with changed arguments; a report that keeps its form while its facts change; a few announcements
before the work; agents who answer at the same time and say the same; an answer that is handed over once more; the
first three acts of a turn in the first four rounds of a phase in which all speak at once, where an agent is made to
speak whether it has something new or not.

Source: the failure modes "step repetition" and "unaware of termination conditions" of MAST (arXiv 2503.13657); which
repeats count follows the stuck detector of OpenHands; the burst is Page's CUSUM (Biometrika 41, 1954).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import ClassVar

from agentmesh.events import (
    BoardWritten,
    Event,
    MessageRefused,
    Metric,
    PhaseStarted,
    RunEnded,
    RunStarted,
    TaskChanged,
    ToolCallStarted,
    TurnFailed,
    TurnStarted,
    Verification,
    VoteCast,
)
from agentmesh.messages import Finding
from agentmesh.monitors.base import Reader
from agentmesh.monitors.progress.bursts import Burst
from agentmesh.monitors.progress.repeats import Calls, Heard, Messages
from agentmesh.monitors.signals import Done, Said
from agentmesh.monitors.signals.wording import bounded, words_of

MASS = 3.0
"""Mass at which a score is one half."""
FIRST = 0.5
"""What the first call of an agent, or idle act, that counts in a burst weighs, of what it would: it may pass."""
GATE = 0.9
FRUITFUL = 0.5
"""What saying the same again weighs after a call that brought something, of what it would: work goes on."""
STANDS, STANDS_STILL = 0.7, 0.6
"""What a message weighs by which a position is held, of what it would, for either label: who is asked says it again."""
FAILED = 0.7
"""What a call that failed weighs for a stall: it may have taught something."""
SILENT = 0.5
"""What a call that returned no text weighs for a stall: as much as the level forgets, for it may have done its work."""
WORDS_ALONE = 2.0
"""What words weigh for a stall that bring no number or name, times the share of them that was heard before."""
SOME, MANY = 4, 8
"""Words not heard before up to which they take nothing from that, and from which they take all."""
COMPLAINT = 0.5
"""What the same words of the user again weigh."""
STARTS, AGENTS = 8, 256
"""Calls under way of one tool and agent, and agents, that are kept in mind."""
SPEAKERS = 16
"""Contributions whose authors take part in what goes on."""
DUE, DUE_ACTS = 4, 3
"""Rounds of a discussion in which everybody has a turn, and the acts by which it may stand by what it said."""
HEAD = 200
FAILURES = ("error", "exception", "traceback", "not found", "failed", "denied", "refused", "timed out", "invalid")
NOTHING = frozenset("no none nothing null nil empty unchanged 0".split())
FEW_WORDS = 8
"""Up to so many words one of NOTHING says that there is nothing."""


class Progress(Reader):
    """Repeated actions and messages, ping-pong, the same error again; and turns in which nothing changes."""

    labels = ("repetition", "stall")
    thresholds: ClassVar[Mapping[str, float]] = {"repetition": 0.5, "stall": 0.4}
    cost = "compares some words of each message with eight of its sender, and each result with twelve"
    others = frozenset[type[Event]](
        (
            BoardWritten, MessageRefused, Metric, PhaseStarted, RunEnded, RunStarted, TaskChanged, ToolCallStarted,
            TurnFailed, TurnStarted, Verification, VoteCast,
        )
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._heard, self._messages, self._calls = Heard(), Messages(), Calls()
        self._speech = Burst(drift=0.5, gate=GATE)
        self._deeds: dict[str, Burst] = {}
        self._idle = Burst(drift=0.5, gate=GATE, first=FIRST)
        self._starts: dict[tuple[str, str], deque[ToolCallStarted]] = {}
        self._complaints: deque[str] = deque(maxlen=6)
        self._due: dict[str, int] = {}
        """By agent: how many acts of its turn are due because a round gives everybody a turn."""
        self._together = True
        """Whether all speak at once."""
        self._fruitful: dict[str, bool] = {}
        """Agents of which a call brought something since they spoke last."""
        self._speakers: deque[str] = deque(maxlen=SPEAKERS)
        self._mass = dict.fromkeys(self.labels, 0.0)
        self._last = ""

    def said(self, said: Said) -> Iterator[Finding]:
        if said.outside:
            yield from self._told(said)
            return
        self._last = said.agent
        again, idle = self._weighed(said)
        self._heard.hear(said, halted=self._idle.level > 0)
        self._speakers.append(said.agent)
        if said.kind == "answer" or self._is_due(said.agent):
            return
        if said.flips:
            self._idle.end()
        # One round in which everybody says again what was said is a round; the burst begins with its last message.
        self._speech.gate = max(GATE, GATE + 0.5 * (len(set(self._speakers)) - 2))
        repeated = self._speech.add(again, said.agent, (said.event,))
        yield from self._counts("repetition", repeated, self._speech, "says again what has been said")
        yield from self._idles(said.agent, idle, (said.event,), "speaks and brings nothing new")

    def _weighed(self, said: Said) -> tuple[float, float]:
        """How far a contribution repeats what was said, and how far it leaves the work where it was."""
        wording, facts = self._messages.likeness(said)
        nothing = self._heard.brings_nothing(said)
        fruitful = self._fruitful.pop(said.agent, False)
        again = 1.0 if nothing and not said.deeds else facts * FRUITFUL if fruitful else facts
        idle = 0.0 if fruitful else 1.0 if nothing else wording
        if said.position is not None:
            return STANDS * again, STANDS_STILL * idle
        if not (fruitful or nothing or said.new_units or self._heard.names(said)):
            idle = max(idle, self._words_alone(said))
        return again, idle

    def _words_alone(self, said: Said) -> float:
        """How little words say that bring no number or name: nothing, where half of them or more were heard before."""
        unheard = self._heard.unheard(said, MANY)
        share = 1 - unheard / max(1, len(said.content))
        return min(1.0, WORDS_ALONE * share) * min(1.0, max(0.0, (MANY - unheard) / (MANY - SOME)))

    def done(self, done: Done) -> Iterator[Finding]:
        self._last = done.agent
        started = self._starts.get((done.agent, done.name))
        events = (started.popleft().id, done.event) if started else (done.event,)
        repeated = self._calls.repetition(done)
        idle = emptiness(done) or repeated
        if idle < SILENT:
            self._fruitful[done.agent] = True
            if len(self._fruitful) > AGENTS:
                del self._fruitful[next(iter(self._fruitful))]
            self._idle.end()
        if self._is_due(done.agent):
            return
        yield from self._did(done.agent, repeated, events, f"calls {done.name} again to the same result")
        yield from self._idles(done.agent, idle, events, f"calls {done.name} and learns nothing")

    def other(self, event: Event) -> Iterator[Finding]:
        match event:
            case ToolCallStarted(agent=str(agent)):
                self._starts.setdefault((agent, event.name), deque(maxlen=STARTS)).append(event)
                if len(self._starts) > AGENTS:
                    del self._starts[next(iter(self._starts))]
            case TurnFailed(agent=str(agent)):
                yield from self._refused(agent, event.id, f"{agent}: {event.error}")
            case MessageRefused(agent=str(agent)):
                yield from self._refused(agent, event.id, f"{agent} to {event.recipient}: {event.content}")
            case TaskChanged() | VoteCast() | BoardWritten() | Verification() | Metric(kind="milestone"):
                self._idle.end()
            case RunEnded():
                yield from self._unreturned()
            case _:
                self._goes_on(event)

    def _goes_on(self, event: Event) -> None:
        """What says how the run goes: its task, its order, whose turn it is."""
        match event:
            case RunStarted():
                self._heard.asked(frozenset(words_of(bounded(event.task))))
            case PhaseStarted():
                self._together = event.order == "simultaneous"
            case TurnStarted(agent=str(agent)):
                self._heard.turn()
                self._due[agent] = DUE_ACTS if self._together and 1 <= event.round <= DUE else 0
                if len(self._due) > AGENTS:
                    del self._due[next(iter(self._due))]
            case _:
                pass

    def _told(self, said: Said) -> Iterator[Finding]:
        """The user speaks: with new words the work starts anew, with the same ones it complains of the same."""
        if said.text in self._complaints:
            if self._last:
                yield from self._did(self._last, COMPLAINT, (said.event,), "is told the same again")
        else:
            self._idle.end()
            self._heard.asked(said.content)
        self._complaints.append(said.text)

    def _refused(self, agent: str, event: int, what: str) -> Iterator[Finding]:
        again = what in self._complaints
        self._complaints.append(what)
        yield from self._did(agent, 1.0 if again else 0.0, (event,), "fails again in the same way")
        yield from self._idles(agent, 1.0 if again else FAILED, (event,), "fails and changes nothing")

    def _unreturned(self) -> Iterator[Finding]:
        """The run ends in the middle of calls: of those, it is known only whether they were made before."""
        for (agent, name), started in self._starts.items():
            for call in started:
                if self._calls.known(agent, name, call.arguments):
                    yield from self._did(agent, 1.0, (call.id,), f"calls {name} again")

    def _is_due(self, agent: str) -> bool:
        left = self._due.get(agent, 0)
        if left:
            self._due[agent] = left - 1
        return left > 0

    def _did(self, agent: str, weight: float, events: tuple[int, ...], why: str) -> Iterator[Finding]:
        if agent not in self._deeds and len(self._deeds) == AGENTS:
            del self._deeds[next(iter(self._deeds))]
        burst = self._deeds.setdefault(agent, Burst(drift=0.25, gate=0.7, first=FIRST))
        yield from self._counts("repetition", burst.add(weight, agent, events), burst, why)

    def _idles(self, agent: str, weight: float, events: tuple[int, ...], why: str) -> Iterator[Finding]:
        yield from self._counts("stall", self._idle.add(weight, agent, events), self._idle, why)

    def _counts(self, label: str, weight: float, burst: Burst, why: str) -> Iterator[Finding]:
        """A finding, if an act adds to the mass of a label and that is enough."""
        if not weight:
            return
        mass = self._mass[label] = self._mass[label] + weight
        score = self.scores[label] = mass / (mass + MASS)
        yield Finding(
            label=label,
            score=score,
            agents=tuple(burst.agents),
            evidence=tuple(burst.events),
            why=f"{self._last} {why}",
        )


def emptiness(done: Done) -> float:
    """How far a call came back with empty hands: with an error, or with a few words that say so, or in silence.

    Silence says nothing; where no result was recorded, nothing is known.
    """
    head = (done.result or "")[:HEAD]
    if done.error is not None or any(mark in head.casefold() for mark in FAILURES):
        return SILENT if done.new_units else FAILED
    if done.result is None or done.new_units - NOTHING:
        return 0.0
    words = words_of(head)
    if not words:
        return SILENT
    return FAILED if len(words) <= FEW_WORDS and not NOTHING.isdisjoint(words) else 0.0
