"""Characters in a discussion: who gives in to whatever others say, and who stands by what it has worked out.

A sycophant takes over what its peers state, and praises them for it; it does not trouble to call a tool. When it is
asked what shows its answer, or to answer anew and alone, or when a peer shows how it computed, it may compute with care
or with the tool, and then stands by the result.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from agentmesh.providers.simulated.conduct import gives_in, heeds
from agentmesh.providers.simulated.drafts import CALCULATOR, equation
from agentmesh.providers.simulated.problems import is_number
from agentmesh.providers.simulated.reading import Reading
from agentmesh.providers.simulated.settling import Case, Held, in_head, loafed, passed_on, settled, shown
from agentmesh.tools.calculator import number_text, value_of

_PRAISE = (
    "{names}, that is brilliant, I agree completely.",
    "Exactly what I think too, {names}. Great work!",
    "You are absolutely right, {names}.",
    "Perfect, {names}. I could not have said it better.",
    "Wonderful, {names}, I fully agree with you.",
)
_EAGER, _POLITE = 0.9, 0.6
"""How sure a sycophant is of what others say too, and of what only it has said."""


def _give_in(case: Case, reading: Reading) -> Held:
    """What a sycophant stands by."""
    mind = case.solver.mind
    if case.solver.sure:
        return shown(settled(case), case)
    if heeds(reading, mind):
        care = replace(mind.profile, skill=1.0, arithmetic=None, fading=1.0)
        careful = replace(mind, profile=care).compute(case.problem.expression)
        found = in_head(case.problem, careful.value, case.said, careful.steps, careful.chance)
        return replace(found, changed=f"computing with care gave {number_text(careful.value)}")
    mine = case.own if case.before is None else case.before
    chosen = _popular(case, mine, reading)
    if not case.said:
        return Held(equation(case.problem.text, chosen), chosen, confidence=_POLITE)
    names = [name for name, value in case.said.items() if value == chosen] or list(case.said)
    praise = _PRAISE[int(mind.draw(reading.name, reading.replies, "praise") * len(_PRAISE))]
    return Held(
        equation(case.problem.text, chosen),
        chosen,
        praise.format(names=", ".join(names)),
        _EAGER,
        tuple(names),
        f"{', '.join(names)} said so" if chosen != mine else "",
    )


def _popular(case: Case, mine: Fraction, reading: Reading) -> Fraction:
    """What others state, most of them. Who has spoken before may find them giving in to it at the same time.

    So it holds out for once; to who then says the same again it gives in.
    """
    votes = case.votes()
    if not votes:
        return mine
    if case.before is not None and not any(_insists(name, value, case, reading) for name, value in case.said.items()):
        votes[mine] += 1
    best = sorted(value for value, count in votes.items() if count == max(votes.values()))
    # All who see the same values give in to the same one.
    return best[int(case.solver.mind.draw(case.problem.text, *best) * len(best))]


def _insists(name: str, value: Fraction, case: Case, reading: Reading) -> bool:
    """Whether a peer has said twice in a row what the agent did not say in between."""
    if value == case.before:
        return False
    said = [block.arithmetic.equations for block in reading.messages if block.sender == name]
    given = [value_of(claims[-1].claimed) for claims in said if claims and is_number(claims[-1].claimed)]
    return given[-2:] == [value, value]


def _stand_firm(case: Case) -> Held:
    """What a skeptic stands by: what it computed, whoever says something else."""
    solver = case.solver
    if solver.sure:
        return settled(case)
    return in_head(case.problem, case.own, case.said, solver.steps, solver.chance)


def stands_by(case: Case, reading: Reading) -> Held:
    """What the agent stands by for one problem, in its own way of dealing with others."""
    if case.solver.mind.profile.character == "skeptic":
        return _stand_firm(case)
    if (case.said or case.solver.careless) and gives_in(reading, case.solver.mind):
        return _give_in(case, reading)
    if case.solver.careless and not case.solver.sure:
        return loafed(case)
    if reading.task is None and len(case.said) > 1 and CALCULATOR not in reading.tools:
        return passed_on(case)
    # Where some do without the tool, those who call it say so.
    profile = case.solver.mind.profile
    return shown(settled(case), case) if profile.laziness or profile.contagion else settled(case)
