"""Votes: ballots are kept, and counted only when all are in."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agentmesh.events import Event, MessageDelivered, MessageProposed, VoteCast
from agentmesh.messages import USER, answer_key
from agentmesh.scheduler.state import RunState
from agentmesh.topology.voting import Tally, count


@dataclass
class _Poll:
    """One vote in one phase."""

    ballots: dict[str, tuple[str, ...]] = field(default_factory=dict)
    entries: dict[str, MessageDelivered] = field(default_factory=dict)
    """By candidate: what it wrote to the vote."""
    closed: bool = False


class Polls:
    """The votes of the phase that the run is in."""

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._polls: dict[str, _Poll] = {}

    def begin(self) -> None:
        """A phase starts: its votes are open and empty."""
        self._polls = {name: _Poll() for name in self._state.phase.votes}
        for name in self._polls:
            self._state.labels.clear(name)

    def why_not(self, message: MessageProposed) -> str | None:
        """Why a vote does not take a message, or None if it does."""
        poll = self._polls.get(message.recipient)
        if poll is None:
            return None
        if poll.closed:
            return "vote_closed"
        if message.kind == "ballot" and message.sender not in self._state.phase.voters(message.recipient):
            return "no_ballot"
        if message.kind != "ballot":
            return "already_sent" if message.sender in poll.entries else None
        if message.sender in poll.ballots:
            return "already_voted"
        known = {answer_key(choice) for choice in self._state.phase.votes[message.recipient].choices}
        ranking = json.loads(message.content)
        if not all(map(answer_key, ranking)) or (known and not known.issuperset(map(answer_key, ranking))):
            return "no_option"
        return None

    def take(self, event: MessageDelivered) -> list[Event]:
        """A ballot, or a candidate's entry, has arrived."""
        poll = self._polls[event.recipient]
        if event.trust == "untrusted":
            self._state.labels.mark(event.recipient, f"message {event.message_id} from '{event.sender}'")
        if event.kind != "ballot":
            poll.entries[event.sender] = event
            return []
        ranking = tuple(json.loads(event.content))
        poll.ballots[event.sender] = ranking
        weight = self._state.phase.votes[event.recipient].weights.get(event.sender, 1.0)
        return [VoteCast(agent=event.sender, vote=event.recipient, ranking=ranking, weight=weight)]

    def ballots(self, agent: str, ranking: Sequence[str]) -> list[MessageProposed] | str:
        """The same ballot for every vote that an agent has an edge to; a sentence where there is none."""
        state = self._state
        # Over an edge that was cut too: the attempt is refused like any other message.
        votes = [name for name in state.phase.votes if agent in state.phase.voters(name)]
        if not votes:
            return f"'{agent}' has no vote in this phase ({state.phase.name})"
        return [state.ballot(agent, name, ranking) for name in votes]

    def left(self, agent: str) -> None:
        """An agent is out, and another in its place: what it voted for, or entered, does not count while votes last."""
        for poll in self._polls.values():
            if not poll.closed:
                poll.ballots.pop(agent, None)
                poll.entries.pop(agent, None)

    def voters(self, vote: str) -> list[str]:
        """Whose ballots a vote waits for: those with an edge who may still act; candidates only if nobody else has."""
        state = self._state
        able = [name for name in state.heard_by(vote) if name not in state.retired]
        may = state.phase.voters(vote)
        return [name for name in able if name in may]

    def due(self) -> list[Event]:
        """The results of votes in which every ballot is in."""
        if not self._polls:
            return []
        return [
            event
            for name, poll in self._polls.items()
            if not poll.closed and poll.ballots and self._all_in(name, poll)
            for event in self._counted(name, poll)
        ]

    def close(self) -> list[Event]:
        """The results of votes that nobody will take part in any more: who has not voted abstains."""
        return [
            event
            for name, poll in self._polls.items()
            if not poll.closed and poll.ballots
            for event in self._counted(name, poll)
        ]

    def _all_in(self, name: str, poll: _Poll) -> bool:
        """Whether nobody is left who may still cast a ballot, or enter what others vote for."""
        state = self._state
        candidates = state.phase.votes[name].candidates
        entering = [one for one in state.heard_by(name) if one in candidates and one not in state.retired]
        return all(one in poll.ballots for one in self.voters(name)) and all(one in poll.entries for one in entering)

    def _counted(self, name: str, poll: _Poll) -> list[Event]:
        poll.closed = True
        state = self._state
        rule = state.phase.votes[name]
        # In the order of the edges, not of arrival: whose words stand for an answer must not depend on who was faster.
        order = {voter: place for place, voter in enumerate(state.phase.predecessors.get(name, ()))}
        ballots: Mapping[str, Sequence[str]] = dict(
            sorted(poll.ballots.items(), key=lambda item: order.get(item[0], len(order)))
        )
        if rule.candidates:
            # Who has entered nothing cannot win: the ballots count for what comes next on them.
            rule = replace(rule, candidates=tuple(one for one in rule.candidates if one in poll.entries))
            ballots = _naming(rule.candidates, ballots)
        if not ballots:
            state.obstacles.append(("failed", f"{name}: nobody who was voted for had entered anything"))
            return []
        tally = count(ballots, rule, f"{state.seed}|{state.phase.name}|{state.occurrence}|{name}")
        entry = poll.entries[tally.winner] if rule.candidates else None
        answer = entry.content if entry else tally.winner
        return [
            state.proposal(
                name,
                recipient,
                answer if recipient == USER or entry else _told(tally),
                "answer" if recipient == USER else "result",
                parts=entry.parts if entry else (),
            )
            for recipient in state.recipients(name)
        ]


def _naming(candidates: Collection[str], ballots: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """The ballots without whatever is no candidate; those with nothing left are none."""
    known = set(map(answer_key, candidates))
    left = {voter: tuple(one for one in ranking if answer_key(one) in known) for voter, ranking in ballots.items()}
    return {voter: ranking for voter, ranking in left.items() if ranking}


def _told(tally: Tally) -> str:
    """The result as agents read it."""
    scores = sorted(tally.scores.items(), key=lambda item: -item[1])
    listed = "; ".join(f"{option}: {score:g}" for option, score in scores)
    return f"{tally.winner}\n\nVotes: {listed}" + (" (a tie, decided)" if tally.tied else "")
