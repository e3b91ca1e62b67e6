"""What a picture shows of each node, line and heading, and where the nodes of each kind stand."""

from __future__ import annotations

import json
import re
from itertools import combinations
from xml.etree import ElementTree

import pytest

from agentmesh.topology.drawing import draw
from agentmesh.topology.graph import Board, Topology, Vote
from agentmesh.topology.layout import layout
from agentmesh.topology.shapes import ANSWER, TASK, agents_of
from tests.topology.drawn_kinds import Edges, by_hand, names, overlap, panel, runs_over, small_world, workshop

SVG = "{http://www.w3.org/2000/svg}"


def cards(topology: Topology) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(draw(topology, "svg"))
    return [group for group in root.iter(f"{SVG}g") if group.get("data-phase")]


# Shapes.


def classes(topology: Topology) -> dict[str, str]:
    root = ElementTree.fromstring(draw(topology, "svg"))
    return {str(g.get("data-node")): str(g.get("class")) for g in root.iter(f"{SVG}g") if g.get("data-node")}


def test_votes_boards_and_the_moderator_have_shapes_and_captions_of_their_own() -> None:
    topology = by_hand(["a", "b", "c", "d"])
    assert classes(topology) == {
        "user": "am-user", "poll": "am-vote", "notes": "am-board", **dict.fromkeys("abcd", "am-agent"),
    }  # fmt: skip
    svg = draw(topology, "svg")
    assert ">Condorcet vote<" in svg
    assert ">board<" in svg
    assert '"poll" [label="poll\\nCondorcet vote"' in draw(topology, "dot")
    assert "shape=hexagon" in draw(topology, "dot")
    assert "shape=note" in draw(topology, "dot")
    assert 'poll{"poll<br/><small>Condorcet vote</small>"}' in draw(topology, "mermaid")
    assert 'notes[("notes")]' in draw(topology, "mermaid")
    moderated = draw(panel(["a", "b", "c"]), "svg")
    assert classes(panel(["a", "b", "c"]))["a"] == "am-moderator"
    assert ">moderator<" in moderated


def test_each_sort_of_node_and_line_has_colours_for_light_and_for_dark_pages() -> None:
    light, dark = draw(Topology.solo("a"), "svg").split("@media (prefers-color-scheme:dark)")
    for name in ("vote", "board", "moderator", "planner", "worker", "judge"):
        assert re.search(rf"\.am-{name} \.am-node{{fill:#\w+;stroke:#\w+", light)
        assert re.search(rf"\.am-{name} \.am-node{{fill:#\w+;stroke:#\w+", dark)
    assert ".am-untrusted .am-line{stroke:" in light
    assert ".am-untrusted .am-line{stroke:" in dark


def test_a_tooltip_says_how_a_vote_decides() -> None:
    vote = Vote("plurality", options=("yes", "no"), weights={"a": 2.0}, ties="a")
    svg = draw(Topology.independent(["a", "b"], vote="poll", votes={"poll": vote}), "svg")
    assert "poll: plurality vote\noptions: yes, no\nweights: a 2\nties: a</title>" in svg


def test_json_lists_votes_and_boards_among_the_nodes_and_by_themselves() -> None:
    data = json.loads(draw(by_hand(["a", "b", "c"]), "json"))
    assert data["nodes"] == ["user", "a", "b", "c", "poll", "notes"]
    assert (data["votes"], data["boards"]) == (["poll"], ["notes"])
    assert ["poll", "a"] in data["edges"]
    assert [list(phase) for phase in data["phases"]] == [["name", "order", "edges"]]


# What the heading and the lines say.


def test_the_heading_says_the_order_its_end_and_how_often_it_begins_again() -> None:
    title = "build (random, 4 rounds, until pytest -q succeeds, up to 5 times, fresh memory each time)\n"
    assert draw(workshop(["a", "b"]), "text").startswith(title)
    assert draw(panel(["a", "b", "c"]), "text").startswith("panel (a moderates, 8 speakers)\n")
    converged = draw(Topology.flat(["a", "b"], rounds=3, end="converged"), "text")
    assert converged.startswith("1 · discuss (simultaneous, up to 3 rounds, until all agree)\n")
    drawn = {"name": "p", "nodes": ["a"], "edges": ["user -> a", "a -> user"], "max_iterations": 2}
    promised = draw(Topology([{**drawn, "until": {"promise": "DONE", "function": "m:f"}}]), "text")
    assert promised.startswith("p (reactive, until somebody says DONE and m:f holds, up to 2 times)\n")
    tested = draw(Topology([{**drawn, "until": {"function": "my.module:good"}}]), "text")
    assert tested.startswith("p (reactive, until my.module:good holds, up to 2 times)\n")
    answered = draw(Topology([{**drawn, "max_iterations": 1, "end": "answer"}]), "text")
    assert answered.startswith("p (reactive, until an answer)\n")


def test_a_long_heading_is_wrapped_and_lies_within_its_card() -> None:
    [card] = cards(workshop(names("a", 4)))
    lines = [text.text or "" for text in card.findall(f"{SVG}text") if text.get("class") == "am-order"]
    assert len(lines) > 1
    assert " ".join(lines).endswith("fresh memory each time")
    rect = card.find(f"{SVG}rect")
    assert rect is not None
    assert max(map(len, lines)) * 6.9 < float(str(rect.get("width")))


def test_a_line_says_what_it_carries_and_that_it_is_untrusted() -> None:
    edges = [("user", "a"), {"from": "a", "to": "b", "carries": "position", "trust": "untrusted"}, ("b", "user")]
    root = ElementTree.fromstring(draw(Topology.graph(edges), "svg"))
    [line] = [group for group in root.iter(f"{SVG}g") if group.get("data-edges") == "a->b"]
    assert line.get("class") == "am-edge am-untrusted"
    title = line.find(f"{SVG}title")
    assert title is not None
    assert title.text == "a → b\na → b: carries the position alone\na → b: what passes is untrusted"
    assert "position, untrusted" in [text.text for text in root.iter(f"{SVG}text")]


def test_what_all_edges_carry_is_said_once() -> None:
    agents = names("a", 5)
    every = ", ".join(agents)
    edges = [f"user -> {every}", {"from": agents, "to": agents, "carries": "position"}, "a-1 -> user"]
    topology = Topology([{"name": "p", "nodes": agents, "edges": edges, "order": "simultaneous", "rounds": 2}])
    svg = draw(topology, "svg")
    assert svg.count("every edge: position") == 1
    assert 'am-label-back"' not in svg.split("</style>")[1]
    assert "everybody ⇄ everybody (position)" in draw(topology, "text")


def test_directions_that_say_different_things_are_two_arrows_where_one_has_one_label() -> None:
    edges = ["user -> a", {"from": "a", "to": "b", "carries": "position"}, "b -> a", "a -> user"]
    topology = Topology.graph(edges)
    assert '    a -->|"position"| b\n    b --> a\n' in draw(topology, "mermaid")
    assert '    "a" -> "b" [label="position"];\n    "b" -> "a";\n' in draw(topology, "dot")
    assert "⇄ b (position)" in draw(topology, "text")


# Shapes of kinds.


def test_who_alone_speaks_with_the_user_stands_at_the_top_of_a_circle_level_with_it() -> None:
    spots = {spot.key: spot for spot in layout(panel(names("a", 5)).phases[0]).spots}
    assert spots["a-1"].y == min(spot.y for spot in spots.values()) == spots[TASK].y == spots[ANSWER].y


def test_a_ring_goes_around_a_circle_in_order() -> None:
    picture = layout(Topology.ring(names("a", 6)).phases[0])
    spots = {spot.key: spot for spot in picture.spots}
    middle_x = sum(spots[name].x for name in names("a", 6)) / 6
    middle_y = sum(spots[name].y for name in names("a", 6)) / 6
    turns = []
    for link in (link for curve in picture.curves for link in curve.links if len(curve.links) == 1):
        (ax, ay), (bx, by) = ((spots[end].x - middle_x, spots[end].y - middle_y) for end in (link.start, link.stop))
        turns.append(ax * by - ay * bx)
    assert len(turns) == 6
    assert all(turn > 0 for turn in turns)


def test_a_star_of_a_few_stands_around_its_center_and_one_of_many_beside_a_block() -> None:
    few = {spot.key: spot for spot in layout(Topology.star("c", names("leaf", 5)).phases[0]).spots}
    leaves = [few[name] for name in names("leaf", 5)]
    assert min(leaf.y for leaf in leaves) < few["c"].y < max(leaf.y for leaf in leaves)
    assert any(leaf.x < few["c"].x for leaf in leaves)
    assert any(leaf.x > few["c"].x for leaf in leaves)
    many = layout(Topology.star("c", names("leaf", 24)).phases[0])
    assert len(many.rings) == 1
    assert sorted(len(curve.links) for curve in many.curves) == [1, 24]
    assert many.height < 500


def test_layers_stand_in_columns_within_a_frame_that_the_task_reaches() -> None:
    picture = layout(Topology.layers([names("a", 3), names("b", 3), "c"]).phases[0])
    columns = {spot.key[0]: spot.x for spot in picture.spots if spot.key[0] in "abc"}
    assert len({spot.x for spot in picture.spots if spot.part == "agent"}) == 3
    assert columns["a"] < columns["b"] < columns["c"]
    [frame] = picture.rings
    assert all(frame.box[0] < spot.box[0] for spot in picture.spots if spot.part == "agent")
    assert max(len(curve.links) for curve in picture.curves) == 7


def test_those_who_only_hear_a_debate_stand_beside_it() -> None:
    picture = layout(Topology.debate(names("side", 4), "judge").phases[0])
    spots = {spot.key: spot for spot in picture.spots}
    assert all(spots["judge"].box[0] > spots[name].box[2] for name in names("side", 4))
    assert {len(curve.links) for curve in picture.curves} == {1, 4, 5}


def test_a_small_world_stands_on_a_circle_in_its_order() -> None:
    phase = small_world(names("a", 8)).phases[0]
    spots = {spot.key: spot for spot in layout(phase).spots}
    agents = [spots[name] for name in agents_of(phase)]
    assert len({(round(spot.x), round(spot.y)) for spot in agents}) == 8
    middle = sum(spot.x for spot in agents) / 8
    assert len({round(abs(spot.x - middle)) for spot in agents}) <= 5
    assert spots["a-1"].x == min(spot.x for spot in agents)


def test_a_board_that_all_use_hangs_below_and_a_vote_of_all_stands_on_the_right() -> None:
    every = ", ".join(names("a", 5))
    edges = [f"user -> {every}", f"{every} <-> {every}", f"{every} <-> notes", f"{every} -> poll", "poll -> user"]
    phase = {"name": "talk", "nodes": names("a", 5), "edges": edges, "order": "simultaneous", "rounds": 1}
    picture = layout(Topology([phase], votes={"poll": Vote()}, boards={"notes": Board()}).phases[0])
    spots = {spot.key: spot for spot in picture.spots}
    agents = [spots[name] for name in names("a", 5)]
    assert spots["notes"].box[1] > max(spot.box[3] for spot in agents)
    assert max(spot.box[2] for spot in agents) < spots["poll"].box[0]
    assert spots["poll"].box[2] < spots[ANSWER].box[0]


def test_a_discussion_of_thirty_two_is_wider_than_high_and_its_vote_a_block() -> None:
    discuss, vote = Topology.flat(names("a", 32), vote="ballot").phases
    picture = layout(discuss)
    assert picture.width > picture.height
    assert "am-many" in draw(Topology([discuss]), "svg").split("</style>")[1]
    block = layout(vote)
    assert sorted(len(curve.links) for curve in block.curves) == [1, 32]
    assert block.height < 500


def test_a_block_takes_lines_in_whichever_direction_they_were_written() -> None:
    leaves = names("leaf", 12)
    edges = [pair for leaf in leaves for pair in ((leaf, "c"), ("c", leaf))]
    edges = [*edges[:12], *(pair[::-1] for pair in edges[12:]), ("user", "c"), ("c", "user")]
    phase = Topology.graph(edges).phases[0]
    [block] = [curve for curve in layout(phase).curves if len(curve.links) > 1]
    assert len(block.links) == 12
    assert {link.start for link in block.links} in ({"c"}, set(leaves))


@pytest.mark.parametrize("with_user", [[], [("user", "c")], [("c", "user")], [("user", "c"), ("c", "user")]])
def test_leaves_leave_the_way_between_a_center_and_the_user_free(with_user: Edges) -> None:
    leaves = names("leaf", 5)
    edges = [pair for leaf in leaves for pair in ((leaf, "c"), ("c", leaf))]
    phase = Topology.graph([*with_user, *edges]).phases[0]
    picture = layout(phase)
    spots = {spot.key: spot for spot in picture.spots}
    assert {spots[leaf].y > spots["c"].y for leaf in leaves} == {True, False}
    for curve in picture.curves:
        ends = {curve.links[0].start, curve.links[0].stop}
        assert not [key for key, spot in spots.items() if key not in ends and runs_over(curve, spot.box)]


def test_two_rings_apart_are_not_one_circle() -> None:
    rings = [*zip("abc", "bca", strict=True), *zip("def", "efd", strict=True)]
    picture = layout(Topology.graph([("user", "a"), *rings, ("d", "user")]).phases[0])
    assert not [(a.key, b.key) for a, b in combinations(picture.spots, 2) if overlap(a.box, b.box)]
    assert sum(len(curve.links) for curve in picture.curves) == 8


def test_of_two_who_only_hear_one_who_is_told_the_task_stands_on_the_circle() -> None:
    sides = names("side", 4)
    pairs = [(a, b) for a in sides for b in sides if a != b]
    heard = [(side, judge) for side in sides for judge in ("judge", "clerk")]
    told = [("user", name) for name in (*sides, "judge")]
    picture = layout(Topology.graph([*told, *pairs, *heard, ("judge", "user")]).phases[0])
    assert len(picture.rings) <= 1
    assert sum(len(curve.links) for curve in picture.curves) == 5 + 6 + 8 + 1


def test_a_board_of_a_hierarchy_stands_where_its_lines_run_over_nobody() -> None:
    workers = names("w", 3)
    edges = ["user -> planner", "planner -> user", f"planner, {', '.join(workers)} <-> notes"]
    phase = {"name": "work", "order": "tasks", "planner": "planner", "workers": workers, "edges": edges}
    picture = layout(Topology([phase], boards={"notes": Board()}).phases[0])
    spots = {spot.key: spot for spot in picture.spots}
    assert all(spots["notes"].y > spots[worker].y for worker in workers)
    for curve in picture.curves:
        ends = {curve.links[0].start, curve.links[0].stop}
        assert not [key for key, spot in spots.items() if key not in ends and runs_over(curve, spot.box)]


def test_lines_in_a_wide_tree_run_over_no_node_and_no_block() -> None:
    arguments = {"n": 60, "m": 1, "seed": 1}
    edges = ["user -> a-1", "a-60 -> user"]
    topology = Topology.generator("barabasi_albert_graph", names("a", 60), edges, arguments=arguments)
    picture = layout(topology.phases[0])
    assert picture.rings
    for curve in picture.curves:
        ends = {end for link in curve.links for end in (link.start, link.stop)}
        assert not [spot.key for spot in picture.spots if spot.key not in ends and runs_over(curve, spot.box)]
