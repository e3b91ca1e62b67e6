"""What is said about a place of a file that has the right form."""

from __future__ import annotations

from typing import Literal, NamedTuple

from agentmesh.config.source import Path


class Remark(NamedTuple):
    """Something wrong (`error`) or odd (`warning`) at a place of the file."""

    kind: Literal["error", "warning"]
    path: Path
    message: str
    at_key: bool = False
    given: Path = ()
    """A place that the remark takes for granted."""
