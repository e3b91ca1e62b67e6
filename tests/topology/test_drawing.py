"""Pictures of topologies: complete, the same every time, safe to open, and nothing on top of anything else."""

from __future__ import annotations

import json
import math
import re
from itertools import combinations
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentmesh.topology.drawing import Format, draw
from agentmesh.topology.graph import Topology
from agentmesh.topology.layout import layout
from agentmesh.topology.phases import Edge, Phase
from agentmesh.topology.shapes import ANSWER, TASK, Box, Curve, Picture, shortened

FORMATS: tuple[Format, ...] = ("mermaid", "svg", "dot", "json", "text")
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '<script>alert("1 & 2")</script>\x07'

TREE = Topology.hierarchy(
    "chief",
    [
        {"planner": "research-lead", "workers": ["searcher-1", "searcher-2"]},
        {"planner": "build-lead", "workers": [{"planner": "backend-lead", "workers": ["coder"]}, "tester"]},
        "secretary",
    ],
    judge="referee",
)
DIAMOND = Topology.graph(
    [
        ("user", "splitter"),
        ("splitter", "north"),
        ("splitter", "south"),
        ("north", "joiner"),
        ("south", "joiner"),
        {"from": "joiner", "to": "critic", "max_messages": 3},
        {"from": "critic", "to": "joiner", "max_messages": 2},
        ("joiner", "user"),
    ],
    joins={"joiner": "all", "critic": 1},
)
EXAMPLES = {
    "solo": Topology.solo("assistant"),
    "chain": Topology.chain(["writer", "editor"]),
    "long chain": Topology.chain([f"step-{index}" for index in range(1, 21)]),
    "flat": Topology.flat(["optimist", "skeptic", "chair"], rounds=4),
    "flat of 8": Topology.flat([f"agent-{index}" for index in range(8)], rounds=1),
    "hierarchy": Topology.hierarchy("planner", ["worker-1", "worker-2", "worker-3"], judge="judge"),
    "many workers": Topology.hierarchy("planner", [f"worker-{index}" for index in range(1, 17)]),
    "tree": TREE,
    "many below": Topology.hierarchy(
        "boss", [{"planner": "lead", "workers": [f"w{i}" for i in range(9)]}, *[f"x{i}" for i in range(8)]]
    ),
    "graph": DIAMOND,
    "lonely": Topology([Phase("p", "reactive", ("a", "lonely"), (Edge("user", "a"), Edge("a", "user")))]),
    "nothing": Topology([]),
}


@st.composite
def graphs(draw_: st.DrawFn, largest: int = 12) -> Topology:
    names = [f"agent-{index}" for index in range(draw_(st.integers(1, largest)))]
    pairs = [(a, b) for a in ("user", *names) for b in ("user", *names) if a != b]
    edges = draw_(st.lists(st.sampled_from(pairs), min_size=1, max_size=3 * len(names), unique=True))
    bound = st.none() | st.integers(1, 99)
    return Topology.graph([{"from": a, "to": b, "max_messages": draw_(bound)} for a, b in edges], names)


def overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def drawn_edges(root: ElementTree.Element) -> list[str]:
    return [pair for group in root.iter(f"{SVG}g") for pair in group.get("data-edges", "").split()]


def picture_of(topology: Topology) -> Picture:
    return layout(topology.phases[0])


def goes_through(curve: Curve, box: Box) -> bool:
    points = [curve.at(step / 60) for step in range(1, 60)]
    return any(box[0] + 1 < x < box[2] - 1 and box[1] + 1 < y < box[3] - 1 for x, y in points)


@settings(max_examples=25)
@given(graphs())
def test_every_edge_is_drawn_exactly_once_in_every_form(topology: Topology) -> None:
    pairs = sorted(topology.edges)
    root = ElementTree.fromstring(draw(topology, "svg"))
    assert sorted(drawn_edges(root)) == [f"{a}->{b}" for a, b in pairs]
    mermaid = draw(topology, "mermaid").replace("_", "-")
    both = [(b, a) for a, b in re.findall(r"(\S+) <-->(?:\|.*\|)? (\S+)", mermaid)]
    assert sorted(both + re.findall(r"(\S+) <?-->(?:\|.*\|)? (\S+)", mermaid)) == [
        (a.replace("_", "-"), b) for a, b in pairs
    ]
    dot = re.findall(r'"(\S+)" -> "(\S+)"( \[dir=both)?', draw(topology, "dot"))
    assert sorted([(a, b) for a, b, _ in dot] + [(b, a) for a, b, both_ in dot if both_]) == pairs
    assert sorted(json.loads(draw(topology, "json"))["edges"]) == [list(pair) for pair in pairs]


@settings(max_examples=25)
@given(graphs())
def test_every_node_is_named_in_every_form(topology: Topology) -> None:
    for form in FORMATS:
        text = draw(topology, form)
        assert all(name in text or "everybody" in text for name in topology.nodes), form


@settings(max_examples=25)
@given(graphs(20))
def test_no_two_nodes_overlap(topology: Topology) -> None:
    spots = picture_of(topology).spots
    assert not [(a.key, b.key) for a, b in combinations(spots, 2) if overlap(a.box, b.box)]


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "nothing"])
def test_lines_and_labels_stay_clear_of_nodes_and_of_each_other(name: str) -> None:
    picture = picture_of(EXAMPLES[name])
    for curve in picture.curves:
        ends = {end for link in curve.links for end in (link.start, link.stop)}
        through = [spot.key for spot in picture.spots if spot.key not in ends and goes_through(curve, spot.box)]
        assert not through, ends
    boxes = [spot.box for spot in picture.spots]
    for x, y, width in re.findall(r'am-label-back" x="(\S+)" y="(\S+)" width="(\S+)"', draw(EXAMPLES[name], "svg")):
        boxes.append((float(x), float(y), float(x) + float(width), float(y) + 16))
    assert not [pair for pair in combinations(boxes, 2) if overlap(*pair)]


@settings(max_examples=25)
@given(graphs())
def test_everything_lies_within_the_picture(topology: Topology) -> None:
    picture = picture_of(topology)
    points = [point for curve in picture.curves for point in map(curve.at, (0, 0.25, 0.5, 0.75, 1))]
    points += [point for spot in picture.spots for point in (spot.box[:2], spot.box[2:])]
    assert all(-0.1 <= x <= picture.width + 0.1 and -0.1 <= y <= picture.height + 0.1 for x, y in points)


@settings(max_examples=25)
@given(graphs())
def test_the_user_stands_at_the_edge(topology: Topology) -> None:
    spots = {spot.key: spot for spot in picture_of(topology).spots}
    agents = [spot for key, spot in spots.items() if key not in (TASK, ANSWER)]
    assert TASK not in spots or all(spots[TASK].x < agent.x for agent in agents if agent.part != "agent")
    assert ANSWER not in spots or all(spots[ANSWER].x > agent.x for agent in agents)


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_topology_gives_the_same_picture(form: Format) -> None:
    for topology in EXAMPLES.values():
        assert draw(topology, form) == draw(topology, form)
        assert draw(topology, form).endswith("\n")


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_picture_needs_nothing_from_outside_and_runs_nothing(name: str) -> None:
    text = draw(EXAMPLES[name], "svg")
    tags = {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(text).iter()}
    assert tags <= {"svg", "title", "style", "g", "rect", "polygon", "ellipse", "path", "text", "tspan"}
    assert "href" not in text
    assert "url(" not in text
    assert "@import" not in text


def test_names_cannot_break_out_of_a_picture() -> None:
    topology = Topology([Phase(HOSTILE, "reactive", (HOSTILE,), (Edge("user", HOSTILE), Edge(HOSTILE, "user")))])
    root = ElementTree.fromstring(draw(topology, "svg"))
    assert not list(root.iter(f"{SVG}script"))
    assert any(group.get("data-node") == HOSTILE.replace("\x07", "\ufffd") for group in root.iter(f"{SVG}g"))
    assert "<script>" not in draw(topology, "mermaid")
    assert r'"<script>alert(\"1 & 2\")</script>' in draw(topology, "dot")
    assert HOSTILE in json.loads(draw(topology, "json"))["nodes"]


def test_planners_stand_above_what_works_for_them_and_the_judge_beside_the_first() -> None:
    spots = {spot.name: spot for spot in picture_of(TREE).spots}
    planning = TREE.phases[0].planning
    assert planning is not None
    assert all(spots[planner].y < spots[worker].y for worker, planner in planning.planner_of.items())
    assert spots["referee"].y == spots["chief"].y
    parts = {name: spot.part for name, spot in spots.items()}
    assert (parts["chief"], parts["backend-lead"], parts["coder"], parts["referee"]) == (
        "planner", "planner", "worker", "judge",
    )  # fmt: skip


def test_a_role_is_written_under_a_name_that_does_not_say_it() -> None:
    root = ElementTree.fromstring(draw(TREE, "svg"))
    captions = [element.text for element in root.iter(f"{SVG}text") if element.get("class") == "am-caption"]
    assert captions.count("planner") == 4
    assert captions.count("worker") == 5
    assert captions.count("judge") == 1
    plain = draw(EXAMPLES["hierarchy"], "svg")
    assert ">worker<" not in plain


def test_a_declared_role_is_shown_with_its_agent() -> None:
    roles = {"writer": "drafts the report", "editor": "editor"}
    root = ElementTree.fromstring(draw(EXAMPLES["chain"], "svg", roles))
    captions = [element.text for element in root.iter(f"{SVG}text") if element.get("class") == "am-caption"]
    assert captions == ["task", shortened("drafts the report", 13), "answer"]
    assert "writer: drafts the report" in [element.text for element in root.iter(f"{SVG}title")]
    hierarchy = draw(EXAMPLES["hierarchy"], "text", {"worker-1": "counts", "judge": "judge"})
    assert "├⇄ worker-1 (counts)" in hierarchy
    assert "judge (" not in hierarchy


def test_many_workers_hang_in_two_columns() -> None:
    spots = [spot for spot in picture_of(EXAMPLES["many workers"]).spots if spot.part == "worker"]
    assert len({spot.x for spot in spots}) == 2
    assert len({spot.y for spot in spots}) == 8


def test_agents_outside_the_tree_stand_below_it() -> None:
    work = EXAMPLES["hierarchy"].phases[0]
    phase = Phase("work", "tasks", (*work.participants, "observer"), work.edges, planning=work.planning)
    spots = {spot.name: spot for spot in layout(phase).spots}
    assert spots["observer"].y > spots["worker-1"].y


def test_a_line_runs_the_same_way_whichever_of_its_edges_comes_first() -> None:
    work = EXAMPLES["hierarchy"].phases[0]
    upwards = Phase("work", "tasks", work.participants, work.edges[::-1], planning=work.planning)
    ends = {frozenset((curve.at(0), curve.at(1))) for curve in layout(work).curves}
    assert {frozenset((curve.at(0), curve.at(1))) for curve in layout(upwards).curves} == ends


def test_everybody_stands_on_a_circle_where_everybody_speaks_to_everybody() -> None:
    picture = picture_of(EXAMPLES["flat of 8"])
    agents = [spot for spot in picture.spots if spot.part == "agent"]
    middle = (sum(spot.x for spot in agents) / 8, sum(spot.y for spot in agents) / 8)
    radii = {round(math.dist(middle, (spot.x, spot.y)), 3) for spot in agents}
    assert len(radii) == 1
    assert len(picture.rings) == 1
    assert sum(len(curve.links) == 8 for curve in picture.curves) == 1


def test_on_a_circle_one_line_to_a_ring_stands_for_the_lines_to_and_from_all() -> None:
    names = ["a", "b", "c"]
    edges = [(x, y) for x in ("user", *names) for y in ("user", *names) if x != y]
    root = ElementTree.fromstring(draw(Topology.graph(edges), "svg"))
    titles = [element.text for element in root.iter(f"{SVG}title")]
    assert "user → a, b, c" in titles
    assert "a, b, c → user" in titles


def test_on_a_circle_those_who_hear_the_user_face_those_whom_it_hears() -> None:
    names = ["a", "b", "c", "d"]
    edges = [("user", "b"), *((x, y) for x in names for y in names if x != y), ("c", "user")]
    spots = {spot.key: spot for spot in picture_of(Topology.graph(edges)).spots}
    assert spots["b"].x == min(spots[name].x for name in names)
    assert spots["c"].x == max(spots[name].x for name in names)


def test_a_long_chain_turns_back_and_a_short_one_stays_on_a_line() -> None:
    assert len({round(spot.y) for spot in picture_of(EXAMPLES["long chain"]).spots}) == 4
    assert len({round(spot.y) for spot in picture_of(EXAMPLES["chain"]).spots}) == 1


def test_phases_stand_side_by_side_with_their_orders() -> None:
    root = ElementTree.fromstring(draw(EXAMPLES["flat"], "svg"))
    phases = [group.get("data-phase") for group in root.iter(f"{SVG}g") if group.get("data-phase")]
    spans = [element.text for element in root.iter(f"{SVG}tspan")]
    assert phases == ["discuss", "answer"]
    assert spans == ["1 · discuss", "simultaneous, 4 rounds", "2 · answer", "reactive"]
    lefts = [float(str(rect.get("x"))) for rect in root.iter(f"{SVG}rect") if rect.get("class") == "am-card"]
    assert lefts == sorted(lefts)


def test_bounds_joins_and_rewriting_are_told() -> None:
    text = draw(DIAMOND, "svg")
    assert "≤ 3" in text
    assert "≤ 2" in text
    assert "joiner → critic: at most 3 messages" in text
    assert "waits for all" in text
    rewritten = Topology([Phase("p", "reactive", ("a",), (Edge("user", "a", 1, "my.module:short"), Edge("a", "user")))])
    assert "user → a: at most 1 message\nuser → a: rewritten by my.module:short" in draw(rewritten, "svg")
    assert "am-rewritten" in draw(rewritten, "svg").split("</style>")[1]
    same = Topology.graph([{"from": "a", "to": "b", "max_messages": 4}, {"from": "b", "to": "a", "max_messages": 4}])
    assert draw(same, "svg").count("≤ 4") == 1
    assert draw(same, "text") == "graph (reactive)\n  a\n  └⇄ b (≤ 4)\n"
    assert 'a <-->|"≤ 4"| b' in draw(same, "mermaid")
    assert 'label="≤ 4"' in draw(same, "dot")


def test_the_json_holds_nodes_edges_and_phases() -> None:
    assert json.loads(draw(EXAMPLES["flat"], "json")) == {
        "nodes": ["user", "optimist", "skeptic", "chair"],
        "edges": [
            ["user", "optimist"], ["user", "skeptic"], ["user", "chair"],
            ["optimist", "skeptic"], ["optimist", "chair"], ["skeptic", "optimist"], ["skeptic", "chair"],
            ["chair", "optimist"], ["chair", "skeptic"], ["chair", "user"],
        ],
        "phases": [
            {"name": "discuss", "order": "simultaneous", "edges": [
                ["user", "optimist"], ["user", "skeptic"], ["user", "chair"],
                ["optimist", "skeptic"], ["optimist", "chair"], ["skeptic", "optimist"], ["skeptic", "chair"],
                ["chair", "optimist"], ["chair", "skeptic"],
            ]},
            {"name": "answer", "order": "reactive", "edges": [["chair", "user"]]},
        ],
    }  # fmt: skip


def test_mermaid_has_a_subgraph_for_each_phase() -> None:
    assert draw(EXAMPLES["hierarchy"], "mermaid").split("  classDef")[0] == (
        "flowchart LR\n"
        '  subgraph phase_1["work: tasks, up to 3 cycles"]\n'
        '    user(["user"])\n'
        '    planner[["planner"]]\n'
        '    worker_1("worker-1")\n'
        '    worker_2("worker-2")\n'
        '    worker_3("worker-3")\n'
        '    judge{{"judge"}}\n'
        "    user --> planner\n"
        "    planner <--> worker_1\n"
        "    planner <--> worker_2\n"
        "    planner <--> worker_3\n"
        "    planner <--> judge\n"
        "    judge --> user\n"
        "  end\n"
    )
    flat = draw(EXAMPLES["flat"], "mermaid")
    assert "p1_chair" in flat
    assert "p2_chair --> p2_user" in flat
    assert "phase_1 --> phase_2" in flat


def test_mermaid_ids_are_plain_unique_and_no_words_of_mermaid() -> None:
    topology = Topology.chain(["end", "a-b", "a.b", "a_b", "end_", "Größe", "-"])
    text = draw(topology, "mermaid")
    ids = re.findall(r"^    ([^\s(]+)\(", text, re.MULTILINE)
    assert len(ids) == len(set(ids)) == 8
    assert all(re.fullmatch(r"[A-Za-z0-9_]+", id_) and id_ != "end" for id_ in ids)
    assert '("Größe")' in text
    assert "waits for all" in draw(DIAMOND, "mermaid")


def test_dot_pins_every_node_where_the_picture_has_it() -> None:
    text = draw(EXAMPLES["solo"], "dot")
    assert '"user" -> "assistant";' in text
    assert '"assistant" -> "user";' in text
    assert re.search(r'"assistant" \[label="assistant", pos="[\d.]+,[\d.]+!"', text)
    flat = draw(EXAMPLES["flat"], "dot")
    assert '"discuss/chair" -> "answer/user"' not in flat
    assert '"answer/chair" -> "answer/user";' in flat
    assert '"discuss/optimist" -> "discuss/chair" [dir=both];' in flat


def text_of(name: str) -> str:
    return draw(EXAMPLES[name], "text")


def test_text_shows_a_chain_on_one_line() -> None:
    assert text_of("solo") == "solo (reactive)\n  user → assistant → user\n"
    assert text_of("chain") == "chain (reactive)\n  user → writer → editor → user\n"
    assert all(len(line) <= 100 for line in text_of("long chain").splitlines())
    assert " ".join(text_of("long chain").split()).endswith("→ step-19 → step-20 → user")


def test_text_shows_a_discussion_in_words() -> None:
    assert text_of("flat") == (
        "1 · discuss (simultaneous, 4 rounds)\n"
        "  user → everybody\n"
        "  everybody ⇄ everybody\n"
        "  everybody: optimist, skeptic, chair\n"
        "\n"
        "2 · answer (reactive)\n"
        "  chair → user\n"
    )


def test_text_shows_planners_and_workers_as_a_tree() -> None:
    assert draw(TREE, "text") == (
        "work (tasks, up to 3 cycles)\n"
        "  user → chief (planner)\n"
        "         ├⇄ research-lead (planner)\n"
        "         │  ├⇄ searcher-1 (worker)\n"
        "         │  └⇄ searcher-2 (worker)\n"
        "         ├⇄ build-lead (planner)\n"
        "         │  ├⇄ backend-lead (planner)\n"
        "         │  │  └⇄ coder (worker)\n"
        "         │  └⇄ tester (worker)\n"
        "         ├⇄ secretary (worker)\n"
        "         └⇄ referee (judge) → user\n"
    )


def test_text_shows_any_other_graph_as_lists() -> None:
    assert text_of("graph") == (
        "graph (reactive)\n"
        "  user → splitter\n"
        "  splitter → north, south\n"
        "  north, south → joiner\n"
        "  joiner ⇄ critic (≤ 3, back ≤ 2)\n"
        "  joiner → user\n"
        "  joiner waits for all\n"
        "  critic waits for 1\n"
    )
    assert "lonely (alone)" in text_of("lonely")
    assert text_of("nothing") == "\n"


def test_text_shows_several_first_agents_as_branches_of_the_user() -> None:
    topology = Topology.graph([("user", "a"), ("user", "b"), ("b", "c"), ("c", "user")])
    assert draw(topology, "text") == (
        "graph (reactive)\n"
        "  user\n"
        "  ├→ a\n"
        "  └→ b → c → user\n"
    )  # fmt: skip


def test_text_of_a_clique_with_a_speaker_of_its_own_names_the_rest() -> None:
    names = ["a", "b", "c"]
    pairs = [(x, y) for x in names for y in names if x != y]
    topology = Topology.graph([("user", "a"), *pairs, {"from": "c", "to": "user", "max_messages": 1}])
    assert draw(topology, "text") == (
        "graph (reactive)\n"
        "  user → a\n"
        "  everybody ⇄ everybody\n"
        "  everybody: a, b, c\n"
        "  c → user (≤ 1)\n"
    )  # fmt: skip


def test_a_thousand_agents_are_drawn_in_a_moment() -> None:
    assert draw(Topology.chain([f"a{index}" for index in range(1000)]), "svg").count("data-node") == 1002
