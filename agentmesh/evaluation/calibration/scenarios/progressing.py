"""Repeaters and stallers: the same again, or ever new words and no step ahead.

Look-alikes: retries with changed arguments, polling that gets on, forms that are filled in alike, a question to a
person that is answered, a plan that is argued over.
"""

from __future__ import annotations

from agentmesh.evaluation.calibration.play import Play
from agentmesh.evaluation.calibration.scenarios.base import look_alike, pathology
from agentmesh.evaluation.calibration.stage import Call
from agentmesh.evaluation.calibration.topics import Found
from agentmesh.events import Answered, Question

_TIMES = (6, 14)


def _broken(step: Found, error: str) -> Call:
    return Call(step.call.name, step.call.arguments, None, error)


@pathology("repetition", "repeating", "stall")
def same_call_again(play: Play) -> None:
    """One agent makes the same call over and over; the others go on."""
    play.begin()
    play.healthy(play.warm_up_turns())
    agent = play.speaker()
    step = play.find()
    told = [play.say("status", item=step.item) for _ in range(3)]
    play.speak(agent, told[0], calls=[step.call])
    play.stage.onset("repetition")
    for at in range(play.rng.randint(*_TIMES)):
        if play.chance(0.25):
            play.work(play.peer(agent))
        play.speak(agent, told[at % 3], calls=[step.call] * play.rng.choice((1, 1, 2)))
    play.end_by_limit()


@pathology("repetition", "repeating", "stall")
def same_error_again(play: Play) -> None:
    """A call fails, and is made again as it was, and fails again."""
    play.begin()
    play.healthy(play.warm_up_turns())
    agent, step = play.speaker(), play.find()
    error = play.rng.choice(("KeyError: 'offset'", "404 Not Found", "permission denied", "no such column", "timed out"))
    play.speak(agent, play.say("status", item=step.item), calls=[_broken(step, error)])
    play.stage.onset("repetition")
    for _ in range(play.rng.randint(*_TIMES)):
        play.speak(agent, play.say("status", item=step.item), calls=[_broken(step, error)])
    play.end_by_limit()


@pathology("repetition", "repeating", "stall", "agreement_loop", "diversity_collapse", "coordination_failure")
def near_same_words(play: Play) -> None:
    """What was said is said again, with a word added or another order of sentences."""
    play.begin()
    play.healthy(play.warm_up_turns())
    sentences = [play.say("report", item=step.item, fact=step.fact) for step in [play.find() for _ in range(3)]]
    sentences.append(play.say("plan", item=play.item()))
    play.speak(play.speaker(), *sentences)
    play.stage.onset("repetition")
    for _ in range(play.rng.randint(*_TIMES)):
        again = play.rng.sample(sentences, len(sentences)) if play.chance(0.3) else sentences
        opening = play.say("thanks", peer=play.names[0]) if play.chance(0.3) else ""
        play.speak(play.speaker(), opening, *again)
    play.end_by_limit()


@pathology(
    "repetition", "repeating", "stall", "coordination_failure", "agreement_loop", "diversity_collapse", "work_stop",
    agents=2,
)  # fmt: skip
def ping_pong(play: Play) -> None:
    """Each waits for the other to begin, and says so again and again."""
    play.begin()
    play.healthy(play.warm_up_turns())
    first, second = play.names
    wants, other = play.item(), play.item()
    asked, answered = play.say("please_first", item=wants), play.say("please_first", item=other)
    play.speak(first, asked)
    play.speak(second, answered)
    play.stage.onset("repetition")
    for _ in range(play.rng.randint(4, 8)):
        play.speak(first, asked, play.say("thanks", peer=second) if play.chance(0.3) else "")
        play.speak(second, answered, play.say("status", item=other) if play.chance(0.2) else "")
    play.end_by_limit()


@look_alike("repetition", "repeating")
def retries_that_change(play: Play) -> None:
    """The same tool again and again, each time with other arguments; what fails is tried in another way."""
    play.begin()
    play.healthy(play.warm_up_turns())
    agent, step = play.speaker(), play.find()
    for at in range(play.rng.randint(*_TIMES)):
        arguments = {**step.call.arguments, "page": str(at + 1)}
        fails = play.chance(0.4)
        result = None if fails else f"{play.slots()['m']} on page {at + 1}"
        error = f"page {at + 1}: nothing under {play.slots()['n']}" if fails else None
        play.speak(agent, play.say("status", item=step.item), calls=[Call(step.call.name, arguments, result, error)])
        if play.chance(0.3):
            play.work(play.peer(agent))
    play.end_well()


@look_alike("repetition", "repeating")
def retry_that_helps(play: Play) -> None:
    """A call fails once or twice for a passing reason, is made again as it was, and succeeds."""
    play.begin()
    for _ in range(play.rng.randint(2, 4)):
        play.healthy(play.rng.randint(2, 5))
        agent, step = play.speaker(), play.find()
        for _ in range(play.rng.randint(1, 2)):
            play.speak(agent, play.say("status", item=step.item), calls=[_broken(step, "503: try again later")])
        told = play.say("report", item=step.item, fact=step.fact)
        play.speak(agent, told, calls=[step.call])
    play.end_well()


@look_alike("repetition", "repeating")
def polling_that_gets_on(play: Play) -> None:
    """The same call again and again: a job is asked how far it is, and each time it is further."""
    play.begin()
    play.healthy(play.warm_up_turns())
    agent, item = play.speaker(), play.item()
    ask: dict[str, object] = {"job": play.slots()["m"]}
    share = 0
    while share < 100:
        share = min(100, share + play.rng.randint(8, 25))
        told = play.say("status", item=item) if play.chance(0.5) else f"{share} %"
        play.speak(agent, told, calls=[Call("job_status", ask, f"running: {share} %" if share < 100 else "finished")])
        if play.chance(0.4):
            play.work(play.peer(agent))
    play.work(agent, item=item)
    play.end_well()


@look_alike("repetition", "repeating")
def forms_filled_alike(play: Play) -> None:
    """Every report has the same form of words, and another item and other figures in it."""
    play.begin()
    play.healthy(play.warm_up_turns())
    name, arguments, result = play.rng.choice(play.topic.tools)
    fact = play.rng.choice([fact for fact in play.topic.facts if "{m}" in fact])
    frame = play.say("report", item="{item}", fact=fact)
    for _ in range(play.rng.randint(*_TIMES)):
        slots = {"item": play.item(), **play.slots()}
        call = Call(name, {key: value.format(**slots) for key, value in arguments.items()}, result.format(**slots))
        play.speak(play.speaker(), frame.format(**slots), calls=[call])
    play.end_well()


@pathology("stall", "stalling", "work_stop", "repetition", "coordination_failure", "agreement_loop")
def promises(play: Play) -> None:
    """Everybody is about to begin, each time in other words; nothing is called, and nothing comes of it."""
    play.begin()
    play.healthy(play.warm_up_turns())
    play.stage.onset("stall")
    for _ in range(play.rng.randint(*_TIMES)):
        agent = play.speaker()
        item = play.item()
        also = play.rng.choice(("plan", "ask", "status", "approve"))
        opening = play.say("thanks", peer=play.peer(agent)) if play.chance(play.politeness) else ""
        play.speak(
            agent, opening, play.say("promise", item=item), play.say(also, item=play.item(), peer=play.peer(agent))
        )
    play.end_by_limit()


@pathology("stall", "stalling", "repetition", "coordination_failure")
def calls_that_lead_nowhere(play: Play) -> None:
    """Call after call, each a little different, and every one comes back empty; no item is finished."""
    play.begin()
    play.healthy(play.warm_up_turns())
    play.stage.onset("stall")
    for _ in range(play.rng.randint(*_TIMES)):
        agent, step = play.speaker(), play.find()
        empty = play.rng.choice(("no change", "nothing found", "", "0 hits", "unchanged"))
        calls = [Call(step.call.name, step.call.arguments, empty)]
        play.speak(
            agent,
            play.say("promise", item=step.item) if play.chance(0.5) else play.say("status", item=step.item),
            calls=calls,
        )
    play.end_by_limit()


@look_alike("stall", "stalling")
def slow_but_steady(play: Play) -> None:
    """Announcements and status lines, and between them work that shows."""
    play.begin()
    play.healthy(play.warm_up_turns())
    for _ in range(play.rng.randint(3, 6)):
        agent = play.speaker()
        item = play.item()
        play.speak(agent, play.say("promise", item=item), play.say("plan", item=play.item()))
        if play.chance(0.5):
            play.speak(play.speaker(), play.say("status", item=play.item()))
        play.work(agent, item=item)
    play.end_well()


@look_alike("stall", "stalling")
def plan_argued_over(play: Play) -> None:
    """Nothing is called for a long time: a plan is argued over, and every message brings a new reason."""
    play.begin()
    play.healthy(play.warm_up_turns())
    for _ in range(play.rng.randint(5, 10)):
        agent = play.speaker()
        act = play.rng.choice(("doubt", "correct", "report"))
        told = play.say(act, item=play.item(), peer=play.peer(agent), fact=play.find().fact)
        play.speak(agent, told, play.say("idea_reason", fact=play.find().fact) if play.chance(0.4) else "")
    play.healthy(2)
    play.end_well()


@look_alike("stall", "stalling")
def waiting_for_a_person(play: Play) -> None:
    """A question stands before a person; the team says that it waits; the answer comes and work goes on."""
    play.begin()
    play.healthy(play.warm_up_turns())
    agent, item = play.speaker(), play.item()
    play.stage.emit(Question(agent=agent, question_id="q1", content=play.say("ask", item=item, peer=agent)))
    for _ in range(play.rng.randint(1, 3)):
        play.speak(play.speaker(), play.say("status", item=item))
    play.stage.emit(Answered(question_id="q1", content=play.find(item).fact, by="operator"))
    play.healthy(play.rng.randint(3, 6))
    play.end_well()
