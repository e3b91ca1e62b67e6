"""A plain function as a tool: its schema comes from type hints and docstring."""

from __future__ import annotations

import functools
import inspect
import json
import re
import typing
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from agentmesh.errors import ConfigError, ToolError
from agentmesh.messages import Trust
from agentmesh.tools.calling import call
from agentmesh.tools.context import UNCALLED, ToolContext
from agentmesh.tools.graph import GRAPH_TOOLS, plain_schema
from agentmesh.tools.results import READ_RESULT

_ARGUMENT = re.compile(r"^\s+(\w+)(?:\s*\([^)]*\))?:\s*(.+)$")


class FunctionTool:
    """Calls a function, synchronous or not. A synchronous one runs in a thread unless it is `quick`.

    `requires="trusted"`: an agent whose context holds anything untrusted may not call it. `trust="untrusted"`: what it
    returns comes from outside, and makes the context untrusted. `approve`: a person is asked before each call. A
    parameter annotated `ToolContext` is given what there is to know of the call.

    Raises: ConfigError where a parameter has no type that a schema can express, or the name is taken by the graph.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        quick: bool = False,
        requires: Trust | None = None,
        trust: Trust = "trusted",
        approve: bool = False,
    ) -> None:
        self.requires = requires
        self.trust: Trust = trust
        self.approve = approve
        self.quick = quick
        self.name: str = name or str(getattr(function, "__name__", type(function).__name__))
        if self.name in GRAPH_TOOLS or self.name == READ_RESULT:
            raise ConfigError(f"a tool may not be named '{self.name}': that is how agents act on the graph")
        self._function = function
        self._model, self._context = _argument_model(function, self.name)
        description = inspect.getdoc(function) or ""
        self.definition: dict[str, Any] = {
            "type": "function",
            "function": {
                "name": self.name,
                "description": description.split("\n\nArgs:")[0].split("\nArgs:")[0].strip(),
                "parameters": plain_schema(self._model.model_json_schema()),
            },
        }

    async def __call__(self, arguments: dict[str, Any], context: ToolContext = UNCALLED) -> str:
        """The result as text; what is not text comes as JSON. Raises: ToolError."""
        try:
            checked = self._model.model_validate(arguments)
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:3])
            raise ToolError(
                f"{self.name} takes {', '.join(self._model.model_fields) or 'nothing'}; {faults}"
            ) from error
        given = {name: getattr(checked, name) for name in self._model.model_fields}
        given.update(dict.fromkeys(self._context, context))
        result = self._function(**given) if self.quick else await call(self._function, **given)
        return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, default=str)


def _argument_model(function: Callable[..., Any], name: str) -> tuple[type[BaseModel], list[str]]:
    """The arguments that a model gives; and the parameters that take the context of the call."""
    described = _described(function)
    fields: dict[str, Any] = {}
    contexts: list[str] = []
    try:
        hints = typing.get_type_hints(_annotated(function), include_extras=True)
    except NameError as error:
        raise ConfigError(f"tool '{name}': its type hints name something unknown: {error}") from error
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            raise ConfigError(f"tool '{name}': *{parameter.name} has no schema; name each parameter")
        if hints.get(parameter.name) is ToolContext:
            contexts.append(parameter.name)
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        described_field = Field(default, description=described.get(parameter.name))
        fields[parameter.name] = (hints.get(parameter.name, str), described_field)
    try:
        model: type[BaseModel] = create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
        model.model_json_schema()
    except Exception as error:  # pydantic has no common base for "no schema for this type"
        raise ConfigError(f"tool '{name}': a parameter has a type without a JSON Schema: {error}") from error
    return model, contexts


def _annotated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Where the type hints of something callable stand."""
    if isinstance(function, functools.partial):
        return _annotated(function.func)
    return function if inspect.isroutine(function) else type(function).__call__


def _described(function: Callable[..., Any]) -> dict[str, str]:
    """What the docstring says under `Args:`, by parameter."""
    _, _, below = (inspect.getdoc(function) or "").partition("Args:\n")
    found: dict[str, str] = {}
    for line in below.splitlines():
        if line and not line[0].isspace():
            break
        if match := _ARGUMENT.match(line):
            found[match[1]] = match[2]
    return found
