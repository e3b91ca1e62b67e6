"""Schedules: the shortest time in which some jobs can be done that need each other and share a few machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Annotated

from pydantic import Field

from agentmesh.evaluation.tasks.generators.base import LAST_LINE, Generator, share
from agentmesh.evaluation.tasks.task import EvalTask

_JOBS = ("paint", "wall", "floor", "roof", "pipes", "wires", "doors", "windows", "stairs", "stove", "fence", "lamps")


@dataclass(frozen=True)
class Job:
    """`hours` of work that begin when all of `after` are done."""

    hours: int
    after: frozenset[str] = frozenset()


class SchedulingTasks(Generator):
    """`jobs` on `machines`, which do one at a time each; `links` is how likely one job waits for another.

    What is asked is the shortest total time: a number, which every best schedule shares.
    """

    jobs: Annotated[int, Field(ge=2, le=7)] = 5
    machines: Annotated[int, Field(ge=1, le=3)] = 2
    links: Annotated[float, Field(ge=0, le=1)] = 0.3

    def task(self, random: Random, number: int) -> EvalTask:
        """Some jobs, and the shortest time."""
        names = random.sample(_JOBS, self.jobs)
        jobs = {
            name: Job(random.randint(1, 9), frozenset(other for other in names[:at] if random.random() < self.links))
            for at, name in enumerate(names)
        }
        lines = "\n".join(f"- {name}: {_told(job)}" for name, job in sorted(jobs.items()))
        prompt = (
            f"What is the shortest total time, in hours, with {self.machines} "
            f"{'machine' if self.machines == 1 else 'machines'}?\n"
            "A machine does one job at a time, without a break; a job begins only once all those are done after which "
            f"it comes. The jobs are:\n{lines}\n{LAST_LINE.format('NUMBER')}"
        )
        return EvalTask(
            id=str(number),
            prompt=prompt,
            answer=shortest(jobs, self.machines),
            metadata={"jobs": self.jobs, "machines": self.machines, "difficulty": share(self.jobs * self.machines, 21)},
        )


def _told(job: Job) -> str:
    hours = f"{job.hours} {'hour' if job.hours == 1 else 'hours'}"
    return f"{hours}, after {' and '.join(sorted(job.after))}" if job.after else hours


def shortest(jobs: Mapping[str, Job], machines: int) -> int:
    """The shortest total time, by trying at every end of a job each choice of what begins next, waiting included."""

    @cache
    def left(done: frozenset[str], running: frozenset[tuple[str, int]]) -> int:
        under_way = done | {name for name, _ in running}
        ready = [name for name, job in jobs.items() if name not in under_way and job.after <= done]
        begun = (left(done, running | {(name, jobs[name].hours)}) for name in ready if len(running) < machines)
        return min([*begun, *_later(done, running)], default=0)

    def _later(done: frozenset[str], running: frozenset[tuple[str, int]]) -> list[int]:
        """The time if nothing begins before the next job ends; nothing to wait for if none is under way."""
        if not running:
            return []
        step = min(hours for _, hours in running)
        ended = frozenset(name for name, hours in running if hours == step)
        return [step + left(done | ended, frozenset((name, h - step) for name, h in running if name not in ended))]

    return left(frozenset(), frozenset())
