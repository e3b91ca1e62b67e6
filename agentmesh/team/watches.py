"""The monitors of a team: found by name or reference, and made fresh for each run."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from typing import Any

from agentmesh.config.language import did_you_mean
from agentmesh.config.models import MonitorConfig
from agentmesh.monitors import registry
from agentmesh.monitors.base import Watch
from agentmesh.monitors.signals import Signals
from agentmesh.team.references import UNLOADED, ReferenceFault, load_reference


def find_monitor(name: str, config: MonitorConfig, allow: Collection[str]) -> Any:
    """The monitor that a file names: a built-in or installed one, or a reference.

    Raises: ReferenceFault, which says what there is.
    """
    use = config.use or name
    if ":" in use:
        return load_reference(use, allow)
    if use in registry.BUILT_IN or allow is not UNLOADED:
        try:
            found = registry.load(use)
        except Exception as error:  # an installed package's code
            raise ReferenceFault(f"the monitor '{use}' cannot be loaded: {type(error).__name__}: {error}") from error
        if found is not None:
            return found
    names = registry.names()
    if use in names:
        return _unloaded
    guess = did_you_mean(use, names)
    raise ReferenceFault(
        f"there is no monitor '{use}'; there are: {', '.join(names)}; or say use: package.module:Name{guess}"
    )


def fault_of(monitor: Any, config: MonitorConfig) -> str | None:
    """Why the monitor cannot be made with its parameters, or None."""
    if not isinstance(monitor, type):
        return "only a class takes parameters" if config.parameters else None
    try:
        monitor(**config.parameters)
    except Exception as error:  # somebody else's code
        return f"{monitor.__name__} cannot be made with these: {error}"
    return None


def make_watches(monitors: Mapping[str, tuple[Any, MonitorConfig]]) -> list[Watch]:
    """The monitors of one run, in the team's order. Those that read acts read each event once, together."""
    signals = Signals()
    watches = [_watch(name, *entry) for name, entry in monitors.items()]
    for watch in watches:
        attach: Callable[[Signals], None] | None = getattr(watch.monitor, "attach", None)
        if attach is not None:
            attach(signals)
    return watches


def _watch(name: str, monitor: Any, config: MonitorConfig) -> Watch:
    """A class is made, an object copied, a plain function taken as it is."""
    if isinstance(monitor, type):
        return Watch(name, monitor(**config.parameters), config)
    if hasattr(monitor, "observe"):
        return Watch(name, copy.deepcopy(monitor), config)
    return Watch(name, monitor, config)


def _unloaded(event: Any) -> None:
    """Stands for a monitor of an installed package that was not loaded."""
    raise ReferenceFault("this monitor was not loaded: this team was only checked")
