"""Files that users bring: GSM8K-, MMLU- and HumanEval-style."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentmesh.errors import ConfigError
from agentmesh.evaluation.tasks import load_tasks
from agentmesh.evaluation.tasks.readers import completing

GSM = {"question": "Ann has 1,000 pens and buys 200.", "answer": "1000 + 200 = <<1000+200=1200>>1200\n#### 1,200"}
CHOICES = ["Rome", "Paris, France", "Oslo", "Bern"]
MMLU = {"question": "Capital of France?", "choices": CHOICES, "answer": 1, "subject": "geography"}
HUMAN = {
    "task_id": "T/0",
    "prompt": 'def add(a: int, b: int) -> int:\n    """The sum."""\n',
    "entry_point": "add",
    "canonical_solution": "    return a + b\n",
    "test": "def check(candidate):\n    assert candidate(2, 3) == 5\n",
}


def file_of(folder: Path, text: object, name: str = "test.jsonl") -> Path:
    path = folder / name
    path.write_text(text if isinstance(text, str) else json.dumps(text) + "\n", encoding="utf-8")
    return path


def test_a_gsm8k_line_is_a_problem_whose_answer_is_a_number(tmp_path: Path) -> None:
    (task,) = load_tasks(file_of(tmp_path, GSM)).items
    assert (task.id, task.answer, task.scored_by.kind) == ("test:1", "1,200", "numeric")
    assert task.prompt.startswith(GSM["question"])
    assert "`Answer: N`" in task.prompt
    assert task.metadata == {"solution": "1000 + 200 = <<1000+200=1200>>1200"}
    assert "1200" not in task.prompt


@pytest.mark.parametrize("answer", [1, "1", "B", "b"])
def test_an_mmlu_object_names_its_answer_by_index_or_letter(tmp_path: Path, answer: int | str) -> None:
    (task,) = load_tasks(file_of(tmp_path, {**MMLU, "answer": answer})).items
    assert (task.answer, task.scored_by.choices) == ("B", tuple(CHOICES))
    assert "A. Rome\nB. Paris, France\nC. Oslo\nD. Bern" in task.prompt
    assert task.metadata == {"subject": "geography"}


def test_the_original_mmlu_rows_have_no_head_and_may_span_lines(tmp_path: Path) -> None:
    rows = '"Capital of\nFrance?",Rome,"Paris, France",Oslo,Bern,B\n\n2 + 2?,1,2,3,4,D\n'
    read = [load_tasks(file_of(tmp_path, rows, name)) for name in ("geo_test.csv", "rows.txt")]
    assert [(task.id, task.answer) for task in read[0].items] == [("geo_test.csv:1", "B"), ("geo_test.csv:4", "D")]
    assert [task.prompt for task in read[0].items] == [task.prompt for task in read[1].items]
    assert read[0].items[0].scored_by.choices == tuple(CHOICES)


def test_a_humaneval_line_becomes_a_program_check_that_the_team_does_not_see(tmp_path: Path) -> None:
    (task,) = load_tasks(file_of(tmp_path, HUMAN)).items
    check = task.scored_by
    assert (task.id, check.kind, check.command) == ("T/0", "program", ("python", "check.py", "add"))
    assert HUMAN["prompt"].strip() in task.prompt
    assert "assert" not in task.prompt
    assert check.sources["tests.txt"] == HUMAN["test"]


def test_entries_of_foreign_files_are_told_what_is_wrong_with_them(tmp_path: Path) -> None:
    wrong = [
        ({"question": "x", "answer": "many"}, None, "answer: no number stands behind `####`"),
        ({**MMLU, "answer": 7}, None, "answer: found '7', which is none of the options; allowed: A to D, or 0 to 3"),
        ({**MMLU, "choices": ["x"]}, None, "choices: "),
        ({**HUMAN, "entry_point": "a b"}, None, "entry_point: "),
        ({"question": "x"}, "gsm8k", "answer: 'answer' is missing"),
        ("q,A,B\n", "mmlu", "found 3 columns; allowed: 6, question,A,B,C,D,answer"),
        ('q,a,b,c,"d,A\n', "mmlu", "no CSV: unexpected end of data"),
    ]
    for text, format, fault in wrong:
        path = file_of(tmp_path, text, "test.csv" if isinstance(text, str) else "test.jsonl")
        with pytest.raises(ConfigError) as raised:
            load_tasks(path, format=format)
        assert str(raised.value).startswith(f"{path}:1: {fault}")


def test_the_format_may_be_named_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    path = file_of(tmp_path, {**GSM, "choices": ["a", "b"]})
    with pytest.raises(ConfigError, match="none of the options"):
        load_tasks(path)
    assert load_tasks(path, format="gsm8k").items[0].answer == "1,200"
    with pytest.raises(ConfigError, match="allowed: native, gsm8k, mmlu, humaneval; did you mean 'gsm8k'"):
        load_tasks(path, format="gsm8")


@pytest.mark.parametrize(
    "answer",
    [
        "def add(a, b):\n    return a + b\n",
        "import math\n\ndef add(a, b):\n    return int(math.fsum([a, b]))\n",
        "    return a + b\n",
        "return a + b",
        "total = a + b\n    return total",
        "if a:\n    return a + b\nreturn b",
    ],
)
def test_an_answer_may_be_the_whole_function_or_its_body(answer: str) -> None:
    scope: dict[str, object] = {}
    exec(completing.program(HUMAN["prompt"], answer, "add"), scope)
    add = scope["add"]
    assert callable(add)
    assert add(2, 3) == 5


def test_an_answer_that_is_no_program_is_a_syntax_error() -> None:
    for answer in ("It is the sum.", "def add(a, b) return", "def other(): pass\nx ="):
        with pytest.raises(SyntaxError):
            completing.program(HUMAN["prompt"], answer, "add")


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        ("return a + b", 0, ""),
        ("return a - b", 1, "AssertionError"),
        ("import sys\nsys.exit(0)", 1, "the program ended before its tests did"),
        ("It is the sum.", 1, "SyntaxError: "),
    ],
)
def test_tests_have_passed_only_if_they_came_to_their_end(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    answer: str,
    status: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in [("prompt.txt", HUMAN["prompt"]), ("tests.txt", HUMAN["test"]), ("answer.txt", answer)]:
        Path(name).write_text(text)
    assert completing.main("add") == status
    assert capfd.readouterr().err.startswith(said)
