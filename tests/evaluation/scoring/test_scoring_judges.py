"""Answers that a model, or a function of the user, scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentmesh import Agent, Team, Topology
from agentmesh.errors import ConfigError, ProviderError
from agentmesh.evaluation.comparison import compare
from agentmesh.evaluation.scoring import Scorer
from agentmesh.evaluation.tasks import load_tasks
from agentmesh.messages import Reply, Usage
from agentmesh.providers.base import Request
from agentmesh.providers.function import FunctionProvider
from tests.evaluation.scoring.answers import scored, task

pytestmark = pytest.mark.anyio


class Judge:
    """Says what it is told to, and remembers what it was asked."""

    def __init__(self, *verdicts: Any) -> None:
        self.verdicts = list(verdicts)
        self.asked: list[Request] = []

    def __call__(self, request: Request) -> Reply:
        self.asked.append(request)
        said = self.verdicts.pop(0)
        usage = Usage(input_tokens=10, output_tokens=5, cost_usd=0.5)
        return Reply(said if isinstance(said, str) else json.dumps(said), usage=usage)


async def test_a_judge_sees_task_gold_and_answer_and_reports_what_it_used() -> None:
    judge = Judge({"correct": True, "grade": 0.8, "why": "it agrees"})
    found = await scored(task("Paris", "judge", instructions="Spelling counts."), "It's Paris", Scorer(judge=judge))
    assert (found.correct, found.value, found.why) == (True, 0.8, "it agrees")
    assert found.usage == Usage(input_tokens=10, output_tokens=5, cost_usd=0.5, model_calls=1)
    system, user = judge.asked[0].messages
    assert str(system["content"]).endswith("Spelling counts.")
    assert json.loads(str(user["content"])) == {"task": "What is it?", "right": "Paris", "answer": "It's Paris"}
    assert not judge.asked[0].tools


async def test_a_verdict_that_contradicts_itself_is_asked_for_again_and_both_are_paid() -> None:
    judge = Judge("yes", {"correct": True, "grade": 0.1, "why": ""}, {"correct": False, "grade": 0.1, "why": "no"})
    found = await scored(task("Paris", "judge"), "Rome", Scorer(judge=judge))
    assert (found.correct, found.value, found.why) == (False, 0.1, "no")
    assert (found.usage.model_calls, found.usage.input_tokens) == (3, 30)
    assert "contradict each other" in str(judge.asked[2].messages[-1]["content"])


async def test_a_judge_without_a_verdict_is_an_error_and_no_wrong_answer() -> None:
    with pytest.raises(ProviderError, match="no valid answer after 3 attempts"):
        await scored(task("Paris", "judge"), "Rome", Scorer(judge=Judge("a", "b", "c")))


async def test_a_scorer_is_closed_with_its_judge_and_asks_again_after_that() -> None:
    closed = []

    class Once(FunctionProvider):
        async def aclose(self) -> None:
            closed.append(self)

    verdict = {"correct": True, "grade": 1, "why": "it agrees"}
    judge = Once(Judge(verdict, verdict), "judge")
    scorer = Scorer(judge=judge)
    for times in (1, 2):
        async with scorer:
            assert (await scored(task("Paris", "judge"), "It's Paris", scorer)).correct
        assert closed == [judge] * times


async def test_a_comparison_closes_the_judge_of_its_answers(tmp_path: Path) -> None:
    closed = []

    class Once(FunctionProvider):
        async def aclose(self) -> None:
            closed.append(self)

    judge = Once(lambda request: Reply(json.dumps({"correct": True, "grade": 1, "why": "it agrees"})), "judge")
    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text(json.dumps({"id": "a", "prompt": "Who?", "answer": "I", "check": {"kind": "judge"}}) + "\n")
    solo = Team([Agent(name="ann", model="echo")], Topology.solo("ann"))
    told = await compare([solo], load_tasks(tasks), baselines=False, scorer=Scorer(judge=judge), budget_tokens=20_000)
    assert ([row.correct for row in told.rows], closed) == ([True], [judge])


async def test_nobody_is_asked_about_a_run_without_an_answer() -> None:
    assert not (await scored(task("Paris", "judge"), None, Scorer(judge=Judge()))).correct


async def test_a_task_may_name_its_own_judge(tmp_path: Path) -> None:
    script = tmp_path / "judge.json"
    script.write_text(json.dumps({"judge": [json.dumps({"correct": True, "grade": 1, "why": "mine"})]}))
    others = Judge()
    async with Scorer(judge=others) as scorer:
        found = await scored(task("4", "judge", model=f"scripted:{script}"), "4", scorer)
    assert (found.correct, found.why, others.asked) == (True, "mine", [])


FUNCTIONS = """
def short(task, answer):
    return len(answer) < 5

async def share(task, answer):
    return len(answer) / 10

def told(task, answer):
    return (answer == task.answer, f"{task.id}: {answer}")

def none(task, answer): pass
def high(task, answer): return 1.5
def nan(task, answer): return float("nan")
def broken(task, answer): raise KeyError("oops")
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scorer:
    (tmp_path / "my_scorers.py").write_text(FUNCTIONS)
    monkeypatch.syspath_prepend(str(tmp_path))
    return Scorer(allow=["my_scorers"])


@pytest.mark.parametrize(
    ("name", "correct", "value", "why"),
    [
        ("short", True, 1.0, "my_scorers:short says True"),
        ("share", False, 0.4, "my_scorers:share says 0.4"),
        ("told", True, 1.0, "t: Rome"),
    ],
)
async def test_a_function_of_the_user_may_say_bool_grade_and_reason(
    mine: Scorer, name: str, correct: bool, value: float, why: str
) -> None:
    found = await scored(task("Rome", "custom", use=f"my_scorers:{name}"), "Rome", mine)
    assert (found.correct, found.value, found.why) == (correct, value, why)


async def test_a_function_that_says_nonsense_or_fails_is_an_error(mine: Scorer) -> None:
    for name, said in [("none", "returned None; allowed: bool"), ("high", "1.5; allowed: 0 to 1"), ("nan", "0 to 1")]:
        with pytest.raises(ConfigError, match=said):
            await scored(task(None, "custom", use=f"my_scorers:{name}"), "x", mine)
    with pytest.raises(KeyError, match="oops"):
        await scored(task(None, "custom", use="my_scorers:broken"), "x", mine)


def test_what_scoring_lacks_is_said_before_anything_is_spent(mine: Scorer) -> None:
    tasks = [
        task("x", "judge").model_copy(update={"id": "a"}),
        task("x", "judge", model="openai:gpt-5").model_copy(update={"id": "b"}),
        task("x", "judge", model="nobody").model_copy(update={"id": "c"}),
        task(None, "custom", use="my_scorers:missing").model_copy(update={"id": "d"}),
        task(None, "custom", use="other:f").model_copy(update={"id": "e"}),
        task(4, "numeric"),
        task(4),
    ]
    with pytest.raises(ConfigError) as raised:
        mine.refuse_unready(tasks)
    told = str(raised.value).splitlines()
    assert [line.split(": ")[1] for line in told] == ["a.check", "b.check", "c.check", "d.check", "e.check"]
    assert "no judge is given; name one in the check" in told[0]
    assert "OPENAI_API_KEY" in told[1]
    assert "consent with --allow other" in told[4]
    Scorer(judge="simulated:worker").refuse_unready([task("x", "judge"), task(4)])
    with pytest.raises(ConfigError, match="nobody"):
        Scorer(judge="nobody")
