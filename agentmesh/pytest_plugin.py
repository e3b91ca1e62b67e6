"""For tests of teams: real model calls are blocked, and teams play from scripts.

`@pytest.mark.real_models` lets a test call real models, those on the loopback interface included.
"""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", "real_models: the test may call real models; every other test is refused them")
