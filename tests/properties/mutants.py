"""Five schedulers that break one rule each: the comparison with the reference must find every one of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agentmesh.events import PhaseStarted
from agentmesh.scheduler.boards import Boards
from agentmesh.scheduler.course import Course
from agentmesh.scheduler.polls import Polls
from agentmesh.scheduler.state import RunState
from agentmesh.tools.graph import WriteBoard
from agentmesh.topology.phases import Edge, Phase


def reversed_edge(patch: pytest.MonkeyPatch) -> None:
    """An edge a -> b permits b -> a too, although nobody is told so."""

    def by_pair(phase: Phase) -> dict[tuple[str, str], Edge]:
        reverse = {(edge.recipient, edge.sender): edge for edge in phase.edges}
        return reverse | {edge.pair: edge for edge in phase.edges}

    patch.setattr(Phase, "by_pair", property(by_pair))


def leak_between_phases(patch: pytest.MonkeyPatch) -> None:
    """What was permitted in one phase is still permitted in the next."""
    begin = Course.begin

    def begun(course: Course) -> PhaseStarted:
        before = course._state.phase
        started = begin(course)
        now = course._state.phase
        agents = {*now.participants, "user"}
        leaked = [edge for edge in before.edges if edge.pair not in now.by_pair and agents.issuperset(edge.pair)]
        course._state.phase = replace(now, edges=(*now.edges, *leaked))
        return started

    patch.setattr(Course, "begin", begun)


def delivery_on_a_cut_edge(patch: pytest.MonkeyPatch) -> None:
    """A message passes although its edge was cut."""

    def may_send(state: RunState, sender: str, recipient: str) -> bool:
        boards = state.phase.boards
        return (sender, recipient) in state.phase.by_pair and sender not in boards and recipient not in boards

    patch.setattr(RunState, "may_send", may_send)


def early_ballot(patch: pytest.MonkeyPatch) -> None:
    """A vote is counted, and its result told, before all ballots are in."""
    patch.setattr(Polls, "_all_in", lambda polls, name, poll: True)


def stale_board_write(patch: pytest.MonkeyPatch) -> None:
    """A write on an old version overwrites what came after it."""
    made = Boards._made

    def overwrite(boards: Boards, agent: str, action: Any) -> Any:
        version = boards._sheet(action.board).version
        stale = isinstance(action, WriteBoard)
        return made(boards, agent, action.model_copy(update={"version": version}) if stale else action)

    patch.setattr(Boards, "_made", overwrite)


MUTANTS = (reversed_edge, leak_between_phases, delivery_on_a_cut_edge, early_ballot, stale_board_write)
