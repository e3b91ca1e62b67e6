"""Every kind of topology in every form: complete, clear of overlaps, and the same each time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

from agentmesh.topology.drawing import Format, draw
from agentmesh.topology.graph import Phase, Topology
from agentmesh.topology.layout import layout
from agentmesh.topology.shapes import ANSWER, TASK, Box, members
from tests.topology.drawn_kinds import (
    KINDS,
    Edges,
    blind_then_discuss,
    graphs,
    kinds,
    names,
    overlap,
    panel,
    runs_over,
    workshop,
)

FORMATS: tuple[Format, ...] = ("mermaid", "svg", "dot", "json", "text")
SVG = "{http://www.w3.org/2000/svg}"


def expected_nodes(phase: Phase) -> list[str]:
    ends = {end for edge in phase.edges for end in edge.pair}
    asks = any(edge.sender == "user" for edge in phase.edges)
    answers = any(edge.recipient == "user" for edge in phase.edges)
    return sorted([*(({*ends, *phase.participants}) - {"user"}), *["user"] * (asks + answers)])


def cards(topology: Topology) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(draw(topology, "svg"))
    return [group for group in root.iter(f"{SVG}g") if group.get("data-phase")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", FORMATS)
def test_every_kind_is_drawn_in_every_form_the_same_each_time(kind: str, form: Format) -> None:
    one, other = KINDS[kind](4), KINDS[kind](4)
    assert draw(one, form) == draw(other, form)
    for name in (*one.nodes, *one.votes, *one.boards):
        assert name in draw(one, form)


def test_pictures_do_not_depend_on_how_python_hashes() -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from tests.topology.test_drawing_kinds import FORMATS, KINDS, draw\n"
        "print(*(draw(make(4), form) for make in KINDS.values() for form in FORMATS), sep='\\n')\n"
    )
    printed = [
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    ]
    assert printed[0].count(b"<svg") == len(KINDS)
    assert printed[0] == printed[1]


@settings(max_examples=30)
@given(kinds() | graphs())
def test_a_picture_has_each_node_and_each_edge_of_each_phase_once(topology: Topology) -> None:
    for card, phase in zip(cards(topology), topology.phases, strict=True):
        nodes = [str(group.get("data-node")) for group in card.iter(f"{SVG}g") if group.get("data-node")]
        assert sorted(nodes) == expected_nodes(phase)
        edges = [pair for group in card.iter(f"{SVG}g") for pair in group.get("data-edges", "").split()]
        assert sorted(edges) == sorted(f"{edge.sender}->{edge.recipient}" for edge in phase.edges)


@settings(max_examples=25)
@given(kinds() | graphs())
def test_no_two_nodes_overlap_and_lines_end_at_the_border_of_nodes_or_frames(topology: Topology) -> None:
    for phase in topology.phases:
        picture = layout(phase)
        assert not [(a.key, b.key) for a, b in combinations(picture.spots, 2) if overlap(a.box, b.box)]
        spots = {spot.key: spot for spot in picture.spots}
        for curve in picture.curves:
            for end, point in ((curve.links[0].start, curve.at(0)), (curve.links[0].stop, curve.at(1))):
                middle = spots[end]
                at = middle.towards(*point)
                on_ring = len(curve.links) > 1 and any(on_border(point, ring.box, ring.shape) for ring in picture.rings)
                assert on_ring or max(abs(at[0] - point[0]), abs(at[1] - point[1])) < 0.2


def on_border(point: tuple[float, float], box: Box, shape: str) -> bool:
    x, y = point
    if shape == "ellipse":
        across, down = (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
        return abs(((x - box[0] - across) / across) ** 2 + ((y - box[1] - down) / down) ** 2 - 1) < 0.01
    inside = box[0] - 0.1 <= x <= box[2] + 0.1 and box[1] - 0.1 <= y <= box[3] + 0.1
    return inside and min(abs(x - box[0]), abs(x - box[2]), abs(y - box[1]), abs(y - box[3])) < 0.1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "by hand"])
@pytest.mark.parametrize("count", [2, 3, 5, 8, 13])
def test_no_line_of_a_kind_runs_over_a_node(kind: str, count: int) -> None:
    for phase in KINDS[kind](count).phases:
        picture = layout(phase)
        for curve in picture.curves:
            ends = {end for link in curve.links for end in (link.start, link.stop)}
            over = [spot.key for spot in picture.spots if spot.key not in ends and runs_over(curve, spot.box)]
            assert not over, ends


@settings(max_examples=30)
@given(kinds() | graphs())
def test_the_user_stands_left_and_right_of_everything(topology: Topology) -> None:
    for phase in topology.phases:
        if phase.planning is None and phase.name != "chain":
            spots = {spot.key: spot for spot in layout(phase).spots}
            others = [spot for key, spot in spots.items() if key not in (TASK, ANSWER)]
            assert TASK not in spots or all(spots[TASK].box[2] < spot.box[0] for spot in others)
            assert ANSWER not in spots or all(spots[ANSWER].box[0] > spot.box[2] for spot in others)


@settings(max_examples=25)
@given(kinds() | graphs())
def test_graphviz_puts_every_node_where_the_picture_has_it(topology: Topology) -> None:
    blocks = re.split(r"\n  subgraph ", draw(topology, "dot"))[1:]
    for card, block, phase in zip(cards(topology), blocks, topology.phases, strict=True):
        pinned = re.findall(r'^    "(?:[^"]*/)?([^"/]+)" \[.*?pos="([-\d.]+),([-\d.]+)!"', block, re.MULTILINE)
        drawn: dict[str, tuple[float, float]] = {}
        for group in card.iter(f"{SVG}g"):
            text, name = group.find(f"{SVG}text"), group.get("data-node")
            if name is not None and text is not None:
                box = group.find(f"{SVG}rect")
                y = float(str(text.get("y"))) - (0.5 if len(group.findall(f"{SVG}text")) == 2 else 4.5)
                drawn.setdefault(name, (float(str(text.get("x"))), y))
                assert box is None or abs(float(str(box.get("y"))) + 20 - y) < 0.2
        assert {name for name, _, _ in pinned} == set(drawn) == {*members(phase)} | ({"user"} & set(drawn))
        shifts = {(round(float(x) - drawn[name][0]), round(float(y) + drawn[name][1])) for name, x, y in pinned}
        assert max(x for x, _ in shifts) - min(x for x, _ in shifts) <= 1
        assert max(y for _, y in shifts) - min(y for _, y in shifts) <= 1


# The text is read back: what it says is what the phases say.


def edges_said(lines: list[str]) -> Edges:
    """The edges that a block of text says."""
    whole: list[str] = []
    for line in lines:
        if whole and (whole[-1].endswith(",") or line.strip().startswith(("→", "⇄"))):
            whole[-1] += " " + line.strip()
        else:
            whole.append(line)
    # What is noted in brackets is blotted out, not taken out: branches hang from columns.
    whole = [re.sub(r" \((?!alone)[^()]*\)", lambda found: "\0" * len(found[0]), line) for line in whole]
    alias = next(
        (line.split(": ")[1].replace("\0", "").split(", ") for line in whole if line.startswith("everybody: ")), []
    )
    found: Edges = []
    columns: dict[int, str] = {}
    for line in whole:
        if line.startswith("everybody: "):
            continue
        at = re.match(r"[│ ]*([├└])(→|⇄) ", line)
        before = [columns[at.start(1)]] if at else []
        arrow = at[2] if at else ""
        place = at.end() if at else len(line) - len(line.lstrip())
        for part in re.split(r"( → | ⇄ )", line[place:]):
            if part in (" → ", " ⇄ "):
                arrow = part.strip()
                place += len(part)
                continue
            names = part.replace("\0", "").split(", ")
            ends = [end for name in names for end in (alias if name == "everybody" else [name])]
            columns = {column: name for column, name in columns.items() if column < place} | {place: ends[-1]}
            pairs = [(a, b) for a in before for b in (before if ends == ["each other"] else ends) if a != b]
            found += pairs if arrow else []
            found += [(b, a) for a, b in pairs] if arrow == "⇄" else []
            before, place = ends, place + len(part)
    return list(dict.fromkeys(found))


@settings(max_examples=30)
@given(kinds() | graphs())
def test_the_text_says_each_edge_and_no_other(topology: Topology) -> None:
    blocks = draw(topology, "text").rstrip("\n").split("\n\n")
    for block, phase in zip(blocks, topology.phases, strict=True):
        lines = [line[2:] for line in block.splitlines()[1:]]
        told = [line for line in lines if not re.search(r" (is (a|the)|waits?) |\(alone\)", line)]
        assert sorted(edges_said(told)) == sorted(edge.pair for edge in phase.edges), block


@settings(max_examples=25)
@given(graphs())
def test_the_text_says_what_each_edge_carries_and_whether_it_is_trusted(topology: Topology) -> None:
    text = draw(topology, "text")
    [phase] = topology.phases
    for word, holds in {
        "position": any(edge.carries == "position" for edge in phase.edges),
        "summary": any(edge.carries == "summary" for edge in phase.edges),
        "untrusted": any(edge.trust == "untrusted" for edge in phase.edges),
    }.items():
        for form in ("text", "mermaid", "dot"):
            assert (word in draw(topology, form)) == holds, text


def test_the_text_names_votes_boards_and_the_moderator() -> None:
    assert draw(blind_then_discuss(["ann", "bob", "cem"]), "text") == (
        "1 · blind (simultaneous, 1 round)\n"
        "  user\n"
        "  ├→ ann\n"
        "  ├→ bob\n"
        "  └→ cem\n"
        "\n"
        "2 · discuss (random, 2 rounds)\n"
        "  everybody ⇄ everybody\n"
        "  everybody: ann, bob, cem\n"
        "\n"
        "3 · vote (simultaneous, 1 round)\n"
        "  everybody → ballot\n"
        "  everybody: ann, bob, cem\n"
        "  ballot → user\n"
        "  ballot is a Borda vote\n"
    )
    assert "plan is a board" in draw(workshop(["a", "b", "c"]), "text")
    assert "a is the moderator" in draw(panel(["a", "b", "c"]), "text")


def test_what_an_edge_carries_stands_at_its_end_in_a_text() -> None:
    topology = Topology.graph(
        [
            {"from": "user", "to": "web", "trust": "untrusted"},
            {"from": "web", "to": "b", "carries": "position", "max_messages": 2},
            {"from": "b", "to": "user", "carries": "summary", "rewrite": "my.module:short"},
        ]
    )
    assert draw(topology, "text") == (
        "graph (reactive)\n"
        "  user → web (untrusted) → b (position, ≤ 2) → user (summary, rewritten by my.module:short)\n"
    )  # fmt: skip


def test_a_ring_and_layers_are_told_in_a_line_each() -> None:
    assert "agent-1 → agent-2 → agent-3 → agent-1\n" in draw(Topology.ring(names("agent", 3)), "text")
    layers = draw(Topology.layers([["a", "b"], ["c", "d"], "e"]), "text")
    assert "  a, b → c, d\n  c, d → e\n" in layers
    assert "  c, d, e wait for all\n" in layers
