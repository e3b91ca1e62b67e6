"""Features of a package as somebody asks for them, one piece a line: `Feature 1: in shop/stock.py, add ...`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

_LINE = re.compile(r"^Feature (?P<feature>\d+): (?P<told>in (?P<path>\S+\.py), .+)$", re.MULTILINE)
_CALLED = r"(?:`(?P<name>\w+)`|for the (?P<noun>\w+), whose name you choose,)"
_ADDED = re.compile(
    rf"add a function {_CALLED} of one number that gives (?P<factor>\d+) times it, plus (?P<plus>\d+)\."
)
_WIDENED = re.compile(
    rf"give `(?P<function>\w+)` a further parameter {_CALLED} that is 0 by default; (?P<factor>\d+) times it is "
    r"(?P<sign>added to|taken from) the result\."
)
_CALLING = re.compile(
    r"add a function `(?P<name>\w+)` of one number that gives what the function for the (?P<noun>\w+) in "
    r"(?P<other>\S+\.py), which feature \d+ adds, gives for it, plus (?P<plus>\d+)\."
)
_PASSING = re.compile(
    r"add a function `(?P<name>\w+)` of a list that gives what `(?P<function>\w+)` in (?P<other>\S+\.py) gives for it "
    r"with (?P<amount>\d+) for the (?P<noun>\w+), the parameter that feature \d+ adds, plus (?P<plus>\d+)\."
)


@dataclass(frozen=True)
class Piece:
    """One thing that a feature asks for."""

    feature: int
    line: str
    """The whole line, as it was told."""
    path: str
    name: str = ""
    """Of what is to be made; empty where it is left open."""
    noun: str = ""
    """What something is for whose name is left open, here or in another feature."""
    function: str = ""
    """A function that is there."""
    other: str = ""
    """The file of what it uses."""
    factor: int = 0
    plus: int = 0
    amount: int = 0

    @property
    def widens(self) -> bool:
        """Whether it changes a function that is there, instead of adding one."""
        return bool(self.function) and not self.other

    @property
    def gives_name(self) -> bool:
        """Whether whoever writes it chooses a name that others may need."""
        return bool(self.noun) and not self.other


def pieces_in(texts: Iterable[str]) -> tuple[Piece, ...]:
    """What texts ask for, each piece once."""
    found: dict[str, Piece] = {}
    for text in texts:
        for match in _LINE.finditer(text):
            piece = _understood(match["told"])
            if piece is not None:
                feature, line = int(match["feature"]), match[0]
                found.setdefault(line, replace(piece, feature=feature, line=line, path=match["path"]))
    return tuple(found.values())


def _understood(told: str) -> Piece | None:
    """What is asked for; None where it is of no kind that is known."""
    if match := _CALLING.search(told):
        return _piece(match, other=match["other"])
    if match := _PASSING.search(told):
        return _piece(match, other=match["other"], function=match["function"], amount=int(match["amount"]))
    if match := _ADDED.search(told):
        return _piece(match, factor=int(match["factor"]))
    if match := _WIDENED.search(told):
        factor = int(match["factor"]) * (1 if match["sign"] == "added to" else -1)
        return replace(_piece(match), function=match["function"], factor=factor)
    return None


def _piece(match: re.Match[str], **more: str | int) -> Piece:
    named = match.groupdict()
    piece = Piece(0, "", "", named.get("name") or "", named.get("noun") or "", plus=int(named.get("plus") or 0))
    return replace(piece, **more)  # type: ignore[arg-type]
