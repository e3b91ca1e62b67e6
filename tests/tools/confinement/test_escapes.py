"""Programs try to leave their workspace in every known way, and succeed only where nothing confines them."""

from __future__ import annotations

import json
import shutil
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import anyio
import pytest

from agentmesh.tools.confinement import Rules
from tests.tools.confinement import attempts
from tests.tools.confinement.ways_here import CONFINED, outcome, snapshot, uncovered, way_here
from tests.tools.confinement.world import world

# Nothing has to confine for that: the environment is made anew, and open files are not passed on.
NEVER = {"read_own_environment", "use_inherited_files"}


class Tried(NamedTuple):
    came: dict[str, str]
    changed: list[str]


@cache
def tried(name: str) -> Tried:
    """What came of all attempts, and which files outside were changed by them."""
    way = way_here(name)
    with TemporaryDirectory() as folder, world(Path(folder)) as around:
        shutil.copy(attempts.__file__, around.workspace)
        before = snapshot(*around.folders)
        argv = (sys.executable, "attempts.py")
        aim = json.dumps(around.aim._asdict())
        ran = anyio.run(lambda: way.run(argv, Rules(around.workspace), folder=around.workspace, stdin=aim, seconds=30))
        after = snapshot(*around.folders)
        changed = [path for path in {**before, **after} if before.get(path) != after.get(path)]
        return Tried(outcome(ran), changed)


@pytest.mark.parametrize("attempt", [name for name in attempts.ATTEMPTS if name not in NEVER])
@pytest.mark.parametrize("name", CONFINED)
def test_no_confined_program_gets_out(name: str, attempt: str) -> None:
    unconfined, confined = tried("none").came[attempt], tried(name).came[attempt]
    if not unconfined.startswith("got"):
        pytest.skip(f"cannot be done here by anybody: {unconfined}")
    if attempt in uncovered(name):
        assert confined.startswith("got"), "the documentation says that this is not covered, but it is"
    else:
        assert confined.startswith("refused"), confined


@pytest.mark.parametrize("name", CONFINED)
def test_no_confined_program_changes_a_file_outside(name: str) -> None:
    allowed = [path for path in tried(name).changed if path.endswith("to_change")] if uncovered(name) else []
    assert tried(name).changed == allowed
    assert len(tried("none").changed) > 12


@pytest.mark.parametrize("attempt", sorted(NEVER))
@pytest.mark.parametrize("name", [*CONFINED, "none"])
def test_no_program_inherits_anything(name: str, attempt: str) -> None:
    assert tried(name).came[attempt].startswith("refused")


def test_most_attempts_succeed_where_nothing_confines_them() -> None:
    got = [name for name, came in tried("none").came.items() if came.startswith("got")]
    assert len(got) > 25
