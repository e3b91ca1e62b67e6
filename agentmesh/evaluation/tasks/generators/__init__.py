"""Tasks that are made, not collected: seeded, each with what is right. `kind:n=50,seed=1,...` names a set of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import ValidationError

from agentmesh.config.language import did_you_mean, one_of
from agentmesh.config.problems import faults
from agentmesh.errors import ConfigError
from agentmesh.evaluation.tasks.generators.arithmetic import ArithmeticTasks
from agentmesh.evaluation.tasks.generators.base import Generator
from agentmesh.evaluation.tasks.generators.coding import CodingTasks
from agentmesh.evaluation.tasks.generators.estimation import EstimationTasks
from agentmesh.evaluation.tasks.generators.hidden_profile import HiddenProfileTasks
from agentmesh.evaluation.tasks.generators.ideas import IdeaTasks
from agentmesh.evaluation.tasks.generators.ranking import RankingTasks
from agentmesh.evaluation.tasks.generators.riddles import RiddleTasks
from agentmesh.evaluation.tasks.generators.scheduling import SchedulingTasks
from agentmesh.evaluation.tasks.task import EvalTask

__all__ = ["GENERATORS", "Generator", "generate"]

GENERATORS: Mapping[str, type[Generator]] = MappingProxyType(
    {
        "arithmetic": ArithmeticTasks,
        "coding": CodingTasks,
        "estimation": EstimationTasks,
        "hidden_profile": HiddenProfileTasks,
        "ideas": IdeaTasks,
        "ranking": RankingTasks,
        "riddles": RiddleTasks,
        "scheduling": SchedulingTasks,
    }
)


def generate(spec: str) -> tuple[EvalTask, ...]:
    """The tasks that a text such as `arithmetic:n=50,depth=4,seed=1` names. Raises: ConfigError."""
    kind, _, given = spec.partition(":")
    made = GENERATORS.get(kind.strip())
    if made is None:
        raise ConfigError(
            f"unknown generator '{kind.strip()}'; allowed: {one_of(GENERATORS)}"
            f"{did_you_mean(kind.strip(), GENERATORS)}",
            spec,
        )
    values = _parameters(spec, given)
    try:
        return made(**values).tasks(kind.strip())
    except ValidationError as error:
        wrong = "; ".join(_said(fault.path, fault.message) for fault in faults(error.errors(), values, made))
        raise ConfigError(wrong, spec) from error


def _parameters(spec: str, given: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for piece in filter(None, map(str.strip, given.split(","))):
        key, equals, value = (part.strip() for part in piece.partition("="))
        if not equals or not value:
            raise ConfigError(f"'{piece}' is no parameter; write name=value, such as n=50", spec)
        if key in values:
            raise ConfigError(f"parameter '{key}' stands twice; give it once", spec)
        values[key] = value
    return values


def _said(path: tuple[str | int, ...], message: str) -> str:
    place = ".".join(map(str, path))
    return message if not place or f"'{place}'" in message else f"'{place}': {message}"
