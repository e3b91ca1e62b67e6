"""What is kept of a comparison, and what is made again: nothing is paid twice, and nothing wrong is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentmesh import Agent, Team, Topology
from agentmesh.cli.measuring import owners_of_results
from agentmesh.errors import AgentMeshError, ConfigError, ProviderError
from agentmesh.evaluation.comparison import Comparison, compare
from agentmesh.evaluation.scoring import Scorer
from agentmesh.evaluation.tasks import EvalTask, Tasks
from agentmesh.providers.base import Request
from tests.cli.cli_processes import Command, inside
from tests.evaluation.comparison.served import ROOT, sums, team
from tests.servers.started import calls, started

__all__ = ["inside"]

SUM = EvalTask(id="sum", prompt="What is 2 + 2?", answer=4)
Model = Callable[[Request], Any]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with started("deciding_models") as address:
        yield address


def pair(model: Model, **more: Any) -> Team:
    agents = [
        Agent(name="ann", model=model, max_output_tokens=50),
        Agent(name="ben", model=model, instructions="Doubt."),
    ]
    return Team(agents, Topology.chain(["ann", "ben"]), name="pair", **more)


def compared(teams: list[Team], *tasks: EvalTask, **options: Any) -> Comparison:
    return anyio.run(lambda: compare(teams, Tasks("tasks", tasks), **{"baselines": False, **options}))


def right(request: Request) -> str:
    return "The answer is 4"


@pytest.mark.parametrize("text", ["a last line without an end", "notes\nand a last line", '{"key": "0"}\nmine'])
def test_a_file_that_is_no_file_of_rows_is_left_as_it_is(text: str, tmp_path: Path) -> None:
    kept = tmp_path / "mine.txt"
    kept.write_text(text)
    with pytest.raises(AgentMeshError, match=r"mine\.txt:\d: this is no row of a comparison"):
        compared([pair(right)], SUM, results=kept)
    assert kept.read_text() == text


def test_results_in_a_place_of_something_else_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="results cannot be kept there: Is a directory"):
        compared([pair(right)], SUM, results=tmp_path)


def test_a_run_that_reached_no_model_is_made_again_and_one_that_went_wrong_by_itself_is_not(tmp_path: Path) -> None:
    asked: list[str] = []
    down = {"sum": True, "long": True}

    def model(request: Request) -> str:
        asked.append(request.agent)
        task = "long" if "very long" in str(request.messages) else "sum"
        if down[task]:
            raise ProviderError("authentication" if task == "sum" else "context_too_long", "no")
        return "The answer is 4"

    tasks = (SUM, EvalTask(id="long", prompt="A very long one: 2 + 2?", answer=4))
    options: dict[str, Any] = {"results": tmp_path / "rows.jsonl", "journal": str(tmp_path / "runs.db")}
    first = compared([pair(model)], *tasks, **options)
    assert [row.correct for row in first.rows] == [False, False]
    assert any("the same command takes them up again" in one for one in first.remarks)
    down.update(sum=False, long=False)
    asked.clear()
    second = compared([pair(model)], *tasks, **options)
    assert [row.correct for row in second.rows] == [True, False]
    assert len(asked) == 2
    assert [row.run_id for row in compared([pair(model)], *tasks, **options).rows] == [r.run_id for r in second.rows]
    assert len(asked) == 2


def test_a_run_that_waits_for_people_is_gone_on_with_and_not_kept_as_wrong(tmp_path: Path) -> None:
    asked: list[str] = []

    def model(request: Request) -> str:
        asked.append(request.agent)
        return "The answer is 4"

    team = Team(
        [Agent(name="ann", model=model), Agent(name="boss", kind="human")], Topology.chain(["ann", "boss"]), name="asks"
    )
    options: dict[str, Any] = {"results": tmp_path / "rows.jsonl", "journal": str(tmp_path / "runs.db")}
    first = compared([team], SUM, **options)
    assert first.rows[0].outcome is None
    assert "wait for people" in first.remarks[0]
    again = compared([team], SUM, **options)
    assert again.rows[0].run_id == first.rows[0].run_id
    assert asked == ["ann"]


def test_what_another_judge_says_is_another_row(tmp_path: Path) -> None:
    def strict(request: Request) -> str:
        return json.dumps({"correct": False, "grade": 0.0, "why": "no"})

    def kind(request: Request) -> str:
        return json.dumps({"correct": True, "grade": 1.0, "why": "yes"})

    task = EvalTask.model_validate({"id": "a", "prompt": "?", "answer": "x", "check": "judge"})
    kept = tmp_path / "rows.jsonl"
    told = [compared([pair(right)], task, scorer=Scorer(judge=one), results=kept) for one in (strict, kind, strict)]
    assert [one.rows[0].correct for one in told] == [False, True, False]
    assert len(kept.read_text().splitlines()) == 2


def test_a_file_of_a_task_that_says_something_else_makes_another_task(tmp_path: Path) -> None:
    file, kept = tmp_path / "facts.txt", tmp_path / "rows.jsonl"
    task = {"id": "a", "prompt": "What is 2 + 2?", "answer": 4, "files": {"facts.txt": str(file)}}
    for text in ("one", "two", "two"):
        file.write_text(text)
        compared([pair(right)], EvalTask.model_validate(task), results=kept)
    assert len(kept.read_text().splitlines()) == 2


def test_a_check_that_fails_is_told_of_with_its_task_and_the_run_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def model(request: Request) -> str:
        asked.append(request.agent)
        return "The answer is 4"

    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "failing_check.py").write_text("def check(task, answer):\n    raise KeyError('mine')\n")
    task = EvalTask.model_validate(
        {"id": "a", "prompt": "?", "check": {"kind": "custom", "use": "failing_check:check"}}
    )
    for _ in range(2):
        with pytest.raises(AgentMeshError, match=r"the check of task a failed on the answer of pair .*mend failing_"):
            compared(
                [pair(model)], task, scorer=Scorer(allow=["failing_check"]), results=tmp_path / "rows.jsonl",
                journal=str(tmp_path / "runs.db"),
            )  # fmt: skip
    assert asked == ["ann", "ben"]


def test_a_member_that_was_given_alone_is_run_without_baselines_whatever_team_has_it_too() -> None:
    solo = Team([Agent(name="ann", model=right, max_output_tokens=50)], Topology.solo("ann"), name="solo")
    assert [one.name for one in compared([pair(right), solo], SUM).standings] == ["pair", "ann alone"]


def test_with_more_seeds_a_budget_buys_as_many_samples_as_before(tmp_path: Path) -> None:
    longer = iter(range(1000))

    def model(request: Request) -> str:
        return "The answer is 4" + " indeed" * 20 * next(longer)

    options: dict[str, Any] = {"results": tmp_path / "rows.jsonl", "baselines": True, "budget_tokens": 9000}
    solo = pair(model).regrouped({"ann": "ann", "ben": "ann"}, Topology.chain(["ann", "ben"]), name="pair")
    first, more = (compared([solo], SUM, seeds=seeds, **options) for seeds in (1, 2))
    assert {row.team: row.samples for row in first.rows} == {row.team: row.samples for row in more.rows}
    assert {row.run_id for row in first.rows} < {row.run_id for row in more.rows}
    assert max(row.samples for row in first.rows) > 1


def test_a_budget_that_is_too_small_for_a_way_to_spend_it_is_said_to_be() -> None:
    told = compared([pair(right)], SUM, baselines=True, budget_tokens=400)
    assert "majority of ann is left out: the budget is too small for 3 answers" in told.remarks
    assert {one.kind for one in told.standings} == {"team", "member"}


def test_what_judges_of_monitors_may_use_is_part_of_the_budget(tmp_path: Path) -> None:
    file = tmp_path / "watched.yaml"
    file.write_text(
        "{version: 1, name: watched, models: {default: simulated:worker}, agents: {ann: {}, ben: {}}, "
        "topology: {kind: chain, agents: [ann, ben]}, "
        "monitors: {sycophancy: {judge: default, limits: {tokens: 9000}}}}"
    )
    watched = Team.from_yaml(file)
    told = compared([watched], SUM, budget_tokens=30_000)
    assert told.remarks == ("watched keeps 9,000 tokens of its limit for the judges of its monitors",)
    with pytest.raises(ConfigError, match="of watched may use 9,000 tokens, and a run 9,000 in all"):
        compared([watched], SUM, budget_tokens=9000)


@pytest.mark.real_models
def test_fresh_runs_are_paid_for_anew_and_a_journal_that_was_given_is_not_dropped(
    inside: Command, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    arguments = ["compare", str(team(tmp_path, url, "always")), "--tasks", str(sums(tmp_path, 1)), "--no-baselines",
                 "--results", "rows.jsonl"]  # fmt: skip
    paid = []
    for more in ([], ["--fresh"]):
        before = calls(url)
        assert inside(*arguments, *more).code == 0
        paid.append(calls(url) - before)
    assert paid == [4, 4]
    assert "name a new one" in inside(*arguments, "--fresh", "--journal", "rows.db").err
    assert (tmp_path / "rows.db").exists()


def test_two_commands_do_not_share_results_and_a_report_has_a_place_before_anything_is_run(
    inside: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["compare", str(ROOT / "topologies" / "solo.yaml"), "--tasks", str(sums(tmp_path, 1)),
                 "--results", "rows.jsonl"]  # fmt: skip
    refused = inside(*arguments, "-o", "nowhere/report.html")
    assert (refused.code, (tmp_path / "rows.jsonl").exists()) == (2, False)
    assert "there is no folder nowhere; make it first" in refused.err
    owners, place = owners_of_results(), str(tmp_path.resolve() / "rows.jsonl")
    assert owners.take(place)
    refused = inside(*arguments)
    owners.give_back(place)
    assert (refused.code, (tmp_path / "rows.jsonl").exists()) == (2, False)
    assert "another process is at work on these results" in refused.err
    assert inside(*arguments).code == 0
