"""Text for a terminal: what models and files say is hostile until it is made printable."""

from __future__ import annotations

import json
import os
import re
import sys
import unicodedata
from typing import Any, NoReturn, TextIO

import click

from agentmesh.errors import Problem

_JOINERS = "\u200c\u200d"
"""Format characters that scripts and emoji need; they move nothing on the screen."""
_CONTROL_SEQUENCE = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def printable(text: str) -> str:
    """The text without what could move the cursor, change colours, reorder or hide: newlines and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    text = _CONTROL_SEQUENCE.sub("", text)
    return "".join(
        char for char in text if char in "\n\t" or char in _JOINERS or unicodedata.category(char) not in _HIDDEN
    )


def one_line(text: str, width: int = 72) -> str:
    """The text on one line, cut to `width` characters."""
    # Only the beginning can be shown: a long text need not be cleaned to its end.
    line = " ".join(printable(text[: 4 * width].replace("\r", "\n")).split())
    cut = len(line) > width or len(text) > 4 * width
    return line[: width - 1].rstrip() + "…" if cut else line


def warning(problem: Problem, file: str) -> str:
    """The line of something that is odd, but not wrong, in a file."""
    return printable(problem._replace(message=f"warning: {problem.message}").at(file))


def _encodable(text: str, encoding: str | None) -> str:
    encoding = encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def say(text: str) -> bool:
    """Print to stdout: the product of a command. False if whoever read it has left. Raises: OSError (a full disk)."""
    return _print(text, sys.stdout)


def say_json(value: Any, *, indent: int | None = 2) -> bool:
    """Print JSON to stdout, in ASCII, so that no string in it can act on a terminal. As `say`."""
    return _print(json.dumps(value, indent=indent), sys.stdout)


def complain(text: str) -> bool:
    """Print to stderr: progress, remarks and errors. False if nobody can read it."""
    try:
        return _print(text, sys.stderr)
    except OSError:
        return False


def _print(text: str, stream: TextIO | None) -> bool:
    if stream is None:  # closed before the process began
        return False
    try:
        click.echo(_encodable(text, stream.encoding), stream)
    except BrokenPipeError:
        let_go(stream)
        return False
    except OSError:
        let_go(stream)
        raise
    return True


def let_go(stream: TextIO) -> None:
    """Send what is still in the buffer nowhere, so that it does not fail again when the process ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def leave_at_once(code: int) -> NoReturn:
    """End the process, waiting for no thread."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(code)


def count(number: float, singular: str, plural: str = "") -> str:
    """`1 turn`, `2 turns`, `1,200 tokens`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def usd(cost: float | None) -> str:
    """A cost for people: `?` where no price is known, never 0."""
    if cost is None:
        return "?"
    if cost == 0:
        return "$0"
    return f"${cost:.2f}" if cost >= 1 else f"${cost:.4f}" if cost >= 0.0001 else "<$0.0001"
