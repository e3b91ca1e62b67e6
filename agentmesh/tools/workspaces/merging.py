"""Finished work is merged beside the base branch, checked there, and only then becomes the base branch."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
from anyio import to_thread

from agentmesh.errors import ToolError
from agentmesh.tools.workspaces.acceptance import Checks
from agentmesh.tools.workspaces.calls import Answer
from agentmesh.tools.workspaces.conflicts import Merge, marked, markers, named, passages
from agentmesh.tools.workspaces.git import HEADS, Head, Repository
from agentmesh.tools.workspaces.worktrees import Worktree, worktree_at

_TRIES = 8
_PAUSE_SECONDS = 0.1
UNCHANGED = "nothing was changed"
"""How it is said of a task for which there is no work to be merged, whether it counts or not."""
_UNCHECKED = f"{UNCHANGED} and nothing checks it: do what the task asks, or have it name a `$ ` command"


@dataclass(frozen=True)
class Accepted:
    """Whether work has been merged and holds, and what is said to that."""

    passed: bool
    detail: str


@dataclass(frozen=True)
class Work:
    """What one agent made, on a branch by its whole name. `message`: of the commit that merges it."""

    agent: str
    branch: str
    message: str


GiveBack = Callable[[Work, str, str], Awaitable[None]]
"""Moves a branch from one commit to another, and with it the worktree that stands on it."""


@dataclass
class Merging:
    """Merges into the base branch of one repository, in a worktree of its own. One call at a time."""

    repository: Repository
    folder: Path
    """Of the worktree in which checks run."""
    give_back: GiveBack
    _worktree: Worktree | None = None

    async def merge(self, works: Sequence[Work], checks: Checks, key: str = "") -> Accepted:
        """Merge all or none. `key`: a line of the message that shows that it has been merged before.

        Where something conflicts, or a check fails, base stays as it was, and is merged into the work for its author.
        """
        for _ in range(_TRIES):
            accepted = await self._merged(works, checks, key)
            if accepted is not None:
                return accepted
            await anyio.sleep(_PAUSE_SECONDS)
        name = self.repository.base_name
        return Accepted(False, f"{name} moved whenever the work had been checked, {_TRIES} times; hand it in again")

    async def root(self, commit: str) -> Path:
        """The folder with the files of a commit, and nothing else in it."""
        if self._worktree is None:
            # What an earlier process ran there may still be at work: it gets no part in what is checked now.
            shutil.rmtree(self.folder, ignore_errors=True)
            self._worktree = await worktree_at(self.repository, self.folder, commit)
            return self.folder
        self._worktree.mend()
        await self._worktree.detach(commit)
        await self._worktree.clean()
        return self.folder

    def close(self) -> None:
        """The worktree goes."""
        directory = self.repository.kept_for(self.folder)
        if directory is not None:
            Worktree(self.repository, self.folder, directory).remove()

    async def _merged(self, works: Sequence[Work], checks: Checks, key: str) -> Accepted | None:
        """None if base has moved meanwhile."""
        base = await self.repository.tip()
        heads = await self.repository.heads(*(work.branch for work in works))
        at = base
        for work in works:
            head = heads.get(work.branch)
            if head is None:
                continue
            merge = await self._merge_of(head, work, at, base)
            if isinstance(merge, Accepted):
                return merge
            if merge.tree != at.tree:
                parents = (at.commit, head.commit)
                commit = await self.repository.committed(merge.tree, parents, work.message, work.agent)
                at = at._replace(commit=commit, tree=merge.tree)
        if at == base:
            return await self._unchanged(base, [head.commit for head in heads.values()], checks, key)
        failure = await self._failure(at.commit, checks)
        if failure:
            for work in works:
                if work.branch in heads and len(works) == 1:
                    await self._take_in(work, heads[work.branch], at.tree, base)
            return Accepted(False, self._unfit(failure))
        # What base holds stands in the log too, whatever ends the run at this moment.
        accepted: Accepted | None = None
        with anyio.CancelScope(shield=True):
            accepted = await self._advanced(base, at, works, checks)
        return accepted  # noqa: RET504 - for all that a type checker knows, the scope swallows what is raised

    async def _merge_of(self, head: Head, work: Work, at: Head, base: Head) -> Merge | Accepted:
        """What a merge comes to; where it conflicts, or a conflict is still there, what its author is told."""
        name = f"heads/{self.repository.base_name}"
        altered = await self.repository.altered(at.commit, head.commit, markers(name))
        if altered:
            texts = await self.repository.texts(head.commit, altered)
            left = marked(texts, name)
            if left:
                shown = passages({path: texts[path] for path in left})
                return Accepted(
                    False,
                    f"markers of a conflict are still in {named(left)}: decide, remove them, hand in again\n{shown}",
                )
        ours = work.branch.removeprefix(HEADS)
        merge = await self.repository.merged(ours, name if at == base else at.commit, at.commit)
        if merge.is_clean:
            return merge
        await self._take_in(work, head, merge.tree, at)
        texts = await self.repository.texts(merge.tree, merge.conflicts)
        return Accepted(False, self._conflict(work, merge, passages(texts)))

    def _conflict(self, work: Work, merge: Merge, shown: str) -> str:
        base = self.repository.base_name
        return "\n".join(
            [
                f"the work of {work.agent} conflicts with {base} in {named(merge.conflicts)}. {base} is as it was; it "
                "has been merged into the worktree of this work, where both versions stand: after <<<<<<< that of this "
                f"work, after ||||||| what both began from, after ======= that of {base}. Write what does justice to "
                "both, remove the markers, and hand in again.",
                *merge.said,
                shown,
            ]
        )

    def _unfit(self, failure: str) -> str:
        base = self.repository.base_name
        return (
            f"merged with {base}, the work does not hold: {failure}\n\n{base} is as it was; what it holds has been "
            "merged into the worktree of this work: mend it there and hand it in again"
        )

    async def _take_in(self, work: Work, head: Head, tree: str, base: Head) -> None:
        """Base becomes part of the work, so that its author sees what stands against it."""
        if await self.repository.contains(head.commit, base.commit):
            return
        message = f"Take in {self.repository.base_name}"
        commit = await self.repository.committed(tree, (head.commit, base.commit), message, work.agent)
        await self.give_back(work, head.commit, commit)

    async def _unchanged(self, base: Head, tips: Sequence[str], checks: Checks, key: str) -> Accepted | None:
        """Whether base holds already what was asked for."""
        name = self.repository.base_name
        if key:
            for tip in tips:
                if await self.repository.has_message(key, tip, base.commit):
                    return Accepted(True, f"merged into {name} before")
            if not checks:
                return Accepted(False, _UNCHECKED)
            failure = await self._failure(base.commit, checks)
            if failure:
                return Accepted(False, f"{UNCHANGED}, and {name} does not hold: {failure}")
            return Accepted(True, f"{UNCHANGED}; {name} passes {checks.names}")
        return Accepted(True, f"nothing had to be merged into {name}")

    async def _failure(self, commit: str, checks: Checks) -> str:
        if not checks:
            return ""
        try:
            return await checks.failure(await self.root(commit))
        except ToolError as error:
            return str(error)

    async def _advanced(self, base: Head, merged: Head, works: Sequence[Work], checks: Checks) -> Accepted | None:
        name = self.repository.base_name
        refused = await self._refused(base, merged.commit)
        if refused is None:
            return None
        if refused:
            branches = named([work.branch.removeprefix(HEADS) for work in works])
            return Accepted(False, f"{refused}; the work, which could be merged and holds, is kept on {branches}")
        passed = f", which passes {checks.names}" if checks else "; nothing checks it"
        return Accepted(True, f"merged into {name} as {merged.commit[:12]}{passed}")

    async def _refused(self, base: Head, commit: str) -> str | None:
        """Why base cannot become a commit; empty if it has, None if it has moved away meanwhile."""
        branch = self.repository.base
        folder = Path(base.folder)
        if not base.folder or not await to_thread.run_sync(folder.is_dir):
            return "" if await self.repository.move(branch, commit, base.commit) else None
        answer = await self._forward(folder, commit)
        if answer.code == 0:
            return ""
        if (await self.repository.tip()).commit != base.commit:
            return None
        files = [line.strip() for line in answer.error.splitlines() if line.startswith("\t")]
        where = f"{self.repository.base_name} is checked out in {folder} and cannot take in the merge"
        if not files:
            return f"{where}: {answer.error}"
        return (
            f"{where}, which would overwrite changes that are not committed: {named(files)}. Whoever owns that folder "
            "must commit them or put them away"
        )

    async def _forward(self, folder: Path, commit: str) -> Answer:
        """Move what is checked out on to a commit. Another git that is at work there for a moment is waited for."""
        at = (folder, self.repository.kept_for(folder) or self.repository.git.directory)
        options = ("--ff-only", "-q", "--no-stat", "--no-autostash", "--no-verify-signatures")
        for left in reversed(range(_TRIES)):
            answer = await self.repository.git("merge", *options, commit, worktree=at, ok=range(256))
            if not left or "index.lock" not in answer.error:
                return answer
            await anyio.sleep(_PAUSE_SECONDS)
        raise AssertionError("it is tried at least once")
