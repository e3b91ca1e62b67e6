"""The figures of the page are those of the file, and the command makes such files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from agentmesh.learning.advantages import MODES
from examples.learning.__main__ import draw
from examples.learning.racing import learn
from examples.learning.study import CASES, MAIN, RACES, Routed, jobs, summary, trained
from examples.learning.tables import tables
from examples.learning.training import train

ROOT = Path(__file__).parents[3]
FIGURES = json.loads((ROOT / "docs" / "learning" / "figures.json").read_text(encoding="utf-8"))


def test_the_page_shows_the_figures_of_the_file() -> None:
    page = (ROOT / "docs" / "learning.md").read_text(encoding="utf-8")
    for name, table in tables(FIGURES).items():
        assert table in page, f"the table '{name}' is another; the command prints it"
    for plot in ("reward", "norms", "race"):
        assert f"(learning/{plot}.svg)" in page
        assert (ROOT / "docs" / "learning" / f"{plot}.svg").stat().st_size < 200_000


def test_the_file_has_all_arms_on_at_least_twenty_seeds() -> None:
    assert FIGURES["seeds"] >= 20
    assert list(FIGURES["cases"]) == list(CASES)
    assert list(FIGURES["cases"]["as above"]) == list(MODES)
    assert list(FIGURES["races"]) == list(RACES)
    assert FIGURES["lemma"]["worst_gap"] < 1e-9


def test_figures_tables_and_plots_come_of_trainings(tmp_path: Path) -> None:
    routed: Routed = {}
    for case, mode in (*(("as above", mode) for mode in MODES), ("other", "global"), ("other", "per_agent")):
        setting = replace(MAIN, updates=9)
        routed[case, mode] = [train(setting, mode, seed)[0] for seed in (1,)]
    races = {name: [learn(replace(how, updates=2), 1, watched=watched)[0]] for name, (how, watched) in RACES.items()}
    figures = json.loads(json.dumps(summary(routed, races, groups=5)))
    assert figures["seeds"] == 1
    assert len(tables(figures)["arms"].splitlines()) == 2 + len(MODES)
    draw(routed, races, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"reward.svg", "norms.svg", "race.svg"}


def test_each_job_is_a_training_of_its_case() -> None:
    listed = list(jobs(2, first=5))
    assert len(listed) == len(set(map(str, listed))) == 2 * (len(MODES) + 2 * (len(CASES) - 1) + len(RACES))
    case, arm, setting, seed = listed[0]
    assert len(trained((case, arm, replace(setting, updates=1), seed)).right) == 1  # type: ignore[union-attr]
    case, arm, (how, watched), seed = listed[-1]
    assert len(trained((case, arm, (replace(how, updates=1), watched), seed)).points) == 1  # type: ignore[union-attr]
