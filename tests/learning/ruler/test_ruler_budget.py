"""What judging costs: never more than the ledger allows, and nothing for what was judged before."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from math import factorial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.errors import ProviderError, ProviderErrorKind
from agentmesh.learning.ledger import Ledger
from agentmesh.learning.ruler import Ruled, Unfinished, ruler_sync
from agentmesh.learning.ruler.asking import size_of
from agentmesh.learning.ruler.judging import ENOUGH
from agentmesh.messages import Reply, Usage
from agentmesh.providers.base import Delta, Request
from tests.learning.ruler.groups import answer, run, shown, sums
from tests.learning.ruler.judged_and_killed import ORDERS, judged
from tests.sizes import examples

ROOT = Path(__file__).parents[3]
RUNS = [run(f"run-{n}", f"The way of {n}.") for n in range(3)]
OUTPUT = 300


class Judge:
    """Uses as much as it may, or less; is wrong, or fails, as often as it is told; and watches its ledger."""

    def __init__(self, ledger: Ledger, seed: int = 0, wrong: float = 0.0) -> None:
        self.ledger = ledger
        self.asked = 0
        self._drawn = random.Random(seed)
        self._wrong = wrong

    def __call__(self, request: Request) -> Reply:
        self.asked += 1
        assert self.ledger.spent + self.ledger.reserved <= self.ledger.limit
        assert self.ledger.reserved >= size_of(request) + request.max_output_tokens, "set aside before it was asked"
        if self._drawn.random() < self._wrong / 4:
            raise ProviderError(self._drawn.choice(["server", "connection", "timeout"]), "it is down")
        used = Usage(
            input_tokens=int(2 * size_of(request) * self._drawn.random()),
            output_tokens=self._drawn.choice([request.max_output_tokens, 1]),
        )
        bad = self._drawn.random() < self._wrong
        text = "no" if bad else answer([(one["id"], self._drawn.random()) for one in shown(request)["runs"]])
        return Reply(text=text, usage=used)


@given(
    limit=st.integers(0, 12).map(lambda thousands: thousands * 997),
    orders=st.none() | st.integers(1, 6),
    seed=st.integers(0, 99),
    wrong=st.sampled_from([0.0, 0.3, 0.9]),
)
@examples(25)
def test_no_judging_exceeds_its_budget_and_what_was_judged_is_kept(
    limit: int, orders: int | None, seed: int, wrong: float
) -> None:
    ledger = Ledger(limit)
    judge = Judge(ledger, seed, wrong)
    try:
        ruled = ruler_sync(RUNS, judge, orders=orders, ledger=ledger, max_output_tokens=OUTPUT)
        enough = orders is None and ruled.reliability is not None and ruled.reliability >= ENOUGH
        assert enough or ruled.orders == (orders or factorial(len(RUNS)))
    except Unfinished as unfinished:
        ruled = unfinished.ruled
        assert ruled.orders < (orders or factorial(len(RUNS)))
    assert ledger.spent == ruled.usage.tokens <= limit
    assert ledger.reserved == 0
    assert ledger.peak_reserved <= limit
    assert len(ruled) == (len(RUNS) if ruled.orders else 0)


def test_a_call_that_does_not_fit_is_not_made_and_the_error_says_what_it_takes() -> None:
    ledger = Ledger(1_000)
    judge = Judge(ledger)
    with pytest.raises(Unfinished, match=r"judged in 0 of at most 6 orders: .* tokens in all, .* allows 1,000, so"):
        ruler_sync(RUNS, judge, ledger=ledger)
    assert judge.asked == ledger.spent == ledger.peak_reserved == 0


def test_scores_of_the_orders_that_the_budget_paid_for_are_kept() -> None:
    def judge(request: Request) -> Reply:
        scores = answer([(one["id"], 0.25) for one in shown(request)["runs"]])
        return Reply(text=scores, usage=Usage(input_tokens=1_000, output_tokens=100))

    with pytest.raises(Unfinished, match="judged in 3 of at most 6 orders") as raised:
        ruler_sync(RUNS, judge, orders=6, ledger=(ledger := Ledger(4_300)), max_output_tokens=OUTPUT)
    assert {score.score for score in raised.value.ruled.values()} == {0.25}
    assert ledger.spent == 3_300


@pytest.mark.parametrize(("kind", "counts"), [("server", True), ("connection", False)])
def test_a_call_that_failed_counts_its_prompt_where_a_server_may_have_read_it(
    kind: ProviderErrorKind, counts: bool
) -> None:
    def judge(request: Request) -> Reply:
        raise ProviderError(kind, "it is down")

    with pytest.raises(Unfinished, match=f"judged in 0 of at most 6 orders: {kind}: it is down") as raised:
        ruler_sync(RUNS, judge, ledger=(ledger := Ledger(20_000)))
    assert (ledger.spent > 0) is counts
    assert ledger.spent == raised.value.ruled.usage.tokens
    assert ledger.reserved == 0


def test_one_ledger_pays_for_several_groups() -> None:
    ledger = Ledger(10**6)
    used = [ruler_sync(sums(seed)[0], "simulated:judge", ledger=ledger).usage.tokens for seed in range(3)]
    assert ledger.spent == sum(used)


class Counting:
    """A judge that counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    @property
    def model_id(self) -> str:
        return "test:counting"

    async def complete(self, request: Request, on_delta: Delta | None = None) -> Reply:
        self.asked += 1
        return Reply(text=answer([(one["id"], 0.5) for one in shown(request)["runs"]]))

    async def aclose(self) -> None:
        """Nothing is held."""


def test_what_was_judged_before_is_neither_asked_nor_paid_for_nor_reserved_again(tmp_path: Path) -> None:
    judge, cache = Counting(), tmp_path / "judged.db"

    def ruled(runs: list[dict[str, object]], ledger: Ledger, **more: int) -> Ruled:
        return ruler_sync(runs, judge, cache=cache, ledger=ledger, **more)

    first = ruled(RUNS, paid := Ledger(10**6))
    assert judge.asked == 2
    assert first.usage.model_calls == 2
    assert paid.spent == first.usage.tokens
    other_names = [{**one, "run_id": f"again {one['run_id']}"} for one in reversed(RUNS)]
    again = ruled(other_names, Ledger(0))
    assert judge.asked == 2
    assert again.usage == Usage()
    assert [score.score for score in again.values()] == [0.5] * 3
    ruled(RUNS, Ledger(10**6), orders=4)
    assert judge.asked == 4, "two of the four orders are known"
    ruled([*RUNS, run("new", "Another way.")], Ledger(10**6))
    assert judge.asked == 6, "the group is another"
    ruler_sync(RUNS, judge, cache=cache, rubric="- Another one.")
    assert judge.asked == 8, "so is the question"


def test_killed_and_judged_again_nothing_is_paid_for_twice(tmp_path: Path) -> None:
    cache, notes, whole = tmp_path / "judged.db", tmp_path / "notes", tmp_path / "whole"
    command = [sys.executable, "-m", "tests.learning.ruler.judged_and_killed", str(cache), str(notes), "4"]
    killed = subprocess.run(command, cwd=ROOT, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(notes.read_text().splitlines()) == 3
    scores = judged(cache, notes)
    assert len(notes.read_text().splitlines()) == ORDERS
    assert scores == judged(tmp_path / "other.db", whole)
