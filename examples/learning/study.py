"""What is trained, on which seeds, and what it comes to in figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import numpy as np

from agentmesh.evaluation.statistics import resampled
from agentmesh.learning.advantages import MODES, Mode
from examples.learning.lemma import BOTH, terms
from examples.learning.policies import Floats, Kind, tabular
from examples.learning.racing import Raced, Training, learn
from examples.learning.routing import AGENTS, World
from examples.learning.training import Curves, Setting, train

LATEST = 20
"""Updates at the end, of which it is said what was learned."""
RARELY = 0.5
"""Share of the runs that need the searcher: where it is sent for in fewer, the team has learned to do without it."""
FIRST = 1000
"""The first seed. Settings were looked for on others."""
MAIN = Setting()
CASES: Mapping[str, Setting] = {
    "as above": MAIN,
    "short steps (2)": replace(MAIN, rates=dict.fromkeys(AGENTS, 2.0)),
    "longer steps (20)": replace(MAIN, rates=dict.fromkeys(AGENTS, 20.0)),
    "long steps of the searcher alone (2, 20, 2)": replace(
        MAIN, rates=dict(zip(AGENTS, (2.0, 20.0, 2.0), strict=True))
    ),
    "a searcher that sees whether it is needed": replace(MAIN, world=World(hints=6)),
    "two facts instead of one": replace(MAIN, world=World(facts=(0, 0, 0, 0, 2, 2))),
    "a team that knows nothing": replace(MAIN, skill=dict.fromkeys(AGENTS, 0.0)),
    "each agent acts once in each run": replace(MAIN, world=World(routed=False)),
}
RACES: Mapping[str, tuple[Training, bool]] = {
    "points alone": (Training(), False),
    "points less findings": (Training(), True),
    "the same, window 8": (Training(window=8), True),
}
Job = tuple[str, str, Any, int]
Routed = dict[tuple[str, Mode], list[Curves]]
Figures = dict[str, Any]


def jobs(seeds: int, first: int = FIRST, kind: Kind = tabular) -> Iterator[Job]:
    """All trainings: which case, which arm, what it takes, and the seed."""
    for case, setting in CASES.items():
        for mode in MODES if setting is MAIN else BOTH:
            yield from ((case, mode, replace(setting, kind=kind), seed) for seed in range(first, first + seeds))
    for name, (training, watched) in RACES.items():
        race = replace(training, kind=kind), watched
        yield from (("race", name, race, seed) for seed in range(first, first + seeds))


def trained(job: Job) -> Curves | Raced:
    """One of them."""
    case, arm, setting, seed = job
    if case == "race":
        return learn(setting[0], seed, watched=setting[1])
    return train(setting, arm, seed)[0]  # type: ignore[arg-type]  # a job of a case has the mode as its arm


def all_trained(seeds: int, kind: Kind = tabular, processes: int = 2) -> tuple[Routed, dict[str, list[Raced]]]:
    """The curves of all trainings, by case and mode, and by name of the race; in the order of seeds."""
    listed = list(jobs(seeds, kind=kind))
    routed: Routed = {}
    races: dict[str, list[Raced]] = {}
    with get_context("spawn").Pool(processes) as pool:
        for (case, arm, _, _), found in zip(listed, pool.imap(trained, listed, chunksize=4), strict=True):
            if isinstance(found, Raced):
                races.setdefault(arm, []).append(found)
            else:
                routed.setdefault((case, arm), []).append(found)  # type: ignore[arg-type]
    return routed, races


def summary(routed: Routed, races: Mapping[str, Sequence[Raced]], groups: int = 200) -> Figures:
    """Everything that the page says."""
    shown: dict[str, dict[str, Figures]] = {}
    for (case, mode), curves in routed.items():
        shown.setdefault(case, {})[mode] = arm(curves)
    for case, by_mode in shown.items():
        gains = final(routed[case, "per_agent"]) - final(routed[case, "global"])
        by_mode["per_agent"]["gain"] = _estimate(gains)
    return {
        "seeds": len(next(iter(routed.values()))),
        "agents": list(AGENTS),
        "cases": shown,
        "races": {name: raced(found, RACES[name][0]) for name, found in races.items()},
        "lemma": identity(groups),
    }


def arm(curves: Sequence[Curves]) -> Figures:
    """One normaliser in one case, over seeds."""
    norms = np.concatenate([one.norms for one in curves])
    acted = np.concatenate([one.calls for one in curves]) > 0
    factors = np.concatenate([one.factors for one in curves])
    columns = range(norms.shape[1])
    own = [norms[acted[:, at], at] for at in columns]
    known = [factors[np.isfinite(factors[:, at]), at] for at in columns]
    rewards = final(curves)
    return {
        "reward": _estimate(rewards),
        "lowest": _round(rewards.min()),
        "right": _estimate([one.right[-LATEST:].mean() for one in curves]),
        "without": sum(bool(np.nanmean(one.sought[-LATEST:]) < RARELY) for one in curves),
        "calls": [_round(np.mean([one.calls[-LATEST:, at] for one in curves])) for at in columns],
        "norm_median": [_round(np.median(values)) for values in own],
        "norm_p99": [_round(np.percentile(values, 99)) for values in own],
        "inflation": [_round(values.mean()) for values in known],
        "inflation_highest": [_round(values.max()) for values in known],
    }


def final(curves: Sequence[Curves]) -> Floats:
    """By seed: the mean reward of the latest updates."""
    return np.array([one.reward[-LATEST:].mean() for one in curves])


def raced(found: Sequence[Raced], training: Training) -> Figures:
    """One way of being paid, over seeds."""
    finished = [one.finished[-training.latest :].mean() for one in found]
    return {
        "finished": _estimate(finished),
        "seeds_that_finish": sum(bool(share > RARELY) for share in finished),
        "points": _estimate([one.points[-training.latest :].mean() for one in found]),
        "found": _estimate([one.found[-training.latest :].mean() for one in found]),
        "found_untrained": _estimate([one.found[0] for one in found]),
        "first": [one.first for one in found],
        "half": [one.half for one in found],
    }


def identity(groups: int) -> Figures:
    """Lemma 4.2 over groups of runs of the untrained team: how exactly it holds, and how large Delta_k is."""
    tables = MAIN.world.new(MAIN.skill)
    found = [
        one
        for seed in range(groups)
        for mode in BOTH
        for one in terms(MAIN.world, tables, mode, seed, brief=MAIN.brief).values()
    ]
    shares = [one.residual / one.squared for one in found]
    low, high = np.percentile(shares, (5, 95))
    return {
        "checked": len(found),
        "worst_gap": float(max(one.gap for one in found)),
        "residual": [_round(low), _round(high)],
    }


def _estimate(values: Any) -> list[float]:
    """Mean and 95 % interval over seeds."""
    found = resampled([float(value) for value in values])
    return [_round(value) for value in (found.value, found.low, found.high)]


def _round(value: Any) -> float:
    return round(float(value), 4)
