"""Which way is chosen, and what is said where none is there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentmesh.config.workspaces import ProgramLimits, WorkspaceConfig
from agentmesh.errors import ToolError
from agentmesh.tools.confinement import Rules, choosing, confinement_of, container, why_not
from agentmesh.tools.confinement.ways import Bubblewrap, Landlock, Plain

ENGINE = """#!{python}
import json, os, sys, time
with open({log!r}, "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
if sys.argv[1] == "version":
    sys.exit({status})
if sys.argv[1] == "rm":
    sys.exit()
if "hang" in sys.argv:
    time.sleep(60)
if "unknown" in sys.argv:
    print("docker: no such image", file=sys.stderr)
    sys.exit(125)
print(sys.stdin.read().upper(), "SECRET" in os.environ)
"""


@pytest.fixture(autouse=True)
def _asked_again() -> Iterator[None]:
    """Which engine answers is not known from another test, nor by the next one."""
    container.engine.cache_clear()
    yield
    container.engine.cache_clear()


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program `docker` that writes down how it is called, and the log of that."""
    programs, log = tmp_path / "programs", tmp_path / "calls"
    programs.mkdir()
    program = programs / "docker"
    program.write_text(ENGINE.format(python=sys.executable, log=str(log), status=0))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return log


def calls(log: Path) -> list[list[str]]:
    import json

    return [json.loads(line) for line in log.read_text().splitlines()]


def test_the_first_way_that_is_there_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, object] = {"bubblewrap": Bubblewrap("/usr/bin/bwrap"), "landlock": Landlock()}
    monkeypatch.setattr(choosing, "_LOCAL", {name: lambda name=name: found[name] for name in found})
    assert confinement_of(WorkspaceConfig()) == Bubblewrap("/usr/bin/bwrap")
    assert confinement_of(WorkspaceConfig(confinement="landlock")) == Landlock()
    found["bubblewrap"] = "there is no program bwrap on PATH"
    assert confinement_of(WorkspaceConfig()) == Landlock()
    found["landlock"] = "landlock: Function not implemented"
    assert why_not()["bubblewrap"] == "there is no program bwrap on PATH"
    with pytest.raises(ToolError) as refused:
        confinement_of(WorkspaceConfig())
    assert str(refused.value) == (
        "programs cannot be confined here: bubblewrap: there is no program bwrap on PATH; landlock: landlock: Function "
        "not implemented; install bubblewrap (the program bwrap), or let programs do whatever this user may with "
        "`confinement: none`"
    )
    with pytest.raises(ToolError, match="programs cannot be confined here: bubblewrap: there is no program bwrap"):
        confinement_of(WorkspaceConfig(confinement="bubblewrap"))
    assert confinement_of(WorkspaceConfig(confinement="none")) == Plain()


def test_without_an_engine_a_container_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = WorkspaceConfig(kind="container", image="python:3.12")
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\necho Cannot connect to the daemon >&2; exit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError) as refused:
        confinement_of(config)
    assert str(refused.value) == (
        "no container engine answers: docker: Cannot connect to the daemon; podman: there is no such program on PATH; "
        "start Docker or Podman, or use `kind: directory` or `git_worktree`"
    )
    assert why_not()["container"] == str(refused.value)


@pytest.mark.anyio
async def test_a_container_is_started_with_everything_closed(engine: Path, tmp_path: Path) -> None:
    workspace, readable = tmp_path / "workspace", tmp_path / "readable"
    for folder in (workspace, readable):
        folder.mkdir()
    way = confinement_of(WorkspaceConfig(kind="container", image="python:3.12"))
    limits = ProgramLimits(memory_mb=100, processes=7, file_mb=3)
    rules = Rules(workspace, read=(readable,), environment={"SECRET": "x"}, limits=limits)
    ran = await way.run(("python", "-V"), rules, folder=workspace, stdin="told")
    assert (ran.code, ran.output) == (0, "TOLD False\n")
    version, run = calls(engine)
    assert version == ["version"]
    line = " ".join(run)
    assert run[:2] == ["run", "--rm"]
    for option in (
        "--interactive", "--network none", "--read-only", "--cap-drop ALL", "--security-opt no-new-privileges",
        f"--user {os.getuid()}:{os.getgid()}", "--pids-limit 7", "--memory 100m", "--ulimit fsize=3145728:3145728",
        f"--mount type=bind,source={workspace},target={workspace}",
        f"--mount type=bind,source={readable},target={readable},readonly",
        "--env SECRET=x", "--env HOME=/tmp", f"--workdir {workspace} python:3.12 python -V",
    ):  # fmt: skip
        assert f" {option}" in line


@pytest.mark.anyio
async def test_a_container_that_takes_too_long_is_removed(engine: Path, tmp_path: Path) -> None:
    way = confinement_of(WorkspaceConfig(kind="container", image="python:3.12"))
    ran = await way.run(("hang",), Rules(tmp_path), folder=tmp_path, seconds=0.5)
    assert ran.ended == "timeout"
    _, run, remove = calls(engine)
    assert remove == ["rm", "--force", run[run.index("--name") + 1]]


@pytest.mark.anyio
async def test_what_the_engine_cannot_do_is_told(engine: Path, tmp_path: Path) -> None:
    way = confinement_of(WorkspaceConfig(kind="container", image="python:3.12"))
    with pytest.raises(ToolError, match=r"cannot start 'unknown' in python:3\.12: docker: no such image"):
        await way.run(("unknown",), Rules(tmp_path), folder=tmp_path)
    folder = tmp_path / "with, comma"
    folder.mkdir()
    with pytest.raises(ToolError, match="a path in a container may have no comma"):
        await way.run(("unknown",), Rules(folder), folder=folder)
