"""An agent that is a program: the view on its standard input, the reply on its standard output."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass

import anyio
from anyio.abc import Process

from agentmesh.agents.base import Said, Turn, View, act_out
from agentmesh.config.models import CommandConfig
from agentmesh.errors import AgentError
from agentmesh.messages import Reply, ToolCall

_SHOWN = 500


class Finished(subprocess.CompletedProcess[str]):
    """A program that ended by itself, with its decoded output."""


async def run_program(argv: tuple[str, ...], stdin: str, timeout_s: float) -> Finished:
    """Run a program without a shell, in a process group of its own; kill the whole group on cancel or timeout.

    Raises: AgentError if it cannot be started or takes too long.
    """
    try:
        process = await anyio.open_process(list(argv), start_new_session=True)
    except OSError as error:
        raise AgentError(f"cannot start {argv[0]!r}: {error.strerror or error}") from error
    outputs: dict[str, bytes] = {}
    try:
        with anyio.fail_after(timeout_s):
            async with anyio.create_task_group() as streams:
                streams.start_soon(_collect, process, "stdout", outputs)
                streams.start_soon(_collect, process, "stderr", outputs)
                with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, ConnectionError):
                    assert process.stdin is not None
                    await process.stdin.send(stdin.encode(errors="replace"))
                    await process.stdin.aclose()
            await process.wait()
    except TimeoutError as error:
        raise AgentError(f"{argv[0]!r} did not end within {timeout_s:g} s and was killed") from error
    finally:
        await _kill_group(process)
    code = process.returncode if process.returncode is not None else -1
    return Finished(list(argv), code, _text(outputs, "stdout"), _text(outputs, "stderr"))


async def _collect(process: Process, name: str, outputs: dict[str, bytes]) -> None:
    stream = process.stdout if name == "stdout" else process.stderr
    assert stream is not None
    outputs[name] = b"".join([chunk async for chunk in stream])


def _text(outputs: dict[str, bytes], name: str) -> str:
    return outputs.get(name, b"").decode(errors="replace")


async def _kill_group(process: Process) -> None:
    # The group may outlive its leader: children that it left behind are killed too.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with anyio.CancelScope(shield=True):
        await process.wait()
        await process.aclose()


@dataclass
class CommandAgent:
    """Runs its program once per turn.

    `json`: stdin is `{"agent", "turn", "phase", "recipients", "tools", "inbox": [{"sender", "content", "kind",
    "task_id"}]}`; stdout is the reply as text, or `{"text", "tool_calls": [{"name", "arguments"}]}`.
    `text`: stdin is the contents of the inbox; stdout is the reply.
    """

    config: CommandConfig

    def fork(self) -> CommandAgent:
        """It remembers nothing."""
        return self

    async def act(self, turn: Turn) -> Said:
        """One run of the program. Raises: AgentError if it fails, hangs or writes something else."""
        view = turn.view
        stdin = view.text if self.config.format == "text" else json.dumps(_as_json(view), ensure_ascii=False)
        done = await run_program(self.config.argv, stdin, self.config.timeout_s)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()[-_SHOWN:]
            raise AgentError(f"{self.config.argv[0]!r} ended with status {done.returncode}: {said}")
        return await act_out(turn, self._read(done.stdout))

    def _read(self, stdout: str) -> Reply:
        if self.config.format == "text" or not stdout.lstrip().startswith("{"):
            return Reply(stdout.strip())
        try:
            read = json.loads(stdout)
            calls = tuple(ToolCall(call["name"], call.get("arguments") or {}) for call in read.get("tool_calls") or ())
            return Reply(str(read.get("text") or ""), calls)
        except (ValueError, KeyError, TypeError) as error:
            raise AgentError(f"{self.config.argv[0]!r} wrote JSON that is no reply: {error}") from error


def _as_json(view: View) -> dict[str, object]:
    return {
        "agent": view.agent,
        "turn": view.turn,
        "phase": view.phase,
        "recipients": view.recipients,
        "tools": view.tools,
        "inbox": [
            {
                "sender": getattr(item, "sender", "agentmesh"),
                "content": item.content,
                "kind": getattr(item, "kind", "notice"),
                "task_id": getattr(item, "task_id", None),
            }
            for item in view.inbox
        ],
    }
