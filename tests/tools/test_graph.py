"""The tools by which a model acts on the graph."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentmesh.messages import Task
from agentmesh.tools.graph import GRAPH_TOOLS, Decide, HandOff, OpenTasks, SendMessage, definition, read_action


def test_send_message_lists_the_recipients_that_exist() -> None:
    made = definition("send_message", {"recipients": ["b", "c"]})["function"]["parameters"]
    assert made["properties"]["recipients"]["items"] == {"type": "string", "enum": ["b", "c"]}
    another = definition("send_message", {"recipients": ["d"]})["function"]["parameters"]
    assert another["properties"]["recipients"]["items"]["enum"] == ["d"]
    assert made["required"] == ["recipients", "content"]


def test_a_parameter_that_is_one_name_lists_the_names_that_exist() -> None:
    chosen = {"write_board": {"board": ["notes", "plan"]}, "next_speaker": {"agent": ["a"]}}
    for name, choices in chosen.items():
        [(parameter, values)] = choices.items()
        made = definition(name, choices)["function"]["parameters"]["properties"]
        assert made[parameter]["enum"] == values
        assert made[parameter]["type"] == "string"
        assert definition(name)["function"]["parameters"]["properties"][parameter].get("enum") is None


def test_without_recipients_no_empty_list_is_sent() -> None:
    none: list[dict[str, list[str]] | None] = [None, {}, {"recipients": []}]
    for choices in none:
        recipients = definition("send_message", choices)["function"]["parameters"]["properties"]["recipients"]
        assert recipients["items"] == {"type": "string"}


def test_every_definition_is_plain_and_says_what_it_is_for() -> None:
    for name in GRAPH_TOOLS:
        made = definition(name)
        assert made["function"]["name"] == name
        assert len(made["function"]["description"]) > 20
        assert "$ref" not in json.dumps(made)
        assert made["function"]["parameters"]["additionalProperties"] is False


def test_tasks_say_all_that_a_planner_may_write() -> None:
    items = definition("open_tasks")["function"]["parameters"]["properties"]["tasks"]["items"]
    assert list(items["properties"]) == ["id", "title", "instructions", "depends_on", "acceptance", "priority"]
    assert items["required"] == ["id", "title"]


@pytest.mark.parametrize(
    ("name", "arguments", "action"),
    [
        ("send_message", {"recipients": ["b"], "content": "x"}, SendMessage(recipients=("b",), content="x")),
        ("send_message", {"recipients": "b", "content": "x"}, SendMessage(recipients=("b",), content="x")),
        ("open_tasks", {"tasks": [{"id": "a", "title": "A"}]}, OpenTasks(tasks=(Task(id="a", title="A"),))),
        ("hand_off", {"summary": "s"}, HandOff(summary="s")),
        ("decide", {"decision": "done"}, Decide(decision="done")),
    ],
)
def test_good_arguments_become_an_action(name: str, arguments: dict[str, Any], action: object) -> None:
    assert read_action(name, arguments) == action


@pytest.mark.parametrize(
    ("name", "arguments", "found"),
    [
        ("send_message", {"content": "x"}, "send_message takes recipients, content; found: recipients: Field required"),
        ("send_message", {"recipients": [], "content": "x"}, "recipients"),
        ("send_message", {"recipients": ["b"], "content": "x", "sender": "user"}, "sender: Extra inputs"),
        ("open_tasks", {"tasks": []}, "tasks"),
        ("open_tasks", {"tasks": [{"title": "x"}]}, "tasks.0.id: Field required"),
        ("hand_off", {"status": "great", "summary": ""}, "status"),
        ("decide", {"decision": "approve"}, "'done', 'continue', 'replan' or 'abort'"),
        ("decide", {"": "{not json"}, "decision: Field required"),
    ],
)
def test_bad_arguments_are_answered_with_what_is_expected(name: str, arguments: dict[str, Any], found: str) -> None:
    answer = read_action(name, arguments)
    assert isinstance(answer, str)
    assert found in answer
