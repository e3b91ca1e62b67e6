"""A topology as a picture or as text: SVG, Graphviz, Mermaid, JSON, and lines for a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, Protocol, assert_never

from agentmesh.messages import USER
from agentmesh.topology.as_text import text_of
from agentmesh.topology.layout import layout
from agentmesh.topology.phases import Phase
from agentmesh.topology.shapes import Link, Picture, Spot, links_of, members, part_of, shortened_names
from agentmesh.topology.svg import svg
from agentmesh.topology.words import join_text, line_notes, order_text, part_text, phase_title

Format = Literal["mermaid", "svg", "dot", "json", "text"]


class Drawable(Protocol):
    """What is drawn of a topology."""

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases, in the order of a run."""
        ...

    @property
    def nodes(self) -> tuple[str, ...]:
        """All agents."""
        ...


def draw(topology: Drawable, format: Format, roles: Mapping[str, str] | None = None) -> str:
    """The topology in one of five forms. The same topology gives the same text, which ends with a newline.

    `roles`: words for what agents are, by name; SVG and text show them.
    """
    match format:
        case "mermaid":
            return _mermaid(topology)
        case "svg":
            return svg(topology.phases, roles or {})
        case "dot":
            return _dot(topology)
        case "json":
            return _json(topology)
        case "text":
            return text_of(topology.phases, roles or {})
        case _:
            assert_never(format)


def _json(topology: Drawable) -> str:
    votes = dict.fromkeys(name for phase in topology.phases for name in phase.votes)
    boards = dict.fromkeys(name for phase in topology.phases for name in phase.boards)
    pairs = dict.fromkeys(edge.pair for phase in topology.phases for edge in phase.edges)
    phases = [
        {"name": phase.name, "order": phase.order, "edges": [edge.pair for edge in phase.edges]}
        for phase in topology.phases
    ]
    nodes = dict.fromkeys((USER, *topology.nodes, *votes, *boards))
    kinds = {key: list(names) for key, names in (("votes", votes), ("boards", boards)) if names}
    return json.dumps({"nodes": list(nodes), **kinds, "edges": list(pairs), "phases": phases}, indent=2) + "\n"


# Mermaid and Graphviz: the same shapes in their own words.

_MERMAID_SHAPES: Mapping[str, tuple[str, str]] = {
    "user": ("([", "])"),
    "planner": ("[[", "]]"),
    "judge": ("{{", "}}"),
    "moderator": ("[[", "]]"),
    "vote": ("{", "}"),
    "board": ("[(", ")]"),
    "worker": ("(", ")"),
    "agent": ("(", ")"),
}
_MERMAID_STYLE = """\
  classDef user fill:#2563eb,stroke:#1d4ed8,color:#fff
  classDef planner fill:#ede9fe,stroke:#7c3aed,color:#172033
  classDef worker fill:#e7f8f0,stroke:#0f9d6b,color:#172033
  classDef judge fill:#fff3d6,stroke:#d18a06,color:#172033
  classDef moderator fill:#ede9fe,stroke:#7c3aed,stroke-width:2px,color:#172033
  classDef vote fill:#fde8f3,stroke:#c0267f,color:#172033
  classDef board fill:#e2f5fa,stroke:#0b87a5,color:#172033
  classDef agent fill:#eef2f7,stroke:#64748b,color:#172033
"""
_DOT_SHAPES: Mapping[str, str] = {
    "user": 'shape=box, style="rounded,filled", fillcolor="#2563eb", color="#1d4ed8", fontcolor="white"',
    "planner": 'shape=box, style=filled, peripheries=2, fillcolor="#ede9fe", color="#7c3aed"',
    "worker": 'shape=box, style="rounded,filled", fillcolor="#e7f8f0", color="#0f9d6b"',
    "judge": 'shape=octagon, style=filled, fillcolor="#fff3d6", color="#d18a06"',
    "moderator": 'shape=box, style="rounded,filled", penwidth=2, fillcolor="#ede9fe", color="#7c3aed"',
    "vote": 'shape=hexagon, margin="0,0", style=filled, fillcolor="#fde8f3", color="#c0267f"',
    "board": 'shape=note, style=filled, fillcolor="#e2f5fa", color="#0b87a5"',
    "agent": 'shape=box, style="rounded,filled", fillcolor="#eef2f7", color="#64748b"',
}


def _nodes_of(phase: Phase) -> list[tuple[str, str]]:
    """Names with the part that each plays; `user` first, where it takes part."""
    speaks = any(USER in edge.pair for edge in phase.edges)
    return [(USER, "user")] * speaks + [(name, part_of(phase, name)) for name in members(phase)]


def _arrows(phase: Phase) -> Iterator[tuple[Link, str]]:
    """The lines with what is written on them; two where the directions of one say different things."""
    for link in links_of(phase):
        notes = line_notes(link)
        if link.back is not None and len(notes) == 2:
            yield Link(link.start, link.stop, link.there), notes[0]
            yield Link(link.stop, link.start, link.back), notes[1]
        else:
            yield link, notes[0]


def _dashed(link: Link) -> bool:
    return any(edge.trust == "untrusted" or edge.rewrite for edge in link.edges)


def _mermaid(topology: Drawable) -> str:
    lines = ["flowchart LR"]
    several = len(topology.phases) > 1
    styled: dict[str, list[str]] = {}
    for index, phase in enumerate(topology.phases):
        ids = _ids((name for name, _ in _nodes_of(phase)), f"p{index + 1}_" if several else "")
        title = f"{phase_title(phase, index, len(topology.phases))}: {order_text(phase)}"
        lines.append(f'  subgraph phase_{index + 1}["{_mermaid_text(title)}"]')
        for name, part in _nodes_of(phase):
            opening, closing = _MERMAID_SHAPES[part]
            label = _mermaid_text(name) + "".join(f"<br/><small>{words}</small>" for words in _below(phase, name))
            lines.append(f'    {ids[name]}{opening}"{label}"{closing}')
            styled.setdefault(part, []).append(ids[name])
        for link, written in _arrows(phase):
            line = "-.->" if _dashed(link) else "-->"
            arrow = f"<{line}" if link.back else line
            label = f'|"{written}"|' if written else ""
            lines.append(f"    {ids[link.there.sender]} {arrow}{label} {ids[link.there.recipient]}")
        lines.append("  end")
    lines += [f"  phase_{at} --> phase_{at + 1}" for at in range(1, len(topology.phases))]
    classes = [f"  class {','.join(names)} {part}" for part, names in styled.items()]
    kept = [line for line in _MERMAID_STYLE.splitlines() if line.split()[1] in styled]
    return "\n".join([*lines, *kept, *classes, ""])


def _below(phase: Phase, name: str) -> list[str]:
    """What stands under a name: of votes and moderators what they are, and what an agent waits for."""
    said = part_text(phase, name) if part_of(phase, name) in ("vote", "moderator") else ""
    return [words for words in (said, join_text(phase.join(name))) if words]


def _ids(names: Iterable[str], prefix: str) -> dict[str, str]:
    """Mermaid takes few letters in an id, and some words not at all."""
    reserved = {
        "end",
        "graph",
        "subgraph",
        "flowchart",
        "style",
        "class",
        "click",
        "default",
        "call",
        "href",
        "direction",
    }
    ids: dict[str, str] = {}
    for name in names:
        wanted = prefix + (re.sub(r"[^A-Za-z0-9_]+", "_", name) or "_")
        while wanted.lower() in reserved or wanted in ids.values():
            wanted += "_"
        ids[name] = wanted
    return ids


def _mermaid_text(text: str) -> str:
    """Text between quotes; everything with a meaning of its own as a numbered entity."""
    return "".join(letter if letter.isalnum() or letter in " -_.,:·" else f"#{ord(letter)};" for letter in text)


def _dot(topology: Drawable) -> str:
    several = len(topology.phases) > 1
    titles = [
        f"{phase_title(phase, index, len(topology.phases))} ({order_text(phase)})"
        for index, phase in enumerate(topology.phases)
    ]
    lines = [
        "digraph topology {",
        f"  graph [layout=neato, inputscale=72, splines=true, labelloc=t, label={_quoted('  →  '.join(titles))}];",
        '  graph [fontname="Helvetica"];',
        '  node [fontname="Helvetica", fontsize=12];',
        '  edge [fontname="Helvetica", fontsize=10];',
    ]
    labels = shortened_names(name for phase in topology.phases for name in members(phase))
    pictures = [layout(phase, labels) for phase in topology.phases]
    middle = max((picture.height for picture in pictures), default=0.0) / 2
    left = 0.0
    for index, (phase, picture) in enumerate(zip(topology.phases, pictures, strict=True)):
        prefix = f"{phase.name}/" if several else ""
        lines += [f"  subgraph phase_{index + 1} {{", *_dot_phase(picture, prefix, (left, middle)), "  }"]
        left += picture.width + 120
    return "\n".join([*lines, "}", ""])


def _dot_phase(picture: Picture, prefix: str, origin: tuple[float, float]) -> Iterator[str]:
    """Nodes pinned where the picture has them, from its left end and around its middle; y grows upwards."""
    phase = picture.phase
    places = {spot.name: spot for spot in reversed(picture.spots)}
    for name, part in _nodes_of(phase):
        spot = places[name]
        x, y = origin[0] + spot.x, origin[1] + picture.height / 2 - spot.y
        said = [_dot_label(spot, phase), f'pos="{x:.1f},{y:.1f}!"', f"width={spot.width / 72:.2f}"]
        said += [f"height={spot.height / 72:.2f}"] + [f"tooltip={_quoted(name)}"] * (spot.label != name)
        yield f"    {_quoted(prefix + name)} [{', '.join(said)}, {_DOT_SHAPES[part]}];"
    for link, written in _arrows(phase):
        attributes = ["dir=both"] * (link.back is not None) + [f"label={_quoted(written)}"] * bool(written)
        attributes += ["style=dashed"] * _dashed(link)
        ends = f"{_quoted(prefix + link.there.sender)} -> {_quoted(prefix + link.there.recipient)}"
        yield f"    {ends} [{', '.join(attributes)}];" if attributes else f"    {ends};"


def _dot_label(spot: Spot, phase: Phase) -> str:
    return f"label={_quoted(spot.label, *_below(phase, spot.name))}"


def _quoted(*lines: str) -> str:
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") for line in lines)
    return '"' + "\\n".join(escaped) + '"'
