"""The tables of a journal in SQLite, and how older ones become as new."""

from __future__ import annotations

import sqlite3

from agentmesh.errors import JournalError

STEPS = (
    """
    CREATE TABLE team (hash TEXT PRIMARY KEY, description TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE run (
        number INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL UNIQUE,
        family INTEGER,            -- number of the run from which it and its contents descend
        team TEXT NOT NULL,
        task TEXT NOT NULL,
        started REAL NOT NULL,
        made TEXT NOT NULL,
        team_hash TEXT NOT NULL,
        parent TEXT,
        at INTEGER,
        epoch INTEGER NOT NULL,    -- the fence: who holds an older one may not write
        holder TEXT NOT NULL,
        events INTEGER NOT NULL DEFAULT 0,
        outcome TEXT,
        reason TEXT NOT NULL DEFAULT '',
        questions INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE content (id INTEGER PRIMARY KEY, family INTEGER NOT NULL, text TEXT NOT NULL);
    CREATE TABLE event (
        run INTEGER NOT NULL,
        id INTEGER NOT NULL,
        type TEXT NOT NULL,
        body TEXT NOT NULL,
        field1 TEXT, content1 INTEGER,
        field2 TEXT, content2 INTEGER,
        checksum BLOB NOT NULL,
        PRIMARY KEY (run, id)
    ) WITHOUT ROWID;
    CREATE TABLE word (id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, body TEXT NOT NULL);
    CREATE INDEX word_of_run ON word (run_id);
    CREATE VIEW events (run_id, id, type, body) AS
        SELECT run.run_id, event.id, event.type, json_set(
            event.body, '$.run_id', run.run_id,
            '$.' || event.field1, json((SELECT text FROM content WHERE content.id = event.content1)),
            '$.' || event.field2, json((SELECT text FROM content WHERE content.id = event.content2))
        )
        FROM event JOIN run ON run.number = event.run;
    """,
)
"""Each step takes the schema from the version of its place to the next."""

VERSION = len(STEPS)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables to this version. Raises: JournalError if they are of a later one."""
    version = _version(connection)
    if version > VERSION:
        raise JournalError(
            f"the journal is of version {version}; this agentmesh knows versions up to {VERSION}: use a newer one"
        )
    if version == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")  # another process may be at it
    try:
        version = _version(connection)
        for step in STEPS[version:]:
            for statement in filter(None, (part.strip() for part in step.split(";"))):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
