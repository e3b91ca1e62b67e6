"""For preference optimisation: two answers of one agent to the same prompt in one task, of which one did better.

Prompts are the same if messages, tools and form of the answer are, whatever ids tools were called by. An answer that
several runs gave counts the mean of their rewards; the best answer to a prompt is chosen, the worst rejected. Agents
that have heard different things have no prompt in common: most pairs are first answers.

Source: TRL 1.16, dataset formats (preference, conversational, explicit prompt).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from agentmesh.learning.export.batch import Batch
from agentmesh.learning.export.transcripts import plain, without_ids


class Answer(NamedTuple):
    """What an agent wrote, in one run."""

    prompt: list[dict[str, Any]]
    message: dict[str, Any]
    tools: list[dict[str, Any]]
    run_id: str
    reward: float


class Pair(NamedTuple):
    """Two answers to one prompt, each as the runs gave it."""

    task: str
    agent: str
    chosen: list[Answer]
    rejected: list[Answer]


def pairs(runs: Batch, least_gap: float) -> Iterator[Pair]:
    """The best and the worst answers to each prompt whose rewards differ by `least_gap` or more, and at all."""
    for (task, agent, _), answers in _by_prompt(runs).items():
        ranked = sorted(answers.values(), key=_score)
        gap = _score(ranked[-1]) - _score(ranked[0])
        if gap > 0 and gap >= least_gap:
            yield Pair(task, agent, ranked[-1], ranked[0])


def rows(runs: Batch, least_gap: float) -> Iterator[dict[str, Any]]:
    """The rows. What holds images or files is left out."""
    for task, agent, chosen, rejected in pairs(runs, least_gap):
        yield {
            "prompt": chosen[0].prompt,
            "chosen": [chosen[0].message],
            "rejected": [rejected[0].message],
            "tools": chosen[0].tools,
            "score_chosen": _score(chosen),
            "score_rejected": _score(rejected),
            "agent": agent,
            "task": task,
            "run_chosen": chosen[0].run_id,
            "run_rejected": rejected[0].run_id,
        }


def _score(answers: Sequence[Answer]) -> float:
    return fmean(one.reward for one in answers)


def _by_prompt(runs: Batch) -> dict[tuple[str, str, str], dict[str, list[Answer]]]:
    """By task, agent and prompt; then by answer."""
    found: dict[tuple[str, str, str], dict[str, list[Answer]]] = defaultdict(lambda: defaultdict(list))
    for run, one, place, call in runs.calls():
        if not one.text_alone:
            continue
        asked = json.dumps([without_ids(one.messages[:place]), one.tools, one.form], sort_keys=True)
        answer = json.dumps(without_ids(one.messages[place : place + 1]), sort_keys=True)
        prompt, message = plain(one.messages[:place]), plain(one.messages[place : place + 1])[0]
        given = Answer(prompt, message, list(one.tools), run.episode.run_id, runs.reward(run, call))
        found[run.episode.task, one.agent, asked][answer].append(given)
    return found
