"""What a tool of an MCP server returned, as text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp.types import CallToolResult, ContentBlock

LIMIT = 1_000_000
"""Characters of a result; what is longer is cut."""


def text_of(result: CallToolResult) -> str:
    """Its texts one below the other, and its structured content as JSON unless a text says the same."""
    texts = [_text(block) for block in result.content]
    structured = result.structured_content
    if structured is not None and not _say(texts, structured):
        texts.append(json.dumps(structured, ensure_ascii=False))
    text = "\n\n".join(texts)
    return text if len(text) <= LIMIT else f"{text[:LIMIT]}\n[cut: {len(text)} characters]"


def _text(block: ContentBlock) -> str:
    """A text, or a word on what was left out."""
    match block.type:
        case "text":
            return block.text
        case "image" | "audio":
            return f"[left out: {block.type} ({block.mime_type}), {len(block.data)} characters of base64]"
        case "resource_link":
            return f"[link to a resource: {block.name} {block.uri}]"
        case "resource":
            found = getattr(block.resource, "text", None)
            return found if isinstance(found, str) else f"[left out: resource {block.resource.uri}, which is no text]"


def _say(texts: list[str], structured: Any) -> bool:
    """Whether the texts say what the structured content does, in which servers wrap plain values as `result`."""
    wrapped = isinstance(structured, dict) and list(structured) == ["result"]
    value = structured["result"] if wrapped else structured
    return value == texts or any(text == value or _is_json_of(text, value) for text in texts)


def _is_json_of(text: str, value: Any) -> bool:
    try:
        return bool(json.loads(text) == value)
    except (ValueError, RecursionError):
        return False
