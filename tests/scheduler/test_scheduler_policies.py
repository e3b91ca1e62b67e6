"""What happens to messages that may not pass: policies, people who decide, and edges that carry less."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agentmesh.config.models import Limits
from agentmesh.events import (
    Answered,
    Event,
    MessageDelivered,
    MessageTransformed,
    MessageWithheld,
    Notice,
    Question,
    TopologyChanged,
    TurnEnded,
    TurnStarted,
)
from agentmesh.messages import Policy
from agentmesh.scheduler import StartTurn
from agentmesh.topology.graph import Topology, Vote
from agentmesh.topology.phases import Edge, Phase
from tests.scheduler.scheduler_play import Holds, Play, send

LINE = ("user -> a", "a -> b", "b -> user")


def line(policy: Policy, *more: Any) -> Topology:
    return Topology.graph([*LINE, *more], policy=policy)


# Policies


def test_a_dropped_message_is_an_event_and_its_sender_cannot_tell() -> None:
    results = []
    for recipients in (("b",), ("user",), ("b", "user")):
        play = Play(line("drop"), {"a": [[send(*recipients), "closing"]], "b": ["done"]}).run()
        results.append((play.results[0].result, play.results[0].error, play.results[0].ends_turn))
        refused = [("a", "user", "no_edge")] if "user" in recipients else []
        assert play.refused == refused
        assert not play.of(Notice)
        play.check_form()
    assert results == [("handed over", None, True)] * 3


def test_a_plain_reply_over_an_edge_that_is_used_up_is_dropped_in_silence() -> None:
    topology = line("drop", {"from": "b", "to": "a", "max_messages": 1})
    play = Play(topology, {"a": ["one", "two"], "b": [[send("a"), None], [send("a"), None]]}).run()
    assert play.refused == [("b", "a", "max_messages")]
    assert not play.of(Notice)


def test_the_policy_halt_ends_the_run_at_the_first_violation() -> None:
    play = Play(line("halt"), {"a": [[send("user"), "closing"]], "b": []}).run()
    assert play.end.outcome == "halted"
    assert play.end.reason == "policy: 'a' may not message 'user'; it may message: b"
    play.check_form()


def test_a_policy_is_about_the_edges_and_not_about_other_refusals() -> None:
    play = Play(line("halt"), {"a": [[send("b"), send("b"), None]], "b": ["done"]}).run()
    assert play.refused == [("a", "b", "already_sent")]
    assert play.end.outcome == "completed"


def test_what_was_kept_when_its_edge_was_cut_is_no_violation_of_its_sender() -> None:
    def outside(play: Play, event: Event) -> list[Event]:
        spoke = isinstance(event, TurnEnded) and event.agent == "a" and event.turn == 1
        return [TopologyChanged(change="cut", edges=(("a", "b"),))] if spoke else []

    topology = Topology.flat(["a", "b"], rounds=1, policy="halt")
    play = Play(topology, dict.fromkeys("ab", lambda turn: turn.agent), after=outside).run()
    assert ("a", "b", "no_edge") in play.refused
    assert play.end.outcome == "completed"


def person(*words: str, when: str = "b") -> Any:
    """Decides on each question in turn, once the agent `when` has begun a turn."""
    left = list(words)

    def outside(play: Play, event: Event) -> list[Event]:
        if not isinstance(event, TurnStarted) or event.agent != when:
            return []
        asked = [question.question_id for question in play.of(Question)]
        answered = [answer.question_id for answer in play.of(Answered)]
        open_ = [id_ for id_ in asked if id_ not in answered]
        return [Answered(question_id=id_, content=left.pop(0)) for id_ in open_ if left]

    return outside


def test_a_withheld_message_asks_a_person_and_its_sender_is_told_that_it_waits() -> None:
    play = Play(
        line("quarantine"), {"a": [[send("user", content="leak"), "to b"]], "b": ["done"]}, after=person("no")
    ).run()
    [withheld] = play.of(MessageWithheld)
    assert (withheld.sender, withheld.recipient, withheld.content) == ("a", "user", "leak")
    assert (withheld.allowed, withheld.policy) == (("b",), "quarantine")
    [asked] = play.of(Question)
    assert asked.question_id == withheld.message_id
    assert play.errors == ["the message to 'user' is withheld until a person has decided on it"]
    assert play.refused == [("a", "user", "not_released")]
    assert play.end.answer == "done"
    play.check_form()


def test_a_released_message_passes_only_if_an_edge_permits_it_by_then() -> None:
    edges = [*LINE, "a -> c", "c -> b"]
    topology = Topology.graph(edges, policy="quarantine")
    cut = TopologyChanged(change="cut", edges=(("a", "c"),))
    back = TopologyChanged(change="restore", edges=(("a", "c"),))
    for restored in (True, False):
        deeds: list[Any] = [cut, send("c", content="hush"), *([back] if restored else []), "to all"]
        actors: dict[str, Any] = {"a": [deeds], "b": [None, "done"], "c": [None, "c", "c"]}
        play = Play(topology, actors, after=person(" Release\n")).run()
        assert (("a", "c", "hush") in play.said) == restored
        assert (("a", "c", "no_edge") in play.refused) != restored
        play.check_form()


def test_a_released_message_counts_against_the_cap_of_its_edge() -> None:
    edges = ["user -> a", {"from": "a", "to": "b", "max_messages": 1}, "b -> a", "a -> user"]
    play = Play(
        Topology.graph(edges, policy="quarantine"),
        {"a": [[send("b"), None], [send("b"), "done"], "done"], "b": [[send("a"), None], None]},
        after=person("release", when="a"),
    ).run()
    assert len([item for item in play.said if item[:2] == ("a", "b")]) == 1


def test_what_is_still_withheld_when_the_run_ends_is_refused() -> None:
    play = Play(line("quarantine"), {"a": [[send("user"), "to b"]], "b": ["done"]}).run()
    assert play.refused == [("a", "user", "completed")]
    play.check_form()


def test_an_answer_to_another_question_decides_on_no_message() -> None:
    def outside(play: Play, event: Event) -> list[Event]:
        return [Answered(question_id="a/1/1", content="release")] if isinstance(event, MessageWithheld) else []

    play = Play(line("quarantine"), {"a": [[send("user"), "to b"]], "b": ["done"]}, after=outside).run()
    assert play.end.answer == "done"
    assert ("a", "user", "hello") not in play.said


# Edges that carry less


def returns(summary: str | None) -> Callable[[str], str | None]:
    return lambda text: summary


def carrying(**edge: Any) -> Topology:
    edges = (Edge("user", "a"), Edge("a", "b", **edge), Edge("a", "c"), Edge("b", "user"))
    phase = Phase("talk", "reactive", ("a", "b", "c"), edges, positions="optional")
    return Topology([phase])


def test_an_edge_may_carry_the_position_alone() -> None:
    play = Play(carrying(carries="position"), {"a": [Holds("a long speech", "42")], "b": ["done"], "c": [None]}).run()
    said = sorted(item for item in play.said if item[0] == "a")
    assert said == [("a", "b", "Position: 42"), ("a", "c", "a long speech")]
    assert [(e.by, e.content) for e in play.of(MessageTransformed)] == [("position", "Position: 42")]
    play.check_form()


def test_where_only_positions_pass_a_text_without_one_is_refused() -> None:
    play = Play(carrying(carries="position"), {"a": [[send("b"), "a speech"]], "b": [], "c": [None]}).run()
    assert play.refused == [("a", "b", "no_position"), ("a", "b", "no_position")]
    assert "'b' hears only the position of 'a', and none was stated" in play.errors[0]
    assert [e.template for e in play.of(Notice)] == ["refused"]
    assert ("a", "c", "a speech") in play.said
    play.check_form()


def test_an_edge_may_carry_a_summary_made_after_the_rewrite() -> None:
    topology = carrying(carries="summary", rewrite="m:loud")
    play = Play(
        topology,
        {"a": [Holds("a long speech", "42")], "b": ["done"], "c": [None]},
        rewrites={"m:loud": str.upper},
        summarise=lambda text: text[:6],
    ).run()
    assert [(e.by, e.content) for e in play.of(MessageTransformed)] == [
        ("m:loud", "A LONG SPEECH"),
        ("summary", "A LONG"),
    ]
    [heard] = [e for e in play.of(MessageDelivered) if e.recipient == "b"]
    assert (heard.content, heard.position) == ("A LONG", None)


def test_a_message_that_cannot_be_summarised_is_refused_and_may_be_sent_again() -> None:
    told = iter([None, "short"])
    topology = carrying(carries="summary", max_messages=1)
    play = Play(
        topology,
        {"a": [[send("b", content="one"), send("b", content="two"), None]], "b": ["done"], "c": []},
        summarise=lambda text: next(told),
    ).run()
    assert play.refused == [("a", "b", "not_summarised")]
    assert ("a", "b", "short") in play.said
    play.check_form()


def test_an_answer_that_does_not_arrive_leaves_room_for_another() -> None:
    edges = (Edge("user", "a"), Edge("user", "b"), Edge("a", "user", carries="summary"), Edge("b", "user"))
    topology = Topology([Phase("p", "reactive", ("a", "b"), edges)])
    play = Play(topology, {"a": ["long"], "b": ["short"]}, summarise=lambda text: None).run()
    assert play.refused == [("a", "user", "not_summarised")]
    assert play.end.answer == "short"


def test_a_message_that_does_not_arrive_does_not_count_against_limits() -> None:
    edges = (Edge("user", "a"), Edge("a", "b", carries="summary"), Edge("a", "user"))
    topology = Topology([Phase("p", "reactive", ("a", "b"), edges)])
    play = Play(
        topology,
        {"a": [[send("b"), send("user", content="done"), None]], "b": []},
        summarise=lambda text: None,
        options={"limits": Limits(messages=2)},
    ).run()
    assert (play.end.outcome, play.end.answer) == ("completed", "done")


def test_nobody_shortens_a_task_a_ballot_or_what_won_a_vote() -> None:
    for carries in ("position", "summary"):
        pairs = (("user", "a"), ("a", "poll"), ("poll", "user"))
        edges = tuple(Edge(*pair, carries=carries) for pair in pairs)
        play = Play(Topology([Phase("p", "reactive", ("a",), edges, votes={"poll": Vote()})]), {"a": ["Paris"]}).run()
        assert play.said == [("user", "a", "the task"), ("a", "poll", '["Paris"]'), ("poll", "user", "Paris")]


def test_a_message_whose_edge_is_cut_while_it_is_rewritten_is_refused() -> None:
    def cut_meanwhile(text: str) -> str:
        play.happen(TopologyChanged(change="cut", edges=(("a", "b"),)))
        return text

    play = Play(
        carrying(rewrite="m:f"),
        {"a": [[send("b"), "closing"]], "b": [], "c": [None]},
        rewrites={"m:f": cut_meanwhile},
        pick=lambda number: 0,
    )
    play.run()
    assert play.refused == [("a", "b", "no_edge")]
    assert "it may message: c" in play.errors[0]
    assert ("a", "c", "closing") in play.said
    play.check_form()


def test_what_waits_behind_a_message_that_is_refused_arrives() -> None:
    """A recipient reads in the order in which messages were accepted, whoever's takes longer."""
    names = ("a", "b", "c")
    edges = (
        *(Edge("user", name) for name in names[:2]),
        Edge("a", "c", carries="summary"),
        Edge("b", "c"),
        Edge("c", "user"),
    )
    topology = Topology([Phase("p", "reactive", names, edges)])

    def act(turn: StartTurn) -> str:
        return ", ".join(item.content for item in turn.inbox)

    for summary in ("A", None):
        deeds = {"a": ["a speech"], "b": ["B"], "c": act}
        play = Play(topology, deeds, pick=lambda n: 0, summarise=returns(summary)).run()
        assert play.end.answer == ("A, B" if summary else "B")
        play.check_form()


def test_what_is_under_way_when_the_run_ends_is_refused_once() -> None:
    edges = (Edge("user", "a"), Edge("user", "b"), Edge("a", "c", carries="summary"), Edge("b", "user"))
    topology = Topology([Phase("p", "reactive", ("a", "b", "c"), edges)])
    for summary in (None, "short"):
        play = Play(topology, {"a": ["x"], "b": ["y"], "c": []}, pick=lambda n: 0, summarise=returns(summary)).run()
        assert play.end.answer == "y"
        assert play.refused == [("a", "c", "completed")]
        play.check_form()


@pytest.mark.parametrize("policy", ["return_to_agent", "drop", "quarantine", "halt"])
def test_a_message_from_the_user_over_no_edge_is_refused_whatever_the_policy(policy: Policy) -> None:
    from agentmesh.events import MessageProposed

    def outside(play: Play, event: Event) -> list[Event]:
        begun = isinstance(event, TurnStarted) and event.agent == "a"
        said = MessageProposed(message_id="u1", sender="user", recipient="b", content="psst", agent="user")
        return [said] if begun else []

    play = Play(line(policy), {"a": ["x"], "b": ["done"]}, after=outside).run()
    assert play.refused == [("user", "b", "no_edge")]
    assert play.end.answer == "done"
