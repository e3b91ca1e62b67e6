"""What the literature would advise, going by the tasks and by what one agent does with them.

Source: Towards a Science of Scaling Agent Systems (arXiv 2512.08296): one agent where it succeeds in more than .45 of
the cases, or where the work is sequential; else agents who talk to each other where the work lives by its tools, and a
planner with workers where it can be divided. What counts as sequential and as living by its tools is ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from agentmesh.evaluation.comparison.rows import Row
from agentmesh.evaluation.comparison.summary import outcomes_of
from agentmesh.evaluation.intervals import Estimate
from agentmesh.evaluation.statistics import success
from agentmesh.evaluation.tasks.task import EvalTask

CEILING = 0.45
TOOL_HEAVY = 2.0
"""Calls of tools per turn of one agent."""
_MOSTLY = 0.5
_SEQUENTIAL = ("sequence", "sequential", "chain")
"""`metadata.shape` of tasks whose steps follow from each other."""

Suggestion = Literal["solo", "centralised", "decentralised"]


@dataclass(frozen=True)
class RuleOfThumb:
    """The rule, and what it was applied to."""

    alone: Estimate
    """Success of the best member alone."""
    sequential: float | None
    """Share of tasks, or of the parts that planners made of them, that wait for others; None where nothing shows it."""
    sequential_by: Literal["tasks", "plans", "nothing"]
    tool_calls: float
    """Per turn of the member alone."""

    @property
    def suggests(self) -> Suggestion:
        """What the rule says."""
        if (self.alone.value or 0.0) > CEILING or (self.sequential or 0.0) >= _MOSTLY:
            return "solo"
        return "decentralised" if self.tool_calls >= TOOL_HEAVY else "centralised"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Each in one sentence."""
        value, low, high = (round(100 * (end or 0.0)) for end in (self.alone.value, self.alone.low, self.alone.high))
        above = (self.alone.value or 0.0) > CEILING
        ceiling = "above the 45 % from which teams rarely help" if above else "not above 45 %, so a team may help"
        return (
            f"one agent alone is right on {value} % [{low}, {high}] of the tasks, {ceiling} (arXiv 2512.08296)",
            self._sequence,
            f"tools are called {self.tool_calls:.1f} times per turn, which is {self._heavy}",
        )

    @property
    def _heavy(self) -> str:
        return "much: there, agents who talk to each other do best" if self.tool_calls >= TOOL_HEAVY else "not much"

    @property
    def _sequence(self) -> str:
        if self.sequential is None:
            return "whether the work is sequential cannot be seen: no planner divided it"
        of = f"{round(100 * self.sequential)} % of"
        told = {"tasks": f"{of} the tasks say of themselves that each step needs the one before"}
        told["plans"] = f"{of} the parts that planners made of the work wait for other parts"
        looks = "sequential, which one agent does best" if self.sequential >= _MOSTLY else "divisible"
        return f"the work looks {looks}: {told[self.sequential_by]}"

    def to_json(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "suggests": self.suggests,
            "single_agent_success": self.alone.to_json(),
            "ceiling": CEILING,
            "sequential": self.sequential,
            "sequential_by": self.sequential_by,
            "tool_calls_per_turn": round(self.tool_calls, 2),
            "reasons": list(self.reasons),
            "source": "arXiv 2512.08296",
        }


def rule_of_thumb(tasks: Sequence[EvalTask], alone: Sequence[Row], teams: Iterable[Row]) -> RuleOfThumb:
    """The rule for these tasks. `alone`: runs of the best member; `teams`: runs in which planners may have planned."""
    shapes = [str(task.metadata["shape"]) for task in tasks if "shape" in task.metadata]
    plans = [(row.measures.dependent, row.measures.tasks) for row in teams if row.measures.tasks]
    calls = fmean(row.measures.tool_calls / max(1, row.measures.turns) for row in alone)
    solved = success(outcomes_of(alone))
    if shapes:
        return RuleOfThumb(solved, fmean(shape in _SEQUENTIAL for shape in shapes), "tasks", calls)
    if plans:
        waiting, parts = (sum(plan[at] for plan in plans) for at in (0, 1))
        return RuleOfThumb(solved, waiting / parts, "plans", calls)
    return RuleOfThumb(solved, None, "nothing", calls)
