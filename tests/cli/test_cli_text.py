"""Text from models and files is made harmless before a terminal shows it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.cli.outcome import describe, exit_code
from agentmesh.cli.terminal import count, one_line, printable, usd
from agentmesh.reporting import summary


@given(st.text())
def test_printable_text_holds_no_control_characters_but_newlines_and_tabs(text: str) -> None:
    shown = printable(text)
    hidden = [char for char in shown if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    assert set(hidden) <= set("\n\t\u200c\u200d")
    assert not set(shown) & set("\x1b\x9b\r\x07\u202e\u2066\u2028")


@given(st.text(), st.integers(2, 100))
def test_one_line_is_one_line_of_the_given_width(text: str, width: int) -> None:
    line = one_line(text, width)
    assert len(line) <= width
    assert len(line.splitlines()) <= 1


def test_whole_control_sequences_go_and_the_text_between_them_stays() -> None:
    assert printable("\x1b[31mred\x1b[0m \x9b2Jtext\x1b]0;title\x07") == "red text]0;title"


def test_emoji_and_scripts_that_need_joiners_stay_whole() -> None:
    assert printable("👩‍🔬 می‌خواهم") == "👩‍🔬 می‌خواهم"


def test_a_cut_line_says_so() -> None:
    assert one_line("one two three", 8) == "one two…"
    assert one_line("x" * 1000, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("cost", "shown"), [(None, "?"), (0.0, "$0"), (0.00001, "<$0.0001"), (0.0123, "$0.0123"), (12.345, "$12.35")]
)
def test_an_unknown_cost_is_a_question_mark_and_never_zero(cost: float | None, shown: str) -> None:
    assert usd(cost) == shown


def test_counts_agree_with_their_nouns() -> None:
    assert [count(1, "turn"), count(2, "turn"), count(1200, "reply", "replies")] == [
        "1 turn",
        "2 turns",
        "1,200 replies",
    ]


@pytest.mark.parametrize(
    ("outcome", "code"),
    [("verified", 0), ("completed", 0), ("failed", 1), ("halted", 3), ("limit", 4), ("stalled", 4), (None, 5),
     ("cancelled", 130)],
)  # fmt: skip
def test_every_outcome_has_its_exit_code(outcome: str | None, code: int) -> None:
    assert exit_code(outcome) == code


def test_the_closing_lines_say_outcome_reason_usage_and_what_happened() -> None:
    facts = summary([]) | {
        "outcome": "halted",
        "reason": "monitor\x1b[2J mine",
        "refused": 2,
        "findings": [{"monitor": "mine", "label": "stall", "score": 0.5, "why": "nobody\nmoved"}],
        "interventions": [{"kind": "halt", "agents": [], "skipped": ["ask_human"]}],
        "questions": [{"question_id": "q", "agent": "a", "content": "why?"}],
    }
    facts["usage"]["cost_usd"] = None
    assert describe(facts).splitlines() == [
        "halted: monitor mine",
        "  0 turns, 0 messages (2 refused), 0 model calls, 0 + 0 tokens, cost ?, 0.0 s",
        "  finding: mine: stall (0.5): nobody moved",
        "  intervention: halt (instead of ask_human)",
    ]


def test_a_run_that_waits_says_so_and_for_what() -> None:
    facts = summary([]) | {"questions": [{"question_id": "q", "agent": "a", "content": "why?"}]}
    first, *_, last = describe(facts).splitlines()
    assert (first, last) == ("waiting", "  question q from a: why?")
