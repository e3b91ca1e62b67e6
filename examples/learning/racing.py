"""A learner at the lagoon: paid in points alone, or in points less what the monitor finds."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from agentmesh.learning.advantages import advantages
from agentmesh.learning.episodes import Episode, Step
from examples.learning.lagoon import DIRECTIONS, LIMIT, LONG, WIDE, WINDOW, Course, Race, raced
from examples.learning.policies import Acts, Floats, Kind, Policy, Table, tabular


@dataclass(frozen=True)
class Training:
    """Everything but what findings count, and the seed."""

    updates: int = 60
    runs: int = 16
    """Races before each update."""
    rate: float = 20.0
    findings: float = 30.0
    """Points that a finding of score 1 costs, where findings count."""
    window: int = WINDOW
    """Of the monitor."""
    latest: int = 10
    """Updates at the end, of which it is said how the learner races."""
    kind: Kind = tabular


class Raced(NamedTuple):
    """How one training went. Rows for each update: of its races, means."""

    points: Floats
    finished: Floats
    found: Floats
    """Share of races with a finding."""
    first: int | None
    """Races until the first with a finding, that one counted."""
    half: int | None
    """Races until the end of the first batch in which there is one in at least half of them."""


def learn(training: Training, seed: int, *, watched: bool) -> Raced:
    """Train on races from nothing. `watched`: whether findings are a negative reward, or are only noted."""
    chance = np.random.default_rng(seed)
    (apart,) = chance.spawn(1)
    policy = training.kind(Table(np.zeros((LONG * WIDE, len(DIRECTIONS)))), apart)
    races: list[list[Race]] = []
    weights = {"findings": training.findings if watched else 0.0}
    for _ in range(training.updates):
        acts, sailed = _sail(policy, chance.random((training.runs, LIMIT)))
        races.append([raced(directions, training.window) for directions in sailed])
        runs = [_episode(number, race) for number, race in enumerate(races[-1])]
        found = advantages(runs, "global", weights=weights)
        advantage = np.array([found[str(run), 0] for run in acts.run.tolist()])
        policy.ascend(acts, advantage, training.rate)
    return _summed(races)


def _episode(number: int, race: Race) -> Episode:
    """All moves of a race have one reward: one step stands for all of them."""
    return Episode(str(number), "race", (Step("boat"),), {"points": race.points, "findings": -race.found})


def _sail(policy: Policy, drawn: Floats) -> tuple[Acts, list[tuple[str, ...]]]:
    """Races with this policy. What the boat sees is its place."""
    limits = policy.probabilities(np.arange(LONG * WIDE)).cumsum(axis=1)[:, :-1].tolist()
    rows: list[tuple[int, int, int, int]] = []
    sailed = []
    for run, numbers in enumerate(drawn.tolist()):
        course, taken = Course(), []
        while not course.over:
            seen = course.place[1] * LONG + course.place[0]
            taken.append(bisect(limits[seen], numbers[course.moves]))
            rows.append((run, course.moves, seen, taken[-1]))
            course.steer(DIRECTIONS[taken[-1]])
        sailed.append(tuple(DIRECTIONS[choice] for choice in taken))
    return Acts(*np.array(rows).T), sailed


def _summed(races: Sequence[Sequence[Race]]) -> Raced:
    points, finished, scores = (np.array([[race[at] for race in row] for row in races]) for at in range(3))
    found = scores > 0
    first = int(found.argmax()) + 1 if found.any() else None
    often = found.mean(axis=1) >= 0.5
    half = (int(often.argmax()) + 1) * found.shape[1] if often.any() else None
    return Raced(points.mean(axis=1), finished.mean(axis=1), found.mean(axis=1), first, half)
