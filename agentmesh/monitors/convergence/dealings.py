"""What agents owe each other: files that are somebody's, things promised, questions asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agentmesh.events import BoardWritten
from agentmesh.messages import USER, BoardEntry
from agentmesh.monitors.signals import Done, Said
from agentmesh.monitors.signals.wording import FUNCTION_WORDS, bounded, words_of

OPEN = 16
"""Promises and questions that are kept in mind, each; edited things: four times as many."""
PATIENCE = 3
"""Contributions within which a promise is to be followed by a deed about it, and a question by an answer."""
QUESTION = 3
"""Content words from which a question asks for something; with fewer it is a manner of speaking."""

CLAIMED, OVERLAP, CLASH, BROKEN, IGNORED = 0.8, 0.6, 0.6, 0.5, 0.35
"""What one piece of evidence of each kind weighs."""
NAMED = 0.45
"""What a question weighs that is left open by whom it names."""
IDLE = 0.5
"""What a broken promise weighs of that on which nobody waited: it may have been a manner of speaking."""

CHANGES = frozenset(
    "write edit create replace patch append save update delete insert remove overwrite modify move rename apply".split()
)
"""Words in the names of tools that change something."""
PLACES = ("path", "file_path", "filepath", "file", "filename", "file_name", "target", "document", "section")
"""Arguments that say what a tool changes."""
CLASHES = ("<<<<<<< ", "conflict (", "merge conflict", "would be overwritten by", "has been modified since")
"""What tools say where the work of two collides."""
HELD = ("blocked", "locked", "held by", "taken by", "claimed by", "in use", "busy", "occupied")
"""What they say, beside a name, where somebody has what another wants."""
REPLIES = frozenset("yes no yeah sure correct right agreed done ok okay nope".split())


@dataclass(frozen=True, slots=True)
class Matter:
    """A piece of evidence: its kind, what it weighs, its events, who is concerned, and what there is to say."""

    kind: str
    weight: float
    events: tuple[int, ...]
    agents: tuple[str, ...]
    why: str


@dataclass(slots=True)
class _Promise:
    agent: str
    event: int
    about: frozenset[str]
    """Numbers and names in it; where there are none, its content words."""
    spoken: int = 0
    awaited: bool = False
    """Whether another agent has spoken of it."""


@dataclass(slots=True)
class _Question:
    agent: str
    to: frozenset[str]
    event: int
    about: frozenset[str]
    named: bool = False
    """Whether it says by name whom it asks."""
    passed_over: int = 0


class Dealings:
    """What is open between the agents of one run, in bounded space."""

    def __init__(self) -> None:
        self._promises: deque[_Promise] = deque(maxlen=OPEN)
        self._questions: deque[_Question] = deque(maxlen=OPEN)
        self._edits: dict[str, tuple[str, int]] = {}
        self._names: dict[str, str] = {}
        """By name, with its folders or without: what was changed of late."""
        self._claims: dict[str, list[BoardEntry]] = {}
        self._act: dict[str, None] = {}

    def said(self, said: Said) -> Iterator[Matter]:
        """What a contribution breaks or leaves open; it also opens something, and settles something."""
        for unit in [unit for unit in said.units if unit in self._names] if self._names else ():
            self._edits.pop(self._names.pop(unit), None)  # The other was told.
        if self._questions:
            yield from self._passed_over(said)
        if self._promises:
            yield from self._kept_waiting(said)
        if said.speech.commit and said.agent in self._act:
            self._promises.append(_Promise(said.agent, said.event, said.units or said.content))
        if said.speech.ask and (to := frozenset(said.recipients) - {USER, said.agent}):
            asked = frozenset(words_of(_question(said.text)))
            about = asked - FUNCTION_WORDS
            if len(about) >= QUESTION:
                named = {name for name in to if name.casefold() in asked}
                self._questions.append(_Question(said.agent, frozenset(named) or to, said.event, about, bool(named)))

    def start_anew(self) -> None:
        """The user has spoken: what is owed from before is not held against anybody."""
        self._promises.clear()
        self._questions.clear()

    def done(self, done: Done) -> Iterator[Matter]:
        """What a deed collides with; it keeps promises."""
        if len(self._act) < 4 * OPEN:
            self._act[done.agent] = None
        promises = [each for each in self._promises if each.agent == done.agent]
        arguments = " ".join(bounded(str(value)) for value in done.arguments.values()).casefold() if promises else ""
        for promise in promises:
            if any(thing in arguments for thing in promise.about):
                self._promises.remove(promise)
        result = (done.result or done.error or "")[:4000].casefold()
        if any(mark in result for mark in CLASHES) or self._in_the_way(result, done.agent):
            yield Matter(
                "clash", CLASH, (done.event,), (done.agent,), f"{done.agent} met work that collides with its own"
            )
        place = _changed(done.name, done.arguments)
        if place is not None:
            yield from self._edited(done, place)

    def _in_the_way(self, result: str, agent: str) -> bool:
        """Whether a result says that a peer holds what was wanted."""
        if not any(mark in result for mark in HELD):
            return False
        words = words_of(result)
        return any(name != agent and name.casefold() in words for name in self._act)

    def board(self, event: BoardWritten) -> Iterator[Matter]:
        """What a board says of claims and commitments."""
        entry = event.entry
        if entry is None:
            return
        if entry.kind == "claim":
            yield from self._claimed(entry, event.id)
        if entry.kind == "commitment" and entry.state == "dropped":
            yield Matter(
                "broken", BROKEN, (event.id,), (entry.owner,), f"{entry.owner} dropped what it had committed to"
            )

    def end(self) -> Iterator[Matter]:
        """What is still open when nothing more comes."""
        for promise in self._promises:
            yield _broken(promise, ())
        for question in self._questions:
            if question.passed_over:
                yield _ignored(question, ())

    def _claimed(self, entry: BoardEntry, event: int) -> Iterator[Matter]:
        if len(self._claims) == 4 * OPEN:
            del self._claims[next(iter(self._claims))]
        held = self._claims.setdefault(entry.path.casefold(), [])
        for other in held:
            if other.owner != entry.owner and other.start <= entry.end and entry.start <= other.end:
                why = f"{entry.owner} claims what {other.owner} has claimed"
                yield Matter("claimed", CLAIMED, (event,), (other.owner, entry.owner), why)
                break
        held.append(entry)
        del held[:-OPEN]

    def _edited(self, done: Done, place: str) -> Iterator[Matter]:
        before, owners = self._edits.pop(place, None), [claim.owner for claim in self._claims.get(place, ())]
        self._edits[place] = (done.agent, done.event)
        if len(self._edits) > 4 * OPEN:
            del self._edits[next(iter(self._edits))]
        self._names.update({place: place, _name(place): place})
        while len(self._names) > 8 * OPEN:
            del self._names[next(iter(self._names))]
        if owners and done.agent not in owners:
            yield Matter(
                "overlap",
                OVERLAP,
                (done.event,),
                (done.agent, owners[0]),
                f"{done.agent} changes what {owners[0]} claimed",
            )
        elif before is not None and before[0] != done.agent and done.agent not in owners:
            other, event = before
            why = f"{done.agent} and {other} both change the same thing, and neither told the other"
            yield Matter("overlap", OVERLAP, (event, done.event), (other, done.agent), why)

    def _passed_over(self, said: Said) -> Iterator[Matter]:
        """Questions that this contribution answers are closed; of those that it passes over too often, none is left."""
        for question in [each for each in self._questions if said.agent in each.to]:
            if not question.about.isdisjoint(said.content) or not REPLIES.isdisjoint(said.words[:2]):
                self._questions.remove(question)
                continue
            question.passed_over += 1
            if question.passed_over >= PATIENCE:
                self._questions.remove(question)
                yield _ignored(question, (said.event,))

    def _kept_waiting(self, said: Said) -> Iterator[Matter]:
        for promise in list(self._promises):
            if promise.agent != said.agent:
                promise.awaited |= not promise.about.isdisjoint(said.units or said.content)
                continue
            promise.spoken += 1
            if promise.spoken >= PATIENCE:
                self._promises.remove(promise)
                yield _broken(promise, (said.event,))


def _broken(promise: _Promise, events: tuple[int, ...]) -> Matter:
    why = f"{promise.agent} said what it would do and did nothing about it"
    weight = BROKEN if promise.awaited else IDLE * BROKEN
    return Matter("broken", weight, (promise.event, *events), (promise.agent,), why)


def _ignored(question: _Question, events: tuple[int, ...]) -> Matter:
    why = f"a question of {question.agent} is left without an answer"
    weight = NAMED if question.named else IGNORED
    return Matter("ignored", weight, (question.event, *events), (question.agent, *sorted(question.to)), why)


def _question(text: str) -> str:
    """The last sentence that asks."""
    asked = text[: text.rfind("?")][-300:]
    return asked[max(asked.rfind(mark) for mark in (". ", "! ", "? ", "\n")) + 1 :]


def _name(place: str) -> str:
    """The last part of a path, without marks around it."""
    return place.replace("\\", "/").rstrip("/").rpartition("/")[2].strip("`'\"")


def _changed(name: str, arguments: Mapping[str, Any]) -> str | None:
    """What a call changes, if its name says that it changes something and its arguments say what."""
    if CHANGES.isdisjoint(name.casefold().replace("-", "_").split("_")):
        return None
    place = next((arguments[key] for key in PLACES if isinstance(arguments.get(key), str)), None)
    return None if place is None else place.casefold()
