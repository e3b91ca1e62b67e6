"""Scores answers: each task says how, and a scorer holds what that takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, assert_never

import anyio

from agentmesh.config.models import ModelConfig
from agentmesh.errors import ConfigError, Problem
from agentmesh.evaluation.scoring.custom import custom
from agentmesh.evaluation.scoring.judging import judge
from agentmesh.evaluation.scoring.lists import ideas, ranking
from agentmesh.evaluation.scoring.numeric import numeric
from agentmesh.evaluation.scoring.programs import program
from agentmesh.evaluation.scoring.texts import choice, exact
from agentmesh.evaluation.tasks.task import Check, EvalTask, Score
from agentmesh.providers.base import Provider
from agentmesh.team.given import allowed_packages
from agentmesh.team.parts import Model, Models
from agentmesh.team.references import ReferenceFault, load_reference

_JUDGE = "judge"


class Scorer:
    """What scoring takes beside the tasks: a judge, and the packages whose functions may be imported.

    Made once for many answers, and closed after the last: `async with Scorer(...) as scorer`.
    """

    def __init__(
        self,
        *,
        judge: Model | None = None,
        allow: Collection[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        given = {} if judge is None else {_JUDGE: judge}
        self._models = Models(given, os.environ if environment is None else environment)
        self._has_judge = judge is not None
        self._named = str(judge) if isinstance(judge, str | ModelConfig) else getattr(judge, "__qualname__", "")
        if self._models.faults:
            raise ConfigError(self._models.faults[_JUDGE], _JUDGE)
        self._allow = allowed_packages(allow)

    def refuse_unready(self, tasks: Iterable[EvalTask]) -> None:
        """What scoring these tasks lacks is said before anything is spent: a judge, a key, consent to an import.

        Raises: ConfigError with every problem.
        """
        problems = [
            Problem(0, 0, f"{task.id}.check", fault)
            for task in tasks
            if task.check is not None and (fault := self._lacking(task.check))
        ]
        if problems:
            raise ConfigError(problems, "tasks")

    def judge(self, check: Check) -> Provider:
        """Who judges. Raises: ConfigError if nobody can."""
        if check.model is None and not self._has_judge:
            raise ConfigError("no judge is given; name one in the check, with `model`, or for all tasks, with `judge`")
        return self._models.provider(_JUDGE if check.model is None else self._models.name_of(check.model))

    def judges(self, check: Check) -> str:
        """Who judges, by name: what another one says is another score; empty where nobody does."""
        return "" if check.kind != "judge" or check.model is not None or not self._has_judge else self._named

    def function(self, check: Check) -> Callable[..., Any]:
        """The function that `use` names. Raises: ConfigError."""
        try:
            found: Callable[..., Any] = load_reference(str(check.use), self._allow)
        except ReferenceFault as fault:
            raise ConfigError(str(fault)) from fault
        return found

    def _lacking(self, check: Check) -> str:
        try:
            match check.kind:
                case "custom":
                    self.function(check)
                case "judge":
                    unready = getattr(self.judge(check), "unready", None)
                    return (unready() or "") if unready is not None else ""
                case _:
                    pass
        except ConfigError as error:
            return error.problems[0].message
        return ""

    async def aclose(self) -> None:
        """Close the judges' connections. Who scores another answer opens them again."""
        made, self._models = self._models.made(), self._models.again()
        with anyio.CancelScope(shield=True):
            for provider in made:
                await provider.aclose()

    async def __aenter__(self) -> Scorer:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.aclose()


async def score(task: EvalTask, answer: str | None, scorer: Scorer, *, folder: Path | None = None) -> Score:
    """How good an answer is; none at all, or an empty one, is wrong. `folder`: what was made beside it.

    Raises: ProviderError if a judge gives no verdict, AgentError if a program cannot be started, ConfigError, and what
    a function raises: an answer that could not be scored is not a wrong one.
    """
    if answer is None or not answer.strip():
        return Score(False, 0.0, "there is no answer" if answer is None else "the answer is empty")
    check = task.scored_by
    match check.kind:
        case "exact":
            return exact(task, answer)
        case "numeric":
            return numeric(task, answer, check)
        case "choice":
            return choice(task, answer, check)
        case "program":
            return await program(task, answer, check, folder)
        case "judge":
            return await judge(task, answer, check, scorer.judge(check))
        case "custom":
            return await custom(task, answer, scorer.function(check), str(check.use))
        case "ranking":
            return ranking(task, answer, check)
        case "ideas":
            return ideas(task, answer, check)
        case _:
            assert_never(check.kind)
