"""The simulated models as an OpenAI-compatible server: the same requests get the same answers over HTTP."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from agentmesh.errors import ConfigError
from agentmesh.messages import ChatMessage, Reply
from agentmesh.providers.base import Request, ToolChoice
from agentmesh.providers.simulated.provider import pieces, respond
from agentmesh.providers.simulated.skill import DEFAULT_PROFILE, PROFILES, Profile, profile_named

MAX_BODY = 64 * 1024 * 1024
DEFAULT_TOKENS = 4096
"""Longest answer where the request says nothing."""
PREFIX = "simulated:"
CHAT = "/v1/chat/completions"
MODELS = "/v1/models"
ANY_OBJECT: Mapping[str, Any] = {"type": "object"}

Json = dict[str, Any]


class RequestRefused(Exception):
    """A request that cannot be answered, with the status and the code that say why."""

    def __init__(self, status: HTTPStatus, message: str, *, param: str | None = None, code: str | None = None) -> None:
        self.status = status
        kind = "invalid_request_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
        self.body: Json = {"error": {"message": message, "type": kind, "param": param, "code": code}}
        super().__init__(message)


class SimulatedServer(ThreadingHTTPServer):
    """Serves the simulated models on one address until it is shut down. `latency_s` and `skill` hold for all models."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, address: tuple[str, int], *, latency_s: float = 0.0, skill: float | None = None) -> None:
        super().__init__(address, _Exchange)
        self.latency_s = latency_s
        self.skill = skill

    @property
    def base_url(self) -> str:
        """What a client takes as its `base_url`."""
        host, port = self.server_address[:2]
        name = host.decode() if isinstance(host, bytes | bytearray) else str(host)
        return f"http://{f'[{name}]' if ':' in name else name}:{port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news; anything else is reported as usual."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def make_server(
    host: str = "127.0.0.1", port: int = 0, *, latency_s: float | None = None, skill: float | None = None
) -> SimulatedServer:
    """A bound server that does not serve yet; port 0 takes a free one."""
    return SimulatedServer((host, port), latency_s=latency_s or 0.0, skill=skill)


def canonical(body: Mapping[str, Any]) -> Request:
    """The canonical request that a body of Chat Completions stands for. Raises: RequestRefused."""
    choice, tools = _tool_choice(body.get("tool_choice"), body.get("tools") or [])
    return Request(
        agent="",
        messages=_messages(body.get("messages")),
        tools=tools,
        response_schema=_response_schema(body.get("response_format")),
        tool_choice=choice,
        max_output_tokens=_tokens_allowed(body),
        seed=_whole(body, "seed"),
    )


def _messages(given: Any) -> list[ChatMessage]:
    if not isinstance(given, list) or not given:
        raise _bad("'messages' is missing; give a list of messages with role and content", "messages")
    return [_message(message, f"messages[{place}]") for place, message in enumerate(given)]


def _message(message: Any, path: str) -> ChatMessage:
    if not isinstance(message, dict):
        raise _bad(f"'{path}' is no object", path)
    role = "system" if message.get("role") == "developer" else message.get("role")
    if role not in ("system", "user", "assistant", "tool"):
        raise _bad(f"'{path}.role' is {role!r}; allowed: system, developer, user, assistant, tool", f"{path}.role")
    content = message.get("content")
    if content is not None and not isinstance(content, str) and not _is_parts(content):
        raise _bad(f"'{path}.content' is neither text nor a list of parts", f"{path}.content")
    for place, call in enumerate(message.get("tool_calls") or ()):
        if not _is_call(call):
            where = f"{path}.tool_calls[{place}]"
            raise _bad(f"'{where}' is no function call with id, name and arguments", where)
    return cast(ChatMessage, {**message, "role": role})


def _is_parts(content: Any) -> bool:
    return isinstance(content, list) and all(
        isinstance(part, dict) and (part.get("type") != "text" or isinstance(part.get("text"), str)) for part in content
    )


def _is_call(call: Any) -> bool:
    function = call.get("function") if isinstance(call, dict) else None
    return (
        isinstance(function, dict)
        and isinstance(call.get("id"), str)
        and isinstance(function.get("name"), str)
        and isinstance(function.get("arguments"), str)
    )


def _tool_choice(choice: Any, tools: Any) -> tuple[ToolChoice, list[Json]]:
    if not isinstance(tools, list):
        raise _bad("'tools' is no list", "tools")
    for place, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise _bad(f"'tools[{place}]' is no function with a name", f"tools[{place}]")
    match choice:
        case None:
            return "auto", tools
        case "auto" | "none" | "required":
            return cast(ToolChoice, choice), tools
        case _:
            raise _bad("'tool_choice' may be auto, none or required", "tool_choice")


def _response_schema(form: Any) -> Json | None:
    match form:
        case None | {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return dict(ANY_OBJECT)
        case {"type": "json_schema", "json_schema": {"schema": dict(schema)}}:
            return schema
        case _:
            raise _bad("'response_format' may be text, json_object or json_schema with a schema", "response_format")


def _tokens_allowed(body: Mapping[str, Any]) -> int:
    allowed = _whole(body, "max_completion_tokens")
    allowed = _whole(body, "max_tokens") if allowed is None else allowed
    if allowed is not None and allowed < 1:
        raise _bad(f"at least 1 token must be allowed, not {allowed}", "max_tokens")
    return DEFAULT_TOKENS if allowed is None else allowed


def _whole(body: Mapping[str, Any], name: str) -> int | None:
    value = body.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise _bad(f"'{name}' is {value!r}; give an integer", name)
    return value


def _bad(message: str, param: str | None) -> RequestRefused:
    return RequestRefused(HTTPStatus.BAD_REQUEST, message, param=param)


class _Exchange(BaseHTTPRequestHandler):
    """One connection: requests are answered one after the other until the client hangs up."""

    protocol_version = "HTTP/1.1"
    server_version = "agentmesh-simulated"
    # A small answer must not wait for the client's acknowledgement of its headers.
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        """The list of models, or one of them."""
        path = self._path()
        if path == MODELS:
            self._send(HTTPStatus.OK, {"object": "list", "data": [_card(name) for name in PROFILES]})
        elif path.startswith(MODELS + "/"):
            self._answering(lambda: _card(self._profile(path.removeprefix(MODELS + "/")).name))
        elif path == CHAT:
            self._refuse(RequestRefused(HTTPStatus.METHOD_NOT_ALLOWED, f"{CHAT} takes POST, not GET"))
        else:
            self._refuse(_unknown_path(path))

    def do_POST(self) -> None:
        """An answer of a model."""
        try:
            body = self._body()
            path = self._path()
            if path != CHAT:
                raise _unknown_path(path)
            profile = self._profile(body.get("model") or DEFAULT_PROFILE)
            if body.get("n") not in (None, 1):
                raise _bad("'n' may only be 1: the same request has one answer", "n")
            request = canonical(body)
        except RequestRefused as refused:
            self._refuse(refused)
            return
        self._complete(body, request, profile)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is written: the client keeps the log."""

    def _complete(self, body: Json, request: Request, profile: Profile) -> None:
        latency_s = cast(SimulatedServer, self.server).latency_s
        if latency_s:
            time.sleep(latency_s)
        reply = respond(request, profile)
        head = {
            "id": "chatcmpl-" + hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:24],
            "created": int(time.time()),
            "model": str(body.get("model") or DEFAULT_PROFILE),
        }
        if body.get("stream"):
            options = body.get("stream_options")
            wanted = isinstance(options, dict) and bool(options.get("include_usage"))
            self._stream(_chunks(reply, head, usage=wanted))
        else:
            self._send(HTTPStatus.OK, _completion(reply, head))

    def _body(self) -> Json:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            self.close_connection = True
            raise RequestRefused(HTTPStatus.LENGTH_REQUIRED, "the request needs a Content-Length")
        if int(length) > MAX_BODY:
            self.close_connection = True
            raise RequestRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body may have {MAX_BODY} bytes, not {length}")
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise _bad(f"the body is no JSON: {error}", None) from error
        if not isinstance(body, dict):
            raise _bad("the body is no JSON object", None)
        return body

    def _profile(self, model: Any) -> Profile:
        try:
            return profile_named(str(model).removeprefix(PREFIX), cast(SimulatedServer, self.server).skill)
        except ConfigError as error:
            text = error.problems[0].message
            raise RequestRefused(HTTPStatus.NOT_FOUND, text, param="model", code="model_not_found") from error

    def _path(self) -> str:
        return self.path.partition("?")[0].rstrip("/")

    def _answering(self, make: Any) -> None:
        try:
            self._send(HTTPStatus.OK, make())
        except RequestRefused as refused:
            self._refuse(refused)

    def _refuse(self, refused: RequestRefused) -> None:
        self._send(refused.status, refused.body)

    def _send(self, status: HTTPStatus, body: Json) -> None:
        data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def _stream(self, chunks: Iterator[Json]) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            self._write_event(json.dumps(chunk, ensure_ascii=False))
        self._write_event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _write_event(self, data: str) -> None:
        event = f"data: {data}\n\n".encode("utf-8", "replace")
        self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
        self.wfile.flush()


def _unknown_path(path: str) -> RequestRefused:
    return RequestRefused(HTTPStatus.NOT_FOUND, f"there is no '{path}' here; there are: POST {CHAT}, GET {MODELS}")


def _card(name: str) -> Json:
    return {"id": name, "object": "model", "created": 0, "owned_by": "agentmesh"}


def _calls(reply: Reply) -> list[Json]:
    return [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)},
        }
        for call in reply.tool_calls
    ]


def _usage(reply: Reply) -> Json:
    used = reply.usage
    assert used is not None
    return {"prompt_tokens": used.input_tokens, "completion_tokens": used.output_tokens, "total_tokens": used.tokens}


def _completion(reply: Reply, head: Json) -> Json:
    message: Json = {"role": "assistant", "content": reply.text or None, "refusal": None}
    if reply.tool_calls:
        message["tool_calls"] = _calls(reply)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reply.finish_reason}
    return {**head, "object": "chat.completion", "choices": [choice], "usage": _usage(reply)}


def _chunks(reply: Reply, head: Json, *, usage: bool) -> Iterator[Json]:
    def chunk(delta: Json, finish: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**head, "object": "chat.completion.chunk", "choices": [choice]}

    yield chunk({"role": "assistant", "content": ""})
    for piece in pieces(reply.text):
        yield chunk({"content": piece})
    for place, call in enumerate(_calls(reply)):
        yield chunk({"tool_calls": [{"index": place, **call}]})
    yield chunk({}, reply.finish_reason)
    if usage:
        yield {**head, "object": "chat.completion.chunk", "choices": [], "usage": _usage(reply)}
