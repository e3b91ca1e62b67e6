"""Real runs in a journal, with what their models were really asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio

from agentmesh import RunResult, Team
from agentmesh.learning.episodes import Rewards
from agentmesh.learning.export import Exported, read
from agentmesh.messages import ChatMessage, Reply
from agentmesh.providers.base import Delta, Request
from agentmesh.providers.scripted import ScriptedProvider
from agentmesh.providers.simulated import profile_named, respond

ROOT = Path(__file__).parents[3]

PAIR = """
version: 1
name: pair
agents:
  writer: {instructions: Write., tools: [calculator]}
  critic: {instructions: Correct.}
topology: {kind: chain, agents: [writer, critic]}
"""
COMPUTES = {"tool_calls": [{"name": "calculator", "arguments": {"expression": "6 * 7"}}]}


class Listening:
    """A simulated worker that keeps what it was asked."""

    model_id = "simulated:worker"

    def __init__(self) -> None:
        self.asked: dict[str, tuple[list[ChatMessage], list[dict[str, Any]]]] = {}
        """By the key of the call: messages and tools."""

    async def complete(self, request: Request, on_delta: Delta | None = None) -> Reply:
        self.asked[request.key] = (list(request.messages), list(request.tools))
        return respond(request, profile_named("worker", None), self.model_id)

    async def aclose(self) -> None:
        pass


def run_of(team: Team, task: str, journal: Path, **options: Any) -> RunResult:
    return team.run_sync(task, journal=journal, durability="normal", **options)


def read_of(team: Team, run_id: str, journal: Path, rewards: Rewards | None = None, **options: Any) -> Exported:
    async def reading() -> Exported:
        return await read(team, run_id, rewards, journal=journal, **options)

    return anyio.run(reading)


def paired(folder: Path) -> Team:
    """The team of `PAIR`, from a file, as the command line makes it."""
    file = folder / "pair.yaml"
    file.write_text(PAIR, encoding="utf-8")
    return Team.from_yaml(file)


def pair_run(
    folder: Path,
    writer: Sequence[Any],
    critic: Sequence[Any],
    rewards: Rewards | None = None,
    task: str = "What is 6 * 7?",
) -> Exported:
    """One recorded run of the pair, which says what it is told to say."""
    team, journal = paired(folder), folder / "journal.db"
    script: Mapping[str, Sequence[Any]] = {"writer": writer, "critic": critic}
    result = run_of(team.with_model(ScriptedProvider(script)), task, journal)
    return read_of(team.with_model(ScriptedProvider(script)), result.run_id, journal, rewards)
