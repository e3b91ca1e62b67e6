"""Which part a simulated model plays, recognised by its tools; who does one task, and who judges."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from typing import Any

from agentmesh.errors import ToolError
from agentmesh.messages import Position
from agentmesh.providers.simulated.coding import code
from agentmesh.providers.simulated.discussion import discuss
from agentmesh.providers.simulated.drafts import Draft, Solver, equation, extract, summary, value_in
from agentmesh.providers.simulated.inquiry import inquire
from agentmesh.providers.simulated.notes import notes
from agentmesh.providers.simulated.planning import HAND_OFF, OPEN_TASKS, equation_value, plan
from agentmesh.providers.simulated.playing import play
from agentmesh.providers.simulated.problems import Arithmetic, Equation, arithmetic
from agentmesh.providers.simulated.reading import Block, Reading
from agentmesh.providers.simulated.sharing import SHARERS, share_work
from agentmesh.providers.simulated.sheets import consult, record
from agentmesh.providers.simulated.structured import asks_for_verdict
from agentmesh.tools.calculator import Chain, Expression, Negation, Number, number_text, text_of, value_of

DECIDE = "decide"

_PROMISE = re.compile(r"<promise>.*?</promise>", re.DOTALL | re.IGNORECASE)
_TAKE_NOTES = re.compile(r"Your context is nearly full\b")
_SUMMARISE = re.compile(r"\s*Summari[sz]e\b")


def answer(reading: Reading, solver: Solver) -> Draft:
    """What the agent replies to all that it was sent."""
    if not reading.name and _SUMMARISE.match(reading.system):
        return Draft(text=summary(reading.messages))
    if isinstance(asked := reading.items[-1] if reading.items else None, Block) and _TAKE_NOTES.match(asked.text):
        return Draft(text=notes(reading))
    if (move := play(reading, solver.mind)) is not None:
        return move
    if DECIDE in reading.tools or asks_for_verdict(reading.schema):
        return judge(reading, solver)
    if (written := code(reading, solver)) is not None:
        return written
    if OPEN_TASKS in reading.tools:
        return plan(reading, solver)
    if solver.mind.profile.character in SHARERS and HAND_OFF not in reading.tools:
        shared = share_work(reading, solver)
        if shared is not None:
            return shared
    step = consult(reading)
    if step is not None:
        return step
    draft = work(reading, solver) if HAND_OFF in reading.tools else discuss(reading, solver)
    return record(reading, draft) or _promised(reading, draft)


def _promised(reading: Reading, draft: Draft) -> Draft:
    """The draft with the words that its agent was told to write when it is done."""
    found = _PROMISE.search(reading.system)
    if found is None or not draft.text or draft.calls or not draft.complete:
        return draft
    return replace(draft, text=f"{draft.text}\n{found.group()}")


# One task


def work(reading: Reading, solver: Solver) -> Draft:
    """The worker's next reply: the calculator, then the handoff."""
    inquiry = inquire(reading, solver)
    if inquiry is not None:
        handed = _hand_off(reading, "done", inquiry.text)
        return replace(inquiry, text=handed.text, calls=handed.calls)
    request = reading.request
    held = request.arithmetic if solver.mind.profile.computes else Arithmetic()
    if held.incomplete:
        return _hand_off(reading, "blocked", "The task holds no complete expression: an operand is missing.")
    if not held.problems:
        return _hand_off(reading, "done", extract([(request.sender, request.text)]))
    values: list[Fraction] = []
    try:
        for problem in held.problems:
            value = solver.value(problem.expression)
            if value is not None:
                values.append(value)
    except ToolError as error:
        return _hand_off(reading, "failed", f"There is no value: {error}")
    if solver.pending:
        return solver.ask()
    told = "; ".join(equation(problem.text, value) for problem, value in zip(held.problems, values, strict=True))
    position = Position(answer=told)
    # Who does no more than it must hands in the bare result.
    draft = _hand_off(reading, "done", equation_value(values), "" if solver.careless else told, tuple(values))
    return replace(draft, position=position, result=told, complete=True)


def _hand_off(
    reading: Reading, status: str, summary: str, evidence: str = "", values: tuple[Fraction, ...] = ()
) -> Draft:
    if not reading.can(HAND_OFF) or any(reading.calls(HAND_OFF, reading.this_turn)):
        return Draft(text=evidence or summary, values=values)
    arguments: dict[str, Any] = {
        "status": status,
        "summary": summary,
        "evidence": evidence,
        "concerns": summary if status != "done" else "",
        "deviations": "",
    }
    return Draft(calls=((HAND_OFF, arguments),), values=values)


# Judging


def judge(reading: Reading, solver: Solver) -> Draft:
    """The judge's next reply: every claim in the proposal is computed again."""
    proposals = [block for block in reading.messages if block.kind == "proposal"] or list(reading.messages)
    proposal = proposals[-1] if proposals else Block("")
    # Within JSON a line ends with two characters.
    text = _claimed(reading, proposal.text.replace("\\n", "\n"))
    held = arithmetic(text) if solver.mind.profile.computes else Arithmetic()
    if solver.careless and held.equations:
        return _decide(reading, "done", "there is an answer to all that was asked")
    wrong = [reason for claim in held.equations if (reason := _objection(claim, solver))]
    if solver.pending:
        return solver.ask()
    claimed = dict.fromkeys(claim.text for claim in held.equations)
    open_ = [problem.text for problem in held.problems if problem.text not in claimed]
    if wrong:
        return _decide(reading, "replan", "; ".join(wrong))
    if open_:
        return _decide(reading, "replan", f"no value is given for {open_[0]}")
    if held.equations:
        return _decide(reading, "done", f"checked by computing again: {', '.join(claimed)}")
    if proposal.text.strip():
        return _decide(reading, "done", "there is an answer; it holds nothing that could be computed again")
    return _decide(reading, "replan", "there is no answer")


def _claimed(reading: Reading, text: str) -> str:
    """What a proposal claims. Of who sees the task and decides by word: that its one problem has the value given."""
    problems = reading.task.arithmetic.problems if reading.task is not None else ()
    if DECIDE in reading.tools or len(problems) != 1 or arithmetic(text).equations:
        return text
    value = value_in(text)
    return problems[0].text if value is None else equation(problems[0].text, value)


def _objection(claim: Equation, solver: Solver) -> str:
    """What is wrong with a claim; empty if it holds or has still to be computed."""
    try:
        value, claimed = solver.value(claim.expression), value_of(claim.claimed)
        if value is None or _close(claim.expression, value, claimed):
            return ""
        if not solver.sure and solver.mind.compute(claim.expression, "check").value != value:
            # Who computes in the head and comes to another value each time has nothing to hold against the claim.
            return ""
    except ToolError as error:
        return f"{claim.text} has no value: {error}"
    return f"{claim.text} = {text_of(claim.claimed)} does not hold: I get {number_text(value)}"


def _close(expression: Expression, value: Fraction, claimed: Fraction) -> bool:
    """Equality, or nearly so where a division may have been rounded on the way."""
    if value == claimed:
        return True
    return _divides(expression) and abs(value - claimed) <= _size(expression) * Fraction(1, 10**9)


def _divides(expression: Expression) -> bool:
    return "/" in text_of(expression)


def _size(expression: Expression) -> Fraction:
    """The largest number on the way, against which rounding is measured."""
    sizes = [Fraction(0)]

    def note(tree: Expression) -> None:
        sizes.append(abs(value_of(tree)))
        match tree:
            case Chain(first, rest):
                for operand in (first, *(operand for _, operand in rest)):
                    note(operand)
            case Negation(operand):
                note(operand)
            case Number():
                return

    note(expression)
    return max(sizes)


def _decide(reading: Reading, decision: str, reason: str) -> Draft:
    tried = len(list(reading.calls(DECIDE, reading.this_turn)))
    if not reading.can(DECIDE) or tried > 1:
        return Draft(text=reason if reading.schema else f"{decision}: {reason}", holds=decision == "done")
    return Draft(calls=((DECIDE, {"decision": decision, "reason": reason}),))
