"""What passes between the parts of a run: messages, replies, tasks, findings. Plain frozen data, no behaviour."""

from __future__ import annotations

import json
from posixpath import normpath
from typing import Annotated, Any, Literal, TypedDict

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

USER = "user"
"""The node that sends the task and receives the answer."""

RUN = "agentmesh"
"""The reserved sender under which the run itself speaks to agents."""

Outcome = Literal["verified", "completed", "stalled", "limit", "halted", "cancelled", "failed"]
MessageKind = Literal["text", "task", "handoff", "proposal", "decision", "ballot", "result", "answer"]
Trust = Literal["trusted", "untrusted"]
Policy = Literal["return_to_agent", "drop", "quarantine", "halt"]
TaskStatus = Literal["open", "ready", "claimed", "done", "verified", "blocked", "failed"]
"""`open` waits for other tasks, `ready` for a worker; `done` is what a worker says, `verified` what was merged."""
Decision = Literal["done", "continue", "replan", "abort"]
RungName = Literal[
    "note",
    "ask_evidence",
    "withhold",
    "dissent",
    "cut_edge",
    "isolate",
    "reset_context",
    "reassign",
    "enter_phase",
    "blind_revote",
    "replan",
    "switch_topology",
    "ask_human",
    "halt",
]


class Frozen(BaseModel):
    """Immutable data that refuses what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ImagePart(Frozen):
    """An image beside the text of a message: base64 data, or a URL that the provider fetches."""

    type: Literal["image"] = "image"
    media_type: str = "image/png"
    data: str | None = None
    url: str | None = None

    @model_validator(mode="after")
    def _has_one_source(self) -> ImagePart:
        if bool(self.data) == bool(self.url):
            raise ValueError("an image has either `data`, in base64, or a `url`")
        return self


class FilePart(Frozen):
    """A file beside the text of a message, base64-encoded."""

    type: Literal["file"] = "file"
    name: str
    media_type: str = "application/pdf"
    data: str


Part = Annotated[ImagePart | FilePart, Field(discriminator="type")]


class Position(Frozen):
    """What an agent holds to be the answer, beside what it writes. It is what votes count and monitors read."""

    answer: str = Field(description="The answer alone, as short as it can be said")
    confidence: float | None = Field(None, ge=0, le=1, description="How likely it is to be right, from 0 to 1")
    evidence: tuple[str, ...] = Field((), description="What shows it: ids of tool results, quotes, numbers")
    changed_because: str = Field("", description="If the answer is another than before: what changed it")

    @property
    def key(self) -> str:
        """The answer as answers are compared: without case, outer punctuation and runs of white space."""
        return answer_key(self.answer)

    def text(self) -> str:
        """The position as its reader is shown it, one line for each thing that it says."""
        sure = "" if self.confidence is None else f" (confidence {self.confidence:g})"
        lines = [f"Position: {self.answer}{sure}"]
        lines += [f"Evidence: {'; '.join(self.evidence)}"] * bool(self.evidence)
        lines += [f"Changed because: {self.changed_because}"] * bool(self.changed_because)
        return "\n".join(lines)


def answer_key(answer: str) -> str:
    """An answer as votes and convergence compare it: without case, outer punctuation and runs of white space."""
    return " ".join(answer.split()).strip(" .,;:!?\"'`").casefold()


class Ballot(Frozen):
    """One voter's ranking, best first; one entry is a plain vote."""

    ranking: tuple[str, ...] = Field(min_length=1)


class BoardEntry(Frozen):
    """A typed entry of a board. Which fields count depends on the kind.

    `claim`: `path`, `start`, `end`; `commitment`: `text`, `state`; `offer`: `options`, and `option` and `taken_by` once
    somebody has chosen.
    """

    id: str
    kind: Literal["claim", "commitment", "offer"]
    owner: str
    path: str = ""
    start: int = 0
    end: int = 0
    text: str = ""
    state: Literal["open", "kept", "dropped"] = "open"
    options: tuple[str, ...] = ()
    option: str = ""
    taken_by: str = ""

    def holds(self, path: str, start: int, end: int) -> bool:
        """Whether it claims any of these lines of that path, however the path is spelled."""
        same = self.kind == "claim" and normpath(self.path) == normpath(path)
        return same and self.start <= end and start <= self.end


class Usage(Frozen):
    """What model calls used. `input_tokens` counts all input, cached or not; `cost_usd` is None where unknown."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    model_calls: int = 0
    cost_usd: float | None = 0.0
    estimated: bool = False

    def __add__(self, other: Usage) -> Usage:
        cost = None if self.cost_usd is None or other.cost_usd is None else self.cost_usd + other.cost_usd
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            model_calls=self.model_calls + other.model_calls,
            cost_usd=cost,
            estimated=self.estimated or other.estimated,
        )

    @property
    def tokens(self) -> int:
        """Input and output together, the unit of a `tokens` limit."""
        return self.input_tokens + self.output_tokens


class Message(Frozen):
    """One text on one edge. A message to three recipients is three messages."""

    message_id: str
    sender: str
    recipient: str
    content: str
    kind: MessageKind = "text"
    task_id: str | None = None
    parts: tuple[Part, ...] = ()
    position: Position | None = None
    trust: Trust = "trusted"


class Task(Frozen):
    """One entry of a planner's task board."""

    id: str
    title: str
    instructions: str = ""
    depends_on: tuple[str, ...] = ()
    acceptance: str = Field(
        "", description="What shows that it is done; where work is merged, a line `$ COMMAND` is what must succeed"
    )
    priority: int = 0


class Handoff(Frozen):
    """What a worker returns for its task."""

    status: Literal["done", "blocked", "failed"] = "done"
    summary: str
    evidence: str = ""
    concerns: str = ""
    deviations: str = ""


class Finding(Frozen):
    """What a monitor saw: a label with a score between 0 and 1, the agents, and the ids of the events that show it."""

    monitor: str = ""
    label: str
    score: float = Field(default=1.0, ge=0, le=1)
    agents: tuple[str, ...] = ()
    evidence: tuple[int, ...] = ()
    why: str = ""


class ChatFunction(TypedDict):
    """Name and JSON-encoded arguments of a called function, as providers send them."""

    name: str
    arguments: str


class ChatToolCall(TypedDict):
    """A tool call inside an assistant's chat message."""

    id: str
    type: Literal["function"]
    function: ChatFunction


class ChatMessage(TypedDict, total=False):
    """One message of a canonical request, in the shape of Chat Completions.

    `content` is text, or a list of `{"type": "text" | "image_url" | "file", ...}` where a message carries parts.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]] | None
    tool_calls: list[ChatToolCall]
    tool_call_id: str
    extra: dict[str, Any]
    """What a provider's `Reply.extra` held: only that provider reads it, and no other is sent it."""


def _decoded(arguments: Any) -> Any:
    """Arguments as providers write them, JSON in text, decoded; text that is no JSON object under the empty name."""
    if not isinstance(arguments, str):
        return arguments
    try:
        read = json.loads(arguments)
    except ValueError:
        return {"": arguments}
    return read if isinstance(read, dict) else {"": arguments}


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ToolCall:
    """A model asks for a tool. `arguments` may be given as JSON text; text that is no JSON object is `{"": text}`."""

    name: str
    arguments: Annotated[dict[str, Any], BeforeValidator(_decoded)] = Field(default_factory=dict)
    id: str = ""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Reply:
    """What a model answered: text, tool calls, or both."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    finish_reason: str = "stop"
    structured: Literal["native", "json_mode", "prompt"] | None = None
    """How structured output was asked for, where it was."""
    position: Position | None = None
    """Beside the text, where a function plays an agent or a model in a discussion."""
    model: str = ""
    """The `provider:model` that answered: another than the one asked where a fallback stepped in."""
    extra: dict[str, Any] = Field(default_factory=dict)
    """What a provider needs back unchanged in the next request of the context (signed reasoning, for one)."""
    cached: bool = False
    """Whether it was kept from an earlier call, and costs nothing."""
