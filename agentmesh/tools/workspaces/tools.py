"""The tools by which a model works on the files of its workspace. What their docstrings say is what it reads."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from agentmesh.errors import ToolError
from agentmesh.tools.context import ToolContext
from agentmesh.tools.workspaces.base import Workspace

if TYPE_CHECKING:
    from agentmesh.tools.confinement import Ran

_FROM_ONE = Field(ge=1)
_SHELL = re.compile(r"[|&;<>()]+")


def read_file(
    path: str,
    context: ToolContext,
    start: Annotated[int, _FROM_ONE] = 1,
    lines: Annotated[int | None, _FROM_ONE] = None,
) -> str:
    """Read a text file of the workspace: its exact text, without line numbers, as edit_file takes passages of it.

    A long file comes in pieces; a first line in brackets then says which lines it is and where to read on.

    Args:
        path: Relative to the workspace, such as src/app.py
        start: First line to read, counted from 1
        lines: How many lines; as many as can be shown if left out
        context: Whose workspace

    """
    return _of(context).files.read(path, start, lines)


def write_file(path: str, content: str, context: ToolContext) -> str:
    """Make a file in the workspace, or replace all of it. Missing folders are made.

    To change a part of a file use edit_file.

    Args:
        path: Relative to the workspace, such as src/app.py
        content: The whole text
        context: Whose workspace

    """
    return _of(context).files.write(path, content)


def edit_file(path: str, old: str, new: str, context: ToolContext, all: bool = False) -> str:
    """Replace a passage of a file in the workspace. Read the file first: `old` must stand in it exactly, and once.

    If it stands there more often, take in the lines around the one you mean, or say all=true. Nothing is changed where
    the call is refused.

    Args:
        path: Relative to the workspace, such as src/app.py
        old: The passage as it stands in the file, with its indentation and line breaks
        new: What stands there afterwards; empty to remove the passage
        all: Replace the passage wherever it stands
        context: Whose workspace

    """
    return _of(context).files.edit(path, old, new, all=all, again=context.again)


def list_files(context: ToolContext, path: str = ".", pattern: str = "**") -> str:
    """List the files of the workspace, with those in inner folders, one path a line.

    Args:
        path: The folder to list, relative to the workspace
        pattern: Which names, such as *.py; with a / which paths below that folder, such as src/**/test_*.{py,pyi}
        context: Whose workspace

    """
    return _of(context).files.list(path, pattern)


def search_files(
    pattern: str, context: ToolContext, path: str = ".", files: str = "**", limit: Annotated[int, _FROM_ONE] = 100
) -> str:
    r"""Find the lines of the workspace's files that match a regular expression, as `path:line: text`.

    Args:
        pattern: Regular expression, such as def \w+_total\(; begin with (?i) to ignore case
        path: File or folder to search, relative to the workspace
        files: Which names, such as *.py; with a / which paths below that folder
        limit: At most so many lines
        context: Whose workspace

    """
    return _of(context).files.search(pattern, path, files, limit)


def _words(given: Any) -> Any:
    """Models write a command line as text, as a whole or in a list of its own."""
    line = given[0] if isinstance(given, list) and len(given) == 1 else given
    if not isinstance(line, str) or (line is not given and " " not in line):
        return given
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>()")
    lexer.whitespace_split, lexer.commenters = True, ""
    words = list(lexer)
    if shell := next((word for word in words if _SHELL.fullmatch(word)), None):
        advice = "call run once for each program, or give argv as a list where it is an argument"
        raise ValueError(f"there is no shell, and {shell} means nothing: {advice}")
    return words


async def run(
    argv: Annotated[list[str], Field(min_length=1), BeforeValidator(_words)],
    context: ToolContext,
    seconds: Annotated[float | None, Field(gt=0)] = None,
) -> str:
    """Run a program in the workspace and wait for its end. The first line says how it ended, then comes its output.

    There is no shell: no pipes, redirections, variables or patterns, and no `cd`. The program starts in the folder of
    the workspace; its input is empty, and what it leaves running is killed.

    Args:
        argv: The program and its arguments, such as ["python", "-m", "pytest", "-q"]
        seconds: Kill it after so many seconds, if that is sooner than what is allowed
        context: Whose workspace

    """
    workspace = _of(context)
    ran = await workspace.run(argv, seconds=seconds)
    return "\n".join(filter(None, (_ending(ran, workspace, seconds), ran.output)))


def _ending(ran: Ran, workspace: Workspace, seconds: float | None) -> str:
    limits = workspace.config.limits
    said = {
        "exited": f"exit status {ran.code}",
        "timeout": f"killed: it did not end within {min(seconds or limits.seconds, limits.seconds):g} s",
        "processes": f"killed: it had more than {limits.processes} processes and threads",
        "killed": f"killed by signal {ran.code - 128}, as for using too much memory",
    }[ran.ended]
    return f"{said}; of its output, beginning and end, {limits.output:,} bytes are kept" if ran.cut else said


def _of(context: ToolContext) -> Workspace:
    if context.workspace is None:
        raise ToolError("you have no workspace: no file can be read or written, and no program run")
    return context.workspace


WORKSPACE_TOOLS: dict[str, Callable[..., Any]] = {
    tool.__name__: tool for tool in (read_file, write_file, edit_file, list_files, search_files, run)
}
QUICK = frozenset({"write_file", "edit_file"})
"""Those that are done before anything else happens: a call that is cancelled has been carried out, or not begun."""
