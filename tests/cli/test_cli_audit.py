"""`agentmesh audit`: traces of any framework and recorded runs, shown to the monitors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agentmesh.cli.commands import commands
from agentmesh.messages import Finding
from agentmesh.monitors.base import Reader
from agentmesh.monitors.signals import Said

CASES = Path(__file__).parents[1] / "cases" / "traces"
TEAM = """\
version: 1
models: {default: simulated:worker}
agents:
  ann: {instructions: Discuss.}
  ben: {instructions: Discuss.}
topology: {kind: flat, agents: [ann, ben], rounds: 2}
monitors: {sycophancy: {threshold: 0.01}, diversity: {threshold: 0.01}}
"""


def agentmesh(*arguments: str | Path) -> Result:
    return CliRunner().invoke(commands, [str(argument) for argument in arguments])


def said(sender: str, content: str, **more: Any) -> dict[str, Any]:
    return {"sender": sender, "recipients": None, "role": "agent", "content": content, **more}


def trace(name: str, events: list[dict[str, Any]]) -> str:
    numbered = [{"i": i, **event} for i, event in enumerate(events)]
    return json.dumps({"id": name, "task": "Fix the parser.", "agents": ["ann", "ben"], "events": numbered})


STUCK = [
    event
    for _ in range(8)
    for event in (
        said("ann", "Let me run it again.", tool_calls=[{"name": "run", "arguments": {"file": "parser.py"}}]),
        said("run", "Error: line 3: unexpected token", role="tool"),
    )
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    healthy = [said("ann", "The bug is in line 3: a comma is missing."), said("ben", "Fixed it; 12 tests pass now.")]
    path = tmp_path / "traces.jsonl"
    path.write_text(f"{trace('healthy', healthy)}\nno json\n{trace('stuck', STUCK)}\n", encoding="utf-8")
    return path


def test_a_json_line_for_each_trace_and_a_bad_line_is_told_with_its_number(file: Path) -> None:
    result = agentmesh("audit", "--json", file)
    healthy, stuck = map(json.loads, result.stdout.splitlines())
    assert (healthy["id"], healthy["findings"], stuck["id"]) == ("healthy", [], "stuck")
    repetition = [finding for finding in stuck["findings"] if finding["label"] == "repetition"]
    assert set(repetition[-1]) == {"monitor", "label", "score", "agents", "events", "why"}
    assert repetition[-1]["agents"] == ["ann"]
    assert set(repetition[-1]["events"]) <= set(range(16))
    assert stuck["scores"]["repetition"] > healthy["scores"]["repetition"]
    assert set(healthy["scores"]) == set(stuck["scores"]) >= {"agreement_loop", "work_stop", "injection", "stall"}
    assert "traces.jsonl:2:" in result.stderr
    assert result.exit_code == 2


def test_text_says_what_was_found_and_where(file: Path) -> None:
    result = agentmesh("audit", file, "--monitors", "progress")
    assert "healthy\n  nothing found" in result.stdout
    assert "repetition" in result.stdout
    assert "progress; ann; events" in result.stdout


def test_chosen_monitors_alone_are_asked(file: Path) -> None:
    for line in agentmesh("audit", "--json", "--monitors", "sycophancy, injection", file).stdout.splitlines():
        assert set(json.loads(line)["scores"]) == {"agreement_loop", "conformity", "injection"}
    wrong = agentmesh("audit", "--monitors", "sycophanzy", file)
    assert wrong.exit_code == 2
    assert "did you mean 'sycophancy'" in wrong.stderr


def test_a_users_monitor_needs_consent(file: Path) -> None:
    refused = agentmesh("audit", "--monitors", "tests.monitors.test_combined:Twice", file)
    assert refused.exit_code == 2
    assert "--allow tests" in refused.stderr


RECORDED = sorted(path for path in CASES.glob("*.*") if path.name not in ("record.py", "versions.json"))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name)
def test_recorded_files_of_other_frameworks_are_audited_without_being_told_what_they_are(path: Path) -> None:
    result = agentmesh("audit", "--json", path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert all(json.loads(line)["scores"] for line in result.stdout.splitlines())


class Broken(Reader):
    """Finds something in all that is said, and raises where something is said to be done again."""

    labels = ("broken",)

    def said(self, said: Said) -> Iterator[Finding]:
        if "again" in said.text:
            raise ZeroDivisionError("by zero")
        yield Finding(label="broken", agents=(said.agent,), evidence=(said.event,), why="it was said")


def test_a_monitor_that_raises_is_told_with_the_trace_and_the_others_go_on(file: Path) -> None:
    broken = "tests.cli.test_cli_audit:Broken"
    result = agentmesh("audit", "--json", "--allow", "tests", "--monitors", f"{broken}, progress", file)
    healthy, stuck = map(json.loads, result.stdout.splitlines())
    assert [finding["events"] for finding in healthy["findings"]] == [[0], [1]]
    assert "broken" in healthy["scores"]
    assert {finding["label"] for finding in stuck["findings"]} >= {"repetition"}
    assert "broken" not in stuck["scores"]
    [told] = [line for line in result.stderr.splitlines() if "ZeroDivisionError" in line]
    assert "traces.jsonl: stuck: the monitor 'Broken' raised ZeroDivisionError: by zero at event 2" in told
    assert result.exit_code == 1


def test_a_run_of_the_journal_names_the_monitor_that_raises(tmp_path: Path) -> None:
    team, journal = tmp_path / "team.yaml", tmp_path / "runs.db"
    team.write_text(TEAM, encoding="utf-8")
    agentmesh("run", team, "--task", "Say it again: what is 17 * 23?", "--journal", journal)
    chosen = ("--allow", "tests", "--monitors", "tests.cli.test_cli_audit:Broken")
    result = agentmesh("audit", "--run", "last", "--journal", journal, "--json", *chosen)
    assert json.loads(result.stdout)["findings"] == []
    assert "the monitor 'Broken' raised ZeroDivisionError: by zero" in result.stderr
    assert result.exit_code == 1


def test_normalised_traces_read_back_the_same(tmp_path: Path) -> None:
    once = agentmesh("audit", "--normalise", CASES / "autogen_result.json").stdout
    again = tmp_path / "again.jsonl"
    again.write_text(once, encoding="utf-8")
    assert agentmesh("audit", "--normalise", again).stdout == once


def test_a_run_of_the_journal_shows_what_its_own_monitors_found(tmp_path: Path) -> None:
    team, journal = tmp_path / "team.yaml", tmp_path / "runs.db"
    team.write_text(TEAM, encoding="utf-8")
    arguments = ("run", team, "--task", "What is 17 * 23?", "--journal", journal, "--events")
    events = [json.loads(line) for line in agentmesh(*arguments).stdout.splitlines()]
    live = [event["finding"] for event in events if event["type"] == "finding"]
    [line] = agentmesh("audit", "--run", "last", "--journal", journal, "--json").stdout.splitlines()
    found = json.loads(line)["findings"]
    assert [(f["label"], f["monitor"], f["events"], f["why"]) for f in found] == [
        (f["label"], f["monitor"], list(f["evidence"]), f["why"]) for f in live
    ]
    assert set(json.loads(line)["scores"]) == {"agreement_loop", "conformity", "diversity_collapse"}


def test_bad_input_is_told_in_a_sentence(tmp_path: Path) -> None:
    assert "name a trace file" in agentmesh("audit").stderr
    missing = agentmesh("audit", tmp_path / "none.jsonl")
    assert (missing.exit_code, "none.jsonl" in missing.stderr) == (2, True)
    unknown = tmp_path / "unknown.bin"
    unknown.write_bytes(b"\x00\x01\x02")
    assert agentmesh("audit", unknown).exit_code == 2
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    assert agentmesh("audit", empty).exit_code in (0, 2)
