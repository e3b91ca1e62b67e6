"""What carries an intervention out: each as events, from the graph, the order and the phases as they are then."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from agentmesh.config.interventions import Rung
from agentmesh.events import (
    Answered,
    Change,
    Event,
    FindingRecorded,
    InterventionMade,
    MessageEvent,
    MessageProposed,
    MessageTransformed,
    Question,
    RunStarted,
    TopologyChanged,
)
from agentmesh.messages import USER, Outcome
from agentmesh.scheduler.commands import AskPerson, Step
from agentmesh.scheduler.course import Course
from agentmesh.scheduler.ladder import Plan, made
from agentmesh.scheduler.limits import Reached
from agentmesh.scheduler.moment import Moment, answer_in
from agentmesh.scheduler.notices import listed, notice
from agentmesh.scheduler.orders import Order
from agentmesh.scheduler.post import Post
from agentmesh.scheduler.renewal import Renewal
from agentmesh.scheduler.retasking import Retasked
from agentmesh.scheduler.state import RunState
from agentmesh.topology.phases import edges_hash

Pair = tuple[str, str]
AT_ONCE = frozenset({"note", "halt", "withhold", "cut_edge", "isolate"})
"""What a blocking monitor does before the message is decided on in which it found something."""
End = Callable[[Outcome, str], None]


class Interventions:
    """Says whether a rung can be carried out, and does it.

    `reserve`: agents that take part only when they are called. `people`: whether they may answer questions.
    """

    def __init__(
        self,
        state: RunState,
        course: Course,
        post: Post,
        agents: Collection[str],
        reserve: Collection[str],
        end: End,
        reached: Reached,
        *,
        people: bool,
    ) -> None:
        self._state = state
        self._course = course
        self._post = post
        self._agents = agents
        self._reserve = tuple(reserve)
        self._end = end
        self._people = people
        self.moment = Moment(state, course, agents, reached)
        self._renewal = Renewal(state)
        self._open: dict[str, tuple[str, ...]] = {}
        """By question: the agents that wait for the answer."""
        self._observed: dict[int, Pair] = {}
        """By event in which something was found: the ends of its message."""
        self.undecided: Event | None = None
        """The message that blocking monitors are being shown."""
        self._given: set[tuple[str, Pair]] = set()
        """By phase: edges that were given to those who are to object."""
        self._deferred: list[tuple[InterventionMade, FindingRecorded]] = []

    def show(self, event: object) -> None:
        """Something was found in this event."""
        if isinstance(event, MessageEvent):
            self._observed[event.id] = (event.sender, event.recipient)
            if isinstance(event, MessageProposed | MessageTransformed):
                self.undecided = event

    @property
    def waiting(self) -> bool:
        """Whether a person has still to answer."""
        return bool(self._open)

    def asks(self, question_id: str) -> bool:
        """Whether this question is the run's own, and open."""
        return question_id in self._open or self._post.is_withheld(question_id)

    # Whether it can be done

    def planned(self, order: Callable[[], Order]) -> Plan:
        """Plans interventions in the order of the moment.

        What only the moment forbids, because nobody will act on it or the same is done already, comes to a note; it is
        not passed over for the next rung, which may be `halt`.
        """

        def plan(rung: Rung, event: FindingRecorded) -> InterventionMade | None:
            drawn = self.plan(rung, event, order())
            if drawn is None:
                return None
            if self.moment.forbids(drawn, self.undecided):
                return made(Rung("note"), event, skipped=(rung.kind,))
            self.moment.comes(drawn)
            return drawn

        return plan

    def plan(self, rung: Rung, event: FindingRecorded, order: Order) -> InterventionMade | None:  # noqa: C901 - a list
        """The intervention, if it can be carried out now."""
        match rung.kind:
            case "note" | "halt":
                return made(rung, event)
            case "ask_evidence" | "reset_context":
                return self._about(rung, event, self._present(event.finding.agents))
            case "withhold":
                return self._withholding(rung, event)
            case "dissent":
                return self._dissenting(rung, event)
            case "cut_edge":
                edges = self._edges_among(event)
                return made(rung, event, edges=edges) if edges else None
            case "isolate":
                return self._isolating(rung, event)
            case "reassign":
                return self._reassigning(rung, event, order)
            case "enter_phase" | "switch_topology":
                known = rung.phase in [phase.name for phase in self._course.phases]
                return made(rung, event) if known and not self._course.entering else None
            case "blind_revote":
                agents = self._renewal.addressed(self._present(event.finding.agents))
                return self._about(rung, event, agents) if self._state.revote is None else None
            case "replan":
                return None if self._course.entering else made(rung, event)
            case "ask_human":
                return made(rung, event) if self._people and f"i{event.id}" not in self._open else None

    def _about(
        self, rung: Rung, event: FindingRecorded, agents: tuple[str, ...], **more: Any
    ) -> InterventionMade | None:
        return made(rung, event, agents=agents, **more) if agents else None

    def _present(self, agents: Iterable[str]) -> tuple[str, ...]:
        """Those who take part now and may still act, in the order of the nodes."""
        state, named = self._state, set(agents)
        return tuple(name for name in state.phase.participants if name in named and name not in state.retired)

    def _withholding(self, rung: Rung, event: FindingRecorded) -> InterventionMade | None:
        message = self.undecided
        if not event.blocking or message is None or message.id != event.observed:
            return None
        assert isinstance(message, MessageProposed | MessageTransformed)
        return made(rung, event, parameters={"message": message.message_id})

    def _dissenting(self, rung: Rung, event: FindingRecorded) -> InterventionMade | None:
        agent = rung.agent or self._one_in_reserve()
        named = tuple(name for name in self._present(event.finding.agents) if name != agent)
        if agent is None or not named or agent in self._state.retired:
            return None
        edges: tuple[Pair, ...] = ()
        if agent not in self._state.phase.participants or agent in self._state.guests:
            pairs = [pair for name in named for pair in ((name, agent), (agent, name))]
            edges = tuple(pair for pair in pairs if pair not in self._state.phase.by_pair)
            if not edges:
                return None  # it has been called to object to these already
        return made(rung, event, agents=named, edges=edges, parameters={"agent": agent})

    def _one_in_reserve(self) -> str | None:
        return self._reserve[0] if len(self._reserve) == 1 else None

    def _drawn(self) -> list[Pair]:
        """The edges of all phases that are not cut."""
        pairs = dict.fromkeys(edge.pair for phase in self._course.phases for edge in phase.edges)
        return [pair for pair in pairs if pair not in self._state.cut]

    def _edges_among(self, event: FindingRecorded) -> tuple[Pair, ...]:
        """Those between the agents that a finding names; of one alone, that of the message in which it was found."""
        named = set(event.finding.agents) - {USER}
        drawn = [pair for pair in self._drawn() if USER not in pair]
        if len(named) > 1:
            return tuple(pair for pair in drawn if named.issuperset(pair))
        over = self._observed.get(event.observed)
        return tuple(pair for pair in drawn if pair == over and not named.isdisjoint(pair))

    def _isolating(self, rung: Rung, event: FindingRecorded) -> InterventionMade | None:
        for agent in event.finding.agents:
            edges = tuple(pair for pair in self._drawn() if agent in pair)
            if agent in self._agents and edges:
                return made(rung, event, agents=(agent,), edges=edges)
        return None

    def _reassigning(self, rung: Rung, event: FindingRecorded, order: Order) -> InterventionMade | None:
        named = self._present(event.finding.agents)
        spare = rung.agent if rung.agent is not None else self._one_in_reserve()
        comes = spare is not None and spare not in self._taking_part
        if isinstance(order, Retasked):
            if rung.agent is None or not comes:
                moved = tuple(worker for worker, _ in order.movable(named, rung.agent))
                if moved or rung.agent is not None:
                    return self._about(rung, event, moved)
            named = tuple(name for name in named if order.replaceable(name))
        if not named or not comes or spare is None:
            return None
        old = next(name for name in event.finding.agents if name in named)
        return made(rung, event, agents=(old,), parameters={"agent": spare})

    @property
    def _taking_part(self) -> set[str]:
        return {name for phase in self._course.phases for name in phase.participants}

    # Doing it

    def carry_out(self, event: InterventionMade, drawn_by: FindingRecorded, order: Order, task: RunStarted) -> Step:
        """What follows from an intervention; of one that comes before a message is decided on, what concerns that."""
        if self.undecided is not None and event.kind not in AT_ONCE:
            self._deferred.append((event, drawn_by))
            answer = answer_in(self.undecided)
            if answer is not None:
                self._post.keep_back(answer.message_id)
            return []
        return self._do(event, drawn_by, order, task)

    def decided(self, order: Order, task: RunStarted) -> Step:
        """What was put off until the message was decided on that blocking monitors were shown."""
        self.undecided = None
        deferred, self._deferred = self._deferred, []
        return [item for made_ in deferred for item in self._do(*made_, order, task)]

    def _do(self, event: InterventionMade, drawn_by: FindingRecorded, order: Order, task: RunStarted) -> Step:  # noqa: C901 - a list
        finding, agents = drawn_by.finding, event.agents
        why = finding.why or finding.label
        match event.kind:
            case "halt":
                self._end("halted", f"{event.monitor}: {why}")
                return []
            case "note":
                return [notice(agent, "note", label=finding.label) for agent in agents if agent in self._agents]
            case "ask_evidence":
                asked: Step = [notice(agent, "ask_evidence") for agent in agents]
                return [*asked, *self._called(agents, order)]
            case "withhold":
                self._post.hold(event.parameters["message"], f"{event.monitor}: {why}")
                return []
            case "dissent":
                return self._dissent(event, order)
            case "cut_edge":
                return [self._changed("cut", edges=event.edges)]
            case "isolate":
                return [self._changed("isolate", edges=event.edges, agents=agents)]
            case "reset_context":
                return [*self._renewal.reset(agents, finding.agents, order, task)]
            case "reassign":
                return self._reassign(event, order)
            case "enter_phase" | "switch_topology":
                return [self._entering(event.parameters["phase"])]
            case "blind_revote":
                return [*self._renewal.revote(agents, order, task)] if self._state.revote is None else []
            case "replan":
                return self._replan(event, order, task)
            case "ask_human":
                return self._ask(event, why)

    def _called(self, agents: Iterable[str], order: Order, *, anew: bool = False) -> list[Event]:
        return [event for agent in agents for event in order.call_on(agent, anew=anew)]

    def _dissent(self, event: InterventionMade, order: Order) -> Step:
        agent, named = event.parameters["agent"], event.agents
        out: Step = []
        if event.edges:
            phase = self._state.phase.name
            edges = tuple(pair for pair in event.edges if (phase, pair) not in self._given)
            named = tuple(name for name in named if (name, agent) in edges)
            if not named:
                return []
            self._given.update((phase, pair) for pair in edges)
            out.append(self._changed("restore", edges=edges, agents=(agent,)))
            out += [self._forwarded(name, agent) for name in named if name in self._state.latest]
            out += order.await_word(agent, named)
        out.append(notice(agent, "dissent", names=listed(named)))
        return [*out, *self._called([agent], order)]

    def _forwarded(self, author: str, agent: str) -> Event:
        """What an agent said last, over the edge from it to who is to object to it."""
        state, said = self._state, self._state.latest[author]
        message = state.proposal(author, agent, said.content, parts=said.parts, position=said.position)
        state.forwarded.add(message.message_id)
        return message if said.trust == "trusted" else message.model_copy(update={"trust": said.trust})

    def _reassign(self, event: InterventionMade, order: Order) -> Step:
        to = event.parameters.get("agent")
        if isinstance(order, Retasked) and (to is None or to in self._taking_part):
            return [*order.move(event.agents, to)]
        [old] = event.agents
        assert to is not None, "planned with whoever comes"
        moved = order.give_back(old) if isinstance(order, Retasked) else []
        before = self._state.phase
        edges = tuple(edge.pair for edge in before.renamed(old, to).edges if to in edge.pair)
        removed = tuple(edge.pair for edge in before.edges if old in edge.pair)
        return [*moved, self._changed("replace", edges=edges, removed=removed, agents=(old, to))]

    def _replan(self, event: InterventionMade, order: Order, task: RunStarted) -> Step:
        if isinstance(order, Retasked):
            planner = order.planner_for(event.agents)
            return [*order.give_up(planner), *self._renewal.plan_anew(planner, order, task)]
        self._renewal.of_phase = True
        return [self._entering(self._state.phase.name)]

    def phase_begins(self) -> bool:
        """Whether everybody begins the phase with a fresh context, because it was planned anew. Asked once."""
        anew, self._renewal.of_phase = self._renewal.of_phase, False
        return anew

    def _entering(self, name: str) -> TopologyChanged:
        phase = next(phase for phase in self._course.phases if phase.name == name)
        return self._changed("enter_phase", phase=name, edges=tuple(edge.pair for edge in phase.edges))

    def _changed(self, change: Change, **facts: Any) -> TopologyChanged:
        """A change of the graph, with the hash of the edges that hold after it."""
        state = self._state
        edges, cut = [edge.pair for edge in state.phase.edges], set(state.cut)
        match change:
            case "cut" | "isolate":
                cut.update(facts["edges"])
            case "restore":
                edges += facts["edges"]
            case "replace":
                old, new = facts["agents"]
                edges = [edge.pair for edge in state.phase.renamed(old, new).edges]
                cut = {(new if a == old else a, new if b == old else b) for a, b in cut}
            case "enter_phase":
                pass
        hash_ = edges_hash(pair for pair in dict.fromkeys(edges) if pair not in cut)
        return TopologyChanged(change=change, hash=hash_, **facts)

    # People

    def _ask(self, event: InterventionMade, why: str) -> Step:
        question_id = f"i{event.finding}"
        waiting = self._present(event.agents) or self._state.phase.participants
        self._open[question_id] = waiting
        self._pause()
        told = "continue: the run goes on; halt: it ends; anything else is told to those who wait"
        asked = f"{event.monitor}: {why}. Until you answer, these wait: {listed(waiting)}. ({told})"
        agent = waiting[0] if waiting else None
        question = Question(agent=agent, question_id=question_id, content=asked)
        return [question, AskPerson(agent or USER, question_id, asked)]

    def answered(self, event: Answered, order: Order) -> Step:
        """A person has answered a question of the run's own."""
        if event.question_id not in self._open:
            return self._post.decided(event.question_id, event.content, order)
        waiting = self._open.pop(event.question_id)
        self._pause()
        match event.content.strip().lower():
            case "continue":
                return []
            case "halt":
                self._end("halted", f"a person said halt{f' ({event.by})' if event.by else ''}")
                return []
            case _:
                agents = self._present(waiting)
                told: Step = [self._told_by_a_person(agent, event.content) for agent in agents]
                return [*told, *self._called(agents, order)]

    def _told_by_a_person(self, agent: str, text: str) -> Event:
        state = self._state
        if state.may_send(USER, agent):
            return state.proposal(USER, agent, text)
        return notice(agent, "human_says", text=text)

    def _pause(self) -> None:
        self._state.paused = {name for waiting in self._open.values() for name in waiting}
