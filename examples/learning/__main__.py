"""Train everything and write what the page shows: `python -m examples.learning`, about two minutes on two cores.

With `--policies torch` the policies are small networks instead of tables.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter

import click

from agentmesh.errors import MissingExtra
from agentmesh.reporting.plots import gradient_norms, learning_curve
from examples.learning.policies import Kind, tabular
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


def kind_of(policies: str) -> Kind:
    """What makes such policies."""
    if policies == "numpy":
        return tabular
    try:
        from examples.learning.neural import network
    except MissingExtra as error:
        raise click.ClickException(str(error)) from error
    return network


@click.command()
@click.option("--seeds", default=20, show_default=True, type=click.IntRange(1), help="Trainings of each arm.")
@click.option(
    "--policies",
    default="numpy",
    show_default=True,
    type=click.Choice(["numpy", "torch"]),
    help="Tables, or small networks, which need the extra `torch`.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where figures and plots are written, instead of beside the page.",
)
def main(seeds: int, policies: str, folder: Path | None) -> None:
    """Train all arms on the same seeds, and write figures.json, the plots, and the tables of the page."""
    start, kind = perf_counter(), kind_of(policies)
    folder = folder or (FOLDER if kind is tabular else FOLDER / policies)
    folder.mkdir(parents=True, exist_ok=True)
    routed, races = all_trained(seeds, kind)
    figures = summary(routed, races)
    (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    draw(routed, races, folder)
    print("\n\n".join(tables(figures).values()))
    print(f"\n{len(routed) * seeds + len(races) * seeds} trainings in {perf_counter() - start:.0f} s -> {folder}")


if __name__ == "__main__":
    main()
