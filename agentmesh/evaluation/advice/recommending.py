"""From what was measured to one piece of advice, and its reasons in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agentmesh.evaluation.advice.candidates import Candidate
from agentmesh.evaluation.advice.halving import Search
from agentmesh.evaluation.advice.held_out import Finalists, Gain
from agentmesh.evaluation.advice.rules import RuleOfThumb
from agentmesh.evaluation.comparison import Comparison
from agentmesh.evaluation.intervals import Estimate

_SUGGESTED = {
    "solo": "one agent",
    "centralised": "a planner with workers",
    "decentralised": "agents who talk to each other",
}
_OFTEN = 0.1


@dataclass(frozen=True)
class Recommendation:
    """Who should be given such tasks. `topology` is `solo` where that is no team."""

    topology: str
    agents: int
    prompt: str
    why: str

    def to_json(self) -> dict[str, Any]:
        """For JSON."""
        return {**vars(self)}


def recommended(comparison: Comparison, final: Finalists) -> tuple[Candidate, Recommendation]:
    """A team only if it is better than everything that one agent can do with the same budget."""
    verdict = comparison.verdict
    if verdict.verdict == "team":
        return final.team, _recommendation(final.team, verdict.why)
    by_name = {one.name: one for one in comparison.standings}
    alone = min(final.alone, key=lambda one: (-(by_name[one.name].success.value or 0.0), by_name[one.name].tokens))
    why = verdict.why if verdict.verdict == "solo" else f"nothing shows that a team is worth it: {verdict.why}"
    return alone, _recommendation(alone, why)


def _recommendation(one: Candidate, why: str) -> Recommendation:
    return Recommendation(one.shape, one.agents, one.prompt.name, why)


def reasons(
    recommendation: Recommendation, final: Finalists, gain: Gain, rule: RuleOfThumb, search: Search
) -> Iterator[str]:
    """Each in one sentence, beginning with what was measured."""
    team = recommendation.topology != "solo"
    yield (
        f"{final.team.name} is right {_points(gain.total)} more often than {final.solo.name}: {_points(gain.prompt)} "
        f"came from the prompt ({final.team.prompt.name}) and {_points(gain.graph)} from the graph"
    )
    yield from rule.reasons
    measured = "for a team" if team else "for one agent"
    too = ", too," if team == (rule.suggests != "solo") else ""
    yield f"the rule of thumb would take {_SUGGESTED[rule.suggests]}; the measurement{too} is {measured}"
    rows = [row for place in search.order if not place.candidate.alone for row in place.rows]
    short = sum(row.outcome == "limit" for row in rows)
    if short > _OFTEN * len(rows):
        yield (
            f"{short} of {len(rows)} runs of teams in the search reached a limit and count as wrong: "
            "with a larger budget, or fewer candidates, each run may use more"
        )


def _points(estimate: Estimate) -> str:
    """`12 points [3, 21]`: hundredths of a share."""
    value, low, high = (round(100 * (end or 0.0)) for end in (estimate.value, estimate.low, estimate.high))
    return f"{value} point{'' if abs(value) == 1 else 's'} [{low}, {high}]"
