"""The simulated planner: splits what was asked, hands the parts out, and puts together what came back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from agentmesh.errors import ToolError
from agentmesh.providers.simulated.drafts import (
    ACCEPTANCE,
    COLLECT,
    Draft,
    Solver,
    equation,
    extract,
    sentences,
    subject,
    value_in,
)
from agentmesh.providers.simulated.inquiry import inquire
from agentmesh.providers.simulated.problems import Problem, arithmetic, is_number
from agentmesh.providers.simulated.questions import without_answer
from agentmesh.providers.simulated.reading import REPORTS, Block, Item, Own, Reading, Result
from agentmesh.tools.calculator import Chain, Expression, Negation, Number, text_of

OPEN_TASKS = "open_tasks"
HAND_OFF = "hand_off"

_MAX_PARTS = 16
_ATTEMPTS = 2
_OPINIONS = 4
"""So many workers are asked first where each may know something else."""
_STATUS = re.compile(r"^status:\s*(\w+)", re.IGNORECASE | re.MULTILINE)
_FIELDS = "evidence|concerns|deviations"
_SUMMARY = re.compile(rf"^summary:[ \t]*(.*?)(?=^(?:{_FIELDS}):|\Z)", re.IGNORECASE | re.MULTILINE | re.DOTALL)
_CLAUSE = re.compile(r"[;:,]\s+|\s+and\s+")
_COMPUTE = "Compute {}"


@dataclass(frozen=True)
class Opened:
    """A task as the planner opened it."""

    id: str
    part: str
    """The expression to compute, or the text to look at."""


@dataclass(frozen=True)
class Report:
    """What came back for a task."""

    status: str
    summary: str
    sender: str = ""


@dataclass(frozen=True)
class Board:
    """What the planner knows of its tasks: those opened since it was last told to begin, and what came back."""

    opened: tuple[Opened, ...]
    reports: Mapping[str, Report]
    used: frozenset[str]
    refusals: int
    """How often the run turned tasks down."""

    @property
    def waiting(self) -> tuple[Opened, ...]:
        """Tasks that nothing has come back for."""
        return tuple(task for task in self.opened if task.id not in self.reports)

    def known(self) -> dict[str, Fraction]:
        """Values by part, from the reports alone."""
        values: dict[str, Fraction] = {}
        for task in self.opened:
            report = self.reports.get(task.id)
            value = value_in(report.summary) if report is not None and report.status == "done" else None
            if value is not None:
                values[task.part] = value
        return values

    def attempts(self, part: str) -> int:
        """How often a part was opened."""
        return sum(task.part == part for task in self.opened)

    def fresh_ids(self, count: int) -> list[str]:
        """Ids that were never used before."""
        ids: list[str] = []
        number = len(self.used)
        while len(ids) < count:
            number += 1
            if f"t{number}" not in self.used:
                ids.append(f"t{number}")
        return ids


def plan(reading: Reading, solver: Solver) -> Draft:
    """The planner's next reply."""
    board = board_of(reading)
    found = inquire(reading, solver)
    if found is not None:
        return _pooled(reading, board, found)
    request = reading.request
    if request.kind in REPORTS:
        return _answer(reading, _what_came_back(reading), (), complete=True)
    problems = request.arithmetic.problems if solver.mind.profile.computes else ()
    if not problems:
        return _plan_extract(reading, board, request)
    known = board.known()
    needed = list(dict.fromkeys(part for problem in problems for part in _next_parts(problem, known)))
    if board.refusals:
        # Perhaps there were too many: the smallest plan is one task for everything.
        needed = [problem.text for problem in problems if problem.text not in known][:1]
    if needed and board.refusals <= 1 and reading.can(OPEN_TASKS):
        waiting = {task.part for task in board.waiting}
        due = [part for part in needed if part not in waiting and board.attempts(part) < _ATTEMPTS]
        if due:
            return _open(board, [(part, _COMPUTE.format(part)) for part in due])
        if waiting & set(needed):
            return Draft(text=_waiting(board))
    return _put_together(reading, solver, board, problems, known)


def _put_together(
    reading: Reading, solver: Solver, board: Board, problems: Sequence[Problem], known: Mapping[str, Fraction]
) -> Draft:
    lines: list[str] = []
    values: list[Fraction] = []
    complete = True
    for problem in problems:
        missing = _next_parts(problem, known) if problem.text not in known else []
        try:
            value = None if missing else _combined(problem, solver, known)
        except ToolError as error:
            complete = False
            lines.append(f"I cannot give a value for {problem.text}: {error}")
            continue
        if missing:
            complete = False
            lines.append(_what_is_missing(problem, missing, board, known))
        elif value is not None:
            values.append(value)
            lines.append(equation(problem.text, value))
    if solver.pending:
        return solver.ask()
    return _answer(reading, "\n".join(lines), tuple(values), complete=complete)


def _answer(reading: Reading, text: str, values: tuple[Fraction, ...], *, complete: bool) -> Draft:
    """The end of the work: a handoff to the planner above, or plain text."""
    ended_nothing = any(reading.calls(HAND_OFF, reading.this_turn))
    if not reading.can(HAND_OFF) or ended_nothing:
        return Draft(text=text, values=values)
    arguments: dict[str, Any] = {
        "status": "done" if complete else "blocked",
        "summary": equation_value(values) if complete and values else text,
        "evidence": text if complete else "",
        "concerns": "" if complete else text,
        "deviations": "",
    }
    return Draft(calls=((HAND_OFF, arguments),), values=values)


def equation_value(values: Sequence[Fraction]) -> str:
    """Values alone, as a handoff's summary gives them."""
    return ", ".join(text_of(Number(value)) for value in values)


def _open(board: Board, parts: Sequence[tuple[str, str]]) -> Draft:
    tasks = [
        {
            "id": id_,
            "title": f"Part {n}",
            "instructions": instructions,
            "depends_on": [],
            "acceptance": ACCEPTANCE,
            "priority": 0,
        }
        for n, (id_, (_, instructions)) in enumerate(zip(board.fresh_ids(len(parts)), parts, strict=True), start=1)
    ]
    return Draft(calls=((OPEN_TASKS, {"tasks": tasks}),))


def _waiting(board: Board) -> str:
    return f"Waiting for {', '.join(task.id for task in board.waiting)}."


def _what_is_missing(problem: Problem, missing: Sequence[str], board: Board, known: Mapping[str, Fraction]) -> str:
    reasons = []
    for part in missing:
        last = next((board.reports.get(task.id) for task in reversed(board.opened) if task.part == part), None)
        reasons.append(f"{part} is missing" + (f" ({last.status})" if last is not None else ""))
    got = [f"{part} came to {text_of(Number(value))}" for part, value in known.items()]
    return f"I cannot give a value for {problem.text}: {'; '.join([*reasons, *got])}."


def _pooled(reading: Reading, board: Board, found: Draft) -> Draft:
    """What workers know, put together. As long as each report came from somebody else, more of them are asked."""
    asked = len(board.opened)
    if board.waiting and reading.can(OPEN_TASKS):
        return Draft(text=_waiting(board))
    all_new = asked == len({report.sender for report in board.reports.values()})
    if all_new and asked < _MAX_PARTS and not board.refusals and reading.can(OPEN_TASKS):
        told = without_answer(found.text)
        return _open(board, [(told, told)] * max(_OPINIONS, asked))
    return _answer(reading, found.text, (), complete=found.complete)


def _what_came_back(reading: Reading) -> str:
    """What the reports say, where the request itself is out of sight."""
    claims = [claim for block in reading.messages for claim in block.arithmetic.equations]
    told = [f"{claim.text} = {text_of(claim.claimed)}" for claim in claims]
    return "\n".join(told) or extract((block.sender, block.text) for block in reading.messages)


# How a problem falls into parts


def _next_parts(problem: Problem, known: Mapping[str, Fraction]) -> list[str]:
    """The parts that can be worked on now and are not known yet; none when the rest can be put together."""
    if problem.text in known:
        return []
    # Nobody could begin with the middle of a sequence: it is one piece of work.
    parts = [problem.expression] if problem.sequence else parts_of(problem.expression)
    return [part for part in map(text_of, parts) if part not in known]


def parts_of(expression: Expression) -> list[Expression]:
    """The sub-expressions at the top that need no other: terms, or factors of a single term, or the whole."""
    match expression:
        case Chain(first, rest):
            inner = [operand for operand in (first, *(operand for _, operand in rest)) if not is_number(operand)]
            return inner if 0 < len(inner) <= _MAX_PARTS else [expression]
        case Negation(operand):
            return parts_of(operand)
        case Number():
            return [expression]


def _combined(problem: Problem, solver: Solver, known: Mapping[str, Fraction]) -> Fraction | None:
    """The value of a problem from the values of its parts, which are not computed again."""
    if problem.text in known:
        return known[problem.text]
    return solver.value(_with_values(problem.expression, known))


def _with_values(expression: Expression, known: Mapping[str, Fraction]) -> Expression:
    text = text_of(expression)
    if text in known:
        return Number(known[text])
    match expression:
        case Chain(first, rest):
            operands = tuple((symbol, _with_values(operand, known)) for symbol, operand in rest)
            return Chain(_with_values(first, known), operands)
        case Negation(operand):
            inside = _with_values(operand, known)
            return Number(-inside.value) if isinstance(inside, Number) else replace(expression, operand=inside)
        case Number():
            return expression


# What the planner has done so far


def board_of(reading: Reading) -> Board:
    """What the planner knows of its tasks."""
    epoch = _epoch(reading)
    reports: dict[str, Report] = {}
    for item in epoch:
        if isinstance(item, Block):
            _note(item, reports)
    opened: list[Opened] = []
    refusals = 0
    for place, item in enumerate(epoch):
        calls = list(reading.calls(OPEN_TASKS, (item,)))
        if calls and _went_on(epoch, place):
            refusals += 1
        else:
            opened += [Opened(id_, _part(task)) for call in calls for id_, task in _tasks(call.arguments)]
    used = (id_ for call in reading.calls(OPEN_TASKS, reading.items) for id_, _ in _tasks(call.arguments))
    notices = [item.text for item in epoch if isinstance(item, Block) and item.notice]
    lost = {task.id: Report("failed", "") for task in opened if task.id not in reports and _named(task.id, notices)}
    return Board(tuple(opened), {**reports, **lost}, frozenset(used), refusals)


def _epoch(reading: Reading) -> tuple[Item, ...]:
    """What counts: everything since the request, or since an answer to it was sent back."""
    since = reading.since_request
    if not reading.can(OPEN_TASKS):
        return since
    begun = 0
    for place, item in enumerate(since[1:], start=1):
        before = since[place - 1]
        answered = isinstance(before, Own) and not before.calls
        if isinstance(item, Block) and (item.kind == "decision" or answered):
            begun = place + 1
    return since[begun:]


def _went_on(items: Sequence[Item], place: int) -> bool:
    """Whether the turn went on after these calls: opening tasks ends a turn, unless they are turned down."""
    following = next((item for item in items[place + 1 :] if not isinstance(item, Result)), None)
    return following is None or isinstance(following, Own)


def _named(id_: str, notices: Sequence[str]) -> bool:
    """Whether the run names a task in a notice. It does where nobody will hand it in."""
    pattern = re.compile(rf"(?<![\w-]){re.escape(id_)}(?![\w-])")
    return any(pattern.search(text) for text in notices)


def _tasks(arguments: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    tasks = arguments.get("tasks")
    return (
        [(str(task.get("id", "")), task) for task in tasks if isinstance(task, dict)] if isinstance(tasks, list) else []
    )


def _part(task: Mapping[str, Any]) -> str:
    instructions = str(task.get("instructions", ""))
    problems = arithmetic(instructions).problems
    return problems[0].text if problems else instructions


def _note(block: Block, reports: dict[str, Report]) -> None:
    if block.kind != "handoff" or not block.task:
        return
    status = _STATUS.search(block.text)
    summary = _SUMMARY.search(block.text)
    reports[block.task] = Report(
        status=status.group(1).lower() if status else "done",
        summary=(summary.group(1) if summary else block.text).strip(),
        sender=block.sender,
    )


# Work that is no arithmetic


def _plan_extract(reading: Reading, board: Board, request: Block) -> Draft:
    if request.kind == "task" and request.arithmetic.incomplete:
        return _answer(reading, "The task holds no complete expression: an operand is missing.", (), complete=False)
    if not board.opened and not board.refusals and reading.can(OPEN_TASKS):
        halves = _halves(subject(request.text)) or [request.text or "the request, which is empty"]
        return _open(board, [(half, COLLECT + half) for half in halves])
    if board.waiting and reading.can(OPEN_TASKS):
        return Draft(text=_waiting(board))
    sent = [(report.sender, report.summary) for report in board.reports.values() if report.summary]
    return _answer(reading, extract(sent or [(request.sender, request.text)]), (), complete=True)


def _halves(text: str) -> list[str]:
    """A text in two, between sentences or clauses or else words."""
    for pieces, joint in ((sentences(text), " "), (_CLAUSE.split(text), ", "), (text.split(), " ")):
        pieces = [piece.strip() for piece in pieces if piece.strip()]
        if len(pieces) > 1:
            middle = -(-len(pieces) // 2)
            return [joint.join(pieces[:middle]), joint.join(pieces[middle:])]
    return [text.strip()] if text.strip() else []
