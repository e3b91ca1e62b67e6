"""Where individuals are measured: each made a team once, run on tasks within the budget, and promoted with caution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agentmesh.errors import ConfigError, TopologyError
from agentmesh.evaluation.advice.bench import Bench
from agentmesh.evaluation.comparison.entrants import Entrant
from agentmesh.evaluation.comparison.processes import Recipe
from agentmesh.evaluation.comparison.rows import Row
from agentmesh.evaluation.comparison.summary import outcomes_of
from agentmesh.evaluation.statistics import difference
from agentmesh.evaluation.tasks.task import EvalTask
from agentmesh.learning.evolution.genome import Individual, Source
from agentmesh.learning.evolution.operators import Scored
from agentmesh.team import Team
from agentmesh.team.parts import Model


@dataclass(frozen=True)
class Promotion:
    """Somebody did better than the champion, and took its place or did not."""

    generation: int
    champion: str
    challenger: str
    difference: Mapping[str, float | None]
    """How much more often the challenger is right, with its interval of 95 % over tasks."""
    second_seed: bool
    promoted: bool

    def to_json(self) -> dict[str, Any]:
        """For JSON."""
        return {**vars(self), "difference": dict(self.difference)}


@dataclass
class Arena:
    """Teams of individuals, and what they have been measured to do."""

    source: Source
    bench: Bench
    models: Mapping[str, Model] = field(default_factory=dict)
    _teams: dict[str, Team] = field(default_factory=dict)
    invalid: dict[str, str] = field(default_factory=dict)
    """By key of an individual: why it is no team."""

    def team(self, one: Individual) -> Team:
        """The team that an individual is. Raises: ConfigError, TopologyError."""
        if one.key not in self._teams:
            source = self.source
            overrides = (*source.overrides, *one.overrides)
            self._teams[one.key] = team = Team.from_yaml(
                source.file, models=self.models, model=source.model, overrides=overrides, allow=source.allow
            )
            if (processes := self.bench.plan.processes) is not None:
                processes.know(team, Recipe((source.file,), source.model, overrides, source.allow))
        return self._teams[one.key]

    def why_not(self, one: Individual) -> str:
        """Why an individual is no team; empty if it is one."""
        if one.key not in self.invalid:
            try:
                self.team(one)
            except (ConfigError, TopologyError) as error:
                self.invalid[one.key] = str(error)
            else:
                self.invalid[one.key] = ""
        return self.invalid[one.key]

    def entrant(self, one: Individual) -> Entrant:
        """Named by what it changes, so that it is the same one whenever it is born."""
        team = self.team(one)
        return Entrant(f"{team.name} {one.short}" if one.changes else team.name, "team", team)

    async def measured(
        self, individuals: Sequence[Individual], tasks: Sequence[EvalTask], *, seeds: int = 0
    ) -> list[Scored] | None:
        """All of them on all tasks; None where the budget did not carry that. `seeds`: more than the plan's.

        Raises: AgentMeshError.
        """
        bench = self.bench
        if seeds:
            bench = replace(bench, plan=replace(bench.plan, seeds=bench.plan.seeds + seeds))
        entrants = {one.key: self.entrant(one) for one in individuals}
        if await bench.measure(list(entrants.values()), tasks) < len(tasks):
            return None
        found = (await bench.study(list(entrants.values()), tasks)).found
        return [Scored(one, tuple(found[entrants[one.key].name])) for one in individuals]

    async def promoted(
        self, generation: int, champion: Scored, challenger: Scored, tasks: Sequence[EvalTask]
    ) -> tuple[Scored, Promotion | None]:
        """Who is champion from now on.

        A difference whose interval is above 0 promotes at once; one within the noise is measured with a second seed of
        both, and promotes if it is there with that seed too. Raises: AgentMeshError, MissingExtra.
        """
        if challenger.individual.key == champion.individual.key:
            return champion, None
        told = _difference(challenger.rows, champion.rows)
        if (told["low"] or 0.0) > 0:
            return challenger, _promotion(generation, champion, challenger, told, second=False, promoted=True)
        if (told["value"] or 0.0) <= 0:
            return champion, None
        again = await self.measured([champion.individual, challenger.individual], tasks, seeds=1)
        if again is None:
            return champion, _promotion(generation, champion, challenger, told, second=False, promoted=False)
        before, after = (
            replace(new, judged=old.judged) for new, old in zip(again, (champion, challenger), strict=True)
        )
        told = _difference(after.rows, before.rows)
        # It was chosen for what it did with the first seed: what it does with another one is no such luck.
        fresh = self.bench.plan.seeds
        anew = _difference(*([row for row in one.rows if row.seed >= fresh] for one in (after, before)))
        better = (told["value"] or 0.0) > 0 and (anew["value"] or 0.0) > 0
        return (after if better else before), _promotion(
            generation, champion, challenger, told, second=True, promoted=better
        )


def _difference(a: Sequence[Row], b: Sequence[Row]) -> dict[str, float | None]:
    return difference(outcomes_of(a), outcomes_of(b)).estimate.to_json()


def _promotion(
    generation: int, champion: Scored, challenger: Scored, told: Mapping[str, float | None], *, second: bool,
    promoted: bool,
) -> Promotion:  # fmt: skip
    names = (champion.individual.name, challenger.individual.name)
    return Promotion(generation, *names, told, second_seed=second, promoted=promoted)
