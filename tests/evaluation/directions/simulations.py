"""Comparisons of simulated teams, and what is read off them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import anyio

from agentmesh import Team, Topology
from agentmesh.evaluation.comparison import Comparison, Row, Standing, compare
from agentmesh.evaluation.intervals import Estimate
from agentmesh.evaluation.statistics import difference, resampled
from agentmesh.evaluation.tasks import load_tasks
from tests.sizes import NIGHTLY

TOPOLOGIES = Path(__file__).parents[3] / "topologies"
SCALING = tuple(f"scaling/{name}" for name in ("independent", "centralised", "decentralised", "hybrid"))
SCALED = tuple(name.rpartition("/")[2] for name in SCALING)
ALONE = "assistant alone"
"""The agent of `solo.yaml`, once."""


@dataclass(frozen=True)
class Size:
    """How many tasks, with how many seeds each."""

    tasks: int
    seeds: int = 1


MAIN = Size(32, 4) if NIGHTLY else Size(12, 2)
SMALL = Size(24, 3) if NIGHTLY else Size(3)
"""Where everybody is right, or nothing hangs on luck."""


def team(file: str, model: str, overrides: Sequence[str] = (), name: str | None = None) -> Team:
    """A topology of the examples with simulated agents."""
    made = Team.from_yaml(TOPOLOGIES / f"{file}.yaml", model=model, overrides=overrides)
    made.name = name or made.name
    return made


def played(files: Sequence[str], parameters: str, tasks: str, size: Size) -> Comparison:
    """These topologies beside one agent, all agents of one simulated model."""
    return ran([team(file, f"simulated:{parameters}") for file in ("solo", *files)], tasks, size)


def ran(teams: Sequence[Team], tasks: str, size: Size, *, baselines: bool = False) -> Comparison:
    """A comparison of these teams; of members alone only those that are among them, unless `baselines`."""
    kind, _, given = tasks.partition(":")
    source = f"{kind}:{','.join(filter(None, [given, f'n={size.tasks}']))}"

    async def carry_out() -> Comparison:
        return await compare(teams, load_tasks(source), seeds=size.seeds, baselines=baselines)

    made = anyio.run(carry_out)
    assert not made.unequal
    return made


def members(team: Team) -> list[Team]:
    """Each member of a team alone."""
    return [team.regrouped({name: name}, Topology.solo(name), name=f"{name} alone") for name in team.agents]


def standing(comparison: Comparison, name: str) -> Standing:
    """That of one team, or of one agent."""
    return next(one for one in comparison.standings if one.name == name)


def right(comparison: Comparison, name: str) -> float:
    """The share of its runs that were right."""
    value = standing(comparison, name).success.value
    assert value is not None
    return value


def best_alone(comparison: Comparison) -> str:
    """The member that alone is right most often."""
    return max((one.name for one in comparison.standings if one.kind == "member"), key=lambda n: right(comparison, n))


def gain(comparison: Comparison, name: str, over: str) -> tuple[float, float, float]:
    """How much more often the one is right than the other, from where to where: bootstrap over tasks."""
    return _ends(difference(standing(comparison, name).outcomes, standing(comparison, over).outcomes).estimate)


def apart(comparison: Comparison, name: str, over: str, of: Callable[[Row], float]) -> tuple[float, float, float]:
    """How much larger a figure of a run is for the one than for the other: bootstrap over tasks."""
    mine, theirs = (_by_task(standing(comparison, one).rows, of) for one in (name, over))
    return _ends(resampled([mine[task] - theirs[task] for task in mine]))


def outcomes(comparison: Comparison) -> dict[str, Mapping[str, Sequence[bool]]]:
    """By name: what was right."""
    return {one.name: one.outcomes for one in comparison.standings}


def _by_task(rows: Sequence[Row], of: Callable[[Row], float]) -> dict[str, float]:
    by: dict[str, list[float]] = {}
    for row in rows:
        by.setdefault(row.task, []).append(of(row))
    return {task: fmean(values) for task, values in by.items()}


def _ends(estimate: Estimate) -> tuple[float, float, float]:
    value, low, high = estimate.value, estimate.low, estimate.high
    assert value is not None
    assert low is not None
    assert high is not None
    return value, low, high
