"""What occupies a node: something that is shown a view, and acts through its turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from agentmesh.config.topologies import Positions
from agentmesh.events import ITERATING, ContextReason, Inbound, MessageDelivered
from agentmesh.messages import Part, Position, Reply, ToolCall, Trust, answer_key
from agentmesh.providers.base import Provider, Request
from agentmesh.tools.graph import Choices

if TYPE_CHECKING:
    from agentmesh.tools.workspaces.base import Workspace


@dataclass(frozen=True)
class View:
    """All that an agent sees in a turn, beside its own instructions and its own earlier turns."""

    agent: str
    turn: int
    phase: str
    round: int
    inbox: tuple[Inbound, ...]
    recipients: tuple[str, ...]
    """Whom it may message now."""
    tools: tuple[str, ...]
    """Graph tools that it is offered, such as `send_message` or `hand_off`."""
    answers: bool
    """Whether its plain text may become the answer of the run."""
    choices: Mapping[str, Choices] = field(default_factory=dict)
    """By tool and parameter: what exists for the agent, such as the boards that it may read."""
    positions: Positions = "off"
    """Whether its reply carries a position beside the text."""
    restart: ContextReason | None = None
    """Why it forgets what was before this turn, if it does."""
    wrap_up: bool = False
    """Whether it is the last turn of a run that has come to a limit: it answers in plain text, with no tools."""

    @cached_property
    def messages(self) -> tuple[MessageDelivered, ...]:
        """The messages of the inbox, without the run's notices."""
        return tuple(item for item in self.inbox if isinstance(item, MessageDelivered))

    @cached_property
    def work(self) -> tuple[Inbound, ...]:
        """What there is to do: the messages, then what the iteration of a loop is about; all where there is neither."""
        about = (item for item in self.inbox if item.type == "notice" and item.template in ITERATING)
        return (*self.messages, *about) or self.inbox

    @property
    def text(self) -> str:
        """The contents of the inbox, one below the other."""
        return "\n\n".join(item.content for item in self.inbox)

    def ballot_fault(self, answer: str) -> str | None:
        """Why a plain reply with this answer is no ballot, where a reply is one and nothing else; None if it is."""
        options = self.choices.get("vote", {}).get("ranking", ())
        if not options or len(self.recipients) != 1 or answer_key(answer) in map(answer_key, options):
            return None
        return f"Your answer is your ballot, and must be one of these, word for word: {', '.join(options)}"

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of one tool call."""

    call: ToolCall
    text: str
    failed: bool = False
    ends_turn: bool = False
    trust: Trust = "trusted"
    """Whether the text may be acted upon."""


@dataclass(frozen=True, slots=True)
class Said:
    """What an agent's turn came to: plain text, or None where it acted by tools alone."""

    text: str | None
    parts: tuple[Part, ...] = ()
    position: Position | None = None
    """What the agent holds to be the answer, where it says so beside the text."""


class Turn(Protocol):
    """How an agent acts. Whatever it does here is in the log before its effect is felt."""

    @property
    def view(self) -> View: ...

    @property
    def workspace(self) -> Workspace | None:
        """Where the agent works on files, if it does."""
        ...

    async def complete(
        self, request: Request, request_hash: str, input_tokens: int, provider: Provider | None = None, key: str = ""
    ) -> Reply:
        """One model call, of the agent's own model unless another is given. `input_tokens` is an estimate.

        `key` names the call within the turn; by default calls are counted. Raises: ProviderError, LimitExceeded.
        """
        ...

    async def call(self, calls: Sequence[ToolCall]) -> list[ToolResult]:
        """Carry out tool calls: those on the graph one after the other, the rest at the same time."""
        ...

    def context_started(self, reason: ContextReason, system: str) -> None:
        """Note that the next request does not extend the one before, and with what it begins."""
        ...

    def fault(self, text: str) -> str | None:
        """Why the text may not become the answer, whose form the team declares; None if it may, or will not."""
        ...

    def remind(self, text: str) -> None:
        """Let the run tell this agent something at its next turn: what came of a call that it no longer awaits."""
        ...

    async def ask(self, question: str, key: str = "") -> str:
        """Put a question to the person in charge, `key` as of `complete`. Raises: AgentError if nobody can answer."""
        ...


async def act_out(turn: Turn, reply: Reply) -> Said:
    """Carry out a reply at once, for an agent that is not asked again in this turn.

    What was refused it learns at its next turn: a refusal is never fatal.
    """
    if not reply.tool_calls:
        return Said(reply.text, position=reply.position)
    for result in await turn.call(reply.tool_calls):
        if result.failed:
            turn.remind(f"{result.call.name}: {result.text}")
    return Said(reply.text or None, position=reply.position)


class Occupant(Protocol):
    """An agent in one run. It keeps what it remembers between turns, and nothing of anybody else's."""

    async def act(self, turn: Turn) -> Said:
        """Take one turn."""
        ...

    def fork(self) -> Occupant:
        """The same agent with the same memory, for a run that continues this one."""
        ...
