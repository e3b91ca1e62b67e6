"""HumanEval-style files: the head of a Python function, and a `check(candidate)` that tries it out.

Source: https://github.com/openai/human-eval, `HumanEval.jsonl`. An answer may be the whole function or its body alone;
the tests run in a process of their own, and have passed only if they came to their end.
"""

from __future__ import annotations

import inspect

from pydantic import Field

from agentmesh.evaluation.tasks.readers import completing
from agentmesh.evaluation.tasks.readers.form import Entry, Format, has
from agentmesh.evaluation.tasks.task import Check, EvalTask

_FORM = "Complete this Python function. Answer with the whole function, in one block of code:"
_SECONDS = 30.0


class Completion(Entry):
    """One line of such a file."""

    task_id: str = Field(min_length=1)
    prompt: str
    entry_point: str = Field(pattern=r"^[A-Za-z_]\w*$")
    test: str
    canonical_solution: str = ""


def _task(completion: Completion, id: str) -> EvalTask:
    program = {"check.py": inspect.getsource(completing), "prompt.txt": completion.prompt, "tests.txt": completion.test}
    return EvalTask(
        id=completion.task_id,
        prompt=f"{_FORM}\n\n```python\n{completion.prompt.rstrip()}\n```",
        answer=completion.canonical_solution or None,
        check=Check(
            kind="program",
            command=("python", "check.py", completion.entry_point),
            sources=program,
            timeout_s=_SECONDS,
        ),
    )


HUMANEVAL = Format(
    what='{"task_id", "prompt", "entry_point", "test"}',
    recognises=lambda value: has(value, "task_id", "prompt", "entry_point", "test"),
    entry=Completion,
    task=_task,
)
