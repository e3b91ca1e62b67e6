"""The loop as the scheduler decides it: what counts as the answer, what iterations are told, and when it stops."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from agentmesh.config.loops import LoopConfig
from agentmesh.config.models import Limits
from agentmesh.events import (
    ContextStarted,
    LimitWasReached,
    MessageDelivered,
    Notice,
    PhaseEnded,
    PhaseStarted,
    ToolCallFinished,
    TopologyChanged,
    TurnStarted,
    Verification,
)
from agentmesh.scheduler import StartTurn
from agentmesh.topology.graph import Topology, Vote
from agentmesh.topology.phases import Edge, Phase, Until
from tests.scheduler.scheduler_play import Play, send

CHECK = Until(function="m:f")
PROMISED = Until(function="m:f", promise="DONE")
SAYING = "<promise>DONE</promise>"


def alone(until: Until = CHECK, *, most: int = 5, fresh: bool = True, **more: Any) -> Topology:
    """One coder, who answers."""
    loop = LoopConfig(**more) if more else None
    edges = (Edge("user", "coder"), Edge("coder", "user"))
    phase = Phase("loop", "reactive", ("coder",), edges, until=until, max_iterations=most, fresh=fresh, loop=loop)
    return Topology([phase])


def saying(*words: Any) -> dict[str, Any]:
    return {"coder": list(words)}


def answers_second(passes: bool, said: str) -> bool:
    return passes and said == "2"


def iterations(play: Play) -> int:
    return len(play.of(PhaseStarted))


def told(play: Play, agent: str = "coder") -> list[Notice]:
    return [notice for notice in play.of(Notice) if notice.agent == agent]


def failing(*details: str, state: str | Callable[[int], str] = "") -> Callable[[str], tuple[bool, str, str]]:
    """A check that says these things, the last for ever, and never passes."""
    asked: list[str] = []

    def check(said: str) -> tuple[bool, str, str]:
        asked.append(said)
        detail = details[min(len(asked), len(details)) - 1]
        return False, detail, state(len(asked)) if callable(state) else state

    return check


# The answer


def test_what_is_said_to_the_user_is_the_answer_once_the_check_passes() -> None:
    play = Play(alone(), saying("1", "2", "3"), until=lambda said: said == "3").run()
    assert (play.end.outcome, play.end.reason, play.end.answer) == ("verified", "until: satisfied", "3")
    assert [event.reason for event in play.of(PhaseEnded)] == ["until: not satisfied"] * 2
    assert [view.restart for view in play.views] == [None, "fresh", "fresh"]
    assert [[item.content for item in view.inbox] for view in play.views] == [["the task"]] * 3


def test_the_answer_keeps_its_promise_word_for_word() -> None:
    play = Play(alone(PROMISED), saying(f"It works. {SAYING}")).run()
    assert (play.end.outcome, play.end.answer) == ("verified", f"It works. {SAYING}")


def test_without_the_promise_the_check_does_not_count_and_the_loop_goes_on() -> None:
    words = ("done", "<promise>done</promise>", "<promise> DONE </promise>")
    play = Play(alone(PROMISED), saying(*words)).run()
    assert [item.promised for item in play.checked] == [False, False, True]
    assert [event.passed for event in play.of(Verification)] == [False, False, True]


def test_a_promise_alone_is_not_enough() -> None:
    play = Play(alone(PROMISED, most=3), {"coder": lambda turn: SAYING}, until=lambda said: False).run()
    assert (play.end.outcome, play.end.answer) == ("limit", None)
    assert play.end.reason == "max_iterations: 3 allowed"


def test_a_promise_in_a_message_sent_by_a_tool_counts_too() -> None:
    play = Play(alone(PROMISED), saying([send("user", content=SAYING), None])).run()
    assert (play.end.outcome, play.end.answer) == ("verified", SAYING)


def test_a_team_that_has_its_answers_verified_decides_by_that_and_each_new_answer_has_to_hold_first() -> None:
    answers = ("wrong", "not even right here", "right")
    play = Play(
        alone(),
        saying(*answers),
        until=lambda said: said != "not even right here",
        verify=lambda answer: answer == "right",
        options={"verify_retries": 1},
    ).run()
    assert (play.end.outcome, play.end.reason, play.end.answer) == ("verified", "answered and verified", "right")
    checked = [(event.phase, event.passed) for event in play.of(Verification)]
    assert checked == [("loop", True), (None, False), ("loop", False), ("loop", True), (None, True)]
    assert iterations(play) == 2


def test_an_answer_ends_the_iteration_for_all_who_take_part() -> None:
    edges = tuple(Edge(*pair) for pair in (("user", "a"), ("a", "b"), ("b", "a"), ("a", "user"), ("b", "user")))
    phase = Phase("pair", "round_robin", ("a", "b"), edges, rounds=9, until=CHECK, max_iterations=2, fresh=True)
    actors = {
        "a": [[send("b"), None], [send("user", content="by a"), None]],
        "b": [[send("user", content="by b"), None]],
    }
    play = Play(Topology([phase]), actors, until=lambda said: said == "by a").run()
    assert play.order == ["a", "b", "a"]
    assert play.end.answer == "by a"


def test_what_a_vote_elects_has_to_hold_too() -> None:
    edges = tuple(Edge(*pair) for pair in (("user", "a"), ("user", "b"), ("a", "v"), ("b", "v"), ("v", "user")))
    phase = Phase(
        "ballot", "simultaneous", ("a", "b"), edges, rounds=1, until=CHECK, max_iterations=3, fresh=True,
        votes={"v": Vote()},
    )  # fmt: skip
    play = Play(Topology([phase]), dict.fromkeys("ab", lambda turn: f"x{turn.turn}"), until=lambda said: said == "x2")
    assert play.run().end.answer == "x2"
    assert iterations(play) == 2


def test_a_check_that_passes_before_anybody_has_answered_is_no_end() -> None:
    play = Play(alone(), saying(Exception("broken"), "it works")).run()
    assert [event.reason for event in play.of(PhaseEnded)] == ["until: satisfied, without an answer"]
    assert play.end.answer == "it works"


def test_where_nobody_can_act_any_more_the_loop_ends_with_what_stood_in_the_way() -> None:
    limits = {"agent_limits": {"coder": Limits(turns=2)}}
    play = Play(alone(most=9), {"coder": lambda turn: "x"}, until=lambda said: False, options=limits).run()
    assert (play.end.outcome, play.end.reason) == ("limit", "coder: turns: 2 allowed")
    assert iterations(play) == 3


def test_what_waits_to_be_the_answer_counts_for_nothing_once_another_phase_is_entered() -> None:
    last = Phase("close", "reactive", ("coder",), (Edge("coder", "user"),), opens=("coder",))

    def enter(play: Play, event: Any) -> list[Any]:
        first = isinstance(event, MessageDelivered) and event.content == "early"
        return [TopologyChanged(change="enter_phase", phase="close")] if first else []

    play = Play(Topology([*alone().phases, last]), saying("early", "late"), before=enter).run()
    assert (play.end.outcome, play.end.answer) == ("completed", "late")
    assert not play.of(Verification)


# What iterations are told


def test_each_iteration_is_told_its_number_its_files_and_what_its_promise_is() -> None:
    topology = alone(PROMISED, most=4, prompt="PROMPT.md", plan="PLAN.md")
    play = Play(topology, {"coder": lambda turn: f"try {turn.turn} {SAYING}"}, until=lambda said: "3" in said).run()
    texts = [notice.content for notice in told(play)]
    assert [notice.template for notice in told(play)] == ["iteration"] * 3
    assert texts[0] == (
        "Iteration 1 of at most 4 of 'loop' begins. What to do stands in PROMPT.md: read it first. The plan stands "
        "in PLAN.md: choose the one thing in it that matters most now, do that and nothing else, then bring the plan "
        "up to date. When all of it is done, and only then, write <promise>DONE</promise>: what you did is checked."
    )
    assert texts[2].startswith("Iteration 3 of at most 4")
    assert all(notice in view.inbox for notice, view in zip(told(play), play.views, strict=True))


def test_an_iteration_is_told_of_the_latest_before_it_in_bounds() -> None:
    check = failing(*(f"{'noise ' * 200}failure {number}" for number in range(1, 9)))
    long = "word\n" * 400
    play = Play(
        alone(most=6, tried=2, stop_after=99), {"coder": lambda turn: f"try {turn.turn} {long}"}, until=check
    ).run()
    last = told(play)[-1].content
    assert [f"Iteration {number}." in last for number in range(1, 6)] == [False, False, False, True, True]
    assert "You said: try 5 word" in last
    assert "failure 5\n" in f"{last}\n"
    assert len(last) < 1600
    assert "before" not in told(play)[0].content


def test_each_agent_is_told_its_own_words_only() -> None:
    edges = (Edge("user", "a"), Edge("a", "b"), Edge("b", "user"))
    phase = Phase("pair", "reactive", ("a", "b"), edges, until=CHECK, max_iterations=2, fresh=True, loop=LoopConfig())
    play = Play(Topology([phase]), {"a": ["from a"] * 2, "b": ["from b"] * 2}, until=failing("no")).run()
    first, second = (told(play, name)[-1].content for name in "ab")
    assert "You said: from a The check: no" in first
    assert "from b" not in first
    assert "You said: from b" in second
    assert "from a" not in second


def test_words_of_somebody_who_read_what_is_untrusted_carry_the_label_into_the_next_iteration() -> None:
    def untrusted(play: Play, event: Any) -> list[Any]:
        if isinstance(event, TurnStarted) and event.turn == 1:
            return [ToolCallFinished(agent="coder", key="k", name="web", arguments={}, result="x", trust="untrusted")]
        fresh = isinstance(event, TurnStarted) and event.turn > 1
        return [ContextStarted(agent="coder", reason="fresh", recipients=("user",), system="")] if fresh else []

    labels = {}
    for tried in (0, 1):
        play = Play(
            alone(most=4, tried=tried),
            {"coder": lambda turn: "x"},
            until=failing("no", "nope", "none"),
            after=untrusted,
        )
        play.run()
        labels[tried] = [event.trust for event in play.of(MessageDelivered) if event.sender == "coder"]
    assert labels[0] == ["untrusted", "trusted", "trusted", "trusted"]
    assert labels[1] == ["untrusted"] * 4


def test_without_a_loop_nobody_is_told_anything() -> None:
    play = Play(alone(most=2), {"coder": lambda turn: "x"}, until=failing("no")).run()
    assert told(play) == []


def test_an_iteration_that_remembers_is_not_asked_for_its_final_answer() -> None:
    play = Play(alone(most=2, fresh=False), {"coder": lambda turn: "x"}, until=failing("no")).run()
    assert [notice.template for notice in told(play)] == ["speak_now"]


# Progress, or none


def test_after_iterations_without_progress_the_next_one_only_writes_the_plan_anew() -> None:
    topology = alone(most=9, plan="PLAN.md", replan_after=2, stop_after=99)
    play = Play(topology, {"coder": lambda turn: "x"}, until=failing("the same", state="s1")).run()
    templates = [notice.template for notice in told(play)]
    # The first has nothing to be compared with; after two like it the next one plans, and then they count anew.
    assert templates == ["iteration"] * 3 + [
        "plan_anew",
        "iteration",
        "plan_anew",
        "iteration",
        "plan_anew",
        "iteration",
    ]
    assert "Write the plan in PLAN.md anew, from what you find on disk" in told(play)[3].content
    assert "do nothing else in this iteration" in told(play)[3].content


@pytest.mark.parametrize(
    "check",
    [
        failing("the same", state=lambda number: f"s{number}"),
        failing(*(f"{number} failed" for number in range(9, 0, -1)), state="s1"),
    ],
    ids=["files changed", "another failure"],
)
def test_progress_needs_no_new_plan_and_stops_nothing(check: Any) -> None:
    topology = alone(most=8, plan="PLAN.md", replan_after=1, stop_after=2)
    play = Play(topology, {"coder": lambda turn: "x"}, until=check).run()
    assert {notice.template for notice in told(play)} == {"iteration"}
    assert play.end.reason == "max_iterations: 8 allowed"


def test_failures_that_repeat_end_the_run_with_what_they_were() -> None:
    durations = (f"1 failed in 0.{number}s at 0x7f{number}" for number in range(11, 20))
    play = Play(alone(most=9, stop_after=4), {"coder": lambda turn: "x"}, until=failing(*durations, state="s")).run()
    assert (play.end.outcome, play.end.answer) == ("stalled", None)
    assert play.end.reason == "loop: 4 iterations in a row changed nothing and failed alike: 1 failed in at"
    assert iterations(play) == 4


def test_where_nobody_knows_the_files_who_says_something_else_may_have_changed_something() -> None:
    same = Play(alone(most=9, stop_after=3), {"coder": lambda turn: "x"}, until=failing("no")).run()
    assert (same.end.outcome, iterations(same)) == ("stalled", 3)
    other = Play(alone(most=9, stop_after=3), {"coder": lambda turn: f"{turn.turn}"}, until=failing("no")).run()
    assert (other.end.outcome, iterations(other)) == ("limit", 9)


# Limits


@pytest.mark.parametrize(
    ("limits", "of_phase", "reason"),
    [
        (Limits(turns=3), Limits(), "turns: 3 allowed"),
        (Limits(), Limits(turns=3), "loop: turns: 3 allowed"),
        (Limits(messages=7), Limits(), "messages: 7 allowed"),
    ],
)
def test_limits_of_the_run_and_of_the_phase_end_the_loop(limits: Limits, of_phase: Limits, reason: str) -> None:
    [phase] = alone(most=9).phases
    phase.__dict__["limits"] = of_phase
    play = Play(Topology([phase]), {"coder": lambda turn: "x"}, until=failing("no"), options={"limits": limits}).run()
    assert (play.end.outcome, play.end.reason, play.end.answer) == ("limit", reason, None)
    assert play.order.count("coder") <= 4


def test_an_answer_that_was_given_before_a_limit_is_still_checked() -> None:
    reached = LimitWasReached(limit="tokens", allowed=1, needed=2, kept=True)
    for passes, end in ((True, ("verified", "2")), (False, ("limit", "as far as I came"))):
        actors = {"coder": ["1", [reached, "2"], "as far as I came"]}
        play = Play(alone(most=9), actors, until=partial(answers_second, passes)).run()
        assert (play.end.outcome, play.end.answer) == end
        assert iterations(play) == 2, "nothing begins once the limit is reached"


# Inner teams


def test_any_order_may_be_gone_through_until_its_answer_holds() -> None:
    def planner(turn: StartTurn) -> Any:
        handed = any("did it" in item.content for item in turn.inbox)
        return f"answer {turn.turn}" if handed else [("open_tasks", {"tasks": [{"id": "t", "title": "do"}]}), None]

    [tasks] = Topology.hierarchy("p", ["w"]).phases
    looped = Phase(
        **{**{name: getattr(tasks, name) for name in tasks.__dataclass_fields__}, "until": CHECK, "max_iterations": 3,
           "fresh": True, "loop": LoopConfig()}
    )  # fmt: skip
    work = {"p": planner, "w": lambda turn: [("hand_off", {"status": "done", "summary": "did it"}), None]}
    play = Play(Topology([looped]), work, until=lambda said: said == "answer 4").run()
    assert (play.end.outcome, play.end.answer) == ("verified", "answer 4")
    assert play.order == ["p", "w", "p"] * 2
    assert [notice.template for notice in told(play, "w")] == ["iteration"] * 2
