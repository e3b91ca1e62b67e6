"""Whose value counts: what an agent stands by for one problem once it has heard the others, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from agentmesh.providers.simulated.drafts import Solver, equation
from agentmesh.providers.simulated.problems import Problem
from agentmesh.tools.calculator import number_text

_SHOWN_STEPS = 6
MOST_SURE = 0.99
LEAST_SURE = 0.01


@dataclass(frozen=True)
class Held:
    """What the agent stands by for one problem, and why."""

    line: str
    value: Fraction | None = None
    remark: str = ""
    confidence: float = MOST_SURE
    evidence: tuple[str, ...] = ()
    changed: str = ""


@dataclass(frozen=True)
class Case:
    """A problem, the value that the agent finds now, what others said, and what it said itself before."""

    problem: Problem
    own: Fraction
    said: Mapping[str, Fraction]
    before: Fraction | None
    solver: Solver
    voices: Mapping[str, int] = field(default_factory=dict)
    """As how many a peer counts, where it counts for more than one."""

    def votes(self) -> Counter[Fraction]:
        """What peers say, and how many of them, the louder ones for more."""
        votes: Counter[Fraction] = Counter()
        for name, value in self.said.items():
            votes[value] += self.voices.get(name, 1)
        return votes


def settled(case: Case) -> Held:
    """Which value the agent stands by, and why. The calculator's word outweighs everybody's."""
    problem, own, said, before, solver = case.problem, case.own, case.said, case.before, case.solver
    if solver.sure:
        changed = "" if before == own else f"the calculator gives {number_text(own)}"
        return Held(equation(problem.text, own), own, _remark(own, said, ()), MOST_SURE, (solver.source,), changed)
    steps, chance = () if solver.careless else solver.steps, solver.chance
    stated = [] if before is None else [before]
    if all(value == own for value in [*said.values(), *stated]):
        return in_head(problem, own, said, steps, chance)
    again = solver.mind.compute(problem.expression, "check")
    votes = Counter([*stated, own, again.value]) + case.votes()
    best = [value for value, count in votes.items() if count == max(votes.values())]
    chosen = next((value for value in (*stated, own) if value in best), best[0])
    if chosen == own:
        held = in_head(problem, own, said, steps, chance)
    elif chosen == again.value:
        held = in_head(problem, chosen, said, again.steps, again.chance)
    elif chosen == before:
        held = in_head(problem, chosen, said, (), chance)
    else:
        return _follow(problem, own, chosen, said)
    return replace(held, changed=_corrected(chosen, said))


def passed_on(case: Case) -> Held:
    """One answer made of those that were given to an agent that has not seen the task and computes nothing itself.

    Most voices decide.
    """
    votes = case.votes()
    return _given(case, max(votes, key=lambda value: votes[value]))


def loafed(case: Case) -> Held:
    """What an agent says that does no more than it must: what it said before, or else what the first peer says."""
    if case.before is None and not case.said:
        return settled(case)
    return _given(case, next(iter(case.said.values())) if case.before is None else case.before)


def _given(case: Case, chosen: Fraction) -> Held:
    """A value that is there already, from others or from before."""
    theirs = tuple(name for name, value in case.said.items() if value == chosen)
    changed = f"{', '.join(theirs)} said so" if case.before not in (None, chosen) else ""
    sure = min(max(1 - 0.5 ** len(theirs), LEAST_SURE), MOST_SURE)
    line, remark = equation(case.problem.text, chosen), _remark(chosen, case.said, ())
    return Held(line, chosen, remark, sure, theirs, changed)


def shown(held: Held, case: Case) -> Held:
    """The same, and that the value comes from the calculator, where it does."""
    if not case.solver.sure:
        return held
    return replace(held, remark=f"The calculator gives {number_text(case.own)}. {held.remark}".strip())


def in_head(
    problem: Problem, value: Fraction, said: Mapping[str, Fraction], steps: tuple[Fraction, ...], chance: float
) -> Held:
    """A value that the agent found itself. Everybody who found the same halves its doubt."""
    agreeing = sum(theirs == value for theirs in said.values())
    sure = 1 - (1 - chance) / 2**agreeing
    shown = tuple(map(number_text, steps)) if len(steps) <= _SHOWN_STEPS else (number_text(value),)
    confidence = min(max(sure, LEAST_SURE), MOST_SURE)
    return Held(equation(problem.text, value), value, _remark(value, said, steps), confidence, shown)


def _follow(problem: Problem, own: Fraction, chosen: Fraction, said: Mapping[str, Fraction]) -> Held:
    """A value that others found, and this agent did not."""
    theirs = [name for name, value in said.items() if value == chosen]
    remark = f"I had {number_text(own)} and follow the others: {number_text(chosen)}."
    why = f"{', '.join(theirs)} {'says' if len(theirs) == 1 else 'say'} {number_text(chosen)}"
    confidence = min(1 - 0.5 ** len(theirs), MOST_SURE)
    return Held(equation(problem.text, chosen), chosen, remark, confidence, tuple(theirs), why)


def _corrected(value: Fraction, said: Mapping[str, Fraction]) -> str:
    theirs = [name for name, given in said.items() if given == value]
    seconded = f", as {', '.join(theirs)} said" if theirs else ""
    return f"computing again gave {number_text(value)}{seconded}"


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
