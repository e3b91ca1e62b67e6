"""`agentmesh audit` never crashes: whatever a line holds, it is audited, or reported with its number."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from agentmesh.cli.commands import commands
from agentmesh.evaluation.audit import audit_trace, built_in_monitors
from agentmesh.evaluation.calibration.runs import LABELS
from agentmesh.evaluation.readers import Fault, Trace, read_traces
from tests.monitors.test_any_events import ARGUMENTS, TEXTS, TOOLS
from tests.sizes import NIGHTLY, examples

SOME = examples(8, nightly=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
MANY = 100_000 if NIGHTLY else 1_000
"""Events of one long trace."""
PER_EVENT_S = 0.003
"""Ten times what an event takes: a machine may be busy, but what takes ever longer is found."""
NAMES = [
    "ann",
    "bob",
    "user",
    "agentmesh",
    "tool:run",
    "tool:",
    "",
    " ",
    "\u202eann",
    "🜚",
    "\ud800",
    "a" * 2_000,
    "None",
]
ODD: list[Any] = [None, True, -1, 0.5, 10**30, float("nan"), "", "\ud800", [], {}, [[]], {"": None}, [None], ["ann", 3]]
TIMES: list[Any] = [None, 0, 5, -5, 1e18, -1e308, "2026-01-01T00:00:00Z", "1969-01-01", "tomorrow", 10**400, True]
ROLES = ["agent", "assistant", "user", "tool", "system", "developer", "", None, 3]


def agentmesh(*arguments: str | Path) -> Result:
    return CliRunner().invoke(commands, [str(argument) for argument in arguments])


class Draws:
    """Lines of a trace file: traces with odd things in them, and lines that are none. Drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def lines(self) -> list[str]:
        return [json.dumps(self.trace()) if self.chance.random() < 0.8 else self.junk() for _ in range(4)]

    def junk(self) -> str:
        return self.chance.choice(
            ["", "{", "null", "[]", '{"events": 3}', "\0", '{"id": "a", "events": ', "]" * 9, "NaN"]
        )

    def trace(self) -> dict[str, Any]:
        some = self.chance.randint(0, 40)
        events: list[Any] = [self.event(at) for at in range(some)]
        if self.chance.random() < 0.2:
            events.insert(self.chance.randint(0, some), self.chance.choice(ODD))
        trace = {"id": self.odd("t"), "task": self.odd(self.text()), "agents": self.odd(NAMES), "events": events}
        return self.thinned(trace, "events")

    def event(self, at: int) -> dict[str, Any]:
        pick = self.chance.choice
        event = {
            "i": self.odd(pick([at, at, at, at * 7, -at, 0, str(at)])),
            "sender": self.odd(pick(NAMES)),
            "recipients": self.odd(pick([None, [], ["ann"], NAMES, ["ann", "ann"], ["nobody"], "bob"])),
            "role": pick(ROLES),
            "content": self.odd(self.text()),
            "tool_calls": self.odd([self.call() for _ in range(pick((0, 0, 1, 3)))]),
            "ts": pick(TIMES),
        }
        return self.thinned(event, "content")

    def call(self) -> Any:
        arguments = self.chance.choice([*ARGUMENTS, '{"a": 1}', "{", None, 3, [1]])
        return self.odd(self.thinned({"name": self.chance.choice(TOOLS), "arguments": arguments}, "name"))

    def text(self) -> str:
        return "\n".join(self.chance.choices(TEXTS, k=self.chance.choice((1, 1, 2))))

    def odd(self, value: Any) -> Any:
        return value if self.chance.random() < 0.93 else self.chance.choice(ODD)

    def thinned(self, value: dict[str, Any], kept: str) -> dict[str, Any]:
        """Without some of its fields."""
        return {key: one for key, one in value.items() if key == kept or self.chance.random() < 0.95}


def check(trace: Trace, audit: dict[str, Any]) -> None:
    """What holds for every audit of a trace, as it is printed."""
    places = {event.i for event in trace.events}
    present = {*trace.agents, "user"}.union(*((event.sender, *(event.recipients or ())) for event in trace.events))
    assert audit["id"] == trace.id
    assert set(audit["scores"]) == set(LABELS)
    assert all(0 <= score <= 1 for score in audit["scores"].values())
    for finding in audit["findings"]:
        assert 0 <= finding["score"] <= audit["scores"][finding["label"]] <= 1
        assert set(finding["events"]) <= places
        assert finding["events"], finding
        assert set(finding["agents"]) <= present, finding
    json.dumps(audit, allow_nan=False).encode()


@SOME
@given(st.integers(0, 1 << 32))
def test_odd_traces_are_audited_and_bad_lines_told_with_their_numbers(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text("".join(f"{line}\n" for line in Draws(seed).lines()), encoding="utf-8")
    read = list(read_traces(path, "native"))
    traces = [one for one in read if isinstance(one, Trace)]
    result = agentmesh("audit", "--json", "--format", "native", path)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    for trace, line in zip(traces, result.stdout.splitlines(), strict=True):
        check(trace, json.loads(line))
    faults = [one for one in read if isinstance(one, Fault)]
    for fault in faults:
        assert f"odd.jsonl:{fault.line}: " in result.stderr
    assert result.exit_code == (2 if faults else 0), "1 would be a monitor that raised"


def written(path: Path, events: Iterator[dict[str, Any]] | list[dict[str, Any]], **more: Any) -> Trace:
    numbered = [{"i": at, "role": "agent", "recipients": None, **event} for at, event in enumerate(events)]
    trace = {"id": "t", "task": "What is 2 + 2?", "agents": ["ann", "bob"], "events": numbered, **more}
    path.write_text(json.dumps(trace), encoding="utf-8")
    [read] = read_traces(path, "native")
    assert isinstance(read, Trace)
    return read


def audited(trace: Trace) -> float:
    """Checks an audit, and says how many seconds of processor time it took."""
    begun = time.process_time()
    audit = audit_trace(trace, built_in_monitors())
    taken = time.process_time() - begun
    assert audit.faults == ()
    check(trace, audit.to_json())
    return taken


@pytest.mark.parametrize(
    "content",
    [
        "word " * 200_000,
        "x" * 1_000_000,
        "\U0001f71a" * 250_000,
        "1.5, " * 200_000,
        "```py\n" * 170_000,
        "\n" * 1_000_000,
    ],
    ids=["words", "one word", "emoji", "numbers", "code", "lines"],
)
def test_a_megabyte_in_one_message_is_read_in_part(tmp_path: Path, content: str) -> None:
    calls = [{"name": "write_file", "arguments": {"path": "a.py", "content": content}}]
    events: list[dict[str, Any]] = [
        {"sender": "ann", "content": content, "tool_calls": calls},
        {"sender": "tool:write_file", "role": "tool", "content": content},
        {"sender": "bob", "content": content},
    ]
    assert audited(written(tmp_path / "huge.jsonl", events)) < 3


def busy(events: int, agents: int) -> Iterator[dict[str, Any]]:
    """Agents that talk, agree, repeat themselves, call tools and get no results."""
    for at in range(events):
        agent = f"agent-{at % agents}"
        match at % 5:
            case 0:
                calls = [{"name": "run", "arguments": {"n": at % 97}}]
                yield {"sender": agent, "content": "", "tool_calls": calls}
            case 1 if at % 3:
                yield {"sender": "tool:run", "role": "tool", "content": f"{at % 97} passed"}
            case _:
                said = f"I agree, the answer is {at % 11}. Could you check src/part_{at % 89}.py next? I will wait."
                yield {"sender": agent, "content": said, "recipients": [f"agent-{(at + 1) % agents}"], "ts": -at}


def test_a_long_trace_is_audited_in_time_that_does_not_explode(tmp_path: Path) -> None:
    trace = written(tmp_path / "long.jsonl", busy(MANY, 5), agents=[f"agent-{at}" for at in range(5)])
    assert len(trace.events) == MANY
    assert audited(trace) < PER_EVENT_S * MANY


def test_a_crowd_of_agents(tmp_path: Path) -> None:
    agents = 3_000 if NIGHTLY else 500
    trace = written(tmp_path / "crowd.jsonl", busy(agents, agents), agents=[f"agent-{at}" for at in range(agents)])
    assert audited(trace) < PER_EVENT_S * agents


def test_a_message_of_everybody_to_everybody_of_a_large_team(tmp_path: Path) -> None:
    agents = [f"agent-{at}" for at in range(100)]
    said = [{"sender": agent, "content": f"{agent} agrees: the answer is 4."} for agent in agents]
    trace = written(tmp_path / "all.jsonl", said, agents=agents)
    assert audited(trace) < PER_EVENT_S * len(agents) ** 2


def test_calls_that_never_come_back_and_results_that_nobody_asked_for(tmp_path: Path) -> None:
    some = MANY // 4
    asked = [[{"name": f"f{at}", "arguments": "{"}] for at in range(some)]
    calls: list[dict[str, Any]] = [{"sender": "ann", "content": "", "tool_calls": each} for each in asked]
    results = [{"sender": f"tool:g{at}", "role": "tool", "content": f"{at}"} for at in range(some)]
    assert audited(written(tmp_path / "calls.jsonl", [*calls, *results])) < PER_EVENT_S * 2 * some
    at_once = [{"name": f"f{at}", "arguments": {}} for at in range(some)]
    events: list[dict[str, Any]] = [{"sender": "ann", "content": "all at once", "tool_calls": at_once}, *results]
    assert audited(written(tmp_path / "once.jsonl", events)) < PER_EVENT_S * 2 * some


@pytest.mark.parametrize("name", ["user", "agentmesh", "tool:run", "ann"])
def test_agents_may_have_any_name_and_speak_to_themselves(tmp_path: Path, name: str) -> None:
    events = [{"sender": name, "content": "I agree. Great work!", "recipients": [name, "bob"]} for _ in range(30)]
    for agents in ([name], []):
        trace = written(tmp_path / "names.jsonl", events, agents=agents)
        assert len(trace.events) == len(events)
        assert audited(trace) < PER_EVENT_S * len(events) * 10
