"""The runs that are to be exported: what of the journal counts, whose teams they are, what they are rewarded with."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from agentmesh.cli.journals import existing, status_of, team_of
from agentmesh.errors import AgentMeshError, RunChanged, RunNotFound

if TYPE_CHECKING:
    from agentmesh.events import Event
    from agentmesh.journal import Journal, RunStatus
    from agentmesh.learning.export import Exported
    from agentmesh.team import Team


@dataclass
class Found:
    """What the runs came to."""

    runs: list[Exported] = field(default_factory=list)
    excluded: dict[str, str] = field(default_factory=dict)
    """By run: why it is left out."""
    weights: dict[str, float] | None = None


@dataclass(frozen=True)
class Order:
    """A run that is to be exported."""

    run_id: str
    task: str | None = None
    value: float | None = None
    """Of the answer, where a comparison has scored it."""


async def gathered(named: tuple[str, ...], given: dict[str, Any]) -> Found:
    """The runs that are named, in the order of their names. Raises: AgentMeshError."""
    orders = [order for name in named for order in _orders(name)]
    journal = _journal(named, given)
    rewards = RewardsGiven.given(given["rewards"])
    teams = Teams(given, journal)
    found = Found(weights=rewards.weights)
    async with existing(journal) as store:
        if given["take_all"]:
            orders = [Order(status.record.run_id) for status in reversed(await store.runs())]
        for order in orders:
            run_id = order.run_id
            try:
                status = await _status(store, order)
                run_id = status.record.run_id
                if run_id not in {run.episode.run_id for run in found.runs}:
                    found.runs.append(await _exported(store, status, order, teams, rewards, given))
            except (LeftOut, RunChanged) as why:
                found.excluded[run_id] = str(why)
    return found


class LeftOut(Exception):
    """A run is not exported, for a reason that is said."""


async def _status(store: Journal, order: Order) -> RunStatus:
    """Raises: RunNotFound for a run that was named, LeftOut for one of a comparison whose runs were not recorded."""
    try:
        return await status_of(store, order.run_id)
    except RunNotFound:
        if order.value is None:
            raise
        raise LeftOut("it is not in the journal: compare with --journal PATH, and name that one here") from None


async def _exported(
    store: Journal, status: RunStatus, order: Order, teams: Teams, rewards: RewardsGiven, given: dict[str, Any]
) -> Exported:
    from agentmesh.learning.export import read, unwanted

    run_id = status.record.run_id
    if status.outcome is None:
        raise LeftOut("it has not ended")
    events = await store.events(run_id)
    why = None if given["include_halted"] else unwanted(events)
    if why is not None:
        raise LeftOut(why)
    whole, steps = rewards.of(events, order)
    team = teams.of(status)
    try:
        return await read(team, run_id, whole, task=order.task, steps=steps, journal=store)
    except RunNotFound as error:
        raise LeftOut(f"the run that it continues is gone: {error}") from error


def _orders(name: str) -> Iterable[Order]:
    """The run of a name, or those of a file of results. Raises: AgentMeshError."""
    path = Path(name)
    if not path.is_file():
        return [Order(name)]
    rows = _lines(path, "no row of a comparison", ("run_id", "task", "value"))
    return [Order(str(row["run_id"]), str(row["task"]), float(row["value"])) for row in rows]


def _journal(named: Iterable[str], given: dict[str, Any]) -> str:
    """The journal; if none is given, that which a comparison keeps beside its results."""
    source = click.get_current_context().get_parameter_source("journal")
    beside = [place for name in named if Path(name).is_file() and (place := Path(name).with_suffix(".db")).exists()]
    said = source is click.core.ParameterSource.COMMANDLINE
    return str(beside[0]) if beside and not said else str(given["journal"])


def _lines(path: Path, wanted: str, keys: Iterable[str]) -> list[dict[str, Any]]:
    """The mappings of a file of JSON lines. Raises: AgentMeshError where a line is none, or lacks a key."""
    found = []
    try:
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            row = json.loads(text)
            missing = [key for key in keys if key not in row]
            if missing or not isinstance(row, dict):
                raise AgentMeshError(
                    f"{path}:{number}: this is {wanted}: it has no {missing[0] if missing else 'keys'}"
                )
            found.append(row)
    except (OSError, ValueError, TypeError) as error:
        raise AgentMeshError(f"{path}: this is {wanted}: {error}") from error
    return found


class Teams:
    """The teams of runs: of those given, the one that is the same; or the one of the file that the journal names."""

    def __init__(self, given: dict[str, Any], journal: str) -> None:
        from agentmesh.team import Team

        more = {"model": given["model"], "overrides": given["overrides"], "allow": given["allow"]}
        self._given = {team.hash: team for file in given["teams"] if (team := Team.from_yaml(file, **more))}
        self._made: dict[str, Team] = {}
        self._journal = journal

    def of(self, status: RunStatus) -> Team:
        """Raises: LeftOut where there is none."""
        record = status.record
        if record.team_hash in self._given:
            return self._given[record.team_hash]
        if "file" not in record.made:
            raise LeftOut("its team stands in no file; --team TEAM.yaml names it, and is the same with the same -m")
        made = json.dumps(dict(record.made), sort_keys=True)
        try:
            self._made[made] = self._made.get(made) or team_of(record, self._journal)
        except AgentMeshError as error:
            raise LeftOut(f"its team cannot be made again: {error}") from error
        return self._made[made]


class Rewarded(NamedTuple):
    """A run, and its steps by their numbers."""

    rewards: dict[str, float]
    steps: dict[int, dict[str, float]]


@dataclass(frozen=True)
class RewardsGiven:
    """What runs are rewarded with."""

    by_run: Mapping[str, Rewarded] | None = None
    names: tuple[str, ...] | None = None
    weights: dict[str, float] | None = None
    place: str = ""

    @classmethod
    def given(cls, text: str | None) -> RewardsGiven:
        """Of `--rewards`. Raises: AgentMeshError."""
        if text is None:
            return cls()
        path = Path(text)
        if path.is_file():
            return cls(by_run=_by_run(path), place=text)
        weights = numbers(text, "--rewards", 1.0)
        return cls(names=tuple(weights), weights=weights)

    def of(self, events: list[Event], order: Order) -> Rewarded:
        """What a run is rewarded with. Raises: LeftOut where a file has nothing for it, AgentMeshError."""
        from agentmesh.learning.export import rewards_of

        if self.by_run is not None:
            told = self.by_run.get(events[0].run_id)
            if told is None:
                raise LeftOut(f"{self.place} has no reward for it")
            return told
        if self.names is None and order.value is not None:
            return Rewarded({"value": order.value}, {})
        return Rewarded(rewards_of(events, self.names), {})


def _by_run(path: Path) -> dict[str, Rewarded]:
    """Rewards by run: an object of JSON, or lines with run_id, rewards and steps. Raises: AgentMeshError."""
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        whole = None
    wanted = 'no rewards: expected {"RUN_ID": 0.5, ...}, or lines {"run_id": ..., "rewards": {"NAME": 0.5}}'
    if not isinstance(whole, dict) or "run_id" in whole:
        rows = _lines(path, wanted, ("run_id", "rewards"))
    else:
        rows = [{"run_id": run_id, "rewards": told} for run_id, told in whole.items()]
    found: dict[str, Rewarded] = {}
    for row in rows:
        run_id = str(row["run_id"])
        if run_id in found:
            raise AgentMeshError(f"{path}: run {run_id} is rewarded twice; a run has one line")
        steps = _steps(path, run_id, row.get("steps", {}))
        found[run_id] = Rewarded(_named(path, f"run {run_id}", row["rewards"]), steps)
    return found


def _steps(path: Path, run_id: str, told: Any) -> dict[int, dict[str, float]]:
    """Rewards of single steps. Raises: AgentMeshError."""
    if not isinstance(told, dict) or not all(number.isdecimal() for number in told):
        expected = 'steps are rewarded by number: expected {"0": {"NAME": 0.5}, ...}'
        raise AgentMeshError(f"{path}: {expected}; run {run_id} has {told!r}")
    return {int(number): _named(path, f"step {number} of run {run_id}", own) for number, own in told.items()}


def _named(path: Path, whose: str, told: Any) -> dict[str, float]:
    """Rewards by component. Raises: AgentMeshError."""
    by_name = told if isinstance(told, dict) else {"reward": told}
    for name, value in by_name.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise AgentMeshError(f"{path}: a reward is a number; '{name}' of {whose} is {value!r}")
    return {name: float(value) for name, value in by_name.items()}


def numbers(text: str, option: str, default: float | None = None) -> dict[str, float]:
    """`a=1,b=.5` as numbers by name. Raises: AgentMeshError."""
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = (word.strip() for word in part.partition("="))
        try:
            value = float(number) if number or default is None else default
        except ValueError:
            value = None
        if not name or value is None or name in found:
            raise AgentMeshError(f"{option}: found {part.strip()!r} in {text!r}; expected NAME=NUMBER, each name once")
        found[name] = value
    return found
