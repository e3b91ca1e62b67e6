"""The runs of an export: which of them count, what their steps were rewarded with, and how they are split.

A run that was halted, failed or cancelled, or in which a finding of reward hacking stands, teaches nothing that is
wanted: it is left out, and counted, unless it is asked for. So is one that cannot be gone through once more.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from statistics import fmean
from typing import Any

from agentmesh.errors import AgentMeshError
from agentmesh.events import Event, FindingRecorded, RunEnded, RunStarted
from agentmesh.learning.advantages import Mode, Place, advantages, value_of
from agentmesh.learning.episodes import Episode, Rewards, components, counting, episode_of, episodes, metrics_of
from agentmesh.learning.export.transcripts import Call, Requests, Transcript, transcripts, unrebuilt
from agentmesh.monitors.reward_hacking import LABEL as REWARD_HACK

UNWANTED = ("halted", "failed", "cancelled")
"""Outcomes of runs that are left out."""
OUTCOMES = {"completed": ("completed", "verified"), "verified": ("verified",)}
"""Rewards that need no metric: 1 for a run that ended in one of these ways, else 0."""


@dataclass(frozen=True)
class Exported:
    """One run, with all that an export tells of it."""

    episode: Episode
    transcripts: tuple[Transcript, ...]
    topology_hash: str
    findings: tuple[dict[str, Any], ...]
    unrebuilt: Mapping[str, int] = field(default_factory=dict)
    """By agent: steps of which the log does not tell what was asked."""
    tasks: tuple[str, ...] = ()
    """The texts of its task and of those of the runs that it continues: its agents have read them all."""


@dataclass(frozen=True)
class Batch:
    """Runs that are compared with each other, and the advantage of each of their steps."""

    runs: tuple[Exported, ...]
    advantages: Mapping[Place, float]
    weights: Mapping[str, float]

    def reward(self, run: Exported, call: Call) -> float:
        """Of a step: that of the run and its own, weighted and added."""
        return value_of(run.episode, call.step, self.weights)

    def rewards(self, run: Exported, call: Call) -> dict[str, float]:
        """Of a step, by component."""
        return {name: run.episode.reward(call.step, name) for name in self.weights}

    def advantage(self, run: Exported, call: Call) -> float:
        """Of a step, against the others of its group."""
        return self.advantages[run.episode.run_id, call.step]

    def total(self, run: Exported) -> float:
        """What a run comes to: the mean of its steps."""
        values = [value_of(run.episode, at, self.weights) for at in range(len(run.episode.steps))]
        return fmean(values) if values else 0.0

    def transcripts(self) -> Iterator[tuple[Exported, int, Transcript]]:
        """Every context of every agent, with its number among those of this agent in this run."""
        for run in self.runs:
            numbers = Counter[str]()
            for one in run.transcripts:
                yield run, numbers[one.agent], one
                numbers[one.agent] += 1

    def calls(self) -> Iterator[tuple[Exported, Transcript, int, Call]]:
        """Every step, with the place of its answer in its transcript."""
        for run, _, one in self.transcripts():
            for place, call in one.calls.items():
                yield run, one, place, call


def exported(
    events: Sequence[Event],
    requests: Requests,
    rewards: Rewards | None = None,
    *,
    task: str | None = None,
    steps: Mapping[int, Rewards] | None = None,
    before: Sequence[str] = (),
) -> Exported:
    """A run from its events and from what its models were asked. Rewards and `task` as of `episode_of`.

    `before`: the tasks of the runs that it continues.
    """
    log = counting(events)
    started = next((event for event in log if isinstance(event, RunStarted)), None)
    found = transcripts(log, requests)
    return Exported(
        episode_of(log, rewards, task=task, steps=steps),
        tuple(found),
        started.topology_hash if started else "",
        tuple(_finding(event) for event in log if isinstance(event, FindingRecorded) and event.counts),
        unrebuilt(log, found),
        (started.task, *before) if started else (),
    )


def unwanted(events: Sequence[Event]) -> str | None:
    """Why a run is left out unless it is asked for; None if it is not."""
    log = counting(events)
    ended = next((event for event in reversed(log) if isinstance(event, RunEnded)), None)
    if ended is not None and ended.outcome in UNWANTED:
        return ended.outcome
    found = (event.finding for event in log if isinstance(event, FindingRecorded) and event.counts)
    return REWARD_HACK if any(finding.label == REWARD_HACK for finding in found) else None


def rewards_of(events: Sequence[Event], named: Sequence[str] | None = None) -> dict[str, float]:
    """The metrics of a log by these names, or all; and `completed` and `verified`, where they are named.

    Raises: AgentMeshError for a name that is neither.
    """
    log = counting(events)
    metrics = metrics_of(log)
    if named is None:
        return metrics
    outcome = next((event.outcome for event in reversed(log) if isinstance(event, RunEnded)), None)
    found = {name: float(outcome in ways) for name, ways in OUTCOMES.items()} | metrics
    strange = [name for name in named if name not in found]
    if strange:
        run_id = log[0].run_id if log else ""
        raise AgentMeshError(f"run {run_id} has no metric '{strange[0]}'; it has: {', '.join(found)}")
    return {name: found[name] for name in named}


def unrewarded(runs: Sequence[Exported]) -> dict[str, int]:
    """By component with which some of the runs are rewarded: how many are not, for which it counts 0."""
    given = Counter(name for run in runs for name in components([run.episode]))
    return {name: len(runs) - count for name, count in given.items() if count < len(runs)}


def batch(runs: Sequence[Exported], mode: Mode = "per_agent", *, weights: Mapping[str, float] | None = None) -> Batch:
    """Runs with advantages, in groups by task. Raises: AgentMeshError for a weight of no reward, or an unknown mode."""
    found = episodes(run.episode for run in runs)
    counted = dict.fromkeys(components(found), 1.0)
    return Batch(tuple(runs), advantages(found, mode, weights=weights), {**counted, **(weights or {})})


def split(runs: Sequence[Exported], shares: Mapping[str, float], seed: int = 0) -> dict[str, list[Exported]]:
    """The runs by split, all of one task in the same. Tasks are drawn; each split gets its share of them, one at least.

    Tasks of which one run was told count as one: what continues another run holds the task of that.
    Raises: AgentMeshError for shares that do not add up to 1, or fewer tasks than splits.
    """
    if any(not 0 < share <= 1 for share in shares.values()) or not math.isclose(sum(shares.values()), 1, abs_tol=1e-6):
        told = ", ".join(f"{name}={share:g}" for name, share in shares.items())
        raise AgentMeshError(f"shares of splits lie above 0 and add up to 1; found {told}")
    tasks = sorted(_together(runs), key=min)
    Random(seed).shuffle(tasks)
    if len(tasks) < len(shares):
        raise AgentMeshError(
            f"{len(shares)} splits need as many tasks, which are neither divided nor parted from those they continue; "
            f"the runs have {len(tasks)}"
        )
    ends = _ends(list(shares.values()), len(tasks))
    places = {task: sum(at >= end for end in ends) for at, some in enumerate(tasks) for task in some}
    found: dict[str, list[Exported]] = {name: [] for name in shares}
    for run in runs:
        found[list(shares)[places[run.episode.task]]].append(run)
    return found


def of_agents(runs: Batch) -> dict[str, Batch]:
    """The same batch once for each agent, with its transcripts alone; advantages stay those of the whole."""
    names = dict.fromkeys(one.agent for _, _, one in runs.transcripts())
    return {
        name: replace(
            runs,
            runs=tuple(
                replace(run, transcripts=tuple(one for one in run.transcripts if one.agent == name))
                for run in runs.runs
            ),
        )
        for name in names
    }


def _finding(event: FindingRecorded) -> dict[str, Any]:
    finding = event.finding
    return {
        "monitor": finding.monitor,
        "label": finding.label,
        "score": finding.score,
        "agents": list(finding.agents),
        "why": finding.why,
    }


def _together(runs: Sequence[Exported]) -> list[set[str]]:
    """The tasks, those together that stand in one run."""
    above: dict[str, str] = {}

    def first(task: str) -> str:
        while above.setdefault(task, task) != task:
            above[task] = task = above[above[task]]
        return task

    for run in runs:
        for task in (run.episode.task, *run.tasks):
            above[first(task)] = first(run.episode.task)
    found: dict[str, set[str]] = {}
    for task in list(above):
        found.setdefault(first(task), set()).add(task)
    return list(found.values())


def _ends(shares: Sequence[float], count: int) -> list[int]:
    """Before which of so many tasks each split ends."""
    later = range(len(shares) - 1, -1, -1)
    return [
        min(max(round(math.fsum(shares[: at + 1]) * count), at + 1), count - after) for at, after in enumerate(later)
    ]
