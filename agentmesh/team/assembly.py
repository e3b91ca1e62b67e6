"""Everything a team names, found; and everything that is wrong with it, said at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentmesh.config.loader import Loaded
from agentmesh.config.models import AgentConfig, Limits, MonitorConfig, VerifyConfig
from agentmesh.errors import ConfigError, Problem, TopologyError
from agentmesh.messages import RUN, USER
from agentmesh.providers.registry import unsupported
from agentmesh.team.parts import Models, find_tools
from agentmesh.team.references import ReferenceFault, load_reference
from agentmesh.tools.function import FunctionTool
from agentmesh.topology.bounds import Bounds
from agentmesh.topology.checks import lint
from agentmesh.topology.graph import Topology


@dataclass
class Assembly:
    """What the names of a team stand for, by agent or by name."""

    topology: Topology
    configs: Models
    loaded: Loaded | None
    models: dict[str, str] = field(default_factory=dict)
    tools: dict[str, dict[str, FunctionTool]] = field(default_factory=dict)
    functions: dict[str, Callable[..., Any]] = field(default_factory=dict)
    monitors: dict[str, tuple[Any, MonitorConfig]] = field(default_factory=dict)
    rewrites: dict[str, Callable[[str], str]] = field(default_factory=dict)
    verify: Callable[..., Any] | None = None
    problems: list[Problem] = field(default_factory=list)

    def check(self, bounds: Bounds, limits: Limits) -> list[Problem]:
        """Warnings; errors are raised, all together. Raises: ConfigError, TopologyError."""
        faults = lint(self.topology, bounds, limits)
        errors = [self.problem(("topology",), fault.message) for fault in faults if fault.fatal]
        if self.problems or errors:
            kind = ConfigError if self.problems else TopologyError
            raise kind([*self.problems, *errors], self.loaded.path if self.loaded else "team")
        warnings = list(self.loaded.warnings) if self.loaded else []
        return warnings + [self.problem(("topology",), fault.message) for fault in faults if not fault.fatal]

    def problem(self, path: Sequence[str | int], message: str) -> Problem:
        """A problem where the file names the thing; without a file, at its path."""
        if self.loaded is not None:
            return self.loaded.problem(path, message)
        return Problem(0, 0, ".".join(map(str, path)), message)


def assemble(
    *,
    agents: Mapping[str, AgentConfig],
    topology: Topology,
    models: Models,
    tools: Mapping[str, Callable[..., Any]],
    functions: Mapping[str, Callable[..., Any]],
    monitors: Mapping[str, tuple[Any, MonitorConfig]],
    verify: tuple[VerifyConfig | None, Callable[..., Any] | None],
    allow: Collection[str],
    loaded: Loaded | None,
) -> Assembly:
    """Find everything; problems are kept, not raised, so that they come all at once."""
    made = Assembly(topology, models, loaded)
    _find_agents(made, agents, tools, functions, allow)
    _find_models(made, allow)
    for name, (monitor, config) in monitors.items():
        _find_monitor(made, name, monitor, config, allow)
    for phase in topology.phases:
        for edge in phase.edges:
            if edge.rewrite is not None and edge.rewrite not in made.rewrites:
                rewrite = tools.get(edge.rewrite) or _load(made, edge.rewrite, allow, ("topology", "edges"))
                made.rewrites[edge.rewrite] = rewrite
    asked, function = verify
    if asked is not None and asked.function is not None:
        made.verify = function or _load(made, asked.function, allow, ("verify", "function"))
    return made


def _find_agents(
    made: Assembly,
    agents: Mapping[str, AgentConfig],
    tools: Mapping[str, Callable[..., Any]],
    functions: Mapping[str, Callable[..., Any]],
    allow: Collection[str],
) -> None:
    for name in made.topology.nodes:
        agent = agents.get(name)
        if agent is None:
            known = ", ".join(agents) or "none"
            made.problems.append(made.problem(("topology",), f"'{name}' is no agent; agents: {known}"))
            continue
        if name in {RUN, USER}:
            made.problems.append(made.problem(("agents", name), f"'{name}' is reserved"))
        path = ("agents", name)
        made.tools[name] = {}
        try:
            made.tools[name] = find_tools(agent, tools, allow)
        except ReferenceFault as fault:
            made.problems.append(made.problem((*path, "tools"), str(fault)))
        except ConfigError as error:
            made.problems += [made.problem((*path, "tools"), problem.message) for problem in error.problems]
        if agent.kind == "llm":
            _find_model(made, name, agent)
        elif agent.kind == "function":
            given = functions.get(name) or agent.function
            if given is None:
                made.problems.append(made.problem(path, "kind: function needs `function: package.module:function`"))
            else:
                made.functions[name] = _load(made, given, allow, (*path, "function"))


def _find_model(made: Assembly, name: str, agent: AgentConfig) -> None:
    try:
        model = made.models[name] = made.configs.name_of(agent.model)
        config = made.configs.configs.get(model)
        if config is not None and agent.temperature is not None:
            own = config.model_copy(update={"temperature": agent.temperature})
            faults = [message for key, message in unsupported(own) if key == "temperature"]
            made.problems += [made.problem(("agents", name, "temperature"), message) for message in faults]
    except ConfigError as error:
        made.problems += [made.problem(("agents", name, "model"), problem.message) for problem in error.problems]


def _find_models(made: Assembly, allow: Collection[str]) -> None:
    """Parameters that a model does not take, and models that cannot be made, are found before the run."""
    models = made.configs
    rows = {model: models.row(model) for model in dict.fromkeys(made.models.values())}
    broken: set[str] = set()
    for model in dict.fromkeys(one for row in rows.values() for one in row):
        config = models.configs.get(model)
        if config is None:
            continue
        faults = unsupported(config)
        made.problems += [made.problem(("models", model, key), message) for key, message in faults]
        if config.provider == "function" and not models.is_given(model):
            function = _load(made, config.model, allow, ("models", model, "model"))
            if callable(function):
                models.add(model, function)
            else:
                broken.add(model)
        if faults:
            broken.add(model)
    for model, row in rows.items():
        if broken.isdisjoint(row):
            try:
                models.provider(model)
            except ConfigError as error:
                made.problems += [made.problem(("models", model), problem.message) for problem in error.problems]


def _find_monitor(made: Assembly, name: str, monitor: Any, config: MonitorConfig, allow: Collection[str]) -> None:
    if monitor is None:
        path = ("monitors", name)
        if config.use is None:
            made.problems.append(made.problem(path, f"there is no monitor '{name}'; say use: package.module:Name"))
            return
        monitor = _load(made, config.use, allow, (*path, "use"))
    made.monitors[name] = (monitor, config)


def _load(made: Assembly, given: Any, allow: Collection[str], path: Sequence[str | int]) -> Any:
    if not isinstance(given, str):
        return given
    try:
        return load_reference(given, allow)
    except ReferenceFault as fault:
        made.problems.append(made.problem(path, str(fault)))
        return None
