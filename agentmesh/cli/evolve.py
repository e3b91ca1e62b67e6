"""`agentmesh evolve`: a population of teams under one budget, beside one agent with as much."""

from __future__ import annotations

import io
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

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
from agentmesh.cli.terminal import complain, count, one_line, printable, say, say_json
from agentmesh.errors import ConfigError

if TYPE_CHECKING:
    from agentmesh.evaluation.tasks import Tasks
    from agentmesh.learning.evolution import Evolution, Settings, Side

_LEAST_WIDTH = 100


@click.command(name="evolve")
@click.argument("file", metavar="TEAM.yaml")
@task_options
@click.option(
    "--budget-tokens", type=click.IntRange(min=1), metavar="N", required=True, help="What everything may use together."
)
@click.option("--population", type=click.IntRange(1, 1000), default=16, show_default=True, help="Teams at a time.")
@click.option(
    "--operator",
    type=click.Choice(["rsa", "tournament", "elitist", "islands", "novelty"]),
    default="rsa",
    show_default=True,
    help="How the next generation comes of one.",
)
@click.option(
    "--generations", type=click.IntRange(min=0), default=4, show_default=True, help="How many follow the first one."
)
@click.option("--parents", type=click.IntRange(min=1), default=4, show_default=True, help="K of the operator.")
@click.option(
    "--vary",
    metavar="PATH=VALUES",
    multiple=True,
    help="What may stand where: a|b|c, 1..5, [a, b] or @FILE of prompts. Repeatable. Default: numbers in the file.",
)
@click.option("--vary-with", "variation", metavar="MODEL", help="A model that varies, and writes instructions anew.")
@click.option(
    "--select",
    type=click.Choice(["verifier", "ruler"]),
    default="verifier",
    show_default=True,
    help="By what parents are chosen: tasks solved, or what the model of --judge says of their answers.",
)
@click.option(
    "--held-out", type=click.FloatRange(0.1, 0.9), default=0.5, show_default=True, help="Share of tasks kept aside."
)
@click.option("--held-out-tasks", metavar="FILE|GENERATOR", help="Tasks kept aside, in place of a share of --tasks.")
@click.option("--no-baselines", is_flag=True, help="All of the budget for evolution, and nothing beside it.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of all that is drawn.")
@run_options
@click.option("-o", "--output", metavar="FILE.yaml", help="Where the best team goes; held-out tasks go beside it.")
@click.option("--report", metavar="FILE.html", help="Write a report, one file of HTML: plots, lineage, figures.")
@json_flag
@model_and_overrides
def command(file: str, source: str, as_json: bool, **given: Any) -> None:
    """Evolve a population of teams from one, and see what the best is worth on tasks that none of them has seen.

    An individual is the team's file with something else written in it, and its fitness is how many tasks it solves.
    Beside it one agent alone, its majority vote, the best of its answers and an answer refined again and again get the
    same tokens on the same tasks: of the budget evolution and each of these ways have an equal share. Nothing, varying
    and judging included, is begun that might not fit into it.

    Finished runs are kept, and the same command goes on where it was stopped.

    \b
    Examples:
      agentmesh evolve team.yaml --tasks tasks.jsonl --budget-tokens 3000000 --vary-with anthropic:MODEL -o best.yaml
      agentmesh evolve team.yaml --tasks riddles:n=40 --budget-tokens 2000000 \\
        --vary 'agents.*.instructions=@prompts.yaml' -o best.yaml
    """  # noqa: D301 - the escape tells click to keep the lines as they are
    if given["report"]:
        refuse_unwritable_report(given["report"])
    _refuse_loss(source, given)
    evolution = _carried_out(file, tasks_of(source, given), given)
    if given["report"]:
        from agentmesh.reporting.learning import learning_page

        write_report(given["report"], learning_page(evolution.to_json()))
    if given["output"]:
        from agentmesh.learning.evolution import held_out_beside

        complain(f"best team: {given['output']}, held-out tasks: {held_out_beside(given['output'])}")
    if as_json:
        say_json({**evolution.to_json(), "file": given["output"]})
        return
    say(_table(evolution))
    for line in _told(evolution):
        say(printable(line))
    if not given["output"]:
        say(f"\n{printable(evolution.yaml.rstrip())}")


def _refuse_loss(source: str, given: dict[str, Any]) -> None:
    """Raises: ConfigError where the held-out tasks would be written over tasks that were given."""
    from agentmesh.learning.evolution import held_out_beside

    if not given["output"]:
        return
    beside = held_out_beside(given["output"])
    if beside.exists() and Path(source).exists() and beside.samefile(source):
        raise ConfigError("held-out tasks would be written over the tasks of --tasks; name another -o", str(beside))


def _carried_out(file: str, tasks: Tasks, given: dict[str, Any]) -> Evolution:
    from agentmesh.evaluation.comparison.processes import Processes, Recipe
    from agentmesh.evaluation.scoring import Scorer
    from agentmesh.evaluation.tasks import load_tasks
    from agentmesh.learning.evolution import CALLS, evolution_results_of, evolve
    from agentmesh.team import Team

    read = {"model": given["model"], "overrides": given["overrides"], "allow": given["allow"]}
    team = Team.from_yaml(file, **read)
    held_out = load_tasks(given["held_out_tasks"]) if given["held_out_tasks"] else given["held_out"]
    results = kept_in(evolution_results_of(file, tasks), given)
    if given["fresh"]:
        results.with_suffix(CALLS).unlink(missing_ok=True)
    journal, scorer = journal_of([team], results, given), Scorer(judge=given["judge"], allow=given["allow"])
    recipe = Recipe((file,), given["model"], given["overrides"], given["allow"])
    processes = Processes(recipe) if journal is None and Processes.can_help([team], tasks.items) else None

    async def carry_out(progress: Progress) -> Evolution:
        return await evolve(
            file,
            tasks,
            budget_tokens=given["budget_tokens"],
            settings=_settings(given),
            held_out=held_out,
            seeds=given["seeds"],
            scorer=scorer,
            results=results,
            journal=journal,
            concurrency=given["concurrency"],
            processes=processes,
            output=given["output"],
            progress=progress,
            **read,
        )

    with processes or nullcontext():
        return carried_out(carry_out, results, "tokens")


def _settings(given: dict[str, Any]) -> Settings:
    from agentmesh.learning.evolution import Settings

    taken = ("population", "operator", "generations", "parents", "vary", "variation", "select", "judge", "seed")
    return Settings(**{name: given[name] for name in taken}, baselines=not given["no_baselines"])


def _table(evolution: Evolution) -> str:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("generation", "best", "mean", "vendi", "champion", "spent"):
        table.add_column(column, justify="right", no_wrap=True)
    for one in (generation.to_json() for generation in evolution.generations):
        figures = (f"{one['best']:.2f}", f"{one['mean']:.2f}", f"{one['vendi']:.1f}", one["champion"])
        table.add_row(str(one["generation"]), *figures, f"{one['spent']:,}")
    beside = Table(box=None, pad_edge=False)
    for column in ("held out", "right", "95 %", "tokens", "spent", "samples"):
        beside.add_column(column, justify="left" if column == "held out" else "right", no_wrap=True)
    for side in (evolution.best, evolution.start, *evolution.baselines):
        beside.add_row(*_side(side))
    drawn = io.StringIO()
    console = Console(file=drawn, width=_LEAST_WIDTH, no_color=True)
    console.print(table)
    console.print()
    console.print(beside)
    return "\n".join(line.rstrip() for line in drawn.getvalue().rstrip().splitlines())


def _side(side: Side) -> tuple[str, ...]:
    told = side.to_json()
    low, high = told["ci"]
    samples = f"{told['samples']:.0f}" if told["samples"] > 1 else ""
    figures = (f"{told['success']:.2f}", f"{low:.2f}-{high:.2f}", f"{told['tokens']:,.0f}", f"{told['spent']:,}")
    return (one_line(side.name, 40), *figures, samples)


def _told(evolution: Evolution) -> Iterable[str]:
    ledger, settings = evolution.ledger, evolution.settings
    yield (
        f"\n{evolution.ended}; {ledger.spent:,} of {ledger.limit:,} tokens used, {settings['share']:,} of them at most "
        "by evolution"
    )
    for remark in evolution.remarks:
        yield f"note: {remark}"
    if ends := len(evolution.dead_ends):
        yield f"{count(ends, 'variation was', 'variations were')} tried and lost"
    yield f"\n{_verdict(evolution)}"


def _verdict(evolution: Evolution) -> str:
    best, against = evolution.best, evolution.baselines
    rival = max(against, key=lambda one: one.success, default=evolution.start)
    if best.success > rival.success:
        told = best.gain(rival)
        named = f"{rival.name} with an equal share of the tokens" if against else "the team as it is written"
        sure = "" if (told["low"] or 0.0) > 0 else ", which may be chance"
        return f"{best.name} is right {_points(told)} more often than {named}{sure}"
    if against:
        so = "better" if rival.success > best.success else "as well"
        return f"one agent does {so}: {rival.name} is right on {rival.success:.0%}, {best.name} on {best.success:.0%}"
    return (
        f"nothing better was found: {best.name} is right on {best.success:.0%}, the team as it is written on "
        f"{rival.success:.0%}"
    )


def _points(told: dict[str, Any]) -> str:
    value, low, high = (round(100 * (told[key] or 0.0)) for key in ("value", "low", "high"))
    return f"{count(value, 'point')} [{low}, {high}]"
