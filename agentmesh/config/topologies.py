"""The `topology:` entry: one model for each kind, and the phases and edges of those that are drawn by hand."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from agentmesh.config.base import Config, Name, PositiveInt
from agentmesh.config.limits import EdgeLimits, Limits, Spending
from agentmesh.config.loops import LoopConfig, UntilConfig

Carries = Literal["full", "position", "summary"]
Positions = Literal["required", "optional", "off"]
OrderName = Literal["reactive", "round_robin", "simultaneous", "random", "moderator", "tasks"]
RoundsOrder = Literal["simultaneous", "round_robin", "random"]
End = Literal["rounds", "converged", "answer", "all_done"]
Preset = Literal["leader", "ordering", "focal", "vote"]
Names = Annotated[tuple[str, ...], Field(min_length=1)]


class TopologyBase(Config):
    """What every kind takes."""

    positions: Positions = Field(
        "off", description="Whether contributions carry, beside their text, a structured position"
    )
    policy: Literal["return_to_agent", "drop", "quarantine", "halt"] = Field(
        "return_to_agent",
        description="What happens to a message that the graph does not permit: its sender is told what is allowed, "
        "it is dropped, a person decides on it, or the run halts",
    )


class Solo(TopologyBase):
    """user -> agent -> user."""

    kind: Literal["solo"] = Field("solo", description="Shape of the topology")
    agent: str = Field(description="The one agent")


class Chain(TopologyBase):
    """user -> a1 -> ... -> an -> user: each sees only what the one before it sent."""

    kind: Literal["chain"] = Field("chain", description="Shape of the topology")
    agents: Names = Field(description="In this order")


class Flat(TopologyBase):
    """Everybody speaks to everybody for some rounds; then one speaker answers, or a vote decides."""

    kind: Literal["flat"] = Field("flat", description="Shape of the topology")
    agents: Names = Field(description="Who discusses: two or more, replicas counted")
    rounds: PositiveInt = Field(2, description="Rounds of discussion, in which everybody speaks once")
    speaker: str | None = Field(None, description="Who answers; by default the last agent")
    vote: str | None = Field(None, description="A node of kind vote that decides instead of a speaker")
    order: RoundsOrder = Field("simultaneous", description="All at once, or one after the other, within a round")
    end: Literal["rounds", "converged"] = Field(
        "rounds", description="`converged`: also as soon as all hold the same position after a round"
    )


class Star(TopologyBase):
    """A center asks its leaves, who hear nobody else, and answers."""

    kind: Literal["star"] = Field("star", description="Shape of the topology")
    center: str = Field(description="Receives the task, hears every leaf, and answers")
    leaves: Names = Field(description="Hear the center alone")
    rounds: PositiveInt = Field(1, description="Times that the center writes to its leaves and hears from them")


class Ring(TopologyBase):
    """Each agent hears only the one before it, the first the last; then one speaker answers."""

    kind: Literal["ring"] = Field("ring", description="Shape of the topology")
    agents: Names = Field(description="In the order of the ring: two or more, replicas counted")
    rounds: PositiveInt | None = Field(
        None, description="Rounds in which everybody speaks once; by default so many that word passes all the way round"
    )
    speaker: str | None = Field(None, description="Who answers; by default the last agent")
    order: RoundsOrder = Field("simultaneous", description="All at once, or one after the other, within a round")


class Layers(TopologyBase):
    """Mixture of agents: each layer sees the task and everything that the layer before it wrote."""

    kind: Literal["layers"] = Field("layers", description="Shape of the topology")
    agents: tuple[str | Names, ...] = Field(
        min_length=1, description="One entry a layer, a name or a list of names; the last layer is one agent, or a vote"
    )


class Debate(TopologyBase):
    """Sides argue for some rounds before a judge, who then answers alone."""

    kind: Literal["debate"] = Field("debate", description="Shape of the topology")
    sides: Names = Field(description="Who argues: two or more, replicas counted")
    judge: str = Field(description="Hears all sides, speaks to none of them, and answers")
    rounds: PositiveInt = Field(2, description="Rounds in which each side speaks once")
    order: RoundsOrder = Field("round_robin", description="All at once, or one after the other, within a round")


class Independent(TopologyBase):
    """Everybody works alone; then a vote decides, a judge picks the best answer, or an agent makes one of all."""

    kind: Literal["independent"] = Field("independent", description="Shape of the topology")
    agents: Names = Field(description="Work on the task without hearing each other")
    vote: str | None = Field(None, description="A node of kind vote: what most of them answer")
    best_of: str | None = Field(None, description="A judge, who ranks the answers; the best is passed on word for word")
    aggregator: str | None = Field(None, description="An agent, perhaps of kind function, who makes one answer of all")

    @model_validator(mode="after")
    def _one_way_out(self) -> Independent:
        ways = [way for way in ("vote", "best_of", "aggregator") if getattr(self, way) is not None]
        if len(ways) != 1:
            key = ways[-1] if ways else "vote"
            raise misfit(key, "give exactly one of `vote`, `best_of` and `aggregator`")
        return self


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
    retries: int = Field(
        0, ge=0, description="Times that a failed task is given out again, to another worker if it can"
    )
    memory: Literal["full", "fresh"] = Field(
        "full",
        description="`fresh`: with each cycle that the judge opens all forget what was; the planner is told the task, "
        "the decision and the state of the board",
    )
    reconcile: str | None = Field(
        None, description="A worker who puts everything in order before an answer is proposed; else it gets no task"
    )


class EdgeConfig(Config):
    """Directed edges drawn by hand, from each sender to each recipient. In YAML also `[a, b]`, `a -> b`, `a <-> b`."""

    sender: str | Names = Field(alias="from", description="Who may send, or who may write to a board or vote")
    recipient: str | Names = Field(alias="to", description="Who receives and sees")
    both: bool = Field(False, description="The same edges back, too")
    max_messages: PositiveInt | None = Field(None, description="Messages over this edge in a run")
    carries: Carries = Field(
        "full",
        description="`full`: what was written; `position`: the sender's position alone; `summary`: a summary of it",
    )
    model: str = Field("default", description="Name of the model that summarises, for `carries: summary`")
    trust: Literal["trusted", "untrusted"] = Field(
        "trusted", description="`untrusted`: what passes here may not lead to a tool that requires trust"
    )
    rewrite: str | None = Field(None, description="package.module:function (text) -> text, applied on the way")
    limits: EdgeLimits = Field(
        default_factory=EdgeLimits, description="What its summaries may use, and how many messages pass"
    )

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @model_validator(mode="after")
    def _model_summarises(self) -> EdgeConfig:
        if self.model != "default" and self.carries != "summary":
            raise misfit("model", "`model` goes with carries: summary: it makes the summaries; add that, or remove it")
        return self

    @model_validator(mode="after")
    def _limits_bite(self) -> EdgeConfig:
        spending = [key for key in Spending.model_fields if getattr(self.limits, key) is not None]
        if spending and self.carries != "summary":
            raise misfit("limits", f"`{spending[0]}` limits what summaries use: add carries: summary, or remove it")
        if self.limits.messages is not None and self.max_messages is not None:
            raise misfit("limits", "`max_messages` and `limits.messages` say the same: keep one of them")
        return self

    @property
    def senders(self) -> tuple[str, ...]:
        """The names on the sending side."""
        return (self.sender,) if isinstance(self.sender, str) else self.sender

    @property
    def recipients(self) -> tuple[str, ...]:
        """The names on the receiving side."""
        return (self.recipient,) if isinstance(self.recipient, str) else self.recipient


class DrawnPhase(Config):
    """Nodes, edges, an order and an end: what a phase that is drawn by hand consists of."""

    nodes: tuple[str, ...] = Field(
        (), description="Agents that take part, in the order in which they act; by default those that edges name"
    )
    edges: tuple[EdgeConfig, ...] = Field((), description="`a -> b`, `a <-> b`, `[a, b]` or {from, to, ...}")
    generator: str | None = Field(
        None,
        description="A function of NetworkX that makes a graph, its arguments beside it; `nodes` stand on it in order",
    )
    arguments: dict[str, Any] = Field(
        default_factory=dict, description="Arguments of the generator; they may also stand beside it"
    )
    file: str | None = Field(None, description="A graph in GraphML (.graphml) or node-link JSON (.json), by its path")
    order: OrderName = Field("reactive", description="Who acts next")
    rounds: PositiveInt | None = Field(
        None, description="Rounds in which everybody speaks once; of a moderator, so many speakers"
    )
    moderator: str | None = Field(None, description="Chooses the next speaker among its successors")
    opens: tuple[str, ...] | None = Field(
        None, description="Agents that act first although nobody has written to them; the default suits most phases"
    )
    end: End | None = Field(
        None, description="What ends the phase; by default `rounds` where there are any, else `all_done`"
    )
    until: UntilConfig | None = Field(None, description="Checked at the end; until it holds, the phase begins again")
    max_iterations: PositiveInt = Field(1, description="Times that the phase is gone through at most")
    loop: LoopConfig | None = Field(None, description="How it goes from one iteration to the next, beside `until`")
    memory: Literal["full", "fresh"] = Field(
        "full", description="`fresh`: every agent forgets what was, whenever the phase, or a cycle of it, begins"
    )
    limits: Limits = Field(
        default_factory=Limits, description="What all its occurrences together may use; then the phase ends"
    )
    planner: str | None = Field(None, description="Of order `tasks`: the planner")
    workers: tuple[str | Planner, ...] = Field((), description="Of order `tasks`: workers, or planners with workers")
    judge: str | None = Field(None, description="Of order `tasks`: decides whether the work is done")
    max_cycles: PositiveInt = Field(3, description="Of order `tasks`: times that the judge may send the planner back")
    max_tasks: PositiveInt = Field(32, description="Of order `tasks`: tasks that the planner may open")
    retries: int = Field(0, ge=0, description="Of order `tasks`: times that a failed task is given out again")
    reconcile: str | None = Field(None, description="Of order `tasks`: puts all in order before an answer is proposed")

    @field_validator("edges", mode="before")
    @classmethod
    def _short_edges(cls, edges: Any) -> Any:
        """`[a, b]`, `a -> b` and `a <-> b` are edges too."""
        if not isinstance(edges, list | tuple):
            return edges
        return tuple(long_edge(edge) for edge in edges)

    @model_validator(mode="after")
    def _order_has_what_it_needs(self) -> DrawnPhase:
        wrong = _misfit(self)
        if wrong:
            raise misfit(*wrong)
        return self


class PhaseConfig(DrawnPhase):
    """A stretch of a run with edges, an order and an end of its own."""

    name: Name = Field(description="Name of the phase")
    positions: Positions | None = Field(None, description="In place of the topology's `positions`")
    reserve: bool = Field(False, description="Gone through only when an intervention, or the caller, enters it")
    preset: Preset | None = Field(
        None,
        description="A phase in which all agree on one of several good ways: `leader` tells the others, a `vote` is "
        "told to all, or the run tells them an order (`ordering`) or a rule by which to choose (`focal`)",
    )
    leader: str | None = Field(None, description="Of preset `leader`: who tells the others what all will do")
    vote: str | None = Field(None, description="Of preset `vote`: a node of kind vote")


class Graph(TopologyBase, DrawnPhase):
    """Nodes and edges by hand, by a generator or from a file; in one phase, or in several one after the other."""

    kind: Literal["graph"] = Field("graph", description="Shape of the topology")
    phases: tuple[PhaseConfig, ...] = Field((), description="Several phases, in this order, in place of all keys above")


TopologyConfig = Annotated[
    Solo | Chain | Flat | Star | Ring | Layers | Debate | Independent | Hierarchy | Graph, Field(discriminator="kind")
]
AnyTopology = Solo | Chain | Flat | Star | Ring | Layers | Debate | Independent | Hierarchy | Graph


def long_edge(edge: Any) -> Any:
    """The mapping that a short form of an edge stands for; anything else unchanged."""
    if isinstance(edge, str):
        for arrow, more in (("<->", {"both": True}), ("->", {})):
            if edge.count(arrow) == 1 and edge.count(">") == 1:
                sender, recipient = (_ends(end) for end in edge.split(arrow))
                return {"from": sender, "to": recipient, **more}
    if isinstance(edge, list | tuple) and len(edge) == 2:
        return {"from": _several(edge[0]), "to": _several(edge[1])}
    if isinstance(edge, dict):
        return {key: _several(value) if key in ("from", "to") else value for key, value in edge.items()}
    return edge


def long_phase(data: Any, model: type[DrawnPhase]) -> Any:
    """`{generator: path_graph, n: 4}`: what is no key of a phase is an argument of its generator."""
    if not isinstance(data, dict) or not isinstance(data.get("generator"), str):
        return data
    given = data.get("arguments", {})
    if not isinstance(given, dict):
        return data
    # What stands in both places stays where it is, and is told to be one too many.
    beside = {key: value for key, value in data.items() if key not in model.model_fields and key not in given}
    if not beside:
        return data
    return {**{key: value for key, value in data.items() if key not in beside}, "arguments": {**beside, **given}}


def _ends(text: str) -> Any:
    if "," not in text:
        return text.strip()
    return tuple(name.strip() for name in text.split(","))


def _several(end: Any) -> Any:
    # A tuple, because a validator before strict JSON hands on Python values, of which no list passes for one.
    return tuple(end) if isinstance(end, list) else end


_IN_ROUNDS = ("round_robin", "simultaneous", "random", "moderator")
_OF_TASKS = ("planner", "workers", "judge", "max_cycles", "max_tasks", "retries", "reconcile")


def misfit(key: str, message: str) -> PydanticCustomError:
    """The error of a key that does not go with the others of its mapping, or lacks beside them."""
    return PydanticCustomError("misfit", "{message}", {"key": key, "message": message})


def _misfit(phase: DrawnPhase) -> tuple[str, str] | None:
    """A key that does not go with the others of a phase, and why."""
    if isinstance(phase, Graph) and phase.phases:
        beside = [key for key in DrawnPhase.model_fields if key in phase.model_fields_set]
        message = "`{}` and `phases` exclude each other: write it in a phase"
        return (beside[0], message.format(beside[0])) if beside else None
    if isinstance(phase, PhaseConfig) and (phase.preset or phase.leader or phase.vote):
        return _preset_misfit(phase)
    return _drawn_misfit(phase) or _order_misfit(phase)


_OF_PRESETS = frozenset({"name", "preset", "leader", "vote", "nodes", "reserve", "memory", "limits", "positions"})


def _preset_misfit(phase: PhaseConfig) -> tuple[str, str] | None:
    """What does not go with a preset, or with another one, or lacks beside it."""
    for key in ("leader", "vote"):
        given = getattr(phase, key) is not None
        if given and phase.preset != key:
            return key, f"`{key}` goes with preset: {key}; write preset: {key}, or remove it"
        if phase.preset == key and not given:
            return key, f"preset: {key} needs `{key}`, and it is missing"
    beside = [key for key in DrawnPhase.model_fields if key in phase.model_fields_set and key not in _OF_PRESETS]
    message = "`{}` and `preset` exclude each other: a preset draws its phase itself; its agents are its `nodes`"
    return (beside[0], message.format(beside[0])) if beside else None


def _drawn_misfit(phase: DrawnPhase) -> tuple[str, str] | None:
    """What does not go together in what draws the graph."""
    if not (phase.edges or phase.generator or phase.file or phase.order == "tasks"):
        return "edges", "a phase needs `edges`, a `generator` or a `file`; write edges: [user -> a, a -> user]"
    if phase.generator and phase.file:
        return "file", "`generator` and `file` exclude each other: each draws the whole graph"
    if phase.arguments and not phase.generator:
        return "arguments", "`arguments` go with a `generator`: say which, or remove them"
    return None


def _order_misfit(phase: DrawnPhase) -> tuple[str, str] | None:
    """What does not go with the order in which a phase acts, or with its end."""
    if phase.order == "tasks" and (phase.planner is None or not phase.workers):
        lacking = "planner" if phase.planner is None else "workers"
        return lacking, f"order: tasks needs `planner` and `workers`, and `{lacking}` is missing"
    alien = [key for key in _OF_TASKS if key in phase.model_fields_set] if phase.order != "tasks" else []
    if alien:
        return alien[0], f"`{alien[0]}` goes with order: tasks, and this is order: {phase.order}; remove it"
    if phase.order in _IN_ROUNDS and phase.rounds is None:
        return "order", f"order: {phase.order} needs `rounds`: so many at most"
    if phase.order not in _IN_ROUNDS and phase.rounds is not None:
        found = f"and this is order: {phase.order}; use order: simultaneous"
        return "rounds", f"`rounds` go with an order in rounds, {found}"
    if (phase.order == "moderator") != (phase.moderator is not None):
        return "moderator" if phase.moderator else "order", "`moderator` and `order: moderator` go together"
    if phase.end in ("rounds", "converged") and phase.rounds is None:
        return "end", f"end: {phase.end} goes with an order in rounds"
    if phase.end == "all_done" and phase.rounds is not None:
        return "end", "end: all_done goes with orders without rounds: these end early anyhow when nobody has to act"
    if phase.max_iterations > 1 and phase.until is None:
        return "max_iterations", "`max_iterations` needs `until`: what must hold before the phase is over"
    if phase.loop is not None and phase.until is None:
        return "loop", "`loop` needs `until`: what must hold before the phase is over"
    return None
