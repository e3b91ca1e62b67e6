"""Who is tried: topologies of several sizes made of a team's own agents, each told this or that beside."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from agentmesh.errors import ConfigError
from agentmesh.evaluation.advice.cast import Cast, Part, cast_of, named
from agentmesh.evaluation.advice.prompts import AS_WRITTEN, Prompt
from agentmesh.evaluation.comparison.entrants import Entrant, entrants_of
from agentmesh.evaluation.tasks.task import EvalTask
from agentmesh.team import Team
from agentmesh.topology.graph import Topology

Shape = Literal["team", "solo", "vote", "flat", "star", "hierarchy", "debate", "chain"]
"""`team`: as it is given. `vote`: they work alone, and most of them decide."""
SHAPES: tuple[Shape, ...] = get_args(Shape)
SIZES = (2, 3, 5)

_VOTE = "majority-vote"
_LARGEST = 100
_ALONE = " alone"
_PASS_ON = "Repeat the task before your answer: who comes next sees only what you write."
_CHECK = "Check what you are given step by step, correct it where it is wrong, and give the whole answer."


@dataclass(frozen=True)
class Draft:
    """A team that is made of another one's agents."""

    shape: Shape
    agents: int
    parts: Mapping[str, Part]
    topology: Mapping[str, Any]
    """As a file says it."""

    @property
    def name(self) -> str:
        """`flat of 3`; that of a hierarchy counts its planner."""
        return self.shape if self.shape == "debate" else f"{self.shape} of {self.agents}"

    def made(self, team: Team, prompt: Prompt, name: str) -> Team:
        """The team, each of whose agents is told the prompt. Raises: ConfigError, TopologyError."""
        keys = {key: value for key, value in self.topology.items() if key != "kind"}
        drawn: Topology = getattr(Topology, self.topology["kind"])(**keys)
        copies = {one: part.source for one, part in self.parts.items()}
        return team.regrouped(copies, drawn, name=name, asked=self.told(team, prompt))

    def told(self, team: Team, prompt: Prompt) -> dict[str, str]:
        """By agent, what is added to its instructions."""
        both = {name: "\n\n".join(filter(None, [part.more, prompt.text])) for name, part in self.parts.items()}
        return {name: text for name, text in both.items() if text and reads(team, self.parts[name].source)}


@dataclass(frozen=True)
class Candidate:
    """One of those who are tried."""

    entrant: Entrant
    shape: Shape
    agents: int
    prompt: Prompt
    draft: Draft | None = field(default=None, repr=False)
    """None for the team as it is given, and for one of its members alone."""

    @property
    def name(self) -> str:
        """Of the candidate among all."""
        return self.entrant.name

    @property
    def alone(self) -> bool:
        """Whether it is one agent."""
        return self.shape == "solo"


def candidates_of(
    team: Team,
    tasks: Sequence[EvalTask],
    *,
    sizes: Sequence[int] = SIZES,
    shapes: Collection[str] = SHAPES,
    prompts: Sequence[Prompt] = (),
) -> tuple[Candidate, ...]:
    """Everybody who is tried, the simplest first; members alone in any case. Raises: ConfigError, TopologyError."""
    _refuse_unknown(sizes, shapes, prompts)
    everybody = entrants_of([team], tasks)
    members = [one for one in everybody if one.kind == "member"]
    if not members:
        raise ConfigError(
            f"no agent of {team.name} can be given a task of its own, so there is nothing to compare with"
        )
    told = {name for task in tasks for name in task.private}
    drafts = [one for one in _drafts(team, cast_of(team, members, told), sorted(set(sizes))) if one.shape in shapes]
    own = [one for one in everybody if one.kind == "team" and "team" in shapes]
    heard = any(reads(team, name) for name in team.agents)
    return tuple(
        candidate
        for prompt in (AS_WRITTEN, *(prompts if heard else ()))
        for candidate in _told(team, prompt, members, own, drafts)
    )


def _refuse_unknown(sizes: Sequence[int], shapes: Collection[str], prompts: Sequence[Prompt]) -> None:
    strange = sorted(set(shapes) - set(SHAPES))
    if strange:
        raise ConfigError(f"there is no topology '{strange[0]}' to try; there are: {', '.join(SHAPES)}")
    unfit = [size for size in sizes if not 2 <= size <= _LARGEST]
    if unfit:
        raise ConfigError(f"a team of {unfit[0]} is none to try; allowed: 2 to {_LARGEST}")
    if any(prompt.name == AS_WRITTEN.name for prompt in prompts):
        raise ConfigError(f"no prompt can be named '{AS_WRITTEN.name}': that is none; give it another name")


def reads(team: Team, agent: str) -> bool:
    """Whether an agent reads instructions."""
    return team.agents[agent].kind in ("llm", "human")


def _told(
    team: Team, prompt: Prompt, members: Sequence[Entrant], own: Sequence[Entrant], drafts: Sequence[Draft]
) -> Iterator[Candidate]:
    """Everybody with one prompt."""
    more = dict.fromkeys((name for name in team.agents if reads(team, name)), prompt.text) if prompt.text else {}
    same = team.with_instructions(more)
    for one in members:
        name = _called(one.name, prompt)
        yield Candidate(Entrant(name, "member", same, one.member), "solo", 1, prompt)
    for one in own:
        name = _called(f"{one.name} as it is", prompt)
        yield Candidate(Entrant(name, "team", same), "team", len(team.topology.nodes), prompt)
    for draft in drafts:
        name = _called(draft.name, prompt)
        entrant = Entrant(name, "team", draft.made(team, prompt, name))
        yield Candidate(entrant, draft.shape, draft.agents, prompt, draft)


def _called(name: str, prompt: Prompt) -> str:
    if not prompt.text:
        return name
    who = name.removesuffix(_ALONE)
    return f"{who} ({prompt.name}){name[len(who) :]}"


def _drafts(team: Team, cast: Cast, sizes: Sequence[int]) -> Iterator[Draft]:
    """All topologies, in all sizes that they come in and that there are workers for."""
    plans = team.agents[cast.planning().source].kind == "llm"
    if cast.distinct:
        sizes = [len(cast.pool)] if len(cast.pool) > 1 else []
    for size in sizes:
        # Two who differ settle nothing by a vote.
        for draft in (*([_vote] if size > 2 else []), _flat, _star, _chain, *([_hierarchy] if plans else [])):
            yield draft(cast, size)
    if sizes:
        yield _draft(
            "debate",
            [*cast.workers(2), cast.leading("judge")],
            lambda names: {"kind": "debate", "sides": names[:-1], "judge": names[-1], "rounds": 2},
        )


def _draft(shape: Shape, parts: Sequence[Part], topology: Callable[[list[str]], dict[str, Any]]) -> Draft:
    names = named(parts)
    return Draft(shape, len(parts), dict(zip(names, parts, strict=True)), topology(names))


def _vote(cast: Cast, size: int) -> Draft:
    keys = {"kind": "independent", "vote": _VOTE, "positions": "optional"}
    return _draft("vote", cast.workers(size), lambda names: {**keys, "agents": names})


def _flat(cast: Cast, size: int) -> Draft:
    parts = [*cast.workers(size - 1), cast.leading("speaker")] if cast.lead else cast.workers(size)
    keys = {"kind": "flat", "rounds": 2, "order": "simultaneous"}
    return _draft("flat", parts, lambda names: {**keys, "agents": names, "speaker": names[-1]})


def _star(cast: Cast, size: int) -> Draft:
    parts = [cast.leading("center"), *cast.workers(size - 1)]
    return _draft("star", parts, lambda names: {"kind": "star", "center": names[0], "leaves": names[1:], "rounds": 1})


def _chain(cast: Cast, size: int) -> Draft:
    told = [_PASS_ON, *[f"{_CHECK} {_PASS_ON}"] * (size - 2), _CHECK]
    parts = [replace(part, more=more) for part, more in zip(cast.workers(size), told, strict=True)]
    return _draft("chain", parts, lambda names: {"kind": "chain", "agents": names})


def _hierarchy(cast: Cast, size: int) -> Draft:
    parts = [cast.planning(), *cast.workers(size)]
    return _draft("hierarchy", parts, lambda names: {"kind": "hierarchy", "planner": names[0], "workers": names[1:]})
