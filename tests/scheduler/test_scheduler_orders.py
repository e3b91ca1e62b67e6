"""Rounds, joins, phases: who acts when, and that it does not depend on who is faster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agentmesh.events import (
    Event,
    MessageDelivered,
    MessageProposed,
    Notice,
    PhaseEnded,
    PhaseStarted,
    TopologyChanged,
    TurnStarted,
)
from agentmesh.scheduler import StartTurn
from agentmesh.topology.graph import Join, Topology
from tests.scheduler.scheduler_play import Play, send


def named(turn: StartTurn) -> str:
    return f"{turn.agent}{turn.turn}"


def test_simultaneous_agents_see_the_others_of_a_round_only_when_it_is_over() -> None:
    play = Play(Topology.flat(["a", "b", "c"], rounds=2), dict.fromkeys("abc", named)).run()
    assert play.inboxes()[:2] == [("a", 1, ("the task",)), ("a", 2, ("b1", "c1"))]
    speaker = [view for view in play.views if view.phase == "answer"]
    assert [(view.agent, view.answers, view.recipients) for view in speaker] == [("c", True, ("user",))]
    assert [item.content for item in speaker[0].inbox][:2] == ["a2", "b2"]
    assert play.end.answer == "c3"
    assert play.most_at_once == 3
    play.check_form()


def test_in_round_robin_each_one_hears_those_before_it() -> None:
    play = Play(Topology.flat(["a", "b", "c"], rounds=2, order="round_robin"), dict.fromkeys("abc", named)).run()
    assert play.order == ["a", "b", "c", "a", "b", "c", "c"]
    assert play.inboxes()[2] == ("b", 1, ("the task", "a1"))
    assert play.inboxes()[0] == ("a", 1, ("the task",))
    assert play.inboxes()[1] == ("a", 2, ("b1", "c1"))
    assert play.most_at_once == 1
    assert [view.round for view in play.views] == [1, 1, 1, 2, 2, 2, 0]
    play.check_form()


def test_a_round_goes_on_past_an_agent_that_hears_nothing() -> None:
    """The last in line being cut off does not end the discussion of the others."""

    def outside(play: Play, event: Event) -> list[Event]:
        if isinstance(event, PhaseStarted) and event.phase == "discuss":
            return [TopologyChanged(change="isolate", edges=tuple(pair for pair in event.edges if "c" in pair))]
        return []

    topology = Topology.flat(["a", "b", "c"], rounds=3, order="round_robin", speaker="a")
    play = Play(topology, dict.fromkeys("abc", named), after=outside).run()
    assert play.order == ["a", "b", "c", "a", "b", "a", "b", "a"]


def test_rounds_end_early_when_nobody_has_anything_to_read() -> None:
    for order in ("simultaneous", "round_robin"):
        topology = Topology.flat(["a", "b"], rounds=9, order=order, speaker="a")
        play = Play(topology, {"a": [None, "answer"], "b": [None]}).run()
        assert play.order == ["a", "b", "a"]
        assert play.end.answer == "answer"


def test_phases_are_told_with_their_edges_and_end_in_order() -> None:
    play = Play(Topology.flat(["a", "b"], rounds=1), dict.fromkeys("ab", named)).run()
    assert [e.phase for e in play.of(PhaseStarted)] == ["discuss", "answer"]
    assert [e.phase for e in play.of(PhaseEnded)] == ["discuss"]
    assert play.of(PhaseStarted)[1].edges == (("b", "user"),)
    [told] = play.of(Notice)
    assert (told.agent, told.template) == ("b", "answer_now")


def test_no_edge_of_one_phase_holds_in_the_next() -> None:
    play = Play(
        Topology.flat(["a", "b"], rounds=1),
        {"a": [[send("user"), None]], "b": ["b1", [send("a"), send("user", content="answer"), None]]},
    ).run()
    assert [(r.name, bool(r.error)) for r in play.results] == [("send_message", True)] * 2 + [("send_message", False)]
    assert ("b", "a", "hello") not in play.said
    assert play.end.answer == "answer"


def test_join_all_waits_for_every_predecessor_and_reads_in_the_order_of_the_edges() -> None:
    topology = Topology.graph(
        ["user -> a", "user -> b", "a -> c", "b -> c", "user -> c", "c -> user"], joins={"c": "all"}
    )
    slow_a = Play(topology, {"a": ["A"], "b": ["B"], "c": named}, choose=lambda pending: len(pending) - 1).run()
    fast_a = Play(topology, {"a": ["A"], "b": ["B"], "c": named}).run()
    assert slow_a.inboxes() == fast_a.inboxes()
    assert ("c", 1, ("A", "B", "the task")) in slow_a.inboxes()


def test_nobody_waits_for_an_edge_that_was_cut() -> None:
    def outside(play: Play, event: Event) -> list[Event]:
        heard = isinstance(event, MessageDelivered) and event.recipient == "c"
        return [TopologyChanged(change="cut", edges=(("b", "c"),))] if heard else []

    topology = Topology.graph(
        ["user -> a", "user -> b", "a -> c", "b -> c", "b -> d", "c -> user", "d -> a"], joins={"c": "all"}
    )
    play = Play(topology, {"a": ["A"], "b": ["B"], "c": named, "d": [None]}, after=outside).run()
    assert play.end.answer == "c1"
    assert ("c", 1, ("A",)) in play.inboxes()


def test_a_quorum_needs_so_many_different_senders() -> None:
    topology = Topology.graph(["user -> a", "a -> b", "a -> q", "b -> a", "b -> q", "q -> user"], joins={"q": 2})
    play = Play(
        topology,
        {"a": [[send("b", "q"), None], [send("q"), None]], "b": [[send("a"), None], [send("q"), None]], "q": named},
    ).run()
    assert play.end.outcome == "stalled"
    play = Play(topology, {"a": [[send("b", "q"), None]], "b": [[send("q"), None]], "q": named}).run()
    assert play.end.answer == "q1"


def test_messages_that_come_during_a_turn_are_read_in_the_next() -> None:
    topology = Topology.graph(["user -> a", "user -> b", "a -> c", "b -> c", "c -> d", "d -> user"])
    play = Play(
        topology, {"a": ["A"], "b": ["B"], "c": named, "d": lambda turn: None}, choose=lambda pending: len(pending) - 1
    ).run()
    assert [inbox for inbox in play.inboxes() if inbox[0] == "c"] == [("c", 1, ("B",)), ("c", 2, ("A",))]


def test_a_failed_turn_is_the_reason_when_nothing_else_can_happen() -> None:
    play = Play(Topology.chain(["a", "b"]), {"a": ["x"], "b": [Exception("no power")]}).run()
    assert (play.end.outcome, play.end.reason) == ("failed", "turn_failed: b: no power")
    assert play.end.answer is None
    play.check_form()


def test_a_run_in_which_nobody_says_anything_stalls() -> None:
    play = Play(Topology.chain(["a", "b"]), {"a": [None], "b": ["b"]}).run()
    assert play.end.outcome == "stalled"
    assert "no answer reached the user" in play.end.reason


def test_the_first_message_to_the_user_is_the_answer_and_ends_the_others_turns() -> None:
    topology = Topology.graph(["user -> a", "user -> b", "a -> user", "b -> user"])
    play = Play(topology, {"a": ["A"], "b": ["B"]}, choose=lambda pending: len(pending) - 1).run()
    assert play.end.answer == "B"
    assert [item for item in play.said if item[1] == "user"] == [("b", "user", "B")]
    play.check_form()


def test_a_refuted_answer_goes_back_to_its_author_as_often_as_allowed() -> None:
    answers = iter(["one", "two", "three"])
    play = Play(
        Topology.chain(["a", "b"]),
        {"a": ["a"], "b": lambda turn: next(answers)},
        verify=lambda answer: answer == "three",
        options={"verify_retries": 2},
    ).run()
    assert (play.end.outcome, play.end.answer) == ("verified", "three")
    assert play.order == ["a", "b", "b", "b"]
    assert [e.template for e in play.of(Notice)] == ["refuted", "refuted"]
    assert "one" not in play.of(Notice)[0].content


def test_an_answer_that_is_never_right_fails_after_the_last_retry() -> None:
    for retries in (0, 1):
        play = Play(
            Topology.solo("a"), {"a": named}, verify=lambda answer: False, options={"verify_retries": retries}
        ).run()
        assert (play.end.outcome, play.end.reason, play.end.answer) == ("failed", "not_verified", None)
        assert len(play.order) == 1 + retries


def test_an_answer_to_check_is_refuted_even_while_its_author_is_still_busy() -> None:
    topology = Topology.graph(["user -> a", "a -> user", "a -> b"])
    play = Play(
        topology,
        {"a": [[send("user", content="wrong"), None], [send("user", content="right"), None]], "b": named},
        verify=lambda answer: answer == "right",
        options={"verify_retries": 1},
    ).run()
    assert (play.end.outcome, play.end.answer) == ("verified", "right")


def test_a_second_answer_is_refused_while_the_first_is_checked() -> None:
    topology = Topology.graph(["user -> a", "user -> b", "a -> user", "b -> user"])
    play = Play(
        topology,
        {"a": ["A"], "b": [[send("user", content="B"), None]]},
        slow_verify=True,
        options={"verify_retries": 0},
    ).run()
    assert (play.end.outcome, play.end.answer) == ("verified", "A")
    assert "an answer is already being checked" in (play.results[0].error or "")
    play.check_form()


@given(st.data())
def test_what_simultaneous_agents_read_never_depends_on_who_is_faster(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 4))
    names = [f"n{i}" for i in range(size)]
    topology = Topology.flat(names, rounds=data.draw(st.integers(1, 3)))
    deeds = data.draw(
        st.dictionaries(
            st.tuples(st.sampled_from(names), st.integers(1, 3)),
            st.lists(st.sampled_from([*names, "user", "nobody"]), max_size=2, unique=True),
        )
    )

    def act(turn: StartTurn) -> object:
        chosen = deeds.get((turn.agent, turn.turn))
        text = f"{named(turn)} read {len(turn.inbox)}"
        return text if chosen is None else None if not chosen else [send(*chosen, content=text), "closing"]

    def shuffled(pending: Sequence[StartTurn]) -> int:
        return data.draw(st.integers(0, len(pending) - 1))

    actors = dict.fromkeys(names, act)
    straight = Play(topology, actors).run()
    permuted = Play(topology, actors, choose=shuffled).run()
    assert permuted.inboxes() == straight.inboxes()
    assert sorted(ids_read(permuted)) == sorted(ids_read(straight))
    held = [(e.sender, e.recipient, e.content) for e in straight.of(MessageDelivered)]
    assert [(e.sender, e.recipient, e.content) for e in permuted.of(MessageDelivered)] == held
    permuted.check_form()


def ids_read(play: Play) -> list[tuple[str | None, int, tuple[str, ...]]]:
    return [
        (e.agent, e.turn, tuple(id_ for id_ in e.inbox if not id_.startswith("notice"))) for e in play.of(TurnStarted)
    ]


@given(st.data())
def test_every_random_graph_gives_a_well_formed_log_whoever_is_faster(data: st.DataObject) -> None:
    names = ["a", "b", "c", "d"][: data.draw(st.integers(1, 4))]
    ends = st.tuples(st.sampled_from([*names, "user"]), st.sampled_from([*names, "user"]))
    pairs = data.draw(st.sets(ends.filter(lambda pair: pair[0] != pair[1]), min_size=1, max_size=10))
    edges = [{"from": a, "to": b, "max_messages": data.draw(st.integers(1, 3))} for a, b in sorted(pairs)]
    kinds: list[Join] = ["any", "all", 2]
    joins = data.draw(st.dictionaries(st.sampled_from(names), st.sampled_from(kinds)))
    words: st.SearchStrategy[Any] = st.one_of(
        st.none(),
        st.just("text"),
        st.just(Exception("broken")),
        st.lists(st.sampled_from([*names, "user", "x"]), min_size=1).map(lambda to: [send(*to), "after"]),
        st.just([("decide", {"decision": "done"}), ("open_tasks", {}), ("no", {})]),
    )
    play = Play(
        Topology.graph(edges, names, joins=joins),
        dict.fromkeys(names, lambda turn: data.draw(words)),
        choose=lambda pending: data.draw(st.integers(0, len(pending) - 1)),
        verify=lambda answer: data.draw(st.booleans()),
        options={"verify_retries": data.draw(st.sampled_from([None, 0, 1]))},
    ).run()
    play.check_form()
    assert {(e.sender, e.recipient) for e in play.of(MessageDelivered)} <= set(play.topology.edges)
    assert all(e.sender != "agentmesh" for e in play.of(MessageProposed))


@given(st.data())
def test_the_scheduler_is_pure_the_same_events_give_the_same_log(data: st.DataObject) -> None:
    names = ["a", "b", "c"]
    topology = Topology.flat(names, rounds=2, order=data.draw(st.sampled_from(["simultaneous", "round_robin"])))
    choices = data.draw(st.lists(st.integers(0, 2), min_size=12, max_size=12))

    def play() -> Play:
        left = iter(choices)
        return Play(topology, dict.fromkeys(names, named), choose=lambda p: next(left) % len(p)).run()

    assert play().log == play().log
