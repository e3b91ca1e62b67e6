"""The tools by which a model acts on the graph: their arguments, and how they are described to a model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from pydantic import Field, ValidationError, field_validator

from agentmesh.messages import Decision, Frozen, Handoff, Task


class SendMessage(Frozen):
    """Write to some of the agents that you may message. One message per recipient and turn."""

    recipients: tuple[str, ...] = Field(min_length=1, description="Names of those who receive it")
    content: str = Field(description="The text")

    @field_validator("recipients", mode="before")
    @classmethod
    def _one_name(cls, recipients: Any) -> Any:
        """Models write a lone recipient as text."""
        return (recipients,) if isinstance(recipients, str) else recipients


class OpenTasks(Frozen):
    """Hand out work. Ready tasks start at once; each comes back to you as a handoff."""

    tasks: tuple[Task, ...] = Field(min_length=1, description="Each is done by one worker, who sees only what it says")


class HandOff(Handoff):
    """Return your task: what you did, what shows it, what the planner should know."""


class Decide(Frozen):
    """Decide on the proposed answer."""

    decision: Decision = Field(description="done: it is right; continue or replan: go on; abort: it cannot be done")
    reason: str = Field("", description="Why, in a sentence or two; the planner reads it")


Action = SendMessage | OpenTasks | HandOff | Decide
GRAPH_TOOLS: dict[str, type[SendMessage] | type[OpenTasks] | type[HandOff] | type[Decide]] = {
    "send_message": SendMessage,
    "open_tasks": OpenTasks,
    "hand_off": HandOff,
    "decide": Decide,
}


def read_action(name: str, arguments: dict[str, Any]) -> Action | str:
    """The action that a model's tool call asks for, or a sentence saying what is wrong with its arguments."""
    try:
        return GRAPH_TOOLS[name].model_validate(arguments)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors()[:3]]
        expected = ", ".join(GRAPH_TOOLS[name].model_fields)
        return f"{name} takes {expected}; found: " + "; ".join(faults)


def definition(name: str, recipients: Sequence[str] = ()) -> dict[str, Any]:
    """The tool as a model is told of it. `send_message` lists the recipients that exist for this agent."""
    base = _definition(name)
    if name != "send_message":
        return base
    function = base["function"]
    parameters = function["parameters"]
    named = {"enum": list(recipients)} if recipients else {}  # an empty enum is no valid schema to some providers
    listed = {**parameters["properties"]["recipients"], "items": {"type": "string", **named}}
    properties = {**parameters["properties"], "recipients": listed}
    return {**base, "function": {**function, "parameters": {**parameters, "properties": properties}}}


@cache
def _definition(name: str) -> dict[str, Any]:
    model = GRAPH_TOOLS[name]
    parameters = plain_schema(model.model_json_schema())
    description = (model.__doc__ or "").strip()
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def plain_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with definitions written out in place and without titles: every provider can read it."""
    definitions = schema.get("$defs", {})

    def write_out(node: Any) -> Any:
        if isinstance(node, list):
            return [write_out(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return write_out(definitions[node["$ref"].rsplit("/", 1)[-1]])
        return {
            key: (
                {name: write_out(inner) for name, inner in value.items()} if key == "properties" else write_out(value)
            )
            for key, value in node.items()
            if key not in {"title", "$defs"} or (key == "title" and isinstance(value, dict))
        }

    written: dict[str, Any] = write_out(schema)
    written.pop("description", None)
    return written
