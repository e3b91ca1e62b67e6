"""Loads an export with ART, and prints what ART makes of it: python -m tests.learning.export.tokenised_by_art FILE."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.learning.export import tiny


def with_choices(one: dict[str, Any]) -> dict[str, Any]:
    """A trajectory or a history as docs/learning.md says that ART takes it."""
    from openai.types.chat.chat_completion import Choice

    told = [Choice(**message) if "finish_reason" in message else message for message in one["messages_and_choices"]]
    later = [with_choices(history) for history in one.get("additional_histories", ())]
    return {**one, "messages_and_choices": told, **({"additional_histories": later} if later else {})}


def tokenised(path: Path) -> dict[str, Any]:
    import art
    from art.preprocessing.tokenize import tokenize_trajectory_groups

    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    groups = [
        art.TrajectoryGroup(
            [art.Trajectory(**with_choices(one)) for one in row["trajectories"]], metadata=row["metadata"]
        )
        for row in rows
    ]
    results = tokenize_trajectory_groups(
        tiny.tokenizer(), groups, allow_training_without_logprobs=True, scale_rewards=True
    )
    return {
        "groups": [len(group.trajectories) for group in groups],
        "results": [
            {
                "ids": list(result.token_ids),
                "marks": list(result.assistant_mask),
                "advantage": result.advantage,
                "reward": result.trajectory.reward,
            }
            for result in results
        ],
    }


if __name__ == "__main__":
    print(json.dumps(tokenised(Path(sys.argv[1]))))
