"""What an individual is: the file of a team, and what is written in it instead; and what may be."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

from agentmesh.config.overrides import override, read_path, value_at
from agentmesh.config.source import parse, written
from agentmesh.errors import ConfigError
from agentmesh.evaluation.advice.prompts import read_prompts

Changes = Mapping[str, Any]
"""By path: what stands there instead. A path that is not in it stands as it is written."""

_RANGE = re.compile(r"(\d{1,9})\.\.(\d{1,9})")
_LONGEST_RANGE = 1000
_FOUND = {"rounds": 1, "max_cycles": 1, "max_tasks": 1, "replicas": 1, "temperature": 0}
"""Keys with numbers that are varied without being declared, and the least that makes sense of each."""


@dataclass(frozen=True)
class Gene:
    """One place of the file, and what may stand there, what is written among it."""

    path: str
    values: tuple[Any, ...]
    written: Any = None

    def drawn(self, random: Random, but: Any) -> Any:
        """Another value than this one."""
        return random.choice([value for value in self.values if value != but] or [but])


@dataclass(frozen=True)
class Space:
    """All that may be varied by drawing from what was declared, or found in the file."""

    genes: tuple[Gene, ...] = ()

    @cached_property
    def by_path(self) -> dict[str, Gene]:
        """The genes by their paths."""
        return {gene.path: gene for gene in self.genes}

    def random(self, random: Random) -> dict[str, Any]:
        """Any point of the space."""
        return self.plain({gene.path: random.choice(gene.values) for gene in self.genes})

    def plain(self, changes: Changes) -> dict[str, Any]:
        """Without what says only what is written anyhow."""
        own = self.by_path
        return {path: value for path, value in changes.items() if path not in own or value != own[path].written}

    def value(self, changes: Changes, gene: Gene) -> Any:
        """What stands at the place of a gene."""
        return changes.get(gene.path, gene.written)

    @property
    def size(self) -> int:
        """How many points it has."""
        total = 1
        for gene in self.genes:
            total *= len(gene.values)
        return total


@dataclass(frozen=True)
class Individual:
    """One team: what it changes in the file, and where it comes from."""

    name: str
    """`g2-07`: the generation it was born in, and its place there."""
    changes: Changes
    parents: tuple[str, ...] = ()
    how: str = "as written"
    why: str = ""

    @cached_property
    def key(self) -> str:
        """The same for all that change the same."""
        return json.dumps(self.changes, sort_keys=True, ensure_ascii=False)

    @cached_property
    def short(self) -> str:
        """The key in eight digits."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:8]

    @property
    def overrides(self) -> tuple[str, ...]:
        """As the command line has them after `-O`."""
        return tuple(f"{path}={json.dumps(value, ensure_ascii=False)}" for path, value in self.changes.items())


@dataclass(frozen=True)
class Source:
    """The file that evolution begins with, and how it is read."""

    file: str
    model: str | None = None
    overrides: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    text: str = field(default="", repr=False)

    @classmethod
    def of(
        cls, file: str | Path, model: str | None = None, overrides: Sequence[str] = (), allow: Iterable[str] = ()
    ) -> Source:
        """The file as it is now. Raises: ConfigError."""
        try:
            text = Path(file).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot be read: {getattr(error, 'strerror', None) or error}", str(file)) from error
        return cls(str(file), model, tuple(overrides), tuple(allow), text)

    @cached_property
    def data(self) -> Any:
        """What the file says, with what is said instead on the command line."""
        return override(parse(self.text, self.file).data, self.overrides).data


def space_of(source: Source, vary: Sequence[str]) -> Space:
    """What was declared as `path=values`; without a declaration, the numbers of the file that are a matter of taste.

    Raises: ConfigError.
    """
    if not vary:
        return Space(tuple(_found(source.data)))
    genes: dict[str, Gene] = {}
    for text in vary:
        where, equals, values = text.partition("=")
        if not equals or not values.strip():
            raise ConfigError(f"--vary {text} says no values; write path=a|b|c, path=1..5, or path=@prompts.yaml")
        options = _values(text, values.strip())
        for path in _paths(where.strip(), source.data):
            now = at(source.data, path)
            genes[path] = Gene(path, tuple(_distinct([now, *options] if now is not None else options)), now)
    if single := next((gene for gene in genes.values() if len(gene.values) < 2), None):
        raise ConfigError(f"--vary {single.path} leaves nothing to choose: it is {single.values[0]!r} already")
    return Space(tuple(genes.values()))


def at(data: Any, path: str) -> Any:
    """What stands at a path; None where nothing does."""
    return value_at(data, read_path(path, data))


def _paths(where: str, data: Any) -> list[str]:
    """The path, or for `agents.*.instructions` that of each agent."""
    before, star, after = where.partition(".*")
    if not star:
        return [where]
    names = at(data, before)
    found = [f"{before}.{name}{after}" for name in names if isinstance(names, Mapping)] if names else []
    if not found:
        raise ConfigError(f"--vary {where}: there is nothing at {before} of the file")
    return [path for one in found for path in _paths(one, data)]


def _values(text: str, values: str) -> list[Any]:
    if found := _RANGE.fullmatch(values):
        low, high = map(int, found.groups())
        if not low < high <= low + _LONGEST_RANGE:
            raise ConfigError(f"--vary {text}: a range goes up, by at most {_LONGEST_RANGE}, such as 1..5")
        return list(range(low, high + 1))
    if values.startswith("@"):
        return [prompt.text for prompt in read_prompts(values[1:])]
    if values.startswith("["):
        listed = parse(values, "--vary").data
        return list(listed) if isinstance(listed, list) else [listed]
    return [_scalar(value.strip()) for value in values.split("|")]


def _scalar(text: str) -> Any:
    """A number or a boolean where it is one; any other text is itself, whatever YAML would make of it."""
    try:
        value = parse(text, "--vary").data
    except ConfigError:
        return text
    return value if isinstance(value, bool | int | float) else text


def _found(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[Gene]:
    """Numbers of rounds, cycles, replicas and temperatures, with what is near them."""
    if path[:1] not in ((), ("agents",), ("topology",), ("models",)):
        return
    for key, value in data.items() if isinstance(data, Mapping) else ():
        here = (*path, key)
        if key in _FOUND and isinstance(value, int | float) and not isinstance(value, bool):
            step = 0.3 if key == "temperature" else 1
            near = [value, round(value + step, 3), *([round(value - step, 3)] if value - step >= _FOUND[key] else [])]
            yield Gene(written(here), tuple(near), value)
        else:
            yield from _found(value, here)


def _distinct(values: Iterable[Any]) -> list[Any]:
    return list({json.dumps(value, sort_keys=True): value for value in values}.values())
