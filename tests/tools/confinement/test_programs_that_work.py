"""What a program is meant to do in a workspace works in every way."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from agentmesh.config.workspaces import WorkspaceConfig
from agentmesh.errors import ToolError
from agentmesh.tools.confinement import Confinement, Rules, confinement_of
from tests.tools.confinement.ways_here import CONFINED, WAYS, run_code, way_here
from tests.tools.confinement.world import git

pytestmark = pytest.mark.anyio


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest) -> Confinement:
    return way_here(request.param)


async def test_pytest_runs_a_suite(tmp_path: Path) -> None:
    try:
        way = confinement_of(WorkspaceConfig())
    except ToolError as error:
        pytest.skip(str(error))
    (tmp_path / "code.py").write_text("def double(x): return 2 * x\n")
    (tmp_path / "test_code.py").write_text(
        "from code import double\ndef test_double(tmp_path):\n assert double(2) == 4\n assert tmp_path.is_dir()\n"
    )
    argv = ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider")
    quick = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    ran = await way.run(argv, Rules(tmp_path, environment=quick), folder=tmp_path)
    assert ran.code == 0, ran.output
    assert "1 passed" in ran.output
    assert not list(tmp_path.rglob("__pycache__"))


async def test_git_reads_a_repository_that_may_be_read(way: Confinement, tmp_path: Path) -> None:
    main, workspace = tmp_path / "main", tmp_path / "worktree"
    main.mkdir()
    git(main, "init", "--quiet")
    (main / "file").write_text("one\n")
    git(main, "add", ".")
    git(main, "commit", "--quiet", "--message", "begin")
    git(main, "worktree", "add", "--quiet", "--detach", str(workspace))
    (workspace / "file").write_text("two\n")
    rules = Rules(workspace, read=(main / ".git",))
    ran = await way.run(("sh", "-c", "git status --short && git diff && git log --oneline"), rules, folder=workspace)
    assert ran.code == 0, ran.output
    assert ran.output.startswith(" M file\n")
    assert "+two" in ran.output
    assert "begin" in ran.output


async def test_a_program_reads_its_input_and_writes_where_it_may(way: Confinement, tmp_path: Path) -> None:
    workspace, further, readable = tmp_path / "workspace", tmp_path / "further", tmp_path / "readable"
    for folder in (workspace, further, readable):
        folder.mkdir()
    (readable / "file").write_text("read")
    code = f"""
import os, sys, tempfile
open("here", "w").write(sys.stdin.read())
open("{further}/there", "w").write(open("{readable}/file").read())
with tempfile.NamedTemporaryFile() as file:
    file.write(b"x")
assert os.path.expanduser("~") == os.environ["TMPDIR"] == tempfile.gettempdir()
print(os.getcwd(), os.environ["TOLD"], os.environ["LANG"], flush=True)
found = "import importlib.util as i; print(*[i.find_spec(name) is not None for name in ('pydantic', 'agentmesh')])"
os.execvp("python", ["python", "-c", found])
"""
    rules = Rules(workspace, read=(readable,), write=(further,), environment={"TOLD": "it"})
    ran = await way.run((sys.executable, "-c", code), rules, folder=workspace, stdin="gr\u00fc\u00df dich")
    assert ran.output == f"{workspace} it C.UTF-8\nTrue True\n"
    assert (workspace / "here").read_text() == "gr\u00fc\u00df dich"
    assert (further / "there").read_text() == "read"


@pytest.mark.parametrize("name", CONFINED[:2])
async def test_servers_of_its_own_are_reached(name: str, tmp_path: Path) -> None:
    code = """
import socket
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
server.accept()[0].sendall(b"own")
print(client.recv(3))
"""
    assert (await run_code(way_here(name), tmp_path, code)).output == "b'own'\n"


@pytest.mark.parametrize("name", CONFINED)
async def test_with_a_network_a_server_is_reached(name: str, tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        code = f"import socket; socket.create_connection({server.getsockname()!r}); print('reached')"
        argv = (sys.executable, "-S", "-c", code)
        ran = await way_here(name).run(argv, Rules(tmp_path, network=True), folder=tmp_path)
    assert ran.output == "reached\n"


@pytest.mark.parametrize("name", CONFINED[:2])
async def test_a_readable_path_within_the_workspace_is_only_that(name: str, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("as it was")
    ran = await way_here(name).run(
        ("sh", "-c", "cat kept/file; echo changed > kept/file; rm -rf kept; touch beside"),
        Rules(tmp_path, read=(kept,)),
        folder=tmp_path,
    )
    assert ran.output.startswith("as it was")
    assert (kept / "file").read_text() == "as it was"
    assert (tmp_path / "beside").exists()


async def test_a_program_that_is_not_there_is_named(way: Confinement, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="cannot start 'no-such-program': no such program; looked in /"):
        await way.run(("no-such-program",), Rules(tmp_path), folder=tmp_path)
    with pytest.raises(ToolError, match=r"cannot start '\./file'"):
        await way.run(("./file",), Rules(tmp_path), folder=tmp_path)
    with pytest.raises(ToolError, match="a program starts in a folder of its workspace"):
        await way.run(("true",), Rules(tmp_path), folder=tmp_path.parent)
    with pytest.raises(ToolError, match="is no folder that is there"):
        await way.run(("true",), Rules(tmp_path / "gone"), folder=tmp_path)


async def test_arguments_that_no_program_can_have_are_refused(way: Confinement, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="cannot start"):
        await way.run(("echo", "a\0b"), Rules(tmp_path), folder=tmp_path)
    with pytest.raises(ToolError, match="cannot start ''"):
        await way.run((), Rules(tmp_path), folder=tmp_path)


async def test_a_program_out_of_sight_cannot_be_started(tmp_path: Path) -> None:
    workspace, program = tmp_path / "workspace", tmp_path / "program"
    workspace.mkdir()
    program.write_text("#!/bin/sh\necho started\n")
    program.chmod(0o755)
    for name in CONFINED[:2]:
        with pytest.raises(ToolError, match="cannot start"):
            await way_here(name).run((str(program),), Rules(workspace), folder=workspace)
    assert (await WAYS["none"].run((str(program),), Rules(workspace), folder=workspace)).output == "started\n"


async def test_seconds_are_those_of_the_program(tmp_path: Path) -> None:
    started = time.monotonic()
    ran = await WAYS["none"].run(("sleep", "0.2"), Rules(tmp_path), folder=tmp_path)
    assert 0.2 <= ran.seconds < time.monotonic() - started
