"""A small repository with a program in it, and the works of a run whose agents share it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from agentmesh.config.workspaces import MergeCheck, MergeConfig, WorkspaceConfig
from agentmesh.messages import Task
from agentmesh.tools.workspaces.works import Works

CODE = "def price():\n    return 1\n\n\ndef name():\n    return 'a'\n"
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "you"), ("EMAIL", "y@o"))
    },
}


def git(folder: Path, *arguments: str) -> str:
    """What git says in a folder, called as its owner would."""
    done = subprocess.run(["git", *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def make(folder: Path) -> Path:
    """A repository with two files in it, and its first commit on main."""
    folder.mkdir(parents=True)
    (folder / "code.py").write_text(CODE)
    (folder / "notes.txt").write_text("one\ntwo\n")
    (folder / ".gitignore").write_text("*.log\n__pycache__/\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "begin")
    return folder


def works(
    path: Path,
    *agents: str,
    run_id: str = "r1",
    verify: Sequence[str] = (),
    base: str | None = None,
    merge: bool = True,
    programs: Sequence[str] = (),
) -> Works:
    """Of agents that all have a worktree, and are not confined."""
    config = WorkspaceConfig(
        kind="git_worktree", path=str(path), base=base, confinement="none", programs=tuple(programs)
    )
    check = MergeCheck(command=tuple(verify)) if verify else None
    return Works(run_id, dict.fromkeys(agents or ("ann", "bob"), config), MergeConfig(verify=check) if merge else None)


def task(name: str = "t1", acceptance: str = "") -> Task:
    return Task(id=name, title=f"Do {name}", acceptance=acceptance)


async def root(team: Works, agent: str, work: Task | None = None, again: bool = False) -> Path:
    """The folder in which an agent begins a turn."""
    workspace = await team.prepared(agent, work, again)
    assert workspace is not None
    return workspace.root


def contents(path: Path, name: str = "code.py", branch: str = "main") -> str:
    """What a file holds on a branch."""
    return git(path, "show", f"{branch}:{name}") + "\n"
