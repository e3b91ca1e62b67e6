"""Simulated models on schedules: right if every job is in mind, and put right by others."""

from __future__ import annotations

import pytest

from agentmesh.evaluation.tasks.generators.scheduling import Job, shortest
from agentmesh.providers.simulated import profile_named
from tests.providers.simulated.simulated_inquiries import success
from tests.providers.simulated.simulated_office import Seat, quoted

ASKED = """\
What is the shortest total time, in hours, with 2 machines?
- floor: 3 hours
- paint: 2 hours, after floor and wall
- roof: 4 hours, after wall
- wall: 1 hour"""


@pytest.mark.parametrize(("machines", "hours"), [(1, 10), (2, 5), (3, 5)])
def test_a_perfect_mind_finds_the_shortest_time(machines: int, hours: int) -> None:
    asked = ASKED.replace("2 machines", f"{machines} {'machine' if machines == 1 else 'machines'}")
    assert Seat("ann").turn(quoted("user", asked)).text.splitlines()[-1] == f"Answer: {hours}"


def test_waiting_may_be_better_than_beginning_at_once() -> None:
    # Who begins d at once keeps the long chain waiting.
    jobs = {"a": Job(1), "b": Job(9, frozenset("a")), "c": Job(2), "d": Job(8, frozenset("c")), "e": Job(1)}
    told = "\n".join(f"- {name}: {job.hours} hours" + ", after " * bool(job.after) + "".join(job.after)
                     for name, job in jobs.items())  # fmt: skip
    asked = f"What is the shortest total time, in hours, with 2 machines?\n{told}"
    assert Seat("ann").turn(quoted("user", asked)).text.endswith(f"Answer: {shortest(jobs, 2)}")


def test_a_job_that_is_overlooked_is_put_right_by_others() -> None:
    ann = Seat("ann", profile=profile_named("worker,judgement=0"))
    assert "Answer" not in ann.turn(quoted("user", ASKED)).text
    assert ann.turn(quoted("ben", f"{ASKED}\nAnswer: 5")).text.splitlines()[-1] == "Answer: 5"


def test_perfect_minds_are_right_alone_and_together() -> None:
    for kind in ("hierarchy", "vote"):
        assert success("scheduling:n=2", kind, "worker", whole=True) == 1.0
    assert success("scheduling:n=20", "solo-ann", "worker") == success("scheduling:n=20", "flat", "worker") == 1.0


def test_a_discussion_of_minds_that_overlook_jobs_beats_one_alone_unless_they_are_copies() -> None:
    spec, model = "scheduling:n=10", "worker,judgement=0.8"
    assert success(spec, "flat", model) > success(spec, "solo-ann", model) > 0
    copies = f"{model},heterogeneity=0"
    assert success(spec, "flat", copies) == success(spec, "solo-ann", copies)
