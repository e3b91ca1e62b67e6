"""A process that judges runs with a judge who notes each answer, and is killed when it is asked for the Nth one.

`python -m tests.learning.ruler.judged_and_killed CACHE NOTES N`
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from agentmesh.learning.ruler import ruler_sync
from agentmesh.messages import Reply
from agentmesh.providers.base import Delta, Request
from tests.learning.ruler.groups import answer, shown, sums

ORDERS = 6


class Noting:
    """Notes each answer in a file when it is paid for."""

    def __init__(self, notes: Path, last: int) -> None:
        self._notes = notes
        self._last = last
        self._asked = 0

    @property
    def model_id(self) -> str:
        return "test:noting"

    async def complete(self, request: Request, on_delta: Delta | None = None) -> Reply:
        self._asked += 1
        if self._asked == self._last:
            os.kill(os.getpid(), signal.SIGKILL)
        with self._notes.open("a") as notes:
            notes.write("paid\n")
        runs = shown(request)["runs"]
        return Reply(text=answer([(one["id"], int(one["id"][4:8], 16) / 0xFFFF) for one in runs]))

    async def aclose(self) -> None:
        """Nothing is held."""


def judged(cache: Path, notes: Path, last: int = 0) -> dict[str, float]:
    runs, _ = sums(1, 4)
    ruled = ruler_sync(runs, Noting(notes, last), orders=ORDERS, cache=cache)
    return {run_id: score.score for run_id, score in ruled.items()}


if __name__ == "__main__":
    judged(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
