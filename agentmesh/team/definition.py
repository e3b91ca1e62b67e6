"""What a team is: its declaration, made whole and checked, from Python or from a file."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, Self

from agentmesh.config.loader import Draft, Loaded, read_team
from agentmesh.config.models import AgentConfig, Limits, MonitorConfig, TeamConfig, VerifyConfig
from agentmesh.config.servers import ServerConfig
from agentmesh.config.workspaces import MergeConfig
from agentmesh.errors import ConfigError, Problem
from agentmesh.journal.base import DEFAULT_JOURNAL
from agentmesh.providers.base import Provider
from agentmesh.providers.cache import DEFAULT_CACHE, ResponseCache
from agentmesh.providers.scripted import ScriptedProvider
from agentmesh.runner import Check
from agentmesh.team.agent import Agent
from agentmesh.team.answer import AnswerForm, answer_form
from agentmesh.team.assembly import assemble, refusal
from agentmesh.team.brought import Brought
from agentmesh.team.description import described, digest
from agentmesh.team.given import (
    allowed_packages,
    confided,
    instructed,
    limits_of,
    merge_of,
    monitors_of,
    named_verifier,
    servers_of,
    verifier_of,
)
from agentmesh.team.graphs import draw
from agentmesh.team.kept import Address
from agentmesh.team.members import Members, summary_models
from agentmesh.team.nested import nested_team
from agentmesh.team.parts import Model, Models, make_check
from agentmesh.team.prices import unpriced
from agentmesh.team.recorded import PREFIX, Recording, recording
from agentmesh.team.working import accepted_in
from agentmesh.topology.bounds import Bounds
from agentmesh.topology.graph import Topology

DEFAULT_MODEL = "simulated:worker"


class Definition:
    """A team before it is given a task; see `Team`."""

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
        verify: Callable[..., Any] | Mapping[str, Any] | VerifyConfig | None = None,
        merge: Mapping[str, Any] | MergeConfig | None = None,
        mcp: Mapping[str, Mapping[str, Any] | ServerConfig] | None = None,
        answer: Any = None,
        allow: Collection[str] = (),
    ) -> None:
        verify, beside = named_verifier(verify)
        listed = [Agent.of(agent) for agent in (*agents, *beside)]
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
            merge=merge_of(merge),
            mcp=servers_of(mcp),
            answer=answer,
            allow=allowed_packages(allow),
            load_team=lambda inner: (
                inner if isinstance(inner, Definition) else type(self).from_yaml(inner, allow=allow)
            ),
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
        journal: Address = DEFAULT_JOURNAL,
    ) -> Self:
        """A team from its file. `models`, `tools`, `functions` (by agent) and `monitors` add to what it names.

        A monitor that the file has no entry for is given as a pair (monitor, MonitorConfig). `model` is `-m` of the
        command line, `overrides` is `-O`, `allow` is `--allow`. `journal` holds the run of a model `replay:RUN_ID`.

        Raises: ConfigError with every problem at its line and column; RunNotFound, JournalError.
        """
        if model is not None and model.startswith(PREFIX):
            then = recording(model, journal)
            team = cls.from_yaml(
                path, models=models, model=then.model, overrides=overrides, tools=tools, functions=functions,
                monitors=monitors, allow=allow, environment=environment,
            )  # fmt: skip
            return team._answered_by(then)  # noqa: SLF001 - another object of this class
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
            nested_team, cls.from_yaml, outer=path, models={k: v for k, v in (models or {}).items() if k == "default"},
            model=model, allow=allow, environment=environment,
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
    def _from_loaded(cls, loaded: Loaded, config: TeamConfig, *, brought: Brought, **more: Any) -> Self:
        from agentmesh.config.names import expand_names

        team = cls.__new__(cls)
        team._build(  # noqa: SLF001 - a second constructor of the same class
            name=config.name,
            agents=expand_names(config),
            models={**config.models, **brought.models},
            brought=brought,
            limits=config.limits,
            verify=(config.verify, None),
            merge=config.merge,
            mcp=config.mcp,
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
        merge: MergeConfig | None,
        mcp: Mapping[str, ServerConfig],
        answer: Any,
        allow: Collection[str],
        environment: Mapping[str, str] | None = None,
        read: Loaded | None = None,
        config: TeamConfig | None = None,
        load_team: Callable[[Any], Any] | None = None,
    ) -> None:
        self.name = name
        self.config = config
        self.topology = topology = accepted_in(topology, agents, merge)
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
            merge=merge,
            mcp=mcp,
            answer=answer,
            allow=allow,
            read=read,
            load_team=load_team,
        )
        self._members = Members(self.agents, assembly, known, self._form, summary_models(topology.phases, known))
        retries = verify[0].retries if verify[0] else 0
        self.bounds: Bounds = self._members.bounds(topology.phases, limits, retries=retries)
        for path, message in unpriced(self._members, topology.phases, limits, read):
            assembly.say(path, message)
        self.warnings: list[Problem] = assembly.check(self.bounds, limits)
        checked = verify[0] if verify[0] and verify[0].agent is None else None
        self._verify: Check | None = make_check(checked, assembly.verify) if checked else None
        self._verify_retries = retries
        self._verify_config = verify[0]
        self._merge = merge
        self._recording: Recording | None = None
        self._folder: str | os.PathLike[str] | None = None
        self._untils = {
            phase.name: make_check(phase.until, assembly.untils.get(phase.until.function or ""))
            for phase in topology.phases
            if phase.until is not None
        }

    def with_model(self, model: Model) -> Self:
        """The same team with this one model for all its agents: a script, a recording, a function."""
        models = Models({"default": model}, os.environ)
        if models.faults:
            raise ConfigError(models.faults["default"])
        return self._with(self._members.with_models(models))

    def recorded(self, run_id: str, *, journal: Address = DEFAULT_JOURNAL) -> Self:
        """The same team, whose models answer what they answered in a recorded run, and are never asked.

        What that run did not ask ends a run, with the difference. Raises: RunNotFound, JournalError.
        """
        return self._answered_by(recording(run_id, journal))

    def cached(self, path: str | os.PathLike[str] = DEFAULT_CACHE) -> Self:
        """The same team, whose models' answers are kept in a file, and given from there if they are asked the same.

        Raises: ConfigError if the file cannot be used.
        """
        return self._kept_in(ResponseCache(path))

    def with_private(self, private: Mapping[str, str]) -> Self:
        """The same team, of which each agent named here knows something that no other is told.

        Raises: ConfigError for who is no agent of it, or reads no instructions.
        """
        return self._told(confided(self.agents, private)) if private else self

    def with_instructions(self, more: Mapping[str, str]) -> Self:
        """The same team, of which each agent named here is told more below its instructions."""
        return self._told(instructed(self.agents, more)) if more else self

    def _told(self, agents: Mapping[str, AgentConfig]) -> Self:
        team = copy.copy(self)
        team.agents = {**agents}
        members = replace(self._members, agents=team.agents)
        team.bounds = members.bounds(team.topology.phases, team.limits, retries=team._verify_retries)  # noqa: SLF001
        return team._with(members)  # noqa: SLF001 - another object of this class

    def with_folder(self, folder: str | os.PathLike[str]) -> Self:
        """The same team, whose agents work in this folder, or repository, whatever path their workspaces name."""
        team = copy.copy(self)
        team._folder = folder  # noqa: SLF001 - another object of this class
        return team

    def regrouped(
        self, copies: Mapping[str, str], topology: Topology, *, name: str, asked: Mapping[str, str] | None = None
    ) -> Self:
        """Copies of some of its agents as a team of their own, which nobody watches: what they do by themselves.

        `copies`: by the name of each copy on the topology, the agent. `asked`: by copy, what it is told to do beside
        its instructions. Models, tools, the form of the answer and how it is checked stay; limits of the run do not.
        Raises: TopologyError.
        """
        team = copy.copy(self)
        team.agents = instructed({one: self.agents[agent] for one, agent in copies.items()}, asked or {})
        team.name, team.config, team.topology, team.limits = name, None, topology, Limits()
        assembly = self._members.assembly.of_copies(copies, topology)
        members = Members(team.agents, assembly, self._members.models, self._form)
        team.bounds = members.bounds(topology.phases, team.limits, retries=self._verify_retries)
        team.warnings = assembly.check(team.bounds, team.limits)
        team.__dict__["_untils"] = {}
        return team._with(members)  # noqa: SLF001 - another object of this class

    def _answered_by(self, then: Recording) -> Self:
        teams = {name: team._answered_by(then) for name, team in self._members.assembly.teams.items()}  # noqa: SLF001
        team = self._with(self._members.answering(self._members.models.answered_by(then.provider), teams))
        team._recording = then  # noqa: SLF001 - another object of this class
        return team

    def _kept_in(self, cache: ResponseCache) -> Self:
        teams = {name: team._kept_in(cache) for name, team in self._members.assembly.teams.items()}  # noqa: SLF001
        return self._with(self._members.answering(self._members.models.cached(cache), teams))

    def _with(self, members: Members) -> Self:
        team = copy.copy(self)
        team._members = members  # noqa: SLF001 - another object of this class
        for known in ("description", "hash"):
            team.__dict__.pop(known, None)
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
        models = self._members.models
        used = {models.configs[model].provider for model in self._members.asked() if model in models.configs}
        teams = self._members.assembly.teams.values()
        return models.one is None and used <= {"simulated"} and all(team.simulated for team in teams)

    def assert_scripts_complete(self) -> None:
        """Make sure that scripted models were asked for all that their scripts hold. Raises: ScriptError."""
        for provider in self._made():
            if isinstance(provider, ScriptedProvider):
                provider.assert_complete()

    @property
    def monitors(self) -> Mapping[str, tuple[Any, MonitorConfig]]:
        """The monitors that watch each run, with their configurations."""
        return self._members.assembly.monitors

    @cached_property
    def description(self) -> str:
        """Expanded graph, phases, instructions, models, tools and monitors as JSON; neither limits nor prices."""
        form = None if self._form is None else self._form.schema
        verify = self._verify_config
        members = self._members
        return described(self.agents, self.topology, members.models, members.assembly, verify, form, self._merge)

    @cached_property
    def hash(self) -> str:
        """Changes when, and only when, the description changes: a recorded run goes on with no other team."""
        return digest(self.description)

    def refuse_unready(self) -> None:
        """What is known to be missing, a key above all, is said before anything is spent. Raises: ConfigError."""
        self._members.refuse_unready()

    def _made(self) -> list[Provider]:
        """The providers in use, those of teams on nodes too."""
        teams = self._members.assembly.teams.values()
        return [*self._members.models.made(), *(one for team in teams for one in team._made())]  # noqa: SLF001


def _default_model(environment: Mapping[str, str]) -> str:
    return environment.get("AGENTMESH_MODEL") or DEFAULT_MODEL


def _with_one_model(config: TeamConfig, model: str) -> TeamConfig:
    """`-m scripted:FILE` replaces all models: a script speaks for every agent."""
    agents = {name: agent.model_copy(update={"model": "default"}) for name, agent in config.agents.items()}
    return config.model_copy(update={"models": {"default": model}, "agents": agents})
