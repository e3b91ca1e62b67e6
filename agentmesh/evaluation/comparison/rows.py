"""One run of a comparison as a row of JSON, and the file that rows are kept in."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentmesh.errors import AgentMeshError, ConfigError
from agentmesh.evaluation.measures import Measures
from agentmesh.messages import Outcome

_BEGINS = b'{"key": "'
"""How each line begins: of a file of anything else not even the end is touched."""


@dataclass(frozen=True)
class Row:
    """One run: who was given what, what came of it, what it used."""

    key: str
    """Changes with the team, the task, the seed and the limit: the same key is not run again."""
    team: str
    task: str
    seed: int
    samples: int
    run_id: str
    outcome: Outcome | None
    reason: str
    answer: str | None
    correct: bool
    """The run was completed or verified, and its answer is right."""
    value: float
    """How good the answer is, 0..1; 0 where the run was neither completed nor verified."""
    why: str
    tokens: int
    """What all model calls of the run used, those of its monitors included."""
    cost_usd: float | None
    model_calls: int
    seconds: float
    scoring_tokens: int
    """What a judge used to score the answer: paid by the comparison, and part of no budget."""
    measures: Measures
    provisional: bool = False
    """The run waits for people, or a model could not be reached: it is not kept, and is made or gone on with again."""

    def to_json(self) -> dict[str, Any]:
        """As `runs` of `agentmesh compare --json` have it."""
        return {**vars(self), "measures": self.measures.to_json()}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Row:
        """What `to_json` gave."""
        return cls(**{**told, "measures": Measures.from_json(told["measures"])})


class KeptRows:
    """Rows by their keys, in a file of JSON lines to which each is added as it comes; without a path in memory alone.

    A last line that was cut off is dropped, and written again. Raises: AgentMeshError where it holds anything else,
    ConfigError where it cannot be used.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self._path = None if path is None else Path(path)
        self._rows: dict[str, Row] = {}
        if self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._read(self._path)
            except OSError as error:
                raise ConfigError(f"results cannot be kept there: {error.strerror}", str(self._path)) from error

    def get(self, key: str) -> Row | None:
        """The row of this key, if it has been run."""
        return self._rows.get(key)

    def add(self, row: Row) -> None:
        """Keep a row; unless it is provisional it is in the file before this returns."""
        self._rows[row.key] = row
        if self._path is not None and not row.provisional:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row.to_json(), ensure_ascii=False) + "\n")

    def _read(self, path: Path) -> None:
        if not path.exists():
            return
        text = path.read_bytes()
        whole, _, cut = text.rpartition(b"\n")
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                row = Row.from_json(json.loads(line))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise _no_row(path, number, str(error)) from error
            self._rows[row.key] = row
        if not cut.startswith(_BEGINS[: len(cut)]):
            raise _no_row(path, whole.count(b"\n") + 1 + bool(whole), "it does not begin as one")
        if cut:
            with path.open("r+b") as file:
                file.truncate(len(text) - len(cut))


def _no_row(path: Path, line: int, why: str) -> AgentMeshError:
    return AgentMeshError(
        f"{path}:{line}: this is no row of a comparison ({why}); name another file, or delete this one"
    )
