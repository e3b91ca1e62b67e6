"""A hierarchy at real work: workers edit files in worktrees, conflict, and are merged once the tests pass.

The models are played by a function, so that it runs anywhere; the files, the merges and the test runs are real. With a
model of your own it is `REPOSITORY=... agentmesh run examples/repair/team.yaml --task ... -m PROVIDER:MODEL`.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from agentmesh import Reply, Team, ToolCall

HERE = Path(__file__).parent / "repair"
CHECK = "$ python -m pytest -q tests/test_{}.py"
WAS = "return sum(prices)"
BOTH = "return round(sum(prices) * (1 - discount), 2)"
EDITS = {
    "discount": ("shop/pricing.py", WAS, "return sum(prices) * (1 - discount)"),
    "rounding": ("shop/pricing.py", WAS, "return round(sum(prices), 2)"),
    "receipt": (
        "shop/receipt.py",
        'return "\\n".join(f"{price:.2f}" for price in prices)',
        'return "\\n".join([*(f"{price:.2f}" for price in prices), f"total {total(prices, discount):.2f}"])',
    ),
}
"""By task: the file to be changed, what stands there, and what has to."""


def plan() -> ToolCall:
    """Two tasks at once, and one that needs both."""
    title = "Make tests/test_{}.py pass"
    tasks: list[dict[str, Any]] = [
        {"id": name, "title": title.format(name), "acceptance": CHECK.format(name)} for name in EDITS
    ]
    tasks[-1]["depends_on"] = ["discount", "rounding"]
    return ToolCall("open_tasks", {"tasks": tasks})


def resolved() -> ToolCall:
    """What the author of the second of two changes to one line makes of both."""
    before = (HERE / "project" / "shop" / "pricing.py").read_text()
    return ToolCall("write_file", {"path": "shop/pricing.py", "content": before.replace(WAS, BOTH)})


def work(told: str, steps: int) -> ToolCall:
    """What a worker does in each step of its task."""
    task = next(name for name in EDITS if f"Task {name}" in told)
    path, old, new = EDITS[task]
    deeds = [ToolCall("edit_file", {"path": path, "old": old, "new": new})]
    if "<<<<<<<" in told:
        deeds = [resolved()]
    elif task == "receipt":
        first = '"""What the customer is given."""\n'
        imported = f"{first}\nfrom shop.pricing import total\n"
        deeds += [ToolCall("edit_file", {"path": path, "old": first, "new": imported})]
    deeds += [
        ToolCall("run", {"argv": CHECK.format(task).removeprefix("$ ").split()}),
        ToolCall("hand_off", {"status": "done", "summary": f"tests/test_{task}.py passes"}),
    ]
    return deeds[steps]


def play(request: Any) -> str | Reply:
    """A model: what a planner, a worker and a judge would say."""
    told = [at for at, message in enumerate(request.messages) if message["role"] == "user"][-1]
    steps = sum(message["role"] == "assistant" for message in request.messages[told:])
    match request.agent.partition("-")[0]:
        case "planner":
            begun = any(message["role"] == "assistant" for message in request.messages)
            return "The three tests pass." if begun else Reply(tool_calls=(plan(),))
        case "judge":
            return Reply(tool_calls=(ToolCall("decide", {"decision": "done", "reason": "all tasks are verified"}),))
        case _:
            return Reply(tool_calls=(work(str(request.messages[told]["content"]), steps),))


def repository(folder: Path) -> Path:
    """The project with its failing tests, as a repository of its own."""
    shutil.copytree(HERE / "project", folder)
    git = ["git", "-c", "user.name=you", "-c", "user.email=you@example.org"]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "a shop"]):
        subprocess.run([*git, *command], cwd=folder, check=True)
    return folder


with tempfile.TemporaryDirectory() as temporary:
    os.environ.setdefault("XDG_STATE_HOME", temporary)
    shop = repository(Path(temporary) / "shop")
    team = Team.from_yaml(HERE / "team.yaml", models={"default": play}).with_folder(shop)
    result = team.run_sync("Make the tests pass.")
    for event in result.events:
        if event.type == "verification" and event.task:
            print(f"{event.task:<9} attempt {event.attempt}:", "merged" if event.passed else "sent back")
    print(result.outcome, "-", result.answer)
    print((shop / "shop" / "pricing.py").read_text().splitlines()[-1].strip())
