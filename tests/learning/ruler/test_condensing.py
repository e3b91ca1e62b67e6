"""Long runs made to fit into the judge's prompt."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.errors import AgentMeshError
from agentmesh.learning.ruler import ruler_sync
from agentmesh.learning.ruler.asking import size_of
from agentmesh.learning.ruler.condensing import condensed, shares, size
from agentmesh.messages import Reply
from agentmesh.providers.base import Request
from tests.learning.ruler.groups import answer, run, shown

TALK = [{"from": "ann", "to": "bob", "text": f"Talk number {n}, and nothing more than that."} for n in range(100)]
FAULT = {"agent": "bob", "call": "run_tests", "arguments": "{}", "error": "the tests cannot be found"}
POSITION = {"agent": "ann", "position": "Position: 42"}
END = {"outcome": "completed", "reason": "answered", "answer": "42"}
LONG: list[dict[str, Any]] = [*TALK[:50], POSITION, *TALK[50:70], FAULT, *TALK[70:], END]


def test_a_run_that_fits_is_shown_as_it_is() -> None:
    assert condensed(LONG, size(LONG)) == LONG


def test_of_a_long_run_the_beginning_the_end_and_what_bears_on_its_worth_are_kept() -> None:
    kept = condensed(LONG, 300)
    assert size(kept) <= 300
    assert kept[0] == TALK[0]
    assert kept[-1] == END
    assert POSITION in kept
    assert FAULT in kept
    assert "[... 49 messages left out]" in kept
    left_out = sum(int(one.split()[1]) for one in kept if isinstance(one, str))
    assert left_out + sum(isinstance(one, dict) for one in kept) == len(LONG), "what is missing is counted"


def test_a_text_too_long_for_its_run_is_cut_in_the_middle_and_says_so() -> None:
    text = "".join(f"{n:05}" for n in range(4_000))
    (first, last) = condensed([{"from": "ann", "to": "user", "text": text}, END], 400)
    assert last == END
    assert isinstance(first, dict)
    head, note, tail = first["text"].replace(" [", "[").replace("] ", "]").replace("]", "[").split("[")
    assert text.startswith(head)
    assert text.endswith(tail)
    assert note == f"... {len(text) - len(head) - len(tail)} characters left out"


@given(
    texts=st.lists(st.one_of(st.text(max_size=300), st.integers(0, 9).map(lambda n: "\u6f22" * 60 * n)), max_size=30),
    tokens=st.integers(200, 2_000),
)
def test_whatever_a_run_holds_it_fits(texts: list[str], tokens: int) -> None:
    lines = [{"from": "ann", "text": text} for text in texts]
    kept = condensed(lines, tokens)
    assert size(kept) <= max(tokens, 0)
    assert not lines or kept


@given(sizes=st.lists(st.integers(0, 5_000), min_size=1, max_size=12), room=st.integers(0, 20_000))
def test_what_short_runs_leave_goes_to_long_ones_and_no_more_is_given_than_there_is(
    sizes: list[int], room: int
) -> None:
    given_ = shares(sizes, room)
    assert sum(given_) <= room
    assert all(some <= whole for some, whole in zip(given_, sizes, strict=True))
    short = [some for some, whole in zip(given_, sizes, strict=True) if some < whole]
    assert not short or max(short) - min(short) <= len(sizes), "those that lack something have as much as each other"
    assert not short or room - sum(given_) <= len(sizes)


def test_no_prompt_is_longer_than_its_limit() -> None:
    asked: list[Request] = []

    def judge(request: Request) -> Reply:
        asked.append(request)
        return Reply(text=answer([(one["id"], 0.5) for one in shown(request)["runs"]]))

    runs = [run(f"run-{n}", f"The way of {n}.", *LONG[n:]) for n in range(6)]
    ruler_sync(runs, judge, max_tokens=4_000)
    ruler_sync([*runs, run("short", "I am short.")], judge, max_tokens=3_000)
    assert all(3_500 < size_of(request) <= 4_000 for request in asked[:2])
    assert all(2_500 < size_of(request) <= 3_000 for request in asked[2:])
    assert "messages left out]" in str(asked[0].messages)


def test_more_runs_than_fit_are_refused_with_how_many_would() -> None:
    runs = [run(f"run-{n}", f"The way of {n}.", *LONG) for n in range(30)]
    with pytest.raises(AgentMeshError, match=r"30 different runs do not fit into max_tokens=4,000: .*room for (\d+)"):
        ruler_sync(runs, "simulated:judge", max_tokens=4_000)


def test_a_task_that_is_too_long_leaves_room_for_the_runs() -> None:
    asked: list[Request] = []

    def judge(request: Request) -> Reply:
        asked.append(request)
        return Reply(text=answer([(one["id"], 0.5) for one in shown(request)["runs"]]))

    task = "Read this. " + "word " * 20_000
    ruler_sync([run(f"run-{n}", {"role": "user", "content": task}, str(n), task=task) for n in range(3)], judge)
    assert size_of(asked[0]) < 12_000
    assert shown(asked[0])["task"].endswith("characters left out]")
    assert shown(asked[0])["context"] == [{"from": "user", "text": "(the task)"}]
