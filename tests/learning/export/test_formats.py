from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentmesh.learning.export import FORMATS, Batch, Exported, Form, batch, left_out, rows_of, write
from tests.learning.export.recorded import COMPUTES, ROOT, pair_run

NESTED = ("steps", "trajectories", "extra_info", "reward_model", "metadata", "findings")
UNPAIRED = "no answer to the same prompt did better or worse by enough"
Pair = Callable[..., Exported]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("pair")
    return lambda *given, **more: pair_run(folder, *given, **more)


@pytest.fixture(scope="module")
def group(pair: Pair) -> Batch:
    """Two runs of one task: the first computes, and is right."""
    return batch(
        [
            pair([COMPUTES, "It is 42."], ["42"], {"right": 1.0}),
            pair(["It is 41."], ["41"], {"right": 0.0}),
        ]
    )


def test_a_line_of_our_own_holds_all_that_is_known_of_a_context(group: Batch) -> None:
    lines = rows_of(group, Form("jsonl"))
    assert [(line["agent"], line["loss_mask"]) for line in lines] == [
        ("writer", [0, 0, 1, 0, 1]),
        ("critic", [0, 0, 1]),
        ("writer", [0, 0, 1]),
        ("critic", [0, 0, 1]),
    ]
    first = lines[0]
    assert [(step["step"], step["message"], step["reward"]) for step in first["steps"]] == [(0, 2, 1.0), (1, 4, 1.0)]
    assert [message["role"] for message in first["messages"]] == ["system", "user", "assistant", "tool", "assistant"]
    assert [tool["function"]["name"] for tool in first["tools"]] == ["calculator"]
    assert first["topology_hash"] == group.runs[0].topology_hash != ""
    assert all(step["advantage"] > 0 for line in lines[:2] for step in line["steps"])
    assert all(step["advantage"] < 0 for line in lines[2:] for step in line["steps"])


def test_prompts_and_completions_put_together_are_what_the_agent_saw_and_wrote(group: Batch) -> None:
    rows = rows_of(group, Form("trl"))
    assert [(row["agent"], row["step"], len(row["prompt"]), len(row["completion"])) for row in rows] == [
        ("writer", 0, 2, 1),
        ("writer", 1, 4, 1),
        ("critic", 2, 2, 1),
        ("writer", 0, 2, 1),
        ("critic", 1, 2, 1),
    ]
    assert rows[1]["prompt"][:3] == rows[0]["prompt"] + rows[0]["completion"]
    assert rows[0]["completion"][0]["tool_calls"][0]["function"]["name"] == "calculator"
    assert rows[0]["completion"][0]["content"] == "", "templates take text, not null"


def test_answers_to_one_prompt_are_paired_by_reward(group: Batch, pair: Pair) -> None:
    (row,) = rows_of(group, Form("dpo"))  # the critics have read different things, the second prompts too
    assert row["agent"] == "writer"
    assert row["chosen"][0]["tool_calls"][0]["function"]["name"] == "calculator"
    assert row["rejected"] == [{"role": "assistant", "content": "It is 41."}]
    assert (row["score_chosen"], row["score_rejected"]) == (1.0, 0.0)
    assert rows_of(group, Form("dpo", least_gap=1.0)) == [row]
    assert left_out(group, Form("dpo")) == {UNPAIRED: 3}
    assert not rows_of(group, Form("dpo", least_gap=1.01))
    assert left_out(group, Form("dpo", least_gap=1.01)) == {UNPAIRED: 5}

    again = batch([*group.runs, pair([COMPUTES, "It is 40."], ["40"], {"right": 0.0})])
    first, second = rows_of(again, Form("dpo"))
    assert (first["score_chosen"], first["score_rejected"]) == (0.5, 0.0), "an answer counts the mean of its runs"
    assert [row["content"] for row in (*second["chosen"], *second["rejected"])] == ["It is 42.", "It is 40."]
    assert len(second["prompt"]) == 4, "whose prompts are the same up to the ids of calls"
    assert left_out(again, Form("dpo")) == {UNPAIRED: 3}, "the critics, who have read different things"


def test_runs_of_other_tasks_and_equal_rewards_make_no_pair(pair: Pair) -> None:
    same = batch([pair(["It is 42."], ["42"], {"right": 1.0}), pair(["It is 41."], ["41"], {"right": 1.0})])
    assert not rows_of(same, Form("dpo"))
    other = batch(
        [
            pair(["It is 42."], ["42"], {"right": 1.0}, task="What is 6 * 7?"),
            pair(["It is 41."], ["41"], {"right": 0.0}, task="What is 5 * 7?"),
        ]
    )
    assert not rows_of(other, Form("dpo"))


def test_only_runs_that_are_good_enough_are_for_fine_tuning(group: Batch) -> None:
    rows = rows_of(group, Form("sft", least_reward=1.0))
    assert {row["run_id"] for row in rows} == {group.runs[0].episode.run_id}
    weights = [message["weight"] for message in rows[0]["messages"] if message["role"] == "assistant"]
    assert weights == [1, 1]
    assert not [message for message in rows[0]["messages"] if message["role"] != "assistant" and "weight" in message]
    assert left_out(group, Form("sft", least_reward=1.0)) == {"the run is rewarded with less": 2}
    assert len(rows_of(group, Form("sft", least_reward=0.0))) == 4


def test_what_is_taken_over_has_no_weight(group: Batch) -> None:
    run = group.runs[0]
    writer = run.transcripts[0]
    later = replace(writer, calls={4: writer.calls[4]})
    only = batch([replace(run, transcripts=(later,))])
    (row,) = rows_of(only, Form("sft"))
    assert [message.get("weight") for message in row["messages"]] == [None, None, 0, None, 1]
    (group_,) = rows_of(only, Form("art"))
    told = group_["trajectories"][0]["messages_and_choices"]
    assert told[2]["finish_reason"] == "tool_calls"
    assert told[4]["role"] == "assistant"


def test_groups_of_trajectories_are_by_task_and_agent(group: Batch) -> None:
    groups = rows_of(group, Form("art"))
    assert [(one["metadata"]["agent"], len(one["trajectories"])) for one in groups] == [("writer", 2), ("critic", 2)]
    first = groups[0]["trajectories"][0]
    assert first["reward"] == 1.0
    assert (first["metrics"]["right"], first["metrics"]["steps"]) == (1.0, 2)
    assert first["metadata"]["run_id"] == group.runs[0].episode.run_id
    assert [message.get("role", "choice") for message in first["messages_and_choices"]] == [
        "system", "user", "choice", "tool", "assistant",
    ]  # fmt: skip
    assert left_out(group, Form("art")) == {"ART trains no call of a tool without log probabilities": 1}


def test_a_context_of_calls_alone_is_no_trajectory(group: Batch) -> None:
    run = group.runs[0]
    writer = run.transcripts[0]
    calls_alone = replace(writer, messages=writer.messages[:3], calls={2: writer.calls[2]})
    assert not rows_of(batch([replace(run, transcripts=(calls_alone,))]), Form("art"))


def test_a_row_for_verl_has_its_prompt_before_the_first_answer(group: Batch) -> None:
    rows = rows_of(group, Form("verl"), "train")
    assert [row["extra_info"]["index"] for row in rows] == [0, 1, 2, 3]
    assert rows[0]["prompt"] == rows[0]["messages"][:2]
    assert rows[0]["extra_info"]["split"] == "train"
    assert rows[0]["extra_info"]["loss_mask"] == [0, 0, 1, 0, 1]
    assert json.loads(rows[0]["extra_info"]["tools"]) == rows[0]["tools"]


def test_images_are_kept_where_the_format_takes_them(group: Batch) -> None:
    run = group.runs[1]
    seen = [{"type": "text", "text": "Look."}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}]
    writer = run.transcripts[0]
    messages = (writer.messages[0], {"role": "user", "content": seen}, writer.messages[2])
    only = batch([replace(run, transcripts=(replace(writer, messages=messages),))])  # type: ignore[arg-type]
    for form in FORMATS:
        assert bool(rows_of(only, Form(form))) == (form in ("jsonl", "art")), form
        assert left_out(only, Form(form)) == ({} if form in ("jsonl", "art") else {"images or files": 1})


def columns(form: str) -> set[str]:
    """What docs/learning.md says of a format: the columns of its table."""
    page = (ROOT / "docs" / "learning.md").read_text(encoding="utf-8")
    section = page.partition(f"\n#### `{form}`")[2].partition("\n#")[0]
    named = set(re.findall(r"^\| `([\w.\[\]]+)` \|", section, re.MULTILINE))
    assert named, f"docs/learning.md has no table of {form}"
    return named


def named(row: Any, before: str = "") -> Iterator[str]:
    """The names of all that a row holds, but for what chats, tools and components hold."""
    for name, value in row.items():
        yield f"{before}{name}"
        inner = value[0] if isinstance(value, list) and value else value
        if name in NESTED and isinstance(inner, dict):
            yield from named(inner, f"{before}{name}.")


@pytest.mark.parametrize("form", FORMATS)
def test_every_column_of_a_format_is_the_one_that_the_documentation_has(form: Any, group: Batch) -> None:
    finding = {"monitor": "m", "label": "loop", "score": 0.5, "agents": ["writer"], "why": "again"}
    runs = batch([replace(run, findings=(finding,)) for run in group.runs])
    rows = json.loads(json.dumps(rows_of(runs, Form(form))))
    assert rows
    assert {name for row in rows for name in named(row)} == columns(form)


def test_each_split_and_each_agent_has_a_file(group: Batch, tmp_path: Path) -> None:
    files = write({"train": group, "test": group}, Form("trl", by_agent=True), tmp_path / "out")
    assert [(file.path, file.rows) for file in files] == [
        ("train/writer.jsonl", 3),
        ("train/critic.jsonl", 2),
        ("test/writer.jsonl", 3),
        ("test/critic.jsonl", 2),
    ]
    for file in files:
        lines = (tmp_path / "out" / file.path).read_text(encoding="utf-8").splitlines()
        assert {json.loads(line)["agent"] for line in lines} == {file.agent}
        assert len(lines) == file.rows
