"""What the tests of bounds draw: topologies of every kind, and what agents may try in them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from agentmesh.topology.graph import Topology, Vote
from tests.scheduler.scheduler_play import Holds, decide, hand_off, send, tasks

NAMES = ("a", "b", "c", "d")
VOTE, RANKED = "v", "w"
VOTES: Any = {VOTE: Vote(), RANKED: Vote(candidates=("a", "b"))}


def merging(topology: Topology, resolver: str | None = None) -> Topology:
    """The work of two agents is merged, and goes back twice at most."""
    return Topology([phase.accepting(["b", "c"], 2, resolver) for phase in topology.phases])


KINDS = [
    Topology.solo("a"),
    Topology.chain(NAMES),
    Topology.flat(NAMES, rounds=2),
    Topology.flat(NAMES, rounds=2, order="round_robin", speaker="a"),
    Topology.flat(NAMES, rounds=2, order="random", positions="optional", end="converged"),
    Topology.flat(NAMES, rounds=1, vote=VOTE),
    Topology.star("a", ["b", "c", "d"], rounds=2),
    Topology.ring(NAMES),
    Topology.ring(NAMES, order="round_robin", rounds=2),
    Topology.layers([["a", "b"], "c", "d"]),
    Topology.debate(["a", "b", "c"], judge="d"),
    Topology.debate(["a", "b", "c"], judge="d", order="random"),
    Topology.independent(NAMES, vote=VOTE),
    Topology.independent(NAMES[:3], best_of="d"),
    Topology.independent(NAMES[:3], aggregator="d"),
    Topology.hierarchy("a", ["b", "c"], judge="d", max_cycles=2, max_tasks=3),
    Topology.hierarchy("a", [{"planner": "b", "workers": ["c"], "max_tasks": 2}, "d"], max_tasks=2),
    Topology.hierarchy("a", [{"planner": "b", "workers": ["c"], "max_tasks": 2}], judge="d", max_cycles=2, max_tasks=2),
    merging(Topology.hierarchy("a", ["b", "c"], judge="d", max_cycles=2, max_tasks=2, retries=1, memory="fresh")),
    merging(Topology.hierarchy("a", ["b", "c", "d"], max_tasks=2, retries=1, reconcile="d"), resolver="c"),
    merging(Topology.hierarchy("a", ["b", "c"], judge="d", max_cycles=2, max_tasks=2, reconcile="c", memory="fresh")),
    Topology.hierarchy("a", [{"planner": "b", "workers": ["c"], "max_tasks": 2}, "d"], max_tasks=2, reconcile="b"),
]


@st.composite
def edges(draw: st.DrawFn, *, capped: bool, nodes: tuple[str, ...] = NAMES) -> list[dict[str, Any]]:
    """Any digraph; if `capped`, whose every inner edge has a cap, or which has no cycle among agents."""
    ends = st.sampled_from([*nodes, "user"])
    pairs = sorted(
        draw(st.sets(st.tuples(ends, ends).filter(lambda pair: pair[0] != pair[1]), min_size=1, max_size=12))
    )
    free = [a < b or not {a, b} <= {*NAMES} for a, b in pairs]
    caps = [None if may and (capped or draw(st.booleans())) else draw(st.integers(1, 2)) for may in free]
    return [
        {"from": a, "to": b, **({"max_messages": cap} if cap else {})}
        for (a, b), cap in zip(pairs, caps, strict=True)
        if (a, b) not in {("user", VOTE), ("user", RANKED), (VOTE, RANKED), (RANKED, VOTE)}
    ]


@st.composite
def graphs(draw: st.DrawFn) -> Topology:
    """One reactive phase with joins."""
    joins: Any = draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["all", "quorum", 2])))
    return Topology.graph(draw(edges(capped=True)), joins=joins)


@st.composite
def courses(draw: st.DrawFn) -> Topology:
    """Up to three phases of any order but `tasks`, with votes, loops and forgetting."""
    phases: list[Any] = []
    for index in range(draw(st.integers(1, 3))):
        order = draw(st.sampled_from(["reactive", "simultaneous", "round_robin", "random", "moderator"]))
        rounds = None if order == "reactive" else draw(st.integers(1, 4))
        drawn = draw(edges(capped=order == "reactive", nodes=(*NAMES, VOTE, RANKED)).filter(bool))
        loops = draw(st.sampled_from([1, 1, 2, 3]))
        phases.append(
            {
                "name": f"p{index}",
                "nodes": NAMES,
                "edges": drawn,
                "order": order,
                "rounds": rounds,
                "moderator": "a" if order == "moderator" else None,
                "opens": draw(st.none() | st.lists(st.sampled_from(NAMES), unique=True, max_size=2)),
                "until": {"promise": "done", "function": "m:f"} if loops > 1 else None,
                "max_iterations": loops,
                "memory": draw(st.sampled_from(["full", "fresh"])),
                "positions": draw(st.sampled_from(["off", "optional"])),
            }
        )
    joins: Any = draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["all", "quorum", 2])))
    return Topology(phases, votes=VOTES, joins=joins)


@st.composite
def deeds(draw: st.DrawFn) -> Any:
    """Anything that an agent may try in a turn."""
    to = st.lists(st.sampled_from([*NAMES, VOTE, RANKED, "user", "ghost"]), min_size=1, max_size=3)
    ids = st.lists(st.sampled_from("123456"), min_size=1, max_size=3, unique=True)
    calls = st.one_of(
        to.map(lambda names: send(*names)),
        ids.map(lambda found: tasks(*found)),
        st.sampled_from(["done", "failed", "blocked"]).map(lambda status: hand_off("x", status)),
        st.sampled_from(["done", "continue", "replan"]).map(decide),
        st.sampled_from(NAMES).map(lambda name: ("next_speaker", {"agent": name})),
        st.sampled_from(NAMES).map(lambda name: ("vote", {"ranking": [name]})),
    )
    last = st.sampled_from([None, "", "text", "<promise>done</promise>", Holds("text", "42")])
    several = st.tuples(st.lists(calls, max_size=3), last).map(lambda both: [*both[0], both[1]])
    return draw(st.one_of(several, st.just("text"), st.just(Exception("broken"))))
