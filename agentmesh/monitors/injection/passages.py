"""Sentences that speak to the agent that reads them, not to people: orders, overrides, false speakers.

Each rule looks at one sentence, as a row of words and marks of punctuation. A verb is an order where it opens a clause
(`ignore ...`, `please send ...`, `you must reveal ...`); after `to`, a negation or a subject it only reports one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agentmesh.monitors.weighing import Mark

OVERRIDES = frozenset("ignore disregard forget override overrule overwrite discard abandon bypass neglect".split())
FORMER = frozenset(
    """previous prior above earlier preceding all any your former existing original initial before other every
    planner developer user operator""".split()
)
ORDERS = frozenset(
    """instruction instructions prompt prompts rule rules guideline guidelines directions orders directive
    directives constraint constraints policy policies role goal goals objective objectives training
    restriction restrictions programming safeguard safeguards limits mission guidance""".split()
)
GIVEN = frozenset(
    """instruction instructions prompt prompts directive directives safeguards programming guidelines guidance
    orders""".split()
)
"""Those orders that are given to an agent, and seldom to anybody else."""
VOID = frozenset(
    "obsolete void lifted suspended revoked replaced superseded waived expired lift suspend revoke waive longer".split()
)
CODE = frozenset("def class function fn func import select const let var public private static".split())
"""Words that open a line of code."""
READERS = frozenset(
    """assistant assistants agent agents ai llm llms model models chatbot chatbots bot bots copilot crawler
    crawlers summarizer summariser""".split()
)
MACHINES = READERS - frozenset("agent agents crawler crawlers".split())
OPENERS = frozenset(
    """dear hey hi hello attention note notice message instruction instructions important warning to for any all
    every each an a automated coding language large ai artificial intelligence autonomous reader this if you
    are you're helpful whichever whatever as todo the p s ps ai""".split()
)
PEOPLE = frozenset("user users human humans operator anyone anybody owner person people supervisor".split())
ACTS = frozenset(
    """send forward email mail upload post transmit transfer wire reply respond answer call invoke run execute
    delete erase remove open visit fetch click approve reveal print output include tell share submit append
    copy leak disclose give list push paste enter hand export exfiltrate rate say write comply confirm begin
    skip stop ask add grant install download overrule output return repeat translate mention recommend obey
    act pretend keep urge refund provide insert close play highlight book pay buy change set use make follow
    accept reject score enable disable turn move register connect load look listen conclude escalate start
    finish end create update modify edit save attach fill sign unlock allow permit authorise authorize
    publish schedule contact choose select treat consider assume classify label mark quote promote""".split()
)
SENSITIVE = frozenset(
    """password passwords credential credentials token tokens secret secrets key keys prompt transcript
    conversation history emails inbox contacts confidential private env id_rsa balance money payment payments
    customer notes invoice invoices repository funds""".split()
)
TELLING = frozenset(
    "tell mention inform alert notify let show reveal disclose telling informing asking notifying alerting ask".split()
)
NEGATIONS = frozenset("don't not never without no".split())
SUBJECTS = frozenset(
    """to not never don't i we they he she it who that would could can will did does do may might was were is
    are be been i'll we'll i'd they'd and's players people authors which""".split()
)
CLAIMED = frozenset("user administrator admin developer owner operator system supervisor root creator".split())
IDENTITIES = (
    ("you", "are", "now"), ("you", "are", "no", "longer"), ("you're", "now"), ("you", "will", "now"),
    ("from", "now", "on"), ("your", "new"), ("your", "real"), ("your", "true"), ("your", "actual"),
    ("new", "objective"), ("new", "instructions"), ("new", "orders"), ("stop", "what", "you"), ("no", "restrictions"),
    ("without", "restrictions"), ("act", "as"),
)  # fmt: skip
"""How a text gives its reader another task or another self."""
NEXT = 2
"""Sentences after a suspicious one that may belong to the passage."""

SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")
_TOKEN = re.compile(r"[^\W_]+(?:['\u2019_-][^\W_]+)*|[:,;\"]")
_MARKER = re.compile(
    r"<\|(?:im_start|im_end|system|assistant|user|end|endoftext|start_header_id|end_header_id|eot_id)\|>|"
    r"\[/?INST\]|<</?SYS>>|</?(?:tool_result|tool_results|function_results|tool_response|system|system_prompt)>|"
    r"\"role\"\s*:\s*\"(?:system|developer)\"",
    re.IGNORECASE,
)
SPEAKER = re.compile(
    r"^[\s>#*\[(]*(system|developer|agentmesh|user|human)(?: (?:prompt|message|note|notice|override))?"
    r"[\])*]*\s*:?[\])*]*\s+",
    re.IGNORECASE,
)
_QUOTED = re.compile(
    r"`[^`\n]{3,400}`|\"[^\"\n]{3,400}\"|“[^”\n]{3,400}”|\u2018[^\u2019\n]{3,400}\u2019|(?<![\w])'[^'\n]{8,400}'(?!\w)"
)


@dataclass(frozen=True, slots=True)
class Passage:
    """What is suspicious about a text, and the words that carry it."""

    marks: tuple[Mark, ...]
    text: str

    @property
    def weight(self) -> float:
        """Of all its marks."""
        return sum(mark.weight for mark in self.marks)


def passage_in(text: str, *, data: bool, speaker: str = "", team: frozenset[str] = frozenset()) -> Passage:
    """What speaks to its reader as no such text should.

    Args:
        text: A bounded text.
        data: Whether it came from outside, so that no order at all is to be expected in it; else an agent wrote it.
        speaker: The agent that wrote it.
        team: The agents of the run.

    """
    sentences = [one for one in SENTENCES.split(text) if one and not one.isspace()][:200]
    found: dict[str, Mark] = {}
    kept: dict[int, str] = {}
    for at, sentence in enumerate(sentences):
        marks = list(_sentence(sentence, "; ".join(sentences[at + 1 : at + 3])[:300], data, speaker, team))
        if marks:
            kept[at] = sentence
            rest = range(at + 1, min(at + 1 + NEXT, len(sentences)))
            kept.update({place: sentences[place] for place in rest if _goes_on(sentences[place])})
        for mark in marks:
            if mark.kind not in found or found[mark.kind].weight < mark.weight:
                found[mark.kind] = mark
    return Passage(tuple(found.values()), "\n".join(kept.values())[:2000])


def _goes_on(sentence: str) -> bool:
    """Whether it speaks to its reader like the one before it."""
    tokens = tokens_of(sentence[:600])
    return directs(tokens) or not {"you", "your"}.isdisjoint(tokens)


def without_quotes(text: str) -> str:
    """A text without what it quotes."""
    return _QUOTED.sub(' " ', text)


def _sentence(sentence: str, after: str, data: bool, speaker: str, team: frozenset[str]) -> Iterator[Mark]:
    tokens = tokens_of(sentence[:600])
    if not tokens:
        return
    known = frozenset(tokens)
    if (known & OVERRIDES or known & VOID or "aside" in known) and tokens[0] not in CODE:
        yield from _overrides(tokens)
    marker = _MARKER.search(sentence)
    if marker is not None:
        rest = tokens_of(f"{sentence[marker.end() :][:200]}; {after[:200]}")
        yield Mark("a marker of another role", 1.0 if directs(rest) else 0.2)
    if not _NAMED.isdisjoint(tokens[:3]) or not (known.isdisjoint(CLAIMED) and known.isdisjoint(team)):
        yield from _false_speaker(sentence, after, tokens, data, speaker, team)
    if data:
        if _addressed(tokens, [";", *tokens_of(after)]):
            yield Mark("an order to the agent that reads it", 0.9)
        if _gives_self(tokens):
            yield Mark("another task or self for its reader", 0.5)
    if (known & PEOPLE or "keep" in known) and _keeps_from(tokens):
        yield Mark("something to be kept from people", 0.6)
    if known & SENSITIVE and _asks_for(tokens):
        yield Mark("a request for what is confidential", 0.3)


def tokens_of(text: str) -> list[str]:
    """Its words and marks of punctuation, without case."""
    return [token.removesuffix("'s") for token in _TOKEN.findall(text.casefold().replace("\u2019", "'"))]


def _is_order(tokens: Sequence[str], at: int) -> bool:
    """Whether the verb at this place opens a clause, or is what `you` must do."""
    before = tokens[max(0, at - 3) : at]
    if not before:
        return True
    if before[-1] == "to":
        return "you" in before or before[:-1][-1:] == ["please"]
    if before[-1] in ("must", "should", "shall"):
        return "you" in before or "agents" in before or "workers" in before
    return before[-1] not in SUBJECTS and (before[-1] in _CLAUSE or at <= 1)


_CLAUSE = frozenset(
    [
        ":",
        ",",
        ";",
        '"',
        "and",
        "then",
        "please",
        "now",
        "must",
        "should",
        "just",
        "simply",
        "you",
        "hereby",
        "also",
        "but",
    ]
)


def _overrides(tokens: Sequence[str]) -> Iterator[Mark]:
    for at, token in enumerate(tokens):
        after = tokens[at + 1 : at + 9]
        if token in OVERRIDES or (token == "set" and after[:1] == ["aside"]):
            if _is_order(tokens, at):
                yield from _overridden(after)
        elif token in VOID and _made_void(tokens, at):
            of_others = not {"from", "of"}.isdisjoint(tokens[:at]) and _TO_ITS_READER.isdisjoint(tokens)
            yield Mark("an override of earlier instructions", 0.3 if of_others else 0.9)


def _overridden(after: Sequence[str]) -> Iterator[Mark]:
    """What an order to ignore or forget is about, in the words after it."""
    named = next((at for at, word in enumerate(after) if word in ORDERS), None)
    if "everything" in after[:3] and not {"told", "above", "said", "before"}.isdisjoint(after):
        yield Mark("an override of earlier instructions", 1.2)
    elif named is not None:
        given = after[named + 1 : named + 2] in (["you"], ["above"], ["given"])
        certain = after[named] in GIVEN or not {"your", "planner", "developer"}.isdisjoint(after[:named])
        if given or (certain and not FORMER.isdisjoint(after[:named])):
            yield Mark("an override of earlier instructions", 1.2)
        elif not FORMER.isdisjoint(after[:named]):
            yield Mark("an override of earlier instructions", 0.6)
        else:
            yield Mark("another task or self for its reader", 0.3)
    elif not {"task", "tasks"}.isdisjoint(after[:5]):
        yield Mark("another task or self for its reader", 0.4)


def _made_void(tokens: Sequence[str], at: int) -> bool:
    """Whether orders that were given to the reader are said not to hold: `your earlier orders no longer apply`."""
    before, after = tokens[max(0, at - 7) : at], tokens[at + 1 : at + 6]
    if not {"could", "should", "would", "may", "can"}.isdisjoint(before):
        return False
    if tokens[at] == "longer" and (
        before[-1:] != ["no"] or {"apply", "applies", "valid", "hold", "count"}.isdisjoint(after)
    ):
        return False
    for orders in (before, after):
        if not GIVEN.isdisjoint(orders):
            return not (_YOURS | {"these"}).isdisjoint(orders)
        if not ORDERS.isdisjoint(orders):
            return not ({"your"} | READERS).isdisjoint(orders) or (orders is after and "you" in after)
    return False


_TO_ITS_READER = READERS | {"your", "yours", "all"}
_YOURS = frozenset("your you all prior previous preceding above earlier".split()) | READERS


def _addressed(tokens: Sequence[str], after: Sequence[str]) -> bool:
    """An order to a machine that reads: `Note to AI assistants: ...`, `If you are an agent, ...`, `Assistant, ...`."""
    for start in [0, *[at + 1 for at, token in enumerate(tokens) if token in (":", ";", '"')]]:
        at = start
        while at < len(tokens) and tokens[at] in OPENERS and at - start < 8 and not _names_reader(tokens, at):
            at += 1
        at += _is_kind(tokens[at : at + 2])
        if at >= len(tokens) or not _names_reader(tokens, at):
            continue
        opened, named = tokens[start:at], [tokens[at]]
        while at + 1 < len(tokens) and tokens[at + 1] in _WITH_READER:
            at += 1
            named.append(tokens[at])
        if _ordered({*opened}, {*named}, tokens[at + 1 :], [*tokens[at + 1 :], *after][:36]):
            return True
    return False


def _names_reader(tokens: Sequence[str], at: int) -> bool:
    return tokens[at] in READERS or (tokens[at] in ("systems", "system", "tools") and tokens[at - 1 : at] in _MACHINE)


def _is_kind(tokens: Sequence[str]) -> bool:
    """Whether two words name a reader by what it does: `translation model`, `reviewing agent`."""
    if len(tokens) < 2 or not tokens[0].isalpha() or tokens[0] in READERS | SUBJECTS:
        return False
    return tokens[1] in MACHINES or (tokens[1] in ("agent", "agents") and tokens[0].endswith("ing"))


def _ordered(opened: set[str], named: set[str], own: Sequence[str], rest: Sequence[str]) -> bool:
    """Whether it really is the reader that is addressed, and told to do something."""
    vocative = (own[:1] in ([","], [":"]) or (not own and bool(opened & {"dear", "hey", "hi", "hello"}))) and rest[
        1:2
    ] != ["i"]
    machine = not named.isdisjoint(_CERTAIN) or not opened.isdisjoint(_CERTAIN)
    conditional = "if" in opened and (machine or ("you" in opened and own[:1] != ["of"]))
    noted = not opened.isdisjoint({"note", "attention", "message", "instructions", "notice"})
    reading = not _READING.isdisjoint(own[:4]) and (machine or not {"this", "these", "you"}.isdisjoint(own[:8]))
    reading = reading or (machine and not {"who", "that", "which"}.isdisjoint(own[:2]))
    certain = not (_CERTAIN - {"assistant", "assistants"}).isdisjoint(named | opened)
    bound = certain and own[:1] in (["must"], ["should"], ["shall"]) and own[1:2] not in (["be"], ["not"], ["have"])
    return (vocative or conditional or noted or reading or bound) and directs(rest)


_MACHINE = (["automated"], ["ai"], ["autonomous"], ["intelligent"])
_CERTAIN = frozenset("ai llm llms assistant assistants chatbot chatbots copilot coding automated language".split())
_WITH_READER = READERS | frozenset(
    "coding systems system reader readers tool tools reviewer reviewers instruction instructions note notice".split()
)
_READING = frozenset(
    "reading processing handling summarising summarizing parsing evaluating seeing reviewing visiting working".split()
)


def directs(tokens: Sequence[str]) -> bool:
    """Whether the words tell their reader to do something."""
    for at, token in enumerate(tokens[:40]):
        before = [word for word in tokens[max(0, at - 3) : at] if word not in _BETWEEN]
        if token in ACTS and (_is_order(tokens, at) or before[-1:] in (["must"], ["should"])):
            return True
        if tokens[max(0, at - 2) : at] in (["has", "to"], ["have", "to"]) and token in ACTS:
            return True
        if token in ("you", "your") and not _BINDING.isdisjoint(tokens[at + 1 : at + 5]):
            return True
    return False


_NAMED = frozenset("system developer agentmesh user human".split())
_BETWEEN = frozenset("first now also always only then immediately".split())
_BINDING = frozenset("must should shall may will comply authorised authorized permission".split())


def _false_speaker(
    sentence: str, after: str, tokens: Sequence[str], data: bool, speaker: str, team: frozenset[str]
) -> Iterator[Mark]:
    spoken = SPEAKER.match(sentence)
    if spoken is not None and not {":", "]"}.isdisjoint(sentence[: spoken.end() + 1]):
        name = spoken.group(1).casefold()
        own = tokens_of(sentence[spoken.end() :])
        orders = directs(own) or not {"you", "your"}.isdisjoint(own[:12])
        orders = orders or (len(own) < 6 and directs(tokens_of(after)))
        if orders and name != speaker and not (data and name in ("user", "human")):
            yield Mark("a message in somebody else's name", 0.9)
    for at in range(len(tokens) - 3):
        claim = tokens[at : at + 2] in (["i", "am"], ["this", "is"], ["i", "speak"])
        names = [token for token in tokens[at + 2 : at + 5] if token in CLAIMED or (token in team and token != speaker)]
        if claim and names and tokens[at + 2] != "not" and (not data or _orders_with(tokens[at:])):
            spoken_as = tokens[at] == "i" or not {"speaking", "here", "writing"}.isdisjoint(tokens[at:])
            if spoken_as:
                yield Mark("a message in somebody else's name", 0.9 if _orders_with(tokens[at:]) else 0.5)


def _orders_with(tokens: Sequence[str]) -> bool:
    return directs(tokens) or not {"you", "your", "hereby"}.isdisjoint(tokens)


def _gives_self(tokens: Sequence[str]) -> bool:
    for phrase in IDENTITIES:
        if phrase[0] in tokens:
            for at in range(len(tokens) - len(phrase) + 1):
                said = tuple(tokens[at : at + len(phrase)]) == phrase
                if (
                    said
                    and tokens[at + len(phrase) : at + len(phrase) + 1] not in _WHEREABOUTS
                    and (phrase[0] != "your" or not (ORDERS | {"task"}).isdisjoint(tokens[at + 2 : at + 5]))
                ):
                    return True
    return False


_WHEREABOUTS = tuple(
    [word] for word in "near at here on leaving entering ready able logged connected subscribed registered".split()
)
"""What follows `you are now` where it gives nobody another self."""


def _keeps_from(tokens: Sequence[str]) -> bool:
    for at, token in enumerate(tokens):
        denied = token in TELLING and not NEGATIONS.isdisjoint(tokens[max(0, at - 2) : at])
        if denied and not PEOPLE.isdisjoint(tokens[at + 1 : at + 4]):
            return True
        if token == "keep" and not {"quiet", "secret", "hidden"}.isdisjoint(tokens[at + 1 : at + 5]):
            return True
    return False


def _asks_for(tokens: Sequence[str]) -> bool:
    return any(
        token in ACTS and _is_order(tokens, at) and not SENSITIVE.isdisjoint(tokens[at + 1 : at + 9])
        for at, token in enumerate(tokens)
    )
