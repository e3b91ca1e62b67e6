"""Contributions that become alike, with and without a reason."""

from __future__ import annotations

from importlib import util

import pytest

from agentmesh.events import Event
from agentmesh.monitors.diversity import Diversity, Measure, vendi_score
from tests.monitors.acted import Acts, did, said, stream, watched, without, work

TWISTS = ("red", "blue", "green", "tall", "small", "round", "square", "heavy", "light", "plain", "loud", "quiet")
APART = (
    "A choir on the lightship at dawn", "Rowing boats with paper lanterns", "Soup from every street in town",
    "Kites above the old breakwater", "A swim between both harbours", "Films on the gasworks wall",
    "Bicycle repair for whoever comes", "Night market below the bridge", "Chess against the bishop",
    "Letters read by retired sailors", "Pancakes for early commuters", "Drums along the railway line",
)  # fmt: skip
LABEL = "diversity_collapse"
needs_numpy = pytest.mark.skipif(util.find_spec("numpy") is None, reason="the extra `evaluation` is not installed")
MEASURES = ["pairwise", pytest.param("vendi", marks=needs_numpy)]


def ideas(texts: tuple[str, ...]) -> list[Acts]:
    """Three agents, in turn."""
    return [said("abc"[at % 3], text) for at, text in enumerate(texts)]


SAME = tuple(f"A choir on the lightship at dawn, {twist}" for twist in TWISTS)


def score(events: list[Event], measure: Measure = "pairwise") -> float:
    return watched(Diversity(measure=measure), events)[1][LABEL]


@pytest.mark.parametrize("measure", MEASURES)
def test_small_changes_of_one_idea_are_a_collapse(measure: Measure) -> None:
    found, _ = watched(Diversity(measure=measure), stream(*ideas(APART[1:7]), *ideas(SAME)))
    assert {finding.label for finding in found} == {LABEL}
    assert set(found[-1].agents) == set("abc")


@pytest.mark.parametrize("measure", MEASURES)
def test_ideas_that_stay_apart_are_none(measure: Measure) -> None:
    assert score(stream(*ideas(APART)), measure) < 0.2


def test_ideas_brought_together_by_work_are_none() -> None:
    acts: list[Acts] = []
    for at, idea in enumerate(ideas(SAME)):
        acts += [did("abc"[at % 3], "survey", {"at": at}, f"{at + 200} want it"), idea]
    assert score(stream(*acts)) < 0.2


def test_short_answers_and_one_agent_that_repeats_itself_are_none() -> None:
    assert score(stream(*ideas(("I vote for lanterns",) * 12))) == 0
    assert score(stream(*[said("a", SAME[0]) for _ in range(12)])) == 0


def test_a_different_idea_undoes_part_of_it() -> None:
    monitor = Diversity()
    watched(monitor, stream(*ideas(SAME)))
    before = monitor.scores[LABEL]
    found, _ = watched(Diversity(), stream(*ideas(SAME), *ideas(APART), *ideas(SAME[:2])))
    assert found[-1].score < before or found[-1].evidence[-1] <= 13


def test_without_its_evidence_the_score_is_lower_and_healthy_work_before_does_not_raise_it() -> None:
    events = stream(*ideas(SAME))
    found, shown = watched(Diversity(), events)
    assert found
    assert all(score(without(events, finding.evidence)) < shown[LABEL] for finding in found)
    assert score(stream(work(30, "abc"), [event.model_copy() for event in events[1:]])) <= shown[LABEL]


def test_an_embedding_decides_what_is_alike() -> None:
    def all_the_same(texts: list[str]) -> list[list[float]]:
        return [[1.0, 0.0] for _ in texts]

    assert watched(Diversity(embed=all_the_same), stream(*ideas(APART)))[1][LABEL] > 0.5


@needs_numpy
def test_the_vendi_score_counts_what_is_different() -> None:
    same, other = [1.0, 1.0, 1.0], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    assert vendi_score([same, same, same]) == pytest.approx(1)
    assert vendi_score(other) == pytest.approx(3)
    # eigenvalues of [[1, s], [s, 1]] / 2 are (1 + s) / 2 and (1 - s) / 2: .75 and .25 for s = .5
    assert vendi_score([[1.0, 0.5], [0.5, 1.0]]) == pytest.approx(0.75**-0.75 * 0.25**-0.25)
    assert vendi_score([]) == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"window": 1}, "'window' is 1"),
        ({"usual": 1.0}, "'usual' is 1.0"),
        ({"measure": "bleu"}, "'measure' is 'bleu'; it may be: pairwise, vendi"),
        ({"embed": "my.module:f"}, "'embed' is 'my.module:f'; it is model2vec:FOLDER, or a function from texts"),
        ({"embed": "model2vec:"}, "'embed' is 'model2vec:'; it is"),
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Diversity(**wrong)  # type: ignore[arg-type]
