"""How much fits into a model's context: what the YAML says, else the table of genai-prices, else a usual size."""

from __future__ import annotations

from agentmesh.config.models import ModelConfig
from agentmesh.providers.prices import FREE_PROVIDERS, known_model

USUAL_WINDOW = 128_000
"""Tokens, where nothing is known."""


def context_window(config: ModelConfig) -> int:
    """Tokens that fit into the context of a model."""
    if config.context_window is not None:
        return config.context_window
    known = None if config.provider in FREE_PROVIDERS else known_model(config.provider, config.model, config.base_url)
    return getattr(known, "context_window", None) or USUAL_WINDOW
