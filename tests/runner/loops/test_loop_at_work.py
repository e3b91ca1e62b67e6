"""The loop with a real program in a real folder: every iteration is a process, a check and a commit."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agentmesh import Agent, Request, Team, Topology
from agentmesh.events import LimitWasReached, ModelCallFinished, TurnFailed
from agentmesh.journal import open_journal
from tests.journal.killing import environment
from tests.runner.loops.workshop import Workshop, checks, iterations, told
from tests.runner.run_checks import well_formed

pytestmark = pytest.mark.anyio

PROMISE = "<promise>DONE</promise>"
"""What the program writes in the end, and whoever lies at once."""


async def test_a_program_is_run_until_its_work_passes_the_check(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path, parts=11).made()
    result = await workshop.team().run("Write all parts.")
    assert (result.outcome, result.reason) == ("verified", "until: satisfied")
    assert result.answer == f"wrote part 10\n{PROMISE}"
    assert iterations(result.events) == len(workshop.diary) == 11
    assert (workshop.folder / "PLAN.md").read_text().count("- [x]") == 11
    assert len({check.state for check in checks(result)}) == 11
    well_formed(result.events)


async def test_the_program_is_told_the_task_and_what_the_iteration_is_about(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path).made()
    await workshop.team().run("Write all parts.")
    assert workshop.diary[0].startswith(
        "user: Write all parts.  agentmesh: Iteration 1 of at most 20 of 'build' begins."
    )
    assert "What to do stands in PROMPT.md" in workshop.diary[0]
    assert "You said: wrote part 2 more is to be done" in workshop.diary[3]
    assert "The check: <promise>DONE</promise> was not written." in workshop.diary[3]
    assert "Iteration 1." not in workshop.diary[3], "only the latest two are told of"


async def test_a_false_promise_is_refused_and_one_that_is_repeated_ends_the_run(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path).made()
    (tmp_path / "lies").touch()
    result = await workshop.team().run("Write all parts.")
    assert (result.outcome, result.answer) == ("stalled", None)
    assert result.reason.startswith("build: 3 iterations in a row changed nothing and failed alike: ")
    assert result.reason.endswith("4 failed")
    assert [check.passed for check in checks(result)] == [False] * 3
    assert "4 failed" in workshop.diary[-1], "it is told what the check said"


async def test_each_limit_ends_the_loop_and_says_which_it_was(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path).made()
    for overrides, reason in (
        (["limits.turns=1"], "turns: 1 allowed"),
        (["limits.seconds=0.001"], "seconds: 0.001 allowed"),
        (["topology.phases[0].max_iterations=1"], "max_iterations: 1 allowed"),
        (["topology.phases[0].limits.turns=1"], "build: turns: 1 allowed"),
    ):
        result = await workshop.team(overrides=overrides).run("Write all parts.")
        assert (result.outcome, result.reason, result.answer) == ("limit", reason, None)
    assert len(workshop.diary) in (3, 4), "within a thousandth of a second a program may have begun"


async def test_tokens_end_a_loop_of_models(tmp_path: Path) -> None:
    phase: Any = {"name": "work", "edges": ["user -> a", "a -> user"], "until": {"function": "never"}}
    count = itertools.count(1)

    def model(request: Request) -> str:
        return f"the result after {next(count)} tries"

    team = Team(
        [Agent(name="a", max_output_tokens=100)],
        Topology([{**phase, "max_iterations": 99, "memory": "fresh", "loop": {}}]),
        models={"default": model},
        tools={"never": lambda text: False},
        limits={"tokens": 4000},
    )
    result = await team.run("task")
    assert result.outcome == "limit"
    assert "tokens: 4000 allowed" in result.reason
    assert [event.limit for event in result.events if isinstance(event, LimitWasReached)] == ["tokens"]
    assert 2 < iterations(result.events) < 40
    assert sum(event.usage.tokens for event in result.events if isinstance(event, ModelCallFinished)) <= 4000
    well_formed(result.events)


async def test_a_check_that_hangs_is_a_failure_that_the_next_iteration_can_mend(tmp_path: Path) -> None:
    (tmp_path / "check.py").write_text("import sys, time; time.sleep(60 if 'first' in sys.stdin.read() else 0)")
    phase: Any = {"name": "work", "edges": ["user -> a", "a -> user"], "max_iterations": 3, "loop": {}}
    until = {"verify": [sys.executable, "-I", str(tmp_path / "check.py")], "timeout_s": 2}
    said = iter(["first", "second"])
    topology = Topology([{**phase, "until": until}])
    result = await Team([Agent(name="a", model=lambda request: next(said))], topology).run("task")
    assert (result.outcome, result.answer) == ("verified", "second")
    assert checks(result)[0].detail.endswith("did not end within 2 s and was killed")


async def test_an_agent_whose_turn_failed_is_told_so_in_the_next_iteration() -> None:
    seen: list[str] = []

    def worker(view: Any) -> str:
        seen.append(view.text)
        if len(seen) == 1:
            raise ValueError("no such file")
        return "mended"

    phase: Any = {"name": "work", "edges": ["user -> a", "a -> user"], "max_iterations": 3, "memory": "fresh"}
    topology = Topology([{**phase, "until": {"function": "right"}, "loop": {}}])
    tools = {"right": lambda text: text == "mended"}
    result = await Team([Agent(name="a", function=worker)], topology, tools=tools).run("task")
    assert (result.outcome, result.answer) == ("verified", "mended")
    assert any(isinstance(event, TurnFailed) for event in result.events)
    assert "You said: (your turn failed: ValueError: no such file" in seen[1]


async def test_a_team_on_a_node_is_gone_through_again_too() -> None:
    answers = iter(["a draft", "the whole text"])
    inner = Team([Agent(name="writer", model=lambda request: next(answers))], Topology.solo("writer"))
    phase: Any = {"name": "work", "edges": ["user -> desk", "desk -> user"], "max_iterations": 3, "memory": "fresh"}
    topology = Topology([{**phase, "until": {"function": "right"}, "loop": {}}])
    tools = {"right": lambda text: "whole" in text}
    result = await Team([Agent(name="desk", team=inner)], topology, tools=tools).run("task")
    assert (result.outcome, result.answer) == ("verified", "the whole text")
    assert iterations(result.events) == 2


async def test_a_loop_that_is_killed_in_an_iteration_goes_on_with_it_and_each_is_one_commit(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path).made(is_repository=True)
    (tmp_path / "kill-2").touch()
    team, journal = workshop.team(), str(tmp_path / "journal.db")
    code = (
        f"import agentmesh as a; a.Team.from_yaml({str(tmp_path / 'team.yaml')!r}).run_sync('Go.', journal={journal!r})"
    )
    died = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True)
    assert died.returncode == -9, died.stderr
    assert len(workshop.diary) == 3
    opened = open_journal(journal)
    [run] = await opened.runs()
    await opened.aclose()
    result = await team.resume(run.record.run_id, journal=journal)
    assert (result.outcome, result.answer) == ("verified", f"wrote part 3\n{PROMISE}")
    assert iterations(result.events) == 4
    assert [line.partition(" of at most")[0][-11:] for line in workshop.diary] == [
        f"Iteration {number}" for number in (1, 2, 3, 3, 4)
    ]
    assert workshop.diary[2] == workshop.diary[3], "what it was told is what it is told again"
    assert workshop.commits == ["begin", *(f"iteration {n + 1} of build: wrote part {n}" for n in range(4))]
    assert workshop.git("status", "--porcelain") == ""
    assert told(result) == ["iteration"] * 4
    well_formed(result.events)
