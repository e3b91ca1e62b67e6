"""What interventions may add to a run, so that its bounds hold whatever monitors find."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agentmesh.config.interventions import ENTERING, FREE, ladder_of
from agentmesh.config.models import MonitorConfig
from agentmesh.topology.lines import Activity
from agentmesh.topology.phases import Phase


@dataclass(frozen=True)
class Allowance:
    """The most that the monitors of a team may set in motion.

    `calls`: times that each agent may be called upon beside its order. `entries`: times that phases are gone through
    once more. `guests`: agents who may be called to object; `stand_ins`: who may take others' places; `reserve`: who
    takes part only when called.
    """

    calls: int = 0
    entries: int = 0
    guests: tuple[str, ...] = ()
    stand_ins: tuple[str, ...] = ()
    reserve: tuple[str, ...] = ()

    def with_guests(self, phase: Phase) -> Phase:
        """The phase with all whom interventions may call into it."""
        for guest in self.guests:
            if guest in phase.participants and guest not in self.reserve:
                continue
            others = [name for name in phase.participants if name != guest]
            phase = phase.joined(guest, [pair for name in others for pair in ((name, guest), (guest, name))])
        return phase


NOTHING = Allowance()


def allowance_of(monitors: Iterable[MonitorConfig], reserve: Sequence[str]) -> Allowance:
    """What these monitors may add at most, `reserve` being the agents that take part only when they are called."""
    calls = entries = 0
    guests: dict[str, None] = {}
    stand_ins: dict[str, None] = {}
    for monitor in monitors:
        rungs = ladder_of(monitor.interventions)
        kinds = {rung.kind for rung in rungs} - FREE
        most = monitor.limits.interventions
        entries += most if kinds & ENTERING else 0
        # Whoever hears an objection may act on it once more.
        calls += (2 * most if "dissent" in kinds else most) if kinds else 0
        for rung in rungs:
            named = dict.fromkeys(reserve if rung.agent is None else [rung.agent])
            if rung.kind == "dissent":
                guests.update(named)
            elif rung.kind == "reassign":
                stand_ins.update(named)
    return Allowance(calls, entries, tuple(guests), tuple(stand_ins), tuple(reserve))


def repeated(most: Activity, times: int) -> Activity:
    """As much activity so many times over."""
    turns = [(names, count and count * times) for names, count in most.turns]
    return Activity(
        turns, [(pairs, count and count * times, each and each * times) for pairs, count, each in most.messages]
    )
