"""Answers that a program checks, in a workspace of their own that is gone afterwards."""

from __future__ import annotations

import ast
import os
import re
import shutil
import sys
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio.to_thread

from agentmesh.config.secrets import without_keys
from agentmesh.errors import AgentError
from agentmesh.evaluation.tasks.task import Check, EvalTask, Score
from agentmesh.tools.programs import run_program

_PASSED_ON = re.compile(r"PATH|LANG|LC_\w+|TZ|SYSTEMROOT|VIRTUAL_ENV", re.IGNORECASE)
_FENCED = re.compile(r"^[ \t]*```[ \t]*([\w+-]*)[^\n]*\n(.*?)^[ \t]*```", re.MULTILINE | re.DOTALL)
_PYTHON = ("", "python", "python3", "py")
_SHOWN = 500


async def program(task: EvalTask, answer: str, check: Check, made: Path | None = None) -> Score:
    """Right if the command of the check ends with status 0.

    It runs in a folder with a copy of what was `made`, the task's `files`, the check's `sources`, the answer in
    `answer.txt` (and on stdin), and its code, if it has any, in `answer.py`. Of the environment it has paths and
    languages, so no key. When it ends, or takes too long, it is killed with all that it has started.
    Raises: AgentError if it cannot be started.
    """
    code = code_of(answer)
    texts = {"answer.txt": answer, **({} if code is None else {"answer.py": code}), **check.sources}
    with TemporaryDirectory(prefix="agentmesh-", ignore_cleanup_errors=True) as own:
        folder = Path(own)
        await anyio.to_thread.run_sync(_lay_out, folder, made, task.files, texts)
        try:
            done = await run_program(
                check.command, answer, check.timeout_s, folder=folder, environment=environment(folder)
            )
        except AgentError as error:
            if str(error).startswith("cannot start"):
                raise
            return Score(False, 0.0, str(error))
    if done.returncode == 0:
        return Score(True, 1.0, f"{check.command[0]} ended with status 0")
    said = without_keys((done.stderr or done.stdout).strip()[-_SHOWN:])
    return Score(False, 0.0, f"{check.command[0]} ended with status {done.returncode}" + (f": {said}" if said else ""))


def environment(folder: Path) -> dict[str, str]:
    """What a check is told of the environment; this Python comes first among its programs."""
    kept = {name: value for name, value in os.environ.items() if _PASSED_ON.fullmatch(name)}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    return {**kept, "PATH": path, "HOME": str(folder), "TMPDIR": str(folder)}


def code_of(answer: str) -> str | None:
    """The Python in an answer: its blocks of code, those that are a program if some are; or all of it, if it is one."""
    blocks = [(language.lower(), textwrap.dedent(text)) for language, text in _FENCED.findall(answer)]
    python = [text for language, text in blocks if language in _PYTHON] or [text for _, text in blocks]
    if python:
        working = [text for text in python if _parsed(text)]
        return "\n\n".join(working) if working else python[0]
    return answer if _does_something(answer) else None


def _lay_out(folder: Path, made: Path | None, files: Mapping[str, str], texts: Mapping[str, str]) -> None:
    if made is not None:
        shutil.copytree(made, folder, ignore=_left_out, dirs_exist_ok=True)
    for name in (*files, *texts):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    for name, path in files.items():
        shutil.copy(path, folder / name)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", errors="replace", newline="\n")


def _left_out(folder: str, names: Sequence[str]) -> list[str]:
    """No history, and no links: what is laid out beside them would end up where they lead."""
    return [name for name in names if name == ".git" or Path(folder, name).is_symlink()]


def _does_something(text: str) -> bool:
    """Whether a text is a program, or the body of a function, and not a word or a number that could be one."""
    tree = _parsed(text) or _parsed("def _():\n" + textwrap.indent(textwrap.dedent(text), "    "))
    if tree is None:
        return False
    first = tree.body[0] if tree.body else None
    body = first.body if isinstance(first, ast.FunctionDef) and first.name == "_" else tree.body
    return any(not isinstance(one, ast.Expr) or isinstance(one.value, ast.Call) for one in body)


def _parsed(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the answer's style
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
