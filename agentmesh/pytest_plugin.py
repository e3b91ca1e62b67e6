"""For tests of teams: real model calls are blocked, and teams play from scripts.

Installed with the package, active in every test run:

- No test calls a real model, in its own process or in one that it starts: the call raises `ModelRequestsBlocked`.
  Servers on the loopback interface count as real. `@pytest.mark.real_models` on a test, a class or a module
  (`pytestmark`) allows the calls. Simulated, scripted and function models are never blocked.
- `scripted_team(source, script)` gives a team whose agents answer from lists, one entry per model call. The test fails
  if a list is too short, or if a reply is left over.
- `run_team(team, task)` runs a team to its end and gives the result.
- `events_of(result, type)` gives the events of one class, or of one type by name.

    def test_the_critic_has_the_last_word(scripted_team, run_team, events_of):
        team = scripted_team("review.yaml", {"writer": ["A draft."], "critic": ["A better draft."]})
        result = run_team(team, "Write it.")
        assert result.answer == "A better draft."
        assert [event.sender for event in events_of(result, "message_delivered")] == ["user", "writer", "critic"]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from agentmesh.messages import Reply

    Script = Mapping[str, Sequence[str | Reply]]

# Nothing else of the package is imported until a fixture is used: the plugin loads in every test run of a project.


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", "real_models: the test may call real models; every other test is refused them")


@pytest.fixture(autouse=True)
def _model_requests(request: pytest.FixtureRequest) -> Iterator[None]:
    """Block model requests, in this process and in those that the test starts, unless the test is marked."""
    guard = import_module("agentmesh.providers.guard")
    allowed = request.node.get_closest_marker("real_models") is not None
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(guard.BLOCK_VARIABLE, "0" if allowed else "1")
        with guard.allow_model_requests() if allowed else guard.block_model_requests():
            yield
