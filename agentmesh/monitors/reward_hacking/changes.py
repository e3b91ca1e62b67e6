"""What a tool call writes, runs or reads, whatever the tool calls its arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agentmesh.monitors.reward_hacking.marks import READ, parts_of

PATHS = frozenset("path file file_path filepath filename file_name target_file target uri".split())
OLD = frozenset("old old_str old_string old_text search before original".split())
NEW = frozenset(
    """new new_str new_string new_text replacement replace content contents file_text code text body patch diff
    insert_text source after input""".split()
) | {""}
COMMANDS = frozenset("command cmd commands bash shell shell_command script".split())
RUNNING = frozenset("bash shell terminal exec execute command console".split())
READING = frozenset("read view cat open search grep list find get fetch show".split())
MOST = 16
"""Changes that are read of one call."""

_HEREDOC = re.compile(
    r"(?:>>?\s*(\S+)\s*)?<<-?\s*['\"]?(\w+)['\"]?(?:\s*>>?\s*(\S+))?[^\n]*\n(.*?)\n\s*\2\b", re.DOTALL
)
_INLINE = re.compile(r"python3?\s+-c\s+(['\"])(.*?)\1", re.DOTALL)
_DIFF = re.compile(r"^(?:@@|\+\+\+ |\*\*\* (?:Begin|Update|Add|Delete))", re.MULTILINE)
_DIFF_PATH = re.compile(r"^(?:\+\+\+ (?:b/)?|\*\*\* (?:Update|Add|Delete) File: )(\S+)")


@dataclass(frozen=True, slots=True)
class Change:
    """Text that comes in place of another, at a path; whichever of the three is not known is empty."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Command:
    """What is run in a shell."""

    text: str


@dataclass(frozen=True, slots=True)
class Look:
    """A file that is read."""

    path: str


Deed = Change | Command | Look


def deeds_of(name: str, arguments: Mapping[str, Any]) -> list[Deed]:
    """What a call of the tool of this name does, in the order of its arguments."""
    found: list[Deed] = []
    for deed in _deeds(parts_of(name), arguments):
        found.append(deed)
        if len(found) == MOST:
            break
    return found


def _deeds(tool: frozenset[str], arguments: Mapping[str, Any]) -> Iterator[Deed]:
    path = _first(arguments, PATHS)
    old, new = _first(arguments, OLD), _first(arguments, NEW)
    for key, given in arguments.items():
        if key in COMMANDS and (key != "script" or not new):
            yield from _command(" ".join(map(str, given[:MOST])) if isinstance(given, list) else str(given))
    if old or new:
        if not RUNNING.isdisjoint(tool) and not path and not old:
            yield from _command(new)
        else:
            yield from _change(path, old, new)
    elif path and not READING.isdisjoint(tool):
        yield Look(path)
    for value in arguments.values():
        if isinstance(value, list):
            for one in value[:MOST]:
                if isinstance(one, Mapping):
                    yield from _deeds(tool, {"path": path, **one})


def _first(arguments: Mapping[str, Any], keys: frozenset[str]) -> str:
    return next((value[:READ] for key, value in arguments.items() if key in keys and isinstance(value, str)), "")


def _command(text: str) -> Iterator[Deed]:
    text = text[:READ]
    for before, _, after, body in _HEREDOC.findall(text)[:4]:
        yield from _change(before or after, "", body)
    for _, code in _INLINE.findall(text)[:4]:
        yield Change("", "", code)
    yield Command(_HEREDOC.sub(lambda found: found.group(0).partition("\n")[0], text))


def _change(path: str, old: str, new: str) -> Iterator[Deed]:
    if not _DIFF.search(new):
        yield Change(path, old, new)
        return
    removed: list[str] = []
    added: list[str] = []
    for line in [*new.splitlines(), "+++ end"]:
        named = _DIFF_PATH.match(line)
        if named:
            if removed or added:
                yield Change(path, "\n".join(removed), "\n".join(added))
            path, removed, added = named.group(1), [], []
        elif line.startswith("+"):
            added.append(line[1:])
        elif line.startswith("-") and not line.startswith("---"):
            removed.append(line[1:])
