"""A shop whose tests fail, as a git repository; and models that do in each task what a test has them do."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agentmesh import Reply, Team, ToolCall

EXAMPLE = Path(__file__).parents[2] / "examples" / "repair"
WAS = "return sum(prices)"
DISCOUNT = "return sum(prices) * (1 - discount)"
ROUNDING = "return round(sum(prices), 2)"
BOTH = "return round(sum(prices) * (1 - discount), 2)"
CHECKS = {
    "discount": "from shop.pricing import total; assert abs(total([10.0, 30.0], discount=0.25) - 30) < 0.01",
    "rounding": "from shop.pricing import total; assert total([0.1, 0.2]) == 0.3",
}
"""By task: what must not fail. Programs of one line, since a test runner takes longer to start than all else here."""
HALF = "verify.command=" + json.dumps(["python", "-c", CHECKS["discount"]])
"""The whole is right when discounts are."""
Deed = ToolCall | str
Deeds = Sequence[Deed]


def shop(folder: Path) -> Path:
    """The example's project, as a repository at its first commit."""
    shutil.copytree(EXAMPLE / "project", folder)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "a shop")
    return folder


def git(folder: Path, *arguments: str) -> str:
    """What git says."""
    who = ("-c", "user.name=you", "-c", "user.email=you@example.org")
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def passes(folder: Path, *names: str) -> bool:
    """Whether what these tasks are about is right in the shop as it stands there."""
    command = [sys.executable, "-c", "\n".join(CHECKS[name] for name in names)]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


def task(name: str, *depends_on: str) -> dict[str, Any]:
    """A task that counts when its own check succeeds."""
    command = shlex.join(["python", "-c", CHECKS[name]])
    return {"id": name, "title": f"Make {name} right", "acceptance": f"$ {command}", "depends_on": list(depends_on)}


def edit(new: str, old: str = WAS, path: str = "shop/pricing.py") -> ToolCall:
    """One change of one file."""
    return ToolCall("edit_file", {"path": path, "old": old, "new": new})


def done(summary: str = "done") -> ToolCall:
    """The task is handed off."""
    return ToolCall("hand_off", {"status": "done", "summary": summary})


def played(tasks: Sequence[Mapping[str, Any]], deeds: Mapping[str, Deeds]) -> Callable[[Any], Reply | str]:
    """A model that plans these tasks, and does in each what `deeds` says, one thing a call.

    A key is the id of a task; `ID/2` is its second attempt.
    """

    def play(request: Any) -> Reply | str:
        told = [at for at, message in enumerate(request.messages) if message["role"] == "user"][-1]
        step = sum(message["role"] == "assistant" for message in request.messages[told:])
        match request.agent.partition("-")[0]:
            case "planner":
                begun = any(message["role"] == "assistant" for message in request.messages)
                return "It is done." if begun else Reply(tool_calls=(ToolCall("open_tasks", {"tasks": list(tasks)}),))
            case "judge":
                return Reply(tool_calls=(ToolCall("decide", {"decision": "done", "reason": "as the board says"}),))
            case _:
                deed = _deeds(str(request.messages[told]["content"]), deeds)[step]
                return deed if isinstance(deed, str) else Reply(tool_calls=(deed,))

    return play


def conflicting() -> Callable[[Any], Reply | str]:
    """Two workers change one line; whoever comes second makes one of both."""
    whole = (EXAMPLE / "project" / "shop" / "pricing.py").read_text().replace(WAS, BOTH)
    mended = [ToolCall("write_file", {"path": "shop/pricing.py", "content": whole}), done()]
    deeds: dict[str, Deeds] = {"discount": [edit(DISCOUNT), done()], "rounding": [edit(ROUNDING), done()]}
    return played([task("discount"), task("rounding")], {**deeds, "discount/2": mended, "rounding/2": mended})


def _deeds(told: str, deeds: Mapping[str, Deeds]) -> Deeds:
    name = next(name for name in deeds if f"Task {name}:" in told)
    later = f"{name}/2"
    return deeds[later] if later in deeds and "Attempt 2" in told else deeds[name]


def repairing(repository: Path, model: Callable[[Any], Reply | str], *overrides: str) -> Team:
    """The team of the example, in this repository, played by this model."""
    team = Team.from_yaml(EXAMPLE / "team.yaml", models={"default": model}, overrides=overrides)
    return team.with_folder(repository)
