"""Which way of confining programs is there, and which one a workspace uses."""

from __future__ import annotations

from collections.abc import Callable

from agentmesh.config.workspaces import WorkspaceConfig
from agentmesh.errors import ToolError
from agentmesh.tools.confinement.base import Confinement
from agentmesh.tools.confinement.container import Container, engine
from agentmesh.tools.confinement.ways import Bubblewrap, Landlock, Plain, bubblewrap, landlock

_ADVICE = "install bubblewrap (the program bwrap), or let programs do whatever this user may with `confinement: none`"


def confinement_of(config: WorkspaceConfig) -> Confinement:
    """The way that a workspace asks for. Raises: ToolError if it is not there."""
    if config.kind == "container":
        assert config.image is not None  # the configuration sees to it
        return Container(engine(), config.image)
    if config.confinement == "none":
        return Plain()
    looked_for = ("bubblewrap", "landlock") if config.confinement == "auto" else (config.confinement,)
    faults = []
    for name in looked_for:
        way = _LOCAL[name]()
        if not isinstance(way, str):
            return way
        faults.append(f"{name}: {way}")
    raise ToolError(f"programs cannot be confined here: {'; '.join(faults)}; {_ADVICE}")


def why_not() -> dict[str, str | None]:
    """By way: why it cannot be used here, or None if it can."""
    faults = {name: way if isinstance(way := find(), str) else None for name, find in _LOCAL.items()}
    try:
        engine()
    except ToolError as error:
        return {**faults, "container": str(error), "none": None}
    return {**faults, "container": None, "none": None}


_LOCAL: dict[str, Callable[[], Bubblewrap | Landlock | str]] = {"bubblewrap": bubblewrap, "landlock": landlock}
