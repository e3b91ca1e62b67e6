"""The tables of a journal in SQLite, and how older ones become as new."""

from __future__ import annotations

import sqlite3

from agentmesh.errors import JournalError

APPLICATION = 0x61676D6A
"""What the header of the file names the program by to which it belongs."""

_TEAM = "CREATE TABLE team (hash TEXT PRIMARY KEY, description TEXT NOT NULL) WITHOUT ROWID;"
_WORD = """
    CREATE TABLE word (id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, body TEXT NOT NULL);
    CREATE INDEX word_of_run ON word (run_id);
"""
_EVENTS = """
    CREATE VIEW events (run_id, id, type, body) AS
        SELECT run.run_id, event.id, event.type,
            substr(event.body, 1, length(event.body) - 1) || ',"run_id":' || json_quote(run.run_id)
            || CASE WHEN content1 IS NULL THEN '' ELSE
                ',"' || field1 || '":' || (SELECT text FROM content WHERE content.id = content1) END
            || CASE WHEN content2 IS NULL THEN '' ELSE
                ',"' || field2 || '":' || (SELECT text FROM content WHERE content.id = content2) END
            || '}'
        FROM event JOIN run ON run.number = event.run;
"""
_TO_1 = f"""
    {_TEAM}
    CREATE TABLE run (
        number INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL UNIQUE,
        family INTEGER,
        team TEXT NOT NULL,
        task TEXT NOT NULL,
        started REAL NOT NULL,
        made TEXT NOT NULL,
        team_hash TEXT NOT NULL,
        parent TEXT,
        at INTEGER,
        epoch INTEGER NOT NULL,
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
    {_WORD}
    CREATE VIEW events (run_id, id, type, body) AS SELECT run_id, event.id, type, body FROM event JOIN run
        ON run.number = event.run;
"""
# Numbers of runs, and with them families, come no second time: places of contents are remembered by them. Events stand
# in the order of their commits, with an index by run: runs that are written at the same time then share pages, which
# halves the cost of a commit.
_TO_2 = f"""
    DROP VIEW events;
    ALTER TABLE run RENAME TO run_1;
    ALTER TABLE event RENAME TO event_1;
    ALTER TABLE content RENAME TO content_1;
    CREATE TABLE run (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
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
    CREATE TABLE content (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
    CREATE TABLE orphan (family INTEGER NOT NULL, content INTEGER NOT NULL);
    CREATE TABLE event (
        run INTEGER NOT NULL,
        id INTEGER NOT NULL,
        type TEXT NOT NULL,
        body TEXT NOT NULL,
        field1 TEXT, content1 INTEGER,
        field2 TEXT, content2 INTEGER,
        checksum BLOB NOT NULL
    );
    INSERT INTO run SELECT * FROM run_1;
    INSERT INTO content SELECT id, text FROM content_1;
    INSERT INTO event SELECT * FROM event_1;
    CREATE UNIQUE INDEX event_of_run ON event (run, id);
    DROP TABLE event_1;
    DROP TABLE content_1;
    DROP TABLE run_1;
    {_EVENTS}
"""
STEPS = (_TO_1, _TO_2)
"""Each takes the tables from the version of its place to the next."""

VERSION = len(STEPS)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables to this version. Raises: JournalError if they are of a later one, or another program's."""
    version = _version(connection)  # before anything is done to the file: it may be another program's
    connection.execute("PRAGMA journal_mode = WAL")
    if version == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")  # another process may be at it
    try:
        for step in STEPS[_version(connection) :]:
            for statement in filter(None, (part.strip() for part in step.split(";"))):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    ours = application == APPLICATION or (version == 1 and {"run", "event", "content", "word"} <= tables)
    if tables and not ours:
        raise JournalError("it is a database of another program, and left as it is; use another --journal")
    if version > VERSION:
        raise JournalError(f"it is of version {version}, and this agentmesh knows versions up to {VERSION}: update it")
    return version
