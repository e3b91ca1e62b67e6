"""A topology of every kind, graphs of all sorts, and what lies on top of what in a picture."""

from __future__ import annotations

from hypothesis import strategies as st

from agentmesh.topology.graph import Board, Topology, Vote
from agentmesh.topology.shapes import Box, Curve

Edges = list[tuple[str, str]]


def names(word: str, count: int) -> list[str]:
    return [f"{word}-{index}" for index in range(1, count + 1)]


def blind_then_discuss(agents: list[str]) -> Topology:
    every = ", ".join(agents)
    return Topology(
        [
            {"name": "blind", "nodes": agents, "edges": [f"user -> {every}"], "order": "simultaneous", "rounds": 1},
            {"name": "discuss", "nodes": agents, "edges": [f"{every} <-> {every}"], "order": "random", "rounds": 2},
            {"name": "vote", "nodes": agents, "edges": [f"{every} -> ballot", "ballot -> user"], "rounds": 1,
             "order": "simultaneous"},
        ],
        votes={"ballot": Vote("borda")},
    )  # fmt: skip


def workshop(agents: list[str]) -> Topology:
    first, every = agents[0], ", ".join(agents)
    edges = [f"user -> {every}", f"{every} <-> plan", f"{first} -> {', '.join(agents[1:])}", f"{first} -> user"]
    phase = {"name": "build", "nodes": agents, "edges": edges, "order": "random", "rounds": 4}
    more = {"until": {"verify": ["pytest", "-q"]}, "max_iterations": 5, "memory": "fresh"}
    return Topology([{**phase, **more}], boards={"plan": Board()})


def panel(agents: list[str]) -> Topology:
    edges = [f"user -> {agents[0]}", f"{', '.join(agents)} <-> {', '.join(agents)}", f"{agents[0]} -> user"]
    phase = {"name": "panel", "nodes": agents, "edges": edges, "order": "moderator", "moderator": agents[0]}
    return Topology([{**phase, "rounds": 8}])


def small_world(agents: list[str]) -> Topology:
    arguments = {"n": len(agents), "k": 4, "p": 0.1, "seed": 1}
    edges = [f"user -> {agents[0]}", f"{agents[len(agents) // 2]} -> user"]
    return Topology.generator("watts_strogatz_graph", agents, edges, arguments=arguments)


def by_hand(agents: list[str]) -> Topology:
    """A phase with a vote that answers its speaker, and a board that some read."""
    every = ", ".join(agents)
    edges = [f"user -> {every}", f"{every} <-> {every}", f"{every} -> poll", f"poll -> {agents[0]}"]
    edges += [f"{agents[0]} -> notes", f"notes -> {agents[-1]}", f"{agents[0]} -> user"]
    phase = {"name": "talk", "nodes": agents, "edges": edges, "order": "simultaneous", "rounds": 3}
    return Topology([phase], votes={"poll": Vote("condorcet")}, boards={"notes": Board()})


KINDS = {
    "solo": lambda n: Topology.solo("a"),
    "chain": lambda n: Topology.chain(names("step", n)),
    "flat": lambda n: Topology.flat(names("a", n)),
    "flat with a vote": lambda n: Topology.flat(names("a", n), vote="ballot", end="converged"),
    "star": lambda n: Topology.star("center", names("leaf", n)),
    "ring": lambda n: Topology.ring(names("a", n), order="round_robin"),
    "layers": lambda n: Topology.layers([names("first", n), names("second", max(n - 1, 1)), "last"]),
    "debate": lambda n: Topology.debate(names("side", n), "judge"),
    "independent with a vote": lambda n: Topology.independent(names("a", n), vote="majority"),
    "independent with a judge": lambda n: Topology.independent(names("a", n), best_of="critic"),
    "independent with an aggregator": lambda n: Topology.independent(names("a", n), aggregator="writer"),
    "hierarchy": lambda n: Topology.hierarchy("planner", names("worker", n), judge="judge"),
    "tree": lambda n: Topology.hierarchy("top", [{"planner": "lead", "workers": names("w", n)}, *names("x", n)]),
    "blind, then discussed": lambda n: blind_then_discuss(names("a", n)),
    "workshop with a board": lambda n: workshop(names("a", n)),
    "panel with a moderator": lambda n: panel(names("a", n)),
    "small world": lambda n: small_world(names("a", max(n, 5))),
    "by hand": lambda n: by_hand(names("a", n)),
}


@st.composite
def kinds(draw_: st.DrawFn) -> Topology:
    return KINDS[draw_(st.sampled_from(sorted(KINDS)))](draw_(st.integers(2, 16)))


@st.composite
def graphs(draw_: st.DrawFn) -> Topology:
    """Graphs with votes and boards, and edges of all sorts."""
    agents = names("a", draw_(st.integers(1, 8)))
    votes, boards = names("vote", draw_(st.integers(0, 2))), names("board", draw_(st.integers(0, 2)))
    pairs = [(a, b) for a in ("user", *agents) for b in ("user", *agents) if a != b]
    pairs += [(a, vote) for vote in votes for a in agents] + [(vote, a) for vote in votes for a in ("user", *agents)]
    pairs += [pair for board in boards for a in agents for pair in ((a, board), (board, a))]
    chosen = draw_(st.lists(st.sampled_from(pairs), min_size=1, max_size=20, unique=True))
    sorts = st.fixed_dictionaries({
        "carries": st.sampled_from(["full", "full", "position", "summary"]),
        "trust": st.sampled_from(["trusted", "trusted", "untrusted"]),
        "max_messages": st.none() | st.integers(1, 9),
    })  # fmt: skip
    edges = [{"from": a, "to": b, **draw_(sorts)} for a, b in chosen]
    return Topology.graph(
        edges, agents, votes={name: Vote() for name in votes}, boards={name: Board() for name in boards}
    )


def overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def runs_over(curve: Curve, box: Box) -> bool:
    points = (curve.at(step / 60) for step in range(1, 60))
    return any(box[0] + 1 < x < box[2] - 1 and box[1] + 1 < y < box[3] - 1 for x, y in points)
