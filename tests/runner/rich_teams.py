"""Teams with all that a team may have: their models are functions of nothing but what they are asked."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio

from agentmesh import Agent, FunctionTool, Reply, Team, ToolCall, Topology
from agentmesh.config.models import MonitorConfig
from agentmesh.errors import ProviderError
from agentmesh.events import (
    Event,
)
from agentmesh.messages import Finding, Position
from agentmesh.tools.context import ToolContext

TASK = "What is it?"
BLOCKING = {"blocking": True}


def chosen(request: Any, salt: str = "") -> str:
    """A few letters that change with all that a request holds."""
    tools = sorted(tool["function"]["name"] for tool in request.tools)
    return hashlib.sha256(f"{salt}{request.agent}{request.messages}{tools}".encode()).hexdigest()[:6]


def said(request: Any) -> int:
    """How many replies of its own an agent sees."""
    return sum(message["role"] == "assistant" for message in request.messages)


def offered(request: Any) -> set[str]:
    return {tool["function"]["name"] for tool in request.tools}


def speaks(request: Any) -> Any:
    text = f"{request.agent}: {chosen(request)}"
    return text if request.response_schema is None else Reply(text, position=Position(answer=chosen(request)[0]))


def uses(name: str, **arguments: Any) -> Reply:
    return Reply(tool_calls=(ToolCall(name, arguments),))


class EverySecond:
    """Finds something in every second message that it sees, and in every third turn."""

    def __init__(self) -> None:
        self.seen = {"message_proposed": 0, "turn_ended": 0}

    def observe(self, event: Event) -> list[Finding]:
        if event.type not in self.seen or event.agent in (None, "user"):
            return []
        self.seen[event.type] += 1
        if self.seen[event.type] % (2 if event.type == "message_proposed" else 3):
            return []
        return [Finding(monitor="", label="odd", score=0.9, agents=(event.agent,), why="odd", evidence=(event.id,))]


class BreaksLate:
    """Raises at the sixth message."""

    def __init__(self) -> None:
        self.seen = 0

    def observe(self, event: Event) -> list[Finding]:
        self.seen += event.type == "message_delivered"
        if self.seen >= 6 and event.type == "message_delivered":
            raise ValueError("broken")
        return []


def watched(*configs: dict[str, Any], monitor: Any = EverySecond, **more: Any) -> Team:
    monitors = {f"m{number}": (monitor, MonitorConfig(**config)) for number, config in enumerate(configs)}
    topology = Topology.flat(["a", "b", "c"], rounds=2, order="round_robin", **more)
    return Team([Agent(name=name) for name in "abc"], topology, models={"default": speaks}, monitors=monitors)


def notes(folder: Path) -> Team:
    low = {"threshold": 0.95, "interventions": ["halt"]}
    return watched({"interventions": ["note"]}, low, {**BLOCKING, "interventions": ["note"]})


def halts_before_delivery(folder: Path) -> Team:
    return watched({**BLOCKING, "interventions": ["note", "note", "halt"]}, {"interventions": ["note"]})


def halts_after_it(folder: Path) -> Team:
    return watched({"interventions": ["note", "halt"]})


def broken_monitor(folder: Path) -> Team:
    return watched({}, monitor=BreaksLate)


def ignored_monitor(folder: Path) -> Team:
    return watched({"on_error": "ignore"}, {"on_error": "ignore", **BLOCKING}, monitor=BreaksLate)


def checked(folder: Path) -> Team:
    def right(answer: str) -> bool:
        return int(hashlib.sha256(f"{answer}?".encode()).hexdigest(), 16) % 4 == 0

    agents = [Agent(name="a"), Agent(name="b", memory={"window": 2})]
    verify: Any = {"function": right, "retries": 6}
    return Team(agents, Topology.chain(["a", "b"]), models={"default": speaks}, verify=verify)


LOOP = """
version: 1
agents: {a: {memory: fresh}, b: {}, c: {}, v: {kind: vote, ties: seed, options: [x, y]}}
topology:
  kind: graph
  phases:
    - name: work
      edges: [user -> a, a -> b]
      until: {promise: READY, verify: ["true"]}
      max_iterations: 4
      memory: fresh
      loop: {plan: PLAN.md, replan_after: 1, tried: 2}
    - {name: talk, order: random, rounds: 2, edges: [a <-> b, b <-> c, a <-> c], memory: fresh}
    - {name: vote, order: simultaneous, rounds: 1, edges: ["a, b, c -> v", v -> user]}
"""


def outer_loop(folder: Path) -> Team:
    def model(request: Any) -> str:
        if "You have a vote" in str(request.messages):
            return "xy"[int(chosen(request), 16) % 2]
        done = request.agent == "b" and int(chosen(request, "1"), 16) % 2
        return "<promise>READY</promise>" if done else str(speaks(request))

    return written(folder, LOOP, model)


def written(folder: Path, text: str, model: Any, **more: Any) -> Team:
    (folder / "team.yaml").write_text(text)
    return Team.from_yaml(folder / "team.yaml", models={"default": model}, **more)


ON_THE_WAY = """
version: 1
agents: {a: {}, b: {}, c: {}, d: {}, e: {join: all}}
topology:
  kind: graph
  positions: optional
  edges:
    - user -> a
    - {from: a, to: [b, c], carries: summary}
    - {from: a, to: d, rewrite: "changing_words:louder"}
    - {from: [b, c], to: e, carries: position}
    - {from: d, to: e, rewrite: "changing_words:softer"}
    - e -> user
"""
WORDS = """
import anyio

def louder(text):
    return text.upper()

async def softer(text):
    await anyio.sleep(0.001)
    return text.lower()
"""


def on_the_way(folder: Path) -> Team:
    (folder / "changing_words.py").write_text(WORDS)
    sys.path.insert(0, str(folder))
    try:
        return written(folder, ON_THE_WAY, speaks, allow=["changing_words"])
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("changing_words", None)


POLICY = """
version: 1
agents: {{a: {{}}, b: {{}}, c: {{}}}}
topology:
  kind: graph
  policy: {name}
  phases:
    - {{name: talk, order: round_robin, rounds: 2, edges: [user -> a, a <-> b, b <-> c]}}
    - {{name: end, edges: [c -> user, user -> c]}}
"""


def policy(name: Any) -> Callable[[Path], Team]:
    """A team in which two write to whom they may not."""

    def model(request: Any) -> Any:
        if said(request) == 0 and request.agent in "ab":
            to = ["c"] if request.agent == "a" else ["user", "a"]
            wrong = ToolCall("send_message", {"recipients": ["ghost"], "content": 1})
            return Reply(tool_calls=(ToolCall("send_message", {"recipients": to, "content": chosen(request)}), wrong))
        return speaks(request)

    return lambda folder: written(folder, POLICY.format(name=name), model)


BOARDS = """
version: 1
agents: {a: {}, b: {}, lead: {}, notes: {kind: board, content: start}, mod: {}}
topology:
  kind: graph
  phases:
    - {name: look, order: simultaneous, rounds: 2, nodes: [a, b], edges: ["user -> a, b", "a, b <-> notes", a <-> b]}
    - {name: talk, order: moderator, moderator: mod, rounds: 3, edges: [mod <-> a, mod <-> b, a <-> b]}
    - {name: answer, edges: [user -> lead, notes -> lead, lead -> user]}
"""


def boards(folder: Path) -> Team:
    def model(request: Any) -> Any:
        step = said(request) % 3
        if "next_speaker" in offered(request):
            return uses("next_speaker", agent="ab"[int(chosen(request), 16) % 2])
        if "write_board" in offered(request) and step == 0:
            return uses("claim", board="notes", path="p", start=1, end=2 if request.agent == "a" else 3)
        if "write_board" in offered(request) and step == 1:
            return uses("write_board", board="notes", content=chosen(request), version=said(request) // 3 + 1)
        if "read_board" in offered(request) and said(request) == 0:
            return uses("read_board", board="notes")
        return speaks(request)

    return written(folder, BOARDS, model)


async def long(text: str) -> str:
    """Write at length; the longer the text, the sooner it is there.

    Args:
        text: What to write

    """
    await anyio.sleep(0.002 / len(text))
    return text * 500


def breaks(text: str) -> str:
    """Break.

    Args:
        text: Anything

    """
    raise ValueError(f"broken: {text}")


def tools(folder: Path) -> Team:
    def model(request: Any) -> Any:
        match said(request) % 3:
            case 0:
                several: list[tuple[str, Any]] = [("breaks", {"text": "x"}), ("long", {"text": 1})]
                several += [("ghost", {}), ("long", {"text": "a"})]
                calls = [*several, ("long", {"text": "bcdefgh"})]
                return Reply(tool_calls=tuple(ToolCall(name, given) for name, given in calls))
            case 1:
                return uses("read_result", id="r1", start=100)
            case _:
                return speaks(request)

    agents = [Agent(name=name, tools=(long, breaks), max_result=100) for name in "ab"]
    return Team(agents, Topology.star("a", ["b"], rounds=2), models={"default": model})


def memories(folder: Path) -> Team:
    def model(request: Any) -> Any:
        looks = request.agent == "b" and said(request) % 2 == 0 and request.tool_choice != "none"
        return uses("long", text="b") if looks else f"{speaks(request)} {chosen(request, '1') * 100}"

    agents = [
        Agent(name="a", memory={"window": 2}),
        Agent(name="b", memory={"compact": 0.01}, tools=(long,)),
        Agent(name="c", memory="fresh"),
    ]
    return Team(agents, Topology.flat(["a", "b", "c"], rounds=3, order="round_robin"), models={"default": model})


def kinds(folder: Path) -> Team:
    inner = Team(
        [Agent(name="i", tools=(long,)), Agent(name="j"), Agent(name="k"), Agent(name="l", join="all")],
        Topology.graph(["user -> i", {"from": "i", "to": ["j", "k"], "carries": "summary"}, "j, k -> l", "l -> user"]),
        models={"default": lambda r: uses("long", text="i") if "long" in offered(r) and not said(r) else speaks(r)},
    )
    agents = [
        Agent(name="a"),
        Agent(name="f", function=lambda text: f"f {len(text)}"),
        Agent(name="g", function=lambda view: uses("send_message", recipients=["z"], content=view.text)),
        Agent(name="p", command={"argv": ["cat"], "format": "text"}),
        Agent(name="h", kind="human"),
        Agent(name="t", team=inner),
        Agent(name="z", join="all"),
    ]
    topology = Topology.graph(["user -> a", "a -> f, g, p, h, t", "f, g, p, h, t -> z", "z -> user"])
    return Team(agents, topology, models={"default": speaks})


def asking(folder: Path) -> Team:
    async def both(text: str, context: ToolContext) -> str:
        """Ask twice.

        Args:
            text: What about
            context: Whom

        """
        return f"{await context.ask('one ' + text)} {await context.ask('two ' + text)}"

    approved = {"use": "calculator", "approve": True}
    agents = [Agent(name="a", tools=("ask_human", FunctionTool(both), approved)), Agent(name="b")]

    def model(request: Any) -> Any:
        if request.agent == "a" and not said(request):
            sum_ = ToolCall("calculator", {"expression": "1 + 1"})
            return Reply(tool_calls=(ToolCall("ask_human", {"question": "?"}), ToolCall("both", {"text": "x"}), sum_))
        if request.agent == "a" and said(request) == 1:
            return uses("calculator", expression="2 + 2")
        return speaks(request)

    return Team(agents, Topology.chain(["a", "b"]), models={"default": model})


def failing(folder: Path) -> Team:
    def model(request: Any) -> Any:
        if request.agent == "a" and not said(request):
            raise ProviderError("server", "too much to do")
        if request.agent == "b" and not said(request):
            raise RuntimeError("no such luck")
        return speaks(request)

    topology = Topology.flat(["a", "b", "c"], rounds=2, order="round_robin")
    return Team([Agent(name=name) for name in "abc"], topology, models={"default": model})


def planned(folder: Path) -> Team:
    def model(request: Any) -> Any:
        seen = said(request)
        if "decide" in offered(request) and seen % 2 == 0:
            return uses("decide", decision="done" if seen else "continue", reason="so")
        if "open_tasks" in offered(request) and seen % 3 == 0:
            first = {"id": f"t{seen}", "title": "t", "instructions": "first", "acceptance": "", "priority": 1}
            second = {**first, "id": f"u{seen}", "depends_on": [f"t{seen}"]}
            return uses("open_tasks", tasks=[{**first, "depends_on": []}, second])
        if "hand_off" in offered(request) and request.agent == "w":
            return uses("hand_off", status="done" if seen else "failed", summary=chosen(request))
        return speaks(request)

    agents = [Agent(name="p"), Agent(name="w"), Agent(name="x", memory="fresh"), Agent(name="j")]
    return Team(agents, Topology.hierarchy("p", ["w", "x"], judge="j"), models={"default": model})


def person(agent: str, question: str) -> str:
    return "yes" if "1 + 1" in question else f"{agent} was asked {len(question)} letters"
