"""The YAML language as data: one file is one team. Descriptions are what an editor shows."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$", max_length=64)]
PositiveInt = Annotated[int, Field(ge=1)]

PROVIDERS = ("openai", "anthropic", "simulated", "scripted", "echo", "function")


class Config(BaseModel):
    """Immutable, and refuses keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Price(Config):
    """Price of a model, where the built-in table does not know it."""

    input: float = Field(ge=0, description="USD per million input tokens")
    output: float = Field(ge=0, description="USD per million output tokens")


class Pace(Config):
    """How fast requests may go out to one model."""

    concurrency: PositiveInt | None = Field(None, description="Requests in flight at once; no bound if absent")


class ModelConfig(Config):
    """One model: who serves it and how it is asked."""

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
    temperature: float | None = Field(None, ge=0, le=2, description="Sampling temperature, where the model takes one")
    top_p: float | None = Field(None, gt=0, le=1, description="Nucleus sampling, where the model takes it")
    reasoning_effort: str | None = Field(None, description="Such as low, medium, high; where the model takes it")
    timeout_s: float = Field(600.0, gt=0, description="Longest wait for one attempt, in seconds")
    max_retries: int = Field(4, ge=0, description="Attempts after the first, for failures that may pass")
    price: Price | None = Field(None, description="Overrides the built-in price table")
    pace: Pace = Field(default_factory=Pace, description="How fast requests may go out")
    fallback: tuple[str, ...] = Field((), description="Names of models asked, in this order, where this one fails")
    skill: float | None = Field(None, ge=0, le=1, description="Simulated only: chance that an easy step is right")
    latency_s: float | None = Field(None, ge=0, description="Simulated only: seconds that an answer takes")


class Limits(Config):
    """What a run, or one agent in it, may use. Absent means no limit."""

    turns: PositiveInt | None = Field(None, description="Turns")
    model_calls: PositiveInt | None = Field(None, description="Model calls, repairs included, retries not")
    tokens: PositiveInt | None = Field(None, description="Input and output tokens together")
    messages: PositiveInt | None = Field(None, description="Delivered messages")
    seconds: float | None = Field(None, gt=0, description="Seconds of wall-clock time")


class CommandConfig(Config):
    """A program that plays an agent: the view on stdin, the reply on stdout."""

    argv: tuple[str, ...] = Field(min_length=1, description="Program and arguments; no shell")
    format: Literal["json", "text"] = Field("json", description="How the view is written to stdin")
    timeout_s: float = Field(60.0, gt=0, description="Seconds until it is killed with all its children")


class AgentConfig(Config):
    """One agent of the team."""

    kind: Literal["llm", "function", "command", "human"] = Field("llm", description="What occupies the node")
    model: str = Field("default", description="Name under `models`, or provider:model[@base_url]")
    instructions: str = Field("", description="What the agent is told to be and do, or file:PATH")
    role: str | None = Field(None, description="The part it plays, told to nobody but shown in drawings and reports")
    replicas: int = Field(1, ge=1, le=10_000, description="So many of it, named NAME-1 to NAME-n")
    tools: tuple[str, ...] = Field((), description="Tools it may call: `calculator`, or package.module:function")
    memory: Literal["full", "fresh"] = Field("full", description="`full`: all its turns; `fresh`: each turn anew")
    max_output_tokens: PositiveInt = Field(4096, description="Longest answer of one model call, in tokens")
    max_steps: PositiveInt = Field(8, description="Model calls of one turn, repairs included")
    temperature: float | None = Field(None, ge=0, le=2, description="Overrides the model's")
    join: Literal["any", "all"] | Annotated[int, Field(ge=1)] = Field(
        "any", description="When a reactive agent acts: on any message, on one from all predecessors, or from so many"
    )
    limits: Limits = Field(default_factory=Limits, description="What this agent alone may use")
    command: CommandConfig | None = Field(None, description="The program, for `kind: command`")
    function: str | None = Field(None, description="package.module:function, for `kind: function`")


class TopologyBase(Config):
    """What every kind takes."""

    positions: Literal["off"] = Field("off", description="Whether contributions carry a structured position")


class Solo(TopologyBase):
    """user -> agent -> user."""

    kind: Literal["solo"] = Field("solo", description="Shape of the topology")
    agent: str = Field(description="The one agent")


class Chain(TopologyBase):
    """user -> a1 -> ... -> an -> user: each sees only what the one before it sent."""

    kind: Literal["chain"] = Field("chain", description="Shape of the topology")
    agents: tuple[str, ...] = Field(min_length=1, description="In this order")


class Flat(TopologyBase):
    """Everybody speaks to everybody for some rounds; then one speaker answers."""

    kind: Literal["flat"] = Field("flat", description="Shape of the topology")
    agents: tuple[str, ...] = Field(min_length=1, description="Who discusses: two or more, replicas counted")
    rounds: PositiveInt = Field(2, description="Rounds of discussion, in which everybody speaks once")
    speaker: str | None = Field(None, description="Who answers; by default the last agent")
    order: Literal["simultaneous", "round_robin"] = Field(
        "simultaneous", description="All at once, or one after the other, within a round"
    )


class Planner(Config):
    """A planner below another planner, with workers of its own."""

    planner: str = Field(description="The planner")
    workers: tuple[str | Planner, ...] = Field(min_length=1, description="Workers, or planners with workers")
    max_tasks: PositiveInt = Field(32, description="Tasks that this planner may open in a run")


class Hierarchy(TopologyBase):
    """A planner hands tasks to workers, who speak to nobody else; a judge decides whether the work is done."""

    kind: Literal["hierarchy"] = Field("hierarchy", description="Shape of the topology")
    planner: str = Field(description="The planner")
    workers: tuple[str | Planner, ...] = Field(min_length=1, description="Workers, or planners with workers")
    judge: str | None = Field(None, description="Decides whether the work is done; without it the planner answers")
    max_cycles: PositiveInt = Field(3, description="Times that the judge may send the planner back, and the first")
    max_tasks: PositiveInt = Field(32, description="Tasks that this planner may open in a run")


class EdgeConfig(Config):
    """One directed edge of a graph drawn by hand. In YAML also `[a, b]` or `a -> b`."""

    sender: str = Field(alias="from", description="Who may send")
    recipient: str = Field(alias="to", description="Who receives and sees")
    max_messages: PositiveInt | None = Field(None, description="Messages over this edge in a run")
    rewrite: str | None = Field(None, description="package.module:function (text) -> text, applied on the way")

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Graph(TopologyBase):
    """Nodes and edges by hand: an agent acts when a message reaches it."""

    kind: Literal["graph"] = Field("graph", description="Shape of the topology")
    nodes: tuple[str, ...] = Field((), description="Agents that take part; by default those that edges name")
    edges: tuple[EdgeConfig, ...] = Field(min_length=1, description="`[a, b]`, `a -> b` or {from, to, max_messages}")

    @field_validator("edges", mode="before")
    @classmethod
    def _short_edges(cls, edges: Any) -> Any:
        """`[a, b]` and `a -> b` are edges too."""
        if not isinstance(edges, list | tuple):
            return edges
        return tuple(long_edge(edge) for edge in edges)


def long_edge(edge: Any) -> Any:
    """The mapping that a short form of an edge stands for; anything else unchanged."""
    if isinstance(edge, str) and edge.count("->") == 1:
        edge = [end.strip() for end in edge.split("->")]
    if isinstance(edge, list | tuple) and len(edge) == 2:
        return {"from": edge[0], "to": edge[1]}
    return edge


TopologyConfig = Annotated[Solo | Chain | Flat | Hierarchy | Graph, Field(discriminator="kind")]


class MonitorConfig(Config):
    """A monitor, and what happens when it finds something."""

    use: str | None = Field(None, description="package.module:Name; by default the entry point of the same name")
    parameters: dict[str, Any] = Field(default_factory=dict, description="Arguments with which it is made")
    threshold: float = Field(0.5, ge=0, le=1, description="Findings that score lower are recorded and nothing more")
    blocking: bool = Field(False, description="Sees a message before it is delivered")
    on_error: Literal["halt", "ignore"] = Field("halt", description="What happens to the run if the monitor raises")
    interventions: tuple[Literal["note", "halt"], ...] = Field((), description="The ladder: one rung per finding")


class VerifyConfig(Config):
    """How an answer is checked before the run counts as verified."""

    command: tuple[str, ...] | None = Field(None, min_length=1, description="Program: answer on stdin, 0 means right")
    function: str | None = Field(None, description="package.module:function (answer) -> bool")
    timeout_s: float = Field(60.0, gt=0, description="Seconds that the command may take")
    retries: int = Field(0, ge=0, description="Times that a refuted answer goes back to its author")

    @model_validator(mode="after")
    def _one_way(self) -> VerifyConfig:
        if (self.command is None) == (self.function is None):
            raise ValueError("give exactly one of `command` and `function`")
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
    verify: VerifyConfig | None = Field(None, description="How an answer is checked")
    answer: AnswerConfig | None = Field(None, description="The form of the answer; plain text if absent")
