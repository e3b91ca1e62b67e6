"""The simulated provider: a canonical request goes in, and a model that is no model answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import anyio
import anyio.lowlevel

from agentmesh.config.models import ModelConfig
from agentmesh.messages import Reply, ToolCall, Usage
from agentmesh.providers.base import Delta, Request
from agentmesh.providers.prices import priced
from agentmesh.providers.simulated.conduct import is_lazy
from agentmesh.providers.simulated.drafts import Draft, Solver
from agentmesh.providers.simulated.mishearing import misread
from agentmesh.providers.simulated.rating import rated
from agentmesh.providers.simulated.reading import Reading, read, text_in
from agentmesh.providers.simulated.roles import answer
from agentmesh.providers.simulated.skill import Mind, Profile, profile_named
from agentmesh.providers.simulated.structured import Content, contribution, structured
from agentmesh.providers.simulated.varying import varied

CHARACTERS_PER_TOKEN = 4
_PIECE = re.compile(r"\s*\S+|\s+")
_COUNTED = "simulated.counted"
_COUNTED_TOOLS = "simulated.counted_tools"


class SimulatedProvider:
    """Answers with a simulated model: the text and the tools of the request are all that it knows.

    Raises: ConfigError where the profile is unknown.
    """

    def __init__(self, config: ModelConfig, model_id: str) -> None:
        self._config = config
        self._profile = profile_named(config.model, config.skill)
        self._latency_s = config.latency_s or 0.0
        self._model_id = model_id

    @property
    def model_id(self) -> str:
        """`simulated:profile`, as the log names it."""
        return self._model_id

    async def complete(self, request: Request, on_delta: Delta | None = None) -> Reply:
        """The answer, after the model's latency; text comes in pieces where somebody watches."""
        if self._latency_s:
            await anyio.sleep(self._latency_s)
        else:
            await anyio.lowlevel.checkpoint()
        reply = respond(request, self._profile, self._model_id)
        if self._config.price is not None and reply.usage is not None:
            reply = replace(reply, usage=priced(self._config, reply.usage))
        if on_delta is not None:
            for piece in pieces(reply.text):
                on_delta(piece)
        return reply

    async def aclose(self) -> None:
        """Nothing is held."""


def respond(request: Request, profile: Profile, model_id: str = "") -> Reply:
    """The reply of a simulated model: the same for the same request."""
    reading = read(request)
    draft = _drafted(reading, Mind(profile, reading.seed, reading.name, reading.replies))
    text, calls, cut = _within(request.max_output_tokens, draft.text, _named(draft, reading))
    used = len(text) + sum(_length(call) for call in calls)
    finish = "length" if cut else "tool_calls" if calls else "stop"
    return Reply(
        text=text,
        tool_calls=calls,
        usage=Usage(input_tokens=_tokens(_input_length(request)), output_tokens=_tokens(used), model_calls=1),
        finish_reason=finish,
        structured="native" if reading.schema is not None else None,
        model=model_id,
    )


def _drafted(reading: Reading, mind: Mind) -> Draft:
    """The reply in the form that is asked for."""
    if (said := rated(reading, mind) or varied(reading, mind)) is not None:
        return Draft(said)
    reading = misread(reading, mind)
    draft = answer(reading, Solver(reading, mind, careless=is_lazy(reading, mind)))
    if reading.schema is None or draft.calls:
        return draft
    content = Content(draft.text, draft.values, draft.holds)
    said = contribution(reading.schema, draft.text, draft.position)
    return replace(draft, text=said or structured(reading.schema, content))


def pieces(text: str) -> Iterator[str]:
    """A text word by word, as it is streamed; together they are the text."""
    return (match.group() for match in _PIECE.finditer(text))


def _named(draft: Draft, reading: Reading) -> tuple[ToolCall, ...]:
    """Calls with ids that no earlier reply of the context used."""
    return tuple(
        ToolCall(name, arguments, f"call_{reading.replies + 1}_{n}")
        for n, (name, arguments) in enumerate(draft.calls, start=1)
    )


def _within(limit: int, text: str, calls: tuple[ToolCall, ...]) -> tuple[str, tuple[ToolCall, ...], bool]:
    """The reply as far as it fits into so many tokens, and whether it was cut. A call is never cut in two."""
    room = limit * CHARACTERS_PER_TOKEN
    kept_text = text[:room]
    room -= len(kept_text)
    kept: list[ToolCall] = []
    for call in calls:
        room -= _length(call)
        if room < 0:
            break
        kept.append(call)
    return kept_text, tuple(kept), len(kept_text) < len(text) or len(kept) < len(calls)


def _length(call: ToolCall) -> int:
    return len(call.name) + len(json.dumps(call.arguments, ensure_ascii=False))


def _tokens(characters: int) -> int:
    return max(1, -(-characters // CHARACTERS_PER_TOKEN))


def _input_length(request: Request) -> int:
    """Characters of the request. Only what every way of sending it keeps is counted."""
    counted: list[tuple[Any, int]] = request.memo.setdefault(_COUNTED, [])
    total = 0
    for place, message in enumerate(request.messages):
        if place >= len(counted) or counted[place][0] is not message:
            del counted[place:]
            calls = message.get("tool_calls") or ()
            asked = sum(len(call["function"]["name"]) + len(call["function"]["arguments"]) for call in calls)
            counted.append((message, len(text_in(message)) + asked))
        total += counted[place][1]
    tools: tuple[Any, int] | None = request.memo.get(_COUNTED_TOOLS)
    if tools is None or tools[0] is not request.tools:
        tools = request.memo[_COUNTED_TOOLS] = (request.tools, sum(map(_tool_length, request.tools)))
    return total + tools[1]


def _tool_length(tool: dict[str, Any]) -> int:
    function = tool["function"]
    parameters = json.dumps(function.get("parameters") or {}, ensure_ascii=False)
    return len(function["name"]) + len(function.get("description") or "") + len(parameters)
