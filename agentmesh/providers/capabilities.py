"""What models take and what they refuse, as far as it must be known before they are asked."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from agentmesh.config.models import ModelConfig

HTTP_PROVIDERS = frozenset({"openai", "anthropic"})
ANTHROPIC_EFFORTS = ("low", "medium", "high", "xhigh", "max")

_REASONING = re.compile(r"(o\d|gpt-[5-9]|codex)(?!.*chat)")


def is_reasoning_model(model: str) -> bool:
    """Whether a model of OpenAI reasons before it answers, and so takes `reasoning_effort` and no sampling."""
    return _REASONING.match(model) is not None


def is_openai_itself(base_url: str | None) -> bool:
    """Whether OpenAI answers at this address; without one it does."""
    host = urlsplit(base_url).hostname or "" if base_url else "api.openai.com"
    return host == "openai.com" or host.endswith(".openai.com")


def unsupported(config: ModelConfig) -> list[tuple[str, str]]:
    """Keys of a model's entry that this model does not take: (key, what is wrong and what to do)."""
    found: list[tuple[str, str]] = []
    if config.provider in HTTP_PROVIDERS and not config.model:
        found.append(("model", f"{config.provider} needs the name of a model"))
    found += _sampling(config)
    found += _effort(config)
    if config.api is not None and config.provider != "openai":
        found.append(("api", f"only openai has more than one API; remove it for {config.provider}"))
    if config.provider not in HTTP_PROVIDERS:
        found += [
            (key, f"{config.provider} models are not asked over HTTP; remove it")
            for key in ("base_url", "api_key_env")
            if getattr(config, key) is not None
        ]
    if config.provider != "simulated":
        found += [
            (key, f"only simulated models have it; remove it for {config.provider}")
            for key in ("skill", "latency_s")
            if getattr(config, key) is not None
        ]
    return found


def _sampling(config: ModelConfig) -> list[tuple[str, str]]:
    if config.provider == "anthropic":
        why = "the Messages API takes no sampling parameters; remove it"
    elif config.provider == "openai" and is_openai_itself(config.base_url) and is_reasoning_model(config.model):
        why = f"{config.model} is a reasoning model and takes no sampling parameters; use `reasoning_effort`"
    else:
        return []
    return [(key, why) for key in ("temperature", "top_p") if getattr(config, key) is not None]


def _effort(config: ModelConfig) -> list[tuple[str, str]]:
    effort = config.reasoning_effort
    if effort is None:
        return []
    match config.provider:
        case "anthropic":
            if effort in ANTHROPIC_EFFORTS:
                return []
            return [("reasoning_effort", f"{effort!r} is not known; allowed: {', '.join(ANTHROPIC_EFFORTS)}")]
        case "openai":
            if not is_openai_itself(config.base_url) or is_reasoning_model(config.model):
                return []
            return [("reasoning_effort", f"{config.model} is no reasoning model; remove it")]
        case _:
            return [("reasoning_effort", f"{config.provider} models do not reason; remove it")]
