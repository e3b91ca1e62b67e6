"""Nothing is sent that the limits could not pay for."""

from __future__ import annotations

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.config.models import Limits
from agentmesh.runner.ledger import Account, Ledger


def accounts(ledger: Ledger) -> list[Account]:
    return [ledger._run, *ledger._agents.values()]


@given(st.data())
def test_what_is_settled_and_reserved_never_exceeds_a_limit(data: st.DataObject) -> None:
    limit = st.one_of(st.none(), st.integers(1, 300))
    names = ["a", "b", "c"]
    ledger = Ledger(
        Limits(tokens=data.draw(limit), model_calls=data.draw(limit)),
        {name: Limits(tokens=data.draw(limit), model_calls=data.draw(st.integers(1, 4))) for name in names[:2]},
    )
    calls = data.draw(
        st.lists(
            st.tuples(st.sampled_from(names), st.integers(1, 120), st.floats(0, 1), st.integers(0, 3)), max_size=12
        )
    )

    def check() -> None:
        for account in accounts(ledger):
            assert account.reserved >= 0
            assert account.limits.tokens is None or account.settled + account.reserved <= account.limits.tokens
            assert account.limits.model_calls is None or account.calls <= account.limits.model_calls

    async def call(name: str, tokens: int, share: float, steps: int) -> None:
        refused = await ledger.reserve(name, tokens)
        check()
        if refused is None:
            for _ in range(steps):
                await anyio.sleep(0)
            ledger.settle(name, tokens, int(tokens * share))
            check()
        else:
            assert refused.needed > refused.allowed

    async def main() -> None:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                for one in calls:
                    group.start_soon(call, *one)

    anyio.run(main)
    assert all(account.reserved == 0 for account in accounts(ledger))


@pytest.mark.anyio
async def test_a_call_that_does_not_fit_waits_for_those_in_flight() -> None:
    ledger = Ledger(Limits(tokens=100), {})
    assert await ledger.reserve("a", 80) is None
    waited: list[object] = []

    async def later() -> None:
        waited.append(await ledger.reserve("b", 60))

    async with anyio.create_task_group() as group:
        group.start_soon(later)
        await anyio.wait_all_tasks_blocked()
        assert waited == []
        ledger.settle("a", 80, 10)
    assert waited == [None]


@pytest.mark.anyio
async def test_a_call_that_can_never_fit_is_refused_and_says_what_is_needed() -> None:
    ledger = Ledger(Limits(), {"a": Limits(tokens=50, model_calls=1)})
    refused = await ledger.reserve("a", 51)
    assert refused is not None
    assert (refused.agent, refused.limit, refused.allowed, refused.needed) == ("a", "tokens", 50, 51)
    assert await ledger.reserve("a", 50) is None
    ledger.settle("a", 50, 1)
    refused = await ledger.reserve("a", 1)
    assert refused is not None
    assert (refused.limit, refused.needed) == ("model_calls", 2)
    run = Ledger(Limits(tokens=10), {})
    refused = await run.reserve("a", 11)
    assert refused is not None
    assert refused.agent is None
