"""Which intervention a finding draws: the next rung of its monitor's ladder that can be carried out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from agentmesh.config.interventions import FREE, Rung, ladder_of
from agentmesh.events import FindingRecorded, InterventionMade

MONITOR_ERROR = "monitor_error"
"""Label under which the run records that a monitor itself failed: it always halts."""
MOST = 20
"""Interventions of one monitor in a run, where nothing else is said."""

Plan = Callable[[Rung, FindingRecorded], InterventionMade | None]
"""What an intervention would be, if it can be carried out now."""


def made(rung: Rung, event: FindingRecorded, **more: Any) -> InterventionMade:
    """The intervention that a finding draws; by default it concerns the agents that the finding names."""
    finding = event.finding
    facts = {"agents": finding.agents, "parameters": rung.parameters, **more}
    return InterventionMade(kind=rung.kind, finding=event.id, monitor=finding.monitor, **facts)


class Ladder:
    """One ladder per monitor and set of agents; it is climbed only after each of these agents has taken a turn.

    Its last rung is done again at each finding if it adds no turn to the run; any other is done once. `most`: by
    monitor, how many interventions it may make; `halt` is not among them.
    """

    def __init__(
        self,
        ladders: Mapping[str, Sequence[Any]],
        agents: Collection[str],
        plan: Plan = made,
        most: Mapping[str, int] | None = None,
    ) -> None:
        self._ladders = {monitor: ladder_of(rungs) for monitor, rungs in ladders.items()}
        self._agents = agents
        self._plan = plan
        self._most = most or {}
        self._count: Counter[str] = Counter()
        self._rung: dict[tuple[str, frozenset[str]], int] = {}
        self._owing: dict[tuple[str, frozenset[str]], set[str]] = {}
        self._findings: dict[int, FindingRecorded] = {}

    def climb(self, event: FindingRecorded) -> list[InterventionMade]:
        """The intervention that this finding executes, if any."""
        finding = event.finding
        if finding.label == MONITOR_ERROR:
            return [self._kept(made(Rung("halt"), event), event)]
        place = (finding.monitor, frozenset(finding.agents))
        if finding.score < event.threshold or any(name in self._agents for name in self._owing.get(place, ())):
            return []
        rungs, at = self._ladders.get(finding.monitor, ()), self._rung.get(place, 0)
        found = self._first_possible(rungs, at, event)
        if found is None:
            return []
        done, intervention = found
        again = rungs[done].kind in intervention.skipped or (done == len(rungs) - 1 and rungs[done].kind in FREE)
        self._rung[place] = done if again else done + 1
        self._owing[place] = {name for name in finding.agents if name in self._agents}
        return [self._kept(intervention, event)]

    def acted(self, agent: str) -> None:
        """The agent has taken a turn since the last intervention, or will never take one again."""
        for owing in self._owing.values():
            owing.discard(agent)

    def finding(self, event: InterventionMade) -> FindingRecorded:
        """What drew the intervention."""
        return self._findings[event.finding]

    def why(self, finding: int) -> str:
        """The sentence of a finding, by the id of its event."""
        event = self._findings[finding]
        return event.finding.why or event.finding.label

    def label(self, finding: int) -> str:
        """The label of a finding, by the id of its event."""
        return self._findings[finding].finding.label

    def _kept(self, intervention: InterventionMade, event: FindingRecorded) -> InterventionMade:
        self._findings[event.id] = event
        if intervention.kind != "halt":
            self._count[intervention.monitor] += 1
        return intervention

    def _first_possible(
        self, rungs: Sequence[Rung], at: int, event: FindingRecorded
    ) -> tuple[int, InterventionMade] | None:
        """The rung from here on that can be carried out. Where none can, the last of them comes to a note."""
        used_up = self._count[event.finding.monitor] >= self._most.get(event.finding.monitor, MOST)
        skipped: list[str] = []
        for index in range(at, len(rungs)):
            rung = rungs[index]
            if used_up and rung.kind != "halt":
                return None
            intervention = self._plan(rung, event)
            if intervention is not None:
                return index, intervention.model_copy(update={"skipped": (*skipped, *intervention.skipped)})
            skipped.append(rung.kind)
        if not skipped:
            return None
        return len(rungs) - 1, made(Rung("note"), event, skipped=tuple(skipped))
