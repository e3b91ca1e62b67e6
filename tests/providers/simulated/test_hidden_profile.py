"""Simulated models on hidden profiles: each knows something that the others have to be told."""

from __future__ import annotations

import pytest

from agentmesh.messages import Reply
from agentmesh.providers.simulated import profile_named
from agentmesh.tools.graph import definition
from tests.providers.simulated.simulated_inquiries import NAMES, success
from tests.providers.simulated.simulated_office import Seat, quoted

TASKS = "hidden_profile:n=2"
MANY = "hidden_profile:n=8"
ASKED = """\
Which option is the best: Oslo or Lima?
Known to all:
- rents: 5 for Oslo
- parks: 1 for Lima"""
SECRET = "Answer well.\n\nOnly you know this:\n- trains: 3 for Lima\n- trams: 9 for Quito"
FROM_BEN = "Which option is the best: Oslo or Lima?\n- air: 4 for Lima\nAnswer: Oslo"


def seat(model: str = "worker", **fields: object) -> Seat:
    return Seat("ann", instructions=SECRET, profile=profile_named(model), **fields)  # type: ignore[arg-type]


def said(reply: Reply) -> list[str]:
    return reply.text.splitlines()


def test_an_agent_says_what_it_knows_and_what_follows() -> None:
    reply = seat().turn(quoted("user", ASKED))
    assert said(reply) == [
        "Which option is the best: Oslo or Lima?",
        "- trains: 3 for Lima",
        "- rents: 5 for Oslo",
        "- parks: 1 for Lima",
        "Answer: Oslo",
    ]


def test_facts_of_others_are_taken_over_and_change_its_mind() -> None:
    ann = seat()
    ann.turn(quoted("user", ASKED))
    assert {"- air: 4 for Lima", "- trains: 3 for Lima", "Answer: Lima"} <= set(said(ann.turn(quoted("ben", FROM_BEN))))


def test_who_has_not_seen_the_task_learns_it_from_others() -> None:
    reply = Seat("cy").turn(quoted("ben", FROM_BEN))
    assert said(reply) == [*FROM_BEN.splitlines()[:2], "Answer: Lima"]


def test_a_ballot_is_the_answer_alone() -> None:
    reply = seat(tools=[definition("vote")]).turn(quoted("user", ASKED))
    assert [call.arguments for call in reply.tool_calls] == [{"ranking": ["Oslo"]}]


def test_a_worker_hands_in_all_that_it_knows() -> None:
    task = quoted("boss", f"Part 1\n\n{ASKED}", "task", "t1")
    (call,) = seat(tools=[definition("hand_off")]).turn(task).tool_calls
    assert call.arguments["status"] == "done"
    assert "- trains: 3 for Lima" in call.arguments["summary"]


def test_a_planner_asks_more_workers_as_long_as_each_report_comes_from_another() -> None:
    boss = Seat("boss", [definition("open_tasks")])
    opened = boss.turn(quoted("user", ASKED)).tool_calls[0].arguments["tasks"]
    assert len(opened) == 4
    assert all(
        "- rents: 5 for Oslo" in task["instructions"] and "Answer" not in task["instructions"] for task in opened
    )
    reports = [quoted(f"w{n}", f"Status: done\nSummary: {FROM_BEN}", "handoff", f"t{n}") for n in range(1, 5)]
    again = boss.turn(*reports).tool_calls[0].arguments["tasks"]
    assert [task["id"] for task in again] == ["t5", "t6", "t7", "t8"]
    last = [quoted("w1", f"Status: done\nSummary: {FROM_BEN}", "handoff", f"t{n}") for n in range(5, 9)]
    assert said(boss.turn(*last))[-1] == "Answer: Oslo"


def test_without_a_question_that_it_knows_the_text_is_extracted_as_ever() -> None:
    assert "extract" in seat().turn(quoted("user", "Which of these is the best?\n- rents: 5 for Oslo")).text
    assert "extract" in seat("parrot").turn(quoted("user", ASKED)).text


@pytest.mark.parametrize("kind", ["flat", "star", "chain", "debate", "aggregator", "hierarchy"])
def test_every_team_in_which_the_facts_flow_to_who_answers_is_right(kind: str) -> None:
    # In a debate the judge hears both sides, and knows its own.
    assert success(TASKS, kind, "worker,heterogeneity=0", whole=True) == 1.0


def test_nobody_alone_is_right_and_no_vote_of_those_who_do_not_talk() -> None:
    assert success(TASKS, "vote", "worker,heterogeneity=0", whole=True) == 0.0
    assert [success(MANY, f"solo-{name}", "worker,heterogeneity=0") for name in NAMES] == [0.0, 0.0, 0.0]
    assert success(MANY, "flat", "worker,heterogeneity=0") == 1.0


@pytest.mark.parametrize("parameter", ["noise", "sycophancy", "laziness"])
def test_the_more_of_it_the_fewer_discussions_are_right(parameter: str) -> None:
    rates = [success(MANY, "flat", f"worker,{parameter}={dose}", 2) for dose in (0, 0.4, 1)]
    assert rates[0] == 1.0
    assert rates[0] > rates[1] > rates[2]


def test_what_a_mind_does_not_keep_nobody_hears() -> None:
    rates = [success(MANY, "flat", f"worker,facts={skill}", 2) for skill in (1, 0.8, 0.4)]
    assert rates[0] == 1.0
    assert rates[0] > rates[1] > rates[2]


def test_who_gives_in_repeats_the_answer_of_most_and_keeps_its_own_facts() -> None:
    ann = seat("worker,sycophancy=1")
    first = ann.turn(quoted("user", ASKED))
    assert "- trains: 3 for Lima" in said(first)
    second = ann.turn(quoted("ben", FROM_BEN), quoted("cy", FROM_BEN.replace("Answer: Oslo", "Answer: Lima")))
    assert said(second)[-1] == "Answer: Oslo"
    assert "- trains: 3 for Lima" not in said(second)
