"""No run uses more than its bounds, whatever its monitors find and its ladders do about it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agentmesh.config.interventions import RUNGS
from agentmesh.config.limits import MonitorLimits
from agentmesh.config.models import MonitorConfig
from agentmesh.events import Answered, Event, InterventionMade, MessageDelivered, Question, RunStarted
from agentmesh.topology.allowance import allowance_of
from agentmesh.topology.bounds import bounds_of
from agentmesh.topology.graph import Topology
from tests.properties.bounds_cases import KINDS, NAMES, courses, deeds, graphs
from tests.scheduler.findings import found
from tests.scheduler.scheduler_play import Play

RESERVE = ("r", "s")


@st.composite
def rungs(draw: st.DrawFn, topology: Topology) -> Any:
    """Any rung, with the parameter that it takes."""
    kind = draw(st.sampled_from([name for name in RUNGS if name != "halt"]))
    match kind:
        case "dissent" | "reassign":
            return {kind: {"agent": draw(st.sampled_from([*RESERVE, *topology.nodes]))}}
        case "enter_phase" | "switch_topology":
            return {kind: {"phase": draw(st.sampled_from([phase.name for phase in topology.phases]))}}
        case _:
            return kind


@settings(max_examples=max(30, settings().max_examples // 3))
@given(st.data())
def test_no_run_exceeds_its_bounds_whatever_is_found_in_it(data: st.DataObject) -> None:
    topology = data.draw(st.one_of(st.sampled_from(KINDS), graphs(), courses()))
    ladder: Any = data.draw(st.lists(rungs(topology), min_size=1, max_size=4))
    config = MonitorConfig(interventions=ladder, limits=MonitorLimits(interventions=data.draw(st.integers(1, 3))))
    retries = data.draw(st.integers(0, 1))
    bounds = bounds_of(topology.phases, retries=retries, allowance=allowance_of([config], RESERVE))
    when = {place + 3 * index for index, place in enumerate(data.draw(st.lists(st.integers(4, 30), min_size=3)))}
    agents: Any = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)

    def before(play: Play, event: Event) -> list[Event]:
        if len(play.log) not in when or isinstance(event, RunStarted):
            return []
        return [found(*data.draw(agents)).model_copy(update={"observed": event.id})]

    def after(play: Play, event: Event) -> list[Event]:
        own = isinstance(event, Question) and event.question_id.startswith("i")
        said = data.draw(st.sampled_from(["continue", "think again"])) if own else ""
        return [Answered(question_id=event.question_id, content=said)] if isinstance(event, Question) and own else []

    play = Play(
        topology,
        dict.fromkeys([*topology.nodes, *RESERVE], lambda turn: data.draw(st.just("talk") | deeds())),
        choose=lambda pending: data.draw(st.integers(0, len(pending) - 1)),
        verify=lambda answer: False,
        accept=lambda command: data.draw(st.sampled_from([None, "it does not hold"])),
        slow_accept=data.draw(st.booleans()),
        check_now=lambda: data.draw(st.booleans()),
        before=before,
        after=after,
        options={
            "verify_retries": retries or data.draw(st.sampled_from([None, 0])),
            "ladders": {"m": ladder},
            "most_interventions": {"m": config.limits.interventions},
            "reserve": RESERVE,
            "answerable": True,
        },
    ).run()
    assert len(play.of(InterventionMade)) <= config.limits.interventions
    assert bounds.turns is not None
    assert bounds.messages is not None
    assert len(play.order) <= bounds.turns
    assert len(play.of(MessageDelivered)) <= bounds.messages
    play.check_form()
