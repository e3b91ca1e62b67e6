"""What a run asks of people; and when nothing else is left to do, it waits for them without a process."""

from __future__ import annotations

from typing import Protocol

import anyio

from agentmesh.errors import AgentError
from agentmesh.events import Answered, Event, Question, StopRequested
from agentmesh.journal.base import Word
from agentmesh.messages import Outcome
from agentmesh.providers.encoding import mended
from agentmesh.runner.member import RunPlan
from agentmesh.runner.past import Past, relative
from agentmesh.scheduler import AskPerson, Scheduler
from agentmesh.tools import calling


class Asking(Protocol):
    """The run that asks."""

    plan: RunPlan
    past: Past
    scheduler: Scheduler

    def record(self, *events: Event) -> None:
        """Append events to the log and carry out all that follows from them."""
        ...

    def stop(self, outcome: Outcome, reason: str, by: str = "") -> None:
        """End the run."""
        ...

    def park(self) -> None:
        """Leave the run as it is."""
        ...


class People:
    """Questions of a run and the answers to them, from this process or another."""

    def __init__(self, runner: Asking) -> None:
        self._runner = runner
        self.waiting = False
        """Whether the run was left as it is, until people have answered."""
        self._work = 0
        self._resting = 0
        self._open: dict[str, anyio.Event] = {}
        self._answers: dict[str, str] = {}
        self._early: dict[str, Answered] = {}
        """Answers to questions that are still to be put again, by a turn that is gone on with."""

    def at_work(self, change: int) -> None:
        """So many more things are being done, or fewer: turns, rewrites, summaries, checks."""
        self._work += change
        self._look()

    def rests(self, change: int) -> None:
        """So many more turns, or fewer, have nothing to do but to wait for people."""
        self._resting += change
        self._look()

    def question(self, agent: str, question_id: str, question: str) -> None:
        """Put a question into the log, unless it is there. Raises: AgentError if nobody can ever answer."""
        plan = self._runner.plan
        if plan.ask is None and not plan.patient:
            raise AgentError(
                "is asked of a person, and nobody is there to answer: run in a terminal, pass ask=, or keep a journal"
            )
        if relative(question_id) not in self._runner.past.asked:
            self._runner.record(Question(agent=agent, question_id=question_id, content=question))
        early = self._early.pop(question_id, None)
        if early is not None:
            self._answers[question_id] = early.content
            self._runner.record(early)

    async def answer(self, agent: str, question_id: str, question: str) -> str:
        """Wait for the answer to a question that was put."""
        if question_id in self._answers:
            return self._answers.pop(question_id)
        ask = self._runner.plan.ask
        if ask is not None:
            answer = mended(str(await calling.call(ask, agent, question)))
            by = str(getattr(ask, "by", ""))
            self._runner.record(Answered(agent=agent, question_id=question_id, content=answer, by=by))
            return answer
        answered = self._open[question_id] = anyio.Event()
        try:
            await answered.wait()
            return self._answers[question_id]
        finally:
            del self._open[question_id]
            self._answers.pop(question_id, None)

    async def put(self, command: AskPerson) -> None:
        """Ask whoever is there what the run itself wants to know; where nobody is, it stays open."""
        ask = self._runner.plan.ask
        if ask is not None:
            answer = mended(str(await calling.call(ask, command.agent, command.content)))
            by = str(getattr(ask, "by", ""))
            self._runner.record(Answered(agent=command.agent, question_id=command.question_id, content=answer, by=by))

    def answered(self, event: Answered) -> None:
        """An answer is in the log."""
        if event.question_id in self._open:
            self._answers[event.question_id] = event.content
            self._open[event.question_id].set()

    def tell(self, word: Word) -> None:
        """What another process says to the run: an answer, which counts if it is the first, or that it is to end."""
        match word:
            case Answered():
                if self._is_open(word.question_id):
                    self._runner.record(word)
                else:
                    self._early.setdefault(word.question_id, word)
            case StopRequested():
                self._runner.stop(word.outcome, word.reason, word.by)

    def _is_open(self, question_id: str) -> bool:
        return question_id in self._open or self._runner.scheduler.asks(question_id)

    def _look(self) -> None:
        plan, scheduler = self._runner.plan, self._runner.scheduler
        # Whoever has an answer is about to wake up, and does not rest although nobody has told so yet.
        busy = self._work > self._resting or self._answers or (self._resting and plan.ask is not None)
        if busy or scheduler.ended or scheduler.ending or self.waiting or not plan.patient:
            return
        self.waiting = True
        self._runner.park()
