"""`agentmesh calibrate`: how well monitors find what is there, and how seldom they find what is not."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from agentmesh.cli.display import wants_live_view
from agentmesh.cli.options import json_flag
from agentmesh.cli.terminal import count, one_line, say, say_json
from agentmesh.errors import AgentMeshError

if TYPE_CHECKING:
    from agentmesh.evaluation.calibration import Estimate, Row

_LEAST_WIDTH = 160
"""Columns in which every figure fits on its line."""


@click.command(name="calibrate")
@click.option("--runs", default=None, type=click.IntRange(1, 1000), help="Runs of each scenario and half. Default: 8.")
@click.option("--seed", default=0, show_default=True, help="Of the simulated runs: the same seed, the same runs.")
@click.option("--monitors", metavar="A,B", help="Measure these monitors only, by name. Default: all that are built in.")
@click.option("--monitor", "own", metavar="PKG:NAME", multiple=True, help="Measure this monitor of yours. Repeatable.")
@click.option("--traces", metavar="FILE", multiple=True, help="Measure on these labelled traces instead. Repeatable.")
@json_flag
def command(
    runs: int | None,
    seed: int,
    monitors: str | None,
    own: tuple[str, ...],
    traces: tuple[str, ...],
    as_json: bool,
) -> None:
    """Measure monitors on simulated pathologies, and on healthy runs that look like them.

    Thresholds are chosen on one half of the wordings: of those with surely no more than one false alarm in 1,000
    healthy messages the highest that loses no run and no time. Figures are those on the other half, which shares no
    word of content with the first or with any list of the monitors. Beside each figure stands its 95 % interval.
    `keywords` is a baseline that looks for phrases.

    With --traces the runs are those of a file in the format of `agentmesh audit`, with "labels": {"work_stop": 1,
    "stall": 0} in each trace, and, where it is known, "onset": the number of the first event that shows it.
    Thresholds are those that the monitors declare.

    \b
    Examples:
      agentmesh calibrate
      agentmesh calibrate --monitors sycophancy,progress --runs 30
      agentmesh calibrate --monitor my_package.monitors:Check --json
      agentmesh calibrate --traces labelled.jsonl
    """  # noqa: D301 - the escape tells click to keep the lines as they are
    if traces and runs is not None:
        raise click.UsageError("--runs is of simulated runs, and --traces measures on a file: leave one of them out.")
    measured = dict(_chosen(monitors, own))
    told = _of_traces(measured, traces) if traces else _of_simulations(measured, runs, seed)
    if as_json:
        say_json({**told, "rows": [row.to_json() for row in told["rows"]], **_at_home_json(told)})
        return
    say(_table(told["rows"], told.get("baseline_on_half_a", ())))
    say(_remark(told))


def _chosen(names: str | None, own: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """The monitors to measure, by name. Raises: AgentMeshError."""
    from agentmesh.config.models import MonitorConfig
    from agentmesh.monitors import registry
    from agentmesh.team.references import load_reference
    from agentmesh.team.watches import find_monitor

    wanted = [name.strip() for name in names.split(",") if name.strip()] if names is not None else []
    for name in wanted or ([] if own else list(registry.BUILT_IN)):
        yield name, find_monitor(name, MonitorConfig(), ())
    for reference in own:
        # Who names it on the command line consents to its import.
        yield reference, load_reference(reference, [reference.partition(":")[0].partition(".")[0]])


def _of_simulations(monitors: Mapping[str, Any], runs: int | None, seed: int) -> dict[str, Any]:
    from agentmesh.evaluation.calibration import RUNS, calibrate

    done = calibrate(monitors, seed=seed, runs=runs or RUNS)
    return {
        "seed": done.seed,
        "runs": done.runs,
        "messages_to_choose_on": done.chosen_on,
        "rows": done.rows,
        "baseline_on_half_a": done.at_home,
    }


def _of_traces(monitors: Mapping[str, Any], files: Sequence[str]) -> dict[str, Any]:
    from agentmesh.evaluation.calibration import BASELINE, LABELS, Keywords, labelled_traces, measure

    runs = [run for file in files for run in labelled_traces(file)]
    if not runs:
        raise AgentMeshError(f"{', '.join(files)}: there are no traces in it; expected one JSON object a line")
    given = dict.fromkeys([*LABELS, *(label for run in runs for label in run.onsets)])
    measured = measure({**monitors, BASELINE: Keywords}, runs, labels=tuple(given))
    return {"traces": len(runs), "rows": [row for row in measured if row.sick_runs or row.healthy_runs]}


def _at_home_json(told: Mapping[str, Any]) -> dict[str, Any]:
    home = told.get("baseline_on_half_a")
    return {} if home is None else {"baseline_on_half_a": [row.to_json() for row in home]}


def _table(rows: Iterable[Row], at_home: Iterable[Row]) -> str:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    columns = (
        "label",
        "monitor",
        "threshold",
        "runs",
        "recall",
        "precision",
        "false alarms/1000",
        "median delay",
        "p90",
    )
    for column in columns:
        table.add_column(column, justify="left" if column in ("label", "monitor") else "right", no_wrap=True)
    home = {row.label: row for row in at_home}
    ordered = sorted(rows, key=lambda row: row.label)
    for at, row in enumerate(ordered):
        label = row.label if at == 0 or ordered[at - 1].label != row.label else ""
        table.add_row(*_cells(row, label, row.monitor))
        if row.monitor == "keywords" and row.label in home:
            table.add_row(*_cells(home[row.label], "", "keywords, half a"), style="dim")
    drawn = io.StringIO()
    coloured = wants_live_view(sys.stdout, os.environ)
    width = max(_LEAST_WIDTH, shutil.get_terminal_size().columns)
    Console(file=drawn, width=width, force_terminal=coloured, no_color=not coloured).print(table)
    return drawn.getvalue().rstrip("\n")


def _cells(row: Row, label: str, monitor: str) -> tuple[str, ...]:
    return (
        one_line(label, 32),
        one_line(monitor, 32),
        f"{row.threshold:.2f}" if row.threshold <= 1 else "none",
        f"{row.sick_runs}/{row.healthy_runs}",
        _figure(row.recall),
        _figure(row.precision),
        _figure(row.false_alarms),
        _figure(row.delay_median, digits=0),
        _figure(row.delay_p90, digits=0),
    )


def _figure(estimate: Estimate, digits: int = 2) -> str:
    value, low, high = (
        "never" if n == float("inf") else "-" if n is None else f"{n:.{digits}f}" for n in _all(estimate)
    )
    return value if value == "-" or low == high else f"{value} {low}-{high}"


def _all(estimate: Estimate) -> tuple[float | None, ...]:
    return (estimate.value, estimate.low, estimate.high)


def _remark(told: Mapping[str, Any]) -> str:
    measured = "runs: sick/healthy; delays: turns from the onset to the first finding, a run that is not found is never"
    if "traces" in told:
        return f"\n{measured}\n{count(told['traces'], 'trace')}, thresholds as the monitors declare them"
    chosen = f"thresholds chosen on {count(told['messages_to_choose_on'], 'healthy message')} of half a"
    return f"\n{measured}\nseed {told['seed']}, {count(told['runs'], 'run')} of each scenario and half, {chosen}"
