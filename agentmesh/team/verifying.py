"""The agent that verifies a team's answers: found among those that were declared, and made ready for a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agentmesh.agents.function import FunctionAgent
from agentmesh.agents.verifier import CALLS, Verifier, request_of
from agentmesh.config.models import AgentConfig, ModelConfig, VerifyConfig
from agentmesh.config.remarks import Remark
from agentmesh.config.verifier import check_verifier
from agentmesh.providers.base import Provider
from agentmesh.topology.bounds import PROMPT_TOKENS
from agentmesh.topology.costs import Checks, PriceLike
from agentmesh.topology.graph import Topology


@dataclass(frozen=True)
class Declared:
    """Who verifies, as it was declared."""

    name: str
    agent: AgentConfig

    def checks(self, price: PriceLike | None) -> Checks | None:
        """What its model may be asked, for the bounds; None of a function."""
        if self.agent.kind == "function":
            return None
        longest = self.agent.max_output_tokens
        # Its instructions at a token for a character, and an answer before that had to be mended.
        return Checks(CALLS, PROMPT_TOKENS + len(self.agent.instructions) + longest, longest, price)

    def ready(
        self,
        function: Callable[..., Any] | None,
        provider: Provider | None,
        model: ModelConfig | None,
        seed: int | None,
    ) -> Verifier:
        """The verifier of one run."""
        agent = self.agent
        if agent.kind == "function":
            assert function is not None, "checked when the team was made"
            return Verifier(self.name, function=FunctionAgent(function))
        chosen = model or ModelConfig(provider="function")
        request = request_of(
            self.name,
            agent,
            temperature=chosen.temperature if agent.temperature is None else agent.temperature,
            top_p=chosen.top_p,
            reasoning_effort=chosen.reasoning_effort,
            timeout_s=chosen.timeout_s,
            seed=seed,
        )
        return Verifier(self.name, provider, request)


def declared(verify: VerifyConfig | None, agents: Mapping[str, AgentConfig]) -> Declared | None:
    """Who verifies, if an agent does that is declared."""
    name = verify.agent if verify is not None else None
    return Declared(name, agents[name]) if name is not None and name in agents else None


def unfit(verify: VerifyConfig | None, agents: Mapping[str, AgentConfig], topology: Topology) -> Iterator[Remark]:
    """What is wrong about the verifier of a team that was made in Python. Of a file the loader says it."""
    return check_verifier(agents, verify, dict.fromkeys(topology.nodes, "the topology"))
