"""What lies outside a workspace, made for one test: files, a home, a repository, servers, another process."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from tests.tools.confinement.attempts import Aim

FILES = ("secret", "to_truncate", "to_remove", "to_move", "to_link", "to_change")


@dataclass(frozen=True)
class World:
    """A workspace, which is a worktree, and what is around it."""

    workspace: Path
    aim: Aim

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where nothing may change."""
        return Path(self.aim.outside), Path(self.aim.home), Path(self.aim.temporary), Path(self.aim.git)


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Make it, and take it away."""
    token = secrets.token_hex(8)
    outside, home, temporary = folder / "outside", Path.home() / f".{token}", Path(tempfile.gettempdir()) / token
    with ExitStack() as stack:
        for made in (outside, home, temporary):
            made.mkdir(parents=True)
            stack.callback(shutil.rmtree, made)
            for name in FILES:
                (made / name).write_text(token)
        workspace = _worktree(folder)
        (workspace / "given_link").symlink_to(outside)
        victim = subprocess.Popen(["sleep", "60"], env={"SECRET": token}, stdin=subprocess.DEVNULL)
        stack.callback(victim.wait)
        stack.callback(victim.kill)
        port, unix = _serve(stack, token, outside / "socket")
        os.environ["AGENTMESH_TEST_SECRET"] = token
        stack.callback(os.environ.pop, "AGENTMESH_TEST_SECRET")
        aim = Aim(
            str(outside), str(home), str(temporary), token, victim.pid, port, token, unix, str(folder / "main" / ".git")
        )
        yield World(workspace, aim)


def git(folder: Path, *arguments: str) -> None:
    """Run git, with nobody's configuration."""
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
    names = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    subprocess.run(["git", *names, *arguments], cwd=folder, env=own, check=True, capture_output=True)


def _worktree(folder: Path) -> Path:
    main, workspace = folder / "main", folder / "worktree"
    main.mkdir()
    git(main, "init", "--quiet")
    (main / "file.py").write_text("x = 1\n")
    git(main, "add", ".")
    git(main, "commit", "--quiet", "--message", "begin")
    git(main, "worktree", "add", "--quiet", "--detach", str(workspace))
    return workspace


def _serve(stack: ExitStack, abstract: str, path: Path) -> tuple[int, str]:
    """Say hi over TCP and UDP, on an abstract socket and on one that is a file."""
    servers = [socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)]
    servers += [socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)]
    servers[0].bind(("127.0.0.1", 0))
    port = servers[0].getsockname()[1]
    servers[1].bind(("127.0.0.1", port))
    servers[2].bind("\0" + abstract)
    short = os.path.relpath(path)  # the path of a socket may have some hundred characters and no more
    servers[3].bind(min(short, str(path), key=len))
    for server in servers:
        if server.type == socket.SOCK_STREAM:
            server.listen()
        stack.callback(server.close)
        server.settimeout(0.05)
        thread = Thread(target=_greet, args=(server,), daemon=True)
        thread.start()
    return port, str(path)


def _greet(server: socket.socket) -> None:
    while True:
        try:
            if server.type == socket.SOCK_STREAM:
                connection, _ = server.accept()
                with connection:
                    connection.sendall(b"hi")
            else:
                server.sendto(b"hi", server.recvfrom(2)[1])
        except TimeoutError:
            continue
        except OSError:
            return  # it was closed
