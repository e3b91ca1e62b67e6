"""The ledger of an evolution: whatever models use of what they are allowed, the budget holds."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh import AgentMeshError, Reply, Request
from agentmesh.agents.context import estimated_tokens
from agentmesh.evaluation.tasks import Tasks
from agentmesh.evaluation.tasks.task import EvalTask
from agentmesh.learning.evolution import OPERATORS, Operator, evolve
from agentmesh.learning.evolution.calls import KeptCalls
from agentmesh.messages import Usage
from tests.learning.evolution.worlds import evolved, riddles
from tests.sizes import examples

PAIR = """\
version: 1
agents:
  ann: {instructions: none, max_output_tokens: 60}
  bob: {instructions: Look., max_output_tokens: 90}
topology: {kind: chain, agents: [ann, bob]}
"""


class Spender:
    """A model that uses anything up to what a request allows, fails now and then, and counts what it was paid."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.tokens = 0

    def __call__(self, request: Request) -> Reply:
        prompt = sum(estimated_tokens(str(message["content"])) for message in request.messages)
        usage = Usage(
            input_tokens=self.random.randint(0, prompt), output_tokens=self.random.randint(0, request.max_output_tokens)
        )
        self.tokens += usage.input_tokens + usage.output_tokens
        return Reply(self._answer(request), usage=usage)

    def _answer(self, request: Request) -> str:
        if request.agent == "variation":
            path = self.random.choice(["agents.ann.instructions", "agents.bob.instructions", "nowhere"])
            text = self.random.choice(["Look twice.", "Think.", "Ask.", "file:secret"])
            return json.dumps({"changes": [{"path": path, "value": text}], "why": "to see"})
        return f"Answer: {self.random.randint(1, 3)}"


def tasks(n: int) -> Tasks:
    return Tasks("guesses", tuple(EvalTask(id=f"t{at}", prompt=f"Guess {at}.", answer=at % 3 + 1) for at in range(n)))


def spent_by(folder: Path, spender: Spender, **options: Any) -> int:
    (folder / "team.yaml").write_text(PAIR)
    evolution = anyio.run(
        lambda: evolve(
            folder / "team.yaml",
            tasks(8),
            models={"default": spender},
            variation=spender,
            concurrency=3,
            **{"vary": ["agents.ann.instructions=a|b|c|d"], **options},
        )
    )
    ledger = evolution.ledger
    assert ledger.reserved == 0
    assert ledger.spent <= ledger.limit
    assert ledger.peak_reserved <= ledger.limit
    return ledger.spent


@examples(4, nightly=300)
@given(
    seed=st.integers(0, 2**16),
    budget=st.integers(8_000, 150_000),
    population=st.integers(1, 5),
    operator=st.sampled_from(OPERATORS),
    baselines=st.booleans(),
    seeds=st.integers(1, 2),
)
def test_no_evolution_exceeds_its_budget_whatever_models_use(
    seed: int, budget: int, population: int, operator: Operator, baselines: bool, seeds: int
) -> None:
    spender = Spender(seed)
    options = {"population": population, "operator": operator, "baselines": baselines, "seeds": seeds, "generations": 2}
    with TemporaryDirectory() as folder, suppress(AgentMeshError):  # a budget that is too small for anything
        assert spent_by(Path(folder), spender, budget_tokens=budget, seed=seed, **options) == spender.tokens
    assert spender.tokens <= budget


def test_judging_by_a_ruler_is_paid_from_the_same_budget(tmp_path: Path) -> None:
    evolution = evolved(
        tmp_path,
        select="ruler",
        judge="simulated:expert",
        generations=0,
        population=3,
        tasks=riddles(4),
        budget_tokens=2_000_000,
    )
    members = evolution.to_json()["generations"][0]["individuals"]
    assert all(0 <= member["judged"] <= 1 for member in members)
    rows = {row.key: row for one in evolution.generations for member in one.members for row in member.rows}
    held_out = {row.key: row for side in (evolution.best, evolution.start) for row in side.rows}
    assert evolution.ledger.spent > sum(row.tokens for row in {**rows, **held_out}.values())
    assert evolution.ledger.spent <= 2_000_000


def test_a_call_that_was_cut_off_counts_as_what_was_set_aside_for_it(tmp_path: Path) -> None:
    results = tmp_path / "rows.jsonl"
    whole = evolved(tmp_path, variation="simulated:expert", vary=[], results=results, population=3, tasks=riddles(8))
    calls = results.with_suffix(".calls")
    *kept, last = calls.read_text().splitlines()
    begun = next(json.loads(line)["reserved"] for line in kept if json.loads(line)["key"] == json.loads(last)["key"])
    calls.write_text("\n".join(kept) + '\n{"key": "half')
    assert KeptCalls(calls).cut_off == [begun]
    again = evolved(tmp_path, variation="simulated:expert", vary=[], results=results, population=3, tasks=riddles(8))
    assert again.yaml.partition("version:")[2] == whole.yaml.partition("version:")[2]
    assert again.ledger.spent == whole.ledger.spent + begun


def test_a_file_of_something_else_is_no_file_of_calls(tmp_path: Path) -> None:
    (tmp_path / "a.calls").write_text('{"some": "thing"}\n')
    with pytest.raises(AgentMeshError, match="this holds no calls"):
        KeptCalls(tmp_path / "a.calls")
