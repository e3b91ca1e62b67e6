"""How git is called: with an environment of its own, and so that nothing that lies among the files is ever run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import anyio.lowlevel
from anyio import to_thread

from agentmesh.errors import ConfigError, ToolError

LEAST = (2, 38)
"""The version of git that is needed: the first whose merge-tree merges without a worktree."""
NOBODY = "agentmesh"
"""Commits what agents have written."""

_SECONDS = 600.0
_SHOWN = 1500
_SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.attributesFile": os.devnull,
    "core.excludesFile": os.devnull,
    "core.quotePath": "false",
    "submodule.recurse": "false",
    "merge.conflictStyle": "diff3",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "advice.detachedHead": "false",
}
_MERGE_FILE = "git merge-file --diff3 --marker-size=%L -L agentmesh/work -L before -L base %A %O %B"
"""What every merge driver of a repository becomes: what git does where none is named."""


class Answer(NamedTuple):
    """What a call of git came to."""

    code: int
    output: bytes
    error: str

    @property
    def text(self) -> str:
        """The output without its last line break; bytes that are no text survive, as in the names of files."""
        return os.fsdecode(self.output).removesuffix("\n")

    @property
    def fields(self) -> list[str]:
        """Output that is separated by zero bytes."""
        return [os.fsdecode(one) for one in self.output.split(b"\0")]


@dataclass(frozen=True)
class Git:
    """Calls git for one repository. `programs`: settings of the repository that name programs, by what they become."""

    directory: Path
    programs: Mapping[str, str] = field(default_factory=dict)
    held: int | None = None
    """A descriptor that git inherits: its lock lasts as long as any call, even if this process is killed."""

    async def __call__(
        self,
        *arguments: str,
        worktree: tuple[Path, Path] | None = None,
        stdin: bytes = b"",
        ok: Sequence[int] = (0,),
        variables: Mapping[str, str] | None = None,
    ) -> Answer:
        """One call. `worktree`: the folder that it is about, and the directory that git keeps for that folder.

        Raises: ToolError if it ends with another status than `ok`.
        """
        folder, directory = worktree or (self.directory, self.directory)
        places = [f"--git-dir={directory}", *([f"--work-tree={folder}"] if worktree else [])]
        environment = {**_environment({**_SETTINGS, **self.programs}), **(variables or {})}
        answer = await _called([*places, *arguments], folder, environment, stdin, self.held)
        if answer.code not in ok:
            raise ToolError(f"git {arguments[0]} failed in {folder}: {answer.error[-_SHOWN:] or answer.code}")
        return answer


async def discovered(folder: Path, *arguments: str) -> Answer:
    """What `git rev-parse` finds where a folder lies. It runs nothing, and may read what this user calls safe."""
    environment = _environment({})
    del environment["GIT_CONFIG_GLOBAL"]
    return await _called(["rev-parse", "--path-format=absolute", *arguments], folder, environment, b"", None)


async def check_version() -> None:
    """Raises: ConfigError if git is not there, or too old."""
    needed = f"worktrees need git {'.'.join(map(str, LEAST))} or newer"
    if shutil.which("git") is None:
        raise ConfigError(f"git is not installed; {needed}: install it, or use workspaces of `kind: directory`")
    said = (await _called(["version"], Path("/"), _environment({}), b"", None)).text
    version = tuple(int(number) for number in re.findall(r"\d+", said)[:2])
    if version < LEAST:
        raise ConfigError(f"{said} is too old; {needed}: update it, or use workspaces of `kind: directory`")


def neutral(names: Iterable[str]) -> dict[str, str]:
    """For settings that name programs, such as filter.lfs.clean: what they must be so that none of these is run.

    Attributes that an agent writes could bring a file of the worktree to them.
    """
    found: dict[str, str] = {}
    for name in names:
        section, _, rest = name.partition(".")
        driver = f"{section}.{rest.rpartition('.')[0]}"
        match section:
            case "filter":
                found |= {f"{driver}.{key}": "" for key in ("clean", "smudge", "process")}
                found[f"{driver}.required"] = "false"
            case "merge":
                found[f"{driver}.driver"] = _MERGE_FILE
            case _:
                pass
    return found


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the user's but where programs are; settings given here come before those of any file."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.environ.get("HOME", os.sep),
        "LC_ALL": "C",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_ALLOW_PROTOCOL": "",
        "GIT_EDITOR": "false",
        "GIT_COMMITTER_NAME": NOBODY,
        "GIT_COMMITTER_EMAIL": f"{NOBODY}@localhost",
        "GIT_CONFIG_COUNT": str(len(settings)),
    }
    for at, (name, value) in enumerate(settings.items()):
        environment |= {f"GIT_CONFIG_KEY_{at}": name, f"GIT_CONFIG_VALUE_{at}": value}
    return environment


async def _called(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], stdin: bytes, held: int | None
) -> Answer:
    """A call that has begun is carried to its end, whoever is cancelled: one that is killed leaves a lock behind."""
    await anyio.lowlevel.checkpoint()
    # A thread costs half of what a process of the event loop does, and calls are many and short.

    def run() -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["git", *arguments],
            input=stdin,
            capture_output=True,
            check=False,
            cwd=folder,
            env=environment,
            start_new_session=True,
            pass_fds=() if held is None else (held,),
            timeout=_SECONDS,
        )

    try:
        done = await to_thread.run_sync(run)
    except subprocess.TimeoutExpired:
        raise ToolError(f"git did not end within {_SECONDS:g} s in {folder}: {arguments}; try again") from None
    except OSError as error:
        raise ToolError(f"git cannot be run in {folder}: {error.strerror}; is the folder still there?") from error
    return Answer(done.returncode, done.stdout, os.fsdecode(done.stderr).strip())
