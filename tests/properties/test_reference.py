"""The scheduler, and the whole runner, against an interpreter of the rules that shares no code with them.

Random teams with phases, boards, votes and changes while they run: the same deliveries, refusals, views and end.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import Phase as Stage
from hypothesis import strategies as st

from agentmesh.agents.base import Said
from agentmesh.agents.llm import LLMAgent
from agentmesh.config.models import AgentConfig
from agentmesh.events import (
    BoardWritten,
    Event,
    MessageDelivered,
    MessageRefused,
    Notice,
    RunEnded,
    ToolCallFinished,
    TopologyChanged,
    TurnEnded,
    TurnFailed,
    TurnStarted,
)
from agentmesh.messages import Policy, Position, Reply, ToolCall
from agentmesh.providers.base import Request
from agentmesh.providers.function import FunctionProvider
from agentmesh.runner import Member, Runner, RunPlan
from agentmesh.scheduler import Scheduler, StartTurn
from agentmesh.topology.graph import Board, Topology, Vote
from agentmesh.topology.phases import Edge, Phase
from tests.properties.mutants import MUTANTS
from tests.properties.reference import FAIL, Reference
from tests.properties.reference_cases import NAMES, RESERVE, Changes, Script, changes, teams
from tests.scheduler.scheduler_play import Call, Holds, Play, read, send, vote, write

# The same for the real one


def topology_of(team: Sequence[Mapping[str, Any]], policy: Policy) -> Topology:
    return Topology([real_phase(phase) for phase in team], policy=policy)


def real_phase(phase: Mapping[str, Any]) -> Phase:
    edges = [
        Edge(sender, recipient, max_messages=edge["cap"], carries=edge["carries"])
        for (sender, recipient), edge in phase["edges"].items()
    ]
    votes = {
        name: Vote(rule["method"], tuple(rule["options"]), tuple(rule["candidates"]), rule["weights"], rule["ties"])
        for name, rule in phase["votes"].items()
    }
    return Phase(
        name=phase["name"],
        order=phase["order"],
        participants=tuple(phase["participants"]),
        edges=tuple(edges),
        opens=tuple(phase["opens"]),
        rounds=None if phase["order"] == "reactive" else phase["rounds"],
        joins=phase["joins"],
        votes=votes,
        boards={name: Board() for name in phase["boards"]},
        end=phase["end"],
        positions="optional",
    )


def tool_call(call: tuple[Any, ...]) -> Call:
    match call:
        case ("send", names, text):
            return send(*names, content=text)
        case ("vote", ranking):
            return vote(*ranking)
        case ("read", board):
            return read(board)
        case ("write", board, text, version):
            return write(text, version, board)
        case (_, board, path, start, end):
            return ("claim", {"board": board, "path": path, "start": start, "end": end})
        case _:
            raise AssertionError(call)


FEWER = settings().max_examples // 4
"""Of the examples of a profile, those that are also played by the runner, which takes longer."""
Moment = TurnStarted | TurnEnded | TurnFailed


def real_changes(drawn: Changes, scheduler: Scheduler, moment: int) -> list[Event]:
    """What happens at this moment, as the run's own methods write it down."""
    found: list[Event] = []
    for what, *names in () if scheduler.ending else drawn.get(moment, ()):
        match what:
            case "cut" | "restore":
                found.append(TopologyChanged(change=what, edges=(tuple(names),)))
            case "isolate":
                pairs = [edge.pair for phase in scheduler.phases for edge in phase.edges if names[0] in edge.pair]
                found.append(TopologyChanged(change=what, edges=tuple(pairs), agents=tuple(names)))
            case "replace":
                phase = scheduler.state.phase.renamed(*names)
                edges = tuple(edge.pair for edge in phase.edges if names[1] in edge.pair)
                found.append(TopologyChanged(change=what, edges=edges, agents=tuple(names)))
            case _:
                found.append(TopologyChanged(change="enter_phase", phase=names[0]))
    return found


def played(topology: Topology, script: Script, drawn: Changes) -> Play:
    """The run on the scheduler alone."""

    def act(turn: StartTurn) -> Any:
        made, reply = script(turn.agent, turn.turn)
        if isinstance(reply, tuple):
            reply = Holds(*reply) if turn.positions != "off" else reply[0]
        return [*map(tool_call, made), Exception("broken") if reply == FAIL else reply]

    def outside(play: Play, event: Event) -> list[Event]:
        moment = sum(isinstance(one, Moment) for one in play.log)
        return real_changes(drawn, play.scheduler, moment) if isinstance(event, Moment) else []

    return Play(topology, dict.fromkeys((*NAMES, *RESERVE), act), before=outside).run(steps=5000)


class TakenAtItsWord(LLMAgent):
    """A model whose reply is not asked for again when it is no ballot: what is compared is how the run refuses it."""

    def _said(self, reply: Reply, turn: Any) -> Said:
        return Said(reply.text, position=reply.position)


class Prompted:
    """The run through the runner, with functions for models. Turns take place in the order in which they began."""

    def __init__(self, topology: Topology, script: Script, drawn: Changes) -> None:
        self.script, self.drawn, self.moment = script, drawn, 0
        self.begun: list[tuple[str, int]] = []
        self.open: list[str] = []
        self.prompts: dict[tuple[str, int], str] = {}
        provider = FunctionProvider(self.model)
        members = {name: Member(TakenAtItsWord(AgentConfig()), provider) for name in (*NAMES, *RESERVE)}
        plan = RunPlan("run", "t", "the task", topology.phases, members, policy=topology.policy, watch=self.watch)
        self.runner = Runner(plan)

    def run(self) -> Sequence[Event]:
        anyio.run(self.runner.execute)
        return self.runner.events

    def watch(self, event: Any) -> None:
        if not isinstance(event, Moment):
            return
        if isinstance(event, TurnStarted):
            self.begun.append((event.agent or "", event.turn))
            self.open.append(event.agent or "")
        else:
            self.open.remove(event.agent or "")
        self.moment += 1
        for change in real_changes(self.drawn, self.runner.scheduler, self.moment):
            self.runner.scheduler.expect(change)
            self.runner.record(change)

    async def model(self, request: Request) -> Reply:
        agent = request.agent
        while self.open[0] != agent:
            await anyio.sleep(0)
        turn = max(turn for name, turn in self.begun if name == agent)
        made, reply = self.script(agent, turn)
        if (agent, turn) not in self.prompts:
            self.prompts[agent, turn] = str(request.messages[-1]["content"])
            if made:
                return Reply(tool_calls=tuple(ToolCall(*tool_call(call)) for call in made))
        if reply == FAIL:
            raise RuntimeError("broken")
        text, position = reply if isinstance(reply, tuple) else (reply, None)
        return Reply(text, position=None if position is None else Position(answer=position))


# What must be the same


def deliveries(log: Sequence[Event]) -> dict[str, list[tuple[str, str]]]:
    found = defaultdict(list)
    for event in log:
        if isinstance(event, MessageDelivered):
            found[event.recipient].append((event.sender, words(event)))
    return dict(found)


def words(event: MessageDelivered) -> str:
    """What a message says; of a result who won, which the reference counts too."""
    return event.content.splitlines()[0] if event.kind == "result" and event.content else event.content


def refusals(log: Sequence[Event]) -> Counter[tuple[str, str, str]]:
    return Counter((e.sender, e.recipient, e.reason) for e in log if isinstance(e, MessageRefused))


def views(play: Play) -> list[Any]:
    found = []
    for view in play.views:
        messages = [(item.sender, words(item)) for item in view.inbox if isinstance(item, MessageDelivered)]
        notices = sorted(item.template for item in view.inbox if isinstance(item, Notice))
        found.append((view.agent, view.turn, view.phase, view.round, messages, notices, list(view.recipients)))
    return found


def results(log: Sequence[Event]) -> dict[Any, Any]:
    """What came of each tool call: whether it was accepted, or what was read of the board."""
    found: dict[Any, Any] = {}
    for event in log:
        if isinstance(event, ToolCallFinished):
            *_, turn, index = event.key.split("/")
            came = shown(event) if event.name == "read_board" else event.error is None
            found[event.agent, int(turn), int(index)] = came
    return found


def shown(event: ToolCallFinished) -> Any:
    if event.error is not None:
        return False
    board = json.loads(event.result or "")
    claims = [(e["id"], (e["owner"], e["path"], e.get("start", 0), e["end"])) for e in board["entries"]]
    return board["version"], board["content"], claims


def ended(log: Sequence[Event]) -> tuple[str, str | None]:
    last = log[-1]
    assert isinstance(last, RunEnded)
    return last.outcome, last.answer


def in_prompt(prompt: str) -> list[tuple[str, str]]:
    """The messages quoted in a prompt, as (sender, first line)."""
    return re.findall(r'<message from="(\w+)"[^>]*>\n(.*?)\n', prompt)


def agrees(data: st.DataObject) -> None:
    """The scheduler does what the reference does."""
    team = data.draw(teams(), label="team")
    drawn = data.draw(changes(team), label="changes")
    policy: Policy = data.draw(st.sampled_from([*["return_to_agent"] * 7, "halt"]))
    script = Script(data, silent=True)
    wanted = Reference(team, script, drawn, policy=policy).run()
    play = played(topology_of(team, policy), script, drawn)
    play.check_form()
    assert views(play) == wanted.views
    assert deliveries(play.log) == dict(wanted.deliveries)
    assert refusals(play.log) == Counter(wanted.refusals)
    assert results(play.log) == {call[:3]: call[3] for call in wanted.calls}
    assert ended(play.log) == wanted.end
    boards = [(e.agent, e.version, e.content) for e in play.of(BoardWritten) if e.content is not None]
    assert [content for _, _, content in boards] == wanted.sheets["board"].versions[1:]


def runs_alike(data: st.DataObject) -> None:
    """The runner does what the reference does, and prompts hold what it says that agents see."""
    team = data.draw(teams(), label="team")
    drawn = data.draw(changes(team), label="changes")
    script = Script(data, silent=False)
    wanted = Reference(team, script, drawn).run()
    prompted = Prompted(topology_of(team, "return_to_agent"), script, drawn)
    log = prompted.run()
    assert deliveries(log) == dict(wanted.deliveries)
    # Who is in a turn when the run ends may get as far as its next call before it is stopped: refused with that reason.
    late = [found for found in refusals(log) if found[2] == wanted.outcome]
    assert {found: n for found, n in refusals(log).items() if found not in late} == Counter(
        found for found in wanted.refusals if found not in late
    )
    assert ended(log) == wanted.end
    seen = {(agent, turn): messages for agent, turn, _, _, messages, _, _ in wanted.views}
    assert {place: in_prompt(prompt) for place, prompt in prompted.prompts.items()} == {
        place: [(sender, text) for sender, text in messages]
        for place, messages in seen.items()
        if place in prompted.prompts
    }


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_the_scheduler_agrees_with_the_reference(data: st.DataObject) -> None:
    agrees(data)


@settings(max_examples=FEWER, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_real_run_agrees_with_the_reference(data: st.DataObject) -> None:
    runs_alike(data)


@pytest.mark.parametrize(
    ("order", "heard"),
    [("abcd", [("a", "Position: x"), ("d", "d1")]), ("adbc", [("a", "Position: x"), ("d", "d1")]), ("bacd", [])],
)
def test_a_position_arrives_if_it_is_ahead_of_the_answer_that_ends_the_run(
    order: str, heard: list[tuple[str, str]]
) -> None:
    free, short = {"cap": None, "carries": "full"}, {"cap": None, "carries": "position"}
    edges = {("user", one): free for one in order}
    edges |= {("a", "c"): short, ("d", "c"): free, ("b", "user"): free, ("c", "user"): free}
    base: dict[str, Any] = {
        "name": "p",
        "order": "simultaneous",
        "rounds": 1,
        "end": "rounds",
        "joins": {},
        "opens": [],
    }
    team = [{**base, "participants": list(order), "edges": edges, "votes": {}, "boards": []}]

    def script(agent: str, turn: int) -> Any:
        return [], ("a1", "x") if agent == "a" else f"{agent}{turn}"

    wanted = Reference(team, script, {}).run()
    topology = topology_of(team, "return_to_agent")
    for log in (played(topology, script, {}).log, Prompted(topology, script, {}).run()):  # type: ignore[arg-type]
        assert deliveries(log)["c"] == [("user", "the task"), *heard] == wanted.deliveries["c"]
        assert refusals(log) == Counter(wanted.refusals)


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.__name__ for mutant in MUTANTS])
def test_a_scheduler_that_breaks_a_rule_does_not_agree(mutant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant(monkeypatch)
    # A fixed seed under which each is found within a hundred examples, and no time spent on making them smaller.
    once = settings(
        max_examples=500,
        database=None,
        phases=[Stage.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    with pytest.raises(AssertionError):
        once(seed(5)(given(st.data())(agrees)))()
