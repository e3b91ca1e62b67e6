"""The composition root: a declared team, ready to run any number of tasks."""

from __future__ import annotations

import asyncio
import copy
import os
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import anyio

from agentmesh.config.loader import Draft, Loaded, read_team
from agentmesh.config.models import AgentConfig, Limits, MonitorConfig, TeamConfig, VerifyConfig
from agentmesh.errors import ConfigError, Problem
from agentmesh.messages import Part
from agentmesh.providers.base import Provider
from agentmesh.providers.scripted import ScriptedProvider
from agentmesh.runner import Check, Runner, RunPlan
from agentmesh.team.agent import Agent
from agentmesh.team.answer import AnswerForm, answer_form
from agentmesh.team.assembly import assemble, refusal
from agentmesh.team.brought import Brought
from agentmesh.team.given import RunOptions, allowed_packages, limits_of, monitors_of, run_options, verifier_of
from agentmesh.team.graphs import draw
from agentmesh.team.members import Before, Members, summary_models
from agentmesh.team.nested import NestedTeam, Purse, paid, through
from agentmesh.team.parts import Model, Models, hold, let_go, make_check, make_watch
from agentmesh.team.result import RunResult
from agentmesh.team.run import Run
from agentmesh.topology.bounds import Bounds
from agentmesh.topology.graph import Topology

DEFAULT_MODEL = "simulated:worker"


class Team:
    """Agents on an enforced topology. The definition only: each run has a state of its own.

    `agents`: `Agent` objects, or plain functions `fn(text) -> str`. `topology`: a `Topology`, or a `networkx.DiGraph`.
    `models`: by name; a value is `provider:model[@base_url]`, a `ModelConfig`, a provider, or `fn(request)`.
    `monitors`: by name, or a list; a class is made anew for each run, a function is `fn(event) -> Finding | None`; a
    pair (monitor, MonitorConfig) sets threshold and interventions. `verify`: `fn(answer) -> bool` or a
    `VerifyConfig`. `answer`: a JSON Schema, or a pydantic class. `allow`: packages that names may be imported from.

    Raises: ConfigError, TopologyError, with everything that is wrong.
    """

    def __init__(
        self,
        agents: Sequence[Agent | Callable[..., Any]],
        topology: Any,
        *,
        name: str = "team",
        models: Mapping[str, Model] | None = None,
        tools: Mapping[str, Callable[..., Any]] | None = None,
        limits: Limits | Mapping[str, Any] | None = None,
        monitors: Mapping[str, Any] | Sequence[Any] = (),
        verify: Callable[..., Any] | VerifyConfig | None = None,
        answer: Any = None,
        allow: Collection[str] = (),
    ) -> None:
        listed = [Agent.of(agent) for agent in agents]
        twice = {agent.name for agent in listed if sum(agent.name == other.name for other in listed) > 1}
        if twice:
            raise ConfigError(f"agents named more than once: {', '.join(sorted(twice))}")
        drawn = topology if isinstance(topology, Topology) else Topology(topology)
        joins = {agent.name: agent.join for agent in listed if agent.join != "any"}
        self._build(
            name=name,
            agents={agent.name: agent for agent in listed},
            topology=drawn.with_joins(joins),
            models={"default": _default_model(os.environ), **(models or {})},
            brought=Brought(models or {}, tools or {}),
            limits=limits_of(limits),
            monitors=monitors_of(monitors),
            verify=verifier_of(verify),
            answer=answer,
            allow=allowed_packages(allow),
            load_team=lambda inner: inner if isinstance(inner, Team) else Team.from_yaml(inner, allow=allow),
        )

    @classmethod
    def from_yaml(
        cls,
        path: str | os.PathLike[str],
        *,
        models: Mapping[str, Model] | None = None,
        model: str | None = None,
        overrides: Sequence[str] = (),
        tools: Mapping[str, Callable[..., Any]] | None = None,
        functions: Mapping[str, Callable[..., Any]] | None = None,
        monitors: Mapping[str, Any] | None = None,
        allow: Collection[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> Team:
        """A team from its file. `models`, `tools`, `functions` (by agent) and `monitors` add to what it names.

        A monitor that the file has no entry for is given as a pair (monitor, MonitorConfig). `model` is `-m` of the
        command line, `overrides` is `-O`, `allow` is `--allow`.

        Raises: ConfigError with every problem at its line and column.
        """
        known = [*(models or {})]
        file = read_team(path, overrides=overrides, environment=environment, model=model, known_models=known)
        read, topology = draw(file)
        brought = Brought(models or {}, tools or {}, functions or {}, monitors or {})
        allow = allowed_packages(allow)
        environment = os.environ if environment is None else environment
        configs = (read.parts if isinstance(read, Draft) else read.config).monitors
        watched = {
            **{name: (None, entry) for name, entry in configs.items()},
            **monitors_of(brought.monitors, configs),
        }
        load_team = partial(
            _nested_team, outer=path, models={k: v for k, v in (models or {}).items() if k == "default"}, model=model,
            allow=allow, environment=environment,
        )  # fmt: skip
        if isinstance(read, Draft):
            raise refusal(read, brought, watched, allow, environment, load_team)
        return cls._from_loaded(
            read,
            _with_one_model(read.config, model) if model and model.partition(":")[0] == "scripted" else read.config,
            brought=brought,
            monitors=watched,
            allow=allow,
            environment=environment,
            topology=topology,
            load_team=load_team,
        )

    @classmethod
    def _from_loaded(cls, loaded: Loaded, config: TeamConfig, *, brought: Brought, **more: Any) -> Team:
        from agentmesh.config.names import expand_names

        team = cls.__new__(cls)
        team._build(  # noqa: SLF001 - a second constructor of the same class
            name=config.name,
            agents=expand_names(config),
            models={**config.models, **brought.models},
            brought=brought,
            limits=config.limits,
            verify=(config.verify, None),
            answer=None if config.answer is None else config.answer.answer_schema,
            read=loaded,
            config=config,
            **more,
        )
        return team

    def _build(
        self,
        *,
        name: str,
        agents: Mapping[str, AgentConfig],
        topology: Topology,
        models: Mapping[str, Model],
        brought: Brought,
        limits: Limits,
        monitors: Mapping[str, tuple[Any, MonitorConfig]],
        verify: tuple[VerifyConfig | None, Callable[..., Any] | None],
        answer: Any,
        allow: Collection[str],
        environment: Mapping[str, str] | None = None,
        read: Loaded | None = None,
        config: TeamConfig | None = None,
        load_team: Callable[[Any], Team] | None = None,
    ) -> None:
        self.name = name
        self.config = config
        self.topology = topology
        self.limits = limits
        standing = {node: agents[node] for node in topology.nodes if node in agents}
        self.agents = {**standing, **{name: agent for name, agent in agents.items() if agent.reserve}}
        self._form: AnswerForm | None = None if answer is None else answer_form(answer)
        known = Models(models, os.environ if environment is None else environment)
        assembly = assemble(
            agents=agents,
            topology=topology,
            models=known,
            brought=brought,
            monitors=monitors,
            verify=verify,
            answer=answer,
            allow=allow,
            read=read,
            load_team=load_team,
        )
        self._members = Members(self.agents, assembly, known, self._form, summary_models(topology.phases, known))
        retries = verify[0].retries if verify[0] else 0
        self.bounds: Bounds = self._members.bounds(topology.phases, limits, retries=retries)
        self.warnings: list[Problem] = assembly.check(self.bounds, limits)
        self._verify: Check | None = make_check(verify[0], assembly.verify) if verify[0] else None
        self._verify_retries = retries
        self._untils = {
            phase.name: make_check(phase.until, assembly.untils.get(phase.until.function or ""))
            for phase in topology.phases
            if phase.until is not None and phase.until.promise is None
        }

    def with_model(self, model: Model) -> Team:
        """The same team with this one model for all its agents: a script, a recording, a function."""
        team = copy.copy(self)
        models = Models({"default": model}, os.environ)
        if models.faults:
            raise ConfigError(models.faults["default"])
        team._members = self._members.with_models(models)  # noqa: SLF001 - another object of this class
        return team

    @property
    def executes(self) -> list[str]:
        """Every program and import that a run would execute, one line each."""
        from agentmesh.config.programs import executes

        own = executes(self.config) if self.config else []
        nested = (line for team in self._members.assembly.teams.values() for line in team.executes)
        return list(dict.fromkeys([*own, *nested]))

    @property
    def simulated(self) -> bool:
        """Whether every model is simulated."""
        configs = self._members.models.configs
        used = {configs[model].provider for model in self._members.asked() if model in configs}
        return used <= {"simulated"} and all(team.simulated for team in self._members.assembly.teams.values())

    def assert_scripts_complete(self) -> None:
        """Make sure that scripted models were asked for all that their scripts hold. Raises: ScriptError."""
        for provider in self._made():
            if isinstance(provider, ScriptedProvider):
                provider.assert_complete()

    async def run(self, task: str, **options: Unpack[RunOptions]) -> RunResult:
        """Give the team a task and wait for the end of the run.

        Ends in a result whatever happens to agents and models; see `result.outcome`.
        """
        return await self._run(task, options)

    def run_sync(self, task: str, **options: Unpack[RunOptions]) -> RunResult:
        """As `run`, for code that is not asynchronous. Raises: RuntimeError inside a running event loop."""
        if _inside_a_loop():
            raise RuntimeError("run_sync cannot wait inside a running event loop: use `await team.run(...)` there")
        return anyio.run(self._run, task, options)

    @asynccontextmanager
    async def start(self, task: str, **options: Unpack[RunOptions]) -> AsyncIterator[Run]:
        """A run to watch and to act upon while it lasts. Leaving the block before its end cancels it."""
        runner, finish = self._runner(task, options)
        failure: Exception | None = None
        async with self._open(), anyio.create_task_group() as group:
            run = Run(runner, finish)
            group.start_soon(run.drive)
            try:
                yield run
            except Exception as error:  # raised below as it is: the task group would wrap it
                failure = error
            finally:
                run.cancel()
        if failure is not None:
            raise failure

    async def _run(
        self, task: str, options: RunOptions, before: Before | None = None, within: Purse | None = None
    ) -> RunResult:
        runner, finish = self._runner(task, options, before, within)
        async with self._open():
            await runner.execute()
        return finish(runner)

    def _runner(
        self, task: str, options: RunOptions, before: Before | None = None, within: Purse | None = None
    ) -> tuple[Runner, Callable[[Runner], RunResult]]:
        options = run_options(task, options)
        self.refuse_unready()
        seed, limits = options.get("seed"), options.get("limits")
        made = before.occupants if before else self._members.occupants(seed, lambda name: self._nested(name, options))
        allowed = self.limits if limits is None else limits_of(limits)
        assembly = self._members.assembly
        plan = RunPlan(
            run_id=uuid.uuid4().hex[:12],
            team=self.name,
            task=task,
            phases=self.topology.phases,
            members=through(self._members.of(made), within),
            topology_hash=self.topology.hash,
            policy=self.topology.policy,
            limits=allowed,
            seed=seed or 0,
            parts=tuple(options.get("parts", ())),
            monitors=[make_watch(name, *entry) for name, entry in assembly.monitors.items()],
            verify=self._verify,
            verify_retries=self._verify_retries,
            answer_fault=self._form.fault if self._form else None,
            rewrites=assembly.rewrites,
            untils=self._untils,
            summarisers=paid(self._members.summarisers(), within),
            bounds=lambda phases: self._members.bounds(phases, allowed, retries=self._verify_retries, begun=True),
            ask=options.get("ask"),
            watch=options.get("watch"),
            continues=before.run_id if before else None,
            untrusted=before.untrusted if before else {},
        )

        def finish(runner: Runner) -> RunResult:
            async def go_on(text: str) -> RunResult:
                again: RunOptions = {**options, "parts": ()}  # the files belong to the task of the first run
                return await self._run(text, again, Before.of(runner, made))

            nested = {name: tuple(one.results) for name, one in made.items() if isinstance(one, NestedTeam)}
            read = self._form.read if self._form else None
            return RunResult(plan.run_id, tuple(runner.events), nested, read, go_on)

        return Runner(plan), finish

    def _nested(self, name: str, options: RunOptions) -> NestedTeam:
        """The occupant of a node that is a team. Whoever answers the questions of the outer run answers its own too."""
        team = self._members.assembly.teams[name]
        watch = options.get("watch")
        shared: RunOptions = {
            "seed": options.get("seed"),
            "ask": options.get("ask"),
            "watch": watch if getattr(watch, "nested", False) else None,
        }

        async def run(text: str, parts: tuple[Part, ...], purse: Purse) -> RunResult:
            inner: Team = team
            return await inner._run(text, {**shared, "parts": parts}, within=purse)

        return NestedTeam(name, run)

    def refuse_unready(self) -> None:
        """What is known to be missing, a key above all, is said before anything is spent. Raises: ConfigError."""
        self._members.refuse_unready()

    def _made(self) -> list[Provider]:
        """The providers in use, those of teams on nodes too."""
        teams = self._members.assembly.teams.values()
        return [*self._members.models.made(), *(one for team in teams for one in team._made())]  # noqa: SLF001

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[None]:
        """Providers are closed when the last run that holds them, of whatever team, has ended in this event loop."""
        held = self._made()
        hold(held)
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True):
                await let_go(held)


_loading: ContextVar[tuple[Path, ...]] = ContextVar("agentmesh_loading", default=())
"""The files of the teams that are being read, each of which stands on a node of the one before."""


def _nested_team(inner: str, outer: str | os.PathLike[str], **options: Any) -> Team:
    """The team of a file that another team's file names. Raises: ConfigError, also where a team contains itself."""
    chain = _loading.get() or (Path(outer).resolve(),)
    file = Path(inner).resolve()
    if file in chain:
        names = " -> ".join(one.name for one in (*chain[chain.index(file) :], file))
        raise ConfigError(f"a team cannot contain itself: {names}", inner)
    token = _loading.set((*chain, file))
    try:
        return Team.from_yaml(inner, **options)
    finally:
        _loading.reset(token)


def _inside_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _default_model(environment: Mapping[str, str]) -> str:
    return environment.get("AGENTMESH_MODEL") or DEFAULT_MODEL


def _with_one_model(config: TeamConfig, model: str) -> TeamConfig:
    """`-m scripted:FILE` replaces all models: a script speaks for every agent."""
    agents = {name: agent.model_copy(update={"model": "default"}) for name, agent in config.agents.items()}
    return config.model_copy(update={"models": {"default": model}, "agents": agents})
