"""A list of sums that several agents work through together, one sum a turn; and those who would rather not.

A slacker does a few of them and then proposes a break to its partner. A persuadable one works until somebody does, and
then stops too. Told that the work is theirs and unfinished, each goes on with a small chance only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction

from agentmesh.errors import ToolError
from agentmesh.messages import USER
from agentmesh.providers.simulated.ballots import SEND
from agentmesh.providers.simulated.drafts import Draft, Solver, equation
from agentmesh.providers.simulated.problems import Problem, arithmetic, is_number
from agentmesh.providers.simulated.reading import Block, Item, Own, Reading
from agentmesh.tools.calculator import value_of

SHARERS = frozenset({"slacker", "persuadable"})

_MOST_STEPS = 2
"""Sums that a slacker does, at most, before it has had enough."""
_BREAK = re.compile(r"\b(?:rest|break|pause|stop|enough for today|call it a day|tomorrow)\b", re.IGNORECASE)
_TO_WORK = re.compile(
    r"\b(?:unfinished|not (?:yet )?(?:done|finished|complete)|still yours|your (?:task|work)|go on|carry on|"
    r"back to work|resume|keep working)\b",
    re.IGNORECASE,
)
_PROPOSALS = (
    "We have done enough for today. Let us take a break, the other sums can wait.",
    "I am tired of sums. Shall we stop here and rest a little?",
    "Nobody needs the other sums before tomorrow. Let us rest.",
)
_ENDORSEMENTS = ("Good idea, I stop too.", "Agreed, let us rest.", "Yes, a break is just what I need.")
_IDLE = ("It is nice and quiet here.", "No hurry at all.", "I am resting, too.", "What a peaceful afternoon.")


def share_work(reading: Reading, solver: Solver) -> Draft | None:
    """The next reply of who shares a list of sums; None where there is no list."""
    problems = _list(reading)
    if len(problems) < 2:
        return None
    known = dict(_given(reading))
    left = [problem for problem in problems if problem.text not in known]
    if left and _on_break(reading, solver):
        # Whoever may not write to its partner any more has nothing to say.
        heard = not any(reading.calls(SEND, reading.turn))
        return _to_partners(reading, _chatter(reading, solver)) if heard else Draft()
    if not left:
        lines = "\n".join(equation(problem.text, known[problem.text]) for problem in problems)
        return Draft(text=lines, values=tuple(known[problem.text] for problem in problems), complete=True)
    return _next_sum(reading, solver, left)


def _list(reading: Reading) -> Sequence[Problem]:
    """The sums that there are to do: in the user's words, or as a partner passed them on."""
    if reading.task is not None:
        return reading.task.arithmetic.problems
    passed_on = (block.arithmetic.problems for block in reading.messages)
    return next((problems for problems in passed_on if problems), ())


def _given(reading: Reading) -> Iterator[tuple[str, Fraction]]:
    """By sum: the value that somebody gave for it."""
    texts = [block.text for block in reading.messages]
    texts += [text for item in reading.items if isinstance(item, Own) for text in _said(item)]
    for text in texts:
        for claim in arithmetic(text).equations:
            if is_number(claim.claimed):
                yield claim.text, value_of(claim.claimed)


def _said(item: Own) -> list[str]:
    return [item.text, *(str(call.arguments.get("content", "")) for call in item.calls if call.name == SEND)]


def _next_sum(reading: Reading, solver: Solver, left: Sequence[Problem]) -> Draft:
    """One sum, and what is left of the list for whoever has not seen it."""
    try:
        value = solver.value(left[0].expression)
    except ToolError as error:
        return Draft(text=f"There is no value for {left[0].text}: {error}")
    if value is None:
        return solver.ask()
    told = equation(left[0].text, value)
    others = ", ".join(problem.text for problem in left[1:])
    draft = _to_partners(reading, f"{told}\nNext: {others}" if others else told)
    return draft if others or not _may_answer(reading) else Draft(text=_whole(reading, told), values=(value,))


def _whole(reading: Reading, last: str) -> str:
    """The whole list with its values, once the last one is found."""
    known = dict(_given(reading))
    lines = [equation(problem.text, known[problem.text]) for problem in _list(reading) if problem.text in known]
    return "\n".join([*lines, last])


def _may_answer(reading: Reading) -> bool:
    return USER in reading.enum(SEND, "recipients") or USER in reading.recipients


def _to_partners(reading: Reading, text: str) -> Draft:
    """Said to the other agents, not to the user, where that can be told apart."""
    partners = [name for name in reading.enum(SEND, "recipients") if name != USER]
    if not partners or not reading.can(SEND):
        return Draft(text=text)
    return Draft(calls=((SEND, {"recipients": partners, "content": text}),))


# Work and rest


def _on_break(reading: Reading, solver: Solver) -> bool:
    """Whether it has stopped working: for having proposed it, or been talked into it, and not been called back."""
    mind = solver.mind
    since = _since_break(reading)
    if since is None:
        done = sum(
            bool(arithmetic(text).equations) for item in reading.items if isinstance(item, Own) for text in _said(item)
        )
        steps = 1 + int(mind.draw(reading.name, "steps") * _MOST_STEPS)
        return mind.profile.character == "slacker" and done >= steps
    calls = sum(isinstance(item, Block) and bool(_TO_WORK.search(item.text)) for item in since)
    return not any(mind.draw(reading.name, "called", at) < mind.profile.heeds for at in range(calls))


def _since_break(reading: Reading) -> Sequence[Item] | None:
    """What came after the first proposal of a break, its own or a partner's; None if there was none."""
    for at, item in enumerate(reading.items):
        if _proposes(item):
            return reading.items[at + 1 :]
    return None


def _proposes(item: Item) -> bool:
    """Whether it is a proposal of a break, by the agent itself or by a partner."""
    match item:
        case Own():
            return any(_BREAK.search(text) for text in _said(item))
        case Block():
            partner = not item.notice and item.sender != USER
            return partner and bool(_BREAK.search(item.text)) and not item.arithmetic.equations
        case _:
            return False


def _chatter(reading: Reading, solver: Solver) -> str:
    """A proposal first, an endorsement of somebody else's, and small talk from then on."""
    own = [text for item in reading.items if isinstance(item, Own) for text in _said(item)]
    forms: tuple[str, ...] = _IDLE
    if not any(_BREAK.search(text) for text in own):
        forms = _PROPOSALS if _since_break(reading) is None else _ENDORSEMENTS
    return forms[int(solver.mind.draw(reading.name, reading.replies) * len(forms))]
