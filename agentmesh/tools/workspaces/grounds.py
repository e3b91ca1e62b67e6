"""One repository in one run: which worktree stands on which branch, from turn to turn and from process to process."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from agentmesh.config.workspaces import WorkspaceConfig
from agentmesh.errors import ToolError
from agentmesh.tools.workspaces.git import (
    HEADS,
    OURS,
    Head,
    Repository,
    branch_of_head,
    check_base,
    git_of,
    repository_at,
)
from agentmesh.tools.workspaces.holding import Hold, digest, fit
from agentmesh.tools.workspaces.merging import Merging, Work
from agentmesh.tools.workspaces.worktrees import Worktree, refuse_embedded, worktree_at

_MERGED = "+merged"
"""The folder in which merged work is checked; no agent can be called so."""


@dataclass
class Ground:
    """The worktrees of the agents that share a repository. Whatever an agent left is committed before it is moved.

    Raises: ToolError, from every method, where git fails.
    """

    repository: Repository
    folder: Path
    """Of the run; each worktree is in it, under the name of its agent."""
    run: str
    """The run as it stands in the names of branches."""
    agents: Sequence[str]
    hold: Hold
    _trees: dict[str, Worktree] = field(default_factory=dict)
    _lock: anyio.Lock = field(default_factory=anyio.Lock)

    def __post_init__(self) -> None:
        self.merging = Merging(self.repository, self.folder / _MERGED, self._give_back)

    def of_task(self, task: str) -> str:
        """The branch of a task, by its whole name."""
        return f"{OURS}{self.run}/tasks/{fit(task)}"

    def of_agent(self, agent: str) -> str:
        """The branch of what an agent does without a task."""
        return f"{OURS}{self.run}/agents/{fit(agent)}"

    async def prepared(self, agent: str, task: str | None, *, again: bool) -> Path:
        """The agent's worktree: on the branch of the task, or where what it does without one has to begin."""
        async with self._lock:
            is_new = not self._is_there(agent)
            tree = await self._tree(agent)
            tree.mend()
            if task is not None:
                await self._onto(tree, agent, self.of_task(task))
            elif is_new or not again:
                await self._afresh(tree, agent)
            return tree.folder

    async def hand_in(self, agent: str, branch: str, message: str) -> None:
        """Commit what stands in the agent's worktree, if it stands on this branch, or could. Raises: ToolError."""
        async with self._lock:
            if not self._is_there(agent):
                return
            tree = await self._tree(agent)
            if tree.stand == branch or (branch == self.of_agent(agent) and not tree.stand.startswith(HEADS)):
                await self._settled(tree, agent, message, is_strict=True)

    async def commit(self, agent: str, message: str) -> str | None:
        """Commit on the branch where the agent stands, or on one of its own. Raises: ToolError."""
        async with self._lock:
            return await self._settled(await self._tree(agent), agent, message, is_strict=True)

    async def state(self, agent: str) -> str:
        """The name of the tree that the agent's files are."""
        async with self._lock:
            return await (await self._tree(agent)).tree()

    async def close(self, outcome: str) -> dict[str, tuple[str, ...]]:
        """The worktrees go, and the branches whose work base has; by agent: what is kept, since base has it not."""
        kept: dict[str, list[str]] = {}
        async with self._lock:
            for agent in filter(self._is_there, self.agents):
                kept[agent] = await self._put_away(agent, f"Unfinished work of {agent}: the run ended {outcome}")
            self.merging.close()
            for name, head in (await self._unmerged()).items():
                agent = head.author.removeprefix("agentmesh ")
                kept.setdefault(agent, []).append(name.removeprefix(HEADS))
            self.hold.release(is_over=True)
            with suppress(OSError):
                self.folder.rmdir()
                self.folder.parent.rmdir()
        return {agent: tuple(places) for agent, places in kept.items() if places}

    async def _put_away(self, agent: str, message: str) -> list[str]:
        """The worktree goes, unless it holds what cannot be committed: then its folder is returned."""
        tree = await self._tree(agent)
        await self._settled(tree, agent, message)
        if (await tree.status()).embedded:
            return [str(tree.folder)]
        tree.remove()
        del self._trees[agent]
        return []

    async def _unmerged(self) -> dict[str, Head]:
        """The branches of this run whose work is not in base; the others are deleted."""
        mine = f"{OURS}{self.run}"
        every = await self.repository.heads(mine)
        merged: dict[str, Head] = {}
        with suppress(ToolError):
            merged = await self.repository.heads(mine, merged=(await self.repository.tip()).commit)
        await self.repository.delete({name: head for name, head in merged.items() if not head.folder})
        return {name: head for name, head in every.items() if name not in merged}

    def _is_there(self, agent: str) -> bool:
        return (self.folder / fit(agent)).is_dir()

    async def _tree(self, agent: str) -> Worktree:
        if agent not in self._trees:
            folder = self.folder / fit(agent)
            self._trees[agent] = await worktree_at(self.repository, folder, self.repository.base)
        return self._trees[agent]

    async def _onto(self, tree: Worktree, agent: str, branch: str) -> None:
        if tree.stand == branch:
            return
        await self._settled(tree, agent, f"Unfinished work of {agent}")
        if branch not in await self.repository.heads(branch):
            await self.repository.move(branch, (await self.repository.tip()).commit, "")
        for other in self.agents:
            if other != agent and self._is_there(other) and (await self._tree(other)).stand == branch:
                await self._leave(other)
        await tree.move(branch)

    async def _leave(self, agent: str) -> None:
        """Stand on no branch, since somebody else takes over the work: two worktrees cannot stand on one."""
        tree = await self._tree(agent)
        await self._settled(tree, agent, f"Unfinished work of {agent}")
        await tree.detach((await tree.status()).commit)

    async def _afresh(self, tree: Worktree, agent: str) -> None:
        """To the tip of base, unless the agent works on a task, or has work of its own."""
        own = self.of_agent(agent)
        stand = tree.stand
        if stand.startswith(HEADS) and stand != own:
            return
        status = await tree.status()
        if not status.is_clean or (not stand.startswith(HEADS) and status.commit != stand):
            return
        heads = await self.repository.heads(own, self.repository.base)
        head, tip = heads.get(own), heads.get(self.repository.base) or await self.repository.tip()
        if head is not None and not await self.repository.contains(tip.commit, head.commit):
            if stand != own:
                await tree.move(own)
        elif status.commit != tip.commit or stand == own:
            await tree.detach(tip.commit)

    async def _settled(self, tree: Worktree, agent: str, message: str, *, is_strict: bool = False) -> str | None:
        """Commit what is there, on the branch where the worktree has to stand; None if nothing is new.

        An agent that commits by itself, perhaps elsewhere, has its commits brought there. Raises: ToolError if that is
        strict and there are repositories within the worktree; otherwise these are left out.
        """
        status = await tree.status()
        if is_strict:
            refuse_embedded(status, agent)
        commit = await tree.commit(status, message, agent)
        tip = commit or status.commit
        if tree.stand in (tip, status.branch):
            return commit
        wanted = tree.stand if tree.stand.startswith(HEADS) else self.of_agent(agent)
        await self._hold_on(wanted, tip)
        await tree.move(wanted)
        return tip

    async def _hold_on(self, branch: str, commit: str) -> None:
        """Let a branch end in a commit; one beside it if it holds other work."""
        before = (await self.repository.heads(branch)).get(branch)
        if before is None or await self.repository.contains(commit, before.commit):
            await self.repository.move(branch, commit, "" if before is None else before.commit)
        else:
            await self.repository.move(f"{branch}-{commit[:8]}", commit, "")

    async def _give_back(self, work: Work, before: str, commit: str) -> None:
        async with self._lock:
            if self._is_there(work.agent):
                tree = await self._tree(work.agent)
                if tree.stand == work.branch:
                    # Whatever came in since it was handed in is worth more than what stands against it.
                    if (await tree.status()).is_clean:
                        await tree.move(work.branch, onward=(before, commit))
                    return
            await self.repository.move(work.branch, commit, before)


def path_of(config: WorkspaceConfig) -> Path:
    """Where a workspace is, from wherever this process was started."""
    return Path(config.path).expanduser().resolve()


async def refuse_unfit(config: WorkspaceConfig, *, is_merged: bool) -> None:
    """Raises: ConfigError, ToolError if no run could begin in the repository that a workspace names."""
    path = path_of(config)
    found = await repository_at(path)
    git = await git_of(found)
    base = f"{HEADS}{config.base}" if config.base else await branch_of_head(git, found, is_merged=is_merged)
    await check_base(Repository(git, base), path)


async def opened(run_id: str, config: WorkspaceConfig, agents: Sequence[str], home: Path, *, is_merged: bool) -> Ground:
    """The ground that a workspace names, held by this process. Raises: ConfigError, ToolError."""
    path = path_of(config)
    found = await repository_at(path)
    folder = home / "agentmesh" / "worktrees" / digest(str(found.common)) / fit(run_id)
    hold = Hold.of(folder.with_name(f"{folder.name}-{digest(f'{path} {config.base}')}.run"))
    await hold.take()
    git = await git_of(found, hold.descriptor)
    begun = f"{HEADS}{config.base}" if config.base else hold.said
    base = begun or await branch_of_head(git, found, is_merged=is_merged)
    hold.say(base)
    repository = Repository(git, base)
    await check_base(repository, path)
    return Ground(repository, folder, fit(run_id), agents, hold)
