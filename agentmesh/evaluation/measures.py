"""What one run measures, from its events alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from agentmesh.evaluation.metrics import redundancy, vendi
from agentmesh.events import (
    Event,
    FindingRecorded,
    InterventionMade,
    MessageDelivered,
    MessageProposed,
    ModelCallFinished,
    TaskChanged,
    ToolCallFinished,
    TurnStarted,
    Verification,
)
from agentmesh.messages import USER
from agentmesh.monitors.signals.answers import canonical
from agentmesh.monitors.signals.wording import FUNCTION_WORDS, words_of
from agentmesh.runner.past import effective
from agentmesh.tools.graph import GRAPH_TOOLS, READING, WRITING

Right = Callable[[str], bool | None]
"""Whether a text gives the right answer; None where it gives none, or where it cannot be told."""

Stand = tuple[str, bool]

_WHOLE = frozenset({"text", "proposal", "ballot", "answer"})
"""Kinds of messages that speak of the whole task; a handoff speaks of a part of it."""
_MONITOR = "/monitor:"
_CONFLICT = re.compile(r"the work of \S+ conflicts with ")
"""How it is said that a merge did not come about for a conflict."""
_SHOWN = 80
"""Characters of an answer that are kept."""


@dataclass(frozen=True)
class Measures:
    """Counts and shares of one run. A round holds what each agent said for the k-th time."""

    turns: int
    messages: int
    """Delivered from agent to agent."""
    stated: int
    """Answers to the whole task that agents stated, each once however many it was sent to."""
    wrong: int
    """Of these, wrong ones."""
    monitor_tokens: int
    """Used by what monitors asked models; part of the run's tokens."""
    rounds: tuple[Mapping[str, Stand], ...]
    """By round and agent: the answer, as answers are compared, and whether it is right."""
    diversity: tuple[float, ...]
    """By round of two or more agents: the Vendi score of what they said, by shared content words."""
    redundancy: float | None
    """Mean similarity of what agents said last."""
    findings: Mapping[str, int] = field(default_factory=dict)
    """By label."""
    interventions: int = 0
    tool_calls: int = 0
    """Of tools that act on no graph."""
    tasks: int = 0
    """That planners opened."""
    dependent: int = 0
    """Of these, tasks that wait for others."""
    board_calls: int = 0
    """Calls by which agents read boards, and put something on them."""
    conflicts: int = 0
    """Merges that did not come about because something conflicted."""

    def to_json(self) -> dict[str, Any]:
        """For JSON, as `runs` have it."""
        return {**vars(self), "rounds": [dict(one) for one in self.rounds], "diversity": list(self.diversity)}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Measures:
        """What `to_json` gave."""
        rounds = tuple(
            {agent: (str(answer), bool(right)) for agent, (answer, right) in one.items()} for one in told["rounds"]
        )
        return cls(**{**told, "rounds": rounds, "diversity": tuple(told["diversity"])})


def measured(events: Iterable[Event], right: Right) -> Measures:
    """The measures of a run. What no longer counts since the run was resumed before it is left out."""
    log = effective(list(events))
    said = list(_contributions(log))
    marks = [right(answer) for _, answer, _ in said]
    rounds = _rounds([(agent, answer, mark) for (agent, answer, _), mark in zip(said, marks, strict=True)])
    texts = _rounds_of_texts(said)
    last = list({agent: text for agent, _, text in said}.values())
    calls = [event for event in log if isinstance(event, ModelCallFinished) and _MONITOR in event.key]
    opened = {(event.agent, event.task.id): event.task for event in log if isinstance(event, TaskChanged)}
    return Measures(
        turns=sum(isinstance(event, TurnStarted) for event in log),
        messages=sum(
            isinstance(event, MessageDelivered) and USER not in (event.sender, event.recipient) for event in log
        ),
        stated=sum(mark is not None for mark in marks),
        wrong=sum(mark is False for mark in marks),
        monitor_tokens=sum(event.usage.input_tokens + event.usage.output_tokens for event in calls),
        rounds=tuple(rounds),
        diversity=tuple(round(vendi(_similarities(one)), 4) for one in texts if len(one) > 1),
        redundancy=_rounded(redundancy(_similarities(last))),
        findings=Counter(e.finding.label for e in log if isinstance(e, FindingRecorded) and e.counts),
        interventions=sum(isinstance(event, InterventionMade) for event in log),
        tool_calls=sum(isinstance(event, ToolCallFinished) and event.name not in GRAPH_TOOLS for event in log),
        tasks=len(opened),
        dependent=sum(bool(task.depends_on) for task in opened.values()),
        board_calls=sum(isinstance(event, ToolCallFinished) and event.name in (*READING, *WRITING) for event in log),
        conflicts=sum(isinstance(e, Verification) and not e.passed and bool(_CONFLICT.match(e.detail)) for e in log),
    )


def _contributions(log: Sequence[Event]) -> Iterator[tuple[str, str, str]]:
    """Agent, answer and text of what each agent said of the whole task; once, however many it was sent to."""
    before: dict[str, tuple[str, str]] = {}
    for event in log:
        if isinstance(event, TurnStarted):
            before.pop(event.agent or "", None)
        if not isinstance(event, MessageProposed) or event.sender == USER or event.kind not in _WHOLE:
            continue
        answer = event.position.answer if event.position is not None else event.content
        if before.get(event.sender) != (answer, event.content):
            before[event.sender] = (answer, event.content)
            yield event.sender, answer, event.content


def _rounds(said: Iterable[tuple[str, str, bool | None]]) -> list[dict[str, Stand]]:
    found: list[dict[str, Stand]] = []
    spoken: Counter[str] = Counter()
    for agent, answer, mark in said:
        at = spoken[agent]
        spoken[agent] += 1
        found += [{}] if at == len(found) else []
        if mark is not None:
            found[at][agent] = (canonical(answer)[:_SHOWN], mark)
    return found


def _rounds_of_texts(said: Iterable[tuple[str, str, str]]) -> list[list[str]]:
    found: list[list[str]] = []
    spoken: Counter[str] = Counter()
    for agent, _, text in said:
        at = spoken[agent]
        spoken[agent] += 1
        found += [[]] if at == len(found) else []
        found[at].append(text)
    return found


def _similarities(texts: Sequence[str]) -> list[list[float]]:
    """Twice the content words that two texts share, over those of both. Texts without any are alike."""
    content = [frozenset(words_of(text)) - FUNCTION_WORDS for text in texts]
    return [[1.0 if a is b or not (a or b) else 2 * len(a & b) / (len(a) + len(b)) for b in content] for a in content]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def mean(values: Iterable[float | None]) -> float | None:
    """Of those that there are; None without any."""
    there = [value for value in values if value is not None]
    return fmean(there) if there else None
