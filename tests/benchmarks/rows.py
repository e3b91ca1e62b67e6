"""What is measured: the teams, as YAML, and the pattern in which their requests leave."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

MODEL = "openai:bench@http://127.0.0.1:{port}/ms{latency_ms}/tasks{tasks}/v1"
TASK = "Check the report on the second quarter and say whether its figures hold."

_CHAIN = """\
agents:
  step: {{replicas: {agents}, instructions: "Improve the text that you receive, and pass it on."}}
topology: {{kind: chain, agents: [step]}}
"""
_FLAT = """\
agents:
  expert: {{replicas: {agents}, instructions: "Discuss the question with the others. Say what you hold to be right."}}
topology: {{kind: flat, agents: [expert], rounds: {rounds}}}
"""
_RANDOM = """\
agents:
  peer: {{replicas: {agents}, instructions: "Discuss the question with the others. Say what you hold to be right."}}
topology:
  kind: graph
  phases:
    - {{name: talk, nodes: [peer], generator: random_regular_graph, d: 8, n: {agents}, seed: 1, edges: [user -> peer],
       order: simultaneous, rounds: 2}}
    - {{name: answer, edges: [peer-1 -> user], opens: [peer-1]}}
"""
_HIERARCHY = """\
agents:
  planner: {{instructions: "Break the request into tasks; put the results together."}}
  worker: {{replicas: {agents}, instructions: "Do the one task that you are given."}}
topology: {{kind: hierarchy, planner: planner, workers: [worker]}}
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One team, and how often it runs."""

    name: str
    topology: str
    waves: tuple[int, ...]
    """How many requests leave together, wave after wave, in one run."""
    runs: int
    """Runs, one after the other, in one sample."""
    repeats: int
    """Samples of each contender."""
    latency_ms: int = 0
    tasks: int = 1
    at_once: int = 1
    """Runs that are in flight together; those of `runs` come on top."""

    @property
    def calls(self) -> int:
        """Model calls of one run."""
        return sum(self.waves)

    @property
    def many(self) -> bool:
        """Whether it is about many teams at once, and so about memory and teams per second."""
        return self.at_once > 1

    def yaml(self, port: int) -> str:
        """The team file."""
        model = MODEL.format(port=port, latency_ms=self.latency_ms, tasks=self.tasks)
        return f'version: 1\nname: {self.name}\nmodels: {{default: "{model}"}}\n{self.topology}'

    def shortened(self) -> Row:
        """The same for a quick look: fewer runs, fewer teams."""
        return replace(self, runs=max(1, self.runs // 5), repeats=2, at_once=max(1, self.at_once // 20))


def chain(agents: int, runs: int = 1, repeats: int = 1, latency_ms: int = 0) -> Row:
    """Agents one after the other."""
    return Row(f"chain-{agents}", _CHAIN.format(agents=agents), (1,) * agents, runs, repeats, latency_ms)


def _flat(rounds: int, runs: int, repeats: int, agents: int = 8) -> Row:
    name = f"flat-{rounds}" if agents == 8 else f"flat-{agents}x{rounds}"
    waves = (agents,) * rounds + (1,)
    return Row(name, _FLAT.format(agents=agents, rounds=rounds), waves, runs, repeats)


def _random(agents: int, runs: int, repeats: int) -> Row:
    return Row(f"random-{agents}", _RANDOM.format(agents=agents), (agents, agents, 1), runs, repeats)


def _hierarchy(name: str, workers: int, latency_ms: int, runs: int, repeats: int, at_once: int = 1) -> Row:
    text = _HIERARCHY.format(agents=workers)
    return Row(name, text, (1, workers, 1), runs, repeats, latency_ms, workers, at_once)


ROWS: tuple[Row, ...] = (
    chain(10, runs=20, repeats=9),
    chain(100, runs=2, repeats=9),
    chain(1000, runs=1, repeats=3),
    _flat(4, runs=6, repeats=9),
    _flat(32, runs=1, repeats=9),
    _flat(8, runs=1, repeats=5, agents=32),
    _random(1000, runs=1, repeats=3),
    _hierarchy("planner-0ms", 16, 0, runs=10, repeats=9),
    _hierarchy("planner-20ms", 16, 20, runs=10, repeats=7),
    _hierarchy("teams", 4, 20, runs=1, repeats=2, at_once=1000),
)


def is_wanted(row: str, names: Sequence[str], known: Collection[str]) -> bool:
    """Whether a row has one of these names or, where a name is none, begins with it; all have without a name."""
    return not names or row in names or row.startswith(tuple(name for name in names if name not in known))
