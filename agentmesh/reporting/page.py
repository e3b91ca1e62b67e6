"""A report: the whole run as one file of HTML that loads nothing and runs nothing but its own few lines of script."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from agentmesh.events import Event, FindingRecorded, ModelCallFinished
from agentmesh.reporting import evidence, overview
from agentmesh.reporting.ending import ending_of
from agentmesh.reporting.graph import graphs
from agentmesh.reporting.markup import Markup, element, join
from agentmesh.reporting.selection import Gap, anchors, selected
from agentmesh.reporting.summary import summary
from agentmesh.reporting.tallies import Tallies
from agentmesh.reporting.taskboard import boards_of, shared_of
from agentmesh.reporting.tasks import tasks
from agentmesh.reporting.texts import Texts
from agentmesh.reporting.timeline import phases_table, timeline
from agentmesh.reporting.traffic import Stages
from agentmesh.reporting.transcripts import transcripts
from agentmesh.reporting.turns import Turns
from agentmesh.reporting.words import count

_CHAPTERS = (("graph", "Graph"), ("timeline", "Timeline"), ("findings", "Findings"), ("transcripts", "Transcripts"))


def html(events: Sequence[Event], *, journal: str | None = None) -> str:
    """The report of one run, from its events alone, whether it has ended or not.

    `journal`: the path that commands in the report name, where it is not the default one.
    """
    facts = summary(events)
    skip = element("a", "To the transcripts", href="#transcripts", class_="skip")
    title = f"{facts['outcome'] or 'no end'}: run {facts['run_id']}"
    return document(title, _chapters(events, facts, journal), before=skip, data=facts, script="report.js")


def document(
    title: str,
    chapters: Sequence[Markup | None],
    *,
    before: Markup | None = None,
    data: Any = None,
    styles: Sequence[str] = ("report.css",),
    script: str | None = None,
) -> str:
    """A whole document, which loads nothing: its styles and its script, files of this folder, stand in it.

    `data` is put into it as JSON, for whoever wants to compute with it.
    """
    style, code = Markup("\n".join(map(_file, styles))), _file(script) if script else Markup("")
    head = element(
        "head", element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(style, code)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title), element("style", style),
    )  # fmt: skip
    held = None if data is None else element("script", _embedded(data), type="application/json", id="summary")
    end = element("script", code) if code else None
    body = element("body", before, element("main", *chapters), held, end)
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _chapters(events: Sequence[Event], facts: dict[str, Any], journal: str | None) -> list[Markup | None]:
    start = events[0].ts if events else 0.0
    turns = Turns(events).by_agent
    found = evidence.chosen(events)
    by_id = {event.id: event for event in events}
    shown = selected(turns, evidence.wanted(found))
    linked = anchors(shown) | {event.id for event in found}
    texts = Texts(events, linked)
    ending = ending_of(events, journal)
    calls = [event for event in events if isinstance(event, ModelCallFinished)]
    board = tasks(boards_of(events), shared_of(events), texts, start)
    chapters = [*([("tasks", "Tasks")] if board else []), *_CHAPTERS]
    first = [
        overview.header(events, ending),
        element("div", overview.answer(facts, texts, events[-1].id if events else 0),
                overview.next_steps(ending.steps, texts), class_="pair"),
        overview.numbers(facts, any(event.usage.estimated for event in calls)),
        element("nav", *(element("a", name, href=f"#{place}") for place, name in chapters), aria_label="Chapters"),
        overview.task(events, texts),
        overview.agents(Tallies(events).all),
        board,
    ]  # fmt: skip
    total = sum(isinstance(event, FindingRecorded) and event.counts for event in events)
    told = transcripts(shown, texts, events)
    rest: list[Markup | None] = [
        _chapter("graph", "Graph", _GRAPH, graphs(Stages(events).all, texts)),
        _chapter("timeline", "Timeline", _TIMELINE, timeline(events, turns, linked), phases_table(events)),
        evidence.findings(found, total, by_id, texts, start),
        evidence.obstacles(events, texts, start),
        _chapter("transcripts", "Transcripts", _TRANSCRIPTS, _tools(), told),
    ]
    gaps = sum(turn.events if isinstance(turn, Gap) else turn.left_out for turns in shown.values() for turn in turns)
    return [*first, *rest, _left_out(gaps, texts)]


_GRAPH = (
    "Lines are edges, as thick as the messages that passed over them are many. The number is that of the messages "
    "delivered; ✕ that of those refused. Dashed and red: somebody wrote where no edge leads. A cross on a line: the "
    "edge was cut in the run."
)
_TIMELINE = "A row for each agent, a bar for each turn; within it its model calls and its calls of tools."
_TRANSCRIPTS = (
    "What each agent was shown, with the true sender, and what it did. Every event has its number, by which it can be "
    "linked to."
)


def _chapter(place: str, name: str, lead: str, *content: Markup) -> Markup:
    return element("section", element("h2", name), element("p", lead, class_="lead"), *content, id=place)


def _tools() -> Markup:
    """What the script adds; hidden where there is none."""
    search = element("label", "Show only entries with ", element("input", type="search", id="filter"))
    buttons = (
        element("button", name, type="button", id=id_) for name, id_ in (("Unfold all", "unfold"), ("Fold all", "fold"))
    )
    return element("div", search, *buttons, element("output", id="matches"), id="tools", hidden=True)


def _left_out(gaps: int, texts: Texts) -> Markup | None:
    said = [f"{count(gaps, 'event')} left out of the transcripts, and named there."] if gaps else []
    said += [f"{count(texts.cut, 'text')} cut to {texts.cap:,} characters."] if texts.cut else []
    said += (
        [f"{count(texts.linked, 'text')} that stood in the report already shown in part only."] if texts.linked else []
    )
    if not said:
        return None
    return element("footer", element("p", "To stay of moderate size this report leaves out: ", join(said, " ")))


def _file(name: str) -> Markup:
    return Markup(files("agentmesh.reporting").joinpath(name).read_text(encoding="utf-8"))


def _policy(style: str, script: str) -> str:
    """Nothing is loaded, and of styles and scripts only these two apply: a text that became markup could do nothing."""
    hashes = {}
    for kind, text in (("style", style), ("script", script)):
        digest = hashlib.sha256(text.encode()).digest()
        hashes[kind] = base64.b64encode(digest).decode()
    own = "; ".join(f"{kind}-src 'sha256-{digest}'" for kind, digest in hashes.items())
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"


def _embedded(facts: dict[str, Any]) -> Markup:
    """JSON inside a script element, which nothing in it can end."""
    text = json.dumps(facts)
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(text)
