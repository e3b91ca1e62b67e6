"""The one retry layer: jittered exponential waits, Retry-After honoured, all of it within the run's deadline."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from agentmesh.errors import ProviderError

if TYPE_CHECKING:
    import tenacity

T = TypeVar("T")

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0
GRACE_SECONDS = 0.1
"""What was begun ends so long after the deadline: a run ends it before, with the limit as its reason, no failure."""


class OutOfTime(ProviderError):
    """A request that never left: its wait for a place would have outlasted the deadline. Nothing was spent."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        hint = "raise the limit `seconds`, or ask less at once"
        super().__init__("rate", message, hint=hint, retry_after_s=retry_after_s)

    @property
    def retryable(self) -> bool:
        """Never: there is no time left."""
        return False


class Clock:
    """How long attempts and the waits between them may last, from the moment it is made."""

    __slots__ = ("_deadline", "_timeout_s")

    def __init__(self, timeout_s: float, deadline_s: float | None) -> None:
        self._timeout_s = timeout_s
        self._deadline = None if deadline_s is None else time.monotonic() + deadline_s

    def attempt_s(self) -> float:
        """Seconds that an attempt begun now may take."""
        if self._deadline is None:
            return self._timeout_s
        return min(self._timeout_s, max(0.001, self._deadline + GRACE_SECONDS - time.monotonic()))

    def wait_s(self) -> float:
        """Seconds that a wait begun now may take: to the deadline, or as long as an attempt where there is none."""
        if self._deadline is None:
            return max(self._timeout_s, LONGEST_WAIT_SECONDS)
        return self._deadline - time.monotonic()

    def left_s(self) -> float | None:
        """Seconds that a wait in a line may take: to the deadline, if there is one."""
        return None if self._deadline is None else max(0.0, self._deadline + GRACE_SECONDS - time.monotonic())

    def latest(self) -> float:
        """When a wait begun now must be over, as `time.monotonic` tells it."""
        return time.monotonic() + self.wait_s()


async def retried(
    attempt: Callable[[], Awaitable[T]],
    failed: ProviderError,
    attempts: list[str],
    clock: Clock,
    *,
    max_retries: int,
    first_wait_s: float,
) -> T:
    """`attempt()` again after it `failed`, until it succeeds, fails for good, or time or attempts run out.

    Each failed attempt leaves a line in `attempts`. A wait that would outlast the clock is not begun: the failure is
    raised at once, and says so. Raises: ProviderError, the last one.
    """
    import tenacity

    backoff = tenacity.wait_random_exponential(multiplier=first_wait_s, max=LONGEST_WAIT_SECONDS, min=first_wait_s / 2)
    before = [failed]
    too_late = ""

    async def again() -> T:
        if before:
            raise before.pop()
        try:
            return await attempt()
        except ProviderError as failure:
            attempts.append(str(failure))
            raise

    def wait(state: tenacity.RetryCallState) -> float:
        asked = _retry_after(state)
        return backoff(state) if asked is None else asked + backoff(state) * 0.1

    def stop(state: tenacity.RetryCallState) -> bool:
        nonlocal too_late
        if state.attempt_number > max_retries:
            return True
        if state.upcoming_sleep > (left := clock.wait_s()):
            too_late = f"not tried again: {max(0.0, left):.1f} s are left, and it would wait {state.upcoming_sleep:.1f}"
        return bool(too_late)

    retrying = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, ProviderError) and error.retryable),
        wait=wait,
        stop=stop,
        reraise=True,
    )
    try:
        return await retrying(again)
    except ProviderError as failure:
        if too_late:
            failure.args = (f"{failure}; {too_late}",)
        raise


def _retry_after(state: tenacity.RetryCallState) -> float | None:
    failure = state.outcome.exception() if state.outcome is not None else None
    return failure.retry_after_s if isinstance(failure, ProviderError) else None
