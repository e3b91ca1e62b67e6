"""What the runner needs to know to carry out one run. Made by the team, read by the runner."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from agentmesh.agents.base import Occupant
from agentmesh.agents.verifier import Verifier
from agentmesh.config.models import JudgeConfig, Limits, Price
from agentmesh.events import Event, FindingRecorded, RunResumed
from agentmesh.journal.base import Log, Word
from agentmesh.messages import Policy, Trust
from agentmesh.monitors.base import Watch
from agentmesh.providers.base import Provider, Request
from agentmesh.runner.ledger import Closer, Ledger, limits_by_account
from agentmesh.tools.context import ToolContext
from agentmesh.tools.results import LongResults
from agentmesh.topology.bounds import Bounds
from agentmesh.topology.phases import Phase

if TYPE_CHECKING:
    from agentmesh.tools.workspaces.works import Works


class Tool(Protocol):
    """What an agent may call. `requires` trust, or brings what is not to be trusted: see `ToolConfig`."""

    requires: Trust | None
    trust: Trust
    approve: bool
    """Whether a person has to approve each call."""

    async def __call__(self, arguments: dict[str, Any], context: ToolContext) -> str: ...


Ask = Callable[[str, str], str | Awaitable[str]]
"""(agent, question) -> answer."""
Check = Callable[[str], Awaitable[tuple[bool, str]]]
"""Answer -> whether it is right, and what the check said."""


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of streamed text: a signal to whoever watches, neither journalled nor monitored."""

    agent: str
    text: str


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """An attempt at a model call that failed, told at once: a signal as `Delta` is; the log has it when the call ends.

    `number` counts from 1 within the call.
    """

    agent: str
    number: int
    why: str


Watcher = Callable[[Event | Delta | FailedAttempt], None]
"""Sees every event, every delta if it has a true attribute `deltas`, every failed attempt if it has `attempts`."""
Asked = Callable[[str, str, Request], None]
"""(key, hash, request) of each model call, those that a run which is gone through once more had paid for included."""


@dataclass(frozen=True)
class Member:
    """One agent of a run."""

    occupant: Occupant
    provider: Provider | None = None
    max_output_tokens: int = 4096
    tools: Mapping[str, Tool] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    results: LongResults = field(default_factory=LongResults)
    """The results of its tools that were too long to be shown at once."""
    forgetful: bool = False
    """Whether it remembers nothing of its earlier turns."""
    rebuilt: bool = False
    """Whether a run that goes on has to go through its earlier turns, so that it remembers them."""


@dataclass(frozen=True)
class RunPlan:
    """All that one run needs; the runner adds time, order and the log."""

    run_id: str
    team: str
    task: str
    phases: Sequence[Phase]
    members: Mapping[str, Member]
    topology_hash: str = ""
    policy: Policy = "return_to_agent"
    limits: Limits = field(default_factory=Limits)
    seed: int | None = None
    parts: tuple[Any, ...] = ()
    monitors: Sequence[Watch] = ()
    verify: Check | Verifier | None = None
    verify_retries: int = 0
    answer_fault: Callable[[str], str | None] | None = None
    """Why a text is no answer of the declared form, or None."""
    untils: Mapping[str, Check] = field(default_factory=dict)
    """By phase: what must hold before it is over, where a program or a function says so."""
    summarisers: Mapping[str, Provider] = field(default_factory=dict)
    """By the name of a model on an edge: who summarises what passes there."""
    judges: Mapping[str, tuple[Provider, JudgeConfig]] = field(default_factory=dict)
    """By monitor: who judges what it suspects."""
    bounds: Callable[[Sequence[Phase], Bounds], Bounds] | None = None
    """What a run through some phases may use, for when the graph changes."""
    rewrites: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    ask: Ask | None = None
    watch: Watcher | None = None
    asked: Asked | None = None
    continues: str | None = None
    untrusted: Mapping[str, str] = field(default_factory=dict)
    """By agent: where what it remembers of the run before this one came from, if that may not be acted upon."""
    team_hash: str = ""
    log: Log | None = None
    """Where every event is written; without one the log is lost with the process."""
    recorded: Sequence[Event] = ()
    """Of a run that goes on: its log so far."""
    resumed: RunResumed | None = None
    heard_later: Sequence[FindingRecorded] = ()
    """Of a fork that begins: what was found in the events that it inherits, and written down only after them."""
    prices: Mapping[str, Price] = field(default_factory=dict)
    """By `provider.model_id`: what no call to that model exceeds. Of the others no price is known."""
    servers: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """By MCP server: the definitions of its tools that agents are given."""
    works: Works | None = None
    """Where its agents work on files."""
    words: Callable[[], Awaitable[Sequence[Word]]] | None = None
    """Of a run that goes on: what was said to it so far, by processes that did not hold it."""

    @property
    def reserve(self) -> Sequence[str]:
        """Agents that take part only when they are called."""
        standing = {name for phase in self.phases for name in phase.participants}
        return [name for name in self.members if name not in standing]

    @property
    def patient(self) -> bool:
        """Whether people may answer later, in another process: then the run waits instead of ending."""
        return self.log is not None or bool(self.recorded)


def ledger_of(plan: RunPlan, closer: Callable[[], str | None]) -> Ledger:
    """The ledger of one run. `closer`: who would give its last answer now."""

    def closing() -> Closer | None:
        name = closer()
        if name is None:
            return None
        member = plan.members[name]
        provider = member.provider
        price = None if provider is None else plan.prices.get(provider.model_id)
        return Closer(name, member.max_output_tokens, price, asks=provider is not None)

    agents = {name: member.limits for name, member in plan.members.items()}
    monitors = {watch.name: watch.config.spending for watch in plan.monitors}
    return Ledger(limits_by_account(plan.limits, plan.phases, agents, monitors), plan.prices, closing)
