"""Where the agents of one run work on files, and what becomes of what they made there."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import anyio
from anyio import to_thread

from agentmesh.config.workspaces import MergeCheck, MergeConfig, WorkspaceConfig
from agentmesh.errors import ConfigError, ToolError
from agentmesh.messages import Task
from agentmesh.tools.confinement import confinement_of
from agentmesh.tools.workspaces.acceptance import Checks, commands_of, verified
from agentmesh.tools.workspaces.base import Workspace
from agentmesh.tools.workspaces.git import Repository, found, git_of
from agentmesh.tools.workspaces.grounds import Ground, opened, path_of, refuse_unfit
from agentmesh.tools.workspaces.holding import state_home
from agentmesh.tools.workspaces.merging import Accepted, Work
from agentmesh.tools.workspaces.worktrees import EmbeddedError, Worktree, refuse_embedded

__all__ = ["Accepted", "Works"]

_WORKTREE = "git_worktree"
_FILES = 20_000
"""Files whose contents count in the state of a folder that is no repository."""
_CHUNK = 1024 * 1024
_LARGE = 16 * _CHUNK


class Works:
    """The workspaces of one run, by agent. Worktrees are taken up again by whoever runs the same `run_id`.

    `merge`: without it branches are made, and base is never touched. `home`: where worktrees lie, in place of
    XDG_STATE_HOME.
    """

    def __init__(
        self,
        run_id: str,
        configs: Mapping[str, WorkspaceConfig],
        merge: MergeConfig | None,
        *,
        home: Path | None = None,
    ) -> None:
        self._run_id = run_id
        self._configs = dict(configs)
        self._merge = merge
        self._home = home
        self._grounds: dict[tuple[Path, str | None], Ground] = {}
        self._opening = anyio.Lock()
        self._accepting = anyio.Lock()

    def has(self, agent: str) -> bool:
        """Whether the agent works on files."""
        return agent in self._configs

    @property
    def merges(self) -> bool:
        """Whether what is finished comes into base while the run goes on."""
        return self._merge is not None

    async def refuse_unfit(self) -> None:
        """Say of a run that has not begun where nobody could work in it. Raises: ToolError, ConfigError."""
        trees = (config for config in self._configs.values() if config.kind == _WORKTREE)
        for config in {_place(config): config for config in trees}.values():
            await refuse_unfit(config, is_merged=self.merges)
        for agent, config in self._configs.items():
            if config.kind != _WORKTREE:
                await self._in_folder(agent, config)
            if config.kind == "container":
                await to_thread.run_sync(confinement_of, config)

    async def prepared(self, agent: str, task: Task | None, again: bool) -> Workspace | None:
        """Where an agent works in a turn that begins; None if it has no workspace. Raises: ToolError, ConfigError.

        With a task a worktree stands on the branch of the task, whoever worked on it before. Without one it begins at
        the tip of base, unless there is work of its own. `again`: the turn began before, in a process that died.
        """
        config = self._configs.get(agent)
        if config is None:
            return None
        if config.kind != _WORKTREE:
            return await self._in_folder(agent, config)
        ground = await self._ground(config)
        root = await ground.prepared(agent, None if task is None else task.id, again=again)
        return Workspace.at(agent, root, _reading(config, ground.repository.git.directory))

    async def accept(self, agent: str, task: Task, attempt: int) -> Accepted:
        """Merge what an agent made of a task into base, if what it has to pass passes on the merged tree.

        One at a time. Done again after a process died it comes to the same. Raises: ToolError if git fails.
        """
        try:
            commands = commands_of(task.acceptance)
        except ToolError as error:
            return Accepted(False, str(error))
        key = _line(f"Task {task.id} of run {self._run_id}, attempt {attempt}, by {agent}.")
        message = f"{_line(task.title) or task.id}\n\n{key}\n"
        async with self._accepting:
            ground = await self._ground(self._configs[agent])
            branch = ground.of_task(task.id)
            try:
                await ground.hand_in(agent, branch, message)
            except EmbeddedError as error:
                return Accepted(False, str(error))
            checks = self._checks(agent, ground, commands)
            return await ground.merging.merge([Work(agent, branch, f"Merge: {message}")], checks, key)

    async def finish(self, order: Sequence[str]) -> Accepted:
        """Merge what agents made without tasks, in this order: all of it, if the whole holds, or nothing.

        Raises: ToolError if git fails.
        """
        async with self._accepting:
            works: list[Work] = []
            ground: Ground | None = None
            for agent in (name for name in order if self._in_worktree(name)):
                ground = await self._ground(self._configs[agent])
                message = f"Work of {agent}\n\nIn run {self._run_id}.\n"
                try:
                    await ground.hand_in(agent, ground.of_agent(agent), message)
                except EmbeddedError as error:
                    return Accepted(False, str(error))
                works.append(Work(agent, ground.of_agent(agent), f"Merge: {message}"))
            if ground is None or self._merge is None:
                return Accepted(True, "nothing is merged: the team has no `merge`")
            return await ground.merging.merge(works, self._checks(works[0].agent, ground, ()))

    async def commit(self, agent: str, message: str) -> str | None:
        """Commit what an agent has changed; None if it is nothing, or the folder is no repository.

        Raises: ToolError if git fails, or there are repositories within the folder.
        """
        config = self._configs[agent]
        if config.kind == _WORKTREE:
            return await (await self._ground(config)).commit(agent, message)
        tree = await _own_tree(path_of(config))
        if tree is None:
            return None
        status = await tree.status()
        refuse_embedded(status, agent)
        return await tree.commit(status, message, agent)

    async def state(self, agent: str) -> str:
        """A digest of an agent's files: the same if nothing has changed in them. Raises: ToolError."""
        config = self._configs[agent]
        if config.kind == _WORKTREE:
            return await (await self._ground(config)).state(agent)
        tree = await _own_tree(path_of(config))
        return await to_thread.run_sync(_digest, path_of(config)) if tree is None else await tree.tree()

    async def check(self, argv: Sequence[str], timeout_s: float, stdin: str) -> tuple[bool, str]:
        """Whether a program succeeds on what base holds, and what it says. Raises: ToolError if it cannot be run."""
        command = MergeCheck(command=tuple(argv), timeout_s=timeout_s)
        for agent in filter(self._in_worktree, self._configs):
            async with self._accepting:
                ground = await self._ground(self._configs[agent])
                root = await ground.merging.root((await ground.repository.tip()).commit)
                config = _reading(self._configs[agent], ground.repository.git.directory)
                return await verified(Workspace.at(agent, root, config), command, stdin)
        agent, config = next(iter(self._configs.items()))
        return await verified(await self._in_folder(agent, config), command, stdin)

    async def check_in(self, agent: str, argv: Sequence[str], timeout_s: float, stdin: str) -> tuple[bool, str]:
        """Whether a program succeeds where an agent works, on what is there, and what it says. Raises: ToolError."""
        workspace = await self.prepared(agent, None, again=True)
        if workspace is None:
            raise ToolError(f"{agent} has no workspace in which {argv[0]} could be run")
        return await verified(workspace, MergeCheck(command=tuple(argv), timeout_s=timeout_s), stdin)

    async def close(self, outcome: str) -> dict[str, tuple[str, ...]]:
        """The run is over: worktrees go, and branches whose work is in base. Nothing that was made is lost.

        By agent: the branches that are kept, and folders with what could not be committed. Raises: ToolError.
        """
        kept: dict[str, tuple[str, ...]] = {}
        async with self._accepting:
            for agent in filter(self._in_worktree, self._configs):
                with suppress(ConfigError):  # a repository that is gone has nothing left to be put away
                    await self._ground(self._configs[agent])
            for ground in self._grounds.values():
                for agent, places in (await ground.close(outcome)).items():
                    kept[agent] = tuple(dict.fromkeys((*kept.get(agent, ()), *places)))
            self._grounds.clear()
        return kept

    def _in_worktree(self, agent: str) -> bool:
        return agent in self._configs and self._configs[agent].kind == _WORKTREE

    def _checks(self, agent: str, ground: Ground, commands: tuple[tuple[str, ...], ...]) -> Checks:
        config = _reading(self._configs[agent], ground.repository.git.directory)
        return Checks(agent, config, commands, None if self._merge is None else self._merge.verify)

    async def _ground(self, config: WorkspaceConfig) -> Ground:
        async with self._opening:
            place = _place(config)
            if place not in self._grounds:
                agents = [
                    name for name in filter(self._in_worktree, self._configs) if _place(self._configs[name]) == place
                ]
                home = await to_thread.run_sync((self._home or state_home()).resolve)
                is_merged = self._merge is not None
                self._grounds[place] = await opened(self._run_id, config, agents, home, is_merged=is_merged)
            return self._grounds[place]

    async def _in_folder(self, agent: str, config: WorkspaceConfig) -> Workspace:
        folder = path_of(config)
        if not await to_thread.run_sync(folder.is_dir):
            raise ToolError(f"the workspace of {agent} is no folder: {folder}; make it, or name another as `path`")
        own = folder / ".git"
        # What a repository says of itself is read by every git of this user: no program of an agent may write it.
        return Workspace.at(agent, folder, _reading(config, own) if await to_thread.run_sync(own.exists) else config)


def _place(config: WorkspaceConfig) -> tuple[Path, str | None]:
    return path_of(config), config.base


def _line(text: str) -> str:
    return " ".join(text.split())


def _reading(config: WorkspaceConfig, directory: Path) -> WorkspaceConfig:
    """The settings with one more folder to be read: programs in a worktree that ask git need the repository."""
    return config.model_copy(update={"read": (*config.read, str(directory))})


async def _own_tree(folder: Path) -> Worktree | None:
    """The folder as a repository, if it is the top of one."""
    if shutil.which("git") is None or not await to_thread.run_sync((folder / ".git").exists):
        return None
    repository = await found(folder)
    if repository is None or repository.beneath or repository.is_bare:
        return None
    return Worktree(Repository(await git_of(repository), "HEAD"), folder, repository.directory)


def _digest(folder: Path) -> str:
    """Of the names and contents of files; of very many files, or large ones, when they were written and how large."""
    found = hashlib.blake2b(digest_size=20)
    count = 0
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted(names):
            count += 1
            path = Path(place, name)
            found.update(os.fsencode(path.relative_to(folder)) + b"\0")
            with suppress(OSError):
                found.update(_content(path, is_read=count <= _FILES))
    return found.hexdigest()


def _content(path: Path, *, is_read: bool) -> bytes:
    facts = path.lstat()
    if stat.S_ISLNK(facts.st_mode):
        return os.fsencode(path.readlink())
    if not stat.S_ISREG(facts.st_mode) or not is_read or facts.st_size > _LARGE:
        return f"{facts.st_mode} {facts.st_size} {facts.st_mtime_ns}".encode()
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return hashlib.file_digest(file, "blake2b").digest() + bytes([facts.st_mode & 0o100 and 1])
