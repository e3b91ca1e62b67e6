"""Monitors by name: those of this project, and those that installed packages offer as `agentmesh.monitors`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

GROUP = "agentmesh.monitors"
BUILT_IN = {
    "sycophancy": "agentmesh.monitors.sycophancy:Sycophancy",
    "work_stopping": "agentmesh.monitors.work_stopping:WorkStopping",
    "progress": "agentmesh.monitors.progress:Progress",
    "termination": "agentmesh.monitors.termination:Termination",
    "convergence": "agentmesh.monitors.convergence:Convergence",
    "commitments": "agentmesh.monitors.commitments:Commitments",
    "reward_hacking": "agentmesh.monitors.reward_hacking:RewardHacking",
    "diversity": "agentmesh.monitors.diversity:Diversity",
    "injection": "agentmesh.monitors.injection:Injection",
}


@dataclass(frozen=True)
class Offer:
    """A monitor that can be used by its name; `error` says why it cannot."""

    name: str
    reference: str
    origin: str
    """`built in`, or the package that brings it, with its version."""
    labels: tuple[str, ...] = ()
    cost: str = ""
    about: str = ""
    error: str | None = None


def names() -> list[str]:
    """The names under which monitors can be used, without loading any."""
    return [*BUILT_IN, *(point.name for point in _points() if point.name not in BUILT_IN)]


def load(name: str) -> Any | None:
    """The monitor of that name; None if there is none. Raises whatever its import raises."""
    if name in BUILT_IN:
        return _imported(BUILT_IN[name])
    return next((point.load() for point in _points() if point.name == name), None)


def built_in() -> dict[str, Any]:
    """The monitors of this project, by name."""
    return {name: _imported(reference) for name, reference in BUILT_IN.items()}


def offers() -> Iterator[Offer]:
    """Every monitor that can be used by its name, or could be if it loaded; one that is broken breaks no other."""
    for name, reference in BUILT_IN.items():
        yield _offer(name, reference, "built in")
    for point in _points():
        origin = f"{point.dist.name} {point.dist.version}" if point.dist is not None else "an installed package"
        if point.name in BUILT_IN:
            yield Offer(point.name, point.value, origin, error="a built-in monitor has this name")
        else:
            yield _offer(point.name, point.value, origin, point)


def _offer(name: str, reference: str, origin: str, point: EntryPoint | None = None) -> Offer:
    try:
        monitor = point.load() if point is not None else _imported(reference)
    except Exception as error:  # somebody else's code
        return Offer(name, reference, origin, error=f"{type(error).__name__}: {error}")
    about = (monitor.__doc__ or "").strip().partition("\n")[0]
    return Offer(name, reference, origin, tuple(getattr(monitor, "labels", ())), getattr(monitor, "cost", ""), about)


def _points() -> list[EntryPoint]:
    return sorted(entry_points(group=GROUP), key=lambda point: point.name)


def _imported(reference: str) -> Any:
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)
