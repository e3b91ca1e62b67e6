"""The JSON Schema (draft-07) with which an editor completes and checks a team file."""

from __future__ import annotations

from typing import Any, get_args

from agentmesh.config.models import TeamConfig
from agentmesh.config.topologies import AnyTopology

DRAFT = "http://json-schema.org/draft-07/schema#"
_REFERENCE = "Reference"
_TOPOLOGIES = tuple(model.__name__ for model in get_args(AnyTopology))
_SCALARS = ("integer", "number", "boolean")


def team_schema() -> dict[str, Any]:
    """The schema of a team file, short forms and `${VAR}` in place of numbers included.

    Draft-07, because that is what editors' YAML servers implement. It says what a file may look like; names, and
    keys that exclude each other, are what `agentmesh check` is for.
    """
    schema: dict[str, Any] = _draft_07(
        TeamConfig.model_json_schema(by_alias=True, ref_template="#/definitions/{model}")
    )
    definitions = schema.pop("$defs")
    for name in _TOPOLOGIES:
        kind = definitions[name]["properties"]["kind"]
        kind.pop("default")
        definitions[name]["required"] = ["kind", *definitions[name].get("required", ())]
    for name in ("Graph", "PhaseConfig"):
        drawn = definitions[name]
        drawn["properties"]["edges"]["items"] = _edge()
        # Beside a generator stand its arguments, whatever they are called.
        drawn["additionalProperties"] = True
        drawn["if"] = {"not": {"required": ["generator"]}}
        drawn["then"] = {"propertyNames": {"enum": sorted(drawn["properties"])}}
    definitions[_REFERENCE] = {
        "description": "A value from the environment: ${NAME}, ${NAME:-default} or ${NAME:?message}.",
        "type": "string",
        "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*(:[-?].*)?\}$",
    }
    return {
        "$schema": DRAFT,
        "title": "agentmesh team",
        **{key: value for key, value in schema.items() if key != "title"},
        "definitions": dict(sorted(definitions.items())),
    }


def _edge() -> dict[str, Any]:
    return {
        "anyOf": [
            {"type": "string", "pattern": "^[^<>]+<?->[^<>]+$"},
            {"type": "array", "items": _ends(), "minItems": 2, "maxItems": 2},
            {"$ref": "#/definitions/EdgeConfig"},
        ],
        "description": "`a -> b`, `a <-> b`, `[a, b]`, or a mapping with from and to",
        "examples": ["planner -> worker"],
    }


def _ends() -> dict[str, Any]:
    return {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}


def _draft_07(node: Any, name: str = "") -> Any:
    """The same schema in draft-07: nothing beside a `$ref`, closed name tables, no keywords of later drafts."""
    if isinstance(node, list):
        return [_draft_07(item) for item in node]
    if not isinstance(node, dict):
        return node
    if name in ("properties", "$defs", "patternProperties"):
        return {key: _draft_07(value) for key, value in node.items()}
    kept = {
        key: _draft_07(value, key) for key, value in node.items() if key not in ("title", "discriminator", "default")
    }
    if node.get("default") is not None:
        kept["default"] = node["default"]
    if "patternProperties" in kept:
        kept["additionalProperties"] = False
    if "$ref" in kept and len(kept) > 1:
        kept["allOf"] = [{"$ref": kept.pop("$ref")}]
    return _or_reference(kept)


def _or_reference(node: dict[str, Any]) -> dict[str, Any]:
    """Where a number, a boolean or a choice stands, `${NAME}` may stand too: it is replaced after parsing."""
    if "const" in node or (node.get("type") not in _SCALARS and "enum" not in node):
        return node
    about: dict[str, Any] = {key: node.pop(key) for key in ("description", "default", "examples") if key in node}
    return {**about, "anyOf": [node, {"$ref": f"#/definitions/{_REFERENCE}"}]}
