"""What came of an evolution: as JSON, as lines above the champion's file, as a lineage."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentmesh.evaluation.ledger import Ledger
from agentmesh.evaluation.tasks.task import EvalTask
from agentmesh.learning.evolution.arena import Promotion
from agentmesh.learning.evolution.beside import Side
from agentmesh.learning.evolution.breeding import DeadEnd
from agentmesh.learning.evolution.genome import Individual, Source
from agentmesh.learning.evolution.operators import Scored
from agentmesh.learning.evolution.search import Generation


@dataclass(frozen=True)
class Evolution:
    """What came of it."""

    champion: Scored
    ledger: Ledger
    generations: tuple[Generation, ...]
    baselines: tuple[Side, ...]
    best: Side
    """The champion on held-out tasks."""
    start: Side
    """The team as it is written, on the same."""
    held_out: tuple[EvalTask, ...] = field(repr=False)
    promotions: tuple[Promotion, ...]
    dead_ends: tuple[DeadEnd, ...]
    remarks: tuple[str, ...]
    ended: str
    settings: Mapping[str, Any]
    yaml: str = field(default="", repr=False)
    """The champion as a file."""

    @property
    def beaten(self) -> bool:
        """Whether the champion is right more often on held-out tasks than every baseline."""
        return bool(self.baselines) and all(self.best.success > one.success for one in self.baselines)

    @property
    def lineage(self) -> list[dict[str, Any]]:
        """The champion and those it comes from, each with its parents: the champion first."""
        return lineage(self.champion.individual, self.generations)

    def to_json(self) -> dict[str, Any]:
        """As `agentmesh evolve --json` prints it."""
        own = self.champion.individual
        best = {
            "name": own.name,
            "changes": dict(own.changes),
            "why": own.why,
            "success": round(self.champion.success, 4),
            "tokens": round(self.champion.tokens, 1),
            "lineage": self.lineage,
            "yaml": self.yaml,
        }
        held_out = {
            "tasks": len(self.held_out),
            "champion": self.best.to_json(),
            "as_written": self.start.to_json(),
            "gain": self.best.gain(self.start),
        }
        return {
            "best": best,
            "ledger": self.ledger.to_json(),
            "generations": [one.to_json() for one in self.generations],
            "baselines": [{**one.to_json(), "difference": self.best.gain(one)} for one in self.baselines],
            "held_out": held_out,
            "beats_baselines": self.beaten,
            "promotions": [one.to_json() for one in self.promotions],
            "dead_ends": [one.to_json() for one in self.dead_ends],
            "remarks": list(self.remarks),
            "ended": self.ended,
            **self.settings,
        }


def lineage(one: Individual, generations: Sequence[Generation]) -> list[dict[str, Any]]:
    """An individual and those it comes from, each once; kept ones stand for themselves only where they were born."""
    by_name = {member.individual.name: member for generation in generations for member in generation.members}
    waiting, told = [one.name], dict[str, dict[str, Any]]()
    while waiting:
        name = waiting.pop(0)
        member = by_name.get(name)
        if name in told or member is None:
            continue
        own = member.individual
        told[name] = {
            "name": name,
            "parents": list(own.parents),
            "how": own.how,
            "success": round(member.success, 4),
            "why": own.why,
        }
        waiting += own.parents
    return list(told.values())


def head(evolution: Evolution, source: Source) -> Iterator[str]:
    """What is said above the champion's file."""
    own, best, start = evolution.champion.individual, evolution.best, evolution.start
    settings, ledger = evolution.settings, evolution.ledger
    yield (
        f"Evolved from {Path(source.file).name}: {settings['operator']}, a population of {settings['population']}, "
        f"{len(evolution.generations)} generations, seed {settings['seed']}; {ledger.spent:,} of {ledger.limit:,} "
        f"tokens used by evolution and {len(evolution.baselines)} baselines."
    )
    low, high = best.to_json()["ci"]
    yield (
        f"Right on {evolution.champion.success:.0%} of {settings['tasks']} tasks of selection, and on "
        f"{best.success:.0%} [{low:.0%}, {high:.0%}] of {len(evolution.held_out)} held-out ones; as written "
        f"{start.success:.0%}."
    )
    for one in evolution.baselines:
        yield f"{one.name}, with an equal share of the tokens: {one.success:.0%}."
    yield f"Lineage: {'; '.join(_told(one) for one in evolution.lineage)}."
    for path, value in own.changes.items():
        yield f"{path}: {json.dumps(value, ensure_ascii=False)}"
    if own.why:
        yield f"Why: {own.why}"
    if source.model is not None:
        yield f"Measured with -m {source.model}."


def _told(one: Mapping[str, Any]) -> str:
    parents = " + ".join(one["parents"])
    return f"{one['name']} ({one['how']}{f' of {parents}' if parents else ''}, {one['success']:.0%})"
