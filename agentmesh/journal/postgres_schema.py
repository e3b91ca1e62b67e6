"""The tables of a journal in Postgres, and how older ones become as new."""

from __future__ import annotations

from typing import Any

from agentmesh.errors import JournalError

SCHEMA = "agentmesh"
"""All of it stands in a schema of its own."""

LOCKS = 0x61676D6A
"""The first key of every advisory lock; the second one is the owner, or 0 while tables are made."""

STEPS = (
    f"""
    CREATE SCHEMA IF NOT EXISTS {SCHEMA};
    SET LOCAL search_path TO {SCHEMA};
    CREATE TABLE journal (version integer NOT NULL);
    INSERT INTO journal VALUES (0);
    CREATE SEQUENCE owner AS integer CYCLE;
    CREATE SEQUENCE place INCREMENT BY 1000;
    CREATE TABLE team (hash text PRIMARY KEY, description text NOT NULL);
    CREATE TABLE run (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        run_id text NOT NULL UNIQUE,
        family bigint,             -- number of the run from which it and its contents descend
        team text NOT NULL,
        task text NOT NULL,        -- here and in reason and description a NUL is \\0, and a backslash \\\\
        started double precision NOT NULL,
        made text NOT NULL,
        team_hash text NOT NULL,
        parent text,
        at bigint,
        epoch bigint NOT NULL,     -- the fence: who holds an older one may not write
        holder text NOT NULL,
        owner integer,             -- it is held as long as somebody has the advisory lock of this number
        events bigint NOT NULL DEFAULT 0,
        outcome text,
        reason text NOT NULL DEFAULT '',
        questions bigint NOT NULL DEFAULT 0
    ) WITH (fillfactor = 50);
    CREATE TABLE content (id bigint PRIMARY KEY, text text NOT NULL);
    CREATE TABLE orphan (family bigint NOT NULL, content bigint NOT NULL);
    CREATE TABLE event (
        run bigint NOT NULL,
        id bigint NOT NULL,
        type text NOT NULL,
        body text NOT NULL,        -- JSON as text: jsonb would refuse \\u0000
        field1 text, content1 bigint,
        field2 text, content2 bigint,
        checksum bytea NOT NULL,
        PRIMARY KEY (run, id)
    );
    CREATE TABLE word (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, run_id text NOT NULL, body text NOT NULL);
    CREATE INDEX word_of_run ON word (run_id);
    CREATE VIEW events (run_id, id, type, body) AS
        SELECT run.run_id, event.id, event.type, (
            left(event.body, -1) || ',"run_id":' || to_json(run.run_id)
            || coalesce(',"' || field1 || '":' || (SELECT text FROM content WHERE content.id = content1), '')
            || coalesce(',"' || field2 || '":' || (SELECT text FROM content WHERE content.id = content2), '')
            || '}}'
        )::json
        FROM event JOIN run ON run.number = event.run;
    """,
)
"""Each takes the tables from the version of its place to the next."""

VERSION = len(STEPS)


def migrate(connection: Any) -> None:
    """Bring the tables to this version. Raises: JournalError if they are of a later one, or not a journal's."""
    if _version(connection) == VERSION:
        return
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s, 0)", (LOCKS,))  # another process may be at it
        for step in STEPS[_version(connection) :]:
            connection.execute(step)
        connection.execute(f"UPDATE {SCHEMA}.journal SET version = %s", (VERSION,))


def _version(connection: Any) -> int:
    known, others = connection.execute(
        "SELECT bool_or(relname = 'journal'), count(*) FROM pg_class WHERE relnamespace = to_regnamespace(%s)",
        (SCHEMA,),
    ).fetchone()
    if not known:
        if others:
            raise JournalError(f"its schema '{SCHEMA}' holds tables of another program; name another database")
        return 0
    version = int(connection.execute(f"SELECT version FROM {SCHEMA}.journal").fetchone()[0])
    if version > VERSION:
        raise JournalError(f"it is of version {version}, and this agentmesh knows versions up to {VERSION}: update it")
    return version
