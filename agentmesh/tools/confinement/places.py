"""What a confined program sees of the machine: the system's programs, this Python, and an environment of its own."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from agentmesh.errors import ToolError
from agentmesh.tools.confinement.base import Rules

SYSTEM = tuple(map(Path, "/usr /bin /sbin /lib /lib32 /lib64 /libx32 /nix/store /gnu/store".split()))
"""Programs and libraries."""

# No more of /etc than programs need to run at all: users' names and not their passwords, no configuration of servers.
ETC = tuple(
    Path("/etc") / name
    for name in """
    alternatives ca-certificates ca-certificates.conf fonts gai.conf group host.conf hosts inputrc java-17-openjdk
    ld.so.cache ld.so.conf ld.so.conf.d locale.alias localtime magic mime.types nsswitch.conf os-release passwd pki
    protocols resolv.conf rpc services shells ssl/certs ssl/openssl.cnf terminfo timezone
    """.split()
)

ALWAYS = {
    "LANG": "C.UTF-8",
    # Python tells compiled files apart by size and second, which is too little for edits that follow each other fast;
    # and nobody wants them in a commit.
    "PYTHONDONTWRITEBYTECODE": "1",
    "GIT_OPTIONAL_LOCKS": "0",  # `git status` need not write to the repository
    "GIT_CONFIG_NOSYSTEM": "1",
}
"""Variables that are the same everywhere."""

_PACKAGE = Path(__file__).resolve().parents[2]
_PROGRAMS = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"


def readable(rules: Rules) -> list[Path]:
    """Every path that is there and may be read, as it is written and as it really is."""
    return _both([*SYSTEM, *ETC, *own_code(), *rules.read])


def writable(rules: Rules) -> list[Path]:
    """Every path that may be written to."""
    return _both([rules.workspace, *rules.write])


def own_code() -> list[Path]:
    """Where this Python, its packages and agentmesh are, whose plugin of pytest runs where pytest does."""
    prefixes = [path for path in map(Path, (sys.prefix, sys.base_prefix)) if len(path.parts) > 1]
    return [*dict.fromkeys(prefixes), _PACKAGE]


def listed() -> list[Path]:
    """Where Python looks for agentmesh, if that is not installed among its packages but stands in a checkout."""
    above = _PACKAGE.parent
    return [] if any(above.is_relative_to(path) for path in own_code()) else [above]


def environment(rules: Rules, home: str) -> dict[str, str]:
    """All variables of a program."""
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), _PROGRAMS]),
        "HOME": home,
        "TMPDIR": home,
        **ALWAYS,
        **rules.environment,
    }


def check(argv: Iterable[str], rules: Rules, folder: Path, variables: dict[str, str]) -> None:
    """Raises: ToolError if the program, or the folder to run it in, is not there or not allowed."""
    if not rules.workspace.is_dir():
        raise ToolError(f"the workspace {rules.workspace} is no folder that is there")
    program = next(iter(argv), "")
    writes = [path.resolve() for path in (rules.workspace, *rules.write)]
    if not folder.is_dir() or not any(folder.resolve().is_relative_to(path) for path in writes):
        raise ToolError(f"a program starts in a folder of its workspace; {folder} is none of {rules.workspace}")
    found = folder / program if "/" in program else shutil.which(program, path=variables["PATH"])
    if not program or found is None or not os.access(found, os.X_OK):
        raise ToolError(f"cannot start {program!r}: no such program; looked in {variables['PATH']}")


def _both(paths: Iterable[Path]) -> list[Path]:
    there = [Path(os.path.normpath(path.absolute())) for path in paths if path.exists()]
    return list(dict.fromkeys([*there, *(path.resolve() for path in there)]))
