"""Long names are shortened so that different ones still look different."""

from __future__ import annotations

from itertools import product
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.topology.drawing import draw
from agentmesh.topology.graph import Topology
from agentmesh.topology.layout import layout
from agentmesh.topology.shapes import shortened, shortened_names, text_cells

SVG = "{http://www.w3.org/2000/svg}"
LONG = [f"very-long-agent-name-number-{number:02d}-of-the-whole-review-team" for number in range(1, 21)]


def test_a_long_name_is_shortened_and_whole_in_the_tooltip() -> None:
    name = "a-reviewer-of-the-budget-of-the-department-12"
    root = ElementTree.fromstring(draw(Topology.solo(name), "svg"))
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert name not in texts
    assert shortened(name) in texts
    assert name in [element.text for element in root.iter(f"{SVG}title")]
    assert shortened(name).endswith("-12")


@pytest.mark.parametrize(
    "topology",
    [
        Topology.chain(LONG),
        Topology.flat(LONG[:8], rounds=2),
        Topology.hierarchy(LONG[0], LONG[1:19], judge=LONG[19]),
    ],
)
def test_long_names_that_differ_in_the_middle_are_drawn_differently(topology: Topology) -> None:
    root = ElementTree.fromstring(draw(topology, "svg"))
    drawn: dict[str, set[str]] = {}
    for group in root.iter(f"{SVG}g"):
        name, title = group.get("data-node"), group.find(f"{SVG}title")
        if name in LONG:
            assert title is not None
            assert (title.text or "").startswith(name)
            written = group.find(f"{SVG}text")
            assert written is not None
            drawn.setdefault(written.text or "", set()).add(name)
    assert len(drawn) == len(topology.nodes)
    assert all(len(names) == 1 for names in drawn.values())


def test_a_name_of_middling_length_is_drawn_whole() -> None:
    assert ">checker-of-the-calculations<" in draw(Topology.solo("checker-of-the-calculations"), "svg")


def test_a_shortened_name_in_graphviz_is_whole_in_its_tooltip() -> None:
    assert f'tooltip="{LONG[6]}"' in draw(Topology.chain(LONG), "dot")


def test_on_a_circle_of_wide_nodes_no_line_runs_over_the_node_at_the_side() -> None:
    (discuss, _) = Topology.flat(LONG[:8], rounds=2).phases
    picture = layout(discuss)
    boxes = {spot.key: spot.box for spot in picture.spots}
    for curve in picture.curves:
        ends = {end for link in curve.links for end in (link.start, link.stop)}
        for step in range(1, 20):
            x, y = curve.at(step / 20)
            over = [key for key, box in boxes.items() if box[0] < x < box[2] and box[1] < y < box[3]]
            assert set(over) <= ends


@given(st.sets(st.text("ab-", min_size=1, max_size=60), max_size=40), st.integers(10, 30))
def test_shortened_names_fit_and_stay_different(names: set[str], cells: int) -> None:
    labels = shortened_names(sorted(names), cells)
    assert set(labels) == names
    assert len(set(labels.values())) == len(names)
    assert all(text_cells(label) <= cells for label in labels.values())
    assert all(labels[name] == name for name in names if len(name) <= cells)


def test_names_that_differ_in_too_many_places_are_numbered() -> None:
    names = ["a" * 20 + "-".join(marks) + "b" * 20 for marks in product("xy", repeat=9)]
    labels = shortened_names(names, 12)
    assert len(set(labels.values())) == len(names)
    assert max(map(text_cells, labels.values())) <= 12
    assert any(label.endswith("~2") for label in labels.values())


@given(st.text(max_size=60), st.integers(6, 30))
def test_a_shortened_name_fits(name: str, cells: int) -> None:
    assert text_cells(shortened(name, cells)) <= cells
    assert shortened(name, cells) == name or "…" in shortened(name, cells)
