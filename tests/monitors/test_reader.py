"""What every monitor of what agents say and do has in common: which events it is shown."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from typing import get_args

import pytest

from agentmesh.events import Event, TurnStarted, Verification
from agentmesh.messages import Finding
from agentmesh.monitors import Reader, registry
from tests.monitors.acted import said, stream

KINDS = {kind.__name__: kind for kind in get_args(Event)}


class Names(Reader):
    """Notes what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []

    def other(self, event: Event) -> Iterator[Finding]:
        self.shown.append(type(event).__name__)
        yield from ()


class Narrow(Names):
    others = frozenset([TurnStarted])


def named_in_other(monitor: type[Reader]) -> set[str]:
    """The kinds of events that the source of a monitor's `other` names."""
    [function] = ast.parse(textwrap.dedent(inspect.getsource(monitor.other))).body
    assert isinstance(function, ast.FunctionDef)
    names = {node.id for part in function.body for node in ast.walk(part) if isinstance(node, ast.Name)}
    return names & KINDS.keys()


def watched(monitor: Names) -> list[str]:
    turn = TurnStarted(agent="ann", turn=1, phase="talk")
    check = Verification(passed=True, attempt=1)
    for event in stream([turn], said("ann", "hello", ["ben", "cem"]), [check]):
        list(monitor.observe(event))
    return monitor.shown


def test_a_monitor_sees_all_other_events_and_copies_unless_it_says_which() -> None:
    assert watched(Names()) == ["RunStarted", "TurnStarted", "MessageProposed", "Verification"]
    assert watched(Narrow()) == ["TurnStarted"]


@pytest.mark.parametrize("name", sorted(registry.BUILT_IN))
def test_a_built_in_monitor_is_shown_every_kind_of_event_that_it_looks_for(name: str) -> None:
    monitor = registry.load(name)
    assert isinstance(monitor, type)
    assert issubclass(monitor, Reader)
    if monitor.others is not None:
        assert named_in_other(monitor) <= {kind.__name__ for kind in monitor.others}
