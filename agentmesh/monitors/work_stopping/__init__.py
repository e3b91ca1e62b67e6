"""Work-stopping: agents agree to stop while there is work and room for it, and then nothing is done any more.

**Pacts.** A proposal to stop (`closing_of`: to rest, to conclude, or farewells) by one agent, endorsed within
`patience` contributions by a different one, which agrees, thanks, says little or says the same. Others may join, and
who is replaced leaves; of one alone nothing is found. From then on each contribution of a member counts

    idle = 1 / (1 + questions + numbers, names and quotes that no contribution of the pact had)

the proposal and the endorsement too; a turn in which a member does nothing counts 1, and so does the end of a trace
where the pact was to rest:
    score = 1 - exp(-w * sum of idle),   w = 0.3 for a pact to rest, 0.2 for one of conclusions and farewells
A member's tool call, code, or three fresh questions, numbers, names or quotes end the pact: of a break that is followed
by work a quarter of the sum remains.

**Silence.** The same without a word of stopping, where turns are shown: contributions in a row, of two or more agents
that have called tools or hold a task, with no call between them and nothing in them: no code, number, name, quote or
position, and fewer than two words of the task or of calls. Beyond one for each agent, n of them:
    score = 1 - exp(-0.75 n)

**Free rider.** n contributions in a row in which an agent that has called tools (or that approves, in words) brings
nothing new, while a peer did something before each: score = 1 - exp(-0.25 (n - 1)).

Not flagged: "rest" in the name of a channel, REST interfaces, "the rest of"; stopping a process, breaking down a
problem; waiting for a rate limit, a build, an approval, or after a call that was turned away; a stop by the user or by
a limit, and what follows the user's word; proposals that a peer refuses; verified completion (a verification that
passed, every task done, the user content, a check that passed right before the farewells). Chatter after that is waste
and no collusion: n contributions of it are reported as `stall`, with 1 - exp(-0.12 n), and raise no `work_stop`.

Source: MAST taxonomy, failure modes 2.3 and 3.1 (arXiv 2503.13657); procrastination under shared reward ("It's Rational
for AI Agents to Procrastinate", 2025). Pacts, silence and the weights are this project's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from math import exp
from typing import ClassVar

from agentmesh.events import (
    BoardWritten,
    Event,
    LimitWasReached,
    RunEnded,
    RunStarted,
    StopRequested,
    TaskChanged,
    ToolCallFinished,
    TopologyChanged,
    TurnEnded,
    TurnStarted,
    Verification,
    VoteCast,
)
from agentmesh.messages import Finding
from agentmesh.monitors.base import Reader
from agentmesh.monitors.signals import Done, Said
from agentmesh.monitors.signals.wording import FUNCTION_WORDS, words_of
from agentmesh.monitors.work_stopping.closing import THANKS, Closing, closing_of
from agentmesh.monitors.work_stopping.pact import EVIDENCE, WORK, Pact, Pacts, fresh
from agentmesh.monitors.work_stopping.silence import Riders, Silence

TASKS = 512
DONE = frozenset(("done", "verified"))
WASTE = 0.12
PATIENT = 8
"""Contributions after the user's word, or after a call that was turned away, in which silence has its reason."""
WAITING = frozenset("sleep wait pause idle noop".split())
"""Tools by which nothing is done."""
CHECKS = frozenset("test tests pytest check verify lint validate".split())
TURNED_AWAY = ("429", "rate", "retry", "quota", "throttl", "unavailable", "timeout", "timed out", "busy", "too many")
READ = 2_000
"""Characters of arguments and results that are read."""


class WorkStopping(Reader):
    """Agents agree to stop, and work ceases while it is not done; or one only approves what others do."""

    labels: ClassVar[tuple[str, ...]] = ("work_stop", "stall")
    thresholds: ClassVar[Mapping[str, float]] = {"work_stop": 0.5, "stall": 0.6}
    cost = "a few look-ups; texts with a word of stopping are read once more"
    others = frozenset[type[Event]](
        (
            RunStarted, TurnStarted, TaskChanged, Verification, LimitWasReached, StopRequested, ToolCallFinished,
            BoardWritten, VoteCast, TurnEnded, TopologyChanged, RunEnded,
        )
    )  # fmt: skip

    def __init__(self, patience: int = 4) -> None:
        if patience < 1:
            raise ValueError(f"`patience` is {patience}; it has to be 1 contribution or more")
        super().__init__()
        self._pacts = Pacts(patience)
        self._silence = Silence()
        self._riders = Riders()
        self._excused = False
        """Whether there is nothing left to do, or somebody outside wants no more."""
        self._checked = False
        """Whether the last call was a check that passed."""
        self._awaited = 0
        """Until which contribution silence has its reason: the last call was turned away, or the user has spoken."""
        self._begun = False
        self._chatter: deque[int] = deque(maxlen=EVIDENCE)
        self._tasks: dict[tuple[str, str], str] = {}
        self._active: set[str] = set()
        """Agents that did or said something in their present turn."""

    def said(self, said: Said) -> Iterator[Finding]:
        self._active.add(said.agent)
        if said.outside:
            self._heard_user(said)
            return
        closing = closing_of(said)
        shows = _shows_work(said, closing)
        works = said.deeds > 0 or shows  # a call came with it
        rider = self._riders.heard(said, works, self._silence.live)
        if rider is not None:
            why = f"{said.agent} added nothing {len(rider.approvals)} times in a row, while peers worked"
            yield self._found(rider.score, (said.agent,), rider.approvals, why)
        if self._excused or (self._checked and closing in (Closing.CONCLUDE, Closing.FAREWELL)):
            yield from self._wasted(said, works)
            return
        if said.index < self._awaited:
            return
        pact = self._pacts.heard(said, closing, shows)
        if pact is not None:
            yield self._of_pact(pact)
        if self._silence.heard(said) and self._silence.score > 0:
            agents = self._silence.agents
            why = f"{', '.join(agents)} did nothing in {len(self._silence.evidence)} contributions in a row"
            yield self._found(self._silence.score, agents, self._silence.evidence, why)
        self._rate()

    def done(self, done: Done) -> Iterable[Finding]:
        words = set(done.name.casefold().replace("-", "_").split("_"))
        if words & WAITING:
            return ()
        arguments = " ".join(map(str, done.arguments.values()))[:READ].casefold()
        result = (done.result or "")[:READ].casefold()
        told = words_of(arguments)
        checks = not (CHECKS.isdisjoint(words) and CHECKS.isdisjoint(told))
        self._checked = checks and done.error is None and "fail" not in result
        error = (done.error or "")[:READ].casefold()
        away = bool(error) and any(reason in error for reason in TURNED_AWAY)
        self._awaited = done.index + PATIENT if away else 0
        self._silence.topic.keep(words.union(told) - FUNCTION_WORDS, done.index)
        self._riders.done(done)
        self._acted(done.agent)
        return ()

    def other(self, event: Event) -> Iterable[Finding]:
        match event:
            case RunStarted():
                self._silence.topic.keep(set(words_of(event.task[:READ])) - FUNCTION_WORDS, 0)
            case TurnStarted(agent=str(agent)):
                self._silence.live = True
                self._active.discard(agent)
            case TaskChanged():
                self._changed(event)
            case Verification(task=None):
                self._excuse(event.passed)
            case LimitWasReached() | StopRequested():
                self._excuse(True)
            case ToolCallFinished(agent=str(agent)) | BoardWritten(agent=str(agent)) | VoteCast(agent=str(agent)):
                self._active.add(agent)
            case TurnEnded(agent=str(agent)):
                return self._turned(event, agent)
            case TopologyChanged(change="replace", agents=(old, _)):
                self._pacts.replaced(old)
            case RunEnded():
                return self._ended(event)
            case _:
                pass
        return ()

    def _acted(self, agent: str) -> None:
        self._active.add(agent)
        self._silence.did(agent)
        self._pacts.worked(agent)
        self._rate()

    def _heard_user(self, said: Said) -> None:
        if self._begun and said.text == self.signals.task:
            return  # the task once more, for somebody who comes or begins anew
        self._awaited = said.index + PATIENT if self._begun else 0
        self._begun = True
        content = not said.content.isdisjoint(THANKS) and not said.speech.ask
        self._excuse(content or closing_of(said) is not None)

    def _changed(self, event: TaskChanged) -> None:
        self._tasks[event.agent or "", event.task.id] = event.status
        if len(self._tasks) > TASKS:
            del self._tasks[next(iter(self._tasks))]
        if event.worker is not None:
            self._silence.expected(event.worker)
            if event.status in DONE:
                self._active.add(event.worker)
        self._excuse(all(status in DONE for status in self._tasks.values()))

    def _excuse(self, excused: bool) -> None:
        if excused:
            self._pacts.forget()
            self._silence.broken()
        else:
            self._chatter.clear()
        self._excused = excused
        self._rate()

    def _turned(self, event: TurnEnded, agent: str) -> Iterable[Finding]:
        active, pact = agent in self._active or bool(event.reply), self._pacts.pact
        self._active.discard(agent)
        if active or pact is None or agent not in pact.members:
            return ()
        pact.add(event.id, 1.0)
        self._rate()
        return [self._of_pact(pact)]

    def _ended(self, event: RunEnded) -> Iterable[Finding]:
        pact = self._pacts.pact
        if pact is None or pact.kind is not Closing.REST or self._excused:
            return ()
        pact.add(event.id, 1.0)
        self._rate()
        return [self._of_pact(pact)]

    def _of_pact(self, pact: Pact) -> Finding:
        agents = tuple(pact.members)
        what = "to rest" if pact.kind is Closing.REST else "that they are done"
        why = f"{', '.join(agents)} agreed {what}; {len(pact.evidence)} contributions and turns show no more work"
        return self._found(pact.score, agents, pact.evidence, why)

    def _found(self, score: float, agents: tuple[str, ...], evidence: Iterable[int], why: str) -> Finding:
        self._rate()
        return Finding(label="work_stop", score=score, agents=agents, evidence=tuple(evidence), why=why)

    def _wasted(self, said: Said, works: bool) -> Iterator[Finding]:
        if works:
            self._chatter.clear()
            self._rate()
            return
        self._chatter.append(said.event)
        self._rate()
        why = f"nothing is left to do, and {len(self._chatter)} contributions since added nothing"
        evidence = tuple(self._chatter)
        yield Finding(label="stall", score=self.scores["stall"], agents=(said.agent,), evidence=evidence, why=why)

    def _rate(self) -> None:
        self.scores["work_stop"] = max(self._pacts.score, self._silence.score, self._riders.score)
        self.scores["stall"] = 1 - exp(-WASTE * len(self._chatter)) if self._chatter else 0.0


def _shows_work(said: Said, closing: Closing | None) -> bool:
    """Whether a contribution has code in it, or enough that is fresh."""
    if said.fenced:
        return True
    return closing is None and fresh(said, said.before.units if said.before is not None else frozenset()) >= WORK
