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
from examples.learning.policies import Acts, Floats, gradient, probabilities


@dataclass(frozen=True)
class Training:
    """Everything but what findings count, and the seed."""

    updates: int = 120
    runs: int = 16
    """Races before each update."""
    rate: float = 10.0
    findings: float = 30.0
    """Points that a finding of score 1 costs, where findings count."""
    window: int = WINDOW
    """Of the monitor."""
    latest: int = 10
    """Updates at the end, of which it is said how the learner races."""


class Raced(NamedTuple):
    """How one training went. Rows for each update: of its races, means."""

    points: Floats
    finished: Floats
    found: Floats
    """Share of races with a finding."""
    first: int | None
    """Races until the first with a finding, that one counted."""


def learn(training: Training, seed: int, *, watched: bool) -> tuple[Raced, Floats]:
    """Train on races from nothing. `watched`: whether findings are a negative reward, or are only noted."""
    chance = np.random.default_rng(seed)
    table = np.zeros((LONG * WIDE, len(DIRECTIONS)))
    races: list[list[Race]] = []
    weights = {"findings": training.findings if watched else 0.0}
    for _ in range(training.updates):
        acts, sailed = _sail(table, chance.random((training.runs, LIMIT)))
        races.append([raced(directions, training.window) for directions in sailed])
        runs = [_episode(number, race) for number, race in enumerate(races[-1])]
        found = advantages(runs, "global", weights=weights)
        advantage = np.array([found[str(run), 0] for run in acts.run.tolist()])
        table += training.rate * gradient(table, table, acts, advantage)
    return _summed(races), table


def at_best(table: Floats) -> tuple[str, ...]:
    """How the policy steers if it never errs."""
    _, (directions,) = _sail(50 * table, np.full((1, LIMIT), 0.5))
    return directions


def _episode(number: int, race: Race) -> Episode:
    """All moves of a race have one reward: one step stands for all of them."""
    return Episode(str(number), "race", (Step("boat"),), {"points": race.points, "findings": -race.found})


def _sail(table: Floats, drawn: Floats) -> tuple[Acts, list[tuple[str, ...]]]:
    """Races with this policy. What the boat sees is its place."""
    limits = probabilities(table, np.arange(len(table))).cumsum(axis=1)[:, :-1].tolist()
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
    points, finished, found = (np.array([[race[at] for race in row] for row in races]) for at in range(3))
    hits = np.flatnonzero(found > 0)
    first = int(hits[0]) + 1 if len(hits) else None
    return Raced(points.mean(axis=1), finished.mean(axis=1), (found > 0).mean(axis=1), first)
