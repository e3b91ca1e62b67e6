"""The files of an export: which rows each holds, and what no row could be made of."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from agentmesh.errors import AgentMeshError
from agentmesh.learning.export import art, dpo, jsonl, sft, trl, verl
from agentmesh.learning.export.batch import Batch, of_agents

Format = Literal["jsonl", "trl", "art", "verl", "sft", "dpo"]
FORMATS: tuple[Format, ...] = get_args(Format)
WHOLE = "runs"
"""The file where nothing is split, and the split of no name."""


@dataclass(frozen=True)
class Form:
    """What is written, and of what."""

    format: Format = "jsonl"
    by_agent: bool = False
    """Whether each agent has a file of its own."""
    least_reward: float = float("-inf")
    """Of `sft`: of the run."""
    least_gap: float = 0.0
    """Of `dpo`."""


@dataclass(frozen=True)
class File:
    """A file that was written."""

    path: str
    """In the folder of the export."""
    rows: int
    split: str = ""
    agent: str = ""


def rows_of(runs: Batch, form: Form, part: str = "") -> list[dict[str, Any]]:
    """The rows of one file, which are JSON. `part` is the name of the split."""
    match form.format:
        case "jsonl":
            return list(jsonl.rows(runs))
        case "trl":
            return list(trl.rows(runs))
        case "art":
            return list(art.rows(runs))
        case "verl":
            return list(verl.rows(runs, part))
        case "sft":
            return list(sft.rows(runs, form.least_reward))
        case "dpo":
            return list(dpo.rows(runs, form.least_gap))


def write(batches: Mapping[str, Batch], form: Form, folder: Path) -> list[File]:
    """Write one file for each split, or for each agent in a folder for each split. The split of no name is the whole.

    Raises: AgentMeshError where the folder cannot be written or is not empty, MissingExtra.
    """
    refuse_unfit(folder, form.format)
    written = []
    for part, runs in batches.items():
        for agent, some in (of_agents(runs) if form.by_agent else {"": runs}).items():
            name = Path(part, agent) if agent else Path(part or WHOLE)
            ending = "parquet" if form.format == "verl" else "jsonl"
            path = folder / f"{name}.{ending}"
            rows = rows_of(some, form, part)
            _write(rows, path)
            written.append(File(path.relative_to(folder).as_posix(), len(rows), part, agent))
    return written


def refuse_unfit(folder: Path, form: Format) -> None:
    """What is there already is neither mixed with new files nor lost. Raises: AgentMeshError, MissingExtra."""
    if form == "verl":
        verl.parquet()
    if folder.is_dir() and any(folder.iterdir()):
        raise AgentMeshError(f"{folder} is not empty; give a folder that is, or is not there yet")
    if folder.exists() and not folder.is_dir():
        raise AgentMeshError(f"{folder} is a file; give a folder")


def left_out(runs: Batch, form: Form) -> Counter[str]:
    """By why: how many steps of these runs no row was made of."""
    found: Counter[str] = Counter()
    for run in runs.runs:
        found["what was asked cannot be told from the log"] += sum(run.unrebuilt.values())
    for run, one, place, _ in runs.calls():
        why = _why(one.text_alone, bool(one.messages[place].get("tool_calls")), form.format)
        if not why and form.format == "sft" and not sft.good(run, runs, form.least_reward):
            why = "the run is rewarded with less"
        found[why] += 1
    if form.format == "dpo":
        paired = sum(len(pair.chosen) + len(pair.rejected) for pair in dpo.pairs(runs, form.least_gap))
        found["no answer to the same prompt did better or worse by enough"] = found[""] - paired
    return Counter({why: count for why, count in found.items() if why and count})


def _why(text_alone: bool, calls_tools: bool, form: Format) -> str:
    if not text_alone and form not in ("jsonl", "art"):
        return "images or files"
    return "ART trains no call of a tool without log probabilities" if calls_tools and form == "art" else ""


def _write(rows: list[dict[str, Any]], path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            verl.written(rows, path)
        else:
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    except OSError as error:
        raise AgentMeshError(f"the export cannot be written to {path}: {error.strerror}") from error
