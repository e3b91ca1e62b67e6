"""The workspace's tools as a model calls them: what they tell it, and what they run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from agentmesh.config.workspaces import ProgramLimits, WorkspaceConfig
from agentmesh.errors import ToolError
from agentmesh.tools.context import ToolContext
from agentmesh.tools.function import FunctionTool
from agentmesh.tools.workspaces.base import Workspace
from agentmesh.tools.workspaces.tools import QUICK, WORKSPACE_TOOLS

TOOLS = {name: FunctionTool(function, quick=name in QUICK) for name, function in WORKSPACE_TOOLS.items()}
PYTHON = sys.executable


async def nobody(question: str) -> str:
    raise AssertionError(question)


def context(root: Path, *, again: bool = False, **config: Any) -> ToolContext:
    settings = WorkspaceConfig(confinement="none", **config)
    return ToolContext("worker", "worker/1/1", nobody, Workspace.at("worker", root, settings), again=again)


async def call(tool: str, at: ToolContext, **arguments: Any) -> str:
    return await TOOLS[tool](arguments, at)


def test_each_tool_and_parameter_is_described_and_none_speaks_of_the_context() -> None:
    assert list(TOOLS) == ["read_file", "write_file", "edit_file", "list_files", "search_files", "run"]
    for tool in TOOLS.values():
        function = tool.definition["function"]
        assert function["description"]
        assert "context" not in function["parameters"]["properties"]
        assert all(described.get("description") for described in function["parameters"]["properties"].values())
    assert TOOLS["run"].definition["function"]["parameters"]["properties"]["argv"]["type"] == "array"


@pytest.mark.anyio
async def test_a_model_writes_edits_finds_and_reads_files(tmp_path: Path) -> None:
    at = context(tmp_path)
    assert await call("write_file", at, path="src/sums.py", content="def total(a):\n    return a\n")
    assert await call("edit_file", at, path="src/sums.py", old="return a", new="return sum(a)")
    assert await call("list_files", at) == "src/sums.py"
    assert await call("search_files", at, pattern=r"def \w+\(") == "src/sums.py:1: def total(a):"
    assert await call("read_file", at, path="src/sums.py") == "def total(a):\n    return sum(a)\n"
    assert await call("read_file", at, path="src/sums.py", start=2, lines=1) == "[lines 2 to 2 of 2]\n    return sum(a)"


@pytest.mark.anyio
async def test_paths_of_the_workspace_that_are_only_read_are_not_written(tmp_path: Path) -> None:
    at = context(tmp_path, read=("tests", "/usr/share", "src/../src/kept.py", "~"))
    for path in ("tests/test_a.py", "tests", "src/kept.py"):
        with pytest.raises(ToolError, match=f"{path} is only to be read, like all in "):
            await call("write_file", at, path=path, content="x")
    assert not list(tmp_path.iterdir())
    await call("write_file", at, path="src/tests/a.py", content="one")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_a.py").write_text("one")
    with pytest.raises(ToolError, match="only to be read"):
        await call("edit_file", at, path="./tests//test_a.py", old="one", new="two")
    assert await call("read_file", at, path="tests/test_a.py") == "one"
    with pytest.raises(ToolError, match="like all in this workspace"):
        await call("write_file", context(tmp_path, read=(".",)), path="x", content="x")


@pytest.mark.anyio
async def test_a_call_that_is_made_again_edits_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\n")
    edit = {"path": "a.txt", "old": "one", "new": "one\ntwo"}
    assert await call("edit_file", context(tmp_path), **edit) == "edited a.txt: 1 passage, from line 1"
    assert await call("edit_file", context(tmp_path, again=True), **edit) == "edited a.txt"
    assert (tmp_path / "a.txt").read_text() == "one\ntwo\n"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("tool", "arguments", "word"),
    [
        ("read_file", {"path": "../x"}, "leads upwards"),
        ("read_file", {"path": "x", "start": 0}, "start: Input should be greater than or equal to 1"),
        ("read_file", {"path": "x", "lines": 0}, "lines: Input should be greater than or equal to 1"),
        ("write_file", {"path": "x"}, "content: Field required"),
        ("search_files", {"pattern": "x", "limit": 0}, "limit: Input should be greater than or equal to 1"),
        ("run", {"argv": []}, "at least 1 item"),
        ("run", {"argv": ""}, "argv: "),
        ("run", {"argv": "a 'b"}, "argv: Value error, No closing quotation"),
        ("run", {"argv": ["ls"], "seconds": 0}, "seconds: Input should be greater than 0"),
    ],
)
async def test_wrong_arguments_are_told(tmp_path: Path, tool: str, arguments: dict[str, Any], word: str) -> None:
    with pytest.raises(ToolError, match=word):
        await call(tool, context(tmp_path), **arguments)


@pytest.mark.anyio
async def test_without_a_workspace_nothing_is_done() -> None:
    for name, arguments in (("read_file", {"path": "pyproject.toml"}), ("run", {"argv": ["true"]})):
        with pytest.raises(ToolError, match="you have no workspace"):
            await TOOLS[name](arguments)


@pytest.mark.anyio
async def test_a_program_runs_in_the_workspace_and_its_ending_is_told_first(tmp_path: Path) -> None:
    at = context(tmp_path)
    code = "import os, sys; print(os.getcwd(), sys.stdin.read()); sys.exit(3)"
    assert await call("run", at, argv=[PYTHON, "-c", code]) == f"exit status 3\n{tmp_path} \n"
    assert await call("run", at, argv=["true"]) == "exit status 0"


@pytest.mark.anyio
@pytest.mark.parametrize("written", ["echo 'a b' c#d", ["echo 'a b' c#d"], ["echo", "a b", "c#d"]])
async def test_a_command_line_is_parted_into_words_however_it_is_given(tmp_path: Path, written: Any) -> None:
    assert await call("run", context(tmp_path), argv=written) == "exit status 0\na b c#d\n"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("line", "word"), [("ls | wc", r"\|"), ("cd x && ls", "&&"), ("ls>out", ">"), ("a;b", ";"), ("(a)", r"\(")]
)
async def test_a_command_line_for_a_shell_is_refused(tmp_path: Path, line: str, word: str) -> None:
    with pytest.raises(ToolError, match=f"there is no shell, and {word} means nothing: call run once for each program"):
        await call("run", context(tmp_path), argv=line)
    # As an argument of its own it is one.
    assert await call("run", context(tmp_path), argv=["echo", line]) == f"exit status 0\n{line}\n"


@pytest.mark.anyio
async def test_only_programs_that_are_named_run_and_a_file_of_that_name_is_none(tmp_path: Path) -> None:
    at = context(tmp_path, programs=("echo", "./check.sh"))
    for name in ("echo", "check.sh"):
        (tmp_path / name).write_text("#!/bin/sh\necho mine\n")
        (tmp_path / name).chmod(0o755)
    assert await call("run", at, argv=["echo", "it"]) == "exit status 0\nit\n"
    assert await call("run", at, argv=["./check.sh"]) == "exit status 0\nmine\n"
    for program in ("./echo", "/bin/echo", f"{tmp_path}/echo", "sh", "../work/echo"):
        with pytest.raises(ToolError, match=r"' may not be run; allowed: echo, ./check.sh"):
            await call("run", at, argv=[program, "it"])


@pytest.mark.anyio
async def test_a_program_that_does_not_end_or_writes_too_much_says_so(tmp_path: Path) -> None:
    at = context(tmp_path, limits=ProgramLimits(seconds=0.5, output=1000))
    said = await call("run", at, argv=[PYTHON, "-c", "import time; print('begun', flush=True); time.sleep(60)"])
    assert said.splitlines() == ["killed: it did not end within 0.5 s", "begun"]
    assert (await call("run", at, argv=["sleep", "60"], seconds=0.1)).startswith("killed: it did not end within 0.1 s")
    said = await call("run", at, argv=[PYTHON, "-c", "print('x' * 5000)"])
    assert said.startswith("exit status 0; of its output, beginning and end, 1,000 bytes are kept\nxxx")
    assert len(said) < 1300
    said = await call("run", at, argv=[PYTHON, "-c", "import os; os.kill(os.getpid(), 9)"])
    assert said.startswith("killed by signal 9")
