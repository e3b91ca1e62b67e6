"""What a process asks of the operating system, by strace: what it writes to its journal, makes safe and sends."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tests.journal.killing import HERE, environment

_STRACE = ("strace", "-f", "--seccomp-bpf", "-y", "-s", "100000")
_CALL = re.compile(r'^\d+ +(\w+)\(\d+<([^>]*)>(?:, "((?:[^"\\]|\\.)*)")?')
_RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>.*= 0$")
_NOTED = re.compile(r'"type":"model_call_(started|finished)".*?"key":"([^"]*)"')


class Deed(NamedTuple):
    """Something that a process has done: written that a call begins or is over, made safe what it wrote, asked."""

    what: Literal["started", "finished", "safe", "sent"]
    name: str = ""
    """The key of the call; of a request, the digest of its body."""


def missing() -> str | None:
    """Why nothing can be traced here."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run([*_STRACE, "-e", "trace=fsync", "true"], capture_output=True, text=True, check=False)
    return f"strace may not be used here: {tried.stderr.strip()}" if tried.returncode else None


def traced(order: dict[str, Any], calls: str, place: Path) -> list[str]:
    """The lines of strace, in order, of a process that carries out an order."""
    given, trace = place / "order.json", place / "trace"
    given.write_text(json.dumps(order))
    program = [sys.executable, "-m", "tests.journal.mortal", str(given)]
    command = [*_STRACE, "-e", f"trace={calls}", "-o", str(trace), *program]
    subprocess.run(command, check=True, env=environment(), cwd=HERE.parents[1], capture_output=True)
    return trace.read_text().splitlines()


def deeds(lines: list[str]) -> Iterator[Deed]:
    """What those lines tell of journal and requests. A file is safe when the call that makes it so has come back."""
    syncing: set[str] = set()
    for line in lines:
        if (resumed := _RESUMED.match(line)) and (resumed[1] in syncing) and resumed[2] in ("fsync", "fdatasync"):
            syncing.discard(resumed[1])
            yield Deed("safe")
        called = _CALL.match(line)
        if called is None:
            continue
        name, file, text = called.groups()
        match name:
            case "pwrite64" if file.endswith("-wal"):
                yield from (Deed(what, key) for what, key in _NOTED.findall(_bytes(text).decode("latin-1")))
            case "fsync" | "fdatasync" if file.endswith("-wal"):
                if line.endswith("= 0"):
                    yield Deed("safe")
                else:
                    syncing.add(line.split()[0])
            case "sendto" | "sendmsg" | "write" if text and text.startswith("POST "):
                yield Deed("sent", hashlib.sha256(_bytes(text).partition(b"\r\n\r\n")[2]).hexdigest())
            case _:
                pass


def _bytes(text: str) -> bytes:
    """What strace has put into C's notation."""
    return text.encode().decode("unicode_escape").encode("latin-1")
