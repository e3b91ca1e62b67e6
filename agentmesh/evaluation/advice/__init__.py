"""Which topology, how many agents, told what, or none: found within a budget, and measured on tasks kept aside."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentmesh.errors import ConfigError
from agentmesh.evaluation.advice.bench import Bench
from agentmesh.evaluation.advice.candidates import SHAPES, SIZES, Candidate, candidates_of
from agentmesh.evaluation.advice.halving import Rung, Search, halve
from agentmesh.evaluation.advice.held_out import AT_MOST, Gain, compared, finalists, gain_of, spendable
from agentmesh.evaluation.advice.prompts import OWN, Prompt, read_prompts
from agentmesh.evaluation.advice.recommending import Recommendation, reasons, recommended
from agentmesh.evaluation.advice.room import SURE, run_limit, scoring_room, split
from agentmesh.evaluation.advice.rules import RuleOfThumb, rule_of_thumb
from agentmesh.evaluation.advice.snippet import snippet
from agentmesh.evaluation.comparison import Comparison, results_of
from agentmesh.evaluation.comparison.rows import KeptRows
from agentmesh.evaluation.comparison.study import Plan
from agentmesh.evaluation.ledger import Ledger
from agentmesh.evaluation.scoring import Scorer
from agentmesh.evaluation.tasks.task import EvalTask, Tasks
from agentmesh.team import Team


@dataclass(frozen=True)
class Advice:
    """What came of it."""

    recommendation: Recommendation
    reasons: tuple[str, ...]
    rule: RuleOfThumb
    search: Search
    held_out: Comparison
    """The best team found beside what one agent can do."""
    gain: Gain
    """Of the best team found, whether it is recommended or not."""
    ledger: Ledger
    run_tokens: int
    """Limit of each run of the search."""
    snippet: str = field(repr=False)
    """Agents and topology as a file says them; empty where the team's own file says them."""

    def to_json(self) -> dict[str, Any]:
        """As `agentmesh advise --json` prints it."""
        return {
            "recommendation": self.recommendation.to_json(),
            "reasons": list(self.reasons),
            "rule_of_thumb": self.rule.to_json(),
            "rungs": [rung.to_json() for rung in self.search.rungs],
            "ended": self.search.ended,
            "held_out": self.held_out.to_json(),
            "gain": self.gain.to_json(),
            "ledger": {**self.ledger.to_json(), "run_tokens": self.run_tokens},
            "yaml": self.snippet,
        }


async def advise(
    team: Team,
    tasks: Tasks,
    *,
    budget_tokens: int,
    sizes: Sequence[int] = SIZES,
    shapes: Collection[str] = SHAPES,
    prompts: Sequence[Prompt] = OWN,
    held_out: float = 0.5,
    seeds: int = 1,
    seed: int = 0,
    scorer: Scorer | None = None,
    results: str | Path | None = None,
    journal: str | None = None,
    concurrency: int = 8,
    progress: Callable[[int, int], None] = lambda spent, limit: None,
) -> Advice:
    """Search by successive halving, and measure what is found on tasks that the search has not seen.

    All runs together use at most `budget_tokens`, and each may use as much as any other. `held_out`: the share of tasks
    kept aside, drawn with `seed`. `results` and `journal` are as of `compare`; `progress` is told the tokens used.

    Raises: ConfigError where the budget is too small to try everybody once; JournalError, MissingExtra.
    """
    seen, unseen = split(tasks, held_out, seed)
    candidates = _candidates(team, tasks.items, sizes, shapes, prompts)
    scorer = scorer or Scorer()
    scorer.refuse_unready(tasks.items)
    scoring = scoring_room(tasks.items, [one.entrant.team for one in candidates])
    limit = run_limit(budget_tokens, candidates, tasks.items, seeds, scoring)
    plan = Plan((), tasks, seeds, limit, scorer, KeptRows(results), journal, concurrency, progress=progress)
    bench = Bench(plan, Ledger(budget_tokens), scoring, kept_back=SURE * AT_MOST * (limit + scoring) * seeds)
    async with scorer:
        await bench.find_unfinished()
        search = await halve(bench, candidates, seen, held_out=AT_MOST * len(unseen) * seeds)
        final = finalists(search.order)
        comparison = await compared(bench, final, seen, unseen, spendable(search.order, final))
    chosen, recommendation = recommended(comparison, final)
    gain = gain_of(final, comparison.standings)
    rows = [row for place in search.order for row in place.rows]
    alone = [row for row in (*rows, *comparison.rows) if row.team == final.solo.name]
    rule = rule_of_thumb(tasks.items, alone, rows)
    return Advice(
        recommendation,
        tuple(reasons(recommendation, final, gain, rule, search)),
        rule,
        search,
        comparison,
        gain,
        bench.ledger,
        limit,
        snippet(team, chosen),
    )


def advice_results_of(team: Team, tasks: Tasks) -> Path:
    """The file for the rows of such advice: a larger budget adds to it."""
    kept = results_of([team], tasks, None)
    return kept.with_name(f"advice-{kept.name}")


def _candidates(
    team: Team, tasks: Sequence[EvalTask], sizes: Sequence[int], shapes: Collection[str], prompts: Sequence[Prompt]
) -> tuple[Candidate, ...]:
    found = candidates_of(team, tasks, sizes=sizes, shapes=shapes, prompts=prompts)
    if all(one.alone for one in found):
        raise ConfigError("nobody but members alone is to be tried; name a topology of several agents, and a size")
    return found


__all__ = [
    "OWN",
    "SHAPES",
    "SIZES",
    "Advice",
    "Gain",
    "Prompt",
    "Recommendation",
    "Rung",
    "advice_results_of",
    "advise",
    "read_prompts",
]
