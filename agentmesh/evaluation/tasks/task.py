"""What a team is measured on: a prompt, what is right, and how an answer to it is scored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BeforeValidator, Field, StringConstraints, field_validator, model_validator

from agentmesh.config.base import Config, PositiveInt
from agentmesh.config.problems import found
from agentmesh.config.topologies import misfit
from agentmesh.evaluation.tasks.numbers import whole_number
from agentmesh.messages import Usage

CheckKind = Literal["exact", "numeric", "choice", "program", "judge", "custom", "ranking", "ideas"]
KINDS: tuple[CheckKind, ...] = get_args(CheckKind)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_KEYS: Mapping[CheckKind, tuple[str, ...]] = MappingProxyType(
    {
        "exact": (),
        "numeric": ("tolerance", "relative"),
        "choice": ("choices",),
        "program": ("command", "sources", "timeout_s"),
        "judge": ("model", "instructions"),
        "custom": ("use",),
        "ranking": ("tolerance",),
        "ideas": ("enough",),
    }
)
"""By kind: the keys that mean something beside it."""


def _answer(given: Any) -> Any:
    if given is None or isinstance(given, str | int | float):
        return given
    if isinstance(given, list | tuple) and given and all(isinstance(one, str) for one in given):
        return list(given)
    raise ValueError(f"found {found(given)}; allowed: a text, a number, true, false, or a list of one or more texts")


def _check(given: Any) -> Any:
    return {"kind": given} if isinstance(given, str) else given


Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Answer = Annotated[str | int | float | bool | list[str] | None, BeforeValidator(_answer)]


class Check(Config):
    """How an answer is scored. Which keys stand beside the kind depends on it."""

    kind: CheckKind
    tolerance: float = Field(0.0, ge=0)
    """numeric: how far from the answer is right; ranking: the mean difference of ranks that is right."""
    relative: float = Field(0.0, ge=0)
    """numeric: how far from the answer is right, as a share of it. The larger of the two counts."""
    command: tuple[str, ...] = ()
    """program: what is run in the workspace, without a shell; exit status 0 is right."""
    sources: Mapping[str, str] = {}
    """program: files of the workspace, by path, with what they hold. The team never sees them."""
    timeout_s: float = Field(60.0, gt=0)
    use: str | None = None
    """custom: `package.module:function`."""
    model: str | None = None
    """judge: who judges, in place of the comparison's judge."""
    instructions: str | None = None
    """judge: what counts as right."""
    choices: tuple[str, ...] = ()
    """choice: the options, in the order of their letters."""
    enough: PositiveInt | None = None
    """ideas: so many are right; all of them if absent."""

    @field_validator("sources")
    @classmethod
    def _inside(cls, sources: Mapping[str, str]) -> Mapping[str, str]:
        _refuse_outside(sources)
        return sources

    @model_validator(mode="after")
    def _keys_of_the_kind(self) -> Self:
        allowed = _KEYS[self.kind]
        for key in self.model_fields_set - {"kind"}:
            if key not in allowed:
                others = ", ".join(kind for kind, keys in _KEYS.items() if key in keys)
                raise misfit(key, f"`{key}` says nothing to {self.kind}; it is a key of: {others}")
        match self.kind:
            case "program" if not self.command:
                raise misfit("command", "a program needs its `command`, such as [python, check.py]")
            case "custom" if self.use is None or not all(self.use.partition(":")):
                raise misfit("use", "custom needs `use: package.module:function`")
            case "choice" if len(self.choices) == 1 or len(self.choices) > len(LETTERS):
                raise misfit("choices", f"found {len(self.choices)}; allowed: 2 to {len(LETTERS)} options")
            case _:
                return self


class EvalTask(Config):
    """One task, with what nobody but its scorer knows."""

    id: Text
    prompt: Text
    answer: Answer = None
    """What is right. A list: of ranking the expert's order, of ideas the valid ones, otherwise any of them is right."""
    private: Mapping[str, str] = {}
    """By agent: what only it is told."""
    files: Mapping[str, str] = {}
    """By path in the workspace, which is the name of the attachment: where the file is."""
    repository: Mapping[str, str] = {}
    """By path: the text of what stands in a git repository of each run's own, on which the team's agents work.

    A program that checks runs on its base branch as the team leaves it.
    """
    check: Annotated[Check | None, BeforeValidator(_check)] = None
    """How an answer is scored; guessed from `answer` if absent."""
    metadata: Mapping[str, Any] = {}

    @field_validator("files", "repository")
    @classmethod
    def _inside(cls, files: Mapping[str, str]) -> Mapping[str, str]:
        _refuse_outside(files)
        return files

    @model_validator(mode="after")
    def _can_be_scored(self) -> Self:
        if self.check is None and self.answer is None:
            raise misfit("answer", "nothing says what is right; give `answer`, or a `check` that needs none")
        if wrong := _unfit(self.scored_by, self.answer):
            raise misfit("answer", wrong)
        return self

    @cached_property
    def digest(self) -> str:
        """Changes when it, or a file of it, says something else; `metadata` is said to nobody. Raises: OSError."""
        return hashlib.sha256(json.dumps(self._facts("metadata"), sort_keys=True).encode()).hexdigest()

    def _facts(self, *but: str) -> dict[str, Any]:
        told = self.model_dump(mode="json", exclude={"files", *but}, exclude_defaults=True)
        return {**told, "files": {name: _digest(path) for name, path in sorted(self.files.items())}}

    @property
    def scored_by(self) -> Check:
        """The check of the task, or what its answer suggests: numeric for numbers, also in texts, else exact."""
        if self.check is not None:
            return self.check
        numeric = bool(self.accepted) and all(whole_number(one) for one in self.accepted)
        return Check(kind="numeric" if numeric else "exact")

    @property
    def accepted(self) -> tuple[str, ...]:
        """The right answers as texts; of a ranking the order, of ideas all."""
        match self.answer:
            case None:
                return ()
            case bool():
                return ("true", "yes") if self.answer else ("false", "no")
            case list():
                return tuple(self.answer)
            case _:
                return (str(self.answer),)


@dataclass(frozen=True)
class Tasks:
    """Tasks to measure a team on, in order."""

    name: str
    items: tuple[EvalTask, ...]

    @cached_property
    def hash(self) -> str:
        """Sixteen hexadecimal digits; others when an item, or a file of one, says something else."""
        digest = hashlib.sha256()
        for task in self.items:
            digest.update(json.dumps(task._facts(), sort_keys=True).encode() + b"\n")  # noqa: SLF001
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Score:
    """How good an answer is: right or not, and a grade from 0 to 1."""

    correct: bool
    value: float
    why: str
    usage: Usage = field(default_factory=Usage)
    """Of a judge."""


def _digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _refuse_outside(paths: Mapping[str, str]) -> None:
    for name in paths:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise ValueError(f"'{name}' is no place in a workspace; allowed: a relative path without ..")


def _unfit(check: Check, answer: Any) -> str:
    """What is wrong with an answer of this kind of check, or nothing."""
    listed = answer if isinstance(answer, list) else []
    match check.kind:
        case "program" | "custom":
            return ""
        case "judge":
            wanting = answer is None and not check.instructions
            return "a judge needs an `answer` to compare with, or `instructions` on what counts as right" * wanting
        case "ranking":
            usual = len(listed) > 1 and len({one.casefold() for one in listed}) == len(listed)
            return "" if usual else "a ranking needs the expert's order: a list of two or more different texts"
        case "ideas":
            return _unfit_ideas(listed, check.enough)
        case _ if answer is None:
            return f"{check.kind} needs an `answer`"
        case "numeric":
            given = listed or [answer]
            numbers = all(not isinstance(one, bool) and whole_number(str(one)) is not None for one in given)
            return "" if numbers else f"numeric needs a number; found {answer!r}"
        case "choice":
            return _unfit_choice(check.choices, [str(one) for one in listed or [answer]])
        case "exact":
            return ""


def _unfit_ideas(valid: Sequence[str], enough: int | None) -> str:
    if not valid:
        return "ideas need the valid ones: a list of texts"
    if enough is not None and enough > len(valid):
        return f"{enough} ideas are to be enough, and only {len(valid)} are valid; give more, or a lower `enough`"
    return ""


def _unfit_choice(choices: Sequence[str], given: Sequence[str]) -> str:
    letters = LETTERS[: len(choices)] if choices else LETTERS
    strange = next((one for one in given if one not in choices and (len(one) != 1 or one.upper() not in letters)), None)
    if strange is None:
        return ""
    allowed = f"{letters[0]} to {letters[-1]}" + (f", or one of: {'; '.join(choices)}" if choices else "")
    return f"'{strange}' is no option; allowed: {allowed}"
