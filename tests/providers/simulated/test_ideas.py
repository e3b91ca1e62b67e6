"""Simulated models that have ideas: how many a team finds hangs on how different its minds are."""

from __future__ import annotations

import pytest

from agentmesh.providers.simulated import profile_named
from tests.providers.simulated.simulated_inquiries import NAMES, quality
from tests.providers.simulated.simulated_office import Seat, quoted

ASKED = "List as many different uses as you can of: brick; rope."
MANY = "ideas:n=4,enough=1"
FEW = "ideas:n=2,enough=1"


def ideas(name: str, model: str, *more: str) -> set[str]:
    reply = Seat(name, profile=profile_named(model), seed=3).turn(quoted("user", ASKED), *more)
    first, *lines = reply.text.splitlines()
    assert first == ASKED
    assert all(line.startswith("- ") for line in lines)
    return set(lines)


def test_a_perfect_mind_knows_every_use_and_none_knows_others() -> None:
    everything = ideas("ann", "worker,ideas=1")
    assert len(everything) == 26
    assert ideas("ann", "worker,ideas=0") == set()
    assert ideas("ann", "worker,ideas=0.5") < everything


def test_copies_know_the_same_and_different_minds_something_else() -> None:
    assert ideas("ann", "worker,ideas=0.5,heterogeneity=0") == ideas("ben", "worker,ideas=0.5,heterogeneity=0")
    assert ideas("ann", "worker,ideas=0.5,heterogeneity=1") != ideas("ben", "worker,ideas=0.5,heterogeneity=1")
    assert ideas("ann", "worker,ideas=0.5") != ideas("ann", "novice,ideas=0.5")


def test_ideas_of_others_come_before_the_own_and_who_gives_in_has_none() -> None:
    from_ben = quoted("ben", f"{ASKED}\n- juggle it (brick)\n- jump (shoe)")
    assert ideas("ann", "worker", from_ben) == {*ideas("ann", "worker"), "- juggle it (brick)"}
    assert ideas("ann", "worker,sycophancy=1", from_ben) == {"- juggle it (brick)"}
    assert ideas("ann", "worker,noise=1", from_ben) == ideas("ann", "worker")


def test_ideas_in_an_answer_of_one_line_are_read_too() -> None:
    ann = Seat("ann", profile=profile_named("worker,ideas=0"))
    reply = ann.turn(quoted("user", ASKED), quoted("ben", "Position: skip (rope); juggle it (brick) (confidence 0.5)"))
    assert reply.text.splitlines()[1:] == ["- skip (rope)", "- juggle it (brick)"]


def test_who_does_no_more_than_it_must_names_a_few() -> None:
    assert 0 < len(ideas("ann", "worker,laziness=1")) < len(ideas("ann", "worker"))


@pytest.mark.parametrize("kind", ["flat", "star", "hierarchy"])
def test_different_minds_find_more_as_a_team_and_copies_do_not(kind: str) -> None:
    def gain(heterogeneity: float) -> float:
        model = f"worker,ideas=0.5,heterogeneity={heterogeneity}"
        best = max(quality(FEW, f"solo-{name}", model) for name in NAMES)
        return quality(FEW, kind, model, whole=True) - best

    assert gain(0) == 0
    assert gain(0.5) > 0.05


def test_the_more_minds_differ_the_more_they_find_together() -> None:
    gains = []
    for heterogeneity in (0, 0.25, 0.5):
        model = f"worker,ideas=0.5,heterogeneity={heterogeneity}"
        alone = [quality(MANY, f"solo-{name}", model, 2) for name in NAMES]
        gains.append(quality(MANY, "flat", model, 2) - sum(alone) / 3)
    assert gains[0] == 0
    assert gains[0] < gains[1] < gains[2]


def test_a_vote_finds_no_more_than_one_of_the_voters() -> None:
    model = "worker,ideas=0.5,heterogeneity=0.5"
    alone = [quality(FEW, f"solo-{name}", model) for name in NAMES]
    assert min(alone) <= quality(FEW, "vote", model, whole=True) <= max(alone) < quality(FEW, "flat", model)


def test_the_more_they_give_in_the_fewer_ideas_are_added_one_after_the_other() -> None:
    model = "worker,ideas=0.5,heterogeneity=0.5,sycophancy={}"
    found = [quality(MANY, "in_turn", model.format(dose), 3) for dose in (0, 0.5, 1)]
    assert found[0] > found[1] > found[2]
    assert found[2] == quality(MANY, "solo-ann", model.format(0), 3)
