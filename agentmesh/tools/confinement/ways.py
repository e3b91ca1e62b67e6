"""Ways of confinement that need no engine: bubblewrap, Landlock, and none."""

from __future__ import annotations

import shutil
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from agentmesh.errors import ToolError
from agentmesh.tools.confinement.base import Ran, Rules
from agentmesh.tools.confinement.launching.order import Fence, Order
from agentmesh.tools.confinement.places import SYSTEM, environment, listed, readable, writable
from agentmesh.tools.confinement.supervised import order_for, probed, supervised

_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16
_INSIDE = "/tmp"


@dataclass(frozen=True)
class Plain:
    """No confinement: the program may do whatever this user may, but not outlive the call."""

    name: str = "none"

    async def run(
        self, argv: Sequence[str], rules: Rules, *, folder: Path, stdin: str = "", seconds: float | None = None
    ) -> Ran:
        return await supervised(order_for(argv, rules, folder=folder, stdin=stdin, seconds=seconds))


@dataclass(frozen=True)
class Bubblewrap:
    """A file system in which nothing else is, and processes that see no others; made by the program `bwrap`."""

    program: str
    name: str = "bubblewrap"

    async def run(
        self, argv: Sequence[str], rules: Rules, *, folder: Path, stdin: str = "", seconds: float | None = None
    ) -> Ran:
        order = order_for(argv, rules, folder=folder, stdin=stdin, seconds=seconds)
        return _told(await supervised(self.order(order, rules)), argv)

    def order(self, order: Order, rules: Rules) -> Order:
        """The order, carried out by bubblewrap."""
        folder, private = order["folder"], order["private"]
        network = ("--share-net",) if rules.network else ()
        wrapped = [
            *(self.program, "--unshare-all", *network, "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
            *("--proc", "/proc", "--dev", "/dev", "--bind", private, _INSIDE),
            *_bound(rules),
            # Without it, root could write to /proc/sys, even as a root who is nobody outside.
            *("--remount-ro", "/proc", "--remount-ro", "/", "--chdir", folder, "--", *order["argv"]),
        ]
        variables = environment(rules, _INSIDE)
        # It gives up set-user-id powers of its own, if that is how it works here: then nothing may be forgone before.
        privileged = Path(self.program).stat().st_mode & stat.S_ISUID
        families = [] if privileged else [_UNIX, _INET, _INET6, _NETLINK]
        return {**order, "argv": wrapped, "environment": variables, "overhead": 2, "families": families, "folder": "/"}


@dataclass(frozen=True)
class Landlock:
    """The kernel's own rules for this program, and namespaces where they are permitted."""

    namespaces: bool = True
    name: str = "landlock"

    async def run(
        self, argv: Sequence[str], rules: Rules, *, folder: Path, stdin: str = "", seconds: float | None = None
    ) -> Ran:
        order = order_for(argv, rules, folder=folder, stdin=stdin, seconds=seconds)
        return await supervised(self.order(order, rules))

    def order(self, order: Order, rules: Rules) -> Order:
        """The order, fenced in."""
        fence = Fence(
            write=[*map(str, writable(rules)), order["private"]],
            read=list(map(str, readable(rules))),
            list=list(map(str, listed())),
            network=rules.network,
            namespaces=self.namespaces,
        )
        # Landlock does not cover sockets that are files, nor datagrams: where nothing else does, they are refused.
        internet = [_INET, _INET6] if self.namespaces or rules.network else []
        overhead = 2 if self.namespaces else 0
        return {**order, "fence": fence, "families": [*internet, _NETLINK], "overhead": overhead}


def bubblewrap() -> Bubblewrap | str:
    """Bubblewrap, or why it cannot be used here."""
    program = shutil.which("bwrap")
    return "there is no program bwrap on PATH" if program is None else _working(program)


@cache
def _working(program: str) -> Bubblewrap | str:
    way = Bubblewrap(program)
    return probed(partial(_probe, way)) or way


@cache
def landlock() -> Landlock | str:
    """Landlock, with namespaces if they are permitted, or why it cannot be used here."""
    if sys.platform != "linux":
        return f"Landlock is part of Linux, and this is {sys.platform}"
    why = ""
    for way in (Landlock(), Landlock(namespaces=False)):
        fault = probed(partial(_probe, way))
        if fault is None:
            return way
        why = fault
    return why


def _probe(way: Bubblewrap | Landlock, argv: Sequence[str], rules: Rules) -> Order:
    return way.order(order_for(argv, rules, folder=rules.workspace, stdin="", seconds=5.0), rules)


def _bound(rules: Rules) -> list[str]:
    """Mounts in the order in which they must be made: what lies deeper comes later, and decides."""
    links = {path: path.readlink() for path in SYSTEM if path.is_symlink()}
    mounts = {path: "--ro-bind" for path in readable(rules) if path not in links}
    mounts |= dict.fromkeys(writable(rules), "--bind")
    arguments = [text for path, target in links.items() for text in ("--symlink", str(target), str(path))]
    for path, how in sorted(mounts.items(), key=lambda item: len(item[0].parts)):
        arguments += [how, str(path), str(path)]
    return arguments


def _told(ran: Ran, argv: Sequence[str]) -> Ran:
    """Raises: ToolError if what went wrong is bubblewrap's own word."""
    if ran.code == 1 and ran.output.startswith("bwrap: "):
        raise ToolError(f"cannot start {argv[0]!r}: {ran.output.strip().removeprefix('bwrap: ')}")
    return ran
