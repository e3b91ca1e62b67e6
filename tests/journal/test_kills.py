"""Processes are killed at any moment, and the run comes to the end that it would have come to."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest

from tests.journal.killing import Case, Commit, MakeCase, nightly

pytestmark = pytest.mark.real_models

TEAMS = ("chain", "flat", "hierarchy", "blind_then_discuss")
LATE = 60
"""Commits, beyond those of any of these runs."""


def lives(case: Case, deaths: Iterator[Commit | float | None]) -> Case:
    """Go on with the run, process after process, until one comes to its end."""
    for death in deaths:
        seconds = death if isinstance(death, float) else None
        if not case.live(None if isinstance(death, float) else death, seconds).killed:
            return case
    raise AssertionError("a life without a death ends the run")


@pytest.mark.parametrize("topology", TEAMS)
def test_a_run_that_is_killed_again_and_again_comes_to_the_same_end(
    topology: str, case: MakeCase, whole: MakeCase
) -> None:
    deaths: list[Commit] = [(1, "after"), (4, "before"), (3, "after"), (3, "before"), (5, "after"), (4, "after")]
    killed = lives(case(topology), iter([*deaths, (6, "before"), (5, "after"), None]))
    assert killed.kills >= 7
    killed.must_be_as(whole(topology))


def test_a_process_that_dies_before_its_run_is_safe_has_asked_for_nothing(case: MakeCase) -> None:
    for commit in (1, 2):
        killed = case("chain")
        assert killed.live((commit, "before")).killed
        assert killed.runs == []
        assert killed.asked() == []


@pytest.mark.skipif(not nightly(), reason="hundreds of processes: make nightly")
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("topology", TEAMS)
def test_a_run_survives_a_kill_at_each_of_its_commits(
    topology: str, when: str, case: MakeCase, whole: MakeCase
) -> None:
    chance = random.Random(f"{topology} {when}")
    for number in range(1, LATE):
        second = (chance.randint(2, 8), chance.choice(["before", "after"]))
        killed = lives(case(topology), iter([(number, when), second, None]))  # type: ignore[arg-type]
        killed.must_be_as(whole(topology))
        if not killed.lives[0].killed:
            break
    assert number > 10


@pytest.mark.skipif(not nightly(), reason="hundreds of processes: make nightly")
@pytest.mark.parametrize("topology", TEAMS)
def test_a_run_survives_kills_at_random_moments(topology: str, case: MakeCase, whole: MakeCase) -> None:
    chance = random.Random(topology)
    kills = 0
    while kills < 40:
        moments = (chance.uniform(0.05, 0.4) for _ in itertools.count())
        killed = lives(case(topology, milliseconds=20), itertools.chain(itertools.islice(moments, 8), [None]))
        killed.must_be_as(whole(topology))
        kills += killed.kills
