"""For TRL: one row for each step, conversational prompt and completion.

Source: TRL 1.16, dataset formats (prompt-completion, conversational, `tools` beside it). SFTTrainer trains the
completion alone. No trainer of TRL reads `reward` and `advantage`: GRPOTrainer takes `prompt`, samples anew, and hands
all other columns to its reward functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agentmesh.learning.export.batch import Batch
from agentmesh.learning.export.transcripts import plain


def rows(runs: Batch) -> Iterator[dict[str, Any]]:
    """The rows. What holds images or files is left out."""
    for run, one, place, call in runs.calls():
        if one.text_alone:
            yield {
                "prompt": plain(one.messages[:place]),
                "completion": plain(one.messages[place : place + 1]),
                "tools": list(one.tools),
                "reward": runs.reward(run, call),
                "advantage": runs.advantage(run, call),
                "agent": one.agent,
                "task": run.episode.task,
                "run_id": run.episode.run_id,
                "step": call.step,
            }
