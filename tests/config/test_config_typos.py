"""Mistyped keys and names, at random."""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agentmesh.config import load_team_text
from agentmesh.config.language import keys_of
from agentmesh.config.models import AgentConfig, Limits, ModelConfig, TeamConfig, VerifyConfig
from agentmesh.config.topologies import Hierarchy
from agentmesh.errors import ConfigError

LINES = [
    ("", "version: 1", TeamConfig),
    ("", "description: A team.", TeamConfig),
    ("", "models:", TeamConfig),
    ("", "  default:", None),
    ("models.default", "    provider: openai", ModelConfig),
    ("models.default", "    model: m", ModelConfig),
    ("models.default", "    base_url: http://127.0.0.1:1/v1", ModelConfig),
    ("models.default", "    timeout_s: 5", ModelConfig),
    ("", "agents:", TeamConfig),
    ("", "  boss: {}", None),
    ("", "  worker:", None),
    ("agents.worker", "    instructions: Work.", AgentConfig),
    ("agents.worker", "    memory: fresh", AgentConfig),
    ("agents.worker", "    replicas: 3", AgentConfig),
    ("agents.worker", "    max_output_tokens: 100", AgentConfig),
    ("", "topology:", TeamConfig),
    ("", "  kind: hierarchy", None),
    ("topology", "  planner: boss", Hierarchy),
    ("topology", "  workers: [worker]", Hierarchy),
    ("topology", "  max_cycles: 2", Hierarchy),
    ("", "limits:", TeamConfig),
    ("limits", "  turns: 20", Limits),
    ("limits", "  tokens: 1000", Limits),
    ("limits", "  seconds: 9", Limits),
    ("", "verify:", TeamConfig),
    ("verify", "  command: [python, check.py]", VerifyConfig),
]


def one_edit(draw: Callable[..., Any], word: str) -> str:
    """The word with one letter added, removed, changed or swapped with the next."""
    at = draw(st.integers(0, len(word) - 1))
    letter = draw(st.sampled_from(string.ascii_lowercase))
    edits = {
        "add": word[:at] + letter + word[at:],
        "remove": word[:at] + word[at + 1 :],
        "change": word[:at] + letter + word[at + 1 :],
        "swap": word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :],
    }
    return str(edits[draw(st.sampled_from(sorted(edits)))])


@st.composite
def mistyped(draw: st.DrawFn) -> tuple[int, str, str, Any]:
    """Line, key and mistyped key of the file above, and the model whose key it is."""
    number = draw(st.sampled_from([index for index, (_, _, model) in enumerate(LINES) if model is not None]))
    key = LINES[number][1].strip().partition(":")[0]
    wrong = one_edit(draw, key)
    assume(len(key) > 3 and wrong not in keys_of(LINES[number][2]))  # type: ignore[arg-type]
    return number, key, wrong, LINES[number][2]


@given(mistyped())
def test_a_mistyped_key_is_reported_at_its_line_with_the_right_suggestion(typo: tuple[int, str, str, Any]) -> None:
    number, key, wrong, _ = typo
    lines = [line for _, line, _ in LINES]
    lines[number] = lines[number].replace(f"{key}:", f"{wrong}:", 1)
    with pytest.raises(ConfigError) as raised:
        load_team_text("\n".join(lines), environment={})
    column = len(lines[number]) - len(lines[number].lstrip()) + 1
    reported = [problem for problem in raised.value.problems if problem.message.startswith("unknown key")]
    assert [(problem.line, problem.column) for problem in reported] == [(number + 1, column)]
    prefix = LINES[number][0]
    assert reported[0].path == (f"{prefix}.{wrong}" if prefix else wrong)
    assert reported[0].message.endswith(f"; did you mean '{key}'?")


@given(st.data())
def test_a_mistyped_agent_is_reported_where_it_stands_with_the_right_suggestion(data: st.DataObject) -> None:
    names = ["planner", "critic", "researcher"]
    at = data.draw(st.integers(0, 2))
    wrong = one_edit(data.draw, names[at])
    assume(wrong not in names)
    mentioned = [*names[:at], wrong, *names[at + 1 :]]
    agents = "".join(f"  {name}: {{}}\n" for name in names)
    items = "".join(f"    - {name}\n" for name in mentioned)
    with pytest.raises(ConfigError) as raised:
        load_team_text(f"version: 1\nagents:\n{agents}topology:\n  kind: chain\n  agents:\n{items}")
    (problem,) = raised.value.problems
    assert (problem.line, problem.column) == (9 + at, 7)
    assert problem.path == f"topology.agents[{at}]"
    assert problem.message.endswith(f"; did you mean '{names[at]}'?")
