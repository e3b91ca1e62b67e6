"""Interventions that are drawn at the same moment: each does what the log says, or is passed over."""

from __future__ import annotations

from typing import Any

import pytest

from agentmesh.events import Event, InterventionMade, Notice, TaskChanged, TopologyChanged, TurnEnded
from agentmesh.topology.graph import Topology
from tests.scheduler.findings import found, named
from tests.scheduler.scheduler_play import Play, tasks

FLAT = Topology.flat(["a", "b", "c"], rounds=3, order="simultaneous")


def both(topology: Topology, actors: Any, ladder: Any, *about: tuple[str, ...], agent: str = "b") -> Play:
    """Two monitors with one ladder that find something about some agents at the end of an agent's first turn."""

    def before(play: Play, event: Event) -> list[Event]:
        if not isinstance(event, TurnEnded) or (event.agent, event.turn) != (agent, 1):
            return []
        return [
            found(*agents, monitor=f"m{index}").model_copy(update={"observed": event.id})
            for index, agents in enumerate(about)
        ]

    ladders = {f"m{index}": ladder for index in range(len(about))}
    play = Play(topology, actors, before=before, options={"ladders": ladders, "reserve": ["r", "s"]}).run()
    play.check_form()
    return play


def made(play: Play) -> list[tuple[str, tuple[str, ...]]]:
    return [(event.kind, event.skipped) for event in play.of(InterventionMade)]


ACTORS = dict.fromkeys(["a", "b", "c", "r", "s"], named)


@pytest.mark.parametrize(
    ("rung", "about"),
    [
        ("blind_revote", [("a", "b"), ("a", "c")]),
        ("cut_edge", [("a", "b"), ("a", "b")]),
        ("isolate", [("a",), ("a",)]),
        ("replan", [("a",), ("b",)]),
        ({"enter_phase": {"phase": "answer"}}, [("a",), ("b",)]),
        ({"reassign": {"agent": "r"}}, [("a",), ("b",)]),
        ({"dissent": {"agent": "r"}}, [("a", "b"), ("a", "b")]),
    ],
    ids=str,
)
def test_the_second_of_two_that_cannot_both_be_done_is_passed_over_and_says_so(rung: Any, about: Any) -> None:
    kind = rung if isinstance(rung, str) else next(iter(rung))
    play = both(FLAT, ACTORS, [rung], *about)
    assert made(play) == [(kind, ()), ("note", (kind,))]
    told = {event.agent for event in play.of(Notice) if event.template == "note"}
    assert told == set(about[1])
    assert len(play.of(TopologyChanged)) == (kind != "blind_revote")


def test_those_that_do_not_touch_each_other_are_both_done() -> None:
    play = both(FLAT, ACTORS, ["cut_edge"], ("a", "b"), ("b", "c"))
    assert [event.edges for event in play.of(TopologyChanged)] == [(("a", "b"), ("b", "a")), (("b", "c"), ("c", "b"))]
    play = both(FLAT, ACTORS, [{"dissent": {"agent": "r"}}], ("a", "b"), ("b", "c"))
    assert made(play) == [("dissent", ())] * 2
    assert [len(event.edges) for event in play.of(TopologyChanged)] == [4, 2]


def test_what_the_moment_forbids_is_not_passed_over_for_what_comes_after_it() -> None:
    play = both(FLAT, ACTORS, ["blind_revote", "halt"], ("a", "b"), ("a", "b"))
    assert made(play) == [("blind_revote", ()), ("note", ("blind_revote",))]
    assert play.end.outcome == "completed"


def test_a_task_is_taken_from_its_worker_once() -> None:
    play = both(
        Topology.hierarchy("p", ["w", "v"]),
        {"p": [[tasks("t1"), None], "done"], "w": ["first"], "v": ["second"]},
        ["reassign"],
        ("w",),
        ("w",),
        agent="w",
    )
    assert made(play) == [("reassign", ()), ("note", ("reassign",))]
    assert [e.status for e in play.of(TaskChanged)] == ["open", "claimed", "done", "open", "claimed", "done"]
