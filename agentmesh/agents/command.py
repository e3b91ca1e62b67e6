"""An agent that is a program: the view on its standard input, the reply on its standard output."""

from __future__ import annotations

import json
from dataclasses import dataclass

from agentmesh.agents.base import Said, Turn, View, act_out
from agentmesh.config.models import CommandConfig
from agentmesh.errors import AgentError
from agentmesh.messages import RUN, Position, Reply, ToolCall
from agentmesh.providers.encoding import mended, mended_calls
from agentmesh.tools.programs import run_program

_SHOWN = 500


@dataclass
class CommandAgent:
    """Runs its program once per turn, in the agent's workspace if it has one.

    `json`: stdin is `{"agent", "turn", "phase", "recipients", "tools", "inbox": [{"sender", "content", "kind",
    "task_id"}]}`; stdout is the reply as text, or `{"text", "tool_calls": [{"name", "arguments"}], "position"}`.
    `text`: stdin is the message, or each as `SENDER: content` where there are several; of notices only what an
    iteration of a loop is about, unless there is nothing else; stdout is the reply.
    """

    config: CommandConfig

    def fork(self) -> CommandAgent:
        """It remembers nothing."""
        return self

    async def act(self, turn: Turn) -> Said:
        """One run of the program. Raises: AgentError if it fails, hangs or writes something else."""
        view = turn.view
        stdin = _as_text(view) if self.config.format == "text" else json.dumps(_as_json(view), ensure_ascii=False)
        folder = turn.workspace.root if turn.workspace else None
        done = await run_program(self.config.argv, stdin, self.config.timeout_s, folder=folder)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()[-_SHOWN:]
            raise AgentError(f"{self.config.argv[0]!r} ended with status {done.returncode}: {said}")
        return await act_out(turn, self._read(done.stdout))

    def _read(self, stdout: str) -> Reply:
        if self.config.format == "text" or not stdout.lstrip().startswith("{"):
            return Reply(stdout.strip())
        try:
            read = json.loads(stdout)
            calls = [ToolCall(call["name"], call.get("arguments") or {}) for call in read.get("tool_calls") or ()]
            position = Position.model_validate(read["position"]) if read.get("position") else None
            return Reply(mended(str(read.get("text") or "")), tuple(mended_calls(calls)), position=position)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise AgentError(f"{self.config.argv[0]!r} wrote JSON that is no reply: {error}") from error


def _as_text(view: View) -> str:
    items = view.work
    if len(items) == 1:
        return items[0].content
    # Further lines are set in, so that none of them can pass for a message of somebody else.
    return "\n\n".join(f"{getattr(item, 'sender', RUN)}: " + "\n  ".join(item.content.splitlines()) for item in items)


def _as_json(view: View) -> dict[str, object]:
    return {
        "agent": view.agent,
        "turn": view.turn,
        "phase": view.phase,
        "recipients": view.recipients,
        "tools": view.tools,
        "inbox": [
            {
                "sender": getattr(item, "sender", RUN),
                "content": item.content,
                "kind": getattr(item, "kind", "notice"),
                "task_id": getattr(item, "task_id", None),
            }
            for item in view.inbox
        ],
    }
