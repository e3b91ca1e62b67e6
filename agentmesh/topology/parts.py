"""The parts of a graph whose nodes all reach each other, in order: what bounds and checks need of graph theory.

Importing networkx takes longer than checking a team of usual size, so this much is done here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


def strong_parts(nodes: Iterable[str], pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """All nodes, senders before recipients; those on a common cycle stand together, in the order of their names.

    Source: Kosaraju and Sharir (1981), without recursion.
    """
    ahead: dict[str, list[str]] = {node: [] for node in nodes}
    behind: dict[str, list[str]] = {node: [] for node in ahead}
    for sender, recipient in pairs:
        ahead.setdefault(sender, []).append(recipient)
        behind.setdefault(recipient, []).append(sender)
    parts: list[list[str]] = []
    placed: set[str] = set()
    for node in reversed(_finished(ahead)):
        if node in placed:
            continue
        placed.add(node)
        part = [node]
        for one in part:  # grows while it is read
            new = [other for other in dict.fromkeys(behind.get(one, ())) if other not in placed]
            placed.update(new)
            part += new
        parts.append(sorted(part))
    return parts


def _finished(ahead: Mapping[str, Sequence[str]]) -> list[str]:
    """The nodes in the order in which a walk in depth leaves them for good."""
    order: list[str] = []
    seen: set[str] = set()
    for root in ahead:
        if root in seen:
            continue
        seen.add(root)
        walk = [(root, iter(ahead[root]))]
        while walk:
            node, rest = walk[-1]
            other = next((one for one in rest if one not in seen), None)
            if other is None:
                walk.pop()
                order.append(node)
            else:
                seen.add(other)
                walk.append((other, iter(ahead.get(other, ()))))
    return order
