"""Deeds that are claimed, and whether any call shows them: `the order has been cancelled` where none was."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agentmesh.monitors.signals import Done, Said
from agentmesh.monitors.signals.wording import FUNCTION_WORDS, bounded, words_of
from agentmesh.monitors.termination.replies import TESTED, failed, puts_off, reads
from agentmesh.monitors.termination.requests import ROOT, roots_of

RESULTS, READ = 32, 2_000
"""Results that are kept, the latest, and characters of each."""
CLAIMS = 16
KNOWN = 4_000
WORD = 24
"""Characters of an argument that may be the name of one thing."""
_OF_TWO = 0.6
"""How much one of two weighs of which the other was an argument of a call."""
BEFORE, AROUND = 4, 8
"""Words before a verb that say who did it and whether it was done, and words on each side that say what."""

ACTING = {
    "booked": "book", "cancelled": "cance", "canceled": "cance", "charged": "charg", "deleted": "delet",
    "deployed": "deplo", "emailed": "mail", "exchanged": "excha", "installed": "insta", "mailed": "mail",
    "merged": "merge", "messaged": "messa", "notified": "notif", "ordered": "order", "paid": "pay",
    "phoned": "call", "published": "publi", "pushed": "push", "rang": "call", "refunded": "refun",
    "rescheduled": "sched", "reserved": "reser", "scheduled": "sched", "sent": "send", "submitted": "submi",
    "transferred": "trans", "upgraded": "upgra", "uploaded": "uploa",
}  # fmt: skip
"""What nobody does by words alone, or by looking at something; by the root of what it is called in a call."""
RUNNING = {
    "benchmarked": "measu", "executed": "exec", "measured": "measu", "profiled": "profi", "ran": "run",
    "tested": "test",
}  # fmt: skip
"""What takes a program that runs."""
RUNNERS = frozenset(
    "bash benchmark command compute eval evaluate exec execute experiment measure notebook probe python query run "
    "shell simulate smoke sql terminal test tests train verify".split()
)
"""Words in the names of tools that run something."""
_VERBS = frozenset([*ACTING, *RUNNING])
AGENTS = frozenset("i we i've we've".split())
STATES = frozenset("been is are was were".split())
UNDONE = frozenset(
    """not never no to will would can could should may might must shall if once when after until before i'll we'll won't
    don't didn't wasn't isn't hasn't haven't cannot can't unless whether please being none neither nobody""".split()
)
_SENTENCE = re.compile(r"[.!?;\n](?:\s|$)|[!?;\n]")
_LIST = re.compile(r"(?<![\w'-])((?:[\w'-]{1,40}, ){1,12})(?:and )?([\w'-]{1,40}),? and ([\w'-]{1,40})")
"""Bounded, so that no text takes more than a look at each of its words."""

WHOLE = frozenset("all both complete each entire every everything whole".split())
"""Words of a report that says that nothing was left out."""
_FAILED = re.compile(r"\b[1-9]\d* (?:failed|failures|errors)\b|^failed|\bfailed \S+::|assertionerror", re.MULTILINE)
"""Of a result in lower case: tests that do not pass."""
_PAIR = re.compile(r"\b(\w+) (?:and|to|through) (\w+)\b")


@dataclass(frozen=True, slots=True)
class Claim:
    """A deed that somebody claims."""

    event: int
    verb: str
    root: str
    runs: bool
    objects: frozenset[str]


class Deeds:
    """What calls and their results show, and the claims that they do not."""

    def __init__(self) -> None:
        self._acts: dict[str, None] = {}
        """Roots of the calls that did more than read."""
        self._calls: dict[str, None] = {}
        """Of all calls."""
        self._values: dict[str, None] = {}
        """Arguments that are one word."""
        self._ran = False
        self._results: deque[str] = deque(maxlen=RESULTS)
        self.claims: deque[Claim] = deque(maxlen=CLAIMS)
        """Those that nothing has shown yet."""
        self.unlisted: dict[str, float] = {}
        """Of things that the latest report names in one list: those that no call or result has, where calls have
        others; and how much of the list each is, at most all."""
        self.listed = 0
        """The event of that report."""
        self._checked = self._failing = False
        """Whether there was a check, and whether the latest failed."""

    def done(self, done: Done, roots: frozenset[str]) -> None:
        """A call shows what it did, and its result what is so; later calls show what was claimed too soon."""
        self._results.append(result := (done.result or "")[:READ].casefold())
        if (checks := bool(TESTED & roots) or "passed" in result) and (_FAILED.search(result) or failed(done)):
            self._failing = True
        elif checks and not reads(done):
            self._failing, self._checked = False, True
        _keep(self._calls, roots)
        values = [str(value).casefold() for value in done.arguments.values() if len(str(value)) <= WORD]
        _keep(self._values, [value for value in values if value.isalnum() and value not in FUNCTION_WORDS])
        if failed(done):
            return
        if not reads(done):
            _keep(self._acts, roots)
        self._ran |= not RUNNERS.isdisjoint(done.name.casefold().replace("-", "_").split("_"))
        if self.claims:
            self.claims = deque((claim for claim in self.claims if not self._shows(claim)), maxlen=CLAIMS)

    def heard(self, said: Said, *, live: bool) -> None:
        """A contribution of somebody who is no client. `live`: in a run, where tools check in ways of their own."""
        self.unlisted = {}
        if not self._calls or puts_off(said):
            return
        if "," in said.text and said.speech.report:
            self._list(said)
        if not (WHOLE.isdisjoint(said.vocabulary) or self._values.keys().isdisjoint(said.vocabulary)):
            self._pair(said)
        if not _VERBS.isdisjoint(said.vocabulary):
            claims = [claim for claim in claims_in(said) if not (live and claim.runs)]
            self.claims.extend(claim for claim in claims if not self._shows(claim))

    @property
    def untested(self) -> bool:
        """Whether no call shows that tests pass."""
        return self._failing or not (self._checked or TESTED & self._calls.keys())

    def forget(self) -> None:
        """All of it has been verified."""
        self.claims.clear()
        self.unlisted = {}

    def _shows(self, claim: Claim) -> bool:
        if claim.root in self._acts or self._resulted(claim.root):
            return True
        if claim.runs:
            return self._ran
        return any(root in self._acts for root in claim.objects)

    def _list(self, said: Said) -> None:
        for first, second, third in _LIST.findall(bounded(said.text)):
            names = [*first.casefold().split(", ")[:-1], second.casefold(), third.casefold()]
            missing = [name for name in names if len(name) > 2 and not self._shown(name)]
            called = [name for name in names if name.rstrip("s")[:ROOT] in self._calls]
            if 2 * len(called) >= len(names):
                self.unlisted |= dict.fromkeys(missing, min(1.0, 2 / len(names)))
                self.listed = said.event

    def _pair(self, said: Said) -> None:
        """What is named beside something that was the argument of a call."""
        for first, second in _PAIR.findall(bounded(said.text).casefold()):
            names = {first.strip("_"), second.strip("_")} - FUNCTION_WORDS
            missing = [name for name in names if name not in self._values and not self._shown(name)]
            if len(names) == 2 and len(missing) == 1:
                self.unlisted[missing[0]] = _OF_TWO
                self.listed = said.event

    def _shown(self, name: str) -> bool:
        root = name if name[0].isdigit() else name.rstrip("s")[:ROOT]
        return root in self._calls or self._resulted(root)

    def _resulted(self, root: str) -> bool:
        return any(root in result for result in self._results)


def claims_in(said: Said) -> Iterator[Claim]:
    """The deeds that a text says were done by its author or its team; no questions, plans or conditions."""
    for sentence in _SENTENCE.split(bounded(said.text)):
        words = words_of(sentence.replace("\u2019", "'"))
        for at, verb in enumerate(words):
            if verb in _VERBS and _is_done(words[max(0, at - BEFORE) : at]):
                objects = roots_of(words[max(0, at - AROUND) : at] + words[at + 1 : at + AROUND])
                yield Claim(said.event, verb, ACTING.get(verb) or RUNNING[verb], verb in RUNNING, objects)


def _is_done(before: Sequence[str]) -> bool:
    if not UNDONE.isdisjoint(before):
        return False
    return not AGENTS.isdisjoint(before) or not STATES.isdisjoint(before[-2:])


def _keep(known: dict[str, None], things: Iterable[str]) -> None:
    if len(known) < KNOWN:
        known.update(dict.fromkeys(things))
