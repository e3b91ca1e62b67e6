"""Nothing is sent that the limits could not pay for, at whatever level they stand."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.config.limits import EdgeLimits, Limits, Spending
from agentmesh.config.models import Price
from agentmesh.events import LimitWasReached, ModelCallFinished, ModelCallStarted
from agentmesh.messages import Usage
from agentmesh.runner.ledger import (
    PICO,
    SHORTEST,
    Bill,
    Closer,
    Ledger,
    accounts_of,
    limits_by_account,
    pico,
)
from agentmesh.topology.phases import Edge, Phase

AGENTS = ("a", "b", "c")
PHASES = ("p", "q")
DEAR = Price(input=3, output=15)


def keys() -> st.SearchStrategy[str]:
    """Calls of agents in phases, and of edges."""
    agents, phases = st.sampled_from(AGENTS), st.sampled_from(PHASES)
    turns = st.builds("r/{0}#1/{1}/1/1".format, phases, agents)
    return turns | st.builds("r/{0}#2/edge:{1}->{2}/m3".format, phases, agents, agents)


def spending(kind: type[Spending]) -> st.SearchStrategy[Spending]:
    whole = st.none() | st.integers(1, 400)
    usd = st.none() | st.floats(1e-5, 5e-3, allow_nan=False)
    return st.builds(kind, tokens=whole, model_calls=st.none() | st.integers(1, 8), usd=usd)


def trees() -> st.SearchStrategy[dict[str, Spending]]:
    """Limits of some accounts."""
    names = ["run", "phase:p", "phase:q", "agent:a", "agent:b", "edge:a->b", "edge:b->c"]
    return st.fixed_dictionaries({}, optional={name: spending(Spending) for name in names})


def check(ledger: Ledger) -> None:
    for account in ledger.accounts.values():
        limits = account.limits
        assert account.reserved >= 0
        assert account.reserved_usd >= 0
        assert limits.tokens is None or account.settled + account.reserved <= limits.tokens
        assert limits.usd is None or account.settled_usd + account.reserved_usd <= pico(limits.usd)
        assert limits.model_calls is None or account.calls <= limits.model_calls


async def make(ledger: Ledger, bill: Bill, share: float, steps: int) -> None:
    """One call that uses so much of what was set aside for it, after so many steps."""
    refused = await ledger.reserve(bill)
    check(ledger)
    if refused is not None:
        assert refused.needed > refused.allowed
        assert refused.scope in bill.accounts
        assert (refused.agent is None) == refused.scope.startswith(("run", "phase"))
        return
    for _ in range(steps):
        await anyio.sleep(0)
    used = (int(bill.input_tokens * share), int(bill.output_tokens * share))
    ledger.settle(bill, sum(used), bill.cost(*used) / PICO)
    check(ledger)


async def all_at_once(ledger: Ledger, calls: Sequence[tuple[str, int, int, float, int, bool]]) -> None:
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            for key, prompt, answer, share, steps, last in calls:
                agent = accounts_of(key)[2].removeprefix("agent:")
                bill = ledger.bill(key, agent, "m:dear", (prompt, answer), last=last)
                group.start_soon(make, ledger, bill, share, steps)


def calls(share: st.SearchStrategy[float]) -> st.SearchStrategy[list[tuple[str, int, int, float, int, bool]]]:
    one = st.tuples(keys(), st.integers(1, 80), st.integers(1, 80), share, st.integers(0, 3), st.booleans())
    return st.lists(one, max_size=12)


closers = st.sampled_from([None, Closer("a", 40, DEAR), Closer("b", 10, None), Closer("c", 0, None, asks=False)])


@given(trees(), calls(st.floats(0, 1)), closers)
def test_what_is_settled_and_reserved_never_exceeds_a_limit(
    tree: dict[str, Spending], made: list[tuple[str, int, int, float, int, bool]], closer: Closer | None
) -> None:
    ledger = Ledger(tree, {"m:dear": DEAR}, lambda: closer)
    anyio.run(all_at_once, ledger, made)
    assert all(account.reserved == account.reserved_usd == 0 for account in ledger.accounts.values())


@given(trees(), calls(st.just(1.0)))
def test_calls_that_always_use_their_maximum_never_spend_more_than_a_limit(
    tree: dict[str, Spending], made: list[tuple[str, int, int, float, int, bool]]
) -> None:
    ledger = Ledger(tree, {"m:dear": DEAR})
    anyio.run(all_at_once, ledger, made)
    for account in ledger.accounts.values():
        assert account.settled <= (account.limits.tokens or account.settled)
        assert account.settled_usd / PICO <= (account.limits.usd or account.settled_usd) * (1 + 1e-9)


def bill(tokens: int = 50, *above: str, agent: str = "a", price: Price | None = None, last: bool = False) -> Bill:
    """Half of it prompt, half of it answer."""
    accounts = ("run", *above, f"agent:{agent}")
    return Bill(agent, accounts, tokens // 2, tokens - tokens // 2, price, last)


async def refused(ledger: Ledger, one: Bill) -> LimitWasReached:
    event = await ledger.reserve(one)
    assert event is not None
    return event


@pytest.mark.anyio
async def test_a_call_that_does_not_fit_waits_for_those_in_flight() -> None:
    ledger = Ledger({"phase:p": Limits(tokens=100)})
    first = bill(80, "phase:p")
    assert await ledger.reserve(first) is None
    waited: list[object] = []

    async def later() -> None:
        waited.append(await ledger.reserve(bill(60, "phase:p", agent="b")))

    async with anyio.create_task_group() as group:
        group.start_soon(later)
        await anyio.wait_all_tasks_blocked()
        assert waited == []
        ledger.settle(first, 10, None)
    assert waited == [None]


@pytest.mark.anyio
async def test_a_call_that_no_settlement_can_make_room_for_is_refused_at_once() -> None:
    ledger = Ledger({"run": Limits(tokens=100)})
    first, second = bill(60), bill(30)
    assert await ledger.reserve(first) is None
    ledger.settle(first, 60, None)
    assert await ledger.reserve(second) is None
    assert (await refused(ledger, bill(50))).needed == 60 + 30 + 50, "of 60 that are spent nothing comes back"


@pytest.mark.anyio
async def test_a_refusal_names_the_account_and_says_what_is_needed() -> None:
    scopes = {"run": None, "phase:p": None, "agent:a": "a", "edge:a->b": "a"}
    for scope, agent in scopes.items():
        ledger = Ledger({scope: Spending(tokens=50, model_calls=1)})
        charged = Bill("a", ("run", "phase:p", "agent:a", "edge:a->b"), 25, 26)
        event = await refused(ledger, charged)
        assert (event.scope, event.agent, event.limit, event.allowed, event.needed) == (scope, agent, "tokens", 50, 51)
        fits = Bill("a", charged.accounts, 25, 25)
        assert await ledger.reserve(fits) is None
        ledger.settle(fits, 1, None)
        event = await refused(ledger, fits)
        assert (event.scope, event.limit, event.needed) == (scope, "model_calls", 2)


@pytest.mark.anyio
async def test_usd_are_reserved_at_the_highest_price_and_settled_at_what_was_paid() -> None:
    ledger = Ledger({"run": Limits(usd=0.001)})
    call = Bill("a", ("run", "agent:a"), 100, 40, DEAR)
    assert call.usd == pytest.approx((100 * 3 + 40 * 15) / 1e6)
    assert await ledger.reserve(call) is None
    ledger.settle(call, 120, 0.0002)
    event = await refused(ledger, call)
    assert (event.limit, event.allowed) == ("usd", 0.001)
    assert event.needed == pytest.approx(0.0011)
    assert ledger.account("agent:a").settled_usd == pico(0.0002)


@pytest.mark.anyio
async def test_an_edge_is_as_narrow_as_the_narrowest_of_its_drawings() -> None:
    def phase(name: str, **limits: int) -> Phase:
        edge = Edge("a", "b", carries="summary", limits=EdgeLimits(**limits))
        return Phase(name, "reactive", ("a", "b"), (edge,), limits=Limits(turns=3))

    tree = limits_by_account(
        Limits(), [phase("p", tokens=9, model_calls=2), phase("q", tokens=7)], {"a": Limits(usd=1)}, {"m": Spending()}
    )
    assert tree["edge:a->b"] == Spending(tokens=7, model_calls=2)
    assert set(tree) == {"run", "monitor:m", "agent:a", "phase:p", "phase:q", "edge:a->b"}


def test_the_key_of_a_call_says_whom_it_is_charged_to() -> None:
    assert accounts_of("r1/talk#2/w-1/3/4") == ("run", "phase:talk", "agent:w-1")
    assert accounts_of("r1/talk#2/inner/3/solo#1/x/1/1") == ("run", "phase:talk", "agent:inner")
    assert accounts_of("r1/talk#2/edge:a->b/m7") == ("run", "phase:talk", "agent:a", "edge:a->b")


# The last answer


@pytest.mark.anyio
@pytest.mark.parametrize("limit", ["tokens", "usd", "model_calls"])
async def test_what_a_last_answer_takes_is_kept_back_from_all_other_calls(limit: str) -> None:
    limits = {"tokens": Limits(tokens=300), "usd": Limits(usd=300 / 1e6), "model_calls": Limits(model_calls=2)}
    even = Price(input=1, output=1)
    ledger = Ledger({"run": limits[limit]}, closer=lambda: Closer("z", 30, even))
    prompt = Bill("z", ("run", "agent:z"), 40, 160, even)
    assert await ledger.reserve(prompt) is None
    ledger.settle(prompt, 200, 200 / 1e6)
    event = await refused(ledger, Bill("a", ("run", "agent:a"), 20, 11, even))
    assert (event.limit, event.scope, event.kept) == (limit, "run", True), "40 of its prompt and 30 are kept"
    last = Bill("z", ("run", "agent:z"), 70, 30, even, last=True)
    assert await ledger.reserve(last) is None
    ledger.settle(last, 100, 100 / 1e6)
    check(ledger)


@pytest.mark.anyio
async def test_no_more_than_a_quarter_is_kept_for_an_answer_and_nothing_where_that_is_too_little() -> None:
    asks_nobody = Closer("z", 9, None, asks=False)
    for closer, tokens, kept in (
        (Closer("z", 4000, None), 1000, 250),
        (Closer("z", 40, None), 1000, 40),
        (Closer("z", 4000, None), 4 * SHORTEST - 1, 0),
        (asks_nobody, 1000, 0),
        (None, 1000, 0),
    ):
        ledger = Ledger({"run": Limits(tokens=tokens)}, closer=lambda closer=closer: closer)  # type: ignore[misc]
        event = await refused(ledger, bill(tokens - kept + 1))
        assert (event.needed, event.kept) == (tokens + 1, kept > 0 or closer == asks_nobody)
        assert await ledger.reserve(bill(tokens - kept)) is None


@given(
    spent=st.integers(0, 1000),
    prompt=st.integers(1, 600),
    wanted=st.integers(SHORTEST, 900),
    usd=st.booleans(),
)
def test_a_last_answer_is_cut_to_what_is_left(spent: int, prompt: int, wanted: int, usd: bool) -> None:
    even = Price(input=1, output=1)
    ledger = Ledger({"run": Limits(usd=1000 / 1e6) if usd else Limits(tokens=1000)})
    ledger.account("run").settled, ledger.account("run").settled_usd = spent, pico(spent / 1e6)
    last = ledger.fitting(Bill("z", ("run", "agent:z"), prompt, wanted, even, last=True))
    left = 1000 - spent - prompt
    assert last.output_tokens == (min(wanted, left) if left >= SHORTEST else wanted)
    event = anyio.run(ledger.reserve, last)
    assert (event is None) == (left >= SHORTEST)
    check(ledger)


# A run that goes on


def test_what_was_spent_before_counts_and_a_call_that_was_cut_off_at_its_reserved_size() -> None:
    started = ModelCallStarted(agent="a", key="r/p#1/a/1/1", model="m", request_hash="", reserved=90, reserved_usd=0.5)
    ended = ModelCallFinished(agent="a", key=started.key, model="m", usage=Usage(input_tokens=7, cost_usd=0.25))
    failed = ended.model_copy(update={"usage": Usage(model_calls=1), "settled": 40, "settled_usd": 0.125})
    ledger = Ledger({})
    for finished in (None, ended, failed):
        ledger.charge(started, finished)
    for name in ("run", "phase:p", "agent:a"):
        account = ledger.account(name)
        assert (account.settled, account.settled_usd, account.calls) == (90 + 7 + 40, pico(0.875), 3)


def test_limits_are_raised_where_there_are_any() -> None:
    limits = Limits(tokens=100, seconds=2, turns=3)
    assert limits.raised(tokens=50, usd=1, seconds=0.5) == Limits(tokens=150, seconds=2.5, turns=3)
    assert limits.raised() == limits
