"""Who is compared: teams, their members alone, and the ways in which one member can spend the budget of a team."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from agentmesh.errors import ConfigError
from agentmesh.evaluation.tasks.task import EvalTask
from agentmesh.messages import USER
from agentmesh.team import Team
from agentmesh.topology.graph import Topology
from agentmesh.topology.phases import Vote

Kind = Literal["team", "member", "told_all", "majority", "best_of", "refine"]
"""`member`: one agent alone, once. `told_all`: the same, told what else only others are told. `majority`: it answers so
often, and what it says most often counts. `best_of`: it answers so often, and picks one of its answers. `refine`: it
answers, then looks for what is wrong, so often."""
SPENDING: tuple[Kind, ...] = ("majority", "best_of", "refine")
"""Ways to spend a budget on more than one answer."""
LEAST: Mapping[Kind, int] = {"majority": 3, "best_of": 2, "refine": 2}
"""Samples below which such a way is the member alone."""
MOST = 16
"""Samples at most: beyond it hardly anything changes any more."""

_VOTE, _JUDGE = "majority", "best-of"
_REFINE = "Check the answer that you are given step by step, correct it where it is wrong, and give the whole answer."
_SURE = 0.9
"""Share of the room that is used: another sample may be a little longer than the one that was measured."""
_COSTS: Mapping[Kind, float] = {"majority": 1.0, "best_of": 1.2, "refine": 1.4}
"""What a sample uses, in tokens of the member alone: who picks or checks reads what was said before."""
_FORM = 170
"""Tokens that the form of a vote, or of a request to check, adds to a sample."""


@dataclass(frozen=True)
class Entrant:
    """One row of the comparison."""

    name: str
    kind: Kind
    team: Team = field(repr=False)
    """The team; of a baseline the one whose member it is."""
    member: str | None = None
    """Of a baseline: the member."""

    def for_task(self, task: EvalTask, samples: int = 1) -> Team:
        """Who is given the task. What it tells an agent alone is lost on a team without that agent."""
        if self.member is None:
            return self.team.with_private(
                {name: told for name, told in task.private.items() if name in self.team.agents}
            )
        every = self.kind == "told_all"
        told = "\n".join(text for name, text in task.private.items() if every or name == self.member)
        team = self._copied(samples)
        return team.with_private(dict.fromkeys(team.agents, told)) if told else team

    def samples(self, limit: int, used_alone: float, budget: int | None = None) -> int:
        """How many samples fit into a limit, of a member that alone uses so many tokens.

        `budget`: what all of them may use, where the limit is wider than that.
        """
        if self.member is None or self.kind not in SPENDING:
            return 1
        # One longest answer is set aside for the call that is sent, and one for the last word of the run.
        reserved = 2 * self.team.agents[self.member].max_output_tokens
        room = min(limit - reserved, limit if budget is None else budget)
        fit = _SURE * room / (used_alone * _COSTS[self.kind] + _FORM)
        return max(1, min(int(fit), MOST))

    def _copied(self, samples: int) -> Team:
        assert self.member is not None
        if self.kind not in SPENDING:
            return self.team.regrouped({self.member: self.member}, Topology.solo(self.member), name=self.name)
        names = [f"{self.member}-sample-{at}" for at in range(1, samples + 1)]
        copies, asked = dict.fromkeys(names, self.member), {}
        match self.kind:
            case "majority":
                topology = Topology.independent(names, vote=_VOTE, votes={_VOTE: Vote()}, positions="optional")
            case "best_of":
                judge = f"{self.member}-{_JUDGE}"
                copies[judge] = self.member
                topology = Topology.independent(names, best_of=judge)
            case _:
                topology, asked = _refining(names), dict.fromkeys(names[1:], _REFINE)
        return self.team.regrouped(copies, topology, name=self.name, asked=asked)


def entrants_of(teams: Sequence[Team], tasks: Iterable[EvalTask]) -> list[Entrant]:
    """The teams and each of their members alone; of members that are alike in all but their names only the first.

    Raises: ConfigError where two teams have one name, or a task tells something to an agent that no team has.
    """
    names = [team.name for team in teams]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"teams are told apart by their names; found more than once: {', '.join(twice)}")
    agents = {name for team in teams for name in team.agents}
    tasks = list(tasks)
    told = {name for task in tasks for name in task.private}
    strangers = sorted({name for task in tasks for name in _lost(task, agents)})
    if strangers:
        raise ConfigError(
            f"tasks tell something to {', '.join(strangers)} alone, and no team has such an agent; "
            f"agents: {', '.join(sorted(agents))}"
        )
    found = [Entrant(team.name, "team", team) for team in teams if not is_solo(team)]
    seen: dict[str, Entrant] = {}
    for team in sorted(teams, key=is_solo, reverse=True):  # a member that was given alone stands for all alike
        for member in _members(team):
            key = _key(team, member, told)
            if key not in seen:
                seen[key] = Entrant(
                    _free(team, member, told, [one.name for one in seen.values()]), "member", team, member
                )
    return [*found, *seen.values()]


def spending(best: Entrant, tasks: Iterable[EvalTask]) -> list[Entrant]:
    """The ways in which the best member can spend the whole budget, and what it can do if nothing is kept from it."""
    kinds: list[Kind] = [*SPENDING]
    if any(task.private for task in tasks):
        kinds.append("told_all")
    words = {"majority": "majority of {}", "best_of": "best of {}", "refine": "{} refining", "told_all": "{} told all"}
    member = best.name.removesuffix(" alone")
    return [Entrant(words[kind].format(member), kind, best.team, best.member) for kind in kinds]


def is_solo(team: Team) -> bool:
    """A team of one agent is its member alone."""
    return team.topology.kind == "solo" and not team.monitors


def _lost(task: EvalTask, agents: Collection[str]) -> Iterator[str]:
    """Whom a task tells something alone that no team has; not where every line of it is told to somebody else too."""
    heard = {line for name, text in task.private.items() if name in agents for line in text.splitlines()}
    return (
        name for name, text in task.private.items() if name not in agents and not heard.issuperset(text.splitlines())
    )


def _members(team: Team) -> Iterator[str]:
    """Agents that can be given a task of their own."""
    return (name for name, one in team.agents.items() if one.kind in ("llm", "function", "command"))


def _key(team: Team, member: str, told: set[str]) -> str:
    """What makes a member what it is; its name too, where tasks tell it something."""
    facts = json.loads(team.regrouped({"member": member}, Topology.solo("member"), name="member").description)
    own = {key: value for key, value in facts["agents"]["member"].items() if key != "name"}
    return json.dumps([own, facts["verify"], facts["answer"], member if member in told else ""])


def _free(team: Team, member: str, told: set[str], taken: Sequence[str]) -> str:
    """A name for a member alone, without the number of a replica; with that of its team if another one has it."""
    base, _, number = member.rpartition("-")
    name = f"{base if base and number.isdigit() and member not in told else member} alone"
    return name if name not in taken else f"{team.name}: {name}"


def _refining(names: Sequence[str]) -> Topology:
    """Each is told the task and what the one before it answered; the last one answers."""
    edges = [f"{USER} -> {', '.join(names)}", *(f"{a} -> {b}" for a, b in pairwise(names)), f"{names[-1]} -> {USER}"]
    return Topology(
        [
            {
                "name": "refine",
                "order": "round_robin",
                "rounds": 1,
                "nodes": list(names),
                "edges": edges,
                "opens": list(names),
            }
        ]
    )
