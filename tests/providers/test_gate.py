"""Few requests go out at once; many go out as fast as the event loop has time for them."""

from __future__ import annotations

import time

import anyio
import pytest

from agentmesh.providers.gate import Gate

pytestmark = pytest.mark.anyio


async def crowd(gate: Gate, number: int, seconds: float, busy: float = 0.0) -> int:
    """So many requests that each take so long; the most that were out together."""
    out = most = 0

    async def request() -> None:
        nonlocal out, most
        async with gate:
            out += 1
            most = max(most, out)
            time.sleep(busy)
            await anyio.sleep(seconds)
            out -= 1

    async with anyio.create_task_group() as group:
        for _ in range(number):
            group.start_soon(request)
    assert gate.in_flight == 0
    return most


async def test_few_requests_go_out_together_without_waiting() -> None:
    started = time.monotonic()
    assert await crowd(Gate(), 60, 0.05) == 60
    assert time.monotonic() - started < 1


async def test_a_slow_server_soon_has_all_requests() -> None:
    assert await crowd(Gate(freely=4), 200, 1.0) == 200


async def test_where_the_process_is_the_bottleneck_few_requests_are_out() -> None:
    assert await crowd(Gate(freely=4), 100, 0.001, busy=0.008) <= 16


async def test_whoever_stops_waiting_leaves_no_place_taken() -> None:
    gate = Gate(freely=1)
    async with gate:
        with anyio.move_on_after(0.001):
            await gate.__aenter__()
        assert gate.in_flight == 1
    assert gate.in_flight == 0
    async with gate:
        assert gate.in_flight == 1
