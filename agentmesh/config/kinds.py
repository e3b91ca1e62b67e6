"""Which keys of an agent go with which kind: what cannot apply is refused, not ignored."""

from __future__ import annotations

from collections.abc import Iterable

from agentmesh.config.models import AgentConfig
from agentmesh.messages import answer_key

_GOES_WITH: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("model", "tools", "max_result", "memory", "max_output_tokens", "max_steps", "temperature"), ("llm",)
    ),
    **dict.fromkeys(("replicas", "reserve", "join", "limits"), ("llm", "function", "command", "human", "team")),
    "instructions": ("llm", "human"),
    "workspace": ("llm", "function", "command"),
    "command": ("command",),
    "function": ("function",),
    "team": ("team",),
    **dict.fromkeys(("method", "options", "candidates", "weights", "ties"), ("vote",)),
    "content": ("board",),
}


def misplaced(agent: AgentConfig) -> list[tuple[str, str]]:
    """Keys that were given and do not go with the agent's kind, or lack beside it: (key, what to do)."""
    found = [
        (key, f"`{key}` goes with kind: {' or '.join(kinds)}, and this agent is kind: {agent.kind}; {_mend(key)}")
        for key, kinds in _GOES_WITH.items()
        if key in agent.model_fields_set and getattr(agent, key) is not None and agent.kind not in kinds
    ]
    if agent.kind == "command" and agent.command is None:
        found.append(("command", "`command` and `kind: command` go together; write command: {argv: [PROGRAM, ...]}"))
    if agent.kind == "team" and agent.team is None:
        found.append(("team", "`team` and `kind: team` go together; write team: other.yaml"))
    if agent.options and agent.candidates:
        found.append(("candidates", "`options` and `candidates` exclude each other: a vote is about one of them"))
    again = _same(agent.options)
    if again:
        found.append(("options", f"{again[0]!r} and {again[1]!r} are the same answer to a vote; remove one"))
    if any(not answer_key(option) for option in agent.options):
        found.append(("options", "an option of a vote says something; remove the empty one"))
    return found


def _same(options: Iterable[str]) -> tuple[str, str] | None:
    """Two options between which no ballot could tell, if there are any."""
    first: dict[str, str] = {}
    for option in options:
        if answer_key(option) in first:
            return first[answer_key(option)], option
        first[answer_key(option)] = option
    return None


def _mend(key: str) -> str:
    """What to do about a misplaced key."""
    kinds = _GOES_WITH[key]
    return f"say kind: {kinds[0]}, or remove it" if len(kinds) == 1 and kinds[0] != "llm" else "remove it"
