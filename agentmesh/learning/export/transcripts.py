"""What each agent of a run really saw, context by context, and which of it is its own words.

A transcript is one context: the messages of its last request and what was answered. Each request of a context extends
the one before, so every model call of it is a place in the transcript, with all that comes before as its prompt. What
an agent takes over from an earlier context stands in a transcript without being a call of it: each call counts once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agentmesh.agents.context import Context
from agentmesh.events import Event, ModelCallFinished, ModelCallStarted
from agentmesh.learning.episodes import answered
from agentmesh.messages import ChatMessage, ToolCall
from agentmesh.providers.base import Request
from agentmesh.runner.past import relative, reply_of

Requests = Mapping[str, tuple[str, Request]]
"""By the key of a model call: its hash, and what was asked."""
Told = dict[str, tuple[str, Request]]


@dataclass(frozen=True)
class Call:
    """One step: a model call of an agent that was answered."""

    step: int
    """Its number in the run, from 0."""
    key: str
    input_tokens: int
    output_tokens: int
    estimated: bool
    """Whether the tokens were counted by nobody."""


@dataclass(frozen=True)
class Transcript:
    """One context of one agent."""

    agent: str
    messages: tuple[ChatMessage, ...]
    tools: tuple[dict[str, Any], ...]
    form: dict[str, Any] | None
    """JSON Schema of what the model had to answer in, if any."""
    calls: Mapping[int, Call]
    """By the place of its answer in `messages`."""

    @property
    def loss_mask(self) -> list[int]:
        """By message: 1 for what the agent wrote in this context, 0 for all else."""
        return [int(place in self.calls) for place in range(len(self.messages))]

    @property
    def taken_over(self) -> int:
        """How many messages the agent wrote in an earlier context."""
        return sum(one["role"] == "assistant" and at not in self.calls for at, one in enumerate(self.messages))

    @property
    def text_alone(self) -> bool:
        """Whether no message holds an image or a file."""
        return all(isinstance(one.get("content"), str | None) for one in self.messages)


def listener() -> tuple[Told, Callable[[str, str, Request], None]]:
    """Where requests are kept, and what `Team.replay(..., asked=...)` tells them to."""
    told: Told = {}

    def hear(key: str, digest: str, request: Request) -> None:
        told[key] = (digest, request)

    return told, hear


def transcripts(events: Sequence[Event], requests: Requests) -> list[Transcript]:
    """The contexts of all agents, by their first steps. Steps whose requests are not there are in none.

    A request that has another hash than the log says is not there: of a fork, it was asked by another team.
    """
    hashes = {event.key: event.request_hash for event in events if isinstance(event, ModelCallStarted)}
    # What a fork inherited has the keys of the run before it, and is asked once more by the fork.
    asked = {relative(key): told for key, told in requests.items()}
    found: list[Transcript] = []
    latest: dict[str, int] = {}
    for step, event in enumerate(answered(events)):
        digest, request = asked.get(relative(event.key), ("", None))
        if request is None or digest != hashes.get(event.key):
            continue
        agent = event.agent or ""
        before = found[latest[agent]] if agent in latest else None
        after = _extended(before, request) if before else None
        if after is None:
            latest[agent] = len(found)
            found.append(_with_answer(_begun(agent, request), step, event))
        else:
            found[latest[agent]] = _with_answer(after, step, event)
    return found


def unrebuilt(events: Sequence[Event], found: Sequence[Transcript]) -> dict[str, int]:
    """By agent: how many of its steps are in no transcript. They are those of a team on a node."""
    there = {call.key for one in found for call in one.calls.values()}
    missing = defaultdict[str, int](int)
    for event in answered(events):
        if event.key not in there:
            missing[event.agent or ""] += 1
    return dict(missing)


def plain(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The messages as every chat template takes them: text, and nothing that only one provider reads."""
    return [
        {**{name: value for name, value in one.items() if name != "extra"}, "content": one.get("content") or ""}
        for one in messages
    ]


def without_ids(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The messages with calls of tools named by their order: ids are drawn anew in each run."""
    names: dict[str, str] = {}
    found = plain(messages)
    for message in found:
        if "tool_calls" in message:
            calls = message["tool_calls"]
            names.update((call["id"], f"call {len(names) + at}") for at, call in enumerate(calls))
            message["tool_calls"] = [{**call, "id": names[call["id"]]} for call in calls]
        if "tool_call_id" in message:
            message["tool_call_id"] = names.get(message["tool_call_id"], "")
    return found


def _begun(agent: str, request: Request) -> Transcript:
    return Transcript(agent, tuple(request.messages), tuple(request.tools), request.response_schema, {})


def _extended(before: Transcript, request: Request) -> Transcript | None:
    """The transcript with what was asked after it; None if that is another context."""
    messages, last = tuple(request.messages), len(before.messages) - 1
    same = (tuple(request.tools), request.response_schema) == (before.tools, before.form)
    goes_on = same and messages[:last] == before.messages[:last]
    # The answer, which was made of the log here, may have got other ids there.
    if not goes_on or without_ids(messages[last : last + 1]) != without_ids(before.messages[last:]):
        return None
    return replace(before, messages=messages)


def _with_answer(asked: Transcript, step: int, event: ModelCallFinished) -> Transcript:
    usage = event.usage
    call = Call(step, event.key, usage.input_tokens, usage.output_tokens, usage.estimated)
    context = Context("", (), None)
    context.assistant(reply_of(event), _ids(asked.messages, event.tool_calls))
    messages = (*asked.messages, context.messages[-1])
    return replace(asked, messages=messages, calls={**asked.calls, len(asked.messages): call})


def _ids(before: Sequence[ChatMessage], calls: Sequence[ToolCall]) -> list[str]:
    """An id for each call: its own, unless it has none or another call has it."""
    taken = {call["id"] for message in before for call in message.get("tool_calls", ())}
    ids: dict[str, None] = {}
    for at, call in enumerate(calls):
        own = call.id and call.id not in taken and call.id not in ids
        ids[call.id if own else f"agentmesh_{len(before)}_{at}"] = None
    return list(ids)
