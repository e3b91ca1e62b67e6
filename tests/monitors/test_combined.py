"""Monitors made of monitors."""

from __future__ import annotations

from collections.abc import Iterable

from agentmesh.events import Event, MessageDelivered, TurnStarted, stamped
from agentmesh.messages import Finding
from agentmesh.monitors import after, all_of, any_of, per_edge


def said(id_: int, text: str, sender: str = "a", recipient: str = "b") -> Event:
    event = MessageDelivered(agent=sender, message_id=f"m{id_}", sender=sender, recipient=recipient, content=text)
    return stamped(event, id_, "r", 0.0)


class Says:
    """Finds a word."""

    def __init__(self, word: str, score: float = 1.0) -> None:
        self.word, self.score = word, score
        self.scores = {word: 0.0}

    def observe(self, event: Event, /) -> Iterable[Finding]:
        if isinstance(event, MessageDelivered) and self.word in event.content:
            self.scores[self.word] = self.score
            yield Finding(
                label=self.word, score=self.score, agents=(event.sender,), evidence=(event.id,), why=self.word
            )


class Twice:
    """Finds what is said twice."""

    def __init__(self) -> None:
        self.heard: set[str] = set()
        self.scores = {"twice": 0.0}

    def observe(self, event: Event, /) -> Iterable[Finding]:
        assert isinstance(event, MessageDelivered), "it sees messages alone"
        if event.content in self.heard:
            self.scores["twice"] = 1.0
            yield Finding(label="twice", evidence=(event.id,))
        self.heard.add(event.content)


def labels(found: Iterable[Finding]) -> list[str]:
    return [finding.label for finding in found]


def test_any_of_finds_what_any_of_them_finds_and_shows_the_highest_scores() -> None:
    monitor = any_of(Says("x", 0.3), Says("y", 0.9), lambda event: None)
    assert labels(monitor.observe(said(1, "x and y"))) == ["x", "y"]
    assert labels(monitor.observe(said(2, "neither"))) == []
    assert monitor.scores == {"x": 0.3, "y": 0.9}  # type: ignore[attr-defined]


def test_all_of_waits_for_every_one_and_scores_as_the_least_sure() -> None:
    monitor = all_of(Says("x", 0.3), Says("y", 0.9), label="both", within=3)
    assert labels(monitor.observe(said(1, "x", "ann"))) == []
    [finding] = monitor.observe(said(2, "y", "ben"))
    assert (finding.label, finding.score, finding.agents, finding.evidence) == ("both", 0.3, ("ann", "ben"), (1, 2))
    assert finding.why == "x; and y"


def test_all_of_forgets_what_is_longer_ago_than_it_says() -> None:
    monitor = all_of(Says("x"), Says("y"), label="both", within=3)
    for event in (said(1, "x"), said(2, "-"), said(3, "-")):
        assert labels(monitor.observe(event)) == []
    assert labels(monitor.observe(said(4, "y"))) == []
    assert labels(monitor.observe(said(5, "x"))) == ["both"]


def test_after_lets_the_second_speak_once_the_first_has() -> None:
    monitor = after(Says("x"), Says("y"))
    assert labels(monitor.observe(said(1, "y"))) == []
    assert labels(monitor.observe(said(2, "x and y"))) == []
    assert monitor.scores == {"y": 1.0}  # type: ignore[attr-defined]
    assert labels(monitor.observe(said(3, "y"))) == ["y"]


def test_per_edge_keeps_edges_apart() -> None:
    monitor = per_edge(Twice)
    started = stamped(TurnStarted(agent="a", turn=1, phase="talk"), 1, "r", 0.0)
    assert labels(monitor.observe(started)) == []
    assert labels(monitor.observe(said(2, "hello", "a", "b"))) == []
    assert labels(monitor.observe(said(3, "hello", "b", "a"))) == []
    assert labels(monitor.observe(said(4, "hello", "a", "b"))) == ["twice"]
    assert monitor.scores == {"twice": 1.0}  # type: ignore[attr-defined]


def test_per_edge_is_bounded_and_keeps_the_scores_of_forgotten_edges() -> None:
    monitor = per_edge(Twice)
    for id_ in (1, 2):
        monitor.observe(said(id_, "hello", "a", "b"))
    for number in range(1_001):
        monitor.observe(said(number + 3, "hello", "a", f"c{number}"))
    assert len(monitor._edges) == 1_000  # type: ignore[attr-defined]
    assert monitor.scores == {"twice": 1.0}  # type: ignore[attr-defined]
    assert labels(monitor.observe(said(2_000, "hello", "a", "b"))) == []  # the edge was forgotten: it starts anew
