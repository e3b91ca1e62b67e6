"""From a stage of a log, which knows edges alone, to a phase that can be laid out."""

from __future__ import annotations

from typing import cast

from agentmesh.messages import USER
from agentmesh.reporting.traffic import Pair, Stage
from agentmesh.topology.phases import Board, Edge, Order, Phase, Planning, Vote


def phase_of(stage: Stage) -> Phase:
    """The phase as far as its edges show it: who plans for whom is read off them, too."""
    declared = [pair for pair, traffic in stage.pairs.items() if traffic.declared]
    pairs = declared or list(stage.pairs)
    nodes = dict.fromkeys(end for pair in pairs for end in pair if end != USER)
    return Phase(
        stage.name,
        cast(Order, stage.order or "reactive"),
        tuple(name for name in nodes if name not in stage.votes | stage.boards),
        tuple(Edge(*pair) for pair in pairs),
        planning=_planning(pairs, set(nodes)) if stage.order == "tasks" else None,
        votes={name: Vote() for name in stage.votes & nodes.keys()},
        boards={name: Board() for name in stage.boards & nodes.keys()},
    )


def _planning(pairs: list[Pair], nodes: set[str]) -> Planning | None:
    """Planners above their workers, if the edges are such a tree: two ways between each planner and its workers."""
    known = set(pairs)
    addressed = [recipient for sender, recipient in pairs if sender == USER]
    if len(addressed) != 1:
        return None
    root = addressed[0]
    judges = [name for name in nodes if name != root and {(root, name), (name, USER)} <= known]
    judge = judges[0] if len(judges) == 1 else None
    workers: dict[str, tuple[str, ...]] = {}
    seen, ahead = {root, *judges}, [root]
    while ahead:
        planner = ahead.pop(0)
        below = [b for a, b in pairs if a == planner and (b, a) in known and b not in seen]
        if below:
            workers[planner] = tuple(below)
        seen.update(below)
        ahead += below
    return Planning(root, workers, {}, judge) if workers and seen == nodes else None
