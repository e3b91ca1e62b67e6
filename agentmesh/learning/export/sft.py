"""For supervised fine-tuning: the contexts of the runs that are good enough, as chats with weights.

Source: the fine-tuning format of Chat Completions, in which an assistant message of `weight` 0 is not trained. TRL 1.16
and ART 0.5.18 read the same columns `messages` and `tools`, and train every assistant message whatever its weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agentmesh.learning.export.batch import Batch, Exported
from agentmesh.learning.export.transcripts import Transcript, plain


def good(run: Exported, runs: Batch, least: float) -> bool:
    """Whether a run is rewarded with so much at least."""
    return runs.total(run) >= least


def rows(runs: Batch, least: float) -> Iterator[dict[str, Any]]:
    """The rows of runs that are rewarded with `least` or more. What holds images or files is left out."""
    for run, _, one in runs.transcripts():
        if one.text_alone and good(run, runs, least):
            yield {
                "messages": weighted(one),
                "tools": list(one.tools),
                "reward": runs.total(run),
                "agent": one.agent,
                "task": run.episode.task,
                "run_id": run.episode.run_id,
            }


def weighted(one: Transcript) -> list[dict[str, Any]]:
    """The messages, each of an assistant with its weight: 1 if it was written in this context."""
    return [
        {**message, "weight": weight} if message["role"] == "assistant" else message
        for message, weight in zip(plain(one.messages), one.loss_mask, strict=True)
    ]
