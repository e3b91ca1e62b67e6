"""Fixtures that every test shares."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# Some test modules import it, others load it as a plugin: whoever comes first.
pytest.register_assert_rewrite("tests.cli.cli_processes")

settings.register_profile("default", max_examples=100, deadline=None)
settings.register_profile("nightly", max_examples=1000, deadline=None)
settings.load_profile("default")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A property walks the same lines a hundred times: to measure their coverage takes nearly as long as the walk."""
    for item in items:
        if item.get_closest_marker("hypothesis"):
            item.add_marker("no_cover")


@pytest.fixture
def anyio_backend() -> str:
    """All asynchronous tests run on asyncio: the provider SDKs know no other loop."""
    return "asyncio"


@pytest.fixture(scope="session")
def journal_for_all(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where commands keep their runs that are not told where: not in the checkout."""
    return str(tmp_path_factory.mktemp("journal") / "journal.db")


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch, journal_for_all: str) -> None:
    """No test depends on, spends, or adds to what the developer's environment holds."""
    for name in list(os.environ):
        if name.endswith("_API_KEY") or (name.startswith("AGENTMESH_") and "BLOCK" not in name):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AGENTMESH_JOURNAL", journal_for_all)
