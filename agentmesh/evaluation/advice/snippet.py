"""The agents and the topology of a candidate, as a file of a team says them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from agentmesh.config.models import AgentConfig
from agentmesh.evaluation.advice.candidates import Candidate, Draft
from agentmesh.evaluation.advice.cast import Part, base_name
from agentmesh.team import Team

_WIDTH = 10_000
"""Wrapped lines would end with a space."""
_WRITTEN = str | int | float | bool | None


def snippet(team: Team, candidate: Candidate) -> str:
    """`agents:` and `topology:`, to be put in the place of those in the team's file; empty if they would say the same.

    What only Python can say, a model or a tool that is a function, is left out.
    """
    draft = candidate.draft
    if candidate.shape == "team":
        return _as_it_is(team, candidate)
    if draft is None:
        member = candidate.entrant.member
        assert member is not None
        name = base_name(member)
        draft = Draft("solo", 1, {name: Part(member, name)}, {"kind": "solo", "agent": name})
    told = draft.told(team, candidate.prompt)
    agents = {name: _entry(team.agents[part.source], told.get(name, "")) for name, part in draft.parts.items()}
    agents = _replicas(draft, agents)
    agents |= {name: _entry(agent, "") for name, agent in team.agents.items() if agent.reserve and name not in agents}
    votes = {draft.topology["vote"]: {"kind": "vote"}} if "vote" in draft.topology else {}
    return _yaml({"agents": {**agents, **votes}, "topology": dict(draft.topology)})


def _as_it_is(team: Team, candidate: Candidate) -> str:
    if team.config is None or not candidate.prompt.text:
        return ""
    text = candidate.prompt.text
    agents = {
        name: _entry(agent, text if agent.kind in ("llm", "human") else "", replicas=agent.replicas)
        for name, agent in team.config.agents.items()
    }
    return _yaml({"agents": agents})


def _entry(agent: AgentConfig, more: str, replicas: int = 1) -> dict[str, Any]:
    """What was said of an agent, and what it is told beside."""
    said = agent.model_dump(exclude_unset=True, exclude={"name", "replicas", "instructions"}, by_alias=True)
    kept = {key: plain for key, value in said.items() if (plain := _plain(value)) is not None}
    text = "\n\n".join(filter(None, [agent.instructions, more]))
    return {**kept, **({"instructions": text} if text else {}), **({"replicas": replicas} if replicas > 1 else {})}


def _replicas(draft: Draft, agents: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Agents that are the same but for their numbers as replicas of one."""
    by_base: dict[str, list[str]] = {}
    for name, part in draft.parts.items():
        by_base.setdefault(part.base, []).append(name)
    found: dict[str, Any] = {}
    for base, names in by_base.items():
        if len(names) > 1 and all(agents[name] == agents[names[0]] for name in names):
            found[base] = {**agents[names[0]], "replicas": len(names)}
        else:
            found |= {name: agents[name] for name in names}
    return found


def _plain(value: Any) -> Any:
    """What a file can say; None for anything else."""
    match value:
        case Mapping():
            return {key: plain for key, one in value.items() if (plain := _plain(one)) is not None}
        case list() | tuple() | set() | frozenset():
            return [plain for one in value if (plain := _plain(one)) is not None]
        case _:
            return value if isinstance(value, _WRITTEN) else None


def _yaml(told: Mapping[str, Any]) -> str:
    from ruamel.yaml import YAML
    from ruamel.yaml.scalarstring import LiteralScalarString

    def written(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: written(one) for key, one in value.items()}
        if isinstance(value, list):
            return [written(one) for one in value]
        return LiteralScalarString(value) if isinstance(value, str) and "\n" in value else value

    yaml = YAML()
    yaml.width = _WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(written(told), text)
    return text.getvalue()
