"""`${VAR}` in its forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.config import load_team_text
from agentmesh.config.interpolation import Unresolved, interpolate, replace
from agentmesh.errors import ConfigError

TEAM = """version: 1
models: {{default: {model}}}
agents: {{a: {{instructions: {instructions}, max_steps: {steps}}}}}
topology: {{kind: solo, agent: a}}
"""


def team(model: str = "echo:x", instructions: str = "Answer.", steps: str = "8") -> str:
    return TEAM.format(model=model, instructions=instructions, steps=steps)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "one"),
        ("<${A}${B}>", "<onetwo>"),
        ("${MISSING:-three}", "three"),
        ("${EMPTY:-three}", "three"),
        ("${EMPTY}", ""),
        ("${A:-three}", "one"),
        ("${A:?needed}", "one"),
        ("${MISSING:-${B}}", "two"),
        ("${MISSING:-a ${NOPE:-b} c}", "a b c"),
        ("$$", "$"),
        ("$${A}", "${A}"),
        ("$$$${A}", "$${A}"),
        ("costs $5", "costs $5"),
        ("ends in $", "ends in $"),
        ("{A}", "{A}"),
    ],
)
def test_a_reference_is_replaced(text: str, value: str) -> None:
    assert replace(text, {"A": "one", "B": "two", "EMPTY": ""}) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("${MISSING}", "MISSING is not set; set it, or write ${MISSING:-default}"),
        ("${MISSING:?say ${A}}", "MISSING is not set: say one"),
        ("${MISSING:?}", "MISSING is not set: it is needed"),
        ("${EMPTY:?no}", "EMPTY is not set: no"),
        ("${A-x}", "allowed: ${NAME}"),
        ("${}", "allowed: ${NAME}"),
        ("${1}", "allowed: ${NAME}"),
        ("${A", "no closing brace"),
        ("${OPENAI_API_KEY}", "api_key_env"),
        ("${GITHUB_TOKEN:-none}", "api_key_env"),
        ("${DB_PASSWORD}", "api_key_env"),
        ("${CLIENT_SECRET}", "api_key_env"),
    ],
)
def test_an_unusable_reference_says_what_to_do(text: str, words: str) -> None:
    with pytest.raises(Unresolved) as raised:
        replace(text, {"A": "one", "EMPTY": "", "OPENAI_API_KEY": "sk-1", "GITHUB_TOKEN": "sk-2"})
    assert words in str(raised.value)
    assert "sk-" not in str(raised.value)


def test_a_text_that_is_one_reference_becomes_a_typed_value() -> None:
    data = {"whole": "${N:-3}", "part": "${N:-3}x", "truth": "${T:-true}", "two": "${N:-3}${N:-4}", "none": "${E:-}"}
    assert interpolate(data, {}).data == {"whole": 3, "part": "3x", "truth": True, "two": "34", "none": None}


def test_a_typed_value_is_text_again_where_a_text_is_wanted() -> None:
    config = load_team_text(team(instructions='"${N:-12}"', steps='"${N:-12}"'), environment={}).config
    assert config.agents["a"].instructions == "12"
    assert config.agents["a"].max_steps == 12


def test_an_empty_default_is_an_empty_text() -> None:
    assert load_team_text(team(instructions='"${N:-}"'), environment={}).config.agents["a"].instructions == ""


def test_a_typed_value_of_the_wrong_type_is_reported_at_the_reference() -> None:
    with pytest.raises(ConfigError) as raised:
        load_team_text(team(steps='"${N}"'), environment={"N": "many"})
    assert str(raised.value) == ("<string>:3:48: agents.a.max_steps: found the text 'many'; allowed: a whole number")


def test_keys_are_never_replaced() -> None:
    assert interpolate({"${A}": "${A}"}, {"A": "x"}).data == {"${A}": "x"}


def test_the_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTMESH_MODEL", "echo:mine")
    loaded = load_team_text(team(model='"${AGENTMESH_MODEL:-simulated:worker}"'))
    assert loaded.config.models["default"] == "echo:mine"


def test_an_unresolved_reference_does_not_hide_wrong_names() -> None:
    text = "version: 1\nagents: {a: {}, b: {}}\ntopology: {kind: flat, agents: [a, c, b], rounds: '${NOBODY}'}\n"
    with pytest.raises(ConfigError) as raised:
        load_team_text(text, environment={})
    assert [problem.path for problem in raised.value.problems] == ["topology.agents[1]", "topology.rounds"]


def test_an_unresolved_reference_is_the_only_thing_said_about_its_place() -> None:
    with pytest.raises(ConfigError) as raised:
        load_team_text(team(model='"${NOBODY}"', steps='"${NOBODY:?how many}"'), environment={})
    assert [(problem.line, problem.path) for problem in raised.value.problems] == [
        (2, "models.default"),
        (3, "agents.a.max_steps"),
    ]


@given(st.text())
def test_a_text_with_every_dollar_doubled_stays_itself(text: str) -> None:
    assert replace(text.replace("$", "$$"), {}) == text


@given(st.text(alphabet="${}:-?AB x"))
def test_any_text_is_replaced_or_refused(text: str) -> None:
    result = interpolate({"text": text}, {"A": "1"})
    assert result.problems or result.data != {"text": text} or "${" not in text
    assert all(path == ("text",) and ("allowed" in why or "not set" in why) for path, why in result.problems)
