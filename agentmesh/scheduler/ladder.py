"""Which intervention a finding draws: the next rung of its monitor's ladder."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from agentmesh.events import FindingRecorded, InterventionMade

MONITOR_ERROR = "monitor_error"
"""Label under which the run records that a monitor itself failed: it always halts."""


class Ladder:
    """One ladder per monitor and set of agents; it is climbed only after each of these agents has taken a turn."""

    def __init__(self, ladders: Mapping[str, Sequence[str]], agents: Collection[str]) -> None:
        self._ladders = ladders
        self._agents = agents
        self._rung: dict[tuple[str, frozenset[str]], int] = {}
        self._owing: dict[tuple[str, frozenset[str]], set[str]] = {}
        self._findings: dict[int, FindingRecorded] = {}

    def climb(self, event: FindingRecorded) -> list[InterventionMade]:
        """The intervention that this finding executes, if any."""
        finding = event.finding
        self._findings[event.id] = event
        if finding.label == MONITOR_ERROR:
            return [self._made("halt", event)]
        rungs = self._ladders.get(finding.monitor, ())
        place = (finding.monitor, frozenset(finding.agents))
        rung = self._rung.get(place, 0)
        if finding.score < event.threshold or not rungs or self._owing.get(place):
            return []
        self._rung[place] = min(rung + 1, len(rungs) - 1)
        self._owing[place] = {name for name in finding.agents if name in self._agents}
        return [self._made(rungs[rung], event)]

    def acted(self, agent: str) -> None:
        """The agent has taken a turn since the last intervention, or will never take one again."""
        for owing in self._owing.values():
            owing.discard(agent)

    def why(self, finding: int) -> str:
        """The sentence of a finding, by the id of its event."""
        event = self._findings[finding]
        return event.finding.why or event.finding.label

    def label(self, finding: int) -> str:
        """The label of a finding, by the id of its event."""
        return self._findings[finding].finding.label

    def _made(self, kind: str, event: FindingRecorded) -> InterventionMade:
        finding = event.finding
        return InterventionMade.model_validate(
            {"kind": kind, "finding": event.id, "monitor": finding.monitor, "agents": finding.agents}
        )
