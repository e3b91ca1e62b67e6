"""Counting ballots: plurality, Borda and Condorcet, with weights, and ties that are decided and not hidden.

Written here because the scheduler must stay pure: the libraries of the field bring numpy and solvers for rules that
take a dozen lines each.
Source: D. Black, The Theory of Committees and Elections (1958), for Condorcet with Borda as the fallback.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations

from agentmesh.messages import answer_key
from agentmesh.topology.phases import Method, Vote

Scores = dict[str, Fraction]


@dataclass(frozen=True)
class Tally:
    """What came of a vote: the winner, in the words of whoever named it first; scores by option; who was tied."""

    winner: str
    scores: Mapping[str, float]
    tied: tuple[str, ...] = ()


def count(ballots: Mapping[str, Sequence[str]], rule: Vote, seed: int | str = 0) -> Tally:
    """The result of ballots by voter, each a ranking with the best first. At least one ballot is needed.

    Options are the same if they differ only in case, white space or outer punctuation. What a ballot leaves out stands
    below all that it names: it gets no points from it.
    """
    words: dict[str, str] = {answer_key(option): option for option in rule.choices}
    ranked: dict[str, list[str]] = {}
    for voter, ballot in ballots.items():
        for option in ballot:
            words.setdefault(answer_key(option), option.strip())
        ranked[voter] = list(dict.fromkeys(map(answer_key, ballot)))
    # As they are written: in floating point 0.1 and 0.2 would beat 0.3.
    weights = {voter: Fraction(str(rule.weights.get(voter, 1))) for voter in ballots}
    options = [option for option in words if rule.choices or any(option in ballot for ballot in ranked.values())]
    scores = _scores(rule.method, options, ranked, weights)
    best = max(scores.values())
    tied = [option for option, score in scores.items() if score == best]
    winner = tied[0] if len(tied) == 1 else _decided(tied, ranked.get(rule.ties, []), seed)
    named = {words[option]: float(score) for option, score in scores.items()}
    return Tally(words[winner], named, tuple(words[option] for option in tied) if len(tied) > 1 else ())


def _scores(
    method: Method, options: Sequence[str], ranked: Mapping[str, list[str]], weights: Mapping[str, Fraction]
) -> Scores:
    match method:
        case "plurality":
            return _plurality(options, ranked, weights)
        case "borda":
            return _borda(options, ranked, weights)
        case "condorcet":
            beats_all = _condorcet(options, ranked, weights)
            return {beats_all: Fraction(len(options) - 1)} if beats_all else _borda(options, ranked, weights)


def _plurality(options: Sequence[str], ranked: Mapping[str, list[str]], weights: Mapping[str, Fraction]) -> Scores:
    scores = dict.fromkeys(options, Fraction(0))
    for voter, ballot in ranked.items():
        scores[ballot[0]] += weights[voter]
    return scores


def _borda(options: Sequence[str], ranked: Mapping[str, list[str]], weights: Mapping[str, Fraction]) -> Scores:
    """As many points for an option as there are others below it on the ballot, or not on it."""
    scores = dict.fromkeys(options, Fraction(0))
    for voter, ballot in ranked.items():
        for place, option in enumerate(ballot):
            scores[option] += weights[voter] * (len(options) - 1 - place)
    return scores


def _condorcet(options: Sequence[str], ranked: Mapping[str, list[str]], weights: Mapping[str, Fraction]) -> str | None:
    """The option that beats every other in pairs, if there is one."""
    margins: dict[tuple[str, str], Fraction] = dict.fromkeys(permutations(options, 2), Fraction(0))
    for voter, ballot in ranked.items():
        place = {option: index for index, option in enumerate(ballot)}
        last = len(ballot)
        for one, other in margins:
            if place.get(one, last) < place.get(other, last):
                margins[one, other] += weights[voter]
    for one in options:
        if all(margins[one, other] > margins[other, one] for other in options if other != one):
            return one
    return None


def _decided(tied: Sequence[str], ballot: Sequence[str], seed: int | str) -> str:
    """The tied option that the deciding voter ranks best; else the one that the seed draws."""
    preferred = next((option for option in ballot if option in tied), None)
    return preferred or min(tied, key=lambda option: hashlib.sha256(f"{seed}|{option}".encode()).digest())
