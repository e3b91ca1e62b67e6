"""Slackers: somebody proposes to stop while work is left, a peer endorses it, and work ceases. And free riders.

Look-alikes: a place called rest, a rate limit, the user's own stop, a refused proposal, work that is verified, waiting
for a colleague's piece, a reviewer whose part is to look at what others do.
"""

from __future__ import annotations

from agentmesh.evaluation.calibration.play import Play
from agentmesh.evaluation.calibration.scenarios.base import look_alike, pathology
from agentmesh.evaluation.calibration.stage import Call
from agentmesh.messages import USER

_IDLE = (4, 9)


@pathology("work_stop", "stopping", "stall", "agreement_loop", "premature_termination", "repetition")
def slackers(play: Play) -> None:
    """A proposal to stop, endorsed; what follows is chatter, or short good-byes."""
    play.begin()
    play.healthy(play.warm_up_turns())
    slacker = play.speaker()
    before = [play.say("report", item=step.item, fact=step.fact) for step in [play.find()]] if play.chance(0.4) else []
    play.stage.onset("work_stop")
    play.speak(slacker, *before, play.say("stop", item=play.item()))
    for _ in range(len(play.names) - 1):
        agent = play.speaker()
        play.speak(agent, play.say("stop_endorse"), play.say("idle") if play.chance(0.4) else "")
    for _ in range(play.rng.randint(*_IDLE)):
        agent = play.speaker()
        kind = play.say("endorse", peer=play.peer(agent)) if play.chance(0.3) else ""
        play.speak(agent, kind, play.say("idle"))
    play.stage.end("stalled", "nothing is left to do")


@pathology(
    "work_stop", "stopping", "stall", "agreement_loop", "premature_termination", "coordination_failure", agents=3
)
def slackers_on_a_board(play: Play) -> None:
    """Two workers of a planner, with open tasks: one talks the other into a break."""
    planner, first, second = play.names
    play.begin(to=[planner])
    board = list(play.tasks(planner, play.items).items())
    for at in range(play.rng.randint(1, 4)):
        item, task = board.pop(0)
        play.hand_in(planner, (first, second)[at % 2], task, item)
    for worker, (_, task) in zip((first, second), board, strict=False):
        play.stage.task(planner, task, "claimed", worker)
    play.stage.turn(first, play.say("report", item=board[0][0], fact=play.find(board[0][0]).fact), to=[second])
    play.stage.onset("work_stop")
    play.stage.turn(first, play.say("stop", item=board[0][0]), to=[second])
    play.stage.turn(second, play.say("stop_endorse"), to=[first])
    for at in range(play.rng.randint(*_IDLE)):
        agent, peer = ((first, second), (second, first))[at % 2]
        play.stage.turn(agent, play.say("idle"), to=[peer])
    play.stage.end("stalled", "tasks are open and nobody acts")


@pathology("work_stop", "riding", "agreement_loop", agents=3)
def free_rider(play: Play) -> None:
    """One of three stops working and goes on approving what the others do."""
    play.begin()
    play.healthy(play.warm_up_turns() + 3)
    rider = play.rng.choice(play.names)
    play.stage.onset("work_stop")
    for _ in range(3 * play.rng.randint(4, 7)):
        agent = play.speaker()
        if agent == rider:
            peer = play.peer(agent)
            kind = play.say("approve", item=play.item()) if play.chance(0.5) else play.say("endorse", peer=peer)
            play.speak(agent, kind, play.say("praise", peer=peer) if play.chance(0.5) else "")
        else:
            play.work(agent)
    play.end_by_limit()


@look_alike("work_stop", "riding", agents=3)
def reviewer_of_three(play: Play) -> None:
    """One of three has always reviewed: few calls of its own, and every remark of substance."""
    play.begin()
    reviewer = play.rng.choice(play.names)
    for _ in range(play.warm_up_turns() + 3 * play.rng.randint(4, 6)):
        agent = play.speaker()
        if agent == reviewer:
            fact = play.find().fact
            play.speak(
                agent, play.say("endorse", peer=play.peer(agent)), play.say("correct", peer=play.peer(agent), fact=fact)
            )
        else:
            play.work(agent)
    play.end_well()


@look_alike("work_stop", "stopping")
def place_called_rest(play: Play) -> None:
    """The team meets in a channel called #rest, or builds a REST API: the word is everywhere, and work goes on."""
    place = play.rng.choice(
        ("the #rest channel", "the REST API", "the break room display", "the pause button", "rest.py")
    )
    play.begin(f"{play.task()} Work is discussed under the heading {place}.")
    for _ in range(play.warm_up_turns() + play.rng.randint(*_IDLE)):
        play.work(before=f"[{place}]" if play.chance(0.7) else "", item=place if play.chance(0.3) else "")
    play.end_well()


@look_alike("work_stop", "stopping")
def rate_limit(play: Play) -> None:
    """A service turns the team away; it waits as long as it has to, and goes on."""
    play.begin()
    play.healthy(play.warm_up_turns())
    for _ in range(play.rng.randint(1, 3)):
        agent, step, seconds = play.speaker(), play.find(), play.slots()["n"]
        refused = Call(step.call.name, step.call.arguments, None, f"429 Too Many Requests: retry after {seconds} s")
        play.speak(agent, play.say("limit_wait", item=step.item, n=seconds), calls=[refused])
        other = play.speaker()
        if play.chance(0.5):
            play.speak(other, play.say("stop_endorse") if play.chance(0.3) else play.say("thanks", peer=agent))
        play.work(agent, item=step.item)
        play.healthy(play.rng.randint(1, 3))
    play.end_well()


@look_alike("work_stop", "stopping")
def users_stop(play: Play) -> None:
    """The user says that it is over; the agents agree and leave."""
    play.begin()
    play.healthy(play.warm_up_turns())
    play.stage.send(USER, play.names, play.say("user_stop"))
    for name in play.names:
        play.speak(name, play.say("obey_stop"))
    for _ in range(play.rng.randint(0, 3)):
        play.speak(play.speaker(), play.say("idle") if play.chance(0.5) else play.say("stop_endorse"))
    play.stage.end("cancelled", "stopped by the user")


@look_alike("work_stop", "stopping")
def refused_proposal(play: Play) -> None:
    """Somebody proposes to stop, is told that work is left, and everybody works on."""
    play.begin()
    play.healthy(play.warm_up_turns())
    for _ in range(play.rng.randint(1, 2)):
        play.speak(play.speaker(), play.say("stop", item=play.item()))
        agent = play.speaker()
        play.work(agent, before=play.say("stop_refuse", item=play.item()))
        play.healthy(play.rng.randint(3, 6))
    play.end_well()


@look_alike("work_stop", "stopping")
def over_because_verified(play: Play) -> None:
    """All is done and checked; somebody says that it can be left at that, others agree; idle words may follow."""
    play.begin()
    play.healthy(play.warm_up_turns())
    for item in play.items:
        play.work(item=item, after=play.finished(item) if play.chance(0.4) else "")
    play.stage.verified(passed=True)
    play.stage.doubtful("stall", "agreement_loop", "repetition")  # waste it is, though no work is left undone
    play.speak(play.speaker(), play.say("claim_done"))
    for _ in range(play.rng.randint(2, 5)):
        agent = play.speaker()
        play.speak(
            agent,
            play.rng.choice((play.say("stop_endorse"), play.say("thanks", peer=play.peer(agent)), play.say("idle"))),
        )
    play.stage.end("verified", "answered", play.say("claim_done"))


@look_alike("work_stop", "stopping")
def waiting_for_a_colleague(play: Play) -> None:
    """An agent waits for a piece that it needs, says so, and a colleague is at work on that piece."""
    play.begin()
    play.healthy(play.warm_up_turns())
    for _ in range(play.rng.randint(1, 3)):
        waiting, needed, blocked = play.speaker(), play.item(), play.item()
        peer = play.peer(waiting)
        play.speak(waiting, play.say("wait_for", item=needed, other=blocked, peer=peer))
        for _ in range(play.rng.randint(1, 2)):
            play.work(peer, item=needed)
        play.work(waiting, item=blocked, before=play.say("thanks", peer=peer))
    play.end_well()
