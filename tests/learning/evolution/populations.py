"""The best of 16 beside one agent with as many tokens, on tasks that need several ways and on tasks that need one.

`python -m tests.learning.evolution.populations [SEEDS]` prints the figures of docs/learning.md.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

from agentmesh.learning.evolution import Evolution
from tests.learning.evolution.worlds import DIVERSE, ONE, evolved, riddles

POPULATION = 16


@dataclass(frozen=True)
class Outcome:
    """Of one seed."""

    champion: float
    as_written: float
    alone: float
    """The best of all that one agent does."""
    lineage: float
    """The champion of a population of one, with the same budget."""
    share: int
    spent: int

    @property
    def beats(self) -> bool:
        return self.champion > self.alone


def outcome(kinds: str, seed: int, *, number: int = 48, generations: int = 3, lineage: bool = True) -> Outcome:
    """Evolve with this seed, on so many riddles that are drawn with it, half of them held out."""
    tasks = riddles(number, kinds, seed)
    with TemporaryDirectory() as folder:

        def one(population: int, generations: int, *, baselines: bool) -> Evolution:
            budget = 4_000_000 if baselines else 800_000  # evolution has a fifth of the first
            return evolved(
                Path(folder), tasks=tasks, population=population, generations=generations, seed=seed,
                baselines=baselines, budget_tokens=budget,
            )  # fmt: skip

        best = one(POPULATION, generations, baselines=True)
        # As many runs, one after the other: each champion has one child at a time.
        line = one(1, POPULATION * (generations + 1) - 1, baselines=False).best.success if lineage else 0.0
    alone = max(side.success for side in best.baselines)
    return Outcome(best.best.success, best.start.success, alone, line, best.settings["share"], best.best.spent)


def _of(given: tuple[str, int]) -> Outcome:
    return outcome(*given)


def outcomes(kinds: str, seeds: Iterable[int]) -> list[Outcome]:
    """Of several seeds, on two cores."""
    with get_context("spawn").Pool(2) as pool:
        return pool.map(_of, [(kinds, seed) for seed in seeds], chunksize=1)


def told(name: str, found: Sequence[Outcome]) -> str:
    """A row of the table in docs/learning.md."""
    means = [fmean(getattr(one, key) for one in found) for key in ("champion", "alone", "as_written", "lineage")]
    wins = sum(one.beats for one in found)
    over_line = sum(one.champion > one.lineage for one in found)
    figures = " | ".join(f"{mean:.2f}" for mean in means)
    return f"| {name} | {figures} | {wins} of {len(found)} | {over_line} of {len(found)} |"


def main() -> None:
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
    print(
        "| tasks | best of 16 | best of one agent | as written | population of 1 | beats one agent | beats that of 1 |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, kinds in (("diverse", DIVERSE), ("one-strategy", ONE)):
        print(told(name, outcomes(kinds, seeds)), flush=True)


if __name__ == "__main__":
    main()
