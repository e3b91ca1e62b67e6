"""How different the individuals of a generation are: in what is written in their files, and in what they answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from agentmesh.evaluation.metrics import vendi
from agentmesh.learning.evolution.genome import Changes
from agentmesh.messages import answer_key
from agentmesh.monitors.signals.answers import stated_answer

COLLAPSED = 0.25
"""A Vendi score of 1 says that all are the same: what it has above that may fall to this share of the first one's."""
_WORD = re.compile(r"\w+")


def likeness(a: Changes, b: Changes) -> float:
    """From 0 to 1: the mean over the places that either changes; of two texts the share of words that both have."""
    paths = {*a, *b}
    return fmean(_alike(a.get(path), b.get(path)) for path in paths) if paths else 1.0


def written_vendi(population: Sequence[Changes]) -> float:
    """How many different teams there are, by what is written: the Vendi score, from 1 to their number."""
    paths = sorted({path for one in population for path in one})
    if not paths:
        return vendi([[1.0] * len(population)] * len(population))
    # Over the same places for every pair: a mean of kernels is one, and its eigenvalues are none below 0.
    return vendi([[fmean(_alike(a.get(p), b.get(p)) for p in paths) for b in population] for a in population])


def collapsed(score: float, first: float) -> bool:
    """Whether a generation with this Vendi score is too uniform, beside the first one."""
    return score - 1 < COLLAPSED * (first - 1)


def answered_vendi(answers: Sequence[Mapping[str, str | None]]) -> float:
    """The same by what is answered: two are alike by the share of tasks on which they come to the same answer."""
    tasks = sorted({task for one in answers for task in one})
    if not tasks:
        return 0.0
    keys = [{task: _key(one.get(task) or "") for task in tasks} for one in answers]
    return vendi([[fmean(float(a[task] == b[task]) for task in tasks) for b in keys] for a in keys])


def _key(answer: str) -> str:
    """What an answer states, or else all of it: no two are worked out in the same words."""
    return stated_answer(answer) or answer_key(answer)


def _alike(a: Any, b: Any) -> float:
    if a == b:
        return 1.0
    if not (isinstance(a, str) and isinstance(b, str)):
        return 0.0
    one, other = (set(_WORD.findall(text.lower())) for text in (a, b))
    # Of the geometric mean: as a cosine of sets of words it makes a kernel.
    return len(one & other) / (len(one) * len(other)) ** 0.5 if one and other else 0.0
