"""How good a simulated model is, how it deals with others, and how one agent of it differs from the next.

A model is named `PROFILE[,parameter=value...]`, such as `worker,skill=0.8,sycophancy=0.5`.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType

from agentmesh.errors import ConfigError
from agentmesh.tools.calculator import Expression, exactly, number_text, value_of

_EASY_DIGITS = 4
_SAMPLED = re.compile(r"-(?:sample-\d+|best-of)$")
"""How the names end under which a comparison asks one agent several times: it knows no more for that."""


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
    """How it deals with others, where that is not a worker's way: a `slacker`, for one."""
    heeds: float = 0.0
    """The chance that it heeds one request to show, or to finish, its work."""
    arithmetic: float | None = None
    facts: float | None = None
    judgement: float | None = None
    ideas: float | None = None
    coding: float | None = None
    """Skill by domain, where it is another."""
    span: int | None = None
    """Operations that one reply carries; each further one in it is harder by `fading`. None: any number."""
    sycophancy: float = 0.0
    """The chance that a turn gives in to what peers say instead of standing by what it found."""
    laziness: float = 0.0
    """The chance that a turn does no more than it must, and no tool is asked."""
    contagion: float = 0.0
    """How far the laziness grows towards 1 with the share of peers who show no work."""
    persuasion: float = 0.0
    """How much conviction there is in the words with which it gives a value."""
    noise: float = 0.0
    """The chance to misread a figure or a fact in another agent's message."""
    attention: float = 1.0
    """The chance to take in a name that another agent says it has given to something in the code."""
    fidelity: float = 1.0
    """The chance to write what it told others that it would."""
    position: float = 0.0
    """The chance that, of two runs which it judges, it prefers the one that stands first, whatever they are worth."""
    heterogeneity: float | None = None
    """How far agents of this model differ, by their names: in skill, in what they know, in their slips.

    0: copies, which slip alike. None: equally good, and each has luck of its own.
    """

    def skill_in(self, domain: str) -> float:
        """The skill in one of the DOMAINS; an agent's own is that of its `Mind`."""
        assert domain in DOMAINS
        own: float | None = getattr(self, domain)
        return self.skill if own is None else own


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            Profile("worker", skill=1.0, fading=0.95),
            Profile("expert", skill=1.0, fading=1.0),
            Profile("novice", skill=0.6, fading=0.7),
            Profile("parrot", skill=0.0, fading=0.0, computes=False),
            Profile("sycophant", skill=0.6, fading=0.7, sycophancy=1.0, laziness=1.0, heeds=0.5),
            Profile("skeptic", skill=1.0, fading=1.0, character="skeptic"),
            Profile("slacker", skill=1.0, fading=0.95, character="slacker", heeds=0.1),
            Profile("persuadable", skill=1.0, fading=0.95, character="persuadable", heeds=0.15),
            Profile("coder", skill=1.0, fading=0.95),
            Profile("judge", skill=1.0, fading=1.0),
        )
    }
)
DEFAULT_PROFILE = "worker"


DOMAINS = ("arithmetic", "facts", "judgement", "ideas", "coding")
SHARES = (
    "skill", *DOMAINS, "fading", "sycophancy", "laziness", "contagion", "persuasion", "noise", "attention", "fidelity",
    "position", "heterogeneity",
)  # fmt: skip
"""Parameters that are numbers from 0 to 1."""
PARAMETERS = (*SHARES, "span")


def profile_named(name: str, skill: float | None = None) -> Profile:
    """The profile of this name, with the parameters in it; `skill` counts where it names none. Raises: ConfigError."""
    kind, *given = [piece.strip() for piece in name.split(",")]
    profile = PROFILES.get(kind or DEFAULT_PROFILE)
    if profile is None:
        raise ConfigError(f"unknown profile '{kind}' of provider 'simulated'; allowed: {_listed(kind, PROFILES)}")
    if not given:
        return profile if skill is None else replace(profile, skill=skill)
    values: dict[str, float | int | str] = {} if skill is None else {"skill": skill}
    return replace(profile, **{**values, **_parameters(name, given)}, name=name)  # type: ignore[arg-type]


def _parameters(name: str, given: Iterable[str]) -> dict[str, float | int]:
    values: dict[str, float | int] = {}
    for piece in given:
        key, equals, text = (part.strip() for part in piece.partition("="))
        if key not in PARAMETERS:
            raise ConfigError(
                f"unknown parameter '{key}' of the simulated model '{name}'; allowed: {_listed(key, PARAMETERS)}"
            )
        if key in values:
            raise ConfigError(f"parameter '{key}' stands twice in the simulated model '{name}'; give it once")
        value = _whole(text) if key == "span" else _share(text)
        if not equals or value is None:
            wanted = "a whole number from 1" if key == "span" else "a number from 0 to 1"
            raise ConfigError(
                f"parameter '{key}' of the simulated model '{name}' is '{text}'; give {wanted}, such as "
                f"{key}={4 if key == 'span' else 0.5}"
            )
        values[key] = value
    return values


def _share(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else None


def _listed(name: str, names: Iterable[str]) -> str:
    from rapidfuzz import process

    allowed = sorted(names)
    nearest = process.extractOne(name, allowed, score_cutoff=60)
    return ", ".join(allowed) + (f"; did you mean '{nearest[0]}'?" if nearest else "")


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

    def compute(self, expression: Expression, attempt: str = "", carried: int = 0) -> Computed:
        """What this model makes of an expression. Raises: ToolError for a division by zero.

        `carried`: how many operations the reply holds before it. A second look starts afresh.
        """
        steps: list[Fraction] = []
        chances: list[float] = []
        skill, fading, span = self.skill_in("arithmetic"), self.profile.fading, self.profile.span

        def operate(symbol: str, left: Fraction, right: Fraction) -> Fraction:
            result = exactly(symbol, left, right)
            beyond = 0 if span is None else max(0, carried + len(steps) + 1 - span)
            chances.append(skill * float(fading ** (_level(symbol, left, right, result) + beyond)))
            luck = self._luck(symbol, left, right, attempt)
            right_now = _fraction(luck) < chances[-1]
            steps.append(result if right_now else _slip(symbol, left, right, result, luck[7]))
            return steps[-1]

        value = value_of(expression, operate)
        return Computed(value, tuple(steps), math.prod(chances))

    def draw(self, *about: object) -> float:
        """A number from 0 to 1 that hangs on the run's seed and on what it is about, and on nothing else."""
        return _fraction(hashlib.sha256("|".join(map(str, (self.seed, *about))).encode()).digest())

    def own(self, *about: object) -> float:
        """A number from 0 to 1, the same for all agents of one kind of model, but with heterogeneity the agent's own.

        So what an agent knows, or finds hard, is drawn: `own("fact", 3) < skill_in("facts")`, say.
        """
        return self.draw(self._kind, self._who(self._agent, *about), *about)

    def skill_in(self, domain: str) -> float:
        """The agent's own skill: around the model's, as far off as heterogeneity lets it be. The mean stays."""
        mean = self.profile.skill_in(domain)
        spread = (self.profile.heterogeneity or 0.0) * min(mean, 1 - mean)
        return mean + spread * (2 * self.draw(self._agent, "skill", domain) - 1)

    def _luck(self, symbol: str, left: Fraction, right: Fraction, attempt: str) -> bytes:
        step = f"{number_text(left)}{symbol}{number_text(right)}"
        who = self.name if self.profile.heterogeneity is None else self._who(self.name, step, self.replies, attempt)
        return hashlib.sha256(f"{self.seed}|{step}|{who}|{self.replies}|{attempt}".encode()).digest()

    @property
    def _kind(self) -> str:
        return self.profile.name.partition(",")[0]

    @property
    def _agent(self) -> str:
        """The agent that it is, though it may be one of several samples of it."""
        return _SAMPLED.sub("", self.name)

    def _who(self, name: str, *about: object) -> str:
        """Whose luck counts: with heterogeneity the agent's own, by that chance; else that of all of its kind."""
        differs = self.draw(self._kind, name, "differs", *about) < (self.profile.heterogeneity or 0.0)
        return name if differs else ""


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


def _level(symbol: str, left: Fraction, right: Fraction, result: Fraction) -> int:
    """How far an operation is beyond an easy one."""
    digits = max(_digits(left), _digits(right))
    return max(0, digits - _EASY_DIGITS) + (symbol == "/" and _digits(result) > _EASY_DIGITS)


def _digits(value: Fraction) -> int:
    return sum(character.isdigit() for character in number_text(abs(value)))


def _fraction(digest: bytes) -> float:
    return int.from_bytes(digest[:7]) / 2**56
