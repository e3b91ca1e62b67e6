"""Who was at work when: a row for each agent, phases as bands over them, and what stood out as marks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agentmesh.events import (
    Event,
    ModelCallFinished,
    ModelCallStarted,
    PhaseEnded,
    PhaseStarted,
    ToolCallFinished,
    ToolCallStarted,
)
from agentmesh.messages import RUN, USER
from agentmesh.reporting import moments
from agentmesh.reporting.clock import Clock
from agentmesh.reporting.markup import Content, Markup, element, join, number, table
from agentmesh.reporting.turns import Turn
from agentmesh.reporting.words import count, offset, shortened, span

WIDTH, LABELS, TOP = 960.0, 150.0, 46.0
MANY = 1_500
"""More turns than this are drawn together where they lie close."""
BARS = 6_000
"""So many bars of turns, about, are drawn at most; and so many of calls."""
LEAST = 1.5
"""A bar is at least so wide."""
BIN = 7.0
"""Marks of one kind that lie closer together are drawn as one."""
SHAPES = {
    "finding": "M0-5L5 0L0 5L-5 0Z",
    "intervention": "M0-5L5 4H-5Z",
    "limit": "M-4-4H4V4H-4Z",
    "failed": "M-4-4L4 4M4-4L-4 4",
    "refused": "M-3-3L3 3M3-3L-3 3",
    "question": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z",
    "changed": "M0 5L5-4H-5Z",
    "passed": "M-4 0L-1 4L5-4",
    "resumed": "M0-6V6",
    "stopped": "M-4-4H4V4H-4Z",
    "metric": "M-4 0H4M0-4V4",
}
Stretch = tuple[float, float]


@dataclass
class _Row:
    """What is drawn of one agent; places are in pixels."""

    name: str
    y: float
    height: float
    turns: Sequence[Turn] = ()
    marks: dict[tuple[str, int], list[Event]] = field(default_factory=dict)
    """By kind and place on the axis."""


def timeline(events: Sequence[Event], by_agent: Mapping[str, Sequence[Turn]], linked: set[int]) -> Markup:
    """The picture, what its signs mean, and what was drawn together. `linked`: events that have an anchor."""
    return _Timeline(events, by_agent, linked).drawn()


def phases_table(events: Sequence[Event]) -> Markup:
    """The phases of a run, with when they began, how long they took and why they ended."""
    start = events[0].ts if events else 0.0
    rows = [
        (
            element("a", f"e{begun.id}", href=f"#e{begun.id}"), begun.phase, begun.order.replace("_", " "),
            str(begun.occurrence), offset(begun.ts, start), span(max(end.ts - begun.ts, 0)) if end else "",
            end.reason if end else "not ended",
        )
        for begun, end in _phases(events)
    ]  # fmt: skip
    head = ("event", "phase", "order", "time", "began", "took", "ended because")
    summary = element("summary", f"Phases as a table ({len(rows)})")
    return element("details", summary, table("Phases", head, rows, (3, 4, 5)))


def _phases(events: Sequence[Event]) -> Iterator[tuple[PhaseStarted, PhaseEnded | None]]:
    begun: PhaseStarted | None = None
    for event in events:
        if isinstance(event, PhaseStarted):
            if begun is not None:
                yield begun, None
            begun = event
        elif isinstance(event, PhaseEnded) and begun is not None:
            yield begun, event
            begun = None
    if begun is not None:
        yield begun, None


class _Timeline:
    def __init__(self, events: Sequence[Event], by_agent: Mapping[str, Sequence[Turn]], linked: set[int]) -> None:
        self._events = events
        self._linked = linked
        self._clock = Clock(events)
        agents = [name for name in by_agent if name not in (USER, RUN)]
        height = 24.0 if len(agents) <= 24 else 15.0
        names = [RUN, *agents]
        self._rows = {
            name: _Row(name, TOP + at * height, height, by_agent.get(name, ()) if name != RUN else ())
            for at, name in enumerate(names)
        }
        self._bottom = TOP + len(names) * height
        turns = sum(turn.started is not None for row in self._rows.values() for turn in row.turns)
        self._grain = 0.0 if turns <= MANY else WIDTH * len(agents) / BARS
        self._together = 0
        self._mark()

    def drawn(self) -> Markup:
        rows = [self._row(row) for row in self._rows.values()]
        parts = [element("title", f"Timeline of {count(len(self._rows) - 1, 'agent')}"), *self._axis(), *self._bands(),
                 *rows]  # fmt: skip
        picture = element(
            "svg", *parts, viewBox=f"0 0 {number(LABELS + WIDTH + 16)} {number(self._bottom + 8)}",
            width=LABELS + WIDTH + 16, height=self._bottom + 8, class_="timeline", role="img",
        )  # fmt: skip
        note = None
        if self._together:
            words = f"{count(self._together, 'turn')} that lie close to others are drawn together with them."
            note = element("p", words, class_="note")
        box = element("div", picture, class_="picture tall", tabindex=0, role="region", aria_label="Timeline")
        return join((box, self._legend(), note))

    def _x(self, event: Event) -> float:
        return LABELS + self._clock.at(event) * WIDTH

    def _axis(self) -> Iterator[Markup]:
        for place, label in self._clock.ticks():
            x = LABELS + place * WIDTH
            yield element("line", x1=x, x2=x, y1=TOP - 4, y2=self._bottom, class_="tick")
            yield element("text", label, x=x, y=TOP - 8, class_="tick-label")
        for gap in self._clock.breaks:
            left, right = LABELS + gap.left * WIDTH, LABELS + gap.right * WIDTH
            title = element("title", f"{span(gap.seconds)} without any turn, cut short")
            box = element("rect", x=left, y=TOP - 4, width=right - left, height=self._bottom - TOP + 4)
            yield element("g", title, box, element("text", "⫽", x=(left + right) / 2, y=TOP - 8, class_="tick-label"),
                          class_="break")  # fmt: skip

    def _bands(self) -> Iterator[Markup]:
        for at, (begun, end) in enumerate(_phases(self._events)):
            left, right = self._x(begun), self._x(end) if end else LABELS + WIDTH
            name = begun.phase + (f" {begun.occurrence}" if begun.occurrence > 1 else "")
            room = int((right - left - 6) / 6.5)
            label = element("text", shortened(name, room), x=left + 4, y=15) if room >= 3 else None
            box = element("rect", x=left, y=2, width=max(right - left, 1), height=18)
            shade = element(
                "rect", x=left, y=TOP, width=max(right - left, 1), height=self._bottom - TOP, class_="shade"
            )
            yield element("g", element("title", f"phase {name}, {begun.order.replace('_', ' ')}"), box, shade, label,
                          class_=f"band band-{at % 2}")  # fmt: skip

    def _row(self, row: _Row) -> Markup:
        middle = row.y + row.height / 2
        name = "run" if row.name == RUN else row.name
        label = element("text", element("title", name), shortened(name, 22), x=LABELS - 8, y=middle + 4, class_="who")
        line = element("line", x1=LABELS, x2=LABELS + WIDTH, y1=middle, y2=middle, class_="row")
        marks = (self._drawn_mark(kind, found, middle) for (kind, _), found in row.marks.items())
        return element("g", label, line, *self._bars(row, middle), *self._calls(row, middle), *marks)

    def _bars(self, row: _Row, middle: float) -> Iterator[Markup]:
        high = row.height - 7
        spans = [(self._turn_span(turn), turn) for turn in row.turns if turn.started is not None]
        for (left, right), turns in _close_together(spans, self._grain):
            first = turns[0].started
            assert first is not None
            self._together += len(turns) - 1
            kind = "turn failed" if any(turn.failed for turn in turns) else "turn"
            bar = element("rect", x=left, y=middle - high / 2, width=max(right - left, LEAST), height=high, rx=2,
                          class_=kind)  # fmt: skip
            yield self._link(first.id, _turns_title(turns, self._clock.start), bar)

    def _turn_span(self, turn: Turn) -> Stretch:
        assert turn.started is not None
        return self._x(turn.started), self._x(turn.ended) if turn.ended else LABELS + WIDTH * self._clock.at_time(
            max((event.ts for event in turn.events), default=turn.started.ts)
        )

    def _calls(self, row: _Row, middle: float) -> Iterator[Markup]:
        """All model calls of a row as one line with gaps, and all calls of tools as another."""
        events = [event for turn in row.turns for event in turn.events]
        for kind, begun, ended in (
            ("model", ModelCallStarted, ModelCallFinished),
            ("tool", ToolCallStarted, ToolCallFinished),
        ):
            path = "".join(
                f"M{number(left)} {number(middle)}H{number(max(right, left + 0.8))}"
                for (left, right), _ in _close_together(self._call_spans(events, begun, ended), max(self._grain, 0.4))
            )
            if path:
                yield element("path", d=path, class_=f"{kind}-calls", stroke_width=(row.height - 7) * 0.45)

    def _call_spans(
        self, events: Iterable[Event], begun: type[ModelCallStarted | ToolCallStarted],
        ended: type[ModelCallFinished | ToolCallFinished],
    ) -> list[tuple[Stretch, None]]:  # fmt: skip
        started: dict[str, float] = {}
        spans: list[tuple[Stretch, None]] = []
        for event in events:
            if isinstance(event, begun):
                started[event.key] = self._x(event)
            elif isinstance(event, ended):
                spans.append(((started.pop(event.key, self._x(event)), self._x(event)), None))
        return spans

    def _mark(self) -> None:
        for event in self._events:
            moment = moments.moment_of(event)
            if moment is None:
                continue
            bin_ = round(self._x(event) / BIN)
            rows = [self._rows[name] for name in moment.agents if name in self._rows] or [self._rows[RUN]]
            for row in rows:
                row.marks.setdefault((moment.kind, bin_), []).append(event)

    def _drawn_mark(self, kind: str, found: Sequence[Event], middle: float) -> Markup:
        first = found[0]
        title = moments.line(first) + (f"; and {len(found) - 1} more of the kind" if len(found) > 1 else "")
        place = f"translate({number(self._x(first))} {number(middle)})"
        return self._link(first.id, title, element("path", d=SHAPES[kind], transform=place, class_=f"mark {kind}"))

    def _link(self, id_: int, title: str, *content: Content) -> Markup:
        inner = (element("title", f"{title} (e{id_})"), *content)
        return element("a", *inner, href=f"#e{id_}") if id_ in self._linked else element("g", *inner)

    def _legend(self) -> Markup:
        present = dict.fromkeys(kind for row in self._rows.values() for kind, _ in row.marks)
        signs = [("turn", element("rect", x=-7, y=-5, width=14, height=10, rx=2, class_="turn")),
                 ("model call", element("path", d="M-7 0H7", class_="model-calls", stroke_width=6)),
                 ("tool call", element("path", d="M-7 0H7", class_="tool-calls", stroke_width=6))]  # fmt: skip
        signs += [(moments.KINDS[kind], element("path", d=SHAPES[kind], class_=f"mark {kind}")) for kind in present]
        items = (element("li", element("svg", sign, viewBox="-8 -8 16 16", width=16, height=16, aria_hidden="true",
                                       class_="timeline"), f" {word}") for word, sign in signs)  # fmt: skip
        return element("ul", *items, class_="legend")


def _close_together(spans: Iterable[tuple[Stretch, object]], grain: float) -> Iterator[tuple[Stretch, list]]:  # type: ignore[type-arg]
    """Stretches with what they stand for; those that begin within `grain` of the first of them as one."""
    group: list[object] = []
    left = right = 0.0
    for (begin, end), one in sorted(spans, key=lambda pair: pair[0]):
        if group and begin - left >= grain:
            yield (left, right), group
            group = []
        if not group:
            left = right = begin
        group.append(one)
        right = max(right, end)
    if group:
        yield (left, right), group


def _turns_title(turns: Sequence[Turn], start: float) -> str:
    first, last = turns[0], turns[-1]
    assert first.started is not None
    if len(turns) > 1:
        ended = last.ended or last.started or first.started
        return f"{first.agent}: {len(turns)} turns, {offset(first.started.ts, start)} to {offset(ended.ts, start)}"
    took = span(max(first.ended.ts - first.started.ts, 0)) if first.ended else "not ended"
    return f"{first.agent}: turn {first.started.turn}, {offset(first.started.ts, start)}, {took}"
