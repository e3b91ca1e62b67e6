"""What a server offers, as a model is told of it: somebody else's text, within bounds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from agentmesh.config.secrets import without_keys
from agentmesh.config.servers import SEPARATOR
from agentmesh.errors import ToolError

NAME_LIMIT = 64
DESCRIPTION_LIMIT = 2_000
SCHEMA_LIMIT = 20_000
"""Characters of a tool's name, of its description and of the schema of its arguments."""

_UNFIT = re.compile(r"[^A-Za-z0-9_-]")
_ALTERNATIVES = frozenset({"anyOf", "oneOf", "allOf", "not", "if", "then", "else", "enum", "const"})
"""What providers refuse at the root of a schema. The server checks the arguments itself."""

Escape = Callable[[str], str]


def told_name(server: str, tool: str) -> str:
    """The name by which models call the tool: letters, digits, _ and -, which is all that providers take."""
    return _UNFIT.sub("_", f"{server}{SEPARATOR}{tool}")


def definition_of(
    server: str, tool: str, description: str, schema: Mapping[str, Any], escaped: Escape
) -> dict[str, Any]:
    """The tool as a model is told of it. `escaped` makes harmless what could pass for a message.

    Raises: ToolError if no provider, or no model, can be given it.
    """
    name = told_name(server, tool)
    if len(name) > NAME_LIMIT:
        raise ToolError(
            f"its name '{name}' has {len(name)} characters; providers take {NAME_LIMIT}: shorten '{server}'"
        )
    parameters = _described(schema, escaped)
    encoded = json.dumps(parameters, ensure_ascii=False)
    if len(encoded) > SCHEMA_LIMIT:
        raise ToolError(f"the schema of its arguments has {len(encoded)} characters; at most {SCHEMA_LIMIT} are taken")
    if escaped(encoded) != encoded:
        raise ToolError("names or values in the schema of its arguments could pass for a message or a role")
    root = {key: value for key, value in parameters.items() if key not in _ALTERNATIVES}
    root = {**root, "type": "object", "properties": root.get("properties") or {}}
    told = _cut(escaped(without_keys(description.strip())))
    return {"type": "function", "function": {"name": name, "description": told, "parameters": root}}


def _described(node: Any, escaped: Escape) -> Any:
    """The schema with harmless descriptions."""
    if isinstance(node, list):
        return [_described(item, escaped) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _cut(escaped(value))
        if key in ("description", "title") and isinstance(value, str)
        else _described(value, escaped)
        for key, value in node.items()
    }


def _cut(text: str) -> str:
    return text if len(text) <= DESCRIPTION_LIMIT else f"{text[:DESCRIPTION_LIMIT]} [cut]"
