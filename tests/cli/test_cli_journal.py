"""Commands on runs that a journal keeps."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.cli_processes import Command, Interrupted

pytest_plugins = ["tests.cli.cli_processes"]


TASK = ("--task", "What is (3 + 4) * 12?")
SLOW = ("-O", "models.default={provider: simulated, model: worker, latency_s: 0.4}")
ASKING = """\
version: 1
agents:
  a: {tools: [{use: calculator, approve: true}, ask_human]}
  boss: {kind: human}
  c: {}
  d: {join: all}
topology: {kind: graph, edges: ["user -> a, boss, c", "a, boss, c -> d", "d -> user"]}
"""
ASKED = """\
a:
  - tool_calls:
      - {name: calculator, arguments: {expression: "1 + 1"}}
      - {name: ask_human, arguments: {question: "Which colour?"}}
  - It is 2.
c: [Done.]
d: [The end.]
"""


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A journal of this test's own, which every command finds by the environment."""
    place = str(tmp_path / "kept" / "journal.db")
    monkeypatch.setenv("AGENTMESH_JOURNAL", place)
    return place


def latest(inside: Command) -> Any:
    return inside("runs", "--json").json["runs"][0]


def events_of(inside: Command, run_id: str, journal: str) -> list[dict[str, Any]]:
    import json
    import sqlite3

    rows = sqlite3.connect(journal).execute("SELECT body FROM events WHERE run_id = ? ORDER BY id", (run_id,))
    return [json.loads(body) for (body,) in rows]


def test_a_run_is_kept_where_the_environment_says_and_listed(inside: Command, team_file: Path, journal: str) -> None:
    ended = inside("run", str(team_file), *TASK, "--json")
    run = latest(inside)
    assert (run["run_id"], run["outcome"], run["state"]) == (ended.json["run_id"], "completed", "completed")
    assert run["team"] == "pair"
    assert run["run_id"] in inside("runs").out
    assert [event["id"] for event in events_of(inside, run["run_id"], journal)] == list(range(1, run["events"] + 1))


def test_no_journal_keeps_nothing(inside: Command, team_file: Path, journal: str) -> None:
    assert inside("run", str(team_file), *TASK, "--no-journal").code == 0
    assert not Path(journal).exists()
    listed = inside("runs")
    assert (listed.code, "there is no journal" in listed.err) == (2, True)


def test_an_ended_run_is_told_once_more_and_calls_nothing(inside: Command, team_file: Path, journal: str) -> None:
    first = inside("run", str(team_file), *TASK, "--json")
    again = inside("resume", first.json["run_id"], "--json")
    assert (again.code, again.json) == (0, first.json)


def test_a_run_id_may_be_shortened_and_an_unknown_one_is_refused(
    inside: Command, team_file: Path, journal: str
) -> None:
    run_id = inside("run", str(team_file), *TASK, "--json").json["run_id"]
    assert inside("replay", run_id[:6], "--json").json == {"identical": True, "first_difference": None}
    unknown = inside("resume", "zzz")
    assert (unknown.code, "holds no run 'zzz'" in unknown.err) == (2, True)


def test_an_interrupted_run_goes_on_and_pays_for_no_call_twice(
    interrupt: Callable[..., Interrupted], inside: Command, team_file: Path, journal: str
) -> None:
    unhurt = inside("run", str(team_file), *TASK, "--json").json
    began = interrupt("run", str(team_file), *TASK, *SLOW, "--json", until="turn_started critic")
    assert (began.ended.code, began.ended.json["outcome"]) == (130, "cancelled")
    run_id = began.ended.json["run_id"]
    went_on = inside("resume", run_id, "--json")
    assert (went_on.code, went_on.json["outcome"], went_on.json["answer"]) == (0, "completed", unhurt["answer"])
    assert went_on.json["turns"] == unhurt["turns"]
    finished = [event for event in events_of(inside, run_id, journal) if event["type"] == "model_call_finished"]
    paid = [event["key"] for event in finished if not event["error"]]
    assert len(paid) == len(set(paid)) == unhurt["usage"]["model_calls"]
    assert inside("replay", run_id, "--json").json["identical"]


def test_a_limit_that_is_added_to_lets_the_run_go_on(inside: Command, team_file: Path, journal: str) -> None:
    unhurt = inside("run", str(team_file), *TASK, "--json").json
    small = inside("run", str(team_file), *TASK, "-O", "limits.tokens=4280", "--json")
    assert (small.code, small.json["outcome"]) == (4, "limit")
    run_id = small.json["run_id"]
    assert inside("resume", run_id).code == 4
    more = inside("resume", run_id, "--add-tokens", "100000", "--json")
    assert (more.code, more.json["answer"]) == (0, unhurt["answer"])
    assert more.json["turns"] == unhurt["turns"]
    assert inside("replay", run_id, "--json").json["identical"]


def test_a_team_that_has_changed_is_refused_with_the_difference(
    interrupt: Callable[..., Interrupted], inside: Command, team_file: Path, journal: str
) -> None:
    run_id = interrupt("run", str(team_file), *TASK, *SLOW, "--json", until="turn_started").ended.json["run_id"]
    before = events_of(inside, run_id, journal)
    team_file.write_text(team_file.read_text().replace("Write.", "Write in verse."))
    refused = inside("resume", run_id)
    assert refused.code == 2
    assert '-   "instructions": "Write.",' in refused.err
    assert '+   "instructions": "Write in verse.",' in refused.err
    assert events_of(inside, run_id, journal) == before


def test_limits_and_prices_may_change_between_two_parts_of_a_run(
    interrupt: Callable[..., Interrupted], inside: Command, team_file: Path, journal: str
) -> None:
    run_id = interrupt("run", str(team_file), *TASK, *SLOW, "--json", until="turn_started").ended.json["run_id"]
    team_file.write_text(team_file.read_text() + "limits: {turns: 50, tokens: 90000}\n")
    assert inside("resume", run_id).code == 0


def test_questions_are_answered_from_another_process_and_the_run_goes_on(
    inside: Command, tmp_path: Path, journal: str
) -> None:
    (tmp_path / "team.yaml").write_text(ASKING)
    (tmp_path / "script.yaml").write_text(ASKED)
    waits = inside(
        "run", str(tmp_path / "team.yaml"), "--task", "go", "-m", f"scripted:{tmp_path / 'script.yaml'}", "--json"
    )
    assert (waits.code, waits.json["outcome"]) == (5, None)
    run_id, asked = waits.json["run_id"], [question["agent"] for question in waits.json["questions"]]
    assert sorted(asked) == ["a", "a", "boss"]
    assert latest(inside)["state"] == "waiting"
    assert inside("answer", run_id, "approval", "yes").code == 0
    twice = inside("answer", run_id, "approval", "no")
    assert (twice.code, "answered already" in twice.err) == (2, True)
    still = inside("resume", run_id, "--json")
    assert (still.code, len(still.json["questions"])) == (5, 2)
    assert inside("answer", run_id, "question/1", "blue").code == 0
    assert inside("answer", run_id, "boss/1/1", "Do it.").code == 0
    ended = inside("resume", run_id, "--json")
    assert (ended.code, ended.json["answer"]) == (0, "The end.")
    log = events_of(inside, run_id, journal)
    results = {event["name"]: event["result"] for event in log if event["type"] == "tool_call_finished"}
    assert results == {"calculator": "2", "ask_human": "blue"}
    answered = [event for event in log if event["type"] == "answered"]
    assert all(event["by"] and event["given"] > 0 for event in answered)
    assert inside("replay", run_id, "--json").json["identical"]


def test_a_tool_that_is_not_approved_is_not_called(inside: Command, tmp_path: Path, journal: str) -> None:
    (tmp_path / "team.yaml").write_text(
        "version: 1\nagents: {a: {tools: [{use: calculator, approve: true}]}}\ntopology: {kind: solo, agent: a}\n"
    )
    (tmp_path / "s.yaml").write_text(
        "a:\n  - {tool_calls: [{name: calculator, arguments: {expression: 1 + 1}}]}\n  - Refused.\n"
    )
    run_id = inside(
        "run", str(tmp_path / "team.yaml"), "--task", "go", "-m", f"scripted:{tmp_path / 's.yaml'}", "--json"
    ).json["run_id"]
    inside("answer", run_id, "approval", "too dear")
    assert inside("resume", run_id, "--json").json["answer"] == "Refused."
    [finished] = [e for e in events_of(inside, run_id, journal) if e["type"] == "tool_call_finished"]
    assert (finished["result"], "too dear" in finished["error"]) == (None, True)


QUARANTINE = """\
version: 1
agents: {a: {max_steps: 1}, b: {}}
topology: {kind: graph, policy: quarantine, edges: ["user -> a", "a -> b", "b -> user"]}
"""


@pytest.mark.parametrize(("word", "reason"), [("release", "no_edge"), ("never", "not_released")])
def test_a_withheld_message_is_decided_on_from_the_command_line(
    inside: Command, tmp_path: Path, journal: str, word: str, reason: str
) -> None:
    (tmp_path / "team.yaml").write_text(QUARANTINE)
    call = "{tool_calls: [{name: send_message, arguments: {recipients: [user], content: Psst}}]}"
    (tmp_path / "s.yaml").write_text(f"a:\n  - {call}\n")
    waits = inside(
        "run", str(tmp_path / "team.yaml"), "--task", "go", "-m", f"scripted:{tmp_path / 's.yaml'}", "--json"
    )
    [question] = waits.json["questions"]
    assert waits.code == 5
    run_id = waits.json["run_id"]
    assert inside("answer", run_id, question["question_id"], word).code == 0
    inside("resume", run_id)
    refused = [e for e in events_of(inside, run_id, journal) if e["type"] == "message_refused"]
    assert [event["reason"] for event in refused] == [reason]


def started(team_file: Path, **extra: str) -> subprocess.Popen[str]:
    """A run in a process of its own, which has begun a turn."""
    from tests.cli.cli_processes import environment

    running = subprocess.Popen(
        [sys.executable, "-m", "agentmesh", "run", str(team_file), *TASK, *SLOW, "--json"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(**extra),
    )  # fmt: skip
    assert running.stderr is not None
    while "turn_started" not in running.stderr.readline():
        assert running.poll() is None
    threading.Thread(target=running.stderr.read, daemon=True).start()
    return running


def kept(inside: Command) -> None:
    """Wait until the journal has the beginning of the run, and it runs."""
    deadline = time.monotonic() + 10
    while "running" not in inside("runs").out:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_run_is_cancelled_in_the_process_that_runs_it_and_stays_cancelled(
    inside: Command, team_file: Path, journal: str
) -> None:
    with started(team_file, AGENTMESH_JOURNAL=journal) as running:
        kept(inside)
        assert latest(inside)["state"] == "running"
        taken = inside("resume", latest(inside)["run_id"])
        assert (taken.code, f"is being run by process {running.pid}" in taken.err) == (2, True)
        began = time.monotonic()
        cancelled = inside("cancel", latest(inside)["run_id"], "--json")
        assert time.monotonic() - began < 5
        assert (cancelled.code, cancelled.json["outcome"]) == (130, "cancelled")
        assert running.wait(10) == 130
    assert inside("resume", cancelled.json["run_id"]).code == 130


def test_a_run_that_was_killed_is_cancelled_here_or_goes_on(inside: Command, team_file: Path, journal: str) -> None:
    for command, code in (("cancel", 130), ("resume", 0)):
        with started(team_file, AGENTMESH_JOURNAL=journal) as running:
            kept(inside)
            running.send_signal(signal.SIGKILL)
        assert latest(inside)["state"] == "interrupted"
        ended = inside(command, latest(inside)["run_id"], "--json")
        assert ended.code == code
        assert inside("replay", ended.json["run_id"]).code == 0


def test_an_interrupted_run_is_cancelled_for_good(
    interrupt: Callable[..., Interrupted], inside: Command, team_file: Path, journal: str
) -> None:
    run_id = interrupt("run", str(team_file), *TASK, *SLOW, "--json", until="turn_started").ended.json["run_id"]
    cancelled = inside("cancel", run_id, "--json")
    assert (cancelled.code, cancelled.json["outcome"]) == (130, "cancelled")
    assert cancelled.json["reason"].startswith("cancelled by ")
    team_file.unlink()  # a run that has ended needs its file no more
    assert inside("resume", run_id, "--json").json == cancelled.json


def test_a_fork_shows_what_it_inherits_and_pays_for_the_rest(inside: Command, team_file: Path, journal: str) -> None:
    parent = inside("run", str(team_file), *TASK, "--json").json
    before = events_of(inside, parent["run_id"], journal)
    at = next(event["id"] for event in before if event["type"] == "turn_started" and event["agent"] == "critic")
    forked = inside("fork", parent["run_id"], "--at", str(at), "--json")
    child = forked.json
    assert (forked.code, child["answer"]) == (0, parent["answer"])
    calls = [one["usage"]["model_calls"] for one in (parent, child)]
    assert child["inherited"]["model_calls"] == calls[0] - calls[1] > 0
    assert latest(inside)["parent"] == parent["run_id"]
    assert events_of(inside, parent["run_id"], journal) == before
    verse = inside("fork", parent["run_id"], "--at", str(at), "-O", "agents.critic.instructions=In verse.", "--json")
    assert verse.code == 0
    assert inside("replay", verse.json["run_id"], "--json").json["identical"]
    beyond = inside("fork", parent["run_id"], "--at", "999")
    assert (beyond.code, f"has events 1 to {len(before)}" in beyond.err) == (2, True)
    assert inside("runs", "--delete", parent["run_id"]).code == 0
    assert inside("replay", child["run_id"]).code == 0


def test_a_changed_event_is_found_and_named(inside: Command, team_file: Path, journal: str) -> None:
    import sqlite3

    run_id = inside("run", str(team_file), *TASK, "--json").json["run_id"]
    named = next(event["id"] for event in events_of(inside, run_id, journal) if event["agent"] == "critic")
    with sqlite3.connect(journal) as connection:
        connection.execute("UPDATE event SET body = replace(body, 'critic', 'crytic') WHERE id = ?", (named,))
    told = inside("replay", run_id, "--json")
    assert (told.code, told.json["identical"], told.json["first_difference"]["event"]) == (1, False, named)


def test_a_run_that_asks_a_recording_what_it_never_asked_has_failed_and_shows_the_difference(
    inside: Command, team_file: Path, journal: str
) -> None:
    inside("run", str(team_file), *TASK)
    missed = inside("run", str(team_file), "--task", "What is 3 * 5?", "-m", "replay:last", "--json")
    assert (missed.code, missed.json["outcome"]) == (1, "failed")
    assert "+ What is 3 * 5?" in missed.err
    assert latest(inside)["state"] == "failed"
