"""Labels: what comes from outside is known to, however many hands it passes through."""

from __future__ import annotations

import json
from typing import Any

from agentmesh.events import (
    BoardWritten,
    ContextStarted,
    Event,
    MessageDelivered,
    ToolCallFinished,
    ToolCallStarted,
    TurnStarted,
)
from agentmesh.topology.graph import Board, Topology, Vote
from agentmesh.topology.phases import Edge, Phase
from tests.scheduler.scheduler_play import Play, read, send, write

CHAIN = (Edge("user", "a"), Edge("a", "b"), Edge("b", "c"), Edge("c", "a"), Edge("c", "user"))


def fetched(agent: str, trust: Any = "untrusted") -> list[Event]:
    """A tool of the agent has returned something."""
    shared: dict[str, Any] = {"agent": agent, "key": f"web/{agent}", "name": "web", "arguments": {}}
    return [ToolCallStarted(**shared), ToolCallFinished(**shared, result="a page", trust=trust)]


def after_turn_starts(*starts: tuple[str, int], events: Any) -> Any:
    def outside(play: Play, event: Event) -> list[Event]:
        begun = isinstance(event, TurnStarted) and (event.agent, event.turn) in starts
        return list(events(event.agent)) if begun else []

    return outside


def labels(play: Play) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for event in play.of(MessageDelivered):
        found.setdefault((event.sender, event.recipient), []).append(event.trust)
    return found


def test_what_a_tool_brought_from_outside_is_untrusted_two_hops_on() -> None:
    topology = Topology([Phase("p", "reactive", ("a", "b", "c"), CHAIN)])
    deeds = {"a": ["1", None], "b": ["2"], "c": [[send("a"), send("user"), None]]}
    play = Play(topology, deeds, after=after_turn_starts(("a", 1), events=fetched)).run()
    assert labels(play) == {
        ("user", "a"): ["trusted"],
        ("a", "b"): ["untrusted"],
        ("b", "c"): ["untrusted"],
        ("c", "a"): ["untrusted"],
        ("c", "user"): ["untrusted"],
    }
    assert (play.scheduler.untrusted("b") or "").endswith("from 'a'")
    assert (play.scheduler.untrusted("c") or "").endswith("from 'b'")


def test_an_untrusted_edge_marks_what_it_carries_and_a_trusted_tool_marks_nothing() -> None:
    edges = (Edge("user", "a", trust="untrusted"), Edge("user", "b"), Edge("a", "c"), Edge("b", "c"), Edge("c", "user"))
    topology = Topology([Phase("p", "reactive", ("a", "b", "c"), edges, joins={"c": "all"})])
    trusted = after_turn_starts(("b", 1), events=lambda agent: fetched(agent, "trusted"))
    play = Play(topology, dict.fromkeys("abc", lambda turn: turn.agent), after=trusted).run()
    assert labels(play) == {
        ("user", "a"): ["untrusted"],
        ("user", "b"): ["trusted"],
        ("a", "c"): ["untrusted"],
        ("b", "c"): ["trusted"],
        ("c", "user"): ["untrusted"],
    }


def test_the_label_goes_with_the_context_but_stays_with_what_is_carried_over() -> None:
    edges = (Edge("user", "a"), Edge("user", "b"), Edge("a", "c"), Edge("b", "a"), Edge("c", "user"))
    topology = Topology([Phase("p", "round_robin", ("a", "b", "c"), edges, rounds=2)])
    for reason, label in (("fresh", "trusted"), ("reset", "trusted"), ("compact", "untrusted"), ("phase", "untrusted")):

        def outside(play: Play, event: Event, reason: Any = reason) -> list[Event]:
            if not isinstance(event, TurnStarted) or event.agent != "a":
                return []
            return fetched("a") if event.turn == 1 else [ContextStarted(agent="a", reason=reason)]

        play = Play(topology, {"a": ["one", "two"], "b": ["b"], "c": [None, None]}, after=outside).run()
        assert labels(play)["a", "c"] == ["untrusted", label], reason


def test_a_context_that_starts_with_an_untrusted_inbox_is_untrusted() -> None:
    edges = (Edge("user", "a", trust="untrusted"), Edge("a", "user"))
    topology = Topology([Phase("p", "reactive", ("a",), edges)])
    new = after_turn_starts(("a", 1), events=lambda agent: [ContextStarted(agent=agent, reason="fresh")])
    play = Play(topology, {"a": ["x"]}, after=new).run()
    assert labels(play)["a", "user"] == ["untrusted"]


def test_an_agent_that_remembers_nothing_is_as_trusted_as_what_it_reads() -> None:
    """a reads something from outside in its first turn, and only clean words of b in its second."""
    edges = (Edge("user", "a", trust="untrusted"), Edge("user", "b"), Edge("a", "c"), Edge("b", "a"), Edge("c", "user"))
    topology = Topology([Phase("p", "round_robin", ("a", "b", "c"), edges, rounds=2)])
    for forgetful, second in ((["a"], "trusted"), ([], "untrusted")):
        play = Play(topology, {"a": ["1", "2"], "b": ["b"], "c": [None, None]}, options={"forgetful": forgetful}).run()
        assert labels(play)["a", "c"] == ["untrusted", second]


def test_an_untrusted_ballot_makes_the_result_untrusted() -> None:
    for trust in ("trusted", "untrusted"):
        edges = (
            Edge("user", "a"),
            Edge("user", "b", trust=trust),
            Edge("a", "poll"),
            Edge("b", "poll"),
            Edge("poll", "user"),
        )
        topology = Topology([Phase("p", "reactive", ("a", "b"), edges, votes={"poll": Vote()})])
        play = Play(topology, {"a": ["x"], "b": ["x"]}).run()
        assert labels(play)["poll", "user"] == [trust]


def board(*, reads: bool = True) -> Topology:
    """a writes with an untrusted context, b with a clean one."""
    edges = (
        Edge("user", "a", trust="untrusted"),
        Edge("user", "b"),
        Edge("a", "board"),
        Edge("b", "board"),
        *([Edge("board", "b")] if reads else []),
        Edge("b", "user"),
    )
    return Topology([Phase("p", "round_robin", ("a", "b"), edges, rounds=1, boards={"board": Board()})])


def offered(text: str) -> Any:
    return ("offer", {"board": "board", "options": [text]})


def test_a_board_keeps_the_label_of_what_stands_on_it() -> None:
    play = Play(board(), {"a": [[write("bad", 0), None]], "b": [[read(), "done"]]}).run()
    assert [e.trust for e in play.of(BoardWritten)] == ["untrusted"]
    assert play.results[-1].trust == "untrusted"
    assert labels(play)["b", "user"] == ["untrusted"]


def test_clean_text_over_untrusted_text_makes_the_board_clean() -> None:
    play = Play(board(), {"a": [[write("bad", 0), None]], "b": [[write("good", 1), read(), "done"]]}).run()
    assert play.results[-1].trust == "trusted"
    assert labels(play)["b", "user"] == ["trusted"]


def test_clean_text_does_not_clean_the_entries_beside_it() -> None:
    play = Play(board(), {"a": [[offered("bad"), None]], "b": [[write("good", 0), read(), "done"]]}).run()
    assert json.loads(play.results[-1].result or "")["entries"][0]["options"] == ["bad"]
    assert play.results[-1].trust == "untrusted"
    assert labels(play)["b", "user"] == ["untrusted"]


def test_what_a_refused_write_or_choice_shows_of_a_board_keeps_its_label() -> None:
    choice = ("choose", {"board": "board", "offer": "o1", "option": "x"})
    for first, second in ((write("bad", 0), write("mine", 0)), (offered("bad"), choice)):
        for reads in (True, False):
            play = Play(board(reads=reads), {"a": [[first, None]], "b": [[second, "done"]]}).run()
            error = play.results[-1].error or ""
            assert ("bad" in error) == reads
            assert play.results[-1].trust == ("untrusted" if reads else "trusted")
            assert labels(play)["b", "user"] == [play.results[-1].trust]


def test_summaries_keep_the_label() -> None:
    edges = (Edge("user", "a", trust="untrusted"), Edge("a", "b", carries="summary"), Edge("b", "user"))
    topology = Topology([Phase("p", "reactive", ("a", "b"), edges)])

    assert labels(Play(topology, {"a": ["text"], "b": ["done"]}).run())["a", "b"] == ["untrusted"]
