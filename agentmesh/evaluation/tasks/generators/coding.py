"""Writing code together: features of one small package that touch the same lines, or need names of each other.

Source of the protocol: CooperBench (arXiv 2601.13295): every coder is told its own features, starts from the same
files, and the tests of all features must pass on what is merged. The packages and the features here are made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Annotated, Literal, Protocol

from pydantic import Field

from agentmesh.evaluation.tasks.generators.base import Agents, ForAgents, share
from agentmesh.evaluation.tasks.generators.packages import Function, Package, package, test_file
from agentmesh.evaluation.tasks.task import Check, EvalTask

_PARAMETERS = (
    "discount", "bonus", "margin", "charge", "rest", "surplus", "offset", "credit", "extra", "loss", "delay", "spare",
)  # fmt: skip
_ADDED = (
    "label", "grade", "quota", "yield_of", "demand", "share_of", "rank_of", "limit_of", "score", "target", "reserve",
    "budget", "forecast", "rating", "deposit", "backlog",
)  # fmt: skip
_NOUNS = ("rebate", "penalty", "scale", "tariff", "reward", "ration", "toll", "levy", "premium", "subsidy", "refund",
          "deduction")  # fmt: skip
"""What things are for whose names are left to whoever writes them."""
_SAMPLE = [3, 8, 5]
_MOST_PIECES = 20
_SUITES = {
    "pytest": ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--disable-plugin-autoload"),
    "unittest": ("python", "-m", "unittest", "-q"),
}


class Piece(Protocol):
    """One thing that a feature asks for: how it is told, and what shows that it is there."""

    @property
    def module(self) -> str:
        """Where it is made."""
        ...

    def told(self, of: Package) -> str:
        """In words, beginning with the file."""
        ...

    def shown(self, of: Package) -> Sequence[str]:
        """Lines of a test."""
        ...


@dataclass(frozen=True)
class Added:
    """A new function of one number; without a name it is left to the coder."""

    module: str
    name: str | None
    noun: str
    factor: int
    plus: int
    feature: int

    def told(self, of: Package) -> str:
        """What it gives."""
        called = f"`{self.name}`" if self.name else f"for the {self.noun}, whose name you choose,"
        return (
            f"in {of.path(self.module)}, add a function {called} of one number that gives {self.factor} times it, "
            f"plus {self.plus}."
        )

    def shown(self, of: Package) -> Sequence[str]:
        """A call; of an open name, any new function will do."""
        value = 6 * self.factor + self.plus
        if self.name:
            return [f"self.assertEqual({self.module}.{self.name}(6), {value})"]
        old = sorted(function.name for function in of.modules[self.module])
        return [
            f"new = [f for n, f in vars({self.module}).items() if inspect.isfunction(f) and n not in {old}]",
            f"self.assertIn({value}, [attempt(f, 6) for f in new])",
        ]


@dataclass(frozen=True)
class Widened:
    """A further parameter of a function that is there; without a name it is left to the coder."""

    module: str
    function: Function
    name: str | None
    noun: str
    factor: int
    more: bool
    feature: int

    def told(self, of: Package) -> str:
        """What it changes."""
        called = f"`{self.name}`" if self.name else f"for the {self.noun}, whose name you choose,"
        return (
            f"in {of.path(self.module)}, give `{self.function.name}` a further parameter {called} that is 0 by "
            f"default; {self.factor} times it is {'added to' if self.more else 'taken from'} the result."
        )

    def value(self, amount: int) -> int:
        """The function's value for the sample with so much of it."""
        change = self.factor * amount
        return self.function.kind.value(_SAMPLE) + (change if self.more else -change)

    def shown(self, of: Package) -> Sequence[str]:
        """Calls with it and without; of an open name, any new parameter will do."""
        call = f"{self.module}.{self.function.name}"
        without = f"self.assertEqual({call}({_SAMPLE}), {self.value(0)})"
        if self.name:
            return [without, f"self.assertEqual({call}({_SAMPLE}, {self.name}=4), {self.value(4)})"]
        return [
            without,
            f"new = [n for n in inspect.signature({call}).parameters if n != 'values']",
            f"self.assertIn({self.value(4)}, [attempt({call}, {_SAMPLE}, **{{n: 4}}) for n in new])",
        ]


@dataclass(frozen=True)
class Calling:
    """A new function that calls one whose name another feature leaves open."""

    module: str
    name: str
    plus: int
    of: Added

    def told(self, of: Package) -> str:
        """What it calls."""
        return (
            f"in {of.path(self.module)}, add a function `{self.name}` of one number that gives what the function for "
            f"the {self.of.noun} in {of.path(self.of.module)}, which feature {self.of.feature} adds, gives for it, "
            f"plus {self.plus}."
        )

    def shown(self, of: Package) -> Sequence[str]:
        """A call."""
        value = 5 * self.of.factor + self.of.plus + self.plus
        return [f"self.assertEqual({self.module}.{self.name}(5), {value})"]


@dataclass(frozen=True)
class Passing:
    """A new function that passes a parameter whose name another feature leaves open."""

    module: str
    name: str
    plus: int
    amount: int
    of: Widened

    def told(self, of: Package) -> str:
        """What it passes."""
        return (
            f"in {of.path(self.module)}, add a function `{self.name}` of a list that gives what "
            f"`{self.of.function.name}` in {of.path(self.of.module)} gives for it with {self.amount} for the "
            f"{self.of.noun}, the parameter that feature {self.of.feature} adds, plus {self.plus}."
        )

    def shown(self, of: Package) -> Sequence[str]:
        """A call."""
        return [f"self.assertEqual({self.module}.{self.name}({_SAMPLE}), {self.of.value(self.amount) + self.plus})"]


class CodingTasks(ForAgents):
    """`features` of one package; any two touch the same lines, or need a name, by the chance `overlap`, `coupling`.

    Features go to `agents` in turn, by default `coder-1`, `coder-2` and so on, one each. Those named in `everything`
    are told all of them.
    """

    features: Annotated[int, Field(ge=2, le=4)] = 2
    overlap: Annotated[float, Field(ge=0, le=1)] = 0.5
    coupling: Annotated[float, Field(ge=0, le=1)] = 0.5
    everything: Agents = ("coder", "planner")
    suite: Literal["pytest", "unittest"] = "pytest"

    def task(self, random: Random, number: int) -> EvalTask:
        """One package, and what is to be written."""
        made = _Features(random, self.features, package(random, self.features, 2 * self.features - 1))
        for first, second in made.pairs():
            if random.random() < self.overlap:
                made.overlapping(first, second)
            if random.random() < self.coupling:
                made.coupled(*random.sample((first, second), 2))
        lines = made.told()
        agents = self.agents or tuple(f"coder-{at + 1}" for at in range(self.features))
        private = {name: "\n".join(line for one in lines for line in one) for name in self.everything}
        for at, agent in enumerate(agents):
            private[agent] = "\n".join(line for one in lines[at :: len(agents)] for line in one)
        pieces = sum(map(len, lines))
        return EvalTask(
            id=str(number),
            prompt=_PROMPT.format(package=made.package.name, files=made.package.outline, features=self.features),
            private={name: text for name, text in private.items() if text},
            repository=made.package.files,
            check=Check(kind="program", command=self._command(made), sources=made.package.tests | made.hidden()),
            metadata={
                "features": self.features,
                "overlaps": made.overlaps,
                "couplings": made.couplings,
                "pieces": pieces,
                "difficulty": share(pieces, _MOST_PIECES),
            },
        )

    def _command(self, made: _Features) -> tuple[str, ...]:
        """What runs all tests; of unittest each file is named."""
        if self.suite == "pytest":
            return (*_SUITES["pytest"], "tests", "hidden")
        files = sorted([*made.package.tests, *made.hidden()])
        return (*_SUITES["unittest"], *(file.removesuffix(".py").replace("/", ".") for file in files))


_PROMPT = """\
The Python package `{package}` in the workspace gets {features} new features. Those that are yours are told to you \
alone; others may be at work on the others at the same time, in the same files: {files}.
Write the code. What is there must go on working (`tests`), and each feature is checked by tests that nobody sees, on \
everybody's work merged. Where a feature leaves a name to you, another one may need it.
When all of it is written, say so."""


@dataclass
class _Features:
    """Features while they are made: each at home in a module of its own."""

    random: Random
    count: int
    package: Package
    overlaps: int = 0
    couplings: int = 0
    _pieces: list[list[Piece]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._names = iter(self.random.sample(_ADDED, len(_ADDED)))
        self._parameters = iter(self.random.sample(_PARAMETERS, len(_PARAMETERS)))
        self._nouns = iter(self.random.sample(_NOUNS, len(_NOUNS)))
        self._homes = tuple(self.package.modules)
        self._untouched = {module: list(functions) for module, functions in self.package.modules.items()}
        self._pieces = [[self._added(at, at)] for at in range(self.count)]

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Every two of them."""
        return ((first, second) for second in range(self.count) for first in range(second))

    def overlapping(self, first: int, second: int) -> None:
        """Both touch one function, or both add to the end of one module."""
        self.overlaps += 1
        if self.random.random() < 0.5:
            self._pieces[second].append(self._added(second, first))
            return
        function = self._function(first)
        for feature in (first, second):
            self._pieces[feature].append(self._widened(feature, first, function, next(self._parameters)))

    def coupled(self, giver: int, user: int) -> None:
        """One leaves a name open that the other one needs."""
        self.couplings += 1
        noun, name, plus = next(self._nouns), next(self._names), self._small()
        if self.random.random() < 0.5:
            added = Added(self._homes[giver], None, noun, self._factor(), self._small(), giver + 1)
            self._pieces[giver].append(added)
            self._pieces[user].append(Calling(self._homes[user], name, plus, added))
            return
        widened = self._widened(giver, giver, self._function(giver), None, noun)
        self._pieces[giver].append(widened)
        self._pieces[user].append(Passing(self._homes[user], name, plus, self._small(), widened))

    def told(self) -> list[list[str]]:
        """By feature: its pieces, one a line."""
        return [
            [f"Feature {at}: {piece.told(self.package)}" for piece in pieces]
            for at, pieces in enumerate(self._pieces, 1)
        ]

    def hidden(self) -> dict[str, str]:
        """By path: the tests of each feature."""
        return {
            f"hidden/test_feature_{at}.py": test_file(
                self.package.name,
                [piece.module for piece in pieces],
                {f"piece_{n}": piece.shown(self.package) for n, piece in enumerate(pieces, 1)},
            )
            for at, pieces in enumerate(self._pieces, 1)
        }

    def _added(self, feature: int, home: int) -> Added:
        return Added(self._homes[home], next(self._names), "", self._factor(), self._small(), feature + 1)

    def _widened(self, feature: int, home: int, function: Function, name: str | None, noun: str = "") -> Widened:
        more = self.random.random() < 0.5
        return Widened(self._homes[home], function, name, noun, self._factor(), more, feature + 1)

    def _function(self, home: int) -> Function:
        """A function of a module that no feature touches yet."""
        return self._untouched[self._homes[home]].pop()

    def _factor(self) -> int:
        return self.random.randint(2, 5)

    def _small(self) -> int:
        return self.random.randint(2, 9)
