"""Events in a store: they come back as they were, each content is there once, and forks share it."""

from __future__ import annotations

import itertools
import json
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentmesh.errors import JournalError, RunNotFound
from agentmesh.events import (
    Event,
    EventBase,
    MessageDelivered,
    MessageProposed,
    Metric,
    Notice,
    RunResumed,
)
from tests.journal import any_events
from tests.journal.stores import Store, in_order, kept, record, story

pytestmark = pytest.mark.anyio
EXAMPLES = settings.default.max_examples // 6 if settings.default else 16


def viewed(store: Store, run_id: str) -> list[tuple[int, str, Any]]:
    """What the view `events` says of a run."""
    rows = store.ask("SELECT id, type, body FROM events WHERE run_id = ? ORDER BY id", run_id)
    return [(id_, type_, json.loads(body) if isinstance(body, str) else body) for id_, type_, body in rows]


def as_the_view_has_them(events: list[Event]) -> list[tuple[int, str, Any]]:
    """What it should say."""
    return [(event.id, event.type, event.model_dump(mode="json")) for event in events]


def test_any_events_come_back_equal_and_the_view_gives_their_json(stores: list[Store]) -> None:
    seen: set[type[EventBase]] = set()
    numbers = itertools.count()
    of_type = [any_events.of(kind) for kind in any_events.KINDS]
    bursts = st.lists(st.lists(st.one_of(of_type), min_size=1, max_size=3), min_size=1, max_size=4)
    one_of_each = st.tuples(*of_type).map(lambda events: [list(events)])

    async def check(several: list[list[Event]]) -> None:
        run_id = f"r'{next(numbers)}\""
        events = in_order(run_id, [event for burst in several for event in burst])
        seen.update(map(type, events))
        for store, journal in zip(stores, journals, strict=True):
            log = journal.start(record(run_id))
            rest = iter(events)
            for burst in several:
                log.append([next(rest) for _ in burst])
            await log.durable()
            await log.release()
            assert await journal.events(run_id) == events
            assert await journal.first_damage(run_id) is None
            assert viewed(store, run_id) == as_the_view_has_them(events)

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None)
    @given(st.one_of(bursts, bursts, bursts, one_of_each))
    def any_run(several: list[list[Event]]) -> None:
        anyio.run(check, several)

    journals = [store.open() for store in stores]
    try:
        any_run()
    finally:
        for journal in journals:
            anyio.run(journal.aclose)
    assert seen == set(any_events.KINDS)


async def test_halves_of_characters_are_mended_in_a_task_and_refused_in_an_event(store: Store) -> None:
    async with store.opened() as journal:
        log = journal.start(record("r1", task="\ud83d\ude00 and \ud83d"))
        log.append(story("r1")[:1])
        await log.durable()
        log.append(in_order("r1", [Notice(template="t", content="half \ud83d")], 2))
        with pytest.raises(JournalError, match=r"run r1: event 2 \(notice\) cannot be stored: .*surrogates"):
            await log.durable()
        await log.release()
        assert (await journal.status("r1")).record.task == "😀 and \ufffd"


async def test_what_is_said_once_is_stored_once(store: Store) -> None:
    text, other = "said by one and heard by all " * 9, "another thing that is said " * 9
    message = {"message_id": "m", "sender": "a", "recipient": "b"}
    events = in_order(
        "r1",
        [
            MessageProposed(content=text, **message),
            *(MessageDelivered(content=text, **message) for _ in range(20)),
            MessageDelivered(content=other, **message),
        ],
    )
    async with store.opened() as journal:
        log = journal.start(record("r1"))
        for event in events:
            log.append([event])
            await log.durable()
        await log.release()
        assert await journal.events("r1") == events
    assert sorted(text for (text,) in store.ask("SELECT text FROM content")) == [json.dumps(other), json.dumps(text)]


async def test_a_fork_begins_with_what_it_inherits_and_stores_none_of_it_again(store: Store) -> None:
    parent = story("parent", 3)
    async with store.opened() as journal:
        await kept(journal, "parent", parent)
        before = store.ask("SELECT id, text FROM content ORDER BY id")
        log = journal.start(record("fork", parent="parent", at=4))
        log.append(in_order("fork", [RunResumed(at=4, parent="parent"), *story("parent", 3)[4:7]], 5))
        await log.durable()
        await log.release()
        inherited = [event.model_copy(update={"run_id": "fork"}) for event in parent[:4]]
        events = await journal.events("fork")
        assert events[:4] == inherited
        assert [event.type for event in events[4:]] == ["run_resumed", *(event.type for event in parent[4:7])]
        assert viewed(store, "fork") == as_the_view_has_them(events)
        assert await journal.first_damage("fork") is None
        assert await journal.events("parent") == parent
        status = await journal.status("fork")
        assert (status.record.parent, status.record.at, status.events, status.outcome) == ("parent", 4, 8, None)
    assert store.ask("SELECT id, text FROM content ORDER BY id") == before


async def test_a_fork_of_a_fork_inherits_from_both(store: Store) -> None:
    async with store.opened() as journal:
        await kept(journal, "first")
        await kept(journal, "second", in_order("second", [Metric(name="x", value=1.0)], 4), parent="first", at=3)
        await kept(journal, "third", in_order("third", [Metric(name="y", value=2.0)], 5), parent="second", at=4)
        types = [event.type for event in await journal.events("third")]
        assert types == [*(event.type for event in story("first")[:3]), "metric", "metric"]
        assert await journal.first_damage("third") is None


@pytest.mark.parametrize(("parent", "at"), [("nobody", 1), ("parent", 999)])
async def test_a_fork_of_what_is_not_there_is_refused_and_leaves_nothing(store: Store, parent: str, at: int) -> None:
    async with store.opened() as journal:
        await kept(journal, "parent")
        log, bystander = journal.start(record("fork", parent=parent, at=at)), journal.start(record("r2"))
        bystander.append(story("r2"))
        with pytest.raises(RunNotFound, match=f"holds no run '{parent} with an event {at}'"):
            await log.durable()
        await bystander.durable()
        await log.release()
        await bystander.release()
        assert {one.record.run_id for one in await journal.runs()} == {"parent", "r2"}


async def test_a_run_is_forgotten_with_all_that_it_said(store: Store) -> None:
    async with store.opened() as journal:
        await kept(journal, "r1", team_hash="h1", description="{}")
        await kept(journal, "r2", team_hash="h2", description="{}")
        await journal.delete("r1")
        with pytest.raises(RunNotFound):
            await journal.events("r1")
        assert await journal.events("r2") == story("r2")
        assert store.ask("SELECT hash FROM team") == [("h2",)]
        await journal.delete("r2")
    for table in ("run", "event", "content", "word", "team", "orphan"):
        assert store.count(table) == 0, table


async def test_a_fork_outlives_its_parent_and_goes_on_saying_what_that_said(store: Store) -> None:
    parent = story("parent", 3)
    async with store.opened() as journal:
        await kept(journal, "parent", parent)
        log = journal.start(record("fork", parent="parent", at=4))
        await log.durable()
        await journal.delete("parent")
        log.append(in_order("fork", parent[4:], 5))  # said by its parent alone so far
        await log.durable()
        await log.release()
        assert [event.type for event in await journal.events("fork")] == [event.type for event in parent]
        assert await journal.first_damage("fork") is None
        assert len(viewed(store, "fork")) == len(parent)
        await journal.delete("fork")
    assert (store.count("content"), store.count("orphan")) == (0, 0)


async def test_a_run_in_the_place_of_one_that_was_deleted_has_its_own_contents(store: Store) -> None:
    async with store.opened() as journal, store.opened() as other:
        await kept(journal, "r1", story("same"))
        await other.delete("r1")
        await kept(other, "r2", story("else"))
        await kept(journal, "r3", story("same"))  # in the first process all of its contents were known
        for run_id, events in (("r2", story("else")), ("r3", story("same"))):
            assert [event.model_copy(update={"run_id": ""}) for event in await journal.events(run_id)] == [
                event.model_copy(update={"run_id": ""}) for event in events
            ]
            assert await journal.first_damage(run_id) is None
