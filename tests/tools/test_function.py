"""A plain function as a tool: its schema from hints and docstring, its arguments checked, its errors told."""

from __future__ import annotations

import functools
import json
import threading
from enum import Enum
from typing import Annotated, Any, Literal

import anyio
import pytest
from pydantic import BaseModel, Field

from agentmesh.errors import ConfigError, ToolError
from agentmesh.tools.function import FunctionTool


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Place(BaseModel):
    city: str
    zip_code: int | None = None


def search(query: str, limit: int = 5, deep: bool = False) -> list[str]:
    """Search the archive.

    Finds what matches.

    Args:
        query: what to look for
        limit (int): at most so many
    """
    return [query] * limit


def test_the_schema_comes_from_hints_and_docstring() -> None:
    tool = FunctionTool(search)
    assert tool.definition == {
        "type": "function",
        "function": {
            "name": "search",
            "description": "Search the archive.\n\nFinds what matches.",
            "parameters": {
                "type": "object",
                "additionalProperties": False,
                "required": ["query"],
                "properties": {
                    "query": {"type": "string", "description": "what to look for"},
                    "limit": {"type": "integer", "default": 5, "description": "at most so many"},
                    "deep": {"type": "boolean", "default": False},
                },
            },
        },
    }


def test_rich_types_are_written_out_in_place() -> None:
    def paint(  # type: ignore[no-untyped-def]
        colour: Colour,
        place: Place,
        mode: Literal["a", "b"],
        size: Annotated[int, Field(ge=1)],
        note: str | None = None,
        untyped="x",
    ) -> str:
        return ""

    parameters = FunctionTool(paint).definition["function"]["parameters"]
    text = json.dumps(parameters)
    assert "$ref" not in text
    assert "$defs" not in text
    properties = parameters["properties"]
    assert properties["colour"]["enum"] == ["red", "blue"]
    assert properties["place"]["properties"]["city"] == {"type": "string"}
    assert properties["mode"]["enum"] == ["a", "b"]
    assert properties["size"]["minimum"] == 1
    assert properties["untyped"]["type"] == "string"


def test_a_parameter_named_title_is_not_lost() -> None:
    def publish(title: str, description: str) -> str:
        return f"{title}: {description}"

    parameters = FunctionTool(publish).definition["function"]["parameters"]
    assert set(parameters["properties"]) == {"title", "description"}
    assert "title" not in parameters


@pytest.mark.anyio
async def test_arguments_are_checked_and_converted() -> None:
    async def where(place: Place, colour: Colour = Colour.RED) -> str:
        return f"{type(place).__name__} {place.city} {colour.name}"

    tool = FunctionTool(where)
    assert await tool({"place": {"city": "Rome"}, "colour": "blue"}) == "Place Rome BLUE"
    assert await tool({"place": {"city": "Rome"}}) == "Place Rome RED"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({}, "query: Field required"),
        ({"query": 7}, "query:"),
        ({"query": "x", "other": 1}, "other:"),
        ({"": "{"}, "query:"),
    ],
)
async def test_wrong_arguments_name_what_the_tool_takes(arguments: dict[str, Any], found: str) -> None:
    with pytest.raises(ToolError, match="search takes query, limit, deep; ") as caught:
        await FunctionTool(search)(arguments)
    assert found in str(caught.value)


@pytest.mark.anyio
async def test_results_that_are_no_text_come_as_json() -> None:
    assert json.loads(await FunctionTool(search)({"query": "ü", "limit": 2})) == ["ü", "ü"]
    assert await FunctionTool(lambda: {"a": Place}, name="t")({}) == json.dumps({"a": str(Place)})
    assert await FunctionTool(lambda: None, name="t")({}) == "null"


@pytest.mark.anyio
async def test_plain_functions_run_in_a_thread_quick_ones_do_not_and_asynchronous_ones_are_awaited() -> None:
    def thread() -> str:
        return threading.current_thread().name

    class Later:
        async def __call__(self, a: int) -> int:
            await anyio.sleep(0)
            return a + 1

    assert await FunctionTool(functools.partial(search, limit=1), name="one")({"query": "x"}) == '["x"]'
    here = threading.current_thread().name
    assert await FunctionTool(thread)({}) != here
    assert await FunctionTool(thread, quick=True)({}) == here
    assert await FunctionTool(Later(), name="later")({"a": 1}) == "2"


def test_functions_that_no_schema_describes_are_refused() -> None:
    def many(*words: str) -> str:
        return ""

    def more(**words: str) -> str:
        return ""

    def odd(thread: threading.Thread) -> str:
        return ""

    def unknown(thing: Missing) -> str:  # type: ignore[name-defined]  # noqa: F821
        return ""

    for function, found in (
        (many, r"tool 'many': \*words has no schema"),
        (more, r"\*words has no schema"),
        (odd, "a type without a JSON Schema"),
        (unknown, "its type hints name something unknown"),
    ):
        with pytest.raises(ConfigError, match=found):
            FunctionTool(function)


def test_names_of_graph_tools_are_taken() -> None:
    for name in ("send_message", "open_tasks", "hand_off", "decide"):
        with pytest.raises(ConfigError, match="that is how agents act on the graph"):
            FunctionTool(search, name=name)
