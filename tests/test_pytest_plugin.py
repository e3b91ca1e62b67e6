"""The pytest plugin: real models are blocked, scripts are played to the end, and loading it costs nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from agentmesh.errors import ModelRequestsBlocked
from agentmesh.events import MessageDelivered
from agentmesh.providers.guard import model_requests_allowed, refuse_blocked_request
from agentmesh.team import RunResult, Team

pytest_plugins = ["pytester"]

PAIR = """\
version: 1
agents: {writer: {}, critic: {model: "openai:gpt-5"}}
topology: {kind: chain, agents: [writer, critic]}
"""
HEAD = f"PAIR = {PAIR!r}\n"


def test_model_requests_are_blocked_unless_a_test_asks_for_them() -> None:
    assert not model_requests_allowed()
    with pytest.raises(ModelRequestsBlocked, match="openai:x"):
        refuse_blocked_request("openai:x")


@pytest.mark.real_models
def test_a_marked_test_may_call_real_models() -> None:
    assert model_requests_allowed()


def test_a_scripted_team_plays_its_script(
    scripted_team: Callable[..., Team], run_team: Callable[..., RunResult], events_of: Callable[..., list[Any]]
) -> None:
    team = scripted_team(PAIR, {"writer": ["A draft."], "critic": ["A better draft."]})
    result = run_team(team, "Write it.", seed=1)
    assert result.answer == "A better draft."
    delivered = events_of(result, "message_delivered")
    assert [event.sender for event in delivered] == ["user", "writer", "critic"]
    assert delivered == events_of(result.events, MessageDelivered)


def test_a_team_that_is_there_already_can_be_scripted_and_stays_as_it_was(
    scripted_team: Callable[..., Team], tmp_path: Any, run_team: Callable[..., RunResult]
) -> None:
    path = tmp_path / "pair.yaml"
    path.write_text(PAIR.replace('{model: "openai:gpt-5"}', "{}"))
    original = Team.from_yaml(path)
    scripted = scripted_team(original, {"writer": ["one"], "critic": ["two"]})
    assert run_team(scripted, "x").answer == "two"
    assert original.simulated
    assert run_team(original, "What is 3 + 4?").answer != "two"


def test_a_script_that_is_too_long_or_too_short_fails_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD + "def test_long(scripted_team, run_team):\n"
        "    run_team(scripted_team(PAIR, {'writer': ['a', 'b'], 'critic': ['c']}), 'x')\n"
        "def test_short(scripted_team, run_team):\n"
        "    run_team(scripted_team(PAIR, {'writer': [], 'critic': []}), 'x')\n"
        "def test_right(scripted_team, run_team):\n"
        "    run_team(scripted_team(PAIR, {'writer': ['a'], 'critic': ['c']}), 'x')\n"
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=3, errors=2)
    result.stdout.fnmatch_lines(["*the script of agent 'writer' has 1 left over*", "*'writer' is exhausted*"])


def test_the_block_reaches_processes_that_a_test_starts(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import subprocess, sys, pytest\n"
        "CODE = 'from agentmesh.providers.guard import model_requests_allowed as f; sys.exit(not f())'\n"
        "def run(): return subprocess.run([sys.executable, '-c', 'import sys; ' + CODE]).returncode\n"
        "def test_blocked(): assert run() == 1\n"
        "@pytest.mark.real_models\n"
        "def test_allowed(): assert run() == 0\n"
    )
    pytester.runpytest_inprocess("-p", "no:cacheprovider", "--strict-markers").assert_outcomes(passed=2)


def test_loading_the_plugin_imports_nothing_of_the_package_but_itself() -> None:
    code = (
        "import sys, agentmesh.pytest_plugin\n"
        "heavy = ('agentmesh', 'pydantic', 'networkx', 'openai')\n"
        "print(*sorted(name for name in sys.modules if name.startswith(heavy)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == ["agentmesh", "agentmesh.pytest_plugin"]


def test_a_test_that_uses_no_team_imports_almost_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import sys\n"
        "def test_nothing():\n"
        "    assert not {'agentmesh.team', 'openai', 'anthropic', 'networkx', 'pydantic'} & set(sys.modules)\n"
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
