"""`agentmesh audit`: what the monitors find in traces of other frameworks, and in runs that are over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import click

from agentmesh.cli.journals import existing, journal_option, status_of, team_of
from agentmesh.cli.options import allow_option, json_flag
from agentmesh.cli.terminal import complain, one_line, printable, say, say_json
from agentmesh.config.models import MonitorConfig
from agentmesh.errors import AgentMeshError, ConfigError
from agentmesh.team.watches import fault_of, find_monitor

if TYPE_CHECKING:
    from agentmesh.evaluation.audit import Audit, Monitors
    from agentmesh.evaluation.readers import Trace

FORMATS = ("native", "langgraph", "autogen", "openai", "otel", "inspect")
SHOWN = 0.2
"""Scores from here on are printed although nothing was found."""


@click.command(name="audit")
@click.argument("traces", metavar="TRACE...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--monitors", metavar="A,B", help="Only these: built-in or installed ones, or package.module:Name.")
@click.option("--run", "runs", metavar="RUN_ID", multiple=True, help="Audit a run of a journal. Repeatable.")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), help="Of the trace files; found out from what they hold otherwise."
)
@click.option("--normalise", is_flag=True, help="Print the traces as agentmesh reads them, and audit nothing.")
@allow_option
@journal_option
@json_flag
def command(
    traces: tuple[Path, ...],
    monitors: str | None,
    runs: tuple[str, ...],
    form: str | None,
    normalise: bool,
    allow: tuple[str, ...],
    journal: str,
    as_json: bool,
) -> None:
    """Show traces to the monitors: what they find, and how strongly each label shows.

    Reads traces in the format of agentmesh, LangGraph, AutoGen, OpenAI-style chat logs, OpenTelemetry GenAI spans and
    Inspect logs, also with .gz at the end; no model is asked, nothing is sent anywhere. A run is shown to the monitors
    of its own team, or to all. A line that cannot be read is reported with its number, and the rest goes on; then the
    command exits 2. So is a monitor that raises, with the trace; then it exits 1.

    \b
    Examples:
      agentmesh audit trace.jsonl
      agentmesh audit --monitors sycophancy,work_stopping --json traces/*.jsonl.gz
      agentmesh audit --run last
    """  # noqa: D301 - the escape tells click to keep the lines as they are
    if not traces and not runs:
        raise click.UsageError("name a trace file, or a run with --run RUN_ID")
    chosen = _chosen(monitors, allow)
    broken = faults = 0
    for run_id in runs:
        broken += _show(anyio.run(_audited_run, run_id, journal, chosen), as_json)
    for path in traces:
        read = _audit_file(path, form, chosen, normalise=normalise, as_json=as_json)
        broken, faults = broken + read.broken, faults + read.count
    if broken or faults:
        raise click.exceptions.Exit(1 if broken else 2)


def _chosen(names: str | None, allow: Sequence[str]) -> Monitors | None:
    """The monitors that were asked for, or None for the usual ones. Raises: ConfigError."""
    if names is None:
        return None
    chosen = {}
    for name in filter(None, (part.strip() for part in names.split(","))):
        config = MonitorConfig(use=name)
        monitor = find_monitor(name, config, allow)
        fault = fault_of(monitor, config)
        if fault is not None:
            raise ConfigError(f"--monitors {name}: {fault}")
        chosen[name.rpartition(":")[2]] = (monitor, config)
    return chosen


def _audit_file(path: Path, form: str | None, chosen: Monitors | None, *, normalise: bool, as_json: bool) -> _Faults:
    """The faults that the file had."""
    from agentmesh.evaluation.audit import audit_trace, built_in_monitors

    monitors = {} if normalise else chosen or built_in_monitors()
    faults = _Faults(path)
    try:
        for trace in faults.without(form):
            if normalise:
                say_json(trace.to_json(), indent=None)
            else:
                faults.broken += _show(audit_trace(trace, monitors), as_json, f"{path}: ")
    except OSError as error:
        faults.tell(f"{path}: {error.strerror or error}")
    except AgentMeshError as error:
        faults.tell(str(error))
    return faults


class _Faults:
    """Reads a trace file, and tells of what cannot be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.count = 0
        self.broken = 0
        """Monitors that raised, trace by trace."""

    def without(self, form: str | None) -> Iterator[Trace]:
        from agentmesh.evaluation.readers import Fault, read_traces

        for trace in read_traces(self._path, form):
            if isinstance(trace, Fault):
                self.tell(f"{self._path}:{trace.line}: {trace.message}")
            else:
                yield trace

    def tell(self, message: str) -> None:
        self.count += 1
        complain(printable(message))


async def _audited_run(run_id: str, journal: str, chosen: Monitors | None) -> Audit:
    from agentmesh.evaluation.audit import audit_run, built_in_monitors

    async with existing(journal) as store:
        record = (await status_of(store, run_id)).record
        events = await store.events(record.run_id)
    monitors = chosen
    if monitors is None:
        try:
            monitors = team_of(record, journal).monitors
        except AgentMeshError as error:
            complain(printable(f"the run's own monitors cannot be had, so all built-in ones are asked: {error}"))
    return audit_run(record.run_id, events, monitors or built_in_monitors())


def _show(audit: Audit, as_json: bool, where: str = "") -> int:
    """How many monitors raised, of which it tells too."""
    if as_json:
        say_json(audit.to_json(), indent=None)
    else:
        say(printable(audit.id))
        for line in _lines(audit):
            say(printable(f"  {line}"))
    for fault in audit.faults:
        complain(printable(f"{where}{audit.id}: {fault}"))
    return len(audit.faults)


def _lines(audit: Audit) -> Iterator[str]:
    """One line for each pattern that was found, and for each label that shows without one."""
    strongest: dict[Any, Any] = {}
    times: Counter[Any] = Counter()
    for finding in audit.findings:
        pattern = (finding.monitor, finding.label, finding.agents)
        times[pattern] += 1
        if pattern not in strongest or finding.score > strongest[pattern].score:
            strongest[pattern] = finding
    for pattern, finding in strongest.items():
        again = f", {times[pattern]} times" if times[pattern] > 1 else ""
        where = ", ".join(map(str, finding.evidence[:8])) + (", ..." if len(finding.evidence) > 8 else "")
        place = f"{finding.monitor}; {', '.join(finding.agents)}; events {where}"
        yield f"{finding.label} {finding.score:.2f}{again} ({place}): {one_line(finding.why, 160)}"
    found = {finding.label for finding in audit.findings}
    left = [(label, score) for label, score in sorted(audit.scores.items()) if label not in found and score >= SHOWN]
    rest = [f"{label} {score:.2f}" for label, score in left]
    if not found:
        yield "nothing found" + (f"; highest scores: {', '.join(rest)}" if rest else "")
    elif rest:
        yield f"below their thresholds: {', '.join(rest)}"
