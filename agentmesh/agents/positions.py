"""Contributions with a position beside the text: the form in which a model is asked for one, and how it is read."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from agentmesh.config.topologies import Positions
from agentmesh.messages import Frozen, Position
from agentmesh.providers.ask import parse_json_text
from agentmesh.tools.graph import plain_schema

_TEXT = "What you say to the others"


class Contribution(Frozen):
    """What an agent says in a discussion: text for the others, and what it holds to be the answer."""

    text: str
    position: Position | None = None


def contribution_schema(positions: Positions) -> dict[str, Any] | None:
    """The form of a reply, None where plain text is asked for. Every provider can be given it."""
    if positions == "off":
        return None
    position = plain_schema(Position.model_json_schema())
    # Strict structured output wants every key to be there: what was not said is null, or empty.
    position.update(required=list(position["properties"]), additionalProperties=False)
    for field in position["properties"].values():
        field.pop("default", None)
    wanted = position if positions == "required" else {"anyOf": [position, {"type": "null"}]}
    return {
        "type": "object",
        "properties": {"text": {"type": "string", "description": _TEXT}, "position": wanted},
        "required": ["text", "position"],
        "additionalProperties": False,
    }


def read_contribution(text: str, positions: Positions) -> Contribution:
    """A model's reply as a contribution. Raises: ValueError saying what is wrong, where a position is required."""
    try:
        read = Contribution.model_validate(parse_json_text(text))
    except ValidationError as error:
        if positions == "optional":
            return Contribution(text=text)
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()[:3])
        raise ValueError(faults) from error
    except ValueError:
        if positions == "optional":
            return Contribution(text=text)
        raise
    if positions == "required" and (read.position is None or not read.position.answer.strip()):
        raise ValueError("position.answer: a position is required, with the answer that you hold now")
    return read
