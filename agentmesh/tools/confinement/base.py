"""What a program that an agent chose may do, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from agentmesh.config.workspaces import ProgramLimits

Ended = Literal["exited", "timeout", "processes", "killed"]


@dataclass(frozen=True)
class Rules:
    """Where a program may read and write, and what it may use."""

    workspace: Path
    """It may read and write here."""
    read: tuple[Path, ...] = ()
    """Further paths that it may read; one within the workspace becomes one that it may only read."""
    network: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables beside PATH, HOME, TMPDIR and LANG; all else is unset."""
    limits: ProgramLimits = field(default_factory=ProgramLimits)
    write: tuple[Path, ...] = ()
    """Further paths that it may write to, such as the repository of a worktree."""


@dataclass(frozen=True)
class Ran:
    """A program that is over, and all that it started with it."""

    code: int
    """Its exit status; 128 + N where signal N ended it, as shells say."""
    output: str
    """What it wrote to both streams, in that order; of too much, the beginning and the end."""
    cut: bool
    """Whether something of the output was left out."""
    ended: Ended
    """`exited` by itself, `timeout`, too many `processes`, or `killed` by another signal, such as for a limit."""
    seconds: float


class Confinement(Protocol):
    """A way to run a program so that it neither leaves its workspace nor outlives the call."""

    @property
    def name(self) -> str:
        """As the YAML says it: bubblewrap, landlock, container or none."""
        ...

    async def run(
        self, argv: Sequence[str], rules: Rules, *, folder: Path, stdin: str = "", seconds: float | None = None
    ) -> Ran:
        """Run a program in a folder until it ends, or for at most so many seconds (by default as the limits say).

        Raises: ToolError if it cannot be started.
        """
        ...
