"""From the names in a team to the providers that answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from agentmesh.config.language import meant_model
from agentmesh.config.models import PROVIDERS, ModelConfig
from agentmesh.config.secrets import shown, unfit
from agentmesh.errors import ConfigError
from agentmesh.providers.base import Provider
from agentmesh.providers.cache import ResponseCache, kept_in
from agentmesh.providers.capabilities import HTTP_PROVIDERS, is_openai_itself, unsupported

__all__ = ["make_provider", "model_id_of", "parse_model", "unsupported"]

_MODEL = re.compile(r"(?P<provider>[^:@\s]*)(?::(?P<model>.*?))?(?:@(?P<base_url>https?://\S+))?", re.DOTALL)
_ADDRESS = re.compile(r"@((localhost|[\w.-]+:\d+)\S*)$")
_NAMELESS = frozenset({"echo", "simulated"})


def parse_model(text: str) -> ModelConfig:
    """A model from `provider:model[@base_url]`. Raises: ConfigError."""
    matched = _MODEL.fullmatch(text.strip())
    provider = matched["provider"] if matched else ""
    if provider == "replay":
        raise ConfigError(_of_all(text))
    found = repr(shown(text))
    if matched is None or provider not in PROVIDERS:
        raise ConfigError(_unknown_provider(text, provider))
    model, base_url = matched["model"] or "", matched["base_url"]
    if not model and provider not in _NAMELESS:
        raise ConfigError(f"{found} names no model; write {provider}:MODEL")
    if (address := _ADDRESS.search(model)) and base_url is None:
        raise ConfigError(f"{found}: an address begins with http:// or https://; write @http://{shown(address[1])}")
    if base_url is not None and provider not in HTTP_PROVIDERS:
        raise ConfigError(f"{found}: {provider} models have no address; remove @{shown(base_url)}")
    if wrong := unfit(base_url or ""):
        raise ConfigError(f"{found}: {wrong}")
    return ModelConfig.model_validate({"provider": provider, "model": model, "base_url": base_url})


def model_id_of(config: ModelConfig) -> str:
    """`provider:model`, as the log names it."""
    return f"{config.provider}:{config.model}" if config.model else config.provider


def make_provider(
    config: ModelConfig,
    *,
    name: str = "model",
    models: Mapping[str, ModelConfig] | None = None,
    providers: Mapping[str, Provider] | None = None,
    environment: Mapping[str, str] | None = None,
    cache: ResponseCache | None = None,
) -> Provider:
    """The provider of a model, its `fallback` list and those of the models in it included, each model once.

    `models` are those that a list may name; `providers` are made already and taken as they are: functions and objects
    of the caller. Nothing is imported: a function that is not in `providers` under its model's name is an error.
    `cache` keeps the answers of each. Raises: ConfigError.
    """
    given = providers or {}
    environment = environment or {}
    row = {
        each: kept_in(
            cache, given[each] if _is_given(chosen, each, given) else _single(chosen, each, environment), chosen
        )
        for each, chosen in _row(name, config, models or {}, given)
    }
    if len(row) == 1:
        return row[name]
    from agentmesh.providers.fallback import FallbackProvider

    return FallbackProvider(list(row.values()))


def _row(
    name: str, config: ModelConfig, models: Mapping[str, ModelConfig], given: Mapping[str, Provider]
) -> Iterator[tuple[str, ModelConfig | None]]:
    """A model and all that stand in for it, in the order in which they are asked; no configuration: an object."""
    waiting: list[tuple[str, ModelConfig | None]] = [(name, config)]
    seen: set[str] = set()
    while waiting:
        current, chosen = waiting.pop(0)
        if current in seen:
            continue
        seen.add(current)
        yield current, chosen
        following: list[tuple[str, ModelConfig | None]] = []
        for other in chosen.fallback if chosen else ():
            if other == current or (other not in models and other not in given):
                raise ConfigError(_unknown_fallback(current, other, [*models, *given]))
            following.append((other, models.get(other)))
        waiting = following + waiting


def _is_given(config: ModelConfig | None, name: str, given: Mapping[str, Provider]) -> bool:
    """Others than objects and functions are made anew: a given one may bring a fallback list of its own."""
    return name in given and (config is None or config.provider == "function")


def _single(config: ModelConfig | None, name: str, environment: Mapping[str, str]) -> Provider:
    assert config is not None, "an object is given"
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
            raise ConfigError(_not_given(config, name))


def _openai(config: ModelConfig, model_id: str, environment: Mapping[str, str]) -> Provider:
    """Responses where OpenAI itself answers, Chat Completions everywhere else, unless `api` says which."""
    base_url = config.base_url or environment.get("OPENAI_BASE_URL")
    if (config.api or ("responses" if is_openai_itself(base_url) else "chat")) == "responses":
        from agentmesh.providers.openai_responses import OpenAIResponsesProvider

        return OpenAIResponsesProvider(config, model_id, environment)
    from agentmesh.providers.openai import OpenAIProvider

    return OpenAIProvider(config, model_id, environment)


def _not_given(config: ModelConfig, name: str) -> str:
    package = config.model.partition(":")[0].partition(".")[0]
    called = "" if name in ("model", model_id_of(config)) else f" (model {name!r})"
    return (
        f"{model_id_of(config)}{called} is a Python function that nobody gave: consent to importing it with "
        f"--allow {package}, or allow=[{package!r}] in Python, or give the function itself as the model"
    )


def _of_all(text: str) -> str:
    where = f"-m {text}, Team.from_yaml(..., model={text!r}), or team.recorded(run_id) in Python"
    return f"{text!r}: a recorded run answers for all models of a team at once: give it with {where}"


def _unknown_provider(text: str, provider: str) -> str:
    from rapidfuzz import process

    guess = process.extractOne(provider, PROVIDERS, score_cutoff=60) if provider else None
    found = (
        f"{shown(text)!r} begins with no known provider; allowed: {', '.join(PROVIDERS)}, as provider:model[@base_url]"
    )
    return found + (meant_model(text) or (f"; did you mean {guess[0]}?" if guess else ""))


def _unknown_fallback(name: str, other: str, known: Iterable[str]) -> str:
    from rapidfuzz import process

    allowed = [model for model in dict.fromkeys(known) if model != name]
    guess = process.extractOne(other, allowed, score_cutoff=60)
    found = f"model {name!r} falls back to {other!r}; allowed: {', '.join(allowed) or 'no other model is declared'}"
    return f"{found}; did you mean {guess[0]}?" if guess else found
