"""The form of the answer: a JSON Schema, or a pydantic class, made into checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import PydanticUserError, TypeAdapter, ValidationError

from agentmesh.errors import ConfigError
from agentmesh.providers.ask import checked, parse_json_text
from agentmesh.tools.graph import plain_schema


@dataclass(frozen=True)
class AnswerForm:
    """What a model is told of the form, how a text is read, and what is wrong with one that cannot be read."""

    schema: dict[str, Any]
    read: Callable[[str], Any]

    def fault(self, text: str) -> str | None:
        """Why the text is no answer of this form, or None."""
        try:
            self.read(text)
        except ValueError as error:
            return str(error)
        return None


def answer_form(given: Any) -> AnswerForm:
    """From a JSON Schema (a mapping), whose own faults are found with the team's, or a type that pydantic knows.

    Raises: ConfigError.
    """
    if isinstance(given, dict):
        return AnswerForm(given, lambda text: checked(text, given))
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(given)
    except PydanticUserError as error:
        said = str(error).partition("\n")[0]
        raise ConfigError(
            f"answer: {said}; allowed: a JSON Schema as a mapping, or a type that pydantic knows"
        ) from error

    def read(text: str) -> Any:
        try:
            return adapter.validate_python(parse_json_text(text))
        except ValidationError as error:
            faults = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise ValueError("; ".join(faults)) from error

    return AnswerForm(plain_schema(adapter.json_schema()), read)
