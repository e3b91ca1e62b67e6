"""The two halves of the wordings share no word of content, and the second none with any list of the monitors."""

from __future__ import annotations

import itertools
import pkgutil
import re
import sys
import types
from collections.abc import Iterator, Mapping, Set
from importlib import import_module
from random import Random
from typing import Any

import pytest

from agentmesh import monitors
from agentmesh.evaluation.calibration.topics import TOPICS, found
from agentmesh.evaluation.calibration.wording import HALVES, Wording, vocabulary
from agentmesh.evaluation.calibration.wording.grammar import content_words, expand, substituted
from agentmesh.evaluation.calibration.wording.stopwords import STOPWORDS

SLOT = re.compile(r"\{(\w+)\}")
LONGEST_PHRASE = 6
"""Words of an entry of a word list; what is longer is a sentence for people."""
ENDINGS = ("ing", "ed", "es", "s", "ly")


def stem(word: str) -> str:
    """A word without its ending, so that `agree` and `agreed` are one."""
    word = word.removesuffix("'s")
    return next((word.removesuffix(end) for end in ENDINGS if word.endswith(end) and len(word) > len(end) + 3), word)


def strings(value: Any) -> Iterator[str]:
    """Every string in a word list, however it is nested; of a pattern its literal text."""
    match value:
        case str():
            yield value
        case re.Pattern():
            yield re.sub(r"\\[bBwWsSdDnt]", " ", str(value.pattern))
        case Mapping():
            for key, entry in value.items():
                yield from strings(key)
                yield from strings(entry)
        case list() | tuple() | Set():
            for entry in value:
                yield from strings(entry)
        case _:
            pass


def lists_of(module: types.ModuleType, elsewhere: Set[int] = frozenset()) -> Iterator[tuple[str, frozenset[str]]]:
    """The word lists that a module declares: names, and the words of content in them.

    What it imports from `elsewhere` is not its own; identifiers are no words, and sentences no entries of a list.
    """
    for name, value in vars(module).items():
        if name.startswith("__") or id(value) in elsewhere:
            continue
        if isinstance(value, Mapping | Set | list | tuple):
            entries = (
                re.sub(r"\w*_\w*", " ", entry) for entry in strings(value) if len(entry.split()) <= LONGEST_PHRASE
            )
            yield f"{module.__name__}.{name}", content_words(entries)
        elif isinstance(value, re.Pattern):
            yield f"{module.__name__}.{name}", content_words(strings(value))


def monitors_lists() -> Iterator[tuple[str, frozenset[str]]]:
    for found_ in pkgutil.walk_packages(monitors.__path__, f"{monitors.__name__}."):
        import_module(found_.name)
    own = {name: module for name, module in sys.modules.items() if name.startswith(f"{monitors.__name__}.")}
    others = [module for name, module in list(sys.modules.items()) if name.startswith("agentmesh") and name not in own]
    elsewhere = frozenset(id(value) for module in others for value in vars(module).values())
    for module in own.values():
        yield from lists_of(module, elsewhere)


def test_the_halves_say_the_same_things_with_the_same_slots() -> None:
    a, b = HALVES["a"], HALVES["b"]
    assert a.keys() == b.keys()
    for act in a:
        assert set(SLOT.findall(" ".join(a[act]))) == set(SLOT.findall(" ".join(b[act]))) or act in LOOSE, act


LOOSE = frozenset(
    # One half names the peer, an item or a number where the other does not need to.
    "ask correct approve endorse praise escalate echo thanks yield_bare relay honest_edit sample_verdict commit".split()
)


def test_the_halves_share_no_word_of_content() -> None:
    a, b = vocabulary("a"), vocabulary("b")
    assert min(len(a), len(b)) > 200
    assert {stem(word) for word in a} & {stem(word) for word in b} == set()


def test_half_b_holds_no_word_of_any_list_in_the_monitors() -> None:
    ours, lists = vocabulary("b"), list(monitors_lists())
    assert sum(len(listed) for _, listed in lists) > 50, "the lists of the monitors were not found"
    shared = {word: [name for name, listed in lists if word in listed] for word in sorted(ours)}
    found_ = "\n".join(f"{word}: {', '.join(names)}" for word, names in shared.items() if names)
    assert not found_, f"these words of half b have to give way, in wording/half_b.py or substitutes.py:\n{found_}"


def test_word_lists_are_found_however_they_are_declared() -> None:
    module = types.ModuleType("planted")
    vars(module).update(
        A=frozenset({"splendid"}),
        B=("bravo now",),
        C={"praise": ["superb"]},
        D=re.compile(r"\b(?:kudos|hooray)\b"),
        E=7,
    )
    assert {word for _, words in lists_of(module) for word in words} >= {
        "splendid",
        "bravo",
        "superb",
        "kudos",
        "hooray",
    }


def test_a_word_that_has_to_give_way_is_replaced_everywhere() -> None:
    grammar = {"praise": ("Lovely stuff, a lovely [lovely|fine] gem",)}
    assert substituted(grammar, {"lovely": "fetching"}) == {
        "praise": ("fetching stuff, a fetching [fetching|fine] gem",)
    }


@pytest.mark.parametrize("half", ["a", "b"])
def test_every_form_can_be_said(half: Any) -> None:
    rng = Random(1)
    slots = dict.fromkeys(set(SLOT.findall(str(HALVES["a"]))) | set(SLOT.findall(str(HALVES["b"]))), "x")
    for act, forms in HALVES[half].items():
        for form in forms:
            said = expand(form, rng, slots)
            assert said
            assert not set(said) & set("[]{}|"), (act, said)


def test_no_form_is_used_twice_in_a_row() -> None:
    say = Wording("b", Random(2))
    said = [say("endorse", peer="ann") for _ in range(200)]
    assert all(one != other for one, other in itertools.pairwise(said))
    assert len(set(said)) > 5


def test_topics_take_no_side() -> None:
    """What all runs have in common, and half b is not measured by, expresses neither agreement nor an end of work."""
    told = content_words(
        text for topic in TOPICS for text in (topic.goal, *topic.items, *topic.facts, *topic.ideas, *topic.twists)
    )
    stance = content_words(
        form for act in ("endorse", "praise", "thanks", "stop_endorse", "idle") for form in HALVES["a"][act]
    )
    # A total, a point of a compass, and a place called rest are none, and are part of topics on purpose.
    assert told & stance == {"rest", "point", "total", "work"}


def test_what_was_found_stands_in_the_result_of_the_call() -> None:
    rng = Random(3)
    shared = 0
    for _ in range(200):
        topic = rng.choice(TOPICS)
        step = found(topic, rng.choice(topic.items), rng)
        numbers = set(re.findall(r"\d{2,}", step.fact)) - set(re.findall(r"\d+", step.item))
        shared += any(number in f"{step.call.arguments}{step.call.result}" for number in numbers)
    assert shared > 100


def test_the_stop_words_are_words_without_content() -> None:
    assert len(STOPWORDS) < 260
    assert not STOPWORDS & {"agree", "stop", "done", "rest", "great", "right", "good", "finish", "ignore"}
