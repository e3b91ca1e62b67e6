"""The architectures of a published study, reproduced: their edge sets, and their model calls counted at a server.

Source: Towards a Science of Scaling Agent Systems (arXiv 2512.08296): k calls for a single agent, nk + 1 for
independent ones, dnk + 1 for a decentralised team, rnk + r for a centralised and rnk + r + p for a hybrid one.
"""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from agentmesh import Team
from tests.servers.started import calls, started

ROOT = Path(__file__).parent.parent.parent
SCALING = ROOT / "topologies" / "scaling"
K, N, D, R, P = 4, 3, 3, 3, 2
"""Calls of a turn, workers, rounds of debate, rounds of orchestration, exchanges between peers."""
CALLS = {
    "single": K,
    "independent": N * K + 1,
    "decentralised": D * N * K + 1,
    "centralised": R * N * K + R,
    "hybrid": R * N * K + R + P,
}
WORKERS = tuple(f"worker-{number}" for number in range(1, N + 1))


@pytest.mark.real_models
@pytest.mark.parametrize("name", CALLS)
def test_a_team_makes_as_many_calls_as_the_study_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with started("stepping_models", str(K)) as url:
        team = Team.from_yaml(SCALING / f"{name}.yaml", model=f"openai:m@{url}/v1")
        result = team.run_sync("What is 1 + 1?")
        assert result.outcome == "completed", result.reason
        assert result.refused == 0
        assert calls(url) == CALLS[name] == result.usage.model_calls


def inner(name: str) -> set[tuple[str, str]]:
    """The edges between agents."""
    return {pair for pair in Team.from_yaml(SCALING / f"{name}.yaml").topology.edges if "user" not in pair}


def test_the_edge_sets_are_those_of_the_study() -> None:
    spokes = {pair for name in WORKERS for pair in ((name, "orchestrator"), ("orchestrator", name))}
    peers = {("worker-1", "worker-2"), ("worker-2", "worker-1")}
    assert inner("single") == set()
    assert inner("independent") == {(name, "aggregator") for name in WORKERS}
    assert inner("decentralised") == {*permutations(WORKERS, 2), *((name, "scribe") for name in WORKERS)}
    assert inner("centralised") == spokes
    assert inner("hybrid") == spokes | peers
