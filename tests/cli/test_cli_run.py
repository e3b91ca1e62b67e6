"""`run`: the answer on stdout, everything else on stderr, and an exit code that says how it ended."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agentmesh.events import event_from_json

if TYPE_CHECKING:
    from tests.cli.cli_processes import Command, Interrupted

pytest_plugins = ["tests.cli.cli_processes"]

SLOW = """\
version: 1
models: {default: {provider: simulated, model: worker, latency_s: 30}}
agents: {a: {instructions: Answer.}}
topology: {kind: solo, agent: a}
"""
COMMAND = """\
version: 1
agents: {a: {kind: command, command: {argv: [PYTHON, -c, "CODE"], format: text}}}
topology: {kind: solo, agent: a}
"""


def program(path: Path, code: str, more: str = "") -> str:
    """A team of one program, in Python."""
    path.write_text(COMMAND.replace("PYTHON", sys.executable).replace("CODE", code) + more)
    return str(path)


def test_the_answer_goes_to_stdout_and_the_rest_to_stderr(process: Command, team_file: Path) -> None:
    ended = process("run", str(team_file), "--task", "What is 3 + 4?")
    assert ended.code == 0
    assert "7" in ended.out
    assert "completed" not in ended.out
    lines = ended.err.splitlines()
    assert sum("no key used" in line for line in lines) == 1
    assert "AGENTMESH_MODEL" in lines[0]
    assert "completed" in ended.err
    assert "2 turns, 3 messages" in lines[-1]


def test_json_is_all_that_stdout_holds(inside: Command, team_file: Path) -> None:
    ended = inside("run", str(team_file), "--task", "What is 3 + 4?", "--json", "--seed", "3")
    facts = ended.json
    assert list(facts) == [
        "run_id", "outcome", "reason", "answer", "usage", "turns", "messages", "refused", "findings", "interventions",
        "questions", "seconds",
    ]  # fmt: skip
    assert (ended.code, facts["outcome"], facts["turns"], facts["messages"], facts["refused"]) == (
        0, "completed", 2, 3, 0,
    )  # fmt: skip
    assert facts["usage"]["model_calls"] >= 2
    assert "7" in facts["answer"]


def test_without_a_terminal_each_event_is_one_plain_line_on_stderr(inside: Command, team_file: Path) -> None:
    ended = inside("run", str(team_file), "--task", "What is 3 + 4?")
    lines = [line for line in ended.err.splitlines() if line.startswith("+")]
    assert lines[0].startswith("+0.000 run_started team=pair task=")
    assert any(" turn_started writer turn=1 " in line for line in lines)
    assert any(" message_delivered writer->critic " in line for line in lines)
    assert " run_ended outcome=completed" in lines[-1]
    assert "\x1b" not in ended.err


def test_events_are_json_lines_on_stdout_as_in_the_log(inside: Command, team_file: Path) -> None:
    ended = inside("run", str(team_file), "--task", "What is 3 + 4?", "--events")
    events = [event_from_json(line) for line in ended.out.splitlines()]
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert (events[0].type, events[-1].type) == ("run_started", "run_ended")
    assert len({event.run_id for event in events}) == 1


def test_with_events_and_json_the_result_is_the_last_line(inside: Command, team_file: Path) -> None:
    ended = inside("run", str(team_file), "--task", "What is 3 + 4?", "--events", "--json")
    *events, result = map(json.loads, ended.out.splitlines())
    assert events[-1]["type"] == "run_ended"
    assert result["outcome"] == "completed"
    assert result["run_id"] == events[0]["run_id"]


def test_a_task_can_come_from_a_file_and_from_standard_input(inside: Command, team_file: Path) -> None:
    task = team_file.parent / "task.txt"
    task.write_text("What is 20 + 22?")
    assert "42" in inside("run", str(team_file), "--task-file", str(task)).out
    assert "42" in inside("run", str(team_file), "--task-file", "-", stdin="What is 20 + 22?").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--task TEXT or as --task-file PATH"),
        (["--task", "a", "--task-file", "b"], "--task TEXT or as --task-file PATH, not both"),
        (["--task", " \n"], "The task is empty"),
        (["--task", "a", "--seed", "x"], "--seed"),
    ],
)
def test_bad_options_exit_2_and_prints_nothing_on_stdout(
    inside: Command, team_file: Path, arguments: list[str], said: str
) -> None:
    ended = inside("run", str(team_file), *arguments, "--json")
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


@pytest.mark.parametrize(
    ("arguments", "path", "said"),
    [
        (["--task-file", "missing.txt"], "--task-file", "the task cannot be read: No such file or directory"),
        (["--task", "a", "-O", "limits.turns=none"], "limits.turns", "a whole number"),
        (["--task", "a", "-O", "limits.turns"], "", "limits.turns"),
        (["--task", "a", "-m", "nobody:x"], "-m nobody:x", "nobody"),
    ],
)
@pytest.mark.parametrize("events", [[], ["--events"]])
def test_a_run_that_cannot_begin_exits_2_and_says_why_in_json_too(
    inside: Command, team_file: Path, arguments: list[str], path: str, said: str, events: list[str]
) -> None:
    ended = inside("run", str(team_file), *arguments, "--json", *events)
    assert ended.code == 2
    assert list(ended.json) == ["file", "ok", "errors"]
    assert (ended.json["file"], ended.json["ok"]) == (str(team_file), False)
    error = ended.json["errors"][0]
    assert path in error["path"]
    assert said in error["message"]
    assert said in ended.err
    assert not events or len(ended.out.splitlines()) == 1


def test_a_missing_key_is_said_with_the_file_before_the_run(inside: Command, team_file: Path) -> None:
    ended = inside("run", str(team_file), "--task", "x", "-m", "anthropic:m", "--json", ANTHROPIC_API_KEY="")
    assert ended.code == 2
    assert ended.err.startswith(f"{team_file}: models.default: ")
    assert "run_started" not in ended.err
    (error,) = ended.json["errors"]
    assert (error["line"], error["column"], error["path"]) == (None, None, "models.default")
    assert "ANTHROPIC_API_KEY" in error["message"]


def test_a_task_that_is_no_text_is_bad_input(inside: Command, team_file: Path) -> None:
    task = team_file.parent / "task.bin"
    task.write_bytes(b"\xff\xfe\x00")
    ended = inside("run", str(team_file), "--task-file", str(task))
    assert ended.code == 2
    assert "no UTF-8 text" in ended.err


def test_a_broken_file_is_reported_with_its_lines(inside: Command, broken_file: Path) -> None:
    ended = inside("run", str(broken_file), "--task", "x")
    assert ended.code == 2
    assert [line.split(":")[1] for line in ended.err.splitlines()] == ["3", "5", "6"]
    assert ended.out == ""
    told = inside("run", str(broken_file), "--task", "x", "--json").json
    assert told["errors"] == inside("check", str(broken_file), "--json").json["files"][0]["errors"]


def test_a_limit_exits_4(inside: Command, team_file: Path) -> None:
    ended = inside("run", str(team_file), "--task", "x", "-O", "limits.turns=1", "--json")
    assert (ended.code, ended.json["outcome"]) == (4, "limit")


def test_a_failed_run_exits_1_and_says_why(inside: Command, tmp_path: Path) -> None:
    ended = inside("run", program(tmp_path / "t.yaml", "raise SystemExit(3)"), "--task", "x", "--json")
    assert (ended.code, ended.json["outcome"]) == (1, "failed")
    assert ended.json["reason"]
    assert "failed" in ended.err


def test_a_verified_answer_exits_0_and_a_refuted_one_1(inside: Command, tmp_path: Path) -> None:
    verify = "verify: {{command: [{}, -c, 'import sys; sys.exit(sys.stdin.read().strip() != \"{}\")']}}\n"
    for expected, outcome, code in (("42", "verified", 0), ("43", "failed", 1)):
        path = program(tmp_path / "t.yaml", "print(42)", verify.format(sys.executable, expected))
        ended = inside("run", path, "--task", "x", "--json")
        assert (ended.code, ended.json["outcome"]) == (code, outcome)


def test_nobody_can_answer_for_a_person_without_a_terminal(inside: Command, tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text("version: 1\nagents: {me: {kind: human}}\ntopology: {kind: solo, agent: me}\n")
    ended = inside("run", str(path), "--task", "x", "--no-journal")
    assert ended.code == 1
    assert "nobody is there to answer" in ended.err


def test_a_question_is_shown_once_also_when_nobody_answers_it(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text("version: 1\nagents: {me: {kind: human}}\ntopology: {kind: solo, agent: me}\n")
    shown = on_terminal(["run", str(path), "--task", "Which colour?"], {"your answer": b"\x04"}, NO_COLOR="1")
    after = shown[shown.index("turn_started") :]
    assert after.count("Which colour?") == 1
    assert "failed: turn_failed: me: " in after


def test_control_sequences_in_an_answer_do_not_reach_the_terminal(inside: Command, tmp_path: Path) -> None:
    path = program(tmp_path / "t.yaml", "print('a' + chr(27) + '[2Jb')")
    ended = inside("run", path, "--task", "x")
    assert ended.out == "ab\n"
    assert "\x1b" not in ended.err
    assert inside("run", path, "--task", "x", "--json").json["answer"] == "a\x1b[2Jb"


def test_imports_need_consent(inside: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "consented.py").write_text("def reply(view):\n    return 'from a function'\n")
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "t.yaml"
    path.write_text(
        "version: 1\nagents: {a: {kind: function, function: 'consented:reply'}}\ntopology: {kind: solo, agent: a}\n"
    )
    refused = inside("run", str(path), "--task", "x")
    assert refused.code == 2
    assert "--allow" in refused.err
    assert inside("run", str(path), "--task", "x", "--allow", "consented").out == "from a function\n"


def test_an_interrupted_run_ends_at_once_and_still_prints_its_result(
    interrupt: Callable[..., Interrupted], tmp_path: Path
) -> None:
    path = tmp_path / "slow.yaml"
    path.write_text(SLOW)
    stopped = interrupt("run", str(path), "--task", "x", "--json", "--events", until="model_call_started")
    *events, result = map(json.loads, stopped.ended.out.splitlines())
    assert stopped.ended.code == 130
    assert stopped.seconds < 1
    assert result["outcome"] == "cancelled"
    assert (events[-1]["type"], events[-1]["outcome"]) == ("run_ended", "cancelled")


def test_cancelling_does_not_wait_for_a_function_in_its_thread(
    interrupt: Callable[..., Interrupted], tmp_path: Path
) -> None:
    (tmp_path / "sleeping.py").write_text("import time\ndef reply(view):\n    time.sleep(60)\n")
    path = tmp_path / "t.yaml"
    path.write_text(
        "version: 1\nagents: {a: {kind: function, function: 'sleeping:reply'}}\ntopology: {kind: solo, agent: a}\n"
    )
    stopped = interrupt(
        "run", str(path), "--task", "x", "--json", "--allow", "sleeping",
        until="turn_started", signals=[signal.SIGTERM], PYTHONPATH=str(tmp_path),
    )  # fmt: skip
    assert stopped.ended.code == 130
    assert stopped.seconds < 1
    assert stopped.ended.json["outcome"] == "cancelled"


def test_a_second_interruption_leaves_at_once(interrupt: Callable[..., Interrupted], tmp_path: Path) -> None:
    (tmp_path / "stuck.py").write_text(
        "import asyncio\n"
        "async def reply(view):\n"
        "    while True:\n"
        "        try:\n"
        "            await asyncio.sleep(60)\n"
        "        except asyncio.CancelledError:\n"
        "            pass\n"
    )
    path = tmp_path / "t.yaml"
    path.write_text(
        "version: 1\nagents: {a: {kind: function, function: 'stuck:reply'}}\ntopology: {kind: solo, agent: a}\n"
    )
    stopped = interrupt(
        "run", str(path), "--task", "x", "--allow", "stuck",
        until="turn_started", signals=[signal.SIGINT, signal.SIGINT], PYTHONPATH=str(tmp_path),
    )  # fmt: skip
    assert stopped.ended.code == 130
    assert stopped.seconds < 1


def test_a_reader_of_events_who_leaves_ends_the_run(tmp_path: Path) -> None:
    path = tmp_path / "slow.yaml"
    path.write_text(SLOW)
    arguments = [sys.executable, "-m", "agentmesh", "run", str(path), "--task", "x", "--events"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        running.stdout.close()
        assert running.wait(15) == 130
        assert running.stderr is not None
        said = running.stderr.read()
    assert "whoever read the events has left" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (["--help"], 1, "the output cannot be written: No space left on device"),
        (["check", "FILE"], 1, "the output cannot be written: No space left on device"),
        (["run", "FILE", "--task", "x"], 1, "the output cannot be written: No space left on device"),
        (["run", "FILE", "--task", "x", "--events"], 130, "the events cannot be written: No space left on device"),
    ],
)
def test_output_that_cannot_be_written_is_said_plainly(
    team_file: Path, command: list[str], code: int, said: str
) -> None:
    words = [str(team_file) if word == "FILE" else word for word in command]
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "agentmesh", *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.returncode == code


def test_a_run_with_closed_streams_still_ends(team_file: Path) -> None:
    command = f"{sys.executable} -m agentmesh run {team_file} --task x >&- 2>&- <&-"
    assert subprocess.run(["sh", "-c", command], check=False).returncode == 0


def test_a_blocked_model_request_ends_the_run_with_a_message(inside: Command, team_file: Path) -> None:
    ended = inside("run", str(team_file), "--task", "x", "-m", "openai:gpt-5@http://127.0.0.1:9/v1")
    assert ended.code == 1
    assert "model requests are blocked" in ended.err


def test_on_a_terminal_the_run_is_drawn_and_a_person_can_answer(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text("version: 1\nagents: {me: {kind: human}}\ntopology: {kind: solo, agent: me}\n")
    shown = on_terminal(["run", str(path), "--task", "Which colour?"], {"your answer": b"blue\n"})
    assert "Which colour?" in shown
    assert "phase" in shown
    assert "blue" in shown
    assert "completed" in shown


def on_terminal(arguments: list[str], answers: dict[str, bytes], **extra: str) -> str:
    """What a terminal gets to see of a command, and types when it sees the words in `answers`."""
    outer, inner = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "NO_COLOR")}
    with subprocess.Popen(
        [sys.executable, "-m", "agentmesh", *arguments],
        stdin=inner,
        stdout=inner,
        stderr=inner,
        env={**environment, "TERM": "xterm", "COLUMNS": "80", "LINES": "24", **extra},
    ) as running:
        os.close(inner)
        seen, ends = b"", time.monotonic() + 15
        waiting = dict(answers)
        while time.monotonic() < ends:
            if select.select([outer], [], [], 0.1)[0]:
                try:
                    more = os.read(outer, 65536)
                except OSError:  # the other end is closed
                    break
                seen += more
                for words in [words for words in waiting if words.encode() in seen]:
                    os.write(outer, waiting.pop(words))
            elif running.poll() is not None:
                break
        running.kill()
    os.close(outer)
    return seen.decode()


def test_a_script_that_was_not_played_to_its_end_is_bad_input(inside: Command, tmp_path: Path) -> None:
    team = tmp_path / "solo.yaml"
    team.write_text("version: 1\nagents: {solver: {}}\ntopology: {kind: solo, agent: solver}\n")
    script = tmp_path / "script.yaml"
    script.write_text("solver: [the answer is 5, never asked for]\n")
    done = inside("run", str(team), "--task", "x", "-m", f"scripted:{script}")
    assert done.code == 2
    assert done.out == "the answer is 5\n"
    assert "'solver' 1 of 2" in done.err
