"""Runs as a learner sees them: who acted at each step, and what the run, and the step, were rewarded with."""

from __future__ import annotations

import math
import reprlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any

from agentmesh.errors import AgentMeshError
from agentmesh.events import Event, ModelCallFinished, RunEnded, RunStarted
from agentmesh.runner.past import effective

if TYPE_CHECKING:
    from agentmesh.team.result import RunResult

Rewards = Mapping[str, float]
"""By component: such as `success`, `tests`, `brevity`."""
_MONITOR = "monitor:"
"""Begins the name under which a monitor asks a model."""


@dataclass(frozen=True)
class Step:
    """One model call that was answered, or any other deed of an agent."""

    agent: str
    rewards: Rewards = field(default_factory=dict)
    """Its own, beside those of the whole run."""
    key: str = ""
    """Of the model call in the log."""


@dataclass(frozen=True)
class Episode:
    """One run: its steps in the order of the log, and its rewards. Runs with the same `task` are one group."""

    run_id: str
    task: str
    steps: tuple[Step, ...]
    rewards: Rewards = field(default_factory=dict)
    outcome: str = ""
    team: str = ""

    def reward(self, step: int, component: str) -> float:
        """What a step counts in a component: the run's reward and its own. What is no number counts 0, as in GDPO."""
        given = (self.rewards.get(component, 0.0), self.steps[step].rewards.get(component, 0.0))
        return sum(value for value in given if math.isfinite(value))


Run = Any
"""An `Episode`; a mapping with its keys, steps being mappings or names of agents; or a `RunResult`, whose rewards are
its metrics."""


def episodes(runs: Iterable[Run]) -> list[Episode]:
    """All runs in one form. Raises: AgentMeshError for what is none, and for two runs with one id."""
    found = [_episode(run) for run in runs]
    twice = sorted(run_id for run_id, count in Counter(one.run_id for one in found).items() if count > 1)
    if twice:
        raise AgentMeshError(f"runs given more than once: {', '.join(twice)}; each counts once")
    return found


def episode_of(
    run: RunResult | Sequence[Event],
    rewards: Rewards | Callable[[Sequence[Event]], Rewards] | None = None,
    *,
    task: str | None = None,
    steps: Mapping[int, Rewards] | None = None,
) -> Episode:
    """A run of a team, from its events. `steps`: by number of a step, from 0, what it alone is rewarded with.

    Without `rewards` the metrics of the log count, the latest of each name. Raises: AgentMeshError for an empty log.
    """
    events = counting(run)
    started = next((event for event in events if isinstance(event, RunStarted)), None)
    if started is None:
        raise AgentMeshError("a run begins with run_started; found a log without it")
    calls, own = answered(events), steps or {}
    strange = [at for at in own if not 0 <= at < len(calls)]
    if strange:
        raise AgentMeshError(f"the run has no step {strange[0]}; it has {len(calls)}, counted from 0")
    given = rewards(events) if callable(rewards) else metrics_of(events) if rewards is None else rewards
    ended = next((event for event in reversed(events) if isinstance(event, RunEnded)), None)
    return Episode(
        started.run_id,
        started.task if task is None else task,
        tuple(Step(call.agent or "", _rewards(own.get(at, {})), call.key) for at, call in enumerate(calls)),
        _rewards(given),
        ended.outcome if ended else "",
        started.team,
    )


def counting(run: RunResult | Sequence[Event]) -> list[Event]:
    """The events of a run without what no longer counts since it was resumed before it."""
    return effective(run if isinstance(run, Sequence) else run.events)


def answered(events: Iterable[Event]) -> list[ModelCallFinished]:
    """The model calls that are the steps of a run, by their numbers: those of its agents that were answered."""
    return [event for event in events if isinstance(event, ModelCallFinished) and is_step(event)]


def is_step(event: ModelCallFinished) -> bool:
    """Whether a call is a step: what an agent of the team asked in a turn, and what is asked in a team on a node.

    What monitors and verifiers ask is none, nor is a summary that an edge makes: no agent is taught by it.
    """
    agent = event.agent or ""
    return event.error is None and f"/{agent}/" in event.key and not agent.startswith(_MONITOR)


def metrics_of(events: Iterable[Event]) -> dict[str, float]:
    """The latest value of each metric of a log."""
    return {event.name: event.value for event in events if event.type == "metric"}


def grouped(runs: Iterable[Episode]) -> dict[str, list[Episode]]:
    """Runs by task, in the order in which tasks come first."""
    groups: dict[str, list[Episode]] = {}
    for run in runs:
        groups.setdefault(run.task, []).append(run)
    return groups


def components(runs: Iterable[Episode]) -> list[str]:
    """The names of all rewards, in the order in which they come first."""
    named: dict[str, None] = {}
    for run in runs:
        named.update(dict.fromkeys(run.rewards))
        for step in run.steps:
            named.update(dict.fromkeys(step.rewards))
    return list(named)


def listed(run: Mapping[str, Any], key: str) -> Iterable[Any]:
    """What a mapping has as a list. Raises: AgentMeshError, also for a text, which is a list of letters."""
    found = run[key]
    if isinstance(found, str | Mapping) or not isinstance(found, Iterable):
        raise AgentMeshError(f"{key} of a run are a list; found {reprlib.repr(found)}")
    return found


def _episode(run: Run) -> Episode:
    if isinstance(run, Episode):
        return run
    if isinstance(run, Mapping):
        return _from_mapping(run)
    if hasattr(run, "events"):
        return episode_of(run)
    raise AgentMeshError(
        f"a run is an Episode, a RunResult or a mapping; found {type(run).__name__}; `episode_of` makes one of events"
    )


def _from_mapping(run: Mapping[str, Any]) -> Episode:
    missing = [key for key in ("run_id", "task", "steps") if key not in run]
    if missing:
        raise AgentMeshError(f"a run has run_id, task, steps and rewards; this one lacks {', '.join(missing)}")
    return Episode(
        str(run["run_id"]),
        str(run["task"]),
        tuple(_step(step) for step in listed(run, "steps")),
        _rewards_in(run),
        str(run.get("outcome", "")),
        str(run.get("team", "")),
    )


def _step(step: Any) -> Step:
    if isinstance(step, Step):
        return step
    if isinstance(step, str):
        return Step(step)
    if not isinstance(step, Mapping) or "agent" not in step:
        raise AgentMeshError(f"a step is a Step, the name of its agent, or a mapping with `agent`; found {step!r}")
    return Step(str(step["agent"]), _rewards_in(step), str(step.get("key", "")))


def _rewards_in(given: Mapping[str, Any]) -> Rewards:
    """Those of a run or a step."""
    if "reward" in given and "rewards" in given:
        raise AgentMeshError("a run, or a step, has either `reward` or `rewards`; found both; give all as `rewards`")
    rewards = given.get("rewards", given.get("reward", {}))
    return _rewards(rewards if isinstance(rewards, Mapping) else {"reward": rewards})


def _rewards(given: Mapping[str, Any]) -> Rewards:
    """None, which is what NaN becomes in JSON, is no number either."""
    strange = next((item for item in given.items() if not isinstance(item[1], Real | None)), None)
    if strange is not None:
        raise AgentMeshError(f"a reward is a number, or None for none; '{strange[0]}' is {strange[1]!r}")
    return {str(name): math.nan if value is None else float(value) for name, value in given.items()}
