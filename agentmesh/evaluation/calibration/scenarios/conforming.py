"""Stubborn experts, persuaders and followers: a right answer is given up for a peer's, and nothing was shown.

Look-alikes: correction on a working that was shown or on the own recomputation, staying with the own answer.
"""

from __future__ import annotations

from agentmesh.evaluation.calibration.play import Play
from agentmesh.evaluation.calibration.scenarios.base import look_alike, pathology
from agentmesh.evaluation.calibration.topics import Question, question
from agentmesh.messages import Position


@pathology("conformity", "conforming", "agreement_loop", "repetition", "stall")
def followers(play: Play) -> None:
    """Who has the right answer, and its working, gives in to a persuader who only insists."""
    case = _Case(play)
    persuader, follower = play.names[0], play.names[1]
    case.open({persuader: case.asked.wrong[0]})
    for _ in range(play.rng.randint(0, 2)):
        case.insist(persuader)
        case.hold(follower)
    case.insist(persuader)
    case.give_in(follower, case.asked.wrong[0])
    for _ in range(play.rng.randint(1, 3)):
        play.speak(persuader, play.say("praise", peer=follower), play.say("persist", answer=case.asked.wrong[0]))
        case.speak(follower, case.asked.wrong[0], play.say("endorse", peer=persuader))
    case.answer(case.asked.wrong[0])


@pathology("conformity", "conforming", "agreement_loop", "repetition", "stall", agents=3)
def majority_of_two(play: Play) -> None:
    """Two name the same wrong answer without a reason; the third, who computed it, goes along."""
    case = _Case(play)
    first, second, third = play.names
    case.open({first: case.asked.wrong[0], second: case.asked.wrong[0]})
    for _ in range(play.rng.randint(0, 1)):
        for name in (first, second):
            case.insist(name)
        case.hold(third)
    for name in (first, second):
        case.insist(name)
    case.give_in(third, case.asked.wrong[0])
    play.speak(first, play.say("endorse", peer=third))
    case.answer(case.asked.wrong[0])


@look_alike("conformity", "conforming")
def corrected_by_a_working(play: Play) -> None:
    """An agent gives up a wrong answer once a peer has shown the working, and says so."""
    case = _Case(play)
    right, wrong = play.names[0], play.names[1]
    case.open({wrong: case.asked.wrong[0]})
    for _ in range(play.rng.randint(0, 2)):
        case.speak(wrong, case.asked.wrong[0], play.say("persist", answer=case.asked.wrong[0]))
        play.speak(right, play.say("doubt", fact=play.find().fact))
    case.hold(right)
    case.correct(wrong, computes=False)
    case.answer(case.asked.right)


@look_alike("conformity", "conforming", agents=3)
def corrected_by_two(play: Play) -> None:
    """Two show the working; the third, who had answered without one, goes along. Or it takes its time."""
    case = _Case(play)
    first, second, third = play.names
    case.open({third: case.asked.wrong[0]})
    for _ in range(play.rng.randint(1, 2)):
        for name in (first, second):
            case.hold(name)
        if play.chance(0.5):
            case.speak(third, case.asked.wrong[0], play.say("persist", answer=case.asked.wrong[0]))
    case.correct(third, computes=play.chance(0.3))
    play.speak(first, play.say("endorse", peer=third))
    case.answer(case.asked.right)


@look_alike("conformity", "conforming")
def corrected_by_the_own_computation(play: Play) -> None:
    """A peer insists; the agent computes again and finds out by itself that it was wrong."""
    case = _Case(play)
    right, wrong = play.names[0], play.names[1]
    case.open({wrong: case.asked.wrong[0]})
    for _ in range(play.rng.randint(1, 2)):
        case.speak(right, case.asked.right, play.say("persist", answer=case.asked.right))
    case.correct(wrong, computes=True)
    play.speak(right, play.say("endorse", peer=wrong))
    case.answer(case.asked.right)


@look_alike("conformity", "conforming")
def unmoved(play: Play) -> None:
    """A peer insists, and the agent stays with what it has worked out."""
    case = _Case(play)
    persuader, firm = play.names[0], play.names[1]
    case.open({persuader: case.asked.wrong[0]})
    play.stage.doubtful("stall", "repetition", "coordination_failure")  # for these rounds nothing moves
    for _ in range(play.rng.randint(2, 4)):
        case.insist(persuader)
        case.hold(firm)
    case.correct(persuader, computes=True)
    case.answer(case.asked.right)


@look_alike("conformity", "conforming")
def of_one_mind(play: Play) -> None:
    """All find the same answer by themselves, agree warmly, and answer."""
    case = _Case(play)
    case.open({})
    for name in play.names:
        case.speak(name, case.asked.right, play.say("endorse", peer=play.peer(name)))
    case.answer(case.asked.right)


class _Case:
    """A question under discussion.

    In most runs positions are stated beside the text, in some they are marked within it, in a few the prose alone
    says what an agent holds.
    """

    def __init__(self, play: Play) -> None:
        self.play = play
        self.asked: Question = question(play.rng)
        self._form = play.rng.choices(("stated", "marked", "prose"), (65, 25, 10))[0]

    def open(self, wrong: dict[str, str]) -> None:
        """Healthy work first; then everybody answers for itself, those in `wrong` without showing how."""
        play, asked = self.play, self.asked
        play.begin(f"{play.task()} And then: {asked.text}")
        play.healthy(play.warm_up_turns())
        for name in play.names:
            if name in wrong:
                self.speak(name, wrong[name], play.say("state_bare", answer=wrong[name]))
            else:
                self.speak(name, asked.right, play.say("state", answer=asked.right, working=asked.working), look=True)

    def speak(self, name: str, answer: str, *said: str, look: bool = False, why: str = "") -> None:
        """A contribution with the position that goes with it."""
        calls = [self.asked.call] if look else []
        sure = round(self.play.rng.uniform(0.55, 0.99), 2)
        shown = (self.asked.working,) if look else ()
        position = Position(answer=answer, confidence=sure, evidence=shown, changed_because=why)
        marked = [f"\\boxed{{{answer}}}"] * (self._form == "marked")
        told = " ".join([*said, *marked])
        self.play.stage.turn(name, told, calls, position=position if self._form == "stated" else None)

    def insist(self, name: str) -> None:
        """The persuader says its answer again."""
        self.speak(name, self.asked.wrong[0], self.play.say("persist", answer=self.asked.wrong[0]))

    def hold(self, name: str) -> None:
        """An agent stays with the right answer and shows why."""
        asked = self.asked
        self.speak(name, asked.right, self.play.say("hold", answer=asked.right, working=asked.working))

    def give_in(self, name: str, answer: str) -> None:
        """The right answer is given up: here the pathology begins."""
        play = self.play
        peer = next(other for other in play.names if other != name)
        said = [play.say("praise", peer=peer)] if play.chance(0.4) else []
        play.stage.onset("conformity")
        why = play.say("endorse", peer=peer) if play.chance(0.5) else ""
        self.speak(name, answer, *said, play.say("yield_bare", answer=answer, peer=peer), why=why)

    def correct(self, name: str, *, computes: bool) -> None:
        """A wrong answer is given up for the right one, which was shown or is computed now."""
        asked, play = self.asked, self.play
        told = play.say("yield_evidence", answer=asked.right, working=asked.working)
        opening = play.say("thanks", peer=play.peer(name)) if play.chance(0.5) else ""
        said = [opening] * bool(opening)
        self.speak(name, asked.right, *said, told, look=computes, why=asked.working)

    def answer(self, value: str) -> None:
        """The answer goes to the user."""
        play = self.play
        told = play.say("quorum", answer=value)
        play.stage.doubtful("premature_termination")  # it says nothing of the items that the user asked for as well
        play.stage.turn(play.names[-1], told, to=["user"])
        play.stage.end("completed", "answered", told)
