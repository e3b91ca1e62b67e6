from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from agentmesh import RunResult, Team
from agentmesh.errors import RunChanged
from agentmesh.events import TurnEnded
from agentmesh.learning.episodes import answered
from agentmesh.learning.export import transcripts
from agentmesh.learning.export.transcripts import listener, without_ids
from agentmesh.runner.past import INTERRUPTED
from tests.learning.export.recorded import COMPUTES, ROOT, Listening, pair_run, paired, read_of, run_of

TASK = "What is (3 + 4) * 12?"
REMEMBERING = """
version: 1
name: remembering
agents:
  ann: {instructions: Think., tools: [calculator], memory: %s}
  bob: {instructions: Think., tools: [calculator], memory: %s}
topology: {kind: flat, agents: [ann, bob], rounds: 4}
limits: {turns: 20}
"""
SUMMARISED = """
version: 1
name: summarised
agents: {ann: {instructions: Think., tools: [calculator]}, bob: {instructions: Think.}}
topology: {kind: graph, edges: ["user -> ann", {from: ann, to: bob, carries: summary, model: default}, "bob -> user"]}
"""
NESTED = """
version: 1
name: nested
agents: {ann: {instructions: Think.}, inner: {team: inner.yaml}}
topology: {kind: chain, agents: [ann, inner]}
"""


def team_named(name: str, folder: Path) -> Team:
    if not name.startswith("memory"):
        return Team.from_yaml(ROOT / "topologies" / f"{name}.yaml")
    memory, file = name.partition(" ")[2], folder / "team.yaml"
    file.write_text(REMEMBERING % (memory, memory), encoding="utf-8")
    return Team.from_yaml(file)


@pytest.mark.parametrize(
    "name",
    ["chain", "debate", "hierarchy", "board", "blind_then_discuss", "memory fresh", "memory {window: 2}"],
)
def test_each_step_has_the_prompt_that_its_model_was_asked_and_no_other(name: str, tmp_path: Path) -> None:
    journal, model = tmp_path / "journal.db", Listening()
    team = team_named(name, tmp_path).with_model(model)
    result = run_of(team, TASK, journal)
    asked = dict(model.asked)
    found = read_of(team, result.run_id, journal)
    assert model.asked == asked, "no model is asked to export"

    steps = [call for one in found.transcripts for call in one.calls.values()]
    calls = answered(result.events)
    assert sorted(call.step for call in steps) == list(range(len(calls)))
    assert len(calls) == len(asked) >= 3
    for one in found.transcripts:
        for place, call in one.calls.items():
            assert (list(one.messages[:place]), list(one.tools)) == asked[call.key]
            said = calls[call.step]
            assert said.agent == one.agent
            assert one.messages[place]["content"] == (said.content or None)
            assert (call.input_tokens, call.output_tokens) == (said.usage.input_tokens, said.usage.output_tokens)
    assert not found.unrebuilt


def test_only_what_an_agent_wrote_in_this_context_is_marked(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    team = team_named("memory {window: 2}", tmp_path).with_model(Listening())
    found = read_of(team, run_of(team, TASK, journal).run_id, journal)
    earlier = 0
    for one in found.transcripts:
        written = [at for at, message in enumerate(one.messages) if message["role"] == "assistant"]
        marked = [at for at, mark in enumerate(one.loss_mask) if mark]
        assert 0 < len(marked) == len(one.calls)
        assert set(marked) <= set(written)
        assert one.taken_over == len(written) - len(marked)
        earlier += one.taken_over
    assert earlier > 0, "a window takes over what the agent said in the context before"


def test_what_others_said_is_the_agents_own_in_no_context_but_theirs(tmp_path: Path) -> None:
    found = pair_run(tmp_path, [COMPUTES, "It is 42."], ["I agree: 42."])
    writer, critic = found.transcripts
    assert [message["role"] for message in writer.messages] == ["system", "user", "assistant", "tool", "assistant"]
    assert writer.loss_mask == [0, 0, 1, 0, 1]
    assert (critic.agent, critic.loss_mask) == ("critic", [0, 0, 1])
    assert "It is 42." in str(critic.messages[1]["content"])


def test_a_request_with_another_hash_than_the_log_has_is_not_taken(tmp_path: Path) -> None:
    team, journal = paired(tmp_path).with_model(Listening()), tmp_path / "journal.db"
    result = run_of(team, TASK, journal)
    told, hear = listener()
    anyio.run(lambda: team.replay(result.run_id, journal=journal, asked=hear))
    assert sum(len(one.calls) for one in transcripts(result.events, told)) == len(told) > 2
    first = next(iter(told))
    other = {**told, first: ("0" * 32, told[first][1])}
    missing = transcripts(result.events, other)
    assert first not in {call.key for one in missing for call in one.calls.values()}
    assert sum(len(one.calls) for one in missing) == len(told) - 1


def test_a_run_that_continues_another_was_told_its_task_too(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    team = paired(tmp_path).with_model(Listening())

    async def conversation() -> RunResult:
        first = await team.run(TASK, journal=journal, durability="normal")
        return await (await first.continue_("And 12 * 13?")).continue_("And 13 * 14?")

    found = read_of(team, anyio.run(conversation).run_id, journal, task="the last")
    assert found.episode.task == "the last"
    assert found.tasks == ("And 13 * 14?", "And 12 * 13?", TASK)
    assert TASK in str(found.transcripts[0].messages), "so a split by tasks has to keep them together"


@pytest.mark.parametrize("how", ["forked", "resumed"])
def test_a_run_that_was_forked_or_resumed_has_all_that_a_whole_one_has(how: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    team = paired(tmp_path).with_model(Listening())
    whole = run_of(team, TASK, journal)
    halfway = next(event.id for event in whole.events if isinstance(event, TurnEnded))

    async def another() -> RunResult:
        if how == "forked":
            return await team.fork(whole.run_id, halfway, journal=journal, durability="normal")

        def watch(event: object) -> None:
            if isinstance(event, TurnEnded):
                begun.cancel(INTERRUPTED)

        async with team.start(TASK, journal=journal, durability="normal", watch=watch) as begun:
            assert (await begun.result()).outcome == "cancelled"
        return await team.resume(begun.run_id, journal=journal, durability="normal")

    found, expected = read_of(team, anyio.run(another).run_id, journal), read_of(team, whole.run_id, journal)
    assert not found.unrebuilt
    assert len(found.transcripts) == len(expected.transcripts) == 2
    for one, other in zip(found.transcripts, expected.transcripts, strict=True):
        assert without_ids(one.messages) == without_ids(other.messages)
        assert [(place, call.step) for place, call in one.calls.items()] == [
            (place, call.step) for place, call in other.calls.items()
        ]


def test_a_run_that_does_not_follow_from_its_team_any_more_is_refused(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    team = paired(tmp_path).with_model(Listening())
    run_id = run_of(team, TASK, journal).run_id
    other = Team.from_yaml(tmp_path / "pair.yaml", overrides=["agents.critic.instructions=Praise."])
    with pytest.raises(RunChanged, match="it does not follow from its team as it is now: 'critic' is told something"):
        read_of(other.with_model(Listening()), run_id, journal)


def test_a_summary_that_an_edge_made_is_no_step_of_the_agent_before_it(tmp_path: Path) -> None:
    file = tmp_path / "team.yaml"
    file.write_text(SUMMARISED, encoding="utf-8")
    team, journal = Team.from_yaml(file).with_model(Listening()), tmp_path / "journal.db"
    found = read_of(team, run_of(team, TASK, journal).run_id, journal)
    assert not found.unrebuilt
    assert [step.agent for step in found.episode.steps] == ["ann", "ann", "bob"], "she asks for the calculator first"
    assert [one.agent for one in found.transcripts] == ["ann", "bob"]


def test_calls_of_a_team_on_a_node_are_counted_by_node(tmp_path: Path) -> None:
    file = tmp_path / "outer.yaml"
    (tmp_path / "inner.yaml").write_text(SUMMARISED, encoding="utf-8")
    file.write_text(NESTED, encoding="utf-8")
    team, journal = Team.from_yaml(file).with_model(Listening()), tmp_path / "journal.db"
    found = read_of(team, run_of(team, TASK, journal).run_id, journal)
    assert dict(found.unrebuilt) == {"inner": 4}
    assert {one.agent for one in found.transcripts} == {"ann"}


def test_ids_of_calls_do_not_make_messages_different() -> None:
    def told(call_id: str) -> list[dict[str, Any]]:
        call = {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}}
        return [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call_id, "content": call_id},
        ]

    one, other = without_ids(told("a")), without_ids(told("b"))
    assert one[0] == other[0]
    assert one[1]["tool_call_id"] == other[1]["tool_call_id"]
    assert one != other, "what a tool said stays as it is"
    assert told("a")[0]["tool_calls"][0]["id"] == "a"
