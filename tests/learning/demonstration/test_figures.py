"""The figures of the page are those of the file, and the command makes such files."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agentmesh.learning.advantages import MODES
from examples.learning.__main__ import draw, main
from examples.learning.racing import learn
from examples.learning.study import CASES, MAIN, RACES, Routed, jobs, summary, trained
from examples.learning.tables import tables
from examples.learning.training import train
from tests.learning.demonstration.figures import FIGURES, FOLDER, NETWORKS, PAGE


def test_the_page_shows_the_figures_of_the_file() -> None:
    for name, table in tables(FIGURES).items():
        assert table in PAGE, f"the table '{name}' is another; the command prints it"
    assert tables(NETWORKS)["cases"] in PAGE
    for plot in ("reward", "norms", "race"):
        assert f"(learning/{plot}.svg)" in PAGE
        assert (FOLDER / f"{plot}.svg").stat().st_size < 200_000


def test_the_page_says_after_how_many_races_the_monitor_finds_the_boat() -> None:
    text, lax = " ".join(PAGE.split()), FIGURES["races"]["the same, window 8"]
    assert f"the first finding comes within {max(lax['first'])}." in text
    for figures in (FIGURES, NETWORKS):
        alone = figures["races"]["points alone"]
        assert f"within {max(alone['first'])} races on every seed, and from the {max(alone['half'])}th" in text


@pytest.mark.parametrize("figures", [FIGURES, NETWORKS], ids=["tables", "networks"])
def test_the_file_has_all_arms_on_at_least_twenty_seeds(figures: Any) -> None:
    assert figures["seeds"] >= 20
    assert list(figures["cases"]) == list(CASES)
    assert list(figures["cases"]["as above"]) == list(MODES)
    assert list(figures["races"]) == list(RACES)
    assert figures["lemma"]["worst_gap"] < 1e-9


def test_figures_tables_and_plots_come_of_trainings(tmp_path: Path) -> None:
    routed: Routed = {}
    for case, mode in (*(("as above", mode) for mode in MODES), ("other", "global"), ("other", "per_agent")):
        setting = replace(MAIN, updates=9)
        routed[case, mode] = [train(setting, mode, seed)[0] for seed in (1,)]
    races = {name: [learn(replace(how, updates=2), 1, watched=watched)] for name, (how, watched) in RACES.items()}
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


def test_without_pytorch_the_command_says_which_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "examples.learning.neural", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    result = CliRunner().invoke(main, ["--policies", "torch"])
    assert result.exit_code == 1
    assert "needs the extra 'torch': pip install 'agentmesh-topology[torch]'" in result.output
