"""Writes the pages and pictures that follow from the code: `docs/yaml.md` and `docs/topologies/*.svg`.

python docs/generate.py
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from agentmesh.config.models import TeamConfig
from agentmesh.team import Team
from agentmesh.topology.drawing import draw

DOCS = Path(__file__).parent
ROOT = DOCS.parent
GENERATED = "<!-- Generated from agentmesh/config/models.py from here on: make docs -->"
Node = Mapping[str, Any]
WORDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "null": "nothing"}


def pages() -> dict[Path, str]:
    """Every generated file with its text."""
    teams = {file.stem: Team.from_yaml(file) for file in sorted((ROOT / "topologies").glob("*.yaml"))}
    pictures = {DOCS / "topologies" / f"{kind}.svg": picture(team) for kind, team in teams.items()}
    return {DOCS / "yaml.md": yaml_reference(), **pictures}


def picture(team: Team) -> str:
    """What `agentmesh show --format svg` prints."""
    return draw(team.topology, "svg", {name: agent.role for name, agent in team.agents.items() if agent.role})


def yaml_reference() -> str:
    """The page's beginning, written by hand, then one table for each mapping of the language."""
    schema = TeamConfig.model_json_schema(by_alias=True)
    places = dict(_places(schema, schema["$defs"]))
    written = (DOCS / "yaml.md").read_text(encoding="utf-8").partition(GENERATED)[0].rstrip()
    parts = [written, GENERATED]
    for name, place in places.items():
        parts.append(_section(place, schema["$defs"][name] if name else schema, places))
    return "\n\n".join(parts) + "\n"


def _places(schema: Node, definitions: Node) -> Iterator[tuple[str, str]]:
    """Each definition with the path at which a file first holds it, in the order of a file."""
    seen: set[str] = set()
    waiting: list[tuple[str, str, Node]] = [("", "", schema)]
    while waiting:
        name, path, node = waiting.pop(0)
        yield name, path
        found = [
            (reference, place)
            for key, value in node.get("properties", {}).items()
            for reference, place in _references(value, f"{path}.{key}".lstrip("."))
        ]
        several: dict[str, int] = {}
        for _, place in found:
            several[place] = several.get(place, 0) + 1
        fresh = [(reference, place) for reference, place in found if reference not in seen]
        seen.update(reference for reference, _ in fresh)
        ahead = []
        for reference, place in fresh:
            target = definitions[reference]
            kind = target["properties"].get("kind", {}).get("const") if several[place] > 1 else None
            ahead.append((reference, f"{place}, kind: {kind}" if kind else place, target))
        waiting = ahead + waiting


def _references(node: Node, place: str) -> Iterator[tuple[str, str]]:
    if "$ref" in node:
        yield node["$ref"].rsplit("/", 1)[-1], place
    for key in ("anyOf", "oneOf", "allOf"):
        for member in node.get(key, ()):
            yield from _references(member, place)
    if isinstance(node.get("items"), dict):
        yield from _references(node["items"], f"{place}[]")
    for value in (node.get("additionalProperties"), *node.get("patternProperties", {}).values()):
        if isinstance(value, dict):
            yield from _references(value, f"{place}.NAME")


def _section(place: str, node: Node, places: Mapping[str, str]) -> str:
    required = node.get("required", ())
    lines = [f"## `{place}`" if place else "## The file", "", node.get("description", ""), ""]
    lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
    for key, value in sorted(node["properties"].items(), key=lambda item: item[0] != "kind"):
        kinds = dict.fromkeys(_values(value, places))
        default = "required" if key in required or "const" in value else _default(value)
        cells = (f"`{key}`", " or ".join(kinds), default, value.get("description", ""))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _values(node: Node, places: Mapping[str, str]) -> Iterator[str]:
    """What may stand at a place, in words."""
    if "$ref" in node:
        place = places[node["$ref"].rsplit("/", 1)[-1]]
        yield f"[{place}](#{re.sub(r'[^a-z0-9 _-]', '', place.lower()).replace(' ', '-')})"
    elif "const" in node:
        yield f"`{node['const']}`"
    elif "enum" in node:
        yield from (f"`{value}`" for value in node["enum"])
    elif members := node.get("anyOf") or node.get("oneOf") or node.get("allOf"):
        for member in members:
            if member.get("type") != "null":
                yield from _values(member, places)
    elif node.get("type") == "array":
        yield f"list of {' or '.join(dict.fromkeys(_values(node.get('items', {}), places)))}"
    elif node.get("type") == "object":
        inner = (node.get("additionalProperties"), *node.get("patternProperties", {}).values())
        named = [kind for value in inner if isinstance(value, dict) for kind in _values(value, places)]
        yield f"names with {' or '.join(dict.fromkeys(named))}" if named else "mapping"
    else:
        yield WORDS.get(node.get("type", ""), "anything") + _range(node)


def _range(node: Node) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return "".join(f" {sign} {node[key]:g}" for key, sign in signs.items() if key in node)


def _default(node: Node) -> str:
    default = node.get("default")
    if default in (None, "", [], {}):
        return ""
    return f"`{default:g}`" if isinstance(default, float) else f"`{str(default).lower()}`"


def main() -> None:
    """Write what has changed."""
    for path, text in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
