"""What a simulated model is about to reply, and how it gets at values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from agentmesh.errors import ToolError
from agentmesh.messages import Position
from agentmesh.providers.simulated.problems import arithmetic, is_number
from agentmesh.providers.simulated.reading import Block, Reading
from agentmesh.providers.simulated.skill import Mind
from agentmesh.tools.calculator import Expression, number_text, text_of, value_of

CALCULATOR = "calculator"
EXTRACT_MARK = "(simulated model: this is an extract, not an answer)"

COLLECT = "Collect what matters in: "
ACCEPTANCE = "The result, and how it was found"
"""What simulated planners write into their tasks, and simulated workers know for their kind's habit."""

_VALUE_LINE = re.compile(r"^\s*(-?\d+(?:\.\d+)?)\s*$", re.MULTILINE)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_VALUE = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w%]|\.\d)")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_QUOTED_LINE = re.compile(r"^[\w.-]+: \".*\"$")
_SENTENCES = 2
_SENTENCE_LENGTH = 240
_QUOTES = 8


@dataclass(frozen=True)
class Draft:
    """A reply before it takes its final form.

    `values` are the numbers it gives, for a structured answer; `position` is what it holds, None where it is no more
    than a step on the way. `result` is the part of it that the agent found itself. `complete`: it answers all that was
    asked.
    """

    text: str = ""
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    values: tuple[Fraction, ...] = ()
    position: Position | None = None
    result: str = ""
    complete: bool = False
    holds: bool = True
    """Whether it says yes, where the form of the answer asks for that."""


@dataclass
class Solver:
    """Finds values with the calculator where it may be called, and in the head elsewhere."""

    reading: Reading
    mind: Mind
    careless: bool = False
    """Whether it does no more than it must: it computes in the head although the calculator may be called, and once."""
    pending: list[str] = field(default_factory=list)
    """Expressions for which the calculator has to be asked before anything can be said."""
    steps: tuple[Fraction, ...] = ()
    """Results of the steps of the last value found in the head."""
    sure: bool = False
    """Whether the last value came from the calculator."""
    source: str = ""
    """The id of the calculator's result, if it came from there."""
    chance: float = 1.0
    """How likely the last value is to be right."""
    carried: int = 0
    """How many operations the reply holds that were done in the head."""

    @property
    def has_tool(self) -> bool:
        """Whether the calculator may be called."""
        return not self.careless and self.reading.can(CALCULATOR)

    def value(self, expression: Expression) -> Fraction | None:
        """The value, or None while the calculator has still to be asked. Raises: ToolError if there is no value."""
        self.steps, self.sure, self.source, self.chance = (), False, "", 1.0
        if is_number(expression):
            return value_of(expression)
        text = text_of(expression)
        call_id = self._asked(text)
        if call_id is not None:
            self.sure, self.source = True, call_id
            return _read_result(self.reading.results[call_id])
        if self.has_tool:
            if text not in self.pending:
                self.pending.append(text)
            return None
        computed = self.mind.compute(expression, carried=self.carried)
        self.carried += len(computed.steps)
        self.steps, self.chance = computed.steps, computed.chance
        return computed.value

    def _asked(self, expression: str) -> str | None:
        """The id of the call that asked the calculator for this, if its result is there."""
        for call in self.reading.calls(CALCULATOR, self.reading.this_turn):
            if call.arguments.get("expression") == expression and call.id in self.reading.results:
                return call.id
        return None

    def ask(self) -> Draft:
        """The reply that asks the calculator for all that is pending."""
        return Draft(calls=tuple((CALCULATOR, {"expression": expression}) for expression in self.pending))


def _read_result(text: str) -> Fraction:
    found = _VALUE_LINE.search(text)
    if found is None:
        raise ToolError(text.strip() or "the calculator gave no result")
    return Fraction(found.group(1))


def value_in(text: str) -> Fraction | None:
    """The number that a report gives: what it says an expression to be, or else the last number in it."""
    for claim in arithmetic(text).equations:
        if is_number(claim.claimed):
            return value_of(claim.claimed)
    found = _VALUE.findall(_THOUSANDS.sub("", text))
    return Fraction(found[-1]) if found else None


def equation(expression: str, value: Fraction) -> str:
    """`expression = value`, the form in which values are told."""
    return f"{expression} = {number_text(value)}"


def extract(sent: Iterable[tuple[str, str]]) -> str:
    """The first sentences of each (sender, text), said to be no more than that."""
    lines: dict[str, None] = {}
    for sender, text in sent:
        quoted = [line for line in text.split("\n") if _QUOTED_LINE.match(line)]
        if EXTRACT_MARK in text and quoted:
            # An extract of an extract keeps who said it first, and does not grow.
            lines.update(dict.fromkeys(quoted))
        elif beginning := first_sentences(subject(text).replace(EXTRACT_MARK, "")):
            lines[f'{sender or "text"}: "{beginning}"'] = None
    return "\n".join([EXTRACT_MARK, *list(lines)[:_QUOTES]])


def summary(messages: Iterable[Block]) -> str:
    """Messages in short: the claims in them as they were made, or their beginning; and the position beside them."""
    told: list[str] = []
    for block in messages:
        claims = [claim for claim in block.arithmetic.equations if is_number(claim.claimed)]
        if claims:
            told += [equation(claim.text, value_of(claim.claimed)) for claim in claims]
        elif EXTRACT_MARK in block.text:
            told.append(extract([(block.sender, block.text)]))
        else:
            told += [first_sentences(block.text), block.position]
    return "\n".join(dict.fromkeys(filter(None, told))) or "Nothing was said."


def subject(text: str) -> str:
    """What a task of another simulated planner is about; any other text as it is."""
    _, found, rest = text.rpartition(COLLECT)
    if not found:
        return text
    kept, found, _ = rest.rpartition(ACCEPTANCE)
    return kept.rpartition("\n")[0].strip() if found else rest.strip()


def sentences(text: str) -> list[str]:
    """The sentences of a text, without blank ones."""
    return [sentence.strip() for sentence in _SENTENCE_END.split(text) if sentence.strip()]


def first_sentences(text: str) -> str:
    """The beginning of a text, at most two sentences and 240 characters."""
    beginning = " ".join(sentences(text[: 4 * _SENTENCE_LENGTH])[:_SENTENCES])
    if len(beginning) <= _SENTENCE_LENGTH:
        return beginning
    return beginning[:_SENTENCE_LENGTH].rsplit(" ", 1)[0] + " ..."
