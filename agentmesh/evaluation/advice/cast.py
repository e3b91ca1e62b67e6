"""Which agent of a team plays which part on another topology."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from agentmesh.evaluation.comparison.entrants import Entrant
from agentmesh.messages import USER
from agentmesh.team import Team

_PLAN = (
    "Break the request into tasks that can be done independently, and open them; never do one yourself. Put into each "
    "all that it takes: who does it sees nothing else. When all have come back, make one complete answer of them."
)
_LEAD = "Compare what the others say, and give the one answer that the reasons support."


@dataclass(frozen=True)
class Part:
    """A place on a topology: a copy of an agent, and what it is told beside its instructions."""

    source: str
    base: str
    """Its name, but for a number where there are several of it."""
    more: str = ""


@dataclass(frozen=True)
class Cast:
    """The agents of a team by what they can do on other topologies."""

    pool: tuple[str, ...]
    """Who works: one of each sort."""
    planner: str | None
    lead: str | None
    """Who answers for the others."""
    distinct: bool
    """Whether each knows something that no copy of it must know too."""

    def workers(self, count: int, more: str = "") -> list[Part]:
        """So many of them, of each sort as many."""
        return [
            Part(name, name if self.distinct else base_name(name), more) for name in islice(cycle(self.pool), count)
        ]

    def planning(self) -> Part:
        """The planner, or a copy of a worker who is told to plan."""
        return Part(self.planner, self.planner) if self.planner else Part(self.pool[0], "planner", _PLAN)

    def leading(self, name: str) -> Part:
        """Who answers for the others, or a copy of a worker who is told to."""
        return Part(self.lead, self.lead) if self.lead else Part(self.pool[0], name, _LEAD)

    def carries(self, count: int) -> bool:
        """Whether there are so many workers."""
        return not self.distinct or count <= len(self.pool)


def cast_of(team: Team, members: Iterable[Entrant], told: Collection[str]) -> Cast:
    """Who can do what. `members`: one of each sort; `told`: whom tasks tell something alone."""
    first = team.topology.phases[0].planning
    last = team.topology.phases[-1]
    speaking = [edge.sender for edge in last.edges if edge.recipient == USER and edge.sender in team.agents]
    planner = first.root if first is not None else None
    leads = team.topology.kind not in ("solo", "chain") and len(speaking) == 1 and speaking[0] != planner
    lead = speaking[0] if leads else None
    names = [one.member for one in members if one.member is not None]
    pool = [name for name in names if name not in (planner, lead)] or names
    if told:
        pool = [name for name in names if name in told] or pool
        lead = None if lead in pool else lead
    return Cast(tuple(pool), planner, lead, bool(told))


def named(parts: Sequence[Part]) -> list[str]:
    """The names of parts: numbered where there are several of one, as replicas are."""
    many = Counter(part.base for part in parts)
    seen: Counter[str] = Counter()
    names = []
    for part in parts:
        seen[part.base] += 1
        names.append(part.base if many[part.base] == 1 else f"{part.base}-{seen[part.base]}")
    return names


def base_name(name: str) -> str:
    """Without the number of a replica."""
    base, _, number = name.rpartition("-")
    return base if base and number.isdigit() else name
