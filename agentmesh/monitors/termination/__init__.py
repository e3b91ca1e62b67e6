"""Premature termination: an ending, a handoff or an answer while what was asked for is open.

**Asks.** What a client asks for (`asks_in`): sentences that ask for something, by the words that say what, of which the
first five letters count. The client is the user; where none speaks, agents that call no tool; where none is called, who
spoke first. An ask for information is met by the first reply that does not put it off. Any other is met by a later
successful call that has a word of it in its name or arguments, of a tool that does more than read (`get_`, `search_`),
or by a reply in words to the client's last contribution that neither puts it off nor says that something was done.
Where a reply says that it cannot be done, it is settled. Asks with half of their words in common are one; those of a
text with n > 2 of them count 2 / n. **Items.** What a brief task lists behind a colon, three or more.

At the end of a trace, at an answer to the user that asks nothing back, and at a handoff:
    score = 1 - exp(-m)
m is the sum of
    0.5   for each ask that is open, and 0.7 more where a contribution says, in half of its words, that it was done
    1.1   for each offer that the client accepted and that no call followed up; 0.2 where calls were tried, and failed
    0.2   for each ask in the text of the task that nobody voiced and no call met
    2.2   times the share of items that no call touched and the answer does not name, where others were touched
    1.65  times the share of the user's asks that an answer passes over, where it has a word in common with others
    1.1   for each task of the board that is not done when the user gets an answer
    1.1   for each claim that nothing shows: deeds that need a tool (ran, booked, sent) where none was called; tests
          that pass where nothing was checked or the latest check failed; deeds of which no call has the word, or a
          word of what they were done to and did more than read (`claims`; what takes a program to run: where none
          ran); a task handed in as done without a call, by who makes calls
    1.1   times 2 / n, at most all of it, for each of n things that the latest report names in one list and no call or
          result has, where calls have half of the others; 0.66 for one of two, in a report on `all` or `both`
    1.1   for each claim that a check refutes (`refuted`), until it is mended: a task handed in as done that is not
          accepted, the promise that a phase has come to its end; 2.2 where its author called no tool in that turn;
          half as much for each further time of the same. It is reported as soon as it is refuted
    1.1   (0.2 for each further one) where the answer follows contributions since the last call that name items, and
          no value, of agents that make calls otherwise: what they say of them, nothing shows
Asks that are open, those that nobody voiced and things in lists count at the end of a trace; what an answer passes
over, the board and the last line at an answer; at a handoff only claims and accepted offers.

Not flagged: questions to the client before the end; what is refused with a reason, or failed and was reported; honest
halves that name what is missing; an ending after a verification that passed; a task that was accepted; one that cannot
be merged because it conflicts with others' work; a failed check of what nobody said was done. Nor its opposite, not
ending when all is done: n contributions after thanks that add nothing are reported as `stall`, with 1 - exp(-0.25 n).

Source: MAST taxonomy, failure modes 3.1, 3.2, 2.6 and 1.5 (arXiv 2503.13657); premature submission in SILO-BENCH. Asks,
items, how they are settled and the weights are this project's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from math import exp
from typing import ClassVar

from agentmesh.events import (
    Event,
    ModelCallFinished,
    PhaseStarted,
    RunEnded,
    RunStarted,
    TaskChanged,
    TurnStarted,
    Verification,
)
from agentmesh.messages import USER, Finding
from agentmesh.monitors.base import Reader
from agentmesh.monitors.signals import Done, Said
from agentmesh.monitors.termination.asked import FAILED, KEPT, ROOTS, Asked, Shown
from agentmesh.monitors.termination.claims import Deeds
from agentmesh.monitors.termination.refuted import Refutations
from agentmesh.monitors.termination.replies import puts_off, says_did
from agentmesh.monitors.termination.requests import roots_of, roots_of_call

TASKS = 512
UNDONE = UNTRACED = 1.1
LINGERING = 0.25
DONE = frozenset(("done", "verified"))
THANKS = frozenset("thank thanks".split())


class Termination(Reader):
    """Ends, answers or hands in while asks or tasks are open, claims what nothing shows, or does not end when done."""

    labels: ClassVar[tuple[str, ...]] = ("premature_termination", "stall")
    thresholds: ClassVar[Mapping[str, float]] = {"premature_termination": 0.65, "stall": 0.6}
    cost = "reads each event once; weighs up to 64 asks at an ending"
    others = frozenset[type[Event]](
        (RunStarted, PhaseStarted, TurnStarted, ModelCallFinished, TaskChanged, Verification, RunEnded)
    )

    def __init__(self) -> None:
        super().__init__()
        self._asked = Asked()
        self._refuted = Refutations()
        self._board: dict[tuple[str, str], tuple[str, int]] = {}
        """By planner and task: its status, and the event that says so."""
        self._live = False
        """Whether these are the events of a run, which shows turns, and not those of a foreign trace."""
        self._deeds: set[str] = set()
        """Roots of the calls so far, many of them."""
        self._busy: set[str] = set()
        """Who called a tool since it last handed in."""
        self._done = Deeds()
        self._claims: deque[Shown] = deque(maxlen=KEPT)
        self._told: deque[int] = deque(maxlen=KEPT)
        """Contributions since the last call that name items and show nothing of them."""
        self._thanked = False
        self._afterwards: deque[int] = deque(maxlen=KEPT)

    def said(self, said: Said) -> Iterator[Finding]:
        asks = self._asked.heard(said, self.signals.task)
        if not said.outside:
            self._refuted.said(said)
            self._claimed(said)
        yield from self._lingers(said, asks)
        answers = self._live and USER in said.recipients and not puts_off(said)
        if said.kind in ("handoff", "answer") or answers:
            yield from self._ended(said.event, said)

    def done(self, done: Done) -> Iterable[Finding]:
        roots = roots_of_call(done.name, done.arguments)
        named = roots | roots_of_call(" ".join(done.arguments), {})
        self._asked.done(done, roots, named)
        self._done.done(done, named)
        self._busy.add(done.agent)
        self._refuted.worked(done.agent)
        if len(self._deeds) < ROOTS:
            self._deeds |= roots
        self._told.clear()
        self._thanked = False
        self._afterwards.clear()
        return ()

    def other(self, event: Event) -> Iterable[Finding]:
        match event:
            case RunStarted():
                self._asked.begins(event.task, event.id)
            case PhaseStarted():
                self._refuted.begun()
            case TurnStarted():
                self._live = True
                self._refuted.started(event.agent or "")
            case ModelCallFinished():
                self._refuted.asked(event.agent or "")
            case TaskChanged():
                self._refuted.handed(event)
                self._board[event.agent or "", event.task.id] = (event.status, event.id)
                if len(self._board) > TASKS:
                    del self._board[next(iter(self._board))]
            case Verification():
                return self._checked(event)
            case RunEnded(reason="the trace ends"):
                return self._ended(event.id, None)
            case _:
                pass
        return ()

    def _checked(self, event: Verification) -> Iterator[Finding]:
        refuted = self._refuted.checked(event)
        if event.passed and event.task is None:
            self._verified()
        if refuted is None:
            return
        claim, against = refuted
        score = 1 - exp(-sum(each.weight for each in against))
        self.scores["premature_termination"] = max(score, self.scores["premature_termination"])
        evidence = tuple(sorted({id_ for each in against for id_ in each.events}))[-KEPT:]
        why = against[-1].why if len(against) == 1 else f"{against[-1].why}, time {len(against)}"
        yield Finding(label="premature_termination", score=score, agents=(claim.agent,), evidence=evidence, why=why)

    def _claimed(self, said: Said) -> None:
        """What a contribution says was done."""
        if said.kind == "handoff" and self._refuted.accepts(said.agent):
            self._busy.discard(said.agent)
            return
        did = says_did(said) if self._live or self._asked.workers else ""
        if did and not (not self._done.untested if did == "tests" else self._deeds):
            self._claims.append(Shown(UNTRACED, (said.event,), f"{said.agent} says `{did}`, and no call shows it"))
        if said.agent not in self._asked.workers:
            return
        self._done.heard(said, live=self._live)
        if said.kind == "handoff":
            if said.agent not in self._busy and said.text.startswith("Status: done"):
                why = f"{said.agent} handed in as done what it made no call for"
                self._claims.append(Shown(UNTRACED, (said.event,), why))
            self._busy.discard(said.agent)
        elif self._asked.items and not (said.deeds or said.speech.ask) and self._names_items(said):
            self._told.append(said.event)

    def _names_items(self, said: Said) -> bool:
        """Whether a contribution names listed things, and no value beside them."""
        roots = roots_of(said.content)
        named = [item for item in self._asked.items if item.roots <= roots]
        known = frozenset(root for item in named for root in item.roots)
        return bool(named) and not any(unit[0].isdigit() and unit not in known for unit in said.units)

    def _ended(self, event: int, last: Said | None) -> Iterator[Finding]:
        shown = list(self._shown(last))
        score = self.scores["premature_termination"] = 1 - exp(-sum(each.weight for each in shown))
        if not shown:
            return
        heaviest = max(shown, key=lambda each: each.weight)
        evidence = {id_ for each in shown for id_ in each.events} | {event}
        yield Finding(
            label="premature_termination",
            score=score,
            agents=(last.agent,) if last is not None else tuple(sorted(self._asked.workers))[:8],
            evidence=tuple(sorted(evidence))[-KEPT:],
            why=heaviest.why if len(shown) == 1 else f"{heaviest.why}; and {len(shown) - 1} more",
        )

    def _shown(self, last: Said | None) -> Iterator[Shown]:
        yield from self._claims
        yield from self._refuted.shown()
        for claim in self._done.claims:
            yield Shown(UNTRACED, (claim.event,), f"it is said that something was {claim.verb}, and no call shows it")
        for name, share in self._done.unlisted.items() if last is None else ():
            yield Shown(UNTRACED * share, (self._done.listed,), f"{name!r} is named with others, and no call shows it")
        if self._live or self._asked.workers:
            yield from self._asked.accepted()
        if last is None:
            yield from self._asked.open()
            yield from self._asked.missed(None)
        elif last.kind != "handoff":
            yield from self._asked.passed_over(last)
            yield from self._asked.missed(last)
            yield from self._undone()

    def _undone(self) -> Iterator[Shown]:
        for (_, task), (status, event) in self._board.items():
            if status not in DONE:
                yield Shown(UNDONE, (event,), f"task {task} is {status}")
        for at, event in enumerate(self._told):
            why = "the answer follows what was said of listed things, and no call shows it"
            yield Shown(FAILED if at else UNTRACED, (event,), why)

    def _verified(self) -> None:
        self._asked.forget()
        self._claims.clear()
        self._refuted.forget()
        self._done.forget()
        self._told.clear()
        self._board.clear()
        self.scores["premature_termination"] = 0.0

    def _lingers(self, said: Said, asks: bool) -> Iterator[Finding]:
        """Contributions after thanks that add nothing."""
        client = said.outside or said.agent not in self._asked.workers
        if asks or said.speech.ask or said.new_units:
            self._thanked = False
            self._afterwards.clear()
        elif client and not THANKS.isdisjoint(said.content) and not self._thanked:
            self._thanked = True
        elif self._thanked and not said.outside:
            self._afterwards.append(said.event)
            score = self.scores["stall"] = max(self.scores["stall"], 1 - exp(-LINGERING * len(self._afterwards)))
            why = f"it does not end: {len(self._afterwards)} contributions after thanks added nothing"
            evidence = tuple(self._afterwards)
            yield Finding(label="stall", score=score, agents=(said.agent,), evidence=evidence, why=why)
