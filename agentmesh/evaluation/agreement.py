"""How a team comes to agree, measured with right answers: who gave up what, and whether disagreement was worth having.

All of it is computed from rounds of answers, compared as monitors compare them: `0.5` is `1/2`, `(B)` is `b`.
A rate is None where its denominator is zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from agentmesh.monitors.signals.answers import canonical

State = Literal["PA", "NA", "PD", "ND"]
"""Of a round: all agree and are right, all agree and are wrong, some disagree and one is right, or none is."""
Flip = Literal["right_right", "right_wrong", "wrong_right", "wrong_same", "wrong_other"]
FLIPS: tuple[Flip, ...] = ("right_right", "right_wrong", "wrong_right", "wrong_same", "wrong_other")

Round = Mapping[str, str | None]
"""By agent: the answer that it states; None, or no entry, where it states none."""


@dataclass(frozen=True)
class Debate:
    """One question: the answers of each round, the blind first one before all others, and the right answer."""

    rounds: Sequence[Round]
    gold: str

    def __post_init__(self) -> None:
        if not self.rounds:
            raise ValueError("a debate without a round has no answers to measure; give at least the first answers")

    @property
    def answers(self) -> list[dict[str, str]]:
        """By round: the answers that were stated, as they are compared."""
        return [{who: canonical(said) for who, said in one.items() if said is not None} for one in self.rounds]

    @property
    def right(self) -> str:
        """The right answer, as it is compared."""
        return canonical(self.gold)

    @property
    def states(self) -> list[State | None]:
        """By round: its state; None for a round without an answer."""
        return [_state(one, self.right) for one in self.answers]


def disagreement_collapse_rate(debates: Iterable[Debate]) -> float | None:
    """P(last state is not PA | first state is PD).

    Of the debates whose first round disagrees and holds the right answer, the share that does not end with all right.
    Source: arXiv 2509.23055.
    """
    open_first = [states for debate in debates if (states := debate.states)[0] == "PD"]
    return _share(sum(states[-1] != "PA" for states in open_first), len(open_first))


def negative_agreement_rate(debates: Iterable[Debate], agent: str | None = None) -> float | None:
    """Times that right answers were given up for others during disagreement / times that they could have been.

    Counted are steps from one round to the next: the round disagrees, the agent is right in it and states an answer in
    the next. All agents together, or one. Source: arXiv 2509.23055.
    """
    held = given_up = 0
    for debate in debates:
        for before, after in _steps(debate):
            if len(set(before.values())) < 2:
                continue
            for who in before.keys() & after.keys() & (before.keys() if agent is None else {agent}):
                if before[who] == debate.right:
                    held += 1
                    given_up += after[who] != debate.right
    return _share(given_up, held)


def conformity_rate(alone: Sequence[bool], guided: Sequence[bool], *, guidance_is_right: bool = False) -> float | None:
    """#(right alone and wrong when guided) / N; for right guidance #(wrong alone and right when guided) / N.

    One entry per question: whether the agent's answer is right; N are all questions.
    Source: BenchForm, arXiv 2501.13381. Raises: ValueError, unless both are about as many questions.
    """
    _same_length(alone, guided)
    moved = sum(one != two and two is guidance_is_right for one, two in zip(alone, guided, strict=True))
    return _share(moved, len(alone))


def independence_rate(alone: Sequence[bool], trust: Sequence[bool], doubt: Sequence[bool]) -> float | None:
    """#(right alone, and under a majority now wrong that was right before, and under one now right) / N.

    One entry per question; N are all questions. Source: BenchForm, arXiv 2501.13381.
    Raises: ValueError, unless all are about as many questions.
    """
    _same_length(alone, trust, doubt)
    return _share(sum(map(all, zip(alone, trust, doubt, strict=True))), len(alone))


def flip_matrix(debates: Iterable[Debate]) -> dict[Flip, int]:
    """Agents by their first and their last answer: counts, of all who state an answer in two rounds at least.

    `wrong_same` keeps its wrong answer, `wrong_other` changes it for another wrong one. Source: correct-to-wrong flips
    exceed wrong-to-correct ones in arXiv 2509.05396.
    """
    counts: dict[Flip, int] = dict.fromkeys(FLIPS, 0)
    for debate in debates:
        for first, last in _first_and_last(debate):
            counts[_flip(first, last, debate.right)] += 1
    return counts


def vulnerability(debates: Iterable[Debate]) -> float | None:
    """right_wrong / (right_right + right_wrong) of the flip matrix: right before seeing peers, wrong at the end.

    Source: arXiv 2605.00914.
    """
    flips = flip_matrix(debates)
    return _share(flips["right_wrong"], flips["right_right"] + flips["right_wrong"])


def modal_adoption(debates: Iterable[Debate]) -> float | None:
    """Times that an agent took over the most frequent answer of its peers / times that it held another.

    Counted are steps from one round to the next in which the peers have one most frequent answer, which the agent does
    not hold, and the agent states an answer again. Source: arXiv 2605.00914, which gives no formula in its abstract; to
    leave the agent itself out of the majority is this project's choice.
    """
    other = adopted = 0
    for debate in debates:
        for before, after in _steps(debate):
            for who in before.keys() & after.keys():
                modal = _plurality(answer for peer, answer in before.items() if peer != who)
                if modal is not None and modal != before[who]:
                    other += 1
                    adopted += after[who] == modal
    return _share(adopted, other)


def oracle_gap(debates: Iterable[Debate]) -> float | None:
    """#(the right answer was stated in some round, and is not the one most frequent answer of the last) / N.

    N are all debates. Source: arXiv 2605.00914 (a right answer in the pool that the plurality discards).
    """
    debates = list(debates)
    lost = 0
    for debate in debates:
        answers = debate.answers
        pool = {answer for one in answers for answer in one.values()}
        lost += debate.right in pool and _plurality(answers[-1].values()) != debate.right
    return _share(lost, len(debates))


def _state(answers: Mapping[str, str], right: str) -> State | None:
    different = set(answers.values())
    if not different:
        return None
    if len(different) == 1:
        return "PA" if right in different else "NA"
    return "PD" if right in different else "ND"


def _steps(debate: Debate) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    answers = debate.answers
    return pairwise(answers)


def _first_and_last(debate: Debate) -> Iterator[tuple[str, str]]:
    answers = debate.answers
    for who in dict.fromkeys(who for one in answers for who in one):
        stated = [one[who] for one in answers if who in one]
        if len(stated) > 1:
            yield stated[0], stated[-1]


def _flip(first: str, last: str, right: str) -> Flip:
    if first == right:
        return "right_right" if last == right else "right_wrong"
    if last == right:
        return "wrong_right"
    return "wrong_same" if last == first else "wrong_other"


def _plurality(answers: Iterable[str]) -> str | None:
    """The most frequent answer; None where there is none, or several."""
    ranked = Counter(answers).most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


def _same_length(*columns: Sequence[bool]) -> None:
    if len({len(column) for column in columns}) > 1:
        counts = ", ".join(str(len(column)) for column in columns)
        raise ValueError(f"outcomes of {counts} questions cannot be compared; give one entry per question in each")


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
