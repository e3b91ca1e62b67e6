"""Groups of runs become advantages of single steps: how much better than what is usual in its group each one was.

Formulas:
    global            A = (R - mu) / sigma              mu, sigma over the runs of the group (GRPO)
    per_agent         A = (R - mu_k) / sigma_k          over the steps of agent k in the group (Dr. MAS, equation 5)
    per_reward        A = sum_j w_j (r_j - mu_j) / sigma_j, then whitened over the batch (GDPO)
    per_agent_reward  both: each reward normalised over the steps of its agent in the group, whitened agent by agent
    leave_one_out     A = R - mean of the others' R     (RLOO)
    mean              A = R - mu                        (Dr. GRPO)

R = sum_j w_j r_j. A run whose steps have rewards of their own counts their mean, where it counts as one; a run without
steps, in which nobody has done anything, does not count.

Source: Dr. MAS (arXiv 2602.08847), GDPO (arXiv 2601.05242). Changed: a value that stands alone in its group has the
advantage 0, where Dr. MAS gives it its raw reward. There is no eps beside a deviation (1e-6 and 1e-4 there): where
rewards are opposed, their normalised sum is 0 without it, and a remainder of it that whitening blows up to 1 with it;
what does not differ is not divided at all. GDPO has one agent, and whitens all at once.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Literal, get_args

from agentmesh.errors import AgentMeshError
from agentmesh.learning.episodes import Episode, Run, components, episodes, grouped

Mode = Literal["global", "per_agent", "per_reward", "per_agent_reward", "leave_one_out", "mean"]
MODES: tuple[Mode, ...] = get_args(Mode)
BY_AGENT: frozenset[Mode] = frozenset({"per_agent", "per_agent_reward"})
"""Modes in which each agent has a mean and a deviation of its own."""
BY_REWARD: frozenset[Mode] = frozenset({"per_reward", "per_agent_reward"})
"""Modes in which each reward has."""
Place = tuple[str, int]
"""A step: its run, and its number in it, from 0."""
Values = dict[Place, float]
_EQUAL = 1e-12
"""Sums of the same numbers may differ in their last digits: what differs less than this does not differ."""


def advantages(
    runs: Iterable[Run],
    mode: Mode = "per_agent",
    *,
    weights: Mapping[str, float] | None = None,
    whiten: bool | None = None,
) -> dict[Place, float]:
    """The advantage of every step of these runs. Groups are the runs of one task.

    `weights`: by reward, 1 if absent. `whiten`: whether the advantages of modes that normalise single rewards are
    brought to mean 0 and deviation 1 over all steps at the end; by default where there are several groups.
    Raises: AgentMeshError for an unknown mode or a weight of no reward.
    """
    batch = episodes(runs)
    agents = {(run.run_id, at): step.agent for run in batch for at, step in enumerate(run.steps)}
    found: Values = dict.fromkeys(agents, 0.0)
    for some in together(batch, mode, weights):
        for place, value in some.normalised(mode).items():
            found[place] += some.weight * value
    several = len({run.task for run in batch}) > 1
    if mode not in BY_REWARD or not (several if whiten is None else whiten):
        return found
    return _whitened(found, agents if mode in BY_AGENT else {})


def inflation(
    runs: Iterable[Run], mode: Mode = "global", *, weights: Mapping[str, float] | None = None
) -> dict[str, float]:
    """By agent: the factor I_k by which the normaliser scales the second moment of its gradient.

    Under `global` it is (sigma_k^2 + (mu_k - mu)^2) / sigma^2, in general the mean of A^2 over the agent's steps, with
    population moments. Of modes that normalise single rewards it is the mean over rewards, unweighted. What is divided
    by no deviation, because nothing differs, is left out; NaN for an agent of which nothing is left.
    Source: Dr. MAS, Lemma 4.2.
    """
    batch = episodes(runs)
    squares: dict[str, list[float]] = {step.agent: [] for run in batch for step in run.steps}
    for some in together(batch, mode, weights):
        if not (some.differs or mode in ("leave_one_out", "mean")):
            continue
        for place, value in some.normalised(mode, ddof=0).items():
            squares[some.agents[place]].append(value * value)
    return {agent: fmean(values) if values else math.nan for agent, values in squares.items()}


@dataclass(frozen=True)
class Together:
    """Steps whose values are normalised with one mean and one deviation: of one task, agent or reward, as modes go."""

    task: str
    values: Values
    agents: Mapping[Place, str]
    weight: float = 1.0
    """Of what they come to."""
    each_run_once: bool = True
    """Whether mean and deviation are those of the runs, however many steps each has; else those of the steps."""

    @cached_property
    def runs(self) -> dict[str, float]:
        """By run: the mean of its steps."""
        found: dict[str, list[float]] = {}
        for (run_id, _), value in self.values.items():
            found.setdefault(run_id, []).append(value)
        return {run_id: fmean(values) for run_id, values in found.items()}

    @cached_property
    def measured(self) -> list[float]:
        """What mean and deviation are taken of."""
        return list(self.runs.values() if self.each_run_once else self.values.values())

    @cached_property
    def mean(self) -> float:
        """Of what is measured."""
        return fmean(self.measured)

    @cached_property
    def differs(self) -> bool:
        """Whether there is a deviation to divide by."""
        return deviation(self.measured) > 0

    def normalised(self, mode: Mode, ddof: int = 1) -> Values:
        """The advantage of each step; 0 where there is nothing to differ from."""
        if mode == "leave_one_out":
            total, others = math.fsum(self.measured), len(self.measured) - 1
            means = {run: (total - own) / others if others else 0.0 for run, own in self.runs.items()}
            return {place: value - means[place[0]] if others else 0.0 for place, value in self.values.items()}
        scale = 1.0
        if mode != "mean":
            if not self.differs:
                return dict.fromkeys(self.values, 0.0)
            scale = deviation(self.measured, ddof)
        return {place: (value - self.mean) / scale for place, value in self.values.items()}


def together(batch: Sequence[Episode], mode: Mode, weights: Mapping[str, float] | None = None) -> Iterator[Together]:
    """All that is normalised, each with what is normalised with it. Raises: AgentMeshError, as `advantages` does."""
    parts = weighed(components(batch), mode, weights)
    for task, group in grouped(batch).items():
        agents = {(run.run_id, at): step.agent for run in group for at, step in enumerate(run.steps)}
        for part, weight in parts:
            values = {
                (run.run_id, at): value_of(run, at, part) for run in group for at in range(len(run.steps))
            }  # fmt: skip
            for some in _split(values, agents if mode in BY_AGENT else {}):
                yield Together(task, some, agents, weight, mode not in BY_AGENT)


Part = Mapping[str, float]
"""Rewards that are added before they are normalised, and what each counts."""


def weighed(named: Sequence[str], mode: Mode, weights: Mapping[str, float] | None) -> list[tuple[Part, float]]:
    """What is normalised at once, all rewards or each by itself, and what the result counts."""
    if mode not in MODES:
        raise AgentMeshError(f"there is no mode {mode!r}; modes: {', '.join(MODES)}")
    given = dict(weights or {})
    strange = [name for name in given if name not in named]
    if strange:
        raise AgentMeshError(f"no run has a reward '{strange[0]}'; rewards: {', '.join(named) or 'none'}")
    wrong = [name for name, weight in given.items() if not math.isfinite(weight)]
    if wrong:
        raise AgentMeshError(f"the weight of '{wrong[0]}' is {given[wrong[0]]}; a weight is a finite number")
    if mode in BY_REWARD:
        return [({name: 1.0}, given.get(name, 1.0)) for name in named]
    return [({name: given.get(name, 1.0) for name in named}, 1.0)]


def value_of(run: Episode, step: int, part: Part) -> float:
    """What a step of a run comes to in rewards that are added."""
    return math.fsum(weight * run.reward(step, name) for name, weight in part.items())


def deviation(values: Sequence[float], ddof: int = 0) -> float:
    """The root of the mean square distance from the mean; 0 where nothing differs, or nothing is there to differ from.

    `ddof`: 1 for that of a sample.
    """
    if len(values) <= 1:
        return 0.0
    mean = fmean(values)
    # Squares of very large and very small numbers are none of its concern.
    away = math.hypot(*(value - mean for value in values))
    if away <= math.sqrt(len(values)) * _EQUAL * max(1.0, abs(mean)):
        return 0.0
    return away / math.sqrt(len(values) - ddof)


def _whitened(values: Values, agents: Mapping[Place, str]) -> Values:
    """Brought to mean 0 and deviation 1, those of each agent by themselves where agents are given."""
    found: Values = {}
    for some in _split(values, agents):
        found.update(Together("", some, agents, each_run_once=False).normalised("global"))
    return {place: found[place] for place in values}


def _split(values: Values, keys: Mapping[Place, Hashable]) -> Iterator[Values]:
    """The values by their key; all at once where none have any."""
    parts: dict[Hashable, Values] = {}
    for place, value in values.items():
        parts.setdefault(keys.get(place), {})[place] = value
    yield from parts.values()
