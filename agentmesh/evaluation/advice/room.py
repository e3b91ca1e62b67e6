"""How the tasks and the budget are shared out before anything is run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random

from agentmesh.agents.context import estimated_tokens
from agentmesh.errors import ConfigError
from agentmesh.evaluation.advice.candidates import Candidate
from agentmesh.evaluation.advice.held_out import AT_MOST
from agentmesh.evaluation.tasks.task import EvalTask, Tasks
from agentmesh.team import Team

SURE = 2
"""Held-out tasks that the budget carries even if every run uses all that it may."""
_FORM = 300
"""Tokens that the form of a prompt adds to what it says."""
_JUDGED = 4000
"""Tokens that a judge may take beside the longest answer, which it reads, with one repair."""


def split(tasks: Tasks, held_out: float, seed: int) -> tuple[list[EvalTask], list[EvalTask]]:
    """Tasks for the search and tasks kept aside, each in an order drawn with the seed. Raises: ConfigError."""
    drawn = list(tasks.items)
    Random(seed).shuffle(drawn)
    aside = round(held_out * len(drawn))
    if aside < SURE or len(drawn) - aside < SURE:
        raise ConfigError(
            f"of {len(drawn)} tasks {aside} are to be kept aside; at least {SURE} are needed there, and as many for "
            "the search: give more tasks, or another share"
        )
    return drawn[aside:], drawn[:aside]


def scoring_room(tasks: Iterable[EvalTask], teams: Iterable[Team]) -> int:
    """What scoring one answer may take: nothing, unless a judge scores some."""
    judged = any(task.scored_by.kind == "judge" for task in tasks)
    return 2 * (_JUDGED + max(map(_longest_answer, teams))) if judged else 0


def run_limit(budget: int, candidates: Sequence[Candidate], tasks: Sequence[EvalTask], seeds: int, scoring: int) -> int:
    """Limit of each run: half of what is left to each when all are tried once, and those held out on two tasks.

    Raises: ConfigError where a run could not even call a model.
    """
    runs = (len(candidates) + SURE * AT_MOST) * seeds
    prompt = max(estimated_tokens(task.prompt) for task in tasks)
    least = max(least_of(one.entrant.team) for one in candidates) + prompt + scoring
    if runs * least > budget:
        raise ConfigError(
            f"a budget of {budget:,} tokens is too small to try {len(candidates)} candidates once: a run takes up to "
            f"{least:,} tokens before it can be told to stop. Give {runs * least:,} or more, or try fewer sizes, "
            "topologies and prompts, or give the agents a lower `max_output_tokens`"
        )
    return max(least, budget // (2 * runs)) - scoring


def least_of(team: Team) -> int:
    """Tokens of one call, and of one that is kept for the last word, beside the task."""
    told = max(estimated_tokens(agent.instructions) for agent in team.agents.values())
    return 2 * _longest_answer(team) + _FORM + told


def _longest_answer(team: Team) -> int:
    return max(agent.max_output_tokens for agent in team.agents.values())
