"""What simulated agents do in scenario after scenario: work that shows, and talk. The pieces of every play."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from agentmesh.evaluation.calibration.runs import Half
from agentmesh.evaluation.calibration.stage import Call, Stage
from agentmesh.evaluation.calibration.topics import TOPICS, Found, Topic, found, numbers
from agentmesh.evaluation.calibration.wording import Wording
from agentmesh.messages import Task

_NAMES = (
    "ann", "bob", "carl", "dora", "emil", "fay", "gus", "hana", "ivo", "jill", "researcher", "builder", "critic",
    "analyst", "clerk", "agent-1", "agent-2", "agent-3", "north", "south", "claude-a", "gpt-b", "coder", "checker",
)  # fmt: skip
_TRIES = 20
_WARM_UP = (3, 12)
"""Turns of healthy work before whatever the scenario is about; drawn for each run."""


class Play:
    """One run being played: its stage, topic, agents and words. Everything in it is drawn from one generator."""

    def __init__(self, rng: Random, half: Half, *, agents: int = 0, order: str = "round_robin") -> None:
        self.rng = rng
        self.say = Wording(half, rng)
        self.topic = rng.choice(TOPICS)
        self.names = tuple(rng.sample(_NAMES, agents or rng.choice((2, 2, 3))))
        self.stage = Stage(
            rng, self.names, team=f"{self.topic.name}-{rng.choice(('team', 'pair', 'group'))}", order=order
        )
        self.items = rng.sample(self.topic.items, rng.randint(6, 9))
        self.facts: list[str] = []
        self._known: set[str] = set()
        self.politeness = rng.choice((0.0, 0.2, 0.5))
        """How often work is accompanied by kind words, the whole run long."""
        self._next = rng.randrange(len(self.names))
        self._item = 0

    def about(self, topic: Topic) -> None:
        """Let the run be about this topic, whatever was drawn."""
        self.topic = topic
        self.items = self.rng.sample(topic.items, len(self.items))

    # Who and what comes next

    def speaker(self) -> str:
        """Whose turn it is."""
        self._next = (self._next + 1) % len(self.names)
        return self.names[self._next]

    def peer(self, agent: str) -> str:
        """Another agent than this one: with two agents always the same, otherwise one at random."""
        return self.rng.choice([name for name in self.names if name != agent])

    def item(self) -> str:
        """The piece of work that comes next; after the last one the first again."""
        self._item += 1
        return self.items[self._item % len(self.items)]

    def warm_up_turns(self) -> int:
        """How long the run is healthy at first."""
        return self.rng.randint(*_WARM_UP)

    def chance(self, share: float) -> bool:
        """True in this share of cases."""
        return self.rng.random() < share

    # Work

    def task(self) -> str:
        """The user's task."""
        return self.topic.goal.format(items=", ".join(self.items))

    def begin(self, task: str = "", *, to: Sequence[str] | None = None) -> None:
        """The run starts with the user's task."""
        self.stage.begin(task or self.task(), to=to)

    def find(self, item: str = "") -> Found:
        """One step of work on an item, or on the next one; its fact is kept, for others to come back to."""
        item = item or self.item()
        # What was found before would be no work but a repetition; with few facts without a number it may come up.
        steps = (found(self.topic, item, self.rng) for _ in range(_TRIES))
        step = next((step for step in steps if step.fact not in self._known), found(self.topic, item, self.rng))
        self._known.add(step.fact)
        self.facts.append(step.fact)
        return step

    def fact_again(self) -> str:
        """A fact that was told before."""
        return self.rng.choice(self.facts[-6:])

    def work(self, agent: str = "", *, before: str = "", after: str = "", item: str = "", act: str = "report") -> Found:
        """One turn of work: one to three calls, and a report of what they brought. Returns what was found first."""
        agent = agent or self.speaker()
        steps = [self.find(item) for _ in range(self.rng.choice((1, 1, 1, 2, 3)))]
        acts = [act, *["report"] * 2]
        told = [
            self.say(each, item=step.item, fact=step.fact, peer=self.peer(agent))
            for each, step in zip(acts, steps, strict=False)
        ]
        if not before and self.chance(self.politeness):
            before = self.kind(self.peer(agent))
        if not after and self.chance(0.3):
            after = self.aside(agent)
        self.stage.turn(agent, _joined(before, *told, after), [step.call for step in steps])
        return steps[0]

    def finished(self, item: str) -> str:
        """The remark that an item is done, with something that was found on the way."""
        return self.say("claim_item", item=item, fact=self.find(item).fact)

    def kind(self, peer: str) -> str:
        """A kind word that says nothing else."""
        return self.say(self.rng.choice(("thanks", "thanks", "praise", "endorse")), peer=peer)

    def aside(self, agent: str) -> str:
        """What a worker adds to a report: a plan, a question, a doubt about what was said."""
        act = self.rng.choice(("plan", "plan", "ask", "doubt"))
        return self.say(act, item=self.item(), peer=self.peer(agent), fact=self.find().fact if act == "doubt" else "")

    def healthy(self, turns: int) -> None:
        """So many turns of work."""
        for _ in range(turns):
            self.work()

    def speak(self, agent: str, *sentences: str, calls: Sequence[Call] = (), to: Sequence[str] | None = None) -> None:
        """One turn of talk."""
        self.stage.turn(agent, _joined(*sentences), calls, to=to)

    def end_by_limit(self) -> None:
        """The run comes to its end without an answer."""
        self.stage.end("limit", "turns: all taken")

    def end_well(self) -> None:
        """The rest of the items is worked on and the answer given; some runs are checked, some end at their limit."""
        last, ending = self.names[-1], self.rng.choice(("verified", "completed", "limit"))
        if ending == "limit":
            self.end_by_limit()
            return
        steps = [self.find(item) for item in self.items[: self.rng.randint(2, 4)]]
        answer = " ".join(self.say("claim_item", item=step.item, fact=step.fact) for step in steps)
        self.stage.turn(last, answer, [step.call for step in steps], to=["user"])
        if ending == "verified":
            self.stage.verified(passed=True)
        self.stage.end("verified" if ending == "verified" else "completed", "answered", answer)

    # A planner's board

    def tasks(self, planner: str, items: Sequence[str]) -> dict[str, Task]:
        """The planner opens a task for each item."""
        board = {
            item: Task(
                id=f"t{at}", title=f"Part {at}", instructions=self.say("plan", item=item),
                acceptance=self.rng.choice(("The result, and how it was found", "Checked a second time", "")),
            )
            for at, item in enumerate(items, start=1)
        }  # fmt: skip
        arguments: dict[str, object] = {"tasks": [task.model_dump(mode="json") for task in board.values()]}
        self.stage.turn(planner, None, [Call("open_tasks", arguments)])
        for task in board.values():
            self.stage.task(planner, task, "open")
        return board

    def hand_in(self, planner: str, worker: str, task: Task, item: str, *extra: str, calls: int = 2) -> None:
        """A worker does its task and hands it in, with what it called to do it."""
        steps = [self.find(item) for _ in range(calls)]
        told = " ".join(self.say("report", item=item, fact=step.fact) for step in steps)
        self.hand_in_as(planner, worker, task, _joined(told, *extra), [step.call for step in steps])

    def hand_in_as(
        self, planner: str, worker: str, task: Task, summary: str, calls: Sequence[Call], *, onset: Sequence[str] = ()
    ) -> None:
        """A worker hands in its task with this summary, after these calls. `onset`: labels shown by the handoff."""
        handing: dict[str, object] = {"status": "done", "summary": summary, "evidence": ""}
        last = Call("hand_off", handing, onset=tuple(onset))
        self.stage.task(planner, task, "claimed", worker)
        self.stage.send(
            planner, [worker], f"Task {task.id}: {task.title}\n\n{task.instructions}", kind="task", task_id=task.id
        )
        self.stage.turn(worker, None, [*calls, last])
        self.stage.task(planner, task, "done", worker, summary)
        told = f"Status: done\nSummary: {summary}"
        self.stage.send(worker, [planner], told, kind="handoff", task_id=task.id)

    def slots(self) -> dict[str, str]:
        """Numbers for a text."""
        return numbers(self.rng)


def _joined(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)
