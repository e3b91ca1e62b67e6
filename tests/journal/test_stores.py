"""What every store does alike."""

from __future__ import annotations

import anyio
import pytest

from agentmesh.errors import JournalError, RunNotFound, RunTaken
from agentmesh.events import Event, Metric, RunEnded, RunResumed, RunStarted, StopRequested
from agentmesh.journal import Journal
from agentmesh.journal.base import Word
from tests.journal.stores import Store, another_process, answer, claimed_soon, in_order, kept, question, record, story

pytestmark = pytest.mark.anyio


async def test_a_run_comes_back_as_it_was_written(store: Store) -> None:
    made = {"file": "team.yaml", "set": ["a=1"], "n": 1.5, "none": None, "text": 'q"\\\0é'}
    async with store.opened() as journal:
        assert isinstance(journal, Journal)
        events = await kept(
            journal, "r1", task="do\0 it \\0 'now' 🜚", made=made, team_hash="h", description='{"a": "\\u0000"}'
        )
        assert await journal.events("r1") == events
        status = await journal.status("r1")
    async with store.opened() as journal:
        assert await journal.events("r1") == events
        assert await journal.status("r1") == status
        assert [one.record.run_id for one in await journal.runs()] == ["r1"]
    assert status.record.task == "do\0 it \\0 'now' 🜚"
    assert (status.record.made, status.record.team_hash, status.record.description) == (made, "h", '{"a": "\\u0000"}')
    assert (status.events, status.outcome, status.reason) == (len(events), "completed", "answered")
    assert (status.running, status.waiting) == (False, 0)


async def test_a_run_that_lives_is_running_and_has_no_outcome(store: Store) -> None:
    async with store.opened() as journal:
        log = journal.start(record("r1"))
        log.append(story("r1")[:3])
        await log.durable()
        async with store.opened() as other:
            status = await other.status("r1")
            assert (status.running, status.outcome, status.events) == (True, None, 3)
            await log.release()
            assert not (await other.status("r1")).running


async def test_a_run_that_has_not_begun_is_in_no_store(store: Store) -> None:
    async with store.opened() as journal:
        log = journal.start(record("r1"))
        await log.durable()
        assert await journal.runs() == []
        await log.release()
        await kept(journal, "r1")


async def test_an_ended_run_that_goes_on_has_no_outcome_until_it_ends_again(store: Store) -> None:
    events = story("r1")
    async with store.opened() as journal:
        await kept(journal, "r1", events)
        log = await journal.claim("r1")
        log.append(in_order("r1", [RunResumed(at=2, added={"tokens": 5.0})], len(events) + 1))
        await log.durable()
        assert (await journal.status("r1")).outcome is None
        log.append(in_order("r1", [RunEnded(outcome="limit", reason="tokens")], len(events) + 2))
        await log.durable()
        await log.release()
        status = await journal.status("r1")
        assert (status.outcome, status.reason, status.events) == ("limit", "tokens", len(events) + 2)
        assert len(await journal.events("r1")) == len(events) + 2
        assert await journal.first_damage("r1") is None


async def test_questions_that_nobody_has_answered_are_counted(store: Store) -> None:
    async with store.opened() as journal:
        log = journal.start(record("r1"))
        log.append(in_order("r1", [RunStarted(team="t", task="t"), question(1), question(2)]))
        log.append(in_order("r1", [answer(1)], 4))
        await log.durable()
        assert (await journal.status("r1")).waiting == 1
        log.append(in_order("r1", [answer(2)], 5))
        await log.durable()
        assert (await journal.status("r1")).waiting == 0
        await log.release()


async def test_events_that_belong_together_are_written_together_or_not_at_all(store: Store) -> None:
    events = story("r1")
    lame = Metric(name="half", value=1.0)
    object.__setattr__(lame, "name", "\ud800")
    async with store.opened() as journal:
        log, other = journal.start(record("r1")), journal.start(record("r2"))
        log.append(events[:3])
        await log.durable()
        log.append([*events[3:5], *in_order("r1", [lame], 6)])
        other.append(story("r2"))
        with pytest.raises(JournalError, match=r"run r1: event 6 \(metric\) cannot be stored"):
            await log.durable()
        log.append(in_order("r1", [Metric(name="after", value=2.0)], 4))
        with pytest.raises(JournalError, match="event 6"):
            await log.durable()
        await other.durable()  # one run's fault is not another's
        await log.release()
        await other.release()
        assert await journal.events("r1") == events[:3]
        assert await journal.events("r2") == story("r2")
        assert await journal.first_damage("r1") is None


async def test_a_gap_between_events_is_refused(store: Store) -> None:
    events = story("r1")
    async with store.opened() as journal:
        log = journal.start(record("r1"))
        log.append(events[:2])
        log.append(events[3:])
        with pytest.raises(JournalError, match="run r1: event 3 comes next; found 4"):
            await log.durable()
        await log.release()


async def test_a_second_run_of_the_same_id_is_refused_and_harms_nobody(store: Store) -> None:
    async with store.opened() as journal:
        events = await kept(journal, "r1")
        again, good = journal.start(record("r1")), journal.start(record("r2"))
        again.append(in_order("r1", [Metric(name="x", value=1.0)]))
        good.append(story("r2"))
        with pytest.raises(RunTaken, match="holds a run r1 already"):
            await again.durable()
        await good.durable()
        await again.release()
        await good.release()
        assert await journal.events("r1") == events
        assert await journal.events("r2") == story("r2")


async def test_who_claims_a_run_shuts_out_who_held_it(store: Store) -> None:
    events = story("r1")
    async with store.opened() as first, store.opened() as second:
        zombie, bystander = first.start(record("r1")), first.start(record("r2"))
        zombie.append(events[:3])
        bystander.append(story("r2"))
        await zombie.durable()
        store.lose(zombie, first)
        log = await second.claim("r1")
        zombie.append(events[3:5])
        bystander.append(in_order("r2", [Metric(name="x", value=1.0)], len(story("r2")) + 1))
        with pytest.raises(RunTaken, match="run r1 was taken over by another process"):
            await zombie.durable()
        await bystander.durable()
        assert await second.events("r1") == events[:3]
        assert await first.first_damage("r1") is None
        log.append(events[3:])
        await log.durable()
        await zombie.release()
        await bystander.release()
        assert (await first.status("r1")).outcome == "completed"
        await log.release()
        assert await first.events("r1") == events


async def test_a_run_is_claimed_once(store: Store) -> None:
    async with store.opened() as journal, store.opened() as other:
        await kept(journal, "r1")
        log = await journal.claim("r1")
        for store_again in (journal, other):
            with pytest.raises(RunTaken, match=r"run r1 is being run by process \d+ on .+; stop that"):
                await store_again.claim("r1")
            with pytest.raises(RunTaken):
                await store_again.delete("r1")
        await log.release()
        await (await other.claim("r1")).release()


@pytest.mark.parametrize("store", ["sqlite-full", "postgres"], indirect=True)
async def test_a_run_of_a_process_that_lives_is_refused_and_is_free_once_it_is_killed(store: Store) -> None:
    async with store.opened() as journal:
        with another_process(store, "hold", "r1") as process:
            assert (await journal.status("r1")).running is False  # the story has ended
            with pytest.raises(RunTaken, match=f"run r1 is being run by process {process.pid} on "):
                await journal.claim("r1")
            process.kill()
            process.wait()
            log = await claimed_soon(journal, "r1")
        assert await journal.events("r1") == story("r1", 4)
        await log.release()


async def test_words_reach_the_process_that_listens(store: Store) -> None:
    stop, told = StopRequested(outcome="cancelled", reason="enough", by="somebody"), answer(1)
    heard: list[Word] = []
    async with store.opened() as journal, store.opened() as other:
        log = journal.start(record("r1"))
        log.append(story("r1")[:1])
        await log.durable()
        await other.say("r1", told)
        log.listen(heard.append)
        assert await journal.said("r1") == [told]
        await other.say("r1", stop)
        with anyio.fail_after(5):
            while stop not in heard:
                await anyio.sleep(0.01)
        assert await journal.said("r1") == [told, stop]
        await log.release()
        await other.say("r1", told)
        with pytest.raises(RunNotFound, match="holds no run 'r2'"):
            await other.say("r2", stop)


async def test_a_word_is_heard_however_busy_the_store_is(store: Store) -> None:
    heard: list[Word] = []
    async with store.opened() as journal, store.opened() as other:
        quiet, loud = journal.start(record("quiet")), journal.start(record("loud"))
        quiet.append(story("quiet")[:1])
        await quiet.durable()
        quiet.listen(heard.append)
        async with anyio.create_task_group() as tasks:

            async def write_on() -> None:
                number = 0
                while True:
                    number += 1
                    loud.append(in_order("loud", [Metric(name="x", value=float(number))], number))
                    if number % 20 == 0:
                        await loud.durable()

            tasks.start_soon(write_on)
            await other.say("quiet", StopRequested(outcome="cancelled", reason="enough"))
            with anyio.fail_after(5):
                while not heard:
                    await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
        assert [type(word) for word in heard] == [StopRequested]
        await quiet.release()
        await loud.release()


async def test_the_beginning_of_an_id_is_enough_if_it_is_unmistakable(store: Store) -> None:
    async with store.opened() as journal:
        for run_id in ("abc1", "abd2", "abd20", "%_x"):
            await kept(journal, run_id, started=1.0)
        assert (await journal.status("abc")).record.run_id == "abc1"
        assert (await journal.status("abd2")).record.run_id == "abd2"
        assert (await journal.status("%")).record.run_id == "%_x"
        with pytest.raises(RunNotFound, match="'ab' may be abc1, abd2, abd20: give more of the id"):
            await journal.status("ab")
        for nobody in ("x", "", "abc12"):
            with pytest.raises(RunNotFound, match=f"holds no run '{nobody}'; `agentmesh runs` lists"):
                await journal.status(nobody)


async def test_runs_come_newest_first(store: Store) -> None:
    async with store.opened() as journal:
        for run_id, started in (("old", 1.0), ("new", 3.0), ("mid", 2.0), ("newer", 3.0)):
            await kept(journal, run_id, started=started)
        assert [one.record.run_id for one in await journal.runs()] == ["newer", "new", "mid", "old"]


async def test_nothing_is_known_of_a_run_that_is_not_there(store: Store) -> None:
    async with store.opened() as journal:
        assert await journal.runs() == []
        assert await journal.said("r1") == []
        for ask in (journal.events, journal.first_damage, journal.status, journal.claim, journal.delete):
            with pytest.raises(RunNotFound, match="holds no run 'r1'"):
                await ask("r1")


async def test_fifty_writers_share_commits_and_lose_nothing(store: Store) -> None:
    async with store.opened() as journal:
        commits = 0
        write = journal.write

        def counted(batches: object) -> None:
            nonlocal commits
            commits += 1
            write(batches)  # type: ignore[arg-type]

        journal.write = counted  # type: ignore[method-assign]

        async def one(run_id: str) -> None:
            log = journal.start(record(run_id))
            for event in story(run_id, 5):
                log.append([event])
                await log.durable()
            await log.release()

        names = [f"r{number}" for number in range(50)]
        async with anyio.create_task_group() as tasks:
            for name in names:
                tasks.start_soon(one, name)
        for name in names:
            assert await journal.events(name) == story(name, 5)
            assert await journal.first_damage(name) is None
        assert commits < 50 * len(story("r", 5)) / 5


@pytest.mark.parametrize("store", ["sqlite-full", "postgres"], indirect=True)
async def test_two_processes_write_to_one_journal_at_once(store: Store) -> None:
    mine, theirs = [f"m{number}" for number in range(6)], [f"t{number}" for number in range(6)]
    async with store.opened() as journal:
        with (
            another_process(store, "write", *theirs[:1]) as first,
            another_process(store, "write", *theirs[1:]) as more,
        ):
            for name in mine:
                await kept(journal, name, story(name, 4))
            assert (first.wait(20), more.wait(20)) == (0, 0)
        for name in (*mine, *theirs):
            assert await journal.events(name) == story(name, 4)
            assert await journal.first_damage(name) is None


async def test_what_is_appended_after_the_end_fails_and_hangs_nobody(store: Store) -> None:
    journal = store.open()
    log = journal.start(record("r1"))
    events: list[Event] = story("r1")
    log.append(events[:2])
    await journal.aclose()  # waits for what was appended
    log.append(events[2:3])
    with pytest.raises(JournalError, match="is closed already"), anyio.fail_after(5):
        await log.durable()
    with anyio.fail_after(5):
        await log.release()
    async with store.opened() as again:
        assert await again.events("r1") == events[:2]
        assert not (await again.status("r1")).running
        await (await again.claim("r1")).release()
