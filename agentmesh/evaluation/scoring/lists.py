"""Answers that are lists: an order that is compared with an expert's, and ideas that are counted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from agentmesh.evaluation.scoring.texts import plain
from agentmesh.evaluation.tasks.numbers import stated
from agentmesh.evaluation.tasks.task import Check, EvalTask, Score

_SAME = 90.0
"""Least similarity, of 100, at which two ideas are the same but for their spelling."""
_BULLET = re.compile(r"^[ \t]*(?:[-*\u2022]|\(?\d{1,3}[.):]|\(?[a-z][.)])\s+")
_HEAD = re.compile(r":| [-\u2013\u2014] |\(")
_DIGITS = re.compile(r"\d+")


def ranking(task: EvalTask, answer: str, check: Check) -> Score:
    """How near an order is to the expert's: one minus the mean difference of ranks over the largest possible.

    Who is missing counts as far off as can be. Source: the NASA and survival ranking tasks of the group literature,
    scored by the sum of absolute differences from the expert's ranks; here as a mean, so that sizes compare.
    """
    expert = task.accepted
    order = _order(answer, expert)
    most = len(expert) - 1
    places = {one: place for place, one in enumerate(order)}
    off = [abs(places[one] - rank) if one in places else max(rank, most - rank) for rank, one in enumerate(expert)]
    error, worst = sum(off) / len(expert), (len(expert) ** 2 // 2) / len(expert)
    missing = [one for one in expert if one not in places]
    told = f"ranks are off by {error:.2f} on average; {check.tolerance:g} is allowed"
    if missing:
        told += f"; not ranked: {', '.join(missing)}"
    return Score(error <= check.tolerance and not missing, max(0.0, 1 - error / worst), told)


def _order(answer: str, items: Sequence[str]) -> list[str]:
    """The items in the order of the last list that holds them all; without such a list, as they are first named."""
    orders = [order for order in _listed(answer, items) if len(order) == len(items)]
    return orders[-1] if orders else _by_place(answer, items)


def _listed(answer: str, items: Sequence[str]) -> Iterator[list[str]]:
    """The orders in an answer: lines that name all items, and lists of lines that name one each before others."""
    run: list[str] = []
    for line in filter(str.strip, answer.splitlines()):
        named = _by_place(line, items)
        run = [*run, *(one for one in named[:1] if one not in run)] if _BULLET.match(line) else []
        yield run
        yield named
    yield _by_place(stated(answer) or "", items)


def _by_place(text: str, items: Sequence[str]) -> list[str]:
    """The items that a text names, by where it does so first. An item within another's name is not named by it."""
    bare = plain(text)
    places: dict[str, int] = {}
    for item in sorted(items, key=len, reverse=True):
        pattern = re.compile(rf"(?<!\w){re.escape(plain(item))}(?!\w)")
        found = pattern.search(bare)
        if found is not None:
            places[item] = found.start()
            bare = pattern.sub(lambda hidden: "\0" * len(hidden[0]), bare)
    return sorted(places, key=places.__getitem__)


def ideas(task: EvalTask, answer: str, check: Check) -> Score:
    """How many different valid ideas an answer holds, of as many as are enough."""
    enough = check.enough or len(task.accepted)
    valid = {plain(one): one for one in task.accepted}
    found = {valid[match] for idea in _ideas(answer) if (match := _same(idea, list(valid))) is not None}
    told = f"{len(found)} valid {'idea' if len(found) == 1 else 'ideas'}; {enough} would be enough"
    return Score(len(found) >= enough, min(1.0, len(found) / enough), told)


def _ideas(answer: str) -> Iterator[str]:
    """What may be an idea: an entry of a JSON list, a line, what stands before its colon, or between commas."""
    for line in _entries(answer):
        idea = _BULLET.sub("", line)
        pieces = [idea, _HEAD.split(idea, maxsplit=1)[0], *re.split(r"[,;]", idea.rpartition(":")[2])]
        yield from dict.fromkeys(filter(None, map(plain, pieces)))


def _entries(answer: str) -> list[str]:
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        return answer.splitlines()
    return [str(one) for one in value] if isinstance(value, list) else answer.splitlines()


def _same(idea: str, valid: Sequence[str]) -> str | None:
    """The valid idea that this is, but for its spelling. Numbers have none: item 12 is not item 13."""
    from rapidfuzz import fuzz, process

    found = process.extractOne(idea, valid, scorer=fuzz.ratio, score_cutoff=_SAME)
    return found[0] if found is not None and _DIGITS.findall(found[0]) == _DIGITS.findall(idea) else None
