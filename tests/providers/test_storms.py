"""Servers that refuse, fail, hang and lie: teams end with the right answers, in time, at few attempts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentmesh import Team
from tests.providers.storm import nightly, outcomes, second_half, storm

pytestmark = [pytest.mark.real_models]

FAULTS = {
    "429": 0.01,
    "429+": 0.01,
    "500": 0.015,
    "529": 0.015,
    "reset": 0.015,
    "hang": 0.005,
    "half": 0.015,
    "garbage": 0.015,
}
"""One request in ten."""
ADDING = """\
version: 1
models: {{default: {{provider: openai, model: m, base_url: "{url}", {model}}}}}
agents: {{adder: {{replicas: {agents}, instructions: "Add one.", max_output_tokens: 100}}}}
topology: {{kind: {kind}, agents: [adder]{more}}}
limits: {limits}
"""


def written(
    directory: Path, url: str, model: str, limits: str, kind: str = "chain", agents: int = 3, **more: Any
) -> str:
    path = directory / "team.yaml"
    keys = "".join(f", {name}: {value}" for name, value in more.items())
    path.write_text(ADDING.format(url=url, model=model, limits=limits, kind=kind, agents=agents, more=keys))
    return str(path)


def test_many_teams_come_through_a_storm_with_few_attempts(tmp_path: Path) -> None:
    teams, rate = (200, 50) if nightly() else (16, 40)
    answers: dict[int, str | None] = {}

    async def all_of(team: Team) -> None:
        async def one(number: int) -> None:
            answers[number] = (await team.run(str(number))).answer

        async with anyio.create_task_group() as group:
            for index in range(teams):
                group.start_soon(one, index * 1000)

    with storm(seed=7, latency_s=0.02, requests=rate, burst=0.25, full=True, faults=FAULTS) as server:
        team = Team.from_yaml(written(tmp_path, server.url, "timeout_s: 1, max_retries: 8", "{}"))
        anyio.run(all_of, team)
        log = server.log()
    assert answers == {index * 1000: str(index * 1000 + 3) for index in range(teams)}
    found = outcomes(log)
    assert found["ok"] >= teams * 3
    assert found["limit"] > 0, "nothing was too fast, so nothing was learnt"
    assert sum(found[fault] for fault in FAULTS) >= 3
    later = second_half(log)
    assert len(later) < 1.3 * outcomes(later)["ok"], found


HELD_UP: list[tuple[dict[str, Any], str]] = [
    ({"faults": {"hang": 1.0}}, "timeout_s: 30"),
    ({"requests": 2, "burst": 1}, "max_retries: 50"),
    ({"requests": 2, "burst": 1, "retry_after": True}, "max_retries: 50"),
    ({"faults": {"429+": 0.3, "500": 0.4}}, "max_retries: 50"),
    ({"latency_s": 0.3}, "pace: {concurrency: 1}"),
    ({}, "pace: {requests_per_minute: 60}"),
    ({}, "pace: {tokens_per_minute: 6000}"),
]


def test_no_run_outlives_its_deadline_whatever_holds_it_up(tmp_path: Path) -> None:
    seconds, teams = 1.0, 20 if nightly() else 4
    lasted: list[float] = []
    ended: list[set[str | None]] = [set() for _ in HELD_UP]

    async def one(team: Team, outcomes: set[str | None]) -> None:
        started = time.monotonic()
        outcomes.add((await team.run("5")).outcome)
        lasted.append(time.monotonic() - started)

    async def all_of(paths: list[str]) -> None:
        async with anyio.create_task_group() as group:
            for path, outcomes in zip(paths, ended, strict=True):
                team = Team.from_yaml(path)
                for _ in range(teams):
                    group.start_soon(one, team, outcomes)

    import_module("openai")  # takes seconds, once
    with ExitStack() as stack:
        paths = []
        for number, (weather, model) in enumerate(HELD_UP):
            server = stack.enter_context(storm(seed=3, **weather))
            (directory := tmp_path / str(number)).mkdir()
            paths.append(written(directory, server.url, model, f"{{seconds: {seconds}}}", agents=6))
        anyio.run(all_of, paths)
    assert len(lasted) == teams * len(HELD_UP)
    assert max(lasted) < seconds + 0.5
    assert all(outcomes & {"limit", "failed"} for outcomes in ended), ended


@pytest.mark.parametrize(
    ("weather", "pace"),
    [
        ({"requests": 25, "burst": 0.3, "full": False}, "{requests_per_minute: 1500}"),
        ({"tokens": 10_000, "burst": 0.4, "full": True}, "{tokens_per_minute: 600_000}"),
    ],
)
def test_two_processes_share_a_rate_and_use_it(weather: dict[str, Any], pace: str, tmp_path: Path) -> None:
    if "tokens" in weather and not nightly():
        pytest.skip("only in the nightly tests, for the time it takes")
    rounds = 4 if not nightly() else 30 if "requests" in weather else 8  # each sends all that was said before
    with storm(latency_s=0.03, **weather) as server:
        path = written(tmp_path, server.url, f"pace: {pace}", "{}", kind="flat", agents=10, rounds=rounds)
        command = [sys.executable, "-m", "agentmesh", "run", path, "--task", "5", "--json"]
        environment = {**os.environ, "TMPDIR": str(tmp_path), "OPENAI_API_KEY": "sk-planted-0123456789"}
        quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        both = [subprocess.Popen(command, env=environment, **quiet) for _ in range(2)]  # type: ignore[call-overload]
        ended = [json.loads(process.communicate(timeout=120)[0]) for process in both]
        log = server.log()
    assert [run["outcome"] for run in ended] == ["completed"] * 2
    assert len(log) >= 2 * (10 * rounds + 1)
    assert outcomes(log)["limit"] <= 0.03 * len(log)
    seconds = log[-1].at - log[0].at
    used = len(log) - 1 if "requests" in weather else sum(entry.tokens for entry in log[:-1])
    limit = weather.get("requests") or weather["tokens"]
    assert 0.8 <= used / seconds / limit <= 1.0
    private = next(tmp_path.glob("agentmesh-*"))
    assert private.stat().st_mode & 0o077 == 0
    assert all(b"sk-planted" not in file.read_bytes() for file in private.iterdir())
