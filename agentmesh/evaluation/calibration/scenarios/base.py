"""What a scenario is: how a run with one pathology, or a healthy look-alike of it, is played."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from agentmesh.evaluation.calibration.play import Play
from agentmesh.evaluation.calibration.runs import Half, LabelledRun


@dataclass(frozen=True)
class Scenario:
    """`play` writes a run; `label` is what it shows from its onset on, or what its healthy runs resemble."""

    name: str
    label: str
    sick: bool
    play: Callable[[Play], None]
    family: str
    """Scenarios of one family and seed share topic, agents and the length of the healthy start."""
    also: frozenset[str] = frozenset()
    """Labels that the pathology may show as well: about them nothing is claimed once it has begun."""
    agents: int = 0

    def run(self, half: Half, seed: int, index: int) -> LabelledRun:
        """The run of this seed and index: the same each time. Raises: ValueError, if it is not what it is declared."""
        rng = Random(f"{seed}/{half}/{self.family}/{index}")
        play = Play(rng, half, agents=self.agents)
        self.play(play)
        stage = play.stage
        if self.sick != (self.label in stage.onsets):
            declared, needed = ("sick", "it has to") if self.sick else ("healthy", "it must not")
            raise ValueError(f"{self.name!r} is declared {declared}: {needed} call stage.onset({self.label!r})")
        start = min((at for at in stage.onsets.values() if at is not None), default=0)
        return LabelledRun(
            name=self.name,
            events=tuple(stage.events),
            labels=tuple(stage.labels),
            onsets=dict(stage.onsets),
            unclear={**dict.fromkeys(self.also, start), **stage.unclear},
            half=half,
            seed=seed,
        )


def pathology(label: str, family: str, *also: str, agents: int = 0) -> Callable[[Callable[[Play], None]], Scenario]:
    """Makes a scenario of a function, named after it, whose runs show `label` from their onset on."""
    return lambda play: Scenario(play.__name__, label, True, play, family, frozenset(also), agents)


def look_alike(label: str, family: str, *, agents: int = 0) -> Callable[[Callable[[Play], None]], Scenario]:
    """Makes a scenario of a function, named after it, whose runs are healthy and resemble those that show `label`."""
    return lambda play: Scenario(play.__name__, label, False, play, family, frozenset(), agents)
