"""One worktree: what has changed in it, how that is committed, and how it is moved to another branch.

What an agent or its programs put there is data. Git is told where its own directory is, and never looks for one in the
worktree, so that nothing that lies there is read as configuration; and of repositories within it nothing is asked.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from anyio import to_thread

from agentmesh.errors import ToolError
from agentmesh.tools.workspaces.beneath import TEMPORARY
from agentmesh.tools.workspaces.calls import Answer
from agentmesh.tools.workspaces.conflicts import named
from agentmesh.tools.workspaces.git import HEADS, Repository

_RECORD = "agentmesh"
"""In the directory that git keeps for a worktree: where it stands, or to where it is on its way."""
_AT, _TO = "at ", "to "
_CHECKOUT = ("checkout", "-q", "--force", "--ignore-other-worktrees")


@dataclass(frozen=True)
class Status:
    """What `git status` says."""

    commit: str
    branch: str
    """The whole name; empty where none is checked out."""
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    embedded: tuple[str, ...] = ()
    """Folders that are repositories of their own."""

    @property
    def is_clean(self) -> bool:
        """Whether there is nothing to commit."""
        return not self.changed and not self.gone


@dataclass(frozen=True)
class Worktree:
    """Raises: ToolError, from every method, where git fails."""

    repository: Repository
    folder: Path
    directory: Path
    """What git keeps for it."""

    @property
    def stand(self) -> str:
        """The branch on which it has to stand, or the commit where it has none."""
        return self._record().partition(" ")[2]

    def stand_at(self, place: str) -> None:
        """Say that it stands on a branch, or at a commit."""
        self._write_record(f"{_AT}{place}")

    async def status(self) -> Status:
        """What has changed since the last commit."""
        options = (
            "--porcelain=v2",
            "--branch",
            "-z",
            "--untracked-files=all",
            "--ignore-submodules=all",
            "--no-renames",
        )
        return _status((await self._git("status", *options)).fields)

    async def commit(self, status: Status, message: str, author: str) -> str | None:
        """Commit what has changed, where it stands. Symbolic links are kept as links, whatever they point to.

        What is ignored stays out, and repositories within the folder do: they are no files of this one.
        """
        if status.is_clean:
            return None
        tree = await self._staged(status)
        parents = [status.commit] if status.commit else []
        commit = await self.repository.committed(tree, parents, message, author)
        # Whoever has left its branch gets its commit nowhere but at HEAD: never on the base that it went to.
        stays = [] if self.stand in ("", status.branch) else ["--no-deref"]
        await self._git("update-ref", *stays, "-m", message.partition("\n")[0] or author, "HEAD", commit, status.commit)
        return commit

    async def tree(self) -> str:
        """The name of the tree that a commit would have, made beside the index, which stays as it is."""
        status = await self.status()
        with TemporaryDirectory(prefix="agentmesh-") as folder:
            index = Path(folder) / "index"
            with suppress(FileNotFoundError):
                shutil.copyfile(self.directory / "index", index)
            return await self._staged(status, {"GIT_INDEX_FILE": str(index)})

    async def move(self, branch: str, *, onward: tuple[str, str] | None = None) -> bool:
        """Make the files those of a branch; what is not committed is given up.

        `onward`: two commits, from the first of which the branch itself is moved to the second. False if it stood
        elsewhere; then nothing happens. Where the process ends in the middle `recover` ends it.
        """
        before = self._record()
        self._write_record(f"{_TO}{branch}")
        if onward is not None and not await self.repository.move(branch, onward[1], onward[0]):
            self._write_record(before)
            return False
        await self._git(*_CHECKOUT, "--no-guess", branch.removeprefix(HEADS), "--")
        self.stand_at(branch)
        return True

    async def detach(self, commit: str) -> None:
        """Make the files those of a commit, on no branch; what is not committed is given up."""
        self._write_record(f"{_TO}{commit}")
        await self._git(*_CHECKOUT, "--detach", commit, "--")
        self.stand_at(commit)

    async def clean(self) -> None:
        """Remove whatever is in no commit, ignored or not."""
        await self._git("clean", "-ffdxq")

    async def recover(self) -> None:
        """Take it up again after a process that may have died: no lock is left, and a move begun is ended."""
        for lock in self.directory.glob("*.lock"):
            lock.unlink(missing_ok=True)
        self.mend()
        if self._record().startswith(_TO):
            await (self.move(self.stand) if self.stand.startswith(HEADS) else self.detach(self.stand))

    def mend(self) -> None:
        """Where an agent has put something else in place of the file that points to the repository, put it back."""
        link = self.folder / ".git"
        wanted = f"gitdir: {self.directory}\n"
        with suppress(OSError, UnicodeDecodeError):
            if not link.is_symlink() and link.is_file() and link.read_text() == wanted:
                return
        if link.is_dir() and not link.is_symlink():
            shutil.rmtree(link, ignore_errors=True)
        else:
            link.unlink(missing_ok=True)
        link.write_text(wanted)

    def remove(self) -> None:
        """The folder goes, and what git kept for it; branches and commits stay."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    async def _staged(self, status: Status, variables: dict[str, str] | None = None) -> str:
        """The tree of all that is in the folder. `git add` would ask repositories within it how they are."""
        for paths, options in ((status.gone, ["--force-remove"]), (status.changed, ["--add", "--remove", "--replace"])):
            if paths:
                listed = b"".join(os.fsencode(path) + b"\0" for path in paths)
                await self._git("update-index", *options, "-z", "--stdin", stdin=listed, variables=variables)
        return (await self._git("write-tree", variables=variables)).text

    async def _git(self, *arguments: str, stdin: bytes = b"", variables: dict[str, str] | None = None) -> Answer:
        at = (self.folder, self.directory)
        return await self.repository.git(*arguments, worktree=at, stdin=stdin, variables=variables)

    def _record(self) -> str:
        with suppress(FileNotFoundError):
            return (self.directory / _RECORD).read_text(encoding="utf-8").strip("\n")
        return ""

    def _write_record(self, text: str) -> None:
        fresh = self.directory / f"{_RECORD}.new"
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(self.directory / _RECORD)


async def worktree_at(repository: Repository, folder: Path, commit: str) -> Worktree:
    """The worktree in a folder, as this run left it; a new one at a commit where none is, or only half of one."""
    directory = repository.kept_for(folder)
    if directory is not None and await to_thread.run_sync(folder.is_dir) and not (directory / "locked").exists():
        worktree = Worktree(repository, folder, directory)
        await worktree.recover()
        return worktree
    # Git locks a worktree while it makes it: this one was never finished, or its files are gone.
    shutil.rmtree(folder, ignore_errors=True)
    if directory is not None:
        shutil.rmtree(directory, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    await repository.git("worktree", "add", "-q", "--detach", str(folder), commit)
    directory = repository.kept_for(folder)
    if directory is None:
        raise ToolError(f"git has made no worktree at {folder}: see whether the disk is full, and try again")
    worktree = Worktree(repository, folder, directory)
    worktree.stand_at((await repository.git("rev-parse", "--verify", f"{commit}^{{commit}}")).text)
    return worktree


class EmbeddedError(ToolError):
    """Repositories lie within a worktree: of what is in them nothing can be committed."""


def refuse_embedded(status: Status, agent: str) -> None:
    """Raises: EmbeddedError if there are repositories within the worktree."""
    if status.embedded:
        raise EmbeddedError(
            f"{agent} has repositories of its own within the workspace, and nothing in them can be committed: "
            f"{named(status.embedded)}; remove the .git in each, or the folder, or name it in .gitignore"
        )


def _status(fields: Sequence[str]) -> Status:
    """Reads `git status --porcelain=v2 -z --branch`, with neither renames nor submodules in it."""
    commit = branch = ""
    changed: list[str] = []
    gone: list[str] = []
    embedded: list[str] = []
    for line in fields:
        kind, _, rest = line.partition(" ")
        match kind:
            case "#":
                key, _, value = rest.partition(" ")
                commit = value if key == "branch.oid" and value != "(initial)" else commit
                branch = f"{HEADS}{value}" if key == "branch.head" and value != "(detached)" else branch
            case "?" if not rest.rpartition("/")[2].startswith(TEMPORARY):
                (embedded if rest.endswith("/") else changed).append(rest)
            case "1":
                state, path = rest[:2], rest.split(" ", 7)[7]
                (gone if state in ("D.", "AD", "MD", ".D", "TD") else changed).append(path)
            case "u":
                changed.append(rest.split(" ", 9)[9])
            case _:
                pass
    return Status(commit, branch, tuple(changed), tuple(gone), tuple(embedded))
