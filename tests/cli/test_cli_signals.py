"""A signal cancels the run, whether it comes before there is one or while it lasts."""

from __future__ import annotations

import os
import signal
import threading

import anyio
import pytest

import agentmesh.cli as cli
from agentmesh.cli import signals


def test_a_wish_that_comes_first_is_granted_as_soon_as_there_is_a_run() -> None:
    reasons: list[str] = []
    interruption = signals.Interruption()
    interruption.wish("early")
    interruption.applies_to(reasons.append)
    interruption.wish("late")
    assert reasons == ["early", "late"]


@pytest.mark.anyio
async def test_the_first_signal_cancels_and_the_second_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    interruption = signals.Interruption()
    interruption.applies_to(seen.append)
    monkeypatch.setattr(signals, "leave_at_once", seen.append)
    async with anyio.create_task_group() as group:
        await group.start(interruption.on_signals, lambda: seen.append("restored"))
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)
            await anyio.sleep(0.02)
        group.cancel_scope.cancel()
    assert seen[:3] == ["interrupted by SIGTERM", "restored", 130]


def test_a_thread_that_goes_on_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(cli, "leave_at_once", codes.append)
    release = threading.Event()
    busy = threading.Thread(target=release.wait)
    busy.start()
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    release.set()
    busy.join()
    assert codes == [0]
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert codes == [0]
