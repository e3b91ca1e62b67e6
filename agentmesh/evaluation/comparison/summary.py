"""From rows to what is said of each team: success, cost, and what the literature measures. All of it recomputes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from agentmesh.evaluation import agreement
from agentmesh.evaluation.agreement import Debate
from agentmesh.evaluation.comparison.entrants import Entrant, Kind
from agentmesh.evaluation.comparison.rows import Row
from agentmesh.evaluation.intervals import Estimate
from agentmesh.evaluation.measures import Measures, mean
from agentmesh.evaluation.metrics import (
    communication_density,
    communication_share,
    coordination_cost,
    efficiency,
    error_amplification,
    message_density,
    oracle,
    overhead,
    retention,
    synergy_gap,
)
from agentmesh.evaluation.statistics import Outcomes, by_task, success

_GOLD = "right"


@dataclass(frozen=True)
class Standing:
    """One row of `teams`: means over its runs, and measures against the best member alone where there is one."""

    name: str
    kind: Kind
    rows: Sequence[Row] = field(repr=False)
    success: Estimate
    by_task: Estimate
    """The same success, with an interval for other tasks of this sort."""
    tokens: float
    measures: Mapping[str, Any] = field(default_factory=dict)
    """Of a team only; see `MEASURES`."""

    @property
    def outcomes(self) -> Outcomes:
        """By task: whether each run was right."""
        return outcomes_of(self.rows)

    def to_json(self) -> dict[str, Any]:
        """As `teams` of `agentmesh compare --json` have it."""
        rows = self.rows
        costs = [row.cost_usd for row in rows]
        known = [cost for cost in costs if cost is not None]
        right = sum(row.correct for row in rows)
        total = sum(known) if len(known) == len(costs) else None
        return {
            "name": self.name,
            "kind": self.kind,
            "success": _rounded(self.success.value),
            "ci": [_rounded(self.success.low), _rounded(self.success.high)],
            "ci_by_task": [_rounded(self.by_task.low), _rounded(self.by_task.high)],
            "value": _rounded(fmean(row.value for row in rows)),
            "runs": len(rows),
            "tokens": round(self.tokens, 1),
            "most_tokens": max(row.tokens for row in rows),
            "cost_usd": None if total is None else total / len(rows),
            "tokens_per_success": round(sum(row.tokens for row in rows) / right, 1) if right else None,
            "cost_usd_per_success": total / right if right and total is not None else None,
            "model_calls": round(fmean(row.model_calls for row in rows), 2),
            "turns": round(fmean(row.measures.turns for row in rows), 2),
            "messages": round(fmean(row.measures.messages for row in rows), 2),
            "seconds": round(fmean(row.seconds for row in rows), 4),
            "samples": round(fmean(row.samples for row in rows), 1),
            "outcomes": dict(Counter(str(row.outcome or "waiting") for row in rows)),
            "measures": dict(self.measures),
        }


MEASURES: Mapping[str, str] = {
    "agents": "agents of the team",
    "overhead": "more turns than the best member alone, as a share",
    "efficiency": "success per turn, in units of the best member's turns",
    "message_density": "messages between agents per turn",
    "communication_density": "messages per ordered pair of agents",
    "communication_share": "messages between agents and calls on boards, of these and all calls of tools",
    "conflicts": "merges per run that failed because something conflicted",
    "redundancy": "mean similarity of what agents said last",
    "error_amplification": "share of wrong answers among those stated, over that of the best member alone",
    "error_survival": "of runs in which an agent's first answer was wrong, those that ended wrong",
    "retention": "area of success over difficulty, as a share of the best member's",
    "coordination_cost": "share of the best member's success that is lost",
    "synergy_gap": "how far below the best member, as a share of what that reaches; negative is a gain",
    "oracle_gap": "how far below one that is right wherever any member alone is",
    "disagreement_collapse": "of debates that began divided with a right answer, those that ended not all right",
    "negative_agreement": "how often a right answer was given up while others disagreed",
    "modal_adoption": "how often a minority's answer was given up for that of the most",
    "diversity": "Vendi score of what was said, by round",
    "findings": "findings of monitors per run, by label",
    "monitor_tokens": "tokens per run that monitors used",
}
"""What is measured of a team, in words."""


def standings(entrants: Iterable[Entrant], found: Mapping[str, Sequence[Row]]) -> list[Standing]:
    """Everybody's standing: teams first, the best first among each sort."""
    entrants = list(entrants)
    members = [one for one in entrants if one.kind == "member"]
    best = max(members, key=lambda one: _reach(found[one.name]), default=None)
    own = [found[member.name] for member in members]
    told = []
    for one in entrants:
        rows = found[one.name]
        measures = _measures(one, rows, found[best.name], own) if one.kind == "team" and best else {}
        results = outcomes_of(rows)
        used = fmean(row.tokens for row in rows)
        told.append(Standing(one.name, one.kind, rows, success(results), by_task(results), used, measures))
    return sorted(told, key=lambda one: (one.kind != "team", -(one.success.value or 0.0), one.tokens))


def outcomes_of(rows: Iterable[Row]) -> dict[str, list[bool]]:
    """By task: whether each run was right, in the order of seeds."""
    by: dict[str, list[tuple[int, bool]]] = {}
    for row in rows:
        by.setdefault(row.task, []).append((row.seed, row.correct))
    return {task: [right for _, right in sorted(runs)] for task, runs in by.items()}


def _reach(rows: Sequence[Row]) -> tuple[float, float]:
    return fmean(row.correct for row in rows), -fmean(row.tokens for row in rows)


def _measures(
    one: Entrant, rows: Sequence[Row], alone: Sequence[Row], members: Sequence[Sequence[Row]]
) -> dict[str, Any]:
    each = [row.measures for row in rows]
    solved, best = fmean(row.correct for row in rows), fmean(row.correct for row in alone)
    turns, turns_alone = fmean(m.turns for m in each), fmean(row.measures.turns for row in alone)
    messages, agents = fmean(m.messages for m in each), len(one.team.topology.nodes)
    found: dict[str, Any] = {
        "agents": agents,
        "overhead": _told(overhead, turns, turns_alone),
        "efficiency": _told(efficiency, solved, turns, turns_alone),
        "message_density": _told(message_density, messages, turns),
        "communication_density": _told(communication_density, messages, agents),
        "communication_share": _told(communication_share, messages + fmean(m.board_calls for m in each), _acts(each)),
        "conflicts": fmean(m.conflicts for m in each),
        "redundancy": mean(m.redundancy for m in each),
        "error_amplification": _told(error_amplification, _errors(each), _errors([row.measures for row in alone])),
        "error_survival": _survived(rows),
        "retention": _retained(rows, alone, members),
        "coordination_cost": _told(coordination_cost, solved, best),
        "synergy_gap": _told(synergy_gap, solved, best),
        "oracle_gap": _told(synergy_gap, solved, _oracle(members)),
        **_conformity(each),
        "diversity": _by_round(each),
        "findings": _per_run(each),
        "monitor_tokens": fmean(m.monitor_tokens for m in each),
    }
    return {name: _rounded(value) if isinstance(value, float) else value for name, value in found.items()}


def _acts(each: Sequence[Measures]) -> float:
    return fmean(m.messages + m.board_calls + m.tool_calls for m in each)


def _told(formula: Callable[..., float | None], *numbers: float | None) -> float | None:
    """A figure, or None where its denominator is nothing."""
    try:
        return None if any(number is None for number in numbers) else formula(*numbers)
    except ValueError:
        return None


def _errors(each: Sequence[Measures]) -> float | None:
    """The share of wrong answers among those stated; None where nobody's answer could be read."""
    stated = sum(m.stated for m in each)
    return sum(m.wrong for m in each) / stated if stated else None


def _survived(rows: Iterable[Row]) -> float | None:
    """How often an error that is there at first is there in the end; None where nobody begins with one."""
    begun = [not row.correct for row in rows if _begins_wrong(row.measures)]
    return fmean(begun) if begun else None


def _begins_wrong(measures: Measures) -> bool:
    first = measures.rounds[0] if measures.rounds else {}
    return any(not right for _, right in first.values())


def _retained(rows: Sequence[Row], alone: Sequence[Row], members: Sequence[Sequence[Row]]) -> float | None:
    """Retention, where a task is as hard as members alone fail at it."""
    team, best = outcomes_of(rows), outcomes_of(alone)
    every = [outcomes_of(one) for one in members]
    tasks = list(team)
    hard = [1 - fmean(fmean(one[task]) for one in every) for task in tasks]
    return retention([fmean(best[task]) for task in tasks], [fmean(team[task]) for task in tasks], hard)


def _oracle(members: Sequence[Sequence[Row]]) -> float:
    """How often at least one member alone is right, with the same task and seed."""
    by: dict[tuple[str, int], list[bool]] = {}
    for rows in members:
        for row in rows:
            by.setdefault((row.task, row.seed), []).append(row.correct)
    return oracle(by.values())


def _conformity(each: Iterable[Measures]) -> dict[str, float | None]:
    debates = [_debate(m) for m in each if len(m.rounds) > 1 and any(len(one) > 1 for one in m.rounds)]
    return {
        "disagreement_collapse": agreement.disagreement_collapse_rate(debates),
        "negative_agreement": agreement.negative_agreement_rate(debates),
        "modal_adoption": agreement.modal_adoption(debates),
    }


def _debate(measures: Measures) -> Debate:
    """The rounds of answers, where all right ones are one answer."""
    rounds = [
        {agent: _GOLD if right else f"wrong {answer}" for agent, (answer, right) in one.items()}
        for one in measures.rounds
    ]
    return Debate(rounds, _GOLD)


def _by_round(each: Sequence[Measures]) -> list[float]:
    longest = max((len(m.diversity) for m in each), default=0)
    return [round(fmean(m.diversity[at] for m in each if at < len(m.diversity)), 4) for at in range(longest)]


def _per_run(each: Sequence[Measures]) -> dict[str, float]:
    total: Counter[str] = Counter()
    for measures in each:
        total.update(measures.findings)
    return {label: round(count / len(each), 4) for label, count in sorted(total.items())}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
