"""The team really works together: what one agent hands to another decides what comes out."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentmesh import Agent, RunResult, Team, Topology
from agentmesh.events import MessageProposed
from agentmesh.providers.guard import allow_model_requests
from agentmesh.providers.simulated.server import make_server
from agentmesh.topology.phases import Edge

TOPOLOGIES = sorted(Path(__file__).parents[2].joinpath("topologies").glob("*.yaml"))
TASK = "What is (12*7)+(45-6)*3?"


def planned(
    rewrites: dict[tuple[str, str], Callable[[str], str]], names: tuple[str, ...] = ("p", "v", "w", "j")
) -> Team:
    """A planner, two workers and a judge, with functions on some edges."""
    planner, *workers, judge = names
    phase = Topology.hierarchy(planner, workers, judge=judge).phases[0]
    tools = {f"{a}_{b}": function for (a, b), function in rewrites.items()}
    edges = tuple(
        Edge(edge.sender, edge.recipient, rewrite=f"{edge.sender}_{edge.recipient}") if edge.pair in rewrites else edge
        for edge in phase.edges
    )
    agents = [Agent(name=name, tools=("calculator",) if name in workers else ()) for name in names]
    return Team(agents, Topology([replace(phase, edges=edges)], kind="hierarchy"), tools=tools)


@pytest.mark.parametrize("path", TOPOLOGIES, ids=lambda path: path.stem)
def test_every_shipped_topology_answers_with_no_key(path: Path) -> None:
    result = Team.from_yaml(path).run_sync(TASK)
    assert result.outcome == ("verified" if path.stem == "loop" else "completed")
    assert "201" in (result.answer or "")
    assert result.refused == 0


@pytest.mark.parametrize("path", TOPOLOGIES, ids=lambda path: path.stem)
def test_no_run_of_a_shipped_topology_exceeds_its_bounds(path: Path) -> None:
    team = Team.from_yaml(path)
    result = team.run_sync(TASK)
    assert result.turns <= (team.bounds.turns or 0)
    assert result.messages <= (team.bounds.messages or 0)
    assert result.usage.model_calls <= (team.bounds.model_calls or 0)
    assert result.usage.tokens <= (team.bounds.tokens or 0)


def test_a_handoff_corrupted_on_its_way_draws_a_replan_or_changes_the_answer() -> None:
    sound = planned({}).run_sync(TASK)
    corrupted = planned({("v", "p"): lambda text: text.replace("84", "85")}).run_sync(TASK)
    assert "= 201" in (sound.answer or "")
    decisions = [event for event in corrupted.events if isinstance(event, MessageProposed) and event.kind == "decision"]
    assert "replan" in "".join(event.content for event in decisions) or corrupted.answer != sound.answer


def test_a_handoff_corrupted_for_a_team_without_a_judge_makes_the_answer_wrong() -> None:
    phase = Topology.hierarchy("p", ["v", "w"]).phases[0]
    edges = tuple(replace(e, rewrite="corrupt") if e.pair == ("v", "p") else e for e in phase.edges)
    team = Team(
        [Agent(name=name) for name in "pvw"],
        Topology([replace(phase, edges=edges)], kind="hierarchy"),
        tools={"corrupt": lambda text: text.replace("84", "85")},
    )
    assert "= 202" in (team.run_sync(TASK).answer or "")


def test_an_operand_withheld_from_the_workers_makes_the_right_answer_impossible() -> None:
    def without_seven(text: str) -> str:
        return text.replace("*7", "")

    result = planned({("p", "v"): without_seven, ("p", "w"): without_seven}).run_sync(TASK)
    assert "= 201" not in (result.answer or "")


def test_other_names_and_other_words_change_nothing_essential() -> None:
    def team(names: tuple[str, ...], words: str) -> Team:
        topology = Topology.hierarchy(names[0], names[1:3], judge=names[3])
        agents = [Agent(name=name, instructions=words, tools=("calculator",)) for name in names]
        return Team(agents, topology)

    one = team(("planner", "worker_a", "worker_b", "judge"), "You are good at sums.").run_sync(TASK)
    other = team(("zoe", "judge", "planner", "bob"), "Tu, was du kannst; never guess.").run_sync(TASK)
    assert one.answer == other.answer
    assert sorted(event.type for event in one.events) == sorted(event.type for event in other.events)


def test_the_same_seed_gives_the_same_run() -> None:
    def essence(result: RunResult) -> list[Any]:
        return essential(result.events)["planner"]

    team = Team.from_yaml(TOPOLOGIES[0].with_name("hierarchy.yaml"), model="simulated:novice")
    hard = "What is 48731*9127 + 88123*(7712-319)?"
    assert essence(team.run_sync(hard, seed=3)) == essence(team.run_sync(hard, seed=3))


@pytest.fixture
def simulated_server() -> Iterator[str]:
    server = make_server("127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.real_models
@pytest.mark.parametrize("path", TOPOLOGIES, ids=lambda path: path.stem)
def test_the_same_run_over_http_gives_the_same_events(path: Path, simulated_server: str) -> None:
    inside = Team.from_yaml(path).run_sync(TASK)
    with allow_model_requests():
        outside = Team.from_yaml(path, model=f"openai:worker@{simulated_server}").run_sync(TASK)
    assert outside.outcome == inside.outcome, outside.reason
    assert essential(outside.events) == essential(inside.events)


def essential(events: Any) -> dict[str | None, list[Any]]:
    """What happened to each agent, in order, without clock, run id, and the name and address of the model.

    Between agents that work at the same time the order of the log follows the order of arrival.
    """
    found: dict[str | None, list[Any]] = defaultdict(list)
    for event in events:
        costs = {"reserved_usd", "settled_usd"}
        facts = event.model_dump(exclude={"id", "run_id", "ts", "seconds", "attempts", "model", "structured", *costs})
        if event.type in {"model_call_started", "model_call_finished", "tool_call_started", "tool_call_finished"}:
            facts["key"] = facts["key"].split("/", 1)[1]
        if "usage" in facts:
            facts["usage"].pop("cost_usd")
            facts["tool_calls"] = [(call["name"], call["arguments"]) for call in facts["tool_calls"]]
        for key in ("message_id", "inbox"):
            facts.pop(key, None)
        found[f"{event.agent} {event.task.id}" if event.type == "task_changed" else event.agent].append(facts)
    return found
