"""Agents that stand apart in words alone: each ends by saying its own again, and takes up nothing of another's."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from agentmesh.messages import USER
from agentmesh.monitors.signals import Said

AGENTS = 32
ROOT = 5
"""Letters of a word that count."""
AGAIN = 0.5
"""Share of the words of a contribution, its author's own from before, from which it only says the same again."""
EVENTS = 16
"""Contributions of an agent that a finding names."""
OWN = 3
"""Contributions of an agent that are remembered, before its latest."""


@dataclass(slots=True)
class _Voice:
    """What an agent said last, and before."""

    last: frozenset[str]
    fresh: bool
    """Whether its latest contribution brought a number or a name that was new, or a deed."""
    events: deque[int]
    before: deque[frozenset[str]] = field(default_factory=lambda: deque(maxlen=OWN))


class Standoff:
    """What each agent said of late."""

    def __init__(self) -> None:
        self._voices: dict[str, _Voice] = {}

    def heard(self, said: Said) -> None:
        """Take in a contribution to peers."""
        if said.recipients == [USER]:
            return
        voice, fresh = self._voices.get(said.agent), bool(said.new_units or said.deeds)
        if voice is not None:
            voice.before.append(voice.last)
            voice.last, voice.fresh = said.content, fresh
            voice.events.append(said.event)
        elif len(self._voices) < AGENTS:
            self._voices[said.agent] = _Voice(said.content, fresh, deque([said.event], maxlen=EVENTS))

    def settle(self) -> None:
        """Something else decided."""
        self._voices.clear()

    def stuck(self) -> tuple[float, tuple[str, ...], tuple[int, ...]]:
        """The share of agents that end by saying their own again, and who they are; nothing for one.

        And the events in which all were heard: whose words are nobody else's depends on what everybody said.
        """
        talking = {name: voice for name, voice in self._voices.items() if voice.last}
        roots = {name: _roots([voice.last]) for name, voice in talking.items()}
        said = Counter(root for words in roots.values() for root in words)
        stuck = [name for name, voice in talking.items() if _is_stuck(voice, roots[name], said)]
        if len(stuck) < 2:
            return 0.0, (), ()
        return (
            len(stuck) / len(talking),
            tuple(stuck),
            tuple(sorted(e for voice in talking.values() for e in voice.events)),
        )


def _is_stuck(voice: _Voice, last: frozenset[str], said: Counter[str]) -> bool:
    if voice.fresh or not voice.before:
        return False
    again = last & _roots(voice.before)
    return len(again) >= AGAIN * len(last) and any(said[root] == 1 for root in again)


def _roots(texts: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset(word[:ROOT] for words in texts for word in words)
