"""The ways of confinement that are here, and what tests run in them."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from agentmesh.tools.confinement import Confinement, Ran, Rules
from agentmesh.tools.confinement.launching import kernel
from agentmesh.tools.confinement.ways import Bubblewrap, Landlock, Plain, bubblewrap, landlock

WAYS: dict[str, Confinement] = {
    "bubblewrap": Bubblewrap(shutil.which("bwrap") or "bwrap"),
    "landlock": Landlock(),
    "landlock without namespaces": Landlock(namespaces=False),
    "none": Plain(),
}
CONFINED = [name for name in WAYS if name != "none"]
MAIN = ["bubblewrap", "landlock", "none"]


def way_here(name: str) -> Confinement:
    """The way of that name; the test is skipped, with the reason, where it is absent."""
    found = bubblewrap() if name == "bubblewrap" else Plain() if name == "none" else landlock()
    if isinstance(found, str):
        pytest.skip(f"{name}: {found}")
    if name == "landlock" and found != WAYS[name]:
        pytest.skip("landlock: namespaces are not permitted")
    return WAYS[name]


def uncovered(name: str) -> set[str]:
    """Attempts that a way does not prevent, as docs/workspaces.md says."""
    if name != "landlock without namespaces":
        return set()
    version = kernel.landlock_version()
    return {
        "change_a_mode", "change_an_owner", "change_times",
        *(["signal_another"] if version < 6 else []),
        *(["truncate_a_file"] if version < 3 else []),
    }  # fmt: skip


async def run_code(way: Confinement, workspace: Path, code: str, **keywords: Any) -> Ran:
    """Run Python code in a workspace."""
    limits = keywords.pop("limits", None)
    rules = Rules(workspace) if limits is None else Rules(workspace, limits=limits)
    return await way.run((sys.executable, "-S", "-c", code), rules, folder=workspace, **keywords)


def snapshot(*folders: Path) -> dict[str, object]:
    """Everything that can be seen of the files below: contents, kinds, modes, owners, times."""
    seen: dict[str, object] = {}
    for folder in folders:
        for path in sorted([folder, *folder.rglob("*")]):
            about = path.lstat()
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            times = 0 if path.is_dir() else about.st_mtime_ns
            seen[str(path)] = (content, about.st_mode, about.st_uid, about.st_nlink, times)
    return seen


def outcome(ran: Ran) -> dict[str, str]:
    """What `attempts` printed."""
    came: dict[str, str] = json.loads(ran.output.strip().splitlines()[-1])
    return came
