"""The best of 16 beside one agent with as many tokens, on tasks that need several ways and on tasks that need one.

`python -m tests.learning.evolution.populations [SEEDS]` prints the figures of docs/learning.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import TypeVar

from tests.learning.evolution.worlds import DIVERSE, ONE, evolved, riddles

Found = TypeVar("Found")
POPULATION, GENERATIONS, RIDDLES = 16, 2, 40
BUDGET = 2_500_000
"""Of which evolution, and each of four ways to spend as much on one agent, has a fifth."""


@dataclass(frozen=True)
class Outcome:
    """Of one seed: shares of right answers on held-out riddles."""

    champion: float
    as_written: float
    alone: float
    """The best of all that one agent does."""
    share: int
    spent: int

    @property
    def beats(self) -> bool:
        return self.champion > self.alone


def outcome(kinds: str, seed: int, *, number: int = RIDDLES, generations: int = GENERATIONS) -> Outcome:
    """Evolve with this seed, on so many riddles that are drawn with it, half of them held out."""
    with TemporaryDirectory() as folder:
        found = evolved(
            Path(folder), tasks=riddles(number, kinds, seed), population=POPULATION, generations=generations, seed=seed,
            baselines=True, budget_tokens=BUDGET,
        )  # fmt: skip
    alone = max(side.success for side in found.baselines)
    return Outcome(found.best.success, found.start.success, alone, found.settings["share"], found.best.spent)


def lineage(kinds: str, seed: int) -> float:
    """What a population of one comes to with the same tokens: one child after the other of the last one."""
    with TemporaryDirectory() as folder:
        return evolved(
            Path(folder), tasks=riddles(RIDDLES, kinds, seed), population=1, seed=seed, baselines=False,
            generations=POPULATION * (GENERATIONS + 1) - 1, budget_tokens=BUDGET // 5,
        ).best.success  # fmt: skip


def outcomes(kinds: str, seeds: Iterable[int]) -> list[Outcome]:
    """Of several seeds, on two cores."""
    return _side_by_side(outcome, kinds, seeds)


def _side_by_side(work: Callable[[str, int], Found], kinds: str, seeds: Iterable[int]) -> list[Found]:
    with get_context("spawn").Pool(2) as pool:
        return pool.starmap(work, [(kinds, seed) for seed in seeds], chunksize=1)


def told(name: str, found: Sequence[Outcome], lines: Sequence[float]) -> str:
    """A row of the table in docs/learning.md."""
    means = [fmean(getattr(one, key) for one in found) for key in ("champion", "alone", "as_written")]
    wins = sum(one.beats for one in found)
    over = sum(one.champion > line for one, line in zip(found, lines, strict=False))
    figures = " | ".join(f"{mean:.2f}" for mean in [*means, *([fmean(lines)] if lines else [])])
    return f"| {name} | {figures} | {wins} of {len(found)} | {over} of {len(lines)} |"


def main() -> None:
    """Print the table."""
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
    print("| riddles | best of 16 | one agent | as written | population of one | beats one agent | beats that of one |")
    print("|---|---|---|---|---|---|---|")
    for name, kinds in (("diverse", DIVERSE), ("one strategy", ONE)):
        found = outcomes(kinds, seeds)
        print(found, file=sys.stderr, flush=True)
        print(told(name, found, _side_by_side(lineage, kinds, seeds)), flush=True)


if __name__ == "__main__":
    main()
