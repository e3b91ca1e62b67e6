"""Tools of MCP servers in one run: who may call which, asked of the servers or taken from a log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from agentmesh.agents.quoting import escaped
from agentmesh.config.language import did_you_mean, one_of
from agentmesh.config.models import AgentConfig, ToolConfig
from agentmesh.config.servers import ALL, SEPARATOR, ServerConfig, asked_of
from agentmesh.errors import ConfigError, Problem, RunChanged, ToolError
from agentmesh.events import Event, Json, RunStarted, ToolCallFinished
from agentmesh.messages import Trust
from agentmesh.runner.past import relative
from agentmesh.tools.context import ToolContext
from agentmesh.tools.mcp import Call, Connection, ServerFault, ServerTool, connected, definition_of, told_name

if TYPE_CHECKING:
    from agentmesh.team.assembly import Assembly
    from agentmesh.team.recorded import Recording

Offers = Mapping[str, tuple[Json, ...]]
"""By server: the definitions of those of its tools that some agent may call, in the order of their names."""


@dataclass(frozen=True)
class Wanted:
    """An entry of an agent's `tools` that names a tool of a server, or all of them."""

    path: tuple[str | int, ...]
    server: str
    tool: str
    requires: Trust | None
    trust: Trust
    approve: bool

    @classmethod
    def of(cls, path: tuple[str | int, ...], entry: Any, servers: Mapping[str, ServerConfig]) -> Wanted | None:
        """What the entry asks of one of these servers; None if it is no such entry."""
        named = entry.use if isinstance(entry, ToolConfig) else entry
        asked = asked_of(named, servers) if isinstance(named, str) else None
        if asked is None:
            return None
        server, tool = asked
        rules = entry if isinstance(entry, ToolConfig) else ToolConfig(use=str(named))
        # A tool of ours is trusted unless the file says otherwise; one of a server, as the server is.
        trust = rules.trust if "trust" in rules.model_fields_set else servers[server].trust
        return cls(path, server, tool, rules.requires, trust, rules.approve)

    @property
    def name(self) -> str:
        """By which models call the tool."""
        return told_name(self.server, self.tool)

    def takes(self, definition: Json, named: Collection[str]) -> bool:
        """Whether the entry stands for this tool. `named`: what other entries of the agent name one by one."""
        name = definition["function"]["name"]
        return name not in named if self.tool == ALL else name == self.name


def wanted_of(
    path: tuple[str | int, ...], agent: AgentConfig, servers: Mapping[str, ServerConfig]
) -> tuple[Wanted, ...]:
    """The entries of an agent's `tools` that name tools of servers."""
    asked = (Wanted.of((*path, "tools", index), entry, servers) for index, entry in enumerate(agent.tools))
    return tuple(one for one in asked if one is not None)


def used_by(wanted: Mapping[str, Sequence[Wanted]]) -> list[str]:
    """The servers that some agent has a tool of."""
    return list(dict.fromkeys(one.server for several in wanted.values() for one in several))


def no_such_server(entry: str, servers: Iterable[str]) -> str | None:
    """What is wrong with an entry that has the form of a server's tool; None if it has not."""
    server, separator, tool = entry.partition(SEPARATOR)
    if not separator or not server or not tool or ":" in entry:
        return None
    known = list(servers)
    return f"there is no MCP server '{server}'; under `mcp`: {one_of(known)}{did_you_mean(server, known)}"


def unused_servers(servers: Mapping[str, ServerConfig], wanted: Mapping[str, Sequence[Wanted]]) -> Iterator[Problem]:
    """A problem for every server that no agent has a tool of."""
    used = used_by(wanted)
    for name in servers:
        if name not in used:
            entry = f"add {name}{SEPARATOR}TOOL, or {name}{SEPARATOR}{ALL} for all, to the `tools` of one"
            yield Problem(0, 0, name, f"no agent may call a tool of it; {entry}, or remove the server")


@dataclass(frozen=True)
class Serving:
    """What servers offer the agents of one run, and how it is called."""

    offers: Offers = field(default_factory=dict)
    call: Callable[[str, str], Call] | None = None
    """By server and the name that models know."""

    def tools(self, wanted: Mapping[str, Sequence[Wanted]]) -> dict[str, dict[str, ServerTool]]:
        """By node and name: the tools that it may call."""
        return {node: self._tools_of(entries) for node, entries in wanted.items() if entries}

    def _tools_of(self, entries: Sequence[Wanted]) -> dict[str, ServerTool]:
        named = {entry.name for entry in entries if entry.tool != ALL}
        tools: dict[str, ServerTool] = {}
        for entry in entries:
            for definition in self.offers.get(entry.server, ()):
                if entry.takes(definition, named):
                    name = definition["function"]["name"]
                    call = self.call(entry.server, name) if self.call else _uncalled
                    tools[name] = ServerTool(definition, call, entry.requires, entry.trust, entry.approve)
        return tools

    def refuse_changed(self, run_id: str, before: Offers) -> None:
        """A run goes on only with the tools that it began with. Raises: RunChanged with the difference."""
        import json

        from agentmesh.team.description import difference

        then, now = (json.dumps(dict(offers), ensure_ascii=False, indent=1) for offers in (before, self.offers))
        if then != now:
            why = f"run {run_id} cannot go on: a server has changed what its tools are told to be"
            raise RunChanged(f"{why} (`fork` starts a new run from any of its events):\n{difference(then, now)}")


async def _uncalled(arguments: dict[str, Any], context: ToolContext) -> str:
    raise ToolError("no server is asked where a run is only gone through")


@asynccontextmanager
async def live(assembly: Assembly) -> AsyncIterator[Serving]:
    """Servers that are connected to now, and let go in the end. Raises: ConfigError, MissingExtra."""
    servers = {name: assembly.servers[name] for name in used_by(assembly.wanted)}
    if not servers:
        yield Serving()
        return
    async with connected(servers) as connections:
        asked = {name: _Asked(name, connection, assembly) for name, connection in connections.items()}
        async with anyio.create_task_group() as group:
            for one in asked.values():
                group.start_soon(one.ask)
        problems = [problem for one in asked.values() for problem in one.problems]
        if problems:
            raise ConfigError(list(dict.fromkeys(problems)))
        yield Serving(
            {name: tuple(one.definitions) for name, one in asked.items()}, lambda s, name: asked[s].call(name)
        )


class _Asked:
    """What one server said that it offers."""

    def __init__(self, name: str, connection: Connection, assembly: Assembly) -> None:
        self._name = name
        self._connection = connection
        self._assembly = assembly
        self._own: dict[str, str] = {}
        """By the name that models know: the server's own."""
        self.definitions: list[Json] = []
        self.problems: list[Problem] = []

    async def ask(self) -> None:
        """Ask it, and find what agents may call; what is wrong is kept."""
        entries = {one.path: one for several in self._assembly.wanted.values() for one in several}
        wanted = [one for one in entries.values() if one.server == self._name]
        try:
            tools = await self._connection.tools()
        except ServerFault as fault:
            self._say(("mcp", self._name), f"the server cannot be used: {fault}")
            return
        every = any(entry.tool == ALL for entry in wanted)
        named = {entry.name: entry.path for entry in wanted if entry.tool != ALL}
        for tool in tools:
            name = told_name(self._name, tool.name)
            if not every and name not in named:
                continue
            path = named.get(name, ("mcp", self._name))
            if name in self._own:
                self._say(path, f"the server has two tools that are told as '{name}'")
                continue
            self._own[name] = tool.name
            try:
                definition = definition_of(self._name, tool.name, tool.description or "", tool.input_schema, escaped)
            except ToolError as error:
                self._say(path, f"the server's tool '{tool.name}' cannot be offered: {error}")
            else:
                self.definitions.append(definition)
        for entry in wanted:
            if entry.tool != ALL and entry.name not in self._own:
                known = [tool.name for tool in tools]
                meant = did_you_mean(entry.tool, known)
                self._say(
                    entry.path, f"server '{self._name}' has no tool '{entry.tool}'; it has: {one_of(known)}{meant}"
                )

    def call(self, name: str) -> Call:
        """Carries out calls of the tool that models know by this name."""
        return partial(self._called, self._own[name])

    async def _called(self, tool: str, arguments: dict[str, Any], context: ToolContext) -> str:
        return await self._connection.call(tool, arguments)

    def _say(self, path: tuple[str | int, ...], message: str) -> None:
        self.problems.append(self._assembly.problem(path, message))


def recorded(events: Sequence[Event]) -> Serving:
    """What a recorded run was offered, and what its calls returned: no server is started."""
    first = events[0] if events else None
    if not isinstance(first, RunStarted):
        return Serving()
    ended = {relative(event.key): event for event in events if isinstance(event, ToolCallFinished)}
    return Serving(first.servers, lambda server, name: partial(_recorded_call, ended, name))


async def _recorded_call(
    ended: Mapping[str, ToolCallFinished], name: str, arguments: dict[str, Any], context: ToolContext
) -> str:
    place = ended.get(relative(context.key))
    found = next(
        (one for one in (place, *ended.values()) if one and (one.name, one.arguments) == (name, arguments)), None
    )
    if found is None:
        raise ToolError(
            f"the recorded run never called {name} with these arguments, and no server is asked in a replay"
        )
    if found.error is not None:
        raise ToolError(found.error, found.trust)
    return found.result or ""


@asynccontextmanager
async def from_record(then: Recording, assembly: Assembly) -> AsyncIterator[Serving]:
    """The tools of a recorded run. Raises: ConfigError if it was offered none of some server."""
    run_id, serving = then.provider.run_id, then.serving
    strange = [name for name in used_by(assembly.wanted) if name not in serving.offers]
    if strange:
        message = f"run {run_id} was offered no tools of it, and a replay asks no server; run the team with a model"
        raise ConfigError([assembly.problem(("mcp", name), message) for name in strange])
    yield serving
