"""Processes are killed at any moment, and the run comes to the end that it would have come to."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journal.killing import TOPOLOGIES, Case, Commit, MakeCase, When, nightly

pytestmark = pytest.mark.real_models

TEAMS = ("chain", "flat", "hierarchy", "blind_then_discuss")
TIMES: tuple[When, ...] = ("before", "after")
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


def test_a_run_that_was_given_no_seed_sends_none_when_it_goes_on(case: MakeCase) -> None:
    killed = lives(case("chain", seed=None), iter([(4, "after"), None]))
    assert killed.kills == 1
    assert not any('"seed"' in one.body for one in killed.asked())


NESTED = f"""
version: 1
name: nested
agents:
  research: {{team: {TOPOLOGIES}/chain.yaml}}
  writer: {{instructions: Write it down.}}
topology: {{kind: chain, agents: [research, writer]}}
"""


def test_a_team_on_a_node_goes_on_where_it_was(case: MakeCase, tmp_path: Path) -> None:
    (tmp_path / "nested.yaml").write_text(NESTED)
    whole, killed = (case("nested", folder=tmp_path) for _ in range(2))
    whole.live()
    lives(killed, iter([(6, "after"), (4, "before"), None]))
    assert killed.kills == 2
    killed.must_be_as(whole)


@pytest.mark.skipif(not nightly(), reason="hundreds of processes: make nightly")
@pytest.mark.parametrize("when", TIMES)
@pytest.mark.parametrize("topology", TEAMS)
def test_a_run_survives_a_kill_at_each_of_its_commits(
    topology: str, when: When, case: MakeCase, whole: MakeCase
) -> None:
    chance = random.Random(f"{topology} {when}")
    for number in range(1, LATE):
        second: Commit = (chance.randint(2, 8), chance.choice(TIMES))
        killed = lives(case(topology), iter([(number, when), second, None]))
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
