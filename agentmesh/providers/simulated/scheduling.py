"""Finding the shortest schedule of jobs on a few machines: `- paint: 3 hours, after floor and wall`."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, NamedTuple

from agentmesh.providers.simulated.questions import Notes, Question

_ASKED = re.compile(r"What is the shortest total time, in hours, with (?P<machines>\d) machines?\?")
_SAYS = re.compile(r"(?P<hours>\d{1,3}) hours?(?:, after (?P<after>.+))?")
_MOST = 7
"""So many jobs are looked at: all orders of more take too long."""


class _Job(NamedTuple):
    name: str
    hours: int
    after: frozenset[str]


@dataclass(frozen=True)
class Schedule(Question):
    """The shortest total time. A job that an agent does not have in mind is missing in it."""

    machines: int
    domain: ClassVar[str] = "judgement"

    def fits(self, subject: str, says: str) -> bool:
        """Whether it is a job."""
        return _SAYS.fullmatch(says) is not None

    def answer(self, notes: Notes) -> str:
        """The best of all orders in which the jobs can be placed, each as early as it may begin."""
        read = {name: found for name, says in sorted(notes.items())[:_MOST] if (found := _SAYS.fullmatch(says))}
        jobs = tuple(_Job(name, int(found["hours"]), _named(found["after"], read)) for name, found in read.items())
        return str(_shortest(jobs, self.machines)) if jobs else ""


def schedule(text: str) -> Schedule | None:
    """The schedule that a text asks for."""
    found = _ASKED.search(text)
    return Schedule(found.group(), max(1, int(found["machines"]))) if found else None


def _named(after: str | None, jobs: Container[str]) -> frozenset[str]:
    """The jobs that one comes after, as far as they are known."""
    return frozenset(name for name in re.split(r", | and ", after or "") if name in jobs)


@lru_cache(maxsize=512)
def _shortest(jobs: tuple[_Job, ...], machines: int) -> int:
    return min((max(ends.values()) for ends in _placed(jobs, machines, {}, ())), default=0)


def _placed(
    jobs: tuple[_Job, ...], machines: int, ends: Mapping[str, int], busy: tuple[tuple[int, int], ...]
) -> Iterator[Mapping[str, int]]:
    """When each job ends, for every order in which the jobs can be placed."""
    left = [job for job in jobs if job.name not in ends]
    if not left:
        yield ends
    for job in left:
        if job.after <= ends.keys():
            begin = _earliest(max((ends[other] for other in job.after), default=0), job.hours, machines, busy)
            end = begin + job.hours
            yield from _placed(jobs, machines, {**ends, job.name: end}, (*busy, (begin, end)))


def _earliest(ready: int, hours: int, machines: int, busy: tuple[tuple[int, int], ...]) -> int:
    """The first time from which a machine is free for so many hours."""
    begin = ready
    while any(sum(a <= at < b for a, b in busy) >= machines for at in range(begin, begin + hours)):
        begin += 1
    return begin
