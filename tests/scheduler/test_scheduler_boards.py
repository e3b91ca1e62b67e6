"""Boards: who may read and write them, versions, and the entries that stand on them."""

from __future__ import annotations

import json
from typing import Any

from agentmesh.events import BoardWritten, Event, Notice, PhaseStarted, TopologyChanged
from agentmesh.scheduler import StartTurn
from agentmesh.topology.graph import Board, Topology
from agentmesh.topology.phases import Edge, Phase
from tests.scheduler.scheduler_play import Call, Play, read, write

BOTH = ("a -> board", "board -> a", "b -> board", "board -> b")


def team(*board_edges: str, content: str = "") -> Topology:
    """a, then b, who answers; and a board."""
    edges = ["user -> a", "a -> b", "b -> user", *board_edges]
    return Topology.graph(edges, ["a", "b"], boards={"board": Board(content)})


def claim(path: str, start: int, end: int) -> Call:
    return ("claim", {"board": "board", "path": path, "start": start, "end": end})


def commit_to(text: str, state: str = "open") -> Call:
    return ("commit_to", {"board": "board", "text": text, "state": state})


def offer(*options: str) -> Call:
    return ("offer", {"board": "board", "options": list(options)})


def choose(id_: str, option: str) -> Call:
    return ("choose", {"board": "board", "offer": id_, "option": option})


def play(topology: Topology, a: list[Any], b: list[Any]) -> Play:
    return Play(topology, {"a": [[*a, "over"]], "b": [[*b, "done"]]}).run()


def shown(result: str | None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result or "")
    return found


def results(of: Play, agent: str) -> list[str]:
    return [result.error or result.result or "" for result in of.results if result.agent == agent]


def test_what_one_writes_the_other_reads_with_its_version() -> None:
    done = play(team("a -> board", "board -> b", content="before"), [write("after", 0)], [read()])
    assert results(done, "a") == ["'board' is at version 1"]
    assert shown(results(done, "b")[0]) == {"board": "board", "version": 1, "content": "after", "entries": []}
    [written] = done.of(BoardWritten)
    assert (written.agent, written.board, written.version, written.content) == ("a", "board", 1, "after")


def test_a_board_is_read_and_written_along_edges_alone() -> None:
    done = play(team("a -> board", "board -> b"), [read(), write("x", 0, "user")], [write("y", 0), claim("p", 1, 2)])
    assert results(done, "a") == [
        "'a' may not read 'board'; it may read: no board",
        "'a' may not write to 'user'; it may write to: board",
    ]
    assert results(done, "b") == ["'b' may not write to 'board'; it may write to: no board"] * 2
    assert not done.of(BoardWritten)
    assert [view.tools for view in done.views] == [
        ("send_message", "write_board", "claim", "commit_to", "offer", "choose")[1:],
        ("read_board",),
    ]


def test_a_board_is_no_recipient_of_messages() -> None:
    done = play(team(*BOTH), [("send_message", {"recipients": ["board"], "content": "x"})], [])
    assert done.refused == [("a", "board", "no_edge")]
    assert all("board" not in view.recipients for view in done.views)


def test_a_stale_write_is_refused_with_what_changed() -> None:
    done = play(team(*BOTH, content="one\ntwo"), [write("one\nTWO", 0)], [write("mine", 0), write("one\nTWO\nmine", 1)])
    stale, accepted = results(done, "b")
    assert stale.startswith("'board' is at version 1, and you wrote on version 0; changed since, by a:")
    assert "-two" in stale
    assert "+TWO" in stale
    assert accepted == "'board' is at version 2"
    assert [e.content for e in done.of(BoardWritten)] == ["one\nTWO", "one\nTWO\nmine"]


def test_a_stale_write_shows_nothing_to_those_who_may_not_read() -> None:
    done = play(team("a -> board", "b -> board"), [write("secret", 0)], [write("mine", 0)])
    assert results(done, "b") == [
        "'board' is at version 1, and you wrote on version 0; write again on version 1",
    ]


def test_a_version_that_there_is_not_is_no_version_to_write_on() -> None:
    done = play(team(*BOTH), [write("x", 7)], [])
    assert results(done, "a") == [
        "'board' is at version 0, and you wrote on version 7, which there is not; read it and write again"
    ]


def test_an_overlapping_claim_is_refused_with_who_holds_it() -> None:
    done = play(
        team(*BOTH),
        [claim("f.py", 10, 20), claim("f.py", 15, 30)],
        [claim("f.py", 20, 25), claim("f.py", 31, 40), claim("g.py", 10, 20), claim("f.py", 5, 1), read()],
    )
    assert results(done, "a") == ["claim c1 stands on 'board'", "claim c2 stands on 'board'"]  # one's own may overlap
    held, free, other, backwards, board = results(done, "b")
    assert held == "10-20 of 'f.py' is claimed by 'a' (c1); claim what does not overlap with it"
    assert [free, other] == ["claim c3 stands on 'board'", "claim c4 stands on 'board'"]
    assert backwards == "a claim goes from start to end; found 5 to 1"
    assert [entry["owner"] for entry in shown(board)["entries"]] == ["a", "a", "b", "b"]
    assert shown(board)["version"] == 0, "an entry is no new version of the text"


def test_a_claim_of_the_same_file_by_another_spelling_overlaps_too() -> None:
    done = play(
        team(*BOTH), [claim("src/f.py", 10, 20)], [claim("./src//f.py", 15, 30), claim("src/x/../f.py", 1, 10), read()]
    )
    assert all("is claimed by 'a' (c1)" in told for told in results(done, "b")[:2])
    assert len(shown(results(done, "b")[2])["entries"]) == 1


def two_phases(**more: Any) -> Topology:
    edges = (Edge("a", "board"), Edge("b", "board"), Edge("board", "b"))
    first = Phase("one", "reactive", ("a", "b"), (Edge("user", "a"), *edges), boards={"board": Board()})
    second = Phase("two", "reactive", ("b",), (*edges[1:], Edge("b", "user")), opens=("b",), boards={"board": Board()})
    return Topology([first, second], **more)


def test_claims_end_with_the_phase_and_the_rest_stays() -> None:
    actors = {"a": [[claim("f", 1, 9), commit_to("test it"), write("text", 0), None]], "b": [[read(), "done"]]}
    done = Play(two_phases(), actors).run()
    board = shown(results(done, "b")[0])
    assert [(entry["id"], entry["kind"]) for entry in board["entries"]] == [("k2", "commitment")]
    assert (board["content"], board["version"]) == ("text", 1)


def test_what_an_isolated_or_replaced_agent_claimed_is_free() -> None:
    for change, agents in (("isolate", ("a",)), ("replace", ("a", "c"))):

        def outside(of: Play, event: Event, change: Any = change, agents: Any = agents) -> list[Event]:
            entered = isinstance(event, BoardWritten) and event.agent == "a"
            return [TopologyChanged(change=change, agents=agents)] if entered else []

        topology = team(*BOTH, "user -> b")
        actors = {"a": [[claim("f", 1, 9), None]], "b": [[claim("f", 1, 9), "done"]], "c": [None]}
        done = Play(topology, actors, after=outside).run()
        assert results(done, "b") == ["claim c2 stands on 'board'"]


def test_a_commitment_has_an_owner_and_a_state_that_only_its_owner_changes() -> None:
    done = play(
        team(*BOTH), [commit_to("write tests"), commit_to("Write tests.", "kept")], [commit_to("write tests"), read()]
    )
    entries = shown(results(done, "b")[-1])["entries"]
    assert [(entry["id"], entry["owner"], entry.get("state", "open")) for entry in entries] == [
        ("k1", "a", "kept"),
        ("k2", "b", "open"),
    ]


def test_what_became_of_a_commitment_can_be_said_by_its_id_and_only_of_one_that_stands() -> None:
    done = play(
        team(*BOTH),
        [commit_to("write tests"), commit_to("write docs"), commit_to("k2", "dropped"), commit_to("the tests", "kept")],
        [commit_to("k1", "kept"), commit_to("k1"), read()],
    )
    assert results(done, "a")[2:] == [
        "commitment k2 stands on 'board'",
        "you have committed yourself to no such thing; yours: k1 'write tests', k2 'write docs'",
    ]
    assert results(done, "b")[0] == "you have committed yourself to no such thing; yours: none"
    entries = shown(results(done, "b")[-1])["entries"]
    assert [(entry["id"], entry["owner"], entry.get("state", "open")) for entry in entries] == [
        ("k1", "a", "open"),
        ("k2", "a", "dropped"),
        ("k3", "b", "open"),
    ]


def test_an_offer_of_one_who_is_out_can_be_chosen_by_nobody() -> None:
    def outside(of: Play, event: Event) -> list[Event]:
        offered = isinstance(event, BoardWritten) and event.agent == "a"
        return [TopologyChanged(change="isolate", agents=("a",))] if offered else []

    topology = team(*BOTH, "user -> b")
    done = Play(topology, {"a": [[offer("tea"), None]], "b": [[choose("o1", "tea"), "done"]]}, after=outside).run()
    assert results(done, "b") == ["there is no offer 'o1'; offers: none"]


def test_the_first_choice_of_another_settles_an_offer() -> None:
    done = play(
        team(*BOTH),
        [offer("tea", "coffee"), choose("o1", "tea")],
        [choose("o9", "tea"), choose("o1", "milk"), choose("o1", "tea"), choose("o1", "coffee"), read()],
    )
    assert results(done, "a")[1] == "o1 is your own offer; somebody else chooses"
    assert results(done, "b")[:-1] == [
        "there is no offer 'o9'; offers: o1",
        "'milk' is no option of o1; options: tea, coffee",
        "offer o1 stands on 'board'",
        "'b' has chosen 'tea' of o1 already",
    ]
    [entry] = shown(results(done, "b")[-1])["entries"]
    assert (entry["owner"], entry["option"], entry["taken_by"]) == ("a", "tea", "b")


def test_who_may_not_read_a_board_is_not_told_what_is_offered_there() -> None:
    done = play(team("a -> board", "b -> board"), [offer("tea", "coffee")], [choose("o1", "x"), choose("o1", "tea")])
    assert results(done, "b") == ["'x' is no option of o1", "offer o1 stands on 'board'"]


def test_wrong_arguments_are_told_and_change_nothing() -> None:
    done = play(team(*BOTH), [("write_board", {"board": "board", "content": 3}), ("read_board", {})], [])
    assert "write_board takes board, content, version" in results(done, "a")[0]
    assert "read_board takes board" in results(done, "a")[1]


def test_a_board_whose_edge_was_cut_is_out_of_reach_and_no_longer_offered() -> None:
    def outside(of: Play, event: Event) -> list[Event]:
        started = isinstance(event, PhaseStarted)
        return [TopologyChanged(change="cut", edges=(("board", "b"), ("b", "board")))] if started else []

    done = Play(team(*BOTH), {"a": ["over"], "b": [[read(), write("x", 0), "done"]]}, after=outside).run()
    assert results(done, "b")[0] == "'b' may not read 'board'; it may read: no board"
    assert results(done, "b")[1] == "'b' may not write to 'board'; it may write to: no board"
    assert done.views[1].tools == ()


def test_only_boards_with_an_edge_are_named_to_a_model() -> None:
    topology = Topology.graph(
        ["user -> a", "a -> user", "a -> one", "two -> a"], ["a"], boards={"one": Board(), "two": Board()}
    )
    views: list[StartTurn] = []

    def act(turn: StartTurn) -> str:
        views.append(turn)
        return "done"

    Play(topology, {"a": act}).run()
    assert views[0].choices["read_board"] == {"board": ("two",)}
    assert views[0].choices["write_board"] == {"board": ("one",)}


def at_once() -> Topology:
    """a and b in rounds of both at once, with a board that both may read and write; then b answers."""
    pairs = [edge.split(" -> ") for edge in ("user -> a", "user -> b", "a -> b", "b -> a", *BOTH)]
    talk = Phase("talk", "simultaneous", ("a", "b"), tuple(Edge(a, b) for a, b in pairs), rounds=2, end="rounds")
    answer = Phase("answer", "reactive", ("b",), (Edge("b", "user"),), opens=("b",))
    return Topology([talk, answer], boards={"board": Board()})


def test_in_a_round_of_all_at_once_nobody_sees_what_is_written_before_it_is_over() -> None:
    deeds = {"a": [[write("from a", 0), read(), "x"], [read(), "x"]], "b": [[read(), "y"], [read(), "y"], "done"]}
    for last in (0, -1):
        done = Play(at_once(), deeds, choose=lambda pending, last=last: last).run()  # type: ignore[misc]
        seen = {name: [shown(text)["content"] for text in results(done, name) if text.startswith("{")] for name in "ab"}
        assert seen == {"a": ["", "from a"], "b": ["", "from a"]}
        kept = "kept: it stands on 'board' when the round is over, if nothing precedes it"
        assert results(done, "a")[0] == kept


def test_of_two_writes_of_one_round_the_first_in_the_order_of_the_nodes_stands_whoever_was_faster() -> None:
    deeds = {"a": [[write("from a", 0), "x"], "x"], "b": [[write("from b", 0), claim("p", 1, 2), "y"], "y", "done"]}
    for last in (0, -1):
        done = Play(at_once(), deeds, choose=lambda pending, last=last: last).run()  # type: ignore[misc]
        assert [(e.agent, e.content) for e in done.of(BoardWritten)] == [("a", "from a"), ("b", None)]
        [told] = [event for event in done.of(Notice) if event.template == "board_refused"]
        assert told.agent == "b"
        assert "'board' is at version 1, and you wrote on version 0" in told.content
        assert done.end.answer == "done"


def test_one_write_a_board_and_round_and_what_cannot_stand_is_refused_at_once() -> None:
    deeds = {"a": [[write("one", 0), write("two", 0), write("three", 7), "x"], "x"], "b": ["y", "y", "done"]}
    done = Play(at_once(), deeds).run()
    again, stale = results(done, "a")[1:3]
    assert again == "you have written to 'board' in this round; once is all there is"
    assert "which there is not" in stale
    assert [event.content for event in done.of(BoardWritten)] == ["one"]
