"""`python -m tests.benchmarks [--rows chain,flat] [--quick] [--json FILE]`: what a run costs beside bare requests."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from .journal import JOURNAL_ROWS, JournalRow
from .measure import CONTENDERS, Measured
from .report import Figures, core, figures, growth, journal, monitors, show, surroundings
from .rows import ROWS, Row, is_wanted
from .server import ROOT, served
from .surroundings import core_packages, import_ms

PACKAGE = "package"
CORE = "core"
MONITORS = "monitors"
APART = (PACKAGE, CORE, MONITORS)
"""Rows that need no server: import time and installed packages; messages and checks without any request; monitors."""
KNOWN = (*(row.name for row in ROWS), *(row.name for row in JOURNAL_ROWS), *APART)


def main(given: Sequence[str] | None = None) -> int:
    """Measure, print, and write the file if asked. Exit 0 whatever came of the targets: a machine may be busy."""
    arguments = _arguments(given)
    names = [name for name in arguments.rows.split(",") if name]
    console = Console()
    started = time.monotonic()
    rows: list[Figures] = []
    report: list[dict[str, Any]] = []
    selected = [row for row in ROWS if is_wanted(row.name, names, KNOWN)]
    journalled = [row for row in JOURNAL_ROWS if is_wanted(row.name, names, KNOWN)]
    if selected or journalled:
        with served() as port:
            for row in selected:
                with console.status(f"{row.name} ..."):
                    rows.append(_measure(row, port, quick=arguments.quick))
                report.append(rows[-1].json())
            report += [grown] if (grown := growth(rows)) else []
            for one in journalled:
                with console.status(f"{one.name} ..."):
                    report.append(_journal(one, port, quick=arguments.quick))
    if not names or PACKAGE in names:
        report.append(_package(console, 3 if arguments.quick else 10))
    if not names or CORE in names:
        report.append(_core(1 if arguments.quick else 7))
    if not names or MONITORS in names:
        report.append(monitors(**_figures("monitors", ["1" if arguments.quick else "5"])))
    show(rows, report, console)
    console.print(f"{time.monotonic() - started:.0f} s")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"rows": report}, indent=2) + "\n", encoding="utf-8")
    return 0


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    known = ", ".join(KNOWN)
    parser.add_argument("--rows", default="", metavar="NAMES", help=f"names or their beginnings, with commas: {known}")
    parser.add_argument("--quick", action="store_true", help="few samples: a look, not a measurement")
    parser.add_argument("--json", metavar="FILE", help="write the rows there")
    arguments = parser.parse_args(given)
    names = [name for name in arguments.rows.split(",") if name]
    strange = [name for name in names if not any(is_wanted(row, [name], KNOWN) for row in KNOWN)]
    if strange:
        parser.error(f"no row begins with {', '.join(strange)}; rows: {known}")
    return arguments


def _measure(row: Row, port: int, *, quick: bool) -> Figures:
    """A process for each row; for many teams one for each contender, since each has a peak of memory of its own."""
    short = row.shortened() if quick else row
    groups = [[name] for name in CONTENDERS] if row.many else [list(CONTENDERS)]
    return figures(short, [_in_process(row, port, group, quick=quick) for group in groups])


def _in_process(row: Row, port: int, contenders: Sequence[str], *, quick: bool) -> Measured:
    arguments = [row.name, str(port), ",".join(contenders), *["--quick"] * quick]
    return Measured(**_figures("measure", arguments))


def _journal(row: JournalRow, port: int, *, quick: bool) -> dict[str, Any]:
    return journal(row, _figures("journal", [row.name, str(port), *["--quick"] * quick]))


def _core(repeats: int) -> dict[str, Any]:
    return core(**_figures("core", [str(repeats)]))


def _figures(module: str, arguments: Sequence[str]) -> dict[str, Any]:
    """What another process measures, and prints as JSON."""
    command = [sys.executable, "-m", f"{__package__}.{module}", *arguments]
    # Model requests may be blocked where tests run; these go no further than the loopback interface.
    environment = {**os.environ, "AGENTMESH_BLOCK_MODEL_REQUESTS": "0"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _package(console: Console, repeats: int) -> dict[str, Any]:
    packages = core_packages()
    if packages is None:
        console.print("packages of the core: not counted, since not all of them are installed here")
    bare, team = import_ms("import agentmesh", repeats), import_ms("from agentmesh import Team", repeats)
    return surroundings(bare, team, packages)


if __name__ == "__main__":
    sys.exit(main())
