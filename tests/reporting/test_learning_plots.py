"""The plots as files: what stands in an SVG is read back, and a PNG is one."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from agentmesh.errors import ConfigError, MissingExtra
from agentmesh.reporting import plots
from agentmesh.reporting.series import amount, spread, ticks
from tests.reporting.evolutions import GENERATIONS, HOSTILE, told

SVG = "{http://www.w3.org/2000/svg}"


def texts(path: Path) -> list[str]:
    return ["".join(one.itertext()).strip() for one in ElementTree.parse(path).getroot().iter(f"{SVG}text")]


def line(path: Path, name: str) -> list[tuple[float, float]]:
    """The corners of a line in points, from the upper left."""
    [group] = [one for one in ElementTree.parse(path).getroot().iter(f"{SVG}g") if one.get("id") == name]
    [drawn] = [one.get("d", "") for one in group.findall(f"{SVG}path")]
    words = drawn.replace("M", " ").replace("L", " ").split()
    return [(float(x), float(y)) for x, y in zip(words[::2], words[1::2], strict=True)]


def test_rewards_of_arrays_are_a_line_for_each_arm_named_as_it_is(tmp_path: Path) -> None:
    rows = np.array([[0.0, 1.0, 2.0], [2.0, 3.0, 4.0]])
    path = tmp_path / "reward.svg"
    plots.learning_curve({"$glob_al$": rows, HOSTILE: rows[:1]}, path, title="Rewards & more")
    found = texts(path)
    assert {"Rewards & more", "$glob_al$", HOSTILE[:25] + "…", "reward", "update"} <= set(found)
    xs, ys = zip(*line(path, "line-0"), strict=True)
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1])
    assert ys[0] - ys[1] == pytest.approx(ys[1] - ys[2])
    assert ys[0] > ys[2]
    first = path.read_bytes()
    plots.learning_curve({"$glob_al$": rows, HOSTILE: rows[:1]}, path, title="Rewards & more")
    assert path.read_bytes() == first, "the same figures make the same file"


def test_norms_have_a_panel_for_each_agent_on_a_scale_of_powers(tmp_path: Path) -> None:
    path = tmp_path / "norms.svg"
    plots.gradient_norms({"ann": {"global": [[1.0, 10.0, 100.0]]}, "ben": {"global": [[0.0, 0.0]]}}, path)
    found = texts(path)
    assert {"Gradient norm of ann", "Gradient norm of ben", "There is nothing to show.", "100"} <= set(found)
    ys = [y for _, y in line(path, "line-0")]
    assert ys[0] - ys[1] == pytest.approx(ys[1] - ys[2])


def test_a_lineage_names_everybody_and_what_made_them(tmp_path: Path) -> None:
    path = tmp_path / "lineage.svg"
    plots.lineage(told(), path)
    found = texts(path)
    names = [one["name"] for generation in GENERATIONS for one in generation["individuals"]]
    assert sorted(text for text in found if text in names) == names
    assert {*names, "Lineage of g2-02", "generation 2", "80 %", "the champion's line"} <= set(found)
    assert {"cross: 2", "kept: 2", "mutation: 2", "without parents: 3"} <= set(found)


def test_quality_names_the_champion_and_what_is_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "quality.svg"
    plots.quality_against_budget(told(), path)
    assert {"champion so far", "g2-02", "solvers as written", "tokens spent", "75 %"} <= set(texts(path))


def test_an_evolution_of_one_generation_or_of_none_is_drawn_too(tmp_path: Path) -> None:
    plots.learning_curve(told(GENERATIONS[:1], "g0-01"), tmp_path / "one.svg")
    assert {"best", "mean", "champion"} <= set(texts(tmp_path / "one.svg"))
    for draw in (plots.diversity, plots.lineage):
        draw(told([], "nobody"), tmp_path / "none.svg")
        assert "There is nothing to show." in texts(tmp_path / "none.svg")
    plots.diversity(told(), tmp_path / "vendi.PNG")
    assert (tmp_path / "vendi.PNG").read_bytes().startswith(b"\x89PNG\r\n")


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"written as \.png or \.svg, not as '\.pdf'"):
        plots.diversity(told(), tmp_path / "vendi.pdf")
    with pytest.raises(ConfigError, match="cannot be written there: No such file"):
        plots.diversity(told(), tmp_path / "nowhere" / "vendi.svg")


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"pip install 'agentmesh-topology\[plots\]'"):
        plots.lineage(told(), tmp_path / "lineage.png")


@pytest.mark.parametrize(
    ("least", "most", "found"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-0.1, 0.93, [-0.2, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (5.0, 5.0, [5.0, 6.0]),
        (0.0, 660_000.0, [0.0, 200_000.0, 400_000.0, 600_000.0, 800_000.0]),
    ],
)
def test_ticks_are_round_and_hold_all_between_them(least: float, most: float, found: list[float]) -> None:
    assert ticks(least, most) == found


def test_numbers_on_axes_are_short() -> None:
    assert [amount(value) for value in (0, 0.25, 12, 4200, 250_000, 1.5e6, -2e9)] == [
        "0", "0.25", "12", "4200", "250k", "1.5M", "-2G",
    ]  # fmt: skip


def test_labels_keep_apart_within_the_ends() -> None:
    assert spread([5, 5, 5], 10, 0, 100) == [5, 15, 25]
    assert spread([98, 99, 10], 10, 0, 100) == [90, 100, 10]
