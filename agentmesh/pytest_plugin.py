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

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from agentmesh.events import Event
    from agentmesh.messages import Reply
    from agentmesh.providers.base import Delta, Request
    from agentmesh.team import RunResult, Team

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


class _Script:
    """A scripted model that remembers being asked too often, whatever the run makes of it."""

    def __init__(self, script: Mapping[str, Sequence[Any]]) -> None:
        self._model = import_module("agentmesh.providers.scripted").ScriptedProvider(script)
        self._faults: list[str] = []

    @property
    def model_id(self) -> str:
        """As the log names it."""
        return str(self._model.model_id)

    async def complete(self, request: Request, on_delta: Delta | None = None) -> Reply:
        """The next reply of the asking agent. Raises: ScriptError when there is none."""
        try:
            reply: Reply = await self._model.complete(request, on_delta)
        except import_module("agentmesh.errors").ScriptError as error:
            self._faults.append(str(error))
            raise
        return reply

    async def aclose(self) -> None:
        """Nothing is held."""

    def faults(self) -> list[str]:
        """What did not fit: calls without a reply, replies without a call."""
        left = [f"the script of agent {agent!r} has {count} left over" for agent, count in self._model.unused().items()]
        return [*self._faults, *left]


@pytest.fixture
def scripted_team(tmp_path: Path) -> Iterator[Callable[..., Team]]:
    """`scripted_team(source, script, **options)`: a team all of whose models play from a script.

    `source` is the path of a team file, its YAML text, or a `Team`. `script` maps each agent to its replies, one per
    model call: a text, a `Reply`, or `{"text", "tool_calls": [{"name", "arguments"}]}`. `options` go to
    `Team.from_yaml`. When the test is over it fails if a script was too short, or too long.
    """
    scripts: list[_Script] = []

    def make(source: str | Path | Team, script: Mapping[str, Sequence[Any]], **options: Any) -> Team:
        model = _Script(script)
        scripts.append(model)
        return _team(source, tmp_path / f"team-{len(scripts)}.yaml", options).with_model(model)

    yield make
    faults = [fault for script in scripts for fault in script.faults()]
    if faults:
        pytest.fail("\n".join(faults), pytrace=False)


def _team(source: str | Path | Team, text_goes_to: Path, options: Mapping[str, Any]) -> Team:
    if isinstance(source, str) and "\n" in source:
        text_goes_to.write_text(source, encoding="utf-8")
        source = text_goes_to
    if not isinstance(source, str | Path):
        return source
    team: Team = import_module("agentmesh.team").Team.from_yaml(source, **options)
    return team


@pytest.fixture
def run_team() -> Callable[..., RunResult]:
    """`run_team(team, task, **options)`: the result of a run; options as in `Team.run`.

    For tests that are not asynchronous; the others `await team.run(task)`.
    """

    def run(team: Team, task: str, **options: Any) -> RunResult:
        return team.run_sync(task, **options)

    return run


@pytest.fixture
def events_of() -> Callable[..., list[Any]]:
    """`events_of(result, type)`: the events of one class, or of one type by its name, in order.

    `result` is a `RunResult` or a sequence of events.
    """

    def choose(result: RunResult | Sequence[Event], kind: str | type[Event]) -> list[Any]:
        events = result if isinstance(result, Sequence) else result.events
        if isinstance(kind, str):
            return [event for event in events if event.type == kind]
        return [event for event in events if isinstance(event, kind)]

    return choose
