"""A routed team: a verifier sends for the searcher as often as it likes, and then for the answerer.

A question has a topic. Topics differ in how many facts have to be found, one after the other, before the answer lies
open; of some none. The searcher has to learn which query finds the next fact, the answerer what the facts of a topic
mean, and the verifier when there are enough of them. A run in which nobody is sent for to answer ends unanswered. So
agents act a different number of times per run. The searcher does not see the whole topic, so that it cannot tell
whether it is needed: that is for the verifier to know, but both are paid alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agentmesh.learning.episodes import Episode, Step
from examples.learning.policies import Acts, Floats, Ints, Policy, Table, chosen

AGENTS = ("verifier", "searcher", "answerer")
SEARCH, ANSWER = 0, 1
"""Whom the verifier sends for."""
Policies = Mapping[str, Policy]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class World:
    """What there is to learn."""

    facts: tuple[int, ...] = (0, 0, 0, 0, 1, 1)
    """By topic: how many have to be found."""
    hints: int = 2
    """What the searcher can tell apart of topics: those with one remainder look alike to it."""
    queries: int = 4
    answers: int = 4
    turns: int = 4
    """Of the verifier, in a run."""
    luck: float = 0.9
    """With which the right query finds the fact."""
    routed: bool = True
    """Whether the verifier decides who comes next; else each agent acts once, one after the other."""

    @property
    def levels(self) -> int:
        """How many facts a run can have found, 0 among them."""
        return max(self.facts) + 1

    def new(self, skill: Mapping[str, float]) -> dict[str, Table]:
        """Tables that prefer what is right by so much, in logits: 0 is knowing nothing."""
        topics, levels, values = np.arange(len(self.facts)), np.arange(self.levels), np.arange(self.answers)
        topic, found = (each.ravel() for each in np.meshgrid(topics, levels, indexing="ij"))
        sends = np.where(found >= np.take(self.facts, topic), ANSWER, SEARCH)
        means = np.pad(np.add.outer(topics, values) % self.answers, ((0, 0), (1, 0)), constant_values=-1).ravel()
        finds = self.right_query(topic, found)[topic < self.hints]
        return {
            "verifier": Table(skill["verifier"] * np.eye(2)[sends]),
            "searcher": Table(skill["searcher"] * np.eye(self.queries)[finds]),
            "answerer": Table(skill["answerer"] * np.eye(self.answers + 1)[means][:, :-1]),
        }

    def right_query(self, topic: Ints, found: Ints) -> Ints:
        """What finds the next fact."""
        return np.asarray((2 * (topic % self.hints) + found) % self.queries)

    def right_answer(self, topic: Ints, value: Ints) -> Ints:
        """What the facts of a topic mean."""
        return np.asarray((topic + value) % self.answers)

    def clue(self, topic: Ints, value: Ints, found: Ints) -> Ints:
        """What the answerer sees of the value: nothing, which is 0, until all facts are found."""
        return np.where(found >= np.take(self.facts, topic), value + 1, 0)


class Questions(NamedTuple):
    """What is asked in each run, and the numbers from 0 to 1 that its chances come of: by run, step and use."""

    group: Ints
    topic: Ints
    value: Ints
    drawn: Floats


class Played(NamedTuple):
    """A batch of runs."""

    acts: dict[str, Acts]
    searches: Ints
    answered: Flags
    right: Flags


def asked(world: World, groups: int, runs: int, chance: np.random.Generator) -> Questions:
    """So many questions, each asked in so many runs."""
    topic = chance.integers(len(world.facts), size=groups).repeat(runs)
    value = chance.integers(world.answers, size=groups).repeat(runs)
    return Questions(
        np.arange(groups).repeat(runs), topic, value, chance.random((groups * runs, 2 * world.turns + 1, 2))
    )


def play(world: World, policies: Policies, questions: Questions) -> Played:
    """What these policies do with these questions, all runs at once."""
    game = _Game(world, policies, questions)
    going = np.arange(len(questions.topic))
    for _ in range(world.turns if world.routed else 1):
        sent = game.act("verifier", going, game.known(going, len(world.facts)))
        searching, answering = (going[sent == whom] if world.routed else going for whom in (SEARCH, ANSWER))
        game.search(searching)
        game.answer(answering)
        going = searching
    acts = {agent: Acts(*map(np.concatenate, zip(*noted, strict=True))) for agent, noted in game.noted.items()}
    return Played(acts, game.searches, game.answered, game.right)


class _Game:
    """Runs under way."""

    def __init__(self, world: World, policies: Policies, questions: Questions) -> None:
        self._world, self._policies, self._questions = world, policies, questions
        count = len(questions.topic)
        self._step, self._found, self.searches = (np.zeros(count, np.int64) for _ in range(3))
        self.answered, self.right = (np.zeros(count, np.bool_) for _ in range(2))
        self.noted: dict[str, list[Acts]] = {agent: [] for agent in AGENTS}

    def known(self, runs: Ints, topics: int) -> Ints:
        """What the verifier and the searcher see: the topic, as far as they tell it, and how many facts are found."""
        return np.asarray(self._questions.topic[runs] % topics * self._world.levels + self._found[runs])

    def act(self, agent: str, runs: Ints, seen: Ints) -> Ints:
        step = self._step[runs]
        taken = chosen(self._policies[agent], seen, self._questions.drawn[runs, step, 0])
        self.noted[agent].append(Acts(runs, step, seen, taken))
        self._step[runs] += 1
        return taken

    def search(self, runs: Ints) -> None:
        topic, luck = self._questions.topic[runs], self._questions.drawn[runs, self._step[runs], 1]
        query = self.act("searcher", runs, self.known(runs, self._world.hints))
        hit = (query == self._world.right_query(topic, self._found[runs])) & (luck < self._world.luck)
        self._found[runs] += hit & (self._found[runs] < np.take(self._world.facts, topic))
        self.searches[runs] += 1

    def answer(self, runs: Ints) -> None:
        topic, value = self._questions.topic[runs], self._questions.value[runs]
        clue = self._world.clue(topic, value, self._found[runs])
        given = self.act("answerer", runs, topic * (self._world.answers + 1) + clue)
        self.answered[runs] = True
        self.right[runs] = given == self._world.right_answer(topic, value)


def episodes_of(world: World, questions: Questions, played: Played, name: str = "run") -> list[Episode]:
    """The runs as `agentmesh.learning` takes them; those of one question are a group."""
    brief = np.where(played.answered, 1 - played.searches / world.turns, 0.0)
    rows = zip(questions.group, played.searches, played.answered, played.right, brief, strict=True)
    return [
        Episode(
            f"{name}{at}",
            f"question {group}",
            _steps(int(searches), bool(answered), world.routed),
            {"right": float(right), "brief": float(short)},
        )
        for at, (group, searches, answered, right, short) in enumerate(rows)
    ]


@cache
def _steps(searches: int, answered: bool, routed: bool) -> tuple[Step, ...]:
    """Who acted, in order."""
    if not routed:
        return tuple(map(Step, AGENTS))
    turns = searches * ("verifier", "searcher")
    return tuple(map(Step, (*turns, "verifier", "answerer") if answered else turns))
