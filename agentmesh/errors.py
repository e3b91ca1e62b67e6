"""Every error that agentmesh raises on purpose.

AgentMeshError
├── ConfigError            a file, a value or a name is wrong; carries every problem found
│   └── TopologyError      the graph is wrong: found before anything is spent
├── MissingExtra           an optional dependency is not installed
├── ScriptError            a scripted model ran out of replies, or kept some
├── ModelRequestsBlocked   a real model was called where that is forbidden (tests)
├── ProviderError          a model could not answer; `kind` says why and `hint` what to do
├── AgentError             an agent that is a function or a program failed
├── ToolError              a tool failed; its message goes to the model
├── TraceError             a file of foreign traces cannot be read, or is of no known format
├── JournalError           the journal cannot be read or written
│   ├── RunNotFound        it holds no such run
│   └── RunTaken           another process is running it
├── RunChanged             a recorded run does not follow from the team as it is now
│   └── ReplayMiss         a recorded run is asked, in place of a model, what it never asked
└── RunError               raised only by `result.raise_for_outcome()`
    ├── RunFailed
    ├── RunStalled
    ├── LimitReached
    ├── RunHalted
    ├── RunCancelled
    └── RunWaits
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

ProviderErrorKind = Literal[
    "authentication",
    "quota",
    "rate",
    "context_too_long",
    "content_refused",
    "bad_request",
    "timeout",
    "connection",
    "malformed",
    "server",
    "price",
]

RETRYABLE: frozenset[ProviderErrorKind] = frozenset({"rate", "timeout", "connection", "malformed", "server"})


class AgentMeshError(Exception):
    """Base of every error that agentmesh raises on purpose."""


class Problem(NamedTuple):
    """One thing that is wrong in a file: where it stands and what is allowed there."""

    line: int
    column: int
    path: str
    message: str

    def at(self, file: str) -> str:
        """`file:line:column: path: message`, the form that editors turn into links; no column where 0 stands for it."""
        where = ":".join([file, *(str(number) for number in self[:2] if number)])
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


class ConfigError(AgentMeshError):
    """A team, a file or a value is wrong. All problems come at once, in the order of the file."""

    def __init__(self, problems: Iterable[Problem] | str, file: str = "team") -> None:
        given = [Problem(0, 0, "", problems)] if isinstance(problems, str) else list(problems)
        self.problems: Sequence[Problem] = sorted(given, key=lambda problem: problem[:2])
        self.file = file
        super().__init__("\n".join(problem.at(file) for problem in self.problems))


class TopologyError(ConfigError):
    """The graph cannot work as drawn: somebody is unreachable, nobody may answer, a cycle has no bound."""


class MissingExtra(AgentMeshError):
    """An optional dependency is needed and not installed."""

    def __init__(self, what: str, extra: str) -> None:
        self.extra = extra
        super().__init__(f"{what} needs the extra '{extra}': pip install 'agentmesh-topology[{extra}]'")


class ScriptError(AgentMeshError):
    """A scripted model was asked more often than its script says, or less often."""


class ModelRequestsBlocked(AgentMeshError):
    """A real model was called while model requests are blocked."""


class ProviderError(AgentMeshError):
    """A model could not answer. Never becomes the text of a message."""

    def __init__(
        self,
        kind: ProviderErrorKind,
        message: str,
        *,
        hint: str = "",
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.kind: ProviderErrorKind = kind
        self.status = status
        self.retry_after_s = retry_after_s
        self.hint = hint
        super().__init__(f"{kind}: {message}" + (f"; {hint}" if hint else ""))

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed a moment later."""
        return self.kind in RETRYABLE


class AgentError(AgentMeshError):
    """An agent that is a function, a program or a person did not give a usable reply."""


class LimitExceeded(AgentMeshError):
    """A model call did not fit into what the run, or a part of it, may still use: `scope` says whose limit it was."""

    def __init__(self, limit: str, allowed: float, needed: float, scope: str = "run") -> None:
        self.limit = limit
        self.scope = scope
        self.allowed = allowed
        self.needed = needed
        super().__init__(f"{limit}: {allowed:g} allowed, {needed:g} needed")


class ToolError(AgentMeshError):
    """A tool refused its arguments or failed. The text goes back to the model that called it.

    `trust`: of that text, which somebody outside may have written.
    """

    def __init__(self, message: str, trust: Literal["trusted", "untrusted"] = "trusted") -> None:
        self.trust: Literal["trusted", "untrusted"] = trust
        super().__init__(message)


class TraceError(AgentMeshError):
    """A file of foreign traces cannot be read at all. What is wrong within one is a fault, and the rest goes on."""


class JournalError(AgentMeshError):
    """The journal cannot be read or written. What it has acknowledged is safe."""


class RunNotFound(JournalError):
    """The journal holds no run of that id."""


class RunTaken(JournalError):
    """Another process is running this run, or has taken it over."""


class RunChanged(AgentMeshError):
    """A recorded run cannot go on: it does not follow from the team, or the code, as it is now.

    `event` and `type` name the first event that does not, where it is known.
    """

    def __init__(self, message: str, event: int | None = None, type: str | None = None) -> None:
        self.event = event
        self.type = type
        super().__init__(message)


class ReplayMiss(RunChanged):
    """A run that answers in place of models is asked what it never asked. The run that asks has failed."""


class RunError(AgentMeshError):
    """A run did not end well. Raised only where the caller asks: `result.raise_for_outcome()`."""

    def __init__(self, run_id: str, outcome: str, reason: str) -> None:
        self.run_id = run_id
        self.outcome = outcome
        self.reason = reason
        super().__init__(f"run {run_id} ended {outcome}: {reason}" if reason else f"run {run_id} ended {outcome}")


class RunFailed(RunError):
    """The run ended `failed`: an agent, the verifier or the judge could not bring it to an answer."""


class RunStalled(RunError):
    """The run ended `stalled`: nobody had anything left to act on, and nobody had answered."""


class LimitReached(RunError):
    """The run ended `limit`: it used up what it was allowed."""


class RunHalted(RunError):
    """The run ended `halted`: a monitor or a policy stopped it."""


class RunCancelled(RunError):
    """The run ended `cancelled`: somebody outside the team stopped it."""


class RunWaits(RunError):
    """The run has not ended: people are asked something, and it can be resumed when they have answered."""
