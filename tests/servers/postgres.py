"""A real Postgres server, in a directory of its own, on a Unix socket."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAMS = ("initdb", "pg_ctl")
_SETTINGS = {
    "listen_addresses": "''",
    "fsync": "off",  # no test cuts the power
    "max_connections": "60",
    "shared_buffers": "16MB",
    "log_min_messages": "panic",
}


@dataclass(frozen=True)
class PostgresServer:
    """A server that runs, and whose only user needs no password."""

    directory: Path

    def emptied(self) -> str:
        """Address of a database in which nothing is."""
        address = self.address("postgres")
        self.ask(address, "DROP SCHEMA IF EXISTS agentmesh CASCADE")
        return address

    def address(self, database: str) -> str:
        """Address of a database."""
        return f"postgresql://owner@/{database}?host={self.directory}"

    def ask(self, address: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a statement of SQL gives; nothing where it gives no rows."""
        import psycopg

        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("SET search_path TO agentmesh")
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def crash(self) -> None:
        """End the server at once, as a power cut would, and start it again."""
        _run("pg_ctl", "restart", "-D", str(self.directory / "data"), "-m", "immediate", "-w", "-s", "-l", os.devnull)


def missing() -> str | None:
    """Why no server can be started here; None if one can."""
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"{' and '.join(absent)} of Postgres not found" if absent else None


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A new server, for as long as this lasts."""
    directory = Path(tempfile.mkdtemp(prefix="pg-", dir=_fast_place()))
    if os.getuid() == 0:
        user = _unprivileged()
        os.chown(directory, user.pw_uid, user.pw_gid)
    data = directory / "data"
    try:
        _run("initdb", "-D", str(data), "-U", "owner", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        settings = {**_SETTINGS, "unix_socket_directories": f"'{directory}'"}
        with (data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())
        _run("pg_ctl", "start", "-D", str(data), "-w", "-s", "-l", os.devnull)
        try:
            yield PostgresServer(directory)
        finally:
            _stop(data)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _fast_place() -> str:
    """A directory in memory, if there is room; its path is short, as that of a socket must be."""
    memory = "/dev/shm"
    roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 400 * 2**20
    return memory if roomy else "/tmp"


def _stop(data: Path) -> None:
    pid_file = data / "postmaster.pid"
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGQUIT)
    for _ in range(500):
        if not pid_file.exists():
            return
        time.sleep(0.01)


def _unprivileged() -> pwd.struct_passwd:
    """Whom to be instead of root, as whom Postgres refuses to run."""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("there is no user 'postgres' or 'nobody' to run a server as")


def _run(*command: str) -> None:
    as_whom: dict[str, Any] = {}
    if os.getuid() == 0:
        user = _unprivileged()
        as_whom = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    # What pg_ctl starts would keep a pipe open for as long as it lives.
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(
            command, cwd="/", stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False, **as_whom
        )
        said.seek(0)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} failed: {said.read()}")
