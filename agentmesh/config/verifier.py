"""The agent that verifies answers: declared like any other, and no member of the team."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from agentmesh.config.language import did_you_mean, one_of
from agentmesh.config.models import AgentConfig, VerifyConfig
from agentmesh.config.remarks import Remark

VERIFY = "verify"
"""Stands in the keys of its calls where those of others have the name of an agent."""
KINDS = ("llm", "function")
_WITHOUT_EFFECT = ("tools", "max_result", "memory", "max_steps", "join", "limits")
_Declared = TypeVar("_Declared", bound=AgentConfig)


def team_of(agents: Mapping[str, _Declared], verify: VerifyConfig | None) -> dict[str, _Declared]:
    """The agents without the one that verifies answers."""
    return {name: agent for name, agent in agents.items() if verify is None or name != verify.agent}


def check_verifier(
    agents: Mapping[str, AgentConfig], verify: VerifyConfig | None, members: Mapping[str, str]
) -> Iterator[Remark]:
    """Everything wrong about the agent that is to verify. `members`: by agent of the team, where it stands."""
    if verify is None or verify.agent is None:
        return
    name = verify.agent
    wrong = _unfit(name, agents, members)
    if wrong:
        fit = [one for one in agents if not _unfit(one, agents, members)]
        allowed = f"allowed: {one_of(fit)}" if fit else "declare one under agents that the topology does not name"
        yield Remark("error", (VERIFY, "agent"), f"{wrong}; {allowed}{did_you_mean(name, fit)}")
        return
    for key in _WITHOUT_EFFECT:
        if key in agents[name].model_fields_set:
            how = "it is asked about each answer alone, without tools, and paid from the limits of the run"
            message = f"`{key}` has no effect on who verifies: {how}; remove it"
            yield Remark("error", ("agents", name, key), message, at_key=True)
    if VERIFY in agents:
        message = f"'{VERIFY}' stands for whoever verifies in the keys of model calls; rename the agent"
        yield Remark("error", ("agents", VERIFY), message, at_key=True)


def _unfit(name: str, agents: Mapping[str, AgentConfig], members: Mapping[str, str]) -> str:
    """Why the name is not that of an agent that can verify; empty if it is."""
    if name in members:
        return f"'{name}' stands in {members[name]}, and no member of the team verifies its answer"
    if name not in agents:
        return f"no agent '{name}'"
    agent = agents[name]
    if agent.kind not in KINDS:
        return f"'{name}' is of kind {agent.kind}, and kind: {' or '.join(KINDS)} verifies"
    if agent.replicas > 1:
        return f"'{name}' has {agent.replicas} replicas, and one agent verifies"
    return f"'{name}' is held in reserve, to take part in the team" if agent.reserve else ""
