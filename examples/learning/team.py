"""The routed team as a team of agentmesh: the same policies are models of agents, who know what they are told."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from agentmesh import Agent, Reply, Request, RunResult, Team, ToolCall, Topology
from agentmesh.learning.episodes import Episode, episode_of
from examples.learning.policies import chosen
from examples.learning.routing import SEARCH, Policies, Questions, World

EDGES = ("user -> verifier", "verifier -> searcher", "searcher -> verifier", "verifier -> answerer", "answerer -> user")


class Run:
    """One question before the team, with the numbers that its chances come of."""

    def __init__(self, world: World, policies: Policies, questions: Questions, at: int) -> None:
        self._world, self._policies = world, policies
        self.topic, self.value = int(questions.topic[at]), int(questions.value[at])
        self._drawn: Iterator[np.ndarray] = iter(questions.drawn[at])
        models = {"verifier": self._verifies, "searcher": self._searches, "answerer": self._answers}
        agents = [Agent(name=name, model=model) for name, model in models.items()]
        self._team = Team(agents=agents, topology=Topology.graph(EDGES), limits={"turns": 2 * world.turns})

    def result(self) -> RunResult:
        """Run it."""
        return self._team.run_sync(self._told(0))

    def episode(self, result: RunResult) -> Episode:
        """What a learner makes of the run, paid as the runs of `routing` are."""
        answered = result.answer is not None
        right = answered and int(result.answer or "") == (self.topic + self.value) % self._world.answers
        searches = sum(event.type == "model_call_finished" and event.agent == "searcher" for event in result.events)
        brief = 1 - searches / self._world.turns if answered else 0.0
        return episode_of(result, {"right": float(right), "brief": brief})

    def _told(self, found: int) -> str:
        known = f", value {self.value}" if found >= self._world.facts[self.topic] else ""
        return f"topic {self.topic}, found {found}{known}"

    def _act(self, agent: str, seen: int) -> tuple[int, float]:
        """What the policy does, and the luck that is left."""
        first, luck = next(self._drawn)
        return int(chosen(self._policies[agent], np.array([seen]), np.array([first]))[0]), float(luck)

    def _verifies(self, request: Request) -> Reply:
        heard = _heard(request)
        sends, _ = self._act("verifier", heard["topic"] * self._world.levels + heard["found"])
        to = "searcher" if sends == SEARCH else "answerer"
        arguments = {"recipients": [to], "content": ", ".join(f"{name} {value}" for name, value in heard.items())}
        return Reply(tool_calls=(ToolCall("send_message", arguments),))

    def _searches(self, request: Request) -> str:
        heard, world = _heard(request), self._world
        topic, found = heard["topic"], heard["found"]
        query, luck = self._act("searcher", topic % world.hints * world.levels + found)
        finds = query == world.right_query(np.array(topic), np.array(found)) and luck < world.luck
        return self._told(found + (finds and found < world.facts[topic]))

    def _answers(self, request: Request) -> str:
        heard, world = _heard(request), self._world
        clue = heard["value"] + 1 if "value" in heard else 0
        return str(self._act("answerer", heard["topic"] * (world.answers + 1) + clue)[0])


def _heard(request: Request) -> dict[str, int]:
    """The figures of the latest message."""
    return {name: int(value) for name, value in re.findall(r"(\w+) (\d+)", str(request.messages[-1]["content"]))}
