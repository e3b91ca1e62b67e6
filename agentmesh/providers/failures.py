"""HTTP failures as ProviderError: what went wrong, which variable or parameter is to blame, when to try again."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from agentmesh.errors import ProviderError, ProviderErrorKind

TEXT_LIMIT = 400
"""Characters of a server's own words that an error repeats."""

_TOO_LONG = re.compile(
    r"context.{0,3}(length|window|size)|maximum context|prompt is too long|too many (input )?tokens|input is too long",
    re.IGNORECASE,
)
_QUOTA = re.compile(
    r"billing|credit balance|exceeded your current quota|insufficient (credit|balance|funds|quota)", re.IGNORECASE
)
_REFUSED = re.compile(r"content.?(policy|filter|management)|safety", re.IGNORECASE)
_SOON = re.compile(r"rate limit|(try again|retry) (in|after)", re.IGNORECASE)
_NAMES: tuple[tuple[re.Pattern[str], ProviderErrorKind], ...] = (
    (re.compile(r"insufficient_(quota|credits?|balance|funds)|billing|quota_exceeded"), "quota"),
    (re.compile(r"rate_?limit|too_many_requests|\b(requests|tokens)\b"), "rate"),
    (re.compile(r"context_?(length|window|size)|request_too_large|prompt_too_long"), "context_too_long"),
    (re.compile(r"content_?(policy|filter|management)|moderation_blocked|responsibleaipolicy"), "content_refused"),
    (re.compile(r"invalid_api_key|authentication_error|permission_(error|denied)"), "authentication"),
)
"""What codes and types of errors say, which are decisive where they say anything."""
_GENERAL = re.compile(r"\d*|none|error|api_error|server_error|(invalid|bad)_?(request|argument)(_?error)?")
"""Codes and types that leave the reason to the text."""
_INPUT = frozenset({"messages", "input", "prompt", "input_tokens", "input_text"})
"""Parameters at fault where the conversation itself is too long."""
NEXT_STEPS: Mapping[ProviderErrorKind, str] = {
    "authentication": "check the key and what it may be used for",
    "quota": "add credit to the account, or name a `fallback`",
    "rate": "set `pace` of the model to what the account may use, or name a `fallback`",
    "context_too_long": "shorten the conversation (`memory: fresh`) or choose a model with a longer context",
    "content_refused": "change the task or the instructions, or name a `fallback` with other rules",
    "timeout": "raise `timeout_s` of the model, or name a `fallback`",
    "connection": "try again; if it lasts, look at the network, at a proxy and at the server's own log",
    "malformed": "is `base_url` the address of this API, with its /v1, and not of a web page or another API?",
    "server": "the fault is the server's: try again later, raise `max_retries`, or name a `fallback`",
    "bad_request": "check `model`, `api` and what this model takes",
    "price": "give the model a `price`",
}
"""What to do about a failure, where nothing more exact is known."""
_KEY_SHAPE = re.compile(r"\b(sk|pk|key|Bearer)([-_ ][A-Za-z0-9*._-]{6,})")


@dataclass(frozen=True, slots=True)
class Origin:
    """Who was asked, for the words of an error."""

    model_id: str
    url: str
    key_variable: str
    secrets: tuple[str, ...] = ()


class ParameterRefused(ProviderError):
    """The server names the parameter that it does not take."""

    parameter: str = ""


def failed(kind: ProviderErrorKind, message: str, *, hint: str = "") -> ProviderError:
    """The error for a failure, with the next step."""
    return ProviderError(kind, message, hint=hint or NEXT_STEPS[kind])


def failure(origin: Origin, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error for an answer that is not 2xx."""
    error = error_fields(body)
    text = redacted(error.get("message") or body.decode(errors="replace"), origin.secrets)
    kind = _kind(status, error, text)
    made = (ParameterRefused if kind == "bad_request" and "param" in error else ProviderError)(
        kind,
        f"{origin.model_id} answered {status}: {text}" if text else f"{origin.model_id} answered {status}",
        hint=_hint(kind, status, error, origin),
        status=status,
        retry_after_s=retry_after(headers),
    )
    if isinstance(made, ParameterRefused):
        made.parameter = redacted(error["param"], origin.secrets)
    return made


def stream_failure(origin: Origin, error: Mapping[str, Any]) -> ProviderError:
    """The error for an `error` event in the middle of a stream."""
    fields = {name: str(value) for name, value in error.items() if value is not None}
    text = redacted(fields.get("message", ""), origin.secrets)
    code, names = fields.get("code", ""), f"{fields.get('code', '')} {fields.get('type', '')}"
    status = int(code) if code.isdigit() else 400 if "invalid_request" in names else 500
    kind = _kind(status, fields, text)
    return failed(kind, f"{origin.model_id} broke off its answer: {text}", hint=_hint(kind, status, fields, origin))


def error_fields(body: bytes) -> dict[str, str]:
    """`message`, `code`, `type` and `param` of an error body, in any of the shapes that servers use."""
    try:
        decoded = json.loads(body)
    except ValueError:
        return {}
    if not isinstance(decoded, dict):
        return {}
    inner = decoded.get("error", decoded)
    if not isinstance(inner, dict):
        return {"message": str(inner)}
    fields = {name: str(inner[name]) for name in ("message", "code", "type", "param") if inner.get(name) is not None}
    if "message" not in fields and "detail" in inner:
        fields["message"] = json.dumps(inner["detail"]) if not isinstance(inner["detail"], str) else inner["detail"]
    return fields


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait: `retry-after-ms`, or `retry-after` as seconds or as a date."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return max(0.0, float(milliseconds) / 1000)
        given = headers.get("retry-after")
        if not given:
            return None
        if given.replace(".", "", 1).isdigit():
            return float(given)
        return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text without keys, on one line, cut to a length that a log can bear."""
    for secret in secrets:
        if len(secret) >= 6:
            text = text.replace(secret, "[key]")
    text = " ".join(_KEY_SHAPE.sub("[key]", text).split())
    return text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT] + "..."


_KIND_BY_STATUS: Mapping[int, ProviderErrorKind] = {
    401: "authentication",
    402: "quota",
    403: "authentication",
    408: "timeout",
    409: "server",
    413: "context_too_long",
    429: "rate",
}


def _kind(status: int, error: Mapping[str, str], text: str) -> ProviderErrorKind:
    names = [error.get(name, "").lower() for name in ("code", "type")]
    for pattern, kind in _NAMES:
        if any(pattern.search(name) for name in names):
            return kind
    # Texts mention much in passing (a rate limit is raised at billing), so they count only where nothing else does.
    told = all(_GENERAL.fullmatch(name) for name in names) and text
    if told and status in (400, 402, 403, 422, 429) and _QUOTA.search(told) and not _SOON.search(told):
        return "quota"
    if status in _KIND_BY_STATUS:
        return _KIND_BY_STATUS[status]
    if status >= 500:
        return "server"
    parameter = error.get("param")
    if _TOO_LONG.search(text) and (parameter is None or parameter in _INPUT):
        return "context_too_long"
    refused = told and status == 400 and parameter is None and _REFUSED.search(told)
    return "content_refused" if refused else "bad_request"


def _hint(kind: ProviderErrorKind, status: int, error: Mapping[str, str], origin: Origin) -> str:
    match kind:
        case "authentication":
            return f"the key comes from the environment variable {origin.key_variable}"
        case "quota":
            return f"the account behind {origin.key_variable} has no credit left"
        case "context_too_long":
            return "shorten the conversation (`memory: fresh`) or choose a model with a longer context"
        case "bad_request" if 300 <= status < 400:
            return "the address redirects: put the final one into `base_url`"
        case "bad_request" if status == 404:
            return f"does the server at {origin.url} know this model, and is `base_url` right?"
        case "bad_request" if "param" in error:
            return f"the parameter at fault is {redacted(error['param'], origin.secrets)!r}"
        case "timeout":
            return "the server gave up on it: ask for shorter answers (`max_output_tokens`) or name a `fallback`"
        case _:
            return NEXT_STEPS[kind]
