"""What the entries say of events that belong to the run itself, not to any agent."""

from __future__ import annotations

from collections.abc import Sequence

from agentmesh.events import (
    BoundsChanged,
    Event,
    Metric,
    PhaseEnded,
    PhaseStarted,
    RunEnded,
    RunResumed,
    RunStarted,
    StopRequested,
    TopologyChanged,
    Verification,
)
from agentmesh.reporting.markup import Content, element
from agentmesh.reporting.texts import Texts
from agentmesh.reporting.words import count


def of_the_run(event: Event, texts: Texts) -> Sequence[Content]:
    """What stands in the entry of an event; of one that nobody has words for, its fields."""
    match event:
        case RunStarted():
            more = f", continues {event.continues}" if event.continues else ""
            seed = "" if event.seed is None else f", seed {event.seed}"
            began = f" {event.team}{seed}{more}"
            return (element("b", "run started"), began, texts.body(event.task, event.id))
        case RunResumed():
            fork = f", as a fork of {event.parent}" if event.parent else ""
            return (element("b", "run went on"), " from ", texts.ref(event.at), fork)
        case StopRequested():
            who = f" by {event.by}" if event.by else ""
            return (element("b", f"stopped from outside{who}"), f": {event.outcome}, {event.reason}")
        case RunEnded():
            return (element("b", f"run ended: {event.outcome}"), f": {event.reason}")
        case _:
            return _of_its_course(event, texts)


def _of_its_course(event: Event, texts: Texts) -> Sequence[Content]:
    match event:
        case PhaseStarted():
            again = f", time {event.occurrence}" if event.occurrence > 1 else ""
            edges = f"{event.order.replace('_', ' ')}, {count(len(event.edges), 'edge')}"
            return (element("b", f"phase {event.phase} began"), f"{again}: {edges}")
        case PhaseEnded():
            return (element("b", f"phase {event.phase} ended"), f": {event.reason}")
        case TopologyChanged():
            edges = ", ".join(f"{a} → {b}" for a, b in event.edges[:20])
            who = f" {', '.join(event.agents)}" if event.agents else ""
            return (element("b", f"topology: {event.change.replace('_', ' ')}"), f"{who} {event.phase or ''} {edges}")
        case Verification():
            checked = f"task {event.task}" if event.task else f"phase {event.phase}" if event.phase else "the answer"
            result = f": {checked} {'passed' if event.passed else 'was refuted'}, attempt {event.attempt}"
            return (element("b", "check"), result, texts.body(event.detail, event.id) if event.detail else None)
        case Metric():
            return (element("b", event.name), f" = {event.value:g} ({event.kind.replace('_', ' ')})")
        case BoundsChanged():
            bounds = ", ".join(f"{key} {value}" for key, value in event.bounds.items())
            return (element("b", "bounds changed"), f": {bounds}")
        case _:
            facts = event.model_dump_json(exclude={"id", "run_id", "type", "ts", "agent"}, exclude_defaults=True)
            return (element("b", event.type.replace("_", " ")), texts.body(facts, event.id))
