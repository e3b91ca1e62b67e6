"""However a program behaves, its call ends in time, and nothing of it is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import anyio
import pytest

from agentmesh.config.workspaces import ProgramLimits
from agentmesh.tools.confinement import Confinement, Rules
from tests.agents.left_processes import none_left, processes
from tests.sizes import NIGHTLY
from tests.tools.confinement.ways_here import CONFINED, MAIN, run_code, way_here

pytestmark = pytest.mark.anyio

DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", "{mark}"])
    os._exit(0)
time.sleep(0.1)
"""


@pytest.fixture(params=MAIN)
def way(request: pytest.FixtureRequest) -> Confinement:
    return way_here(request.param)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the private folders of programs are; none is left after a test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    "forks",
    [
        "for _ in range(2000):\n if os.fork() == 0: time.sleep(60)\ntime.sleep(60)",
        "for _ in range(10): os.fork()\ntime.sleep(60)",
        "for _ in range(10):\n if os.fork() == 0: os.setsid()\ntime.sleep(60)",
    ],
    ids=["one parent", "all are parents", "all leave their group"],
)
async def test_a_program_with_too_many_processes_is_ended_with_all_of_them(
    way: Confinement, workspace: Path, forks: str
) -> None:
    started = time.monotonic()
    code = f"import os, time  # bomb {workspace}\n{forks}"
    ran = await run_code(way, workspace, code, seconds=20, limits=ProgramLimits(processes=24))
    assert ran.ended == "processes"
    assert time.monotonic() - started < 10
    assert not processes(f"bomb {workspace}")


async def test_what_runs_in_the_background_ends_with_the_program(way: Confinement, workspace: Path) -> None:
    mark = "7171.25"
    ran = await run_code(way, workspace, DAEMON.format(mark=mark) + "print('over')")
    assert (ran.ended, ran.code, ran.output) == ("exited", 0, "over\n")
    assert not processes(mark)


async def test_a_program_that_takes_no_hint_is_ended_in_time(
    way: Confinement, workspace: Path, temporary: Path
) -> None:
    mark = "7272.25"
    stubborn = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())"
    code = f"{DAEMON.format(mark=mark)}{stubborn}\nprint('on', flush=True)\ntime.sleep(60)"
    ran = await run_code(way, workspace, code, seconds=1.0)
    assert (ran.ended, ran.output, ran.code) == ("timeout", "on\n", 137)
    assert not processes(mark)
    assert not list(temporary.iterdir())


async def test_a_cancelled_call_leaves_nothing(way: Confinement, workspace: Path, temporary: Path) -> None:
    mark = "7373.25"
    async with anyio.create_task_group() as calls:
        calls.start_soon(run_code, way, workspace, DAEMON.format(mark=mark) + "time.sleep(60)")
        while not processes(f"sleep\0{mark}"):
            await anyio.sleep(0.01)
        calls.cancel_scope.cancel()
    assert not processes(mark)
    assert not list(temporary.iterdir())


async def test_calls_cancelled_while_they_start_leave_nothing(
    way: Confinement, workspace: Path, temporary: Path
) -> None:
    for number in range(4):
        with anyio.move_on_after(number * 0.01):
            await way.run(("sleep", "7474.25"), Rules(workspace), folder=workspace)
    assert not processes("7474.25")
    assert not list(temporary.iterdir())


async def test_a_program_ends_with_agentmesh_when_that_is_killed(workspace: Path, temporary: Path) -> None:
    marks = [f"757{number}.25" for number in range(len(MAIN))]
    ways = [way_here(name) for name in MAIN]
    calls = "\n".join(
        f"    calls.start_soon(run_code, {way!r}, workspace, {DAEMON.format(mark=mark) + 'time.sleep(60)'!r})"
        for way, mark in zip(ways, marks, strict=True)
    )
    code = f"""
import anyio, tempfile
from pathlib import Path
from agentmesh.tools.confinement.ways import *
from tests.tools.confinement.ways_here import run_code
workspace = Path({str(workspace)!r})
tempfile.tempdir = {str(temporary)!r}
async def main():
  async with anyio.create_task_group() as calls:
{calls}
anyio.run(main)
"""
    with subprocess.Popen([sys.executable, "-c", code]) as agentmesh:
        while not all(processes(f"sleep\0{mark}") for mark in marks):
            assert agentmesh.poll() is None
            await anyio.sleep(0.02)
        agentmesh.send_signal(signal.SIGKILL)
    for mark in marks:
        assert await none_left(mark)
    with anyio.fail_after(5):
        while list(temporary.iterdir()):
            await anyio.sleep(0.02)


@pytest.mark.parametrize("name", ["bubblewrap", "landlock"])
async def test_a_program_ends_when_its_supervisor_is_killed(name: str, workspace: Path) -> None:
    way, mark = way_here(name), "7676.25"
    async with anyio.create_task_group() as calls:

        async def call() -> None:
            ran = await run_code(way, workspace, DAEMON.format(mark=mark) + "time.sleep(60)")
            assert ran.ended == "killed"

        calls.start_soon(call)
        while not processes(f"sleep\0{mark}"):
            await anyio.sleep(0.01)
        mine = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        supervisors = [pid for pid in mine if b"launching" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        assert supervisors
        for pid in supervisors:
            os.kill(int(pid), signal.SIGKILL)
    assert await none_left(mark)


@pytest.mark.parametrize("name", CONFINED)
async def test_a_program_cannot_end_what_is_above_it(name: str, workspace: Path) -> None:
    code = """
import os
for pid in (os.getppid(), 1):
    try:
        os.kill(pid, 9)
    except OSError:
        pass
print("still here")
"""
    ran = await run_code(way_here(name), workspace, code)
    assert (ran.ended, ran.output) == ("exited", "still here\n")


async def test_more_memory_than_allowed_is_not_to_be_had(way: Confinement, workspace: Path) -> None:
    ran = await run_code(way, workspace, "bytearray(1 << 29)", limits=ProgramLimits(memory_mb=256))
    assert ran.code == 1
    assert "MemoryError" in ran.output


async def test_a_larger_file_than_allowed_ends_the_program(way: Confinement, workspace: Path) -> None:
    argv = ("head", "-c", "3000000", "/dev/zero")
    shell = ("sh", "-c", f"exec {' '.join(argv)} > large")
    rules = Rules(workspace, limits=ProgramLimits(file_mb=1))
    ran = await way.run(shell, rules, folder=workspace)
    assert (ran.ended, ran.code) == ("killed", 128 + signal.SIGXFSZ)
    assert (workspace / "large").stat().st_size == 1 << 20


async def test_of_a_flood_the_beginning_and_the_end_are_kept(way: Confinement, workspace: Path) -> None:
    size = (200_000_000 if NIGHTLY else 50_000_000) if way.name == "none" else 2_000_000
    flood = f"echo first; yes | head -c {size}; echo last >&2; exit 5"
    rules = Rules(workspace, limits=ProgramLimits(output=1000))
    ran = await way.run(("sh", "-c", flood), rules, folder=workspace)
    assert (ran.code, ran.ended, ran.cut) == (5, "exited", True)
    assert ran.output.startswith("first\ny\n")
    assert ran.output.endswith("y\nlast\n")
    assert f"[{size + 11 - 1000:,} bytes are left out here]" in ran.output
    assert len(ran.output) < 1100


async def test_folders_that_are_hard_to_remove_are_removed(workspace: Path, temporary: Path) -> None:
    code = """
import os
os.chdir(os.environ["HOME"])
os.mkdir("closed"); open("closed/file", "w").close(); os.chmod("closed", 0)
for _ in range(1100):
    os.mkdir("deep"); os.chdir("deep")
"""
    ran = await run_code(way_here("none"), workspace, code)
    assert ran.code == 0, ran.output
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("name", ["landlock", "none"])
async def test_a_signal_is_told_as_shells_do(name: str, workspace: Path) -> None:
    ran = await way_here(name).run(("sh", "-c", "kill -SEGV $$"), Rules(workspace), folder=workspace)
    assert (ran.code, ran.ended) == (139, "killed")
