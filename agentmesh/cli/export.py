"""`agentmesh export`: recorded runs as files that trainers read."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from functools import reduce
from pathlib import Path
from typing import Any

import anyio
import click

from agentmesh.cli.exporting import Found, gathered, numbers
from agentmesh.cli.journals import journal_option
from agentmesh.cli.options import Decorated, allow_option, json_flag, model_and_overrides
from agentmesh.cli.terminal import count, printable, say, say_json
from agentmesh.errors import AgentMeshError

_FORMATS = ("jsonl", "trl", "art", "verl", "sft", "dpo")
_MODES = ("global", "per_agent", "per_reward", "per_agent_reward", "leave_one_out", "mean")
_INCLUDE = "--include-halted includes them"

_WHAT = (
    click.option("--format", "form", type=click.Choice(_FORMATS), default="jsonl", show_default=True, help="Of files."),
    click.option("-o", "--output", metavar="FOLDER", required=True, help="Where the files go; it is empty, or made."),
    click.option("--all", "take_all", is_flag=True, help="Every run of the journal that has ended."),
    click.option(
        "--rewards",
        metavar="FILE|NAMES",
        help="By run, in a file; or names of metrics, `completed` or `verified`, each with a weight if it is not 1: "
        "tests,brief=0.5. Default: all metrics of the logs; of a comparison the value of each answer.",
    ),
    click.option("--mode", type=click.Choice(_MODES), default="per_agent", show_default=True, help="Of advantages."),
    click.option("--by-agent", is_flag=True, help="A file for each agent."),
    click.option("--include-halted", is_flag=True, help="Also runs that were halted, failed, cancelled or hacked."),
    click.option("--split", "shares", metavar="NAME=SHARE,...", help="By task, such as train=.8,test=.2."),
    click.option("--seed", type=int, default=0, show_default=True, help="Of the split."),
    click.option("--min-reward", type=float, metavar="R", help="Of sft, which needs it: runs rewarded with R or more."),
    click.option("--min-gap", type=float, default=0.0, metavar="R", help="Of dpo: least difference of a pair."),
    click.option(
        "--team",
        "teams",
        metavar="TEAM.yaml",
        multiple=True,
        help="The team of runs that were begun from Python or by a comparison, with -m and -O as then. Repeatable.",
    ),
    allow_option,
)


def _what(function: Decorated) -> Decorated:
    return reduce(lambda decorated, option: option(decorated), reversed(_WHAT), function)


@click.command(name="export")
@click.argument("runs", metavar="[RUNS...]", nargs=-1)
@_what
@journal_option
@json_flag
@model_and_overrides
def command(runs: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Write recorded runs as files that trainers read.

    RUNS are ids of runs in the journal, `last`, or a file of results that `agentmesh compare` keeps. Each run is gone
    through once more, without any model, so that the files hold what each agent really saw; what an agent wrote itself
    is marked, and has its reward and its advantage over the runs of the same task.

    jsonl has one line for each context of each agent, with all there is. trl, sft and dpo are data sets for TRL, art
    are groups of trajectories for ART, verl is a table in Parquet for verl. docs/learning.md has every column.

    Runs that were halted, failed or cancelled, in which reward hacking was found, or which do not follow from their
    team any more, are left out; how many, and why, is said and stands in export.json beside the files.

    \b
    Examples:
      agentmesh export last -o exported
      agentmesh export --all --rewards completed --format trl --split train=.8,test=.2 -o exported
      agentmesh export results.jsonl --team team.yaml --format sft --min-reward 1 -o exported
    """  # noqa: D301 - the escape tells click to keep the lines as they are
    from agentmesh.learning.export.files import refuse_unfit

    if bool(runs) == given["take_all"]:
        raise click.UsageError("Say which runs: ids, `last`, a file of results; or --all.")
    if given["form"] == "sft" and given["min_reward"] is None:
        raise click.UsageError("sft takes runs that are rewarded with so much or more: give --min-reward R.")
    folder = Path(given["output"])
    refuse_unfit(folder, given["form"])
    found = anyio.run(gathered, runs, given)
    if not found.runs:
        raise AgentMeshError(f"there is nothing to export: {_why(found) or 'the journal holds no run yet'}")
    told = _written(found, folder, given)
    if as_json:
        say_json(told)
    else:
        say(printable(_summary(told)))


def _written(found: Found, folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Write the files, and beside them what they are, which is returned."""
    from agentmesh.learning.export import Form, batch, left_out, split, unrewarded, write

    least = float("-inf") if given["min_reward"] is None else given["min_reward"]
    form = Form(given["form"], given["by_agent"], least, given["min_gap"])
    shares = _shares(given["shares"]) if given["shares"] else None
    parts = split(found.runs, shares, given["seed"]) if shares else {"": found.runs}
    # Each split by itself: nothing of the one may be told by the advantages of the other.
    batches = {name: batch(some, given["mode"], weights=found.weights) for name, some in parts.items()}
    files = write(batches, form, folder)
    missing: Counter[str] = sum((left_out(runs, form) for runs in batches.values()), Counter())
    told = {
        "format": form.format,
        "mode": given["mode"],
        "rewards": {name: weight for runs in batches.values() for name, weight in runs.weights.items()},
        "unrewarded": unrewarded(found.runs),
        "seed": given["seed"] if shares else None,
        "runs": len(found.runs),
        "steps": sum(len(run.episode.steps) for run in found.runs),
        "steps_left_out": dict(missing),
        "excluded": [{"run_id": run_id, "why": why} for run_id, why in found.excluded.items()],
        "files": [asdict(file) for file in files],
    }
    (folder / "export.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return {"folder": str(folder), **told}


def _shares(text: str) -> dict[str, float]:
    """Of splits, whose names are those of files. Raises: AgentMeshError."""
    shares = numbers(text, "--split")
    for name in shares:
        if name == ".." or Path(name).name != name:
            raise AgentMeshError(
                f"--split: found {name!r} in {text!r}; a split is named as a file may be, without folders"
            )
    return shares


def _summary(told: dict[str, Any]) -> str:
    lines = [f"{count(told['runs'], 'run')}, {count(told['steps'], 'step')} -> {told['folder']} ({told['format']})"]
    lines += [f"  {file['path']}: {count(file['rows'], 'row')}" for file in told["files"]]
    for why, number in Counter(one["why"].splitlines()[0] for one in told["excluded"]).items():
        hint = f" ({_INCLUDE})" if " " not in why else ""
        lines.append(f"left out: {count(number, 'run')}: {why}{hint}")
    for why, number in told["steps_left_out"].items():
        lines.append(f"left out: {count(number, 'step')}: {why}")
    for name, number in told["unrewarded"].items():
        lines.append(f"no '{name}' in {count(number, 'run')}, where it counts 0")
    if not told["rewards"]:
        lines.append("no rewards: the runs have no metrics; --rewards names some")
    return "\n".join(lines)


def _why(found: Found) -> str:
    return "; ".join(
        f"{count(number, 'run')}: {why}"
        for why, number in Counter(why.splitlines()[0] for why in found.excluded.values()).items()
    )
