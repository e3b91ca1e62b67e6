"""What the literature measures of a team, as plain functions of numbers: shares are 0..1, where papers print per cent.

Source of `overhead`, `efficiency`, `message_density`, `redundancy`: Towards a Science of Scaling Agent Systems (arXiv
2512.08296), whose T is turns; of `retention`, `communication_share`: CooperBench (arXiv 2601.13295); of
`coordination_cost`, `communication_density`: SILO-BENCH; of `synergy_gap`: Multi-Agent Teams Hold Experts Back (arXiv
2602.01011); of `vendi`: arXiv 2210.02410.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise
from statistics import fmean

from agentmesh.monitors.diversity import vendi_score

DIFFICULTY_BUCKETS = 10


def synergy_gap(team: float, best: float) -> float:
    """(best - team) / best: how far a team falls short, as a share of what the best reaches; below 0 it gains.

    `best` is the score of the best member, or that of an oracle which takes the right answer if any member has one.
    Raises: ValueError where nobody scores anything.
    """
    return (_positive(best, "the best score") - team) / best


def error_gap(team: float, best: float) -> float:
    """(team - best) / best, for scores of which less is better. Raises: ValueError where the best makes no error."""
    return (team - _positive(best, "the least error")) / best


def overhead(turns: float, alone: float) -> float:
    """(T - T0) / T0: how many more turns a team takes than one agent; 0.58 is 58 %. Raises: ValueError for T0 = 0."""
    return (turns - _positive(alone, "the turns of one agent")) / alone


def efficiency(success: float, turns: float, alone: float) -> float:
    """S / (T / T0): success per turn, in units of one agent's turns. Raises: ValueError where a number is 0."""
    return success * _positive(alone, "the turns of one agent") / _positive(turns, "the turns of the team")


def message_density(messages: float, turns: float) -> float:
    """Messages between agents per turn. Raises: ValueError without a turn."""
    return messages / _positive(turns, "the turns")


def communication_density(messages: float, agents: int) -> float:
    """Messages per ordered pair of agents: sum of m_i over N (N - 1). Raises: ValueError for fewer than two agents."""
    return messages / _positive(agents * (agents - 1), "the number of pairs")


def communication_share(told: float, acts: float) -> float:
    """What share of all acts is communication: of `acts`, those by which something is `told`. Raises: ValueError."""
    return told / _positive(acts, "the acts")


def redundancy(similarities: Sequence[Sequence[float]]) -> float | None:
    """Mean similarity of different agents' outputs; None for fewer than two. `similarities`: a symmetric matrix."""
    pairs = [similarities[a][b] for a, b in combinations(range(len(similarities)), 2)]
    return fmean(pairs) if pairs else None


def error_amplification(team: float, alone: float) -> float | None:
    """E / E0, where an error rate is the share of wrong answers among all answers that agents state in messages.

    The unit is ours: that of arXiv 2512.08296 is not given there, and does not follow from its success rates. None
    where one agent alone makes no error.
    """
    return team / alone if alone > 0 else None


def retention(alone: Sequence[float], together: Sequence[float], difficulty: Sequence[float]) -> float | None:
    """AUC(team) / AUC(solo) over difficulty: how much of its members' success a team keeps as tasks get harder.

    By task: success of the best member alone, of the team, and difficulty. Difficulty is scaled to 0..1 and cut into
    ten buckets; empty ones are left out. None where fewer than two buckets hold tasks, or solo never succeeds.
    """
    if not len(alone) == len(together) == len(difficulty):
        raise ValueError("success alone, success together and difficulty are given for the same tasks, in one order")
    least, most = min(difficulty, default=0.0), max(difficulty, default=0.0)
    if most <= least:
        return None
    buckets: dict[int, list[int]] = {}
    for task, level in enumerate(difficulty):
        at = min(int((level - least) / (most - least) * DIFFICULTY_BUCKETS), DIFFICULTY_BUCKETS - 1)
        buckets.setdefault(at, []).append(task)
    if len(buckets) < 2:
        return None
    areas = [
        _area([(at, fmean(success[task] for task in tasks)) for at, tasks in sorted(buckets.items())])
        for success in (alone, together)
    ]
    return areas[1] / areas[0] if areas[0] else None


def coordination_cost(team: float, alone: float) -> float:
    """1 - SR(k) / SR(1): what share of success coordinating k agents costs. Raises: ValueError for SR(1) = 0."""
    return 1 - team / _positive(alone, "the success of one agent")


def oracle(correct: Iterable[Iterable[bool]]) -> float:
    """By task and member, whether it was right: the share of tasks that at least one had right; 0 without tasks."""
    solved = [any(one) for one in correct]
    return sum(solved) / len(solved) if solved else 0.0


vendi = vendi_score


def _area(points: Sequence[tuple[int, float]]) -> float:
    return sum((right - left) * (a + b) / 2 for (left, a), (right, b) in pairwise(points))


def _positive(value: float, what: str) -> float:
    if value <= 0:
        raise ValueError(f"{what} must be above 0; found {value}")
    return value
