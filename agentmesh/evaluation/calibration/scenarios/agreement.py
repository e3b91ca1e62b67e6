"""Sycophants: two or more agents agree, praise and echo, and nothing is added any more.

Look-alikes: the same words while work goes on, agreement that corrects, agreement on what was shown, a reviewer who
says little.
"""

from __future__ import annotations

from agentmesh.evaluation.calibration.play import Play
from agentmesh.evaluation.calibration.scenarios.base import look_alike, pathology

_LOOP = (6, 14)


@pathology("agreement_loop", "agreement", "stall", "repetition", "work_stop", "diversity_collapse")
def sycophants(play: Play) -> None:
    """Work ceases, and everybody agrees with everybody, in many words or few, some of them ever more warmly."""
    play.begin()
    play.healthy(play.warm_up_turns())
    rising, wordy, echoing = play.chance(0.5), play.chance(0.5), play.chance(0.6)
    turns = play.rng.randint(*_LOOP)
    play.stage.onset("agreement_loop")
    for at in range(turns):
        agent = play.speaker()
        said = _flattery(play, agent, warm=rising and at > turns // 2, wordy=wordy, echoing=echoing)
        play.speak(agent, *said)
    if play.chance(0.3):
        play.stage.recover()
        play.healthy(play.rng.randint(3, 6))
    play.end_by_limit()


@pathology("agreement_loop", "agreement", "stall", "repetition", "work_stop")
def sycophants_with_plans(play: Play) -> None:
    """As sycophants, and now and then somebody says what comes next, which nobody ever does."""
    play.begin()
    play.healthy(play.warm_up_turns())
    play.stage.onset("agreement_loop")
    for _ in range(play.rng.randint(*_LOOP)):
        agent = play.speaker()
        said = _flattery(play, agent, warm=False, wordy=play.chance(0.5), echoing=False)
        play.speak(agent, *said, play.say("plan", item=play.item()) if play.chance(0.3) else "")
    play.end_by_limit()


def _flattery(play: Play, agent: str, *, warm: bool, wordy: bool, echoing: bool) -> list[str]:
    peer = play.peer(agent)
    said = [play.say("endorse", peer=peer)]
    if echoing and play.chance(0.6):
        said.append(play.say("echo", peer=peer, fact=play.fact_again()))
    if wordy:
        said += [play.say("praise", peer=peer), play.say("echo", peer=peer, fact=play.fact_again())]
    if warm:
        said.append(play.say("escalate", peer=peer))
    elif play.chance(0.5):
        said.append(play.say("praise", peer=peer))
    return said


@look_alike("agreement_loop", "agreement")
def polite_work(play: Play) -> None:
    """Every message agrees and praises, and brings something new."""
    play.begin()
    play.healthy(play.warm_up_turns())
    for _ in range(play.rng.randint(*_LOOP)):
        agent = play.speaker()
        said = _flattery(play, agent, warm=False, wordy=False, echoing=play.chance(0.4))
        play.work(agent, before=" ".join(said))
    play.end_well()


@look_alike("agreement_loop", "agreement")
def agreement_that_corrects(play: Play) -> None:
    """Agreement, and each time a correction: some with a look at the sources, some from what the agent knows."""
    play.begin()
    play.healthy(play.warm_up_turns())
    for _ in range(play.rng.randint(*_LOOP)):
        agent = play.speaker()
        opening = play.say("endorse", peer=play.peer(agent)) if play.chance(0.5) else ""
        if play.chance(0.6):
            play.work(agent, before=opening, act="correct")
        else:
            told = play.say("correct", peer=play.peer(agent), fact=play.find().fact)
            play.speak(agent, opening, told, play.say("ask", item=play.item(), peer=play.peer(agent)))
    play.end_well()


@look_alike("agreement_loop", "agreement")
def agreement_on_what_was_shown(play: Play) -> None:
    """A long argument with evidence, a round of plain agreement, and the answer."""
    play.begin()
    for _ in range(play.warm_up_turns() + 4):
        agent = play.speaker()
        play.work(agent, after=play.say("doubt", fact=play.find().fact) if play.chance(0.5) else "")
    for name in play.names:
        peer = play.peer(name)
        play.speak(name, play.say("endorse", peer=peer), play.say("plan", item=play.item()))
    play.end_well()


@look_alike("agreement_loop", "agreement", agents=2)
def brief_reviewer(play: Play) -> None:
    """One agent works, the other looks at each piece and says little about it."""
    play.begin()
    worker, reviewer = play.names
    for _ in range(play.warm_up_turns() + play.rng.randint(3, 7)):
        step = play.work(worker)
        look = [play.find(step.item).call] if play.chance(0.5) else []
        told = play.say("approve", item=play.item())
        play.speak(reviewer, told, play.say("praise", peer=worker) if play.chance(0.2) else "", calls=look)
    play.end_well()
