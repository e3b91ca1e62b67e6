"""`agentmesh report`: from a journal or a file of events to a file of HTML, or to the numbers."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest
from click.testing import CliRunner, Result

from agentmesh.cli.commands import commands as main
from agentmesh.events import Event
from agentmesh.journal import RunRecord, open_journal
from agentmesh.reporting import summary
from tests.reporting.logs import storied
from tests.reporting.read import Report

PAIR = "version: 1\nagents: {a: {}, b: {}}\ntopology: {kind: chain, agents: [a, b]}\n"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def agentmesh(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, arguments, input=stdin, catch_exceptions=False)


def lines(events: list[Event]) -> str:
    return "".join(f"{event.model_dump_json()}\n" for event in events)


def test_the_numbers_of_a_report_are_those_of_the_run() -> None:
    Path("pair.yaml").write_text(PAIR)
    run = agentmesh("run", "pair.yaml", "--task", "What is 3 + 4?", "-m", "simulated:worker", "--events", "--json")
    Path("events.jsonl").write_text(run.stdout)
    numbers = json.loads(run.stdout.splitlines()[-1])
    result = agentmesh("report", "events.jsonl", "-o", "report.html", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, numbers)
    report = Report(Path("report.html").read_text(encoding="utf-8"))
    embedded = json.loads(next(data for data in report.raw["script"] if data.startswith("{")))
    assert embedded == numbers
    assert numbers["answer"] in report.text


def test_a_run_is_found_in_a_journal_by_the_beginning_of_its_id() -> None:
    events = list(storied())

    async def store() -> None:
        journal = open_journal("runs.db")
        log = journal.start(RunRecord("run-1", "the team", "a task", 0.0))
        log.append(events)
        await log.durable()
        await log.release()
        await journal.aclose()

    anyio.run(store)
    result = agentmesh("report", "run", "--journal", "runs.db", "-o", "-")
    assert result.exit_code == 0
    assert "7, times 12" in Report(result.stdout).text
    numbers = agentmesh("report", "run-1", "--journal", "runs.db", "--json")
    assert json.loads(numbers.stdout) == json.loads(json.dumps(summary(events)))


def test_events_are_read_from_standard_input() -> None:
    result = agentmesh("report", "-", "-o", "-", stdin=lines(list(storied())))
    assert result.stdout.startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run-1", "-o", "x.html"], "holds no run 'run-1'"),
        (["run-1", "--journal", "none.db", "-o", "x.html"], "there is no journal none.db"),
        (["run-1"], "Say where the report goes"),
        (["run-1", "-o", "-", "--json"], "both want stdout"),
        (["empty.jsonl", "-o", "x.html"], "there are no events in it"),
        (["wrong.jsonl", "-o", "x.html"], "wrong.jsonl:2: this line is no event"),
        (["mixed.jsonl", "-o", "x.html"], "those of several runs (run-1, run-2)"),
        (["good.jsonl", "-o", "none/x.html"], "the report cannot be written to none/x.html: No such file"),
    ],
)
def test_what_cannot_be_read_or_written_is_said_with_exit_code_2(arguments: list[str], words: str) -> None:
    good = lines(list(storied())[:2])
    Path("empty.jsonl").write_text("\n")
    Path("good.jsonl").write_text(good)
    Path("wrong.jsonl").write_text(good.splitlines()[0] + "\n{}\n")
    Path("mixed.jsonl").write_text(good + good.replace("run-1", "run-2"))
    result = agentmesh("report", *arguments)
    assert (result.exit_code, Path("x.html").exists()) == (2, False)
    assert words in result.stderr


def test_a_report_replaces_the_one_before_it() -> None:
    Path("good.jsonl").write_text(lines(list(storied())))
    Path("x.html").write_text("x" * 1_000_000)
    result = agentmesh("report", "good.jsonl", "-o", "x.html")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "report: x.html\n")
    assert Path("x.html").read_text(encoding="utf-8").endswith("</html>\n")
