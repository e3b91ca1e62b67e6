"""One structured call with repair: the schema natively, else JSON mode, else the prompt; then asking again."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar

from agentmesh.errors import ProviderError
from agentmesh.messages import ChatMessage, Reply
from agentmesh.providers.base import Request
from agentmesh.providers.encoding import mended_value
from agentmesh.providers.schema import validate_json

__all__ = [
    "Asked",
    "ask",
    "checked",
    "parse_json_text",
    "repair_message",
    "repair_messages",
    "schema_instruction",
    "validate_json",
]

T = TypeVar("T")

_FENCED = re.compile(r"```[a-zA-Z]*\s*\n(.*?)```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Asked(Generic[T]):
    """What came of a structured call: the value, the reply it was in, how it was asked for, calls needed."""

    value: T
    reply: Reply
    mode: Literal["native", "json_mode", "prompt"] | None
    calls: int


async def ask(
    call: Callable[[Request], Awaitable[Reply]],
    request: Request,
    validate: Callable[[Any], T] | None = None,
    *,
    attempts: int = 3,
) -> Asked[T]:
    """Ask until the answer satisfies `request.response_schema` and `validate`, at most `attempts` times.

    `validate` takes the decoded JSON, returns the value, and raises ValueError saying what is wrong. Each repair
    extends the conversation by the bad answer and what was wrong with it.
    Raises: ProviderError (malformed) after the last attempt.
    """
    messages = list(request.messages)
    wrong = ""
    for number in range(1, attempts + 1):
        reply = await call(replace(request, messages=messages))
        try:
            value = checked(reply.text, request.response_schema)
            return Asked(value if validate is None else validate(value), reply, reply.structured, number)
        except ValueError as error:
            wrong = str(error)
        messages = [*messages, *repair_messages(reply.text, wrong)]
    raise ProviderError(
        "malformed",
        f"no valid answer after {attempts} {'attempt' if attempts == 1 else 'attempts'}: {wrong}",
        hint="simplify the schema or choose a stronger model",
    )


def checked(text: str, schema: dict[str, Any] | None) -> Any:
    """The JSON value in an answer, if it satisfies the schema. Raises: ValueError saying what is wrong."""
    value = parse_json_text(text)
    if schema is not None and (problems := validate_json(schema, value)):
        raise ValueError("; ".join(problems))
    return value


def parse_json_text(text: str) -> Any:
    """The JSON value in a text: the whole text, or its only fenced block. Raises: ValueError saying what is wrong."""
    fenced = _FENCED.findall(text)
    try:
        read = json.loads(fenced[0] if len(fenced) == 1 and not text.lstrip().startswith(("{", "[")) else text)
        return mended_value(read)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the answer is not JSON: {error}") from error


def repair_message(error: str) -> str:
    """What a model is told whose structured answer was not valid."""
    return (
        f"Your answer could not be used: {error}\n"
        "Answer again with the whole corrected JSON and nothing else: no comment, no code fence."
    )


def repair_messages(answer: str, error: str) -> list[ChatMessage]:
    """The bad answer and the request to repair it, as the next messages of the conversation."""
    return [{"role": "assistant", "content": answer}, {"role": "user", "content": repair_message(error)}]


def schema_instruction(schema: dict[str, Any]) -> str:
    """What a model is told that cannot be given a schema natively."""
    return (
        "Answer with one JSON value and nothing else: no comment, no code fence. It must satisfy this JSON Schema:\n"
        + json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
    )
