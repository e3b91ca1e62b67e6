"""The YAML language as data: one file is one team. Descriptions are what an editor shows."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, field_validator, model_validator

from agentmesh.config.base import Config, Name, PositiveInt
from agentmesh.config.interventions import Intervention
from agentmesh.config.limits import Limits as Limits
from agentmesh.config.limits import MonitorLimits
from agentmesh.config.secrets import unfit
from agentmesh.config.servers import ServerConfig
from agentmesh.config.topologies import TopologyConfig
from agentmesh.config.workspaces import MergeConfig, WorkspaceConfig

PROVIDERS = ("openai", "anthropic", "simulated", "scripted", "echo", "function")


class Price(Config):
    """Price of a model, where the built-in table does not know it."""

    input: float = Field(ge=0, description="USD per million input tokens")
    output: float = Field(ge=0, description="USD per million output tokens")


class Pace(Config):
    """How fast requests may go out to one model."""

    requests_per_minute: PositiveInt | None = Field(
        None, description="Requests that leave in a minute, of all processes of this user on this machine together"
    )
    tokens_per_minute: PositiveInt | None = Field(
        None,
        description="Tokens in a minute, likewise: the estimated input and `max_output_tokens` are set aside for each "
        "request, and what it did not use is given back",
    )
    concurrency: PositiveInt | None = Field(
        None, description="Requests of this process in flight at once; no bound if absent"
    )


class ModelConfig(Config):
    """One model: who serves it and how it is asked."""

    model_config = ConfigDict(hide_input_in_errors=True)

    provider: Literal["openai", "anthropic", "simulated", "scripted", "echo", "function"] = Field(
        description="Which adapter speaks to it; `openai` also speaks to every compatible server, through `base_url`"
    )
    model: str = Field("", description="The provider's name of the model")
    base_url: str | None = Field(None, description="Address of a compatible server, such as http://127.0.0.1:8000/v1")
    api: Literal["chat", "responses"] | None = Field(
        None, description="OpenAI only: `responses` at api.openai.com, `chat` everywhere else, unless said here"
    )
    api_key_env: str | None = Field(
        None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="Name of the environment variable that holds the key"
    )
    context_window: PositiveInt | None = Field(None, description="Tokens that fit into its context, where not known")
    temperature: float | None = Field(None, ge=0, le=2, description="Sampling temperature, where the model takes one")
    top_p: float | None = Field(None, gt=0, le=1, description="Nucleus sampling, where the model takes it")
    reasoning_effort: str | None = Field(None, description="Such as low, medium, high; where the model takes it")
    timeout_s: float = Field(600.0, gt=0, description="Longest wait for one attempt, in seconds")
    idle_timeout_s: float = Field(
        120.0, gt=0, description="Longest silence of an answer that is streamed, in seconds, before its first piece too"
    )
    max_retries: int = Field(4, ge=0, description="Attempts after the first, for failures that may pass")
    price: Price | None = Field(None, description="Overrides the built-in price table")
    pace: Pace = Field(default_factory=Pace, description="How fast requests may go out")
    fallback: tuple[str, ...] = Field((), description="Names of models asked, in this order, where this one fails")
    skill: float | None = Field(None, ge=0, le=1, description="Simulated only: chance that an easy step is right")
    latency_s: float | None = Field(None, ge=0, description="Simulated only: seconds that an answer takes")

    @field_validator("base_url")
    @classmethod
    def _without_secrets(cls, base_url: str | None) -> str | None:
        if base_url is not None and (wrong := unfit(base_url)):
            raise ValueError(wrong)
        return base_url


class CommandConfig(Config):
    """A program that plays an agent: the view on stdin, the reply on stdout."""

    argv: tuple[str, ...] = Field(min_length=1, description="Program and arguments; no shell")
    format: Literal["json", "text"] = Field("json", description="How the view is written to stdin")
    timeout_s: float = Field(60.0, gt=0, description="Seconds until it is killed with all its children")


class ToolConfig(Config):
    """A tool with what is asked of those who call it."""

    use: str = Field(
        description="`calculator`, `ask_human`, package.module:function, or SERVER__TOOL of a server under `mcp`"
    )
    requires: Literal["trusted"] | None = Field(
        None, description="`trusted`: refused to an agent whose context holds anything untrusted"
    )
    trust: Literal["trusted", "untrusted"] = Field(
        "trusted",
        description="`untrusted`: what it returns comes from outside, as a web page does; a tool of a server is as its "
        "server unless it is said here",
    )
    approve: bool = Field(False, description="Whether a person has to approve each call")


class MemoryConfig(Config):
    """Memory that is bounded: by turns, or by what fits into the model's context."""

    window: int | None = Field(
        None, ge=2, description="Turns remembered at most; beyond it the older half is forgotten at once"
    )
    compact: float | None = Field(
        None, gt=0, lt=1, description="Share of the model's context at which all but the task is summarised"
    )

    @model_validator(mode="after")
    def _one_bound(self) -> MemoryConfig:
        if (self.window is None) == (self.compact is None):
            raise ValueError("give exactly one of `window` and `compact`")
        return self


Memory = Literal["full", "fresh", "compact"] | MemoryConfig
JoinConfig = Literal["any", "all", "quorum"] | Annotated[int, Field(ge=1)]


class AgentConfig(Config):
    """One node of the team: an agent, or a vote or a board, which act through their edges alone."""

    kind: Literal["llm", "function", "command", "human", "team", "vote", "board"] = Field(
        "llm", description="What occupies the node"
    )
    model: str = Field("default", description="Name under `models`, or provider:model[@base_url]")
    instructions: str = Field("", description="What the agent is told to be and do, or file:PATH")
    role: str | None = Field(None, description="The part it plays, told to nobody but shown in drawings and reports")
    replicas: int = Field(1, ge=1, le=10_000, description="So many of it, named NAME-1 to NAME-n")
    reserve: bool = Field(False, description="Takes part only when it replaces another agent, or is called to object")
    tools: tuple[str | ToolConfig, ...] = Field(
        (),
        description="Tools it may call: `calculator`, `ask_human`, those of a workspace such as `edit_file`, "
        "package.module:function, SERVER__TOOL or SERVER__* of a server under `mcp`; or {use, requires, trust, "
        "approve} around one of them",
    )
    max_result: PositiveInt = Field(
        20_000, description="Characters of a tool's result that stand in the prompt; the rest is read with a tool"
    )
    memory: Memory = Field(
        "full",
        description="`full`: all its turns; `fresh`: each turn anew; {window: N}: the latest; `compact` or "
        "{compact: SHARE}: summarised at that share of the model's context, by default 0.7",
    )
    max_output_tokens: PositiveInt = Field(4096, description="Longest answer of one model call, in tokens")
    max_steps: PositiveInt = Field(8, description="Model calls of one turn, repairs and summaries included")
    temperature: float | None = Field(None, ge=0, le=2, description="Overrides the model's")
    join: JoinConfig = Field(
        "any",
        description="When a reactive agent acts: on any message, on one from all predecessors, from more than half "
        "of them (`quorum`), or from so many",
    )
    limits: Limits = Field(default_factory=Limits, description="What this agent alone may use")
    workspace: WorkspaceConfig | None = Field(None, description="The files that it works on")
    command: CommandConfig | None = Field(None, description="The program, for `kind: command`")
    function: str | None = Field(None, description="package.module:function, for `kind: function`")
    team: str | None = Field(None, description="Path of another team's file, for `kind: team`")
    method: Literal["plurality", "borda", "condorcet"] = Field(
        "plurality", description="How a vote is counted; condorcet falls back on borda where nobody beats all others"
    )
    options: tuple[str, ...] = Field((), description="What a vote is about; free answers if absent")
    candidates: tuple[str, ...] = Field(
        (), description="Agents that a vote is about: what the winner wrote to it is passed on word for word"
    )
    weights: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict, description="What each voter's ballot counts; 1 if absent"
    )
    ties: str = Field("seed", description="What decides a tie of a vote: `seed`, or the ballot of the named voter")
    content: str = Field("", description="What a board holds at first")

    @property
    def acts(self) -> bool:
        """Whether it takes turns: votes and boards do not."""
        return self.kind not in ("vote", "board")


JUDGE_CALLS = 20
"""Model calls of a judge in one run, where its monitor's limits do not say."""


class JudgeConfig(Config):
    """A model that is asked whether a suspicion of a monitor holds. It is no member of the team."""

    model: str = Field("default", description="Name of a model, or provider:model")
    instructions: str | None = Field(None, description="What else it is told: what is customary in this team, say")
    max_output_tokens: PositiveInt = Field(1024, description="Longest verdict, in tokens")


def _judge(given: Any) -> Any:
    return {"model": given} if isinstance(given, str) else given


class MonitorConfig(Config):
    """A monitor, and what happens when it finds something."""

    use: str | None = Field(
        None,
        description="Name of a built-in or installed monitor, or package.module:Name; by default its own name here",
    )
    parameters: dict[str, Any] = Field(default_factory=dict, description="Arguments with which it is made")
    threshold: float | None = Field(
        None, ge=0, le=1, description="Findings that score lower are not recorded; by default the monitor's own"
    )
    blocking: bool = Field(False, description="Sees a message before it is delivered")
    judge: Annotated[JudgeConfig | None, BeforeValidator(_judge, json_schema_input_type=JudgeConfig | str | None)] = (
        Field(None, description="Asked before a finding counts; a name alone is that of its model")
    )
    on_error: Literal["halt", "ignore"] = Field("halt", description="What happens to the run if the monitor raises")
    interventions: tuple[Intervention, ...] = Field(
        (), description="The ladder: one rung per finding, a name or {name: {parameter: value}}"
    )
    limits: MonitorLimits = Field(
        default_factory=MonitorLimits, description="What its own model calls may use, apart from those of the agents"
    )

    @property
    def spending(self) -> MonitorLimits:
        """What its model calls may use: of a judge a number of calls, whatever else is said."""
        limits = self.limits
        if self.judge is None or limits.model_calls is not None:
            return limits
        return limits.model_copy(update={"model_calls": JUDGE_CALLS})


class VerifyConfig(Config):
    """How an answer is checked before the run counts as verified."""

    command: tuple[str, ...] | None = Field(None, min_length=1, description="Program: answer on stdin, 0 means right")
    function: str | None = Field(None, description="package.module:function (answer) -> bool")
    agent: str | None = Field(None, description="An agent that stands nowhere in the topology, a model or a function")
    timeout_s: float = Field(60.0, gt=0, description="Seconds that the command may take")
    retries: int = Field(0, ge=0, description="Times that a refuted answer goes back to its author")

    @model_validator(mode="after")
    def _one_way(self) -> VerifyConfig:
        if sum(way is not None for way in (self.command, self.function, self.agent)) != 1:
            raise ValueError("give exactly one of `command`, `function` and `agent`")
        return self


class AnswerConfig(Config):
    """The form of the answer."""

    answer_schema: dict[str, Any] = Field(alias="schema", description="JSON Schema that the answer must satisfy")

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _simulated() -> dict[str, ModelConfig | str]:
    return {"default": "simulated:worker"}


class TeamConfig(Config):
    """One team: who takes part, who may speak to whom, what it may use."""

    version: Literal[1] = Field(description="Version of this language")
    name: str = Field("team", description="Name of the team")
    description: str = Field("", description="What it is for")
    models: dict[Name, ModelConfig | str] = Field(
        default_factory=_simulated,
        description="Models by name: provider:model[@base_url], or a mapping",
    )
    agents: dict[Name, AgentConfig] = Field(min_length=1, description="Agents by name")
    topology: TopologyConfig = Field(description="Who may speak to whom, and in what order")
    limits: Limits = Field(default_factory=Limits, description="What a run may use")
    monitors: dict[Name, MonitorConfig] = Field(default_factory=dict, description="Monitors by name")
    merge: MergeConfig | None = Field(None, description="What becomes of finished work in git worktrees")
    mcp: dict[Name, ServerConfig] = Field(default_factory=dict, description="MCP servers by name, for `tools`")
    verify: VerifyConfig | None = Field(None, description="How an answer is checked")
    answer: AnswerConfig | None = Field(None, description="The form of the answer; plain text if absent")
