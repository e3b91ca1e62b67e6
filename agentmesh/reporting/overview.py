"""The first screen of a report: how the run ended, why, what it cost, what to do next; and what each agent used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentmesh.events import Event, RunStarted
from agentmesh.messages import RUN, Usage
from agentmesh.reporting import words
from agentmesh.reporting.ending import Ending, Step
from agentmesh.reporting.markup import Markup, element, join, table
from agentmesh.reporting.tallies import Tally
from agentmesh.reporting.texts import Texts, attached

MEANINGS = {
    "verified": "answered, and the answer was checked from outside the team",
    "completed": "answered; nobody outside the team checked the answer",
    "stalled": "nothing moved any more, and no answer came",
    "limit": "a limit was reached before an answer came",
    "halted": "stopped by a monitor or by a policy",
    "cancelled": "stopped from outside",
    "failed": "came to no answer",
    "waiting": "waits for a person",
    "unfinished": "has no end in this log",
}


def header(events: Sequence[Event], ending: Ending) -> Markup:
    """Whose run it was, and when; then its outcome and the reason for it."""
    begun = next((event for event in events if isinstance(event, RunStarted)), None)
    facts = [f"run {events[0].run_id}"] if events else []
    facts += [words.moment(events[0].ts)] if events and words.moment(events[0].ts) else []
    if begun is not None:
        facts += [f"seed {begun.seed}"] * (begun.seed is not None)
        facts += [f"agentmesh {begun.version}"] * bool(begun.version)
        facts += [f"continues {begun.continues}"] * bool(begun.continues)
    name = begun.team if begun else "a run"
    outcome = element("p", element("strong", ending.state), " ", MEANINGS[ending.state], class_="outcome")
    why = element("p", f"Reason: {ending.why}", class_="why") if ending.why else None
    told = element("p", " · ".join(filter(None, facts)), class_="facts")
    return element("header", element("h1", name), told, outcome, why, class_=f"state {ending.state}")


def task(events: Sequence[Event], texts: Texts) -> Markup | None:
    """What the team was to do."""
    begun = next((event for event in events if isinstance(event, RunStarted)), None)
    if begun is None:
        return None
    return element("section", element("h2", "Task"), texts.body(begun.task, begun.id), attached(begun.parts),
                   class_="task")  # fmt: skip


def answer(facts: Mapping[str, Any], texts: Texts, at: int) -> Markup:
    """What came of it. `at`: the event that ended the run."""
    given = facts["answer"]
    said = element("p", "No answer.", class_="note") if given is None else texts.body(given, at)
    return element("section", element("h2", "Answer"), said, class_="answer")


def numbers(facts: Mapping[str, Any], estimated: bool) -> Markup:
    """What it took. `estimated`: some call came back without its usage."""
    usage = facts["usage"]
    cells = [
        ("cost", words.usd(usage["cost_usd"]), "a price is missing" if usage["cost_usd"] is None else ""),
        ("tokens", f"{usage['input_tokens'] + usage['output_tokens']:,}",
         f"{usage['input_tokens']:,} in, {usage['output_tokens']:,} out" + (", partly estimated" if estimated else "")),
        ("model calls", f"{usage['model_calls']:,}", ""),
        ("turns", f"{facts['turns']:,}", ""),
        ("messages", f"{facts['messages']:,}", f"{facts['refused']:,} refused"),
        ("time", words.span(facts["seconds"]), f"{facts['seconds']:g} s" if facts["seconds"] >= 120 else ""),
        ("findings", f"{len(facts['findings']):,}", words.count(len(facts["interventions"]), "intervention")),
    ]  # fmt: skip
    items = (element("div", element("dt", name), element("dd", value, element("small", more) if more else None))
             for name, value, more in cells)  # fmt: skip
    return element("section", element("h2", "Numbers"), element("dl", *items), class_="numbers")


def next_steps(steps: Sequence[Step], texts: Texts) -> Markup:
    """What to do, with the commands for it."""
    items = (
        element("li", _prose(step.text), join((" See ", texts.refs(step.events), ".")) if step.events else None,
                element("pre", element("code", step.command)) if step.command else None)
        for step in steps
    )  # fmt: skip
    return element("section", element("h2", "What to do next"), element("ol", *items), class_="next")


def _prose(text: str) -> Markup:
    """A sentence in which what stands between backticks is code."""
    return join(element("code", piece) if at % 2 else piece for at, piece in enumerate(text.split("`")))


def agents(tallies: Sequence[Tally]) -> Markup:
    """One line for each agent."""
    head = (
        "agent",
        "turns",
        "model calls",
        "input",
        "output",
        "cost",
        "sent",
        "received",
        "refused",
        "failed",
        "at work",
    )
    rows = [
        (
            "the run" if one.agent == RUN else one.agent, *(f"{number:,}" for number in (
                one.turns, one.usage.model_calls, one.usage.input_tokens, one.usage.output_tokens)),
            words.usd(one.usage.cost_usd), f"{one.sent:,}", f"{one.received:,}", f"{one.refused:,}", _failures(one),
            words.span(one.seconds),
        )
        for one in tallies
    ]  # fmt: skip
    total = sum((one.usage for one in tallies), Usage())
    rows.append(("together", f"{sum(one.turns for one in tallies):,}", f"{total.model_calls:,}",
                 f"{total.input_tokens:,}", f"{total.output_tokens:,}", words.usd(total.cost_usd),
                 *["" for _ in range(5)]))  # fmt: skip
    return element("section", element("h2", "Agents"), table("What each agent did and used", head, rows, range(1, 11)),
                   id="agents")  # fmt: skip


def _failures(one: Tally) -> str:
    said = [words.count(one.failed_turns, "turn")] if one.failed_turns else []
    return ", ".join(said + ([words.count(one.failed_calls, "call")] if one.failed_calls else [])) or "0"
