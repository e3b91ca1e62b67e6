"""What nobody may read again: keys in addresses, and keys that this process has used or holds in its environment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, urlsplit

MASK = "[key]"
SHORTEST = 8
"""Shorter keys are words, such as those that servers of one's own are given: to hide them would spoil texts."""
SECRET_NAME = re.compile(r"(_KEY|_TOKEN|_SECRET|PASSWORD)$", re.IGNORECASE)
"""How the names of environment variables end that hold secrets."""

_ADDRESS = re.compile(r"[A-Za-z][\w+.-]*:/{1,2}[^\s'\"]+")
_USER = re.compile(r"(:/{1,2}).*@")
_USER_ALONE = re.compile(r"@[^\s/@'\"]+@")
_VALUE = re.compile(r"(?<=[?&])([\w.-]+)=[^\s&#'\"]+")
_FRAGMENT = re.compile(r"#.+")

_used: set[str] = set()


def unfit(text: str) -> str:
    """What is wrong with the address that a text consists of, or ends with, or nothing."""
    found = re.search(r"https?://\S+", text)
    if found is None:
        return ""
    try:
        parts = urlsplit(found[0])
    except ValueError:
        return "it is no address, such as http://127.0.0.1:8000/v1"
    if "@" not in found[0] and not parts.query and not parts.fragment:
        return ""
    return (
        "an address that stands in a file, or in a log, holds no user, password or query; put the key into an "
        "environment variable, and name that with `api_key_env`"
    )


def shown(text: str) -> str:
    """A text as a message may repeat it: addresses in it without their users, passwords and queries."""
    if "@" not in text and "?" not in text and "#" not in text:
        return text
    text = _ADDRESS.sub(lambda found: _FRAGMENT.sub(f"#{MASK}", _USER.sub(rf"\1{MASK}@", found[0])), text)
    return _VALUE.sub(rf"\1={MASK}", _USER_ALONE.sub(f"@{MASK}@", text))


def keep_out(secrets: Iterable[str]) -> None:
    """From now on no error repeats these."""
    _used.update(secret for secret in secrets if len(secret) >= SHORTEST)


def without_keys(text: str) -> str:
    """A text that anybody may have written, without the keys that this process knows of."""
    for secret in sorted({*_used, *_in_environment()}, key=len, reverse=True):
        for form in {secret, quote(secret, safe="")}:
            text = text.replace(form, MASK)
    return text


def told(error: BaseException) -> str:
    """An exception as a log tells it: its kind and its words, without keys."""
    return f"{type(error).__name__}: {without_keys(str(error))}"


def _in_environment() -> Iterator[str]:
    for name, value in os.environ.items():
        if SECRET_NAME.search(name) and len(value.strip()) >= SHORTEST:
            yield value.strip()
