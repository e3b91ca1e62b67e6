"""Limits of phases, and the last turn of a run that has come to a limit of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.config.models import AgentConfig, Limits
from agentmesh.events import (
    LimitWasReached,
    Notice,
    PhaseEnded,
    PhaseStarted,
    RunEnded,
    TopologyChanged,
    TurnStarted,
)
from agentmesh.scheduler import StartTurn
from agentmesh.topology.bounds import bounds_of
from agentmesh.topology.graph import Topology
from tests.properties.bounds_cases import KINDS, courses, deeds, graphs
from tests.scheduler.scheduler_play import Play, decide, hand_off, send, tasks

TALK = ["a, b, c -> a, b, c"]


def two_phases(first: dict[str, Any], **second: Any) -> Topology:
    """Three discuss, then one answers."""
    talk = {"name": "talk", "edges": ["user -> a, b, c", *TALK], "order": "simultaneous", "rounds": 3, **first}
    return Topology([talk, {"name": "answer", "edges": ["c -> user"], **second}])


def talking(topology: Topology, **options: Any) -> Play:
    return Play(topology, dict.fromkeys(topology.nodes, lambda turn: f"{turn.agent}{turn.turn}"), options=options)


def last_turn(play: Play) -> StartTurn:
    """The one turn that was a run's last, by a limit."""
    [turn] = [view for view in play.views if view.wrap_up]
    assert view_is_last(play, turn)
    return turn


def view_is_last(play: Play, turn: StartTurn) -> bool:
    return (play.of(TurnStarted)[-1].agent, play.of(TurnStarted)[-1].turn) == (turn.agent, turn.turn)


# Phases


@pytest.mark.parametrize(("limit", "taken"), [({"turns": 4}, 4), ({"messages": 10}, 6)])
def test_a_phase_that_has_used_up_its_limit_ends_and_the_run_goes_on(limit: dict[str, int], taken: int) -> None:
    play = talking(two_phases({"limits": limit})).run()
    [reached] = play.of(LimitWasReached)
    [name] = limit
    assert (reached.scope, reached.limit, reached.agent) == ("phase:talk", name, None)
    assert (reached.allowed, reached.needed) == (limit[name], limit[name] + 1)
    assert len(play.order) == taken + 1
    assert (play.of(PhaseEnded)[0].reason, play.end.outcome, play.end.answer) == (
        "limit",
        "completed",
        "c2" if taken == 4 else "c3",
    )
    play.check_form()


def test_a_last_phase_that_has_used_up_its_limit_ends_the_run_as_a_limit() -> None:
    topology = Topology([{"name": "only", "edges": ["user -> a", "a -> b", "b -> a, user"], "limits": {"turns": 3}}])
    play = Play(topology, {"a": lambda turn: "x", "b": lambda turn: [send("a"), None]}).run()
    assert (play.end.outcome, play.end.reason, play.end.answer) == ("limit", "only: turns: 3 allowed", None)
    assert play.order == ["a", "b", "a"]


def test_what_is_in_flight_when_a_phase_has_used_up_its_limit_ends_and_counts() -> None:
    def reached(play: Play, event: Any) -> list[Any]:
        first = [e for e in play.log if isinstance(e, TurnStarted)]
        if isinstance(event, TurnStarted) and len(first) == 2:
            return [LimitWasReached(limit="tokens", allowed=9, needed=12, scope="phase:talk")]
        return []

    play = Play(two_phases({}), dict.fromkeys("abc", lambda turn: f"{turn.agent} {turn.phase}"), after=reached).run()
    assert play.order == ["a", "b", "c", "c"], "all three had begun; then only the next phase's speaker acts"
    assert play.said[3:9] == [(a, b, f"{a} talk") for a in "abc" for b in "abc" if a != b]
    assert play.end.answer == "c answer"


def test_a_limit_holds_for_all_occurrences_of_a_phase_and_its_until_is_asked_once_more() -> None:
    for second, outcome in (("done", "completed"), ("not yet", "limit")):
        topology = two_phases(
            {"until": {"function": "m:f"}, "max_iterations": 9, "rounds": 1, "memory": "fresh", "limits": {"turns": 5}}
        )

        def deed(turn: StartTurn, second: str = second) -> str:
            return second if turn.turn == 2 else "go on"

        play = Play(topology, dict.fromkeys("abc", deed), until=lambda said: said == "done").run()
        assert play.end.outcome == outcome
        assert [event.phase for event in play.of(PhaseStarted)].count("talk") == 2
        assert len([name for name in play.of(TurnStarted) if name.phase == "talk"]) == 5
        play.check_form()


def test_a_phase_that_has_used_up_its_limit_is_left_at_once_when_it_is_entered_again() -> None:
    def again(play: Play, event: Any) -> list[Any]:
        if isinstance(event, TurnStarted) and event.phase == "answer" and len(play.of(PhaseStarted)) == 2:
            return [TopologyChanged(change="enter_phase", phase="talk")]
        return []

    play = Play(
        two_phases({"limits": {"turns": 3}}), dict.fromkeys("abc", lambda turn: None if turn.turn == 2 else "x"),
        after=again,
    ).run()  # fmt: skip
    assert [event.phase for event in play.of(PhaseStarted)] == ["talk", "answer", "talk", "answer"]
    assert [event.phase for event in play.of(TurnStarted)].count("talk") == 3


# The last turn


def test_a_run_that_comes_to_its_turns_keeps_the_last_for_an_answer() -> None:
    topology = Topology.graph(["user -> a", "a -> b", "b -> a, user"])
    play = Play(topology, {"a": lambda turn: "x", "b": lambda turn: "last" if turn.wrap_up else [send("a"), None]},
                options={"limits": Limits(turns=7)}).run()  # fmt: skip
    assert len(play.order) == 7
    assert (play.end.outcome, play.end.reason, play.end.answer) == ("limit", "turns: 7 allowed", "last")
    [reached] = play.of(LimitWasReached)
    assert (reached.scope, reached.kept, reached.needed) == ("run", True, 8)
    turn = last_turn(play)
    assert [item.template for item in turn.inbox if isinstance(item, Notice)] == ["wrap_up"]
    assert play.said[-1] == ("b", "user", "last")
    play.check_form()


def test_a_turn_that_can_come_to_nothing_but_an_answer_needs_none_kept_for_it() -> None:
    for topology in (Topology.chain(["a", "b", "c"]), Topology.flat(["a", "b", "c"], rounds=2), two_phases({})):
        needed = topology.bounds.turns
        play = talking(topology, limits=Limits(turns=needed)).run()
        assert (play.end.outcome, len(play.order)) == ("completed", needed)
        assert play.of(LimitWasReached) == []


def test_the_first_later_phase_in_which_somebody_may_answer_is_entered_for_it() -> None:
    phases: list[Any] = [
        {"name": "talk", "edges": ["user -> a, b, c", *TALK], "order": "simultaneous", "rounds": 3},
        {"name": "more", "edges": TALK, "order": "round_robin", "rounds": 1},
        {"name": "answer", "edges": ["c -> user"]},
    ]
    play = talking(Topology(phases), limits=Limits(turns=5)).run()
    assert [event.phase for event in play.of(PhaseStarted)] == ["talk", "answer"]
    turn = last_turn(play)
    assert (turn.agent, turn.phase, len(play.order)) == ("c", "answer", 5)
    assert [item.template for item in turn.inbox if isinstance(item, Notice)] == ["answer_now", "wrap_up"]
    assert (play.end.outcome, play.end.answer) == ("limit", "c2")
    play.check_form()


def test_the_planner_is_asked_for_the_last_answer_and_a_judge_where_it_alone_may_give_one() -> None:
    def planner(turn: StartTurn) -> Any:
        return "so far" if turn.wrap_up else [tasks(f"t{turn.turn}"), None]

    done = lambda turn: [hand_off("done"), None]  # noqa: E731
    play = Play(Topology.hierarchy("p", ["w"]), {"p": planner, "w": done}, options={"limits": Limits(turns=6)}).run()
    assert (last_turn(play).agent, play.end.outcome, play.end.answer) == ("p", "limit", "so far")
    assert last_turn(play).tools == ("open_tasks",), "the same tools as ever, so that the prompt stays the same"

    def judge(turn: StartTurn) -> Any:
        return "my word" if turn.wrap_up else [decide("continue"), None]

    judged = Topology.hierarchy("p", ["w"], judge="j", max_cycles=9)
    actors: Any = {"p": lambda turn: "a proposal", "w": done, "j": judge}
    play = Play(judged, actors, options={"limits": Limits(turns=5)}).run()
    assert (last_turn(play).agent, play.end.outcome, play.end.answer) == ("j", "limit", "my word")
    play.check_form()


@pytest.mark.parametrize("last", [None, "", Exception("broken"), [send("a"), None]])
def test_a_last_turn_without_an_answer_ends_the_run_without_one(last: Any) -> None:
    topology = Topology.graph(["user -> a", "a -> b", "b -> a, user"])
    play = Play(topology, {"a": lambda turn: "x", "b": lambda turn: last if turn.wrap_up else [send("a"), None]},
                options={"limits": Limits(turns=5)}).run()  # fmt: skip
    assert (play.end.outcome, play.end.reason, play.end.answer) == ("limit", "turns: 5 allowed", None)
    assert last_turn(play).agent == "b"
    play.check_form()


def test_nobody_checks_a_last_answer() -> None:
    topology = Topology.graph(["user -> a", "a -> b", "b -> a, user"])
    play = Play(topology, {"a": lambda turn: "x", "b": lambda turn: "last" if turn.wrap_up else [send("a"), None]},
                options={"limits": Limits(turns=4), "verify_retries": 0}).run()  # fmt: skip
    assert (play.end.outcome, play.end.answer, play.checked) == ("limit", "last", [])


def test_an_answer_that_is_under_way_when_the_limit_comes_is_the_answer() -> None:
    """Both act at once; one of them runs into the limit, the other answers."""
    topology = Topology.graph(["user -> a, b", "a, b -> user"])
    limit = LimitWasReached(limit="tokens", allowed=9, needed=12, kept=True)
    play = Play(topology, {"a": [[limit, Exception("tokens")]], "b": ["in time"]}).run()
    assert (play.end.outcome, play.end.answer) == ("completed", "in time")
    assert not any(view.wrap_up for view in play.views)


def test_no_turn_is_kept_where_nobody_could_answer_from_anything() -> None:
    play = talking(Topology.chain(["a", "b", "c"]), limits=Limits(turns=2)).run()
    assert (play.order, play.end.outcome) == (["a", "b"], "limit")
    only_a_vote = Topology.flat(["a", "b", "c"], rounds=2, vote="v")
    play = talking(only_a_vote, limits=Limits(turns=4)).run()
    assert (len(play.order), play.end.outcome, play.end.answer) == (4, "limit", None)
    assert play.of(LimitWasReached)[0].kept is False


def test_a_limit_of_which_nothing_is_left_for_an_answer_ends_the_run_at_once() -> None:
    topology = Topology.graph(["user -> a", "a -> b", "b -> a, user"])
    limit = LimitWasReached(limit="tokens", allowed=9, needed=12, kept=False)
    play = Play(topology, {"a": lambda turn: "x", "b": [[limit, Exception("tokens")]]}).run()
    assert (play.end.outcome, play.end.answer, play.order) == ("limit", None, ["a", "b"])


def test_whoever_has_used_up_its_own_limit_is_not_asked_for_the_last_answer() -> None:
    topology = Topology.graph(["user -> a, b", "a -> b", "b -> a", "a -> user", "b -> user"])

    def deed(turn: StartTurn) -> Any:
        other = "b" if turn.agent == "a" else "a"
        return turn.agent if turn.wrap_up else [send(other), None]

    own = {"a": Limits(turns=2)}
    play = Play(topology, dict.fromkeys("ab", deed), options={"limits": Limits(turns=4), "agent_limits": own}).run()
    assert (last_turn(play).agent, play.end.answer) == ("b", "b")


@given(st.data())
def test_no_run_exceeds_its_limits_and_a_limit_is_never_reported_as_success(data: st.DataObject) -> None:
    topology = data.draw(st.one_of(st.sampled_from(KINDS), graphs(), courses()))
    limits = Limits(turns=data.draw(st.integers(1, 12)), messages=data.draw(st.none() | st.integers(1, 30)))
    play = Play(
        topology,
        dict.fromkeys(topology.nodes, lambda turn: data.draw(st.sampled_from(["talk", "talk", None]) | deeds())),
        choose=lambda pending: data.draw(st.integers(0, len(pending) - 1)),
        options={"limits": limits},
    ).run()
    assert len(play.order) <= (limits.turns or 0)
    assert len(play.said) <= (limits.messages or len(play.said))
    wrapped = [view for view in play.views if view.wrap_up]
    assert len(wrapped) <= 1
    if wrapped:
        assert view_is_last(play, wrapped[0])
        assert play.end.outcome in ("limit", "halted")
    ended = [event for event in play.of(LimitWasReached) if event.agent is None]
    if play.end.outcome == "completed" and any(event.limit == "turns" for event in ended):
        started = play.of(TurnStarted)[-1]
        assert started.id < ended[-1].id, "what had begun before came to the answer"
    assert isinstance(play.log[-1], RunEnded)
    play.check_form()


@given(st.data())
def test_the_last_turn_and_the_limits_of_phases_are_in_the_bounds(data: st.DataObject) -> None:
    """Calls are refused whenever the test wants, as if the ledger had nothing left but for one answer."""
    drawn = data.draw(st.one_of(st.sampled_from(KINDS), graphs(), courses()))
    own = st.builds(Limits, turns=st.none() | st.integers(1, 6), messages=st.none() | st.integers(1, 9))
    phases = [replace(phase, limits=data.draw(own)) for phase in drawn.phases]
    agents = {name: AgentConfig() for name in drawn.nodes}
    bounds = bounds_of(phases, agents, Limits(model_calls=1))

    def deed(turn: StartTurn) -> Any:
        limit = LimitWasReached(limit="model_calls", allowed=1, needed=2, kept=True)
        refused = data.draw(st.sampled_from([False, False, False, True])) and not turn.wrap_up
        return [limit, Exception("model_calls")] if refused else data.draw(st.just("talk") | deeds())

    topology = Topology(phases, votes=drawn.votes)
    play = Play(topology, dict.fromkeys(drawn.nodes, deed)).run()
    assert len(play.order) <= (bounds.turns or 0)
    assert len(play.said) <= (bounds.messages or 0)
    for phase in phases:
        taken = sum(event.phase == phase.name for event in play.of(TurnStarted))
        assert phase.limits.turns is None or taken <= phase.limits.turns
    play.check_form()
