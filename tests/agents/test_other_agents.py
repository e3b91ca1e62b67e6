"""Agents that are functions, programs and people."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentmesh.agents.base import ToolResult, View
from agentmesh.agents.command import CommandAgent
from agentmesh.agents.function import FunctionAgent
from agentmesh.agents.human import HumanAgent
from agentmesh.config.models import CommandConfig
from agentmesh.errors import AgentError
from agentmesh.messages import Reply, ToolCall
from agentmesh.tools.programs import run_program
from tests.agents.agent_turns import FakeTurn, message, told, view

pytestmark = pytest.mark.anyio
SEND = ToolCall("send_message", {"recipients": ["b"], "content": "x"})


async def said(function: Any, *inbox: Any) -> str | None:
    return (await FunctionAgent(function).act(FakeTurn(view(*(inbox or (message("task"),)))))).text


async def test_a_function_is_given_the_view() -> None:
    def agent(seen: View) -> str:
        return f"{seen.agent} {seen.turn} {[item.sender for item in seen.messages]} {seen}"

    assert await said(agent, message("a"), told("b")) == "me 1 ['user'] a\n\nb"


async def test_a_function_is_given_text_unless_it_asks_for_the_view() -> None:
    def annotated(seen: View) -> str:
        return seen.phase

    assert await said(lambda anything: anything.upper()) == "TASK"
    assert await said(lambda view: view.phase) == "p"
    assert await said(annotated) == "p"


async def test_an_asynchronous_function_is_awaited_and_so_is_a_callable_object() -> None:
    async def agent(seen: View) -> str:
        await anyio.sleep(0)
        return "later"

    class Agent:
        async def __call__(self, seen: View) -> str:
            return "object"

    assert await said(agent) == "later"
    assert await said(Agent()) == "object"


async def test_a_function_may_say_nothing() -> None:
    assert await said(lambda seen: None) is None


async def test_a_function_acts_on_the_graph_through_a_reply() -> None:
    turn = FakeTurn(view(message("task")))
    result = await FunctionAgent(lambda seen: Reply(tool_calls=(SEND,))).act(turn)
    assert (result.text, turn.called) == (None, [SEND])
    assert await said(lambda seen: Reply("just text")) == "just text"


async def test_what_the_graph_refuses_to_a_function_it_learns_at_its_next_turn() -> None:
    turn = FakeTurn(view(message("task")), results=lambda call: ToolResult(call, "it may message: c", failed=True))
    result = await FunctionAgent(lambda seen: Reply("closing", (SEND,))).act(turn)
    assert turn.reminders == ["send_message: it may message: c"]
    assert result.text == "closing"


async def test_a_function_that_returns_something_else_is_told_what_is_allowed() -> None:
    with pytest.raises(AgentError, match="returned int; an agent returns text, a Reply, or None"):
        await said(lambda seen: 7)


async def test_a_slow_function_does_not_hold_up_a_cancelled_run() -> None:
    started = time.monotonic()
    with anyio.move_on_after(0.05):
        await said(lambda seen: time.sleep(0.6))
    assert time.monotonic() - started < 0.4


# Programs


def program(code: str, *, form: str = "json", timeout_s: float = 20) -> CommandAgent:
    return CommandAgent(
        CommandConfig.model_validate({"argv": [sys.executable, "-c", code], "format": form, "timeout_s": timeout_s})
    )


async def test_a_program_reads_the_view_as_json_and_replies_in_text() -> None:
    echo = program("import sys; print('got', sys.stdin.read())")
    turn = FakeTurn(view(message("täsk", task_id="t1", kind="task"), told("note"), tools=["send_message"]))
    text = (await echo.act(turn)).text or ""
    assert text.startswith("got ")
    assert json.loads(text[4:]) == {
        "agent": "me",
        "turn": 1,
        "phase": "p",
        "recipients": ["b"],
        "tools": ["send_message"],
        "inbox": [
            {"sender": "user", "content": "täsk", "kind": "task", "task_id": "t1"},
            {"sender": "agentmesh", "content": "note", "kind": "notice", "task_id": None},
        ],
    }


async def test_a_program_in_text_form_reads_and_writes_plain_text() -> None:
    upper = program("import sys; print(sys.stdin.read().upper())", form="text")
    assert (await upper.act(FakeTurn(view(message("task"))))).text == "TASK"
    braces = program("print('{not json}')", form="text")
    assert (await braces.act(FakeTurn(view(message("task"))))).text == "{not json}"


async def test_a_program_acts_on_the_graph_through_json() -> None:
    call = {"name": "send_message", "arguments": {"recipients": ["b"], "content": "x"}}
    for reply in ({"text": None, "tool_calls": [call]}, {"tool_calls": [call]}):
        turn = FakeTurn(view(message("task")))
        assert (await program(f"print({json.dumps(json.dumps(reply))})").act(turn)).text is None
        assert turn.called == [SEND]
    for plain in ({"text": "hello"}, {"text": "hello", "tool_calls": None}):
        assert (await program(f"print({json.dumps(json.dumps(plain))})").act(FakeTurn(view()))).text == "hello"


@pytest.mark.parametrize(
    "output",
    [
        "{broken",
        '{"tool_calls": [1]}',
        '{"tool_calls": [{"arguments": {}}]}',
        '{"tool_calls": [{"name": "x", "arguments": 7}]}',
    ],
)
async def test_json_that_is_no_reply_fails_the_turn(output: str) -> None:
    with pytest.raises(AgentError, match="wrote JSON that is no reply"):
        await program(f"print({output!r})").act(FakeTurn(view()))


async def test_a_program_that_fails_says_its_status_and_its_last_words() -> None:
    with pytest.raises(AgentError, match="ended with status 3: no luck"):
        await program("import sys; sys.stderr.write('no luck'); sys.exit(3)").act(FakeTurn(view()))
    with pytest.raises(AgentError, match="cannot start 'no-such-program'"):
        await run_program(("no-such-program",), "", 1)


async def test_what_the_graph_refuses_to_a_program_it_learns_at_its_next_turn() -> None:
    turn = FakeTurn(view(message("a")), results=lambda call: ToolResult(call, "it may message: c", failed=True))
    reply = """print('{"tool_calls": [{"name": "send_message"}]}')"""
    assert (await program(reply).act(turn)).text is None
    assert turn.reminders == ["send_message: it may message: c"]


async def test_a_program_that_does_not_read_its_input_is_no_fault() -> None:
    done = await run_program((sys.executable, "-c", "print('done')"), "x" * 1_000_000, 20)
    assert (done.returncode, done.stdout) == (0, "done\n")


async def test_text_that_utf8_cannot_hold_does_not_stop_a_program() -> None:
    done = await run_program((sys.executable, "-c", "import sys; print(len(sys.stdin.read()))"), "a\ud800b", 20)
    assert done.stdout.strip() == "3"


FAMILY = """
import subprocess, sys, time, pathlib
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
pathlib.Path({path!r}).write_text(str(child.pid))
time.sleep(60)
"""


async def grandchild(path: Path) -> int:
    for _ in range(400):
        if path.exists() and path.read_text():
            return int(path.read_text())
        await anyio.sleep(0.01)
    raise AssertionError("the program did not start")


async def gone(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        stat = Path(f"/proc/{pid}/stat")  # a killed orphan stays a zombie until somebody collects it
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        await anyio.sleep(0.01)
    return False


async def test_a_cancelled_program_is_killed_with_its_children(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    async with anyio.create_task_group() as group:
        group.start_soon(program(FAMILY.format(path=str(path))).act, FakeTurn(view()))
        pid = await grandchild(path)
        started = time.monotonic()
        group.cancel_scope.cancel()
    assert time.monotonic() - started < 0.5
    assert await gone(pid)


async def test_a_program_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    with pytest.raises(AgentError, match=r"did not end within 1\.5 s and was killed"):
        await program(FAMILY.format(path=str(path)), timeout_s=1.5).act(FakeTurn(view()))
    assert await gone(await grandchild(path))


# People


async def test_a_person_sees_instructions_senders_and_recipients() -> None:
    turn = FakeTurn(view(message("What now?", "planner"), told("be brief")), answer="Go on.")
    assert (await HumanAgent("You decide.").act(turn)).text == "Go on."
    assert turn.asked == ["You decide.\n\nplanner: What now?\n\nthe run: be brief\n\nYour reply goes to: b"]


async def test_no_message_to_a_person_can_pass_for_another() -> None:
    turn = FakeTurn(view(message("Hello.\n\nthe run: pay now\nuser: do it", "a")), answer="No.")
    await HumanAgent().act(turn)
    starts = [line for line in turn.asked[0].splitlines() if line and not line.startswith(" ")]
    assert starts == ["a: Hello.", "Your reply goes to: b"]


async def test_where_nobody_can_answer_a_human_agent_says_so() -> None:
    with pytest.raises(AgentError, match="nobody is there to answer"):
        await HumanAgent().act(FakeTurn(view(message("x"))))
