"""Lines that say the same of several nodes, and are drawn as one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from agentmesh.topology.phases import Edge
from agentmesh.topology.shapes import Link

MANY = 9
"""Nodes that are alike stand in a block from this number on."""
TANGLE = 16
"""More lines than this between two groups of nodes that are alike are drawn as one."""
Facts = tuple[str, bool, tuple[object, ...]]
"""What one edge says of a node: its other end, whether it leads there, and what it carries."""


def attributes(edge: Edge | None) -> tuple[object, ...]:
    """What sets an edge apart from others, beside its ends."""
    return () if edge is None else (edge.max_messages, edge.rewrite, edge.carries, edge.trust)


def facts(links: Iterable[Link]) -> dict[str, set[Facts]]:
    """What the lines say of each node."""
    known: dict[str, set[Facts]] = {}
    for link in links:
        for start, stop, edge in ((link.start, link.stop, link.there), (link.stop, link.start, link.back)):
            if edge is not None:
                known.setdefault(start, set()).add((stop, True, attributes(edge)))
                known.setdefault(stop, set()).add((start, False, attributes(edge)))
    return known


def to_all(place: str, nodes: Sequence[str], links: Iterable[Link]) -> tuple[Link, ...]:
    """The lines between one place and all the nodes, if there is one to each and they say the same; else nothing."""
    wanted = set(nodes)
    touching = [link for link in links if place in (link.start, link.stop)]
    found = {(link.stop if link.start == place else link.start): link for link in touching}
    group = [found[name] for name in nodes if name in found]
    if len(group) != len(wanted) or not group:
        return ()
    outwards = group[0].start == place
    turned = [link if (link.start == place) == outwards else link.turned() for link in group]
    kinds = {(link.start == place, attributes(link.there), attributes(link.back)) for link in turned}
    return tuple(turned) if len(kinds) == 1 else ()


def alike(agents: Sequence[str], links: Sequence[Link]) -> list[tuple[str, ...]]:
    """Groups of agents of which the same is said, too many or too entangled to be drawn one by one."""
    known = facts(links)
    groups: dict[frozenset[Facts], list[str]] = {}
    for name in agents:
        groups.setdefault(frozenset(known.get(name, ())), []).append(name)
    same = [tuple(group) for said, group in groups.items() if len(group) > 1 and said]
    tangled = {
        group
        for one, other in combinations(same, 2)
        if len(one) * len(other) > TANGLE and any(end == other[0] for end, _, _ in known[one[0]])
        for group in (one, other)
    }
    return [group for group in same if len(group) >= MANY or group in tangled]


def bundled(links: Iterable[Link], group_of: Mapping[str, str]) -> dict[tuple[str, str], tuple[Link, ...]]:
    """The lines by their ends, where whatever stands in a group counts as the group."""
    found: dict[tuple[str, str], list[Link]] = {}
    for link in links:
        ends = (group_of.get(link.start, link.start), group_of.get(link.stop, link.stop))
        if ends[::-1] in found and link.back is not None and ends[0] != ends[1]:
            link, ends = link.turned(), ends[::-1]
        found.setdefault(ends, []).append(link)
    return {ends: tuple(group) for ends, group in found.items()}
