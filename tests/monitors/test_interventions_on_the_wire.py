"""What interventions do to the requests that models are really sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from agentmesh import Agent, Event, Finding, ModelConfig, MonitorConfig, RunResult, Team, Topology
from agentmesh.events import (
    Answered,
    ContextStarted,
    InterventionMade,
    MessageDelivered,
    MessageProposed,
    MessageRefused,
    MessageWithheld,
    Question,
    TaskChanged,
    TopologyChanged,
    TurnStarted,
)
from tests.runner.run_checks import well_formed
from tests.servers.recorded_models import Answers, Asked, Recorded, recorded_models

pytestmark = [pytest.mark.anyio, pytest.mark.real_models]
TALK = Topology.flat(["a", "b", "c"], rounds=4, order="round_robin", speaker="c")


def canary(agent: str, number: int) -> str:
    """What an agent says in its so-manieth request, and nobody else."""
    return f"CANARY<{agent}{number}>".replace("<", "-").replace(">", "-")


def says_canaries(asked: Asked) -> str:
    return canary(asked.agent, asked.number)


def delivered(text: str) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, MessageDelivered) and text in event.content


def begins(agent: str) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, TurnStarted) and event.agent == agent


def watcher(moment: Callable[[Event], bool], *agents: str) -> Callable[[Event], Finding | None]:
    """A monitor that finds something about these agents, once."""

    def watch(event: Event) -> Finding | None:
        return Finding(label="odd", agents=agents, evidence=(event.id,), why="it looks odd") if moment(event) else None

    return watch


def made_team(
    server: Recorded, topology: Topology, monitor: Any, ladder: Sequence[Any], reserve: Sequence[str] = (), **more: Any
) -> Team:
    models = {
        name: ModelConfig(provider="openai", model=f"model-{name}", base_url=server.url, api="chat")
        for name in (["default", "other"] if reserve else ["default"])
    }
    agents = [
        *(Agent(name=name, instructions=f"INSTRUCTIONS-{name}") for name in topology.nodes),
        *(Agent(name=name, model="other", instructions=f"INSTRUCTIONS-{name}", reserve=True) for name in reserve),
    ]
    config = MonitorConfig(interventions=ladder, blocking=more.pop("blocking", False))
    return Team(agents, topology, models=models, monitors={"watch": (monitor, config)}, **more)


async def ran(
    answers: Answers, topology: Topology, monitor: Any, ladder: Sequence[Any], reserve: Sequence[str] = (), **more: Any
) -> tuple[Recorded, RunResult]:
    with recorded_models(answers) as server:
        result = await made_team(server, topology, monitor, ladder, reserve, **more).run("THE-TASK")
    well_formed(result.events)
    return server, result


def of(result: RunResult, kind: type[Any]) -> list[Any]:
    return [event for event in result.events if isinstance(event, kind)]


def blind(server: Recorded) -> list[Asked]:
    return [asked for asked in server.requests if "anew and alone" in asked.last]


async def test_a_blind_vote_shows_no_position_of_a_peer() -> None:
    server, result = await ran(says_canaries, TALK, watcher(delivered("CANARY-b2-"), "a", "b", "c"), ["blind_revote"])
    assert [event.kind for event in result.interventions] == ["blind_revote"]
    assert sorted(asked.agent for asked in blind(server)) == ["a", "b", "c"]
    for asked in blind(server):
        assert "CANARY" not in asked.text, "neither its own words nor those of others are in a blind request"
        assert "THE-TASK" in asked.text
        assert f"INSTRUCTIONS-{asked.agent}" in asked.text
    # There was something to hide, and it is shown again once all have answered.
    assert "CANARY" in server.of("a")[1].text
    answers = {canary(asked.agent, asked.number) for asked in blind(server)}
    last = max(server.requests.index(asked) for asked in blind(server))
    assert not [asked for asked in server.requests[:last] if any(answer in asked.text for answer in answers)]
    assert any(answer in asked.text for asked in server.requests[last + 1 :] for answer in answers)
    assert result.outcome == "completed"


async def test_nothing_passes_over_an_edge_that_was_cut() -> None:
    server, result = await ran(says_canaries, TALK, watcher(delivered("CANARY-a2-"), "a", "b"), ["cut_edge"])
    [cut] = of(result, TopologyChanged)
    later = {event.content for event in of(result, MessageProposed) if event.sender == "a" and event.id > cut.id}
    assert later
    for text in later:
        assert not [asked for asked in server.of("b") if text in asked.text]
        assert [asked for asked in server.of("c") if text in asked.text], "the others still hear it"


async def test_a_blocking_monitor_cuts_the_edge_before_the_message_has_passed() -> None:
    def proposed(event: Event) -> bool:
        return isinstance(event, MessageProposed) and event.recipient == "b" and "CANARY-a1-" in event.content

    topology = Topology.graph(["user -> a", "a -> b", "a -> c", "b -> c", "c -> user"])
    server, result = await ran(says_canaries, topology, watcher(proposed, "a"), ["cut_edge"], blocking=True)
    assert [(e.sender, e.recipient, e.reason) for e in of(result, MessageRefused)] == [("a", "b", "no_edge")]
    assert server.of("b") == []
    assert "CANARY-a1-" in server.of("c")[0].text


async def test_a_dissenter_is_another_agent_and_another_model_and_is_heard() -> None:
    server, result = await ran(
        says_canaries,
        TALK,
        watcher(delivered("CANARY-b1-"), "a", "b"),
        [{"dissent": {"agent": "s"}}],
        ["s"],
    )
    first = server.of("s")[0]
    assert first.model == "model-other"
    assert {asked.model for asked in server.requests if asked.agent != "s"} == {"model-default"}
    assert "devil's advocate" in first.last
    assert "CANARY-a1-" in first.text
    assert "CANARY-b1-" in first.text
    assert "CANARY-c1-" not in first.text, "it hears only those whom it is called to object to"
    for agent in "ab":
        assert [asked for asked in server.of(agent) if canary("s", 1) in asked.last]
    assert not [asked for asked in server.of("c") if canary("s", 1) in asked.text]
    assert result.outcome == "completed"


async def test_who_is_asked_for_evidence_is_asked_in_its_next_request() -> None:
    topology = Topology.graph(["user -> a", "a -> b", "b -> user"])
    server, result = await ran(says_canaries, topology, watcher(delivered("CANARY-a1-"), "a"), ["ask_evidence"])
    assert len(server.of("a")) == 2, "it acts although nobody has written to it"
    assert "Say what shows your present answer to be right" in server.of("a")[1].last
    assert result.outcome == "completed"


async def test_a_context_that_is_reset_holds_instructions_and_task_and_nothing_else() -> None:
    server, result = await ran(says_canaries, TALK, watcher(delivered("CANARY-c1-"), "a", "b"), ["reset_context"])
    fresh = [asked for asked in server.requests if "begins anew" in asked.last]
    assert sorted(asked.agent for asked in fresh) == ["a", "b"]
    for asked in fresh:
        other = "b" if asked.agent == "a" else "a"
        assert asked.messages[0]["role"] == "system"
        assert len(asked.messages) == 2
        assert "THE-TASK" in asked.text
        assert f"CANARY-{asked.agent}" not in asked.text
        assert f"CANARY-{other}" not in asked.text
    assert [e.reason for e in of(result, ContextStarted) if e.reason == "reset"] == ["reset", "reset"]


def hands_on(asked: Asked) -> Any:
    """A planner with one task, a slacker, and somebody who works."""
    if asked.agent == "boss":
        tasks = [
            {
                "id": "t1",
                "title": "PIECE-OF-WORK",
                "instructions": "",
                "depends_on": [],
                "acceptance": "",
                "priority": 0,
            }
        ]
        return ("open_tasks", {"tasks": tasks}) if asked.number == 1 else f"RESULT after: {asked.last}"
    return "let us REST" if asked.agent == "slacker" else "DID-THE-WORK"


async def test_a_task_goes_to_another_worker_and_the_former_one_is_told() -> None:
    topology = Topology.hierarchy("boss", ["slacker", "doer"])
    server, result = await ran(hands_on, topology, watcher(delivered("REST"), "slacker"), ["reassign"])
    assert "PIECE-OF-WORK" in server.of("slacker")[0].text
    assert "PIECE-OF-WORK" in server.of("doer")[0].text
    assert "DID-THE-WORK" in server.of("boss")[-1].last
    assert "DID-THE-WORK" in (result.answer or "")
    assert [(e.status, e.worker) for e in of(result, TaskChanged)][-1] == ("done", "doer")


async def test_an_agent_of_the_reserve_takes_the_place_of_another() -> None:
    topology = Topology.graph(["user -> a", "a -> b", "b -> user"], joins={})
    server, result = await ran(
        says_canaries,
        topology,
        watcher(begins("a"), "a"),
        ["reassign"],
        ["spare"],
    )
    assert server.of("spare")[0].model == "model-other"
    assert "THE-TASK" in server.of("spare")[0].text
    assert canary("a", 1) not in server.of("b")[0].text
    assert canary("spare", 1) in server.of("b")[0].text
    assert result.outcome == "completed"


@pytest.mark.parametrize("released", [True, False])
async def test_a_message_is_withheld_until_a_person_lets_it_pass(released: bool) -> None:
    def proposed(event: Event) -> bool:
        return isinstance(event, MessageProposed) and "CANARY-a1-" in event.content

    asked_of: list[str] = []

    def person(agent: str, question: str) -> str:
        asked_of.append(question)
        assert server.of("b") == []
        return "release" if released else "refuse"

    topology = Topology.graph(["user -> a", "a -> b", "b -> user"])
    with recorded_models(says_canaries) as server:
        team = made_team(server, topology, watcher(proposed, "a"), ["withhold"], blocking=True)
        result = await team.run("THE-TASK", ask=person)
    well_formed(result.events)
    assert asked_of == ["watch: it looks odd. 'a' wrote to 'b'; release it, or refuse it?"]
    [withheld] = of(result, MessageWithheld)
    assert (withheld.policy, withheld.recipient) == ("monitor", "b")
    assert [e.reason for e in of(result, MessageRefused)] == ([] if released else ["not_released"])
    assert ("CANARY-a1-" in server.of("b")[0].text) if released else server.of("b") == []
    assert result.outcome == ("completed" if released else "stalled")


async def test_a_run_waits_for_a_person_without_a_process_and_is_gone_on_with(tmp_path: Path) -> None:
    journal = str(tmp_path / "journal.db")
    with recorded_models(says_canaries) as server:
        team = made_team(server, TALK, watcher(delivered("CANARY-a1-"), "a", "b"), ["ask_human"])
        waiting = await team.run("THE-TASK", journal=journal)
        assert waiting.outcome is None
        [question] = waiting.questions
        assert "watch: it looks odd" in question.content
        assert "CANARY" not in question.content
        before = len(server.requests)
        assert not [asked for asked in server.requests if asked.agent == "b"]
        await answered(journal, waiting.run_id, question.question_id, "LOOK-AGAIN")
        result = await team.resume(waiting.run_id, journal=journal)
        replayed = await team.replay(waiting.run_id, journal=journal)
    assert replayed.identical, replayed.difference
    assert result.outcome == "completed"
    assert "LOOK-AGAIN" in server.requests[before].text
    assert '<message from=\\"user\\">' in server.requests[before].text
    assert [event.content for event in of(result, Answered)] == ["LOOK-AGAIN"]
    assert len(of(result, Question)) == 1


async def answered(journal: str, run_id: str, question_id: str, text: str) -> None:
    """What `agentmesh answer` does."""
    from agentmesh.team.kept import opened

    async with opened(journal) as store:
        await store.say(run_id, Answered(question_id=question_id, content=text))


async def test_the_interventions_are_in_the_result_with_what_was_skipped() -> None:
    _, result = await ran(
        says_canaries, TALK, watcher(delivered("CANARY-a1-"), "a"), ["ask_human", "dissent", "note"],
        ["s"],
    )  # fmt: skip
    [made] = of(result, InterventionMade)
    assert (made.kind, made.skipped, made.parameters) == ("dissent", ("ask_human",), {"agent": "s"})


async def test_a_withheld_message_waits_without_a_process_too(tmp_path: Path) -> None:
    def proposed(event: Event) -> bool:
        return isinstance(event, MessageProposed) and "CANARY-a1-" in event.content

    journal = str(tmp_path / "journal.db")
    topology = Topology.graph(["user -> a", "a -> b", "b -> user"])
    with recorded_models(says_canaries) as server:
        team = made_team(server, topology, watcher(proposed, "a"), ["withhold"], blocking=True)
        waiting = await team.run("THE-TASK", journal=journal)
        assert (waiting.outcome, len(server.of("b"))) == (None, 0)
        await answered(journal, waiting.run_id, waiting.questions[0].question_id, "release")
        result = await team.resume(waiting.run_id, journal=journal)
        assert (await team.replay(waiting.run_id, journal=journal)).identical
    assert "CANARY-a1-" in server.of("b")[0].text
    assert result.outcome == "completed"
