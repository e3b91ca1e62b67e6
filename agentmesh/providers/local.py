"""What providers share that answer in this process: a reply with estimated usage that costs nothing."""

from __future__ import annotations

from agentmesh.messages import Reply, Usage
from agentmesh.providers.base import Request
from agentmesh.providers.encoding import dumps, mended, mended_calls


def finished(reply: Reply, request: Request, model_id: str) -> Reply:
    """The reply as a provider gives it: with usage, who answered, and a reason to finish that fits."""
    reason = "tool_calls" if reply.tool_calls and reply.finish_reason == "stop" else reply.finish_reason
    return Reply(
        text=mended(reply.text),
        tool_calls=mended_calls(reply.tool_calls),
        usage=reply.usage or _usage(reply, request),
        finish_reason=reason,
        structured=reply.structured,
        position=reply.position,
        model=reply.model or model_id,
        extra=reply.extra,
    )


def _usage(reply: Reply, request: Request) -> Usage:
    """Four characters to a token. What was counted of a context once is remembered, so long ones stay cheap."""
    counted, characters = request.memo.get("characters", (0, 0))
    if counted > len(request.messages):
        counted = characters = 0
    characters += sum(len(dumps(message)) for message in request.messages[counted:])
    request.memo["characters"] = (len(request.messages), characters)
    answered = len(reply.text) + sum(len(call.name) + len(dumps(call.arguments)) for call in reply.tool_calls)
    return Usage(
        input_tokens=max(1, characters // 4), output_tokens=max(1, answered // 4), model_calls=1, estimated=True
    )
