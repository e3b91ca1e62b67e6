"""The one retry layer: jittered exponential waits, Retry-After honoured, all of it within the run's deadline."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from agentmesh.errors import ProviderError
from agentmesh.providers.base import Request

T = TypeVar("T")

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0


async def with_retries(
    attempt: Callable[[float], Awaitable[T]],
    request: Request,
    timeout_s: float,
    max_retries: int,
    first_wait_s: float,
) -> T:
    """`attempt(seconds it may take)` until it succeeds, fails for good, or time or attempts run out.

    Each failed attempt leaves a line in `request.attempts`. A wait that would outlast the deadline is not begun: the
    failure is raised at once. Raises: ProviderError, the last one.
    """
    deadline = time.monotonic() + request.deadline_s if request.deadline_s is not None else None

    def allowed_s() -> float:
        return timeout_s if deadline is None else min(timeout_s, max(0.001, deadline - time.monotonic()))

    def longest_wait_s() -> float:
        return timeout_s if deadline is None else deadline - time.monotonic()

    try:
        # Nearly every call succeeds at once, and then costs nothing here.
        return await attempt(allowed_s())
    except ProviderError as failure:
        request.attempts.append(str(failure))
        if not failure.retryable or max_retries == 0:
            raise
        failed: ProviderError | None = failure

    async def again() -> T:
        nonlocal failed
        if failed is not None:
            first, failed = failed, None
            raise first
        try:
            return await attempt(allowed_s())
        except ProviderError as failure:
            request.attempts.append(str(failure))
            raise

    return await _retry(again, max_retries, first_wait_s, longest_wait_s)


async def _retry(
    attempt: Callable[[], Awaitable[T]], max_retries: int, first_wait_s: float, longest_wait_s: Callable[[], float]
) -> T:
    import tenacity

    backoff = tenacity.wait_random_exponential(multiplier=first_wait_s, max=LONGEST_WAIT_SECONDS, min=first_wait_s / 2)

    def wait(state: tenacity.RetryCallState) -> float:
        asked = _failure_of(state).retry_after_s
        return backoff(state) if asked is None else asked + backoff(state) * 0.1

    def stop(state: tenacity.RetryCallState) -> bool:
        return state.attempt_number > max_retries or state.upcoming_sleep > longest_wait_s()

    retrying = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, ProviderError) and error.retryable),
        wait=wait,
        stop=stop,
        reraise=True,
    )
    return await retrying(attempt)


def _failure_of(state: object) -> ProviderError:
    outcome = getattr(state, "outcome", None)
    failure = outcome.exception() if outcome is not None else None
    assert isinstance(failure, ProviderError)
    return failure
