"""The curse of coordination on joint editing: two features of one package, and the tests of both on what is merged.

Coders edit files from what their view holds; whether it can be merged is up to git, and whether it is right to the
tests. All take in only some of what their peers say, and now and then slip. Source of the protocol: CooperBench (arXiv
2601.13295).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from agentmesh import Team
from agentmesh.evaluation.comparison import Comparison
from tests.evaluation.directions.simulations import Size, apart, gain, ran, right, standing, team
from tests.sizes import NIGHTLY

SUITES = {
    "pytest": (),
    "unittest": ("merge.verify=[python, -m, unittest, discover, --quiet, --start-directory, tests]",),
}
"""What is laid over a team by the suite of its tasks. Both run the same tests; unittest begins sooner."""
SIZE = Size(24) if NIGHTLY else Size(5)
GROWING = Size(24) if NIGHTLY else Size(3)
MODEL = "coder,coding=0.95,attention=0.5"
ALONE, PAIR, CLAIMS, HIERARCHY = "coder alone", "coding-pair", "coding-claims", "coding-hierarchy"
COUNTS = (2, 3, 4)


@pytest.fixture(scope="module", autouse=True)
def _worktrees_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


def coders(file: str, model: str, coders: int, suite: str) -> Team:
    replicas = () if file == "solo" else (f"agents.{'worker' if file == 'hierarchy' else 'coder'}.replicas={coders}",)
    return team(f"coding/{file}", f"simulated:{model}", (*replicas, *SUITES[suite]))


def written(
    files: tuple[str, ...], size: Size, tasks: str, model: str = MODEL, count: int = 2, suite: str = "unittest"
) -> Comparison:
    teams = [coders(file, model, count, suite) for file in files]
    return ran(teams, f"coding:suite={suite},features={count},{tasks}", size)


@cache
def together() -> Comparison:
    return written(("solo", "pair", "claims", "hierarchy"), SIZE, "overlap=1,coupling=0.5")


@cache
def growing(file: str) -> list[Comparison]:
    files = ("solo", file) if NIGHTLY else (file,)
    return [written(files, GROWING, "overlap=0.3,coupling=0.3", "coder,attention=0.5", count) for count in COUNTS]


def test_a_pair_that_talks_writes_two_features_less_often_than_one_coder_alone() -> None:
    _, _, high = gain(together(), PAIR, ALONE)
    assert high < 0
    kept = standing(together(), PAIR).measures["retention"]
    assert kept is None or kept < 1


def test_claims_spare_a_pair_conflicts() -> None:
    more, low, _ = apart(together(), PAIR, CLAIMS, lambda row: float(row.measures.conflicts))
    assert more > 0
    assert low >= 0
    assert low > 0 or not NIGHTLY


def test_a_hierarchy_whose_tasks_are_merged_one_by_one_recovers_what_a_pair_loses() -> None:
    _, low, _ = gain(together(), HIERARCHY, PAIR)
    assert low > 0
    assert gain(together(), HIERARCHY, CLAIMS)[0] > 0


def test_whatever_goes_wrong_is_a_conflict_of_git_or_a_test_that_fails() -> None:
    wrong = [row for row in together().rows if not row.correct]
    assert wrong
    for row in wrong:
        assert row.measures.conflicts if row.outcome == "failed" else "FAILED" in row.why or "failed" in row.why


def test_the_more_coders_the_less_often_all_features_are_there() -> None:
    success = [right(one, PAIR) for one in growing("pair")]
    assert success == sorted(success, reverse=True)
    assert success[0] > success[-1]


@pytest.mark.skipif(not NIGHTLY, reason="many runs")
def test_a_hierarchy_does_not_fall_as_a_pair_does() -> None:
    named = {"pair": PAIR, "claims": CLAIMS, "hierarchy": HIERARCHY}
    lost = {file: [right(one, ALONE) - right(one, name) for one in growing(file)] for file, name in named.items()}
    assert all(right(one, ALONE) == 1 for one in growing("pair"))
    assert lost["hierarchy"][-1] < lost["pair"][-1]
    assert lost["claims"][0] <= lost["claims"][-1]


@pytest.mark.skipif(not NIGHTLY, reason="many runs")
def test_the_more_peers_heed_each_other_the_more_names_fit_and_a_hierarchy_needs_none_of_it() -> None:
    doses = [
        written(("pair", "hierarchy"), SIZE, "overlap=0,coupling=1", f"coder,attention={attention}")
        for attention in (0, 0.5, 1)
    ]
    heeded = [right(one, PAIR) for one in doses]
    assert heeded == sorted(heeded)
    assert heeded[0] < heeded[-1] == 1
    assert all(right(one, HIERARCHY) == 1 for one in doses)


@pytest.mark.skipif(not NIGHTLY, reason="many runs")
def test_both_suites_find_the_same_right() -> None:
    by_suite = [written(("solo", "pair"), Size(4), "overlap=1,coupling=0.5", suite=suite) for suite in SUITES]
    one, other = ([(row.team, row.task, row.correct) for row in told.rows] for told in by_suite)
    assert len(one) == 8
    assert [correct for *_, correct in one] == [correct for *_, correct in other]
