"""The other simulated parts: who does one task, who judges, and who takes part in a discussion.

A part is recognised by the tools it is given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from agentmesh.errors import ToolError
from agentmesh.providers.simulated.drafts import Draft, Solver, equation, extract
from agentmesh.providers.simulated.planning import HAND_OFF, OPEN_TASKS, equation_value, plan
from agentmesh.providers.simulated.problems import Arithmetic, Equation, Problem, arithmetic, is_number
from agentmesh.providers.simulated.reading import Block, Reading
from agentmesh.tools.calculator import Chain, Expression, Negation, Number, number_text, text_of, value_of

DECIDE = "decide"
SEND = "send_message"

_SHOWN_STEPS = 6


def answer(reading: Reading, solver: Solver) -> Draft:
    """What the agent replies to all that it was sent."""
    if DECIDE in reading.tools:
        return judge(reading, solver)
    if OPEN_TASKS in reading.tools:
        return plan(reading, solver)
    if HAND_OFF in reading.tools:
        return work(reading, solver)
    return discuss(reading, solver)


# One task


def work(reading: Reading, solver: Solver) -> Draft:
    """The worker's next reply: the calculator, then the handoff."""
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
    return _hand_off(reading, "done", equation_value(values), told, tuple(values))


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
    held = arithmetic(proposal.text.replace("\\n", "\n")) if solver.mind.profile.computes else Arithmetic()
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


def _objection(claim: Equation, solver: Solver) -> str:
    """What is wrong with a claim; empty if it holds or has still to be computed."""
    try:
        value = solver.value(claim.expression)
        if value is None or _close(claim.expression, value, value_of(claim.claimed)):
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
        return Draft(text=f"{decision}: {reason}")
    return Draft(calls=((DECIDE, {"decision": decision, "reason": reason}),))


# Talking


def discuss(reading: Reading, solver: Solver) -> Draft:
    """A contribution to a discussion or a chain: the answer, and what the agent thinks of the others'."""
    problems = _at_issue(reading) if solver.mind.profile.computes else ()
    if not problems:
        latest = {block.sender: block.text for block in reading.messages}
        return _say(reading, Draft(text=extract(latest.items())))
    lines: list[str] = []
    values: list[Fraction] = []
    remarks: list[str] = []
    for problem in problems:
        try:
            own = solver.value(problem.expression)
        except ToolError as error:
            lines.append(f"There is no value for {problem.text}: {error}")
            continue
        if own is not None:
            said = _claims(reading, problem, alone=len(problems) == 1)
            chosen, remark = _settled(problem, own, said, solver)
            lines.append(equation(problem.text, chosen))
            values.append(chosen)
            remarks.append(remark)
    if solver.pending:
        return solver.ask()
    return _say(reading, Draft(text="\n".join([*lines, *filter(None, remarks)]), values=tuple(values)))


def _say(reading: Reading, draft: Draft) -> Draft:
    """Plain text, unless a tool must be called and one to speak with is there."""
    if not (reading.must_call and SEND in reading.tools):
        return draft
    recipients = reading.tools[SEND].get("properties", {}).get("recipients", {})
    names = recipients.get("items", {}).get("enum") or [block.sender for block in reading.messages[-1:]]
    return Draft(calls=((SEND, {"recipients": list(names), "content": draft.text}),), values=draft.values)


def _at_issue(reading: Reading) -> tuple[Problem, ...]:
    """What there is to compute: in the user's words if the agent saw them, otherwise in what others quote."""
    if reading.task is not None:
        return reading.task.arithmetic.problems
    return next((block.arithmetic.problems for block in reversed(reading.messages) if block.arithmetic.problems), ())


def _claims(reading: Reading, problem: Problem, *, alone: bool) -> dict[str, Fraction]:
    """The latest value that each other agent gave for a problem."""
    task = reading.task
    latest = {block.sender: block for block in reading.messages if block is not task and block.arithmetic.equations}
    said: dict[str, Fraction] = {}
    for sender, block in latest.items():
        equations = block.arithmetic.equations
        about = [claim for claim in equations if claim.text == problem.text] or (list(equations[:1]) if alone else [])
        if about and is_number(about[-1].claimed):
            said[sender] = value_of(about[-1].claimed)
    return said


def _settled(problem: Problem, own: Fraction, said: Mapping[str, Fraction], solver: Solver) -> tuple[Fraction, str]:
    """Which value the agent stands by, and why. The calculator's word outweighs everybody's."""
    steps = solver.steps
    others = [name for name, value in said.items() if value != own]
    if solver.sure or not others:
        return own, _remark(own, said, steps)
    again, steps_again = solver.mind.compute(problem.expression, "check")
    votes = Counter([own, again, *said.values()])
    best = max(votes.values())
    if votes[own] == best:
        return own, _remark(own, said, steps)
    chosen = next(value for value, count in votes.items() if count == best)
    if chosen == again:
        return chosen, _remark(chosen, said, steps_again)
    return chosen, f"I had {number_text(own)} and follow the others: {number_text(chosen)}."


def _remark(value: Fraction, said: Mapping[str, Fraction], steps: tuple[Fraction, ...]) -> str:
    agree = [name for name, theirs in said.items() if theirs == value]
    differ = [f"{name} ({number_text(theirs)})" for name, theirs in said.items() if theirs != value]
    parts = []
    if agree:
        parts.append(f"I agree with {', '.join(agree)}.")
    if differ:
        parts.append(f"I do not agree with {', '.join(differ)}.")
    if 0 < len(steps) <= _SHOWN_STEPS:
        parts.append(f"Step by step: {', then '.join(map(number_text, steps))}.")
    return " ".join(parts)
