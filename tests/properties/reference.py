"""The rules of a run, read off the design and written down a second time: who hears what, is refused what, sees what.

An interpreter of plain dictionaries that imports nothing of what it is compared with. It plays one turn at a time:
those who may act begin together, and the one who began first ends first.

A phase is {name, order, participants, edges: {(sender, recipient): {cap, carries}}, rounds, end, opens, joins, votes:
{name: {method, options, candidates, weights, ties}}, boards}. A deed is ([call, ...], reply); a reply is a text, a pair
(text, position), None, or FAIL. `changes` happen at moments: each time a turn begins or ends is one.
"""

from __future__ import annotations

import copy
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.properties.reference_nodes import Message, Poll, Sheet, key

USER = "user"
FAIL = "<fail>"


class Reference:
    """One run. Afterwards: `deliveries` by recipient, `refusals`, `views`, `calls`, `end`."""

    def __init__(
        self,
        phases: Sequence[Mapping[str, Any]],
        deed: Callable[[str, int], tuple[list[Any], Any]],
        changes: Mapping[int, Sequence[tuple[Any, ...]]],
        *,
        seed: int = 0,
        policy: str = "return_to_agent",
    ) -> None:
        self.phases: list[dict[str, Any]] = copy.deepcopy([dict(phase) for phase in phases])
        self.deed, self.changes, self.seed, self.policy = deed, changes, seed, policy
        self.moment, self.at, self.outcome, self.failed = 0, 0, "", False
        self.answer: str | None = None
        self.entering: int | None = None
        self.current: tuple[str, int] | None = None
        self.answering = False
        self.turns: Counter[str] = Counter()
        self.occurrences: Counter[str] = Counter()
        self.carried: Counter[tuple[str, str]] = Counter()
        self.cut: set[tuple[str, str]] = set()
        self.told: set[str] = set()
        self.inbox: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        self.notices: defaultdict[str, list[str]] = defaultdict(list)
        self.sheets: defaultdict[str, Sheet] = defaultdict(Sheet)
        self.deliveries: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        self.refusals: list[tuple[str, str, str]] = []
        self.views: list[Any] = []
        self.calls: list[Any] = []

    @property
    def end(self) -> tuple[str, str | None]:
        return self.outcome, self.answer if self.outcome == "completed" else None

    def run(self) -> Reference:
        while not self.outcome:
            self.begin_phase()
            while not self.outcome:
                self.settle()
                if self.pending and not self.outcome:
                    self.act(*self.pending.pop(0))
                elif self.outcome or self.entering is not None or not self.count(last=True):
                    break
            self.free()
            if self.entering is None and self.at + 1 == len(self.phases) and not self.outcome:
                self.outcome = "failed" if self.failed else "stalled"
            self.at, self.entering = (self.at + 1 if self.entering is None else self.entering), None
        return self

    # Edges

    def open(self, sender: str, to: str) -> bool:
        return (sender, to) in self.phase["edges"] and (sender, to) not in self.cut

    def passes(self, sender: str, to: str) -> bool:
        return self.open(sender, to) and not {sender, to} & {*self.phase["boards"]}

    def successors(self, sender: str) -> list[str]:
        return [b for a, b in self.phase["edges"] if a == sender and self.passes(a, b)]

    def predecessors(self, to: str) -> list[str]:
        return [a for a, b in self.phase["edges"] if b == to and a not in self.phase["boards"]]

    # Phases and turns

    def begin_phase(self) -> None:
        phase = self.phase = self.phases[self.at]
        self.occurrences[phase["name"]] += 1
        self.round, self.agreed = 0, False
        self.to_act: list[str] = []
        self.pending: list[tuple[str, int]] = []
        self.held: defaultdict[str, list[Message]] = defaultdict(list)
        self.kept: list[tuple[Any, ...]] = []
        self.written: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        self.positions: dict[str, str] = {}
        self.polls = {name: Poll() for name in phase["votes"]}
        self.ready: dict[str, None] = {}
        self.heard: defaultdict[str, set[str]] = defaultdict(set)
        tasks, opens = self.tasks(), phase["opens"]
        waiting = phase["order"] != "reactive" and any(map(self.has_to_act, phase["participants"]))
        if not opens and not tasks and not waiting:
            opens = [name for name in phase["participants"] if name in self.successors(USER)]
        for name in opens:
            self.open_for(name)
        self.send(tasks)

    def tasks(self) -> list[Message]:
        untold = [name for name in self.successors(USER) if name not in self.told]
        self.told.update(untold)
        return [Message(USER, name, "the task") for name in untold]

    def open_for(self, name: str) -> None:
        to = self.successors(name)
        votes = to and all(one in self.phase["votes"] for one in to)
        self.notices[name].append("answer_now" if to == [USER] else "vote_now" if votes else "speak_now")
        if self.phase["order"] == "reactive":
            self.ready[name] = None

    def has_to_act(self, name: str) -> bool:
        return bool(self.inbox[name]) or any("refused" not in notice for notice in self.notices[name])

    def settle(self) -> None:
        """All that follows before the next deed: a round's deeds leave, votes are counted, turns begin."""
        while not self.outcome and (self.flush() or self.count() or (self.entering is None and self.start())):
            pass

    def start(self) -> bool:
        agents = self.due() if self.phase["order"] == "reactive" else self.in_round()
        happen: list[tuple[Any, ...]] = []
        for name in agents:
            self.turns[name] += 1
            self.pending.append((name, self.turns[name]))
            self.written[name] = set()
            self.heard.pop(name, None)
            read = self.read(name, self.inbox.pop(name, []))
            notices = sorted(self.notices.pop(name, []))
            place = (name, self.turns[name], self.phase["name"], self.round)
            self.views.append((*place, read, notices, self.successors(name)))
            happen += self.now()
        self.send([task for change in happen for task in self.change(*change)])
        return bool(agents)

    def now(self) -> Sequence[tuple[Any, ...]]:
        """Once more a turn has begun or ended: what happens to the graph at this moment."""
        self.moment += 1
        return self.changes.get(self.moment, ())

    def due(self) -> list[str]:
        busy = [name for name, _ in self.acting]
        agents = [name for name in self.ready if name not in busy]
        self.ready = {name: None for name in self.ready if name in busy}
        return agents

    def in_round(self) -> list[str]:
        if self.acting:
            return []
        if not any(map(self.has_to_act, self.to_act)):
            self.agreed = self.agreed or self.converged()
            left = self.round < self.phase["rounds"] and not self.agreed
            self.to_act = []
            if left and any(map(self.has_to_act, self.phase["participants"])):
                self.round += 1
                self.to_act = list(self.phase["participants"])
        able = [name for name in self.to_act if self.has_to_act(name)]
        if self.phase["order"] == "simultaneous":
            self.to_act = []
            return able
        self.to_act = self.to_act[self.to_act.index(able[0]) + 1 :] if able else []
        return able[:1]

    @property
    def acting(self) -> list[tuple[str, int]]:
        return [*self.pending, *([self.current] if self.current else [])]

    def converged(self) -> bool:
        held = {self.positions.get(name) for name in self.phase["participants"]}
        return self.phase["end"] == "converged" and self.round > 0 and None not in held and len(held) == 1

    def read(self, name: str, inbox: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """A barrier is read in the order of the edges."""
        order = self.predecessors(name)
        if self.phase["order"] != "reactive" or self.phase["joins"].get(name, "any") == "any":
            return inbox
        return sorted(inbox, key=lambda item: order.index(item[0]) if item[0] in order else -1)

    def act(self, name: str, turn: int) -> None:
        calls, reply = self.deed(name, turn)
        self.current = (name, turn)
        for number, call in enumerate(calls):
            self.calls.append((name, turn, number, self.call(name, *call)))
            self.settle()
            if self.outcome:
                return
        self.current = None
        text, position = reply if isinstance(reply, tuple) else (reply, None)
        if (name, USER) in self.phase["edges"]:
            position = None  # whoever answers the user states no position beside the answer
        if position is not None:
            self.positions[name] = key(position)
        said: list[Message] = []
        if text == FAIL:
            self.failed = True
        elif text is not None and not self.written[name]:
            said = [self.worded(name, to, text, position) for to in self.successors(name)]
        if self.phase["order"] == "simultaneous":
            self.held[name] += said
            said = []
        self.consider(name)
        self.send([*said, *(task for change in self.now() for task in self.change(*change))])

    def worded(self, name: str, to: str, text: str, position: str | None = None) -> Message:
        """To a vote a text is a ballot of one, unless it is a candidate's."""
        vote = self.phase["votes"].get(to)
        if vote is None or name in vote["candidates"]:
            return Message(name, to, text, position=position)
        return Message(name, to, json.dumps([text.strip() if position is None else position]), "ballot")

    def call(self, name: str, tool: str, *given: Any) -> Any:
        """What came of a tool call: whether it was accepted, or what was read."""
        if tool == "send":
            names, text = given
            return self.by_tool(name, [self.worded(name, to, text) for to in dict.fromkeys(names)])
        if tool == "vote":
            votes = [vote for vote in self.phase["votes"] if name in self.voters(vote)]
            ballots = [Message(name, to, json.dumps(given[0]), "ballot") for to in votes]
            return bool(ballots) and self.by_tool(name, ballots)
        board, *rest = given
        pair = (board, name) if tool == "read" else (name, board)
        if board not in self.phase["boards"] or not self.open(*pair):
            return False
        if tool == "read" or self.phase["order"] != "simultaneous":
            return self.sheets[board].call(name, tool, *rest)
        again = tool == "write" and any((a, b, t) == (name, board, tool) for a, b, t, *_ in self.kept)
        if again or not copy.deepcopy(self.sheets[board]).call(name, tool, *rest):
            return False
        self.kept.append((name, board, tool, *rest))
        return True

    # Messages

    def by_tool(self, name: str, messages: list[Message]) -> bool:
        now = []
        for message in messages:
            place = (message.to, message.kind)
            keeps = self.phase["order"] == "simultaneous" and self.passes(name, message.to)
            if keeps and place not in self.written[name] and self.vote_refuses(message) is None:
                self.written[name].add(place)
                self.held[name].append(message)
            else:
                now.append(message)
        return self.send(now, by_tool=True)

    def flush(self) -> bool:
        """When the round is over, what it held leaves in the order of the nodes."""
        if self.acting or (self.to_act and self.entering is None) or not (any(self.held.values()) or self.kept):
            return False
        nodes = list(self.phase["participants"])
        for name, board, tool, *given in sorted(self.kept, key=lambda deed: (*nodes, deed[0]).index(deed[0])):
            if not (self.open(name, board) and self.sheets[board].call(name, tool, *given)):
                self.notices[name].append("board_refused")
        self.kept.clear()
        self.written.clear()
        order = dict.fromkeys([*self.phase["participants"], *self.held])
        self.send([message for name in order for message in self.held.pop(name, [])])
        return True

    def send(self, messages: list[Message], *, by_tool: bool = False) -> bool:
        """Whether all passed. All are judged before any arrives; positions take a step longer than texts.

        That step is taken in the order of the messages: a position ahead of the answer that ends the run still
        arrives, one behind it is refused, and what waits behind a position to the same recipient shares its fate.
        """
        judged = [(message, self.judge(message)) for message in messages]
        late: list[tuple[Message, str]] = []
        fates: dict[str, str] = {}
        for message, reason in judged:
            if reason is not None:
                self.refuse(message, reason, tell=not by_tool)
            elif self.shortened(message) or message.to in fates:
                if self.shortened(message):
                    fates[message.to] = self.outcome
                late.append((message, fates[message.to]))
            else:
                self.deliver(message)
        passed = all(reason is None for _, reason in judged)
        for message, fate in late:
            passed = passed and not fate
            if fate:
                self.refuse(message, fate, tell=False)
            else:
                self.deliver(message)
        return passed

    def shortened(self, message: Message) -> bool:
        carries = self.phase["edges"][message.sender, message.to]["carries"]
        free = message.sender == USER or message.sender in self.phase["votes"] or message.kind == "ballot"
        return carries == "position" and not free

    def judge(self, message: Message) -> str | None:
        pair = (message.sender, message.to)
        own = message.kind in ("text", "ballot") and message.sender != USER
        if self.outcome:
            return self.outcome
        if not self.passes(*pair):
            return "no_edge"
        if own and (message.to, message.kind) in self.written[message.sender]:
            return "already_sent" if message.kind == "text" else "already_voted"
        if message.to == USER and self.answering:
            return "answer_pending"
        cap = self.phase["edges"][pair]["cap"]
        if cap is not None and self.carried[pair] >= cap:
            return "max_messages"
        reason = self.vote_refuses(message)
        if reason is None and self.shortened(message) and message.position is None:
            reason = "no_position"
        if reason is None:
            self.carried[pair] += cap is not None
            self.answering = self.answering or message.to == USER
            self.written[message.sender].add((message.to, message.kind))
        return reason

    def vote_refuses(self, message: Message) -> str | None:
        poll = self.polls.get(message.to)
        return None if poll is None else poll.refuses(self.phase["votes"][message.to], message, self.voters(message.to))

    def voters(self, vote: str) -> list[str]:
        """All with an edge to a vote; its candidates only if nobody else has one."""
        heard = [a for a, b in self.phase["edges"] if b == vote]
        return [name for name in heard if name not in self.phase["votes"][vote]["candidates"]] or heard

    def refuse(self, message: Message, reason: str, *, tell: bool) -> None:
        self.refusals.append((message.sender, message.to, reason))
        # A plain reply went where edges led when it was written: it breaks no rule if one was cut meanwhile.
        broken = reason == "max_messages" or (reason == "no_edge" and not tell)
        if self.policy == "halt" and broken and message.sender != USER:
            self.outcome = "halted"
        if tell and not self.outcome and message.sender != USER and message.sender not in self.phase["votes"]:
            self.notices[message.sender].append("refused")

    def deliver(self, message: Message) -> None:
        content = f"Position: {message.position}" if self.shortened(message) else message.content
        self.deliveries[message.to].append((message.sender, content))
        if message.to == USER:
            self.outcome, self.answer = self.outcome or "completed", content
        elif message.to in self.polls:
            self.polls[message.to].take(message, content)
        else:
            self.inbox[message.to].append((message.sender, content))
            self.heard[message.to].add(message.sender)
            self.consider(message.to)

    def consider(self, name: str) -> None:
        """A reactive agent acts when it has heard from as many of those whom it can hear as its join demands."""
        heard, join = self.heard.get(name, set()), self.phase["joins"].get(name, "any")
        alive = heard | {one for one in self.predecessors(name) if self.open(one, name)}
        needed = {"any": 1, "all": len(alive), "quorum": len(alive) // 2 + 1}.get(join, join)
        if self.phase["order"] == "reactive" and heard and len(heard) >= needed:
            self.ready[name] = None

    # Votes

    def count(self, *, last: bool = False) -> bool:
        """Count the votes in which all ballots are in; `last`: all that have any, for nobody will vote any more."""
        results = []
        for name, poll in self.polls.items():
            rule, voters = self.phase["votes"][name], self.predecessors(name)
            able = [one for one in voters if self.open(one, name)]
            if poll.closed or not poll.ballots or not (last or poll.all_in(rule, able, self.voters(name))):
                continue
            poll.closed = True
            place = f"{self.phase['name']}|{self.occurrences[self.phase['name']]}|{name}"
            text = poll.result(rule, voters, f"{self.seed}|{place}")
            self.failed = self.failed or text is None
            results += [Message(name, to, text, "result") for to in self.successors(name) if text is not None]
        self.send(results)
        return bool(results)

    # Change while running

    def change(self, what: str, *given: Any) -> list[Message]:
        """What follows: the task for whoever takes another's place."""
        edges = [(given[0], given[-1])] if what in ("cut", "restore") else []
        if what == "isolate":
            edges = [pair for phase in self.phases for pair in phase["edges"] if given[0] in pair]
            self.free(given[0])
        if what == "enter_phase":
            self.entering = next(at for at, phase in enumerate(self.phases) if phase["name"] == given[0])
        (self.cut.difference_update if what == "restore" else self.cut.update)(edges)
        for name in dict.fromkeys(to for _, to in edges):
            self.consider(name)
        return self.replace(*given) if what == "replace" else []

    def replace(self, old: str, new: str) -> list[Message]:
        """The new one has the edges of the old one, and the task; and nothing that it knew, claimed or voted for."""

        def named(value: Any) -> Any:
            if isinstance(value, dict):
                return {named(one): named(other) for one, other in value.items()}
            if isinstance(value, list | tuple | set):
                return type(value)(map(named, value))
            return new if value == old else value

        self.phases = named(self.phases)
        self.phase = self.phases[self.at]
        self.cut, self.carried, self.to_act = named(self.cut), Counter(named(dict(self.carried))), named(self.to_act)
        known: tuple[dict[str, Any], ...] = (self.inbox, self.positions, self.heard, self.ready)
        for one in known:
            one.pop(old, None)
        self.free(old)
        for poll in self.polls.values():
            poll.forget(old)
        self.open_for(new)
        return self.tasks()

    def free(self, name: str | None = None) -> None:
        for sheet in self.sheets.values():
            sheet.free(name)
