"""Programs in a container of their own, where an engine answers: Docker or Podman."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from agentmesh.errors import ToolError
from agentmesh.tools.confinement.base import Ran, Rules
from agentmesh.tools.confinement.launching.order import Order
from agentmesh.tools.confinement.places import ALWAYS, writable
from agentmesh.tools.confinement.supervised import order_for, supervised

ENGINES = ("docker", "podman")

_ANSWER_SECONDS = 5.0
_INSIDE = "/tmp"
_MEBIBYTE = 1 << 20
_UNABLE = (125, 126, 127)  # of the engine itself; not executable; not found


@cache  # what answered once is not asked again; what did not, is
def engine() -> str:
    """The first engine that answers. Raises: ToolError if none does."""
    faults = []
    for name in ENGINES:
        fault = _fault(name)
        if fault is None:
            return name
        faults.append(f"{name}: {fault}")
    raise ToolError(
        f"no container engine answers: {'; '.join(faults)}; start Docker or Podman, "
        "or use `kind: directory` or `git_worktree`"
    )


def _fault(name: str) -> str | None:
    if shutil.which(name) is None:
        return "there is no such program on PATH"
    try:
        done = subprocess.run(
            [name, "version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_ANSWER_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_ANSWER_SECONDS:g} s"
    except OSError as error:
        return str(error)
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"])[-1]


@dataclass(frozen=True)
class Container:
    """A container for every call: its image is all that the program sees beside the workspace."""

    engine: str
    image: str
    name: str = "container"

    async def run(
        self, argv: Sequence[str], rules: Rules, *, folder: Path, stdin: str = "", seconds: float | None = None
    ) -> Ran:
        client = shutil.which(self.engine) or self.engine
        order = order_for((client, *argv), rules, folder=folder, stdin=stdin, seconds=seconds)
        ran = await supervised(self.order(order, rules))
        if ran.code in _UNABLE and ran.output.startswith(f"{self.engine}: "):
            raise ToolError(f"cannot start {argv[0]!r} in {self.image}: {ran.output.strip()}")
        return ran

    def order(self, order: Order, rules: Rules) -> Order:
        """The order, carried out by the engine, which keeps to its own limits."""
        container = f"agentmesh-{secrets.token_hex(8)}"
        client, *argv = order["argv"]
        limits = rules.limits
        size = limits.file_mb * _MEBIBYTE
        mounts = [*((path, "") for path in writable(rules)), *((path, ",readonly") for path in rules.read)]
        variables = {"HOME": _INSIDE, "TMPDIR": _INSIDE, **ALWAYS, **rules.environment}
        command = [
            *(client, "run", "--rm", "--interactive", "--init", "--name", container),
            *("--network", "bridge" if rules.network else "none", "--read-only", "--cap-drop", "ALL"),
            *("--security-opt", "no-new-privileges", "--user", f"{os.getuid()}:{os.getgid()}"),
            *(("--userns", "keep-id") if self.engine == "podman" else ()),
            *("--pids-limit", str(limits.processes), "--memory", f"{limits.memory_mb}m"),
            *("--ulimit", f"fsize={size}:{size}", "--ulimit", "core=0:0"),
            *("--tmpfs", f"{_INSIDE}:rw,exec,mode=1777,size={size}"),
            *(text for path, mode in mounts for text in ("--mount", _mount(path, mode))),
            *(text for name, value in variables.items() for text in ("--env", f"{name}={value}")),
            *("--workdir", order["folder"], self.image, *argv),
        ]
        return {
            **order,
            "argv": command,
            "environment": dict(os.environ),  # the engine's client needs its own; the program sees nothing of it
            "folder": "/",
            "processes": 0,
            "memory": 0,
            "afterwards": [client, "rm", "--force", container],
        }


def _mount(path: Path, mode: str) -> str:
    if "," in str(path):
        raise ToolError(f"a path in a container may have no comma: {path}")
    return f"type=bind,source={path},target={path}{mode}"
