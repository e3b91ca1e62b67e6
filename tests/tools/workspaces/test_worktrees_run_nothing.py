"""What agents put into their worktrees is data for git as it is called here: nothing of it is ever run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from agentmesh.config.workspaces import WorkspaceConfig
from agentmesh.tools.workspaces.works import Works
from tests.tools.workspaces.repositories import CODE, ENVIRONMENT, git, make, root, task, works

pytestmark = pytest.mark.anyio

TWO, THREE = CODE.replace("return 1", "return 2"), CODE.replace("return 1", "return 3")
HOOKS = "post-checkout pre-commit post-commit pre-merge-commit post-merge reference-transaction post-index-change"


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """A file that is there once anything has run that must not."""
    return tmp_path / "ran"


def program(folder: Path, ran: Path) -> str:
    """A program that shows that it has run, and hands on what it is given."""
    path = folder / "evil.sh"
    path.write_text(f"#!/bin/sh\necho $0 >> {ran}\ncat\n")
    path.chmod(0o755)
    return str(path)


async def everything(team: Works, repository: Path) -> None:
    """Whatever is done with worktrees: with a conflict, a merge, other tasks, and the end."""
    ann, bob = await root(team, "ann", task("t1")), await root(team, "bob", task("t2"))
    (ann / "code.py").write_text(TWO)
    (bob / "code.py").write_text(THREE)
    await team.state("ann")
    assert (await team.accept("ann", task("t1"), 1)).passed
    assert not (await team.accept("bob", task("t2"), 1)).passed
    (bob / "code.py").write_text(THREE)
    assert (await team.accept("bob", task("t2"), 2)).passed
    await root(team, "ann", task("t3"))
    await root(team, "ann")
    assert await team.commit("bob", "nothing") is None
    assert (await team.finish(["ann", "bob"])).passed
    await team.close("completed")
    assert (repository / "code.py").read_text() == THREE


async def test_hooks_of_the_repository_are_not_run(repository: Path, ran: Path) -> None:
    for name in HOOKS.split():
        hook = repository / ".git/hooks" / name
        hook.write_text(f"#!/bin/sh\necho {name} >> {ran}\n")
        hook.chmod(0o755)
    await everything(works(repository), repository)
    assert not ran.exists()
    git(repository, "checkout", "-q", "-b", "other")
    assert "post-checkout" in ran.read_text(), "they would have been"


async def test_programs_that_the_repository_names_are_not_run_for_files_of_an_agent(
    repository: Path, ran: Path
) -> None:
    evil = program(repository.parent, ran)
    for name in ("filter.x.clean", "filter.x.smudge", "filter.y.process", "diff.x.textconv", "core.fsmonitor"):
        git(repository, "config", name, evil)
    git(repository, "config", "filter.y.required", "true")
    git(repository, "config", "merge.x.driver", f"{evil} %A")
    team = works(repository)
    for name, number in (("ann", "t1"), ("bob", "t2")):
        folder = await root(team, name, task(number))
        (folder / ".gitattributes").write_text("*.py filter=x diff=x merge=x\n*.txt filter=y\n")
        (folder / "notes.txt").write_text("changed\n")
    await everything(team, repository)
    assert not ran.exists()
    (repository / "code.py").write_text("x = 1\n")
    subprocess.run(["git", "add", "-A"], cwd=repository, env=ENVIRONMENT, capture_output=True, check=False)
    assert ran.exists(), "they would have been"


async def test_a_repository_put_in_place_of_the_link_to_the_real_one_is_put_away(repository: Path, ran: Path) -> None:
    team = works(repository)
    ann = await root(team, "ann", task("t1"))
    (ann / ".git").unlink()
    make(ann / "made")
    (ann / "made" / ".git").rename(ann / ".git")
    shutil.rmtree(ann / "made")
    evil = program(repository.parent, ran)
    for name in ("core.fsmonitor", "core.sshCommand", "filter.x.clean", "diff.external", "core.pager", "gpg.program"):
        git(ann, "config", name, evil)
    (ann / ".git/hooks/post-checkout").write_text(f"#!/bin/sh\necho hook >> {ran}\n")
    (ann / ".git/hooks/post-checkout").chmod(0o755)
    (ann / ".gitattributes").write_text("* filter=x\n")
    await everything(team, repository)
    assert not ran.exists()
    assert ".gitattributes" in git(repository, "ls-tree", "--name-only", "main")


async def test_a_repository_put_where_a_submodule_belongs_is_not_asked_anything(
    repository: Path, tmp_path: Path, ran: Path
) -> None:
    commit = git(make(tmp_path / "library"), "rev-parse", "HEAD")
    git(repository, "update-index", "--add", "--cacheinfo", f"160000,{commit},library")
    git(repository, "commit", "-q", "-m", "a submodule")
    team = works(repository)
    ann = await root(team, "ann", task("t1"))
    shutil.copytree(tmp_path / "library", ann / "library", dirs_exist_ok=True)
    git(ann / "library", "config", "filter.x.clean", program(tmp_path, ran))
    (ann / "library" / ".gitattributes").write_text("* filter=x\n")
    (ann / "library" / "code.py").write_text(CODE.replace("1", "7"))
    await team.commit("ann", "x")
    assert not ran.exists()
    git(ann, "status")
    assert ran.exists(), "the usual way to look would have run it"
    ran.unlink()
    await everything(team, repository)
    assert not ran.exists()
    assert f"160000 commit {commit}\tlibrary" in git(repository, "ls-tree", "main")


async def test_a_folder_that_an_agent_makes_a_repository_of_runs_nothing_either(tmp_path: Path, ran: Path) -> None:
    folder = make(tmp_path / "project")
    evil = program(tmp_path, ran)
    team = Works("r1", {"ann": WorkspaceConfig(path=str(folder), confinement="none")}, None)
    await team.state("ann")
    for name in ("filter.x.clean", "core.fsmonitor", "core.hooksPath"):
        git(folder, "config", name, evil if name != "core.hooksPath" else str(tmp_path))
    (folder / ".gitattributes").write_text("* filter=x\n")
    (folder / "code.py").write_text(TWO)
    await team.state("ann")
    assert await team.commit("ann", "x") is not None
    assert not ran.exists()
