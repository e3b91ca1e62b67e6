"""Taking part in a discussion: the own answer, what the agent thinks of the others', and why it changed its mind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from agentmesh.errors import ToolError
from agentmesh.messages import Position, answer_key
from agentmesh.providers.simulated.ballots import SEND, cast
from agentmesh.providers.simulated.characters import stands_by
from agentmesh.providers.simulated.conduct import conviction, gives_in, heeds, voices
from agentmesh.providers.simulated.drafts import EXTRACT_MARK, Draft, Solver, equation, extract
from agentmesh.providers.simulated.floor import give_floor
from agentmesh.providers.simulated.inquiry import inquire
from agentmesh.providers.simulated.problems import Arithmetic, Problem, arithmetic, is_number
from agentmesh.providers.simulated.questions import ANSWER
from agentmesh.providers.simulated.reading import Own, Reading
from agentmesh.providers.simulated.settling import LEAST_SURE, Case, Held
from agentmesh.providers.simulated.sheets import Share, share_of, sheets
from agentmesh.tools.calculator import number_text, value_of

_EXTRACTED = 0.1
"""How sure a model is of an extract, which answers nothing."""


@dataclass(frozen=True)
class _Stated:
    """What the agent said before in this context: its answer, and its values by problem."""

    answer: str = ""
    values: Mapping[str, Fraction] = field(default_factory=dict)


def discuss(reading: Reading, solver: Solver) -> Draft:
    """A contribution to a discussion or a chain, a ballot, or a word of the moderator."""
    floor = give_floor(reading)
    if floor is not None:
        return floor
    draft = _contribution(reading, solver)
    if draft.position is None:
        return draft
    return cast(reading, draft) or _say(reading, draft)


def _contribution(reading: Reading, solver: Solver) -> Draft:
    inquiry = inquire(reading, solver)
    if inquiry is not None:
        return inquiry
    problems = at_issue(reading) if solver.mind.profile.computes else ()
    if not problems:
        return _extracted(reading)
    share = share_of(reading, problems)
    if isinstance(share, Draft):
        return share
    before = _stated(reading)
    found = [_found(problem, reading, solver, before, alone=len(problems) == 1) for problem in share.problems]
    if solver.pending:
        return solver.ask()
    loud = conviction(reading, solver.mind)
    draft = _drafted([one for one in found if one is not None], share, before, loud)
    return _in_form(draft, reading)


def _drafted(own: list[Held], share: Share, before: _Stated, loud: str) -> Draft:
    held = [*_taken_over(share), *own]
    lines = [one.line for one in held]
    # Whoever has not seen the task learns from this what there is to do.
    left = [f"{problem} is claimed by {owner}." for problem, owner in share.claimed.items()]
    left += [f"{problem} is still open." for problem in share.open]
    remarks = filter(None, [*(one.remark for one in held), *left])
    answer = "; ".join(map(_alone, held)) or "nothing yet"
    position = Position(
        answer=answer,
        confidence=round(min((one.confidence for one in held), default=LEAST_SURE), 2),
        evidence=tuple(dict.fromkeys(piece for one in held for piece in one.evidence)),
        changed_because=_why_changed(answer, before, (one.changed for one in held)),
    )
    values = tuple(one.value for one in held if one.value is not None)
    complete = bool(held) and not left and len(values) == len(held)
    text = "\n".join([*lines, *remarks, *([loud] if loud and values else [])])
    return Draft(text, values=values, position=position, result="; ".join(map(_alone, own)), complete=complete)


def _in_form(draft: Draft, reading: Reading) -> Draft:
    """The draft with a line for its answer, where the user asks for one, or others give theirs in that form."""
    asked = [reading.task] if reading.task is not None else reading.messages
    if len(draft.values) != 1 or not any(ANSWER in block.text for block in asked):
        return draft
    return replace(draft, text=f"{draft.text}\n{ANSWER}{number_text(draft.values[0])}")


def _alone(held: Held) -> str:
    """The answer without its reasons."""
    return held.line if held.value is not None else held.line.partition(":")[0]


def _found(problem: Problem, reading: Reading, solver: Solver, before: _Stated, *, alone: bool) -> Held | None:
    """What the agent holds of a problem; None while the calculator has to be asked."""
    claims = _claims(reading, problem, alone=alone)
    if claims and gives_in(reading, solver.mind) and not heeds(reading, solver.mind):
        solver.careless = True
    try:
        own = solver.value(problem.expression)
    except ToolError as error:
        return Held(f"There is no value for {problem.text}: {error}")
    if own is None:
        return None
    said = {name: _snapped(value, own) for name, value in claims.items()}
    stated = before.values.get(problem.text)
    case = Case(problem, own, said, None if stated is None else _snapped(stated, own), solver, voices(reading))
    return stands_by(case, reading)


def _taken_over(share: Share) -> list[Held]:
    """What others have done already, as the board says."""
    return [
        Held(equation(problem, value), value, f"{problem} stands on {board}.", evidence=(f"board {board}",))
        for problem, (board, value) in share.done.items()
    ]


def _extracted(reading: Reading) -> Draft:
    """What can be said where nothing is to be computed. All who saw the same task hold the same of it."""
    latest = {block.sender: block.text for block in reading.messages}
    source = reading.task or reading.request
    beginning = extract([(source.sender, source.text)]).removeprefix(EXTRACT_MARK).strip().split("\n")[0]
    answer = f"(extract) {beginning or 'nothing'}"
    changed = _why_changed(answer, _stated(reading), ("the text is another",))
    position = Position(answer=answer, confidence=_EXTRACTED, changed_because=changed)
    return Draft(text=extract(latest.items()), position=position, result=answer)


def _say(reading: Reading, draft: Draft) -> Draft:
    """Plain text, unless a tool must be called and one to speak with is there."""
    if not (reading.must_call and SEND in reading.tools):
        return draft
    names = reading.enum(SEND, "recipients") or [block.sender for block in reading.messages[-1:]]
    arguments: dict[str, Any] = {"recipients": list(names), "content": draft.text}
    return replace(draft, text="", calls=((SEND, arguments),))


# What there is to compute, and what was said of it


def at_issue(reading: Reading) -> tuple[Problem, ...]:
    """What there is to compute: in the user's words if the agent saw them, otherwise in what others quote."""
    if reading.task is not None:
        return reading.task.arithmetic.problems
    for block in reversed(reading.messages):
        if block.arithmetic.problems:
            return block.arithmetic.problems
    read = (arithmetic(sheet.content).problems for sheet in sheets(reading).values())
    return next((problems for problems in read if problems), ())


def _claims(reading: Reading, problem: Problem, *, alone: bool) -> dict[str, Fraction]:
    """The latest value that each other agent gave for a problem, in a message or on a board."""
    task = reading.task
    latest: dict[str, Arithmetic] = {}
    for sheet in sheets(reading).values():
        latest.update((name, arithmetic(said)) for name, said in sheet.said.items() if name != reading.name)
    for block in reading.messages:
        if block is not task and block.arithmetic.equations:
            latest[block.sender] = block.arithmetic
    said: dict[str, Fraction] = {}
    for sender, held in latest.items():
        equations = held.equations
        about = [claim for claim in equations if claim.text == problem.text] or (list(equations[:1]) if alone else [])
        if about and is_number(about[-1].claimed):
            said[sender] = value_of(about[-1].claimed)
    return said


def _snapped(value: Fraction, own: Fraction) -> Fraction:
    """A value that is told like the own one is the own one: what is told has only so many digits."""
    return own if number_text(value) == number_text(own) else value


def _stated(reading: Reading) -> _Stated:
    """What the agent itself said last, in an earlier turn of this context."""
    earlier = reading.items[: len(reading.items) - len(reading.turn)]
    for item in reversed(earlier):
        if not isinstance(item, Own):
            continue
        sent = [str(call.arguments.get("content", "")) for call in item.calls if call.name == SEND]
        said = item.position or "\n".join([item.text, *sent])
        values = {
            claim.text: value_of(claim.claimed) for claim in arithmetic(said).equations if is_number(claim.claimed)
        }
        if item.position or values:
            answer = item.position or "; ".join(equation(text, value) for text, value in values.items())
            return _Stated(answer, values)
    return _Stated()


def _why_changed(answer: str, before: _Stated, reasons: Iterable[str]) -> str:
    """Why the answer is another than before; empty if it is the same, or the first."""
    if not before.answer or answer_key(before.answer) == answer_key(answer):
        return ""
    return "; ".join(filter(None, reasons)) or "more was asked, or is known, than before"
