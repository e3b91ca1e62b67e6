"""`agentmesh compare`: teams beside their best member, on the same tasks with the same budget."""

from __future__ import annotations

import io
import os
import shutil
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from agentmesh.cli.display import wants_live_view
from agentmesh.cli.measuring import (
    Progress,
    carried_out,
    journal_of,
    kept_in,
    refuse_unwritable_report,
    run_options,
    task_options,
    tasks_of,
    write_report,
)
from agentmesh.cli.options import json_flag, model_and_overrides
from agentmesh.cli.terminal import count, one_line, printable, say, say_json, usd

if TYPE_CHECKING:
    from agentmesh.evaluation.comparison import Comparison
    from agentmesh.evaluation.comparison.processes import Recipe
    from agentmesh.evaluation.tasks import Tasks

_LEAST_WIDTH = 120
"""Columns in which every figure fits on its line."""


@click.command(name="compare")
@click.argument("files", metavar="TEAM.yaml...", nargs=-1, required=True)
@task_options
@click.option(
    "--budget-tokens",
    type=click.IntRange(min=1),
    metavar="N",
    help="Limit of every run. Default: what the thirstiest run of a team uses.",
)
@click.option("--no-baselines", is_flag=True, help="Run the teams only: no verdict, but no run of members alone.")
@run_options
@click.option("-o", "--output", metavar="FILE.html", help="Write a report, one file of HTML.")
@json_flag
@model_and_overrides
def command(files: tuple[str, ...], source: str, as_json: bool, **given: Any) -> None:
    """Measure teams against their own members, at one budget, and say whether they are worth it.

    Each team, each of its members alone, and three ways in which the best member can spend the whole budget (the
    majority of several answers, the best of several, an answer refined again and again) get the same tasks, seeds and
    limit of tokens. What monitors and checkers use counts.

    Tasks are a file (JSON lines with id, prompt, answer; or as GSM8K, MMLU and HumanEval come), or are made:
    arithmetic:n=50,depth=3 and the like. Finished runs are kept: the same command goes on where it was stopped, more
    seeds add to them, and nothing is paid twice.

    \b
    Examples:
      agentmesh compare team.yaml --tasks tasks.jsonl --budget-tokens 20000 --seeds 3
      agentmesh compare topologies/flat.yaml topologies/hierarchy.yaml --tasks arithmetic:n=20 -o report.html
    """  # noqa: D301 - the escape tells click to keep the lines as they are
    from agentmesh.evaluation.comparison.processes import Recipe

    if given["output"]:
        refuse_unwritable_report(given["output"])
    recipe = Recipe(files, given["model"], given["overrides"], given["allow"])
    tasks = tasks_of(source, given)
    comparison = _carried_out(recipe, tasks, given)
    if given["output"]:
        from agentmesh.reporting.comparison import comparison_html

        write_report(given["output"], comparison_html(comparison.to_json()))
    if as_json:
        say_json(comparison.to_json())
        return
    say(_table(comparison))
    for unequal in comparison.unequal:
        say(printable(f"\nnot equal: {unequal}"))
    for remark in comparison.remarks:
        say(printable(f"\nnote: {remark}"))
    say(printable(f"\n{comparison.verdict.why}"))


def _carried_out(recipe: Recipe, tasks: Tasks, given: dict[str, Any]) -> Comparison:
    from agentmesh.evaluation.comparison import compare, results_of
    from agentmesh.evaluation.comparison.processes import Processes
    from agentmesh.evaluation.scoring import Scorer

    teams = recipe.teams()
    scorer = Scorer(judge=given["judge"], allow=given["allow"])
    results = kept_in(results_of(teams, tasks, given["budget_tokens"]), given)
    journal = journal_of(teams, results, given)
    processes = Processes(recipe) if journal is None and Processes.can_help(teams, tasks.items) else None

    async def carry_out(progress: Progress) -> Comparison:
        return await compare(
            teams,
            tasks,
            budget_tokens=given["budget_tokens"],
            seeds=given["seeds"],
            baselines=not given["no_baselines"],
            scorer=scorer,
            results=results,
            journal=journal,
            concurrency=given["concurrency"],
            processes=processes,
            progress=progress,
        )

    with processes or nullcontext():
        return carried_out(carry_out, results)


def _table(comparison: Comparison) -> str:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("", "right", "95 %", "tokens", "cost", "turns", "overhead", "gap", "amplifies", "samples"):
        table.add_column(column, justify="left" if not column else "right", no_wrap=True)
    for one in comparison.standings:
        table.add_row(*_cells(one.to_json()), style=None if one.kind == "team" else "dim")
    drawn = io.StringIO()
    coloured = wants_live_view(sys.stdout, os.environ)
    width = max(_LEAST_WIDTH, shutil.get_terminal_size().columns)
    Console(file=drawn, width=width, force_terminal=coloured, no_color=not coloured).print(table)
    head = (
        f"{comparison.tasks}: {count(len(comparison.rows), 'run')}, each limited to {comparison.budget_tokens:,} tokens"
    )
    return f"{printable(head)}\n\n{drawn.getvalue().rstrip()}"


def _cells(told: dict[str, Any]) -> tuple[str, ...]:
    low, high = told["ci"]
    measures = told["measures"]
    return (
        one_line(told["name"], 40),
        f"{told['success']:.2f}",
        f"{low:.2f}-{high:.2f}",
        f"{told['tokens']:,.0f}",
        usd(told["cost_usd"]),
        f"{told['turns']:.1f}",
        _figure(measures.get("overhead")),
        _figure(measures.get("synergy_gap")),
        _figure(measures.get("error_amplification")),
        f"{told['samples']:.0f}" if told["samples"] > 1 else "",
    )


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
