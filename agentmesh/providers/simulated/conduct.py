"""How an agent goes about a turn: with care or not, on its own feet or not, and how loud it and others are.

A lazy turn does no more than it must: no tool, no second look, nothing that shows how a value was found. A turn that
gives in takes over what peers say. Each is drawn once for a turn; a request to show the work may cure both.
"""

from __future__ import annotations

import re

from agentmesh.providers.simulated.reading import Block, Own, Reading
from agentmesh.providers.simulated.sheets import sheets
from agentmesh.providers.simulated.skill import Mind

_ASKED = re.compile(
    r"\b(?:evidence|anew|afresh|alone|on your own|by yourself|independent(?:ly)?|step by step|recompute|"
    r"comput(?:e|ing) again|shows? (?:your|how|that))\b",
    re.IGNORECASE,
)
"""Words by which somebody wants more than an answer."""
_SHOWN = re.compile(r"\bstep by step\b|\bthen -?\d|\bcalculator\b|^evidence:[ \t]*\S", re.IGNORECASE | re.MULTILINE)
"""Words by which a peer shows how it computed."""
_CONVICTION = ("definitely", "undoubtedly", "certainly")
_CONVINCED = re.compile(rf"\b(?:{'|'.join(_CONVICTION)})\b", re.IGNORECASE)


def is_lazy(reading: Reading, mind: Mind) -> bool:
    """Whether this turn does no more than it must. Peers who show no work make it likelier."""
    profile = mind.profile
    if not (profile.laziness or profile.contagion):
        return False
    chance = profile.laziness + profile.contagion * (1 - profile.laziness) * _idle_peers(reading)
    return mind.draw(reading.name, _turn(reading), "lazy") < chance and not heeds(reading, mind)


def gives_in(reading: Reading, mind: Mind) -> bool:
    """Whether this turn takes over what peers say."""
    sycophancy = mind.profile.sycophancy
    return sycophancy > 0 and mind.draw(reading.name, _turn(reading), "gives in") < sycophancy


def heeds(reading: Reading, mind: Mind) -> bool:
    """Whether it lets itself be moved to compute with care: each request is another chance, and works for good."""
    if not mind.profile.heeds:
        return False
    asked = _requests(reading)
    # In a fresh context it does not know what it was asked before: another request is another chance all the same.
    chances = ((text, asked[:at].count(text)) for at, text in enumerate(asked))
    return any(mind.draw(reading.name, "asked", *chance) < mind.profile.heeds for chance in chances)


def conviction(reading: Reading, mind: Mind) -> str:
    """The words of conviction with which this turn gives its value; empty for who has none."""
    words = [word for word in _CONVICTION if mind.draw(reading.name, _turn(reading), word) < mind.profile.persuasion]
    return f"That is {', '.join(words)} right." if words else ""


def voices(reading: Reading) -> dict[str, int]:
    """As how many each other agent counts, where it counts for more than one: by the conviction of its last words."""
    latest = {name: said for sheet in sheets(reading).values() for name, said in sheet.said.items()}
    latest |= {block.sender: block.text for block in _peers(reading)}
    loud = {name: len({word.lower() for word in _CONVINCED.findall(text)}) for name, text in latest.items()}
    return {name: 1 + words for name, words in loud.items() if words}


def _idle_peers(reading: Reading) -> float:
    """The share of the other agents whose last words show no work."""
    latest = {block.sender: block.text for block in _peers(reading) if block.kind != "task"}
    return sum(not _SHOWN.search(text) for text in latest.values()) / max(len(latest), 1)


def _peers(reading: Reading) -> list[Block]:
    return [block for block in reading.messages if block is not reading.task]


def _requests(reading: Reading) -> list[str]:
    """By what it was asked for more than an answer, or was shown how a peer computed."""
    blocks = [item for item in reading.items if isinstance(item, Block) and item is not reading.task]
    asked = [block.text for block in blocks if block.notice and _ASKED.search(block.text)]
    return asked + [block.text for block in blocks if _SHOWN.search(block.text) and block.arithmetic.equations]


def _turn(reading: Reading) -> tuple[int, str]:
    """How many replies the agent had given when this turn began, and to what: a turn goes about it in one way."""
    task = reading.task or next(iter(reading.messages), None)
    return reading.replies - sum(isinstance(item, Own) for item in reading.turn), task.text if task else ""
