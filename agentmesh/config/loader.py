"""From a file to a checked team, or to everything that is wrong with it at once."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel, ValidationError

from agentmesh.config.forms import agents_at, long_forms, topology_at
from agentmesh.config.interpolation import interpolate
from agentmesh.config.models import AgentConfig, TeamConfig
from agentmesh.config.names import Remark, check_parts
from agentmesh.config.overrides import Overridden, override, read_path
from agentmesh.config.places import nameless
from agentmesh.config.problems import Fault, faults
from agentmesh.config.salvage import Parts, salvage, whole
from agentmesh.config.secrets import shown
from agentmesh.config.source import DEEPEST, TOO_DEEP, Path, Source, Step, parse, written
from agentmesh.errors import ConfigError, Problem

_EMPTY = "the file is empty; a team has at least version, agents and topology"


@dataclass(frozen=True)
class Loaded:
    """A team as its file describes it, and where in the file everything stands."""

    config: TeamConfig
    path: str
    """The file as it was named, for messages."""
    warnings: tuple[Problem, ...] = ()
    _source: Source = field(default_factory=Source, repr=False, compare=False)
    _overridden: Overridden = field(default_factory=lambda: Overridden({}), repr=False, compare=False)

    def locate(self, path: Sequence[Step] | str) -> tuple[int, int]:
        """Line and column, from 1, of what stands at the path; of the nearest parent's key if nothing does.

        The path is a sequence such as `("agents", "worker", "tools", 0)` or text such as `agents.worker.tools[0]`.
        (0, 0) if it was set on the command line, or from Python.
        """
        steps = self._steps(path)
        return (0, 0) if self._overridden.origin(steps) else self._source.locate(steps)

    def problem(self, path: Sequence[Step] | str, message: str, *, at_key: bool = False) -> Problem:
        """A problem at the path, as this module reports its own."""
        return _Places(self._source, self._overridden).problem(self._steps(path), message, at_key=at_key)

    def refused(self, remarks: Sequence[Remark]) -> Draft:
        """The file with what is wrong with it after all."""
        places = _Places(self._source, self._overridden)
        return Draft(whole(self.config), self.path, (), frozenset(), places).refused(remarks)

    def _steps(self, path: Sequence[Step] | str) -> Path:
        return read_path(path, self._overridden.data) if isinstance(path, str) else tuple(path)


@dataclass(frozen=True)
class Draft:
    """A file that is not valid: what could be read of it all the same, and everything found wrong with it so far."""

    parts: Parts
    path: str
    """The file as it was named, for messages."""
    problems: tuple[Problem, ...]
    broken: frozenset[Path]
    """Places about which everything was said."""
    _places: _Places = field(repr=False)

    def problem(self, path: Sequence[Step], message: str, *, at_key: bool = False) -> Problem:
        """A problem at the path, as this module reports its own."""
        return self._places.problem(tuple(path), message, at_key=at_key)

    def refused(self, remarks: Sequence[Remark]) -> Draft:
        """The draft with more that is wrong."""
        problems = once([*self.problems, *_of(remarks, self._places, "error")])
        broken = self.broken | {remark.path for remark in remarks}
        return replace(self, problems=tuple(problems), broken=broken)

    def is_settled(self, path: Sequence[Step]) -> bool:
        """Whether what stands at the path is what its author meant, as far as is known."""
        return _is_settled(tuple(path), self.broken)


def load_team(
    path: str | os.PathLike[str],
    *,
    overrides: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    model: str | None = None,
    known_models: Collection[str] = (),
) -> Loaded:
    """Read a team from a YAML file. Runs no code and imports nothing that the file names.

    Raises: ConfigError, with all problems at once.
    """
    read = read_team(path, overrides=overrides, environment=environment, model=model, known_models=known_models)
    return _valid(read)


def read_team(
    path: str | os.PathLike[str],
    *,
    overrides: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    model: str | None = None,
    known_models: Collection[str] = (),
) -> Loaded | Draft:
    """As `load_team`, but of a file that is not valid come its valid parts, for more checks.

    `overrides` are `path=value` texts; `model` replaces the model `default`; `known_models` are names of models that
    the caller brings along; `environment` is the process's if not given.

    Raises: ConfigError, where there is nothing to check: no file, no YAML, no mapping.
    """
    file = FilePath(path)
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", str(path)) from None
    except UnicodeDecodeError as error:
        raise ConfigError([_undecodable(file, error)], str(path)) from None
    source = _parsed(text, str(path))
    return _Loading(source, str(path), file.parent, known_models).load(overrides, environment, model)


def load_team_text(
    text: str,
    name: str = "<string>",
    *,
    overrides: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    model: str | None = None,
    known_models: Collection[str] = (),
    folder: str | os.PathLike[str] = ".",
) -> Loaded:
    """Read a team from YAML text; `file:` instructions are looked for from `folder`. Raises: ConfigError."""
    source = _parsed(text, name)
    return _valid(_Loading(source, name, FilePath(folder), known_models).load(overrides, environment, model))


def from_mapping(
    data: Mapping[str, Any] | TeamConfig,
    *,
    overrides: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    model: str | None = None,
    known_models: Collection[str] = (),
    folder: str | os.PathLike[str] = ".",
    name: str = "team",
) -> Loaded:
    """Read a team from Python data with the keys of a file: problems name paths but no lines.

    Entries may be the models of `agentmesh.config.models` themselves.

    Raises: ConfigError.
    """
    source = Source()
    source.data = _plain(data, (), source)
    return _valid(_Loading(source, name, FilePath(folder), known_models).load(overrides, environment, model))


def _parsed(text: str, name: str) -> Source:
    source = parse(text, name)
    if source.data is None and not source.problems:
        raise ConfigError([Problem(1, 1, "", _EMPTY)], name)
    return source


def _valid(read: Loaded | Draft) -> Loaded:
    if isinstance(read, Draft):
        raise ConfigError(read.problems, read.path)
    return read


class _Places:
    """Turns paths into problems: at a line of the file, or at the override that decided the place."""

    def __init__(self, source: Source, overridden: Overridden) -> None:
        self._source = source
        self._overridden = overridden

    def problem(self, path: Path, message: str, *, at_key: bool = False) -> Problem:
        path = self._as_written(path)
        origin = self._overridden.origin(path)
        if origin is None and path and not self._source.holds(path):
            origin = self._overridden.origin_below(path)
        if origin is not None:
            return Problem(0, 0, origin, message)
        return Problem(*self._source.locate(path, key=at_key), written(path), message)

    def _as_written(self, path: Path) -> Path:
        """Arguments of a generator may stand beside it."""
        if len(path) < 2 or path[-2] != "arguments" or self._source.holds(path) or self._overridden.origin(path):
            return path
        return (*path[:-2], path[-1])


class _Loading:
    """One load: each step adds to `problems`, and only the end raises."""

    def __init__(self, source: Source, name: str, folder: FilePath, known_models: Collection[str]) -> None:
        self._source = source
        self._name = name
        self._folder = folder
        self._known_models = known_models
        self._problems = list(source.problems)

    def load(
        self, overrides: Sequence[str], environment: Mapping[str, str] | None, model: str | None
    ) -> Loaded | Draft:
        if not isinstance(self._source.data, dict):
            self._problems.append(Problem(*self._source.locate(()), "", "a team is a mapping of keys to values"))
            raise ConfigError(self._problems, self._name)
        overridden = self._override(overrides, model)
        places = _Places(self._source, overridden)
        filled = interpolate(overridden.data, os.environ if environment is None else environment)
        self._problems += [places.problem(path, message) for path, message in filled.problems]
        unresolved = {path for path, _ in filled.problems} | self._source.refused
        prompts = self._read_prompts(filled.data, places)
        data, config, wrong = _validated(filled.data, {**overridden.texts, **filled.texts})
        self._problems += [
            places.problem(fault.path, fault.message, at_key=fault.at_key)
            for fault in wrong
            if fault.path not in unresolved
        ]
        broken = unresolved | _broken(wrong)
        parts = salvage(data, wrong) if config is None else whole(config)
        said = check_parts(*parts[:3], self._known_models, parts.verify)
        if config is not None:
            said += nameless(config.agents, config.topology)
        remarks = [remark for remark in said if _is_settled(remark.path, broken) and _is_settled(remark.given, broken)]
        self._problems += _of(remarks, places, "error")
        if self._problems or config is None:
            broken |= {remark.path for remark in remarks if remark.kind == "error"}
            topology = parts.topology and topology_at(self._folder, parts.topology)
            parts = parts._replace(agents=agents_at(self._folder, parts.agents), topology=topology)
            return Draft(parts, self._name, tuple(once(self._problems)), frozenset(broken), places)
        warnings = _of(remarks, places, "warning")
        agents = agents_at(self._folder, _with_prompts(config.agents, prompts))
        whole_paths = {"agents": agents, "topology": topology_at(self._folder, config.topology)}
        return Loaded(config.model_copy(update=whole_paths), self._name, tuple(warnings), self._source, overridden)

    def _override(self, overrides: Sequence[str], model: str | None) -> Overridden:
        overridden = override(self._source.data, overrides)
        self._problems += [Problem(0, 0, origin, message) for origin, message in overridden.problems]
        if model is not None:
            overridden.put(("models", "default"), model.replace("$", "$$"), f"-m {shown(model)}")
        return overridden

    def _read_prompts(self, data: dict[str, Any], places: _Places) -> dict[str, str]:
        """The text of each agent's `file:` instructions, by the agent's name."""
        agents = data.get("agents")
        prompts: dict[str, str] = {}
        for name, agent in agents.items() if isinstance(agents, dict) else ():
            instructions = agent.get("instructions") if isinstance(agent, dict) else None
            if not isinstance(instructions, str) or not instructions.startswith("file:"):
                continue
            file = instructions.removeprefix("file:").strip()
            try:
                prompts[name] = (self._folder / file).read_text(encoding="utf-8")
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or "it is no UTF-8 text"
                message = f"'{file}' cannot be read: {why}; paths are relative to the team's file"
                self._problems.append(places.problem(("agents", name, "instructions"), message))
        return prompts


def _of(remarks: Sequence[Remark], places: _Places, kind: str) -> list[Problem]:
    return [
        places.problem(remark.path, remark.message, at_key=remark.at_key) for remark in remarks if remark.kind == kind
    ]


def _broken(wrong: Sequence[Fault]) -> set[Path]:
    """The places that faults are about, and those of the keys that mistyped ones meant."""
    told = {fault.path for fault in wrong if not fault.of_a_name}
    return told | {fault.meant for fault in wrong if fault.meant}


def _is_settled(path: Path, broken: Collection[Path]) -> bool:
    return not any(path[:length] in broken for length in range(len(path) + 1))


def _validated(data: Any, texts: Mapping[Path, str]) -> tuple[Any, TeamConfig | None, list[Fault]]:
    """The data after a second look, the config if it is valid, and the faults if it is not.

    Where a reference's value was read as a number and a text is wanted, the second look takes the text.
    """
    data = long_forms(data)
    config, wrong = _validate(data)
    mistyped = {fault.path for fault in wrong} & set(texts)
    if mistyped:
        second = Overridden(data)
        for path in mistyped:
            second.put(path, texts[path], "")
        data = second.data
        config, wrong = _validate(data)
    return data, config, wrong


def _validate(data: Any) -> tuple[TeamConfig | None, list[Fault]]:
    # As JSON, because there strict means what it means in a file: a list is a list and "5" is no number.
    try:
        text = json.dumps(data, ensure_ascii=False)
        return TeamConfig.model_validate_json(text, strict=True, by_alias=True, by_name=False), []
    except ValidationError as error:
        return None, faults(error.errors(include_url=False), data)


def _with_prompts(agents: Mapping[str, AgentConfig], prompts: Mapping[str, str]) -> dict[str, AgentConfig]:
    return {
        name: agent.model_copy(update={"instructions": prompts[name]}) if name in prompts else agent
        for name, agent in agents.items()
    }


def _plain(value: Any, path: Path, source: Source) -> Any:
    """Python data in the types that a file has; what has no such form is a problem of the source."""
    if len(path) > DEEPEST:
        source.problems.append(Problem(0, 0, written(path), TOO_DEEP))
        source.refused.add(path)
        return None
    match value:
        case BaseModel():
            names = [name for name in type(value).model_fields if name in value.model_fields_set or name == "kind"]
            given = {type(value).model_fields[name].alias or name: getattr(value, name) for name in names}
            return _plain(given, path, source)
        case Mapping():
            return {str(key): _plain(item, (*path, str(key)), source) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item, (*path, index), source) for index, item in enumerate(value)]
        case None | bool() | int() | float() | str():
            return value
        case os.PathLike():
            return os.fspath(value)
        case _:
            kinds = "text, numbers, true, false, None, lists and mappings"
            message = f"found a value of type {type(value).__name__}; allowed: {kinds}"
            source.problems.append(Problem(0, 0, written(path), message))
            source.refused.add(path)
            return None


def once(problems: Sequence[Problem]) -> list[Problem]:
    """Without those that say the same at the same place, as an aliased value does once for each of its places."""
    seen: dict[object, Problem] = {}
    for problem in problems:
        where: object = problem[:2] if problem.line else problem.path
        seen.setdefault((where, problem.message), problem)
    return list(seen.values())


def _undecodable(file: FilePath, error: UnicodeDecodeError) -> Problem:
    before = error.object[: error.start]
    line = before.count(b"\n") + 1
    column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
    return Problem(line, column, "", "this byte is no UTF-8; save the file as UTF-8")
