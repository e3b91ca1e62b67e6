"""Statements that SQLite and Postgres both understand, and what is done with several of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from agentmesh.journal.commits import HeldLog
from agentmesh.journal.stored import FIRST_CHECK

EVENTS = """
    SELECT event.id, event.type, event.body, event.field1, one.text, event.field2, two.text, event.checksum FROM event
    LEFT JOIN content one ON one.id = event.content1 LEFT JOIN content two ON two.id = event.content2
    WHERE event.run = ? ORDER BY event.id
"""
RUNS = """
    SELECT run_id, run.team, task, started, made, team_hash, team.description, parent, at, events, outcome, reason,
        questions
    FROM run LEFT JOIN team ON team.hash = run.team_hash
"""
COLUMNS = ("run_id", "team", "task", "started", "made", "team_hash", "parent", "at", "epoch", "holder")
_CONTENTS_OF_RUN = """
    SELECT content1 FROM event WHERE run = ? AND content1 IS NOT NULL
    UNION SELECT content2 FROM event WHERE run = ? AND content2 IS NOT NULL
"""


class Rows(Protocol):
    """What came of a statement."""

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...


class Session(Protocol):
    """A connection, used by one thread at a time. `?` stands for a value."""

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Rows: ...


def inherit(session: Session, log: HeldLog, parent: int, at: int) -> None:
    """Give a run the events of another one up to one of them. What they hold that is long is stored no second time."""
    session.execute(
        f"INSERT INTO event SELECT {log.number}, id, type, body, field1, content1, field2, content2, checksum "
        "FROM event WHERE run = ? AND id <= ? ORDER BY id",
        (parent, at),
    )
    asked, answered = session.execute(
        "SELECT count(*) FILTER (WHERE type = 'question'), count(*) FILTER (WHERE type = 'answered') "
        "FROM event WHERE run = ?",
        (log.number,),
    ).fetchone()
    session.execute(
        "UPDATE run SET events = ?, questions = ? WHERE number = ?", (at, max(0, asked - answered), log.number)
    )
    last = session.execute("SELECT checksum FROM event WHERE run = ? AND id = ?", (log.number, at)).fetchone()
    log.count, log.checksum = at, bytes(last[0]) if last else FIRST_CHECK


def forget_contents(session: Session, log: HeldLog) -> None:
    """Contents go with the last run of a family: a fork that lives may refer to any of them, now or later."""
    of_run, family = (log.number, log.number), (log.family,)
    if session.execute("SELECT 1 FROM run WHERE family = ? AND number <> ?", (*family, log.number)).fetchone():
        kept = f"INSERT INTO orphan SELECT {log.family}, content1 FROM ({_CONTENTS_OF_RUN}) AS found"
        session.execute(kept, of_run)
        return
    session.execute(f"DELETE FROM content WHERE id IN ({_CONTENTS_OF_RUN})", of_run)
    session.execute("DELETE FROM content WHERE id IN (SELECT content FROM orphan WHERE family = ?)", family)
    session.execute("DELETE FROM orphan WHERE family = ?", family)
