"""A repository with work to do in it, a program that does one thing of it at a time, and the team that runs it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentmesh import RunResult, Team
from agentmesh.events import Event, Notice, PhaseStarted, Verification

CHECK = """
import sys
sys.path.insert(0, ".")
done = {}
try:
    exec(open("work.py").read(), done)
except Exception as error:
    sys.exit(f"work.py: {error!r}")
failed = [number for number in range(%d) if done.get(f"part_{number}", lambda: None)() != number * number]
print(f"{len(failed)} failed" if failed else "all passed")
sys.exit(bool(failed))
"""
CODER = """
import os, pathlib, signal, sys
told = sys.stdin.read()
diary = pathlib.Path(sys.argv[1], "diary")
with diary.open("a") as file:
    file.write(told.replace(chr(10), " ") + chr(10))
lies = os.path.exists(pathlib.Path(sys.argv[1], "lies"))
open_ = [line for line in open("PLAN.md") if line.startswith("- [ ]")]
if open_ and not lies:
    number = int(open_[0].split()[-1])
    with open("work.py", "a") as file:
        file.write(f"def part_{number}(): return {number} * {number}" + chr(10))
        deadly = pathlib.Path(sys.argv[1], f"kill-{number}")
        if deadly.exists():
            deadly.unlink()
            file.flush()
            os.kill(os.getppid(), signal.SIGKILL)
            sys.exit()
    plan = open("PLAN.md").read().replace(open_[0], f"- [x] part {number}" + chr(10))
    open("PLAN.md", "w").write(plan)
    print(f"wrote part {number}")
print("<promise>DONE</promise>" if lies or len(open_) < 2 else "more is to be done")
"""
TEAM = """
version: 1
name: looping
agents:
  coder:
    kind: command
    command: {{argv: [{python}, -I, {home}/coder.py, {home}], format: text, timeout_s: 20}}
    workspace: {{kind: {kind}, path: {folder}, confinement: none}}
topology:
  kind: graph
  phases:
    - name: build
      edges: [user -> coder, coder -> user]
      until: {{promise: DONE, verify: {{command: [{python}, -I, check.py]}}}}
      memory: fresh
      max_iterations: {most}
      loop: {{prompt: PROMPT.md, plan: PLAN.md, stop_after: 3, tried: 2}}
"""


@dataclass(frozen=True)
class Workshop:
    """`home` holds what the program remembers of itself; `folder` is where it works."""

    home: Path
    parts: int = 4

    @property
    def folder(self) -> Path:
        return self.home / "project"

    def made(self, *, is_repository: bool = False) -> Workshop:
        """With all that is needed."""
        self.folder.mkdir()
        (self.home / "coder.py").write_text(CODER)
        plan = "".join(f"- [ ] part {number}\n" for number in range(self.parts))
        files = {"PLAN.md": plan, "PROMPT.md": "Write all parts.\n", "check.py": CHECK % self.parts, "work.py": ""}
        for name, text in files.items():
            (self.folder / name).write_text(text)
        if is_repository:
            self.git("init", "-q", "-b", "main")
            self.git("add", ".")
            self.git("commit", "-q", "-m", "begin")
        return self

    def git(self, *arguments: str) -> str:
        """What git says in the project."""
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        command = ["git", *who, *arguments]
        return subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True).stdout

    @property
    def commits(self) -> list[str]:
        """What the commits say, the first one first."""
        return self.git("log", "--format=%s", "--reverse").splitlines()

    @property
    def diary(self) -> list[str]:
        """What the program was told, each time that it was started."""
        return (self.home / "diary").read_text().splitlines()

    def team(self, *, most: int = 20, kind: str = "directory", **more: Any) -> Team:
        """The program in a loop."""
        facts = {"python": sys.executable, "home": self.home, "folder": self.folder, "most": most, "kind": kind}
        (self.home / "team.yaml").write_text(TEAM.format(**facts))
        return Team.from_yaml(self.home / "team.yaml", **more)


def iterations(events: Sequence[Event]) -> int:
    return sum(isinstance(event, PhaseStarted) for event in events)


def checks(result: RunResult) -> list[Verification]:
    return [event for event in result.events if isinstance(event, Verification)]


def told(result: RunResult) -> list[str]:
    return [event.template for event in result.events if isinstance(event, Notice)]
