"""Each agent works in a worktree of its own; what it leaves there is committed, found again, and never lost."""

from __future__ import annotations

import gc
import shutil
import subprocess
import sys
import time
from pathlib import Path

import anyio
import pytest

from agentmesh.config.workspaces import MergeConfig, WorkspaceConfig
from agentmesh.errors import ConfigError, ToolError
from agentmesh.tools.workspaces import merging
from agentmesh.tools.workspaces.works import Works
from tests.tools.workspaces.repositories import CODE, contents, git, make, root, task, works

pytestmark = pytest.mark.anyio

BRANCH = "agentmesh/r1/tasks/t1"
TWO, THREE = CODE.replace("return 1", "return 2"), CODE.replace("return 1", "return 3")


def kept_for(path: Path, folder: Path) -> Path:
    """What git keeps in a repository for a worktree."""
    (found,) = [one.parent for one in (path / ".git/worktrees").glob("*/gitdir") if str(folder) in one.read_text()]
    return found


async def test_a_worktree_stands_on_the_branch_of_its_task_and_is_left_as_it_is(repository: Path) -> None:
    team = works(repository)
    ann = await root(team, "ann", task())
    assert git(ann, "branch", "--show-current") == BRANCH
    assert (ann / "code.py").read_text() == CODE
    (ann / "code.py").write_text(TWO)
    (ann / "new.py").write_text("")
    assert await root(team, "ann", task()) == ann
    assert await root(team, "ann", task(), again=True) == ann
    assert ((ann / "code.py").read_text(), (ann / "new.py").exists()) == (TWO, True)
    assert await root(team, "bob", task("t2")) != ann
    assert await team.prepared("user", None, False) is None


async def test_without_a_task_an_agent_stands_at_the_tip_of_base_until_it_has_work_of_its_own(repository: Path) -> None:
    team = works(repository)
    ann = await root(team, "ann")
    (await root(team, "bob", task()) / "code.py").write_text(TWO)
    assert (await team.accept("bob", task(), 1)).passed
    assert (ann / "code.py").read_text() == CODE
    assert (await root(team, "ann", again=True) / "code.py").read_text() == CODE, "a turn ends on what it began with"
    assert (await root(team, "ann") / "code.py").read_text() == TWO
    (ann / "plan.md").write_text("one")
    commit = await team.commit("ann", "Plan")
    assert commit == git(repository, "rev-parse", "agentmesh/r1/agents/ann")
    assert await team.commit("ann", "Plan") is None
    assert (await root(team, "ann") / "plan.md").read_text() == "one"
    assert (await team.finish(["ann"])).passed
    await root(team, "ann")
    assert git(ann, "rev-parse", "HEAD") == git(repository, "rev-parse", "main"), (
        "what was merged is no work of its own"
    )


async def test_a_worktree_is_found_again_by_the_same_run_alone(repository: Path) -> None:
    ann = await root(works(repository), "ann", task())
    (ann / "code.py").write_text(TWO)
    (repository / "notes.txt").write_text("later\n")
    git(repository, "checkout", "-q", "-b", "another")
    assert await root(works(repository), "ann", task(), again=True) == ann
    assert (ann / "code.py").read_text() == TWO
    team = works(repository)
    assert (await team.accept("ann", task(), 1)).passed
    assert contents(repository, branch="main") == TWO, "the run began from main, which HEAD no longer is"
    fork = await root(works(repository, run_id="r2"), "ann", task())
    assert (fork / "code.py").read_text() == CODE, "another run begins from what HEAD is now"


async def test_who_takes_a_task_over_gets_what_was_done_and_its_author_gets_another(repository: Path) -> None:
    team = works(repository)
    ann = await root(team, "ann", task("t1"))
    (ann / "code.py").write_text(TWO)
    bob = await root(team, "bob", task("t1"))
    assert (bob / "code.py").read_text() == TWO
    (bob / "notes.txt").write_text("bob\n")
    assert (await team.accept("bob", task("t1"), 2)).passed
    assert await root(team, "ann", task("t2")) == ann
    assert (contents(repository), contents(repository, "notes.txt")) == (TWO, "bob\n")
    (ann / "code.py").write_text(THREE)
    assert await root(team, "ann", task("t3")) == ann
    assert (ann / "code.py").read_text() == TWO
    assert await root(team, "ann", task("t2")) == ann
    assert (ann / "code.py").read_text() == THREE, "what was begun waits on its branch"


async def test_locks_of_a_call_that_died_are_removed_from_worktrees_and_nowhere_else(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await root(works(repository), "ann", task())
    (kept_for(repository, ann) / "index.lock").touch()
    (ann / "code.py").write_text(TWO)
    assert await works(repository).commit("ann", "x") is not None
    (repository / ".git/index.lock").touch()
    monkeypatch.setattr(merging, "_PAUSE_SECONDS", 0)
    refused = await works(repository).accept("ann", task(), 1)
    assert not refused.passed
    assert "index.lock" in refused.detail
    assert (repository / ".git/index.lock").exists()


async def test_a_worktree_of_which_only_half_was_made_is_made_again(repository: Path) -> None:
    ann = await root(works(repository), "ann", task())
    (kept_for(repository, ann) / "locked").write_text("initializing")
    (ann / "code.py").unlink()
    assert (await root(works(repository), "ann", task()) / "code.py").read_text() == CODE
    shutil.rmtree(ann)
    assert (await root(works(repository), "ann", task()) / "code.py").read_text() == CODE


async def test_a_move_that_was_interrupted_is_ended(repository: Path) -> None:
    ann = await root(works(repository), "ann", task())
    git(repository, "branch", "agentmesh/r1/tasks/t2", "main")
    (kept_for(repository, ann) / "agentmesh").write_text("to refs/heads/agentmesh/r1/tasks/t2")
    (ann / "code.py").write_text("half written")
    assert (await root(works(repository), "ann", task("t2")) / "code.py").read_text() == CODE
    assert git(ann, "branch", "--show-current") == "agentmesh/r1/tasks/t2"


async def test_what_git_left_running_is_waited_for(repository: Path) -> None:
    await root(works(repository), "ann", task())
    (hold,) = (repository.parent / "state/agentmesh/worktrees").glob("*/*.run")
    gc.collect()  # this process has it no more, as after it was killed
    other = "import fcntl, sys, time; file = open(sys.argv[1]); fcntl.flock(file, fcntl.LOCK_EX); print(flush=True); "
    with subprocess.Popen(
        [sys.executable, "-c", f"{other}time.sleep(0.3)", str(hold)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        began = time.monotonic()
        await root(works(repository), "ann", task())
        assert time.monotonic() - began > 0.2


async def test_a_cancelled_call_leaves_no_lock(repository: Path) -> None:
    team = works(repository)
    ann = await root(team, "ann", task())
    for step in range(12):
        (ann / "code.py").write_text(f"x = {step}\n")
        with anyio.move_on_after(0.004 * step):
            await team.commit("ann", "x")
    assert not list((repository / ".git").rglob("*.lock"))
    await team.commit("ann", "x")
    assert contents(repository, branch=BRANCH) == "x = 11\n"


async def test_links_are_committed_as_links_and_never_followed(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("secret")
    team = works(repository)
    ann = await root(team, "ann", task())
    (ann / "link").symlink_to(tmp_path / "secret")
    (ann / "notes.txt").unlink()
    (ann / "notes.txt").symlink_to(tmp_path / "secret" / "key")
    assert (await team.accept("ann", task(), 1)).passed
    listed = git(repository, "ls-tree", "-r", "main")
    assert [line.split()[0] for line in listed.splitlines() if "link" in line or "notes" in line] == ["120000"] * 2
    assert "secret/key" not in listed
    assert (repository / "notes.txt").is_symlink()

    git(repository, "rm", "-q", "-r", "--cached", "link")
    folder = await root(team, "bob", task("t2"))
    (folder / "link").unlink()
    (folder / "link").mkdir()
    (folder / "link" / "file").write_text("x")
    await team.commit("bob", "x")
    (folder / "link" / "file").unlink()
    (folder / "link").rmdir()
    (folder / "link").symlink_to(tmp_path / "secret")
    await team.commit("bob", "y")
    assert await root(team, "bob", task("t3")) == folder
    assert [path.name for path in (tmp_path / "secret").iterdir()] == ["key"], "nothing was written or removed there"


async def test_repositories_within_are_refused_and_what_is_ignored_stays_out(repository: Path) -> None:
    team = works(repository)
    ann = await root(team, "ann", task())
    make(ann / "vendor")
    (ann / "out.log").write_text("x")
    (ann / ".agentmesh-write-1").write_text("half a file of a process that died")
    refused = await team.accept("ann", task(), 1)
    assert not refused.passed
    assert "repositories of its own within the workspace" in refused.detail
    assert "vendor/" in refused.detail
    with pytest.raises(ToolError, match="vendor/"):
        await team.commit("ann", "x")
    shutil.rmtree(ann / "vendor" / ".git")
    assert (await team.accept("ann", task(), 1)).passed
    assert "vendor/code.py" in git(repository, "ls-tree", "-r", "--name-only", "main")
    assert "out.log" not in git(repository, "ls-tree", "-r", "--name-only", "main")
    assert ".agentmesh" not in git(repository, "ls-tree", "-r", "--name-only", "main")


async def test_nothing_is_lost_when_a_run_closes(repository: Path) -> None:
    team = works(repository, "ann", "bob", "eve")
    (await root(team, "ann", task("t1")) / "code.py").write_text(TWO)
    (await root(team, "bob", task("t2")) / "new.py").write_text("unfinished")
    eve = await root(team, "eve", task("t3"))
    make(eve / "vendor")
    (eve / "new.py").write_text("eve")
    assert (await team.accept("ann", task("t1"), 1)).passed
    kept = await team.close("limit")
    assert kept == {"bob": ("agentmesh/r1/tasks/t2",), "eve": (str(eve), "agentmesh/r1/tasks/t3")}
    assert contents(repository, "new.py", "agentmesh/r1/tasks/t2") == "unfinished\n"
    assert contents(repository, "new.py", "agentmesh/r1/tasks/t3") == "eve\n"
    assert (eve / "vendor" / "code.py").exists()
    assert git(repository, "worktree", "list").count("\n") == 1
    assert "agentmesh/r1/tasks/t1" not in git(repository, "branch")
    again = await root(works(repository, "ann", "bob", "eve"), "bob", task("t2"))
    assert (again / "new.py").read_text() == "unfinished", "a run that goes on goes on from there"


async def test_agents_that_commit_by_themselves_have_it_brought_to_their_branch(repository: Path) -> None:
    team = works(repository)
    ann = await root(team, "ann", task())
    (ann / "code.py").write_text(TWO)
    git(ann, "commit", "-q", "-am", "by myself")
    assert (await team.accept("ann", task(), 1)).passed
    bob = await root(team, "bob", task("t2"))
    git(bob, "checkout", "-q", "-b", "feature")
    (bob / "notes.txt").write_text("bob\n")
    git(bob, "commit", "-q", "-am", "elsewhere")
    (bob / "new.py").write_text("")
    assert (await team.accept("bob", task("t2"), 1)).passed
    assert (contents(repository), contents(repository, "notes.txt")) == (TWO, "bob\n")
    assert git(bob, "branch", "--show-current") == "agentmesh/r1/tasks/t2"


async def test_names_that_no_branch_can_have_become_names_that_one_can(repository: Path) -> None:
    team = works(repository, run_id="a:b..c")
    ann = await root(team, "ann", task("plan ner/t~1"))
    branch = git(ann, "branch", "--show-current")
    assert branch.startswith("agentmesh/a-b-c-")
    assert "/tasks/plan-ner-t-1-" in branch
    assert git(await root(team, "bob", task("plan-ner-t-1")), "branch", "--show-current") != branch


async def test_the_state_of_a_worktree_is_that_of_its_files(repository: Path) -> None:
    team = works(repository)
    ann = await root(team, "ann", task())
    first = await team.state("ann")
    assert first == git(repository, "rev-parse", "main^{tree}")
    (ann / "code.py").write_text(TWO)
    (ann / "notes.txt").unlink()
    second = await team.state("ann")
    assert second != first
    await team.commit("ann", "x")
    assert await team.state("ann") == second == git(repository, "rev-parse", f"{BRANCH}^{{tree}}")


@pytest.mark.parametrize(
    ("prepare", "base", "why"),
    [
        ("absent", None, "there is no folder"),
        ("plain", None, "is no git repository: run `git init`"),
        ("empty", None, "has no commit yet"),
        ("full", "nxt", "has no branch 'nxt' to be the base of work; it has: main"),
        ("within", None, "of which worktrees are made as a whole: say `path:"),
        ("detached", None, "say which as `base`"),
    ],
)
async def test_a_repository_that_cannot_be_used_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: str, base: str | None, why: str
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path = tmp_path / "project"
    if prepare in ("plain", "empty"):
        path.mkdir()
    if prepare == "empty":
        git(path, "init", "-q")
    if prepare in ("full", "within", "detached"):
        make(path)
    if prepare == "detached":
        git(path, "checkout", "-q", "--detach")
    if prepare == "within":
        path = path / "inner"
        path.mkdir()
    with pytest.raises(ConfigError, match=why):
        await root(works(path, base=base), "ann", task())


async def test_git_must_be_there_and_new_enough(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(ConfigError, match=r"git is not installed; worktrees need git 2\.38 or newer"):
        await root(works(repository), "ann")
    (tmp_path / "bin" / "git").write_text("#!/bin/sh\necho git version 2.37.1\n")
    (tmp_path / "bin" / "git").chmod(0o755)
    with pytest.raises(ConfigError, match=r"git version 2\.37\.1 is too old; worktrees need git 2\.38"):
        await root(works(repository), "ann")


async def test_a_folder_is_committed_only_where_it_is_a_repository_itself(repository: Path, tmp_path: Path) -> None:
    inner, plain = repository / "inner", tmp_path / "plain"
    configs = {}
    for name, path in (("top", repository), ("inner", inner), ("plain", plain), ("absent", tmp_path / "absent")):
        configs[name] = WorkspaceConfig(path=str(path), confinement="none")
        if name != "absent":
            path.mkdir(exist_ok=True)
            (path / "file.txt").write_text("1")
    team = Works("r1", configs, None)
    with pytest.raises(ToolError, match="the workspace of absent is no folder"):
        await team.prepared("absent", None, False)
    for name in ("top", "inner", "plain"):
        first = await team.state(name)
        assert await team.state(name) == first
        (await root(team, name) / "file.txt").write_text("2")
        assert await team.state(name) != first
    assert await team.commit("inner", "x") is None
    assert await team.commit("plain", "x") is None
    assert await team.commit("top", "By an agent") == git(repository, "rev-parse", "main")
    assert git(repository, "log", "-1", "--format=%an: %s") == "agentmesh top: By an agent"
    assert await team.check([sys.executable, "-c", "import code; print(code.price())"], 9, "") == (True, "1")
    assert await team.close("completed") == {}


async def test_a_program_in_a_worktree_can_ask_git_what_has_changed(repository: Path) -> None:
    config = WorkspaceConfig(kind="git_worktree", path=str(repository))
    workspace = await Works("r1", {"ann": config}, MergeConfig()).prepared("ann", task(), False)
    assert workspace is not None
    try:
        ran = await workspace.run(["git", "-c", "safe.directory=*", "log", "--oneline", "-1"])
    except ToolError as error:
        pytest.skip(str(error))
    assert (ran.code, ran.output.strip().endswith("begin")) == (0, True), ran.output
