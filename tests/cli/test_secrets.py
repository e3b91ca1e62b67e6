"""Keys are planted everywhere a key can come from; then every byte that the program wrote is searched for them."""

from __future__ import annotations

import base64
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import pytest

from agentmesh.journal import open_journal
from tests.cli.cli_processes import Ended, environment
from tests.providers.fake_server import PROGRAM, FakeServer

ROOT = Path(__file__).parents[2]
PLANTED = {
    "OPENAI_API_KEY": "sk-planted-openai-1a/2b+3c4d5e6f==",
    "OPENAI_ORG_ID": "planted-organisation-7a8b9c0d",
    "OPENAI_PROJECT_ID": "planted-project-1c2d3e4f5a6b",
    "ANTHROPIC_API_KEY": "sk-ant-planted-5a6b7c8d9e0f",
    "ANTHROPIC_CUSTOM_HEADERS": "X-Gateway: planted-header-0f9e8d7c6b5a",
    "GATEWAY_PASS": "planted gateway 3c4d/5e6f+7a8b",
    "UNUSED_API_TOKEN": "planted-unused-2b3c4d5e6f7a",
}
"""What the environment holds. None but the first looks like a key."""
USER, QUERY = "somebody:plantedPassword0a1b2c", "plantedQuery3d4e5f6a"
"""What addresses hold."""
SECRETS = {
    *(value.rpartition(": ")[2] for value in PLANTED.values()),
    USER.partition(":")[2],
    QUERY,
}
TASK = "a task that is to be found everywhere"

RAISING = """
import os

def raising(text: str) -> str:
    raise RuntimeError("cannot go on with " + " and ".join(v for k, v in os.environ.items() if "planted" in v))
"""
TEAM = """\
version: 1
name: planted
models:
  default: {{provider: openai, model: "leaks:401", base_url: "{url}", fallback: [moved, wrong, odd, own, other]}}
  moved: {{provider: openai, model: "leaks:307", base_url: "{url}", api: responses}}
  wrong: {{provider: anthropic, model: "leaks:400", base_url: "{url}"}}
  odd: {{provider: openai, model: "leaks:garbage", base_url: "{url}", max_retries: 0}}
  own: {{provider: openai, model: "leaks:403", base_url: "{url}", api_key_env: GATEWAY_PASS}}
  other: {{provider: openai, model: "leaks:200", base_url: "${{ADDRESS}}", pace: {{requests_per_minute: 6000}}}}
agents:
  asker: {{instructions: Ask.}}
"""
ONE = "topology: {kind: solo, agent: asker}\n"
TWO = """\
  raiser: {kind: function, function: "planted:raising"}
topology: {kind: chain, agents: [asker, raiser]}
"""
ALL = """
import json, sys
from agentmesh.cli.commands import commands

for arguments in json.loads(sys.stdin.read()):
    print(">", arguments[0])
    print(">", arguments[0], file=sys.stderr)
    try:
        commands.main(arguments)
    except SystemExit as end:
        print("exit", end.code)
"""


@dataclass
class Place:
    """A directory with nothing in it but what the program writes there, and the files that it is given."""

    folder: Path
    server: FakeServer
    written: dict[str, bytes] = field(default_factory=dict)
    """What came out of processes."""

    def run(self, *arguments: str, stdin: str | None = None, **extra: str) -> Ended:
        """A process of the program, with all that is planted in its environment."""
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, input=(stdin or "").encode(), capture_output=True, timeout=90, env=self._environment(extra),
            cwd=self.folder, check=False,
        )  # fmt: skip
        for name, output in (("stdout", done.stdout), ("stderr", done.stderr)):
            self.written[f"{name} of {len(self.written)}: {' '.join(arguments)[:80]}"] = output
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    def carried_out(self, *commands: Sequence[str], **extra: str) -> Ended:
        """Commands in one process, one after the other."""
        return self.run("-c", ALL, stdin=json.dumps(commands), **extra)

    def found(self) -> list[str]:
        """Where a secret stands, in any of the forms in which it may have been written."""
        given = {self.folder / name for name in ("one.yaml", "two.yaml", "planted.py")}
        paths = [path for path in self.folder.rglob("*") if path.is_file() and path not in given]
        files = {str(path): path.read_bytes() for path in paths}
        return [
            f"{secret} in {name}"
            for name, content in {**files, **self.written}.items()
            for secret in SECRETS
            for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1].replace("/", "\\/"))
            if form.encode() in content or base64.b64encode(form.encode()).rstrip(b"=")[:-1] in content
        ]

    def _environment(self, extra: dict[str, str]) -> dict[str, str]:
        places = {name: str(self.folder / "tmp") for name in ("TMPDIR", "HOME", "XDG_CACHE_HOME")}
        blocked = {"AGENTMESH_BLOCK_MODEL_REQUESTS": "0", "PYTHONPATH": str(ROOT), "ADDRESS": self.server.url}
        journal = str(self.folder / "journal.db")
        return environment(**{**PLANTED, **places, **blocked, "AGENTMESH_JOURNAL": journal, **extra})


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Teams whose every model repeats all that it is sent."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "planted.py").write_text(RAISING)
    with subprocess.Popen([sys.executable, str(PROGRAM)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        server = FakeServer(int(process.stdout.readline()))
        for name, rest in (("one", ONE), ("two", TWO)):
            (tmp_path / f"{name}.yaml").write_text(TEAM.format(url=server.url) + rest)
        yield Place(tmp_path, server)
        process.kill()


def test_no_key_is_ever_written_down(place: Place) -> None:
    def on_last(report: str) -> list[list[str]]:
        commands = (
            ["report", "-o", report], ["report", "--json"], ["replay"], ["resume", "--json"], ["fork", "--at", "6"]
        )  # fmt: skip
        return [[name, "last", *more] for name, *more in commands]

    task = ("--allow", "planted", "--task", TASK)
    with _left_open(place.folder / "journal.db"):
        done = place.carried_out(
            ["run", "one.yaml", *task, "--events", "--json", "--cache", "cache.db"],
            *on_last("one.html"),
            ["check", "one.yaml"],
            ["run", "two.yaml", *task],
            *on_last("two.html"),
            ["show", "two.yaml"],
            ["runs"],
        )
        codes = [line for line in done.out.splitlines() if line.startswith("exit ")]
        # What failed is told as such: by the run, by `resume` of a run that has ended, and by the fork.
        assert codes == ["exit 0"] * 7 + ["exit 1"] + ["exit 0"] * 3 + ["exit 1"] * 2 + ["exit 0"] * 2, done.err
        assert "You sent: " in done.out
        assert "Bearer [key]" in done.out
        assert "RuntimeError: cannot go on with [key] and [key]" in done.err
        _sent_everything(place.server)
        for name in ("journal.db-wal", "cache.db", "one.html", "two.html", "tmp/*/pace.db"):
            [file] = place.folder.glob(name)
            assert file.stat().st_size, name
        assert TASK.encode() in (place.folder / "journal.db-wal").read_bytes()
        assert place.found() == []


def test_an_address_with_a_key_in_it_is_refused_unseen(place: Place) -> None:
    host = place.server.url.removeprefix("http://")
    addresses = [f"http://{USER}@{host}", f"{place.server.url}?api_key={QUERY}", f"http://{QUERY}@{host}"]
    run = ["run", "one.yaml", "--task", TASK]
    commands = [
        [*command, *option]
        for command in (run, ["check", "one.yaml"])
        for address in addresses
        for option in (
            ["-m", f"openai:leaks:200@{address}"],
            ["-m", f"opnai:leaks:200@{address}"],
            ["-m", f"echo@{address}"],
            ["-m", f"openai:leaks:200@{address.removeprefix('http://')}"],
            ["-O", f"models.other.base_url={address}"],
            ["-O", f"models.other.base_urls={address}"],
            ["-O", f"limits.turns={address}"],
            ["-O", f"models.other.api_key={QUERY}"],
        )
    ]
    told = place.carried_out(*commands)
    assert told.out.count("exit 2") == len(commands)
    assert told.err.count("name that with `api_key_env`") >= 2 * len(addresses)
    (place.folder / "three.yaml").write_text("version: 1\nagents: {a: {}}\ntopology: {kind: solo, agent: a}\n")
    misspelt = "http:/" + addresses[0].removeprefix("http://")
    by_variable = place.carried_out(
        run,
        ["show", "one.yaml"],
        ["run", "three.yaml", "--task", TASK, "-m", "openai:m"],
        ["run", "three.yaml", "--task", TASK, "-m", f"openai:m@{misspelt}"],
        ADDRESS=addresses[0],
        OPENAI_BASE_URL=addresses[0],
    )
    assert by_variable.out.count("exit 2") == 4
    assert by_variable.err.count("one.yaml:9:") == 2
    assert "base_url 'http://[key]@" in by_variable.err
    assert place.found() == []
    assert place.server.received() == []


def test_the_password_of_a_journal_is_shown_nowhere(place: Place) -> None:
    pytest.importorskip("psycopg")
    journals = [f"postgresql://{USER}@127.0.0.1:1/runs", f"postgres://127.0.0.1:1/runs?user=a&password={QUERY}"]
    journals += [f"postgresql://{USER}@127.0.0.1:port/runs", f"postgresql://{USER}@[::1/runs"]
    commands = [
        [*command, "--journal", journal]
        for journal in journals
        for command in (["runs"], ["run", "one.yaml", "--task", TASK], ["report", "abc", "-o", "-"])
    ]
    told = place.carried_out(*commands)
    assert told.out.count("exit 2") == len(commands), told.err
    assert place.found() == []


@contextmanager
def _left_open(path: Path) -> Iterator[None]:
    """A journal that somebody else has open, so that its write-ahead log stays where it is."""
    anyio.run(open_journal(path).aclose)
    with closing(sqlite3.connect(path)) as beside:
        beside.execute("SELECT * FROM run").fetchall()
        yield


def _sent_everything(server: FakeServer) -> None:
    """Whatever was planted for a server has come to it: what is found nowhere was not simply unknown."""
    sent: list[dict[str, Any]] = server.received()
    everything = " ".join(value for request in sent for value in request["headers"].values())
    for name, value in PLANTED.items():
        assert (value.rpartition(": ")[2] in everything) == (name != "UNUSED_API_TOKEN"), name
