"""A process may die at any call of git: whoever takes the run up again brings it to the same end."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentmesh.tools.workspaces import calls
from agentmesh.tools.workspaces.works import Works
from tests.sizes import NIGHTLY
from tests.tools.workspaces.repositories import CODE, contents, git, root, task, works

pytestmark = pytest.mark.anyio

TWO, THREE, BOTH = (CODE.replace("return 1", f"return {value}") for value in ("2", "3", "2 + 3"))
LAST = 110
"""A call of git beyond the last one of the whole history."""


class Died(BaseException):
    """What is left to be done is not done."""


async def history(team: Works, done: list[str]) -> None:
    """Two agents, a conflict, its resolution, and the end. `done`: steps that were recorded before the process died."""

    async def step(name: str, agent: str, work: str, text: str, attempt: int) -> None:
        if name in done:
            return
        # A turn that begins again writes again; one that has ended is only accepted again.
        if f"{name} written" not in done:
            (await root(team, agent, task(work), again=True) / "code.py").write_text(text)
            done.append(f"{name} written")
        accepted = await team.accept(agent, task(work), attempt)
        done.append(name)
        assert accepted.passed or "code.py" in accepted.detail, accepted

    await step("first", "ann", "t1", TWO, 1)
    await step("second", "bob", "t2", THREE, 1)
    await step("resolved", "bob", "t2", BOTH, 2)
    assert await team.close("completed") == {}


@pytest.mark.parametrize("number", range(1, LAST) if NIGHTLY else range(11, LAST, 18))
async def test_whatever_call_a_process_dies_at_the_run_ends_the_same(
    repository: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    left = number
    called = calls._called

    async def dying(*arguments: object) -> calls.Answer:
        nonlocal left
        left -= 1
        if left == 0:
            raise Died
        return await called(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(calls, "_called", dying)
    done: list[str] = []
    while "closed" not in done:
        try:
            await history(works(repository), done)
            done.append("closed")
        except Died:
            done.append("died")
    assert contents(repository) == (repository / "code.py").read_text() == BOTH
    assert not git(repository, "status", "--porcelain")
    assert git(repository, "branch", "--format=%(refname:short)") == "main"
    assert git(repository, "worktree", "list").count("\n") == 0
    assert ("died" in done) == (left <= 0)
    assert number < LAST - 24 or "died" not in done, "the history has more calls than are tried: raise LAST"
