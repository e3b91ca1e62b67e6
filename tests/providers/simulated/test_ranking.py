"""Simulated models on rankings: each believes something a little wrong, and the mean is better than most."""

from __future__ import annotations

from agentmesh.providers.simulated import profile_named
from tests.providers.simulated.simulated_inquiries import NAMES, quality, success
from tests.providers.simulated.simulated_office import Seat, quoted

RIVERS = "Rank by length in km, the greatest first: Elbe, Nile, Rhine."
CRATES = "Rank by weight in kg, the greatest first: Fir, Oak."
TASKS = "ranking:n=12"


def test_a_perfect_mind_knows_the_measures_of_the_world() -> None:
    lines = Seat("ann").turn(quoted("user", RIVERS)).text.splitlines()
    assert lines[1:] == ["- Elbe (ann): 1094.000", "- Nile (ann): 6650.000", "- Rhine (ann): 1230.000", lines[-1]]
    assert lines[-1] == "Answer: Nile > Rhine > Elbe"


def test_estimates_that_were_told_are_pooled_with_those_of_others() -> None:
    ann = Seat("ann", instructions="Only you know this:\n- Fir (ann): 30\n- Oak (ann): 40")
    assert ann.turn(quoted("user", CRATES)).text.splitlines()[-1] == "Answer: Oak > Fir"
    told = quoted("ben", f"{CRATES}\n- Fir (ben): 60\n- Oak (ben): 45\nAnswer: Fir > Oak")
    assert ann.turn(told).text.splitlines()[-1] == "Answer: Fir > Oak"


def test_copies_believe_the_same() -> None:
    def lines(name: str, heterogeneity: int) -> str:
        profile = profile_named(f"worker,judgement=0.7,heterogeneity={heterogeneity}")
        return Seat(name, profile=profile).turn(quoted("user", RIVERS)).text.replace(name, "")

    assert lines("ann", 0) == lines("ben", 0)
    assert lines("ann", 1) != lines("ben", 1)


def test_different_minds_rank_better_together_and_copies_do_not() -> None:
    def gain(heterogeneity: int) -> float:
        model = f"worker,judgement=0.7,heterogeneity={heterogeneity}"
        alone = [quality(TASKS, f"solo-{name}", model, 4) for name in NAMES]
        return quality(TASKS, "flat", model, 4) - sum(alone) / 3

    assert gain(0) == 0
    assert gain(1) > 0.03


def test_what_each_was_told_alone_is_better_pooled() -> None:
    spec = "ranking:n=12,agents=ann+ben+cy"
    alone = max(success(spec, f"solo-{name}", "worker") for name in NAMES)
    assert success(spec, "flat", "worker") > alone
