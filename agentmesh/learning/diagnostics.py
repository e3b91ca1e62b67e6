"""What a normaliser does to a batch of runs, before anything is trained on it.

I_k = spread + shift^2, spread = sigma_k^2 / sigma^2, shift = |mu_k - mu| / sigma (root mean square over groups), where
mu and sigma are those of the runs and mu_k and sigma_k those of the steps of agent k. In a group of N runs that have no
rewards of single steps it is at most N - 1, since no value lies further than sigma sqrt(N - 1) from a mean of N.

`BLOWS_UP` is this project's choice. Dr. MAS proves that the second moment of the gradient grows with both parts, and
its ablation shows that both do harm (28.0 under the global form, 39.1 with mu_k alone, 42.9 with sigma_k alone, 43.8
with both), but says nowhere from where on. From 2 on the misfit adds at least as much as normalised rewards alone would
have, and the root mean square of the gradient is at least 1.4 times that of an agent that fits.

Source: Dr. MAS (arXiv 2602.08847), Lemma 4.2; the bound is Samuelson's inequality.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from agentmesh.learning.advantages import (
    BY_AGENT,
    BY_REWARD,
    Mode,
    advantages,
    deviation,
    inflation,
    together,
    value_of,
    weighed,
)
from agentmesh.learning.episodes import Episode, Run, components, episodes

BLOWS_UP = 2.0
"""Of I_k under the global form: what is called inflated."""
ENOUGH = 12
"""Steps of an agent that I_k rests upon; of fewer nothing is said. Simulated, where an agent acts at random in a group
of 5 to 16 runs, I_k is above 2 in up to 4 % of groups with so many of its steps, and in up to 8 % of those with fewer;
where a fifth of the runs succeed, in up to 8 and 11 %; where it acts eight times or never, in a fifth at worst."""
MOSTLY = 0.5
"""Share of what is normalised together that teaches nothing: from here on it is said. A choice, too."""
_DIGITS = 9
"""To which advantages are the same."""


@dataclass(frozen=True)
class AgentDiagnosis:
    """One agent. Moments are of the population of its steps, over all tasks."""

    agent: str
    steps: int
    mean: float
    """Of the weighted sum of the rewards."""
    deviation: float
    inflation: float
    """I_k in the mode that was asked for; NaN where nothing differs."""
    global_inflation: float
    """I_k if all agents shared mean and deviation: `spread` and the square of `shift`."""
    spread: float
    shift: float


@dataclass(frozen=True)
class Diagnostics:
    """What comes of a batch under one mode."""

    mode: Mode
    agents: Mapping[str, AgentDiagnosis]
    reward_vectors: int
    """Different combinations of rewards, each within its task, and its agent where agents are normalised apart."""
    distinct: int
    """Different advantages, counted in the same way."""
    zero_variance: float
    """Share of what is normalised together, such as the steps of an agent on a task, in which nothing differs."""
    warnings: tuple[str, ...] = ()

    @property
    def collapse_ratio(self) -> float:
        """`distinct` over `reward_vectors`: below 1 advantages tell less apart than rewards do; 1 without steps."""
        return self.distinct / self.reward_vectors if self.reward_vectors else 1.0


def diagnostics(
    runs: Iterable[Run], mode: Mode = "global", *, weights: Mapping[str, float] | None = None
) -> Diagnostics:
    """What this mode makes of these runs, and in words what to beware of. Raises: AgentMeshError, as `advantages`."""
    batch = episodes(runs)
    units = list(together(batch, mode, weights))
    agents = _agents(batch, mode, weights)
    vectors, distinct = _distinct(batch, mode, weights)
    same = sum(not unit.differs for unit in units) / len(units) if units else 0.0
    warnings = [_inflated(one, mode) for one in agents.values() if _is_inflated(one)]
    named = components(batch)
    if batch and not named:
        warnings.append("no run has a reward: every advantage is 0")
    if distinct < vectors and mode not in BY_REWARD and len(named) > 1:
        warnings.append(f"{vectors} combinations of rewards come to {distinct} advantages; per_reward tells more apart")
    if same > MOSTLY and named:
        warnings.append(f"nothing differs in {same:.0%} of what is normalised together: nothing is learned from it")
    return Diagnostics(mode, agents, vectors, distinct, same, tuple(warnings))


def _agents(batch: Sequence[Episode], mode: Mode, weights: Mapping[str, float] | None) -> dict[str, AgentDiagnosis]:
    summed = weighed(components(batch), "global", weights)[0][0]
    rewards: dict[str, list[float]] = defaultdict(list)
    for run in batch:
        for at, step in enumerate(run.steps):
            rewards[step.agent].append(value_of(run, at, summed))
    factors, parts = inflation(batch, mode, weights=weights), _misfit(batch, mode, weights)
    found: dict[str, AgentDiagnosis] = {}
    for agent, values in rewards.items():
        spread, shift = parts.get(agent, (math.nan, math.nan))
        moments = len(values), fmean(values), deviation(values)
        found[agent] = AgentDiagnosis(agent, *moments, factors[agent], spread + shift**2, spread, shift)
    return found


def _misfit(
    batch: Sequence[Episode], mode: Mode, weights: Mapping[str, float] | None
) -> dict[str, tuple[float, float]]:
    """By agent: spread and shift, over all that is normalised where agents are not told apart."""
    shared: Mode = "per_reward" if mode in BY_REWARD else "global"
    found: dict[str, list[tuple[int, float, float]]] = defaultdict(list)
    for unit in together(batch, shared, weights):
        if not unit.differs:
            continue
        sigma, by_agent = deviation(unit.measured), defaultdict(list)
        for place, value in unit.values.items():
            by_agent[unit.agents[place]].append(value)
        for agent, values in by_agent.items():
            shift = (fmean(values) - unit.mean) / sigma
            found[agent].append((len(values), (deviation(values) / sigma) ** 2, shift**2))
    return {agent: (_mean(of, 1), math.sqrt(_mean(of, 2))) for agent, of in found.items()}


def _mean(rows: Sequence[tuple[int, float, float]], column: int) -> float:
    return math.fsum(row[0] * row[column] for row in rows) / sum(row[0] for row in rows)


def _distinct(batch: Sequence[Episode], mode: Mode, weights: Mapping[str, float] | None) -> tuple[int, int]:
    """Different combinations of rewards, and different advantages."""
    named, found = components(batch), advantages(batch, mode, weights=weights, whiten=False)
    vectors, values = set(), set()
    for run in batch:
        for at, step in enumerate(run.steps):
            key = (run.task, step.agent if mode in BY_AGENT else "")
            vectors.add((*key, *(run.reward(at, name) for name in named)))
            values.add((*key, round(found[run.run_id, at], _DIGITS)))
    return len(vectors), len(values)


def _is_inflated(one: AgentDiagnosis) -> bool:
    return one.steps >= ENOUGH and one.global_inflation > BLOWS_UP


def _inflated(one: AgentDiagnosis, mode: Mode) -> str:
    form, remedy = ("per_reward", "per_agent_reward") if mode in BY_REWARD else ("global", "per_agent")
    scales = "scales" if mode == form else "would scale"
    return (
        f"the {form} form {scales} the squared gradient of '{one.agent}' by {one.global_inflation:.1f}: its mean lies "
        f"{one.shift:.1f} deviations from that of the runs, its variance is {one.spread:.1f} times theirs; above "
        f"{BLOWS_UP:g} counts as inflated; {remedy} makes it 1"
    )
