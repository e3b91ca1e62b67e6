"""`agentmesh compare`: teams beside their best member, on the same tasks with the same budget."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import click

from agentmesh.cli import INTERRUPTED
from agentmesh.cli.display import wants_live_view
from agentmesh.cli.options import json_flag, model_and_overrides
from agentmesh.cli.signals import Interruption
from agentmesh.cli.terminal import complain, count, one_line, printable, say, say_json, usd
from agentmesh.errors import AgentMeshError, ConfigError
from agentmesh.team import Team

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentmesh.evaluation.comparison import Comparison
    from agentmesh.evaluation.tasks import Tasks

_LEAST_WIDTH = 120
"""Columns in which every figure fits on its line."""


@click.command(name="compare")
@click.argument("files", metavar="TEAM.yaml...", nargs=-1, required=True)
@click.option("--tasks", "source", metavar="FILE|GENERATOR", required=True, help="A file of tasks, or kind:args.")
@click.option("--tasks-format", "form", metavar="FORM", help="Of the file: native, gsm8k, mmlu or humaneval.")
@click.option("--first", type=click.IntRange(min=1), metavar="N", help="Take only so many of the tasks.")
@click.option(
    "--budget-tokens",
    type=click.IntRange(min=1),
    metavar="N",
    help="Limit of every run. Default: what the thirstiest run of a team uses.",
)
@click.option("--seeds", type=click.IntRange(1, 1000), default=1, show_default=True, help="Runs of each task.")
@click.option("--concurrency", type=click.IntRange(1, 1000), default=8, show_default=True, help="Runs at a time.")
@click.option("--no-baselines", is_flag=True, help="Run the teams only: no verdict, but no run of members alone.")
@click.option("--judge", metavar="MODEL", help="Who scores answers of tasks that are checked by a judge.")
@click.option("--allow", metavar="PACKAGE", multiple=True, help="Consent to imports from this package. Repeatable.")
@click.option(
    "--results", metavar="PATH", help="Where finished runs are kept, and looked for. Default: .agentmesh/comparisons."
)
@click.option("--fresh", is_flag=True, help="Run everything anew: drop the finished runs that are kept.")
@click.option("--journal", metavar="PATH", help="Journal of the runs. Default: beside the results, none if simulated.")
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
    teams = _teams(files, given["model"], given["overrides"], given["allow"])
    tasks = _tasks(source, given["form"], given["first"])
    comparison = _carried_out(teams, tasks, given)
    if given["output"]:
        _report(comparison, given["output"])
    if as_json:
        say_json(comparison.to_json())
        return
    say(_table(comparison))
    for unequal in comparison.unequal:
        say(printable(f"\nnot equal: {unequal}"))
    for remark in comparison.remarks:
        say(printable(f"\nnote: {remark}"))
    say(printable(f"\n{comparison.verdict.why}"))


def _teams(files: Sequence[str], model: str | None, overrides: Sequence[str], allow: Sequence[str]) -> list[Team]:
    teams = [Team.from_yaml(file, model=model, overrides=overrides, allow=allow) for file in files]
    for file, team in zip(files, teams, strict=True):
        if [one.name for one in teams].count(team.name) > 1:
            team.name = Path(file).stem  # two variants of one file have one name, and two files
    return teams


def _tasks(source: str, form: str | None, first: int | None) -> Tasks:
    from agentmesh.evaluation.tasks import load_tasks

    return load_tasks(source, format=form, limit=first)


def _carried_out(teams: list[Team], tasks: Tasks, given: dict[str, Any]) -> Comparison:
    """The comparison, or an exit with 130 where it was stopped. Raises: AgentMeshError."""
    from agentmesh.evaluation.comparison import compare, results_of
    from agentmesh.evaluation.scoring import Scorer

    results = Path(given["results"] or results_of(teams, tasks, given["budget_tokens"]))
    if given["fresh"]:
        results.unlink(missing_ok=True)
    journal = given["journal"]
    if journal is None and not all(team.simulated for team in teams):
        journal = str(results.with_suffix(".db"))
    scorer = Scorer(judge=given["judge"], allow=given["allow"])
    stopped: list[str] = []

    async def carry_out(progress: Callable[[int, int], None]) -> Comparison | None:
        made: Comparison | None = None
        refusal: Exception | None = None
        interruption = Interruption()
        async with anyio.create_task_group() as beside:
            await beside.start(interruption.on_signals, lambda: None)
            with anyio.CancelScope() as scope:

                def stop(reason: str) -> None:
                    stopped.append(reason)
                    scope.cancel()

                interruption.applies_to(stop)
                try:
                    made = await compare(
                        teams,
                        tasks,
                        budget_tokens=given["budget_tokens"],
                        seeds=given["seeds"],
                        baselines=not given["no_baselines"],
                        scorer=scorer,
                        results=results,
                        journal=journal,
                        concurrency=given["concurrency"],
                        progress=progress,
                    )
                except* AgentMeshError as errors:  # runs go side by side: the first that went wrong stands for all
                    refusal = _first(errors)
            beside.cancel_scope.cancel()
        if refusal is not None:
            raise refusal
        return made

    with _progress() as progress:
        comparison = anyio.run(carry_out, progress)
    if comparison is None:
        complain(f"stopped; finished runs are kept in {results}: the same command goes on from there")
        raise click.exceptions.Exit(INTERRUPTED)
    return comparison


def _first(errors: BaseExceptionGroup[Any]) -> Exception:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal; elsewhere a line for each tenth."""
    if not wants_live_view(sys.stderr, os.environ):
        yield _in_lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("runs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("runs", total=None)
        yield lambda done, known: bar.update(task, completed=done, total=known)


def _in_lines() -> Callable[[int, int], None]:
    told = 0

    def tell(done: int, known: int) -> None:
        nonlocal told
        if done * 10 // known > told * 10 // known or done == known:
            complain(f"{done} of {known} runs")
        told = done

    return tell


def _report(comparison: Comparison, path: str) -> None:
    from agentmesh.reporting.comparison import comparison_html

    try:
        Path(path).write_text(comparison_html(comparison.to_json()), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"the report cannot be written to {path}: {error.strerror}") from error
    complain(f"report: {path}")


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
