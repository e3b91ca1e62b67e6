"""How well a simulated model computes: the chance that one operation is right, and what a slip looks like."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType

from agentmesh.errors import ConfigError
from agentmesh.tools.calculator import Expression, exactly, number_text, value_of

_EASY_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of simulated model.

    `skill` is the chance that an easy operation is right: + - * of numbers with at most four digits, and divisions of
    such numbers that leave no remainder. Each further digit, and a remainder, multiplies it by `fading`.
    """

    name: str
    skill: float
    fading: float
    computes: bool = True
    """Whether it understands arithmetic at all."""
    character: str = ""
    """How it deals with others, where that is not a worker's way: a `sycophant`, for one."""
    heeds: float = 0.0
    """Of a character: the chance that it heeds one request to show, or to finish, its work."""

    def chance(self, symbol: str, left: Fraction, right: Fraction, result: Fraction) -> float:
        """The chance that this operation is right."""
        digits = max(_digits(left), _digits(right))
        level = max(0, digits - _EASY_DIGITS) + (symbol == "/" and _digits(result) > _EASY_DIGITS)
        return self.skill * float(self.fading**level)


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            Profile("worker", skill=1.0, fading=0.95),
            Profile("expert", skill=1.0, fading=1.0),
            Profile("novice", skill=0.6, fading=0.7),
            Profile("parrot", skill=0.0, fading=0.0, computes=False),
            Profile("sycophant", skill=0.6, fading=0.7, character="sycophant", heeds=0.5),
            Profile("skeptic", skill=1.0, fading=1.0, character="skeptic"),
            Profile("slacker", skill=1.0, fading=0.95, character="slacker", heeds=0.1),
            Profile("persuadable", skill=1.0, fading=0.95, character="persuadable", heeds=0.15),
        )
    }
)
DEFAULT_PROFILE = "worker"


def profile_named(name: str, skill: float | None = None) -> Profile:
    """The profile of this name, with another skill if one is given. Raises: ConfigError."""
    profile = PROFILES.get(name or DEFAULT_PROFILE)
    if profile is None:
        from rapidfuzz import process

        nearest = process.extractOne(name, list(PROFILES), score_cutoff=60)
        meant = f"; did you mean '{nearest[0]}'?" if nearest else ""
        raise ConfigError(
            f"unknown profile '{name}' of provider 'simulated'; allowed: {', '.join(sorted(PROFILES))}{meant}"
        )
    return profile if skill is None else replace(profile, skill=skill)


@dataclass(frozen=True, slots=True)
class Computed:
    """What came of computing in the head: the value, the result of each step, the chance that all steps are right."""

    value: Fraction
    steps: tuple[Fraction, ...]
    chance: float


@dataclass(frozen=True, slots=True)
class Mind:
    """A profile about to answer one request. The same request draws the same luck."""

    profile: Profile
    seed: int
    name: str
    replies: int
    """How many replies it has given before, so that a second try draws anew."""

    def compute(self, expression: Expression, attempt: str = "") -> Computed:
        """What this model makes of an expression. Raises: ToolError for a division by zero."""
        steps: list[Fraction] = []
        chances: list[float] = []

        def operate(symbol: str, left: Fraction, right: Fraction) -> Fraction:
            result = exactly(symbol, left, right)
            chances.append(self.profile.chance(symbol, left, right, result))
            luck = self._luck(symbol, left, right, attempt)
            right_now = int.from_bytes(luck[:7]) / 2**56 < chances[-1]
            steps.append(result if right_now else _slip(symbol, left, right, result, luck[7]))
            return steps[-1]

        value = value_of(expression, operate)
        return Computed(value, tuple(steps), math.prod(chances))

    def draw(self, *about: object) -> float:
        """A number from 0 to 1 that hangs on the run's seed and on what it is about, and on nothing else."""
        digest = hashlib.sha256("|".join(map(str, (self.seed, *about))).encode()).digest()
        return int.from_bytes(digest[:7]) / 2**56

    def _luck(self, symbol: str, left: Fraction, right: Fraction, attempt: str) -> bytes:
        step = f"{number_text(left)}{symbol}{number_text(right)}"
        return hashlib.sha256(f"{self.seed}|{step}|{self.name}|{self.replies}|{attempt}".encode()).digest()


def _slip(symbol: str, left: Fraction, right: Fraction, result: Fraction, luck: int) -> Fraction:
    """A wrong result of the sort that people write down: a lost carry, one too many, the wrong sign or operation."""
    candidates = [result + 10, result - 10, result + 1, result - 1]
    match symbol:
        case "+" | "-":
            candidates += [-result, left - right if symbol == "+" else left + right]
        case _:
            candidates += [result + right, result - left]
    wrong = [candidate for candidate in candidates if candidate != result]
    return wrong[luck % len(wrong)]


def _digits(value: Fraction) -> int:
    return sum(character.isdigit() for character in number_text(abs(value)))
