"""Notes that a simulated model writes for itself when its context is full: what it will need, a line for each thing."""

from __future__ import annotations

import json
from collections.abc import Iterator

from agentmesh.messages import USER
from agentmesh.providers.simulated.drafts import summary
from agentmesh.providers.simulated.reading import CALLED, HELD, SAID, Block, Own, Reading

_KEPT_CALLS = frozenset({"open_tasks", "next_speaker", "vote"})
"""Calls by which the agent later knows what it has set going."""


def notes(reading: Reading) -> str:
    """The notes: what others said last, in short; the tasks and reports, as they are; and what the agent itself did."""
    latest = {block.sender: block for block in reading.messages if not block.kind}
    said = next((item for item in reversed(reading.items) if isinstance(item, Own) and item.text), None)
    lines: list[str] = []
    for item in reading.items:
        match item:
            case Block() if item.kind or item is latest.get(item.sender):
                lines += _heard(item)
            case Own():
                calls = (call for call in item.calls if call.name in _KEPT_CALLS)
                lines += [_line(f"{CALLED} {call.name}", json.dumps(dict(call.arguments))) for call in calls]
                lines += [_own(item)] * (item is said)
            case _:
                pass
    return "\n".join(lines) or "Nothing has happened yet."


def _heard(block: Block) -> Iterator[str]:
    if block.notice or block.sender == USER:
        return
    who = " ".join(filter(None, [block.sender, block.kind, block.task]))
    yield _line(who, block.text if block.kind else summary([block]))


def _own(item: Own) -> str:
    return _line(HELD, item.position) if item.position else _line(SAID, summary([Block(item.text)]))


def _line(who: str, text: str) -> str:
    return f"{who}: {json.dumps(text, ensure_ascii=False)}"
