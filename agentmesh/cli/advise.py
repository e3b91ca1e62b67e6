"""`agentmesh advise`: which topology, how many agents, told what, or none."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from agentmesh.cli.measuring import Progress, carried_out, journal_of, kept_in, run_options, task_options, tasks_of
from agentmesh.cli.options import json_flag, model_and_overrides
from agentmesh.cli.terminal import count, one_line, printable, say, say_json
from agentmesh.errors import ConfigError

if TYPE_CHECKING:
    from agentmesh.evaluation.advice import Advice, Prompt
    from agentmesh.evaluation.tasks import Tasks
    from agentmesh.team import Team

_LEAST_WIDTH = 100


@click.command(name="advise")
@click.argument("file", metavar="TEAM.yaml")
@task_options
@click.option(
    "--budget-tokens", type=click.IntRange(min=1), metavar="N", required=True, help="What all runs together may use."
)
@click.option("--sizes", metavar="N,N", default="2,3,5", show_default=True, help="How many agents to try.")
@click.option("--topologies", metavar="NAME,NAME", help="What to try. Default: all, and the team as it is.")
@click.option("--prompts", metavar="FILE", help="More to tell the agents: YAML or JSON, a line each, `name: text`.")
@click.option("--as-written", is_flag=True, help="Try no prompts beside the instructions but those of --prompts.")
@click.option(
    "--held-out", type=click.FloatRange(0.1, 0.9), default=0.5, show_default=True, help="Share of tasks kept aside."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the draw of tasks that are kept aside.")
@run_options
@json_flag
@model_and_overrides
def command(file: str, source: str, as_json: bool, **given: Any) -> None:
    """Find the topology, the size and the prompt that a team's agents do best with, or that they need no team.

    Members alone, the team as it is, and topologies made of its agents are run on a few tasks, the better half of them
    on twice as many, and so on, until the budget does not carry more. The best team found and what one agent can do
    with as many tokens are then run on tasks that were kept aside: a team is recommended only if it is better there.

    All runs together never use more than the budget; runs that are kept from before count as if they were run now, and
    are not paid for again.

    \b
    Examples:
      agentmesh advise team.yaml --tasks tasks.jsonl --budget-tokens 3000000
      agentmesh advise team.yaml --tasks arithmetic:n=40 --budget-tokens 500000 --sizes 3 --as-written
    """  # noqa: D301 - the escape tells click to keep the lines as they are
    from agentmesh.team import Team

    team = Team.from_yaml(file, model=given["model"], overrides=given["overrides"], allow=given["allow"])
    advice = _carried_out(team, tasks_of(source, given), given)
    if as_json:
        say_json(advice.to_json())
        return
    say(_table(advice))
    say(printable(f"\n{advice.search.ended}; {advice.ledger.spent:,} of {advice.ledger.limit:,} tokens used\n"))
    say(printable(f"{_recommendation(advice)}\n"))
    for reason in advice.reasons:
        say(printable(f"- {reason}"))
    if advice.snippet:
        say(f"\nIn the team's file:\n\n{printable(advice.snippet.rstrip())}")


def _carried_out(team: Team, tasks: Tasks, given: dict[str, Any]) -> Advice:
    from agentmesh.evaluation.advice import SHAPES, advice_results_of, advise
    from agentmesh.evaluation.scoring import Scorer

    results = kept_in(advice_results_of(team, tasks), given)
    sizes, prompts, scorer = _sizes(given["sizes"]), _prompts(given), Scorer(judge=given["judge"], allow=given["allow"])
    shapes = [one.strip() for one in given["topologies"].split(",")] if given["topologies"] else SHAPES

    async def carry_out(progress: Progress) -> Advice:
        return await advise(
            team,
            tasks,
            budget_tokens=given["budget_tokens"],
            sizes=sizes,
            shapes=shapes,
            prompts=prompts,
            held_out=given["held_out"],
            seeds=given["seeds"],
            seed=given["seed"],
            scorer=scorer,
            results=results,
            journal=journal_of([team], results, given),
            concurrency=given["concurrency"],
            progress=progress,
        )

    return carried_out(carry_out, results, "tokens")


def _sizes(given: str) -> list[int]:
    try:
        return [int(one) for one in given.split(",")]
    except ValueError as error:
        raise ConfigError(f"--sizes takes numbers of agents, such as 2,3,5; found {given}") from error


def _prompts(given: dict[str, Any]) -> list[Prompt]:
    """Ours and the user's, whose names go first."""
    from agentmesh.evaluation.advice import OWN, read_prompts

    own = () if given["as_written"] else OWN
    more = read_prompts(given["prompts"]) if given["prompts"] else ()
    return list({one.name: one for one in (*own, *more)}.values())


def _recommendation(advice: Advice) -> str:
    one = advice.recommendation
    told = "as written" if one.prompt == "as written" else f"with the prompt '{one.prompt}'"
    match one.topology:
        case "solo":
            who = "no team, one agent alone"
        case "team":
            who = f"the team as it is, {count(one.agents, 'agent')}"
        case topology:
            who = f"{topology}, {count(one.agents, 'agent')}"
    return f"Recommended: {who}, {told}: {one.why}"


def _table(advice: Advice) -> str:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("rung", "tasks", "tried", "best", "right", "tokens", "spent"):
        table.add_column(column, justify="left" if column == "best" else "right", no_wrap=True)
    for row in _rows(advice):
        table.add_row(*row)
    drawn = io.StringIO()
    Console(file=drawn, width=_LEAST_WIDTH, no_color=True).print(table)
    return drawn.getvalue().rstrip()


def _rows(advice: Advice) -> Iterable[tuple[str, ...]]:
    for number, rung in enumerate(advice.search.rungs, start=1):
        best = rung.places[0]
        named = one_line(best.candidate.name, 40)
        said = (f"{best.success:.2f}", f"{best.tokens:,.0f}", f"{rung.spent:,}")
        yield (str(number), str(rung.tasks), str(len(rung.places)), named, *said)
    held = advice.held_out
    tasks = len({row.task for row in held.rows})
    for one in sorted(held.standings, key=lambda one: (-(one.success.value or 0.0), one.tokens)):
        said = (f"{one.success.value or 0.0:.2f}", f"{one.tokens:,.0f}", "")
        yield ("held out", str(tasks), "", one_line(one.name, 40), *said)
