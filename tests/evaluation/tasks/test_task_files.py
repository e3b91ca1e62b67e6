"""Files of tasks: what is read, and how everything that is wrong is told at once."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from agentmesh.errors import ConfigError
from agentmesh.evaluation.tasks import Check, EvalTask, Tasks, load_tasks

SUM = {"id": "sum", "prompt": "What is 2 + 2?", "answer": 4}


def written(folder: Path, *tasks: Any, name: str = "tasks.jsonl") -> Path:
    path = folder / name
    lines = (task if isinstance(task, str) else json.dumps(task) for task in tasks)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def faults(path: Path, **options: Any) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load_tasks(path, **options)
    return [line.removeprefix(f"{path}:") for line in str(raised.value).splitlines()]


def test_a_file_of_lines_a_packed_one_and_a_list_hold_the_same_tasks(tmp_path: Path) -> None:
    capital = {"id": "capital", "prompt": "Capital of France?", "answer": ["Paris", "Lutetia"], "private": {"a": "x"}}
    lines = written(tmp_path, SUM, "", capital)
    (tmp_path / "packed.jsonl.gz").write_bytes(gzip.compress(lines.read_bytes()))
    whole = written(tmp_path, json.dumps([SUM, capital], indent=1), name="tasks.json")
    read = [load_tasks(path) for path in (lines, tmp_path / "packed.jsonl.gz", whole)]
    assert [task.id for task in read[0].items] == ["sum", "capital"]
    assert read[0].items[1].answer == ["Paris", "Lutetia"]
    assert read[0].items == read[1].items == read[2].items
    assert len({tasks.hash for tasks in read}) == 1
    assert [tasks.name for tasks in read] == ["tasks", "packed", "tasks"]


def test_all_faults_come_at_once_with_their_lines_and_what_is_allowed(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        SUM,
        {"id": "a", "promt": "x", "answer": 1},
        {"id": "b", "prompt": "x", "answer": {"x": 1}, "check": "numrical"},
        {"id": "c", "prompt": "x", "answer": "y", "check": {"kind": "program", "comand": ["python"]}},
        {"id": "d", "prompt": "x", "answer": "y", "check": {"kind": "exact", "tolerance": 3}},
        {"id": "e", "prompt": "x"},
        [1],
        '{"id": "f", ',
        {"id": "g", "prompt": "x", "answer": 4, "private": {"a": 3}},
        {**SUM, "prompt": "again"},
    )
    assert faults(path) == [
        "2: promt: unknown key 'promt'; allowed: id, prompt, answer, private, files, repository, check, metadata; did "
        "you mean 'prompt'?",
        "3: answer: found a mapping; allowed: a text, a number, true, false, or a list of one or more texts",
        "3: check: found the text 'numrical'; allowed: exact, numeric, choice, program, judge, custom, ranking or "
        "ideas; did you mean 'numeric'?",
        "4: check.comand: unknown key 'comand'; allowed: kind, tolerance, relative, command, sources, timeout_s, use, "
        "model, instructions, choices, enough; did you mean 'command'?",
        "5: check.tolerance: `tolerance` says nothing to exact; it is a key of: numeric, ranking",
        "6: answer: nothing says what is right; give `answer`, or a `check` that needs none",
        "7: [0]: found the number 1; allowed: a mapping",
        "8: not JSON: a value begins here and does not end",
        "9: private.a: found the number 3; allowed: a text",
        "10: id: 'sum' is in line 1 already; give each task an id of its own",
    ]


def test_of_very_many_faults_the_rest_is_counted(tmp_path: Path) -> None:
    path = written(tmp_path, *[{"id": f"{number}", "prompt": "x"} for number in range(130)])
    told = faults(path)
    assert len(told) == 101
    assert told[-1].endswith("30 more problems")


def test_a_fault_in_a_list_names_its_entry(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps([SUM, {**SUM, "id": "b", "answer": [1]}]), name="tasks.json")
    assert faults(path) == [
        "1: [1].answer: found a list; allowed: a text, a number, true, false, or a list of one or more texts"
    ]


@pytest.mark.parametrize(
    ("check", "answer", "fault"),
    [
        ({"kind": "program"}, None, "check.command: a program needs its `command`, such as [python, check.py]"),
        ({"kind": "custom", "use": "module"}, None, "check.use: custom needs `use: package.module:function`"),
        ({"kind": "custom", "use": ":f"}, None, "check.use: custom needs `use: package.module:function`"),
        ("judge", None, "answer: a judge needs an `answer` to compare with, or `instructions` on what counts as right"),
        ("ranking", "a", "answer: a ranking needs the expert's order: a list of two or more different texts"),
        ("ranking", ["a", "A"], "answer: a ranking needs the expert's order: a list of two or more different texts"),
        ("ideas", "a", "answer: ideas need the valid ones: a list of texts"),
        ({"kind": "ideas", "enough": 3}, ["a"],
         "answer: 3 ideas are to be enough, and only 1 are valid; give more, or a lower `enough`"),
        ("numeric", "four", "answer: numeric needs a number; found 'four'"),
        ("numeric", True, "answer: numeric needs a number; found True"),
        ("exact", None, "answer: exact needs an `answer`"),
        ("choice", "Paris", "answer: 'Paris' is no option; allowed: A to Z"),
        ({"kind": "choice", "choices": ["x", "y"]}, "C", "answer: 'C' is no option; allowed: A to B, or one of: x; y"),
        ({"kind": "choice", "choices": ["x"]}, "A", "check.choices: found 1; allowed: 2 to 26 options"),
        ({"kind": "program", "command": ["true"], "sources": {"../x": ""}}, None,
         "check.sources: '../x' is no place in a workspace; allowed: a relative path without .."),
    ],
)  # fmt: skip
def test_a_check_that_cannot_score_is_refused(tmp_path: Path, check: Any, answer: Any, fault: str) -> None:
    path = written(tmp_path, {"id": "x", "prompt": "x", "answer": answer, "check": check})
    assert faults(path) == [f"1: {fault}"]


def test_files_are_found_beside_the_tasks_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("secret")
    folder = tmp_path / "tasks"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "table.csv").write_text("1,2")
    (folder / "link.csv").symlink_to(tmp_path / "outside.txt")
    task = {"id": "a", "prompt": "x", "answer": 1, "files": {"in/table.csv": "data/table.csv"}}
    assert load_tasks(written(folder, task)).items[0].files == {"in/table.csv": str(folder / "data" / "table.csv")}
    wrong = {"up": "../outside.txt", "link": "link.csv", "away": "/etc/passwd", "near": "tasks.json", "folder": "data"}
    out = "leads out of the folder of tasks.jsonl; put it there"
    assert faults(written(folder, {**task, "files": wrong})) == [
        f"1: files.up: '../outside.txt' {out}",
        f"1: files.link: 'link.csv' {out}",
        f"1: files.away: '/etc/passwd' {out}",
        "1: files.near: there is no file 'tasks.json' beside tasks.jsonl; did you mean 'tasks.jsonl'?",
        "1: files.folder: there is no file 'data' beside tasks.jsonl",
    ]
    assert faults(written(folder, {**task, "files": {"../up": "data/table.csv"}})) == [
        "1: files: '../up' is no place in a workspace; allowed: a relative path without .."
    ]


def test_the_hash_follows_what_the_items_say_and_not_where_they_stand(tmp_path: Path) -> None:
    hashes = []
    for name, text, answer in [("a", "1", 4), ("b", "1", 4), ("c", "2", 4), ("d", "1", 5)]:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "f.txt").write_text(text)
        hashes.append(load_tasks(written(folder, {**SUM, "answer": answer, "files": {"f.txt": "f.txt"}})).hash)
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3
    one, two = EvalTask(id="a", prompt="x", answer=1), EvalTask(id="b", prompt="x", answer=1)
    assert Tasks("x", (one, two)).hash == Tasks("y", (one, two)).hash != Tasks("x", (two, one)).hash


def test_a_limit_leaves_the_rest_unread(tmp_path: Path) -> None:
    path = written(tmp_path, SUM, {**SUM, "id": "b"}, "no JSON at all")
    assert [task.id for task in load_tasks(path, limit=2).items] == ["sum", "b"]
    assert faults(path, limit=3) == ["3: not JSON: Expecting value at column 1"]
    assert "allowed: 1 or more" in faults(path, limit=0)[0]


def test_what_is_no_file_may_be_a_generator(tmp_path: Path) -> None:
    made = load_tasks("arithmetic:n=3,seed=1", limit=2)
    assert made.name == "arithmetic:n=3,seed=1"
    assert [type(task) for task in made.items] == [EvalTask] * 2
    assert "there is no such file; allowed: a file of tasks, or name:arguments of a generator: arithmetic" in str(
        faults(tmp_path / "none.jsonl")
    )
    assert "it is a folder" in str(faults(tmp_path))
    with pytest.raises(ConfigError, match="did you mean 'arithmetic'"):
        load_tasks("arithmetik:n=3")


def test_an_empty_file_is_told_what_it_should_hold(tmp_path: Path) -> None:
    assert "it holds no tasks; write one a line" in faults(written(tmp_path))[0]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(4, "numeric"), (0.5, "numeric"), ("1,234", "numeric"), (["3", "4.0"], "numeric"), ("4 apples", "exact"),
     ("Paris", "exact"), (True, "exact"), (["3", "three"], "exact")],
)  # fmt: skip
def test_an_answer_suggests_how_it_is_scored(answer: Any, kind: str) -> None:
    assert EvalTask(id="a", prompt="x", answer=answer).scored_by.kind == kind


def test_a_check_may_be_its_kind_alone() -> None:
    assert EvalTask.model_validate({"id": "a", "prompt": "x", "answer": "4", "check": "exact"}).check == Check(
        kind="exact"
    )
