"""Work that goes round in circles, work that comes to nothing, and what merely looks like it."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.events import Metric, TaskChanged, TurnFailed, TurnStarted
from agentmesh.messages import Finding, Task
from agentmesh.monitors.progress import Progress
from tests.monitors.acted import Acts, did, ended, held, said, stream, watched, without, work
from tests.sizes import examples

EMPTY_TALK = ["Glad that works for you.", "Great, glad that works.", "Glad it works, great."]
ASKS = "Please open the supplier page and collect the delivery terms for pallet number {}."


def looped(times: int) -> Acts:
    return [each for _ in range(times) for each in did("ann", "shell", {"command": "make"}, "cc: no such file main.c")]


def pingpong(times: int, *agents: str) -> Acts:
    return [
        each
        for turn in range(times)
        for agent in [agents[turn % len(agents)]]
        for each in said(agent, EMPTY_TALK[turn % len(EMPTY_TALK)])
    ]


def asked_again(times: int) -> Acts:
    """The same sub-goal again and again, for ever another pallet; what comes back is an error."""
    acts: Acts = []
    for turn in range(times):
        acts += said("lead", ASKS.format(turn), "web")
        acts += did("web", "open", {"url": f"shop/{turn}"}, None, error=f"no route to host {turn}")
    return acts


def labels(found: list[Finding]) -> set[str]:
    return {finding.label for finding in found}


def test_the_same_call_with_the_same_result_is_a_repetition() -> None:
    events = stream(work(3), looped(7))
    found, scores = watched(Progress(), events)
    assert labels(found) >= {"repetition"}
    assert scores["repetition"] > 0.5
    last = [finding for finding in found if finding.label == "repetition"][-1]
    assert last.agents == ("ann",)
    assert "shell" in last.why
    named = {event.type for event in events if event.id in last.evidence}
    assert named == {"tool_call_started", "tool_call_finished"}


@pytest.mark.parametrize("agents", [("ann", "bob"), ("ann", "bob", "cid"), ("ann", "bob", "cid", "dan")])
def test_ping_pong_of_two_to_four_agents_is_a_repetition(agents: tuple[str, ...]) -> None:
    found, scores = watched(Progress(), stream(work(2), pingpong(14, *agents)))
    assert "repetition" in labels(found)
    assert set(found[-1].agents) == set(agents)
    assert scores["stall"] > 0.5


def test_an_agent_that_nearly_repeats_itself_is_found() -> None:
    acts: Acts = []
    for opening in ("So", "Well", "Now", "Again", "Look", "Right", "Listen", "Hence"):
        acts += said("ann", f"{opening}, the cache of the planner must be flushed before every nightly import begins.")
    found, _ = watched(Progress(), stream(acts))
    assert "repetition" in labels(found)


def test_a_turn_that_fails_again_in_the_same_way_is_both() -> None:
    failures: Acts = [TurnFailed(agent="ann", turn=turn, error="bad request", kind="provider") for turn in range(8)]
    found, _ = watched(Progress(), stream(failures))
    assert labels(found) == {"repetition", "stall"}


def test_the_same_sub_goal_asked_again_is_a_stall_whatever_figures_it_names() -> None:
    found, scores = watched(Progress(), stream(asked_again(6)))
    assert labels(found) == {"stall"}
    assert scores["repetition"] < 0.3


ABOUT_TO = (
    "I shall get going with the {} shortly.",
    "Give me a moment to think about the {} first.",
    "The {} wants care, so I am getting ready for it.",
    "Soon I turn to the {}, as soon as I am ready.",
)
PIECES = ("cellar", "roof", "garden")


def announced(times: int) -> Acts:
    """Each message in another wording, about another piece of what was asked for; nobody does anything."""
    acts: Acts = [*said("user", f"Survey the {', the '.join(PIECES)}.", "ann")]
    for turn in range(times):
        text = ABOUT_TO[turn % len(ABOUT_TO)].format(PIECES[turn % len(PIECES)])
        acts += said(("ann", "bob")[turn % 2], text, ("bob", "ann")[turn % 2])
    return acts


def test_announcements_in_ever_other_words_without_a_deed_are_a_stall() -> None:
    found, scores = watched(Progress(), stream(announced(10)))
    assert "stall" in labels(found)
    assert scores["stall"] > 0.5


def test_announcements_that_are_followed_by_work_are_no_stall() -> None:
    acts: Acts = []
    for start in range(6):
        acts += [*announced(2), *did("ann", "measure", {"piece": start}, f"{start * 7} metres by {start + 50}")]
    _, scores = watched(Progress(), stream(acts))
    assert scores["stall"] == 0


@pytest.mark.parametrize("empty", ["nothing found", "No rows", "[] (none)", "0 hits"])
def test_ever_other_calls_that_find_nothing_are_a_stall_and_no_repetition(empty: str) -> None:
    acts: Acts = []
    for turn in range(10):
        acts += did("ann", "search", {"query": f"berth {turn}"}, empty)
        acts += said("ann", "I keep looking.", "bob")
    _, scores = watched(Progress(), stream(acts))
    assert scores["stall"] > 0.5
    _, fruitful = watched(
        Progress(),
        stream(
            [
                act
                for turn in range(10)
                for act in (
                    *did("ann", "search", {"query": f"berth {turn}"}, f"{turn + 60} ships"),
                    *said("ann", "I keep looking.", "bob"),
                )
            ]
        ),
    )
    assert fruitful["stall"] == 0


def test_calls_that_are_only_acknowledged_are_no_repetition() -> None:
    acts: Acts = []
    for line in range(20):
        acts += did("ann", "edit", {"line": line, "text": "pass"}, "one line was replaced")
    _, scores = watched(Progress(), stream(acts))
    assert scores["repetition"] == 0


def test_a_debate_of_a_few_rounds_in_which_agents_stand_by_their_positions_is_neither() -> None:
    turns = [
        held(agent, answer, f"I hold it to be {answer}.")
        for _ in range(3)
        for agent, answer in (("ann", "42"), ("bob", "41"))
    ]
    found, _ = watched(Progress(), stream(*turns))
    assert not found


def test_a_call_still_under_way_at_the_end_counts_if_it_was_made_before() -> None:
    acts = looped(4)
    _, before = watched(Progress(), stream(acts, ended()))
    _, after = watched(Progress(), stream(acts, looped(1)[:1], ended()))
    assert after["repetition"] > before["repetition"]


def polling() -> Acts:
    return [
        each
        for step in range(20)
        for each in did("ann", "status", {"job": 7}, f"running: {step * 5} of 100 rows imported, {900 - step} s left")
    ]


def unchanged_tests_after_changes() -> Acts:
    acts: Acts = []
    for step in range(14):
        acts += did("ann", "edit", {"path": f"src/part{step}.py", "new": f"LIMIT = {step}"}, f"edited part{step} once")
        acts += did("ann", "shell", {"command": "pytest -q"}, "12 passed in 0.31s\nno warnings at all")
    return acts


def retries_with_changed_arguments() -> Acts:
    return [
        each
        for step in range(15)
        for each in did("ann", "search", {"query": f"tide table {step}"}, f"{step} hits for harbour {step * 31}")
    ]


def reports_of_one_form() -> Acts:
    acts: Acts = []
    for step in range(15):
        text = (
            f"Status report. Zone {step + 1}: {18 + step}.{step} degrees, valve at {step * 6 + 5} percent, fan {step}."
        )
        acts += said("ann", text, "bob")
    return acts


def rounds_of_agreement(rounds: int = 4) -> Acts:
    """Three agents who cannot hear each other say the same, and stand by it in the rounds that follow."""
    acts: Acts = []
    for turn in range(1, rounds + 1):
        acts += [TurnStarted(agent=agent, turn=turn, phase="p", round=turn) for agent in ("ann", "bob", "cid")]
        for agent in ("ann", "bob", "cid"):
            acts += did(agent, "calculator", {"expression": "17*23"}, "391")
            acts += said(agent, "17*23 = 391")
    return [*acts, *said("cid", "17*23 = 391", "user", kind="answer")]


@pytest.mark.parametrize(
    "acts",
    [
        work(60),
        polling(),
        unchanged_tests_after_changes(),
        retries_with_changed_arguments(),
        reports_of_one_form(),
        rounds_of_agreement(),
    ],
    ids=["work", "polling", "tests after changes", "retries", "reports", "rounds"],
)
def test_what_merely_looks_like_a_repetition_is_none(acts: Acts) -> None:
    found, scores = watched(Progress(), stream(acts, ended()))
    assert "repetition" not in labels(found)
    assert scores["repetition"] < 0.5


def test_a_discussion_that_repeats_itself_round_after_round_is_found() -> None:
    found, _ = watched(Progress(), stream(rounds_of_agreement(8)))
    assert labels(found) == {"repetition", "stall"}


def test_a_loop_within_one_turn_of_a_round_is_found() -> None:
    turn: Acts = [TurnStarted(agent="ann", turn=1, phase="p", round=1)]
    found, _ = watched(Progress(), stream(turn, looped(10)))
    assert "repetition" in labels(found)


def test_repetitions_spread_thin_over_a_long_run_add_up_to_nothing() -> None:
    acts: Acts = []
    for start in range(40):
        acts += [*work(6 + start % 3, (f"ann{start}", f"bob{start}")), *said("cid", "Thanks, that is fine with me.")]
    _, scores = watched(Progress(), stream(acts))
    assert scores["repetition"] == 0


@pytest.mark.parametrize(
    "change",
    [
        TaskChanged(agent="lead", task=Task(id="t", title="T", instructions="i"), status="done"),
        Metric(name="rows", value=1, kind="milestone"),
    ],
    ids=["task", "milestone"],
)
def test_work_that_moves_is_no_stall(change: TaskChanged | Metric) -> None:
    steps = asked_again(12)
    moving: Acts = []
    for start in range(0, len(steps), 3):
        moving += [*steps[start : start + 3], change.model_copy()]
    found, _ = watched(Progress(), stream(moving))
    assert "stall" not in labels(found)
    found, _ = watched(Progress(), stream(asked_again(12)))
    assert "stall" in labels(found)


def test_an_agent_that_takes_another_position_is_not_stalled() -> None:
    _, still = watched(Progress(), stream(*[held("ann", "42", "I hold it to be 42.") for _ in range(16)]))
    _, moved = watched(Progress(), stream(*[held("ann", str(n), "I hold it to be that.") for n in range(16)]))
    assert moved["stall"] < still["stall"]


@examples(8)
@given(st.sampled_from(["calls", "talk", "asks"]), st.integers(5, 12))
def test_without_the_evidence_of_a_finding_its_score_is_lower(kind: str, times: int) -> None:
    acts = {"calls": looped(times), "talk": pingpong(times + 3, "ann", "bob"), "asks": asked_again(times)}[kind]
    events = stream(work(3), acts, work(2), ended())
    found, scores = watched(Progress(), events)
    assert found
    for finding in found:
        _, after = watched(Progress(), without(events, finding.evidence))
        assert after[finding.label] < scores[finding.label]


@examples(15)
@given(st.integers(1, 30), st.sampled_from(["calls", "talk", "asks"]), st.integers(2, 9))
def test_healthy_events_before_it_raise_no_score(healthy: int, kind: str, times: int) -> None:
    acts = {"calls": looped(times), "talk": pingpong(times, "ann", "bob"), "asks": asked_again(times)}[kind]
    _, alone = watched(Progress(), stream(acts, ended()))
    _, after = watched(Progress(), stream(work(healthy), acts, ended()))
    for label, score in alone.items():
        assert after[label] <= score


def test_a_long_run_takes_no_more_room_than_one_of_middling_length() -> None:
    monitor, sizes = Progress(), []
    events = iter(stream(work(2_400)))
    for _ in range(2):
        for _, event in zip(range(3_000), events, strict=False):
            list(monitor.observe(event))
        sizes.append(len(pickle.dumps({key: each for key, each in vars(monitor).items() if key != "signals"})))
    assert sizes[1] < 1.6 * sizes[0]
