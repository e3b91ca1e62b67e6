"""What commands on runs cannot do they say in a sentence, and nothing has changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.cli_processes import Command

pytest_plugins = ["tests.cli.cli_processes"]


ASKING = """\
version: 1
agents: {boss: {kind: human}}
topology: {kind: solo, agent: boss}
"""


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A journal of this test's own, which every command finds by the environment."""
    place = str(tmp_path / "kept" / "journal.db")
    monkeypatch.setenv("AGENTMESH_JOURNAL", place)
    return place


def listed(inside: Command) -> list[tuple[str, int]]:
    return [(run["run_id"], run["events"]) for run in inside("runs", "--json").json["runs"]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["resume", "ghost"], "holds no run 'ghost'"),
        (["resume", ""], "holds no run ''"),
        (["replay", "%"], "holds no run '%'"),
        (["cancel", "ghost"], "holds no run 'ghost'"),
        (["answer", "last", "1", "yes"], "has ended (completed): it asks nothing any more"),
        (["fork", "last", "--at", "0"], "0 is not in the range"),
        (["fork", "last", "--at", "9999"], "has events 1 to "),
        (["fork", "last", "--at", "3", "-m", "nonsense"], "no model 'nonsense'"),
        (["resume", "last", "--add-usd", "nan"], "what is added to usd is a number of 0 or more; found nan"),
        (["resume", "last", "--add-seconds", "inf"], "what is added to seconds is a number of 0 or more; found inf"),
        (["runs", "--delete", "last", "--delete", "ghost"], "holds no run 'ghost'"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence_and_changes_nothing(
    inside: Command, team_file: Path, journal: str, arguments: list[str], words: str
) -> None:
    inside("run", str(team_file), "--task", "What is 1 + 1?")
    before = listed(inside)
    assert len(before) == 1
    refused = inside(*arguments)
    assert (refused.code, refused.out) == (2, "")
    assert words in refused.err
    assert listed(inside) == before


@pytest.mark.parametrize("address", ["mysql://here/there", "sqlite:///file.db"])
def test_an_address_of_no_journal_is_refused_and_nothing_is_made_of_it(
    inside: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = inside("runs", "--journal", address)
    assert (refused.code, "neither a path of a file nor postgresql://" in refused.err) == (2, True)
    assert not list(tmp_path.iterdir())


def test_a_waiting_run_that_was_cancelled_is_not_resumed(inside: Command, tmp_path: Path, journal: str) -> None:
    file = tmp_path / "team.yaml"
    file.write_text(ASKING)
    assert inside("run", str(file), "--task", "Hm?").code == 5
    assert inside("cancel", "last").code == 130
    before = listed(inside)
    resumed = inside("resume", "last", "--json")
    assert resumed.json["outcome"] == "cancelled"
    assert listed(inside) == before
