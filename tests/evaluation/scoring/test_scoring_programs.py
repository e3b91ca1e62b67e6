"""Answers that programs check, with real processes."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from agentmesh.errors import AgentError
from agentmesh.evaluation.scoring.programs import code_of
from agentmesh.evaluation.tasks import load_tasks
from tests.agents.left_processes import none_left
from tests.evaluation.scoring.answers import scored, task

pytestmark = pytest.mark.anyio

HUMAN = {
    "task_id": "T/0",
    "prompt": 'def add(a: int, b: int) -> int:\n    """The sum."""\n',
    "entry_point": "add",
    "test": "def check(candidate):\n    assert candidate(2, 3) == 5\n    assert candidate(0, 0) == 0\n",
}


async def test_the_command_finds_files_sources_and_the_answer_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "numbers.txt").write_text("2 3")
    source = (
        "import pathlib, sys\n"
        "numbers = pathlib.Path('data/numbers.txt').read_text().split()\n"
        "told = pathlib.Path('answer.txt').read_text()\n"
        "assert told == sys.stdin.read()\n"
        "sys.exit(f'the sum is {sum(map(int, numbers))}') if int(told) != 5 else None\n"
    )
    one = task(
        None,
        "program",
        command=["python", "check/it.py"],
        sources={"check/it.py": source},
        files={"data/numbers.txt": str(tmp_path / "numbers.txt")},
    )
    right, wrong = await scored(one, "5"), await scored(one, "6")
    assert (right.correct, right.value) == (True, 1.0)
    assert (wrong.correct, wrong.value) == (False, 0.0)
    assert wrong.why == "python ended with status 1: the sum is 5"


async def test_code_in_the_answer_stands_in_a_file_of_its_own() -> None:
    one = task(None, "program", command=["python", "-c", "from answer import f; assert f(2) == 4"])
    told = "Here it is:\n\n```python\ndef f(x):\n    return x * 2\n```\nand so you call it:\n```sh\npython f.py\n```"
    assert (await scored(one, told)).correct
    assert (await scored(one, "f = lambda x: x + x")).correct
    assert "No module named 'answer'" in (await scored(one, "It doubles its argument.")).why


async def test_the_workspace_is_gone_afterwards_and_no_key_was_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-mine")
    monkeypatch.setenv("DATABASE", "postgres://user:sesame@host/db")
    show = "import json, os, sys; sys.exit(json.dumps([os.getcwd(), dict(os.environ)]))"
    why = (await scored(task(None, "program", command=["python", "-c", show]), "x")).why
    assert "secret" not in why
    assert "sesame" not in why
    check = "import os, sys; print(os.getcwd(), file=sys.stderr); sys.exit(1)"
    folder = (await scored(task(None, "program", command=["python", "-c", check]), "x")).why.split()[-1]
    assert Path(folder).name.startswith("agentmesh-")
    assert not Path(folder).exists()


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes are found through /proc")
async def test_a_check_that_takes_too_long_is_killed_with_its_children() -> None:
    started = time.monotonic()
    one = task(None, "program", command=["sh", "-c", "sleep 71717.5 & sleep 71717.6"], timeout_s=0.3)
    found = await scored(one, "x")
    assert time.monotonic() - started < 10
    assert (found.correct, found.why) == (False, "'sh' did not end within 0.3 s and was killed")
    assert await none_left("71717.")


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes are found through /proc")
async def test_a_child_that_lingers_does_not_hold_up_a_check_and_is_killed() -> None:
    started = time.monotonic()
    one = task(None, "program", command=["sh", "-c", "sleep 71718.5 & exit 0"])
    assert (await scored(one, "x")).correct
    assert time.monotonic() - started < 10
    assert await none_left("71718.")


async def test_a_check_that_cannot_be_started_is_an_error_and_no_wrong_answer() -> None:
    with pytest.raises(AgentError, match="cannot start 'no-such-program'"):
        await scored(task(None, "program", command=["no-such-program"]), "x")


@pytest.mark.parametrize(
    ("answer", "correct"),
    [
        ("```python\ndef add(a, b):\n    return a + b\n```", True),
        ("    return a + b", True),
        ("```python\ndef add(a, b):\n    return a - b\n```", False),
        ("def add(a, b):\n    return a + b\n\nimport os\nos._exit(0)", False),
        ("I cannot do that.", False),
    ],
)
async def test_a_completion_is_right_if_it_passes_the_tests(tmp_path: Path, answer: str, correct: bool) -> None:
    path = tmp_path / "human.jsonl"
    path.write_text(json.dumps(HUMAN))
    found = await scored(load_tasks(path).items[0], answer)
    assert (found.correct, found.value) == (correct, float(correct))
    assert correct or found.why.startswith("python ended with status 1: ")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("Paris", None),
        ("42", None),
        ("", None),
        ("That is so.", None),
        ("x = 1", "x = 1"),
        ("print(3)", "print(3)"),
        ("    return 1", "    return 1"),
        ("```\nx = 1\n```\nor\n```py\ny = 2\n```", "x = 1\n\n\ny = 2\n"),
        ("```\nx = 1\n```\n```python\n>>> x\n1\n```", "x = 1\n"),
        ("```python\nx = (\n```", "x = (\n"),
        ("```js\nlet x\n```", "let x\n"),
        ("  ```python\n  if x:\n      y\n  ```", "if x:\n    y\n"),
    ],
)
def test_code_is_told_from_words(answer: str, code: str | None) -> None:
    assert code_of(answer) == code


def test_this_python_is_the_one_that_checks() -> None:
    from agentmesh.evaluation.scoring.programs import environment

    assert environment(Path("/x"))["PATH"].startswith(str(Path(sys.executable).parent))
