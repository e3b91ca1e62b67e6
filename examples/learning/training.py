"""One learner for each agent of the routed team; all arms are alike but for the normaliser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from agentmesh.learning.advantages import Mode, advantages, inflation
from agentmesh.learning.episodes import Episode
from examples.learning.policies import Floats, Kind, Policy, tabular
from examples.learning.routing import AGENTS, Played, Policies, World, asked, episodes_of, play

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
    kind: Kind = tabular

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


def train(setting: Setting, mode: Mode, seed: int) -> tuple[Curves, dict[str, Policy]]:
    """Train a team. Two arms with one seed are asked the same questions, and draw the same numbers."""
    chance = np.random.default_rng(seed)
    (apart,) = chance.spawn(1)
    begins = setting.world.new(setting.skill)
    policies = {agent: setting.kind(table, apart) for agent, table in begins.items()}
    rows = []
    for number in range(setting.updates):
        questions = asked(setting.world, setting.groups, setting.runs, chance)
        played = play(setting.world, policies, questions)
        runs = episodes_of(setting.world, questions, played)
        factors = inflation(runs, "global", weights=setting.weights) if number % FACTORS_EVERY == 0 else {}
        needy = np.take(setting.world.facts, questions.topic) > 0
        rows.append((
            float(np.mean([run.rewards["right"] + setting.brief * run.rewards["brief"] for run in runs])),
            float(played.right.mean()),
            float((played.searches[needy] > 0).mean()) if needy.any() else np.nan,
            improve(setting, mode, policies, played, runs),
            [len(played.acts[agent].run) / len(runs) for agent in AGENTS],
            [factors.get(agent, np.nan) for agent in AGENTS],
        ))  # fmt: skip
    return Curves(*(np.array(column) for column in zip(*rows, strict=True))), policies


def improve(setting: Setting, mode: Mode, policies: Policies, played: Played, runs: Sequence[Episode]) -> list[float]:
    """Move the policies by what a batch of runs teaches. Returns the norm of each agent's first gradient."""
    found, norms = advantages(runs, mode, weights=setting.weights), []
    for agent in AGENTS:
        acts = played.acts[agent]
        advantage = np.array([
            found[runs[run].run_id, step] for run, step in zip(acts.run.tolist(), acts.step.tolist(), strict=True)
        ])  # fmt: skip
        acted = len(advantage) > 0
        norms.append(policies[agent].ascend(acts, advantage, setting.rates[agent], setting.epochs) if acted else 0.0)
    return norms
