"""The tools by which a model acts on the graph: their arguments, and how they are described to a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from agentmesh.messages import Ballot, Decision, Frozen, Handoff, Task

Choices = Mapping[str, Sequence[str]]
"""By parameter: the values that exist for an agent."""


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


class CastVote(Ballot):
    """Cast your ballot. Nobody sees it before all are in, and you have one."""

    ranking: tuple[str, ...] = Field(min_length=1, description="What you vote for, best first; one entry is enough")

    @field_validator("ranking", mode="before")
    @classmethod
    def _one_choice(cls, ranking: Any) -> Any:
        """Models write a lone choice as text."""
        return (ranking,) if isinstance(ranking, str) else ranking


class ReadBoard(Frozen):
    """Read a board: its text, its version, and the claims, commitments and offers on it."""

    board: str = Field(description="Name of the board")


class WriteBoard(Frozen):
    """Replace the text of a board. A write on an old version is refused, with what has changed since."""

    board: str = Field(description="Name of the board")
    content: str = Field(description="The whole new text")
    version: int = Field(ge=0, description="The version that you have read; 0 if nobody has written yet")


class Claim(Frozen):
    """Claim a stretch of something as yours to work on, for as long as the phase lasts."""

    board: str = Field(description="Name of the board")
    path: str = Field(min_length=1, description="What it is a stretch of: a file, a section, a list")
    start: int = Field(description="First line, or item")
    end: int = Field(description="Last line, or item")


class CommitTo(Frozen):
    """Commit yourself to something, for others to see; or say of an earlier commitment what became of it."""

    board: str = Field(description="Name of the board")
    text: str = Field(min_length=1, description="What you commit to; to change its state the same text, or its id")
    state: Literal["open", "kept", "dropped"] = Field("open", description="What became of it")


class Offer(Frozen):
    """Lay out options of which somebody else may choose one."""

    board: str = Field(description="Name of the board")
    options: tuple[str, ...] = Field(min_length=1, description="What may be chosen")


class Choose(Frozen):
    """Choose one option of another agent's offer. The first choice settles it."""

    board: str = Field(description="Name of the board")
    offer: str = Field(description="Id of the offer, as the board shows it")
    option: str = Field(description="The option, word for word")


class NextSpeaker(Frozen):
    """Give the floor to one agent."""

    agent: str = Field(description="Who speaks next")


BoardAction = ReadBoard | WriteBoard | Claim | CommitTo | Offer | Choose
Action = SendMessage | OpenTasks | HandOff | Decide | CastVote | NextSpeaker | BoardAction
GRAPH_TOOLS: dict[str, type[Action]] = {
    "send_message": SendMessage,
    "open_tasks": OpenTasks,
    "hand_off": HandOff,
    "decide": Decide,
    "vote": CastVote,
    "next_speaker": NextSpeaker,
    "read_board": ReadBoard,
    "write_board": WriteBoard,
    "claim": Claim,
    "commit_to": CommitTo,
    "offer": Offer,
    "choose": Choose,
}
READING = ("read_board",)
WRITING = ("write_board", "claim", "commit_to", "offer", "choose")
"""Tools of those who have an edge from a board, and of those who have one to a board."""


def read_action(name: str, arguments: dict[str, Any]) -> Action | str:
    """The action that a model's tool call asks for, or a sentence saying what is wrong with its arguments."""
    try:
        return GRAPH_TOOLS[name].model_validate(arguments)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors()[:3]]
        expected = ", ".join(GRAPH_TOOLS[name].model_fields)
        return f"{name} takes {expected}; found: " + "; ".join(faults)


def definition(name: str, choices: Choices | None = None) -> dict[str, Any]:
    """The tool as a model is told of it, with the recipients, boards or options that exist for this agent."""
    base = _definition(name)
    function = base["function"]
    parameters = function["parameters"]
    properties = dict(parameters["properties"])
    for parameter, values in (choices or {}).items():
        if not values:  # an empty enum is no valid schema to some providers
            continue
        described = properties[parameter]
        if described.get("type") == "array":
            properties[parameter] = {**described, "items": {"type": "string", "enum": list(values)}}
        else:
            properties[parameter] = {**described, "enum": list(values)}
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
