"""Voting: a ballot for the own answer, or a ranking of what may be voted for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agentmesh.messages import answer_key
from agentmesh.providers.simulated.drafts import Draft, value_in
from agentmesh.providers.simulated.problems import Arithmetic, arithmetic, is_number
from agentmesh.providers.simulated.reading import Reading
from agentmesh.tools.calculator import number_text, value_of

VOTE = "vote"
SEND = "send_message"

_WORD = re.compile(r"\w{2,}")
_FOR = frozenset({"yes", "true", "right", "correct", "agree", "accept", "approve", "pass"})
_AGAINST = frozenset({"no", "false", "wrong", "incorrect", "disagree", "reject", "refuse", "fail"})


@dataclass(frozen=True)
class _Standing:
    """How the claims of a candidate compare with what the voter found itself."""

    right: int
    wrong: int
    heard: bool


def cast(reading: Reading, draft: Draft) -> Draft | None:
    """The draft as a ballot; None where there is no vote, or nothing can be said about its options yet."""
    if draft.position is None or VOTE not in reading.tools:
        return None
    answer = draft.position.answer
    if not reading.can(VOTE) or any(reading.calls(VOTE, reading.turn)):
        # Without the call a plain reply is the ballot, so that nothing but the answer may stand in it.
        return replace(draft, text=answer)
    options = reading.enum(VOTE, "ranking")
    if not options and len(reading.recipients) > 1 and not reading.must_call:
        # A plain reply reaches the vote and everybody else; a ballot would end the turn with nothing said to them.
        return draft if reading.schema is not None else replace(draft, text=answer)
    heard = {block.sender for block in reading.messages if block is not reading.task}
    if reading.name in options and not heard & set(options):
        return None  # a candidate among candidates first says what it stands for
    ranking = _ranked(options, reading, draft, heard) if options else [answer]
    told = [name for name in reading.enum(SEND, "recipients") if name in heard] if reading.can(SEND) else []
    said = ((SEND, {"recipients": told, "content": draft.text}),) if told else ()
    return replace(draft, text="", calls=((VOTE, {"ranking": ranking}), *said))


def _ranked(options: Sequence[str], reading: Reading, draft: Draft, heard: set[str]) -> list[str]:
    assert draft.position is not None
    own = _values(arithmetic(draft.position.answer))
    if heard & set(options):
        return _candidates(options, reading, own, heard)
    fits = {option: _fit(option, reading, draft, own) for option in options}
    return sorted(options, key=lambda option: fits[option], reverse=True)


def _candidates(options: Sequence[str], reading: Reading, own: Mapping[str, str], heard: set[str]) -> list[str]:
    """First whose claims hold by the own computation, then with whom most agree; the own name after its equals."""
    standing: dict[str, _Standing] = {}
    given = {reading.name: dict(own)}
    for block in reading.messages:
        if block.sender in options and (values := _values(block.arithmetic)):
            given[block.sender] = values
    for name in options:
        values = given.get(name, {})
        right = sum(values.get(text) == value for text, value in own.items())
        wrong = sum(text in values and values[text] != value for text, value in own.items())
        standing[name] = _Standing(right, wrong, name in heard or name == reading.name)

    def key(name: str) -> tuple[object, ...]:
        stands = standing[name]
        with_it = sum(given.get(other) == given.get(name) for other in options if other != name and name in given)
        return (-stands.right, stands.wrong, -with_it, not stands.heard, name == reading.name)

    return sorted(options, key=key)


def _values(held: Arithmetic) -> dict[str, str]:
    """What is claimed, by expression, in the spelling in which values are told."""
    return {claim.text: number_text(value_of(claim.claimed)) for claim in held.equations if is_number(claim.claimed)}


def _fit(option: str, reading: Reading, draft: Draft, own: Mapping[str, str]) -> tuple[int, float]:
    """How well an option says what the voter holds; more is better."""
    assert draft.position is not None
    if answer_key(option) == answer_key(draft.position.answer):
        return (3, 0.0)
    value = value_in(option)
    if value is not None and draft.values:
        return (2 * (number_text(value) in map(number_text, draft.values)), 0.0)
    words = {word.lower() for word in _WORD.findall(option)}
    verdict = _verdict(reading, own)
    if verdict is not None and words & (_FOR | _AGAINST):
        return (1 if bool(words & _FOR) == verdict else 0, 0.0)
    said = {word.lower() for word in _WORD.findall(draft.text)}
    return (0, len(words & said) / max(len(words), 1))


def _verdict(reading: Reading, own: Mapping[str, str]) -> bool | None:
    """Whether what is claimed in the task, or else by others, holds; None if nothing is claimed."""
    task = _values(reading.task.arithmetic) if reading.task is not None else {}
    others = {pair for block in reading.messages for pair in _values(block.arithmetic).items()}
    claims = set(task.items()) or others
    checked = [own[text] == value for text, value in claims if text in own]
    return all(checked) if checked else None
