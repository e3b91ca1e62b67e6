"""The most that a run can use, computed before anything is spent."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from agentmesh.config.models import AgentConfig, Limits
from agentmesh.messages import USER
from agentmesh.topology.phases import Join, Phase

TASK_TOKENS = 4096
"""A task is taken to be at most this long, in tokens: its true length is known only when it is given."""
PROMPT_TOKENS = 1024
"""What the run itself adds to a prompt (rules, tools, notices) stays below this, in tokens, plus 16 per agent named."""
JUDGE_ATTEMPTS = 3
"""Turns that a judge may take to decide on one proposal: text that is no decision is refused with a notice."""


@dataclass(frozen=True)
class Bounds:
    """Upper bounds of one run. None: not known (no price, or tools whose results have no bound)."""

    turns: int | None
    model_calls: int | None
    messages: int | None
    tokens: int | None = None
    usd: float | None = None

    def as_dict(self) -> dict[str, float | None]:
        """The object that `agentmesh check --json` prints."""
        return {
            "turns": self.turns,
            "model_calls": self.model_calls,
            "messages": self.messages,
            "tokens": self.tokens,
            "usd": self.usd,
        }


class PriceLike(Protocol):
    """USD per million tokens."""

    @property
    def input(self) -> float: ...
    @property
    def output(self) -> float: ...


@dataclass
class _Count:
    """Turns by agent and messages by edge, infinite where nothing bounds them."""

    turns: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    messages: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))


def bounds_of(
    phases: tuple[Phase, ...],
    joins: Mapping[str, Join] | None = None,
    agents: Mapping[str, AgentConfig] | None = None,
    limits: Limits | None = None,
    *,
    retries: int = 0,
    prices: Mapping[str, PriceLike | None] | None = None,
) -> Bounds:
    """Turns, model calls, messages, tokens and USD that no run exceeds.

    `retries`: times that a refuted answer goes back; each may set everything in motion once more.
    `prices`: by agent; an agent without an entry has no known price.
    """
    limits = limits or Limits()
    agents = agents or {}
    total = _Count()
    for phase in phases:
        counted = _tasks(phase) if phase.planning else _rounds(phase) if phase.rounds else _reactive(phase, joins or {})
        for name, more in counted.turns.items():
            total.turns[name] += more
        for pair, many in counted.messages.items():
            total.messages[pair] += many
    again = 1 + retries
    turns: dict[str, float] = {
        name: _least(count * again, agents.get(name, AgentConfig()).limits.turns) for name, count in total.turns.items()
    }
    messages: dict[tuple[str, str], float] = {
        pair: count * (again if pair[0] != USER else 1) for pair, count in total.messages.items()
    }
    all_turns = _least(sum(turns.values()), limits.turns)
    widest = max((len(others) for phase in phases for others in phase.successors.values()), default=0)
    all_messages = min(sum(messages.values()), (all_turns + 1) * widest)
    tokens, usd = _spending(turns, messages, agents, prices or {})
    if limits.tokens:
        usd = min(usd, limits.tokens * _dearest(turns, agents, prices or {}) / 1e6)
    return Bounds(
        turns=_finite(all_turns),
        model_calls=_finite(_least(_calls(turns, agents, all_turns), limits.model_calls)),
        messages=_finite(_least(all_messages, limits.messages)),
        tokens=_finite(_least(tokens, limits.tokens)),
        usd=round(usd, 6) if math.isfinite(usd) else None,
    )


def _calls(turns: Mapping[str, float], agents: Mapping[str, AgentConfig], all_turns: float) -> float:
    steps = {name: _steps(agents.get(name, AgentConfig())) for name in turns}
    each = sum(turns[name] * steps[name] for name in turns if steps[name])
    return _least(each, all_turns * max(steps.values(), default=0))


def _steps(agent: AgentConfig) -> int:
    return agent.max_steps if agent.kind == "llm" else 0


def _spending(
    turns: Mapping[str, float],
    messages: Mapping[tuple[str, str], float],
    agents: Mapping[str, AgentConfig],
    prices: Mapping[str, PriceLike | None],
) -> tuple[float, float]:
    """Tokens and USD if every message, reply and prompt is as long as it may be; infinite where that is unknown."""
    heard: defaultdict[str, float] = defaultdict(float)
    for (sender, recipient), number in messages.items():
        per_message = TASK_TOKENS if sender == USER else agents.get(sender, AgentConfig()).max_output_tokens
        heard[recipient] += number * per_message
    tokens = usd = 0.0
    for name, count in turns.items():
        agent = agents.get(name, AgentConfig())
        calls = count * _steps(agent)
        price = prices.get(name)
        if not calls:
            continue
        own = PROMPT_TOKENS + 16 * len(turns) + len(agent.instructions)
        longest = math.inf if agent.tools else own + heard[name] + calls * agent.max_output_tokens
        tokens += calls * (longest + agent.max_output_tokens)
        free = price is not None and price.input == price.output == 0
        if price is None:
            usd = math.inf
        elif not free:
            usd += calls * (longest * price.input + agent.max_output_tokens * price.output) / 1e6
    return tokens, usd


def _dearest(
    turns: Mapping[str, float], agents: Mapping[str, AgentConfig], prices: Mapping[str, PriceLike | None]
) -> float:
    """The highest price of a million tokens that any agent may pay; infinite where one is not known."""
    paying = [prices.get(name) for name, count in turns.items() if count and _steps(agents.get(name, AgentConfig()))]
    return max((max(price.input, price.output) if price else math.inf for price in paying), default=0.0)


def _rounds(phase: Phase) -> _Count:
    """Everybody at most once a round; at most one message per recipient and turn."""
    count = _Count()
    for name in phase.participants:
        count.turns[name] = phase.rounds or 0
    for edge in phase.edges:
        sent = 1 if edge.sender == USER else count.turns[edge.sender]
        count.messages[edge.pair] = int(_least(sent, edge.max_messages))
    return count


def _tasks(phase: Phase) -> _Count:
    """A planner's turn opens tasks, or proposes an answer; a worker's ends a task; a judge's ends a cycle.

    However tasks fall to the plain workers of one planner, together they are no more than it may open, so the first
    of them stands for all.
    """
    planning = phase.planning
    assert planning is not None
    count = _Count()
    given: Counter[str] = Counter({planning.root: planning.max_cycles if planning.judge else 1})
    for planner in _downwards(planning.root, planning.workers):
        tasks = planning.max_tasks[planner]
        count.turns[planner] = tasks + given[planner]
        plain = [worker for worker in planning.workers[planner] if worker not in planning.workers]
        for worker in planning.workers[planner]:
            taken = 0 if worker in plain[1:] else tasks
            given[worker] = taken
            count.turns[worker] = taken
            count.messages[(planner, worker)] = count.messages[(worker, planner)] = taken
    count.messages[(USER, planning.root)] = 1
    if planning.judge:
        cycles = planning.max_cycles
        count.turns[planning.judge] = cycles * JUDGE_ATTEMPTS
        count.messages[(planning.root, planning.judge)] = cycles
        count.messages[(planning.judge, planning.root)] = cycles - 1
        count.messages[(planning.judge, USER)] = 1
    else:
        count.messages[(planning.root, USER)] = 1
    return count


def _downwards(root: str, tree: Mapping[str, tuple[str, ...]]) -> list[str]:
    order, ahead = [], [root]
    while ahead:
        planner = ahead.pop(0)
        order.append(planner)
        ahead += [worker for worker in tree[planner] if worker in tree]
    return order


def _reactive(phase: Phase, joins: Mapping[str, Join]) -> _Count:
    """Turns follow from messages heard, messages from turns. Capped edges are taken at their cap, then lowered."""
    count = _Count()
    for edge in phase.edges:
        count.messages[edge.pair] = 1 if edge.sender == USER else edge.max_messages or 0
    order, endless = _forwards(phase)
    for _ in range(3):  # each pass only lowers the bounds; more passes would gain little
        for name in order:
            heard = [count.messages[(a, name)] for a in phase.predecessors.get(name, ())]
            turns = _joined(heard, joins.get(name, "any")) + (name in phase.opens)
            count.turns[name] = math.inf if name in endless else turns
            for other in phase.successors.get(name, ()):
                cap = phase.by_pair[(name, other)].max_messages
                count.messages[(name, other)] = _least(count.turns[name], cap)
    return count


def _joined(heard: list[float], join: Join) -> float:
    match join:
        case "any":
            return sum(heard)
        case "all":
            return min(heard, default=0)
        case int():
            return sum(heard) // join if all(map(math.isfinite, heard)) else math.inf


def _forwards(phase: Phase) -> tuple[list[str], set[str]]:
    """Agents, senders before recipients where no cap stands between them; and those on a cycle without any cap."""
    import networkx as nx

    free: nx.DiGraph[str] = nx.DiGraph()
    free.add_nodes_from(phase.participants)
    free.add_edges_from(edge.pair for edge in phase.edges if edge.max_messages is None and USER not in edge.pair)
    parts = nx.condensation(free)
    order = [sorted(parts.nodes[part]["members"]) for part in nx.topological_sort(parts)]
    endless = {name for part in order for name in part if len(part) > 1 or free.has_edge(name, name)}
    return [name for part in order for name in part], endless


def _least(value: float, limit: float | None) -> float:
    return value if limit is None else min(value, limit)


def _finite(value: float) -> int | None:
    return int(value) if math.isfinite(value) else None
