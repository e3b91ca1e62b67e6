"""Every example runs as it is, without a key and without a network, and prints what it is about."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = {
    "repair": "verified - The three tests pass.\nreturn round(sum(prices) * (1 - discount), 2)",
    "first_team": "completed | 12*7 + (45 - 6)*3 = 201",
    "own_tools_and_functions": "The text has 4 words.",
    "watched_by_a_monitor": "halted | secrets: a password in a message\ndelivered: ['writer']",
    "any_digraph": "refused: a -> user; allowed: b, c\nd has heard",
    "rescued_by_a_ladder": "cut_edge                  0/4  0.00 to 0.49\n  the ladder of the two     4/4",
    "typed_answer": "Verdict | approved=True reasons=['it is short']\nmodel calls: 2",
}
FOLDER = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_prints_what_it_shows(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEEDS", "4")
    runpy.run_path(str(FOLDER / f"{name}.py"))
    assert EXAMPLES[name] in capsys.readouterr().out


def test_every_example_is_tested() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == set(EXAMPLES)
