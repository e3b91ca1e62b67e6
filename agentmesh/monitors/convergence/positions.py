"""What each agent holds, issue by issue, and how far apart those who hold something are."""

from __future__ import annotations

import json
import re
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from agentmesh.monitors.signals import Said

Choices = Mapping[str, str]
"""By issue: what is chosen; a position on the one question of a run has the issue ``."""
HOLDERS = 32
STATEMENTS = 64
ROUNDS = 2
"""Rounds over which positions have had time to come together."""
TEXT = 4000

_LABELLED = re.compile(r"\b([A-Z])[-.]?(\d{1,2})\b(?![.,]\d)")
_NOUN = re.compile(r"\b([A-Za-z][a-z]+) [A-Z][-.]?\d{1,2}\b")
_LABEL = re.compile(r"[a-z][-.]?\d{1,2}")
_PAIR = re.compile(r"([^\W\d][\w -]{0,40}?)\s*[:=]\s*([^,;\n]{1,60})")


def choices_of(said: Said) -> Choices | None:
    """What a contribution chooses: on each issue where it states several, else its answer; None where it states none.

    Several issues show as labelled options (`A2, B1, C4`), as `issue: option` pairs, or as a JSON object.
    """
    position = said.position
    if position is not None and len(position) > 2 and (several := _several(position)):
        return several
    # Labels are names of things, which are at hand: most texts need not be searched.
    if len({unit[0] for unit in said.units if len(unit) < 5 and unit[0].isalpha() and _LABEL.fullmatch(unit)}) > 1:
        text = said.text[-TEXT:]
        labelled = _labelled(text)
        if len(labelled) > 1 and not _of_things(text):
            return labelled
    return None if position is None else {"": position}


def distance(one: Choices, other: Choices) -> float:
    """Share of the issues that either speaks of on which they differ, or one says nothing."""
    issues = {*one, *other}
    return sum(one.get(issue) != other.get(issue) for issue in issues) / len(issues)


def issues_shared(one: Choices, other: Choices) -> bool:
    """Whether two positions are on the same matter."""
    return not one.keys().isdisjoint(other)


@dataclass(slots=True)
class Holder:
    """An agent that has stated a position."""

    choices: Choices
    stated: int = 0
    """How often; what was stated before the others could be heard is not held against anybody."""


class Table:
    """The positions of a team, and how far apart they were after each statement of the last rounds."""

    def __init__(self) -> None:
        self.holders: dict[str, Holder] = {}
        self.events: deque[int] = deque(maxlen=STATEMENTS)
        """Ids of the statements."""
        self.heard = 0
        """Statements made after the first of the same agent."""
        self._spread: deque[float] = deque(maxlen=ROUNDS * HOLDERS)
        self._sum = 0.0
        """Of the distances of all pairs that count."""

    def state(self, agent: str, choices: Choices, event: int) -> None:
        """The agent holds this now. A deal on several issues is another matter than one answer, and weighs more."""
        if any(not issues_shared(choices, holder.choices) for holder in self.holders.values()):
            if len(choices) == 1:
                return
            self.settle()
        if agent not in self.holders and len(self.holders) == HOLDERS:
            return
        holder = self.holders.setdefault(agent, Holder(choices))
        others = [other.choices for other in self.holders.values() if other is not holder and other.stated > 1]
        if holder.stated > 1:
            self._sum -= sum(distance(holder.choices, other) for other in others)
        holder.choices = choices
        holder.stated += 1
        self.events.append(event)
        if holder.stated > 1:
            self.heard += 1
            self._sum += sum(distance(choices, other) for other in others)
        if all(each.stated > 1 for each in self.holders.values()):
            self._spread.append(self.dispersion())

    def settle(self) -> None:
        """Something else decided, such as a vote: what is stated from now on is a new matter."""
        self.holders.clear()
        self.events.clear()
        self._spread.clear()
        self.heard, self._sum = 0, 0.0

    @property
    def rounds(self) -> int:
        """How often everybody who holds something has stated it after hearing others."""
        return min((holder.stated for holder in self.holders.values()), default=1) - 1

    def dispersion(self) -> float:
        """The mean distance between two of those who stated something after hearing others."""
        held = sum(holder.stated > 1 for holder in self.holders.values())
        # Rounded, because what is added and taken away again leaves a trace in floats.
        return round(2 * self._sum / (held * (held - 1)), 9) if held > 1 else 0.0

    def apart(self) -> float:
        """How far apart the last rounds left them: half the mean of their dispersion, half the least of it.

        The more statements it rests upon the more it counts, up to the whole.
        """
        spread = list(self._spread)[-ROUNDS * len(self.holders) :] or [self.dispersion()]
        return (sum(spread) / len(spread) + min(spread)) / 2 * self.heard / (self.heard + 0.5)

    def first_apart(self) -> float:
        """The mean distance of all first statements, where nobody stated anything after them."""
        held = [holder.choices for holder in self.holders.values()]
        pairs = list(combinations(held, 2))
        return sum(distance(one, other) for one, other in pairs) / len(pairs) if pairs and not self.heard else 0.0

    def outside(self) -> tuple[str, ...]:
        """Who holds something else than most do."""
        held = {agent: holder.choices for agent, holder in self.holders.items() if holder.stated > 1}
        if not held:
            return ()
        middle = min(held.values(), key=lambda one: sum(distance(one, other) for other in held.values()))
        return tuple(agent for agent, choices in held.items() if choices != middle)


def _several(position: str) -> Choices | None:
    if position.startswith("{"):
        return _of_object(position)
    labelled = _labelled(position.upper())
    if len(labelled) > 1:
        return labelled
    pairs = {issue.strip(): option.strip() for issue, option in _PAIR.findall(position)}
    return pairs if len(pairs) > 1 else None


def _labelled(text: str) -> dict[str, str]:
    """By letter: the number that stands behind it last, as in `A2`."""
    return dict(_LABELLED.findall(text))


def _of_things(text: str) -> bool:
    """Whether the same word stands before half of the labels, as in `line B3 and line C1`: they name things then."""
    before = Counter(map(str.casefold, _NOUN.findall(text))).most_common(1)
    return bool(before) and before[0][1] > 1 and 2 * before[0][1] >= len(_LABELLED.findall(text))


def _of_object(text: str) -> Choices | None:
    try:
        found: Any = json.loads(text)
    except ValueError:
        return None
    if not isinstance(found, dict) or len(found) < 2:
        return None
    return {str(issue): str(option).strip() for issue, option in found.items()}
