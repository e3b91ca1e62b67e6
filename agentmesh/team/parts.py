"""Names become objects: models, tools, occupants of nodes, monitors, checks. Nothing else in the project does this."""

from __future__ import annotations

import asyncio
import copy
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from agentmesh.agents.base import Occupant
from agentmesh.agents.command import CommandAgent
from agentmesh.agents.function import FunctionAgent
from agentmesh.agents.human import HumanAgent
from agentmesh.agents.llm import LLMAgent, LLMSettings
from agentmesh.agents.memory import compaction_share
from agentmesh.agents.verifier import verdict_of
from agentmesh.config.language import did_you_mean
from agentmesh.config.models import AgentConfig, ModelConfig, Price, ToolConfig, VerifyConfig
from agentmesh.errors import ConfigError
from agentmesh.providers.base import Provider
from agentmesh.providers.cache import ResponseCache, kept_in
from agentmesh.providers.function import FunctionProvider
from agentmesh.providers.prices import FREE_PROVIDERS, price_of
from agentmesh.providers.registry import make_provider, parse_model
from agentmesh.providers.windows import context_window
from agentmesh.runner.member import Check
from agentmesh.team.answer import AnswerForm
from agentmesh.team.references import ReferenceFault, load_reference
from agentmesh.team.serving import no_such_server
from agentmesh.tools.calculator import calculator
from agentmesh.tools.calling import call
from agentmesh.tools.context import ask_human
from agentmesh.tools.function import FunctionTool
from agentmesh.tools.mcp import ServerTool
from agentmesh.tools.programs import run_program
from agentmesh.tools.results import LongResults
from agentmesh.tools.results import definition as read_result_definition
from agentmesh.tools.workspaces.tools import QUICK, WORKSPACE_TOOLS
from agentmesh.topology.phases import Until

BUILT_IN_TOOLS: dict[str, Callable[..., Any]] = {"calculator": calculator, "ask_human": ask_human}
OwnTool = FunctionTool | ServerTool
"""What an agent may call that does not act on the graph."""
Model = str | ModelConfig | Provider | Callable[..., Any]
"""How a model may be given: provider:model[@base_url], its configuration, a provider, or fn(request)."""


class Models:
    """The models of a team by name. Providers are made once, on first use, and shared by all runs."""

    def __init__(self, given: Mapping[str, Model], environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._providers: dict[str, Provider] = {}
        self._given: dict[str, Provider] = {}
        self.configs: dict[str, ModelConfig] = {}
        self.faults: dict[str, str] = {}
        """Why a model that was given under a name is none."""
        self.one: Provider | None = None
        """Answers in place of all of them."""
        self._cache: ResponseCache | None = None
        for name, model in given.items():
            try:
                self.add(name, model)
            except ConfigError as error:
                self.faults[name] = error.problems[0].message

    def add(self, name: str, model: Model) -> None:
        """Know a model under a name. Raises: ConfigError."""
        if isinstance(model, str):
            self.configs[name] = parse_model(model)
        elif isinstance(model, ModelConfig):
            self.configs[name] = model
        elif isinstance(model, Provider):
            self._given[name] = model
        else:
            called = getattr(model, "__name__", name)
            self.configs.setdefault(name, ModelConfig(provider="function", model=called))
            self._given[name] = FunctionProvider(model, f"function:{called}")

    def name_of(self, model: Model) -> str:
        """The name under which an agent's model is known from now on."""
        if not isinstance(model, str):
            name = f"{getattr(model, '__name__', type(model).__name__)}:{id(model)}"
            if name not in self.configs and name not in self._given:
                self.add(name, model)
            return name
        if not any(model in known for known in (self.configs, self._given, self.faults)):
            self.add(model, model)
        return model

    def provider(self, name: str) -> Provider:
        """The provider of a model, made now if it was not yet. Raises: ConfigError."""
        if name not in self._providers:
            self._providers[name] = self.one or self._made(name, self.configs.get(name))
        return self._providers[name]

    def _made(self, name: str, config: ModelConfig | None) -> Provider:
        given, environment, cache = self._given, self._environment, self._cache
        if config is None:
            return kept_in(cache, given[name])
        return make_provider(
            config, name=name, models=self.configs, providers=given, environment=environment, cache=cache
        )

    def answered_by(self, one: Provider) -> Models:
        """The same models, in place of all of which one provider answers, for nothing."""
        other = self.again()
        other.one = one
        return other

    def cached(self, cache: ResponseCache) -> Models:
        """The same models, whose answers are kept."""
        other = self.again()
        other._cache = cache  # noqa: SLF001 - another object of this class
        return other

    def again(self) -> Models:
        """The same models, whose providers are made anew."""
        other = copy.copy(self)
        other._providers = {}  # noqa: SLF001 - another object of this class
        return other

    def row(self, name: str) -> list[str]:
        """The model and all that stand in for it."""
        row = [name]
        for one in row:  # grows while it is read
            config = self.configs.get(one)
            row += [other for other in (config.fallback if config else ()) if other not in row]
        return row

    def is_given(self, name: str) -> bool:
        """Whether the model is a function or an object of the caller."""
        return name in self._given

    def price(self, name: str) -> Price | None:
        """A price that neither the model nor any that stands in for it exceeds, or None if one is not known."""
        prices = [self.price_of_one(one) for one in self.row(name)]
        known = [price for price in prices if price is not None]
        if len(known) < len(prices):
            return None
        return Price(input=max(price.input for price in known), output=max(price.output for price in known))

    def price_of_one(self, name: str) -> Price | None:
        """The price of the model alone. An object of the caller may have one in its attribute `price`."""
        if self.one is not None:
            return Price(input=0, output=0)
        if name in self.configs:
            return price_of(self.configs[name])
        given = self._given.get(name)
        free = given is not None and given.model_id.partition(":")[0] in (*FREE_PROVIDERS, "replay")
        return getattr(given, "price", Price(input=0, output=0) if free else None)

    def unready(self, names: Iterable[str]) -> list[tuple[str, str]]:
        """Models that cannot be asked now, and why: no key, for one."""
        asked = ((name, getattr(self.provider(name), "unready", None)) for name in dict.fromkeys(names))
        return [(name, fault) for name, unready in asked if unready is not None and (fault := unready())]

    def made(self) -> list[Provider]:
        """The providers in use."""
        return list(self._providers.values())


_held: WeakKeyDictionary[asyncio.AbstractEventLoop, Counter[int]] = WeakKeyDictionary()
"""How many runs hold each provider (by identity) in each event loop."""


def hold(providers: Iterable[Provider]) -> None:
    """Keep these providers open for one more run, in the running event loop."""
    _held.setdefault(asyncio.get_running_loop(), Counter()).update(map(id, providers))


async def let_go(providers: Iterable[Provider]) -> None:
    """End what `hold` began, and close each provider that no other run holds."""
    held = _held[asyncio.get_running_loop()]
    for provider in providers:
        held[id(provider)] -= 1
        if not held[id(provider)]:
            del held[id(provider)]
            await provider.aclose()


def find_tools(
    agent: AgentConfig,
    given: Mapping[str, Callable[..., Any]],
    allow: Collection[str],
    served: Collection[int] = (),
    servers: Collection[str] | None = (),
) -> tuple[dict[str, FunctionTool], list[tuple[int, str]]]:
    """An agent's own tools by name; and which entries of its list are none, with what is wrong with them.

    `served`: the entries that name tools of `servers`, which are found when a run begins; None: these are not known.
    """
    tools: dict[str, FunctionTool] = {}
    faults: list[tuple[int, str]] = []
    for index, entry in enumerate(agent.tools):
        if index in served:
            continue
        named = entry.use if isinstance(entry, ToolConfig) else entry
        strange = no_such_server(named, servers or ()) if isinstance(named, str) and named not in given else None
        if strange is not None:
            faults += [(index, strange)] if servers is not None else []
            continue
        try:
            made = _tool(entry, agent, given, allow)
        except ReferenceFault as fault:
            faults.append((index, str(fault)))
        except ConfigError as error:
            faults += [(index, problem.message) for problem in error.problems]
        else:
            if made.name in tools:
                faults.append((index, f"two tools are named '{made.name}'"))
            tools[made.name] = made
    return tools, faults


def _tool(
    entry: Any, agent: AgentConfig, given: Mapping[str, Callable[..., Any]], allow: Collection[str]
) -> FunctionTool:
    if isinstance(entry, ToolConfig):
        tool = copy.copy(_tool(entry.use, agent, given, allow))
        tool.requires, tool.trust, tool.approve = entry.requires, entry.trust, entry.approve
        return tool
    if isinstance(entry, FunctionTool):
        return entry
    if callable(entry):
        return FunctionTool(entry)
    if entry in given:
        return FunctionTool(given[entry], name=entry)
    if entry in BUILT_IN_TOOLS:
        return FunctionTool(BUILT_IN_TOOLS[entry], name=entry, quick=entry == "calculator")
    if entry in WORKSPACE_TOOLS:
        if agent.workspace is None:
            raise ReferenceFault(f"'{entry}' works on files; give the agent a `workspace`, or remove it")
        return FunctionTool(WORKSPACE_TOOLS[entry], name=entry, quick=entry in QUICK)
    if ":" in entry:
        return FunctionTool(load_reference(entry, allow))
    known = [*given, *BUILT_IN_TOOLS, *(WORKSPACE_TOOLS if agent.workspace else ())]
    allowed = f"known: {', '.join(known)}, or package.module:function{did_you_mean(entry, known)}"
    raise ReferenceFault(f"there is no tool '{entry}'; {allowed}")


def make_occupant(
    agent: AgentConfig,
    settings: ModelConfig | None,
    tools: Mapping[str, OwnTool],
    form: AnswerForm | None,
    function: Callable[..., Any] | None,
    seed: int | None,
) -> Occupant:
    """What stands on the node in one run."""
    match agent.kind:
        case "llm":
            chosen = settings or ModelConfig(provider="function")
            return LLMAgent(
                agent,
                LLMSettings(
                    tools=_definitions(tools.values()),
                    schema=form.schema if form else None,
                    temperature=chosen.temperature,
                    top_p=chosen.top_p,
                    reasoning_effort=chosen.reasoning_effort,
                    seed=seed,
                    timeout_s=chosen.timeout_s,
                    # Looked up only where it matters: the table takes a second to load.
                    context_window=0 if compaction_share(agent.memory) is None else context_window(chosen),
                ),
                LongResults(agent.max_result),
            )
        case "function":
            assert function is not None, "checked when the team was made"
            return FunctionAgent(function)
        case "command":
            assert agent.command is not None, "checked by the configuration"
            return CommandAgent(agent.command)
        case "human":
            return HumanAgent(agent.instructions)
        case "team":
            raise ConfigError("teams as agents are made by the team")
        case "vote" | "board":
            raise ConfigError(f"a {agent.kind} takes no turns")


def _definitions(tools: Collection[OwnTool]) -> list[dict[str, Any]]:
    """What a model is told of an agent's own tools, and of how to read their results where they may be long."""
    found = [tool.definition for tool in tools]
    return found if all(tool.quick for tool in tools) else [*found, read_result_definition()]


def make_check(verify: VerifyConfig | Until, function: Callable[..., Any] | None) -> Check:
    """How an answer, or what a phase came to, is checked from outside the team."""
    if function is not None:
        return lambda answer: _call_check(function, answer)
    argv, timeout_s = verify.command or (), verify.timeout_s

    async def run(answer: str) -> tuple[bool, str]:
        done = await run_program(argv, answer, timeout_s)
        return done.returncode == 0, (done.stderr or done.stdout).strip()[-500:]

    return run


async def _call_check(function: Callable[..., Any], answer: str) -> tuple[bool, str]:
    return verdict_of(await call(function, answer))
