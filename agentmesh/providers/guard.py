"""The switch that keeps tests from calling real models."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from agentmesh.errors import ModelRequestsBlocked

BLOCK_VARIABLE = "AGENTMESH_BLOCK_MODEL_REQUESTS"
"""Set to 1, it blocks model requests of the whole process, unless `allow_model_requests` says otherwise."""

_decisions: list[bool] = []


def model_requests_allowed() -> bool:
    """Whether providers may send requests: what the innermost of the blocks below says, else the environment."""
    if _decisions:
        return _decisions[-1]
    return os.environ.get(BLOCK_VARIABLE, "") in ("", "0")


def refuse_blocked_request(model_id: str) -> None:
    """Raise ModelRequestsBlocked where requests are blocked: called before any request leaves."""
    if not model_requests_allowed():
        raise ModelRequestsBlocked(
            f"a request to {model_id} was stopped: model requests are blocked here; "
            "use a scripted, function or simulated model, or allow requests for this test"
        )


@contextmanager
def block_model_requests() -> Iterator[None]:
    """No provider sends a request inside this block, in any thread."""
    with _decided(allowed=False):
        yield


@contextmanager
def allow_model_requests() -> Iterator[None]:
    """Providers may send requests inside this block, in any thread."""
    with _decided(allowed=True):
        yield


@contextmanager
def _decided(*, allowed: bool) -> Iterator[None]:
    _decisions.append(allowed)
    try:
        yield
    finally:
        _decisions.pop()
