"""Fixtures that every test shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from coverage import Coverage
from hypothesis import settings

# Some test modules import it, others load it as a plugin: whoever comes first.
pytest.register_assert_rewrite("tests.cli.cli_processes")

TESTS = Path(__file__).parent
MEASURED = "COVERAGE_PROCESS_CONFIG"
"""By which coverage tells a process that it is to be measured."""

settings.register_profile("default", max_examples=100, deadline=None)
settings.register_profile("nightly", max_examples=1000, deadline=None)
settings.load_profile("default")


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """In a worker pytest-cov begins twice; what it began first would go on where `no_cover` stops what came second."""
    if hasattr(session.config, "workerinput") and (measuring := Coverage.current()) is not None:
        measuring.stop()
        while (first := Coverage.current()) is not None:
            first.stop()
        measuring.start()


WALKED_ELSEWHERE = {"benchmarks", "directions", "properties", "teamwork", "test_documentation.py", "test_examples.py"}
"""Folders and files of tests that see whole things at work, on ways that other tests measure."""


@pytest.hookimpl(trylast=True)  # Hypothesis marks its tests in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Coverage costs a test nearly as much as its work, and tells nothing new of a line that is walked again."""
    for item in items:
        place = item.path.relative_to(TESTS) if item.path.is_relative_to(TESTS) else item.path
        if item.get_closest_marker("hypothesis") or not WALKED_ELSEWHERE.isdisjoint(place.parts):
            item.add_marker("no_cover")


@pytest.fixture(autouse=True)
def unmeasured(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor are the processes measured that such a test starts."""
    if request.node.get_closest_marker("no_cover"):
        monkeypatch.delenv(MEASURED, raising=False)


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
