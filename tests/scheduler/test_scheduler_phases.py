"""Phases: who opens them, what ends them, and when they are gone through again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agentmesh.config.models import Limits
from agentmesh.events import (
    Event,
    LimitWasReached,
    MessageDelivered,
    Notice,
    PhaseEnded,
    PhaseStarted,
    TopologyChanged,
    TurnStarted,
    Verification,
)
from agentmesh.messages import Position
from agentmesh.scheduler import StartTurn
from agentmesh.topology.graph import Topology, Vote
from agentmesh.topology.phases import Edge, Phase, Until
from tests.scheduler.scheduler_play import Call, Holds, Play, send, vote

TALK = tuple(Edge(*pair) for pair in (("user", "a"), ("user", "b"), ("a", "b"), ("b", "a")))
ANSWER = Phase("answer", "reactive", ("a",), (Edge("a", "user"),), opens=("a",))


def talk(order: str = "round_robin", rounds: int | None = 3, **more: Any) -> Phase:
    return Phase("talk", order, ("a", "b"), TALK, rounds=rounds, **more)  # type: ignore[arg-type]


def reasons(play: Play) -> list[str]:
    return [event.reason for event in play.of(PhaseEnded)]


# Opening


def test_who_opens_a_later_phase_is_told_so_and_acts_although_nobody_wrote() -> None:
    second = Phase("again", "reactive", ("b", "c"), (Edge("b", "c"), Edge("c", "user")), opens=("b",))
    play = Play(Topology([talk(rounds=1), second]), {"a": [None], "b": [None, "to c"], "c": ["done"]}).run()
    assert play.order == ["a", "b", "b", "c"]
    [told] = play.of(Notice)
    assert (told.agent, told.template) == ("b", "speak_now")
    assert told.content == "The phase 'again' begins, and it is your turn to speak. Your reply goes to: c."


def test_a_reactive_phase_gone_through_again_starts_with_those_the_user_addresses() -> None:
    """What is still unread does not keep it from starting."""
    phase = Phase(
        "loop", "reactive", ("a", "b"), (Edge("user", "a"), Edge("a", "b")), joins={"b": 2},
        until=Until(promise="done", function="m:f"), max_iterations=2,
    )  # fmt: skip
    play = Play(Topology([phase]), {"a": ["not yet", "<promise>done</promise>"], "b": ["never"]}).run()
    assert play.order == ["a", "a"]
    assert [e.passed for e in play.of(Verification)] == [False, True]


def test_the_task_is_told_once_to_each_whom_the_user_addresses() -> None:
    second = Phase(
        "more", "round_robin", ("a", "c"), (Edge("user", "a"), Edge("user", "c"), Edge("c", "user")), rounds=1
    )
    play = Play(Topology([talk(rounds=1), second]), {"a": ["x", "y"], "b": ["x"], "c": ["done"]}).run()
    assert [item[1] for item in play.said if item[0] == "user"] == ["a", "b", "c"]


# Orders


def test_a_random_order_is_drawn_anew_each_round_and_the_same_for_the_same_seed() -> None:
    names = tuple("abcdef")
    edges = (*(Edge("user", name) for name in names), *(Edge(a, b) for a in names for b in names if a != b))
    topology = Topology([Phase("talk", "random", names, edges, rounds=4), replace(ANSWER)])

    def rounds(seed: int) -> list[list[str]]:
        play = Play(topology, dict.fromkeys(names, lambda turn: turn.agent), seed=seed).run()
        return [[view.agent for view in play.views if view.round == number] for number in (1, 2, 3, 4)]

    drawn = rounds(0)
    assert sorted(drawn[0]) == list(names)
    assert all(len(set(one)) == len(one) >= 5 for one in drawn), "who spoke last and then comes first has heard nothing"
    assert len(set(map(tuple, drawn))) == 4
    assert rounds(0) == drawn
    assert rounds(1) != drawn


def test_in_a_random_order_each_one_hears_those_before_it_in_the_round() -> None:
    topology = Topology([talk("random", 1), ANSWER])
    play = Play(topology, {"a": lambda turn: "from a", "b": lambda turn: "from b"}, seed=2).run()
    first, second = play.views[:2]
    assert [item.content for item in first.inbox] == ["the task"]
    assert [item.content for item in second.inbox] == ["the task", f"from {first.agent}"]


def moderated(rounds: int = 2) -> Topology:
    pairs = (("user", "m"), ("m", "a"), ("m", "b"), ("a", "m"), ("b", "m"), ("a", "b"))
    chaired = Phase(
        "panel", "moderator", ("m", "a", "b"), tuple(Edge(*pair) for pair in pairs), rounds=rounds, moderator="m"
    )
    return Topology([chaired, Phase("close", "reactive", ("m",), (Edge("m", "user"),), opens=("m",))])


def give(agent: str) -> Call:
    return ("next_speaker", {"agent": agent})


def test_a_moderator_gives_the_floor_until_enough_have_spoken() -> None:
    play = Play(
        moderated(), {"m": [[give("b"), None], [give("a"), None], "the answer"], "a": ["from a"], "b": ["from b"]}
    ).run()
    assert play.order == ["m", "b", "m", "a", "m"]
    assert [(e.agent, e.template) for e in play.of(Notice)] == [
        ("m", "choose_speaker"),
        ("b", "have_floor"),
        ("m", "choose_speaker"),
        ("a", "have_floor"),
        ("m", "answer_now"),
    ]
    assert "You may call on: a, b." in play.of(Notice)[0].content
    assert play.views[0].tools == ("next_speaker", "send_message")
    assert play.views[0].choices["next_speaker"] == {"agent": ("a", "b")}
    assert play.end.answer == "the answer"
    assert reasons(play) == ["rounds: 2 spoke"]


def test_a_moderator_calls_upon_one_agent_at_a_time_and_only_upon_its_successors() -> None:
    play = Play(
        moderated(1),
        {"m": [[give("m"), give("x"), give("a"), give("b"), None], "answer"], "a": [[give("b"), "from a"]], "b": []},
    ).run()
    assert play.errors == [
        "'m' cannot be called upon; choose among: a, b",
        "'x' cannot be called upon; choose among: a, b",
        "'a' has been called upon already; call upon one agent at a time",
        "'next_speaker' is not a tool of 'a' in this phase (panel)",
    ]
    assert play.order == ["m", "a", "m"]
    assert [e.agent for e in play.of(Notice) if e.template == "have_floor"] == ["a"]


def test_a_moderator_that_chooses_nobody_closes_the_phase_after_three_turns() -> None:
    play = Play(moderated(), {"m": ["well", Exception("no"), "hm", "answer"], "a": [], "b": []}).run()
    assert play.order == ["m"] * 4
    assert reasons(play) == ["nobody was called upon: 0 spoke"]
    assert play.end.answer == "answer"


def test_the_word_goes_back_to_the_moderator_if_a_speaker_fails_or_may_not_begin() -> None:
    deeds: Mapping[str, Any] = {"m": [[give("a"), None], [give("a"), None], [give("b"), None], "answer"], "b": ["b"]}
    play = Play(
        moderated(3),
        {**deeds, "a": [Exception("broken")]},
        options={"agent_limits": {"a": Limits(turns=1)}},
    ).run()
    assert play.order == ["m", "a", "m", "m", "b", "m"]
    assert [e.agent for e in play.of(LimitWasReached)] == ["a"]
    assert play.end.answer == "answer"


def test_a_refuted_moderator_is_heard_again_although_all_have_spoken() -> None:
    pairs = (("user", "m"), ("m", "a"), ("a", "m"), ("m", "user"))
    phase = Phase("panel", "moderator", ("m", "a"), tuple(Edge(*pair) for pair in pairs), rounds=1, moderator="m")
    play = Play(
        Topology([phase]),
        {"m": [[give("a"), send("user", content="wrong"), None], [send("user", content="right"), None]], "a": ["a"]},
        verify=lambda answer: answer == "right",
        options={"verify_retries": 1},
    ).run()
    assert (play.end.outcome, play.end.answer) == ("verified", "right")


# Positions and convergence


def test_a_phase_that_converges_ends_with_the_round_after_which_all_hold_the_same() -> None:
    phase = talk("simultaneous", 9, end="converged", positions="required")
    play = Play(
        Topology([phase, ANSWER]),
        {"a": [Holds("x", "Four"), Holds("y", "five."), "5"], "b": [Holds("z", "6"), Holds("w", " Five")]},
    ).run()
    assert play.order == ["a", "b", "a", "b", "a"]
    assert reasons(play) == ["converged: after round 2"]
    assert {view.positions for view in play.views[:4]} == {"required"}
    assert play.views[-1].positions == "off", "who answers the user has no position beside its answer"
    carried = [e.position for e in play.of(MessageDelivered) if e.sender == "a" and e.recipient == "b"]
    assert carried == [Position(answer="Four"), Position(answer="five.")]


def test_who_has_stated_no_position_has_not_converged() -> None:
    phase = talk("simultaneous", 2, end="converged", positions="optional")
    play = Play(
        Topology([phase, ANSWER]), {"a": [Holds("x", "4"), Holds("x", "4"), "4"], "b": ["I do not know", "nor now"]}
    ).run()
    assert reasons(play) == ["rounds: 2 taken"]


def test_a_position_of_an_earlier_phase_does_not_count() -> None:
    first = talk("simultaneous", 1, positions="required")
    second = replace(talk("simultaneous", 2, end="converged", positions="optional"), name="second")
    play = Play(
        Topology([first, second, ANSWER]),
        {"a": [Holds("x", "4"), "no", "no", "4"], "b": [Holds("x", "4"), "no", "no"]},
    ).run()
    assert reasons(play) == ["rounds: 1 taken", "rounds: 2 taken"]


# Until


def loop(until: Until, *, fresh: bool = False, iterations: int = 3, order: str = "round_robin") -> Topology:
    looped = talk(order, 1, until=until, max_iterations=iterations, fresh=fresh)
    return Topology([looped, ANSWER])


def test_a_promise_in_any_contribution_ends_the_loop() -> None:
    actors = {"a": ["1", "2", "<promise> all\nfine </promise>", "answer"], "b": [[send("a"), None], "x", "y"]}
    play = Play(loop(Until(promise="all fine", function="m:f"), iterations=5), actors).run()
    assert reasons(play) == ["until: not satisfied"] * 2 + ["until: satisfied"]
    assert [(e.phase, e.occurrence) for e in play.of(PhaseStarted)] == [
        ("talk", 1),
        ("talk", 2),
        ("talk", 3),
        ("answer", 1),
    ]
    assert [(e.passed, e.attempt, e.phase) for e in play.of(Verification)] == [
        (False, 1, "talk"),
        (False, 2, "talk"),
        (True, 3, "talk"),
    ]


def test_a_check_is_given_the_latest_contribution_of_its_iteration() -> None:
    play = Play(
        loop(Until(command=("true",))),
        {"a": ["a1", "a2", "answer"], "b": ["b1", "b2"]},
        until=lambda said: said == "b2",
    ).run()
    assert [(item.answer, item.attempt, item.phase) for item in play.checked] == [("b1", 1, "talk"), ("b2", 2, "talk")]
    assert play.end.answer == "answer"


def test_what_a_check_is_given_does_not_depend_on_who_is_faster_in_a_round() -> None:
    for choose in (lambda pending: 0, lambda pending: len(pending) - 1):
        play = Play(
            loop(Until(function="m:f"), order="simultaneous"),
            {"a": ["from a", "answer"], "b": ["from b"]},
            choose=choose,
        ).run()
        assert [item.answer for item in play.checked] == ["from b"]


def test_the_run_ends_at_a_limit_when_the_last_iteration_did_not_satisfy() -> None:
    play = Play(
        loop(Until(command=("false",)), iterations=2), dict.fromkeys("ab", lambda turn: "x"), until=lambda said: False
    ).run()
    assert (play.end.outcome, play.end.reason) == ("limit", "max_iterations: 2 allowed")
    assert [e.limit for e in play.of(LimitWasReached)] == ["max_iterations"]
    assert len(play.of(PhaseStarted)) == 2


def test_a_fresh_iteration_forgets_and_is_told_the_task_again() -> None:
    for fresh in (True, False):
        play = Play(
            loop(Until(command=("x",)), fresh=fresh, iterations=2),
            {"a": ["a1", "a2", "answer"], "b": ["b1", "b2"]},
            until=lambda said: said == "b2",
        ).run()
        second = next(view for view in play.views if view.turn == 2 and view.agent == "a")
        assert second.restart == ("fresh" if fresh else None)
        assert [item.content for item in second.inbox] == (["the task"] if fresh else ["b1"])
        assert len([item for item in play.said if item[0] == "user"]) == (4 if fresh else 2)


def test_a_phase_with_the_end_answer_is_the_last_one() -> None:
    play = Play(Topology([talk(rounds=1, end="answer"), ANSWER]), dict.fromkeys("ab", lambda turn: None)).run()
    assert play.end.outcome == "stalled"
    assert len(play.of(PhaseStarted)) == 1


# Entering a phase from outside


def entering(name: str, *, at: str = "a") -> Any:
    def outside(play: Play, event: Event) -> list[Event]:
        begun = isinstance(event, TurnStarted) and event.agent == at and event.turn == 1
        return [TopologyChanged(change="enter_phase", phase=name)] if begun else []

    return outside


def test_entering_a_phase_lets_turns_end_and_what_they_wrote_go_out_first() -> None:
    middle = replace(talk("simultaneous", 5), name="middle")
    topology = Topology([talk("simultaneous", 5), middle, ANSWER])
    play = Play(topology, {"a": ["a1", "answer"], "b": ["b1"]}, after=entering("answer")).run()
    assert [e.phase for e in play.of(PhaseStarted)] == ["talk", "answer"]
    assert reasons(play) == ["entered: answer"]
    assert ("a", "b", "a1") in play.said
    assert ("b", "a", "b1") in play.said
    assert play.end.answer == "answer"


def test_an_open_vote_is_left_uncounted_when_another_phase_is_entered() -> None:
    edges = (*TALK, Edge("a", "poll"), Edge("b", "poll"), Edge("poll", "user"))
    ballots = Phase("ballot", "round_robin", ("a", "b"), edges, rounds=1, votes={"poll": Vote()})
    play = Play(
        Topology([ballots, ANSWER]), {"a": [[vote("x"), None], "answer"], "b": ["y"]}, after=entering("answer")
    ).run()
    assert play.end.answer == "answer"
    assert play.order == ["a", "a"]


def test_a_phase_may_be_entered_again_and_an_unknown_one_changes_nothing() -> None:
    play = Play(
        Topology([talk(rounds=1), ANSWER]), {"a": ["1", "2", "answer"], "b": ["1", "2"]}, after=entering("talk", at="b")
    ).run()
    assert [(e.phase, e.occurrence) for e in play.of(PhaseStarted)] == [("talk", 1), ("talk", 2), ("answer", 1)]
    play = Play(Topology([talk(rounds=1), ANSWER]), {"a": ["1", "answer"], "b": ["1"]}, after=entering("moon")).run()
    assert play.order == ["a", "b", "a"]


# Whoever is faster


@given(st.data())
def test_whatever_edges_do_with_messages_a_round_is_read_in_the_order_of_the_nodes(data: st.DataObject) -> None:
    """However long a rewrite or a summary takes, and whoever ends its turn first."""
    names = ("a", "b", "c")
    pairs = [(one, other) for one in (*names, "user") for other in names if one != other]
    kinds = st.sampled_from([{}, {"rewrite": "m:f"}, {"carries": "summary"}, {"carries": "position"}])
    edges = tuple(Edge(*pair, **data.draw(kinds)) for pair in pairs)  # type: ignore[arg-type]
    phase = Phase("talk", "simultaneous", names, edges, rounds=2, positions="optional")
    topology = Topology([phase, ANSWER])

    def act(turn: StartTurn) -> Any:
        text = f"{turn.agent}{turn.turn}"
        return text if turn.agent == "c" else Holds(text, text)

    def played(choose: Any, pick: Any) -> Play:
        fixed: Any = {"rewrites": {"m:f": str.upper}, "summarise": lambda text: None if text == "b1" else text}
        return Play(topology, dict.fromkeys(names, act), choose=choose, pick=pick, **fixed).run()

    straight = played(lambda pending: 0, None)
    mixed = played(lambda p: data.draw(st.integers(0, len(p) - 1)), lambda n: data.draw(st.integers(0, n - 1)))
    assert mixed.inboxes() == straight.inboxes()
    assert sorted(mixed.refused) == sorted(straight.refused)
    mixed.check_form()
