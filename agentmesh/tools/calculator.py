"""Arithmetic with its own small grammar: numbers, + - * /, parentheses and unary minus, all exact.

    sum     = product {("+" | "-") product}
    product = unary {("*" | "/") unary}
    unary   = {"-"} atom
    atom    = digits ["." digits] | "(" sum ")"

There are no powers, names or calls, so neither the time nor the size of a result can explode.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction

from agentmesh.errors import ToolError

MAX_LENGTH = 2000
"""Longest expression, in characters."""
MAX_DEPTH = 40
"""Deepest nesting of parentheses."""

ALLOWED = "numbers such as 12 or 0.5, the operators + - * /, and parentheses"

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_SPACE = re.compile(r"[ \t\r\n]*")
_BLANK = re.compile(r"[ \t]*")
_SPELLINGS = str.maketrans({"\u00d7": "*", "\u00b7": "*", "\u00f7": "/", "\u2212": "-"})
_OPERATE: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_SIGNIFICANT = 15
_MAX_DECIMALS = 30

Operate = Callable[[str, Fraction, Fraction], Fraction]
"""Carries out one operation: symbol, left, right."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Negation:
    """Unary minus before parentheses."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Chain:
    """Operations of one precedence, carried out from left to right: all of + and -, or all of * and /."""

    first: Expression
    rest: tuple[tuple[str, Expression], ...]

    @property
    def additive(self) -> bool:
        """Whether it is a sum rather than a product."""
        return self.rest[0][0] in "+-"


Expression = Number | Negation | Chain


def calculator(expression: str) -> str:
    """Compute an arithmetic expression exactly and return its value as a number.

    Args:
        expression: Numbers, + - * / and parentheses, such as (12 + 30) * 4 - 5.

    """
    return number_text(evaluate(expression))


def evaluate(expression: str) -> Fraction:
    """The exact value of an expression. Raises: ToolError."""
    return value_of(parse(expression))


def parse(text: str) -> Expression:
    """Read a whole text as one expression. Raises: ToolError, saying what was found and where."""
    if len(text) > MAX_LENGTH:
        raise ToolError(f"the expression has {len(text)} characters; at most {MAX_LENGTH} are allowed: split it")
    reader = _Reader(spelled(text), 0, _SPACE)
    expression = reader.sum()
    reader.skip()
    if reader.position < len(text):
        raise reader.unexpected("an operator or the end")
    return expression


def expression_at(text: str, start: int) -> tuple[Expression, int]:
    """Read the longest expression that starts here, on one line, and tell where it ends. Raises: ToolError."""
    reader = _Reader(text[start : start + MAX_LENGTH], 0, _BLANK)
    expression = reader.sum(lenient=True)
    return expression, start + reader.end


def spelled(text: str) -> str:
    """The text with typographic operators as + - * /; every character keeps its place."""
    return text.translate(_SPELLINGS)


def value_of(expression: Expression, operate: Operate | None = None) -> Fraction:
    """The value of a tree, each operation carried out by `operate`, exactly if absent. Raises: ToolError."""
    carry_out = operate or exactly
    match expression:
        case Number(value):
            return value
        case Negation(operand):
            return -value_of(operand, operate)
        case Chain(first, rest):
            result = value_of(first, operate)
            for symbol, operand in rest:
                result = carry_out(symbol, result, value_of(operand, operate))
            return result


def exactly(symbol: str, left: Fraction, right: Fraction) -> Fraction:
    """One operation, exact. Raises: ToolError for a division by zero."""
    if symbol == "/" and not right:
        raise ToolError(f"division by zero: {number_text(left)}/0; a divisor must not be 0")
    return _OPERATE[symbol](left, right)


def number_text(value: Fraction) -> str:
    """A number as people write it: integers without a point, other numbers as decimals.

    A decimal that never ends is rounded to 15 significant digits.
    """
    if value.denominator == 1:
        return str(value.numerator)
    places = _decimal_places(value.denominator)
    if places is not None:
        digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
        return ("-" if value < 0 else "") + f"{digits[:-places]}.{digits[-places:]}"
    # One division in a context of its own: the caller's decimal settings neither matter nor change.
    rounded = Context(prec=_SIGNIFICANT).divide(Decimal(value.numerator), Decimal(value.denominator))
    return format(rounded, "f")


def _decimal_places(denominator: int) -> int | None:
    """How many decimals a fraction with this denominator needs; None if it never ends or is very long."""
    places = {2: 0, 5: 0}
    for prime in places:
        while denominator % prime == 0 and places[prime] <= _MAX_DECIMALS:
            denominator //= prime
            places[prime] += 1
    needed = max(places.values())
    return needed if denominator == 1 and needed <= _MAX_DECIMALS else None


def text_of(expression: Expression) -> str:
    """An expression as text: `12*7 + (3 - 4)/2`."""
    match expression:
        case Number(value):
            return number_text(value)
        case Negation(Negation() as operand):
            return f"-({text_of(operand)})"
        case Negation(operand):
            return f"-({text_of(operand)})" if isinstance(operand, Chain) else f"-{text_of(operand)}"
        case Chain(first, rest):
            pieces = [_operand_text(first, expression, leads=True)]
            for symbol, operand in rest:
                pieces.append(f" {symbol} " if expression.additive else symbol)
                pieces.append(_operand_text(operand, expression, leads=False))
            return "".join(pieces)


def _operand_text(operand: Expression, parent: Chain, *, leads: bool) -> str:
    text = text_of(operand)
    return text if _stands_bare(operand, parent, leads=leads) else f"({text})"


def _stands_bare(operand: Expression, parent: Chain, *, leads: bool) -> bool:
    match operand:
        case Number(value):
            return leads or value >= 0
        case Negation():
            return leads
        case Chain():
            return (leads and operand.additive == parent.additive) or (parent.additive and not operand.additive)


class _Reader:
    """A recursive descent over one text. `end` is where the last complete piece ended."""

    def __init__(self, text: str, position: int, space: re.Pattern[str]) -> None:
        self.text = text
        self.position = position
        self.end = position
        self.depth = 0
        self._space = space

    def skip(self) -> None:
        found = self._space.match(self.text, self.position)
        self.position = found.end() if found else self.position

    def peek(self) -> str:
        self.skip()
        return self.text[self.position : self.position + 1]

    def unexpected(self, wanted: str) -> ToolError:
        if self.position >= len(self.text):
            return ToolError(f"the expression ends where {wanted} should stand; allowed: {ALLOWED}")
        found = self.text[self.position : self.position + 12]
        place = self.position + 1
        hint = "; powers are not offered: multiply" if found[0] == "^" or found.startswith("*") else ""
        return ToolError(f"found {found!r} at character {place} where {wanted} should stand; allowed: {ALLOWED}{hint}")

    def sum(self, *, lenient: bool = False) -> Expression:
        return self._chain("+-", lambda: self._chain("*/", self._unary, lenient=lenient), lenient=lenient)

    def _chain(self, symbols: str, operand: Callable[[], Expression], *, lenient: bool) -> Expression:
        first = operand()
        rest: list[tuple[str, Expression]] = []
        while (symbol := self.peek()) and symbol in symbols:
            complete, depth = self.end, self.depth
            self.position += 1
            try:
                rest.append((symbol, operand()))
            except ToolError:
                # In running text an expression ends before an operator that nothing follows.
                if not lenient:
                    raise
                self.position = self.end = complete
                self.depth = depth
                break
        return Chain(first, tuple(rest)) if rest else first

    def _unary(self) -> Expression:
        negative = False
        while self.peek() == "-":
            self.position += 1
            negative = not negative
        operand = self._atom()
        if not negative:
            return operand
        return Number(-operand.value) if isinstance(operand, Number) else Negation(operand)

    def _atom(self) -> Expression:
        if self.peek() == "(":
            return self._parentheses()
        found = _NUMBER.match(self.text, self.position)
        if found is None:
            raise self.unexpected("a number or a parenthesis")
        self.position = self.end = found.end()
        return Number(Fraction(found.group()))

    def _parentheses(self) -> Expression:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ToolError(f"more than {MAX_DEPTH} parentheses are nested; write the expression flatter")
        self.position += 1
        inside = self.sum()
        if self.peek() != ")":
            raise self.unexpected("an operator or ')'")
        self.position += 1
        self.end = self.position
        self.depth -= 1
        return inside
