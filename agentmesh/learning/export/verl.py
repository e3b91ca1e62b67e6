"""For verl: one row for each context of each agent; a table in Parquet.

`prompt` is what stands before the first answer, and is what the trainers of verl by reinforcement sample anew from;
`messages` is the whole, for `MultiTurnSFTDataset`, which trains every assistant message in it.

Source: verl 0.9.1, `RLHFDataset` (`prompt`, `data_source`, `ability`, `reward_model`, `extra_info` with `index`) and
`MultiTurnSFTDataset` (`messages`, `tools`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from agentmesh.errors import MissingExtra
from agentmesh.learning.export.batch import Batch
from agentmesh.learning.export.transcripts import plain


def rows(runs: Batch, part: str = "") -> Iterator[dict[str, Any]]:
    """The rows. `part` is the name of the split. What holds images or files is left out."""
    told = ((run, one) for run, _, one in runs.transcripts() if one.text_alone)
    for index, (run, one) in enumerate(told):
        first, calls = min(one.calls), one.calls.values()
        messages = plain(one.messages)
        yield {
            "data_source": run.episode.team,
            "prompt": messages[:first],
            "ability": one.agent,
            "reward_model": {"style": "rule", "ground_truth": ""},
            "extra_info": {
                "split": part,
                "index": index,
                "task": run.episode.task,
                "run_id": run.episode.run_id,
                "agent": one.agent,
                "reward": fmean(runs.reward(run, call) for call in calls),
                "advantage": fmean(runs.advantage(run, call) for call in calls),
                "loss_mask": one.loss_mask,
                "tools": json.dumps(one.tools),
            },
            "messages": messages,
            "tools": list(one.tools),
        }


def parquet() -> tuple[Any, Any]:
    """`pyarrow` and `pyarrow.parquet`. Raises: MissingExtra."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtra("the format verl, which is Parquet,", "parquet") from error
    return pyarrow, parquet


def written(found: Sequence[dict[str, Any]], path: Path) -> bool:
    """Write the table; whether it has a column of tools.

    A column holds values of one form, and fills what others lack with nulls: tools with different parameters would not
    come out as the model saw them. They stand in `extra_info` alone then. Raises: MissingExtra.
    """
    arrow, tables = parquet()
    tools = [row["tools"] for row in found]
    kept = any(tools) and arrow.array(tools).to_pylist() == tools
    rest = [row if kept else {name: value for name, value in row.items() if name != "tools"} for row in found]
    tables.write_table(arrow.Table.from_pylist(rest), path)
    return bool(kept)
