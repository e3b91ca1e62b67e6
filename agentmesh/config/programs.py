"""What a run of a team would execute beyond agentmesh itself: programs, and code imported by name."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from agentmesh.config.models import ModelConfig, MonitorConfig, TeamConfig
from agentmesh.config.phases import drawn_phases
from agentmesh.config.source import Path, written

STATIC_MODEL = "model2vec:"
"""Begins the name of a model that makes vectors of texts: it is read, and nothing of it is run."""


class Import(NamedTuple):
    """Code that a file names: the package to be consented to, the whole reference, and where it stands."""

    package: str
    reference: str
    path: Path


class Program(NamedTuple):
    """A program that a file names, and where it stands."""

    argv: tuple[str, ...]
    path: Path


def executes(config: TeamConfig) -> list[str]:
    """Every program and import that a run would execute, one line each: programs first, in the order of the file.

    Such as `program: python check.py (verify)` and `import: my_pkg.monitors:Check (monitors.my_check)`.
    """
    return [
        *(f"program: {shlex.join(program.argv)} ({_owner(program.path)})" for program in programs(config)),
        *_chosen(config),
        *(f"import: {code.reference} ({_owner(code.path)})" for code in imports(config)),
    ]


def programs(config: TeamConfig) -> list[Program]:
    """Every program that a run would start."""
    found = [
        Program(agent.command.argv, ("agents", name, "command", "argv"))
        for name, agent in config.agents.items()
        if agent.command is not None
    ]
    for name, server in config.mcp.items():
        if server.command is not None:
            found.append(Program((server.command, *server.args), ("mcp", name, "command")))
    for path, phase in drawn_phases(config.topology):
        if phase.until is not None and phase.until.verify is not None:
            found.append(Program(phase.until.verify, (*path, "until", "verify")))
    if config.merge is not None and config.merge.verify is not None:
        found.append(Program(config.merge.verify.command, ("merge", "verify", "command")))
    if config.verify is not None and config.verify.command is not None:
        found.append(Program(config.verify.command, ("verify", "command")))
    return found


def _chosen(config: TeamConfig) -> Iterator[str]:
    """Programs that an agent chooses while a run goes on, or a planner, as what has to succeed for a task to count."""
    for name, agent in config.agents.items():
        workspace, named = agent.workspace, {tool if isinstance(tool, str) else tool.use for tool in agent.tools}
        works = agent.kind != "llm" or not named.isdisjoint(("write_file", "edit_file"))
        if workspace is not None and ("run" in named or (works and config.merge is not None)):
            which = f"{', '.join(workspace.programs)} with any arguments" if workspace.programs else "any"
            how = "unconfined" if workspace.confinement == "none" else "confined"
            yield f"program: {which}, {how} (agents.{name}.workspace)"


def imports(config: TeamConfig) -> list[Import]:
    """Every piece of code that a run would import by name; tools and monitors without a colon are built in."""
    return [
        Import(reference.partition(":")[0].partition(".")[0], reference, path)
        for reference, path in _references(config)
        if ":" in reference
    ]


def functions_of(name: str, monitor: MonitorConfig) -> dict[str, str]:
    """By parameter of a built-in monitor: the function that a file names for it."""
    embed = monitor.parameters.get("embed")
    is_named = isinstance(embed, str) and ":" in embed and not embed.startswith(STATIC_MODEL)
    return {"embed": str(embed)} if is_named and (monitor.use or name) == "diversity" else {}


def _references(config: TeamConfig) -> Iterator[tuple[str, Path]]:
    """Every place that can name code, with what it names; empty where it names none."""
    for name, model in config.models.items():
        yield _model_function(model), ("models", name)
    for name, agent in config.agents.items():
        yield "" if agent.model in config.models else _model_function(agent.model), ("agents", name, "model")
        for index, tool in enumerate(agent.tools):
            yield tool if isinstance(tool, str) else tool.use, ("agents", name, "tools", index)
        yield agent.function or "", ("agents", name, "function")
    for path, phase in drawn_phases(config.topology):
        for index, edge in enumerate(phase.edges):
            yield edge.rewrite or "", (*path, "edges", index, "rewrite")
        if phase.until is not None:
            yield phase.until.function or "", (*path, "until", "function")
    for name, monitor in config.monitors.items():
        yield monitor.use or "", ("monitors", name, "use")
        for key, function in functions_of(name, monitor).items():
            yield function, ("monitors", name, "parameters", key)
    if config.verify is not None and config.verify.function is not None:
        yield config.verify.function, ("verify", "function")


def _model_function(model: ModelConfig | str) -> str:
    """The function that plays the model, if one does."""
    if isinstance(model, ModelConfig):
        return model.model if model.provider == "function" else ""
    provider, _, rest = model.partition(":")
    return rest if provider == "function" else ""


def _owner(path: Sequence[str | int]) -> str:
    """Whose it is: the entry, without the key that every such entry has."""
    last = path[-1]
    if path[-2:] == ("command", "argv"):
        return written(path[:-2])
    return written(path[:-1] if last in ("command", "function", "use") else path)
