"""For ART: one line for each task and agent, a group of trajectories, each of one run.

ART turns rewards into advantages itself, in each group: of one agent, so as `per_agent` does, each run counting once.
Answers without log probabilities, which logs do not hold, it trains only where they are messages, and not those that
call tools; others stand as choices, which it leaves untrained then. A history ends with an answer that it trains.

Source: openpipe-art 0.5.18, `art.Trajectory`, `art.TrajectoryGroup`, `art.preprocessing.tokenize`, to be tokenised with
`allow_training_without_logprobs=True`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from statistics import fmean
from typing import Any

from agentmesh.learning.export.batch import Batch, Exported
from agentmesh.learning.export.transcripts import Transcript, plain


def rows(runs: Batch) -> Iterator[dict[str, Any]]:
    """The groups. A trajectory without anything to train is left out, and so is a group without trajectories."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for run in runs.runs:
        for agent in dict.fromkeys(one.agent for one in run.transcripts):
            trajectory = _trajectory(runs, run, agent)
            if trajectory is not None:
                groups[run.episode.task, agent].append(trajectory)
    for (task, agent), trajectories in groups.items():
        yield {"trajectories": trajectories, "metadata": {"task": task, "agent": agent}}


def _trajectory(runs: Batch, run: Exported, agent: str) -> dict[str, Any] | None:
    mine = [one for one in run.transcripts if one.agent == agent]
    histories = [history for one in mine if (history := _history(one))["messages_and_choices"]]
    if not histories:
        return None
    calls = [call for one in mine for call in one.calls.values()]
    means = {name: fmean(runs.rewards(run, call)[name] for call in calls) for name in runs.weights}
    advantage = fmean(runs.advantage(run, call) for call in calls)
    return {
        **histories[0],
        "additional_histories": histories[1:],
        "reward": fmean(runs.reward(run, call) for call in calls),
        "metrics": {
            **means,
            "advantage": advantage,
            "steps": len(calls),
            "input_tokens": sum(call.input_tokens for call in calls),
            "output_tokens": sum(call.output_tokens for call in calls),
        },
        "metadata": {
            "run_id": run.episode.run_id,
            "agent": agent,
            "team": run.episode.team,
            "topology_hash": run.topology_hash,
            "outcome": run.episode.outcome,
            "findings": len(run.findings),
        },
        "logs": [],
    }


def _history(one: Transcript) -> dict[str, Any]:
    messages = plain(one.messages)
    trained = [place for place in one.calls if not messages[place].get("tool_calls")]
    last = trained[-1] + 1 if trained else 0
    told = (
        message if message["role"] != "assistant" or place in trained else _choice(message)
        for place, message in enumerate(messages[:last])
    )
    return {"messages_and_choices": list(told), "tools": list(one.tools) or None}


def _choice(message: dict[str, Any]) -> dict[str, Any]:
    return {
        "finish_reason": "tool_calls" if message.get("tool_calls") else "stop",
        "index": 0,
        "logprobs": None,
        "message": message,
    }
