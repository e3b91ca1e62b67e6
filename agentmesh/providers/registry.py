"""From the names in a team to the providers that answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import cast

from agentmesh.config.models import PROVIDERS, ModelConfig
from agentmesh.errors import ConfigError
from agentmesh.providers.base import Provider
from agentmesh.providers.capabilities import HTTP_PROVIDERS, is_openai_itself, unsupported

__all__ = ["make_provider", "model_id_of", "parse_model", "unsupported"]

_MODEL = re.compile(r"(?P<provider>[^:@\s]*)(?::(?P<model>.*?))?(?:@(?P<base_url>https?://\S+))?", re.DOTALL)
_ADDRESS = re.compile(r"@((localhost|[\w.-]+:\d+)\S*)$")
_NAMELESS = frozenset({"echo", "simulated"})


def parse_model(text: str) -> ModelConfig:
    """A model from `provider:model[@base_url]`. Raises: ConfigError."""
    matched = _MODEL.fullmatch(text.strip())
    provider = matched["provider"] if matched else ""
    if matched is None or provider not in PROVIDERS:
        raise ConfigError(_unknown_provider(text, provider))
    model, base_url = matched["model"] or "", matched["base_url"]
    if not model and provider not in _NAMELESS:
        raise ConfigError(f"{text!r} names no model; write {provider}:MODEL")
    if (address := _ADDRESS.search(model)) and base_url is None:
        raise ConfigError(f"{text!r}: an address begins with http:// or https://; write @http://{address[1]}")
    if base_url is not None and provider not in HTTP_PROVIDERS:
        raise ConfigError(f"{text!r}: {provider} models have no address; remove @{base_url}")
    return ModelConfig.model_validate({"provider": provider, "model": model, "base_url": base_url})


def model_id_of(config: ModelConfig) -> str:
    """`provider:model`, as the log names it."""
    return f"{config.provider}:{config.model}" if config.model else config.provider


def make_provider(
    config: ModelConfig,
    *,
    name: str = "model",
    models: Mapping[str, ModelConfig] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Provider:
    """The provider of a model, its `fallback` list included; `models` are those that the list may name.

    Raises: ConfigError.
    """
    environment = environment or {}
    first = _single(config, environment)
    if not config.fallback:
        return first
    from agentmesh.providers.fallback import FallbackProvider

    following: list[Provider] = []
    for other in config.fallback:
        if other == name or other not in (models or {}):
            raise ConfigError(_unknown_fallback(name, other, models or {}))
        following.append(_single((models or {})[other], environment))
    return FallbackProvider([first, *following])


def _single(config: ModelConfig, environment: Mapping[str, str]) -> Provider:
    model_id = model_id_of(config)
    match config.provider:
        case "openai":
            return _openai(config, model_id, environment)
        case "anthropic":
            from agentmesh.providers.anthropic import AnthropicProvider

            return AnthropicProvider(config, model_id, environment)
        case "simulated":
            from agentmesh.providers.simulated import SimulatedProvider

            return SimulatedProvider(config, model_id)
        case "scripted":
            from agentmesh.providers.scripted import ScriptedProvider, load_script

            return ScriptedProvider(load_script(config.model), model_id)
        case "echo":
            from agentmesh.providers.echo import EchoProvider

            return EchoProvider(model_id)
        case "function":
            return _function(config, model_id)


def _openai(config: ModelConfig, model_id: str, environment: Mapping[str, str]) -> Provider:
    """Responses where OpenAI itself answers, Chat Completions everywhere else, unless `api` says which."""
    base_url = config.base_url or environment.get("OPENAI_BASE_URL")
    if (config.api or ("responses" if is_openai_itself(base_url) else "chat")) == "responses":
        from agentmesh.providers.openai_responses import OpenAIResponsesProvider

        return OpenAIResponsesProvider(config, model_id, environment)
    from agentmesh.providers.openai import OpenAIProvider

    return OpenAIProvider(config, model_id, environment)


def _function(config: ModelConfig, model_id: str) -> Provider:
    """Imports the function: whoever calls this has asked for consent."""
    from agentmesh.providers.function import FunctionProvider, ModelFunction

    module, _, attribute = config.model.partition(":")
    try:
        function = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"{model_id} cannot be imported: {error}; write function:package.module:name") from error
    if not callable(function):
        raise ConfigError(f"{model_id} is no function but {type(function).__name__}")
    return FunctionProvider(cast("ModelFunction", function), model_id)


def _unknown_provider(text: str, provider: str) -> str:
    from rapidfuzz import process

    guess = process.extractOne(provider, PROVIDERS, score_cutoff=60) if provider else None
    found = f"{text!r} begins with no known provider; allowed: {', '.join(PROVIDERS)}, as provider:model[@base_url]"
    return f"{found}; did you mean {guess[0]}?" if guess else found


def _unknown_fallback(name: str, other: str, models: Mapping[str, ModelConfig]) -> str:
    from rapidfuzz import process

    allowed = [known for known in models if known != name]
    guess = process.extractOne(other, allowed, score_cutoff=60)
    found = f"model {name!r} falls back to {other!r}; allowed: {', '.join(allowed) or 'no other model is declared'}"
    return f"{found}; did you mean {guess[0]}?" if guess else found
