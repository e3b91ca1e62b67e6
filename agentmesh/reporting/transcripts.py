"""What each agent was shown and what it did, turn by turn."""

from __future__ import annotations

from collections.abc import Sequence

from agentmesh.events import Event, MessageDelivered, ModelCallFinished, TurnFailed
from agentmesh.messages import RUN, USER, Usage
from agentmesh.reporting.entries import Entries
from agentmesh.reporting.markup import Markup, element, join
from agentmesh.reporting.selection import Gap, Shown
from agentmesh.reporting.texts import Texts
from agentmesh.reporting.turns import Turn
from agentmesh.reporting.words import count, offset, span, usd
from agentmesh.runner.past import effective

OPEN = 6
"""Transcripts of so many agents, or fewer, are open from the start."""


def transcripts(shown: Shown, texts: Texts, events: Sequence[Event]) -> Markup:
    """One transcript for each agent; then what reached and left the user, and what the run did itself."""
    delivered = {event.message_id: event for event in events if isinstance(event, MessageDelivered)}
    start = events[0].ts if events else 0.0
    history = {event.id for event in events} - {event.id for event in effective(events)}
    entries = Entries(texts, delivered, start, history)
    agents = [name for name in shown if name not in (USER, RUN)]
    parts = [_transcript(name, shown[name], entries, start, is_open=len(agents) <= OPEN) for name in agents]
    parts += [_transcript(name, shown[name], entries, start, is_open=False) for name in (USER, RUN) if name in shown]
    return join(parts)


def _transcript(name: str, turns: Sequence[Turn | Gap], entries: Entries, start: float, *, is_open: bool) -> Markup:
    taken = sum(isinstance(turn, Turn) and turn.started is not None for turn in turns)
    of = {USER: "what the user sent and received", RUN: "what the run did itself"}.get(name, count(taken, "turn"))
    heading = element("summary", element("h3", name), " ", of)
    parts = (_gap(turn) if isinstance(turn, Gap) else _turn(turn, entries, start) for turn in turns)
    return element("details", heading, *parts, class_="agent", open=is_open)


def _gap(gap: Gap) -> Markup:
    return element("p", f"{count(gap.turns, 'turn')} with {count(gap.events, 'event')} left out here", class_="gone")


def _turn(turn: Turn, entries: Entries, start: float) -> Markup:
    begun = turn.started
    inbox = [entries.inbound(item) for item in turn.inbox]
    done = list(entries.of(turn.events))
    parts = [element("h4", _title(turn), class_="failed" if turn.failed else None)] if _title(turn) else []
    if inbox:
        parts += [element("p", "was shown", class_="label")] * (begun is not None) + [element("ol", *inbox)]
    if done:
        parts += [element("p", "did", class_="label")] * (begun is not None) + [element("ol", *done)]
    if turn.left_out:
        parts.append(element("p", f"{count(turn.left_out, 'event')} from the middle left out", class_="gone"))
    when = element("time", offset(begun.ts, start)) if begun else None
    return element("section", when, *parts, class_="turn", id=f"e{begun.id}" if begun else None)


def _title(turn: Turn) -> str:
    begun = turn.started
    if begun is None:
        return "Delivered, and never read" if turn.inbox and turn.agent not in (USER, RUN) else ""
    words = [f"Turn {begun.turn}", begun.phase + (f", round {begun.round}" if begun.round else "")]
    if turn.ended is not None:
        words.append(span(max(turn.ended.ts - begun.ts, 0.0)))
    calls = [event.usage for event in turn.events if isinstance(event, ModelCallFinished)]
    if calls:
        usage = sum(calls, Usage())
        words.append(f"{usage.input_tokens:,} + {usage.output_tokens:,} tokens, cost {usd(usage.cost_usd)}")
    if turn.ended is None:
        words.append("not ended")
    elif isinstance(turn.ended, TurnFailed):
        words.append(f"failed: {turn.ended.kind}")
    return " · ".join(words)
