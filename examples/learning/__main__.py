"""Train everything and write what the page shows: `python -m examples.learning`, about two minutes on two cores."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter

import click

from agentmesh.reporting.plots import gradient_norms, learning_curve
from examples.learning.racing import Raced
from examples.learning.routing import AGENTS
from examples.learning.study import CASES, Routed, all_trained, summary
from examples.learning.tables import tables

FOLDER = Path(__file__).parents[2] / "docs" / "learning"
MAIN = next(iter(CASES))


def draw(routed: Routed, races: Mapping[str, Sequence[Raced]], folder: Path) -> None:
    """The plots: rewards and gradient norms of the team, and how often the boat finishes."""
    arms = {mode: curves for (case, mode), curves in routed.items() if case == MAIN}
    learning_curve(
        {mode: [one.reward for one in curves] for mode, curves in arms.items()},
        folder / "reward.svg", title="Reward of the routed team, by normaliser",
    )  # fmt: skip
    norms = {
        agent: {mode: [one.norms[:, at] for one in arms[mode]] for mode in ("global", "per_agent")}
        for at, agent in enumerate(AGENTS)
    }
    gradient_norms(norms, folder / "norms.svg")
    finished = {name: [one.finished for one in found] for name, found in races.items()}
    learning_curve(finished, folder / "race.svg", title="Races that are finished", y="share")


@click.command()
@click.option("--seeds", default=20, show_default=True, help="Trainings of each arm.")
@click.option("--folder", default=FOLDER, type=click.Path(path_type=Path), help="Where figures and plots are written.")
def main(seeds: int, folder: Path) -> None:
    """Train all arms on the same seeds, and write figures.json, the plots, and the tables of the page."""
    start = perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    routed, races = all_trained(seeds)
    figures = summary(routed, races)
    (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    draw(routed, races, folder)
    print("\n\n".join(tables(figures).values()))
    print(f"\n{len(routed) * seeds + len(races) * seeds} trainings in {perf_counter() - start:.0f} s -> {folder}")


if __name__ == "__main__":
    main()
