"""The page of an evolution and of training: what is drawn, read back from the SVG."""

from __future__ import annotations

import json
import math
import re
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from agentmesh.reporting.family import MOST, family_of
from agentmesh.reporting.learning import learning_page
from tests.reporting.evolutions import GENERATIONS, HOSTILE, generation, individual, side, told
from tests.reporting.read import Report

LEFT, WIDE, TOP, HIGH = 56, 640, 30, 260
"""Where curves stand."""


def pictures(page: str, kind: str) -> dict[str, ElementTree.Element]:
    """The pictures of a class, by their captions; whether each is well-formed is seen on the way."""
    found = [ElementTree.fromstring(text) for text in re.findall(r"<svg .*?</svg>", page, re.DOTALL)]
    return {one.get("aria-label", ""): one for one in found if kind in one.get("class", "").split()}


def of_class(picture: ElementTree.Element, *names: str) -> list[ElementTree.Element]:
    return [one for one in picture.iter() if set(names) <= set(one.get("class", "").split())]


def titles(parts: list[ElementTree.Element]) -> list[str]:
    return [part.findtext("title", "") for part in parts]


def places(parts: list[ElementTree.Element], high: float = 1.0) -> list[tuple[float, float]]:
    """Circles in shares of the plot: from the left, and from its bottom in units of the topmost tick."""
    circles = [circle for part in parts for circle in part.iter("circle")]
    return [
        (
            round((float(one.get("cx", "")) - LEFT) / WIDE, 3),
            round(high * (1 - (float(one.get("cy", "")) - TOP) / HIGH), 2),
        )
        for one in circles
    ]


def picture(page: str, begins: str, kind: str = "curves") -> ElementTree.Element:
    [found] = [one for caption, one in pictures(page, kind).items() if caption.startswith(begins)]
    assert found.get("role") == "img"
    assert found.findtext("title") == found.get("aria-label")
    return found


def test_the_champion_stands_at_the_tokens_spent_and_others_are_marks_beside_it() -> None:
    drawn = picture(learning_page(told()), "Success by tokens")
    assert places(of_class(drawn, "point")) == [(0.2, 0.4), (0.5, 0.6), (0.8, 0.8)]
    assert titles(of_class(drawn, "mark"))[:3] == [
        "g2-02, tokens spent 4200: 70 % [60 %, 80 %]",
        f"{HOSTILE}, tokens spent 4800: 40 % [30 %, 50 %]",
        "solvers as written, tokens spent 0: 30 % [20 %, 40 %]",
    ]
    assert titles(of_class(drawn, "name")) == ["champion so far", "g2-02", HOSTILE, "solvers as written"]
    [path] = [part.get("d", "") for line in of_class(drawn, "line", "c0") for part in line.iter("path")][:1]
    assert path.count("H") == path.count("V") == 2, "it holds until the next generation"


def test_generations_have_their_best_their_mean_with_a_band_and_the_champion() -> None:
    drawn = picture(learning_page(told()), "Success by generation")
    assert places(of_class(drawn, "point", "c0")) == [(0.0, 0.4), (0.5, 0.6), (1.0, 0.8)]
    assert places(of_class(drawn, "point", "c1")) == [(0.0, 0.4), (0.5, 0.6), (1.0, 0.8)]
    assert places(of_class(drawn, "point", "c2")) == [(0.0, 0.3), (0.5, 0.37), (1.0, 0.63)]
    assert titles(of_class(drawn, "point", "c2"))[0] == "mean, generation 0: 30 % [22 %, 38 %]"
    assert len(of_class(drawn, "band")) == 1


def test_diversity_is_drawn_from_zero() -> None:
    drawn = picture(learning_page(told()), "Vendi")
    assert places(of_class(drawn, "point", "c0"), high=3) == [(0.0, 3.0), (0.5, 2.5), (1.0, 2.0)]


def test_the_lineage_shows_who_comes_from_whom_by_what_and_the_champions_line() -> None:
    page = learning_page(told())
    drawn = picture(page, "Lineage", "pedigree")
    nodes = of_class(drawn, "node")
    assert [node.findtext("text") for node in nodes] == [
        "g0-01", "g0-02", "g0-00", "g1-00", "g1-01", "g1-02", "g2-02", "g2-01", "g2-00",
    ]  # fmt: skip
    assert titles(nodes)[3] == f"g1-00: right on 60 %; cross of g0-01 + g0-02; {HOSTILE}"
    assert [node.findtext("text") for node in of_class(drawn, "node", "main")] == ["g0-01", "g1-00", "g2-02"]
    assert [node.findtext("text") for node in of_class(drawn, "node", "champion")] == ["g2-02"]
    assert [node.findtext("text") for node in of_class(drawn, "node", "first")] == ["g0-01", "g0-02", "g0-00"]
    assert len(of_class(drawn, "descent", "main")) == 2
    assert titles(of_class(drawn, "descent", "own")) == [
        *2 * ["g1-00: cross of g0-01 + g0-02"],
        "g2-02: mutation of g1-00",
    ]
    assert len(of_class(drawn, "descent", "kept")) == 2
    legend = Report(page).text
    assert all(text in legend for text in ("cross: 2", "kept: 2", "mutation: 2", "without parents: 3"))
    opacity = [float(node.findall("rect")[1].get("fill-opacity", "")) for node in nodes[:3]]
    assert opacity == sorted(opacity, reverse=True)
    assert len(set(opacity)) == 3


def test_members_of_one_generation_are_joined_beside_their_column() -> None:
    first = generation(
        0, "g0-01", 10, individual("g0-00", 0.2, "as written"), individual("g0-01", 0.5, "mutation by model", ["g0-00"])
    )
    drawn = picture(learning_page(told([first], "g0-01")), "Lineage", "pedigree")
    [node, *_] = of_class(drawn, "node", "champion")
    left = float(node.findall("rect")[0].get("x", ""))
    [path] = [one.get("d", "") for line in of_class(drawn, "descent", "own") for one in line.iter("path")]
    xs = [float(x) for x in re.findall(r"[MC ]?(-?[\d.]+) -?[\d.]+", path)]
    assert min(xs) >= 0
    assert max(xs) == left


def test_of_a_large_generation_the_champions_ancestors_and_the_best_are_drawn() -> None:
    many = [individual(f"g0-{at:03}", at / 100) for at in range(100)]
    child = individual("g1-00", 0.9, "cross", ["g0-000", "g0-001"])
    generations = [generation(0, "g0-099", 10, *many), generation(1, "g1-00", 20, child)]
    page = learning_page(told(generations, "g1-00"))
    names = [one.findtext("text") for one in of_class(picture(page, "Lineage", "pedigree"), "node")]
    assert len(names) == MOST + 1
    assert {"g0-000", "g0-001", "g0-099"} <= set(names)
    assert "68 individuals left out" in Report(page).text
    assert family_of(told(generations, "g1-00")).left_out == 68


def test_a_champion_that_may_be_ahead_by_chance_is_said_to_be_and_is_no_clear_winner() -> None:
    sure, chance = {"value": 0.3, "low": 0.1, "high": 0.5}, {"value": 0.3, "low": -0.1, "high": 0.5}
    for gain, kind, said in ((sure, "team", False), (chance, "unclear", True)):
        page = learning_page(told(baselines=[{**side("ann alone", 0.4, 4800), "difference": gain}]))
        assert f"verdict {kind}" in page
        assert ("ann alone with an equal share of tokens on 40 %, which may be chance" in Report(page).text) is said
    behind = learning_page(
        told(baselines=[{**side("ann alone", 0.9, 4800), "difference": chance}], beats_baselines=False)
    )
    assert "verdict unclear" in behind
    assert "may be chance" not in Report(behind).text


def test_the_champions_line_is_told_from_its_beginning_also_within_a_generation() -> None:
    first = generation(
        0, "g0-01", 10, individual("g0-00", 0.2, "as written"), individual("g0-01", 0.5, "mutation by model", ["g0-00"])
    )
    table = Report(learning_page(told([first], "g0-01"))).text.partition("The champion's line\nwho")[2]
    assert table.index("g0-00\nas written") < table.index("g0-01\nmutation by model")


def test_no_name_reason_or_file_becomes_an_element() -> None:
    hostile, tame = learning_page(told()), learning_page(json.loads(json.dumps(told()).replace(HOSTILE, "x")))
    assert Report(hostile).shape == Report(tame).shape
    arms = {HOSTILE: [[1.0, 2.0]]}
    trained = learning_page(rewards=arms, norms={HOSTILE: arms})
    assert Report(trained).shape == Report(trained.replace("&lt;/title&gt;&lt;script&gt;", "x")).shape
    assert "<script>alert" not in hostile + trained
    assert HOSTILE in Report(trained).text


def test_the_page_loads_nothing_and_holds_its_data() -> None:
    given = told()
    page = learning_page(given, rewards={"global": [[1.0, math.nan]]}, norms={"ann": {"global": [[0.5]]}})
    read = Report(page)
    assert not read.values("src")
    assert all(link.startswith("#") for link in read.values("href"))
    assert json.loads("".join(read.raw["script"])) == {
        "evolution": given, "rewards": {"global": [[1.0, None]]}, "norms": {"ann": {"global": [[0.5]]}},
    }  # fmt: skip
    assert {"budget", "progress", "diversity", "lineage", "best", "rewards", "norms"} <= set(read.values("id"))
    assert "name: solvers" in read.text
    assert "+30\n+10 to +50" in read.text


def test_one_generation_is_a_page_of_points() -> None:
    page = learning_page(told(GENERATIONS[:1], "g0-01"))
    assert places(of_class(picture(page, "Success by generation"), "point", "c0")) == [(0.0, 0.4)]
    assert not of_class(picture(page, "Success by generation"), "band")
    assert len(of_class(picture(page, "Lineage", "pedigree"), "node")) == 3


def test_what_has_no_points_says_so() -> None:
    empty = learning_page(told([], "nobody", baselines=[]), rewards={"global": []}, norms={"ann": {"global": [[0.0]]}})
    assert pictures(empty, "pedigree") == {}
    assert list(pictures(empty, "curves")) == [
        "Success by tokens spent: the line on tasks of selection, marks on held-out tasks with 95 % intervals"
    ]
    assert empty.count("here is nothing to show.") == 5
    assert "Learning" in Report(learning_page()).text


def test_training_has_the_mean_of_its_seeds_and_a_band_and_no_norm_where_nobody_acted() -> None:
    rows = [[0.0, 1.0, 2.0], [2.0, 3.0, 4.0]]
    page = learning_page(rewards={"global": rows, "per_agent": rows[:1]}, norms={"ann": {"global": [[0.0, 10, 100]]}})
    reward = picture(page, "Reward")
    assert places(of_class(reward, "point", "c0"), high=4) == [(0.0, 1.0), (0.5, 2.0), (1.0, 3.0)]
    assert titles(of_class(reward, "point", "c0"))[0] == "global, update 0: 1 [0.2, 1.8]"
    assert titles(of_class(reward, "band")) == ["global: from 1 [0.2, 1.8] to 3 [2.2, 3.8]"]
    norm = picture(page, "Gradient norm of ann")
    assert titles(of_class(norm, "point")) == ["global, update 1: 10", "global, update 2: 100"]
    assert places(of_class(norm, "point")) == [(0.0, 0.0), (1.0, 1.0)]


def test_many_points_are_a_line_alone() -> None:
    drawn = picture(learning_page(rewards={"global": [[float(at) for at in range(200)]]}), "Reward")
    assert not of_class(drawn, "point")
    [path] = [part for line in of_class(drawn, "line") for part in line.iter("path")][:1]
    assert path.get("d", "").count("L") == 199


@pytest.mark.parametrize("count", [2, 12, 30])
def test_labels_do_not_lie_on_each_other_however_many_end_at_one_point(count: int) -> None:
    beside = [{**side(f"way {at}", 0.4, 4800), "difference": GAINS} for at in range(count)]
    drawn = picture(learning_page(told(baselines=beside)), "Success by tokens")
    heights = sorted(float(text.get("y", "")) for name in of_class(drawn, "name") for text in name.iter("text"))
    assert len(heights) == count + 3
    assert min(b - a for a, b in pairwise(heights)) >= 15.9
    assert heights[-1] <= float(drawn.get("height", ""))


GAINS: dict[str, Any] = {"value": None, "low": None, "high": None}
