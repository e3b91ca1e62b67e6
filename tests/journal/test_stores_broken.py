"""Places where a journal in SQLite cannot be kept, or no more: each says so, and nothing acknowledged is lost."""

from __future__ import annotations

import json
import os
import pwd
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agentmesh.errors import JournalError
from agentmesh.events import Metric, Notice
from agentmesh.journal import open_journal
from agentmesh.journal.schema import VERSION
from agentmesh.journal.sqlite import SqliteJournal
from tests.journal.stores import ROOT, in_order, kept, record, story

pytestmark = pytest.mark.anyio
FULL = "the disk is full; make room, then `agentmesh resume` goes on from what is safe"
SAYS = "x" * 2000


async def filled(path: Path, most: int = 2000) -> tuple[int, str]:
    """Append until it fails: how many events were acknowledged by then, and the failure."""
    journal = SqliteJournal(path)
    log = journal.start(record("r1"))
    safe = 0
    try:
        while safe < most:
            log.append(in_order("r1", [Notice(template="t", content=f"{safe} {SAYS}")], safe + 1))
            await log.durable()
            safe += 1
    except JournalError as error:
        await log.release()
        await journal.aclose()
        return safe, str(error)
    raise AssertionError("it never failed")


async def goes_on(path: Path, safe: int) -> None:
    """What was acknowledged is there, and the run goes on."""
    journal = SqliteJournal(path)
    events = await journal.events("r1")
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert len(events) >= safe > 0
    assert await journal.first_damage("r1") is None
    log = await journal.claim("r1")
    log.append(in_order("r1", [Metric(name="mended", value=1.0)], len(events) + 1))
    await log.durable()
    await log.release()
    assert (await journal.events("r1"))[-1].type == "metric"
    await journal.aclose()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "none", place], check=False).returncode:
        pytest.skip("only root can mount a small disk")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


async def test_a_full_disk_stops_the_run_and_loses_nothing_acknowledged(small_disk: Path) -> None:
    safe, said = await filled(small_disk / "journal.db")
    assert said.startswith(f"journal {small_disk}/journal.db: {FULL}")
    subprocess.run(["mount", "-o", "remount,size=16m", small_disk], check=True)
    await goes_on(small_disk / "journal.db", safe)


async def test_a_file_that_may_not_grow_stops_the_run_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, before[1]))
    try:
        safe, said = await filled(tmp_path / "journal.db")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "`agentmesh resume` goes on from what is safe" in said
    await goes_on(tmp_path / "journal.db", safe)


_AS_NOBODY = """
import anyio, json, os, sys
from pathlib import Path
from agentmesh.errors import JournalError
from agentmesh.journal.sqlite import SqliteJournal
from tests.journal.stores import kept

async def tried(path):
    try:
        journal = SqliteJournal(Path(path))
        await kept(journal, "new")
    except JournalError as error:
        return str(error)
    return "written"

assert anyio.run(tried, sys.argv[2]) == "written"  # so that all is imported while it can be
if os.getuid() == 0:  # root may write anywhere
    os.setgroups([])
    os.setgid(int(sys.argv[1]))
    os.setuid(int(sys.argv[1]))
print(json.dumps([anyio.run(tried, path) for path in sys.argv[3:]]))
"""


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A directory that anybody may enter: one of pytest's may be entered by its owner alone."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    yield place
    for directory in [place, *place.iterdir()]:
        directory.chmod(0o755)
    shutil.rmtree(place)


async def test_a_place_that_may_not_be_written_to_is_named_with_what_to_do(open_place: Path, tmp_path: Path) -> None:
    for name in ("directory", "file", "owners"):
        (open_place / name).mkdir()
    for name in ("file", "owners"):
        journal = open_journal(open_place / name / "journal.db")
        await kept(journal, "r1")
        await journal.aclose()
    nobody = pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else os.getuid()
    for path, mode in (
        ("owners", 0o777),
        ("owners/journal.db", 0o666),
        ("owners/journal.db.owners", 0o444),
        ("file/journal.db", 0o444),
        ("file", 0o555),
        ("directory", 0o555),
    ):
        (open_place / path).chmod(mode)
    places = [str(open_place / name / "journal.db") for name in ("directory", "file", "owners", "directory/new")]
    told = subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, str(nobody), str(tmp_path / "journal.db"), *places],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    directory, file, owners, new = json.loads(told.stdout)
    assert directory.startswith(f"journal {places[0]}: it cannot be opened: is its directory there and writable?")
    assert file.startswith(f"journal {places[1]}: it ")
    assert "may not be written to" in file or "cannot be opened" in file
    assert f"{places[2]}.owners cannot be locked, which shows who runs what: Permission denied" in owners
    assert new == f"journal {places[3]}: its directory cannot be made: Permission denied"
    journal = open_journal(open_place / "file" / "journal.db")
    assert await journal.events("r1") == story("r1")
    await journal.aclose()


async def test_a_lock_of_another_program_stops_the_run_until_it_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path, busy_s=0.05)
    log = journal.start(record("r1"))
    log.append(story("r1")[:3])
    await log.durable()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        log.append(story("r1")[3:4])
        with pytest.raises(JournalError, match=r"journal\.db: another program has locked it; try again when that is"):
            await log.durable()
        with pytest.raises(JournalError, match="another program has locked it"):
            await journal.claim("r1")
    await log.release()
    again = await journal.claim("r1")
    again.append(story("r1")[3:])
    await again.durable()
    await again.release()
    assert await journal.events("r1") == story("r1")
    await journal.aclose()


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ("random", "it is no journal, or damaged; move it away, or use another --journal"),
        ("a text", "it is no journal, or damaged; move it away, or use another --journal"),
        ("another program's", "it is a database of another program, and left as it is; use another --journal"),
        ("of later", f"it is of version 99, and this agentmesh knows versions up to {VERSION}: update it"),
        ("a directory", "it cannot be opened: is its directory there and writable?"),
    ],
)
async def test_a_file_that_is_no_journal_is_left_as_it_is(tmp_path: Path, found: str, said: str) -> None:
    path = tmp_path / "journal.db"
    match found:
        case "random":
            path.write_bytes(random.Random(1).randbytes(9000))
        case "a text":
            path.write_text("Dear diary, " * 50)
        case "another program's":
            with closing(sqlite3.connect(path)) as other:
                other.execute("CREATE TABLE bookmarks (url TEXT)")
        case "of later":
            await _written(path)
            with closing(sqlite3.connect(path)) as other:
                other.execute("PRAGMA user_version = 99")
                other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        case _:
            path.mkdir()
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(JournalError) as raised:
        open_journal(path)
    assert str(raised.value).startswith(f"journal {path}: {said}")
    assert (path.read_bytes() if path.is_file() else b"") == before


async def _written(path: Path, runs: int = 1) -> None:
    journal = open_journal(path)
    for number in range(runs):
        await kept(journal, f"r{number}", story(f"r{number}", 12))
    await journal.aclose()


async def test_a_file_that_was_cut_off_is_damaged_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    await _written(path, runs=20)
    os.truncate(path, path.stat().st_size // 3 // 4096 * 4096)
    with pytest.raises(JournalError, match=r"journal\.db: it is damaged; `sqlite3 FILE \.recover` saves what can be"):
        await _all_read(path)


async def test_a_damaged_page_in_the_middle_never_passes_for_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    await _written(path, runs=20)
    whole, noise = path.read_bytes(), random.Random(7)
    pages = len(whole) // 4096
    found = 0
    for page in noise.sample(range(1, pages), 6):
        path.write_bytes(whole[: page * 4096] + noise.randbytes(4096) + whole[(page + 1) * 4096 :])
        try:
            found += await _all_read(path)
        except JournalError:
            found += 1
    assert found >= 4, "a page that holds no event may be any"


async def _all_read(path: Path) -> bool:
    """Whether damage is found; whatever comes back is as it was written."""
    journal = open_journal(path)
    try:
        for number in range(20):
            if await journal.first_damage(f"r{number}") is not None:
                return True
            assert await journal.events(f"r{number}") == story(f"r{number}", 12)
    finally:
        await journal.aclose()
    return False


async def test_a_journal_that_is_taken_away_while_it_is_used_stops_the_run(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    log = journal.start(record("r1"))
    log.append(story("r1")[:2])
    await log.durable()
    path.rename(tmp_path / "elsewhere.db")
    log.append(story("r1")[2:3])
    with pytest.raises(JournalError, match="it was moved away or deleted while it was in use; put it back, or begin"):
        await log.durable()
    (tmp_path / "elsewhere.db").rename(path)
    await log.release()
    again = await journal.claim("r1")
    again.append(story("r1")[2:])
    await again.durable()
    await again.release()
    assert await journal.events("r1") == story("r1")
    await journal.aclose()
