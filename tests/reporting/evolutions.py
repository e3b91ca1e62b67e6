"""An evolution small enough to know every figure of: three generations of three, and what is beside the champion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

HOSTILE = "</title><script>alert(1)</script>"


def individual(name: str, success: float, how: str = "drawn", parents: Sequence[str] = (), why: str = "") -> Any:
    return {
        "name": name, "parents": list(parents), "how": how, "why": why, "changes": {"agents.ann.instructions": why},
        "success": success, "judged": None, "tokens": 100.0,
    }  # fmt: skip


def generation(number: int, champion: str, spent: int, *members: Any) -> Any:
    success = [one["success"] for one in members]
    return {
        "generation": number, "best": max(success), "mean": sum(success) / len(success), "vendi": 3.0 - number / 2,
        "vendi_answers": 2.0, "strangers": 0, "champion": champion, "spent": spent, "individuals": list(members),
    }  # fmt: skip


def side(name: str, success: float, spent: int) -> Any:
    return {
        "name": name, "kind": "member", "success": success, "ci": [success - 0.1, success + 0.1], "tokens": 120.0,
        "tasks": 10, "samples": 1.0, "budget": 5000, "spent": spent,
    }  # fmt: skip


GENERATIONS = [
    generation(
        0, "g0-01", 1000, individual("g0-00", 0.2, "as written"), individual("g0-01", 0.4), individual("g0-02", 0.3)
    ),
    generation(
        1, "g1-00", 2500,
        individual("g1-00", 0.6, "cross", ("g0-01", "g0-02"), HOSTILE),
        individual("g1-01", 0.4, "kept", ("g0-01",)),
        individual("g1-02", 0.1, "mutation", ("g0-00",)),
    ),
    generation(
        2, "g2-02", 4000,
        individual("g2-00", 0.5, "cross", ("g1-00", "g1-01")),
        individual("g2-01", 0.6, "kept for want of another", ("g1-00",)),
        individual("g2-02", 0.8, "mutation", ("g1-00",)),
    ),
]  # fmt: skip
GAIN = {"value": 0.3, "low": 0.1, "high": 0.5}


def told(generations: Sequence[Any] = GENERATIONS, champion: str = "g2-02", **more: Any) -> dict[str, Any]:
    """As `agentmesh evolve --json` prints it."""
    return {
        "best": {"name": champion, "why": "", "success": 0.8, "yaml": f"name: solvers  # {HOSTILE}\n"},
        "ledger": {"limit": 20_000, "spent": 9000, "peak_reserved": 500},
        "generations": list(generations),
        "baselines": [{**side(HOSTILE, 0.4, 4800), "difference": GAIN}],
        "held_out": {
            "tasks": 10, "champion": side(champion, 0.7, 4200), "as_written": side("solvers as written", 0.3, 4200),
            "gain": GAIN,
        },
        "beats_baselines": True, "remarks": [], "ended": "2 generations were wanted", "operator": "elitist",
        "population": 3, "seeds": 1, "tasks": 10, **more,
    }  # fmt: skip
