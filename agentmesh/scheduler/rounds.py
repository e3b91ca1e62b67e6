"""Who acts next, where agents speak in turn: `round_robin`, `simultaneous`, `random`, and `moderator`."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence

from agentmesh.events import Event, Inbound, MessageDelivered, MessageProposed, ToolCallStarted
from agentmesh.scheduler.notices import listed, notice
from agentmesh.scheduler.orders import Talk, notices_in
from agentmesh.scheduler.state import RunState
from agentmesh.tools.graph import Action, Choices, NextSpeaker
from agentmesh.topology.lines import JUDGE_ATTEMPTS


class Rounds(Talk):
    """Everybody who has something to read acts once a round; effects are seen at once, or when the round ends."""

    def __init__(self, state: RunState, *, at_once: bool) -> None:
        super().__init__(state)
        self._at_once = at_once
        self._to_act: list[str] = []
        self._held: dict[str, list[MessageProposed]] = {}
        self._agreed = False
        self._called: dict[str, None] = {}
        """Who has been given something to act on, in a round of its own if no other is left."""

    def holds(self, proposals: list[MessageProposed]) -> bool:
        if self._at_once:
            for proposal in proposals:
                self._held.setdefault(proposal.sender, []).append(proposal)
        return self._at_once

    def opens(self) -> tuple[str, ...]:
        """As in every order; but who has something to read from before acts in the first round anyhow."""
        waiting = any(map(self.state.has_to_act, self.state.phase.participants))
        return self.state.phase.opens if waiting else super().opens()

    def wake(self, agent: str) -> None:
        if agent not in self._to_act:
            self._to_act.append(agent)

    def call_on(self, agent: str, *, anew: bool = False) -> list[Event]:
        self._called[agent] = None
        return []

    def await_word(self, guest: str, agents: Collection[str]) -> list[Event]:
        return []  # they hear it in the next round, or in one of their own

    def started(self, agent: str) -> None:
        self._called.pop(agent, None)

    @property
    def gathering(self) -> bool:
        return bool(self.state.busy or self._to_act)

    def advance(self) -> list[Event]:
        """When the round is over, what it held is released in the order of the nodes."""
        return [] if self.gathering else self.flush()

    def flush(self) -> list[Event]:
        self._to_act = []
        # One message per recipient and turn was checked when they were kept; the turn is over now.
        self.state.written.clear()
        order = dict.fromkeys((*self.state.phase.participants, *self._held))
        held = [proposal for name in order for proposal in self._held.pop(name, ())]
        return [self.state.renumbered(proposal) for proposal in held]

    def replaced(self, old: str, new: str) -> list[Event]:
        self._to_act = [new if name == old else name for name in self._to_act]
        return [self.opening(new)]

    def ready(self) -> list[str]:
        state = self.state
        if state.busy or state.paused:
            return []
        if not any(map(self._has_something, self._to_act)):
            self._to_act = []
            called = [name for name in state.phase.participants if name in self._called and self._has_something(name)]
            # Whoever was called upon may come to hold something else.
            self._agreed = not called and (self._agreed or self._is_agreed())
            left = self.round < (state.phase.rounds or 0) and not self._agreed
            if left and any(map(self._has_something, state.phase.participants)):
                self.round += 1
                self._to_act = [name for name in self._in_order() if name not in state.retired]
            else:
                self._to_act = called
        acting = self._to_act if self._at_once else self._next_in_line()
        self._to_act = self._to_act[len(acting) :]
        return [name for name in acting if self._has_something(name)]

    def reads(self, agent: str, inbox: list[Inbound]) -> list[Inbound]:
        """After a round that is one step, the run's notices come last: refusals may take their time."""
        if not self._at_once:
            return inbox
        return [*(item for item in inbox if isinstance(item, MessageDelivered)), *notices_in(inbox)]

    def over(self) -> str:
        return f"converged: after round {self.round}" if self._agreed else f"rounds: {self.round} taken"

    def _in_order(self) -> Sequence[str]:
        """Who acts in the new round, in which order. A draw depends on the seed and the names alone."""
        state = self.state
        names = state.phase.participants
        if state.phase.order != "random":
            return names
        drawn = f"{state.seed}|{state.phase.name}|{state.occurrence}|{self.round}|"
        return sorted(names, key=lambda name: hashlib.sha256(f"{drawn}{name}".encode()).digest())

    def _is_agreed(self) -> bool:
        """Whether all who take part hold the same position, as each has stated it in this phase."""
        state = self.state
        if state.phase.end != "converged" or not self.round:
            return False
        out = state.retired | state.guests
        held = [state.positions.get(name) for name in state.phase.participants if name not in out]
        return None not in held and len({position.key for position in held if position}) == 1

    def _next_in_line(self) -> Sequence[str]:
        """Up to and with the first who has something to read."""
        for index, name in enumerate(self._to_act):
            if self._has_something(name):
                return self._to_act[: index + 1]
        return self._to_act

    def _has_something(self, agent: str) -> bool:
        state = self.state
        return state.has_to_act(agent) and agent not in state.retired and not state.rests(agent)


class Moderated(Talk):
    """The moderator chooses who speaks next, until it has chosen often enough or chooses nobody any more."""

    def __init__(self, state: RunState) -> None:
        super().__init__(state)
        self._chair_is_due = True
        self._woken: dict[str, None] = {}
        """Who is given the floor once more, outside the count: its answer was refuted, or it was called upon."""
        self._called: str | None = None
        self._attempts = 0
        self._closed = False

    @property
    def _chair(self) -> str:
        return self.state.phase.moderator or ""

    def begin(self) -> list[Event]:
        return [self._choose()]

    def delivered(self, event: MessageDelivered) -> None:
        """Whoever is called upon reads it."""

    def called(self, event: ToolCallStarted, action: Action) -> list[Event] | str:
        if not isinstance(action, NextSpeaker) or event.agent != self._chair:
            return f"'{event.name}' is not a tool of '{event.agent}' in this phase ({self.state.phase.name})"
        if self._called is not None:
            return f"'{self._called}' has been called upon already; call upon one agent at a time"
        if self.round >= (self.state.phase.rounds or 0):
            return f"all speakers of this phase have spoken ({self.round})"
        if action.agent not in self._options():
            return f"'{action.agent}' cannot be called upon; choose among: {listed(self._options())}"
        self.round += 1
        self._called = action.agent
        return [self._floor(action.agent)]

    def ended(self, agent: str, *, acted: bool) -> list[Event]:
        if agent != self._chair:
            # The word goes back to the moderator once whoever was called upon has spoken.
            self._chair_is_due = self._called is None and self.round < (self.state.phase.rounds or 0)
            return [self._choose()] if self._chair_is_due else []
        if self._called is not None:
            self._attempts = 0
            return []
        self._attempts += 1
        if self._attempts >= JUDGE_ATTEMPTS:
            self._closed = True
            return []
        self._chair_is_due = True
        return [self._choose()]

    def replaced(self, old: str, new: str) -> list[Event]:
        if self._called == old:
            self._called = new
            return [self._floor(new)]
        self._chair_is_due = self._chair_is_due or not (self.state.busy or self._called)
        return [self._choose()] if new == self._chair and self._chair_is_due else []

    def retired(self, agent: str) -> list[Event]:
        """The word goes back to the moderator if whoever was called upon cannot begin."""
        if self.state.busy or agent == self._chair or self.round >= (self.state.phase.rounds or 0):
            return []
        self._chair_is_due = True
        return [self._choose()]

    def wake(self, agent: str) -> None:
        self._woken[agent] = None

    def ready(self) -> list[str]:
        state = self.state
        if state.busy or state.paused:
            return []
        woken = next((name for name in self._woken if not state.rests(name)), None)
        if woken is not None:
            del self._woken[woken]
            return [woken]
        if self._closed:
            return []
        if self._called is not None:
            if state.rests(self._called):
                return []
            speaker, self._called = self._called, None
            if speaker not in state.retired:
                return [speaker]
            self._chair_is_due = True
        if not self._chair_is_due or self.round >= (state.phase.rounds or 0) or self._chair in state.retired:
            return []
        self._chair_is_due = False
        return [self._chair]

    def over(self) -> str:
        return f"{'nobody was called upon' if self._closed else 'rounds'}: {self.round} spoke"

    def tools(self, agent: str) -> tuple[str, ...]:
        return ("next_speaker", *super().tools(agent)) if agent == self._chair else super().tools(agent)

    def choices(self, agent: str) -> Mapping[str, Choices]:
        own = {"next_speaker": {"agent": self._options()}} if agent == self._chair else {}
        return {**super().choices(agent), **own}

    def _floor(self, agent: str) -> Event:
        names = listed(self.state.recipients(agent))
        return notice(agent, "have_floor", moderator=self._chair, names=names)

    def _choose(self) -> Event:
        return notice(self._chair, "choose_speaker", names=listed(self._options()))

    def _options(self) -> tuple[str, ...]:
        """Whom the moderator may call upon: its successors that take part and can still act."""
        state = self.state
        return tuple(
            name
            for name in state.recipients(self._chair)
            if name in state.phase.participants and name not in state.retired
        )
