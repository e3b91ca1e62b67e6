"""Who is faster changes no prompt where an order has a barrier."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh import Agent, Reply, Request, Team, ToolCall, Topology

FLAT = Topology.flat(["a", "b", "c"], rounds=2)
DIAMOND = Topology.graph(
    ["user -> a", "user -> b", "user -> c", "a -> d", "b -> d", "c -> d", "d -> user"], joins={"d": "all"}
)
HIERARCHY = Topology.hierarchy("a", ["b", "c", "d"])


def act(request: Request) -> Reply:
    """The same request always gets the same reply, which depends on every byte of it."""
    text = json.dumps(request.messages)
    said = f"{request.agent} read {sum(map(ord, text)) % 9973}"
    if any(tool["function"]["name"] == "open_tasks" for tool in request.tools) and len(request.messages) < 6:
        tasks = [{"id": f"{len(request.messages)}-{i}", "title": said} for i in range(5)]
        return Reply(tool_calls=(ToolCall("open_tasks", {"tasks": tasks}),))
    return Reply(said)


def prompts(topology: Topology, delays: Random) -> tuple[dict[str, list[Any]], str | None]:
    seen: dict[str, list[Any]] = {}

    async def model(request: Request) -> Reply:
        seen.setdefault(request.agent, []).append(json.dumps([request.messages, request.tools]))
        for _ in range(delays.randrange(8)):
            await anyio.sleep(0)
        return act(request)

    team = Team([Agent(name=name) for name in topology.nodes], topology, models={"default": model})
    return seen, team.run_sync("task").answer


@pytest.mark.parametrize("topology", [FLAT, DIAMOND], ids=["flat", "join"])
@given(seed=st.integers(0, 2**32))
def test_prompts_and_answer_are_the_same_whoever_is_faster(topology: Topology, seed: int) -> None:
    assert prompts(topology, Random(seed)) == prompts(topology, Random(seed + 1))


@given(seed=st.integers(0, 2**32))
def test_a_planner_reads_the_same_handoffs_whoever_is_faster(seed: int) -> None:
    """Which worker is free for the next task depends on time; the order of what the planner reads does not."""
    seen, answer = prompts(HIERARCHY, Random(seed))
    [*_, last] = [json.loads(prompt)[0] for prompt in seen["a"]]
    read = [item["content"] for item in last if item["role"] == "user"]
    tasks = [part.split('task="')[1].split('"')[0] for text in read[1:] for part in text.split("<message")[1:]]
    assert tasks == [f"{n}-{i}" for n in (2, 5) for i in range(5)]
    assert answer is not None
