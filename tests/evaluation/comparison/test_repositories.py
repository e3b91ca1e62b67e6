"""Tasks that bring a repository: each run has one of its own, and what is left on its branch is what counts."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from agentmesh import Team
from agentmesh.errors import ConfigError
from agentmesh.evaluation.comparison import Comparison, compare
from agentmesh.evaluation.comparison.entrants import entrants_of
from agentmesh.evaluation.comparison.repository import repository_of
from agentmesh.evaluation.scoring import Scorer, score
from agentmesh.evaluation.tasks import Check, EvalTask, Tasks
from agentmesh.evaluation.tasks.generators import generate
from agentmesh.tools.workspaces.calls import Git

CODING = Path(__file__).parents[3] / "topologies" / "coding"
QUICK = "merge.verify=[python, -c, pass]"


@pytest.fixture(autouse=True)
def _places_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left behind: neither where repositories are made, nor where worktrees are."""
    for name in ("made", "state"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "made"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def team(name: str) -> Team:
    return Team.from_yaml(CODING / f"{name}.yaml", overrides=[QUICK])


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and path.suffix != ".owners"]


async def compared(*names: str, tasks: str) -> Comparison:
    return await compare([team(name) for name in names], Tasks("coding", generate(tasks)), baselines=False)


@pytest.mark.anyio
async def test_a_run_works_on_a_repository_of_its_own_that_is_gone_afterwards(tmp_path: Path) -> None:
    done = await compared("solo", "pair", tasks="coding:n=1,suite=unittest,overlap=1,coupling=0")
    by = {row.team: row for row in done.rows}
    assert by["coder alone"].correct
    assert by["coder alone"].outcome == "verified"
    assert not by["coding-pair"].correct
    assert by["coding-pair"].measures.conflicts == 1
    told = next(one for one in done.standings if one.name == "coding-pair").measures
    assert told["conflicts"] == 1
    assert 0 < told["communication_share"] < 1
    assert files_in(tmp_path) == []


@pytest.mark.anyio
async def test_the_repository_holds_the_files_on_a_clean_branch_and_no_history_but_that(tmp_path: Path) -> None:
    task = EvalTask(id="t", prompt="Write.", answer="x", repository={"a/b.txt": "hello\n", "c.txt": ""})
    async with repository_of(task) as folder:
        assert folder is not None
        git = Git(folder / ".git")
        here = (folder, git.directory)
        assert (await git("status", "--porcelain", "--branch", worktree=here)).text == "## main"
        assert (await git("rev-list", "--count", "main")).text == "1"
        assert (await git("ls-files", worktree=here)).text.split() == ["a/b.txt", "c.txt"]
    assert files_in(tmp_path) == []
    async with repository_of(EvalTask(id="t", prompt="Say.", answer="x")) as nowhere:
        assert nowhere is None


def test_what_a_repository_holds_belongs_to_the_task_and_stays_within_it() -> None:
    one, other = (EvalTask(id="t", prompt="Write.", answer="x", repository={"a": text}) for text in ("1", "2"))
    assert one.digest != other.digest
    with pytest.raises(ValueError, match="is no place in a workspace"):
        EvalTask(id="t", prompt="Write.", answer="x", repository={"../a": ""})


@pytest.mark.anyio
async def test_a_check_runs_on_a_copy_of_what_was_made_without_links_and_with_its_own_files(tmp_path: Path) -> None:
    made, outside = tmp_path / "work", tmp_path / "outside"
    made.mkdir()
    outside.mkdir()
    (made / "f.py").write_text("VALUE = 3\n")
    (made / "check.py").write_text("raise SystemExit(0)\n")
    (made / "hidden").symlink_to(outside)
    (made / ".git").mkdir()
    source = "import f, pathlib\nassert f.VALUE == 4 and not pathlib.Path('.git').exists()\n"
    check = Check(kind="program", command=("python", "check.py"), sources={"check.py": source, "hidden/x": ""})
    task = EvalTask(id="t", prompt="Write.", check=check)
    async with Scorer() as scorer:
        assert not (await score(task, "done", scorer, folder=made)).correct
        (made / "f.py").write_text("VALUE = 4\n")
        assert (await score(task, "done", scorer, folder=made)).correct
    assert list(outside.iterdir()) == []


def test_what_an_agent_is_told_that_no_team_has_is_lost_unless_others_are_told_it_too() -> None:
    tasks = generate("coding:n=2")
    for names in (["solo"], ["pair"], ["solo", "pair", "hierarchy"]):
        assert entrants_of([team(name) for name in names], tasks)
    with pytest.raises(ConfigError, match=r"tasks tell something to ann, coder-3 alone, and no team has such an agent"):
        entrants_of([team("pair")], generate("coding:n=1,features=3,everything=ann"))
