"""The most that a run can use, computed before anything is spent."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from agentmesh.config.models import AgentConfig, Limits
from agentmesh.messages import USER
from agentmesh.topology.activity import activity
from agentmesh.topology.allowance import NOTHING, Allowance, repeated
from agentmesh.topology.costs import Checks, PriceLike, cost
from agentmesh.topology.lines import Activity, Start, least
from agentmesh.topology.phases import Phase, speaks_to_user

TASK_TOKENS = 4096
"""A task is taken to be at most this long, in tokens: its true length is known only when it is given."""
PROMPT_TOKENS = 1024
"""What the run itself adds to a prompt (rules, tools, notices) stays below this, in tokens, plus 16 per agent named."""
NOTICE_TOKENS = 128
"""What a notice of an intervention, or of an iteration, adds to a prompt stays below this, in tokens."""
TRIED_TOKENS = 192
"""What an iteration is told of one before it stays below this, in tokens."""
SUMMARY_TOKENS = 512
"""Longest summary of a message, in tokens."""
_ANYBODY = AgentConfig()


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

    def after(self, used: Bounds) -> Bounds:
        """Of a whole run of which so much was used, where these are the bounds of what may come."""
        pairs = zip(self.as_dict().values(), used.as_dict().values(), strict=True)
        return Bounds(*(None if None in pair else round(sum(pair), 6) for pair in pairs))  # type: ignore[arg-type]

    def within(self, limits: Limits) -> Bounds:
        """As far as the limits of the run allow it."""
        most = (limits.turns, limits.model_calls, limits.messages, limits.tokens, limits.usd)
        pairs = zip(self.as_dict().values(), most, strict=True)
        return Bounds(*(min((one for one in pair if one is not None), default=None) for pair in pairs))  # type: ignore[arg-type]

    def with_more(self, calls: int, tokens: int, usd: float | None) -> Bounds:
        """With what somebody beside the agents may use, whatever the limits of the run: a judge."""
        return replace(
            self,
            model_calls=None if self.model_calls is None else self.model_calls + calls,
            tokens=None if self.tokens is None else self.tokens + tokens,
            usd=None if self.usd is None or usd is None else round(self.usd + usd, 6),
        )


@dataclass(frozen=True)
class Means:
    """What the agents of a team cost, as far as it is known.

    `prices`: by agent; an agent without an entry has no known price. `nested`: the bounds of one turn of an agent that
    is a team. `summaries`: prices of the models that summarise messages, by their names on edges. `checks`: of each
    answer, by a model that is no agent of the team.
    """

    agents: Mapping[str, AgentConfig] = field(default_factory=dict)
    prices: Mapping[str, PriceLike | None] = field(default_factory=dict)
    nested: Mapping[str, Bounds] = field(default_factory=dict)
    summaries: Mapping[str, PriceLike | None] = field(default_factory=dict)
    checks: Checks | None = None

    def agent(self, name: str) -> AgentConfig:
        """The agent's configuration, or the defaults."""
        return self.agents.get(name, _ANYBODY)

    def steps(self, name: str) -> float:
        """Model calls of one turn."""
        agent = self.agent(name)
        if agent.kind == "team":
            return _number(self.nested[name].model_calls) if name in self.nested else math.inf
        return agent.max_steps if agent.kind == "llm" else 0

    def last_steps(self, name: str) -> float:
        """Model calls of the last turn of a run that came to a limit: a model is asked once."""
        return min(self.steps(name), 1) if self.agent(name).kind == "llm" else self.steps(name)


def bounds_of(
    phases: Sequence[Phase],
    agents: Mapping[str, AgentConfig] | None = None,
    limits: Limits | None = None,
    *,
    retries: int = 0,
    prices: Mapping[str, PriceLike | None] | None = None,
    nested: Mapping[str, Bounds] | None = None,
    summaries: Mapping[str, PriceLike | None] | None = None,
    checks: Checks | None = None,
    begun: bool = False,
    allowance: Allowance = NOTHING,
    again: Sequence[Phase] | None = None,
) -> Bounds:
    """Turns, model calls, messages, tokens and USD that no run exceeds.

    `retries`: times that a refuted answer goes back to its author. `begun`: the first of the phases is under way.
    `allowance`: what interventions may add; `again`: the phases that they may enter, by default these. The rest: see
    `Means`.
    """
    limits = limits or Limits()
    means = Means(agents or {}, prices or {}, nested or {}, summaries or {}, checks)
    again = [allowance.with_guests(phase) for phase in (phases if again is None else again)]
    phases = [allowance.with_guests(phase) for index, phase in enumerate(phases) if not (phase.reserve and index)]
    total = _Total(means, 1 + retries, allowance)
    for phase, start in _starts(phases, retries, begun=begun):
        total.add(_limited(activity(phase, replace(start, calls=allowance.calls)), phase), phase)
    for phase in again if allowance.entries else ():
        start = Start(first=False, midway=True, again=retries, calls=allowance.calls)
        total.add(_limited(repeated(activity(phase, start), allowance.entries), phase), phase, allowance.entries)
    most = total.most(limits)
    total.add_last(name for phase in phases for name in phase.predecessors.get(USER, ()) if name not in phase.votes)
    more = total.most(limits)
    wanted = (total.turns, more.model_calls, more.tokens, more.usd)
    # Of a run that is under way nobody knows here what it has used.
    if any(limit and (begun or want > limit) for want, limit in zip(wanted, _drained(limits), strict=True)):
        most = more  # it may come to a limit, and then to a last turn beside all others
    usd = least(most.usd, limits.usd)
    return Bounds(
        turns=_finite(most.turns),
        model_calls=_finite(least(most.model_calls, limits.model_calls)),
        messages=_finite(most.messages),
        tokens=_finite(least(most.tokens, limits.tokens)),
        usd=round(usd, 6) if math.isfinite(usd) else None,
    )


class _Most(NamedTuple):
    """What a run may come to if only turns and messages are limited; infinite where nothing bounds it."""

    turns: float
    model_calls: float
    messages: float
    tokens: float
    usd: float


def _drained(limits: Limits) -> tuple[float | None, ...]:
    return (limits.turns, limits.model_calls, limits.tokens, limits.usd)


def _limited(most: Activity, phase: Phase) -> Activity:
    """The most that can happen in a phase within limits of its own."""
    limits = phase.limits
    turns, messages = most.turns, most.messages
    if limits.turns is not None and limits.turns < sum(count for _, count in turns):
        names = tuple(dict.fromkeys(name for names, count in turns if count for name in names))
        turns = [(names, float(limits.turns))]
    if limits.messages is not None:
        messages = [(pairs, min(count, limits.messages), min(each, limits.messages)) for pairs, count, each in messages]
    return Activity(turns, messages)


def _starts(phases: Sequence[Phase], retries: int, *, begun: bool) -> Iterator[tuple[Phase, Start]]:
    """Each phase, with what it finds when it begins."""
    told: frozenset[str] = frozenset()
    for index, phase in enumerate(phases):
        midway = begun and index == 0
        if phase.fresh:
            told -= frozenset(phase.participants)
        yield phase, Start((index == 0 or phase.fresh) and not midway, midway, told, retries)
        told |= frozenset(phase.successors.get(USER, ()))


class _Total:
    """The lines of all phases, added up. `answers`: how many of them there may be."""

    def __init__(self, means: Means, answers: int, allowance: Allowance) -> None:
        self._means = means
        self._allowance = allowance
        self._most_answers = answers
        self._dropped = 0
        """Messages to `user` that are no answers, because the `until` of their phase did not hold."""
        self._alone: defaultdict[str, float] = defaultdict(float)
        self._shared: list[tuple[tuple[str, ...], float]] = []
        self._heard: defaultdict[str, float] = defaultdict(float)
        """By agent: tokens that it may be sent."""
        self._summarised: Counter[tuple[str, str]] = Counter()
        """Messages by (sender, model of the summary)."""
        self._closing: dict[tuple[str, str], None] = {}
        """(Sender, model of the summary) of what may become the answer."""
        self._last: tuple[str, ...] = ()
        """Who may take a last turn, beside all others."""
        self._at_boards: set[str] = set()
        """Agents whose prompts hold what stands on boards, which may be of any length."""
        self._told = 0.0
        self._answers = 0.0
        self._longest_answer = 0
        self.widest = 0
        """To how many others an agent writes in one turn at most."""
        self.unasked = float(answers)
        """Messages that nobody wrote in a turn: the task, results of votes, answers of votes."""

    def add(self, most: Activity, phase: Phase, entries: int = 0) -> None:
        """Add a phase, or one that is entered so many times again."""
        self._add_iterations(phase, entries)
        for several, count in most.turns:
            names = self._or_stand_ins(several)
            if len(names) == 1:
                self._alone[names[0]] += count
            elif names:
                self._shared.append((names, count))
        for pairs, count, each in most.messages:
            if all(recipient == USER for _, recipient in pairs):
                self._answers += count
                longest = (self._length(sender, phase) for sender, _ in pairs)
                self._longest_answer = max([self._longest_answer, *longest])
                edges = (phase.by_pair.get(pair) for pair in pairs)
                summed = (one for one in edges if one and one.carries == "summary" and one.sender not in phase.votes)
                self._closing |= {(edge.sender, edge.model): None for edge in summed if count}
            else:
                self._told += count
                self._add_messages(pairs, each, phase)
        self._at_boards |= {*phase.reads, *phase.writes}
        self.widest = max([self.widest, *(len(phase.successors.get(name, ())) for name in phase.participants)])

    def _add_iterations(self, phase: Phase, entries: int) -> None:
        """What an iteration proposes that is not the last one, and what the next one is told of those before it."""
        if phase.until is not None and speaks_to_user(phase):
            self._dropped += phase.max_iterations * entries or phase.max_iterations - 1
        if phase.loop is not None:
            times = (1 if phase.fresh else phase.max_iterations) * max(1, entries)
            for name in self._or_stand_ins(phase.participants):
                self._heard[name] += times * (NOTICE_TOKENS + phase.loop.tried * TRIED_TOKENS)

    def _or_stand_ins(self, names: Iterable[str]) -> tuple[str, ...]:
        """The agents, and those who may be in their places."""
        return tuple(dict.fromkeys((*names, *self._allowance.stand_ins)))

    def _add_messages(self, pairs: Sequence[tuple[str, str]], count: float, phase: Phase) -> None:
        for sender, recipient in pairs:
            for name in self._or_stand_ins([recipient]):
                self._heard[name] += _times(count, self._length(sender, phase))
            if sender == USER or sender in phase.votes:
                self.unasked += count
            edge = phase.by_pair.get((sender, recipient))
            if edge is not None and edge.carries == "summary":
                self._summarised[sender, edge.model] += count  # type: ignore[assignment]

    def _length(self, sender: str, phase: Phase) -> int:
        """Tokens of one message. A vote passes on what was voted for, by name, or what one of its candidates wrote."""
        if sender in phase.votes:
            voters = (voter for voter in phase.predecessors.get(sender, ()) if voter not in phase.votes)
            return sum(self._length(voter, phase) for voter in voters)
        if sender == USER:
            return TASK_TOKENS
        return max(self._means.agent(name).max_output_tokens for name in self._or_stand_ins([sender]))

    def add_last(self, names: Iterable[str]) -> None:
        """Add the last turn of a run that came to a limit, which one of these agents takes, if there are any."""
        self._last = self._or_stand_ins(names) if (names := tuple(names)) else ()

    def most(self, limits: Limits) -> _Most:
        """All of it, within the run's limits on turns and messages, and what tokens can cost within that on tokens."""
        turns = least(self.turns, limits.turns)
        messages = least(min(self.messages, _times(turns, self.widest) + self.unasked + self._dropped), limits.messages)
        calls = min(self.calls, _times(turns, self.most_steps)) + min(self.summaries, messages) + self._checks[0]
        tokens, usd = self.spending()
        if limits.tokens:
            usd = min(usd, limits.tokens * self.dearest() / 1e6)
        return _Most(turns, calls, messages, tokens, usd)

    def _lines(self) -> list[tuple[tuple[str, ...], float]]:
        """Who takes turns, and how many, within the limits of each agent."""
        lines = [((name,), count) for name, count in self._alone.items()] + self._shared
        return [(names, least(count, self._own_limit(names))) for names, count in lines]

    def _own_limit(self, names: tuple[str, ...]) -> float | None:
        limits = [self._means.agent(name).limits.turns for name in names]
        return None if None in limits else sum(limit for limit in limits if limit)

    @property
    def messages(self) -> float:
        """Messages over all edges; one of them, or one after each refutation, is the answer, beside those dropped."""
        return self._told + self._answered

    @property
    def _answered(self) -> float:
        return min(self._answers, self._most_answers + self._dropped)

    @property
    def turns(self) -> float:
        """Turns of all agents."""
        return sum(count for _, count in self._lines()) + bool(self._last)

    @property
    def calls(self) -> float:
        """Model calls of all agents, without summaries."""
        last = max(map(self._means.last_steps, self._last), default=0)
        return sum(_times(count, max(map(self._means.steps, names))) for names, count in self._lines()) + last

    @property
    def most_steps(self) -> float:
        """Model calls of the longest turn."""
        names = {name for names, _ in self._lines() for name in names}.union(self._last)
        return max(map(self._means.steps, names), default=0)

    @property
    def summaries(self) -> float:
        """Model calls that summarise messages."""
        return sum(self._summarised.values()) + (self._answered if self._closing else 0)

    @property
    def _checks(self) -> tuple[int, float, float]:
        """Model calls, tokens and USD of whoever verifies the answers; a second call for one shows what was wrong."""
        one = self._means.checks
        if one is None:
            return 0, 0.0, 0.0
        calls, prompt = one.each * self._most_answers, one.prompt + TASK_TOKENS + self._longest_answer
        return calls, calls * (prompt + one.output), calls * cost(one.price, prompt, one.output)

    def spending(self) -> tuple[float, float]:
        """Tokens and USD if every message, reply and prompt is as long as it may be; infinite where unknown."""
        _, tokens, usd = self._checks
        everybody = len({name for names, _ in self._lines() for name in names})
        for names, count in self._lines():
            turns = [self._turn(name, count, everybody) for name in names]
            tokens += _times(count, max((cost[0] for cost in turns), default=0))
            usd += _times(count, max((cost[1] for cost in turns), default=0))
        last = [self._turn(name, self._turns_of(name), everybody, last=True) for name in self._last]
        tokens += max((cost[0] for cost in last), default=0)
        usd += max((cost[1] for cost in last), default=0)
        for by, many in self._summarised.items():
            each = self._summary(*by)
            tokens, usd = tokens + many * each[0], usd + _times(many, each[1])
        answers = [self._summary(*by) for by in self._closing]
        tokens += self._answered * max((cost[0] for cost in answers), default=0)
        return tokens, usd + _times(self._answered, max((cost[1] for cost in answers), default=0))

    def _summary(self, sender: str, model: str) -> tuple[float, float]:
        """Tokens and USD of a summary of what the sender writes."""
        length = self._means.agent(sender).max_output_tokens + PROMPT_TOKENS
        return length + SUMMARY_TOKENS, cost(self._means.summaries.get(model), length, SUMMARY_TOKENS)

    def _turns_of(self, name: str) -> float:
        """Turns that the agent may take before the last."""
        return sum(count for names, count in self._lines() if name in names)

    def _turn(self, name: str, count: float, everybody: int, *, last: bool = False) -> tuple[float, float]:
        """Tokens and USD of the agent's most expensive turn of so many, or of the last turn after them."""
        agent = self._means.agent(name)
        if agent.kind == "team" and name in self._means.nested:
            inner = self._means.nested[name]
            return _number(inner.tokens), math.inf if inner.usd is None else inner.usd
        steps = self._means.steps(name)
        if not steps:
            return 0.0, 0.0
        notices = NOTICE_TOKENS * self._allowance.calls
        own = PROMPT_TOKENS + notices + 16 * everybody + len(agent.instructions)
        said = count * steps * agent.max_output_tokens
        longest = math.inf if agent.tools or name in self._at_boards else own + self._heard[name] + said
        steps = self._means.last_steps(name) if last else steps
        price = self._means.prices.get(name)
        return steps * (longest + agent.max_output_tokens), _times(steps, cost(price, longest, agent.max_output_tokens))

    def dearest(self) -> float:
        """The highest price of a million tokens that anybody may pay; infinite where one is not known."""
        acting = {name for names, count in self._lines() for name in names if count}.union(self._last)
        paying = {name for name in acting if self._means.steps(name)}
        prices = [self._means.prices.get(name) for name in paying]
        prices += [self._means.summaries.get(model) for _, model in (*self._summarised, *self._closing)]
        prices += [self._means.checks.price] if self._means.checks else []
        return max((max(price.input, price.output) if price else math.inf for price in prices), default=0.0)


def _times(count: float, each: float) -> float:
    """The product, where nothing times infinity is nothing."""
    return 0.0 if not count or not each else count * each


def _number(value: float | None) -> float:
    return math.inf if value is None else value


def _finite(value: float) -> int | None:
    return int(value) if math.isfinite(value) else None
