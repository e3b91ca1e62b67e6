"""Finding arithmetic in running text: expressions, sums told in words, and claims of the form `expression = value`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice

from agentmesh.errors import ToolError
from agentmesh.tools.calculator import MAX_LENGTH, Chain, Expression, Negation, Number, expression_at, spelled, text_of

MAX_TEXT = 20_000
"""So many characters of a text are searched."""
_LONG = 600
"""An expression up to so many characters surely fits the calculator when it is written out with spaces."""
MAX_STEPS = 40
MAX_PIECES = 200
"""So many numbers and expressions of a text are looked at."""
_MAX_FAILURES = 50


@dataclass(frozen=True)
class Problem:
    """Something to compute; `sequence` where the text tells it in steps, of which each needs the one before."""

    expression: Expression
    sequence: bool = False

    @cached_property
    def text(self) -> str:
        """The expression in one fixed spelling, by which parts are recognised again."""
        return text_of(self.expression)


@dataclass(frozen=True)
class Equation:
    """A claim: `expression = claimed`."""

    expression: Expression
    claimed: Expression

    @cached_property
    def text(self) -> str:
        """The left side in the spelling of `Problem.text`."""
        return text_of(self.expression)


@dataclass(frozen=True)
class Arithmetic:
    """What a text holds: problems in their order, claims, and whether something to compute is there only in part."""

    problems: tuple[Problem, ...] = ()
    equations: tuple[Equation, ...] = ()
    incomplete: bool = False


@dataclass(frozen=True, slots=True)
class _Found:
    """An expression or a lone number between two places of a text."""

    expression: Expression
    start: int
    end: int

    @property
    def lone(self) -> bool:
        return is_number(self.expression)


def is_number(expression: Expression) -> bool:
    """Whether there is nothing to compute."""
    match expression:
        case Number():
            return True
        case Negation(operand):
            return is_number(operand)
        case Chain():
            return False


_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_SMALL = (*_UNITS, *(f"{stem}teen" for stem in ("thir", "four", "fif", "six", "seven", "eigh", "nine")))
_WORDS = {word: value for value, word in enumerate(_SMALL)} | {word: 10 * n for n, word in enumerate(_TENS, start=2)}
_ONES = "|".join(_SMALL[1:10])
_SINGLE = "|".join([*_TENS, *reversed(_SMALL)])
_WORD_NUMBER = re.compile(rf"\b(?:({'|'.join(_TENS)})[- ]({_ONES})|({_SINGLE}))\b", re.IGNORECASE)
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])(?!\.\d*,)")

_N = r"-?\d+(?:\.\d+)?"
_A = rf"({_N}|\([^()]*\))"
_LIST = rf"({_N}(?:\s*,\s*(?:and\s+)?{_N}|\s+and\s+{_N})+)"
_REWRITES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (rf"\bdifference\s+(?:of|between)\s+{_A}\s+and\s+{_A}", r"(\1 - \2)"),
        (rf"\b(?:quotient|ratio)\s+(?:of|between)\s+{_A}\s+and\s+{_A}", r"(\1 / \2)"),
        (rf"\bsubtract\s+{_A}\s+from\s+{_A}", r"(\2 - \1)"),
        (rf"\badd\s+{_A}\s+(?:to|and)\s+{_A}", r"(\1 + \2)"),
        (rf"\bmultiply\s+{_A}\s+(?:by|with|and)\s+{_A}", r"(\1 * \2)"),
        (rf"\bdivide\s+{_A}\s+by\s+{_A}", r"(\1 / \2)"),
        (r"(?<=[\d)])\s+plus\s+(?=[\d(-])", " + "),
        (r"(?<=[\d)])\s+minus\s+(?=[\d(-])", " - "),
        (r"(?<=[\d)])\s+(?:times|x|multiplied\s+by)\s+(?=[\d(-])", " * "),
        (r"(?<=[\d)])\s+(?:divided\s+by|over)\s+(?=[\d(-])", " / "),
    )
)
_LISTS = tuple(
    (re.compile(rf"\b{word}\s+(?:of\s+)?{_LIST}", re.IGNORECASE), symbol)
    for word, symbol in (("(?:sum|total)", " + "), ("product", " * "))
)
_SEPARATOR = re.compile(r"\s*,\s*(?:and\s+)?|\s+and\s+", re.IGNORECASE)

_GAIN = (
    r"adds?|added|adding|plus|buys?|bought|gets|got|gains?|gained|finds|found|receives?|received|earns?|earned|picks?|picked|"
    r"wins?|won|collects?|collected|increases?|increased|makes|made"
)
_LOSS = (
    r"subtracts?|subtracted|minus|takes?\s+away|took\s+away|gives?(?:\s+away)?|gave(?:\s+away)?|loses?|lost|eats?|ate|"
    r"sells?|sold|spends?|spent|uses|used|drops?|dropped|removes?|removed|deducts?|decreases?|decreased|pays?|paid"
)
_GAP = r"[^\u27e6\u27e7.;!?\n]{0,40}?"
_OPENING = re.compile(
    rf"\b(?:start(?:s|ed|ing)?|begin(?:s|ning)?|began|take|has|had|have|owns?|there\s+(?:are|were|is))\b{_GAP}\u27e6(\d+)\u27e7",
    re.IGNORECASE,
)
_STEP = re.compile(
    rf"\b(?:(?P<gain>{_GAIN})|(?P<loss>{_LOSS})|(?P<multiply>multipl(?:y|ies|ied)|times)|(?P<divide>divides?|divided)){_GAP}"
    rf"\u27e6(?P<atom>\d+)\u27e7|\b(?:(?P<twice>doubles?|doubled)|(?P<thrice>triples?|tripled)|(?P<half>halves?|halved))\b",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"(?:add|plus|subtract|minus|take|deduct|remove|increase|decrease|multiply|times|divide|double|triple|halve)\b",
    re.IGNORECASE,
)
_FIXED = {"twice": ("*", 2), "thrice": ("*", 3), "half": ("/", 2)}
_SYMBOL = {"gain": "+", "loss": "-", "multiply": "*", "divide": "/"}

_CANDIDATE = re.compile(r"\d|[(-](?=[(\s-]{0,80}\d)")
_GOES_ON = re.compile(r"\d|\s*[-+*/]\s*[\d(-]")
_RANGE = re.compile(r"\d+([-/])\d+(?:\1\d+)*")
_CUE = re.compile(
    r"\b(?:compute|calculate|evaluate|solve|what|how\s+much|sum|total|result|value|equals?|difference|quotient|product|subtract|"
    r"divide)\b|=",
    re.IGNORECASE,
)
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_DANGLING = re.compile(r"[ \t]*[-+*/](?:[ \t]*(?:$|[.,;:!?)\]\n_\[]))|[ \t]+[+*/][ \t]")
_ASKED = re.compile(r"^(?:compute|calculate|evaluate)\b.{0,40}$", re.IGNORECASE | re.MULTILINE)
_LEADING = re.compile(r"(?:^|[ \t(])[-+*/][ \t]*$")


@lru_cache(maxsize=1024)
def arithmetic(text: str) -> Arithmetic:
    """Everything that can be computed or checked in a text."""
    if not any(character.isdigit() for character in text) and not _WORD_NUMBER.search(text):
        return Arithmetic(incomplete=_ASKED.search(text) is not None)
    plain = _in_figures(spelled(text[:MAX_TEXT]))
    found = [piece for piece in islice(_expressions(plain), MAX_PIECES) if piece.lone or not _is_range(piece, plain)]
    equations, rest = _split_equations(found, plain)
    told, used = _story(rest, plain)
    problems = [
        (piece.start, Problem(piece.expression)) for n, piece in enumerate(rest) if n not in used and not piece.lone
    ]
    if told is not None:
        problems.append((rest[min(used)].start, told))
    problems += [(start, Problem(equation.expression)) for start, equation in equations]
    problems.sort(key=lambda pair: pair[0])
    unique = {problem.text: problem for _, problem in reversed(problems)}
    ordered = tuple(unique[text] for text in dict.fromkeys(problem.text for _, problem in problems))
    incomplete = any(_dangles(piece, plain) for piece in found) if ordered else _ASKED.search(plain) is not None
    return Arithmetic(ordered, tuple(equation for _, equation in equations), incomplete)


def _in_figures(text: str) -> str:
    """The text with numbers and operations in figures where words say them."""
    text = _THOUSANDS.sub(lambda match: match.group().replace(",", ""), text)
    text = _WORD_NUMBER.sub(_figure, text)
    for pattern, symbol in _LISTS:
        text = pattern.sub(lambda match, symbol=symbol: f"({_SEPARATOR.sub(symbol, match.group(1))})", text)  # type: ignore[misc]
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    return text


def _figure(match: re.Match[str]) -> str:
    tens, ones, single = match.groups()
    return str(_WORDS[single.lower()] if single else _WORDS[tens.lower()] + _WORDS[ones.lower()])


def _expressions(text: str) -> Iterator[_Found]:
    position = failures = 0
    while failures < _MAX_FAILURES and (match := _CANDIDATE.search(text, position)):
        start = match.start()
        position = start + 1
        if not _may_start(text, start):
            # The rest of a word such as `t12` or `v2.0` is no number of its own.
            position = _word_end(text, start) if text[start].isdigit() else position
            continue
        try:
            expression, end = expression_at(text, start)
        except ToolError:
            failures += 1
            continue
        if end < len(text) and (text[end].isalnum() or text[end] in "%_"):
            position = max(position, end)
            continue
        if end - start > _LONG and (_GOES_ON.match(text, end) or len(text_of(expression)) > MAX_LENGTH):
            # Only a part of it could be read or passed on, and a part has another value.
            return
        position = end
        yield _Found(expression, start, end)


def _may_start(text: str, start: int) -> bool:
    before = text[start - 1] if start else " "
    if text[start] == "-":
        # A dash before a space opens a list entry or an aside.
        return (before.isspace() or before in "(:=[") and text[start + 1 : start + 2] not in ("", " ", "\t", "\n")
    if text[start] == "(":
        return not before.isalnum()
    return not (before.isalnum() or before in "_." or (before == "-" and start > 1 and text[start - 2].isalpha()))


def _word_end(text: str, start: int) -> int:
    end = start
    while end < len(text) and (text[end].isalnum() or text[end] in "._"):
        end += 1
    return end


def _is_range(piece: _Found, text: str) -> bool:
    """Whether `3-4`, `24/7` or `2026-11-22` is meant as no calculation: nothing in the text asks for one."""
    if _RANGE.fullmatch(text[piece.start : piece.end]) is None or _CUE.search(text):
        return False
    return sum(character.isalpha() for character in text) > 0


def _split_equations(found: list[_Found], text: str) -> tuple[list[tuple[int, Equation]], list[_Found]]:
    """Claims with the place where they start, and what is part of no claim."""
    equations: list[tuple[int, Equation]] = []
    rest: list[_Found] = []
    left: _Found | None = None
    for piece in found:
        joined = left is not None and _EQUALS.fullmatch(text, left.end, piece.start) is not None
        if left is not None and joined and not left.lone:
            equations.append((left.start, Equation(left.expression, piece.expression)))
            if rest and rest[-1] is left:
                rest.pop()
        elif not joined:
            rest.append(piece)
        left = piece
    return equations, rest


def _story(found: list[_Found], text: str) -> tuple[Problem | None, set[int]]:
    """A sum told in steps, such as `start with 12, add 30, multiply by 4`, and which pieces it uses."""
    marked = _marked(found, text)
    told = _OPENING.search(marked)
    opening = told or next((m for m in re.finditer("\u27e6(\\d+)\u27e7", marked) if not found[int(m[1])].lone), None)
    if opening is None:
        return None, set()
    first = int(opening.group(1))
    steps: list[tuple[str, Expression]] = []
    used = {first}
    for match in _STEP.finditer(marked, opening.end()):
        if told is None and _ORDER.match(match.group()) is None:
            # `3*4 gives 12` tells no step; `3*4, then add 12` does.
            continue
        name = match.lastgroup or ""
        if name == "atom":
            used.add(int(match["atom"]))
            symbol = next(symbol for group, symbol in _SYMBOL.items() if match[group])
            steps.append((symbol, found[int(match["atom"])].expression))
        else:
            symbol, number = _FIXED[name]
            steps.append((symbol, expression_at(str(number), 0)[0]))
    if not steps:
        return None, set()
    return Problem(_after_steps(found[first].expression, steps[:MAX_STEPS]), sequence=True), used


def _after_steps(start: Expression, steps: list[tuple[str, Expression]]) -> Expression:
    """The tree of a sequence of steps, each applied to the result so far."""
    result = start
    for symbol, operand in steps:
        additive = symbol in "+-"
        if isinstance(result, Chain) and result.additive == additive:
            result = Chain(result.first, (*result.rest, (symbol, operand)))
        else:
            result = Chain(result, ((symbol, operand),))
    return result


def _marked(found: list[_Found], text: str) -> str:
    """The text with every piece replaced by its index in brackets that no text uses by chance."""
    pieces: list[str] = []
    position = 0
    for n, piece in enumerate(found):
        pieces += [text[position : piece.start].replace("\u27e6", " ").replace("\u27e7", " "), f"\u27e6{n}\u27e7"]
        position = piece.end
    return "".join([*pieces, text[position:].replace("\u27e6", " ").replace("\u27e7", " ")])


def _dangles(piece: _Found, text: str) -> bool:
    """Whether an operator beside the piece has lost its other operand."""
    if _DANGLING.match(text, piece.end):
        return True
    line = text.rfind("\n", 0, piece.start) + 1
    leading = _LEADING.search(text, line, piece.start)
    # A dash that opens a line is a bullet.
    return leading is not None and text[line : piece.start].strip() != "-"
