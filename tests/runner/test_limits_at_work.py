"""Limits in whole runs: of phases, edges and USD, and the last answer of a run that has come to one."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentmesh import Agent, Limits, Reply, Request, RunResult, Team, Topology
from agentmesh.agents.context import Context
from agentmesh.config.models import Price
from agentmesh.errors import ConfigError, LimitReached
from agentmesh.events import (
    LimitWasReached,
    MessageRefused,
    ModelCallFinished,
    ModelCallStarted,
    PhaseEnded,
    TurnFailed,
)
from agentmesh.messages import Usage
from tests.runner.run_checks import calls, team, well_formed

pytestmark = pytest.mark.anyio
PRICE = Price(input=2, output=10)


def greedy(request: Request) -> Reply:
    """Calls a tool for ever, until it no longer can."""
    if request.tool_choice == "none":
        return Reply("my best answer")
    return calls("calculator", expression="6*7")


class Dear:
    """Says as much as it may, counts as the run does, and has a price."""

    model_id = "dear:1"
    price: Price | None = PRICE

    def __init__(self, reply: Any = lambda request: Reply("x")) -> None:
        self.reply = reply
        self.asked: list[Request] = []

    async def complete(self, request: Request, on_delta: Any = None) -> Reply:
        self.asked.append(request)
        await anyio.sleep(0)
        reply: Reply = self.reply(request)
        read, said = prompt_tokens(request), request.max_output_tokens
        cost = (read * PRICE.input + said * PRICE.output) / 1e6 if self.price else None
        return Reply(reply.text, reply.tool_calls, usage=Usage(input_tokens=read, output_tokens=said, cost_usd=cost))

    async def aclose(self) -> None:
        return None


def prompt_tokens(request: Request) -> int:
    """What the run takes the prompt to be, computed anew."""
    context = Context(str(request.messages[0]["content"]), request.tools, request.response_schema)
    for message in request.messages[1:]:
        context._add(message)
    return context.input_tokens


def spent(result: RunResult) -> tuple[int, float]:
    return result.usage.tokens, result.usage.cost_usd or 0.0


def reached(result: RunResult) -> list[tuple[str, str, str | None]]:
    return [(e.scope, e.limit, e.agent) for e in result.events if isinstance(e, LimitWasReached)]


# The last answer


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"model_calls": 5}, "model_calls: 5 allowed"),
        ({"tokens": 12_000}, "tokens: 12000 allowed"),
        ({"usd": 0.04}, "usd: 0.04 allowed"),
    ],
)
async def test_an_agent_that_calls_tools_for_ever_answers_with_what_was_kept(
    limits: dict[str, float], reason: str
) -> None:
    model = Dear(greedy)
    one = team(
        model, limits=limits, agents={"a": {"tools": ("calculator",), "max_output_tokens": 600, "max_steps": 99}}
    )
    result = await one.run("task")
    assert (result.outcome, result.reason, result.answer) == ("limit", reason, "my best answer")
    assert reached(result) == [("run", next(iter(limits)), None)]
    assert len(model.asked) >= 3
    *before, last = model.asked
    assert [request.tool_choice for request in before] == ["auto"] * len(before)
    assert last.tool_choice == "none"
    assert last.tools == before[-1].tools
    assert last.messages[: len(before[-1].messages)] == before[-1].messages
    assert "The run has come to its limit" in str(last.messages[-1]["content"])
    tokens, usd = spent(result)
    assert tokens <= limits.get("tokens", tokens)
    assert usd <= limits.get("usd", usd)
    assert result.usage.model_calls <= limits.get("model_calls", 10**6)
    with pytest.raises(LimitReached):
        result.raise_for_outcome()
    well_formed(result.events)


async def test_a_last_answer_is_as_long_as_what_is_left_pays_for() -> None:
    """Each prompt grows by all that was said before: what was kept for the one before no longer suffices."""
    own = {"tools": ("calculator",), "max_output_tokens": 800, "max_steps": 99}
    lengths = []
    for tokens in range(6000, 12_000, 500):

        def padded(request: Request) -> Reply:
            reply = greedy(request)
            return Reply(reply.text or "x" * 3000, reply.tool_calls)

        model = Dear(padded)
        result = await team(model, limits={"tokens": tokens}, agents={"a": own}).run("task")
        assert (result.outcome, result.answer) == ("limit", "my best answer")
        assert result.usage.tokens <= tokens
        lengths.append(model.asked[-1].max_output_tokens)
    assert max(lengths) == 800
    assert min(lengths) < 800


async def test_an_agent_without_tools_at_its_last_call_is_not_asked_twice() -> None:
    result = await team(Dear(), Topology.chain(["a", "b", "c"]), limits={"model_calls": 3}).run("task")
    assert (result.outcome, result.usage.model_calls, reached(result)) == ("completed", 3, [])


async def test_tools_that_are_called_all_the_same_give_no_answer() -> None:
    stubborn = lambda request: calls("calculator", expression="1+1")  # noqa: E731
    one = team(stubborn, limits={"model_calls": 3}, agents={"a": {"tools": ("calculator",)}})
    result = await one.run("task")
    assert (result.outcome, result.answer, result.usage.model_calls) == ("limit", None, 3)
    assert [e.error for e in result.events if isinstance(e, TurnFailed)][-1] == (
        "no last answer: its model wrote no text"
    )
    well_formed(result.events)


async def test_a_last_answer_has_the_form_that_the_team_declares() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    for text, answer in (('{"n": 4}', '{"n": 4}'), ("four", None)):

        def model(request: Request, text: str = text) -> Reply:
            return Reply(text) if request.tool_choice == "none" else calls("calculator", expression="2+2")

        one = team(model, limits={"model_calls": 2}, agents={"a": {"tools": ("calculator",)}}, answer=schema)
        result = await one.run("task")
        assert (result.outcome, result.answer) == ("limit", answer)


async def test_an_agent_that_forgets_its_turns_answers_last_from_its_latest() -> None:
    seen: list[Request] = []

    def model(request: Request) -> Reply:
        seen.append(request)
        return greedy(request)

    own = {"tools": ("calculator",), "memory": "fresh"}
    result = await team(model, limits={"model_calls": 3}, agents={"a": own}).run("the whole task")
    assert result.answer == "my best answer"
    assert "the whole task" in str(seen[-1].messages)


# Phases, agents and edges


def discussing(first: dict[str, Any], model: Any, **more: Any) -> Team:
    talk = {"name": "talk", "edges": ["user -> a, b", "a <-> b"], "order": "round_robin", "rounds": 4, **first}
    topology = Topology([talk, {"name": "answer", "edges": ["b -> user"]}])
    return team(model, topology, **more)


@pytest.mark.parametrize("limits", [{"model_calls": 3}, {"tokens": 4000}, {"usd": 0.025}])
async def test_a_phase_that_has_used_up_its_share_makes_room_for_the_next(limits: dict[str, float]) -> None:
    model = Dear(lambda request: Reply("words"))
    own = {name: {"max_output_tokens": 500} for name in "ab"}
    result = await discussing({"limits": Limits.model_validate(limits)}, model, agents=own).run("task")
    [name] = limits
    assert (result.outcome, result.answer) == ("completed", "words")
    assert reached(result) == [("phase:talk", name, None)]
    started = [e for e in result.events if isinstance(e, ModelCallStarted)]
    within = [e for e in result.events if isinstance(e, ModelCallFinished) and "/talk#1/" in e.key]
    assert len(within) == len(started) - 1
    assert 2 <= len(within) < 8
    assert sum(e.usage.tokens for e in within) <= limits.get("tokens", 10**6)
    assert sum(e.usage.cost_usd or 0 for e in within) <= limits.get("usd", 1)
    well_formed(result.events)


async def test_a_phase_ends_when_its_seconds_are_over_and_what_is_in_flight_has_ended() -> None:
    async def slow(request: Request) -> str:
        await anyio.sleep(0.06)
        return "words"

    result = await discussing({"limits": {"seconds": 0.1}}, slow).run("task")
    assert (result.outcome, result.answer, result.turns) == ("completed", "words", 3)
    assert reached(result) == [("phase:talk", "seconds", None)]
    assert [e.reason for e in result.events if isinstance(e, PhaseEnded)] == ["limit"]
    quick = await discussing({"limits": {"seconds": 5}}, lambda request: "words").run("task")
    assert (quick.turns, reached(quick)) == (9, [])


async def test_an_agent_with_a_limit_in_usd_retires_when_it_is_used_up() -> None:
    own = {"a": {"limits": Limits(usd=0.007), "max_output_tokens": 300}, "b": {"max_output_tokens": 300}}
    result = await discussing({}, Dear(), agents=own).run("task")
    assert reached(result) == [("agent:a", "usd", "a")]
    assert (result.outcome, result.answer) == ("completed", "x")
    paid = [e.usage.cost_usd or 0 for e in result.events if isinstance(e, ModelCallFinished) and e.agent == "a"]
    assert len(paid) == 2
    assert sum(paid) <= 0.007


async def test_an_edge_whose_summaries_have_used_up_their_limit_refuses_and_others_go_on() -> None:
    short = Dear(lambda request: Reply("in short"))
    edges: list[Any] = [
        "user -> a",
        {"from": "a", "to": "b", "carries": "summary", "model": "short", "limits": {"tokens": 10}},
        {"from": "a", "to": "c", "carries": "summary", "model": "short", "limits": {"model_calls": 1}},
        "c -> user",
    ]
    agents = [Agent(name=name) for name in "abc"]
    result = await Team(agents, Topology.graph(edges), models={"default": lambda request: "long", "short": short}).run(
        "t"
    )
    assert reached(result) == [("edge:a->b", "tokens", "a")]
    [refused] = [e for e in result.events if isinstance(e, MessageRefused)]
    assert (refused.recipient, refused.reason) == ("b", "edge_limit")
    assert len(short.asked) == 1
    assert (result.outcome, result.answer) == ("completed", "long")
    well_formed(result.events)


# USD


async def test_a_limit_in_usd_refuses_a_model_without_a_price_whenever_it_is_given() -> None:
    model = Dear()
    model.price = None
    with pytest.raises(ConfigError, match=r"limits.usd: .* 'default' .*price"):
        team(model, limits={"usd": 1})
    with pytest.raises(ConfigError, match=r"limits.usd: .* 'default' .*price"):
        await team(model).run("task", limits={"usd": 1})
    assert model.asked == []
    assert (await team(lambda request: "free", limits={"usd": 1e-9}).run("task")).answer == "free"


async def test_a_call_says_what_was_set_aside_and_what_it_was_charged_with() -> None:
    result = await team(Dear(), agents={"a": {"max_output_tokens": 100}}).run("task")
    [started] = [e for e in result.events if isinstance(e, ModelCallStarted)]
    [finished] = [e for e in result.events if isinstance(e, ModelCallFinished)]
    prompt = started.reserved - 100
    assert started.reserved_usd == pytest.approx((prompt * 2 + 100 * 10) / 1e6)
    assert finished.settled == started.reserved
    assert finished.settled_usd == pytest.approx(started.reserved_usd)


@settings(max_examples=settings().max_examples // 4)
@given(st.data())
def test_models_that_always_use_their_maximum_never_spend_more_than_a_limit(data: st.DataObject) -> None:
    """Over the whole tree, everybody speaking at once."""
    limits = st.builds(
        Limits, tokens=st.none() | st.integers(300, 9000), model_calls=st.none() | st.integers(1, 9),
        usd=st.none() | st.floats(0.002, 0.08), turns=st.none() | st.integers(1, 12),
    )  # fmt: skip
    run, phase, agent = data.draw(limits), data.draw(limits), data.draw(limits)
    out = data.draw(st.integers(20, 900))
    talk = {"name": "talk", "edges": ["user -> a, b, c", "a, b, c -> a, b, c"], "order": "simultaneous", "rounds": 2}
    topology = Topology([{**talk, "limits": phase}, {"name": "answer", "edges": ["c -> user"]}])
    own: dict[str, dict[str, Any]] = {name: {"max_output_tokens": out} for name in "abc"}
    own["a"]["limits"] = agent
    one = team(Dear(lambda request: Reply("w" * 4 * out)), topology, agents=own, limits=run)
    result = anyio.run(one.run, "task")
    finished = [e for e in result.events if isinstance(e, ModelCallFinished)]
    accounts = {"": run, "/talk#": phase, "/a/": agent}
    for part, allowed in accounts.items():
        charged = [e for e in finished if part in e.key]
        assert len(charged) <= (allowed.model_calls or 99)
        assert sum(e.usage.tokens for e in charged) <= (allowed.tokens or 10**9)
        assert sum(e.usage.cost_usd or 0 for e in charged) <= (allowed.usd or 99) + 1e-12
    assert result.turns <= (run.turns or 99)
    assert result.outcome in ("completed", "limit", "stalled")
    well_formed(result.events)


def test_what_is_not_written_in_ascii_is_set_aside_a_token_a_character() -> None:
    def estimate(text: str) -> int:
        context = Context("", [], None)
        before = context.input_tokens
        context.user(text)
        return context.input_tokens - before

    assert estimate("word " * 200) == pytest.approx(250 + 9, abs=2)
    assert 1000 <= estimate("\u6f22" * 1000) <= 1010
    assert estimate("caf\u00e9" * 100) == pytest.approx(100 + 75 + 9, abs=2)


async def test_the_last_words_of_a_team_on_a_node_are_not_handed_on_as_an_answer() -> None:
    inner = team(greedy, limits={"model_calls": 3}, agents={"a": {"tools": ("calculator",)}})
    outer = Team([Agent(name="inner", kind="team", team=inner)], Topology.solo("inner"))
    result = await outer.run("task")
    assert [one.answer for one in result.nested["inner"]] == ["my best answer"]
    assert (result.outcome, result.answer) == ("failed", None)
    assert "came to no answer: limit: model_calls: 3 allowed" in result.reason
