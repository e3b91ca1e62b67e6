"""Simulated models on estimates: the more clues are pooled, the nearer they come."""

from __future__ import annotations

from agentmesh.providers.simulated import profile_named
from tests.providers.simulated.simulated_inquiries import NAMES, success
from tests.providers.simulated.simulated_office import Seat, quoted

ASKED = "Estimate the number of beans in the jar.\n- the guard: 400\n- a pupil: 600"
TASKS = "estimation:n=24,agents=ann+ben+cy"


def test_the_estimate_is_the_mean_of_all_clues_that_were_heard() -> None:
    ann = Seat("ann", instructions="Only you know this:\n- the owner: 800")
    assert ann.turn(quoted("user", ASKED)).text.splitlines()[-1] == "Answer: 600"
    told = quoted("ben", "Estimate the number of beans in the jar.\n- a pilot: 1000\n- the guard: 400\nAnswer: 700")
    assert ann.turn(told).text.splitlines()[-1] == "Answer: 700"


def test_a_figure_that_is_misread_changes_the_estimate() -> None:
    ann = Seat("ann", profile=profile_named("worker,noise=1"))
    ann.turn(quoted("user", ASKED))
    told = ann.turn(quoted("ben", "Estimate the number of beans in the jar.\n- a pilot: 1000")).text.splitlines()
    assert "- the guard: 400" in told
    assert "- a pilot: 1000" not in told


def test_a_discussion_comes_nearer_than_its_members() -> None:
    alone = max(success(TASKS, f"solo-{name}", "worker") for name in NAMES)
    assert success(TASKS, "flat", "worker") > alone


def test_what_a_star_hears_its_centre_pools() -> None:
    few = "estimation:n=2,agents=ann+ben+cy"
    assert success(few, "star", "worker", whole=True) == success(few, "flat", "worker")


def test_where_all_stands_in_the_prompt_copies_are_no_better_than_one() -> None:
    model = "worker,judgement=0.5,heterogeneity=0"
    assert success("estimation:n=8", "flat", model) == success("estimation:n=8", "solo-ann", model)
