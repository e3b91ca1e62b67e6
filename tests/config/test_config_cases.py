"""Wrong files, one fault each: the comment at the top of a file is everything that must be reported about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic_core import ErrorDetails

from agentmesh.config import load_team
from agentmesh.config.problems import faults
from agentmesh.errors import ConfigError

CASES = sorted((Path(__file__).parents[1] / "cases" / "config").glob("*.yaml"))


def expected(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    comments = lines[: next(number for number, line in enumerate(lines) if not line.startswith("#"))]
    return [f"{file}:{comment.removeprefix('# ')}" for comment in comments]


def test_there_are_wrong_files_of_many_kinds() -> None:
    assert len(CASES) >= 70


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_a_wrong_file_is_reported_at_its_line_and_column(file: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load_team(file, environment={"MY_API_KEY": "sk-secret"})
    reported = [problem.at(str(file)) for problem in raised.value.problems]
    assert len(reported) == len(expected(file)), reported
    for line, beginning in zip(reported, expected(file), strict=True):
        assert line.startswith(beginning)
    assert "sk-" not in str(raised.value)


def test_five_faults_are_reported_at_once_and_in_the_order_of_the_file() -> None:
    file = next(file for file in CASES if file.stem == "five_faults")
    with pytest.raises(ConfigError) as raised:
        load_team(file)
    assert [problem.line for problem in raised.value.problems] == [9, 10, 13, 14, 15]


def test_an_error_of_a_type_without_words_of_its_own_is_still_said() -> None:
    error: ErrorDetails = {"type": "date_type", "loc": ("name",), "msg": "Input should be a date", "input": "x"}
    (fault,) = faults([error], {"name": "x"})
    assert (fault.path, fault.message) == (("name",), "found the text 'x'; allowed: input should be a date")
