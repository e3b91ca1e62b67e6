"""Teams that are to have ideas, and lose their difference: from the onset on everybody turns the same idea over.

Look-alikes: ideas that stay apart, ideas that come together because something was found out.
"""

from __future__ import annotations

from agentmesh.evaluation.calibration.play import Play
from agentmesh.evaluation.calibration.scenarios.base import look_alike, pathology

_LABEL = "diversity_collapse"


@pathology(_LABEL, "ideas", "agreement_loop", "repetition", "stall", agents=3)
def collapsing_ideas(play: Play) -> None:
    """One agent's idea takes over at once: what the others say are small changes of it, and no reason is given."""
    ideas = _brainstorm(play)
    taken = ideas.pop()
    play.stage.onset(_LABEL)
    for _ in range(play.rng.randint(3, 6)):
        for name in play.names:
            told = play.say("idea", idea=f"{taken} {play.rng.choice(play.topic.twists)}")
            opening = play.say("endorse", peer=play.peer(name)) if play.chance(0.3) else ""
            play.speak(name, opening, told)
    play.end_by_limit()


@look_alike(_LABEL, "ideas", agents=3)
def ideas_that_stay_apart(play: Play) -> None:
    """Idea after idea, each another one; kind words as everywhere."""
    ideas = _brainstorm(play)
    for _ in range(play.rng.randint(3, 6)):
        for name in play.names:
            if not ideas:
                ideas = play.rng.sample(play.topic.ideas, len(play.topic.ideas))
                play.stage.doubtful("repetition", "stall")  # they are as far apart as before, but not new
            told = play.say("idea", idea=ideas.pop())
            opening = play.say("endorse", peer=play.peer(name)) if play.chance(0.3) else ""
            play.speak(name, opening, told, play.say("idea_reason", fact=play.find().fact) if play.chance(0.3) else "")
    play.end_by_limit()


@look_alike(_LABEL, "ideas", agents=3)
def ideas_brought_together_by_evidence(play: Play) -> None:
    """Ideas are tried out, one proves best, and everybody works it out, each with findings of its own."""
    ideas = _brainstorm(play)
    best = ideas.pop()
    for name in play.names:
        tried = play.say("idea_reason", fact=play.find().fact)
        play.work(name, before=f"{play.say('idea', idea=best)} {tried}")
    for _ in range(play.rng.randint(2, 4)):
        for name in play.names:
            play.work(name, before=play.say("idea", idea=f"{best} {play.rng.choice(play.topic.twists)}"))
    play.end_well()


def _brainstorm(play: Play) -> list[str]:
    """Rounds in which everybody has an idea of its own. Returns the ideas that are left."""
    play.begin()
    ideas = play.rng.sample(play.topic.ideas, len(play.topic.ideas))
    for _ in range(play.rng.randint(1, 3)):
        for name in play.names:
            reason = play.say("idea_reason", fact=play.find().fact) if play.chance(0.4) else ""
            play.speak(name, play.say("idea", idea=ideas.pop()), reason)
    return ideas
