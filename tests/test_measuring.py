"""What is measured of the tests themselves."""

from __future__ import annotations

import pytest


def test_no_property_is_measured_for_coverage(request: pytest.FixtureRequest) -> None:
    properties = [item for item in request.session.items if item.get_closest_marker("hypothesis")]
    assert [item.nodeid for item in properties if not item.get_closest_marker("no_cover")] == []
