"""Messages as an agent with noise takes them in: figures of other agents may be read as others."""

from __future__ import annotations

import re
from dataclasses import replace

from agentmesh.messages import USER
from agentmesh.providers.simulated.reading import Block, Item, Reading
from agentmesh.providers.simulated.skill import Mind

_TASK = "task"
_FIGURE = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w%]|\.\d)")


def misread(reading: Reading, mind: Mind) -> Reading:
    """The reading with each figure in another agent's message misread by the chance of `noise`, always in one way.

    What the user and the run say, and a task that it was given to do, stands at the beginning and is read again and
    again; it is read right.
    """
    if not mind.profile.noise:
        return reading
    return replace(reading, items=tuple(_heard(item, mind) for item in reading.items))


def _heard(item: Item, mind: Mind) -> Item:
    if not isinstance(item, Block) or item.notice or item.sender == USER or item.kind == _TASK:
        return item
    return replace(item, text=_garbled(item.text, item, mind), position=_garbled(item.position, item, mind))


def _garbled(text: str, block: Block, mind: Mind) -> str:
    def read(figure: re.Match[str]) -> str:
        # By what is before it: a figure that is said again in the same message is read once.
        about = (mind.name, "misread", block.sender, block.text, figure.group())
        return _another(figure.group(), mind, about) if mind.draw(*about) < mind.profile.noise else figure.group()

    return _FIGURE.sub(read, text)


def _another(figure: str, mind: Mind, about: tuple[object, ...]) -> str:
    """A figure with one digit read as another."""
    places = [place for place, character in enumerate(figure) if character.isdigit()]
    place = places[int(mind.draw(*about, "place") * len(places))]
    others = [digit for digit in "0123456789" if digit != figure[place] and (digit != "0" or place or len(figure) == 1)]
    return figure[:place] + others[int(mind.draw(*about, "digit") * len(others))] + figure[place + 1 :]
