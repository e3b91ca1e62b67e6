"""What an agent works on, and with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agentmesh.config.workspaces import WorkspaceConfig
from agentmesh.errors import ToolError
from agentmesh.tools.workspaces.files import MIB, Files

if TYPE_CHECKING:
    from agentmesh.tools.confinement import Ran


@dataclass(frozen=True)
class Workspace:
    """The folder of one agent in one turn. `root` is absolute and holds no links."""

    agent: str
    root: Path
    config: WorkspaceConfig
    files: Files

    @classmethod
    def at(cls, agent: str, root: Path, config: WorkspaceConfig) -> Workspace:
        """With the files as the configuration limits them."""
        read = [Path(os.path.normpath(path)) for path in _read(root, config)]
        kept = tuple(path.relative_to(root).parts for path in read if path.is_relative_to(root))
        return cls(agent, root, config, Files(root, config.limits.file_mb * MIB, kept))

    async def run(self, argv: Sequence[str], *, seconds: float | None = None, stdin: str = "") -> Ran:
        """Run a program in it, confined. Raises: ToolError where it may not be run, or nothing can confine it."""
        from agentmesh.tools.confinement import Rules, confinement_of

        config = self.config
        # A path is no name: whoever lists `python` does not mean a file called so that the agent has written.
        if config.programs and argv[0] not in config.programs:
            raise ToolError(f"'{argv[0]}' may not be run; allowed: {', '.join(config.programs)}")
        rules = Rules(
            self.root,
            read=_read(self.root, config),
            network=config.network,
            environment=config.environment,
            limits=config.limits,
        )
        most = config.limits.seconds
        confinement = confinement_of(config)
        return await confinement.run(
            argv, rules, folder=self.root, seconds=most if seconds is None else min(seconds, most), stdin=stdin
        )


def _read(root: Path, config: WorkspaceConfig) -> tuple[Path, ...]:
    """The paths that are only read: those of the workspace as it names them, and others."""
    return tuple(root / Path(path).expanduser() for path in config.read)
