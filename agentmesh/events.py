"""Every fact that a run can produce. The log of these events is the only state of a run.

An event is made without `id`, `run_id` and `ts`; the runner stamps them once, at the moment it appends the event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from agentmesh.messages import (
    BoardEntry,
    Finding,
    MessageKind,
    Outcome,
    Part,
    Policy,
    Position,
    RungName,
    Task,
    TaskStatus,
    ToolCall,
    Trust,
    Usage,
)

Json = dict[str, Any]
Edges = tuple[tuple[str, str], ...]
Change = Literal["cut", "restore", "isolate", "replace", "enter_phase"]
ContextReason = Literal["fresh", "phase", "compact", "window", "reset", "replace"]


class EventBase(BaseModel):
    """What every event carries. `ts` is in seconds since the epoch; `id` counts from 1 within a run."""

    # What is no number could not be read back from a journal, whose events are JSON.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    id: int = 0
    run_id: str = ""
    type: str
    ts: float = 0.0
    agent: str | None = None


E = TypeVar("E", bound=EventBase)
_fields_set: dict[type[EventBase], set[str]] = {}


def stamped(event: E, id_: int, run_id: str, ts: float) -> E:
    """The event with its place in the log.

    Writes into the event itself: nobody else holds it yet, and a copy would cost more than all else on its path.
    """
    fields = event.__dict__
    fields["id"], fields["run_id"], fields["ts"] = id_, run_id, ts
    # All fields count as set. One set serves all events of a type: one of its own would take as much as the rest.
    kind = type(event)
    if kind not in _fields_set:
        _fields_set[kind] = set(kind.model_fields)
    object.__setattr__(event, "__pydantic_fields_set__", _fields_set[kind])
    return event


class RunStarted(EventBase):
    type: Literal["run_started"] = "run_started"
    team: str
    task: str
    parts: tuple[Part, ...] = ()
    seed: int | None = None
    """Of every draw, and sent to models that take one, if it was given; draws take 0 otherwise."""
    topology_hash: str = ""
    version: str = ""
    continues: str | None = None
    team_hash: str = ""
    """Of the expanded graph, phases, instructions, models, tools and monitors; not of limits or prices."""
    servers: dict[str, tuple[Json, ...]] = {}
    """By MCP server: the definitions of its tools that agents were given, as it described them."""


class RunResumed(EventBase):
    """The run goes on from an earlier point of its log: after a crash, an interruption or a limit, or as a fork."""

    type: Literal["run_resumed"] = "run_resumed"
    at: int
    """Id of the last event that counts: what stands between it and this one is history, and decides nothing."""
    parent: str | None = None
    """Of a fork: the run from which everything up to here was inherited."""
    added: dict[str, float] = Field(default_factory=dict)
    """By limit of the run: how much more it allows from now on."""


class StopRequested(EventBase):
    """Somebody outside the run ends it."""

    type: Literal["stop_requested"] = "stop_requested"
    outcome: Outcome
    reason: str
    by: str = ""


class PhaseStarted(EventBase):
    type: Literal["phase_started"] = "phase_started"
    phase: str
    occurrence: int = 1
    order: str
    edges: Edges


class PhaseEnded(EventBase):
    type: Literal["phase_ended"] = "phase_ended"
    phase: str
    occurrence: int = 1
    reason: str


ITERATING = frozenset({"iteration", "plan_anew"})
"""Templates of notices that say what is to be done, as a message does: what an iteration of a loop is about."""


class Notice(EventBase):
    """The run speaks to an agent: a fixed template, never text that the agent could not see."""

    type: Literal["notice"] = "notice"
    template: str
    content: str


class BoundsChanged(EventBase):
    type: Literal["bounds_changed"] = "bounds_changed"
    bounds: Json


class TurnStarted(EventBase):
    type: Literal["turn_started"] = "turn_started"
    turn: int
    phase: str
    round: int = 0
    inbox: tuple[str, ...] = ()
    """Message ids in the order in which the agent reads them; `notice:ID` for a notice."""


class ContextStarted(EventBase):
    type: Literal["context_started"] = "context_started"
    reason: ContextReason
    recipients: tuple[str, ...] = ()
    system: str = ""
    """What the agent is told before all else."""


class ModelCallStarted(EventBase):
    type: Literal["model_call_started"] = "model_call_started"
    key: str
    model: str
    request_hash: str
    reserved: int
    """Tokens set aside for this call: estimated input and the agent's `max_output_tokens`."""
    reserved_usd: float | None = None
    """The most that those tokens can cost; None where no price is known."""


class ModelCallFinished(EventBase):
    type: Literal["model_call_finished"] = "model_call_finished"
    key: str
    model: str
    usage: Usage
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str = "stop"
    structured: Literal["native", "json_mode", "prompt"] | None = None
    position: Position | None = None
    """Beside the text, where a function plays a model in a discussion."""
    extra: Json = Field(default_factory=dict)
    cached: bool = False
    """Whether the answer came from a response cache, for nothing; `usage` is what it took when it was made."""
    error: str | None = None
    settled: int | None = None
    """Tokens that limits were charged with: those used, or the prompt of a failed call that may have cost it."""
    settled_usd: float | None = None
    """What those cost at most, where a price is known."""
    seconds: float = 0.0
    attempts: tuple[str, ...] = ()
    """One line per failed attempt, refused way of asking for structured output, and step to a fallback."""


class ToolCallStarted(EventBase):
    type: Literal["tool_call_started"] = "tool_call_started"
    key: str
    name: str
    arguments: Json


class ToolCallFinished(EventBase):
    type: Literal["tool_call_finished"] = "tool_call_finished"
    key: str
    name: str
    arguments: Json
    result: str | None = None
    error: str | None = None
    ends_turn: bool = False
    trust: Trust = "trusted"
    """Whether the result may be acted upon: what came from outside, the web above all, may not."""


class MessageEvent(EventBase):
    """What every event in the life of a message repeats of it."""

    message_id: str
    sender: str
    recipient: str
    content: str


class MessageProposed(MessageEvent):
    type: Literal["message_proposed"] = "message_proposed"
    kind: MessageKind = "text"
    task_id: str | None = None
    parts: tuple[Part, ...] = ()
    position: Position | None = None
    trust: Trust = "trusted"


class MessageTransformed(MessageEvent):
    type: Literal["message_transformed"] = "message_transformed"
    by: str


class MessageDelivered(MessageEvent):
    type: Literal["message_delivered"] = "message_delivered"
    kind: MessageKind = "text"
    task_id: str | None = None
    parts: tuple[Part, ...] = ()
    position: Position | None = None
    trust: Trust = "trusted"


class MessageRefused(MessageEvent):
    type: Literal["message_refused"] = "message_refused"
    allowed: tuple[str, ...] = ()
    policy: Policy = "return_to_agent"
    reason: str = "no_edge"


class MessageWithheld(MessageEvent):
    type: Literal["message_withheld"] = "message_withheld"
    allowed: tuple[str, ...] = ()
    policy: str = "monitor"


class PositionStated(EventBase):
    """What an agent holds to be the answer, as it stated it beside its contribution."""

    type: Literal["position"] = "position"
    turn: int
    phase: str
    round: int = 0
    position: Position


class BoardWritten(EventBase):
    """A board has a new version of its text, or a new or changed entry."""

    type: Literal["board_written"] = "board_written"
    board: str
    version: int
    content: str | None = None
    entry: BoardEntry | None = None
    trust: Trust = "trusted"


class VoteCast(EventBase):
    """A ballot is in. No agent sees it before all are."""

    type: Literal["vote_cast"] = "vote_cast"
    vote: str
    ranking: tuple[str, ...]
    weight: float = 1.0


class TaskChanged(EventBase):
    """A task of the board came into a new state. `agent` is the planner who owns it."""

    type: Literal["task_changed"] = "task_changed"
    task: Task
    status: TaskStatus
    worker: str | None = None
    summary: str = ""
    attempt: int = 1
    """How often it has been given out, counting this time."""


class FindingRecorded(EventBase):
    type: Literal["finding"] = "finding"
    finding: Finding
    threshold: float = 0.0
    blocking: bool = False
    observed: int = 0
    """Id of the event that the monitor was shown."""
    judge: Literal["asked", "confirmed", "dismissed", "unjudged"] | None = None
    """Of a monitor with a judge: `asked` is a suspicion, the others what became of one; `unjudged` counts as found."""
    suspicion: int = 0
    """Of a verdict: id of the finding that it is about."""

    @property
    def counts(self) -> bool:
        """Whether something was found: a suspicion alone, or one that was dismissed, is nothing found."""
        return self.judge not in ("asked", "dismissed")


class InterventionMade(EventBase):
    type: Literal["intervention"] = "intervention"
    kind: RungName
    finding: int
    """Id of the finding's event."""
    monitor: str
    agents: tuple[str, ...] = ()
    """Whom it concerns."""
    edges: Edges = ()
    """The edges that it cuts, or that it gives to an agent who joins."""
    parameters: dict[str, str] = Field(default_factory=dict)
    """Of the rung, with what was chosen where nothing was said: `agent`, `phase`; of `withhold` the `message`."""
    skipped: tuple[str, ...] = ()
    """Rungs before it that could not be carried out: where none could, a `note` stands in for the last."""


class TopologyChanged(EventBase):
    type: Literal["topology_changed"] = "topology_changed"
    change: Change
    edges: Edges = ()
    """The edges that are taken away or given back; of a replacement, and of a phase that is entered, the new ones."""
    removed: Edges = ()
    """Of a replacement: the edges in whose place `edges` stand."""
    agents: tuple[str, ...] = ()
    """Who is isolated; of a replacement who leaves and who comes; with edges that are given, who joins by them."""
    phase: str | None = None
    """The phase to enter."""
    hash: str = ""
    """Of the edges that hold from now on."""


class LimitWasReached(EventBase):
    """A limit stands in the way. `agent` is None for a limit of the whole run, or of a phase."""

    type: Literal["limit_reached"] = "limit_reached"
    limit: str
    allowed: float
    needed: float
    scope: str = "run"
    """Whose limit it is: `run`, `phase:NAME`, `agent:NAME`, `edge:A->B` or `monitor:NAME`."""
    kept: bool = False
    """Of a limit of the run: whether as much as one last answer takes is still left of it."""


class Metric(EventBase):
    type: Literal["metric"] = "metric"
    name: str
    value: float
    kind: Literal["proxy", "held_out", "milestone"] = "proxy"


class Question(EventBase):
    type: Literal["question"] = "question"
    question_id: str
    content: str


class Answered(EventBase):
    type: Literal["answered"] = "answered"
    question_id: str
    content: str
    by: str = ""
    """Who answered."""
    given: float | None = None
    """When, in seconds since the epoch, where the run heard it later."""


class Verification(EventBase):
    type: Literal["verification"] = "verification"
    passed: bool
    attempt: int
    detail: str = ""
    phase: str | None = None
    """The phase whose `until` was checked; None where it was the answer of the run, or a task."""
    task: str | None = None
    """Id of the task, of the planner `agent`, that was merged and checked."""
    state: str = ""
    """Of an iteration: a digest of the files that were checked; the same if nothing has changed in them."""


class TurnFailed(EventBase):
    type: Literal["turn_failed"] = "turn_failed"
    turn: int
    error: str
    kind: str


class TurnEnded(EventBase):
    """A turn is over. `reply` is its plain text, None where the agent acted by tools alone."""

    type: Literal["turn_ended"] = "turn_ended"
    turn: int
    reply: str | None = None
    parts: tuple[Part, ...] = ()


class RunEnded(EventBase):
    type: Literal["run_ended"] = "run_ended"
    outcome: Outcome
    reason: str
    answer: str | None = None


Event = (
    RunStarted
    | RunResumed
    | StopRequested
    | PhaseStarted
    | PhaseEnded
    | Notice
    | BoundsChanged
    | TurnStarted
    | ContextStarted
    | ModelCallStarted
    | ModelCallFinished
    | ToolCallStarted
    | ToolCallFinished
    | MessageProposed
    | MessageTransformed
    | MessageDelivered
    | MessageRefused
    | MessageWithheld
    | PositionStated
    | BoardWritten
    | VoteCast
    | TaskChanged
    | FindingRecorded
    | InterventionMade
    | TopologyChanged
    | LimitWasReached
    | Metric
    | Question
    | Answered
    | Verification
    | TurnFailed
    | TurnEnded
    | RunEnded
)

Inbound = MessageDelivered | Notice
"""What an agent finds in its inbox."""

_adapter: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])


def event_from_json(data: str | bytes | Mapping[str, Any]) -> Event:
    """Read an event back from its JSON text or from a decoded object. Raises `pydantic.ValidationError`."""
    return _adapter.validate_json(data) if isinstance(data, str | bytes) else _adapter.validate_python(data)
