"""The agents of a team as members of a run: their occupants, models and tools, and what they may cost."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agentmesh.agents.base import Occupant
from agentmesh.agents.llm import LLMAgent
from agentmesh.agents.verifier import Verifier
from agentmesh.config.models import AgentConfig, JudgeConfig, Limits
from agentmesh.errors import ConfigError, Problem
from agentmesh.monitors.judge import longest_prompt
from agentmesh.providers.base import Provider
from agentmesh.runner import Member, Runner
from agentmesh.team.answer import AnswerForm
from agentmesh.team.assembly import Assembly
from agentmesh.team.parts import Models, OwnTool, make_occupant
from agentmesh.tools.mcp import ServerTool
from agentmesh.tools.results import LongResults
from agentmesh.topology.allowance import Allowance, allowance_of
from agentmesh.topology.bounds import Bounds, bounds_of
from agentmesh.topology.costs import Checks
from agentmesh.topology.phases import Phase

NestedOccupant = Callable[[str], Occupant]
"""Makes the occupant of a node that is a team, by the node's name."""


@dataclass(frozen=True)
class Before:
    """A run that is continued: its id, its agents with all that they remember, and what of that is untrusted."""

    run_id: str
    occupants: Mapping[str, Occupant]
    untrusted: Mapping[str, str]

    @classmethod
    def of(cls, runner: Runner, occupants: Mapping[str, Occupant]) -> Before:
        """What is left of a run that has ended."""
        sources = {name: runner.untrusted(name) for name in occupants}
        untrusted = {name: f"{source} in the run before" for name, source in sources.items() if source is not None}
        return cls(runner.plan.run_id, {name: one.fork() for name, one in occupants.items()}, untrusted)


@dataclass(frozen=True)
class Members:
    """All that stands on the nodes of a team, or is held in reserve."""

    agents: Mapping[str, AgentConfig]
    assembly: Assembly
    models: Models
    form: AnswerForm | None
    summaries: Mapping[str, str] = field(default_factory=dict)
    """By the name on an edge: the model that summarises."""

    def bounds(
        self, phases: Sequence[Phase], limits: Limits, *, retries: int = 0, used: Bounds | None = None
    ) -> Bounds:
        """The most that a run through these phases may use, or one that goes on through them and has `used` so much."""
        most = bounds_of(
            phases,
            self.agents,
            limits,
            retries=retries,
            prices={node: self.models.price(model) for node, model in self.assembly.models.items()},
            nested={node: team.bounds for node, team in self.assembly.teams.items()},
            summaries={name: self.models.price(model) for name, model in self.summaries.items()},
            checks=self._checks(),
            begun=used is not None,
            allowance=self.allowance(phases),
            again=self.assembly.topology.phases if self.assembly.topology is not None else None,
        )
        if used is not None:
            most = most.after(used).within(limits)
        for monitor, model in self.assembly.judges.items():
            most = most.with_more(*self._judging(monitor, model))
        return most

    def _checks(self) -> Checks | None:
        """What the agent that verifies answers may be asked."""
        verifier = self.assembly.verifier
        if verifier is None:
            return None
        model = self.assembly.models.get(verifier.name)
        return verifier.checks(self.models.price(model) if model else None)

    def verifier(self, seed: int | None) -> Verifier | None:
        """The agent that verifies answers, if one does, for one run."""
        found = self.assembly.verifier
        if found is None:
            return None
        model = self.assembly.models.get(found.name)
        provider = self.models.provider(model) if model else None
        settings = self.models.configs.get(model) if model else None
        return found.ready(self.assembly.functions.get(found.name), provider, settings, seed)

    def _judging(self, monitor: str, model: str) -> tuple[int, int, float | None]:
        """Model calls, tokens and USD that a judge may use in a run, or in what is left of one."""
        config = self.assembly.monitors[monitor][1]
        judge, limits, price = config.judge, config.spending, self.models.price(model)
        if judge is None or limits.model_calls is None:
            return 0, 0, 0.0
        calls, prompt = limits.model_calls, longest_prompt(judge.instructions, judge.max_output_tokens)
        tokens = calls * (prompt + judge.max_output_tokens)
        usd = None if price is None else calls * (prompt * price.input + judge.max_output_tokens * price.output) / 1e6
        least_usd = limits.usd if usd is None or (limits.usd is not None and limits.usd < usd) else usd
        return calls, min(tokens, limits.tokens or tokens), least_usd

    def allowance(self, phases: Sequence[Phase]) -> Allowance:
        """What the team's monitors may add to a run through these phases."""
        standing = {name for phase in phases for name in phase.participants}
        reserve = [name for name, one in self.agents.items() if one.acts and (one.reserve or name not in standing)]
        return allowance_of((config for _, config in self.assembly.monitors.values()), reserve)

    def occupants(self, seed: int | None, nested: NestedOccupant) -> dict[str, Occupant]:
        """Somebody for every node, made for one run."""
        return {name: self._occupant(name, seed, nested) for name in self.agents}

    def of(self, occupants: Mapping[str, Occupant]) -> dict[str, Member]:
        """The members of a run with these occupants."""
        return {name: self._member(name, occupant) for name, occupant in occupants.items()}

    def summarisers(self) -> dict[str, Provider]:
        """By the name on an edge: who summarises."""
        return {name: self.models.provider(model) for name, model in self.summaries.items()}

    def judges(self) -> dict[str, tuple[Provider, JudgeConfig]]:
        """By monitor: who judges what it suspects."""
        return {
            name: (self.models.provider(model), judge)
            for name, model in self.assembly.judges.items()
            if (judge := self.assembly.monitors[name][1].judge) is not None
        }

    def asked(self) -> Collection[str]:
        """The models that a run asks."""
        return {*self.assembly.models.values(), *self.summaries.values(), *self.assembly.judges.values()}

    def refuse_unready(self) -> None:
        """What is known to be missing, a key above all, is said before anything is spent. Raises: ConfigError."""
        faults = self.models.unready(sorted(self.asked()))
        if faults:
            raise ConfigError([Problem(0, 0, f"models.{name}", fault) for name, fault in faults])
        for team in self.assembly.teams.values():
            team.refuse_unready()

    def with_models(self, models: Models) -> Members:
        """The same members, all of whom ask the model `default` of these."""
        every = dict.fromkeys(self.assembly.models, "default")
        teams = {name: team.with_model(models.provider("default")) for name, team in self.assembly.teams.items()}
        judges = dict.fromkeys(self.assembly.judges, "default")
        assembly = replace(self.assembly, configs=models, models=every, teams=teams, judges=judges)
        return replace(self, assembly=assembly, models=models, summaries=dict.fromkeys(self.summaries, "default"))

    def served(self, tools: Mapping[str, Mapping[str, ServerTool]]) -> Members:
        """The same members, who may call these tools of servers too."""
        if not tools:
            return self
        own = self.assembly.tools
        more: dict[str, dict[str, OwnTool]] = {node: {**own.get(node, {}), **tools.get(node, {})} for node in own}
        return replace(self, assembly=replace(self.assembly, tools=more))

    def answering(self, models: Models, teams: dict[str, Any]) -> Members:
        """The same members, whose models, and teams on nodes, are these."""
        return replace(self, assembly=replace(self.assembly, configs=models, teams=teams), models=models)

    def _occupant(self, name: str, seed: int | None, nested: NestedOccupant) -> Occupant:
        agent = self.agents[name]
        if agent.kind == "team":
            return nested(name)
        model = self.assembly.models.get(name)
        settings = self.models.configs.get(model) if model else None
        function: Callable[..., Any] | None = self.assembly.functions.get(name)
        return make_occupant(agent, settings, self.assembly.tools[name], self.form, function, seed)

    def _member(self, name: str, occupant: Occupant) -> Member:
        agent = self.agents[name]
        model = self.assembly.models.get(name)
        return Member(
            occupant,
            self.models.provider(model) if model else None,
            agent.max_output_tokens,
            self.assembly.tools[name],
            agent.limits,
            occupant.results if isinstance(occupant, LLMAgent) else LongResults(),
            forgetful=agent.kind in ("function", "command", "team"),
            rebuilt=agent.kind == "llm" and agent.memory != "fresh",
        )


def summary_models(phases: Sequence[Phase], models: Models) -> dict[str, str]:
    """By the name on an edge that carries summaries: the name of the model. Raises: ConfigError."""
    named = {edge.model for phase in phases for edge in phase.edges if edge.carries == "summary"}
    return {name: models.name_of(name) for name in sorted(named)}
