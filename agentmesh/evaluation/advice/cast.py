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
    """Whether some know what no copy of them must know too: then each works once, and all of them always do."""

    def workers(self, count: int) -> list[Part]:
        """So many of them, of each sort as many."""
        if self.distinct:
            return [Part(name, name) for name in self.pool]
        return [Part(name, base_name(name)) for name in islice(cycle(self.pool), count)]

    def planning(self) -> Part:
        """The planner, or a copy of a worker who is told to plan."""
        return Part(self.planner, self.planner) if self.planner else self._copy("planner", _PLAN)

    def leading(self, name: str) -> Part:
        """Who answers for the others, or a copy of a worker who is told to."""
        return Part(self.lead, self.lead) if self.lead else self._copy(name, _LEAD)

    def _copy(self, name: str, more: str) -> Part:
        return Part(self.pool[0], f"{name}-copy" if name in self.pool else name, more)


def cast_of(team: Team, members: Iterable[Entrant], told: Collection[str]) -> Cast:
    """Who can do what. `members`: one of each sort; `told`: whom tasks tell something alone."""
    first = team.topology.phases[0].planning
    last = team.topology.phases[-1]
    speaking = [edge.sender for edge in last.edges if edge.recipient == USER and edge.sender in team.agents]
    planner = first.root if first is not None else None
    leads = team.topology.kind not in ("solo", "chain") and len(speaking) == 1 and speaking[0] != planner
    lead = speaking[0] if leads else None
    names = [one.member for one in members if one.member is not None]
    pool = [name for name in names if name in told or name not in (planner, lead)] or names
    if told:
        planner, lead = (None if name in pool else name for name in (planner, lead))
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
