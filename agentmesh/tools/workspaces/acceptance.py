"""What finished work must pass: the commands that a task names, and the program that must succeed after every merge."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agentmesh.config.workspaces import MergeCheck, WorkspaceConfig
from agentmesh.errors import ToolError
from agentmesh.tools.workspaces.base import Workspace

if TYPE_CHECKING:
    from agentmesh.tools.confinement import Ran

_SHOWN = 2000
_PROMPT = "$ "
_SHELL = re.compile(r"[|&;<>()]+")


@dataclass(frozen=True)
class Checks:
    """`config`: of the workspace whose settings confine what is run."""

    agent: str
    config: WorkspaceConfig
    commands: tuple[tuple[str, ...], ...] = ()
    """What a planner, a model, has written: it may name the programs that the workspace allows."""
    verify: MergeCheck | None = None

    def __bool__(self) -> bool:
        """Whether anything is checked at all."""
        return bool(self.commands) or self.verify is not None

    async def failure(self, root: Path) -> str:
        """What does not succeed in a folder, and the end of what it says; empty if everything does.

        Raises: ToolError if a program cannot be run.
        """
        workspace = Workspace.at(self.agent, root, self.config)
        for command in self.commands:
            ran = await workspace.run(command)
            if ran.code or ran.ended != "exited":
                return failure(command, ran)
        if self.verify is not None:
            passed, said = await verified(workspace, self.verify)
            return "" if passed else said
        return ""

    @property
    def names(self) -> str:
        """What is run, as people write it."""
        verify = [] if self.verify is None else [self.verify.command]
        return ", ".join(f"`{shlex.join(command)}`" for command in (*self.commands, *verify))


async def verified(workspace: Workspace, check: MergeCheck, stdin: str = "") -> tuple[bool, str]:
    """Whether a program succeeds that the file of the team names, and what it says. Raises: ToolError if not run."""
    limits = workspace.config.limits.model_copy(update={"seconds": check.timeout_s})
    config = workspace.config.model_copy(update={"programs": (), "limits": limits})
    own = Workspace.at(workspace.agent, workspace.root, config)
    ran = await own.run(check.command, seconds=check.timeout_s, stdin=stdin)
    if ran.code or ran.ended != "exited":
        return False, failure(check.command, ran)
    return True, ran.output.strip()[-_SHOWN:]


def failure(command: Sequence[str], ran: Ran) -> str:
    """How a program has not succeeded."""
    how = f"ended with status {ran.code}" if ran.ended == "exited" else f"was killed ({ran.ended})"
    said = ran.output.strip()[-_SHOWN:] or "it wrote nothing"
    return f"`{shlex.join(command)}` {how} after {ran.seconds:.1f} s. The end of what it wrote:\n{said}"


def commands_of(acceptance: str) -> tuple[tuple[str, ...], ...]:
    """The commands in what a task demands: each line that begins with `$ `. Raises: ToolError if one is none."""
    lines = [line.strip() for line in acceptance.splitlines()]
    return tuple(_command(line.removeprefix(_PROMPT).strip()) for line in lines if line.startswith(_PROMPT))


def _command(line: str) -> tuple[str, ...]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>()")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = tuple(lexer)
    except ValueError as error:
        raise ToolError(f"the acceptance command `{line}` cannot be read: {error}; its planner must mend it") from None
    if shell := next((word for word in words if _SHELL.fullmatch(word)), None):
        raise ToolError(
            f"the acceptance command `{line}` needs a shell for {shell}, and none is there: its planner must give one "
            "program with its arguments in each line"
        )
    return words
