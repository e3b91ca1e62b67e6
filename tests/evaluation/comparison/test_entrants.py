"""Who is compared: members alone, each once, and the ways in which one of them can spend a budget."""

from __future__ import annotations

import pytest

from agentmesh import Agent, Team, Topology
from agentmesh.errors import ConfigError
from agentmesh.evaluation.comparison.entrants import MOST, Entrant, entrants_of, spending
from agentmesh.evaluation.tasks import EvalTask
from agentmesh.messages import Reply

PLAIN = EvalTask(id="a", prompt="What is 2 + 2?", answer=4)
TOLD = EvalTask(id="b", prompt="Which?", answer="x", private={"ann": "Ann's secret.", "ben": "Ben's secret."})


def pair(name: str = "pair", **more: str) -> Team:
    agents = [Agent(name=one, instructions=more.get(one, "Discuss.")) for one in ("ann", "ben")]
    return Team(agents, Topology.flat(["ann", "ben"]), name=name)


def names(entrants: list[Entrant]) -> list[str]:
    return [one.name for one in entrants]


def test_members_that_differ_in_nothing_but_their_names_are_run_once() -> None:
    assert names(entrants_of([pair()], [PLAIN])) == ["pair", "ann alone"]
    assert names(entrants_of([pair(ben="Doubt.")], [PLAIN])) == ["pair", "ann alone", "ben alone"]


def test_members_that_are_told_different_things_are_different_members() -> None:
    assert names(entrants_of([pair()], [TOLD])) == ["pair", "ann alone", "ben alone"]


def test_a_member_of_another_team_with_the_same_name_is_told_apart_by_its_team() -> None:
    entrants = entrants_of([pair(), pair("other", ann="Doubt.")], [PLAIN])
    assert names(entrants) == ["pair", "other", "ann alone", "other: ann alone"]


def test_a_team_of_one_is_its_member_alone() -> None:
    solo = Team([Agent(name="ann", instructions="Discuss.")], Topology.solo("ann"), name="solo")
    assert names(entrants_of([solo, pair()], [PLAIN])) == ["pair", "ann alone"]


def test_teams_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="found more than once: pair"):
        entrants_of([pair(), pair()], [PLAIN])


@pytest.mark.parametrize(("kind", "edges"), [("majority", 3), ("best_of", 3), ("refine", 6)])
def test_samples_are_copies_of_the_member(kind: str, edges: int) -> None:
    member = entrants_of([pair()], [PLAIN])[1]
    way = next(one for one in spending(member, [PLAIN]) if one.kind == kind)
    team = way.for_task(PLAIN, 3)
    samples = [name for name in team.agents if "-sample-" in name]
    assert samples == ["ann-sample-1", "ann-sample-2", "ann-sample-3"]
    assert all(team.agents[name].instructions.startswith("Discuss.") for name in team.agents)
    assert len([edge for edge in team.topology.edges if edge[1] in samples]) >= 3
    assert len({edge for edge in team.topology.edges if edge[0] in samples or edge[1] in samples}) >= edges


def test_a_budget_buys_as_many_samples_as_fit_and_no_more_than_help() -> None:
    member = entrants_of([pair()], [PLAIN])[1]
    way = spending(member, [PLAIN])[0]
    assert way.samples(20_000, 1000) in range(6, 12)
    assert way.samples(9000, 1000) == 1, "two longest answers are set aside"
    assert way.samples(10**6, 10) == MOST
    assert way.samples(20_000, 1000, budget=5000) in range(2, 5), "the limit is wider than the budget"
    assert member.samples(10**6, 10) == 1


def test_who_is_told_all_knows_what_each_of_the_others_knows_and_a_member_alone_does_not() -> None:
    members = entrants_of([pair()], [TOLD])
    alone = members[1].for_task(TOLD).agents["ann"].instructions
    ways = {one.kind: one for one in spending(members[1], [TOLD])}
    every = ways["told_all"].for_task(TOLD).agents["ann"].instructions
    assert "Ann's secret." in alone
    assert "Ben's secret." not in alone
    assert "Ann's secret." in every
    assert "Ben's secret." in every
    samples = ways["majority"].for_task(TOLD, 3).agents
    assert all("Ben's secret." not in agent.instructions for agent in samples.values())


def test_what_is_told_to_one_agent_reaches_it_in_the_team() -> None:
    team = entrants_of([pair()], [TOLD])[0].for_task(TOLD)
    assert "Ben's secret." in team.agents["ben"].instructions
    assert "Ben's secret." not in team.agents["ann"].instructions


def test_a_member_that_is_a_function_keeps_it() -> None:
    def double(text: str) -> str:
        return "4"

    team = Team([Agent(name="ann", model=lambda request: Reply("5")), double], Topology.chain(["ann", "double"]))
    alone = next(one for one in entrants_of([team], [PLAIN]) if one.member == "double")
    assert alone.for_task(PLAIN).run_sync("What is 2 + 2?").answer == "4"
