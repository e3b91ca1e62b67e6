"""A run goes on from any of its events, and comes to the same end without paying for anything twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from agentmesh import Team
from agentmesh.events import (
    Event,
    MessageDelivered,
    ModelCallFinished,
    PositionStated,
    RunEnded,
    ToolCallFinished,
    TurnEnded,
)
from agentmesh.runner.past import effective, inherited
from agentmesh.team import RunResult

pytestmark = pytest.mark.anyio

TEAMS = sorted(path.stem for path in Path("topologies").glob("*.yaml"))
TASK = "What is (3 + 4) * 12 + 90 / 6?"
STEPS = max(1, 1600 // settings.default.max_examples) if settings.default else 16
"""Of so many events one is gone on from; nightly all are."""


def state(result: RunResult) -> Any:
    """What a run came to, without the order of what happened at the same time."""
    log = effective(result.events)
    end = log[-1]
    assert isinstance(end, RunEnded)
    said = Counter((e.sender, e.recipient, e.content, e.kind) for e in log if isinstance(e, MessageDelivered))
    turns = Counter((e.agent, e.turn, e.reply) for e in log if isinstance(e, TurnEnded))
    held = Counter((e.agent, e.turn, e.position.answer) for e in log if isinstance(e, PositionStated))
    return end.outcome, end.answer, said, turns, held


def paid(events: Sequence[Event]) -> Counter[str]:
    """The calls that were paid for, by their keys without the run."""
    finished = (e for e in events if isinstance(e, ModelCallFinished) and e.error is None)
    return Counter(event.key.partition("/")[2] for event in finished)


def called(events: Sequence[Event]) -> Counter[str]:
    """The tool calls that were made, likewise."""
    finished = (e for e in events if isinstance(e, ToolCallFinished) and e.error != "cancelled")
    return Counter(event.key.partition("/")[2] for event in finished)


@pytest.mark.parametrize("name", TEAMS)
async def test_a_run_goes_on_from_any_event_to_the_same_end(name: str, tmp_path: Path) -> None:
    team = Team.from_yaml(f"topologies/{name}.yaml")
    journal = tmp_path / "journal.db"
    whole = await team.run(TASK, journal=journal, seed=3, durability="normal")
    assert (await team.replay(whole.run_id, journal=journal)).difference is None
    offset = len(name) % STEPS
    for at in range(1 + offset, len(whole.events), STEPS):
        fork = await team.fork(whole.run_id, at, journal=journal, durability="normal")
        assert state(fork) == state(whole), at
        assert paid(fork.events) == paid(whole.events), at
        assert called(fork.events) == called(whole.events), at
        own = fork.events[inherited(fork.events) :]
        assert set(paid(own)) == set(paid(whole.events)) - set(paid(whole.events[:at])), at
        assert (await team.replay(fork.run_id, journal=journal)).difference is None, at
