"""Chat messages of the OpenAI family, also with content in blocks, as events of a trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentmesh.evaluation.readers.trace import Call, Draft
from agentmesh.evaluation.readers.values import SPEAKERS, call, calls, first, name, objects, role, seconds, text

_RESULTS = ("tool_result", "tool_call_response", "function_call_output")
_CALLS = ("tool_use", "tool_call", "function_call")


def add_message(draft: Draft, message: Mapping[str, Any], callers: dict[str, tuple[str, str]]) -> bool:
    """A message as one event, and one more for each tool's result in it. False if it has no role.

    `callers` remembers by call id which tool was called, and by whom.
    """
    ts = seconds(first(message, "created_at", "timestamp", "ts"))
    speaks = role(message.get("role"))
    if speaks is None:
        return _add_item(draft, message, callers, ts)
    blocks = objects(message.get("content"))
    if speaks == "tool":
        add_result(draft, message, callers, ts)
        return True
    results = [block for block in blocks if block.get("type") in _RESULTS]
    for block in results:
        add_result(draft, block, callers, ts)
    given, said = called(message, blocks), text(message.get("content")) or text(message.get("refusal"))
    if results and not said and not given:
        return True
    named = name(message.get("name"))
    sender = named or SPEAKERS.get(speaks, speaks)
    if speaks == "user" and named and named != SPEAKERS["user"]:
        speaks = "agent"
    remember(callers, message.get("tool_calls"), sender)
    remember(callers, blocks, sender)
    draft.add(sender, speaks, said, calls=given, ts=ts)
    return True


def _add_item(draft: Draft, item: Mapping[str, Any], callers: dict[str, tuple[str, str]], ts: float | None) -> bool:
    """A call or a result that stands beside the messages, as in lists of the Responses API."""
    kind, made = item.get("type"), call(item)
    if kind in _RESULTS:
        add_result(draft, item, callers, ts)
    elif kind in _CALLS and made is not None:
        remember(callers, [item], SPEAKERS["assistant"])
        draft.add(SPEAKERS["assistant"], "assistant", "", calls=(made,), ts=ts)
    return kind in (*_RESULTS, *_CALLS, "reasoning")


def called(message: Mapping[str, Any], blocks: list[dict[str, Any]]) -> tuple[Call, ...]:
    """The tool calls of a message, wherever it holds them; each only once."""
    made = calls(message.get("tool_calls"))
    single = message.get("function_call")
    if not made and isinstance(single, dict) and (old := call(single)):
        return (old,)
    return made or calls([block for block in blocks if block.get("type") in _CALLS])


def remember(callers: dict[str, tuple[str, str]], given: Any, caller: str) -> None:
    """Who made these calls, by their ids."""
    for one in objects(given):
        made, id_ = call(one), name(one.get("call_id"), one.get("id"))
        if made and id_:
            callers[id_] = (made.name, caller)


def add_result(
    draft: Draft, result: Mapping[str, Any], callers: Mapping[str, tuple[str, str]], ts: float | None
) -> None:
    """What a tool answered: sent by the tool, to who called it where that is known."""
    id_ = name(first(result, "tool_call_id", "tool_use_id", "call_id", "id"))
    tool, caller = callers.get(id_, ("", ""))
    sender = name(result.get("name"), result.get("function")) or tool or SPEAKERS["tool"]
    content = text(first(result, "content", "output", "response", "result"))
    draft.add(sender, "tool", content, recipients=(caller,) if caller else None, ts=ts)
