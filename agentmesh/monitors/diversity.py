"""Diversity collapse: what agents contribute becomes alike, faster than evidence explains.

A round is what each agent contributed last, among the latest `window` contributions. For each new contribution of at
least four content words, s is its mean similarity to the others of its round: twice the content words that both have,
over those of one and those of the other; or with `embed` the cosine of its vectors. With `measure="vendi"` s is instead
(n - V) / (n - 1) of the whole round of n, where V = exp(-sum l ln l) over the eigenvalues l of K / n is the Vendi score
and K the similarities: from 0 if all differ to 1 if all are the same. The contribution weighs

    max(0, s - usual) / (1 - usual) (1 - shows)

where `usual` is how alike contributions to one subject are anyhow, and shows is 1 after a tool call, else the numbers,
names and quotes that nobody had mentioned, over 1 + words / 50. Weights add up to m, and the score is m / (m + 2). A
contribution with s below `usual` takes away up to half of m.

Not flagged: contributions that come together because of what was found out; short answers and votes; one agent that
repeats itself (see `progress`). Similarity is never read as agreement: vectors of "I agree" and "I do not agree" are
alike, so no other monitor looks at them.

Source: Vendi score, arXiv 2210.02410; diversity collapse in teams, arXiv 2604.18005. The weight for evidence, and words
in place of embeddings, are this project's.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module, util
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from agentmesh.config.programs import STATIC_MODEL
from agentmesh.errors import MissingExtra
from agentmesh.events import Event
from agentmesh.messages import USER, Finding
from agentmesh.monitors.base import Reader
from agentmesh.monitors.signals import Said

Vectors = Sequence[Sequence[float]]
Embed = Callable[[list[str]], Vectors]
Measure = Literal["pairwise", "vendi"]
EVIDENCE = 64
"""Events that a finding names at most."""

_ON_THE_HUB = re.compile(r"[\w-][\w.-]*/[\w.-]+")
"""Names of models that model2vec may download."""
_BRIEF = 4
"""Content words below which likeness says nothing."""
_HALF = 2.0
"""Weight at which the score is one half."""
_NOTICED = 0.2
"""Lower scores are no finding under any threshold."""


def vendi_score(similarities: Sequence[Sequence[float]]) -> float:
    """How many different things there are: from 1, if all are the same, to their number. 0 for none.

    `similarities`: a symmetric matrix, positive semidefinite, with ones on its diagonal.
    """
    if not len(similarities):
        return 0.0
    numpy = _numpy()
    values = numpy.linalg.eigvalsh(numpy.asarray(similarities, dtype=float) / len(similarities))
    return math.exp(-sum(value * math.log(value) for value in values.tolist() if value > 1e-12))


class _Part(NamedTuple):
    """What is kept of a contribution."""

    agent: str
    event: int
    content: frozenset[str]
    vector: Sequence[float] | None

    def like(self, other: _Part) -> float:
        if self.vector is not None and other.vector is not None:
            return _cosine(self.vector, other.vector)
        return 2 * len(self.content & other.content) / (len(self.content) + len(other.content))


class Diversity(Reader):
    """Contributions that become alike, faster than evidence explains."""

    labels: ClassVar[tuple[str, ...]] = ("diversity_collapse",)
    thresholds: ClassVar[Mapping[str, float]] = {"diversity_collapse": 0.5}
    cost: ClassVar[str] = "compares the content words of the latest contributions"
    others = frozenset[type[Event]]()

    def __init__(
        self, *, window: int = 12, usual: float = 0.3, measure: Measure = "pairwise", embed: Embed | str | None = None
    ) -> None:
        super().__init__()
        _check(window, usual, measure)
        self._usual, self._measure, self._embed = usual, measure, _embedding(embed)
        self._recent: deque[_Part] = deque(maxlen=window)
        self._events: deque[int] = deque(maxlen=EVIDENCE)
        self._mass = 0.0

    def said(self, said: Said) -> Iterator[Finding]:
        """A contribution, beside what each other agent contributed last."""
        if said.outside or said.recipients == [USER] or len(said.content) < _BRIEF:
            return
        vector = self._embed([said.text])[0] if self._embed else None
        part = _Part(said.agent, said.event, said.content, vector)
        shows = 1.0 if said.deeds else min(1.0, len(said.new_units) / (1 + len(said.words) / 50))
        # All evidence, and nothing to take away: however alike they are, it changes nothing.
        others = self._others(said.agent) if shows < 1 or self._mass else []
        self._recent.append(part)
        if others and self._weighs(shows, part, others):
            self._events.append(said.event)
            score = self._mass / (self._mass + _HALF)
            self.scores["diversity_collapse"] = max(self.scores["diversity_collapse"], score)
            if score >= _NOTICED:
                yield self._finding(score, [said.agent, *(other.agent for other in others)])

    def _others(self, agent: str) -> list[_Part]:
        """What each other agent contributed last."""
        return list({other.agent: other for other in self._recent if other.agent != agent}.values())

    def _alike(self, part: _Part, others: Sequence[_Part]) -> float:
        if self._measure == "pairwise":
            return sum(map(part.like, others)) / len(others)
        parts = [part, *others]
        score = vendi_score([[1.0 if one is two else one.like(two) for two in parts] for one in parts])
        return (len(parts) - score) / (len(parts) - 1)

    def _weighs(self, shows: float, part: _Part, others: Sequence[_Part]) -> bool:
        """Whether the contribution adds to the collapse."""
        alike = self._alike(part, others)
        if alike < self._usual:
            self._mass *= 0.5 + 0.5 * max(0.0, alike) / self._usual
            return False
        weight = (alike - self._usual) / (1 - self._usual) * (1 - shows)
        self._mass += weight
        return weight > 0

    def _finding(self, score: float, agents: Sequence[str]) -> Finding:
        return Finding(
            label="diversity_collapse",
            score=score,
            agents=tuple(agents),
            evidence=tuple(self._events),
            why=f"what {' and '.join(agents)} contribute is alike, and no evidence brought it together",
        )


def _check(window: int, usual: float, measure: str) -> None:
    if window < 2:
        raise ValueError(f"'window' is {window}; it is a number of contributions, at least 2")
    if not 0 <= usual < 1:
        raise ValueError(f"'usual' is {usual}; it is a similarity, from 0 to below 1")
    if measure not in ("pairwise", "vendi"):
        raise ValueError(f"'measure' is '{measure}'; it may be: pairwise, vendi")
    if measure == "vendi":
        _numpy()


def _embedding(embed: Embed | str | None) -> Embed | None:
    """What makes vectors of texts, if anything does. A model is read when the first text comes."""
    if embed is None or callable(embed):
        return embed
    prefix, model = embed[: len(STATIC_MODEL)], embed[len(STATIC_MODEL) :]
    if prefix != STATIC_MODEL or not model:
        raise ValueError(
            f"'embed' is '{embed}'; it is {STATIC_MODEL}FOLDER, or a function from texts to vectors, which a team file "
            "names as package.module:function"
        )
    if not Path(model).is_dir() and not _ON_THE_HUB.fullmatch(model):
        raise ValueError(f"'embed' is '{embed}', and there is no folder '{model}'")
    if util.find_spec("model2vec") is None:
        raise MissingExtra(f"embed: {STATIC_MODEL}", "embeddings")
    return lambda texts: _static_model(model).encode(texts).tolist()


@cache
def _static_model(name: str) -> Any:
    """One for all runs of a process."""
    return import_module("model2vec").StaticModel.from_pretrained(name, force_download=False)


def _numpy() -> Any:
    try:
        return import_module("numpy")
    except ImportError as error:
        raise MissingExtra("the Vendi score", "evaluation") from error


def _cosine(one: Sequence[float], two: Sequence[float]) -> float:
    lengths = math.hypot(*one) * math.hypot(*two)
    return float(sum(a * b for a, b in zip(one, two, strict=True)) / lengths) if lengths else 0.0
