"""What monitors found, with the events that show it; and everything else that stood in the way of the work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentmesh.events import (
    Event,
    FindingRecorded,
    InterventionMade,
    LimitWasReached,
    MessageRefused,
    MessageWithheld,
    Question,
    TopologyChanged,
    TurnFailed,
    Verification,
)
from agentmesh.reporting.markup import Content, Markup, element, join
from agentmesh.reporting.moments import line
from agentmesh.reporting.texts import Texts
from agentmesh.reporting.words import count, offset

MOST = 500
"""So many findings are told of, and so many of the other events."""
OPEN = 8
"""More findings than this are folded up."""
OF_ONE = 12
"""So many pieces of evidence are quoted for each finding."""
_OTHERS = (LimitWasReached, MessageRefused, MessageWithheld, Question, TopologyChanged, TurnFailed, Verification)


def chosen(events: Sequence[Event]) -> list[Event]:
    """The findings and interventions that have a place in the report: those above their threshold before others."""
    found = [event for event in events if isinstance(event, FindingRecorded) and event.counts]
    ranked = sorted(found, key=lambda event: (event.finding.score < event.threshold, event.id))[:MOST]
    made = [event for event in events if isinstance(event, InterventionMade)]
    return sorted([*ranked, *made[:MOST]], key=lambda event: event.id)


def wanted(findings: Sequence[Event]) -> set[int]:
    """The events that findings point to."""
    return {id_ for event in findings if isinstance(event, FindingRecorded) for id_ in event.finding.evidence}


def findings(chosen: Sequence[Event], total: int, by_id: Mapping[int, Event], texts: Texts, start: float) -> Markup:
    """Every finding with its evidence and what was done about it. `total`: how many the run had."""
    made: dict[int, list[InterventionMade]] = {}
    for event in chosen:
        if isinstance(event, InterventionMade):
            made.setdefault(event.finding, []).append(event)
    parts: list[Content] = [element("h2", f"Findings ({total:,})")]
    if not chosen:
        parts.append(element("p", "No monitor found anything.", class_="note"))
    told = [
        _finding(event, made.pop(event.id, []), by_id, texts, start)
        for event in chosen
        if isinstance(event, FindingRecorded)
    ]
    told += [element("article", _made(one, texts), class_="finding") for rest in made.values() for one in rest]
    parts += told[:OPEN]
    if len(told) > OPEN:
        parts.append(element("details", element("summary", f"{len(told) - OPEN:,} more"), *told[OPEN:]))
    left = total - sum(isinstance(event, FindingRecorded) for event in chosen)
    parts.append(element("p", f"{count(left, 'finding')} left out here.", class_="note") if left else None)
    return element("section", *parts, id="findings")


def _finding(
    event: FindingRecorded, made: Sequence[InterventionMade], by_id: Mapping[int, Event], texts: Texts, start: float
) -> Markup:
    found = event.finding
    weak = found.score < event.threshold
    below = f", below its threshold of {event.threshold:g}" if weak else ""
    title = element("h3", f"{found.monitor}: {found.label.replace('_', ' ')}")
    number = element("a", f"e{event.id}", href=f"#e{event.id}", class_="n")
    facts = f" {offset(event.ts, start)} · score {found.score:g}{below} · {', '.join(found.agents) or 'no agent named'}"
    quoted = [
        element("li", texts.ref(id_), " ", line(by_id[id_]) if id_ in by_id else "not in this log")
        for id_ in found.evidence[:OF_ONE]
    ]
    more = len(found.evidence) - len(quoted)
    rest = element("li", f"and {more} more: ", texts.refs(found.evidence[OF_ONE : OF_ONE + 40])) if more else None
    evidence = (element("p", "Evidence", class_="label"), element("ul", *quoted, rest)) if quoted else ()
    return element("article", title, element("p", number, facts, class_="facts"), texts.body(found.why, event.id),
                   *evidence, *(_made(one, texts) for one in made), id=f"e{event.id}",
                   class_="finding weak" if weak else "finding")  # fmt: skip


def _made(event: InterventionMade, texts: Texts) -> Markup:
    edges = f": {', '.join(f'{a} → {b}' for a, b in event.edges)}" if event.edges else ""
    whom = f" to {', '.join(event.agents)}" if event.agents else ""
    given = "".join(f" ({name}: {value})" for name, value in event.parameters.items())
    instead = f", instead of {', '.join(event.skipped).replace('_', ' ')}" if event.skipped else ""
    number = element("a", f"e{event.id}", href=f"#e{event.id}", class_="n")
    done = join((f"{given} by {event.monitor}{whom}{edges}{instead}, for ", texts.ref(event.finding)))
    return element("p", number, element("b", f"intervention: {event.kind.replace('_', ' ')}"), done, id=f"e{event.id}",
                   class_="intervention")  # fmt: skip


def obstacles(events: Sequence[Event], texts: Texts, start: float) -> Markup | None:
    """Limits, refusals, failures, checks, questions and changes of the graph, each as one line."""
    found = [event for event in events if isinstance(event, _OTHERS)]
    if not found:
        return None
    rows = [element("li", texts.ref(event.id), " ", element("time", offset(event.ts, start)), " ", line(event))
            for event in found[:MOST]]  # fmt: skip
    left = element("li", f"and {len(found) - MOST:,} more") if len(found) > MOST else None
    return element("section", element("h2", f"Refusals, failures, limits, questions ({len(found):,})"),
                   element("ul", *rows, left, class_="plain"), id="obstacles")  # fmt: skip
