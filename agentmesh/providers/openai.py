"""Chat Completions: the API of OpenAI and of every server compatible with it."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from agentmesh.messages import ChatMessage, ToolCall
from agentmesh.providers.ask import schema_instruction
from agentmesh.providers.base import Delta, Request
from agentmesh.providers.capabilities import is_reasoning_model
from agentmesh.providers.encoding import Counts, Start, count, dumps, fields, grown_body
from agentmesh.providers.failures import failed
from agentmesh.providers.http import Assembly, Decoded, HttpProvider, Mode
from agentmesh.providers.schema import is_strict

if TYPE_CHECKING:
    import httpx2

    from agentmesh.providers.endpoints import Address, Client

OFFICIAL_URL = "https://api.openai.com/v1"


class OpenAIBase(HttpProvider):
    """What both APIs of OpenAI share: client, key, address, and bodies that grow at the end."""

    sdk = "openai"
    key_variable = "OPENAI_API_KEY"
    official_host = "openai.com"
    list_name: str
    """The field that holds the messages."""

    def encode(self, request: Request, mode: Mode | None, *, stream: bool) -> bytes:
        """Stable fields first, then the messages, so that each body of a context extends the one before."""
        inserted = mode is not None and mode != "native"
        opening = request.messages[0] if inserted and request.messages else None
        key = (
            mode,
            stream,
            request.max_output_tokens,
            request.temperature,
            request.top_p,
            request.reasoning_effort,
            request.tools,
            request.response_schema,
            opening,
        )

        def start() -> Start:
            head = f'{self._head(request, mode, stream=stream)}"{self.list_name}":['
            if not inserted:
                return Start(head)
            first, skip = with_instruction(request)
            return Start(head + self._encode_message(first), skip, started=True)

        return grown_body(self, request, key, start, self._encode_message, self._tail(request))

    def _sampling(self, request: Request) -> list[tuple[str, float | None]]:
        """None for OpenAI's reasoning models: what a request holds may be meant for the model before a fallback."""
        if self.official and is_reasoning_model(self.config.model):
            return []
        temperature = self.config.temperature if request.temperature is None else request.temperature
        return [("temperature", temperature), ("top_p", self.config.top_p if request.top_p is None else request.top_p)]

    def _effort(self, request: Request) -> str | None:
        if self.official and not is_reasoning_model(self.config.model):
            return None
        return request.reasoning_effort or self.config.reasoning_effort

    @abstractmethod
    def _head(self, request: Request, mode: Mode | None, *, stream: bool) -> str: ...

    @abstractmethod
    def _tail(self, request: Request) -> str: ...

    @abstractmethod
    def _encode_message(self, message: ChatMessage) -> str: ...

    def _base_url(self) -> str:
        return self.config.base_url or self._environment.get("OPENAI_BASE_URL") or OFFICIAL_URL

    def _client(self, address: Address, http_client: httpx2.AsyncClient) -> Client:
        from openai import AsyncOpenAI

        return AsyncOpenAI(api_key=address.key, base_url=address.base_url, max_retries=0, http_client=http_client)


class OpenAIProvider(OpenAIBase):
    """A model behind Chat Completions."""

    path = "/chat/completions"
    list_name = "messages"

    def decode(self, answer: dict[str, Any]) -> Decoded:
        """The first choice."""
        choices = answer.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
            raise failed("malformed", f"{self.model_id} answered without choices")
        choice = choices[0]
        message = choice.get("message")
        if not isinstance(message, Mapping):
            raise failed("malformed", f"{self.model_id} answered without a message")
        reason = choice.get("finish_reason") or "stop"
        if message.get("refusal") or reason == "content_filter":
            why = message.get("refusal") or "its answer was stopped by a content filter"
            raise failed("content_refused", f"{self.model_id} refused: {why}")
        calls = tuple(
            _tool_call(given, number) for number, given in enumerate(message.get("tool_calls") or (), start=1)
        )
        if calls and reason in ("stop", "function_call"):
            reason = "tool_calls"
        return Decoded(_text(message.get("content")), calls, reason, _usage(answer))

    def assembly(self) -> Assembly:
        """Puts chunks together."""
        return ChatAssembly()

    def _head(self, request: Request, mode: Mode | None, *, stream: bool) -> str:
        config = self.config
        length = "max_completion_tokens" if self.official else "max_tokens"
        return fields(
            [
                ("model", config.model),
                (length, request.max_output_tokens),
                *self._sampling(request),
                ("reasoning_effort", self._effort(request)),
                ("tools", request.tools or None),
                ("response_format", _response_format(mode, request.response_schema)),
                ("stream", stream or None),
                ("stream_options", {"include_usage": True} if stream else None),
            ]
        )

    def _tail(self, request: Request) -> str:
        tail = "]"
        if request.seed is not None:
            tail += f',"seed":{request.seed}'
        if request.tools and request.tool_choice != "auto":
            tail += f',"tool_choice":"{request.tool_choice}"'
        return tail + "}"

    def _encode_message(self, message: ChatMessage) -> str:
        if "extra" in message:
            return dumps({name: value for name, value in message.items() if name != "extra"})
        return dumps(message)


class ChatAssembly:
    """Puts the chunks of a streamed chat completion together."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, dict[str, str]] = {}
        self._reason: str | None = None
        self._usage: dict[str, Any] | None = None

    def feed(self, event: dict[str, Any], on_delta: Delta) -> None:
        """Take one chunk."""
        self._usage = event.get("usage") or self._usage
        for choice in (event.get("choices") or ())[:1]:
            self._reason = choice.get("finish_reason") or self._reason
            delta = choice.get("delta") or {}
            if content := delta.get("content"):
                self._text.append(content)
                on_delta(content)
            if refusal := delta.get("refusal"):
                self._refusal.append(refusal)
            for part in delta.get("tool_calls") or ():
                self._add_call(part)

    def answer(self) -> dict[str, Any] | None:
        """A chat completion, complete once a reason to finish or the usage was seen."""
        if self._reason is None and self._usage is None:
            return None
        message: dict[str, Any] = {"content": "".join(self._text), "refusal": "".join(self._refusal)}
        message["tool_calls"] = [
            {"id": call["id"], "function": {"name": call["name"], "arguments": call["arguments"]}}
            for _, call in sorted(self._calls.items())
        ]
        return {"choices": [{"message": message, "finish_reason": self._reason}], "usage": self._usage}

    def _add_call(self, part: dict[str, Any]) -> None:
        index = part.get("index")
        if index is None:
            # Some servers number nothing: a part with an id opens a call, one without continues the last.
            index = len(self._calls) if part.get("id") or not self._calls else len(self._calls) - 1
        call = self._calls.setdefault(index, {"id": "", "name": "", "arguments": ""})
        function = part.get("function") or {}
        call["id"] = part.get("id") or call["id"]
        call["name"] += function.get("name") or ""
        call["arguments"] += function.get("arguments") or ""


def decoded_arguments(arguments: Any) -> dict[str, Any]:
    """The arguments of a tool call; text that is no JSON object arrives as `{"": text}`."""
    if isinstance(arguments, dict):
        return arguments
    if not arguments:
        return {}
    try:
        value = json.loads(arguments)
    except (ValueError, TypeError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"": str(arguments)}


def _tool_call(given: Mapping[str, Any], number: int) -> ToolCall:
    function = given.get("function") or {}
    return ToolCall(
        name=str(function.get("name") or ""),
        arguments=decoded_arguments(function.get("arguments")),
        id=str(given.get("id") or f"call_{number}"),
    )


def with_instruction(request: Request) -> tuple[ChatMessage, int]:
    """The first message with the schema in it, and how many messages it stands for."""
    instruction = schema_instruction(request.response_schema or {})
    first = request.messages[0] if request.messages else None
    if first is not None and first["role"] == "system" and isinstance(first.get("content"), str):
        # Chat templates of many open models take one system message and only at the start.
        return {"role": "system", "content": f"{first['content']}\n\n{instruction}"}, 1
    return {"role": "system", "content": instruction}, 0


def _response_format(mode: Mode | None, schema: dict[str, Any] | None) -> dict[str, Any] | None:
    match mode:
        case "native":
            given: dict[str, Any] = {"name": "answer", "schema": schema}
            if is_strict(schema or {}):
                given["strict"] = True
            return {"type": "json_schema", "json_schema": given}
        case "json_mode":
            return {"type": "json_object"}
        case _:
            return None


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, Mapping))
    return ""


def _usage(answer: dict[str, Any]) -> Counts | None:
    usage = answer.get("usage")
    if not isinstance(usage, Mapping) or not usage:
        return None
    told = cast("Mapping[str, Any]", usage)
    return Counts(
        input_tokens=count(told, "prompt_tokens"),
        output_tokens=count(told, "completion_tokens"),
        cache_read_tokens=count(told, "prompt_tokens_details", "cached_tokens"),
        cache_write_tokens=count(told, "prompt_tokens_details", "cache_write_tokens"),
        reasoning_tokens=count(told, "completion_tokens_details", "reasoning_tokens"),
    )
