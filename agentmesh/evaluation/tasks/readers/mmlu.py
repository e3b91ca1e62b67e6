"""MMLU-style files: a question, its options, and which of them is right.

Source: https://github.com/hendrycks/test, CSV without a head: `question,A,B,C,D,answer`; and the JSON form in which it
is commonly passed on, with `choices`, and as `answer` a letter or an index from 0.
"""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, StrictInt, model_validator

from agentmesh.config.topologies import misfit
from agentmesh.evaluation.tasks.readers.form import Entry, Format, has
from agentmesh.evaluation.tasks.task import LETTERS, Check, EvalTask

_FORM = "End with a line `Answer: X`, where X is the letter of the right option."


class Question(Entry):
    """One entry of such a file."""

    question: str
    choices: tuple[str, ...] = Field(min_length=2, max_length=len(LETTERS))
    answer: StrictInt | str
    subject: str = ""

    @model_validator(mode="before")
    @classmethod
    def _from_columns(cls, given: Any) -> Any:
        if has(given, "question", "A", "B") and not has(given, "choices"):
            return {**given, "choices": [given[letter] for letter in LETTERS if letter in given]}
        return given

    @model_validator(mode="after")
    def _names_an_option(self) -> Self:
        if self.letter not in LETTERS[: len(self.choices)] or not self.letter:
            last = len(self.choices) - 1
            allowed = f"A to {LETTERS[last]}, or 0 to {last}"
            raise misfit("answer", f"found '{self.answer}', which is none of the options; allowed: {allowed}")
        return self

    @property
    def letter(self) -> str:
        """The letter of the right option."""
        given = str(self.answer).strip().upper()
        return LETTERS[int(given) : int(given) + 1] if given.isdecimal() else given


def _task(question: Question, id: str) -> EvalTask:
    options = "\n".join(f"{letter}. {choice}" for letter, choice in zip(LETTERS, question.choices, strict=False))
    return EvalTask(
        id=id,
        prompt=f"{question.question.strip()}\n\n{options}\n\n{_FORM}",
        answer=question.letter,
        check=Check(kind="choice", choices=question.choices),
        metadata={"subject": question.subject} if question.subject else {},
    )


MMLU = Format(
    what='{"question", "choices", "answer": letter or index}, or CSV without a head: question,A,B,C,D,answer',
    recognises=lambda value: has(value, "question", "choices", "answer") or isinstance(value, list),
    entry=Question,
    task=_task,
    columns=("question", "A", "B", "C", "D", "answer"),
)
