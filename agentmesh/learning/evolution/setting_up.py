"""What is settled before anything is run: which tasks are held out, who may use how much, what can be varied."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, get_args

from agentmesh.agents.context import estimated_tokens
from agentmesh.errors import ConfigError
from agentmesh.evaluation.advice.bench import Bench
from agentmesh.evaluation.advice.room import SURE, least_of, scoring_room, split
from agentmesh.evaluation.tasks.task import EvalTask, Tasks
from agentmesh.learning.evolution.arena import Arena
from agentmesh.learning.evolution.beside import ways_of
from agentmesh.learning.evolution.breeding import Drawing
from agentmesh.learning.evolution.calls import Calls, KeptCalls
from agentmesh.learning.evolution.genome import Gene, Individual, space_of
from agentmesh.learning.evolution.judging import Judging
from agentmesh.learning.evolution.operators import OPERATORS, Operator
from agentmesh.learning.evolution.proposing import Proposing, prompts_of
from agentmesh.learning.evolution.search import Search
from agentmesh.providers.base import Provider
from agentmesh.team.parts import Model, Models
from agentmesh.topology.graph import Topology

POPULATION, PARENTS, GENERATIONS = 16, 4, 4
Select = Literal["verifier", "ruler"]
"""By what parents are chosen: by how many tasks they solve, or by what a model says of their answers."""
_MORE = 1.5
"""How much more than the team as it is written a champion is thought to use."""
_TRIED = 10
"""Values of a place that are tried by themselves beforehand."""
_FINAL = 3
"""At most one part in so many of a share is kept for runs on held-out tasks."""


@dataclass(frozen=True)
class Settings:
    """How a population evolves."""

    population: int = POPULATION
    operator: Operator = "rsa"
    generations: int = GENERATIONS
    parents: int = PARENTS
    vary: Sequence[str] = ()
    variation: Model | None = None
    select: Select = "verifier"
    judge: Model | None = None
    migration: Topology | None = None
    seed: int = 0
    baselines: bool = True

    def refuse_unfit(self) -> None:
        """Raises: ConfigError."""
        if self.operator not in OPERATORS:
            raise ConfigError(f"'{self.operator}' is no operator; allowed: {', '.join(OPERATORS)}")
        if self.population < 1 or self.generations < 0 or self.parents < 1:
            raise ConfigError("population and parents are 1 or more, generations 0 or more")
        if self.select not in get_args(Select):
            raise ConfigError(f"'{self.select}' selects nobody; allowed: {', '.join(get_args(Select))}")
        if self.select == "ruler" and self.judge is None:
            raise ConfigError("a ruler needs a model that judges; name one as `judge`, on the command line --judge")


def parted(tasks: Tasks, held_out: float | Tasks, seed: int) -> tuple[list[EvalTask], list[EvalTask]]:
    """Tasks of selection and held-out ones. Raises: ConfigError where they are not disjoint."""
    if not isinstance(held_out, Tasks):
        return split(tasks, held_out, seed)
    known = {task.digest for task in tasks.items} | {task.id for task in tasks.items}
    both = [task.id for task in held_out.items if task.digest in known or task.id in known]
    if both:
        raise ConfigError(
            f"tasks that evolution sees cannot be held out as well, and {', '.join(both[:5])} would be both; "
            "give others, with ids of their own"
        )
    return list(tasks.items), list(held_out.items)


def shared_out(arena: Arena, tasks: Sequence[EvalTask], settings: Settings) -> int:
    """Give each run its limit; the share of evolution. Raises: ConfigError where a run could not even call a model."""
    bench, population = arena.bench, settings.population
    team = arena.team(Individual("g0-00", {}))
    bench.scoring = scoring_room(tasks, [team])
    sides = 1 + (ways_of(team, tasks) if settings.baselines else 0)
    share = bench.ledger.limit // sides
    least = least_of(team) + max(estimated_tokens(task.prompt) for task in tasks) + bench.scoring
    runs = (population + 2 * SURE) * bench.plan.seeds
    if runs * least > share:
        raise ConfigError(
            f"a budget of {bench.ledger.limit:,} tokens is too small for a population of {population}: evolution and "
            f"{sides - 1} baselines have {share:,} each, and a run takes up to {least:,} before it can be told to "
            f"stop. Give {runs * least * sides:,} or more, or a smaller population, or no baselines, or give the "
            "agents a lower `max_output_tokens`"
        )
    limit = max(least, share // (2 * runs)) - bench.scoring
    bench.plan = replace(bench.plan, teams=(team,), budget_tokens=limit)
    return share


def search_of(
    arena: Arena, seen: Sequence[EvalTask], settings: Settings, later: Callable[[float], int], results: Path | None
) -> Search:
    """The search, nothing of it done. Raises: ConfigError where nothing can be varied; AgentMeshError."""
    space = space_of(arena.source, settings.vary)
    if not space.genes and settings.variation is None:
        raise ConfigError(
            f"nothing of {arena.source.file} can be varied: declare places and values, such as --vary "
            "'agents.*.instructions=@prompts.yaml' or --vary topology.rounds=1..4, or name a model that varies"
        )
    for gene in space.genes:
        _refuse_useless(arena, gene)
    calls = Calls(arena.bench, KeptCalls(None if results is None else results.with_suffix(CALLS)))
    calls.settle_before()
    judging = None
    if settings.select == "ruler" and settings.judge is not None:
        _ready("judge", settings.judge)
        judging = Judging(settings.judge, calls, seen, settings.seed)
    search = Search(
        arena=arena,
        drawing=Drawing(space, lambda one: not why_not(one)),
        tasks=seen,
        operator=settings.operator,
        population=settings.population,
        wanted=settings.generations,
        k=settings.parents,
        seed=settings.seed,
        later=later,
        judge=judging,
        migration=settings.migration,
    )

    def why_not(one: Individual) -> str:
        tried = one.key in search.dead.keys
        return "this was tried, and lost; write something else" if tried else arena.why_not(one)

    if settings.variation is not None:
        data = arena.source.data
        provider = _ready("variation", settings.variation)
        search.proposing = Proposing(provider, space, data, prompts_of(data), calls, why_not)
    return search


def _ready(name: str, model: Model) -> Provider:
    """The provider of a model. Raises: ConfigError where there is none, or it cannot be asked now."""
    models = Models({name: model}, os.environ)
    if name in models.faults:
        raise ConfigError(models.faults[name], name)
    for _, fault in models.unready([name]):
        raise ConfigError(fault, name)
    return models.provider(name)


def _refuse_useless(arena: Arena, gene: Gene) -> None:
    """Try the first values of a place. Raises: ConfigError where none makes a team, or one that does lacks a key."""
    others = [Individual("", {gene.path: value}) for value in gene.values if value != gene.written][:_TRIED]
    if all(arena.why_not(one) for one in others):
        why = arena.why_not(others[0])
        raise ConfigError(f"--vary {gene.path}: no value that is given makes a team; with the first of them: {why}")
    for one in others:
        if not arena.why_not(one):
            arena.team(one).refuse_unready()


CALLS = ".calls"
"""How the file ends that keeps calls of models beside the runs."""


def kept_back(bench: Bench, tasks: int, share: int) -> Callable[[float], int]:
    """What is kept of the budget for what comes after evolution, by the tokens that a run takes.

    The shares of baselines, and what the champion and the team as it is written take on held-out tasks.
    """
    return partial(_kept_back, bench, tasks, share)


def _kept_back(bench: Bench, tasks: int, share: int, tokens: float) -> int:
    surely = 2 * SURE * (bench.limit + bench.scoring) * bench.plan.seeds
    likely = _MORE * 2 * tasks * (tokens + bench.scoring) * bench.plan.seeds
    return bench.ledger.limit - share + max(surely, min(int(likely), share // _FINAL))
