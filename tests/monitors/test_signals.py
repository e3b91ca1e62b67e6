"""Events become acts: each contribution once, with what is new in it."""

from __future__ import annotations

import pytest

from agentmesh.events import (
    Event,
    MessageDelivered,
    MessageProposed,
    PositionStated,
    RunStarted,
    ToolCallFinished,
    TurnStarted,
    stamped,
)
from agentmesh.messages import Position
from agentmesh.monitors.signals import Done, Said, Signals
from agentmesh.monitors.signals.memory import Memory


class Log:
    """Makes events, with ids that count from 1, and shows them to signals."""

    def __init__(self) -> None:
        self.signals = Signals()
        self.ids = 0

    def read(self, event: Event) -> object:
        self.ids += 1
        return self.signals.read(stamped(event, self.ids, "r", float(self.ids)))

    def says(self, agent: str, text: str, to: str = "b", position: str | None = None) -> Said:
        held = None if position is None else Position(answer=position)
        said = self.read(proposed(agent, to, text, held))
        assert isinstance(said, Said)
        return said

    def does(self, agent: str, name: str, result: str) -> object:
        return self.read(ToolCallFinished(agent=agent, key="k", name=name, arguments={}, result=result))


_numbers = iter(range(1_000_000))


def proposed(agent: str, to: str, text: str, position: Position | None = None) -> MessageProposed:
    return MessageProposed(
        agent=agent, message_id=f"m{next(_numbers)}", sender=agent, recipient=to, content=text, position=position
    )


@pytest.fixture
def log() -> Log:
    return Log()


def test_what_the_run_passes_on_of_the_last_words_of_an_agent_is_no_new_contribution(log: Log) -> None:
    for agent in "ab":
        log.read(TurnStarted(agent=agent, turn=1, phase="p"))
    first = log.says("a", "It is 4.", "b")
    log.says("b", "It is 5.", "a")
    assert log.read(proposed("a", "guest", "It is 4.")) is None
    assert first.recipients == ["b", "guest"]
    log.read(TurnStarted(agent="a", turn=2, phase="p"))
    assert isinstance(log.read(proposed("a", "other", "It is 4.")), Said), "it says so again"


def test_copies_of_a_text_to_several_recipients_are_one_contribution(log: Log) -> None:
    said = log.says("a", "the parser is slow", "b")
    assert log.read(proposed("a", "c", "the parser is slow")) is None
    assert said.recipients == ["b", "c"]
    again = log.says("a", "the parser is slow", "b")
    assert again.before is said
    assert again.index == said.index + 1


def test_a_message_is_read_when_it_is_proposed_and_not_again_when_it_is_delivered(log: Log) -> None:
    message = proposed("a", "b", "hello there")
    assert isinstance(log.read(message), Said)
    delivered = MessageDelivered(
        agent="a", message_id=message.message_id, sender="a", recipient="b", content="hello there"
    )
    assert log.read(delivered) is None


def test_every_monitor_gets_the_same_object(log: Log) -> None:
    event = stamped(proposed("a", "b", "hello"), 1, "r", 0.0)
    assert log.signals.read(event) is log.signals.read(event)


def test_what_was_met_before_in_task_tools_or_messages_is_not_new(log: Log) -> None:
    log.read(RunStarted(team="t", task="Why does parser.py take 40 s?"))
    done = log.does("a", "profile", "tokenise.py takes 38 s of 40")
    assert isinstance(done, Done)
    assert done.new_units == {"tokenise.py", "38"}
    said = log.says("a", "tokenise.py takes 38 s of parser.py's 40 s, after 12 runs")
    assert said.new_units == {"12"}
    assert {"tokenise.py", "38", "40", "parser.py"} <= said.units
    assert said.deeds == 1
    assert log.says("a", "so be it").deeds == 0


def test_an_echo_is_measured_against_the_contribution_that_it_repeats(log: Log) -> None:
    first = log.says("a", "we should cache the tokens of every file that did not change")
    echo = log.says("b", "yes, we should cache the tokens of every file that did not change")
    assert echo.echoes == first.event
    assert echo.echo > 0.8
    assert echo.novelty < 0.2
    other = log.says("a", "reading the files takes longer than splitting them into tokens")
    assert (other.echo, other.novelty, other.echoes) == (0.0, 1.0, None)


def test_novelty_looks_back_only_so_far(log: Log) -> None:
    log.says("a", "we should cache the tokens of every file")
    for number in range(20):
        log.says("b", f"something else entirely about matter number {number} of today's long list")
    assert log.says("a", "we should cache the tokens of every file").novelty == 1.0


def test_what_is_asked_for_later_is_as_it_was_when_the_contribution_came(log: Log) -> None:
    first = log.says("a", "we should cache the tokens of every file")
    again = log.says("b", "so we should cache the tokens of every file")
    for number in range(40):
        log.says("b", f"we should cache the tokens of every file, number {number}")
    assert (first.novelty, first.echo, first.echoes) == (1.0, 0.0, None)
    assert again.echoes == first.event
    assert 0 < again.novelty < 0.2


def test_positions_are_followed_through_events_and_texts(log: Log) -> None:
    assert log.says("a", "I get Answer: 42").position == "42"
    log.read(PositionStated(agent="a", turn=2, phase="talk", position=Position(answer=" 43. ")))
    said = log.says("a", "I was wrong before")
    assert (said.position, said.held, said.flips) == ("43", "42", True)
    kept = log.says("a", "still so", position="43")
    assert not kept.flips
    assert log.signals.first_positions == {"a": "42"}


def test_calls_of_tools_that_act_on_the_graph_are_no_deeds(log: Log) -> None:
    assert log.does("a", "send_message", "delivered") is None
    assert log.says("a", "hello").deeds == 0


@pytest.mark.parametrize("text", ["", " ", "\U0001f389" * 3, "\ud800", "a" * 100_000, "…", "\x00"])
def test_any_text_is_read(log: Log, text: str) -> None:
    said = log.read(
        MessageProposed.model_construct(
            agent="a", message_id="m", sender="a", recipient="b", content=text, kind="text", position=None
        )
    )
    assert isinstance(said, Said)
    assert 0 <= said.novelty <= 1


def test_a_memory_holds_the_latest_and_forgets_in_bulk() -> None:
    memory: Memory[int] = Memory(100)
    for number in range(1_000):
        memory.keep([number], number)
    assert memory.met(frozenset([999, 900, 0])) == {999: 1, 900: 1}
    assert len(memory._young) + len(memory._old) <= 202
    assert memory.unmet(frozenset([999, 0])) == {0}


def test_state_stays_bounded_in_a_long_run(log: Log) -> None:
    for number in range(3_000):
        log.says(f"agent-{number % 3}", f"point {number} is about {number * 7} things in file_{number}.py")
    signals = log.signals
    assert len(signals.said) == 16
    assert len(signals._proposed) <= 64
    assert set(signals.latest) == {"agent-0", "agent-1", "agent-2"}
    [chain] = [signals.latest["agent-0"]]
    depth = 0
    while chain.before is not None:
        chain, depth = chain.before, depth + 1
    assert depth <= 2, "a contribution must not hold all that came before it"
