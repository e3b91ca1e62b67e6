"""Figures and targets from what was measured, as rows of JSON and as tables."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .journal import JournalRow
from .measure import CONTENDERS, Measured
from .rows import Row

CPU_RATIO = 1.5
GROWTH = 1.1
MESSAGE_GROWTH = 1.2
CHECK_S = 2.0
MONITORS_US = 300.0
MONITORS_GROWTH = 1.1
AUDIT_PER_S = 2_000
AIOHTTP_RATE = 0.4
RSS_MIB = 250.0
IMPORT_MS = 150.0
PACKAGES = 32
JOURNAL_MS = 0.15
STEPS = {"steps-full": 3_000, "steps-normal": 10_000}
RESUME_S = 1.0
TIMES_IDEAL = 3.0


@dataclass(frozen=True, slots=True)
class Target:
    """One promise, and what came of it."""

    what: str
    value: float
    bound: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether it was kept."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def json(self) -> dict[str, Any]:
        """For the file of rows."""
        sign = ">=" if self.at_least else "<="
        return {"what": self.what, "value": round(self.value, 3), "target": f"{sign} {self.bound:g}", "met": self.met}


@dataclass(frozen=True, slots=True)
class Figures:
    """A row as it is reported. `cpu_ms` and `wall_ms` are per model call, medians over the samples."""

    name: str
    calls: int
    runs: int
    load_ms: float
    cpu_ms: dict[str, float]
    wall_ms: dict[str, float]
    ratios: dict[str, float]
    """CPU time beside the bare loop, the median over pairs of samples taken one after the other."""
    teams_per_s: dict[str, float]
    rss_mib: dict[str, float]
    peak_in_flight: int
    largest_body: int
    targets: tuple[Target, ...]

    def json(self) -> dict[str, Any]:
        """For the file of rows."""
        return {
            "row": self.name,
            "calls_per_run": self.calls,
            "runs_per_sample": self.runs,
            "load_ms": round(self.load_ms, 1),
            "cpu_ms_per_call": _rounded(self.cpu_ms),
            "wall_ms_per_call": _rounded(self.wall_ms),
            "cpu_ratio": _rounded(self.ratios),
            "teams_per_s": _rounded(self.teams_per_s),
            "peak_rss_mib": _rounded(self.rss_mib),
            "peak_in_flight": self.peak_in_flight,
            "largest_body_bytes": self.largest_body,
            "targets": [target.json() for target in self.targets],
        }


def figures(row: Row, measured: Sequence[Measured]) -> Figures:
    """What one or several processes measured of a row, in one."""
    cpu = {name: times for one in measured for name, times in one.cpu_s.items()}
    wall = {name: times for one in measured for name, times in one.wall_s.items()}
    first = measured[0]
    ratios = {
        f"{ours} / {bare}": statistics.median(a / b for a, b in zip(cpu[ours], cpu[bare], strict=True))
        for ours, bare in (("agentmesh", "httpx2"), ("agentmesh[aiohttp]", "httpx2"), ("agentmesh[aiohttp]", "aiohttp"))
    }
    rates = {name: first.runs / statistics.median(times) for name, times in wall.items()} if row.many else {}
    rss = {name: one.peak_rss_mib for one in measured for name in one.cpu_s} if row.many else {}
    return Figures(
        row.name,
        row.calls,
        first.runs,
        first.load_s * 1000,
        {name: statistics.median(times) / first.calls * 1000 for name, times in cpu.items()},
        {name: statistics.median(times) / first.calls * 1000 for name, times in wall.items()},
        ratios,
        rates,
        rss,
        first.peak_in_flight,
        first.largest_body,
        tuple(_targets(row, ratios, rates, rss, first.peak_in_flight)),
    )


def _targets(
    row: Row, ratios: dict[str, float], rates: dict[str, float], rss: dict[str, float], peak: int
) -> Iterable[Target]:
    yield Target("CPU per call / bare httpx2", ratios["agentmesh / httpx2"], CPU_RATIO)
    yield Target("CPU per call with aiohttp / bare httpx2", ratios["agentmesh[aiohttp] / httpx2"], CPU_RATIO)
    if row.latency_ms:
        yield Target("workers in flight together", peak, max(row.waves), at_least=True)
    if row.many:
        yield Target("teams per second / bare httpx2", rates["agentmesh"] / rates["httpx2"], 1.0, at_least=True)
        yield Target(
            "teams per second with aiohttp / bare aiohttp",
            rates["agentmesh[aiohttp]"] / rates["aiohttp"],
            AIOHTTP_RATE,
            at_least=True,
        )
        yield Target("peak MiB", rss["agentmesh"], RSS_MIB)
        yield Target("peak MiB with aiohttp", rss["agentmesh[aiohttp]"], RSS_MIB)


def growth(rows: Sequence[Figures]) -> dict[str, Any] | None:
    """What a call of the chain of 1,000 costs beside one of the chain of 10; None unless both were measured."""
    found = {figure.name: figure.cpu_ms for figure in rows}
    if not {"chain-10", "chain-1000"} <= found.keys():
        return None
    targets = [
        Target(f"CPU per call, 1,000 agents / 10 agents ({name})", found["chain-1000"][name] / cost, GROWTH)
        for name, cost in found["chain-10"].items()
        if name.startswith("agentmesh")
    ]
    return {"row": "growth", "targets": [target.json() for target in targets]}


def core(us_per_message: dict[str, float], check_s: float) -> dict[str, Any]:
    """What a message costs in small and large graphs, and how long a large file takes to check."""
    smallest, *_, largest = us_per_message
    grown = us_per_message[largest] / us_per_message[smallest]
    targets = [
        Target(f"CPU per delivered message, {largest} agents / {smallest} agents", grown, MESSAGE_GROWTH),
        Target("agentmesh check of 10,000 edges, s", check_s, CHECK_S),
    ]
    return {
        "row": "core",
        "cpu_us_per_message": _rounded(us_per_message),
        "check_s": round(check_s, 3),
        "targets": [target.json() for target in targets],
    }


def journal(row: JournalRow, found: dict[str, float]) -> dict[str, Any]:
    """A row about the journal: its figures, and what was promised of them."""
    targets = []
    if row.name == "journal-full":
        targets.append(Target("CPU per call more than without a journal, ms", found["cpu_ms_more"], JOURNAL_MS))
    if row.name in STEPS:
        targets.append(Target("steps per second", found["steps_per_s"], STEPS[row.name], at_least=True))
    if row.name == "resume":
        targets.append(Target("resume of 10,000 events, s", found["resume_s"], RESUME_S))
    if row.name == "bytes":
        ratio = found["bytes_per_message"] / found["bytes_per_message_of_a_quarter"]
        targets.append(Target("journal bytes per message, 1,000 turns / 250 turns", ratio, GROWTH))
    if row.name == "teams-5000-normal":
        targets.append(Target("5,000 teams, time / ideal", found["times_ideal"], TIMES_IDEAL))
    return {"row": row.name, "figures": _rounded(found), "targets": [target.json() for target in targets]}


def monitors(early_us: float, late_us: float, audit_per_s: float) -> dict[str, Any]:
    """What all monitors together cost per message of 200 words, and how fast traces are audited."""
    targets = [
        Target("all monitors, us per message", late_us, MONITORS_US),
        Target("of the 10,000th message / of the 10th", late_us / early_us, MONITORS_GROWTH),
        Target("audit, messages per second", audit_per_s, AUDIT_PER_S, at_least=True),
    ]
    return {
        "row": "monitors",
        "early_us": round(early_us, 1),
        "late_us": round(late_us, 1),
        "audit_per_s": round(audit_per_s),
        "targets": [target.json() for target in targets],
    }


def surroundings(import_ms: float, team_ms: float, packages: list[str] | None) -> dict[str, Any]:
    """Import time and installed packages."""
    targets = [Target("import agentmesh, ms", import_ms, IMPORT_MS)]
    if packages is not None:
        targets.append(Target("packages of the core", len(packages), PACKAGES))
    return {
        "row": "package",
        "import_ms": round(import_ms, 1),
        "import_team_ms": round(team_ms, 1),
        "packages": packages,
        "targets": [target.json() for target in targets],
    }


def show(rows: Sequence[Figures], report: Sequence[dict[str, Any]], console: Console) -> None:
    """The figures, then what became of the targets."""
    if rows:
        console.print(_times("CPU, ms per model call", [(row, row.cpu_ms) for row in rows]))
        console.print(_times("Wall clock, ms per model call", [(row, row.wall_ms) for row in rows]))
    for row in rows:
        if row.teams_per_s:
            console.print(_many(row))
    if any("figures" in entry for entry in report):
        console.print(_figures(report))
    console.print(_kept(report))


def _times(title: str, rows: Sequence[tuple[Figures, dict[str, float]]]) -> Table:
    table = Table(title=title)
    for name in ("row", "calls", "largest body", "load ms", *CONTENDERS, "/ httpx2", "aiohttp / aiohttp"):
        table.add_column(escape(name), justify="left" if name == "row" else "right")
    for row, times in rows:
        ratios = (times["agentmesh"] / times["httpx2"], times["agentmesh[aiohttp]"] / times["aiohttp"])
        table.add_row(
            row.name,
            str(row.calls),
            f"{row.largest_body:,}",
            f"{row.load_ms:.0f}",
            *(f"{times[name]:.3f}" for name in CONTENDERS),
            *(f"{ratio:.2f}" for ratio in ratios),
        )
    return table


def _many(row: Figures) -> Table:
    table = Table(title=f"{row.runs:,} {row.name} at once")
    for name in ("", *CONTENDERS):
        table.add_column(escape(name), justify="right")
    table.add_row("teams per second", *(f"{row.teams_per_s[name]:.0f}" for name in CONTENDERS))
    table.add_row("peak MiB", *(f"{row.rss_mib[name]:.0f}" for name in CONTENDERS))
    return table


def _figures(report: Sequence[dict[str, Any]]) -> Table:
    table = Table(title="Journal")
    for name in ("row", "what", "value"):
        table.add_column(name, justify="right" if name == "value" else "left")
    for entry in report:
        for what, value in entry.get("figures", {}).items():
            table.add_row(entry["row"], what, f"{value:,.4g}" if value < 1000 else f"{value:,.0f}")
    return table


def _kept(report: Sequence[dict[str, Any]]) -> Table:
    table = Table(title="Targets")
    for name in ("row", "what", "value", "target", "met"):
        table.add_column(name, justify="right" if name in {"value", "target"} else "left")
    for entry in report:
        for target in entry["targets"]:
            met = "yes" if target["met"] else "[bold red]NO[/]"
            table.add_row(entry["row"], escape(target["what"]), f"{target['value']:.3g}", target["target"], met)
    return table


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items()}
