"""The Messages API of Anthropic, with its prompt cache in use."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from agentmesh.errors import ProviderError
from agentmesh.messages import ChatMessage, ToolCall
from agentmesh.providers.ask import schema_instruction
from agentmesh.providers.base import Delta, Request
from agentmesh.providers.encoding import Counts, Start, content_of, count, dumps, fields, grown_body, plain_text
from agentmesh.providers.failures import failed
from agentmesh.providers.http import Assembly, Decoded, HttpProvider, Mode
from agentmesh.providers.openai import decoded_arguments

if TYPE_CHECKING:
    import httpx2

    from agentmesh.providers.endpoints import Address, Client

OFFICIAL_URL = "https://api.anthropic.com"
EXTRA = "anthropic_content"
"""Key of `Reply.extra` under which content blocks travel back unchanged, where signed thinking is among them."""
CACHE = {"type": "ephemeral"}
PDF = "application/pdf"

_FINISH_REASONS = {
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
}
_RESULTS = ('{"role":"user","content":[', "]}")
"""Around tool results that follow one another: the API takes them as one message of the user."""


class AnthropicProvider(HttpProvider):
    """A model behind the Messages API."""

    sdk = "anthropic"
    path = "/v1/messages"
    key_variable = "ANTHROPIC_API_KEY"
    official_host = "anthropic.com"
    modes = ("native", "prompt")

    def encode(self, request: Request, mode: Mode | None, *, stream: bool) -> bytes:
        """Stable fields first, then the messages, so that each body of a context extends the one before."""
        leading = _leading_system_messages(request.messages)
        key = (
            mode,
            stream,
            request.max_output_tokens,
            request.reasoning_effort,
            request.tools,
            request.response_schema,
            leading,
        )

        def start() -> Start:
            head = self._head(request, leading, mode, stream=stream)
            return Start(head + '"messages":[', skip=len(leading))

        return grown_body(self, request, key, start, _encode_message, _tail(request), _RESULTS)

    def decode(self, answer: dict[str, Any]) -> Decoded:
        """Text and tool calls of the content blocks."""
        content = answer.get("content")
        if not isinstance(content, list):
            raise failed("malformed", f"{self.model_id} answered without content")
        reason = answer.get("stop_reason")
        if reason == "refusal":
            why = (answer.get("stop_details") or {}).get("explanation") or "it gave no reason"
            raise failed("content_refused", f"{self.model_id} refused: {why}")
        calls = tuple(
            ToolCall(name=block["name"], arguments=decoded_arguments(block.get("input")), id=block["id"])
            for block in content
            if block.get("type") == "tool_use"
        )
        thought = any(block.get("type") in ("thinking", "redacted_thinking") for block in content)
        return Decoded(
            text="".join(block.get("text") or "" for block in content if block.get("type") == "text"),
            tool_calls=calls,
            finish_reason=_FINISH_REASONS.get(str(reason), "stop"),
            counts=_usage(answer),
            extra={EXTRA: content} if thought else None,
        )

    def assembly(self) -> Assembly:
        """Puts content blocks together."""
        return MessageAssembly()

    def _head(self, request: Request, leading: list[ChatMessage], mode: Mode | None, *, stream: bool) -> str:
        system = "\n\n".join(plain_text(message) for message in leading)
        if mode == "prompt":
            system = f"{system}\n\n{schema_instruction(request.response_schema or {})}".strip()
        tools: list[dict[str, Any]] = [_tool(tool) for tool in request.tools]
        if tools:
            tools[-1]["cache_control"] = CACHE
        output: dict[str, Any] = {}
        if effort := request.reasoning_effort or self.config.reasoning_effort:
            output["effort"] = effort
        if mode == "native":
            output["format"] = {"type": "json_schema", "schema": _accepted(request.response_schema or {})}
        return fields(
            [
                ("model", self.config.model),
                ("max_tokens", request.max_output_tokens),
                ("output_config", output or None),
                ("tools", tools or None),
                ("system", [{"type": "text", "text": system, "cache_control": CACHE}] if system else None),
                ("cache_control", CACHE),
                ("stream", stream or None),
            ]
        )

    def _base_url(self) -> str:
        url = self.config.base_url or self._environment.get("ANTHROPIC_BASE_URL") or OFFICIAL_URL
        return url.rstrip("/").removesuffix("/v1")

    def _client(self, address: Address, http_client: httpx2.AsyncClient) -> Client:
        from anthropic import AsyncAnthropic

        return AsyncAnthropic(
            api_key=address.key,
            base_url=address.base_url,
            max_retries=0,
            http_client=http_client,
            # Otherwise the SDK reports each call to tracing on its own, beside ours.
            open_telemetry=False,
        )


class MessageAssembly:
    """Puts the events of a streamed message together."""

    def __init__(self) -> None:
        self._message: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._json: dict[int, str] = {}
        self._complete = False

    def feed(self, event: dict[str, Any], on_delta: Delta) -> None:
        """Take one event."""
        match event.get("type"):
            case "message_start":
                self._message = dict(event["message"])
            case "content_block_start":
                self._blocks[event["index"]] = dict(event["content_block"])
            case "content_block_delta":
                self._grow(event["index"], event["delta"], on_delta)
            case "message_delta":
                self._message |= event["delta"]
                told = {name: value for name, value in (event.get("usage") or {}).items() if value is not None}
                self._message["usage"] = {**(self._message.get("usage") or {}), **told}
                self._complete = True
            case _:
                pass  # pings, and the ends of blocks

    def answer(self) -> dict[str, Any] | None:
        """The whole message."""
        if not self._complete:
            return None
        for index, text in self._json.items():
            self._blocks[index]["input"] = decoded_arguments(text)
        return {**self._message, "content": [block for _, block in sorted(self._blocks.items())]}

    def _grow(self, index: int, delta: dict[str, Any], on_delta: Delta) -> None:
        block = self._blocks.setdefault(index, {"type": "text"})
        match delta.get("type"):
            case "text_delta":
                block["text"] = block.get("text", "") + delta["text"]
                on_delta(delta["text"])
            case "input_json_delta":
                self._json[index] = self._json.get(index, "") + delta["partial_json"]
            case "thinking_delta":
                block["thinking"] = block.get("thinking", "") + delta["thinking"]
            case "signature_delta":
                block["signature"] = delta["signature"]
            case _:
                pass  # citations, which no reply carries


def _leading_system_messages(messages: list[ChatMessage]) -> list[ChatMessage]:
    number = 0
    while number < len(messages) and messages[number]["role"] == "system":
        number += 1
    return messages[:number]


def _accepted(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema as the API takes it: objects closed, and bounds that it cannot enforce told in descriptions."""
    from anthropic import transform_schema

    try:
        return transform_schema(schema)
    except (ValueError, TypeError, AssertionError):
        return schema  # the API will say what it does not take, and the prompt takes over


def _tail(request: Request) -> str:
    if not request.tools or request.tool_choice == "auto":
        return "]}"
    return f'],"tool_choice":{{"type":"{"none" if request.tool_choice == "none" else "any"}"}}}}'


def _encode_message(message: ChatMessage) -> str:
    """One message; a tool result alone, since those that follow one another make one message."""
    match message["role"]:
        case "tool":
            return dumps(
                {"type": "tool_result", "tool_use_id": message.get("tool_call_id", ""), "content": plain_text(message)}
            )
        case "assistant":
            blocks = message.get("extra", {}).get(EXTRA) or list(_assistant_blocks(message))
            # The API refuses an empty message; leaving it out joins its neighbours.
            return dumps({"role": "assistant", "content": blocks}) if blocks else ""
        case role:
            return dumps({"role": role, "content": content_of(message.get("content"), _part)})


def _assistant_blocks(message: ChatMessage) -> Iterator[dict[str, Any]]:
    if (text := plain_text(message)).strip():
        yield {"type": "text", "text": text}
    for call in message.get("tool_calls") or ():
        function = call["function"]
        arguments = decoded_arguments(function["arguments"])
        yield {"type": "tool_use", "id": call["id"], "name": function["name"], "input": arguments}


def _part(part: dict[str, Any]) -> dict[str, Any]:
    match part.get("type"):
        case "image_url":
            return {"type": "image", "source": _source(part["image_url"]["url"])}
        case "file":
            file = part["file"]
            return _document(file.get("filename") or "file", _source(file["file_data"]))
        case _:
            return {"type": "text", "text": part.get("text", "")}


def _document(name: str, source: dict[str, Any]) -> dict[str, Any]:
    """A PDF as it is, text decoded: the API takes no other files."""
    media_type = source.get("media_type", PDF)
    if media_type.startswith("text/"):
        try:
            text = b64decode(source["data"], validate=True).decode(errors="replace")
        except ValueError as error:
            raise failed("bad_request", f"the file {name!r} is not in base64: {error}") from error
        source = {"type": "text", "media_type": "text/plain", "data": text}
    elif media_type != PDF:
        raise ProviderError(
            "bad_request",
            f"the file {name!r} is {media_type}; the Messages API takes application/pdf and text",
            hint="send it as text, or choose a model that takes such files",
        )
    return {"type": "document", "title": name, "source": source}


def _source(url: str) -> dict[str, Any]:
    """`data:media/type;base64,...` or an address, as a source."""
    if not url.startswith("data:"):
        return {"type": "url", "url": url}
    media_type, _, data = url.removeprefix("data:").partition(";base64,")
    return {"type": "base64", "media_type": media_type, "data": data}


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool["function"]
    given = {"name": function["name"], "description": function.get("description", "")}
    return {**given, "input_schema": function.get("parameters") or {"type": "object", "properties": {}}}


def _usage(answer: Mapping[str, Any]) -> Counts | None:
    usage = answer.get("usage")
    if not isinstance(usage, Mapping) or not usage:
        return None
    read, written = count(usage, "cache_read_input_tokens"), count(usage, "cache_creation_input_tokens")
    return Counts(
        input_tokens=count(usage, "input_tokens") + read + written,
        output_tokens=count(usage, "output_tokens"),
        cache_read_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=count(usage, "output_tokens_details", "thinking_tokens"),
    )
