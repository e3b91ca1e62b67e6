"""What Python code may pass in, in its several forms, made uniform; and refused in words where it makes no sense."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypedDict

from pydantic import BaseModel, TypeAdapter, ValidationError

from agentmesh.config.language import did_you_mean, one_of
from agentmesh.config.models import AgentConfig, Limits, MonitorConfig, VerifyConfig
from agentmesh.config.servers import ServerConfig
from agentmesh.config.workspaces import MergeConfig
from agentmesh.errors import ConfigError, Problem
from agentmesh.journal.base import Durability
from agentmesh.messages import Part
from agentmesh.runner import Ask, Watcher
from agentmesh.team.agent import Agent
from agentmesh.team.kept import Address

Verifier = tuple[VerifyConfig | None, Callable[..., Any] | None]
"""How an answer is checked, and the function that does it if one was given."""


class RunOptions(TypedDict, total=False):
    """What a run may be given beside its task."""

    seed: int | None
    """Seed of simulated models and of every draw; sent to models that take one."""
    limits: Limits | Mapping[str, Any] | None
    """In place of the team's."""
    parts: Sequence[Part]
    """Images and files beside the task."""
    watch: Watcher | None
    """Called with every event; also with each `Delta`, each `FailedAttempt`, and the events of teams on nodes, if its
    attribute `deltas`, `attempts`, or `nested` is true."""
    ask: Ask | None
    """`fn(agent, question) -> str`, by which people are asked; without it a run with a journal waits for them."""
    journal: Address | None
    """Where every event is kept, so that the run can be resumed: a path of a SQLite file, or `postgresql://...`."""
    durability: Durability
    """`full`, or `normal`: then a power cut, but no crash, may lose the latest events."""
    made: Mapping[str, Any]
    """JSON values that the journal keeps beside the run, of how its team was made."""


_PARTS: TypeAdapter[tuple[Part, ...]] = TypeAdapter(tuple[Part, ...])


def refuse_no_task(task: Any) -> None:
    """Raises: ConfigError if this is no task."""
    if not isinstance(task, str) or not task.strip():
        raise ConfigError(f"a task is a text that is not empty; found {task!r}")


def run_options(options: Mapping[str, Any]) -> RunOptions:
    """The options of a run, checked: a misspelt limit must not become none. Raises: ConfigError, TypeError."""
    allowed = list(RunOptions.__annotations__)
    for name in options:
        if name not in allowed:
            guess = did_you_mean(name, allowed)
            raise TypeError(f"a run takes no '{name}'{guess}; it takes: {', '.join(allowed)}")
    seed = options.get("seed")
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
        raise ConfigError(f"a seed is a whole number; found {seed!r}")
    try:
        parts = _PARTS.validate_python(tuple(options.get("parts") or ()))
    except ValidationError as error:
        raise ConfigError(f"parts are ImagePart and FilePart objects; found {options['parts']!r}") from error
    durability = options.get("durability", "full")
    if durability not in ("full", "normal"):
        raise ConfigError(f"durability is 'full' or 'normal'; found {durability!r}")
    checked: RunOptions = {
        "seed": seed,
        "parts": parts,
        "watch": options.get("watch"),
        "ask": options.get("ask"),
        "journal": options.get("journal"),
        "durability": durability,
        "made": options.get("made", {}),
    }
    if options.get("limits") is not None:
        checked["limits"] = limits_of(options["limits"])
    return checked


def limits_of(given: Limits | Mapping[str, Any] | None) -> Limits:
    """Limits from themselves or from a mapping. Raises: ConfigError."""
    return given if isinstance(given, Limits) else configured(Limits, given or {}, "limits")


def merge_of(given: MergeConfig | Mapping[str, Any] | None) -> MergeConfig | None:
    """How work is merged, from itself or from a mapping. Raises: ConfigError."""
    return given if given is None or isinstance(given, MergeConfig) else configured(MergeConfig, given, "merge")


def servers_of(given: Mapping[str, Mapping[str, Any] | ServerConfig] | None) -> dict[str, ServerConfig]:
    """MCP servers by name, each from itself or from a mapping. Raises: ConfigError."""
    return {
        name: one if isinstance(one, ServerConfig) else configured(ServerConfig, one, f"mcp.{name}")
        for name, one in (given or {}).items()
    }


def configured(model: type[Any], given: Any, path: str) -> Any:
    """A piece of configuration from a mapping, with errors in our words. Raises: ConfigError."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise ConfigError([_problem(model, fault, path) for fault in error.errors()]) from error


def _problem(model: type[BaseModel], fault: Any, path: str) -> Problem:
    where = ".".join([path, *map(str, fault["loc"])])
    if fault["type"] == "extra_forbidden":
        allowed = list(model.model_fields)
        guess = did_you_mean(str(fault["loc"][-1]), allowed)
        return Problem(0, 0, where, f"unknown; allowed: {', '.join(allowed)}{guess}")
    return Problem(0, 0, where, f"{fault['msg']}; found {fault['input']!r}")


def monitors_of(
    monitors: Mapping[str, Any] | Sequence[Any], configs: Mapping[str, MonitorConfig] | None = None
) -> dict[str, tuple[Any, MonitorConfig]]:
    """Monitors by name with their configurations; from a mapping or a list, alone or in pairs. Raises: ConfigError."""
    named = monitors if isinstance(monitors, Mapping) else {_name_of(monitor): monitor for monitor in monitors}
    return {name: _monitor(name, entry, (configs or {}).get(name)) for name, entry in named.items()}


def _monitor(name: str, entry: Any, config: MonitorConfig | None) -> tuple[Any, MonitorConfig]:
    monitor, given = entry if isinstance(entry, tuple) and len(entry) == 2 else (entry, config or MonitorConfig())
    if not callable(monitor) and not hasattr(monitor, "observe"):
        found = type(monitor).__name__
        raise ConfigError(f"monitor '{name}' is a function, or has a method observe(event); found {found}")
    if not isinstance(given, MonitorConfig):
        given = configured(MonitorConfig, given, f"monitors.{name}")
    return monitor, given


def _name_of(monitor: Any) -> str:
    chosen = monitor[0] if isinstance(monitor, tuple) else monitor
    return str(getattr(chosen, "name", None) or getattr(chosen, "__name__", type(chosen).__name__))


def named_verifier(verify: Any) -> tuple[Any, list[Agent]]:
    """What was given, with the name of the agent that verifies; and that agent, if it was given there itself."""
    agent = verify.get("agent") if isinstance(verify, Mapping) else None
    return ({**verify, "agent": agent.name}, [agent]) if isinstance(agent, Agent) else (verify, [])


def verifier_of(verify: Any) -> Verifier:
    """From a function, a VerifyConfig, or a mapping with its keys. Raises: ConfigError."""
    if verify is None or isinstance(verify, VerifyConfig):
        return verify, None
    if isinstance(verify, Mapping):
        function = verify.get("function")
        if not callable(function):
            return configured(VerifyConfig, verify, "verify"), None
        return configured(VerifyConfig, {**verify, "function": "given:function"}, "verify"), function
    if not callable(verify) or inspect.isclass(verify):
        raise ConfigError(f"verify is fn(answer) -> bool, {{'agent': Agent(...)}}, or a VerifyConfig; found {verify!r}")
    return VerifyConfig(function="given:function"), verify


def allowed_packages(allow: Collection[str]) -> Collection[str]:
    """Packages that names may be imported from; a lone text is one package, not its letters."""
    return (allow,) if isinstance(allow, str) else allow


def confided(agents: Mapping[str, AgentConfig], private: Mapping[str, str]) -> dict[str, AgentConfig]:
    """The agents, some of them told below their instructions what nobody else knows. Raises: ConfigError."""
    readers = [name for name, agent in agents.items() if agent.kind in ("llm", "human")]
    strange = [name for name in private if name not in readers]
    if strange:
        raise ConfigError([Problem(0, 0, f"private.{name}", _no_reader(name, agents, readers)) for name in strange])
    return instructed(agents, {name: f"Only you know this:\n{text}" for name, text in private.items()})


def instructed(agents: Mapping[str, AgentConfig], more: Mapping[str, str]) -> dict[str, AgentConfig]:
    """The agents, some of them told more below their instructions."""
    told = {name: f"{agents[name].instructions}\n\n{text}".strip() for name, text in more.items()}
    return {
        name: agent.model_copy(update={"instructions": told[name]}) if name in told else agent
        for name, agent in agents.items()
    }


def _no_reader(name: str, agents: Mapping[str, AgentConfig], readers: Sequence[str]) -> str:
    if name in agents:
        wrong = f"'{name}' is of kind {agents[name].kind} and reads no instructions"
    elif f"{name}-1" in agents:
        wrong = f"'{name}' is several agents; write what each of them is told"
    else:
        wrong = f"there is no agent '{name}'"
    return f"{wrong}; allowed: {one_of(readers)}{did_you_mean(name, readers)}"
