"""What is wrong with the ladder of a monitor, given the agents and phases of its team."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from agentmesh.config.interventions import TAKES, Rung, ladder_of
from agentmesh.config.language import did_you_mean, one_of
from agentmesh.config.models import AgentConfig, MonitorConfig
from agentmesh.topology.graph import Topology

Fault = tuple[tuple[str | int, ...], str]
"""A place within the monitor's entry, and what is wrong there."""


def ladder_faults(
    config: MonitorConfig, agents: Mapping[str, AgentConfig], topology: Topology | None
) -> Iterator[Fault]:
    """Rungs that could never be carried out: whom they name is not there, or what they need is not given."""
    acting = [name for name, agent in agents.items() if agent.acts]
    reserve = [name for name in acting if agents[name].reserve]
    for index, rung in enumerate(ladder_of(config.interventions)):
        place = ("interventions", index)
        if rung.kind == "withhold" and not config.blocking:
            why = "`withhold` keeps back what a monitor is shown before it is delivered; add blocking: true"
            yield place, why
        if rung.agent is not None and rung.agent not in acting:
            why = f"'{rung.agent}' is no agent; agents: {one_of(acting)}{did_you_mean(rung.agent, acting)}"
            yield (*place, rung.kind, "agent"), why
        elif rung.kind in ("dissent", "reassign"):
            yield from _unnamed(place, rung, reserve, topology)
        elif topology is not None and rung.phase is not None:
            yield from _strange_phase(place, rung, [phase.name for phase in topology.phases])


def _unnamed(
    place: tuple[str | int, ...], rung: Rung, reserve: Sequence[str], topology: Topology | None
) -> Iterator[Fault]:
    """Who is to object, or to take over, must be known; in the order `tasks` it is whoever else may do a task."""
    planned = topology is None or any(phase.order == "tasks" for phase in topology.phases)
    if rung.agent is None and len(reserve) != 1 and (rung.kind == "dissent" or not planned):
        form = f"{{{rung.kind}: {{{TAKES[rung.kind]}: NAME}}}}"
        found = f"in reserve are: {one_of(reserve)}" if reserve else "and none is; give one `reserve: true`"
        yield place, f"'{rung.kind}' needs an agent unless exactly one is in reserve, {found}; write {form}"
    elif rung.kind == "reassign" and rung.agent is not None and rung.agent not in reserve and not planned:
        found = f"in reserve are: {one_of(reserve)}"
        why = f"'{rung.agent}' takes part already, and cannot take another's place; {found}"
        yield (*place, rung.kind, "agent"), why


def _strange_phase(place: tuple[str | int, ...], rung: Rung, phases: Sequence[str]) -> Iterator[Fault]:
    if rung.phase is not None and rung.phase not in phases:
        why = f"there is no phase '{rung.phase}'; phases: {one_of(phases)}{did_you_mean(rung.phase, phases)}"
        yield (*place, rung.kind, "phase"), why
