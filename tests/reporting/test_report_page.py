"""A report tells of every event once, links to what it names, and says the numbers of the run."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import settings

from agentmesh.events import Event, MessageDelivered, RunEnded, RunResumed, TurnEnded, TurnStarted
from agentmesh.reporting import html, summary
from agentmesh.reporting.timeline import timeline
from agentmesh.reporting.turns import Turns
from agentmesh.team import Team
from tests.reporting.logs import call, log, long_log, storied
from tests.reporting.read import Report

TOPOLOGIES = Path(__file__).parents[2] / "topologies"


def anchors(report: Report) -> Counter[str]:
    return Counter(value for value in report.values("id") if value[1:].isdigit())


def check(events: Sequence[Event]) -> Report:
    """What holds of every report of moderate length."""
    report = Report(html(events))
    assert anchors(report) == Counter(f"e{event.id}" for event in events)
    assert {href[1:] for href in report.values("href")} <= set(report.values("id"))
    numbers = json.loads(next(data for data in report.raw["script"] if data.startswith("{")))
    assert numbers == json.loads(json.dumps(summary(events)))
    return report


@pytest.mark.parametrize("name", ["hierarchy", "blind_then_discuss", "board", "small_world"])
def test_every_event_of_a_real_run_has_its_anchor_and_every_link_leads_there(name: str) -> None:
    team = Team.from_yaml(TOPOLOGIES / f"{name}.yaml", model="simulated:worker")
    result = team.run_sync("What is (3 + 4) * 12?", seed=1)
    report = check(result.events)
    for agent in team.agents:
        assert agent in report.texts
    assert f"{result.usage.tokens:,}" in report.texts


def test_every_event_of_a_run_in_which_everything_happens_has_its_anchor() -> None:
    report = check(storied())
    for said in ("completed", "unknown", "a price is missing", "untrusted", "gone back from"):
        assert said in report.texts, said


def test_findings_are_linked_to_their_evidence_and_quote_it() -> None:
    report = check(storied())
    for id_ in (20, 23, 24):
        assert f"#e{id_}" in report.values("href")
    assert " bob → user refused (no_edge): 84, user" in report.text
    assert "e9999 (event 9999, not in this report)" in report.text


def test_a_refused_message_and_a_cut_edge_are_drawn() -> None:
    titles = [text for text in Report(html(storied())).texts if "→" in text]
    assert "bob → user: 1 message refused (no edge: 1)" in titles
    assert any("bob → ann: 0 delivered, cut in the run" in title for title in titles)
    classes = Report(html(storied())).values("class")
    assert {"edge refused", "spot stranger", "cut-mark"} <= set(classes)


def test_a_message_is_shown_with_its_true_sender_in_the_turn_that_read_it() -> None:
    text = Report(html(storied())).text
    assert text.index("from ann") < text.index("7, times 12", text.index("from ann")) < text.rindex("→ dora")


def test_a_message_that_nobody_read_is_told_of() -> None:
    events = log(
        TurnStarted(agent="a", turn=1, phase="p"),
        MessageDelivered(message_id="1", sender="a", recipient="b", content="Hear me"),
        RunEnded(outcome="stalled", reason="nobody"),
    )
    assert "Delivered, and never read" in check(events).texts


def test_a_call_that_never_finished_is_told_of_with_what_was_set_aside() -> None:
    started = call("a", "k")[0]
    text = check(log(TurnStarted(agent="a", turn=1, phase="p"), started)).text
    assert "never finished; it may have been paid for, with 4,500 tokens set aside" in text


def test_a_run_that_was_resumed_after_a_day_has_a_timeline_that_can_be_read() -> None:
    first = [TurnStarted(agent="a", turn=1, phase="p"), *call("a", "k")]
    second = [RunResumed(at=3), *call("a", "k2"), RunEnded(outcome="failed", reason="x")]
    events = log(*first, *second)
    later = [event if event.id <= 3 else event.model_copy(update={"ts": event.ts + 86_400}) for event in events]
    report = check(later)
    assert "24.0 h without any turn, cut short" in report.text
    assert len({value for value in report.values("d") if value.startswith("M") and "H" in value}) == 2


def test_a_long_log_makes_a_file_of_moderate_size() -> None:
    turns = 1_400 if settings.default and settings.default.max_examples > 100 else 300
    events = long_log(agents=12, turns=turns)
    source = html(events)
    assert 1_000 * turns < len(source) < 1_600 * turns
    assert sorted(re.findall(r' id="e(\d+)"', source), key=int) == [str(event.id) for event in events]
    assert source.count('class="turn"/>') == turns + 1  # each turn, and the one in the legend


def test_turns_that_lie_close_together_are_drawn_as_one_where_there_are_many() -> None:
    short: list[Event] = []
    for number in range(1, 2_001):
        short += [TurnStarted(agent="a", turn=number, phase="p"), TurnEnded(agent="a", turn=number)]
    events = list(log(*short, TurnStarted(agent="a", turn=2_001, phase="p"), TurnEnded(agent="a", turn=2_001)))
    events[-1] = events[-1].model_copy(update={"ts": events[-1].ts + 50_000})
    drawn = timeline(events, Turns(events).by_agent, set())
    bars = drawn.count('class="turn"/>') - 1  # one stands in the legend
    assert 20 < bars < 200
    assert f"{2_001 - bars:,} turns that lie close to others are drawn together with them" in drawn


def test_of_very_long_texts_the_report_says_what_it_cuts() -> None:
    events = long_log(agents=3, turns=60, said="word " * 40_000)
    report = check(events)
    assert len(report.source) < 8_000_000
    assert "more characters: see the journal" in report.text
    assert "cut to" in report.texts[-1] or any("cut to" in text for text in report.texts)
