"""One entry of a transcript for each thing that an agent did or that happened to it. Every event keeps its anchor."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from agentmesh.events import (
    Answered,
    BoardWritten,
    ContextStarted,
    Event,
    Inbound,
    LimitWasReached,
    MessageDelivered,
    MessageProposed,
    MessageRefused,
    MessageTransformed,
    MessageWithheld,
    ModelCallFinished,
    ModelCallStarted,
    Notice,
    PositionStated,
    Question,
    TaskChanged,
    ToolCallFinished,
    ToolCallStarted,
    TurnEnded,
    TurnFailed,
    VoteCast,
)
from agentmesh.reporting import words
from agentmesh.reporting.markup import Content, Markup, element, join
from agentmesh.reporting.moments import moment_of
from agentmesh.reporting.run_log import of_the_run
from agentmesh.reporting.texts import Texts, attached

Finished = ModelCallFinished | ToolCallFinished
Calls = Mapping[int, Finished]
"""By the event that began a call: the one that ended it."""


class Entries:
    """Writes entries.

    `delivered`: by message, the event with which it reached its recipient; `start`: of the run;
    `history`: events that do not count any more, because the run went back behind them when it was resumed.
    """

    def __init__(
        self, texts: Texts, delivered: Mapping[str, MessageDelivered], start: float, history: Collection[int]
    ) -> None:
        self._texts = texts
        self._history = history
        self._delivered = delivered
        self._start = start

    def inbound(self, item: Inbound) -> Markup:
        """A message or a notice, as its reader was shown it."""
        if isinstance(item, Notice):
            return self._entry(item, "in", element("b", "notice of the run"), " ", item.template,
                               self._texts.body(item.content, item.id))  # fmt: skip
        kind = "" if item.kind == "text" else f" {item.kind}"
        task = f" {item.task_id}" if item.task_id else ""
        held = None if item.position is None else element("p", item.position.text(), class_="said")
        return self._entry(item, "in", element("b", f"from {item.sender}"), kind, task, _trust(item.trust),
                           self._texts.body(item.content, item.id), attached(item.parts), held)  # fmt: skip

    def of(self, events: Sequence[Event]) -> Iterator[Markup]:
        """The entries of one turn, in order; a call and its result are one."""
        calls = _paired(events)
        done = {event.id for event in calls.values()}
        told = {event.reply for event in events if isinstance(event, TurnEnded) and event.reply}
        for event in events:
            if event.id not in done:
                yield self._one(event, calls, told)

    def _one(self, event: Event, calls: Calls, told: set[str]) -> Markup:
        """One entry. `told`: texts that stand in this turn anyway, and need not stand there twice."""
        match event:
            case ModelCallStarted() | ModelCallFinished():
                return self._model_call(event, calls.get(event.id), told)
            case ToolCallStarted() | ToolCallFinished():
                return self._tool_call(event, calls.get(event.id))
            case MessageProposed() | MessageRefused() | MessageWithheld() | MessageTransformed() | MessageDelivered():
                return self._message(event, told)
            case TurnEnded():
                said = None if event.reply is None else self._texts.body(event.reply, event.id)
                how = "replied" if said else "ended its turn by tools alone"
                return self._entry(event, "out", element("b", how), said, attached(event.parts))
            case TurnFailed():
                return self._entry(event, "bad", element("b", f"failed: {event.kind}"),
                                   self._texts.body(event.error, event.id))  # fmt: skip
            case _:
                moment = moment_of(event)
                return self._entry(event, moment.kind if moment else "", *self._stated(event))

    def _model_call(self, event: ModelCallStarted | ModelCallFinished, end: Finished | None,
                    told: set[str]) -> Markup:  # fmt: skip
        finished = event if isinstance(event, ModelCallFinished) else end
        if not isinstance(finished, ModelCallFinished):
            reserved = f"{event.reserved:,}" if isinstance(event, ModelCallStarted) else "some"
            return self._entry(event, "bad", element("b", "model call"), f" {event.model}: never finished; it may have "
                               f"been paid for, with {reserved} tokens set aside")  # fmt: skip
        usage = finished.usage
        numbers = f" {finished.model}: {usage.input_tokens:,} + {usage.output_tokens:,} tokens"
        numbers += f", {usage.cache_read_tokens:,} from cache" if usage.cache_read_tokens else ""
        numbers += f", cost {words.usd(usage.cost_usd)}, {words.span(finished.seconds)}"
        numbers += f", {finished.finish_reason}" if finished.finish_reason != "stop" else ""
        said = None
        if finished.content and finished.content not in told:
            said = self._texts.body(finished.content, finished.id)
        failed = None if finished.error is None else self._texts.body(finished.error, finished.id)
        attempts = (element("p", f"attempt failed: {attempt}", class_="note") for attempt in finished.attempts[:20])
        kind = "bad" if finished.error is not None else "call"
        name = "model call failed" if finished.error is not None else "model call"
        return self._entry(event, kind, element("b", name), numbers, failed, said, *attempts, second=end)

    def _tool_call(self, event: ToolCallStarted | ToolCallFinished, end: Finished | None) -> Markup:
        finished = event if isinstance(event, ToolCallFinished) else end
        given = self._texts.arguments(event.arguments, event.id)
        if not isinstance(finished, ToolCallFinished):
            return self._entry(event, "bad", element("b", event.name), " was called and never finished", given)
        result = finished.result if finished.error is None else finished.error
        gave = None if result is None else self._texts.body(result, finished.id)
        kind, word = ("tool", "gave") if finished.error is None else ("bad", "failed")
        return self._entry(event, kind, element("b", event.name), " was called", given, element("i", word),
                           _trust(finished.trust), gave, second=end)  # fmt: skip

    def _message(
        self,
        event: MessageProposed | MessageRefused | MessageWithheld | MessageTransformed | MessageDelivered,
        told: set[str],
    ) -> Markup:
        to = element("b", f"→ {event.recipient}")
        arrived = self._delivered.get(event.message_id)
        said = None
        # What arrived as it was stands with its reader.
        if event.content not in told and (arrived is None or arrived.content != event.content):
            said = self._texts.body(event.content, event.id)
            told.add(event.content)
        match event:
            case MessageRefused():
                allowed = ", ".join(event.allowed) or "nobody"
                why = f" refused: {event.reason.replace('_', ' ')} ({event.policy.replace('_', ' ')}); {event.sender} "
                return self._entry(event, "refused", to, f"{why}may message: {allowed}", said)
            case MessageWithheld():
                return self._entry(event, "refused", to, f" withheld by {event.policy}", said)
            case MessageTransformed():
                return self._entry(event, "out", to, f" changed on its way by {event.by}", said)
            case _:
                fate = join((" delivered as ", self._texts.ref(arrived.id))) if arrived else " proposed"
                return self._entry(event, "out", to, fate, said)

    def _stated(self, event: Event) -> Sequence[Content]:
        body = self._texts.body
        match event:
            case ContextStarted():
                told = f"new context ({event.reason}); may write to: {', '.join(event.recipients) or 'nobody'}"
                return (told, body(event.system, event.id) if event.system else None)
            case PositionStated():
                return (element("b", "position"), element("div", event.position.text(), class_="said"))
            case BoardWritten():
                entry = event.entry.model_dump_json(exclude_defaults=True) if event.entry else None
                said = event.content if event.content is not None else entry or ""
                return (element("b", f"wrote to {event.board}"), f" version {event.version}", body(said, event.id))
            case VoteCast():
                return (element("b", f"voted at {event.vote}"), f": {' > '.join(event.ranking)}")
            case TaskChanged():
                who = f" by {event.worker}" if event.worker else ""
                who += f", attempt {event.attempt}" if event.attempt > 1 else ""
                text = event.summary or (event.task.instructions if event.status == "open" else "")
                return (element("b", f"task {event.task.id} {event.status}"), f"{who}: {event.task.title}",
                        body(text, event.id) if text else None)  # fmt: skip
            case Question():
                return (element("b", f"asked a person ({event.question_id})"), body(event.content, event.id))
            case Answered():
                who = event.by or "a person"
                return (element("b", f"{who} answered ({event.question_id})"), body(event.content, event.id))
            case LimitWasReached():
                numbers = f"{event.allowed:g} allowed, {event.needed:g} needed"
                return (element("b", f"limit {event.limit} of {event.scope}"), f": {numbers}")
            case _:
                return of_the_run(event, self._texts)

    def _entry(self, event: Event, kind: str, *content: Content, second: Event | None = None) -> Markup:
        """One entry with its number and time; `second`: the event that it tells of as well."""
        number = element("a", f"e{event.id}", href=f"#e{event.id}", class_="n")
        also = None if second is None else element("a", f"e{second.id}", href=f"#e{second.id}", id=f"e{second.id}",
                                                   class_="n")  # fmt: skip
        when = element("time", words.offset(event.ts, self._start))
        gone = element("span", "gone back from", class_="tag") if event.id in self._history else None
        kinds = f"{kind} history".strip() if gone else kind
        return element("li", number, also, when, gone, *content, id=f"e{event.id}", class_=kinds or None)


def _trust(trust: str) -> Markup | None:
    return element("span", "untrusted", class_="tag bad") if trust == "untrusted" else None


def _paired(events: Sequence[Event]) -> Calls:
    started: dict[str, int] = {}
    pairs: dict[int, Finished] = {}
    for event in events:
        if isinstance(event, ModelCallStarted | ToolCallStarted):
            started[event.key] = event.id
        elif isinstance(event, ModelCallFinished | ToolCallFinished) and event.key in started:
            pairs[started.pop(event.key)] = event
    return pairs
