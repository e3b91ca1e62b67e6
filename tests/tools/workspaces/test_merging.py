"""Finished work reaches base only as a whole that holds; what does not goes back with what its author needs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.tools.workspaces.repositories import CODE, contents, git, root, task, works

pytestmark = pytest.mark.anyio

TWO, THREE, BOTH = (CODE.replace("return 1", f"return {value}") for value in ("2", "3", "2 + 3"))
OTHER = CODE.replace("'a'", "'b'")
PRICE = f"$ {sys.executable} -c 'import code; assert code.price() > {{}}, code.price()'"


def price_above(least: int) -> str:
    return PRICE.format(least)


async def test_a_conflict_goes_back_with_both_versions_and_what_resolves_it_is_merged(repository: Path) -> None:
    team = works(repository)
    ann, bob = await root(team, "ann", task("t1")), await root(team, "bob", task("t2"))
    (ann / "code.py").write_text(TWO)
    (bob / "code.py").write_text(THREE)
    assert (await team.accept("ann", task("t1"), 1)).passed
    before = git(repository, "rev-parse", "main")

    conflict = await team.accept("bob", task("t2"), 1)

    assert not conflict.passed
    assert "conflicts with main in code.py" in conflict.detail
    assert "return 3\n||||||| " in conflict.detail
    assert "=======\n    return 2\n>>>>>>> heads/main" in conflict.detail
    assert git(repository, "rev-parse", "main") == before
    assert "<<<<<<<" in (bob / "code.py").read_text()

    unresolved = await team.accept("bob", task("t2"), 2)
    assert not unresolved.passed
    assert "markers of a conflict are still in code.py" in unresolved.detail
    assert git(repository, "rev-parse", "main") == before

    (bob / "code.py").write_text(BOTH)
    assert (await team.accept("bob", task("t2"), 3)).passed
    assert contents(repository) == (repository / "code.py").read_text() == BOTH
    assert not git(repository, "status", "--porcelain")


async def test_work_on_different_lines_of_a_file_is_merged_as_it_is(repository: Path) -> None:
    team = works(repository)
    (await root(team, "ann", task("t1")) / "code.py").write_text(TWO)
    (await root(team, "bob", task("t2")) / "code.py").write_text(OTHER)
    assert (await team.accept("ann", task("t1"), 1)).passed
    assert (await team.accept("bob", task("t2"), 1)).passed
    assert contents(repository) == TWO.replace("'a'", "'b'")
    assert "Merge: Do t2" in git(repository, "log", "-1", "--format=%B")
    assert git(repository, "log", "-1", "--format=%an", "main^2") == "agentmesh bob"


async def test_a_file_removed_by_one_and_changed_by_another_is_a_conflict_that_says_so(repository: Path) -> None:
    team = works(repository)
    (await root(team, "ann", task("t1")) / "notes.txt").unlink()
    (await root(team, "bob", task("t2")) / "notes.txt").write_text("one\nthree\n")
    assert (await team.accept("ann", task("t1"), 1)).passed
    conflict = await team.accept("bob", task("t2"), 1)
    assert not conflict.passed
    assert "CONFLICT (modify/delete): notes.txt deleted in heads/main and modified in" in conflict.detail


async def test_work_that_fails_a_check_never_reaches_base_and_gets_base_merged_in(repository: Path) -> None:
    check = [sys.executable, "-c", "import code; assert (code.price(), code.name()) != (2, 'b'), 'not both'"]
    team = works(repository, verify=check)
    (await root(team, "ann", task("t1")) / "code.py").write_text(TWO)
    bob = await root(team, "bob", task("t2"))
    (bob / "code.py").write_text(OTHER)
    assert (await team.accept("ann", task("t1"), 1)).passed
    before = git(repository, "rev-parse", "main")

    refused = await team.accept("bob", task("t2"), 1)

    assert not refused.passed
    assert "ended with status 1" in refused.detail
    assert "not both" in refused.detail
    assert git(repository, "rev-parse", "main") == before
    assert (bob / "code.py").read_text() == TWO.replace("'a'", "'b'"), "its author sees what it fails with"
    (bob / "code.py").write_text(THREE.replace("'a'", "'b'"))
    assert (await team.accept("bob", task("t2"), 2)).passed


async def test_commands_of_acceptance_run_on_what_was_merged(repository: Path) -> None:
    team = works(repository)
    ann = await root(team, "ann", task("t1"))
    (ann / "code.py").write_text(TWO)
    refused = await team.accept("ann", task("t1", price_above(2)), 1)
    assert not refused.passed
    assert "AssertionError: 2" in refused.detail
    assert contents(repository) == CODE
    passed = await team.accept("ann", task("t1", f"the price is right\n  {price_above(1)}\n"), 2)
    assert passed.passed
    assert "code.price() > 1" in passed.detail


@pytest.mark.parametrize(
    ("acceptance", "why"),
    [
        ("$ python 'oops", "cannot be read: No closing quotation"),
        ("$ python -c 1 && rm x", "needs a shell for &&"),
        ("$ rm notes.txt", "'rm' may not be run; allowed: python"),
    ],
)
async def test_a_command_that_cannot_or_may_not_be_run_is_no_acceptance(
    repository: Path, acceptance: str, why: str
) -> None:
    team = works(repository, programs=["python"])
    (await root(team, "ann", task("t1")) / "code.py").write_text(TWO)
    refused = await team.accept("ann", task("t1", acceptance), 1)
    assert not refused.passed
    assert why in refused.detail
    assert contents(repository) == CODE


async def test_a_task_that_changed_nothing_is_verified_only_by_what_checks_it(repository: Path) -> None:
    team = works(repository)
    await root(team, "ann", task("t1"))
    assert (await team.accept("ann", task("t1"), 1)).detail.startswith("nothing was changed and nothing checks it")
    assert not (await team.accept("ann", task("t1"), 1)).passed
    assert not (await team.accept("ann", task("t1", price_above(5)), 2)).passed
    assert (await team.accept("ann", task("t1", price_above(0)), 3)).passed


async def test_checks_find_nothing_that_an_earlier_check_left(repository: Path) -> None:
    leave = "import pathlib; p = pathlib.Path('left.log'); assert not p.exists(), 'left over'; p.write_text('x')"
    team = works(repository, verify=[sys.executable, "-c", leave])
    for name, text in (("t1", TWO), ("t2", THREE)):
        (await root(team, "ann", task(name)) / "code.py").write_text(text)
        assert (await team.accept("ann", task(name), 1)).passed
    assert await team.check([sys.executable, "-c", leave], 10, "") == (True, "")
    passed, said = await team.check(
        [sys.executable, "-c", "import sys, code; print(code.price(), sys.stdin.read())"], 10, "in"
    )
    assert (passed, said) == (True, "3 in")


async def test_what_depends_on_a_task_begins_with_it(repository: Path) -> None:
    team = works(repository)
    (await root(team, "ann", task("t1")) / "new.py").write_text("x = 1\n")
    assert (await team.accept("ann", task("t1"), 1)).passed
    assert (await root(team, "bob", task("t2")) / "new.py").exists()


async def test_what_the_user_has_not_committed_is_never_overwritten(repository: Path) -> None:
    team = works(repository)
    (await root(team, "ann", task("t1")) / "code.py").write_text(TWO)
    (repository / "code.py").write_text("mine\n")
    refused = await team.accept("ann", task("t1"), 1)
    assert not refused.passed
    assert f"main is checked out in {repository}" in refused.detail
    assert "changes that are not committed: code.py" in refused.detail
    assert "kept on agentmesh/r1/tasks/t1" in refused.detail
    assert (repository / "code.py").read_text() == "mine\n"
    assert contents(repository) == CODE
    assert contents(repository, branch="agentmesh/r1/tasks/t1") == TWO

    git(repository, "checkout", "-q", "code.py")
    (repository / "notes.txt").write_text("mine\n")
    assert (await team.accept("ann", task("t1"), 2)).passed
    assert (repository / "notes.txt").read_text() == "mine\n", "changes elsewhere are in nobody's way"
    assert (repository / "code.py").read_text() == TWO


async def test_base_moves_where_it_is_checked_out_or_nowhere(repository: Path, tmp_path: Path) -> None:
    git(repository, "branch", "next")
    team = works(repository, base="next")
    (await root(team, "ann", task("t1")) / "code.py").write_text(TWO)
    assert (await team.accept("ann", task("t1"), 1)).passed
    assert contents(repository, branch="next") == TWO
    assert (repository / "code.py").read_text() == contents(repository, branch="main") == CODE

    git(repository, "worktree", "add", "-q", str(tmp_path / "second"), "next")
    (await root(team, "ann", task("t2")) / "code.py").write_text(THREE)
    assert (await team.accept("ann", task("t2"), 1)).passed
    assert (tmp_path / "second" / "code.py").read_text() == THREE
    assert not git(tmp_path / "second", "status", "--porcelain")


async def test_when_base_moves_during_the_check_the_merge_is_made_and_checked_again(repository: Path) -> None:
    move = textwrap.dedent(f"""
        import pathlib, subprocess
        project = pathlib.Path({str(repository)!r})
        count = project / "count.log"
        times = len(count.read_text()) if count.exists() else 0
        count.write_text("x" * (times + 1))
        if not times:
            (project / "notes.txt").write_text("moved")
            commit = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qam", "meanwhile"]
            subprocess.run(commit, cwd=project, check=True)
        else:
            assert pathlib.Path("notes.txt").read_text() == "moved"
    """)
    team = works(repository, verify=[sys.executable, "-c", move])
    (await root(team, "ann", task("t1")) / "code.py").write_text(TWO)
    assert (await team.accept("ann", task("t1"), 1)).passed
    assert (repository / "count.log").read_text() == "xx"
    assert (contents(repository), contents(repository, "notes.txt")) == (TWO, "moved\n")


async def test_work_without_tasks_is_merged_in_order_and_as_a_whole(repository: Path) -> None:
    whole = "import code, new; assert new.value == code.price() == 2"
    team = works(repository, verify=[sys.executable, "-c", whole])
    (await root(team, "ann") / "code.py").write_text(TWO)
    bob = await root(team, "bob")
    (bob / "new.py").write_text("value = 3\n")
    refused = await team.finish(["ann", "bob", "user"])
    assert not refused.passed
    assert contents(repository) == CODE
    (bob / "new.py").write_text("value = 2\n")
    assert (await team.finish(["ann", "bob"])).passed
    assert (contents(repository), contents(repository, "new.py")) == (TWO, "value = 2\n")
    assert (await team.finish(["ann", "bob"])).detail == "nothing had to be merged into main"


async def test_of_two_agents_without_tasks_the_later_gets_the_conflict(repository: Path) -> None:
    team = works(repository)
    ann, bob = await root(team, "ann"), await root(team, "bob")
    (ann / "code.py").write_text(TWO)
    (bob / "code.py").write_text(THREE)
    conflict = await team.finish(["ann", "bob"])
    assert not conflict.passed
    assert "the work of bob conflicts with main in code.py" in conflict.detail
    assert contents(repository) == CODE
    assert (ann / "code.py").read_text() == TWO
    (bob / "code.py").write_text(BOTH)
    assert (await team.finish(["ann", "bob"])).passed
    assert contents(repository) == BOTH


async def test_without_merge_base_is_never_touched_and_branches_are_named(repository: Path) -> None:
    before = git(repository, "rev-parse", "main")
    team = works(repository, merge=False)
    (await root(team, "ann", task("t1")) / "code.py").write_text(TWO)
    (await root(team, "bob") / "code.py").write_text(THREE)
    assert (await team.finish(["ann", "bob"])).passed
    kept = await team.close("completed")
    assert kept == {"ann": ("agentmesh/r1/tasks/t1",), "bob": ("agentmesh/r1/agents/bob",)}
    assert git(repository, "rev-parse", "main") == before
    assert contents(repository, branch="agentmesh/r1/tasks/t1") == TWO


DIES = """
import sys, anyio
from pathlib import Path
from tests.tools.workspaces.repositories import root, task, works

async def main(repository, check, text):
    team = works(repository, verify=[sys.executable, "-c", check])
    (await root(team, "ann", task("t1")) / "code.py").write_text(text)
    await team.accept("ann", task("t1"), 1)

anyio.run(main, Path(sys.argv[1]), sys.argv[2], sys.argv[3])
"""


async def test_accepting_is_taken_up_again_after_kill_9_in_the_middle_of_a_check(
    repository: Path, tmp_path: Path
) -> None:
    check = textwrap.dedent(f"""
        import pathlib, time
        begun = pathlib.Path({str(tmp_path / "begun")!r})
        if not begun.exists():
            begun.touch()
            time.sleep(20)
    """)
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    process = subprocess.Popen([sys.executable, "-c", DIES, str(repository), check, TWO], env=environment)
    for _ in range(500):
        if (tmp_path / "begun").exists():
            break
        time.sleep(0.02)
    assert (tmp_path / "begun").exists()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert contents(repository) == CODE, "what was not checked has not been merged"

    team = works(repository, verify=[sys.executable, "-c", check])
    assert (await team.accept("ann", task("t1"), 1)).passed
    assert contents(repository) == TWO
    again = works(repository, run_id="r1", verify=["false"])
    del team
    assert (await again.accept("ann", task("t1"), 1)).detail == "merged into main before"
