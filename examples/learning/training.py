"""One learner for each agent of the routed team, all arms alike but for the normaliser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from agentmesh.learning.advantages import Mode, advantages, inflation
from agentmesh.learning.episodes import Episode
from examples.learning.policies import Acts, Floats, gradient
from examples.learning.routing import AGENTS, Played, Questions, Tables, World, asked, episodes_of, play


@dataclass(frozen=True)
class Setting:
    """Everything about a training but its normaliser and its seed."""

    world: World = World()
    groups: int = 4
    runs: int = 8
    """In a group."""
    updates: int = 150
    epochs: int = 2
    """Steps of gradient ascent on the same runs; from the second on the objective clips."""
    rates: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(AGENTS, 2.0))
    """By agent: the length of a step, in gradients."""
    brief: float = 0.2
    """What brevity counts beside being right."""
    skill: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(AGENTS, 0.0))
    """By how much the team prefers what is right when it begins, in logits."""


class Curves(NamedTuple):
    """What one training shows, one row for each update. `norms`, `calls`, `factors`: a column for each agent."""

    reward: Floats
    right: Floats
    norms: Floats
    """Of the gradient of the first epoch."""
    calls: Floats
    """Times that it acted, per run."""
    factors: Floats
    """I_k; NaN where it did not act, or nothing differed."""


def train(setting: Setting, mode: Mode, seed: int, *, factors: bool = True) -> tuple[Curves, Tables]:
    """Train a team from nothing. Two arms with one seed are asked the same, and draw the same numbers."""
    chance = np.random.default_rng(seed)
    tables = setting.world.new(setting.skill)
    rows = []
    for _ in range(setting.updates):
        questions = asked(setting.world, setting.groups, setting.runs, chance)
        played = play(setting.world, tables, questions)
        runs = episodes_of(setting.world, questions, played)
        norms = update(setting, mode, tables, played, runs)
        rows.append(_row(setting, played, runs, norms, factors))
    return Curves(*(np.array(column) for column in zip(*rows, strict=True))), tables


def update(setting: Setting, mode: Mode, tables: Tables, played: Played, runs: list[Episode]) -> list[float]:
    """Improve the tables by a batch of runs. Returns the norm of each agent's first gradient."""
    found = advantages(runs, mode, weights={"brief": setting.brief})
    norms = []
    for agent in AGENTS:
        acts, before = played.acts[agent], tables[agent].copy()
        if not len(acts.run):
            norms.append(0.0)
            continue
        advantage = np.array([found[runs[run].run_id, step] for run, step in zip(acts.run, acts.step, strict=True)])
        for epoch in range(setting.epochs):
            ascent = gradient(tables[agent], before, acts, advantage)
            tables[agent] += setting.rates[agent] * ascent
            if epoch == 0:
                norms.append(float(np.linalg.norm(ascent)))
    return norms


def _row(setting: Setting, played: Played, runs: list[Episode], norms: list[float], factors: bool) -> tuple:
    right = float(played.right.mean())
    brief = float(np.mean([run.rewards["brief"] for run in runs]))
    calls = [len(played.acts[agent].run) / len(runs) for agent in AGENTS]
    shares = inflation(runs, "global", weights={"brief": setting.brief}) if factors else {}
    return right + setting.brief * brief, right, norms, calls, [shares.get(agent, np.nan) for agent in AGENTS]
