"""Small Python packages to write code in: modules with a few functions of a list of numbers, and their tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

PACKAGES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "shop": ("pricing", "stock", "orders", "reports"),
        "garden": ("beds", "seeds", "watering", "harvest"),
        "library": ("loans", "shelves", "readers", "fines"),
        "bakery": ("dough", "ovens", "counter", "deliveries"),
        "harbour": ("ships", "berths", "cargo", "tides"),
        "theatre": ("seats", "plays", "tickets", "costumes"),
    }
)
"""By package: its modules, of which a task takes some."""
_NAMES = (
    "total", "peak", "low", "energy", "evens", "tally", "top", "floor_of", "load", "pairs", "amount", "best", "least",
    "power", "couples", "volume", "crest", "base", "drive", "twins",
)  # fmt: skip
"""Five a kind of function, in the order of the kinds: no module has two of one name."""


@dataclass(frozen=True)
class Kind:
    """What a function makes of a list of numbers: its lines, and the same once more to say what is right."""

    says: str
    lines: tuple[str, ...]
    value: Callable[[Sequence[int]], int]


_KINDS = (
    Kind("The sum of the values.", ("result = 0", "for value in values:", "    result += value"), sum),
    Kind(
        "The largest of the values.",
        ("result = values[0]", "for value in values:", "    if value > result:", "        result = value"),
        max,
    ),
    Kind(
        "The smallest of the values.",
        ("result = values[0]", "for value in values:", "    if value < result:", "        result = value"),
        min,
    ),
    Kind(
        "The sum of the squares of the values.",
        ("result = 0", "for value in values:", "    result += value * value"),
        lambda values: sum(value * value for value in values),
    ),
    Kind(
        "How many of the values are even.",
        ("result = 0", "for value in values:", "    if value % 2 == 0:", "        result += 1"),
        lambda values: sum(value % 2 == 0 for value in values),
    ),
)


@dataclass(frozen=True)
class Function:
    """A function that is there before anybody works."""

    name: str
    kind: Kind

    @property
    def source(self) -> str:
        """Its text."""
        lines = [f'"""{self.kind.says}"""', *self.kind.lines, "return result"]
        return f"def {self.name}(values):\n" + "".join(f"    {line}\n" for line in lines)


@dataclass(frozen=True)
class Package:
    """A package: functions by module."""

    name: str
    modules: Mapping[str, tuple[Function, ...]]

    def path(self, module: str) -> str:
        """The file of a module."""
        return f"{self.name}/{module}.py"

    @property
    def outline(self) -> str:
        """Its files, with what is in them."""
        return "; ".join(
            f"{self.path(module)} ({', '.join(function.name for function in functions)})"
            for module, functions in self.modules.items()
        )

    @property
    def files(self) -> dict[str, str]:
        """All of it by path, and a test for each module."""
        files = {f"{self.name}/__init__.py": f'"""The {self.name}."""\n'}
        for module, functions in self.modules.items():
            text = "\n\n".join(function.source for function in functions)
            files[self.path(module)] = f'"""The {module} of the {self.name}."""\n\n\n{text}'
        return files | self.tests

    @property
    def tests(self) -> dict[str, str]:
        """What must go on working: tests by path."""
        return {
            f"tests/test_{module}.py": test_file(
                self.name,
                (module,),
                {f.name: [_equal(f"{module}.{f.name}({_SAMPLE})", f.kind.value(_SAMPLE))] for f in functions},
            )
            for module, functions in self.modules.items()
        }


_SAMPLE = [4, 7, 2, 9]
_ATTEMPT = '''

def attempt(function, *arguments, **named):
    """What a call gives; None where it fails."""
    try:
        return function(*arguments, **named)
    except Exception:
        return None
'''


def package(random: Random, modules: int, functions: int) -> Package:
    """A package of so many modules with so many functions each."""
    name = random.choice(sorted(PACKAGES))
    chosen = random.sample(PACKAGES[name], modules)
    return Package(name, {module: _functions(random, functions) for module in chosen})


def _functions(random: Random, count: int) -> tuple[Function, ...]:
    names = random.sample(range(len(_NAMES)), count)
    return tuple(Function(_NAMES[at], _KINDS[at % len(_KINDS)]) for at in names)


def test_file(package: str, modules: Sequence[str], cases: Mapping[str, Sequence[str]]) -> str:
    """Tests of a package, by name the lines of each. Both pytest and unittest run them."""
    methods = [
        f"    def test_{name}(self):\n" + "".join(f"        {line}\n" for line in lines)
        for name, lines in cases.items()
    ]
    body = "\n".join(methods)
    imports = "".join(f"from {package} import {module}\n" for module in sorted(set(modules)))
    used = "import inspect\n" if "inspect." in body else ""
    tried = _ATTEMPT if "attempt(" in body else ""
    return f"{used}import unittest\n\n{imports}{tried}\n\nclass Tests(unittest.TestCase):\n{body}"


def _equal(call: str, value: int) -> str:
    return f"self.assertEqual({call}, {value})"
