"""The repository whose worktrees agents work in: its branches, its commits, and merges that touch no files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from anyio import to_thread

from agentmesh.errors import ConfigError, ToolError
from agentmesh.tools.workspaces.calls import NOBODY, Git, check_version, discovered, neutral
from agentmesh.tools.workspaces.conflicts import Merge, merge_of

HEADS = "refs/heads/"
OURS = f"{HEADS}agentmesh/"
"""Begins every branch that is made here."""

_SHOWN_BRANCHES = 20
_HEAD = "%(refname)%00%(objectname)%00%(tree)%00%(worktreepath)%00%(authorname)%00"


class Head(NamedTuple):
    """Where a branch stands."""

    commit: str
    tree: str
    folder: str
    """The worktree in which it is checked out, if one has it."""
    author: str
    """Of its last commit."""


class Found(NamedTuple):
    """A repository as a path leads to it."""

    common: Path
    """Its directory, which all its worktrees share."""
    directory: Path
    """What git keeps for the worktree at that path."""
    beneath: str
    """Where in the worktree the path lies; empty at its top."""
    is_bare: bool


@dataclass(frozen=True)
class Repository:
    """`base`: the branch from which work begins and into which it is merged, as a whole name; HEAD where it has none.

    Raises: ToolError, from every method, where git fails.
    """

    git: Git
    base: str

    @property
    def base_name(self) -> str:
        """The branch as people call it."""
        return self.base.removeprefix(HEADS)

    async def tip(self) -> Head:
        """Where base stands. Raises: ToolError if it is gone."""
        if self.base == "HEAD":
            said = (await self.git("rev-parse", "HEAD", "HEAD^{tree}")).text.split("\n")
            return Head(said[0], said[1], "", "")
        head = (await self.heads(self.base)).get(self.base)
        return head or self.lost()

    def lost(self) -> Head:
        """Raises: ToolError, always."""
        raise ToolError(f"the branch {self.base_name} of {self.git.directory} is gone: make it again where it stood")

    async def heads(self, *patterns: str, merged: str | None = None) -> dict[str, Head]:
        """By whole name: branches of that name, or beneath it; with `merged` those alone that it contains."""
        within = [] if merged is None else [f"--merged={merged}"]
        said = (await self.git("for-each-ref", f"--format={_HEAD}", *within, *patterns)).fields
        rows = zip(*[iter(said)] * 5, strict=False)
        return {name.lstrip("\n"): Head(*rest) for name, *rest in rows}

    async def contains(self, commit: str, older: str) -> bool:
        """Whether a commit stands in the history of another, or is it."""
        answer = await self.git("merge-base", "--is-ancestor", older, commit, ok=(0, 1))
        return answer.code == 0

    async def merged(self, ours: str, theirs: str, attributes: str) -> Merge:
        """What a merge would come to. `attributes`: the commit whose .gitattributes count, from git 2.41 on."""
        variables = {"GIT_ATTR_SOURCE": attributes}
        arguments = ("merge-tree", "--write-tree", "-z", "--messages", "--allow-unrelated-histories", ours, theirs)
        answer = await self.git(*arguments, ok=(0, 1), variables=variables)
        return merge_of(answer.fields, is_clean=answer.code == 0)

    async def committed(self, tree: str, parents: Iterable[str], message: str, author: str) -> str:
        """A new commit, on no branch."""
        before = [word for parent in parents for word in ("-p", parent)]
        said = await self.git(
            "commit-tree", tree, *before, "-F", "-", stdin=message.encode(errors="replace"), variables=_signed(author)
        )
        return said.text

    async def move(self, branch: str, commit: str, before: str) -> bool:
        """Move a branch, unless it stands elsewhere by now than `before` (empty: nowhere)."""
        answer = await self.git("update-ref", "-m", NOBODY, branch, commit, before, ok=(0, 1, 128))
        if answer.code and (await self.heads(branch)).get(branch, Head("", "", "", "")).commit == before:
            raise ToolError(f"the branch {branch.removeprefix(HEADS)} cannot be moved: {answer.error}")
        return answer.code == 0

    async def delete(self, branches: Mapping[str, Head]) -> None:
        """Branches go, as long as they still stand where they did."""
        lines = "".join(f"delete {name} {head.commit}\n" for name, head in branches.items())
        if lines:
            await self.git("update-ref", "--stdin", stdin=lines.encode())

    async def altered(self, before: str, after: str, pattern: str) -> list[str]:
        """Files between two commits in which lines have changed that match."""
        options = ("-r", "-z", "--name-only", "--no-renames", "--no-ext-diff", "--no-textconv", "-G", pattern)
        return [name for name in (await self.git("diff-tree", *options, before, after)).fields if name]

    async def texts(self, tree: str, paths: Sequence[str]) -> dict[str, str]:
        """What files hold in a commit or tree; files that are not there are left out."""
        asked = b"".join(os.fsencode(f"{tree}:{path}") + b"\0" for path in paths)
        output = (await self.git("cat-file", "--batch", "-z", stdin=asked)).output
        found = {}
        for path in paths:
            first, _, output = output.partition(b"\n")
            words = first.split(b" ")
            if len(words) != 3 or not words[2].isdigit():
                continue
            size = int(words[2])
            found[path] = output[:size].decode(errors="replace")
            output = output[size + 1 :]
        return found

    async def has_message(self, line: str, since: str, until: str) -> bool:
        """Whether a commit between two others has this line in its message."""
        said = await self.git("rev-list", "-n", "1", "--fixed-strings", f"--grep={line}", f"{since}..{until}")
        return bool(said.text)

    def kept_for(self, folder: Path) -> Path | None:
        """What git keeps for a worktree. Found in the repository: what the worktree itself says proves nothing."""
        for known in (self.git.directory / "worktrees").glob("*/gitdir"):
            if known.read_text(encoding="utf-8", errors="surrogateescape").strip() == str(folder / ".git"):
                return known.parent
        return None


async def found(path: Path) -> Found | None:
    """The repository in which a folder lies, if it does. Raises: ToolError if git does not say."""
    answer = await discovered(path, "--git-common-dir", "--git-dir", "--is-bare-repository", "--show-prefix")
    if answer.code:
        if "not a git repository" in answer.error:
            return None
        raise ToolError(f"git says of {path}: {answer.error}")
    common, directory, bare, beneath = (answer.text + "\n").split("\n")[:4]
    return Found(Path(common), Path(directory), beneath.rstrip("/"), bare == "true")


async def git_of(repository: Found, held: int | None = None) -> Git:
    """How git is called there, so that it runs no program that the repository names."""
    plain = Git(repository.common)
    named = await plain("config", "--name-only", "-z", "--get-regexp", r"^(filter|merge)\..*\.", ok=(0, 1))
    return Git(repository.common, neutral(name for name in named.fields if name), held)


async def repository_at(path: Path) -> Found:
    """The repository whose worktrees are made. Raises: ConfigError, saying what is wrong there."""
    await check_version()
    if not await to_thread.run_sync(path.is_dir):
        raise ConfigError(f"there is no folder {path}; name the repository as `path` of the workspace")
    repository = await found(path)
    if repository is None:
        raise ConfigError(
            f"{path} is no git repository: run `git init` there and commit, or use workspaces of `kind: directory`"
        )
    if repository.beneath:
        top = path.parents[repository.beneath.count("/")]
        raise ConfigError(
            f"{path} lies within the repository {top}, of which worktrees are made as a whole: say `path: {top}`, or "
            "make a repository of its own there"
        )
    return repository


async def check_base(repository: Repository, path: Path) -> None:
    """Raises: ConfigError if work cannot begin from the base branch."""
    branches = await repository.heads(HEADS.rstrip("/"))
    if repository.base != "HEAD" and repository.base not in branches:
        raise ConfigError(_absent(path, repository.base_name, branches))


async def branch_of_head(git: Git, repository: Found, *, is_merged: bool) -> str:
    """The whole name of the branch that is checked out; HEAD if none is. Raises: ConfigError if one is needed."""
    head = await git("symbolic-ref", "-q", "HEAD", worktree=(repository.common, repository.directory), ok=(0, 1))
    if head.text or not is_merged:
        return head.text or "HEAD"
    raise ConfigError(
        f"no branch is checked out in {repository.directory}, and finished work has to be merged into one: say which "
        "as `base` of the workspaces"
    )


def _absent(path: Path, wanted: str, branches: Mapping[str, Head]) -> str:
    if not branches:
        return f"the repository {path} has no commit yet, and work has to begin from one: commit something there first"
    names = sorted(name.removeprefix(HEADS) for name in branches if not name.startswith(OURS))
    shown = ", ".join(names[:_SHOWN_BRANCHES]) + (", ..." if len(names) > _SHOWN_BRANCHES else "")
    return f"the repository {path} has no branch '{wanted}' to be the base of work; it has: {shown}"


def _signed(author: str) -> dict[str, str]:
    name = f"{NOBODY} {author}" if author else NOBODY
    return {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": f"{NOBODY}@localhost"}
