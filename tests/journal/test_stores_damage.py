"""What happens to a log behind the journal's back is found."""

from __future__ import annotations

import anyio
import pytest

from agentmesh.errors import JournalError
from agentmesh.events import Metric
from tests.journal.stores import Store, in_order, kept, record, story

pytestmark = pytest.mark.anyio
LAST = len(story("r1"))
FIELD = "(SELECT content1 FROM event WHERE id = 3)"

DONE_TO_IT = {
    "its body altered": (3, 'UPDATE event SET body = replace(body, \'"agent":"a"\', \'"agent":"x"\') WHERE id = 3'),
    "a long text altered": (3, f"UPDATE content SET text = replace(text, 'said', 'says') WHERE id = {FIELD}"),
    "a long text dropped": (3, f"DELETE FROM content WHERE id = {FIELD}"),
    "a long text under another name": (3, "UPDATE event SET field1 = 'model' WHERE id = 3"),
    "filed as another type": (2, "UPDATE event SET type = 'metric' WHERE id = 2"),
    "another checksum": (4, "UPDATE event SET checksum = (SELECT checksum FROM event WHERE id = 5) WHERE id = 4"),
    "the first dropped": (1, "DELETE FROM event WHERE id = 1"),
    "one dropped": (3, "DELETE FROM event WHERE id = 3"),
    "the last dropped": (LAST, f"DELETE FROM event WHERE id = {LAST}"),
    "all dropped": (1, "DELETE FROM event"),
    "one dropped and the gap closed": (3, "DELETE FROM event WHERE id = 3; UPDATE event SET id = 3 WHERE id = 4"),
    "two swapped": (
        2,
        "UPDATE event SET id = -1 WHERE id = 2; UPDATE event SET id = 2 WHERE id = 3; "
        "UPDATE event SET id = 3 WHERE id = -1",
    ),
    "one in place of another": (
        5,
        "UPDATE event SET body = (SELECT body FROM event WHERE id = 2), type = 'model_call_started' WHERE id = 5",
    ),
}


@pytest.mark.parametrize("what", DONE_TO_IT)
async def test_an_event_that_is_not_as_it_was_written_is_named(store: Store, what: str) -> None:
    named, statements = DONE_TO_IT[what]
    async with store.opened() as journal:
        await kept(journal, "r1")
        assert await journal.first_damage("r1") is None
        for statement in statements.split(";"):
            store.ask(statement)
        assert await journal.first_damage("r1") == named


async def test_an_event_that_nobody_can_have_written_is_named_where_the_log_is_read(store: Store) -> None:
    async with store.opened() as journal:
        await kept(journal, "r1")
        store.ask("UPDATE event SET body = '{\"id\":3,}' WHERE id = 3")
        with pytest.raises(JournalError, match=r"event 3 of run r1 is damaged and cannot be read: .*fork r1 --at 2"):
            await journal.events("r1")


async def test_a_word_that_nobody_can_have_said_is_passed_over_and_reported(store: Store) -> None:
    async with store.opened() as journal:
        await kept(journal, "r1")
        store.ask("INSERT INTO word (run_id, body) VALUES ('r1', 'no JSON')")
        assert list(journal.words()) == []
        with pytest.raises(JournalError, match="a word that was put to run r1 is damaged"):
            await journal.said("r1")


async def test_a_log_that_grows_is_not_taken_for_damaged(store: Store) -> None:
    events = in_order("r1", [Metric(name="x", value=float(number)) for number in range(100)])
    async with store.opened() as journal:
        log = journal.start(record("r1"))
        log.append(events[:1])
        await log.durable()
        seen: list[int] = []

        async def grow() -> None:
            for event in events[1:]:
                log.append([event])
                await log.durable()
            tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(grow)
            while True:
                assert await journal.first_damage("r1") is None
                found = await journal.events("r1")
                seen.append(len(found))
                assert found == events[: len(found)]
        assert any(1 < count < len(events) for count in seen), "it was read while it grew"
        await log.release()
