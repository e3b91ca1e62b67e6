"""Playing games: from the text alone a simulated player reads its options, payoffs and what happened before.

It expects others to go on as it remembers them, and takes what is best against that (fictitious play over its memory);
of equally good options the first that it was told of, so that copies do the same thing under the same text.
Heterogeneity lets some of them choose by their name instead. It keeps to what was agreed before the game, where nobody
would do better by breaking it.
Source: G. Brown, Iterative solution of games by fictitious play (1951); agents of several models come close to it
(arXiv 2606.04197). Changed: the memory is as long as the text says, and a convention is heeded only if it is an
equilibrium.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from agentmesh.messages import USER
from agentmesh.providers.simulated.drafts import Draft
from agentmesh.providers.simulated.reading import Block, Own, Reading
from agentmesh.providers.simulated.skill import Mind

VOTE = "vote"
TAKE, WAIT = "take ", "wait"

_GAME = re.compile(
    r"Game: .+\nPlayers: (?P<players>.+)\n(?:You meet: (?P<met>.+)\n)?Options: (?P<options>.+)$", re.MULTILINE
)
_PAYOFF = re.compile(r"^- you (.+?), (.+): you get (-?[\d.]+)(?:, the other gets (-?[\d.]+))?$", re.MULTILINE)
_BEFORE = re.compile(r"^- (?:round \d+|before)\b[^:]*: you (.+?), (.+), you got -?[\d.]+$", re.MULTILINE)
_FORK = re.compile(r"^- (\S+): (free|held by \S+)$", re.MULTILINE)
_MEALS = re.compile(r"^Meals: (.+)$", re.MULTILINE)
_ANNOUNCE = "Before you move: "
_GOING_TO = "I am going to choose: "
_ORDER = re.compile(r"order was agreed before you begin: (.+?)\. Your place")
_RULE = "name comes first in the alphabet"
_MANY = re.compile(r"\d+ others (\w+)")


@dataclass(frozen=True)
class _Agreed:
    """What stands in the view of what was agreed: a move, an order of names, or a rule; nothing by default."""

    move: str = ""
    order: tuple[str, ...] = ()
    by_name: bool = False


@dataclass(frozen=True)
class _Table:
    """What the player is told of a game: its text, taken apart."""

    text: str
    name: str
    players: tuple[str, ...]
    met: tuple[str, ...]
    options: tuple[str, ...]

    @cached_property
    def payoffs(self) -> Mapping[tuple[str, str], tuple[float, float]]:
        """By own move and what others do, in the words of the text: what the player gets, and what the other does."""
        told = {}
        for own, others, mine, theirs in _PAYOFF.findall(self.text):
            values = (float(mine), float(theirs or mine))
            for pair in [(own, others)] if own != "any" else self._alike(others):
                told[pair] = values
        return told

    @cached_property
    def before(self) -> Counter[str]:
        """How often others did what, as far as the player remembers."""
        return Counter(others for _, others in _BEFORE.findall(self.text))

    @cached_property
    def forks(self) -> Mapping[str, str]:
        """Each thing that is needed, with who has it."""
        return dict(_FORK.findall(self.text))

    @cached_property
    def meals(self) -> Mapping[str, int]:
        """How often the player and its neighbours have got what they need."""
        found = _MEALS.search(self.text)
        pairs = (one.rpartition(" ") for one in (found[1].split(", ") if found else ()))
        return {name: int(count) for name, _, count in pairs}

    def together(self, move: str) -> str:
        """What others do, in the words of the text, when all of them make this move."""
        counted = [others for _, others in self.payoffs if _MANY.fullmatch(others)]
        if not counted:
            return f"the other {move}"
        return max(counted, key=_number) if move in counted[0].split() else min(counted, key=_number)

    def expected(self, move: str, beliefs: Mapping[str, int]) -> float:
        """What a move brings if others do what they are believed to."""
        return sum(count * self.payoffs[move, others][0] for others, count in beliefs.items()) / sum(beliefs.values())

    def holds(self, move: str) -> bool:
        """Whether nobody does better by another move as long as all others make this one."""
        others = self.together(move)
        return all(self.payoffs[other, others][0] <= self.payoffs[move, others][0] for other in self.options)

    def _alike(self, others: str) -> list[tuple[str, str]]:
        same = others == "the other the same"
        return [(a, f"the other {b}") for a in self.options for b in self.options if (a == b) == same]


def play(reading: Reading, mind: Mind) -> Draft | None:
    """The player's move, or what it says before the game; None where there is no game."""
    found = _GAME.match(reading.request.text)
    if found is None:
        return None
    players, met, options = (tuple((found[key] or "").split(", ")) for key in ("players", "met", "options"))
    table = _Table(reading.request.text, reading.name, players, met, options)
    if found["met"] is None:
        return _before_the_game(reading, table)
    agreed = _agreed(reading, table)
    move = _reach(table, agreed, mind) if table.forks else _answer(table, agreed, mind)
    said = f"{_GOING_TO}{move}." if _ANNOUNCE in table.text else move
    return Draft(text=said, complete=True)


def _before_the_game(reading: Reading, table: _Table) -> Draft:
    """The ballot, or the word of a leader: copies name the first that they were told of."""
    first = table.options[0]
    if reading.can(VOTE) and not any(reading.calls(VOTE, reading.turn)):
        return Draft(calls=((VOTE, {"ranking": list(table.options)}),))
    if VOTE in reading.tools:
        return Draft(text=first)
    if set(table.options) <= set(table.players):
        return Draft(text=f"Let us go in this order: {', '.join(table.options)}.", complete=True)
    return Draft(text=f"Let us all choose {first}.", complete=True)


def _answer(table: _Table, agreed: _Agreed, mind: Mind) -> str:
    """The best move against what others are believed to do; a convention first, where it holds."""
    kept = [move for move in table.options if table.holds(move)]
    convention = _CONVENTIONS[_kind(agreed)](table, agreed, kept) if kept else ""
    if convention:
        return convention
    beliefs = table.before or dict.fromkeys(dict.fromkeys(others for _, others in table.payoffs), 1)
    values = {move: table.expected(move, beliefs) for move in table.options}
    return _first([move for move in table.options if values[move] == max(values.values())], table, mind)


def _by_order(table: _Table, agreed: _Agreed, kept: Sequence[str]) -> str:
    """Of the ways that hold the one that whoever comes earlier would rather have."""
    earlier = min((table.name, *table.met), key=agreed.order.index)
    whose = 0 if earlier == table.name else 1
    return max(kept, key=lambda move: table.payoffs[move, table.together(move)][whose])


_CONVENTIONS: Mapping[str, Callable[[_Table, _Agreed, Sequence[str]], str]] = MappingProxyType(
    {
        "": lambda table, agreed, kept: "",
        "move": lambda table, agreed, kept: agreed.move if agreed.move in kept else "",
        "order": _by_order,
        "by_name": lambda table, agreed, kept: min(kept),
    }
)


def _kind(agreed: _Agreed) -> str:
    return "move" if agreed.move else "order" if agreed.order else "by_name" if agreed.by_name else ""


def _reach(table: _Table, agreed: _Agreed, mind: Mind) -> str:
    """Taking what is needed, one thing after the other; a convention says who goes first, or what to begin with."""
    missing = [fork for fork, held in table.forks.items() if held != "held by you"]
    if agreed.order and _gives_way(table, agreed.order):
        return WAIT
    if agreed.by_name:
        missing = [min(missing)]
    free = [TAKE + fork for fork in missing if table.forks[fork] == "free"]
    return _first(free, table, mind) if free else WAIT


def _gives_way(table: _Table, order: Sequence[str]) -> bool:
    """Whether a neighbour goes first: one who has eaten less, or as often and comes earlier in the order."""
    due = {name: (meals, order.index(name)) for name, meals in table.meals.items()}
    return min(due, key=lambda name: due[name]) != table.name


def _first(equal: Sequence[str], table: _Table, mind: Mind) -> str:
    """The first of equally good moves; with heterogeneity perhaps another one, by the player's name."""
    if not mind.profile.heterogeneity or mind.draw(table.name, "differs") >= mind.profile.heterogeneity:
        return equal[0]
    return equal[int(mind.draw(table.name, "chooses") * len(equal))]


def _agreed(reading: Reading, table: _Table) -> _Agreed:
    """What was agreed upon before the game, by the run or by agents; the latest word counts."""
    agreed = _Agreed()
    for item in reading.items:
        if item is reading.request:
            continue  # notices of the run may stand behind it
        if isinstance(item, Block) and item.notice:
            order = _ORDER.search(item.text)
            if order is not None:
                agreed = _Agreed(order=_completed(order[1].split(", "), table))
            elif _RULE in item.text:
                agreed = _Agreed(by_name=True)
        elif isinstance(item, Own) or (isinstance(item, Block) and item.sender != USER):
            agreed = _word(item, table) or agreed
    return agreed


def _word(item: Block | Own, table: _Table) -> _Agreed | None:
    """What an agent, or a vote, says is agreed: the only option that it names, or names in an order."""
    text = item.text.partition("\n")[0] if isinstance(item, Block) and item.kind == "result" else item.text
    if _GAME.match(text) or (isinstance(item, Own) and (text in table.options or text.startswith(_GOING_TO))):
        return None  # a move, or word of one, binds nobody
    moves = [move for move in dict.fromkeys(table.options) if _stands_in(move, text) >= 0]
    if len(moves) == 1 and not table.forks:
        return _Agreed(move=moves[0])
    names = {name: place for name in table.players if (place := _stands_in(name, text)) >= 0}
    if not names or (isinstance(item, Own) and len(names) == 1):
        return None
    return _Agreed(order=_completed(sorted(names, key=lambda name: names[name]), table))


def _completed(order: Sequence[str], table: _Table) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*order, *table.players)))


def _stands_in(word: str, text: str) -> int:
    found = re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text)
    return found.start() if found else -1


def _number(others: str) -> int:
    return int(others.split()[0])
