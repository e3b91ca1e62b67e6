"""Monitors in a run: made fresh, blocking or observing, failing closed, climbing their ladder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentmesh import Agent, Event, Finding, MonitorConfig, Reply, Request, RunResult, Team, Topology
from agentmesh.errors import RunHalted
from agentmesh.events import (
    FindingRecorded,
    InterventionMade,
    MessageDelivered,
    MessageProposed,
    MessageRefused,
    MessageTransformed,
    Notice,
    RunEnded,
    TurnEnded,
    TurnStarted,
    event_from_json,
)
from agentmesh.monitors.base import Reader, Watch
from agentmesh.monitors.signals import Said
from agentmesh.scheduler.ladder import Ladder
from tests.runner.run_checks import says, team, well_formed

pytestmark = pytest.mark.anyio
PAIR = Topology.chain(["a", "b"])


def of(result: RunResult, *kinds: type[Any]) -> list[Any]:
    return [event for event in result.events if isinstance(event, kinds)]


class Echoes:
    """Finds what was said twice in a run."""

    def __init__(self, label: str = "repetition") -> None:
        self.label = label
        self.heard: set[str] = set()

    def observe(self, event: Event) -> Iterator[Finding]:
        if isinstance(event, MessageDelivered):
            if event.content in self.heard:
                yield Finding(label=self.label, agents=(event.sender,), evidence=(event.id,), why="said before")
            self.heard.add(event.content)


def bad_words(event: Event) -> Finding | None:
    if isinstance(event, MessageProposed | MessageTransformed) and "bad" in event.content:
        return Finding(label="bad_word", agents=(event.sender,), evidence=(event.id,), why="it says bad")
    return None


async def test_a_function_an_object_and_a_class_are_monitors_and_are_named() -> None:
    for monitors in ([Echoes], [Echoes()], {"Echoes": Echoes}):
        result = await team(says("same"), PAIR, monitors=monitors).run("task")
        [finding] = result.findings
        assert (finding.monitor, finding.label, finding.agents) == ("Echoes", "repetition", ("b",))
        assert result.events[finding.evidence[0] - 1].type == "message_delivered"
        assert result.outcome == "completed"
        well_formed(result.events)
    result = await team(says("bad"), monitors=[bad_words]).run("task")
    assert [finding.monitor for finding in result.findings] == ["bad_words"]


async def test_each_run_gets_monitors_of_its_own() -> None:
    given = Echoes()
    made = team(says("same"), PAIR, monitors=[given])
    for _ in range(2):
        assert len((await made.run("task")).findings) == 1
    assert given.heard == set()


async def test_parameters_reach_the_class_and_other_names_can_be_given() -> None:
    config = MonitorConfig(parameters={"label": "echo"})
    result = await team(says("same"), PAIR, monitors={"twice": (Echoes, config)}).run("task")
    assert [(finding.monitor, finding.label) for finding in result.findings] == [("twice", "echo")]


async def test_findings_on_the_last_message_are_recorded_and_may_still_halt() -> None:
    for interventions, outcome in (((), "completed"), (("halt",), "halted")):
        config = MonitorConfig.model_validate({"interventions": interventions})
        result = await team(says("same"), PAIR, monitors={"twice": (Echoes, config)}).run("task")
        assert len(result.findings) == 1
        assert result.outcome == outcome
        assert (result.answer is None) == (outcome == "halted")
        well_formed(result.events)


async def test_a_blocking_monitor_halts_before_the_message_is_delivered() -> None:
    config = MonitorConfig(blocking=True, interventions=("halt",))
    result = await team(says("bad idea"), PAIR, monitors={"words": (bad_words, config)}).run("task")
    assert (result.outcome, result.reason) == ("halted", "words: it says bad")
    assert [e.recipient for e in of(result, MessageDelivered)] == ["a"]
    assert [e.reason for e in of(result, MessageRefused)] == ["halted"]
    order = [e.type for e in of(result, MessageProposed, FindingRecorded, InterventionMade, MessageRefused)]
    assert order[-4:] == ["message_proposed", "finding", "intervention", "message_refused"]
    with pytest.raises(RunHalted, match="it says bad"):
        result.raise_for_outcome()
    well_formed(result.events)


async def test_a_blocking_monitor_also_sees_what_an_edge_made_of_a_message() -> None:
    topology = Topology.graph(["user -> a", {"from": "a", "to": "b", "rewrite": "spoil"}, "b -> user"])
    config = MonitorConfig(blocking=True, interventions=("halt",))
    result = await team(
        says("good"), topology, tools={"spoil": lambda text: f"bad {text}"}, monitors={"words": (bad_words, config)}
    ).run("task")
    assert result.outcome == "halted"
    assert [e.recipient for e in of(result, MessageDelivered)] == ["a"]
    well_formed(result.events)


async def test_an_observing_monitor_halts_after_it() -> None:
    config = MonitorConfig(interventions=("halt",))
    result = await team(says("bad idea"), PAIR, monitors={"words": (bad_words, config)}).run("task")
    assert result.outcome == "halted"
    assert "bad idea" in [e.content for e in of(result, MessageDelivered)]
    assert result.turns == 1
    well_formed(result.events)


async def test_what_the_user_says_is_seen_by_blocking_monitors_too() -> None:
    config = MonitorConfig(blocking=True, interventions=("halt",))
    async with team(says(), verify=forever_check, monitors={"words": (bad_words, config)}).start("task") as run:
        while not of_type(run.events, "turn_ended"):
            await pause()
        run.say("a", "bad")
        result = await run.result()
    assert result.outcome == "halted"
    well_formed(result.events)


async def forever_check(answer: str) -> bool:
    await anyio.sleep(3600)
    return True


async def pause() -> None:
    await anyio.sleep(0.001)


def of_type(events: Any, kind: str) -> list[Event]:
    return [event for event in events if event.type == kind]


@pytest.mark.parametrize("blocking", [True, False])
async def test_a_monitor_that_raises_halts_the_run_with_its_name(blocking: bool) -> None:
    def broken(event: Event) -> None:
        if isinstance(event, MessageProposed) and event.sender == "a":
            raise ZeroDivisionError("by zero")

    result = await team(says(), PAIR, monitors={"broken": (broken, MonitorConfig(blocking=blocking))}).run("task")
    assert result.outcome == "halted"
    assert result.reason == "broken: the monitor raised ZeroDivisionError: by zero"
    assert bool([e for e in of(result, MessageDelivered) if e.sender == "a"]) is not blocking
    well_formed(result.events)
    ignored = await team(
        says(), PAIR, monitors={"broken": (broken, MonitorConfig(on_error="ignore", blocking=blocking))}
    ).run("task")
    assert (ignored.outcome, ignored.findings) == ("completed", [])


async def test_a_reader_that_raises_halts_the_run_and_the_others_have_found_what_they_found() -> None:
    class Broken(Reader):
        def said(self, said: Said) -> Iterator[Finding]:
            if said.agent == "b":
                raise ZeroDivisionError("by zero")
            yield Finding(label="said", agents=(said.agent,), evidence=(said.event,), why="said")

    class Sound(Broken):
        def said(self, said: Said) -> Iterator[Finding]:
            yield Finding(label="said", agents=(said.agent,), evidence=(said.event,), why="said")

    result = await team(says(), PAIR, monitors={"broken": Broken, "sound": Sound}).run("task")
    assert (result.outcome, result.reason) == ("halted", "broken: the monitor raised ZeroDivisionError: by zero")
    found = [(finding.monitor, finding.agents) for finding in result.findings]
    assert found[:4] == [(name, (agent,)) for agent in ("user", "a") for name in ("broken", "sound")]
    assert ("sound", ("b",)) in found
    well_formed(result.events)


async def test_a_monitor_that_returns_something_else_halts_too() -> None:
    result = await team(says(), monitors={"odd": lambda event: ["words"]}).run("task")
    assert result.outcome == "halted"
    assert result.reason.startswith("odd: the monitor raised")


async def test_what_is_found_in_the_end_of_a_run_is_not_recorded_and_the_run_is_replayed(tmp_path: Path) -> None:
    def late(event: Event) -> Finding | None:
        return Finding(label="late", evidence=(event.id,)) if isinstance(event, RunEnded) else None

    made, journal = team(says(), monitors={"late": late}), tmp_path / "journal.db"
    result = await made.run("task", journal=journal, durability="normal")
    assert (result.outcome, result.findings) == ("completed", [])
    assert (await made.replay(result.run_id, journal=journal)).identical


async def test_findings_below_the_threshold_are_not_recorded() -> None:
    def unsure(event: Event) -> Finding | None:
        return Finding(label="x", score=0.4, agents=("a",)) if isinstance(event, MessageDelivered) else None

    config = MonitorConfig(threshold=0.5, interventions=("halt",))
    result = await team(says(), PAIR, monitors={"unsure": (unsure, config)}).run("task")
    assert (result.findings, result.interventions) == ([], [])
    assert result.outcome == "completed"


async def test_a_note_tells_the_agents_of_the_finding_once_until_they_have_acted() -> None:
    def always(event: Event) -> Finding | None:
        quiet = not isinstance(event, MessageDelivered) or event.sender != "a"
        return None if quiet else Finding(label="drifting", agents=("a",), why="SECRET of others")

    config = MonitorConfig(interventions=("note", "halt"))
    prompts: list[str] = []

    def model(request: Request) -> str:
        if request.agent == "a":
            prompts.append(str(request.messages[-1]["content"]))
        return f"{request.agent} {len(request.messages)}"

    result = await team(model, Topology.flat(["a", "b", "c"], rounds=3), monitors={"drift": (always, config)}).run(
        "task"
    )
    assert [e.kind for e in result.interventions] == ["note", "halt"]
    assert [e.agent for e in of(result, Notice) if e.template == "note"] == ["a"]
    assert [prompt.count("<notice>") for prompt in prompts] == [0, 1]
    assert "drifting" in prompts[1]
    assert "SECRET" not in "".join(prompts)
    assert result.outcome == "halted"
    assert max(e.round for e in of(result, TurnStarted)) == 2
    well_formed(result.events)


async def test_findings_of_several_monitors_act_in_their_order_and_halt_wins() -> None:
    def found(event: Event) -> Finding | None:
        return Finding(label="x", agents=("a",), why="seen") if isinstance(event, TurnEnded) else None

    for names in (("one", "two"), ("two", "one")):
        ladders: dict[str, Any] = {"one": ("note",), "two": ("halt",)}
        monitors = {name: (found, MonitorConfig(interventions=ladders[name])) for name in names}
        result = await team(says(), PAIR, monitors=monitors).run("task")
        assert result.outcome == "halted"
        assert result.reason == "two: seen"
        assert [finding.monitor for finding in result.findings] == list(names)
        well_formed(result.events)


async def test_replaying_a_log_gives_the_same_findings() -> None:
    result = await team(says("same"), PAIR, monitors=[Echoes]).run("task")
    watch = Watch("Echoes", Echoes(), MonitorConfig())
    log = [event_from_json(event.model_dump_json()) for event in result.events]
    assert [finding for event in log for finding in watch.findings(event)] == result.findings


async def test_monitors_see_every_event_but_those_of_monitors_in_the_order_of_the_log() -> None:
    seen: list[int] = []

    def watch(event: Event) -> Finding | None:
        seen.append(event.id)
        return Finding(label="x") if isinstance(event, TurnStarted) else None

    result = await team(says(), PAIR, monitors=[watch]).run("task")
    assert seen == [e.id for e in result.events if not isinstance(e, FindingRecorded | InterventionMade)]
    assert isinstance(result.events[-1], RunEnded)


# The ladder


def finding(number: int, *agents: str, monitor: str = "m", score: float = 1) -> FindingRecorded:
    return FindingRecorded(
        id=number, finding=Finding(monitor=monitor, label="l", agents=agents, score=score), threshold=0.5
    )


def test_a_ladder_is_climbed_once_each_named_agent_has_acted() -> None:
    ladder = Ladder({"m": ("note", "note", "halt")}, {"a", "b", "c"})

    def climbed(event: FindingRecorded) -> list[str]:
        return [made.kind for made in ladder.climb(event)]

    assert climbed(finding(1, "a", "b")) == ["note"]
    assert climbed(finding(2, "b", "a")) == []
    ladder.acted("a")
    assert climbed(finding(3, "a", "b")) == []
    ladder.acted("b")
    assert climbed(finding(4, "a", "b")) == ["note"]
    assert climbed(finding(5, "a")) == ["note"]
    assert climbed(finding(6, "c", monitor="other")) == []
    for agent in ("a", "b"):
        ladder.acted(agent)
    assert climbed(finding(7, "a", "b", score=0.2)) == []
    assert [climbed(finding(8, "a", "b"))] == [["halt"]]
    ladder.acted("a")
    ladder.acted("b")
    assert climbed(finding(9, "a", "b")) == ["halt"]
    assert ladder.why(9) == "l"


async def test_an_agent_without_a_place_on_the_graph_is_told_nothing() -> None:
    def found(event: Event) -> Finding | None:
        return Finding(label="x", agents=("ghost", "user")) if isinstance(event, TurnEnded) else None

    made = Team(
        [Agent(name="a"), Agent(name="b")],
        PAIR,
        models={"default": lambda request: Reply("ok")},
        monitors={"m": (found, MonitorConfig(interventions=("note",)))},
    )
    result = await made.run("task")
    assert of(result, Notice) == []
    assert result.outcome == "completed"
