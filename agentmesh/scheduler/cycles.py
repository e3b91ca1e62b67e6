"""What the root planner of a hierarchy proposes, what is done before that goes on, and what a judge decides on it."""

from __future__ import annotations

from itertools import count

from agentmesh.events import Event, Inbound, LimitWasReached, MessageDelivered, TaskChanged
from agentmesh.messages import MessageKind, Part, Task
from agentmesh.scheduler.notices import notice
from agentmesh.scheduler.state import RunState
from agentmesh.scheduler.taskboard import Entry, TaskBoards, board_text
from agentmesh.tools.graph import Decide
from agentmesh.topology.lines import JUDGE_ATTEMPTS

RECONCILE = "reconcile"
HANDOFFS = 8000
"""Of the handoffs of earlier cycles a planner that begins anew reads the latest again, so many characters at most."""


class Cycles:
    """From one proposed answer to the next."""

    def __init__(self, state: RunState, boards: TaskBoards) -> None:
        self._state = state
        self._boards = boards
        self._proposal = ""
        """The proposed answer that the judge has read; `_unread` is one that it has not."""
        self._unread: str | None = None
        self._cycles = 1
        self._undecided = 0
        self._held: tuple[str, str, tuple[Part, ...]] | None = None
        """The task that has to be done before a proposal goes on, and the proposal."""
        self._reconciled = False
        """Whether all was to be put in order since the last proposal went on."""
        self._handoffs: dict[str, MessageDelivered] = {}
        """What the root planner was handed, by task."""
        self.own: set[str] = set()
        """Ids of the tasks that the run itself has opened."""

    def delivered(self, event: MessageDelivered) -> None:
        """A message has arrived."""
        if event.kind == "proposal":
            self._unread = event.content
        elif event.kind == "handoff" and event.recipient == self._state.planning.root:
            self._handoffs.pop(event.task_id or "", None)  # a later one of the same task comes last
            self._handoffs[event.task_id or ""] = event

    def started(self, agent: str) -> None:
        """A turn has begun: the judge reads the latest proposal; the root planner may propose another."""
        planning = self._state.planning
        if agent == planning.judge and self._unread is not None:
            self._proposal, self._unread = self._unread, None
        elif agent == planning.root:
            self._held = None

    def propose(self, text: str, parts: tuple[Part, ...]) -> list[Event]:
        """The root planner proposes this: it goes on, or first somebody puts all in order."""
        if self._state.planning.reconcile is None or self._reconciled:
            return self._go_on(text, parts)
        root, self._reconciled = self._state.planning.root, True
        task = self._reconciliation(text)
        self.own.add(task.id)
        self._boards.uncounted.add((root, task.id))
        self._held = (task.id, text, parts)
        return [TaskChanged(agent=root, task=task, status="open")]

    def reconciled(self, entry: Entry) -> list[Event]:
        """The proposal that waited for this task alone."""
        if self._held is None or entry.place != (self._state.planning.root, self._held[0]):
            return []
        _, text, parts = self._held
        self._held = None
        return self._go_on(text, parts)

    def _go_on(self, text: str, parts: tuple[Part, ...]) -> list[Event]:
        state, planning = self._state, self._state.planning
        self._reconciled = False
        kind: MessageKind = "proposal" if planning.judge else "answer"
        above = [name for name in state.recipients(planning.root) if name not in planning.workers[planning.root]]
        return [state.proposal(planning.root, name, text, kind, parts=parts) for name in above]

    def _reconciliation(self, answer: str) -> Task:
        board = self._boards.of(self._state.planning.root)
        names = (RECONCILE if number == 1 else f"{RECONCILE}-{number}" for number in count(1))
        parts = [
            "All tasks have come back. Look at everything that was made as one whole, and put right what does not fit "
            "together, before this answer is given.",
            *([f"The tasks:\n{board_text(board)}"] if board else []),
            f"The answer:\n{answer}",
        ]
        return Task(id=next(name for name in names if name not in board), title="Put everything in order",
                    instructions="\n\n".join(parts))  # fmt: skip

    # The judge

    def decide(self, judge: str, action: Decide) -> list[Event]:
        """The judge has decided."""
        state, root = self._state, self._state.planning.root
        self._undecided = 0
        match action.decision:
            case "done":
                names = [name for name in state.recipients(judge) if name != root]
                return [state.proposal(judge, name, self._proposal, "answer") for name in names]
            case "abort":
                return []
            case "continue" | "replan":
                limit = state.planning.max_cycles
                if self._cycles >= limit:
                    return [LimitWasReached(limit="max_cycles", allowed=limit, needed=self._cycles + 1)]
                self._cycles += 1
                text = f"Decision: {action.decision}\nReason: {action.reason}"
                before = self._begin_anew() if state.planning.fresh else []
                return [*before, state.proposal(judge, root, text, "decision")]

    def talked(self, judge: str) -> list[Event]:
        """The judge has said something, and decided nothing."""
        self._undecided += 1
        if self._undecided >= JUDGE_ATTEMPTS:
            self._state.obstacles.append(("failed", f"'{judge}' did not decide in {JUDGE_ATTEMPTS} turns"))
            return []
        return [notice(judge, "decide_only")]

    def _begin_anew(self) -> list[Event]:
        """All forget what was. The root planner has the task again, and what it knew of its tasks."""
        state, planning, given = self._state, self._state.planning, self._state.given
        assert given is not None, "a judge decides in a run that has begun"
        state.forget([*planning.workers, *planning.planner_of, *([planning.judge] if planning.judge else [])])
        state.inbox[planning.root] = self._handed_before()
        told: list[Event] = [*state.task(given.task, given.parts)]
        if not told and planning.root in state.ever_told:
            told.append(notice(planning.root, "task_again", task=given.task))
        boards = {planner: self._boards.of(planner) for planner in planning.workers}
        return told + [
            notice(planner, "board_so_far", tasks=board_text(board)) for planner, board in boards.items() if board
        ]

    def _handed_before(self) -> list[Inbound]:
        """The handoffs that the root planner has read, word for word and from whom they were: the latest of them."""
        board, room = self._boards.of(self._state.planning.root), HANDOFFS
        found: list[Inbound] = []
        for event in reversed(self._handoffs.values()):
            room -= len(event.content)
            if room < 0:
                break
            found += [event] * (event.task_id in board)
        return found[::-1]
