"""A fork asks for what comes after it, and for nothing else."""

from __future__ import annotations

import pytest

from agentmesh.events import ModelCallFinished
from tests.journal.killing import Case, MakeCase, bodies, nightly

pytestmark = pytest.mark.real_models


def answered(case: Case) -> list[int]:
    """The events with which its calls were over."""
    return [event.id for event in case.events() if isinstance(event, ModelCallFinished)]


@pytest.mark.parametrize("topology", ["chain", "flat", "hierarchy", "blind_then_discuss"])
def test_a_fork_at_a_call_asks_for_the_later_ones_alone_and_byte_for_byte(topology: str, case: MakeCase) -> None:
    run = case(topology, milliseconds=1)
    run.live()
    run_id, asked, log = run.runs_id, run.asked(), run.events()
    calls = answered(run)
    assert len(calls) == len(asked)
    numbers = range(1, len(calls)) if nightly() else (len(calls) // 3, len(calls) - 1)
    for number in numbers:
        before = len(run.asked())
        fork = run.ended(*run.begin("fork", run_id=run_id, at=calls[number - 1]))
        assert fork.end == ("ended", [fork.end[1][0], *run.lives[0].end[1][1:]])
        later = run.asked()[before:]
        assert len(later) == len(calls) - number
        assert bodies(later) <= bodies(asked)
        if topology == "chain":
            assert [one.body for one in later] == [one.body for one in asked[number:]]
    assert run.events(run_id) == log
    assert run.replay(run_id).identical
