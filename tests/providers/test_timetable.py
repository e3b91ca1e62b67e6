"""What is booked keeps the rate, whoever books; a file that cannot be used costs nobody a run."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.providers.timetable import (
    AHEAD_SECONDS,
    BURST_SECONDS,
    Held,
    Rates,
    Timetable,
    booked,
    private_directory,
)

COSTS = st.lists(st.integers(1, 500), max_size=8)


@given(
    st.floats(1, 200),
    st.floats(100, 5000),
    st.lists(st.tuples(st.floats(0, 0.5), COSTS), max_size=30),
)
def test_no_stretch_of_time_holds_more_than_the_rates(
    requests: float, tokens: float, bookings: list[tuple[float, list[int]]]
) -> None:
    held: Held | None = None
    now = 100.0
    left: list[tuple[float, int]] = []
    for passed, costs in bookings:
        now += passed
        held, booking = booked(held, Rates(requests, tokens), costs, 0, now)
        assert all(now <= at <= now + AHEAD_SECONDS for at in booking.times)
        left += zip(booking.times, costs, strict=False)
    assert [at for at, _ in left] == sorted(at for at, _ in left)
    for index, (start, _) in enumerate(left):
        for end in range(index + 1, len(left) + 1):
            # The last one leaves on credit: whoever comes next waits for it.
            between = left[index : end - 1]
            seconds = left[end - 1][0] - start + BURST_SECONDS + 1e-6
            assert len(between) <= requests * seconds
            assert sum(cost for _, cost in between) <= tokens * seconds


@given(st.floats(5, 100), COSTS.filter(bool))
def test_those_who_always_wait_use_the_whole_rate(requests: float, costs: list[int]) -> None:
    held, now, left = None, 100.0, 0
    while now < 110:
        held, booking = booked(held, Rates(requests, None), costs, 0, now)
        left += len(booking.times)
        now = max(now + 0.001, booking.again_at)
    assert left >= 0.97 * requests * 10


def test_two_timetables_of_one_file_never_book_the_same_moment(tmp_path: Path) -> None:
    times: list[float] = []

    def book() -> None:
        timetable = Timetable(tmp_path / "pace.db")
        for _ in range(50):
            times.extend(timetable.book("key", Rates(1000, None), [1] * 3).times)
        assert timetable.shared
        timetable.close()

    threads = [threading.Thread(target=book) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(times) > 100
    # A departure in the past is `now`; all others are a thousandth of a second apart, whoever booked them.
    assert len(times) <= 1000 * (max(times) - min(times) + BURST_SECONDS) + 1


def test_a_file_that_is_no_database_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "pace.db"
    path.write_bytes(b"no database " * 1000)
    timetable = Timetable(path)
    assert timetable.book("key", Rates(10, None), [1]).times
    assert timetable.shared
    timetable.close()
    assert path.read_bytes().startswith(b"SQLite format 3")


def test_a_file_that_cannot_be_opened_leaves_each_process_its_own_pace(tmp_path: Path) -> None:
    timetable = Timetable(tmp_path / "missing" / "pace.db")
    first, second = (timetable.book("key", Rates(10, None), [1]) for _ in range(2))
    assert not timetable.shared
    assert (len(first.times), len(second.times)) == (1, 1)
    assert timetable.book("key", Rates(10, None), [1]).times == [], "the rate is kept all the same"


@pytest.mark.skipif(os.name != "posix", reason="of POSIX permissions")
def test_the_directory_belongs_to_this_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = private_directory()
    assert made.stat().st_mode & 0o777 == 0o700
    made.chmod(0o755)
    assert private_directory().stat().st_mode & 0o777 == 0o700
    made.rmdir()
    made.symlink_to(tmp_path)
    with pytest.raises(PermissionError, match="belongs to somebody else"):
        private_directory()


def test_what_an_earlier_start_of_the_machine_wrote_holds_nobody_up() -> None:
    _, booking = booked(Held(1e9, 1e9, 1e9), Rates(1, 1), [1], 0, 50.0)
    assert booking.times == [50.0]
