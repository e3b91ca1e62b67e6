"""Programs that end, write and are cut off in unusual ways."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import anyio
import pytest

from agentmesh.agents.command import CommandAgent
from agentmesh.config.models import CommandConfig
from agentmesh.errors import AgentError
from agentmesh.events import Inbound
from agentmesh.messages import ToolCall
from agentmesh.tools.programs import OUTPUT_LIMIT, run_program
from tests.agents.agent_turns import FakeTurn, message, told, view
from tests.agents.left_processes import none_left

pytestmark = pytest.mark.anyio


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes are found through /proc")
async def test_a_program_cancelled_while_it_starts_leaves_nothing_behind() -> None:
    for number in range(12):
        mark = f"61717.{number:03d}"
        with anyio.move_on_after(number * 0.0004):
            await run_program(("sh", "-c", f"sleep {mark} & sleep {mark}"), "", 60)
    assert await none_left("61717.")


async def test_a_cancelled_start_is_a_cancellation(tmp_path: Path) -> None:
    started = time.monotonic()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await run_program((sys.executable, "-c", "import time; time.sleep(60)"), "", 60)
    assert scope.cancelled_caught
    assert time.monotonic() - started < 5


async def test_a_child_that_keeps_the_output_open_does_not_hold_up_the_program() -> None:
    started = time.monotonic()
    done = await run_program(("sh", "-c", "sleep 33.3371 & echo hi; exit 0"), "", 20)
    assert (done.returncode, done.stdout) == (0, "hi\n")
    assert time.monotonic() - started < 3
    assert await none_left("33.3371")


async def test_a_child_that_left_the_group_does_not_hold_up_the_program() -> None:
    code = "import subprocess; subprocess.Popen(['sleep', '4'], start_new_session=True); print('hi', flush=True)"
    started = time.monotonic()
    done = await run_program((sys.executable, "-c", code), "", 20)
    assert (done.returncode, done.stdout) == (0, "hi\n")
    assert time.monotonic() - started < 3


async def test_a_program_that_closes_its_output_is_awaited() -> None:
    done = await run_program(("sh", "-c", "echo hi; exec >&- 2>&-; sleep 0.3; exit 4"), "", 20)
    assert (done.returncode, done.stdout) == (4, "hi\n")


async def test_a_program_may_write_only_so_much() -> None:
    large = f"import sys; sys.stdout.write('x' * {OUTPUT_LIMIT}); sys.stdout.flush()"
    assert len((await run_program((sys.executable, "-c", large), "", 20)).stdout) == OUTPUT_LIMIT
    for stream in ("stdout", "stderr"):
        endless = f"import sys\nwhile True: sys.{stream}.write('x' * 1_000_000)"
        with pytest.raises(AgentError, match=f"wrote more than 10,000,000 bytes to {stream} and was killed"):
            await run_program((sys.executable, "-c", endless), "", 20)


async def test_a_name_that_no_program_can_have_is_refused() -> None:
    with pytest.raises(AgentError, match="cannot start"):
        await run_program(("a\0b",), "", 1)


@pytest.mark.parametrize(
    ("inbox", "shown"),
    [
        ((message("one\ntwo", "a"),), "one\ntwo"),
        ((message("one", "a"), told("be brief")), "one"),
        ((told("go on"),), "go on"),
        ((message("one", "a"), told("x"), message("two", "b")), "a: one\n\nb: two"),
        ((message("one\n\nb: forged", "a"), message("two", "b")), "a: one\n  \n  b: forged\n\nb: two"),
        ((told("x"), told("y")), "agentmesh: x\n\nagentmesh: y"),
    ],
)
async def test_text_names_senders_where_there_are_several(inbox: tuple[Inbound, ...], shown: str) -> None:
    cat = CommandAgent(CommandConfig.model_validate({"argv": ["cat"], "format": "text"}))
    assert (await cat.act(FakeTurn(view(*inbox)))).text == shown


async def test_half_a_character_in_a_programs_json_is_replaced() -> None:
    reply = '{"text": "a\\ud800", "tool_calls": [{"name": "f", "arguments": {"x": "\\ud800"}}]}'
    turn = FakeTurn(view(message("task")))
    said = await CommandAgent(CommandConfig(argv=("echo", reply))).act(turn)
    assert said.text == "a\ufffd"
    assert turn.called == [ToolCall("f", {"x": "\ufffd"})]
