"""Work that goes round in circles (`repetition`) and work that comes to nothing (`stall`).

`repetition`. Each act gets a weight from 0 to 1, how much of it is a repetition:
- a tool call with the name and arguments of an earlier one of the same agent and the same result, or one of which 90 %
  of the lines stood in one earlier result of the agent: 1, over 1 + the things that the agent may have changed since;
- the same failed turn, refused message or words of the user again: 1, 1, 0.5;
- a message whose content words are to 60 % those of one of the agent's last eight: that share, times the share of the
  numbers and names that are the same in both;
- a message that brings nothing (no number or name, and at most two words, no more than half of them, that the last
  eight messages had not; no tool call before it): 1. Messages alone make up ping-pong of any number of agents.
Weights count in bursts: level = max(0, level + weight - drift); a weight counts once the level reaches the gate. One
level is for the messages of all (drift 0.5; gate 0.9, and 0.5 more for each speaker beyond two, so that one round of
the same words never counts), one for the calls of each agent (drift 0.25, gate 0.7; the first that counts is halved).
score = mass / (mass + 3), mass being the sum of the weights that counted.

`stall`. The same for acts that leave the work as it was: messages that bring nothing or ask again in nearly the same
words, whatever figures they change; calls that repeat, fail or are refused (0.7); failed turns. One level for the whole
run (drift 0.5, gate 0.9). It starts again from zero when a task, a vote, a milestone, a check or an agent's position
changes, when a board is written, and when the user says something new.

Not flagged: repetition now and then, however long the run; polling while the results change; tests run again after
each change; retries with changed arguments; a report that keeps its form while its facts change; agents who answer at
the same time and say the same; an answer that is handed over once more; the first three acts of a turn in the first
four rounds of a phase that goes in rounds, in which an agent is made to speak whether it has something new or not.

Source: the failure modes "step repetition" and "unaware of termination conditions" of MAST (arXiv 2503.13657); which
repeats count follows the stuck detector of OpenHands; the burst is Page's CUSUM (Biometrika 41, 1954).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
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
"""What the first counted repetition of an agent's calls weighs, of what it would: it may have forgotten once."""
GATE = 0.9
FAILED = 0.7
"""What a call that failed weighs for a stall: it may have taught something."""
EMPTY = 0.5
"""What a call that returned no text weighs for a stall: as much as the level forgets, for it may have done its work."""
SOME, MANY = 3, 6
FRUIT = 0.5
WORDS_ALONE = 2.0
"""What words weigh that bring no number or name and follow no deed, times the share of them that was heard before."""
FEW_WORDS = 8
NOTHING = frozenset("no none nothing null nil empty unchanged 0 not".split())
"""Words by which a short result says that there is nothing."""
COMPLAINT = 0.5
"""What the same words of the user again weigh."""
STARTS, AGENTS = 8, 256
"""Calls under way of one tool and agent, and agents, that are kept in mind."""
DUE, DUE_ACTS = 4, 3
"""Rounds of a discussion in which everybody has a turn, and the acts by which it may stand by what it said."""
HEAD = 200
FAILURES = ("error", "exception", "traceback", "not found", "failed", "denied", "refused", "timed out", "invalid")


class Progress(Reader):
    """Repeated actions and messages, ping-pong, the same error again; and turns in which nothing changes."""

    labels = ("repetition", "stall")
    thresholds: ClassVar[Mapping[str, float]] = {"repetition": 0.5, "stall": 0.45}
    cost = "compares each message with eight of its sender, and each result with twelve"

    def __init__(self) -> None:
        super().__init__()
        self._heard, self._messages, self._calls = Heard(), Messages(), Calls()
        self._speech = Burst(drift=0.5, gate=GATE)
        self._deeds: dict[str, Burst] = {}
        self._idle = Burst(drift=0.5, gate=GATE)
        self._starts: dict[tuple[str, str], deque[ToolCallStarted]] = {}
        self._complaints: deque[str] = deque(maxlen=6)
        self._due: dict[str, int] = {}
        """By agent: how many acts of its turn are due because a round gives everybody a turn."""
        self._together = True
        self._fruit: dict[str, bool] = {}
        """By agent: whether a call of its brought something since it spoke last."""
        self._mass = dict.fromkeys(self.labels, 0.0)
        self._last = ""

    def said(self, said: Said) -> Iterator[Finding]:
        if said.outside:
            yield from self._told(said)
            return
        self._last = said.agent
        wording, facts = self._messages.likeness(said)
        empty = self._heard.brings_nothing(said) and not said.deeds
        fruit = self._fruit.pop(said.agent, False)
        idle = self._idleness(said, empty, fruit, wording)
        self._heard.hear(said)
        if said.kind == "answer" or self._is_due(said.agent):
            return
        if said.flips:
            self._idle.end()
        self._speech.gate = gate(self.signals.said)
        weight = (1.0 if empty else facts * FRUIT if fruit else facts) * (FAILED if said.position is not None else 1.0)
        repeated = self._speech.add(weight, said.agent, (said.event,))
        yield from self._counts("repetition", repeated, self._speech, "says again what has been said")
        yield from self._idles(said.agent, idle, (said.event,), "speaks and brings nothing new")

    def _idleness(self, said: Said, empty: bool, fruit: bool, wording: float) -> float:
        """How far a contribution leaves the work where it was."""
        if fruit:
            return 0.0
        if said.position is not None:
            return FAILED * (1.0 if empty else wording)
        if empty or said.new_units:
            return 1.0 if empty else wording
        unheard = self._heard.unheard(said)
        share = 1 - unheard / max(1, len(said.content))
        return max(wording, min(1.0, WORDS_ALONE * share) * min(1.0, max(0.0, (MANY - unheard) / (MANY - SOME))))

    def done(self, done: Done) -> Iterator[Finding]:
        self._last = done.agent
        started = self._starts.get((done.agent, done.name))
        events = (started.popleft().id, done.event) if started else (done.event,)
        repeated = self._calls.repetition(done)
        if self._is_due(done.agent):
            return
        yield from self._did(done.agent, repeated, events, f"calls {done.name} again to the same result")
        idle = max(repeated, FAILED if failed(done) else emptiness(done))
        if idle < EMPTY:
            self._fruit[done.agent] = True
            self._idle.end()
        yield from self._idles(done.agent, idle, events, f"calls {done.name} and learns nothing")

    def other(self, event: Event) -> Iterator[Finding]:
        match event:
            case ToolCallStarted(agent=str(agent)):
                self._starts.setdefault((agent, event.name), deque(maxlen=STARTS)).append(event)
                if len(self._starts) > AGENTS:
                    del self._starts[next(iter(self._starts))]
            case RunStarted():
                self._heard.asked(frozenset(words_of(bounded(event.task))))
            case PhaseStarted():
                self._together = event.order == "simultaneous"
            case RunEnded():
                yield from self._unreturned()
            case TurnStarted(agent=str(agent)):
                self._heard.turn()
                self._due[agent] = DUE_ACTS if self._together and 1 <= event.round <= DUE else 0
                if len(self._due) > AGENTS:
                    del self._due[next(iter(self._due))]
            case TurnFailed(agent=str(agent)):
                yield from self._refused(agent, event.id, f"{agent}: {event.error}")
            case MessageRefused(agent=str(agent)):
                yield from self._refused(agent, event.id, f"{agent} to {event.recipient}: {event.content}")
            case TaskChanged() | VoteCast() | BoardWritten() | Verification():
                self._idle.end()
            case Metric(kind="milestone"):
                self._idle.end()
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
        if not self._idle.level:
            self._heard.step()

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


def gate(said: Iterable[Said]) -> float:
    """One round in which everybody says again what was said is a round; the burst begins with its last message."""
    return max(GATE, GATE + 0.5 * (len({each.agent for each in said if not each.outside}) - 2))


def emptiness(done: Done) -> float:
    """How far a call came back with empty hands: in a few words that say so, or in silence, which says nothing."""
    if done.result is None or done.new_units - NOTHING:
        return 0.0
    words = words_of(done.result[:HEAD])
    if not words:
        return EMPTY
    return FAILED if len(words) <= FEW_WORDS and not NOTHING.isdisjoint(words) else 0.0


def failed(done: Done) -> bool:
    """Whether a call came back with an error, or with a text that begins by naming one."""
    return done.error is not None or any(mark in (done.result or "")[:HEAD].casefold() for mark in FAILURES)
