"""The git repository that a run works on where its task brings one: the run's own, and gone afterwards."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import mkdtemp

import anyio.to_thread

from agentmesh.evaluation.tasks.task import EvalTask
from agentmesh.tools.workspaces.calls import NOBODY, Git, check_version

_BRANCH = "main"
_SAYS = "What the task begins with"
_AUTHOR = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", NOBODY), ("EMAIL", f"{NOBODY}@localhost"))
}


@asynccontextmanager
async def repository_of(task: EvalTask) -> AsyncIterator[Path | None]:
    """A repository with the task's files on its branch; None for a task that brings none.

    Raises: ConfigError where git is missing, ToolError where it refuses.
    """
    if not task.repository:
        yield None
        return
    await check_version()
    folder = await anyio.to_thread.run_sync(_laid_out, task.repository)
    try:
        await _commit(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _laid_out(texts: Mapping[str, str]) -> Path:
    folder = Path(mkdtemp(prefix="agentmesh-")).resolve()
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    (folder / ".git").mkdir()
    return folder


async def _commit(folder: Path) -> None:
    git = Git(folder / ".git")
    here = (folder, git.directory)
    # Told of a worktree it would note down for good where that is; without one it takes the repository for a bare one.
    await git("init", "--quiet", f"--initial-branch={_BRANCH}", "--template=")
    await git("config", "core.bare", "false")
    await git("add", "--all", worktree=here)
    await git("commit", "--quiet", f"--message={_SAYS}", worktree=here, variables=_AUTHOR)
