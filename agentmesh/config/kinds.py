"""Which keys of an agent go with which kind: what cannot apply is refused, not ignored."""

from __future__ import annotations

from agentmesh.config.models import AgentConfig

_GOES_WITH: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("model", "tools", "memory", "max_output_tokens", "max_steps", "temperature"), ("llm",)),
    "instructions": ("llm", "human"),
    "command": ("command",),
    "function": ("function",),
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
    return found


def _mend(key: str) -> str:
    return f"say kind: {key}, or remove it" if key in ("command", "function") else "remove it"
