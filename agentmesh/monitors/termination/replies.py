"""What a reply does about a request: puts it off, refuses it, offers to do it, gives leave, says that it was done."""

from __future__ import annotations

from itertools import pairwise

from agentmesh.monitors.signals import Done, Said

READING = frozenset(
    """browse calc calculate check compute count describe fetch find get list look lookup query read search show think
    view""".split()
)
"""With which the name of a tool begins that changes nothing."""
YES = frozenset("yes yeah yep confirmed".split())
NO = frozenset("no not don't nope never wait instead".split())
LEAVE = frozenset("go-ahead please-proceed please-do sounds-good do-it i-confirm please-use".split())
REFUSAL = frozenset("cannot can't unable unfortunately won't ineligible impossible".split())
NOT = frozenset("possible allowed able eligible available permitted supported".split())
DEEDS = frozenset(
    """benchmarked booked cancelled canceled committed deleted deployed downloaded emailed executed installed measured
    merged pushed ran refunded saved sent tested uploaded""".split()
)
"""What nobody does by words alone."""
HAVING = frozenset(("been", "i've", "we've"))
"""Before the word for what was done."""
PUTTING_OFF = frozenset(("please", "once", "confirm"))
TESTED = frozenset("test check pytes verif lint unitt".split())
"""Roots of calls that check something."""


def reads(done: Done) -> bool:
    """Whether a call only looks at something, by the verb of its name."""
    return done.name.casefold().replace("-", "_").partition("_")[0] in READING


def failed(done: Done) -> bool:
    """Whether a call came back with an error, or with a text that begins as errors do."""
    start = (done.result or "").lstrip()[:60].casefold()
    return done.error is not None or start.startswith(("error", "traceback")) or "error:" in start or '"error"' in start


OFFERING = frozenset(("proceed", "confirm", "shall"))


def offers(said: Said) -> bool:
    """Whether a contribution asks for leave to do something."""
    if not OFFERING.isdisjoint(said.vocabulary):
        return True
    return "would" in said.vocabulary and "would you like me" in said.text.casefold()


def gives_leave(said: Said) -> bool:
    """Whether a reply accepts what was offered."""
    words = said.words
    pairs = [f"{first}-{second}" for first, second in pairwise(words[:13])]
    return NO.isdisjoint(words[:6]) and (not YES.isdisjoint(words[:3]) or not LEAVE.isdisjoint(pairs))


def refuses(said: Said) -> bool:
    """Whether a reply says that something cannot be done."""
    if not REFUSAL.isdisjoint(said.vocabulary):
        return True
    if "not" not in said.vocabulary or NOT.isdisjoint(said.vocabulary):
        return False
    return any(first == "not" and second in NOT for first, second in pairwise(said.words))


def puts_off(said: Said) -> bool:
    """Whether a reply asks back, or says what it waits for."""
    return said.speech.ask > 0 or not PUTTING_OFF.isdisjoint(said.vocabulary)


def says_done(said: Said) -> bool:
    """Whether a text says that something has been done."""
    if "successfully" in said.vocabulary:
        return True
    return not HAVING.isdisjoint(said.vocabulary) and any(
        first in HAVING and (second.endswith("ed") or second in ("done", "sent", "made"))
        for first, second in pairwise(said.words)
    )


def says_did(said: Said) -> str:
    """What the author says that it did, of what needs a tool; empty where it says nothing of the kind."""
    if DEEDS.isdisjoint(said.vocabulary) and "tests" not in said.vocabulary:
        return ""
    for first, second in pairwise(said.words):
        if first in ("i", "i've", "we", "we've") and second in DEEDS:
            return second
        if first == "tests" and second in ("pass", "passed", "passing"):
            return first
    return ""
