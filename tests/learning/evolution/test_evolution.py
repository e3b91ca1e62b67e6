"""Whole evolutions: what is promoted, what is not tried again, what keeps them diverse, what is held out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentmesh import AgentMeshError, ConfigError, Reply, Request
from agentmesh.config.models import ModelConfig
from agentmesh.evaluation.comparison import compare
from agentmesh.evaluation.comparison.processes import Recipe
from agentmesh.evaluation.tasks import load_tasks
from agentmesh.learning.evolution import OPERATORS, Operator, held_out_beside
from agentmesh.messages import Usage
from agentmesh.providers.function import FunctionProvider
from tests.learning.evolution.populations import outcome, outcomes
from tests.learning.evolution.worlds import DIVERSE, ONE, evolved, riddles
from tests.learning.ruler.groups import answer, shown
from tests.sizes import NIGHTLY

KEYLESS = ModelConfig(provider="openai", model="gpt", api_key_env="NO_SUCH_KEY")
SOLO = """\
version: 1
name: one
agents: {ann: {instructions: none, max_output_tokens: 100}}
topology: {kind: solo, agent: ann}
"""


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_finds_a_better_team_within_the_budget(tmp_path: Path, operator: Operator) -> None:
    evolution = evolved(tmp_path, operator=operator, population=4, generations=1, seed=1, tasks=riddles(8))
    found = evolution.to_json()
    assert [one["generation"] for one in found["generations"]] == [0, 1]
    assert evolution.champion.success > evolution.generations[0].members[0].success
    assert evolution.ledger.spent <= evolution.ledger.limit
    assert 0 < found["ledger"]["peak_reserved"] <= found["ledger"]["limit"] == 300_000
    for one in found["generations"]:
        assert {"best", "mean", "vendi"} <= set(one)
        assert one["best"] == max(member["success"] for member in one["individuals"])
    names = {member["name"] for one in found["generations"] for member in one["individuals"]}
    assert {parent for one in found["best"]["lineage"] for parent in one["parents"]} <= names


def test_the_best_is_a_file_that_runs_and_compare_reproduces_its_gain_on_the_held_out_tasks(tmp_path: Path) -> None:
    best = tmp_path / "best.yaml"
    evolution = evolved(tmp_path, population=5, generations=0, tasks=riddles(12), output=best)
    assert "# who sums up" in best.read_text()
    assert f"# Right on {evolution.champion.success:.0%} of" in best.read_text()
    tasks = load_tasks(held_out_beside(best))
    assert tasks.items == evolution.held_out
    seen = {row.task for one in evolution.generations for member in one.members for row in member.rows}
    assert seen
    assert not seen & {task.id for task in tasks.items}
    teams = Recipe((str(best), str(tmp_path / "team.yaml"))).teams()
    limit = evolution.settings["run_tokens"]
    comparison = anyio.run(lambda: compare(teams, tasks, budget_tokens=limit, baselines=False))
    success = {one.name: one.success.value or 0.0 for one in comparison.standings}
    assert success == {"best": evolution.best.success, "team": evolution.start.success}
    assert evolution.best.gain(evolution.start)["value"] == pytest.approx(success["best"] - success["team"], abs=1e-3)
    assert success["best"] > success["team"]


def test_baselines_have_shares_as_large_as_evolution_and_keep_within_them(tmp_path: Path) -> None:
    evolution = evolved(tmp_path, baselines=True, generations=0, population=4, budget_tokens=400_000, tasks=riddles(8))
    found = evolution.to_json()
    assert [one["kind"] for one in found["baselines"]] == ["member", "majority", "best_of", "refine"]
    assert {one["budget"] for one in found["baselines"]} == {400_000 // 5} == {found["share"]}
    assert all(0 < one["spent"] <= one["budget"] for one in found["baselines"])
    assert found["held_out"]["champion"]["spent"] <= found["share"]
    assert found["ledger"]["spent"] <= 400_000
    assert all(one["tasks"] == found["held_out"]["tasks"] for one in found["baselines"])


# Worlds in which it is known who is right


def by_prompt(rule: Callable[[str, int, int], bool]) -> Callable[[Request], Reply]:
    """A model that is right by its prompt, the number of the task, and the seed."""

    def model(request: Request) -> Reply:
        system, *said = [str(message["content"]) for message in request.messages]
        text = "\n".join(said)
        number = int(text.partition("What is ")[2].partition(" ")[0])
        prompt = next(word for word in ("none", "a-prompt", "b-prompt", "c-prompt") if word in system)
        right = rule(prompt, number, request.seed or 0)
        usage = Usage(input_tokens=(len(system) + len(text)) // 4, output_tokens=5)
        return Reply(f"It is {number + 1 if right else 0}", usage=usage)

    return model


def sums(folder: Path, n: int = 12) -> Any:
    path = folder / "sums.jsonl"
    lines = [{"id": f"s{at}", "prompt": f"What is {at} + 1?", "answer": at + 1} for at in range(1, n + 1)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return load_tasks(path)


def in_world(folder: Path, rule: Callable[[str, int, int], bool], **options: Any) -> Any:
    given = {
        "tasks": sums(folder),
        "text": SOLO,
        "models": {"default": by_prompt(rule)},
        "vary": ["agents.ann.instructions=a-prompt|b-prompt|c-prompt"],
        "held_out": 0.4,
        **options,
    }
    return evolved(folder, **given)


def test_within_the_noise_a_second_seed_is_run_before_the_champion_is_replaced(tmp_path: Path) -> None:
    lucky = in_world(tmp_path, lambda prompt, number, seed: prompt != "none" and seed == 0 and number < 4, seed=3)
    assert lucky.champion.individual.changes == {}
    assert [(one.second_seed, one.promoted) for one in lucky.promotions][:1] == [(True, False)]
    (tmp_path / "good").mkdir()
    good = in_world(tmp_path / "good", lambda prompt, number, seed: prompt != "none" and number < 8, seed=3)
    assert good.champion.individual.changes != {}
    assert good.promotions[0].promoted


def test_a_clear_difference_promotes_at_once(tmp_path: Path) -> None:
    evolution = in_world(tmp_path, lambda prompt, number, seed: prompt == "b-prompt", population=6)
    assert evolution.champion.individual.changes == {"agents.ann.instructions": "b-prompt"}
    assert (evolution.promotions[0].promoted, evolution.promotions[0].second_seed) == (True, False)
    assert evolution.best.success == 1
    assert evolution.start.success == 0


def test_a_ruler_chooses_parents_and_the_champion_is_still_who_solves_most(tmp_path: Path) -> None:
    def contrary(request: Request) -> str:
        return answer({one["id"]: float("It is 0" in str(one["messages"])) for one in shown(request)["runs"]})

    evolution = in_world(
        tmp_path, lambda prompt, number, seed: prompt == "b-prompt", population=6, select="ruler", judge=contrary,
        operator="tournament", parents=6, generations=1, budget_tokens=3_000_000, tasks=sums(tmp_path, 7),
    )  # fmt: skip
    first, second = (generation.members for generation in evolution.generations)
    judged = {one.individual.changes.get("agents.ann.instructions"): one.judged for one in first}
    assert (judged["a-prompt"], judged["b-prompt"]) == (1, 0)
    by_name = {one.individual.name: one.judged for one in first}
    assert {by_name[parent] for one in second for parent in one.individual.parents} == {1}
    assert evolution.champion.individual.changes == {"agents.ann.instructions": "b-prompt"}


def test_the_model_that_varies_is_closed_at_the_end(tmp_path: Path) -> None:
    closed = []

    class Varying(FunctionProvider):
        async def aclose(self) -> None:
            closed.append(self)

    model = Varying(lambda request: "no JSON")
    in_world(tmp_path, lambda *about: True, variation=model, population=2, generations=0)
    assert closed == [model]


def test_what_was_tried_and_lost_is_never_tried_again(tmp_path: Path) -> None:
    evolution = in_world(
        tmp_path, lambda prompt, number, seed: prompt == "none", population=2, generations=6, operator="elitist"
    )
    lost = {json.dumps(one.changed): one.generation for one in evolution.dead_ends}
    assert lost
    for one in evolution.dead_ends:
        for generation in evolution.generations[one.generation + 1 :]:
            born = [member.individual for member in generation.members if not member.individual.how.startswith("kept")]
            assert one.key not in {child.key for child in born}


def test_a_generation_that_would_collapse_is_given_strangers(tmp_path: Path) -> None:
    options: dict[str, Any] = {"population": 8, "generations": 2, "parents": 1, "operator": "elitist"}
    # All children are those of the one that is right, and each other prompt is soon known to lose.
    only = in_world(tmp_path, lambda prompt, number, seed: prompt == "b-prompt", **options)
    assert [one.strangers for one in only.generations] == [0, 0, 2]
    members = [one.individual for one in only.generations[2].members]
    assert [one.how for one in members if not one.parents] == ["stranger"] * 2
    wide = in_world(tmp_path, lambda prompt, number, seed: True, **{**options, "operator": "rsa", "parents": 4})
    assert [one.strangers for one in wide.generations] == [0, 0, 0]


def test_held_out_tasks_that_evolution_sees_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be held out as well"):
        evolved(tmp_path, tasks=riddles(8), held_out=riddles(8))
    evolution = evolved(tmp_path, tasks=riddles(4), held_out=riddles(6, seed=5), generations=0, population=2)
    assert [task.id for task in evolution.held_out] == [task.id for task in riddles(6, seed=5).items]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"budget_tokens": 2_000}, "Give [0-9,]+ or more, or a smaller population"),
        ({"operator": "magic"}, "is no operator; allowed: rsa"),
        ({"select": "ruler"}, "a ruler needs a model that judges"),
        ({"population": 0}, "population and parents are 1 or more"),
        ({"vary": []}, "nothing of .* can be varied"),
        ({"vary": ["agents.ann.instruction=a|b"]}, "no value that is given makes a team.*no key 'instruction'"),
        ({"vary": ["models.default=openai:small|simulated:worker"]}, "models.default: .* OPENAI_API_KEY is not set"),
        ({"output": "nowhere/best.yaml"}, "there is no folder nowhere"),
        ({"variation": "nonsense"}, "'nonsense' begins with no known provider"),
        ({"variation": KEYLESS}, "variation: .* variable NO_SUCH_KEY is not set"),
        ({"select": "ruler", "judge": KEYLESS}, "judge: .* variable NO_SUCH_KEY is not set"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], said: str
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(AgentMeshError, match=said):
        evolved(tmp_path, results=tmp_path / "rows.jsonl", **options)
    assert not (tmp_path / "rows.jsonl").exists()


def test_a_file_that_evolution_would_lose_or_could_not_write_is_refused_before_anything_is_spent(
    tmp_path: Path,
) -> None:
    (tmp_path / "best.tasks.jsonl").mkdir()
    for output, said in (("best.yaml", "best.tasks.jsonl.* it is a folder"), ("team.yaml", "begins with this file")):
        with pytest.raises(ConfigError, match=said):
            evolved(tmp_path, output=tmp_path / output, results=tmp_path / "rows.jsonl")
    assert not (tmp_path / "rows.jsonl").exists()


def test_a_budget_that_is_used_up_ends_evolution_and_says_so(tmp_path: Path) -> None:
    evolution = evolved(tmp_path, population=4, generations=30, budget_tokens=40_000, tasks=riddles(8))
    assert "did not fit into what was left of the budget" in evolution.ended
    assert len(evolution.generations) < 31
    assert evolution.ledger.spent <= 40_000


def test_a_second_time_nothing_is_paid_again_and_the_same_comes_out(tmp_path: Path) -> None:
    calls = 0
    right = by_prompt(lambda prompt, number, seed: prompt == "b-prompt" or number < 3)

    def counted(request: Request) -> Reply:
        nonlocal calls
        calls += 1
        return right(request)

    def again() -> Any:
        given = {"models": {"default": counted}, "results": tmp_path / "rows.jsonl"}
        return in_world(tmp_path, lambda *about: True, **given)

    first, paid = again(), calls
    assert paid > 0
    second = again()
    assert calls == paid
    assert second.yaml == first.yaml
    assert second.ledger.spent == first.ledger.spent


@pytest.mark.parametrize(("kinds", "beats"), [(DIVERSE, True), (ONE, False)])
def test_where_several_ways_are_needed_the_population_beats_one_agent_and_else_it_does_not(
    kinds: str, beats: bool
) -> None:
    if NIGHTLY:
        won = sum(one.beats for one in outcomes(kinds, range(20)))
        assert won >= 18 if beats else won <= 2
    else:
        one = outcome(kinds, 0, number=8, generations=0)
        assert one.beats is beats
        assert one.spent <= one.share
