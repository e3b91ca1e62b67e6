"""Stores for the tests of journals, and processes that may be killed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journal.killing import Case, CountingServer, MakeCase, Nursery, counting_server, nursery
from tests.journal.stores import PostgresStore, SqliteStore, Store
from tests.servers.postgres import PostgresServer, missing, postgres_server

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server that all tests of this process share."""
    if (why := missing()) is not None:
        pytest.skip(why)
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite-full", "sqlite-normal", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty place for a journal, of each kind."""
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        return PostgresStore(server, server.emptied())
    return SqliteStore(str(tmp_path / "journal.db"), request.param.removeprefix("sqlite-"))


@pytest.fixture(scope="session")
def counting() -> Iterator[CountingServer]:
    """A server that keeps an account of what it is asked."""
    with counting_server() as server:
        yield server


@pytest.fixture(scope="session")
def mortals() -> Iterator[Nursery]:
    """Where processes that run teams come from."""
    with nursery() as program:
        yield program


@pytest.fixture
def case(mortals: Nursery, counting: CountingServer, tmp_path: Path) -> MakeCase:
    """A run of a shipped topology, with a journal and an account at the server of its own."""

    def make(topology: str, **more: Any) -> Case:
        return Case(mortals, counting, tmp_path, topology, f"{next(_NUMBERS)}", **more)

    return make


@pytest.fixture(scope="session")
def whole(mortals: Nursery, counting: CountingServer, tmp_path_factory: pytest.TempPathFactory) -> MakeCase:
    """A run of a shipped topology that nobody has disturbed."""
    known: dict[str, Case] = {}

    def make(topology: str) -> Case:
        if topology not in known:
            known[topology] = Case(mortals, counting, tmp_path_factory.mktemp("whole"), topology, "whole")
            known[topology].live()
        return known[topology]

    return make


@pytest.fixture
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> list[Store]:
    """An empty place for a journal of each kind that can be had here, all at once."""
    found: list[Store] = [SqliteStore(str(tmp_path / "journal.db"))]
    if missing() is None:
        server: PostgresServer = request.getfixturevalue("postgres")
        found.append(PostgresStore(server, server.emptied()))
    return found
