"""What model calls cost at most, those beside the agents of a team included."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol


class PriceLike(Protocol):
    """USD per million tokens."""

    @property
    def input(self) -> float: ...
    @property
    def output(self) -> float: ...


@dataclass(frozen=True)
class Checks:
    """What is asked of a model that verifies answers, in tokens. `each`: calls for one answer."""

    each: int
    prompt: int
    """Without task and answer."""
    output: int
    price: PriceLike | None


def cost(price: PriceLike | None, input_tokens: float, output_tokens: float) -> float:
    """USD; infinite where no price is known."""
    if price is None:
        return math.inf
    if price.input == price.output == 0:
        return 0.0
    return (input_tokens * price.input + output_tokens * price.output) / 1e6
