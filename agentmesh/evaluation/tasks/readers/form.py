"""What a format of task files is: how to tell it, what its entries hold, and how one of them becomes a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from agentmesh.evaluation.tasks.task import EvalTask

E = TypeVar("E", bound=BaseModel)


class Entry(BaseModel):
    """An entry of a foreign format: what else it holds is left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")


@dataclass(frozen=True)
class Format(Generic[E]):
    """One format of task files."""

    what: str
    """What such a file holds, for people."""
    recognises: Callable[[Any], bool]
    """Whether the first value of a file is of this format."""
    entry: type[E]
    task: Callable[[E, str], EvalTask]
    """An entry as a task; the text is its id, if it has none."""
    columns: tuple[str, ...] = ()
    """Of a CSV file without a head: the keys of its columns."""


def has(value: Any, *keys: str) -> bool:
    """Whether the value is an object with these keys."""
    return isinstance(value, dict) and all(key in value for key in keys)
