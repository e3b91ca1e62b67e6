"""The phases of a run: which one it is in, how often it has been gone through, and which comes next."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from agentmesh.events import LimitWasReached, MessageProposed, Notice, PhaseEnded, PhaseStarted, Verification
from agentmesh.messages import USER, Outcome
from agentmesh.scheduler.commands import Step, Verify
from agentmesh.scheduler.iterations import Iterations
from agentmesh.scheduler.orders import Order, Reactive
from agentmesh.scheduler.retasking import Retasked
from agentmesh.scheduler.rounds import Moderated, Rounds
from agentmesh.scheduler.state import RunState
from agentmesh.topology.phases import Phase, Until

_PROMISE = re.compile(r"<promise>(.*?)</promise>", re.DOTALL | re.IGNORECASE)


class Course:
    """Moves through the phases. An `until` is checked whenever its phase has come to rest."""

    def __init__(self, phases: Sequence[Phase], state: RunState, end: Callable[[Outcome, str], None]) -> None:
        self.phases = list(phases)
        self._state = state
        self._end = end
        self._index = 0
        self._iterations = Iterations(state.labels)
        self._occurrences: Counter[str] = Counter()
        self._entering: int | None = None
        self._again = False
        self.passed = self._refuted = False
        self.checking = False
        """Whether somebody outside is checking the `until` of the phase."""
        self._said = ""
        """The latest contribution in this phase, by `_place`: in a round that is one step, the last in node order."""
        self._place = (0, 0)
        self._promised = False
        self._acted: dict[str, None] = {}

    @property
    def is_first(self) -> bool:
        """Whether nothing has happened yet but the task."""
        return sum(self._occurrences.values()) <= 1

    @property
    def entering(self) -> bool:
        """Whether the phase is being left for another one, so that nobody begins a turn any more."""
        return self._entering is not None

    @property
    def remaining(self) -> list[Phase]:
        """The phases from this one on; where another is being entered, this one and all from there on."""
        now = self._index + 1 if self._entering is None else self._entering + 1
        ahead = [phase for phase in self.phases[now:] if not phase.reserve]
        entered = [] if self._entering is None else [self.phases[self._entering]]
        return [self.phases[self._index], *entered, *ahead]

    def begin(self) -> PhaseStarted:
        """The phase starts."""
        phase = self.phases[self._index]
        self._state.phase = phase
        self._occurrences[phase.name] += 1
        self._state.occurrence = self._occurrences[phase.name]
        self._again = self.passed = self._promised = self._refuted = False
        self._said, self._place = "", (0, 0)
        self._acted.clear()
        edges = tuple(edge.pair for edge in phase.edges)
        return PhaseStarted(phase=phase.name, occurrence=self._state.occurrence, order=phase.order, edges=edges)

    def told(self) -> list[Notice]:
        """What those who take part are told of the iteration that begins."""
        return self._iterations.told(self.phases[self._index])

    def acted(self, agent: str, failure: str = "") -> None:
        """An agent has ended its turn, perhaps because it failed."""
        self._state.busy.pop(agent, None)
        self._acted.pop(agent, None)
        self._acted[agent] = None
        if failure:
            self._iterations.heard(agent, f"(your turn failed: {failure})")

    def proposed(self, event: MessageProposed, round_: int) -> None:
        """An agent wants to answer, however it does so."""
        if event.recipient == USER:
            self.said(event.sender, event.content, round_)

    def said(self, agent: str, text: str, round_: int) -> None:
        """An agent has contributed this."""
        phase = self.phases[self._index]
        if phase.until is None or agent not in phase.participants or not text.strip():
            return
        self._iterations.heard(agent, text)
        at_once = phase.order == "simultaneous"
        place = (round_, phase.participants.index(agent)) if at_once else self._place
        if place >= self._place:
            self._said, self._place = text, place
        if phase.until.promise is not None:
            found = _PROMISE.search(text)
            self._promised = self._promised or (found is not None and _flat(found[1]) == _flat(phase.until.promise))

    def enter(self, name: str) -> bool:
        """Leave the phase for the named one as soon as nobody is in a turn. False if there is none of that name."""
        index = next((at for at, phase in enumerate(self.phases) if phase.name == name), None)
        self._entering = self._entering if index is None else index
        return index is not None

    def leave(self, why: str, answer: str | None = None) -> Step | None:
        """What follows now that the phase has come to rest, perhaps with an answer; None if nothing comes after it."""
        phase = self.phases[self._index]
        if self._entering is not None:
            return [self._ended(phase, f"entered: {self.phases[self._entering].name}")]
        if phase.until is not None and not self.passed:
            # One that may not be gone through again cannot come to what it must come to.
            return None if self._refuted else [self._check(phase, phase.until, answer)]
        if self._is_last(phase):
            return None
        return [self._ended(phase, "until: satisfied" if phase.until else why)]

    def checked(self, event: Verification, *, answered: bool, ending: bool) -> Step:
        """The `until` of the phase was checked: go on, or once more from the beginning.

        `answered`: something waits to be the answer. `ending`: the run begins nothing any more.
        """
        self.checking = False
        phase = self.phases[self._index]
        self.passed = event.passed and (answered or not self._is_last(phase))
        # Where nobody could act any more, nobody can the next time.
        self._refuted = ending or not self._acted or phase.name in self._state.spent
        if self.passed or self._refuted or self._entering is not None:
            return []
        self._iterations.over(phase, event, self._said)
        stalled = self._iterations.stalled(phase)
        if stalled is not None:
            self._end("stalled", stalled)
            return []
        if self._iterations.number >= phase.max_iterations:
            allowed = phase.max_iterations
            return [LimitWasReached(limit="max_iterations", allowed=allowed, needed=allowed + 1)]
        self._again = True
        return [self._ended(phase, "until: satisfied, without an answer" if event.passed else "until: not satisfied")]

    def move(self) -> PhaseStarted:
        """The phase has ended: the next one starts."""
        if self._entering is not None:
            self._index, self._entering = self._entering, None
            self._iterations = Iterations(self._state.labels)
        elif self._again:
            self._iterations.number += 1
        else:
            self._index = self._next or 0
            self._iterations = Iterations(self._state.labels)
        return self.begin()

    @property
    def _next(self) -> int | None:
        """The phase that follows by itself."""
        ahead = range(self._index + 1, len(self.phases))
        return next((index for index in ahead if not self.phases[index].reserve), None)

    def rename(self, old: str, new: str) -> None:
        """One agent takes the place of another, in this phase and in all that come."""
        self.phases = [phase.renamed(old, new) for phase in self.phases]
        self._state.phase = self.phases[self._index]

    def join(self, agent: str, pairs: Sequence[tuple[str, str]]) -> None:
        """An agent of the reserve takes part in this phase, on these edges."""
        self.phases[self._index] = self._state.phase = self.phases[self._index].joined(agent, pairs)

    def _is_last(self, phase: Phase) -> bool:
        """Whether no phase follows, so that an answer can only come in this one."""
        return phase.end == "answer" or self._next is None

    def _check(self, phase: Phase, until: Until, answer: str | None) -> Verify:
        self.checking = True
        said = self._said if answer is None else answer
        promised = self._promised or until.promise is None
        return Verify(said, self._iterations.number, phase.name, promised=promised, acted=tuple(self._acted))

    def _ended(self, phase: Phase, reason: str) -> PhaseEnded:
        return PhaseEnded(phase=phase.name, occurrence=self._state.occurrence, reason=reason)


def order_of(state: RunState) -> Order:
    """The order of acting in the phase that the run is in."""
    phase = state.phase
    match phase.order:
        case "reactive":
            return Reactive(state)
        case "round_robin" | "random":
            return Rounds(state, at_once=False)
        case "simultaneous":
            return Rounds(state, at_once=True)
        case "moderator":
            return Moderated(state)
        case "tasks":
            return Retasked(state)


def _flat(text: str) -> str:
    return " ".join(text.split())
