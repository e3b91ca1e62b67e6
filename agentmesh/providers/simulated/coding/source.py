"""The text of a Python module: its functions found and changed, lines put in, and conflicts of a merge taken apart."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

_FUNCTION = r"^def {}\((?P<parameters>[^)\n]*)\):\n(?:(?:[ \t].*)?\n)*?(?=\S|\Z)"
_ANY = re.compile(_FUNCTION.format(r"(?P<name>\w+)"), re.MULTILINE)
_RETURN = re.compile(r"^    return .*\n", re.MULTILINE)
_CONFLICT = re.compile(
    r"^<{7} .*\n(?P<ours>(?:.*\n)*?)(?:^\|{7} .*\n(?:.*\n)*?)?^={7}\n(?P<theirs>(?:.*\n)*?)^>{7} .*\n", re.MULTILINE
)


def functions(text: str) -> dict[str, int]:
    """The functions of a module, in order, and the number of the last line of each."""
    return {
        found["name"]: text.count("\n", 0, found.start()) + len(found[0].rstrip().split("\n"))
        for found in _ANY.finditer(text)
    }


def without(text: str, name: str) -> str:
    """The module without a function."""
    return re.sub(_FUNCTION.format(re.escape(name)), "", text, flags=re.MULTILINE).rstrip() + "\n"


def with_functions(text: str, sources: str, after: str | None) -> str:
    """The module with more functions: behind one that is there, or at its end."""
    found = next((one for one in _ANY.finditer(text) if one["name"] == after), None)
    at = len(text) if found is None else found.end()
    before, behind = text[:at].rstrip(), text[at:].strip("\n")
    return f"{before}\n\n\n{sources.strip()}\n" + (f"\n\n{behind}\n" if behind else "")


def widened(text: str, function: str, parameter: str, line: str) -> str:
    """The module where a function has one parameter more, and a line more before its last return."""
    found = next((one for one in _ANY.finditer(text) if one["name"] == function), None)
    if found is None or re.search(rf"\b{parameter}\b", found["parameters"]):
        return text
    body = found[0].replace(f"({found['parameters']})", f"({found['parameters']}, {parameter}=0)", 1)
    returns = list(_RETURN.finditer(body))
    at = returns[-1].start() if returns else len(body.rstrip("\n")) + 1
    return f"{text[: found.start()]}{body[:at]}    {line}\n{body[at:]}{text[found.end() :]}"


def importing(text: str, line: str) -> str:
    """The module with an import, below what it says of itself."""
    if line in text:
        return text
    head, quotes, rest = text.partition('"""\n')
    return f"{head}{quotes}\n{line}{rest.removeprefix(chr(10)) if rest.startswith(chr(10) + 'from ') else rest}"


def theirs(text: str) -> str:
    """A text whose merge met conflicts, as the other side has it; one without is as it is."""
    return _CONFLICT.sub(lambda conflict: conflict["theirs"], text)


def exchange(before: str, after: str) -> tuple[str, str]:
    """The passage that turns one text into the other, and what it turns into; it occurs once in the one."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    changes = [one for one in SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if one[0] != "equal"]
    start, end = changes[0][1], changes[-1][2]
    to = changes[-1][4]
    begin = changes[0][3]
    while start == end or len(re.findall(f"(?={re.escape(''.join(old[start:end]))})", before)) != 1:
        start, begin = max(0, start - 1), max(0, begin - 1)
        if end < len(old):
            end, to = end + 1, to + 1
    return "".join(old[start:end]), "".join(new[begin:to])
