"""Whole teams on simulated models in every way of working; through the server everything comes out the same."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from agentmesh import Agent, RunResult, Team, Topology
from agentmesh.events import BoardWritten, Event, MessageDelivered, PositionStated, ToolCallFinished, VoteCast
from agentmesh.providers.guard import allow_model_requests
from agentmesh.providers.simulated.server import make_server
from agentmesh.topology.graph import Board, Vote

SUM = "What is (3+4)*12+90/6?"
HARD = "What is 57*89+13*(7+6*4)?"
PARTS = "Compute these: 12*7; 45*3; (8+9)*2."
WORDS = "Write about bees. They fly far."
EXTRACT = '(extract) user: "Write about bees. They fly far."'
PROMISE = "Work on it. When all is right, write <promise>ALL DONE</promise>."
NOTES = {"notes": Board()}


@dataclass(frozen=True)
class Case:
    """A team, its task, and what its answer holds; None where there is none."""

    topology: Topology
    names: str
    task: str = SUM
    answer: str | None = "(3 + 4)*12 + 90/6 = 99"
    profile: str = "worker"
    instructions: str = ""
    tools: Sequence[str] = ()

    def run(self, model: str) -> RunResult:
        agents = [Agent(name=name, instructions=self.instructions, tools=tuple(self.tools)) for name in self.names]
        return Team(agents, self.topology, models={"default": model}).run_sync(self.task, seed=5)


def moderated() -> Topology:
    talk = {"name": "talk", "edges": ["user -> m, a, b", "m <-> a, b", "a <-> b"], "order": "moderator"}
    return Topology([{**talk, "moderator": "m", "rounds": 6}, {"name": "answer", "edges": ["m -> user"]}])


def on_a_board() -> Topology:
    ring = ["user -> a, b, c", "a, b, c <-> notes", "a -> b", "b -> c", "c -> a"]
    share = {"name": "share", "edges": ring, "order": "round_robin", "rounds": 2}
    return Topology([share, {"name": "answer", "edges": ["c -> user"]}], boards=NOTES)


def until_promised() -> Topology:
    until = {"until": {"promise": "ALL DONE", "verify": ["true"]}, "max_iterations": 3, "memory": "fresh"}
    work = {"name": "work", "edges": ["user -> a", "a -> b"], **until}
    return Topology([work, {"name": "answer", "edges": ["b -> user"]}])


def short(carries: str, positions: str = "off") -> Topology:
    edges = ["user -> a", {"from": "a", "to": "b", "carries": carries}, "b -> user"]
    return Topology([{"name": "graph", "edges": edges, "positions": positions}])


def worker_with_a_board() -> Topology:
    # One worker: of several at the same time, whoever is faster writes first.
    edges = ["user -> p", "p <-> w", "p -> user", "w <-> notes"]
    work = {"name": "work", "order": "tasks", "planner": "p", "workers": ["w"], "edges": edges}
    return Topology([work], boards=NOTES)


CALCULATOR = ("calculator",)
CASES = {
    "flat, positions, ballot": Case(
        Topology.flat(list("abc"), vote="ballot", positions="required"), "abc", tools=CALCULATOR
    ),
    "flat, optional positions": Case(Topology.flat(list("abc"), positions="optional"), "abc"),
    "flat, until they agree": Case(
        Topology.flat(list("abcd"), vote="v", positions="required", end="converged", rounds=6),
        "abcd",
        HARD,
        "57*89 + 13*(7 + 6*4) = ",
        "novice",
    ),
    "flat, words, ballot": Case(Topology.flat(list("abc"), vote="v", positions="required"), "abc", WORDS, EXTRACT),
    "independent, vote": Case(Topology.independent(list("abc"), vote="v"), "abc"),
    "independent, options": Case(
        Topology.independent(list("abc"), vote="v", votes={"v": Vote(options=("98", "99", "100"), method="borda")}),
        "abc",
        answer="99",
    ),
    "independent, best of": Case(
        Topology.independent(list("abc"), best_of="j"), "abcj", HARD, "57*89 + 13*(7 + 6*4) = ", "novice"
    ),
    "independent, aggregator": Case(Topology.independent(list("abc"), aggregator="j"), "abcj"),
    "debate": Case(Topology.debate(["a", "b"], "j", positions="required"), "abj"),
    "layers": Case(Topology.layers([["a", "b"], ["c", "d"], "e"], positions="required"), "abcde"),
    "ring": Case(Topology.ring(list("abc"), positions="required"), "abc"),
    "star": Case(Topology.star("a", ["b", "c"], positions="required"), "abc", tools=CALCULATOR),
    "a moderator": Case(moderated(), "mab"),
    "a shared board": Case(on_a_board(), "abc", PARTS, "12*7 = 84\n45*3 = 135\n(8 + 9)*2 = 34", tools=CALCULATOR),
    "a worker with a board": Case(worker_with_a_board(), "pw"),
    "summaries": Case(short("summary"), "ab"),
    "positions alone": Case(short("position", "required"), "ab"),
    "a promise kept": Case(until_promised(), "ab", instructions=PROMISE),
    "a promise not kept": Case(until_promised(), "ab", WORDS, None, instructions=PROMISE),
}


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    server = make_server("127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.base_url
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("name", CASES)
def test_every_way_of_working_ends_with_an_answer_and_nothing_is_refused(name: str) -> None:
    case = CASES[name]
    result = case.run(f"simulated:{case.profile}")
    assert [event.type for event in result.events if event.type == "turn_failed"] == []
    assert result.refused == 0
    if case.answer is None:
        assert (result.outcome, result.answer) == ("limit", None)
    else:
        assert result.outcome == "completed", result.reason
        assert (result.answer or "").startswith(case.answer)


@pytest.mark.real_models
@pytest.mark.parametrize("name", CASES)
def test_through_the_server_the_same_happens(name: str, served: str) -> None:
    case = CASES[name]
    inside = case.run(f"simulated:{case.profile}")
    with allow_model_requests():
        outside = case.run(f"openai:{case.profile}@{served}")
    assert outside.reason == inside.reason
    assert happened(outside.events) == happened(inside.events)


def happened(events: Iterable[Event]) -> dict[str | None, list[Any]]:
    """What each agent said, called, held, wrote and voted for, in its order."""
    told = MessageDelivered | ToolCallFinished | PositionStated | BoardWritten | VoteCast
    found: dict[str | None, list[Any]] = defaultdict(list)
    for event in events:
        if isinstance(event, told):
            facts = event.model_dump(exclude={"id", "run_id", "ts", "key", "message_id"})
            found[event.agent].append(facts)
    return found


def test_agents_that_agree_vote_for_the_same_answer_word_for_word() -> None:
    result = CASES["flat, positions, ballot"].run("simulated:worker")
    ballots = [event.ranking for event in result.events if isinstance(event, VoteCast)]
    assert ballots == [("(3 + 4)*12 + 90/6 = 99",)] * 3


def test_a_discussion_of_the_unsure_changes_minds_and_says_why_until_all_hold_the_same() -> None:
    case = CASES["flat, until they agree"]
    result = case.run("simulated:novice")
    held: dict[str, list[Any]] = defaultdict(list)
    for event in result.events:
        if isinstance(event, PositionStated):
            held[event.agent or ""].append(event.position)
    assert len({positions[-1].key for positions in held.values()}) == 1
    assert len({positions[0].key for positions in held.values()}) > 1
    for positions in held.values():
        for before, after in pairwise(positions):
            assert bool(after.changed_because) == (before.key != after.key)


def test_a_judge_picks_a_right_answer_out_of_wrong_ones() -> None:
    agents = [Agent(name=name, model="dull" if name != "b" else "default") for name in "abc"]
    team = Team(
        [*agents, Agent(name="j", tools=CALCULATOR)],
        Topology.independent(list("abc"), best_of="j"),
        models={"default": "simulated:worker", "dull": lambda request: "(3+4)*12 + 90/6 = 98"},
    )
    assert (team.run_sync(SUM).answer or "").startswith("(3 + 4)*12 + 90/6 = 99")


def test_a_board_divides_the_work_and_nobody_does_what_stands_there() -> None:
    result = CASES["a shared board"].run("simulated:worker")
    lines = [
        event.content.split("\n")[-1] for event in result.events if isinstance(event, BoardWritten) and event.content
    ]
    assert lines == ["a: 12*7 = 84", "b: 45*3 = 135", "c: (8 + 9)*2 = 34"]


def test_a_moderator_gives_everybody_the_floor() -> None:
    result = CASES["a moderator"].run("simulated:worker")
    called = [
        event.arguments["agent"]
        for event in result.events
        if isinstance(event, ToolCallFinished) and event.name == "next_speaker"
    ]
    assert called == ["a", "b"]
