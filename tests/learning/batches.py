"""Batches of made-up runs."""

from __future__ import annotations

from hypothesis import strategies as st

from agentmesh.learning.episodes import Episode, Step

_REWARD = st.integers(-8, 8).map(lambda eighths: eighths / 8)
_OWN = st.sampled_from([{}, {}, {"a": 0.5}, {"b": -0.25}])
_STEPS = st.lists(st.tuples(st.sampled_from("vsw"), _OWN), min_size=1, max_size=4)


def run(run_id: str, steps: str, task: str = "t", **rewards: float) -> Episode:
    """A run of agents named by letters, one step each."""
    return Episode(run_id, task, tuple(Step(agent) for agent in steps), rewards)


def batches(*, tasks: int = 3) -> st.SearchStrategy[list[Episode]]:
    """Runs whose agents act any number of times, with two rewards, some of them of single steps."""
    one = st.tuples(st.integers(1, tasks), _STEPS, _REWARD, _REWARD)
    return st.lists(one, min_size=1, max_size=6).map(
        lambda drawn: [
            Episode(f"r{number}", f"t{task}", tuple(Step(*step) for step in steps), {"a": a, "b": b})
            for number, (task, steps, a, b) in enumerate(drawn)
        ]
    )
