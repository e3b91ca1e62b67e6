"""The Responses API of OpenAI, stateless: nothing is stored there, and reasoning travels back encrypted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentmesh.messages import ChatMessage, ToolCall
from agentmesh.providers.base import Delta, Request
from agentmesh.providers.capabilities import is_reasoning_model
from agentmesh.providers.encoding import Counts, content_of, count, dumps, fields, plain_text
from agentmesh.providers.failures import failed
from agentmesh.providers.http import Assembly, Decoded, Mode
from agentmesh.providers.openai import OpenAIBase, decoded_arguments
from agentmesh.providers.schema import is_strict

EXTRA = "openai_output"
"""Key of `Reply.extra` under which output items travel back unchanged, where reasoning is among them."""


class OpenAIResponsesProvider(OpenAIBase):
    """A model behind the Responses API."""

    path = "/responses"
    list_name = "input"

    def decode(self, answer: dict[str, Any]) -> Decoded:
        """Text and function calls of the output items."""
        output = answer.get("output")
        if not isinstance(output, list):
            raise failed("malformed", f"{self.model_id} answered without output")
        text: list[str] = []
        calls: list[ToolCall] = []
        for item in output:
            match item.get("type"):
                case "message":
                    text.extend(self._part_text(part) for part in item.get("content") or ())
                case "function_call":
                    arguments = decoded_arguments(item.get("arguments"))
                    calls.append(ToolCall(name=item["name"], arguments=arguments, id=item["call_id"]))
                case _:
                    pass  # reasoning and the like: kept whole below
        reasoned = any(item.get("type") == "reasoning" for item in output)
        return Decoded(
            text="".join(text),
            tool_calls=tuple(calls),
            finish_reason=self._finish_reason(answer, called=bool(calls)),
            counts=_usage(answer),
            extra={EXTRA: output} if reasoned else None,
        )

    def assembly(self) -> Assembly:
        """Passes text on; the last event holds the whole answer."""
        return ResponseAssembly()

    def _head(self, request: Request, mode: Mode | None, *, stream: bool) -> str:
        config = self.config
        effort = self._effort(request)
        return fields(
            [
                ("model", config.model),
                ("store", False),
                # Models that do not reason refuse to be asked for it.
                ("include", ["reasoning.encrypted_content"] if is_reasoning_model(config.model) else None),
                ("max_output_tokens", request.max_output_tokens),
                *self._sampling(request),
                ("reasoning", {"effort": effort} if effort else None),
                ("tools", [_tool(tool) for tool in request.tools] or None),
                ("text", _text_format(mode, request.response_schema)),
                ("stream", stream or None),
            ]
        )

    def _tail(self, request: Request) -> str:
        choice = request.tool_choice
        return f'],"tool_choice":"{choice}"}}' if request.tools and choice != "auto" else "]}"

    def _encode_message(self, message: ChatMessage) -> str:
        match message["role"]:
            case "tool":
                call_id = message.get("tool_call_id", "")
                items = [{"type": "function_call_output", "call_id": call_id, "output": plain_text(message)}]
            case "assistant":
                items = _assistant_items(message)
            case role:
                items = [{"role": role, "content": content_of(message.get("content"), _part)}]
        return ",".join(dumps(item) for item in items)

    def _part_text(self, part: Mapping[str, Any]) -> str:
        if part.get("type") == "refusal":
            raise failed("content_refused", f"{self.model_id} refused: {part.get('refusal')}")
        return str(part.get("text") or "")

    def _finish_reason(self, answer: Mapping[str, Any], *, called: bool) -> str:
        if answer.get("status") == "incomplete":
            reason = (answer.get("incomplete_details") or {}).get("reason")
            if reason == "content_filter":
                raise failed("content_refused", f"{self.model_id} was stopped by a content filter")
            return "length"
        return "tool_calls" if called else "stop"


class ResponseAssembly:
    """Passes the text of a streamed response on and keeps the whole response of the last event."""

    def __init__(self) -> None:
        self._answer: dict[str, Any] | None = None

    def feed(self, event: dict[str, Any], on_delta: Delta) -> None:
        """Take one event."""
        match event.get("type"):
            case "response.output_text.delta":
                on_delta(event["delta"])
            case "response.completed" | "response.incomplete" | "response.failed":
                self._answer = event["response"]
            case "error":
                self._answer = {"error": event}
            case _:
                pass  # progress that says nothing which the last event does not say

    def answer(self) -> dict[str, Any] | None:
        """The whole response."""
        return self._answer


def _assistant_items(message: ChatMessage) -> list[dict[str, Any]]:
    kept = message.get("extra", {}).get(EXTRA)
    if kept:
        return list(kept)
    calls = message.get("tool_calls") or ()
    items: list[dict[str, Any]] = []
    if (text := plain_text(message)) or not calls:
        items.append({"role": "assistant", "content": text})
    for call in calls:
        function = call["function"]
        items.append(
            {
                "type": "function_call",
                "call_id": call["id"],
                "name": function["name"],
                "arguments": function["arguments"],
            }
        )
    return items


def _part(part: dict[str, Any]) -> dict[str, Any]:
    match part.get("type"):
        case "image_url":
            return {"type": "input_image", "image_url": part["image_url"]["url"]}
        case "file":
            return {"type": "input_file", **part["file"]}
        case _:
            return {"type": "input_text", "text": part.get("text", "")}


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool["function"]
    # The API makes tools strict unless told otherwise, and refuses schemas that strict mode cannot take.
    return {"type": "function", **function, "strict": False}


def _text_format(mode: Mode | None, schema: dict[str, Any] | None) -> dict[str, Any] | None:
    match mode:
        case "native":
            strict = is_strict(schema or {})
            return {"format": {"type": "json_schema", "name": "answer", "schema": schema, "strict": strict}}
        case "json_mode":
            return {"format": {"type": "json_object"}}
        case _:
            return None


def _usage(answer: Mapping[str, Any]) -> Counts | None:
    usage = answer.get("usage")
    if not isinstance(usage, Mapping) or not usage:
        return None
    return Counts(
        input_tokens=count(usage, "input_tokens"),
        output_tokens=count(usage, "output_tokens"),
        cache_read_tokens=count(usage, "input_tokens_details", "cached_tokens"),
        cache_write_tokens=count(usage, "input_tokens_details", "cache_write_tokens"),
        reasoning_tokens=count(usage, "output_tokens_details", "reasoning_tokens"),
    )
