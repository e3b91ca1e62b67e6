"""Sycophants, skeptics, slackers and their partners: what moves them is ordinary text in their requests."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agentmesh import Agent, Team, Topology
from agentmesh.agents.positions import contribution_schema
from agentmesh.messages import ChatMessage, Reply
from agentmesh.providers.base import Request
from agentmesh.providers.simulated import PROFILES, respond
from agentmesh.scheduler.notices import TEMPLATES
from agentmesh.tools.graph import definition

pytestmark = pytest.mark.anyio
TASK = "What is 17*23+4?"
SUMS = "Compute each: 17*23; 45*6; 31*4; 99*3; 12*12; 8*17"
SEEDS = range(20)
CALCULATOR: dict[str, Any] = {
    "type": "function",
    "function": {"name": "calculator", "parameters": {"properties": {"expression": {"type": "string"}}}},
}


def said(sender: str, text: str) -> str:
    return f'<message from="{sender}">\n{text}\n</message>'


def notice(text: str) -> str:
    return f"<notice>\n{text}\n</notice>"


def asked(*texts: str, profile: str, seed: int = 0, sends: bool = False, calculates: bool = False) -> Reply:
    """The reply to messages in turn with the agent's own replies."""
    messages: list[ChatMessage] = [{"role": "system", "content": 'You are "ann".'}]
    for place, text in enumerate(texts):
        messages.append({"role": "assistant" if place % 2 else "user", "content": text})
    tools: list[dict[str, Any]] = [definition("send_message", {"recipients": ["bob", "user"]})] if sends else []
    tools += [CALCULATOR] if calculates else []
    return respond(Request(agent="ann", messages=messages, tools=tools, seed=seed), PROFILES[profile])


def told(reply: Reply) -> str:
    """What is said, in plain text or by a message."""
    return reply.text or str(reply.tool_calls[0].arguments["content"])


# Sycophants


def test_a_sycophant_takes_over_what_its_peer_says_and_praises_it() -> None:
    for seed in SEEDS:
        text = asked(said("user", TASK) + "\n" + said("bob", "17*23 + 4 = 417"), profile="sycophant", seed=seed).text
        line, _, praise = text.partition("\n")
        assert line == "17*23 + 4 = 417"
        assert "bob" in praise


def test_the_own_answer_of_a_sycophant_is_wrong_for_some_seeds() -> None:
    answers = [asked(said("user", TASK), profile="sycophant", seed=seed).text for seed in SEEDS]
    assert 3 < answers.count("17*23 + 4 = 395") < 17
    assert answers == [asked(said("user", TASK), profile="sycophant", seed=seed).text for seed in SEEDS]


@pytest.mark.parametrize("template", ["ask_evidence", "vote_again"])
def test_a_sycophant_that_is_asked_to_show_or_answer_anew_computes_with_care_for_many_seeds(template: str) -> None:
    right = 0
    for seed in SEEDS:
        heard = said("bob", "17*23 + 4 = 417\nWonderful!") + "\n" + notice(TEMPLATES[template])
        text = asked(said("user", TASK), "17*23 + 4 = 400", heard, profile="sycophant", seed=seed).text
        right += text.startswith("17*23 + 4 = 395")
    assert 5 < right < 15


def test_another_request_is_another_chance_even_in_a_fresh_context() -> None:
    def moved(template: str) -> set[int]:
        texts = [said("user", TASK) + "\n" + notice(TEMPLATES[template])]
        replies = {seed: asked(*texts, profile="sycophant", seed=seed, calculates=True) for seed in range(100)}
        return {seed for seed, reply in replies.items() if reply.tool_calls}

    asking, voting = moved("ask_evidence"), moved("vote_again")
    assert len(asking - voting) > 10
    assert len(voting - asking) > 10


def test_a_sycophant_gives_in_to_a_peer_that_stands_by_its_answer() -> None:
    texts = [said("user", TASK), "17*23 + 4 = 417", said("bob", "17*23 + 4 = 395"), "17*23 + 4 = 417"]
    once = [asked(*texts[:3], profile="sycophant", seed=seed).text for seed in SEEDS]
    twice = [asked(*texts, said("bob", "17*23 + 4 = 395"), profile="sycophant", seed=seed).text for seed in SEEDS]
    assert any(text.startswith("17*23 + 4 = 417") for text in once), "the other may be giving in at the same time"
    assert all(text.startswith("17*23 + 4 = 395") for text in twice)


def test_a_sycophant_does_not_trouble_to_call_a_tool_before_it_is_asked_what_shows_its_answer() -> None:
    heard, asking = said("bob", "17*23 + 4 = 417\nWonderful!"), notice(TEMPLATES["ask_evidence"])
    texts = [said("user", TASK), "17*23 + 4 = 400"]
    praised = [asked(*texts, heard, profile="sycophant", seed=seed, calculates=True) for seed in SEEDS]
    shown = [asked(*texts, f"{heard}\n{asking}", profile="sycophant", seed=seed, calculates=True) for seed in SEEDS]
    assert [len(reply.tool_calls) for reply in praised] == [0] * 20
    assert 5 < sum(len(reply.tool_calls) for reply in shown) < 15
    assert {call.arguments["expression"] for reply in shown for call in reply.tool_calls} == {"17*23 + 4"}


def test_what_the_calculator_gave_a_sycophant_says_whatever_its_peer_has_said() -> None:
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "calculator", "arguments": '{"expression": "17*23 + 4"}'},
    }
    heard = said("bob", "17*23 + 4 = 417\nWonderful!") + "\n" + notice(TEMPLATES["ask_evidence"])
    messages: list[Any] = [
        {"role": "system", "content": 'You are "ann".'},
        {"role": "user", "content": said("user", TASK) + "\n" + heard},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "395"},
    ]
    for seed in SEEDS:
        request = Request(agent="ann", messages=messages, tools=[CALCULATOR], seed=seed)
        text = respond(request, PROFILES["sycophant"]).text
        assert text == "17*23 + 4 = 395\nThe calculator gives 395. I do not agree with bob (417)."


def test_a_sycophant_that_is_shown_a_computation_may_compute_again() -> None:
    shown = said("cy", "17*23 + 4 = 395\nI do not agree with bob (417). Step by step: 391, then 395.")
    bare = said("cy", "17*23 + 4 = 395\nI do not agree with bob (417).")
    outcomes = {
        name: sum("with care" in _changed(asked_with_schema(text, seed)) for seed in SEEDS)
        for name, text in {"shown": shown, "bare": bare}.items()
    }
    assert outcomes["shown"] > 5
    assert outcomes["bare"] == 0


def asked_with_schema(text: str, seed: int) -> Reply:
    messages: list[ChatMessage] = [
        {"role": "system", "content": 'You are "ann".'},
        {"role": "user", "content": said("user", TASK)},
        {"role": "assistant", "content": "17*23 + 4 = 417"},
        {"role": "user", "content": said("bob", "17*23 + 4 = 417") + "\n" + text},
    ]
    schema = contribution_schema("required")
    return respond(Request(agent="ann", messages=messages, response_schema=schema, seed=seed), PROFILES["sycophant"])


def _changed(reply: Reply) -> str:
    return str(json.loads(reply.text)["position"]["changed_because"])


async def test_two_sycophants_agree_themselves_into_one_answer_which_is_often_wrong() -> None:
    ended: Counter[bool] = Counter()
    agents = [Agent(name=name, model="simulated:sycophant", instructions="Answer.") for name in "ab"]
    for seed in SEEDS:
        result = await Team(agents=agents, topology=Topology.flat(["a", "b"], rounds=3)).run(TASK, seed=seed)
        latest = {
            event.sender: event.content.partition("\n")[0]
            for event in result.events
            if event.type == "message_delivered" and event.sender in ("a", "b")
        }
        assert len(set(latest.values())) == 1, "they differ to the end"
        ended["395" in (result.answer or "")] += 1
    assert ended[False] >= 8
    assert ended[True] >= 2


def test_a_skeptic_stands_by_what_it_computed_whatever_the_others_say() -> None:
    others = "\n".join(said(name, "17*23 + 4 = 417") for name in ("bob", "cy", "dee", "eve"))
    text = asked(said("user", TASK), "17*23 + 4 = 395", others, profile="skeptic").text
    assert text.startswith("17*23 + 4 = 395\nI do not agree with bob (417)")
    assert "Step by step: 391, then 395." in text


# Slackers


def test_a_slacker_works_at_first_and_then_proposes_a_break() -> None:
    first = asked(said("user", SUMS), profile="slacker", sends=True)
    assert told(first) == "17*23 = 391\nNext: 45*6, 31*4, 99*3, 12*12, 8*17"
    assert first.tool_calls[0].arguments["recipients"] == ["bob"], "the user is told nothing before all is done"
    second = said("bob", "45*6 = 270\nNext: 31*4, 99*3, 12*12, 8*17")
    third = said("bob", "99*3 = 297\nNext: 12*12, 8*17")
    texts = [said("user", SUMS), "17*23 = 391", second, "31*4 = 124", third]
    for seed in SEEDS:
        assert any(word in told(asked(*texts, profile="slacker", seed=seed, sends=True)) for word in ("rest", "break"))


def test_a_persuadable_partner_works_until_somebody_proposes_a_break() -> None:
    work = said("user", SUMS) + "\n" + said("bob", "17*23 = 391\nNext: 45*6, 31*4")
    assert told(asked(work, profile="persuadable", sends=True)).startswith("45*6 = 270")
    rest = said("user", SUMS) + "\n" + said("bob", "Shall we stop here and rest a little?")
    endorsed = told(asked(rest, profile="persuadable", sends=True))
    assert "=" not in endorsed
    idle = told(asked(rest, endorsed, said("bob", "No hurry at all."), profile="persuadable", sends=True))
    assert "=" not in idle


@pytest.mark.parametrize("profile", ["slacker", "persuadable"])
def test_told_that_the_work_is_unfinished_they_go_on_for_few_seeds(profile: str) -> None:
    def goes_on(told_: str, seed: int) -> bool:
        texts = [said("user", SUMS), "17*23 = 391", said("bob", "Let us rest."), "Good idea, I stop too.", told_]
        return "45*6 = 270" in told(asked(*texts, profile=profile, seed=seed, sends=True))

    called = notice("This is your task, and it is unfinished: carry on.")
    assert sum(goes_on(called, seed) for seed in range(200)) in range(8, 50)
    assert not any(goes_on(said("bob", "The sky is blue."), seed) for seed in range(200))


def test_a_note_that_only_names_what_was_noticed_calls_nobody_back_to_work() -> None:
    note = notice(TEMPLATES["note"].format(label="work_stop"))
    texts = [said("user", SUMS), "17*23 = 391", said("bob", "Let us rest."), "Good idea, I stop too.", note]
    assert not any("=" in told(asked(*texts, profile="persuadable", seed=seed, sends=True)) for seed in range(100))


@pytest.mark.parametrize("profile", ["slacker", "persuadable"])
def test_who_rests_asks_a_partner_that_still_works_to_come_and_rest_too(profile: str) -> None:
    texts = [said("user", SUMS), "Let us rest.", said("bob", "17*23 = 391\nNext: 45*6, 31*4, 99*3, 12*12, 8*17")]
    for seed in SEEDS:
        invited = told(asked(*texts, profile=profile, seed=seed, sends=True))
        assert "rest" in invited
        assert "=" in told(asked(said("user", SUMS), profile="persuadable", seed=seed, sends=True))
        heard = [said("user", SUMS) + "\n" + said("bob", invited)]
        assert "=" not in told(asked(*heard, profile="persuadable", seed=seed, sends=True)), "it works on a newcomer"


PAIR = """
version: 1
agents:
  a: {model: "simulated:FIRST", instructions: Work.}
  b: {model: "simulated:persuadable", instructions: Work.}
topology:
  kind: graph
  phases:
    - {name: work, order: round_robin, rounds: 8, nodes: [a, b], edges: ["user -> a, b", "a <-> b", "a -> user"]}
"""


def pair(path: Path, first: str) -> Team:
    path.write_text(PAIR.replace("FIRST", first))
    return Team.from_yaml(path)


async def test_a_slacker_talks_its_partner_into_a_break_and_the_run_stalls(tmp_path: Path) -> None:
    for seed in SEEDS:
        result = await pair(tmp_path / "team.yaml", "slacker").run(SUMS, seed=seed)
        assert (result.outcome, result.answer) == ("stalled", None)
        given = [event for event in result.events if event.type == "message_delivered" and " = " in event.content]
        assert len(given) >= 2, "they worked at first"


async def test_two_who_are_not_disturbed_finish_the_list(tmp_path: Path) -> None:
    result = await pair(tmp_path / "team.yaml", "persuadable").run(SUMS)
    assert result.outcome == "completed"
    assert result.answer == "17*23 = 391\n45*6 = 270\n31*4 = 124\n99*3 = 297\n12*12 = 144\n8*17 = 136"


def test_who_may_not_write_to_its_partner_any_more_says_nothing() -> None:
    reply = after_refusal("slacker", "it may message: user")
    assert (reply.text, reply.tool_calls) == ("", ())


def test_a_persuadable_one_that_may_not_write_to_its_partner_any_more_does_all_that_is_left() -> None:
    reply = after_refusal("persuadable", "it may message: user")
    assert reply.text == "17*23 = 391\n45*6 = 270\n31*4 = 124\n99*3 = 297\n12*12 = 144\n8*17 = 136"


@pytest.mark.parametrize("profile", ["slacker", "persuadable"])
def test_who_has_got_another_partner_writes_to_that_one(profile: str) -> None:
    [call] = after_refusal(profile, "it may message: cy, user").tool_calls
    assert call.arguments["recipients"] == ["cy"]
    assert "=" not in call.arguments["content"], "it is at rest still"


def after_refusal(profile: str, others: str) -> Reply:
    """What an agent at rest does when the run has refused its message."""
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "send_message", "arguments": '{"recipients": ["bob"], "content": "No hurry."}'},
    }
    messages: list[Any] = [
        {"role": "system", "content": 'You are "ann".'},
        {"role": "user", "content": said("user", SUMS) + "\n" + said("bob", "Let us rest.")},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": f"'ann' may not message 'bob'; {others}"},
    ]
    tools = [definition("send_message", {"recipients": ["bob", "user"]})]
    return respond(Request(agent="ann", messages=messages, tools=tools), PROFILES[profile])
