"""`check`, `show`, `schema`, `new` and the frame around them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest

from agentmesh import __version__

if TYPE_CHECKING:
    from tests.cli.cli_processes import Command

pytest_plugins = ["tests.cli.cli_processes"]


def test_help_lists_every_command_and_the_exit_codes(inside: Command) -> None:
    ended = inside("--help")
    assert ended.code == 0
    for word in ("check", "show", "run", "new", "schema", "serve-simulated", "130 cancelled"):
        assert word in ended.out


@pytest.mark.parametrize("name", ["check", "show", "run", "new", "schema", "serve-simulated"])
def test_every_command_explains_itself(inside: Command, name: str) -> None:
    ended = inside(name, "--help")
    assert ended.code == 0
    assert f"{name} [OPTIONS]" in ended.out


def test_the_help_of_run_tells_all_that_its_user_must_know(inside: Command) -> None:
    said = " ".join(inside("run", "--help").out.split())
    for words in (
        "--task TEXT", "--task-file PATH", "--seed", "--allow PACKAGE", "--events", "--json", "-O PATH=VALUE",
        "-m, --model MODEL", "provider:model[@base_url]", "scripted:FILE", "echo", "simulated:PROFILE", "NO_COLOR",
        "Ctrl-C", "4 a limit or a stall", "130 cancelled",
    ):  # fmt: skip
        assert words in said


def test_help_comes_quickly_and_imports_nothing_heavy(process: Command) -> None:
    began = time.perf_counter()
    ended = process("--help")
    assert (ended.code, ended.err) == (0, "")
    assert time.perf_counter() - began < 2, "help takes 0.2 s where nothing else runs"


def test_the_version_is_printed(inside: Command) -> None:
    assert inside("--version").out == f"agentmesh, version {__version__}\n"


def test_an_unknown_command_names_the_closest_one(inside: Command) -> None:
    ended = inside("chekc")
    assert ended.code == 2
    assert "did you mean 'check'?" in ended.err


def test_check_says_where_every_mistake_stands_and_exits_2(process: Command, broken_file: Path) -> None:
    ended = process("check", str(broken_file))
    assert ended.code == 2
    places = [line.removeprefix(f"{broken_file}:").split(":")[0] for line in ended.out.splitlines()]
    assert places == ["3", "5", "6"]
    assert "did you mean 'model'?" in ended.out


def test_check_of_several_files_reports_each(inside: Command, team_file: Path, broken_file: Path) -> None:
    missing = str(team_file.parent / "missing.yaml")
    ended = inside("check", str(team_file), str(broken_file), missing, "--json")
    good, bad, absent = ended.json["files"]
    assert ended.code == 2
    assert [entry["ok"] for entry in (good, bad, absent)] == [True, False, False]
    assert [error["line"] for error in bad["errors"]] == [3, 5, 6]
    assert set(bad["errors"][0]) == {"line", "column", "path", "message"}
    assert "No such file" in absent["errors"][0]["message"]


def test_check_json_has_the_same_keys_whether_the_file_is_right_or_wrong(
    inside: Command, team_file: Path, broken_file: Path
) -> None:
    good, bad = inside("check", str(team_file), str(broken_file), "--json").json["files"]
    assert list(good) == list(bad) == ["file", "ok", "errors", "warnings", "bounds", "executes"]
    assert list(good["bounds"]) == list(bad["bounds"]) == ["turns", "model_calls", "messages", "tokens", "usd"]
    assert (good["bounds"]["turns"], good["bounds"]["messages"]) == (2, 3)
    assert good["executes"] == []


def test_check_tells_a_person_what_a_run_could_use(inside: Command, team_file: Path) -> None:
    ended = inside("check", str(team_file))
    assert ended.code == 0
    assert ended.out.splitlines()[0] == f"{team_file}: ok"
    assert "2 turns" in ended.out
    assert "3 messages" in ended.out
    assert ended.out.rstrip().endswith("executes  nothing")


def test_check_takes_overrides_and_another_model(inside: Command, team_file: Path) -> None:
    assert inside("check", str(team_file), "-O", "limits.turns=1", "--json").json["files"][0]["bounds"]["turns"] == 1
    ended = inside("check", str(team_file), "-O", "limits.turn=1", "-m", "nobody:x")
    assert ended.code == 2
    assert "did you mean 'turns'?" in ended.out
    assert "nobody" in ended.out


def test_check_lists_what_a_run_would_execute_and_executes_nothing(inside: Command, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    (tmp_path / "checks.py").write_text(f"import pathlib; pathlib.Path({str(mark)!r}).touch()\ndef f(view): return ''")
    path = tmp_path / "team.yaml"
    path.write_text(
        "version: 1\n"
        "agents:\n"
        f"  program: {{kind: command, command: {{argv: [touch, {str(mark)!r}]}}}}\n"
        "  function: {kind: function, function: 'checks:f'}\n"
        "topology: {kind: chain, agents: [program, function]}\n"
        "verify: {command: [touch, x]}\n"
    )
    (entry,) = inside("check", str(path), "--json").json["files"]
    assert entry["ok"], entry["errors"]
    text = "\n".join(entry["executes"])
    assert "touch" in text
    assert "checks" in text
    assert not mark.exists()


@pytest.fixture
def odd_file(tmp_path: Path) -> Path:
    """A team that works, and depends on one agent."""
    path = tmp_path / "odd.yaml"
    path.write_text(
        "version: 1\n"
        "agents: {a: {}, b: {kind: command, command: {argv: [cat]}}, c: {kind: command, command: {argv: [cat, -]}}}\n"
        "topology: {kind: graph, edges: [user -> a, a -> b, a -> c, b -> user, c -> user]}\n"
    )
    return path


def test_a_warning_is_told_and_is_no_mistake(inside: Command, odd_file: Path) -> None:
    ended = inside("check", str(odd_file))
    assert ended.code == 0
    first, second, *_, third, fourth = ended.out.splitlines()
    assert first.startswith(f"{odd_file}:3:")
    assert ": warning: without a no answer can come" in first
    assert second == f"{odd_file}: ok"
    assert (third, fourth) == ("  executes  program: cat (agents.b)", "            program: cat - (agents.c)")
    (entry,) = inside("check", str(odd_file), "--json").json["files"]
    assert entry["ok"]
    assert entry["warnings"][0]["line"] == 3
    assert ": warning: without a" in inside("run", str(odd_file), "--task", "x").err


def test_an_unlimited_team_has_unknown_bounds(inside: Command, tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text("version: 1\nagents: {a: {tools: [calculator]}}\ntopology: {kind: solo, agent: a}\n")
    assert "? tokens" in inside("check", str(path), "-m", "openai:unheard-of").out
    assert "cost ?" in inside("check", str(path), "-m", "openai:unheard-of").out


@pytest.mark.parametrize(
    ("form", "beginning"), [("mermaid", "flowchart"), ("svg", "<svg"), ("dot", "digraph"), ("json", "{"), ("text", "")]
)
def test_show_draws_in_every_form(inside: Command, team_file: Path, form: str, beginning: str) -> None:
    ended = inside("show", str(team_file), "--format", form)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(beginning)
    assert "writer" in ended.out


def test_show_json_names_nodes_edges_and_phases(inside: Command, team_file: Path) -> None:
    drawn = inside("show", str(team_file), "--json").json
    assert drawn["nodes"] == ["user", "writer", "critic"]
    assert drawn["edges"] == [["user", "writer"], ["writer", "critic"], ["critic", "user"]]
    assert set(drawn["phases"][0]) == {"name", "order", "edges"}


def test_show_of_a_broken_file_reports_it_on_stderr(inside: Command, broken_file: Path) -> None:
    ended = inside("show", str(broken_file))
    assert (ended.code, ended.out) == (2, "")
    assert f"{broken_file}:3:" in ended.err


def test_schema_is_a_draft_07_schema_that_accepts_a_team(inside: Command) -> None:
    schema = inside("schema").json
    jsonschema.Draft7Validator.check_schema(schema)
    team = {"version": 1, "agents": {"a": {}}, "topology": {"kind": "solo", "agent": "a"}}
    jsonschema.validate(team, schema, cls=jsonschema.Draft7Validator)


def test_new_writes_a_starter_that_is_right_and_a_schema_beside_it(
    inside: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = inside("new", "mine")
    assert (ended.code, ended.out) == (0, "mine.yaml\n")
    text = Path("mine.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=team.schema.json\n")
    assert "\nname: mine\n" in text
    assert json.loads(Path("team.schema.json").read_text()) == inside("schema").json
    (entry,) = inside("check", "mine.yaml", "--json").json["files"]
    assert entry["ok"]
    assert not entry["warnings"]


def test_new_overwrites_nothing(inside: Command, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("precious")
    ended = inside("new", str(tmp_path / "mine"), "--json")
    assert (ended.code, ended.out) == (2, "")
    assert "not overwritten" in ended.err
    assert path.read_text() == "precious"


def test_new_keeps_a_schema_that_is_there_and_can_answer_in_json(inside: Command, tmp_path: Path) -> None:
    schema = tmp_path / "team.schema.json"
    schema.write_text("{}")
    ended = inside("new", str(tmp_path / "mine.yaml"), "--json")
    assert ended.json == {"file": str(tmp_path / "mine.yaml"), "schema": str(schema)}
    assert schema.read_text() == "{}"


@pytest.mark.parametrize("name", ["two words", "1st", "a:b"])
def test_new_refuses_a_name_that_no_team_can_have(inside: Command, tmp_path: Path, name: str) -> None:
    ended = inside("new", str(tmp_path / name))
    assert ended.code == 2
    assert "is no name for a team" in ended.err


def test_new_says_why_a_place_cannot_be_written(inside: Command, tmp_path: Path) -> None:
    ended = inside("new", str(tmp_path / "missing" / "mine"))
    assert ended.code == 2
    assert "cannot be written: No such file or directory" in ended.err


def test_a_missing_file_is_bad_input(inside: Command, tmp_path: Path) -> None:
    for command in (["check"], ["show"], ["run", "--task", "x"]):
        ended = inside(*command, str(tmp_path / "missing.yaml"))
        assert ended.code == 2
        assert "No such file" in ended.out + ended.err
