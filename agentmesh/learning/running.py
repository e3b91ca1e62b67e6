"""Advantages while runs come in one by one: mean and deviation of all that came so far, in memory that does not grow.

Formulas (Welford; Chan et al. where two are merged):
    n += 1; d = x - mean; mean += d / n; square += d (x - mean); sigma = sqrt(square / (n - 1))

Runs of all tasks share their statistics, since tasks need not come again: how hard a task is stays in the advantage.
Where tasks differ much, use one `Running` for each kind of task, or give rewards relative to what is usual on the task.
Each run counts before it is measured, so the first one has advantages of 0, and no step is further from the mean than
the root of how many there were. Nothing is whitened: there is no batch.

Source: "The hidden problem with group rewards in multi-agent AI" (each agent normalises by its own running mean and
variance); it reports no experiment.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean

from agentmesh.errors import AgentMeshError
from agentmesh.learning.advantages import BY_AGENT, BY_REWARD, Mode, Place, Values, value_of, weighed
from agentmesh.learning.episodes import Episode, Run, components, episodes

STREAMED: tuple[Mode, ...] = ("global", "per_agent", "per_reward", "per_agent_reward")
"""Modes that need no other run of the same task."""
Key = tuple[str, str]
"""An agent, or nothing where agents share their statistics; a reward, or nothing where all are added."""


@dataclass(frozen=True)
class Moments:
    """Count, mean, and the sum of squared distances from it."""

    count: int = 0
    mean: float = 0.0
    square: float = 0.0

    def with_value(self, value: float) -> Moments:
        """One value more."""
        count, away = self.count + 1, value - self.mean
        mean = self.mean + away / count
        return Moments(count, mean, self.square + away * (value - mean))

    def merged(self, other: Moments) -> Moments:
        """Those of the values of both."""
        count = self.count + other.count
        if not (self.count and other.count):
            return self if self.count else other
        away = other.mean - self.mean
        between = away * away * self.count * other.count / count
        return Moments(count, self.mean + away * other.count / count, self.square + other.square + between)

    @property
    def deviation(self) -> float:
        """Of the sample; 0 where nothing differs."""
        if self.count < 2 or math.sqrt(self.square / self.count) <= 1e-12 * max(1.0, abs(self.mean)):
            return 0.0
        return math.sqrt(self.square / (self.count - 1))


class Running:
    """Normalises each run by the statistics so far. Holds one `Moments` for each agent and reward, however many runs.

    `weights`: by reward, 1 if absent. A reward that no run had before counts 0 in these, as it does in a batch.
    Raises: AgentMeshError for a mode that cannot be streamed.
    """

    def __init__(self, mode: Mode = "per_agent", *, weights: Mapping[str, float] | None = None) -> None:
        if mode not in STREAMED:
            raise AgentMeshError(f"{mode!r} cannot be streamed; modes that can: {', '.join(STREAMED)}")
        self.mode: Mode = mode
        self.weights = dict(weights or {})
        weighed(list(self.weights), mode, self.weights)
        self.moments: dict[Key, Moments] = {}
        """By agent and reward, each empty where the mode does not tell them apart."""

    def add(self, run: Run) -> dict[Place, float]:
        """The run counts from now on; its advantages by what has counted until now, itself included."""
        episode = episodes([run])[0]
        parts, before = self._parts(episode), dict(self.moments)
        for name, (part, _) in parts.items():
            for agent, value in self._measured(episode, part):
                held = self.moments.get((agent, name)) or _held(before, (agent, name))
                self.moments[agent, name] = held.with_value(value)
        found: Values = {(episode.run_id, at): 0.0 for at in range(len(episode.steps))}
        for at, step in enumerate(episode.steps):
            for name, (part, weight) in parts.items():
                moments = self.moments[step.agent if self.mode in BY_AGENT else "", name]
                if scale := moments.deviation:
                    away = value_of(episode, at, part) - moments.mean
                    found[episode.run_id, at] += weight * away / scale
        return found

    def merged(self, other: Running) -> Running:
        """What one would be that had been given the runs of both.

        Raises: AgentMeshError if the other has another mode or other weights.
        """
        if (self.mode, self.weights) != (other.mode, other.weights):
            raise AgentMeshError(
                f"only what normalises alike can be merged; found {self.mode} with weights {self.weights}, and "
                f"{other.mode} with weights {other.weights}"
            )
        both = Running(self.mode, weights=self.weights)
        for key in dict.fromkeys((*self.moments, *other.moments)):
            both.moments[key] = _held(self.moments, key).merged(_held(other.moments, key))
        return both

    def _parts(self, episode: Episode) -> dict[str, tuple[Mapping[str, float], float]]:
        """By reward, or by nothing: what is added, and what the result counts."""
        if self.mode not in BY_REWARD:
            return {"": ({name: self.weights.get(name, 1.0) for name in components([episode])}, 1.0)}
        named = dict.fromkeys((*(name for _, name in self.moments), *components([episode])))
        return {name: ({name: 1.0}, self.weights.get(name, 1.0)) for name in named}

    def _measured(self, episode: Episode, part: Mapping[str, float]) -> Iterator[tuple[str, float]]:
        """What counts of a run: each step for its agent, or the run once."""
        values = [value_of(episode, at, part) for at in range(len(episode.steps))]
        if self.mode in BY_AGENT:
            yield from ((step.agent, value) for step, value in zip(episode.steps, values, strict=True))
        elif values:
            yield "", fmean(values)


def _held(moments: Mapping[Key, Moments], key: Key) -> Moments:
    """Those of a reward; of one that is new, as many zeros as its agent has values of others."""
    agent = key[0]
    if key in moments:
        return moments[key]
    return Moments(max((one.count for (who, _), one in moments.items() if who == agent), default=0))
