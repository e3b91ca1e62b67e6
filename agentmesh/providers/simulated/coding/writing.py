"""The code that an agent writes for pieces of features, into the files as it has read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from agentmesh.providers.simulated.coding.agreements import Names
from agentmesh.providers.simulated.coding.features import Piece
from agentmesh.providers.simulated.coding.source import functions, importing, theirs, widened, with_functions, without
from agentmesh.providers.simulated.skill import Mind


@dataclass(frozen=True)
class Writing:
    """How an agent writes its pieces. `places`: by path, the function behind which it puts what is new there."""

    pieces: Sequence[Piece]
    names: Names
    mind: Mind

    def file(self, path: str, files: Mapping[str, str], place: str | None) -> str:
        """The file with all that its pieces put there; as it is where that stands there already.

        Where a merge met conflicts, the other side's work is kept and the own put into it. `place`: the function behind
        which new ones go; None for the end.
        """
        text = theirs(files[path])
        own = [piece for piece in self.pieces if piece.path == path]
        for piece in own:
            if piece.widens:
                text = widened(text, piece.function, self.names.given(piece), self._line(piece))
        added = [piece for piece in own if not piece.widens]
        for piece in added:
            text = without(text, self._made(piece))
        if added:
            sources = "\n\n".join(self._source(piece, files) for piece in added)
            text = with_functions(text, sources, place if place in functions(text) else None)
        for piece in added:
            if piece.other and piece.other != path:
                text = importing(text, _import(piece))
        return text

    def undone(self, path: str, text: str) -> str:
        """The file without what the agent itself has put there: so others know it."""
        for piece in (piece for piece in self.pieces if piece.path == path):
            line = f"    {self._line(piece)}\n" if piece.widens else ""
            text = text.replace(line, "") if line else without(text, self._made(piece))
            if piece.other and piece.other != path:
                text = text.replace(f"\n{_import(piece)}", "", 1)
        return text

    def place(self, path: str, text: str) -> str | None:
        """Behind which function of a file stands what the agent itself has added; None where nothing does."""
        own = {self._made(piece) for piece in self.pieces if piece.path == path and not piece.widens}
        names = list(functions(text))
        first = next((at for at, name in enumerate(names) if name in own), 0)
        return names[first - 1] if first else None

    def _made(self, piece: Piece) -> str:
        return self.names.given(piece) if piece.gives_name else piece.name

    def _line(self, piece: Piece) -> str:
        factor = self._factor(piece)
        remark = f"  # for the {piece.noun}" if piece.noun else ""
        return f"result {'+' if factor > 0 else '-'}= {abs(factor)} * {self.names.given(piece)}{remark}"

    def _source(self, piece: Piece, files: Mapping[str, str]) -> str:
        if not piece.other:
            says = f"For the {piece.noun}." if piece.noun else f"{piece.factor} times a number, plus {piece.plus}."
            gives = f"{self._factor(piece)} * value + {piece.plus}"
            return f'def {self.names.given(piece)}(value):\n    """{says}"""\n    return {gives}\n'
        own = {one.noun: self.names.given(one) for one in self.pieces if one.gives_name}
        used = self.names.used(piece, own, files.get(piece.other, ""))
        module = "" if piece.other == piece.path else f"{PurePosixPath(piece.other).stem}."
        if piece.function:
            taken, call = "values", f"{module}{piece.function}(values, {used}={piece.amount})"
        else:
            taken, call = "value", f"{module}{used}(value)"
        plus = piece.plus + (0 if self._is_right(piece) else 1)
        says = f"With the {piece.noun}, plus {piece.plus}."
        return f'def {piece.name}({taken}):\n    """{says}"""\n    return {call} + {plus}\n'

    def _factor(self, piece: Piece) -> int:
        """What is asked for; one more if it slips."""
        return piece.factor if self._is_right(piece) else piece.factor + 1

    def _is_right(self, piece: Piece) -> bool:
        """Whether the agent gets this right: the more it has in hand at once, the less likely."""
        profile = self.mind.profile
        beyond = 0 if profile.span is None else max(0, self.pieces.index(piece) + 1 - profile.span)
        return self.names.luck("writes", piece.line) < self.mind.skill_in("coding") * profile.fading**beyond


def _import(piece: Piece) -> str:
    """The line that a module needs which uses another one."""
    package, module = PurePosixPath(piece.other).with_suffix("").parts[-2:]
    return f"from {package} import {module}\n"
