"""What the comparison with the reference draws: teams, what their agents do, and what happens to the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from tests.properties.reference import FAIL

NAMES = ("a", "b", "c", "d")
RESERVE = ("r", "s")
SPOKEN = ("poll", "board", "user", "nobody")
WORDS = ("x", "y", "X.", "z")

Deed = tuple[list[tuple[Any, ...]], Any]
Changes = Mapping[int, Sequence[tuple[Any, ...]]]


@st.composite
def teams(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Phases as the reference reads them."""
    names = NAMES[: draw(st.sampled_from([2, 3, 3, 4]))]
    return [draw(phases(f"p{at}", names, first=at == 0)) for at in range(draw(st.integers(1, 3)))]


@st.composite
def phases(draw: st.DrawFn, name: str, names: Sequence[str], *, first: bool) -> dict[str, Any]:
    agents = [one for one in names if draw(st.integers(0, 7))] or [names[0]]
    pairs = [(one, other) for one in agents for other in agents if one != other and draw(st.integers(0, 2))]
    pairs += [("user", one) for one in agents if draw(st.integers(0, 2))] or [("user", agents[0])]
    pairs += [(one, "user") for one in agents if not draw(st.integers(0, 5))]
    votes: dict[str, Any] = {}
    if draw(st.booleans()):
        votes["poll"] = draw(ballots(agents))
        pairs += [(one, "poll") for one in agents if draw(st.integers(0, 3))]
        pairs += [("poll", draw(st.sampled_from(["user", *agents])))]
    boards = ["board"] if draw(st.integers(0, 2)) else []
    for board in boards:
        pairs += [(one, board) for one in agents if draw(st.integers(0, 2))]
        pairs += [(board, one) for one in agents if draw(st.integers(0, 2))]
    order = draw(st.sampled_from(["reactive", "round_robin", "simultaneous"]))
    joins = st.dictionaries(st.sampled_from(agents), st.sampled_from(["all", "quorum", 2]), max_size=1)
    short = draw(st.sampled_from(["full", "full", "position"]))
    edge = st.fixed_dictionaries(
        {"cap": st.sampled_from([*[None] * 5, 1, 2]), "carries": st.sampled_from(["full", "full", "full", short])}
    )
    return {
        "name": name,
        "order": order,
        "participants": agents,
        "edges": {pair: draw(edge) for pair in draw(st.permutations(pairs))},
        "rounds": draw(st.integers(1, 3)),
        "end": draw(st.sampled_from(["rounds", "converged"])),
        "opens": [] if first else [one for one in agents if draw(st.integers(0, 2))],
        "joins": draw(joins) if order == "reactive" else {},
        "votes": votes,
        "boards": boards,
    }


@st.composite
def ballots(draw: st.DrawFn, agents: Sequence[str]) -> dict[str, Any]:
    return {
        "method": draw(st.sampled_from(["plurality", "borda"])),
        "options": draw(st.sampled_from([[], ["x", "y"]])),
        "candidates": draw(st.sampled_from([[], [], agents[:2]])),
        "weights": draw(st.dictionaries(st.sampled_from(agents), st.sampled_from([2.0, 0.5]), max_size=2)),
        "ties": draw(st.sampled_from(["seed", *agents])),
    }


def calls(text: str) -> st.SearchStrategy[tuple[Any, ...]]:
    names = st.lists(st.sampled_from([*NAMES, *NAMES, *NAMES, *RESERVE, *SPOKEN]), min_size=1, max_size=3)
    ranking = st.lists(st.sampled_from([*WORDS, *NAMES[:2]]), min_size=1, max_size=3)
    board = st.sampled_from([*["board"] * 5, "a"])
    return st.one_of(
        names.map(lambda to: ("send", to, text)),
        names.map(lambda to: ("send", to, text)),
        ranking.map(lambda given: ("vote", given)),
        board.map(lambda name: ("read", name)),
        st.tuples(st.just("write"), board, st.just(text), st.sampled_from([0, 0, 1, 1, 2])),
        st.tuples(st.just("claim"), board, st.sampled_from("fg"), st.integers(0, 3), st.integers(3, 5)),
    )


class Script:
    """What agents do, drawn when it is first asked for. After three turns an agent does nothing any more."""

    def __init__(self, data: st.DataObject, *, silent: bool) -> None:
        self._data, self._silent = data, silent
        self._drawn: dict[tuple[str, int], Deed] = {}

    def __call__(self, agent: str, turn: int) -> Deed:
        if turn > 3:
            return ([], None if self._silent else FAIL)
        if (agent, turn) not in self._drawn:
            self._drawn[agent, turn] = self._data.draw(self._deed(agent, turn), label=f"{agent}{turn}")
        return self._drawn[agent, turn]

    def _deed(self, agent: str, turn: int) -> st.SearchStrategy[Deed]:
        text = f"{agent}{turn}"
        replies = [text, text, "x", "y", (text, "x"), (text, "Y"), (text, "x")]
        others = [None, FAIL] if self._silent else [FAIL]
        some = st.lists(calls(text), min_size=1, max_size=3)
        return st.one_of(
            st.tuples(st.just([]), st.sampled_from([*replies, *replies, *others])),
            # An agent that acts by tools has no position beside what it says then, and does not fail.
            st.tuples(some, st.sampled_from([text, text, None] if self._silent else [text])),
            st.tuples(some, st.just(text)),
        )


@st.composite
def changes(draw: st.DrawFn, team: Sequence[Mapping[str, Any]]) -> dict[int, list[tuple[Any, ...]]]:
    """By moment: what happens to the graph, once so many turns have begun or ended."""
    pairs = sorted({pair for phase in team for pair in phase["edges"]})
    names = sorted({name for phase in team for name in phase["participants"]})
    spare = iter(RESERVE)
    found: dict[int, list[tuple[Any, ...]]] = {}
    for number in sorted(draw(st.sets(st.integers(1, 10), max_size=4))):
        what = draw(st.sampled_from([*["cut"] * 4, "restore", "isolate", "replace", "enter_phase"]))
        new = next(spare, None) if what == "replace" else None
        if what in ("cut", "restore"):
            found[number] = [(what, *draw(st.sampled_from(pairs)))]
        elif what == "enter_phase":
            found[number] = [(what, draw(st.sampled_from([phase["name"] for phase in team])))]
        elif what == "isolate":
            found[number] = [(what, draw(st.sampled_from(names)))]
        elif new is not None:
            old = draw(st.sampled_from(names))
            names = [new if name == old else name for name in names]
            found[number] = [(what, old, new)]
    return found
