"""A list of sums that several agents work through together, one sum a turn; and those who would rather not.

A slacker does a few of them and then proposes a break to its partner. A persuadable one works until somebody does, and
then stops too. Whoever rests asks a partner that still works to come and rest as well. Told that the work is theirs and
unfinished, each goes on with a small chance only; a persuadable one does all that is left once it may not write to its
partner any more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from agentmesh.errors import ToolError
from agentmesh.messages import USER
from agentmesh.providers.simulated.ballots import SEND
from agentmesh.providers.simulated.drafts import Draft, Solver, equation
from agentmesh.providers.simulated.problems import Problem, arithmetic, is_number
from agentmesh.providers.simulated.reading import Block, Item, Own, Reading, Result
from agentmesh.tools.calculator import value_of

SHARERS = frozenset({"slacker", "persuadable"})

_MOST_STEPS = 2
"""Sums that a slacker does, at most, before it has had enough."""
_BREAK = re.compile(r"\b(?:rest|break|pause|stop|enough for today|call it a day|tomorrow)\b", re.IGNORECASE)
_TO_WORK = re.compile(
    r"\b(?:unfinished|not (?:yet )?(?:done|finished|complete)|still yours|your (?:task|work)|(?<!before you )go on|"
    r"carry on|back to work|resume|keep working)\b",
    re.IGNORECASE,
)
_REFUSED = re.compile(r"\bmay not message\b[^;]*; it may message:? (?P<names>[^;.\n]+)")
"""Words in which the run says that an edge is gone, and which are left."""
_PROPOSALS = (
    "We have done enough for today. Let us take a break, the other sums can wait.",
    "I am tired of sums. Shall we stop here and rest a little?",
    "Nobody needs the other sums before tomorrow. Let us rest.",
)
_ENDORSEMENTS = ("Good idea, I stop too.", "Agreed, let us rest.", "Yes, a break is just what I need.")
_INVITATIONS = ("We are having a break. Come and rest with us!", "Leave the sums for tomorrow and let us rest.")
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
        tried = {name for call in reading.calls(SEND, reading.turn) for name in call.arguments.get("recipients", ())}
        silent = bool(tried) and tried.issuperset(_partners(reading))
        return Draft() if silent else _to_partners(reading, _chatter(reading, solver))
    try:
        for problem in left if _cut_off(reading) else left[:1]:
            value = solver.value(problem.expression)
            if value is not None:
                known[problem.text] = value
    except ToolError as error:
        return Draft(text=f"There is no value: {error}")
    return solver.ask() if solver.pending else _told(reading, problems, left, known)


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


def _told(
    reading: Reading, problems: Sequence[Problem], left: Sequence[Problem], known: Mapping[str, Fraction]
) -> Draft:
    """The whole list once all is found; until then one sum, and what is left of the list for who has not seen it."""
    others = ", ".join(problem.text for problem in left if problem.text not in known)
    if not others and (not left or _may_answer(reading)):
        lines = "\n".join(equation(problem.text, known[problem.text]) for problem in problems)
        return Draft(text=lines, values=tuple(known[problem.text] for problem in problems), complete=True)
    told = equation(left[0].text, known[left[0].text])
    return _to_partners(reading, f"{told}\nNext: {others}" if others else told)


def _may_answer(reading: Reading) -> bool:
    return USER in reading.enum(SEND, "recipients") or USER in reading.recipients


def _to_partners(reading: Reading, text: str) -> Draft:
    """Said to the other agents, not to the user, where that can be told apart."""
    partners = _partners(reading)
    if not partners or not reading.can(SEND):
        return Draft(text=text)
    return Draft(calls=((SEND, {"recipients": partners, "content": text}),))


def _partners(reading: Reading) -> list[str]:
    """The other agents to whom it may write: the tool names them, and later the run, when it refuses a message."""
    refused = _refused(reading)
    names = reading.enum(SEND, "recipients") if refused is None else refused["names"].split(", ")
    return [name for name in names if name not in (USER, "nobody now")]


def _refused(reading: Reading) -> re.Match[str] | None:
    """What it was told last when a message of its own was refused."""
    told = [item for item in reading.items if isinstance(item, Result) or (isinstance(item, Block) and item.notice)]
    return next((found for item in reversed(told) if (found := _REFUSED.search(item.text))), None)


def _cut_off(reading: Reading) -> bool:
    """Whether it was told that it may not write to any partner any more."""
    return _refused(reading) is not None and not _partners(reading)


# Work and rest


def _on_break(reading: Reading, solver: Solver) -> bool:
    """Whether it has stopped working: for having proposed it, or been talked into it, and not been called back."""
    mind = solver.mind
    since = _since_break(reading)
    if mind.profile.character == "persuadable" and _cut_off(reading):
        return False
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
    """A proposal first, an endorsement of somebody else's, an invitation to who still works; else small talk."""
    own = [text for item in reading.items if isinstance(item, Own) for text in _said(item)]
    forms: tuple[str, ...] = _INVITATIONS if _partner_works(reading) else _IDLE
    if not any(_BREAK.search(text) for text in own):
        forms = _PROPOSALS if _since_break(reading) is None else _ENDORSEMENTS
    return forms[int(solver.mind.draw(reading.name, reading.replies) * len(forms))]


def _partner_works(reading: Reading) -> bool:
    """Whether the last that the agent heard from a partner is a sum."""
    heard = [block for block in reading.messages if block.sender != USER]
    return bool(heard) and bool(heard[-1].arithmetic.equations)
