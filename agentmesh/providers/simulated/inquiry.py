"""Questions that are no arithmetic: an agent says what it knows of one, takes over what others say, and concludes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from agentmesh.messages import USER, Position, answer_key
from agentmesh.providers.simulated.conduct import conviction, gives_in, heeds, voices
from agentmesh.providers.simulated.drafts import Draft, Solver
from agentmesh.providers.simulated.estimation import estimate
from agentmesh.providers.simulated.facts import choice
from agentmesh.providers.simulated.ideas import uses
from agentmesh.providers.simulated.questions import Question
from agentmesh.providers.simulated.ranking import ranking
from agentmesh.providers.simulated.reading import Own, Reading
from agentmesh.providers.simulated.riddles import riddle
from agentmesh.providers.simulated.scheduling import schedule
from agentmesh.providers.simulated.sheets import sheets
from agentmesh.providers.simulated.skill import Mind

_KINDS = (choice, ranking, uses, estimate, schedule, riddle)
_SECRETS = "Only you know this:"
_MOST_SURE = 0.99


def inquire(reading: Reading, solver: Solver) -> Draft | None:
    """What the agent holds of the question it was asked; None where it was asked nothing of these kinds."""
    mind = solver.mind
    question = _asked(reading) if mind.profile.computes else None
    if question is None:
        return None
    own, heard = _own(question, reading, mind), _heard(question, reading, mind)
    answers = _answers(question, reading)
    if answers and gives_in(reading, mind) and not heeds(reading, mind):
        notes, answer = heard, question.agreed(_popular(answers, voices(reading)), heard)
    else:
        notes = {**heard, **own}
        answer = question.answer(notes)
    told = question.in_short(notes) if solver.careless else notes
    agreeing = sum(answer_key(theirs) == answer_key(answer) for theirs in answers.values())
    position = Position(
        answer=answer or "nothing yet",
        confidence=round(min(1 - 0.5 ** (1 + agreeing), _MOST_SURE), 2) if answer else 0.0,
        evidence=tuple(told)[:3],
        changed_because=_why_changed(question, reading, answer, answers),
    )
    loud = conviction(reading, mind)
    text = question.told(told, answer)
    return Draft(
        text=f"{text}\n{loud}" if loud and answer else text,
        position=position,
        # On a board everything is one line.
        result=text.replace("\n", " | "),
        complete=bool(answer),
    )


def _asked(reading: Reading) -> Question | None:
    """What the user asks; who has not seen it, takes it from what others write."""
    if reading.task is not None:
        return _recognised(reading.task.text)
    texts = [block.text for block in reversed(reading.messages)]
    texts += [sheet.content for sheet in sheets(reading).values()]
    return next(filter(None, map(_recognised, texts)), None)


@lru_cache(maxsize=512)
def _recognised(text: str) -> Question | None:
    return next(filter(None, (kind(text) for kind in _KINDS)), None)


def _own(question: Question, reading: Reading, mind: Mind) -> dict[str, str]:
    """What the agent knows itself, or was told by the user or alone: as much of it as its skill lets it keep."""
    told = dict(question.read(reading.system.partition(_SECRETS)[2]))
    for block in reading.messages:
        if block.sender == USER:
            told |= question.read(block.text)
    skill = mind.skill_in(question.domain)
    kept = {subject: says for subject, says in told.items() if _luck(mind, "told", subject, says) < skill}
    return {**question.recalled(mind, reading.system), **kept}


def _luck(mind: Mind, *about: object) -> float:
    """The agent's own, but of copies the same."""
    if mind.profile.heterogeneity is None:
        return mind.draw(mind.name, *about)
    return mind.own(*about)


def _heard(question: Question, reading: Reading, mind: Mind) -> dict[str, str]:
    """What others say: of each subject what most of them do, or the first of equals."""
    versions: dict[str, dict[str, str]] = {}
    for sender, text in _texts(reading):
        for subject, says in question.read(text).items():
            about = (mind.name, "misread", sender, subject, says)
            slips = mind.profile.noise > 0 and mind.draw(*about) < mind.profile.noise
            taken = question.misread(says, mind.draw(*about, "as")) if slips else says
            if taken is not None:
                versions.setdefault(subject, {})[sender] = taken
    return {subject: Counter(said.values()).most_common(1)[0][0] for subject, said in versions.items()}


def _texts(reading: Reading) -> Iterator[tuple[str, str]]:
    """What other agents wrote, on boards and in messages, in order."""
    for sheet in sheets(reading).values():
        yield from ((name, text) for name, text in sheet.said.items() if name != reading.name)
    yield from ((block.sender, block.text) for block in reading.messages if block.sender != USER)


def _answers(question: Question, reading: Reading) -> dict[str, str]:
    """The latest answer that each other agent gave."""
    given: dict[str, str] = {}
    for block in reading.messages:
        if block.sender != USER and (answer := block.position or question.answer_in(block.text)):
            given[block.sender] = answer
    return given


def _popular(answers: Mapping[str, str], loud: Mapping[str, int]) -> str:
    """The answer for which most voices are, or the first of equals."""
    votes: Counter[str] = Counter()
    for name, answer in answers.items():
        votes[answer_key(answer)] += loud.get(name, 1)
    return max(answers.values(), key=lambda answer: votes[answer_key(answer)])


def _why_changed(question: Question, reading: Reading, answer: str, others: Iterable[str]) -> str:
    """Why the answer is another than the one that the agent gave last; empty if it is the same, or the first."""
    own = (item for item in reversed(reading.items) if isinstance(item, Own))
    earlier = (item.position or question.answer_in(item.text) for item in own)
    before = next(filter(None, earlier), "")
    if not before or answer_key(before) == answer_key(answer):
        return ""
    named = ", ".join(others)
    return f"what {named} said" if named else "looking at it again"
