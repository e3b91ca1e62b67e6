"""One learner for each agent of the routed team; all arms are alike but for the normaliser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from agentmesh.learning.advantages import Mode, advantages, inflation
from agentmesh.learning.episodes import Episode
from examples.learning.policies import Floats, Ints, gradient
from examples.learning.routing import AGENTS, Played, Tables, World, asked, episodes_of, play

FACTORS_EVERY = 8
"""Updates between two looks at I_k."""


@dataclass(frozen=True)
class Setting:
    """Everything about a training but its normaliser and its seed."""

    world: World = field(default_factory=World)
    groups: int = 4
    runs: int = 8
    """In a group."""
    updates: int = 80
    epochs: int = 2
    """Steps of gradient ascent on the same runs; from the second on the objective clips."""
    rates: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(AGENTS, 10.0))
    """By agent: the length of a step, in gradients."""
    brief: float = 0.05
    """What brevity counts beside being right."""
    skill: Mapping[str, float] = field(default_factory=lambda: {"verifier": 0.0, "searcher": 2.0, "answerer": 3.0})
    """By how much each prefers what is right when it begins, in logits, as models do that were trained before."""

    @property
    def weights(self) -> dict[str, float]:
        """Of the rewards."""
        return {"brief": self.brief}


class Curves(NamedTuple):
    """What one training shows, one row for each update. `norms`, `calls`, `factors` have a column for each agent."""

    reward: Floats
    right: Floats
    sought: Floats
    """Share of the runs whose question needs facts in which the searcher was sent for; NaN where none does."""
    norms: Floats
    """Of the gradient of the first epoch."""
    calls: Floats
    """Times that the agent acted, per run."""
    factors: Floats
    """I_k under `global`; NaN between two looks at it, and where nothing differed or the agent did not act."""


def train(setting: Setting, mode: Mode, seed: int) -> tuple[Curves, Tables]:
    """Train a team. Two arms with one seed are asked the same questions, and draw the same numbers."""
    chance = np.random.default_rng(seed)
    tables = setting.world.new(setting.skill)
    rows = []
    for number in range(setting.updates):
        questions = asked(setting.world, setting.groups, setting.runs, chance)
        played = play(setting.world, tables, questions)
        runs = episodes_of(setting.world, questions, played)
        factors = inflation(runs, "global", weights=setting.weights) if number % FACTORS_EVERY == 0 else {}
        needy = np.take(setting.world.facts, questions.topic) > 0
        rows.append((
            float(np.mean([run.rewards["right"] + setting.brief * run.rewards["brief"] for run in runs])),
            float(played.right.mean()),
            float((played.searches[needy] > 0).mean()) if needy.any() else np.nan,
            improve(setting, mode, tables, played, runs),
            [len(played.acts[agent].run) / len(runs) for agent in AGENTS],
            [factors.get(agent, np.nan) for agent in AGENTS],
        ))  # fmt: skip
    return Curves(*(np.array(column) for column in zip(*rows, strict=True))), tables


def improve(setting: Setting, mode: Mode, tables: Tables, played: Played, runs: Sequence[Episode]) -> list[float]:
    """Move the tables by what a batch of runs teaches. Returns the norm of each agent's first gradient."""
    found = advantages(runs, mode, weights=setting.weights)
    return [_ascend(setting, agent, tables, played, of_steps(found, runs, played, agent)) for agent in AGENTS]


def of_steps(found: Mapping[tuple[str, int], float], runs: Sequence[Episode], played: Played, agent: str) -> Floats:
    """The advantages of an agent's steps, in the order of its acts."""
    acts = played.acts[agent]
    return np.array([found[place] for place in _places(runs, acts.run, acts.step)])


def _places(runs: Sequence[Episode], run: Ints, step: Ints) -> list[tuple[str, int]]:
    return [(runs[of].run_id, at) for of, at in zip(run.tolist(), step.tolist(), strict=True)]


def _ascend(setting: Setting, agent: str, tables: Tables, played: Played, advantage: Floats) -> float:
    acts, before = played.acts[agent], tables[agent].copy()
    if not len(advantage):
        return 0.0
    first = gradient(before, before, acts, advantage)
    tables[agent] += setting.rates[agent] * first
    for _ in range(setting.epochs - 1):
        tables[agent] += setting.rates[agent] * gradient(tables[agent], before, acts, advantage)
    return float(np.linalg.norm(first))
