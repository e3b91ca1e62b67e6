"""How much a test tries: little by default, all of it in `make nightly`."""

from __future__ import annotations

from typing import Any

from hypothesis import settings

NIGHTLY = settings.default is not None and settings.default.max_examples >= 1000


def examples(few: int, *, nightly: int = 1000, **more: Any) -> settings:
    """So many examples of a property."""
    return settings(max_examples=nightly if NIGHTLY else few, **more)
