"""Populations of teams under one hard budget: varied, measured, selected, and held against one agent with as much."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

from agentmesh.errors import AgentMeshError
from agentmesh.evaluation.advice.bench import Bench
from agentmesh.evaluation.comparison import RESULTS
from agentmesh.evaluation.comparison.processes import Processes
from agentmesh.evaluation.comparison.rows import KeptRows
from agentmesh.evaluation.comparison.study import Plan
from agentmesh.evaluation.ledger import Ledger
from agentmesh.evaluation.scoring import Scorer
from agentmesh.evaluation.tasks.task import Tasks
from agentmesh.learning.evolution.arena import Arena
from agentmesh.learning.evolution.beside import Final, Side
from agentmesh.learning.evolution.genome import Individual, Source
from agentmesh.learning.evolution.operators import OPERATORS, Operator
from agentmesh.learning.evolution.result import Evolution, head, lineage
from agentmesh.learning.evolution.search import Generation, Search
from agentmesh.learning.evolution.setting_up import (
    CALLS,
    GENERATIONS,
    PARENTS,
    POPULATION,
    Select,
    Settings,
    kept_back,
    parted,
    search_of,
    shared_out,
)
from agentmesh.learning.evolution.writing import (
    file_of,
    held_out_beside,
    refuse_output,
    tasks_written_beside,
    written_to,
)
from agentmesh.team.parts import Model


async def evolve(
    file: str | Path,
    tasks: Tasks,
    *,
    budget_tokens: int,
    settings: Settings | None = None,
    held_out: float | Tasks = 0.5,
    seeds: int = 1,
    model: str | None = None,
    models: Mapping[str, Model] | None = None,
    overrides: Collection[str] = (),
    allow: Collection[str] = (),
    scorer: Scorer | None = None,
    results: str | Path | None = None,
    journal: str | None = None,
    concurrency: int = 8,
    processes: Processes | None = None,
    output: str | Path | None = None,
    progress: Callable[[int, int], None] = lambda spent, limit: None,
    **more: Any,
) -> Evolution:
    """Vary a team's file, measure who comes of it, select, and see on other tasks what the best one is worth.

    Everything together, runs, varying, judging and baselines, uses at most `budget_tokens`: evolution and each baseline
    an equal share. `more` are fields of `settings` by name: `population`, `operator`, `vary` and so on.
    `held_out`: tasks that evolution never sees, or the share of the tasks that is kept aside. `output`: where the
    champion's file goes. `results` and `journal` are as of `compare`.

    Raises: ConfigError, JournalError, MissingExtra, ProviderError; AgentMeshError where the budget was too small.
    """
    settings = replace(settings or Settings(), **more)
    settings.refuse_unfit()
    source = Source.of(file, model, tuple(overrides), allow)
    if output is not None:
        refuse_output(Path(output), source)
    seen, unseen = parted(tasks, held_out, settings.seed)
    scorer = scorer or Scorer()
    scorer.refuse_unready([*seen, *unseen])
    if processes is not None:  # they are begun once, for all generations
        processes.worthwhile = Processes.worthwhile // (settings.generations + 1)
    every = Tasks(tasks.name, (*seen, *unseen))
    plan = Plan((), every, seeds, 1, scorer, KeptRows(results), journal, concurrency, processes, progress=progress)
    bench = Bench(plan, Ledger(budget_tokens), 0)
    arena = Arena(source, bench, models or {})
    share = shared_out(arena, every.items, settings)
    later = kept_back(bench, len(unseen), share)
    bench.kept_back = later(0.0)
    search = search_of(arena, seen, settings, later, None if results is None else Path(results))
    async with scorer, aclosing(search):
        await bench.find_unfinished()
        await search.carry_out()
        evolution = await _concluded(search, Final(arena, unseen, share), settings)
    if output is not None:
        own = search.arena.team(evolution.champion.individual)
        written_to(Path(output), evolution.yaml, source, own, models or {})
        tasks_written_beside(Path(output), evolution.held_out)
    return evolution


async def _concluded(search: Search, final: Final, settings: Settings) -> Evolution:
    """The champion on held-out tasks, and what is beside it. Raises: AgentMeshError."""
    arena, bench = search.arena, search.arena.bench
    if search.champion is None:
        raise AgentMeshError(f"nothing was evolved: {search.ended}; raise the budget, or lower the population")
    bench.kept_back = bench.ledger.limit - final.share
    both = await final.champion(search.champion, final.share)
    if both is None:
        raise AgentMeshError("evolution left nothing of its share for held-out tasks; raise the budget")
    best, start = (replace(side, spent=bench.ledger.spent) for side in both)
    sides = await final.baselines(search.tasks) if settings.baselines else []
    evolution = Evolution(
        champion=search.champion,
        ledger=bench.ledger,
        generations=tuple(search.generations),
        baselines=tuple(sides),
        best=best,
        start=start,
        held_out=tuple(final.tasks),
        promotions=tuple(search.promotions),
        dead_ends=tuple(search.dead.ends),
        remarks=tuple(final.remarks),
        ended=search.ended,
        settings={
            "operator": settings.operator,
            "population": settings.population,
            "seed": settings.seed,
            "seeds": bench.plan.seeds,
            "share": final.share,
            "run_tokens": bench.limit,
            "tasks": search.batch,
        },
    )
    text = file_of(arena.source, search.champion.individual, head(evolution, arena.source))
    return replace(evolution, yaml=text)


def evolution_results_of(file: str | Path, tasks: Tasks) -> Path:
    """The file for the rows of such an evolution: a larger budget, or another operator, adds to it."""
    facts = hashlib.sha256(f"{Path(file).resolve()}|{tasks.hash}".encode()).hexdigest()[:12]
    return RESULTS / f"evolve-{facts}.jsonl"


__all__ = [
    "CALLS",
    "GENERATIONS",
    "OPERATORS",
    "PARENTS",
    "POPULATION",
    "Evolution",
    "Generation",
    "Individual",
    "Operator",
    "Select",
    "Settings",
    "Side",
    "evolution_results_of",
    "evolve",
    "held_out_beside",
    "lineage",
]
