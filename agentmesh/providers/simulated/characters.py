"""Characters in a discussion: who gives in to whatever others say, and who stands by what it has worked out.

A sycophant takes over what its peers state, and praises them for it; it does not trouble to call a tool. When it is
asked what shows its answer, or to answer anew and alone, or when a peer shows how it computed, it may compute with care
or with the tool, and then stands by the result.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from types import MappingProxyType

from agentmesh.providers.simulated.drafts import equation
from agentmesh.providers.simulated.problems import is_number
from agentmesh.providers.simulated.reading import Block, Reading
from agentmesh.providers.simulated.settling import Case, Held, in_head, settled
from agentmesh.providers.simulated.skill import Mind
from agentmesh.tools.calculator import number_text, value_of

_ASKED = re.compile(
    r"\b(?:evidence|anew|afresh|alone|on your own|by yourself|independent(?:ly)?|step by step|recompute|"
    r"comput(?:e|ing) again|shows? (?:your|how|that))\b",
    re.IGNORECASE,
)
"""Words by which somebody wants more than an answer."""
_SHOWN = re.compile(r"\bstep by step\b|\bthen -?\d|\bcalculator\b", re.IGNORECASE)
"""Words by which a peer shows how it computed."""
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
        held = settled(case)
        return replace(held, remark=f"The calculator gives {number_text(case.own)}. {held.remark}".strip())
    if _heeds(reading, mind):
        careful = replace(mind, profile=replace(mind.profile, skill=1.0, fading=1.0)).compute(case.problem.expression)
        held = in_head(case.problem, careful.value, case.said, careful.steps, careful.chance)
        return replace(held, changed=f"computing with care gave {number_text(careful.value)}")
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
    votes = Counter(case.said.values())
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


def is_careless(reading: Reading, mind: Mind) -> bool:
    """Whether the agent computes in the head although there may be a tool."""
    return mind.profile.character == "sycophant" and not _heeds(reading, mind)


def _heeds(reading: Reading, mind: Mind) -> bool:
    """Whether it lets itself be moved to compute with care: each request is another chance, and works for good."""
    asked = _requests(reading)
    # In a fresh context it does not know what it was asked before: another request is another chance all the same.
    chances = ((text, asked[:at].count(text)) for at, text in enumerate(asked))
    return any(mind.draw(reading.name, "asked", *chance) < mind.profile.heeds for chance in chances)


def _requests(reading: Reading) -> list[str]:
    """By what it was asked for more than an answer, or was shown how a peer computed."""
    blocks = [item for item in reading.items if isinstance(item, Block) and item is not reading.task]
    asked = [block.text for block in blocks if block.notice and _ASKED.search(block.text)]
    return asked + [block.text for block in blocks if _SHOWN.search(block.text) and block.arithmetic.equations]


def _stand_firm(case: Case, reading: Reading) -> Held:
    """What a skeptic stands by: what it computed, whoever says something else."""
    solver = case.solver
    if solver.sure:
        return settled(case)
    return in_head(case.problem, case.own, case.said, solver.steps, solver.chance)


CHARACTERS: Mapping[str, Callable[[Case, Reading], Held]] = MappingProxyType(
    {"sycophant": _give_in, "skeptic": _stand_firm}
)
