from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_quick_benchmark_of_one_row_writes_what_every_contender_took(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--rows", "planner-0ms", "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    [row] = json.loads(file.read_text())["rows"]
    assert (row["row"], row["calls_per_run"]) == ("planner-0ms", 18)
    contenders = {"agentmesh", "httpx2", "agentmesh[aiohttp]", "aiohttp"}
    for unit in ("cpu_ms_per_call", "wall_ms_per_call"):
        assert row[unit].keys() == contenders
        assert all(0 < value < 1000 for value in row[unit].values())
    assert row["targets"]
    assert "CPU, ms per model call" in done.stdout


def test_an_unknown_row_is_refused_with_those_that_exist() -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--rows", "ring"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "no row begins with ring" in done.stderr
    assert "chain-10" in done.stderr
