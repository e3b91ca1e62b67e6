"""Few requests go out at once; many go out as fast as the event loop has time for them."""

from __future__ import annotations

import asyncio
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
        await gate.enter(60)
        out += 1
        most = max(most, out)
        time.sleep(busy)
        await anyio.sleep(seconds)
        out -= 1
        gate.leave()

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
    await gate.enter(60)
    with anyio.move_on_after(0.001):
        await gate.enter(60)
    assert gate.in_flight == 1
    with pytest.raises(TimeoutError):
        await gate.enter(0.005)
    gate.leave()
    assert gate.in_flight == 0
    assert await gate.enter(60) == 60


async def test_who_waited_has_less_time_left() -> None:
    gate = Gate(freely=1)
    await gate.enter(60)
    asyncio.get_running_loop().call_later(0.03, gate.leave)
    assert 59 < await gate.enter(60) < 59.98
