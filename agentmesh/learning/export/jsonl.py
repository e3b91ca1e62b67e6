"""Our own format: one line for each context of each agent, with all that is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agentmesh.learning.export.batch import Batch


def rows(runs: Batch) -> Iterator[dict[str, Any]]:
    """The lines. `loss_mask` is by message; each step names the message that is its answer."""
    for run, number, one in runs.transcripts():
        episode = run.episode
        yield {
            "run_id": episode.run_id,
            "task": episode.task,
            "team": episode.team,
            "outcome": episode.outcome,
            "topology_hash": run.topology_hash,
            "agent": one.agent,
            "context": number,
            "messages": list(one.messages),
            "tools": list(one.tools),
            "response_schema": one.form,
            "loss_mask": one.loss_mask,
            "steps": [
                {
                    "step": call.step,
                    "message": place,
                    "key": call.key,
                    "reward": runs.reward(run, call),
                    "rewards": runs.rewards(run, call),
                    "advantage": runs.advantage(run, call),
                    "input_tokens": call.input_tokens,
                    "output_tokens": call.output_tokens,
                    "estimated": call.estimated,
                }
                for place, call in one.calls.items()
            ],
            "findings": list(run.findings),
        }
