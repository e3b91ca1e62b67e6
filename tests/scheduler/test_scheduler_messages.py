"""Edges, refusals, caps and rewrites, on the scheduler alone."""

from __future__ import annotations

from agentmesh.config.models import Limits
from agentmesh.events import (
    Event,
    LimitWasReached,
    MessageDelivered,
    MessageProposed,
    MessageRefused,
    MessageTransformed,
    Notice,
    TopologyChanged,
    TurnEnded,
    TurnStarted,
)
from agentmesh.topology.graph import Topology
from tests.scheduler.scheduler_play import Play, send


def test_a_chain_passes_each_reply_to_the_next_and_the_last_one_answers() -> None:
    play = Play(Topology.chain(["a", "b"]), {"a": ["from a"], "b": ["from b"]}).run("task")
    assert play.said == [("user", "a", "task"), ("a", "b", "from a"), ("b", "user", "from b")]
    assert (play.end.outcome, play.end.reason, play.end.answer) == ("completed", "answered", "from b")
    play.check_form()


def test_a_message_without_an_edge_is_refused_and_names_the_allowed_recipients() -> None:
    play = Play(
        Topology.graph(["user -> a", "a -> b", "a -> c", "b -> user", "c -> user"]),
        {"a": [[send("user", "nobody", "a", "agentmesh"), "said after all"]], "b": ["b"], "c": ["c"]},
    ).run()
    refused = play.of(MessageRefused)
    assert [e.recipient for e in refused] == ["user", "nobody", "a", "agentmesh"]
    assert all(e.allowed == ("b", "c") and e.reason == "no_edge" for e in refused)
    error = play.results[0].error or ""
    assert "'a' may not message 'user'; it may message: b, c" in error
    assert not play.results[0].ends_turn
    assert ("a", "b", "said after all") in play.said
    play.check_form()


def test_one_call_to_good_and_bad_recipients_reports_both() -> None:
    play = Play(
        Topology.graph(["user -> a", "a -> b", "a -> c", "b -> user", "c -> user"]),
        {"a": [[send("b", "user"), "this closing text is for nobody"]], "b": ["b"], "c": ["c"]},
    ).run()
    error = play.results[0].error or ""
    assert "sent to: b" in error
    assert "'a' may not message 'user'" in error
    assert [item for item in play.said if item[0] == "a"] == [("a", "b", "hello")]
    play.check_form()


def test_an_agent_writes_to_each_recipient_once_a_turn() -> None:
    play = Play(
        Topology.graph(["user -> a", "a -> b", "a -> c", "b -> user", "c -> user"]),
        {
            "a": [[send("b", "b", content="one"), send("b", content="two"), send("c", content="three"), None]],
            "b": ["b"],
            "c": ["c"],
        },
    ).run()
    assert [item[2] for item in play.said if item[0] == "a"] == ["one", "three"]
    assert [e.reason for e in play.of(MessageRefused) if e.sender == "a"] == ["already_sent"]
    assert "one message per recipient and turn" in (play.results[1].error or "")


def test_an_edge_carries_no_more_than_its_cap_and_the_sender_is_told() -> None:
    topology = Topology.graph(["user -> a", {"from": "a", "to": "b", "max_messages": 2}, "b -> a", "a -> user"])
    play = Play(
        topology,
        {"a": [[send("b"), None], [send("b"), None], [send("b"), "the answer"]], "b": ["1", "2"]},
    ).run()
    assert [item for item in play.said if item[:2] == ("a", "b")] == [("a", "b", "hello")] * 2
    assert {e.reason for e in play.of(MessageRefused)} == {"max_messages"}
    assert "has carried all the messages it may" in (play.results[-1].error or "")
    assert play.end.answer == "the answer"


def test_a_refused_plain_reply_comes_back_as_a_notice_of_the_run() -> None:
    topology = Topology.graph(
        [
            "user -> a",
            {"from": "a", "to": "b", "max_messages": 1},
            "b -> a",
            "b -> user",
        ]
    )
    play = Play(topology, {"a": ["one", "two"], "b": [[send("a"), None]]}).run()
    [told] = play.of(Notice)
    assert (told.agent, told.template) == ("a", "refused")
    assert "'b' was not delivered" in told.content
    assert play.end.outcome == "stalled"
    play.check_form()


def test_an_edge_may_rewrite_what_it_carries() -> None:
    topology = Topology.graph(["user -> a", {"from": "a", "to": "b", "rewrite": "m:shout"}, "b -> user"])
    play = Play(
        topology, {"a": ["quiet"], "b": lambda turn: turn.inbox[0].content}, rewrites={"m:shout": str.upper}
    ).run()
    [changed] = play.of(MessageTransformed)
    assert (changed.content, changed.by) == ("QUIET", "m:shout")
    assert play.end.answer == "QUIET"
    play.check_form()


def test_the_run_delivers_no_more_messages_than_its_limit() -> None:
    for limit in range(1, 8):
        play = Play(
            Topology.flat(["a", "b", "c"], rounds=3),
            dict.fromkeys("abc", lambda turn: "talk"),
            options={"limits": Limits(messages=limit)},
        ).run()
        assert len(play.of(MessageDelivered)) == limit
        assert (play.end.outcome, play.end.reason) == ("limit", f"messages: {limit} allowed")
        assert [e.limit for e in play.of(LimitWasReached)] == ["messages"]
        play.check_form()


def test_an_agent_sends_no_more_messages_than_its_own_limit() -> None:
    play = Play(
        Topology.graph(["user -> a", "a -> b", "b -> a", "b -> user"]),
        {"a": lambda turn: "go on", "b": lambda turn: [send("a"), None]},
        options={"agent_limits": {"b": Limits(messages=2)}},
    ).run()
    assert len([item for item in play.said if item[0] == "b"]) == 2
    assert play.end.outcome == "limit"
    assert "b: messages: 2 allowed" in play.end.reason
    play.check_form()


def test_a_cut_edge_refuses_and_a_restored_one_carries_again() -> None:
    def outside(play: Play, event: Event) -> list[Event]:
        if isinstance(event, TurnStarted) and event.agent == "a":
            change = "cut" if event.turn == 1 else "restore"
            return [TopologyChanged(change=change, edges=(("a", "b"),))]
        return []

    topology = Topology.graph(["user -> a", "a -> b", "a -> c", "c -> a", "b -> user"])
    play = Play(topology, {"a": lambda turn: f"turn {turn.turn}", "b": ["done"], "c": ["again"]}, after=outside).run()
    assert play.said[1:] == [
        ("a", "c", "turn 1"),
        ("c", "a", "again"),
        ("a", "b", "turn 2"),
        ("a", "c", "turn 2"),
        ("b", "user", "done"),
    ]
    assert play.end.answer == "done"


def test_held_messages_are_refused_if_their_edge_was_cut_meanwhile() -> None:
    def outside(play: Play, event: Event) -> list[Event]:
        ended = isinstance(event, TurnEnded) and event.agent == "a" and event.turn == 1
        return [TopologyChanged(change="isolate", edges=(("a", "b"), ("b", "a")))] if ended else []

    play = Play(
        Topology.flat(["a", "b", "c"], rounds=1), dict.fromkeys("abc", lambda turn: turn.agent), after=outside
    ).run()
    refused = {(e.sender, e.recipient) for e in play.of(MessageRefused)}
    assert refused == {("a", "b")}
    assert [e.agent for e in play.of(Notice) if e.template == "refused"] == ["a"]
    play.check_form()


def test_what_the_user_says_later_counts_towards_caps_and_limits() -> None:
    def outside(play: Play, event: Event) -> list[Event]:
        if isinstance(event, TurnStarted) and event.turn == 1 and event.agent == "a":
            return [
                MessageProposed(message_id=f"user{i}", sender="user", recipient=name, content="and?", agent="user")
                for i, name in enumerate(["a", "b"])
            ]
        return []

    topology = Topology.graph([{"from": "user", "to": "a", "max_messages": 1}, "a -> b", "b -> user"])
    play = Play(topology, {"a": ["a"], "b": ["b"]}, after=outside).run()
    assert [(e.recipient, e.reason) for e in play.of(MessageRefused)] == [("a", "max_messages"), ("b", "no_edge")]
    assert play.end.answer == "b"
    play.check_form()


def test_the_user_may_write_to_an_agent_again_where_an_edge_allows_it() -> None:
    def outside(play: Play, event: Event) -> list[Event]:
        if isinstance(event, TurnStarted) and event.turn == 1 and event.agent == "a":
            return [MessageProposed(message_id="user1", sender="user", recipient="a", content="more", agent="user")]
        return []

    play = Play(
        Topology.graph(["user -> a", "a -> a2", "a2 -> user"]),
        {"a": lambda turn: turn.inbox[0].content, "a2": lambda turn: Exception("no")},
        after=outside,
    ).run()
    assert [item[2] for item in play.said if item[0] == "a"] == ["the task", "more"]


def test_one_agent_limit_of_turns_retires_that_agent_alone() -> None:
    play = Play(
        Topology.flat(["a", "b", "c"], rounds=3),
        dict.fromkeys("abc", lambda turn: turn.agent),
        options={"agent_limits": {"a": Limits(turns=1)}},
    ).run()
    assert play.order.count("a") == 1
    assert play.order.count("b") == 3
    assert play.end.answer == "c"
    [reached] = play.of(LimitWasReached)
    assert (reached.agent, reached.limit, reached.needed) == ("a", "turns", 2)


def test_the_run_takes_no_more_turns_than_its_limit() -> None:
    play = Play(
        Topology.flat(["a", "b", "c"], rounds=3),
        dict.fromkeys("abc", lambda turn: turn.agent),
        options={"limits": Limits(turns=5)},
    ).run()
    assert len(play.order) == 5
    assert (play.end.outcome, play.end.reason) == ("limit", "turns: 5 allowed")
    play.check_form()


def test_when_turns_are_used_up_those_in_flight_may_still_come_to_an_answer() -> None:
    topology = Topology.graph(["user -> a", "user -> b", "a -> c", "b -> user", "c -> user"])
    play = Play(topology, {"a": ["A"], "b": ["B"], "c": ["C"]}, options={"limits": Limits(turns=2)}).run()
    assert play.order == ["a", "b"]
    assert [e.limit for e in play.of(LimitWasReached)] == ["turns"]
    assert (play.end.outcome, play.end.answer) == ("completed", "B")
    play.check_form()
