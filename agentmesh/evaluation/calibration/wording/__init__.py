"""How agents of simulated runs put things: two halves that say the same and share no word that carries content."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from types import MappingProxyType

from agentmesh.evaluation.calibration.runs import Half
from agentmesh.evaluation.calibration.wording.grammar import Grammar, content_words, expand, substituted
from agentmesh.evaluation.calibration.wording.half_a import HALF_A
from agentmesh.evaluation.calibration.wording.half_b import HALF_B
from agentmesh.evaluation.calibration.wording.substitutes import SUBSTITUTES

HALVES: Mapping[Half, Grammar] = MappingProxyType({"a": HALF_A, "b": substituted(HALF_B, SUBSTITUTES)})

__all__ = ["HALVES", "Wording", "vocabulary"]


class Wording:
    """Draws sentences of one half."""

    def __init__(self, half: Half, rng: Random) -> None:
        self._grammar = HALVES[half]
        self._rng = rng
        self._latest: dict[str, str] = {}

    def __call__(self, act: str, **slots: str) -> str:
        """A sentence that does this; in another form than the last one that did."""
        forms = [form for form in self._grammar[act] if form != self._latest.get(act)]
        self._latest[act] = form = self._rng.choice(forms)
        return expand(form, self._rng, slots)


def vocabulary(half: Half) -> frozenset[str]:
    """The words that carry content in one half of the wordings."""
    return content_words(form for forms in HALVES[half].values() for form in forms)
