"""Work that ceases without a word about it: agents that did things now only talk. And free riders among workers."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import exp

from agentmesh.monitors.signals import Done, Said
from agentmesh.monitors.signals.memory import Memory
from agentmesh.monitors.work_stopping.pact import EVIDENCE, approves

AGENTS = 1_000
SILENCE, RIDING = 0.75, 0.25
ON_TOPIC = 2
"""Words of the task or of calls that make a contribution be about the work."""


def is_hollow(said: Said, topic: Memory[str]) -> bool:
    """Whether a contribution holds nothing: no call, code, number, name or quote, and hardly a word of the topic."""
    if said.deeds or said.units or said.position is not None or said.fenced:
        return False
    return len(said.content) - len(topic.unmet(said.content)) < ON_TOPIC


class Silence:
    """Contributions in a row that hold nothing, of agents whose part it is to call tools, with no call between."""

    def __init__(self) -> None:
        self.topic: Memory[str] = Memory(4_000)
        """Words of the task and of calls."""
        self.live = False
        """Whether turns are shown: a run shows all that is done, a foreign trace may not."""
        self._doers: dict[str, None] = {}
        self._counts: dict[str, int] = {}
        self.evidence: deque[int] = deque(maxlen=EVIDENCE)

    @property
    def agents(self) -> tuple[str, ...]:
        return tuple(sorted(self._counts))

    @property
    def score(self) -> float:
        """Each agent may say one such thing; further ones count, once two agents are in it."""
        if len(self._counts) < 2:
            return 0.0
        return 1 - exp(-SILENCE * (sum(self._counts.values()) - len(self._counts)))

    def heard(self, said: Said) -> bool:
        """Whether a contribution adds to the silence."""
        if not self.live or said.agent not in self._doers:
            return False
        if not is_hollow(said, self.topic):
            self.broken()
            return False
        self._counts[said.agent] = self._counts.get(said.agent, 0) + 1
        self.evidence.append(said.event)
        return True

    def did(self, agent: str) -> None:
        """Somebody did something."""
        self.expected(agent)
        self.broken()

    def expected(self, agent: str) -> None:
        """It is this agent's part to do things."""
        self._doers[agent] = None
        if len(self._doers) > AGENTS:
            del self._doers[next(iter(self._doers))]

    def broken(self) -> None:
        """Nothing counts any more."""
        self._counts.clear()
        self.evidence.clear()


@dataclass
class Rider:
    """What an agent contributed last: approvals in a row, and whether a peer did anything since the last of them."""

    approvals: deque[int] = field(default_factory=lambda: deque(maxlen=EVIDENCE))
    did: bool = False
    """Whether it ever called a tool: who never did may have no other part than to approve."""
    peers_did: bool = False

    @property
    def score(self) -> float:
        return riding(len(self.approvals))


def riding(approvals: int) -> float:
    """The score of so many approvals in a row."""
    return 1 - exp(-RIDING * max(0, approvals - 1))


class Riders:
    """By agent: whether it only approves what others do."""

    def __init__(self) -> None:
        self._riders: dict[str, Rider] = {}

    @property
    def score(self) -> float:
        most = max([len(rider.approvals) for rider in self._riders.values()], default=0)
        return riding(most) if most > 1 else 0.0

    def heard(self, said: Said, works: bool, live: bool) -> Rider | None:
        """The agent as a rider, if this contribution adds to it. `live`: whether all that is done is shown."""
        rider = self._rider(said.agent)
        peers_did, rider.peers_did = rider.peers_did, False
        hollow = not (works or said.deeds or said.speech.disagree or said.speech.ask or said.new_units)
        if not hollow or not ((live and rider.did) or approves(said)):
            rider.approvals.clear()
            if works:
                self._others(said.agent)
            return None
        if peers_did:
            rider.approvals.append(said.event)
        return rider if peers_did and len(rider.approvals) > 1 else None

    def done(self, done: Done) -> None:
        """A tool call: of this agent, and beside all others."""
        rider = self._rider(done.agent)
        rider.did = True
        rider.approvals.clear()
        self._others(done.agent)

    def _rider(self, agent: str) -> Rider:
        rider = self._riders.get(agent)
        if rider is None:
            rider = self._riders[agent] = Rider()
            if len(self._riders) > AGENTS:
                del self._riders[next(iter(self._riders))]
        return rider

    def _others(self, agent: str) -> None:
        for name, rider in self._riders.items():
            if name != agent:
                rider.peers_did = True
