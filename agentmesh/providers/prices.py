"""What calls cost: the price in the YAML, else the offline table of genai-prices, else unknown."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agentmesh.config.models import ModelConfig, Price
from agentmesh.messages import Usage
from agentmesh.providers.encoding import Counts

FREE_PROVIDERS = frozenset({"simulated", "scripted", "echo", "function"})
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """USD per million tokens of one sort: `steps` are (input tokens from which it holds, price), rising."""

    steps: tuple[tuple[int, float], ...]

    def at(self, input_tokens: int) -> float:
        """The price for a request with that much input."""
        price = self.steps[0][1]
        for start, stepped in self.steps[1:]:
            if input_tokens > start:
                price = stepped
        return price

    @property
    def highest(self) -> float:
        """The price that no request exceeds."""
        return max(price for _, price in self.steps)


@dataclass(frozen=True, slots=True)
class Rates:
    """All the rates of a model. Cached input costs what plain input costs where nothing else is known."""

    input: Rate
    output: Rate
    cache_read: Rate
    cache_write: Rate

    def cost_usd(self, usage: Usage | Counts) -> float:
        """What this usage cost."""
        total = usage.input_tokens
        plain = max(0, total - usage.cache_read_tokens - usage.cache_write_tokens)
        return (
            plain * self.input.at(total)
            + usage.cache_read_tokens * self.cache_read.at(total)
            + usage.cache_write_tokens * self.cache_write.at(total)
            + usage.output_tokens * self.output.at(total)
        ) / MILLION


def price_of(config: ModelConfig) -> Price | None:
    """A price that no call to this model exceeds, per million tokens, or None where it is not known."""
    rates = rates_of(config)
    if rates is None:
        return None
    return Price(input=max(rates.input.highest, rates.cache_write.highest), output=rates.output.highest)


def cost_usd(config: ModelConfig, usage: Usage) -> float | None:
    """What this usage cost, cached input at its own price, or None where no price is known."""
    rates = rates_of(config)
    return None if rates is None else rates.cost_usd(usage)


def priced(config: ModelConfig, usage: Usage) -> Usage:
    """The same usage with its cost."""
    return usage.model_copy(update={"cost_usd": cost_usd(config, usage)})


def rates_of(config: ModelConfig) -> Rates | None:
    """The rates of a model, looked up once."""
    given = config.price
    return _rates(
        config.provider, config.model, config.base_url, None if given is None else (given.input, given.output)
    )


@functools.lru_cache(maxsize=256)
def _rates(provider: str, model: str, base_url: str | None, given: tuple[float, float] | None) -> Rates | None:
    if given is None and provider in FREE_PROVIDERS:
        given = (0.0, 0.0)
    if given is not None:
        entry = Rate(((0, given[0]),))
        return Rates(input=entry, output=Rate(((0, given[1]),)), cache_read=entry, cache_write=entry)
    info = known_model(provider, model, base_url)
    if info is None:
        return None
    prices = info.get_prices(datetime.now(UTC))
    plain, output = _rate(prices.input_mtok), _rate(prices.output_mtok)
    if plain is None or output is None:
        return None
    return Rates(
        input=plain,
        output=output,
        cache_read=_rate(prices.cache_read_mtok) or plain,
        cache_write=_rate(prices.cache_write_mtok) or plain,
    )


def known_model(provider: str, model: str, base_url: str | None) -> Any:
    """The entry of genai-prices' offline table for a model, or None."""
    from genai_prices.data_snapshot import get_snapshot

    try:
        _, info = get_snapshot().find_provider_model(model, None, None if base_url else provider, base_url)
    except LookupError:
        return None
    return info


def _rate(price: Any) -> Rate | None:
    if price is None:
        return None
    tiers = getattr(price, "tiers", ())
    base = float(getattr(price, "base", price))
    return Rate(((0, base), *((tier.start, float(tier.price)) for tier in tiers)))
