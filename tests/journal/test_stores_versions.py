"""Journals of earlier versions are brought up to date where they are."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agentmesh.events import Metric, RunEnded, StopRequested
from agentmesh.journal import open_journal
from agentmesh.journal.schema import APPLICATION, STEPS, VERSION
from tests.journal.stores import SqliteStore, another_process, in_order, kept

pytestmark = pytest.mark.anyio
CASES = Path(__file__).parents[1] / "cases" / "journal"


def of_version(version: int, path: Path) -> str:
    """A journal as that version has left it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((CASES / f"version_{version}.sql").read_text())
        connection.execute("PRAGMA journal_mode = WAL")
    return str(path)


def test_there_is_a_journal_of_each_earlier_version_to_try() -> None:
    assert [int(file.stem.removeprefix("version_")) for file in sorted(CASES.iterdir())] == list(range(1, VERSION))
    assert len(STEPS) == VERSION


@pytest.mark.parametrize("version", range(1, VERSION))
async def test_a_journal_of_an_earlier_version_is_as_if_it_were_new(tmp_path: Path, version: int) -> None:
    address = of_version(version, tmp_path / "journal.db")
    journal = open_journal(address)
    old, fork = await journal.events("old"), await journal.events("fork")
    assert [event.type for event in old] == ["run_started", "model_call_started", "model_call_finished", "run_ended"]
    assert isinstance(old[-1], RunEnded)
    assert old[-1].answer == "2"
    assert [event.type for event in fork] == [*(event.type for event in old[:3]), "run_resumed"]
    for run_id in ("old", "fork"):
        assert await journal.first_damage(run_id) is None
    status = await journal.status("fork")
    assert (status.record.parent, status.record.at, status.record.made) == ("old", 3, {"file": "pair.yaml"})
    assert (status.record.team_hash, status.record.description) == ("h1", '{"agents": ["a"]}')
    assert await journal.said("fork") == [StopRequested(outcome="cancelled", reason="enough", by="somebody")]
    log = await journal.claim("fork")
    log.append(in_order("fork", [Metric(name="x", value=1.0)], 5))
    await log.durable()
    await log.release()
    await kept(journal, "grandchild", in_order("grandchild", [Metric(name="y", value=1.0)], 4), parent="old", at=3)
    await journal.delete("old")
    assert await journal.first_damage("fork") is None
    await journal.delete("fork")
    assert await journal.first_damage("grandchild") is None
    await journal.aclose()
    with closing(sqlite3.connect(address)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
        types = [type_ for (type_,) in connection.execute("SELECT type FROM events ORDER BY id")]
        assert types == ["run_started", "model_call_started", "model_call_finished", "metric"]
        assert all(json.loads(body) for (body,) in connection.execute("SELECT body FROM events"))


async def test_a_step_that_fails_leaves_the_journal_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = of_version(1, tmp_path / "journal.db")
    with closing(sqlite3.connect(address)) as connection:
        before = list(connection.iterdump())
    monkeypatch.setattr("agentmesh.journal.schema.STEPS", (STEPS[0], STEPS[1] + "; CREATE NONSENSE"))
    with pytest.raises(Exception, match="syntax error"):
        open_journal(address)
    monkeypatch.undo()
    with closing(sqlite3.connect(address)) as connection:
        assert list(connection.iterdump()) == before
    journal = open_journal(address)
    assert len(await journal.events("old")) == 4
    await journal.aclose()


async def test_two_processes_that_begin_at_once_make_the_tables_once(tmp_path: Path) -> None:
    store = SqliteStore(of_version(1, tmp_path / "journal.db"))
    with another_process(store, "write", "theirs") as process:
        journal = open_journal(store.address)
        await kept(journal, "mine")
        assert process.wait(20) == 0
    assert {one.record.run_id for one in await journal.runs()} == {"old", "fork", "mine", "theirs"}
    await journal.aclose()
