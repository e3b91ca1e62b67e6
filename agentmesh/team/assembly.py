"""Everything a team names, found; and everything that is wrong with it, said at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentmesh.config.language import did_you_mean, one_of
from agentmesh.config.loader import Draft, Loaded, once
from agentmesh.config.merging import check_merge
from agentmesh.config.models import AgentConfig, Limits, ModelConfig, MonitorConfig, VerifyConfig
from agentmesh.config.names import expand_agents, replicas_of
from agentmesh.config.programs import functions_of
from agentmesh.config.servers import ServerConfig
from agentmesh.config.source import written
from agentmesh.config.workspaces import MergeConfig
from agentmesh.errors import ConfigError, Problem, TopologyError
from agentmesh.messages import RUN, USER
from agentmesh.providers.registry import unsupported
from agentmesh.providers.schema_faults import schema_faults
from agentmesh.team.brought import Brought, unused
from agentmesh.team.graphs import draw, faults_drawn, place_of
from agentmesh.team.ladders import ladder_faults
from agentmesh.team.named import rewrites_named, untils_named
from agentmesh.team.parts import Models, OwnTool, find_tools
from agentmesh.team.references import UNLOADED, ReferenceFault, load_reference
from agentmesh.team.serving import Wanted, unused_servers, wanted_of
from agentmesh.team.verifying import Declared, declared, unfit
from agentmesh.team.watches import fault_of, find_monitor
from agentmesh.topology.bounds import Bounds
from agentmesh.topology.checks import lint
from agentmesh.topology.graph import Topology

Place = Sequence[str | int]
_WHOSE_REQUEST = ("provider", "model", "base_url")
"""Keys of a model that decide which others it takes."""


@dataclass
class Assembly:
    """What the names of a team stand for, by agent or by name."""

    topology: Topology | None
    configs: Models
    read: Loaded | Draft | None
    allow: Collection[str] = ()
    models: dict[str, str] = field(default_factory=dict)
    tools: dict[str, dict[str, OwnTool]] = field(default_factory=dict)
    servers: Mapping[str, ServerConfig] = field(default_factory=dict)
    wanted: dict[str, tuple[Wanted, ...]] = field(default_factory=dict)
    """By node: the tools of servers that it may call, which are found when a run begins."""
    functions: dict[str, Callable[..., Any]] = field(default_factory=dict)
    monitors: dict[str, tuple[Any, MonitorConfig]] = field(default_factory=dict)
    judges: dict[str, str] = field(default_factory=dict)
    """By monitor: the model that judges what it suspects."""
    rewrites: dict[str, Callable[[str], str]] = field(default_factory=dict)
    untils: dict[str, Callable[..., Any]] = field(default_factory=dict)
    """By reference: the functions that say whether a phase is over."""
    teams: dict[str, Any] = field(default_factory=dict)
    """By node: the teams that stand on nodes."""
    load_team: Callable[[Any], Any] | None = None
    """Makes a team of what an agent's `team` names. Raises: ConfigError."""
    verify: Callable[..., Any] | None = None
    verifier: Declared | None = None
    problems: list[Problem] = field(default_factory=list)

    def of_copies(self, copies: Mapping[str, str], topology: Topology) -> Assembly:
        """What the names of copies of some agents stand for, on a topology of their own; nobody watches them."""
        if self.verifier is not None:
            copies = {**copies, self.verifier.name: self.verifier.name}

        def copied(found: Mapping[str, Any]) -> dict[str, Any]:
            return {copy: found[agent] for copy, agent in copies.items() if agent in found}

        return Assembly(
            topology,
            self.configs,
            None,
            models=copied(self.models),
            tools=copied(self.tools),
            servers=self.servers,
            wanted=copied(self.wanted),
            functions=copied(self.functions),
            teams=copied(self.teams),
            verify=self.verify,
            verifier=self.verifier,
        )

    def check(self, bounds: Bounds, limits: Limits) -> list[Problem]:
        """Warnings; errors are raised, all together. Raises: ConfigError, TopologyError."""
        assert self.topology is not None, "a draft is refused, not checked"
        faults = lint(self.topology, bounds, limits)
        errors = [self.problem(place_of(fault, self.read), fault.message) for fault in faults if fault.fatal]
        if self.problems or errors:
            kind = ConfigError if self.problems else TopologyError
            raise kind(once([*self.problems, *errors]), self.read.path if self.read else "team")
        warnings = list(self.read.warnings) if isinstance(self.read, Loaded) else []
        odd = (fault for fault in faults if not fault.fatal)
        return warnings + [self.problem(place_of(fault, self.read), fault.message) for fault in odd]

    def problem(self, path: Place, message: str, *, at_key: bool = False) -> Problem:
        """A problem where the file names the thing; without a file, at its path."""
        if self.read is not None:
            return self.read.problem(path, message, at_key=at_key)
        return Problem(0, 0, written(path), message)

    def say(self, path: Place, message: str, *, about: Place = (), at_key: bool = False) -> None:
        """Keep a problem, unless what it is `about`, by default its own place, was told to be wrong already."""
        if self.is_settled(about or path):
            self.problems.append(self.problem(path, message, at_key=at_key))

    def is_settled(self, path: Place) -> bool:
        """Whether nothing wrong is known yet about what the file says at the path."""
        return not isinstance(self.read, Draft) or self.read.is_settled(path)

    def load(self, given: Any, path: Place, *, allow: Collection[str] | None = None) -> Any:
        """The object that a reference names, or the object itself."""
        if not isinstance(given, str) or not self.is_settled(path):
            return given
        try:
            return load_reference(given, self.allow if allow is None else allow)
        except ReferenceFault as fault:
            self.say(path, str(fault))
            return None


def assemble(
    *,
    agents: Mapping[str, AgentConfig],
    topology: Topology | None,
    models: Models,
    brought: Brought,
    monitors: Mapping[str, tuple[Any, MonitorConfig]],
    verify: tuple[VerifyConfig | None, Callable[..., Any] | None],
    merge: MergeConfig | None,
    mcp: Mapping[str, ServerConfig],
    answer: Any,
    allow: Collection[str],
    read: Loaded | Draft | None,
    load_team: Callable[[Any], Any] | None = None,
) -> Assembly:
    """Find everything; problems are kept, not raised, so that they come all at once."""
    made = Assembly(topology, models, read, allow, load_team=load_team, servers=mcp)
    made.verifier = declared(verify[0], agents)
    for name, nodes in _entries(made, agents):
        if nodes[0] in agents:  # votes and boards name nothing
            _find_agent(made, name, nodes, agents, brought)
    if read is None and topology is not None:
        _find_strangers(made, topology, agents, verify[0])
    _find_unused_servers(made)
    for name, (_, config) in monitors.items():
        _find_judge(made, name, config)
    _find_models(made)
    for name, (monitor, config) in monitors.items():
        _find_monitor(made, name, monitor, config)
        for place, message in ladder_faults(config, agents, topology) if made.is_settled(("agents",)) else ():
            made.say(("monitors", name, *place), message)
    _find_functions(made, made.rewrites, rewrites_named(topology, read), brought)
    _find_functions(made, made.untils, untils_named(topology, read), brought)
    asked, function = verify
    if asked is not None and asked.function is not None:
        made.verify = function or made.load(asked.function, ("verify", "function"))
    _find_merge(made, merge, asked, agents)
    if isinstance(answer, Mapping):
        for fault in schema_faults(answer):
            made.say(("answer", "schema", *fault.path), fault.message, at_key=fault.at_key)
    judging = [config.judge.model for _, config in monitors.values() if config.judge is not None]
    made.problems += unused(brought, agents, models.configs, topology, read, judging)
    return made


def refusal(
    draft: Draft,
    brought: Brought,
    monitors: Mapping[str, tuple[Any, MonitorConfig]],
    allow: Collection[str],
    environment: Mapping[str, str],
    load_team: Callable[[Any], Any] | None = None,
) -> ConfigError:
    """Everything wrong with a file that is not valid: what reading it found, and what is wrong with its valid parts."""
    parts = draft.parts
    agents = expand_agents(parts.agents)
    made = assemble(
        agents=agents,
        topology=draw(draft)[1],
        models=Models({**(parts.models or {}), **brought.models}, environment),
        brought=brought,
        monitors=monitors,
        verify=(parts.verify, None),
        merge=parts.merge,
        mcp=parts.mcp,
        answer=parts.answer.answer_schema if parts.answer else None,
        allow=allow,
        read=draft,
        load_team=load_team,
    )
    faults = [
        made.problem(place_of(fault, draft), fault.message) for fault in faults_drawn(draft, made.topology, agents)
    ]
    return ConfigError(once([*draft.problems, *made.problems, *faults]), draft.path)


def _entries(made: Assembly, agents: Mapping[str, AgentConfig]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The agents as they were declared, and the nodes that each of them is."""
    read, nodes = made.read, agents if made.topology is None else made.topology.nodes
    if read is None:
        verifier = made.verifier.name if made.verifier else ""
        yield from ((name, (name,)) for name in agents if name in (*nodes, verifier) or agents[name].reserve)
    else:
        declared = read.parts.agents if isinstance(read, Draft) else read.config.agents
        yield from ((name, replicas_of(name, agent)) for name, agent in declared.items())


def _find_agent(
    made: Assembly, name: str, nodes: tuple[str, ...], agents: Mapping[str, AgentConfig], brought: Brought
) -> None:
    """What an agent's entry names, once for all its replicas."""
    path = ("agents", name)
    agent = agents[nodes[0]]
    wanted = wanted_of(path, agent, made.servers)
    served = [int(one.path[-1]) for one in wanted]
    servers = made.servers if made.is_settled(("mcp",)) else None
    tools, faults = find_tools(agent, brought.tools, made.allow, served, servers)
    for index, message in faults:
        made.say((*path, "tools", index), message)
    made.tools.update((node, {**tools}) for node in nodes)
    made.wanted.update(dict.fromkeys(nodes, wanted))
    if agent.kind == "llm" and made.is_settled((*path, "kind")):
        _find_model(made, name, nodes, agent)
    elif agent.kind == "function":
        for node in nodes:
            function = brought.functions.get(node) or brought.functions.get(name) or agent.function
            if function is None:
                made.say((*path, "function"), "kind: function needs `function: package.module:function`")
            else:
                made.functions[node] = made.load(function, (*path, "function"))
    elif agent.kind == "team" and made.load_team is not None and made.is_settled((*path, "team")):
        _find_team(made, path, nodes, agent)


def _find_team(made: Assembly, path: Place, nodes: tuple[str, ...], agent: AgentConfig) -> None:
    """The team that stands on a node; of one that is wrong the first fault is told, and how many there are."""
    assert made.load_team is not None
    try:
        team = made.load_team(agent.team)
    except ConfigError as error:
        first, *others = error.problems
        more = f" (and {len(others)} more)" if others else ""
        where = error.file or str(agent.team)
        made.say((*path, "team"), f"the team is wrong: {first.at(where)}{more}")
        return
    made.teams.update(dict.fromkeys(nodes, team))


def _find_strangers(
    made: Assembly, topology: Topology, agents: Mapping[str, AgentConfig], verify: VerifyConfig | None
) -> None:
    """Nodes that are nobody, and agents that may not be what they are. Of a file the loader says it."""
    for one in unfit(verify, agents, topology):
        made.say(one.path, one.message)
    for node in topology.nodes:
        if node in {RUN, USER}:
            made.say(("agents", node), f"'{node}' is reserved")
        elif node not in agents:
            made.say(("topology",), f"'{node}' is no agent; agents: {one_of(agents)}{did_you_mean(node, agents)}")
        elif agents[node].replicas > 1:
            made.say(
                ("agents", node, "replicas"), "replicas are for files; in Python make so many agents by their names"
            )


def _find_model(made: Assembly, name: str, nodes: tuple[str, ...], agent: AgentConfig) -> None:
    if not made.is_settled(("models",)):
        return  # its names are not known
    try:
        model = made.configs.name_of(agent.model)
    except ConfigError as error:
        for problem in error.problems:
            made.say(("agents", name, "model"), problem.message)
        return
    made.models.update(dict.fromkeys(nodes, model))
    config = made.configs.configs.get(model)
    if config is not None and agent.temperature is not None and _is_certain(made, ("agents", name), model):
        own = config.model_copy(update={"temperature": agent.temperature})
        for key, message in unsupported(own):
            if key == "temperature":
                made.say(("agents", name, key), message)


def _is_certain(made: Assembly, path: Place, model: str) -> bool:
    """Whether it is known who answers for a model: which parameters it takes depends on that."""
    places = [("models", model, key) for key in _WHOSE_REQUEST]
    return all(made.is_settled(place) for place in [*places, (*path, "model")])


def _find_models(made: Assembly) -> None:
    """Parameters that a model does not take, and models that cannot be made, are found before the run."""
    models = made.configs
    for name, message in models.faults.items():
        made.say(("models", name), message)
    rows = {
        model: models.row(model)
        for model in dict.fromkeys([*made.models.values(), *_summarising(made), *made.judges.values()])
    }
    used = {one for row in rows.values() for one in row}
    whole = {model for model, config in list(models.configs.items()) if _is_usable(made, model, config, model in used)}
    for model, row in rows.items():
        if whole.issuperset(one for one in row if not models.is_given(one)):
            try:
                models.provider(model)
            except ConfigError as error:
                for problem in error.problems:
                    made.say(("models", model), problem.message)


def _summarising(made: Assembly) -> Iterator[str]:
    """The models that edges ask for summaries, those that are known."""
    for phase in made.topology.phases if made.topology is not None else ():
        for edge in phase.edges:
            if edge.carries == "summary" and (edge.model in made.configs.configs or made.configs.is_given(edge.model)):
                yield edge.model


def _is_usable(made: Assembly, model: str, config: ModelConfig, used: bool) -> bool:
    """Whether a model takes its parameters and, if it is a function, is there. Only those in use are imported."""
    path = ("models", model)
    if not _is_certain(made, path, model):
        return False
    faults = unsupported(config)
    for key, message in faults:
        made.say((*path, key), message)
    if config.provider == "function" and not made.configs.is_given(model):
        function = made.load(config.model, (*path, "model"), allow=made.allow if used else UNLOADED)
        if not callable(function):
            return False
        made.configs.add(model, function)
    return not faults


def _find_functions(
    made: Assembly, found: dict[str, Callable[..., Any]], named: Iterator[tuple[str, Place]], brought: Brought
) -> None:
    """The functions that edges and phases name, by their references; each place of a wrong one is told."""
    for reference, path in named:
        function = brought.tools.get(reference) or made.load(reference, path)
        if function is not None:
            found[reference] = function


def _find_merge(
    made: Assembly, merge: MergeConfig | None, verify: VerifyConfig | None, agents: Mapping[str, AgentConfig]
) -> None:
    phases = made.topology.phases if made.topology is not None else ()
    orders = [phase.order for phase in phases] or ["tasks"]
    plans = [phase.planning for phase in phases if phase.planning is not None]
    workers = [name for plan in plans for name in plan.planner_of if name not in (*plan.workers, plan.reconcile)]
    for remark in check_merge(agents, merge, verify, orders, workers if phases else None):
        made.say(remark.path, remark.message, at_key=remark.at_key)


def _find_unused_servers(made: Assembly) -> None:
    for fault in unused_servers(made.servers, made.wanted):
        made.say(("mcp", fault.path), fault.message, about=("agents",), at_key=True)


def _find_judge(made: Assembly, name: str, config: MonitorConfig) -> None:
    path = ("monitors", name, "judge")
    if config.judge is None or not made.is_settled(("models",)) or not made.is_settled(path):
        return
    try:
        made.judges[name] = made.configs.name_of(config.judge.model)
    except ConfigError as error:
        for problem in error.problems:
            made.say((*path, "model"), problem.message, about=path)


def _find_monitor(made: Assembly, name: str, monitor: Any, config: MonitorConfig) -> None:
    path = ("monitors", name)
    if monitor is None:
        key = path if config.use is None else (*path, "use")
        if not made.is_settled(key):
            return
        try:
            monitor = find_monitor(name, config, made.allow)
        except ReferenceFault as fault:
            made.say(key, str(fault), about=(*path, "use"))
            return
    for parameter, function in functions_of(name, config).items():
        loaded = {**config.parameters, parameter: made.load(function, (*path, "parameters", parameter))}
        config = config.model_copy(update={"parameters": loaded})
    unfit = None if made.allow is UNLOADED and config.use is not None else fault_of(monitor, config)
    if unfit is not None:
        made.say((*path, "parameters"), unfit)
    made.monitors[name] = (monitor, config)
