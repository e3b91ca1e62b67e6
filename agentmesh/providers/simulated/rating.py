"""Judging runs against each other: what can be checked in each is its worth, and the better of two may be mistaken.

A judge compares each run with each other. It takes the worse for the better where it misjudges (`judgement`) or
misreads (`noise`) one of them, and the first for the better by its bias of `position`. A run's score is the share of
comparisons that it wins. The luck of each comparison hangs on the runs and on where they stand: the same question is
answered alike, and the runs in another order are judged anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from agentmesh.errors import ToolError
from agentmesh.messages import USER
from agentmesh.providers.simulated.problems import Equation, arithmetic
from agentmesh.providers.simulated.reading import Reading
from agentmesh.providers.simulated.skill import Mind
from agentmesh.tools.calculator import number_text, value_of

_TESTS = re.compile(r"\b(\d+) (passed|failed)\b")
_STATUS = re.compile(r"^Status: (done|blocked|failed)\b", re.MULTILINE)
_OUTCOMES = {"verified": 1.0, "failed": 0.0, "halted": 0.0, "stalled": 0.0, "limit": 0.0}
_DIRECT = 0.05
"""How much of its worth a run owes to the way that it took: all of this for one message, half for two, and so on."""
_RIGHT = 3
"""Right answers, and tests, weigh so much more than claims on the way."""


@dataclass(frozen=True)
class Seen:
    """Something that can be checked in a run: the share of it that is right, and what it weighs."""

    what: str
    share: float
    weight: int = 1


def rated(reading: Reading, mind: Mind) -> str | None:
    """The scores as JSON, where the form of the answer asks for scores of runs, else None."""
    if not _asks_for_scores(reading.schema) or (shown := _shown(reading)) is None:
        return None
    task = str(shown.get("task", ""))
    texts = [json.dumps(run, sort_keys=True) for run in shown["runs"]]
    seen = [_seen(task, [*shown.get("context", ()), *run["messages"]], mind) for run in shown["runs"]]
    worths = [_worth(found, len(run["messages"])) for found, run in zip(seen, shown["runs"], strict=True)]
    scores = _compared(texts, worths, mind) if len(worths) > 1 else worths
    told = (
        {"id": run["id"], "explanation": _said(found), "score": round(score, 4)}
        for run, found, score in zip(shown["runs"], seen, scores, strict=True)
    )
    return json.dumps({"scores": list(told)})


def _asks_for_scores(schema: Mapping[str, Any] | None) -> bool:
    asked = (schema or {}).get("properties", {}).get("scores", {}).get("items", {}).get("properties", {})
    return set(asked) == {"id", "explanation", "score"}


def _shown(reading: Reading) -> dict[str, Any] | None:
    """What is to be judged: the first JSON text with `runs` in it. What is said later only asks again."""
    for block in reading.messages:
        try:
            value = json.loads(block.text)
        except ValueError:
            continue
        if isinstance(value, dict) and isinstance(value.get("runs"), list):
            return value
    return None


def _compared(texts: Sequence[str], worths: Sequence[float], mind: Mind) -> list[float]:
    """By run the share of comparisons that it wins."""
    wins = [0.0] * len(worths)
    wrong = 1 - mind.skill_in("judgement") * (1 - mind.profile.noise)
    for first, second in combinations(range(len(worths)), 2):
        about = (mind.name, texts[first], texts[second], first, second)
        if mind.draw("biased", *about) < mind.profile.position:
            wins[first] += 1
        elif worths[first] == worths[second]:
            wins[first] += 0.5
            wins[second] += 0.5
        else:
            mistaken = mind.draw("misjudged", *about) < wrong
            wins[first if (worths[first] > worths[second]) != mistaken else second] += 1
    return [won / (len(worths) - 1) for won in wins]


def _worth(seen: Sequence[Seen], messages: int) -> float:
    weight = sum(one.weight for one in seen)
    right = sum(one.share * one.weight for one in seen) / weight if weight else 0.5 * (messages > 0)
    return (1 - _DIRECT) * right + _DIRECT * (right > 0) / max(1, messages)


def _said(seen: Sequence[Seen]) -> str:
    return "; ".join(f"{one.what}: {one.share:.0%} right" for one in seen) or "nothing in it can be checked"


def _seen(task: str, lines: Sequence[Any], mind: Mind) -> list[Seen]:
    texts = [_text(line) for line in lines]
    checks = _computed(task, _answer(lines, texts), texts) if mind.profile.computes else iter(())
    return [*checks, *_reported("\n".join(texts), lines)]


def _text(line: Any) -> str:
    if not isinstance(line, Mapping):
        return ""
    return "\n".join(str(line[key]) for key in ("text", "result", "position", "answer") if line.get(key))


def _answer(lines: Sequence[Any], texts: Sequence[str]) -> str:
    """What a run comes to: its answer, or its last words to the user, or its last words."""
    given = (line["answer"] for line in reversed(lines) if isinstance(line, Mapping) and line.get("answer"))
    told = (line.get("text", "") for line in reversed(lines) if isinstance(line, Mapping) and line.get("to") == USER)
    return str(next(given, None) or next(told, None) or next((text for text in reversed(texts) if text), ""))


def _computed(task: str, answer: str, texts: Sequence[str]) -> Iterator[Seen]:
    """Values that the answer gives for what is asked, and what is claimed on the way, all computed again."""
    problems = arithmetic(task).problems
    if problems:
        right = sum(_gives(answer, problem.expression) for problem in problems)
        yield Seen("values asked for", right / len(problems), _RIGHT)
    claims = {(claim.text, claim.claimed): claim for text in texts for claim in arithmetic(text).equations}
    if claims:
        yield Seen("claims", sum(map(_holds, claims.values())) / len(claims))


def _gives(answer: str, expression: Any) -> bool:
    try:
        value = number_text(value_of(expression))
    except ToolError:
        return False
    return re.search(rf"(?<![\w.]){re.escape(value)}(?!\w|\.\d)", answer) is not None


def _holds(claim: Equation) -> bool:
    try:
        return value_of(claim.expression) == value_of(claim.claimed)
    except ToolError:
        return False


def _reported(text: str, lines: Sequence[Any]) -> Iterator[Seen]:
    """What tests, workers and the end of the run say."""
    if tests := {said: int(count) for count, said in _TESTS.findall(text)}:
        yield Seen("tests", tests.get("passed", 0) / max(1, sum(tests.values())), _RIGHT)
    if handed := _STATUS.findall(text):
        yield Seen("tasks handed in", handed.count("done") / len(handed))
    ended = next((line["outcome"] for line in lines if isinstance(line, Mapping) and "outcome" in line), None)
    if ended in _OUTCOMES:
        yield Seen(f"outcome {ended}", _OUTCOMES[ended], _RIGHT)
