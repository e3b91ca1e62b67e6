"""What a task gives to a run beside its prompt, and how what is said in the run is read against what is right."""

from __future__ import annotations

import base64
import mimetypes
from functools import partial
from pathlib import Path

from agentmesh.evaluation.measures import Right
from agentmesh.evaluation.scoring.lists import ranking
from agentmesh.evaluation.scoring.numeric import numeric
from agentmesh.evaluation.scoring.texts import choice, exact
from agentmesh.evaluation.tasks.numbers import number_of, stated
from agentmesh.evaluation.tasks.task import Check, EvalTask
from agentmesh.messages import FilePart, ImagePart, Part

_BRIEF = 200
"""Characters up to which a text may be nothing but an answer."""


def parts_of(task: EvalTask) -> tuple[Part, ...]:
    """The files of a task as attachments. Raises: OSError."""
    return tuple(_part(name, Path(path)) for name, path in task.files.items())


def _part(name: str, path: Path) -> Part:
    data = base64.b64encode(path.read_bytes()).decode()
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if media_type.startswith("image/"):
        return ImagePart(media_type=media_type, data=data)
    return FilePart(name=name, media_type=media_type, data=data)


def right_in(task: EvalTask) -> Right:
    """Whether what an agent says holds the right answer: where that can be read off it, by no program and no model."""
    check = task.scored_by
    match check.kind:
        case "numeric":
            return partial(_number, task, check)
        case "choice":
            return partial(_choice, task, check)
        case "exact":
            return partial(_text, task)
        case "ranking":
            return partial(_order, task, check)
        case _:
            return lambda text: None


def _number(task: EvalTask, check: Check, text: str) -> bool | None:
    return None if number_of(text) is None else numeric(task, text, check).correct


def _choice(task: EvalTask, check: Check, text: str) -> bool | None:
    score = choice(task, text, check)
    return None if " names " in score.why else score.correct


def _text(task: EvalTask, text: str) -> bool | None:
    """A long text that states no answer argues about one."""
    if exact(task, text).correct:
        return True
    return False if stated(text) is not None or len(text) <= _BRIEF else None


def _order(task: EvalTask, check: Check, text: str) -> bool | None:
    score = ranking(task, text, check)
    return None if "not ranked" in score.why else score.correct
