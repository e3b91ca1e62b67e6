"""A model that plays from a script: a list of replies for each agent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agentmesh.errors import ConfigError, ScriptError
from agentmesh.messages import Reply, ToolCall
from agentmesh.providers.base import Delta, Request
from agentmesh.providers.local import finished

Entry = str | Mapping[str, Any] | Reply
Script = Mapping[str, Sequence[Entry]]

ENTRY_KEYS = ("text", "tool_calls", "finish_reason")


class ScriptedProvider:
    """Answers each agent's calls from that agent's list, one entry per call.

    An entry is a text, `{"text", "tool_calls": [{"name", "arguments"}]}`, or a Reply.
    """

    def __init__(self, script: Script, model_id: str = "scripted") -> None:
        self._model_id = model_id
        self._replies = {
            agent: [_reply(entry, agent, number) for number, entry in enumerate(_entries(entries, agent), start=1)]
            for agent, entries in script.items()
        }
        self._used: Counter[str] = Counter()

    @property
    def model_id(self) -> str:
        """`scripted`, or `scripted:FILE`."""
        return self._model_id

    async def complete(self, request: Request, on_delta: Delta | None = None) -> Reply:
        """The next entry of the asking agent. Raises: ScriptError when there is none."""
        replies = self._replies.get(request.agent)
        if replies is None:
            known = ", ".join(self._replies) or "nobody"
            raise ScriptError(f"the script has no entry for agent {request.agent!r}; it has: {known}")
        number = self._used[request.agent]
        if number >= len(replies):
            raise ScriptError(
                f"the script of agent {request.agent!r} is exhausted: this is call {number + 1}, "
                f"it has {len(replies)} {'reply' if len(replies) == 1 else 'replies'}"
            )
        self._used[request.agent] += 1
        reply = replies[number]
        if on_delta is not None and reply.text:
            on_delta(reply.text)
        return finished(reply, request, self._model_id)

    def recall(self, agent: str, replies: int) -> None:
        """An agent has had so many replies, in a process before this one."""
        self._used[agent] = replies

    async def aclose(self) -> None:
        """Nothing is held."""

    def unused(self) -> dict[str, int]:
        """How many replies each agent has left, where any are."""
        left = {agent: len(replies) - self._used[agent] for agent, replies in self._replies.items()}
        return {agent: number for agent, number in left.items() if number}

    def assert_complete(self) -> None:
        """Raise ScriptError if a reply was never asked for."""
        left = self.unused()
        if left:
            counted = ", ".join(
                f"{agent!r} {self._used[agent]} of {len(self._replies[agent])}" for agent in sorted(left)
            )
            raise ScriptError(f"replies were left over; used by agent: {counted}")


def load_script(path: str | Path) -> dict[str, list[Entry]]:
    """A script from a YAML or JSON file that maps agents to lists. Raises: ConfigError."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    file = Path(path)
    try:
        loaded = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the script cannot be read: {error}", str(file)) from error
    except YAMLError as error:
        raise ConfigError(f"the script is not YAML or JSON: {error}", str(file)) from error
    if not isinstance(loaded, dict):
        raise ConfigError("a script maps each agent to a list of replies", str(file))
    try:
        ScriptedProvider(loaded)
    except ConfigError as error:
        raise ConfigError(error.problems[0].message, str(file)) from error
    return loaded


def _entries(entries: Any, agent: str) -> Sequence[Entry]:
    if isinstance(entries, str) or not isinstance(entries, Sequence):
        raise ConfigError(f"agent {agent!r}: a list of replies is needed, found {type(entries).__name__}")
    return entries


def _reply(entry: Any, agent: str, number: int) -> Reply:
    if isinstance(entry, Reply):
        return entry
    if isinstance(entry, str):
        return Reply(text=entry)
    where = f"agent {agent!r}, reply {number}"
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{where}: a text or a mapping is needed, found {type(entry).__name__}")
    if unknown := [key for key in entry if key not in ENTRY_KEYS]:
        raise ConfigError(f"{where}: {unknown[0]!r} is not known; allowed: {', '.join(ENTRY_KEYS)}")
    calls = tuple(
        _tool_call(call, f"{where}, tool call {index}", f"call_{number}_{index}")
        for index, call in enumerate(entry.get("tool_calls") or (), start=1)
    )
    return Reply(
        text=str(entry.get("text") or ""), tool_calls=calls, finish_reason=str(entry.get("finish_reason") or "stop")
    )


def _tool_call(call: Any, where: str, default_id: str) -> ToolCall:
    arguments = call.get("arguments") or {} if isinstance(call, Mapping) else None
    if not isinstance(call, Mapping) or not isinstance(call.get("name"), str) or not isinstance(arguments, Mapping):
        raise ConfigError(f"{where}: it needs a `name` and `arguments`, a mapping")
    return ToolCall(name=call["name"], arguments=dict(arguments), id=str(call.get("id") or default_id))
