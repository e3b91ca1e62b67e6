"""Simulated coders: what they write follows from the files, features and words in their view, and works."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentmesh.evaluation.tasks import EvalTask
from agentmesh.evaluation.tasks.generators import generate
from agentmesh.providers.simulated.coding.features import pieces_in
from agentmesh.providers.simulated.coding.source import exchange, theirs
from tests.providers.simulated.simulated_coders import TOOLS, Desk, board, laid_out, passes
from tests.providers.simulated.simulated_office import quoted
from tests.sizes import NIGHTLY, examples

FILE = '"""The stock of the shop."""\n\n\ndef total(values):\n    """The sum."""\n    result = 0\n    return result\n'
GIVES = (
    "Feature 1: in shop/stock.py, add a function for the levy, whose name you choose, of one number that gives 3 times "
    "it, plus 2."
)
NEEDS = (
    "Feature 2: in shop/till.py, add a function `due` of one number that gives what the function for the levy in "
    "shop/stock.py, which feature 1 adds, gives for it, plus 5."
)
SAID = "The name for the levy in shop/stock.py is `quite_another`."
SEEDS = range(12 if NIGHTLY else 1)
SHOP = {"shop/__init__.py": "", "shop/stock.py": FILE, "shop/till.py": FILE.replace("stock", "till")}


def made(spec: str) -> EvalTask:
    (task,) = generate(f"coding:n=1,suite=unittest,{spec}")
    return task


@settings(parent=examples(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**6), st.integers(2, 4), st.sampled_from([0, 0.5, 1]), st.sampled_from([0, 0.5, 1]))
def test_every_piece_of_a_generated_feature_is_understood(
    seed: int, features: int, overlap: float, need: float
) -> None:
    task = made(f"seed={seed},features={features},overlap={overlap},coupling={need}")
    pieces = pieces_in([task.private["coder"]])
    assert len(pieces) == task.metadata["pieces"] == len(task.private["coder"].splitlines())
    assert {piece.feature for piece in pieces} == set(range(1, features + 1))
    shared = "".join(task.private[f"coder-{at}"] + "\n" for at in range(1, features + 1))
    assert shared == task.private["coder"] + "\n" == task.private["planner"] + "\n"


@pytest.mark.parametrize("seed", SEEDS)
def test_one_coder_who_is_told_everything_passes_all_tests_and_changes_nothing_twice(seed: int, tmp_path: Path) -> None:
    task = made(f"seed={seed},features=4,overlap=1,coupling=1")
    assert task.check is not None
    assert passes(laid_out(tmp_path, dict(task.repository)), ("python", "-m", "unittest", "discover", "-s", "tests"))
    laid_out(tmp_path, dict(task.check.sources))
    assert not passes(tmp_path, task.check.command)
    Desk("coder", tmp_path, task.private["coder"]).turn()
    assert passes(tmp_path, task.check.command)
    again = Desk("coder", tmp_path, task.private["coder"])
    again.turn()
    assert {name for name, _ in again.calls} == {"read_file"}


def test_pytest_and_unittest_find_the_same(tmp_path: Path) -> None:
    task = made("features=2,overlap=1,coupling=1")
    (same,) = generate("coding:n=1,suite=pytest,features=2,overlap=1,coupling=1")
    assert task.check is not None
    assert same.check is not None
    assert task.check.sources == same.check.sources
    laid_out(tmp_path, {**task.repository, **task.check.sources})
    Desk("coder", tmp_path, task.private["coder"]).turn()
    assert [passes(tmp_path, check.command) for check in (task.check, same.check)] == [True, True]


def test_each_of_a_coders_slips_is_a_wrong_piece_of_code(tmp_path: Path) -> None:
    task = made("features=2,overlap=0,coupling=0")
    assert task.check is not None
    laid_out(tmp_path, {**task.repository, **task.check.sources})
    Desk("coder", tmp_path, task.private["coder"], model="coder,coding=0").turn()
    assert not passes(tmp_path, task.check.command)
    assert passes(tmp_path, (*task.check.command[:4], *(one for one in task.check.command if one.startswith("tests."))))


def test_who_has_no_edit_file_writes_the_whole_file(tmp_path: Path) -> None:
    desk = Desk("ann", laid_out(tmp_path, SHOP), GIVES, tools=("read_file", "write_file"))
    desk.turn()
    assert "return 3 * value + 2" in (tmp_path / "shop/stock.py").read_text()
    assert [name for name, _ in desk.calls] == ["read_file", "write_file"]


# Names that others need


def called(folder: Path) -> str:
    """What the function that is needed is called in the code that needs it."""
    found = re.search(r"stock\.(\w+)\(value\) \+ 5", (folder / "shop/till.py").read_text())
    assert found is not None
    return found[1]


def test_a_peers_message_decides_what_is_called_even_after_the_code_was_written(tmp_path: Path) -> None:
    desk = Desk("ben", laid_out(tmp_path, SHOP), NEEDS)
    desk.turn()
    guessed = called(tmp_path)
    desk.turn(quoted("ann", SAID))
    assert called(tmp_path) == "quite_another" != guessed


def test_who_pays_no_attention_goes_on_with_its_own_guess(tmp_path: Path) -> None:
    desk = Desk("ben", laid_out(tmp_path, SHOP), NEEDS, model="coder,attention=0")
    desk.turn()
    guessed = called(tmp_path)
    desk.turn(quoted("ann", SAID))
    assert called(tmp_path) == guessed


def test_a_task_is_read_right_by_who_pays_no_attention(tmp_path: Path) -> None:
    task = quoted("planner", f"{NEEDS}\n{SAID}", kind="task", task="t1")
    Desk("ben", laid_out(tmp_path, SHOP), "", model="coder,attention=0", graph={"hand_off": {}}).turn(task)
    assert called(tmp_path) == "quite_another"


def test_a_name_that_stands_in_the_code_is_used(tmp_path: Path) -> None:
    laid_out(tmp_path, SHOP)
    Desk("ann", tmp_path, GIVES).turn()
    Desk("ben", tmp_path, NEEDS, model="coder,attention=0").turn()
    assert f"def {called(tmp_path)}(value)" in (tmp_path / "shop/stock.py").read_text()


def test_who_chooses_a_name_tells_it_and_keeps_to_it_unless_it_does_not(tmp_path: Path) -> None:
    written = {}
    for fidelity in (1, 0):
        folder = laid_out(tmp_path / str(fidelity), SHOP)
        reply = Desk("ann", folder, GIVES, model=f"coder,fidelity={fidelity}").turn()
        said = re.search(r"The name for the levy in shop/stock\.py is `(\w+)`", reply.text)
        assert said is not None
        written[fidelity] = f"def {said[1]}(value)" in (folder / "shop/stock.py").read_text()
    assert written == {1: True, 0: False}


def test_coders_of_one_model_think_of_names_of_their_own_and_copies_of_the_same(tmp_path: Path) -> None:
    def names(model: str) -> set[str]:
        replies = [Desk(f"coder-{at}", laid_out(tmp_path, SHOP), GIVES, model).turn().text for at in range(8)]
        return {reply.splitlines()[-1] for reply in replies}

    assert len(names("coder")) > 2
    assert len(names("coder,heterogeneity=0")) == 1


# Boards and places

BOARD = {"read_board": {"board": ("plan",)}, "claim": {"board": ("plan",)}, "commit_to": {"board": ("plan",)}}
TWO = FILE + "\n\ndef most(values):\n    return max(values)\n"


def at_the_board(folder: Path, told: str, entries: list[dict[str, Any]], claim: str = "claim c1 stands") -> Desk:
    texts = {**SHOP, "shop/stock.py": TWO}
    answers = {"read_board": board({"entries": entries}), "claim": lambda _: claim, "commit_to": lambda _: "stands"}
    return Desk("ann", laid_out(folder, texts), told, graph=BOARD, answers=answers)


def order_of(folder: Path) -> list[str]:
    return re.findall(r"^def (\w+)", (folder / "shop/stock.py").read_text(), re.MULTILINE)


def test_a_coder_claims_where_it_writes_and_commits_to_the_name_before_it_edits(tmp_path: Path) -> None:
    desk = at_the_board(tmp_path, GIVES, [])
    desk.turn()
    assert [name for name, _ in desk.calls] == ["read_board", "read_file", "claim", "commit_to", "edit_file"]
    claimed, committed = desk.calls[2][1], desk.calls[3][1]
    last = len(TWO.splitlines())
    assert claimed == {"board": "plan", "path": "shop/stock.py", "start": last, "end": last}
    name = order_of(tmp_path)[-1]
    assert committed["text"] == f"The name for the levy in shop/stock.py is `{name}`."


@pytest.mark.parametrize("refused", [False, True])
def test_where_somebody_else_has_claimed_the_end_new_functions_go_elsewhere(refused: bool, tmp_path: Path) -> None:
    last = len(TWO.splitlines())
    taken = {"id": "c1", "kind": "claim", "owner": "ben", "path": "shop/stock.py", "start": last, "end": last}
    desk = at_the_board(tmp_path, GIVES, [] if refused else [taken])
    tries: list[int] = []

    def answer(given: dict[str, Any]) -> str:
        tries.append(given["start"])
        return f"error: {last}-{last} is claimed by 'ben'" if refused and given["start"] == last else "claim stands"

    desk.answers = {**desk.answers, "claim": answer}
    desk.turn()
    assert order_of(tmp_path)[0] == "total"
    assert order_of(tmp_path)[2] == "most"
    assert tries == ([last, 7] if refused else [7])


def test_a_place_that_turns_out_to_be_taken_is_left_and_a_name_on_the_board_taken_over(tmp_path: Path) -> None:
    last = len(TWO.splitlines())
    entries: list[dict[str, Any]] = []
    desk = at_the_board(tmp_path, f"{GIVES}\n{NEEDS.replace('levy', 'toll')}", entries)
    desk.turn()
    assert order_of(tmp_path)[-1] != "most"
    entries += [
        {"id": "c1", "kind": "claim", "owner": "ben", "path": "shop/stock.py", "start": last, "end": last},
        {"id": "k1", "kind": "commitment", "owner": "ben", "text": SAID.replace("levy", "toll")},
    ]
    desk.turn(quoted("ben", "I have claimed the end."))
    assert order_of(tmp_path)[-1] == "most"
    assert len(order_of(tmp_path)) == 3
    assert called(tmp_path) == "quite_another"


# Conflicts


def git(folder: Path, *arguments: str, code: int | None = 0) -> None:
    settings = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *settings, *arguments], cwd=folder, capture_output=True, check=False)
    assert code is None or done.returncode == code, done.stderr


@pytest.mark.parametrize("seed", SEEDS)
def test_a_coder_whose_merge_made_conflicts_mends_them_from_what_both_sides_wrote(seed: int, tmp_path: Path) -> None:
    task = made(f"seed={seed},features=2,overlap=1,coupling=0")
    assert task.check is not None
    git(laid_out(tmp_path, dict(task.repository)), "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "begun")
    git(tmp_path, "checkout", "--quiet", "-b", "other")
    Desk("ann", tmp_path, task.private["coder-1"]).turn()
    git(tmp_path, "commit", "-am", "one")
    git(tmp_path, "checkout", "--quiet", "-")
    git(tmp_path, "checkout", "--quiet", "-B", "mine", "main")
    Desk("ben", tmp_path, task.private["coder-2"]).turn()
    git(tmp_path, "commit", "-am", "two")
    git(tmp_path, "merge", "other", code=1)
    assert any("<<<<<<<" in path.read_text() for path in tmp_path.glob("*/*.py"))
    asked = f"{task.private['coder-2']}\nIt does not merge: there are conflicts."
    Desk("ben", tmp_path, "", graph={"hand_off": {}}).turn(quoted("planner", asked, kind="task", task="t2"))
    assert not any("<<<<<<<" in path.read_text() for path in tmp_path.glob("*/*.py"))
    shutil.rmtree(tmp_path / ".git")
    assert passes(laid_out(tmp_path, dict(task.check.sources)), task.check.command)


LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n"]), max_size=8).map("".join)


@settings(parent=examples(30))
@given(LINES, LINES)
def test_the_passage_that_is_exchanged_stands_in_the_text_once_and_makes_it_the_other(before: str, after: str) -> None:
    if before and before != after:
        old, new = exchange(before, after)
        assert before.count(old) == 1
        assert before.replace(old, new) == after


def test_of_a_conflict_the_other_side_is_kept_with_and_without_the_common_ancestor() -> None:
    for common in ("", "||||||| 1234\nold\n"):
        text = (
            f"a\n<<<<<<< HEAD\nmine\n{common}=======\nyours\n>>>>>>> main\nb\n<<<<<<< HEAD\n=======\nc\n>>>>>>> main\n"
        )
        assert theirs(text) == "a\nyours\nb\nc\n"


# Planning


def test_a_planner_opens_a_task_a_feature_with_names_decided_and_dependencies_where_functions_meet(
    tmp_path: Path,
) -> None:
    widening = (
        "Feature {}: in shop/stock.py, give `total` a further parameter `{}` that is 0 by default; 2 times it is added "
        "to the result."
    )
    told = "\n".join([GIVES, NEEDS, widening.format(2, "bonus"), widening.format(3, "rest")])
    reply = Desk("planner", tmp_path, told, tools=("read_file",), graph={"open_tasks": {}}).turn()
    (call,) = reply.tool_calls
    tasks = call.arguments["tasks"]
    assert [task["title"] for task in tasks] == ["Feature 1", "Feature 2", "Feature 3"]
    named = [re.findall(r"for the levy in shop/stock\.py is `(\w+)`", task["instructions"]) for task in tasks]
    assert named[0] == named[1] != []
    assert named[2] == []
    assert [task["depends_on"] for task in tasks] == [[], [], [tasks[1]["id"]]]
    assert json.dumps(tasks).count("Feature 3: ") == 1


def test_no_coder_is_disturbed_by_features_when_it_has_no_files(tmp_path: Path) -> None:
    reply = Desk("ann", tmp_path, GIVES, tools=()).turn(quoted("user", "What is 2 + 3?"))
    assert "5" in reply.text


def test_tools_of_a_desk_are_those_of_a_workspace() -> None:
    from agentmesh.tools.workspaces.tools import WORKSPACE_TOOLS

    assert set(TOOLS) <= set(WORKSPACE_TOOLS)
