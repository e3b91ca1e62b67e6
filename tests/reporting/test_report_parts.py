"""The parts of a report: traffic, the axis of time, texts that repeat, and what is left out of very long logs."""

from __future__ import annotations

from agentmesh.events import (
    Event,
    FindingRecorded,
    InterventionMade,
    MessageDelivered,
    MessageRefused,
    PhaseEnded,
    PhaseStarted,
    RunEnded,
    RunStarted,
    TopologyChanged,
    TurnEnded,
    TurnStarted,
)
from agentmesh.messages import Finding
from agentmesh.reporting.clock import Clock
from agentmesh.reporting.evidence import findings
from agentmesh.reporting.markup import Markup, element, join
from agentmesh.reporting.selection import Gap, anchors, selected
from agentmesh.reporting.shape import phase_of
from agentmesh.reporting.tallies import Tallies
from agentmesh.reporting.texts import Texts
from agentmesh.reporting.traffic import Stages
from agentmesh.reporting.turns import Turn, Turns
from agentmesh.reporting.words import offset, span, usd
from tests.reporting.logs import call, log, long_log, storied


def delivered(number: int, sender: str, recipient: str) -> MessageDelivered:
    return MessageDelivered(message_id=f"m{number}", sender=sender, recipient=recipient, content="hello")


def phase(name: str = "talk", *edges: tuple[str, str], order: str = "reactive") -> PhaseStarted:
    return PhaseStarted(phase=name, order=order, edges=edges)


def test_traffic_is_counted_by_phase_and_a_phase_entered_again_is_the_same() -> None:
    edges = (("a", "b"), ("b", "a"))
    events = log(
        phase("talk", *edges),
        delivered(1, "a", "b"),
        PhaseEnded(phase="talk", reason="x"),
        phase("other", ("a", "b")),
        delivered(2, "a", "b"),
        phase("talk", *edges),
        delivered(3, "a", "b"),
    )
    talk, other = Stages(events).all
    assert (talk.entered, talk.pairs["a", "b"].delivered, talk.pairs["b", "a"].delivered) == (2, 2, 0)
    assert other.pairs["a", "b"].delivered == 1


def test_a_refusal_where_no_edge_leads_is_told_from_one_on_an_edge() -> None:
    refused = {"message_id": "1", "sender": "a", "content": "x"}
    events = log(
        phase("talk", ("a", "b")),
        MessageRefused(recipient="b", reason="max_messages", **refused),
        MessageRefused(recipient="c", **refused),
    )
    pairs = Stages(events).all[0].pairs
    assert (pairs["a", "b"].declared, pairs["a", "b"].reasons) == (True, {"max_messages": 1})
    assert (pairs["a", "c"].declared, pairs["a", "c"].example) == (False, 3)


def test_a_cut_edge_stays_cut_in_later_phases_until_it_is_restored() -> None:
    edge = (("a", "b"),)
    cut: list[Event] = [phase("one", *edge), TopologyChanged(change="cut", edges=edge), phase("two", *edge)]
    one, two = Stages(log(*cut)).all
    assert (one.pairs["a", "b"].cut, two.pairs["a", "b"].cut) == (2, 2)
    restored = Stages(log(*cut, TopologyChanged(change="restore", edges=edge))).all[1]
    assert restored.pairs["a", "b"].restored == 4


def test_an_agent_that_joins_a_phase_is_on_the_edges_that_it_was_given() -> None:
    edges = (("a", "guest"), ("guest", "a"))
    joined = TopologyChanged(change="restore", agents=("guest",), edges=edges)
    (stage,) = Stages(log(phase("talk", ("a", "b")), joined, delivered(1, "guest", "a"))).all
    traffic = stage.pairs["guest", "a"]
    assert (traffic.declared, traffic.restored, traffic.cut, traffic.delivered) == (True, 2, None, 1)


def test_an_intervention_is_told_with_its_parameters_and_with_what_could_not_be_done() -> None:
    found = FindingRecorded(finding=Finding(monitor="m", label="l", agents=("a", "b"), why="seen"))
    made = InterventionMade(kind="reassign", finding=1, monitor="m", agents=("a",), parameters={"agent": "c"})
    cut = InterventionMade(kind="cut_edge", finding=1, monitor="m", skipped=("reassign",))
    events = log(found, made, cut)
    told = str(findings(events, 1, {event.id: event for event in events}, Texts(events, set()), 0.0))
    assert "reassign</b> (agent: c) by m to a, for" in told
    assert "cut edge</b> by m, instead of reassign, for" in told


def test_an_agent_that_took_the_place_of_another_has_its_edges() -> None:
    changed = TopologyChanged(change="replace", agents=("b", "c"), removed=(("a", "b"),), edges=(("a", "c"),))
    (stage,) = Stages(log(phase("talk", ("a", "b")), changed, delivered(1, "a", "c"))).all
    assert stage.pairs["a", "b"].cut == 2
    assert (stage.pairs["a", "c"].declared, stage.pairs["a", "c"].delivered) == (True, 1)


def test_planners_workers_and_the_judge_are_read_off_the_edges() -> None:
    two_way = [pair for worker in ("w1", "w2", "judge") for pair in (("boss", worker), (worker, "boss"))]
    stage = Stages(log(phase("work", ("user", "boss"), *two_way, ("judge", "user"), order="tasks"))).all[0]
    planning = phase_of(stage).planning
    assert planning is not None
    assert (planning.root, planning.judge, planning.workers) == ("boss", "judge", {"boss": ("w1", "w2")})


def test_each_event_has_one_place_among_the_turns() -> None:
    events = storied()
    placed = [event.id for turns in Turns(events).by_agent.values() for turn in turns for event in turn.all_events]
    found = [event.id for event in events if event.type in ("finding", "intervention")]
    assert sorted(placed + found) == [event.id for event in events]


def test_tallies_add_up_to_the_run_and_leave_out_what_is_no_agent() -> None:
    tallies = {one.agent: one for one in Tallies(storied()).all}
    assert list(tallies) == ["ann", "bob", "cleo"]
    assert (tallies["bob"].refused, tallies["bob"].usage.cost_usd, tallies["cleo"].failed_turns) == (2, None, 1)
    assert tallies["ann"].usage.tokens == 460


def test_places_on_the_axis_follow_the_time() -> None:
    clock = Clock(
        log(TurnStarted(agent="a", turn=1, phase="p"), *call("a", "k"), TurnEnded(agent="a", turn=1), step=10)
    )
    assert [clock.at_time(clock.start + seconds) for seconds in (-5, 0, 15, 30, 90)] == [0, 0, 0.5, 1, 1]
    assert not clock.breaks
    assert [label for _, label in clock.ticks()][:2] == ["0", "5 s"]


def test_a_long_rest_is_cut_short_and_a_long_call_is_not() -> None:
    turns: list[list[Event]] = [
        [TurnStarted(agent="a", turn=at, phase="p"), TurnEnded(agent="a", turn=at)] for at in (1, 2)
    ]
    events = log(*turns[0], *turns[1])
    rest = [event.model_copy(update={"ts": event.ts + 3_600 * (event.id > 2)}) for event in events]
    work = [event.model_copy(update={"ts": event.ts + 3_600 * (event.id > 1)}) for event in events]
    clock = Clock(rest)
    assert [round(gap.seconds) for gap in clock.breaks] == [3_600]
    assert clock.at(rest[1]) > 0.4
    assert clock.at(rest[2]) < 0.6
    assert not Clock(work).breaks


def test_a_log_without_times_is_laid_out_in_its_order() -> None:
    events = log(RunStarted(team="t", task="x"), *call("a", "k"), RunEnded(outcome="failed", reason="x"), step=0)
    clock = Clock(events)
    assert [round(clock.at(event), 2) for event in events] == [0, 0.33, 0.67, 1]
    assert list(clock.ticks()) == []


def test_texts_that_repeat_are_shown_once_where_there_is_much_to_show() -> None:
    said = "word " * 1_000
    few, many = (Texts(long_log(2, turns, said), {1, 2}) for turns in (5, 200))
    for texts, again in ((few, True), (many, False)):
        assert said.strip() in texts.body(said, 1)
        assert (said.strip() in texts.body(said, 2)) is again
    assert many.linked == 1


def test_the_longest_texts_are_cut_first() -> None:
    events = [*log(*call("a", "k", "x" * 50_000)), *log(*call("a", "k", "y" * 500))]
    texts = Texts(events, set(), budget=10_000)
    assert "y" * 500 in texts.body("y" * 500, 1)
    assert texts.cut == 0
    assert "more characters" in texts.body("x" * 50_000, 1)
    assert texts.cap == 9_500


def test_of_very_long_logs_the_first_and_last_turns_and_those_with_evidence_are_kept() -> None:
    turns = Turns(long_log(agents=2, turns=400)).by_agent
    wanted = next(event.id for event in turns["agent-0"][100].events)
    shown = selected(turns, {wanted}, most=500)
    gaps = [turn for turn in shown["agent-0"] if isinstance(turn, Gap)]
    assert len(gaps) == 2
    kept = [turn for turn in shown["agent-0"] if isinstance(turn, Turn)]
    assert kept[0] is turns["agent-0"][0]
    assert kept[-1] is turns["agent-0"][-1]
    assert wanted in anchors(shown)
    assert sum(gap.turns for gap in gaps) + len(kept) == len(turns["agent-0"])
    assert len(anchors(shown)) < 700


def test_of_a_turn_with_thousands_of_events_the_middle_is_left_out() -> None:
    events = log(TurnStarted(agent="a", turn=1, phase="p"), *(call("a", str(at))[1] for at in range(5_000)))
    (turn,) = selected(Turns(events).by_agent, {2_000}, most=1_000)["a"]
    assert isinstance(turn, Turn)
    assert (len(turn.events), turn.left_out) == (2_001, 2_999)


def test_numbers_are_written_for_people() -> None:
    assert [span(seconds) for seconds in (0.0123, 3.44, 100, 600, 9_000, 400_000)] == [
        "12 ms", "3.4 s", "100 s", "10 min", "2.5 h", "4.6 days",
    ]  # fmt: skip
    assert [usd(cost) for cost in (None, 0, 0.00001, 0.0123, 12.5)] == [
        "unknown",
        "$0",
        "<$0.0001",
        "$0.0123",
        "$12.50",
    ]
    assert [offset(100 + seconds, 100) for seconds in (1.5, 3_723)] == ["+1.500 s", "+1:02:03"]


def test_markup_is_escaped_once_and_text_always() -> None:
    inner = element("b", "<x>")
    assert element("p", inner, None, " & ", title='"', hidden=True, open=False, width=1.26) == (
        '<p title="&quot;" hidden width="1.3"><b>&lt;x&gt;</b> &amp; </p>'
    )
    assert join(["a", Markup("<hr/>")], "<") == "a&lt;<hr/>"
