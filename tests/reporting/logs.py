"""Logs for the tests of reports: one in which everything happens, and long ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from agentmesh.events import (
    Answered,
    BoardWritten,
    ContextStarted,
    Event,
    FindingRecorded,
    InterventionMade,
    LimitWasReached,
    MessageDelivered,
    MessageProposed,
    MessageRefused,
    MessageWithheld,
    ModelCallFinished,
    ModelCallStarted,
    Notice,
    PhaseEnded,
    PhaseStarted,
    PositionStated,
    Question,
    RunEnded,
    RunResumed,
    RunStarted,
    TaskChanged,
    ToolCallFinished,
    ToolCallStarted,
    TopologyChanged,
    TurnEnded,
    TurnFailed,
    TurnStarted,
    Verification,
    VoteCast,
    stamped,
)
from agentmesh.messages import FilePart, Finding, Position, Task, Usage

Text = Callable[[str], str]
START = 1_790_000_000.0


def log(*events: Event, step: float = 0.25) -> Sequence[Event]:
    return [stamped(event, number, "run-1", START + number * step) for number, event in enumerate(events, 1)]


def usage(cost: float | None = 0.01) -> Usage:
    return Usage(input_tokens=400, output_tokens=60, model_calls=1, cost_usd=cost)


def call(agent: str, key: str, content: str = "", **more: Any) -> list[Event]:
    given = {"agent": agent, "key": key, "model": "simulated:worker"}
    finished = ModelCallFinished(**{"usage": usage(), "seconds": 0.2, "content": content, **given, **more})
    return [ModelCallStarted(request_hash="h", reserved=4_500, **given), finished]


def sent(number: int, sender: str, recipient: str, content: str) -> list[Event]:
    message = {"agent": sender, "message_id": f"m{number}", "sender": sender, "recipient": recipient}
    return [MessageProposed(content=content, **message), MessageDelivered(content=content, **message)]


EDGES = (("user", "ann"), ("ann", "bob"), ("bob", "ann"), ("bob", "cleo"), ("cleo", "user"), ("ann", "notes"))


def storied(text: Text = str, end: RunEnded | None = None) -> Sequence[Event]:
    """A run with one event of nearly every type; `text` makes every text that a model, a tool or a person wrote."""
    task = Task(id="t1", title=text("a task"), instructions=text("do it"), acceptance=text("done"))
    position = Position(answer=text("84"), confidence=0.8, evidence=(text("because"),))
    refused = {"agent": "bob", "message_id": "m7", "sender": "bob", "recipient": "user"}
    return log(
        RunStarted(team=text("the team"), task=text("What is (3 + 4) * 12?"), seed=7, version="0.1.0"),
        PhaseStarted(phase=text("work"), order="reactive", edges=EDGES),
        *sent(1, "user", "ann", text("What is (3 + 4) * 12?")),
        TurnStarted(agent="ann", turn=1, phase=text("work"), inbox=("m1",)),
        ContextStarted(agent="ann", reason="fresh", recipients=("bob",), system=text("You are ann.")),
        *call("ann", "k1", text("I compute."), attempts=(text("429 too many requests"),)),
        ToolCallStarted(agent="ann", key="k2", name=text("calculator"), arguments={text("expression"): text("3 + 4")}),
        ToolCallFinished(agent="ann", key="k2", name=text("calculator"), arguments={text("expression"): text("3 + 4")},
                         result=text("7"), trust="untrusted"),
        ToolCallStarted(agent="ann", key="k3", name="search", arguments={"query": text("twelve")}),
        ToolCallFinished(agent="ann", key="k3", name="search", arguments={"query": text("twelve")},
                         error=text("no such page")),
        BoardWritten(agent="ann", board="notes", version=1, content=text("3 + 4 = 7")),
        PositionStated(agent="ann", turn=1, phase="work", position=position),
        TaskChanged(agent="ann", task=task, status="open"),
        TurnEnded(agent="ann", turn=1, reply=text("7, times 12")),
        *sent(2, "ann", "bob", text("7, times 12")),
        TurnStarted(agent="bob", turn=1, phase=text("work"), inbox=("m2",)),
        *call("bob", "k4", text("84"), usage=usage(None)),
        TurnEnded(agent="bob", turn=1, reply=text("84")),
        MessageProposed(content=text("84, user"), **refused),
        MessageRefused(content=text("84, user"), allowed=("ann", "cleo"), reason="no_edge", **refused),
        MessageRefused(agent="bob", message_id="m8", sender="bob", recipient=text("dora"), content=text("hello"),
                       allowed=("ann", "cleo")),
        Notice(agent="bob", template="refused", content=text("Your message was not delivered")),
        FindingRecorded(finding=Finding(monitor="mine", label=text("repetition"), score=0.9, agents=("bob",),
                                        evidence=(20, 23, 24, 9_999), why=text("bob says it again")), threshold=0.5),
        InterventionMade(kind="note", finding=27, monitor="mine", agents=("bob",)),
        TopologyChanged(change="cut", edges=(("bob", "ann"),), agents=("bob",)),
        *sent(3, "bob", "cleo", text("84")),
        TurnStarted(agent="cleo", turn=1, phase=text("work"), inbox=("m3",)),
        Question(agent="cleo", question_id="q1", content=text("May I answer?")),
        Answered(agent="cleo", question_id="q1", content=text("Yes, do"), by=text("a person")),
        VoteCast(agent="cleo", vote="ballot", ranking=(text("84"), text("85"))),
        ModelCallStarted(agent="cleo", key="k5", model="simulated:worker", request_hash="h", reserved=4_000),
        TurnFailed(agent="cleo", turn=1, kind="server", error=text("the server broke off")),
        MessageWithheld(agent="bob", message_id="m9", sender="bob", recipient="cleo", content=text("psst")),
        LimitWasReached(agent="bob", limit="tokens", allowed=1_000, needed=1_500, scope="agent:bob"),
        Verification(passed=False, attempt=1, detail=text("expected 84")),
        PhaseEnded(phase=text("work"), reason=text("all done")),
        RunEnded(outcome="limit", reason="tokens: 1000 allowed"),
        RunResumed(at=41),
        MessageDelivered(agent="cleo", message_id="m10", sender="cleo", recipient="user", content=text("84"),
                         parts=(FilePart(name=text("proof.pdf"), data="AAAA"),)),
        end or RunEnded(outcome="completed", reason=text("answered"), answer=text("84")),
    )  # fmt: skip


def long_log(
    agents: int, turns: int, said: str = "I agree with what was said, and add a thought of my own. "
) -> Sequence[Event]:
    """A ring of agents, each hearing the one before it: about nine events a turn."""
    names = [f"agent-{number}" for number in range(agents)]
    around = [(names[at - 1], name) for at, name in enumerate(names)]
    edges = (*around, ("user", names[0]), (names[-1], "user"))
    events: list[Event] = [RunStarted(team="long", task="Go on."),
                           PhaseStarted(phase="talk", order="random", edges=edges)]  # fmt: skip
    events += sent(0, "user", names[0], "Go on.")
    heard: dict[str, list[str]] = {names[0]: ["m0"]}
    for turn in range(1, turns + 1):
        name, following = names[turn % agents], names[(turn + 1) % agents]
        text = f"{turn}: {said}"
        events += [TurnStarted(agent=name, turn=turn, phase="talk", inbox=tuple(heard.pop(name, ())))]
        events += call(name, f"k{turn}", text)
        tool = {"agent": name, "key": f"t{turn}", "name": "search", "arguments": {"query": str(turn)}}
        events += [ToolCallStarted.model_validate(tool), ToolCallFinished.model_validate({**tool, "result": "x"})]
        events += [TurnEnded(agent=name, turn=turn, reply=text), *sent(turn, name, following, text)]
        heard.setdefault(following, []).append(f"m{turn}")
        if turn % 40 == 0:
            found = Finding(monitor="stall", label="stall", score=0.8, agents=(name,), evidence=(turn * 8,), why="slow")
            events.append(FindingRecorded(finding=found, threshold=0.5))
    return log(*events, RunEnded(outcome="stalled", reason="nobody has anything left"), step=0.05)
