"""What tests of worktrees share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.tools.workspaces.repositories import make


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("template") / "project")


@pytest.fixture
def repository(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a small repository; worktrees lie beside it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    shutil.copytree(template, tmp_path / "project", symlinks=True)
    return tmp_path / "project"
