"""How much fits into a model's context."""

from __future__ import annotations

from typing import Any

import pytest

from agentmesh.config.models import ModelConfig
from agentmesh.providers.windows import USUAL_WINDOW, context_window


def window(**config: Any) -> int:
    return context_window(ModelConfig(**config))


def test_what_is_said_of_a_model_outweighs_what_is_known_of_it() -> None:
    known = window(provider="openai", model="gpt-4o")
    assert known == 128_000
    assert window(provider="openai", model="gpt-4o", context_window=9000) == 9000
    assert window(provider="anthropic", model="claude-opus-4-1") == 200_000


@pytest.mark.parametrize(
    "config",
    [
        {"provider": "openai", "model": "no-such-model"},
        {"provider": "openai", "model": "qwen3", "base_url": "http://127.0.0.1:8000/v1"},
        {"provider": "simulated", "model": "gpt-4.1"},
    ],
)
def test_a_model_that_nobody_knows_has_the_usual_window(config: dict[str, Any]) -> None:
    assert window(**config) == USUAL_WINDOW
