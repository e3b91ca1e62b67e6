"""The simulated models over HTTP: the same answers as in the process, in OpenAI's shapes."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from agentmesh.config.models import ModelConfig, Price
from agentmesh.messages import ChatMessage
from agentmesh.providers.base import Request
from agentmesh.providers.openai import OpenAIProvider
from agentmesh.providers.simulated import SimulatedProvider
from agentmesh.providers.simulated.server import SimulatedServer, make_server
from agentmesh.tools.graph import definition

FREE = Price(input=0, output=0)
TASK = '<message from="user">\nCompute 12*7 + (30 - 4)*3\n</message>'
SCHEMA = {"type": "object", "properties": {"value": {"type": "number"}, "text": {"type": "string"}}}
CALCULATOR: dict[str, Any] = {
    "type": "function",
    "function": {"name": "calculator", "description": "", "parameters": {"type": "object"}},
}


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatedServer]:
    with make_server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def asked(*messages: ChatMessage, **fields: Any) -> Request:
    system: ChatMessage = {"role": "system", "content": 'Be clear.\n\nYou are "ann".'}
    return Request(agent="ann", messages=[system, *messages], **fields)


def user(text: str) -> ChatMessage:
    return {"role": "user", "content": text}


CALLED: ChatMessage = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {
            "id": "call_1_1",
            "type": "function",
            "function": {"name": "calculator", "arguments": '{"expression": "12*7"}'},
        }
    ],
}

REQUESTS = {
    "talk": asked(user(TASK)),
    "planner": asked(user(TASK), tools=[definition("open_tasks")]),
    "worker": asked(user(TASK), tools=[CALCULATOR, definition("hand_off")]),
    "worker with a result": asked(
        user('<message from="p" kind="task" task="t1">\nCompute 12*7\n</message>'),
        CALLED,
        {"role": "tool", "tool_call_id": "call_1_1", "content": "84"},
        tools=[CALCULATOR, definition("hand_off")],
    ),
    "judge": asked(user('<message from="p" kind="proposal">\n12*7 = 85\n</message>'), tools=[definition("decide")]),
    "no tools now": asked(user(TASK), tools=[definition("open_tasks")], tool_choice="none"),
    "schema": asked(user(TASK), response_schema=SCHEMA),
    "schema and tools": asked(user(TASK), tools=[definition("open_tasks")], response_schema=SCHEMA),
    "cut": asked(user(TASK), max_output_tokens=3),
    "seeded": asked(user("Compute 123456*654321 + 99*12345678"), seed=7),
    "no arithmetic": asked(user('<message from="user">\nTell \u00fcber bees \U0001f41d. And more.\n</message>')),
    "image": asked(
        {
            "role": "user",
            "content": [
                {"type": "text", "text": TASK},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            ],
        }
    ),
}


@pytest.mark.real_models
@pytest.mark.anyio
@pytest.mark.parametrize("profile", ["worker", "novice"])
async def test_every_answer_is_the_same_over_http_streamed_or_not(server: SimulatedServer, profile: str) -> None:
    here = SimulatedProvider(ModelConfig(provider="simulated", model=profile), "model")
    config = ModelConfig(provider="openai", model=profile, base_url=server.base_url, price=FREE)
    there = OpenAIProvider(config, "model", {})
    try:
        for name, request in REQUESTS.items():
            request = replace(request, memo={})
            heard: dict[str, list[str]] = {"here": [], "there": []}
            expected = await here.complete(request, heard["here"].append)
            assert await there.complete(replace(request, memo={})) == expected, name
            assert await there.complete(replace(request, memo={}), heard["there"].append) == expected, name
            assert heard["here"] == heard["there"], name
    finally:
        await there.aclose()


def address(server: SimulatedServer) -> tuple[str, int]:
    host, port = server.server_address[:2]
    return str(host), port


class Client:
    """One kept connection."""

    def __init__(self, server: SimulatedServer) -> None:
        self.connection = http.client.HTTPConnection(*address(server), timeout=5)

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body)
        self.connection.request(method, path, data, headers or {})
        response = self.connection.getresponse()
        content = response.read()
        return response.status, json.loads(content) if "json" in response.headers["Content-Type"] else content

    def complete(self, **body: Any) -> tuple[int, Any]:
        return self.ask("POST", "/v1/chat/completions", {"messages": [user("Compute 3*4")], **body})


@pytest.fixture
def client(server: SimulatedServer) -> Iterator[Client]:
    client = Client(server)
    yield client
    client.connection.close()


def test_a_connection_serves_many_requests(client: Client) -> None:
    client.complete()
    first = client.connection.sock
    for _ in range(3):
        status, answer = client.complete(model="simulated:worker")
        assert status == 200
        assert answer["choices"][0]["message"]["content"].startswith("3*4 = 12")
        assert (
            answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"] + answer["usage"]["completion_tokens"]
        )
    assert client.connection.sock is first


def test_answers_come_at_once(client: Client) -> None:
    def seconds() -> float:
        started = time.perf_counter()
        client.complete()
        return time.perf_counter() - started

    # An answer that waited for an acknowledgement would take 40 ms every time.
    assert min(seconds() for _ in range(20)) < 0.03


def test_models_are_listed(client: Client) -> None:
    status, answer = client.ask("GET", "/v1/models")
    assert status == 200
    characters = ["sycophant", "skeptic", "slacker", "persuadable"]
    known = ["worker", "expert", "novice", "parrot", *characters, "coder", "judge"]
    assert [card["id"] for card in answer["data"]] == known
    assert client.ask("GET", "/v1/models/expert")[1]["id"] == "expert"
    assert client.ask("GET", "/v1/models/experd")[0] == 404


def test_json_mode_gives_an_object(client: Client) -> None:
    answer = client.complete(response_format={"type": "json_object"})[1]
    assert json.loads(answer["choices"][0]["message"]["content"])["value"] == 12


def test_a_developer_message_is_a_system_message(client: Client) -> None:
    messages = [{"role": "developer", "content": "Compute 1+1"}, user("Compute 3*4")]
    content = client.complete(messages=messages)[1]["choices"][0]["message"]["content"]
    assert content.startswith("3*4 = 12")


def test_usage_is_streamed_only_where_it_is_asked_for(client: Client) -> None:
    plain = client.complete(stream=True)[1].decode()
    told = client.complete(stream=True, stream_options={"include_usage": True})[1].decode()
    assert plain.endswith("data: [DONE]\n\n")
    assert '"usage"' not in plain
    assert '"usage"' in told


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"model": "wroker"}, 404, "did you mean 'worker'?"),
        ({"model": 3}, 404, "unknown profile '3'"),
        ({"messages": []}, 400, "'messages' is missing"),
        ({"messages": ["hello"]}, 400, "'messages[0]' is no object"),
        ({"messages": [{"role": "robot", "content": ""}]}, 400, "'messages[0].role' is 'robot'; allowed: system"),
        ({"messages": [{"role": "user", "content": 3}]}, 400, "neither text nor a list of parts"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "a"}]}]}, 400, "messages[0].tool_calls[0]"),
        ({"tools": "calculator"}, 400, "'tools' is no list"),
        ({"tools": [{"type": "function"}]}, 400, "'tools[0]' is no function"),
        ({"tool_choice": {"type": "function"}}, 400, "'tool_choice' may be auto, none or required"),
        ({"response_format": {"type": "xml"}}, 400, "'response_format' may be text"),
        ({"max_tokens": 0}, 400, "at least 1 token"),
        ({"seed": "x"}, 400, "'seed' is 'x'; give an integer"),
        ({"n": 2}, 400, "'n' may only be 1"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_openais_shape(
    client: Client, body: dict[str, Any], status: int, told: str
) -> None:
    found, answer = client.complete(**body)
    assert found == status
    assert answer["error"]["type"] == "invalid_request_error"
    assert told in answer["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/chat/completions", b"{", 400),
        ("POST", "/v1/chat/completions", b"[]", 400),
        ("POST", "/v1/responses", b"{}", 404),
        ("GET", "/v1/chat/completions", None, 405),
        ("GET", "/", None, 404),
    ],
)
def test_bad_requests_are_told_apart(client: Client, method: str, path: str, body: bytes | None, status: int) -> None:
    found, answer = client.ask(method, path, body)
    assert found == status
    assert answer["error"]["message"]


def test_a_body_without_a_length_or_with_too_much_of_it_is_refused(server: SimulatedServer) -> None:
    for header, status in (("X-Nothing: 1", b"411"), ("Content-Length: 99999999999", b"413")):
        with socket.create_connection(address(server), timeout=5) as wire:
            wire.sendall(f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode())
            assert wire.recv(100).split(b" ")[1] == status


def test_a_client_that_hangs_up_disturbs_nobody(server: SimulatedServer, client: Client) -> None:
    for _ in range(3):
        with socket.create_connection(address(server), timeout=5) as wire:
            wire.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
    assert client.complete()[0] == 200


def test_latency_and_skill_of_a_server_hold_for_its_models() -> None:
    with make_server(latency_s=0.05, skill=0.0) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        client = Client(running)
        started = time.perf_counter()
        content = client.complete()[1]["choices"][0]["message"]["content"]
        assert time.perf_counter() - started >= 0.05
        assert not content.startswith("3*4 = 12\n")
        client.connection.close()
        running.shutdown()
        thread.join()
