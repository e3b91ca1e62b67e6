from __future__ import annotations

import pytest
from pydantic import ValidationError

from agentmesh.config.models import ModelConfig
from agentmesh.config.secrets import keep_out, shown, told, unfit, without_keys
from agentmesh.errors import ConfigError
from agentmesh.providers.registry import parse_model


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http://user:pass@host/v1", "http://[key]@host/v1"),
        ("openai:m@http://user:pa/s@s@host:80/v1", "openai:m@http://[key]@host:80/v1"),
        ("openai:m@user:pass@host:80", "openai:m@[key]@host:80"),
        ("'https://host/v1?api_key=abc&b=c'", "'https://host/v1?api_key=[key]&b=[key]'"),
        ("https://host/v1#abc", "https://host/v1#[key]"),
        ("openai:m@http://host/v1", "openai:m@http://host/v1"),
        ("who @ where? a=b, #5", "who @ where? a=b, #5"),
    ],
)
def test_addresses_are_shown_without_what_could_be_a_key(text: str, said: str) -> None:
    assert shown(text) == said


@pytest.mark.parametrize("address", ["http://u@h/v1", "http://h/v1?key=x", "http://h/v1#x", "http://u:a/b@h/v1"])
def test_an_address_with_room_for_a_key_is_refused_without_repeating_it(address: str) -> None:
    assert "api_key_env" in unfit(address)
    with pytest.raises(ValidationError) as mapping:
        ModelConfig(provider="openai", model="m", base_url=address)
    with pytest.raises(ConfigError) as text:
        parse_model(f"openai:m@{address}")
    for refusal in (str(mapping.value), str(text.value)):
        assert "api_key_env" in refusal
        assert address not in refusal


def test_a_plain_address_is_fit() -> None:
    assert unfit("http://127.0.0.1:8000/v1") == unfit("openai:m") == ""


def test_words_of_exceptions_lose_keys_that_were_used_and_those_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "a key/of the environment")
    keep_out(["key-that-was-used", "short"])
    error = ValueError("key-that-was-used, a key/of the environment, a%20key%2Fof%20the%20environment, short")
    assert told(error) == "ValueError: [key], [key], [key], short"
    assert without_keys("nothing of that kind") == "nothing of that kind"
