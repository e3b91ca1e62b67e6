"""Whatever goes wrong with a provider, the error says what kind of thing it was and what to do about it."""

from __future__ import annotations

import ast
import base64
from pathlib import Path
from typing import get_args

import pytest

import agentmesh.providers
from agentmesh.errors import ProviderError, ProviderErrorKind
from agentmesh.providers.base import Request
from agentmesh.providers.failures import NEXT_STEPS
from tests.providers.fake_server import MakeProvider

pytestmark = [pytest.mark.anyio, pytest.mark.real_models]

BROKEN_OFF = base64.urlsafe_b64encode(b'data: {"error": {"message": "overloaded", "code": "529"}}').decode()
LIMITED = base64.urlsafe_b64encode(b'data: {"error": {"message": "slower", "type": "rate_limit_error"}}').decode()
STRANGE = base64.urlsafe_b64encode(b'{"choices": [{"message": 7}]}').decode()


@pytest.mark.parametrize(
    ("behaviour", "kind", "step"),
    [
        ("fail:401", "authentication", "environment variable OPENAI_API_KEY"),
        ("error:quota", "quota", "no credit left"),
        ("fail:429", "rate", "set `pace`"),
        ("error:too-long", "context_too_long", "`memory: fresh`"),
        ("error:filter", "content_refused", "change the task or the instructions"),
        ("refuse", "content_refused", "change the task or the instructions"),
        ("fail:408", "timeout", "shorter answers"),
        ("slow:2000", "timeout", "`timeout_s`"),
        ("drop", "connection", "look at the network"),
        ("malformed", "malformed", "`base_url`"),
        (f"raw:{STRANGE}", "malformed", "`base_url`"),
        ("fail:500", "server", "try again later"),
        ("fail:529", "server", "`fallback`"),
        ("fail:400", "bad_request", "what this model takes"),
    ],
)
async def test_each_failure_has_a_kind_and_a_next_step(
    provider: MakeProvider, behaviour: str, kind: str, step: str
) -> None:
    with pytest.raises(ProviderError) as caught:
        await provider(behaviour, max_retries=0, timeout_s=0.3).complete(asking())
    assert caught.value.kind == kind
    assert step in caught.value.hint
    assert caught.value.hint in str(caught.value)


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [(f"raw:{BROKEN_OFF}", "server"), (f"raw:{LIMITED}", "rate"), ("cut", "connection"), ("drop", "connection")],
)
async def test_a_stream_that_fails_says_so_too(provider: MakeProvider, behaviour: str, kind: str) -> None:
    with pytest.raises(ProviderError) as caught:
        await provider(behaviour, max_retries=0).complete(asking(), lambda _: None)
    assert (caught.value.kind, caught.value.hint) == (kind, NEXT_STEPS[caught.value.kind])


def test_there_is_a_next_step_for_every_kind() -> None:
    assert set(NEXT_STEPS) == set(get_args(ProviderErrorKind))
    assert all(NEXT_STEPS.values())


def test_no_provider_raises_an_error_without_a_next_step() -> None:
    bare = []
    for path in Path(agentmesh.providers.__path__[0]).rglob("*.py"):
        if path.name == "replay.py":
            continue  # what it repeats from a log holds the step in its words
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Name) and called.id == "ProviderError":
                assert isinstance(node, ast.Call)
                bare += [f"{path.name}:{node.lineno}"] * all(keyword.arg != "hint" for keyword in node.keywords)
    assert bare == []


def asking() -> Request:
    return Request(agent="a", messages=[{"role": "user", "content": "hello"}])
