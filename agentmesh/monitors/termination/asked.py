"""What was asked for in a run, and what became of it: the asks of its client, the things it listed, what calls met."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agentmesh.messages import USER
from agentmesh.monitors.signals import Done, Said
from agentmesh.monitors.signals.memory import Memory
from agentmesh.monitors.termination.replies import failed, gives_leave, offers, puts_off, reads, refuses, says_done
from agentmesh.monitors.termination.requests import Ask, Item, asks_in, items_in, may_ask, roots_of

KEPT = 64
"""Asks, offers, items and claims that are remembered, the latest of each."""
ROOTS = 4_000
OPEN, CLAIMED, UNVOICED = 0.5, 0.7, 0.2
PASSED_OVER, MISSED = 1.65, 2.2
ACCEPTED, FAILED = 1.1, 0.2


@dataclass(frozen=True, slots=True)
class Shown:
    """One thing that makes an ending premature."""

    weight: float
    events: tuple[int, ...]
    why: str


@dataclass(slots=True)
class _Leave:
    """An offer that was accepted."""

    events: tuple[int, int]
    agent: str
    roots: frozenset[str]
    text: str
    tried: bool = False
    followed: bool = False


class Asked:
    """Everything that was asked for, by whom, and whether a call or a reply met it."""

    def __init__(self) -> None:
        self._at = 0
        self._asks: deque[Ask] = deque(maxlen=KEPT)
        self._wishes: list[Ask] = []
        self._leaves: deque[_Leave] = deque(maxlen=KEPT)
        self.items: deque[Item] = deque(maxlen=KEPT)
        self._met_by: Memory[str] = Memory(ROOTS)
        """Roots of the successful calls that did more than read."""
        self._touched: Memory[str] = Memory(ROOTS)
        """Roots of all calls."""
        self._touches: dict[str, deque[int]] = {}
        """By root of a listed thing: the calls that had it."""
        self.workers: set[str] = set()
        """Who called a tool: no client."""
        self._speakers: set[str] = set()
        self._opener = ""
        self._latest = 0
        """The event in which somebody who calls no tool spoke last."""
        self._offered: Said | None = None

    def begins(self, task: str, event: int) -> None:
        """The text of the task."""
        self._list(task, event)
        self._wishes = asks_in(task, event, 0, USER)[:KEPT]

    def heard(self, said: Said, task: str) -> bool:
        """What a contribution asks for, and what it does about the asks of others. Whether it asks for anything."""
        self._at += 1
        self._speakers.add(said.agent)
        self._opener = self._opener or said.agent
        asks = said.kind == "text" and (said.outside or may_ask(said))
        new = asks_in(said.text, said.event, self._at, said.agent) if asks else []
        if said.outside or said.agent not in self.workers:
            self._accepts(said)
            self._latest = said.event
        if said.outside and said.text != task:
            self._list(said.text, said.event)
        if not said.outside:
            pending = [ask for ask in self._asks if not (ask.agent == said.agent or ask.answered or ask.refused)]
            if pending:
                self._settle(said, pending)
            if offers(said):
                self._offered = said
        self._asks.extend(new)
        return bool(new)

    def done(self, done: Done, roots: frozenset[str], named: frozenset[str]) -> None:
        """A call, the roots of its words, and those with the names of its arguments."""
        self._at += 1
        self.workers.add(done.agent)
        self._touched.keep(named, self._at)
        for root in [root for root in named if root in self._touches] if self._touches else ():
            self._touches[root].append(done.event)
        if reads(done):
            return
        fails = failed(done)
        for leave in self._leaves:
            leave.tried |= fails
            leave.followed |= not fails and not roots.isdisjoint(leave.roots)
        if not fails:
            self._met_by.keep(roots, self._at)

    def forget(self) -> None:
        """All of it has been settled."""
        self._asks.clear()
        self._leaves.clear()
        self.items.clear()
        self._touches.clear()
        self._wishes = []

    def open(self) -> Iterator[Shown]:
        """What is open at the end of a conversation."""
        if len(self._speakers) < 2:
            return  # nobody was there to do it
        for ask in _distinct([ask for ask in self._unmet() if not (ask.informs or ask.refused or ask.answered)]):
            if ask.claimed:
                why = f"said to be done, and no call shows it: {ask.text}"
                yield Shown(ask.share * (OPEN + CLAIMED), (ask.event, ask.claimed), why)
            else:
                yield Shown(ask.share * OPEN, (ask.event,), f"open: {ask.text}")
        for wish in self._wishes:
            if not self._is_met(wish) and not any(wish.same(ask) for ask in self._asks):
                yield Shown(wish.share * UNVOICED, (wish.event,), f"nobody took up: {wish.text}")

    def passed_over(self, answer: Said) -> Iterator[Shown]:
        """The asks with which an answer has no word in common, if it has one in common with any."""
        roots = roots_of(answer.content)
        asks = self._unmet()
        missed = [ask for ask in asks if roots.isdisjoint(ask.roots)]
        if len(missed) < len(asks):
            for ask in missed:
                yield Shown(PASSED_OVER / len(asks), (ask.event,), f"the answer passes over: {ask.text}")

    def missed(self, answer: Said | None) -> Iterator[Shown]:
        """Listed things that no call touched and the answer does not name."""
        roots = roots_of(answer.content) if answer is not None else frozenset()
        missed = [item for item in self.items if self._touched.unmet(item.roots) and not item.roots <= roots]
        if len(missed) < len(self.items):
            met = tuple(event for item in self.items for event in self._calls_for(item))
            for item in missed:
                yield Shown(MISSED / len(self.items), (item.event, *met), f"no call touched {item.text}")

    def accepted(self) -> Iterator[Shown]:
        """Offers that the client accepted, and that no call followed up."""
        for leave in self._leaves:
            if not leave.followed and self._is_client(leave.agent):
                weight = FAILED if leave.tried else ACCEPTED
                yield Shown(weight, leave.events, f"accepted, and nothing followed: {leave.text}")

    def _list(self, text: str, event: int) -> None:
        """What a text lists is to be touched."""
        listed = items_in(text, event)
        self.items.extend(listed)
        for item in listed:
            for root in item.roots:
                self._touches.setdefault(root, deque(maxlen=KEPT))
        while len(self._touches) > ROOTS:
            del self._touches[next(iter(self._touches))]

    def _calls_for(self, item: Item) -> Iterable[int]:
        """The calls without which a listed thing would be untouched, as others are: those with its rarest root."""
        return min((self._touches.get(root, ()) for root in item.roots), key=len, default=())

    def _accepts(self, said: Said) -> None:
        offered = self._offered
        if offered is None or offered.agent == said.agent:
            return
        if gives_leave(said):
            roots = roots_of(offered.words) | roots_of(said.words)
            self._leaves.append(_Leave((offered.event, said.event), said.agent, roots, said.text[:80]))
        self._offered = None

    def _settle(self, said: Said, pending: list[Ask]) -> None:
        refused, off, done = refuses(said), puts_off(said), bool(self.workers) and says_done(said)
        roots = roots_of(said.content) if refused or done else frozenset()
        for ask in pending:
            common = len(ask.roots & roots)
            latest = ask.event == self._latest
            if refused and (latest or common >= 2):
                ask.refused = True
            elif not off and not done and (ask.informs or latest):
                ask.answered = True
            elif done and not ask.informs and 2 * common >= len(ask.roots):
                ask.claimed = said.event

    def _unmet(self) -> list[Ask]:
        return [ask for ask in self._asks if self._is_client(ask.agent) and not self._is_met(ask)]

    def _is_met(self, ask: Ask) -> bool:
        return any(place > ask.at for place in self._met_by.met(ask.roots))

    def _is_client(self, agent: str) -> bool:
        if USER in self._speakers:
            return agent == USER
        return agent not in self.workers if self.workers else agent == self._opener


def _distinct(asks: list[Ask]) -> list[Ask]:
    """Asks for the same are one, which was said to be done if any of them was."""
    distinct: list[Ask] = []
    for ask in asks:
        same = next((other for other in distinct if other.same(ask)), None)
        if same is None:
            distinct.append(ask)
        else:
            same.claimed = same.claimed or ask.claimed
    return distinct
