"""Exports loaded with the libraries of trainers, and one step of an optimiser with each: with the group `training`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from agentmesh.learning.export import Batch, Form, batch, rows_of, write
from tests.learning.export import tiny
from tests.learning.export.recorded import COMPUTES, pair_run

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
WHY = "is in the group `training`: make trainers"
Loaded = Callable[[Form], Path]


@pytest.fixture(scope="module", autouse=True)
def offline() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE", "LITELLM_LOCAL_MODEL_COST_MAP"):
            patch.setenv(name, "True")
        yield


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    """Three runs of one task: the first computes, and is right."""
    if find_spec("datasets") is None:
        pytest.skip(f"datasets {WHY}")
    folder = tmp_path_factory.mktemp("group")
    return batch(
        [
            pair_run(folder, [COMPUTES, "It is 42."], ["I agree: 42."], {"right": 1.0}),
            pair_run(folder, ["It is 41."], ["It may be 41."], {"right": 0.0}),
            pair_run(folder, ["It is 40."], ["40"], {"right": 0.0}),
        ]
    )


@pytest.fixture
def exported(group: Batch, tmp_path: Path) -> Loaded:
    """Writes the group in a form, and says where."""

    def wrote(form: Form) -> Path:
        (file,) = write({"": group}, form, tmp_path / form.format)
        assert file.rows > 0
        return tmp_path / form.format / file.path

    return wrote


def loaded(path: Path, cache: Path) -> Any:
    datasets = pytest.importorskip("datasets", reason=f"datasets {WHY}")
    kind = "parquet" if path.suffix == ".parquet" else "json"
    return datasets.load_dataset(kind, data_files=str(path), split="train", cache_dir=str(cache))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("form", ["jsonl", "trl", "sft", "dpo"])
def test_a_data_set_holds_what_was_written(form: Any, exported: Loaded, tmp_path: Path) -> None:
    path = exported(Form(form))
    found, written = loaded(path, tmp_path / "cache"), lines(path)
    assert found.column_names == list(written[0])
    for name in ("messages", "prompt", "completion", "chosen", "tools", "loss_mask"):
        if name in written[0]:
            assert found[name][:] == [row[name] for row in written], name


def test_a_table_holds_what_was_written(exported: Loaded, group: Batch, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason=f"pyarrow {WHY}")
    found = loaded(exported(Form("verl")), tmp_path / "cache")
    written = rows_of(group, Form("verl"))
    assert set(found.column_names) == set(written[0])
    for row, before in zip(found, written, strict=True):
        assert row["extra_info"] == before["extra_info"]
        assert row["tools"] == before["tools"]
        for message, told in zip(row["messages"], before["messages"], strict=True):
            assert {name: value for name, value in message.items() if value is not None} == told


def trainer_arguments(folder: Path) -> dict[str, Any]:
    return {
        "output_dir": str(folder),
        "max_steps": 1,
        "per_device_train_batch_size": 2,
        "learning_rate": 0.01,
        "report_to": [],
        "save_strategy": "no",
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "max_length": None,
        "disable_tqdm": True,
    }


def weights_of(model: Any) -> list[Any]:
    return [weight.detach().clone() for weight in model.parameters()]


def moved(model: Any, before: list[Any]) -> bool:
    return any(bool((weight != old).any()) for weight, old in zip(model.parameters(), before, strict=True))


def test_trl_trains_the_completion_and_nothing_else(exported: Loaded, tmp_path: Path) -> None:
    trl = pytest.importorskip("trl", reason=f"trl {WHY}")
    path = exported(Form("trl"))
    tokenizer = tiny.tokenizer()
    model = tiny.model(len(tokenizer))
    before = weights_of(model)
    trainer = trl.SFTTrainer(
        model=model,
        args=trl.SFTConfig(**trainer_arguments(tmp_path / "out")),
        train_dataset=loaded(path, tmp_path / "cache"),
        processing_class=tokenizer,
    )
    for row, prepared in zip(lines(path), trainer.train_dataset, strict=True):
        marked = [token for token in prepared["labels"] if token != -100]
        said = row["completion"][0]
        assert said["content"] in tokenizer.decode(marked)
        for call in said.get("tool_calls", ()):
            assert call["function"]["arguments"] in tokenizer.decode(marked)
        assert tokenizer.decode(marked).count("<|end|>") == 1
        whole = tokenizer.decode(prepared["input_ids"])
        assert all(message["content"] in whole for message in row["prompt"])
    trainer.train()
    assert moved(model, before)


def test_trl_prefers_the_chosen_answer_after_a_step(exported: Loaded, tmp_path: Path) -> None:
    trl = pytest.importorskip("trl", reason=f"trl {WHY}")
    tokenizer = tiny.tokenizer()
    model = tiny.model(len(tokenizer))
    before = weights_of(model)
    trainer = trl.DPOTrainer(
        model=model,
        ref_model=tiny.model(len(tokenizer)),
        args=trl.DPOConfig(**trainer_arguments(tmp_path / "out")),
        train_dataset=loaded(exported(Form("dpo")), tmp_path / "cache"),
        processing_class=tokenizer,
    )
    trainer.train()
    assert moved(model, before)


def test_trl_trains_what_an_assistant_says_in_a_chat_for_fine_tuning(exported: Loaded, tmp_path: Path) -> None:
    trl = pytest.importorskip("trl", reason=f"trl {WHY}")
    path = exported(Form("sft", least_reward=1.0))
    tokenizer = tiny.tokenizer()
    model = tiny.model(len(tokenizer))
    before = weights_of(model)
    trainer = trl.SFTTrainer(
        model=model,
        args=trl.SFTConfig(**trainer_arguments(tmp_path / "out"), assistant_only_loss=True),
        train_dataset=loaded(path, tmp_path / "cache"),
        processing_class=tokenizer,
    )
    for row, prepared in zip(lines(path), trainer.train_dataset, strict=True):
        marked = [token for token in prepared["labels"] if token != -100]
        assert tokenizer.decode(marked) == said(row["messages"])
    trainer.train()
    assert moved(model, before)


def said(messages: list[dict[str, Any]]) -> str:
    """What an assistant says in a chat, as the template has it."""
    text = ""
    for message in messages:
        if message["role"] == "assistant":
            calls = [call["function"] for call in message.get("tool_calls") or ()]
            text += message["content"] + "".join(f"<|call|>{call['name']}{call['arguments']}" for call in calls)
            text += "<|end|>"
    return text


def masked(row: dict[str, Any], tokenizer: Any) -> tuple[list[int], list[int]]:
    """Tokens of a line of our own format, and which of them the agent wrote, by its mask of messages."""
    ids: list[int] = []
    marks: list[int] = []
    messages = [{**message, "content": message["content"] or ""} for message in row["messages"]]
    for place, mark in enumerate(row["loss_mask"]):
        asks = mark and {"add_generation_prompt": True}
        upto = messages[:place] if mark else messages[: place + 1]
        for until, counts in ((upto, 0), (messages[: place + 1], mark)):
            told = tokenizer.apply_chat_template(
                until, tools=row["tools"] or None, return_dict=False, **(asks or {} if until is upto and mark else {})
            )
            assert told[: len(ids)] == ids
            marks += [counts] * (len(told) - len(ids))
            ids = told
    return ids, marks


def gradients(model: Any, ids: list[int], marks: list[int], advantage: float) -> list[Any]:
    """Of the log probability of the marked tokens, weighted by the advantage."""
    import torch

    model.zero_grad()
    logits = model(torch.tensor([ids])).logits[0, :-1]
    wanted, counts = torch.tensor(ids[1:]), torch.tensor(marks[1:], dtype=torch.float)
    chosen = torch.log_softmax(logits, dim=-1).gather(1, wanted[:, None])[:, 0]
    (-advantage * (chosen * counts).sum() / counts.sum()).backward()
    return [weight.grad.clone() for weight in model.parameters()]


def step(model: Any, found: list[Any]) -> None:
    """One step of an optimiser along these gradients."""
    import torch

    for weight, gradient in zip(model.parameters(), found, strict=True):
        weight.grad = gradient
    torch.optim.SGD(model.parameters(), lr=0.1).step()


def test_a_step_with_a_table_trains_what_its_mask_marks(exported: Loaded, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason=f"torch {WHY}")
    tokenizer = tiny.tokenizer()
    model = tiny.model(len(tokenizer))
    before = weights_of(model)
    for row in loaded(exported(Form("verl")), tmp_path / "cache"):
        ids, marks = masked({**row, "loss_mask": row["extra_info"]["loss_mask"]}, tokenizer)
        marked = [token for token, mark in zip(ids, marks, strict=True) if mark]
        assert tokenizer.decode(marked) == said(row["messages"])
        step(model, gradients(model, ids, marks, row["extra_info"]["advantage"]))
    assert moved(model, before)


def test_tokens_that_are_not_marked_have_no_influence_as_targets_on_the_gradient(exported: Loaded) -> None:
    torch = pytest.importorskip("torch", reason=f"torch {WHY}")
    pytest.importorskip("transformers", reason=f"transformers {WHY}")
    tokenizer = tiny.tokenizer()
    model = tiny.model(len(tokenizer))
    rows = lines(exported(Form("jsonl")))
    for row in rows:
        ids, marks = masked(row, tokenizer)
        said = [row["messages"][step["message"]]["content"] or "" for step in row["steps"]]
        written = tokenizer.decode([token for token, mark in zip(ids, marks, strict=True) if mark])
        assert [text for text in said if text not in written] == []
        assert written.count("<|end|>") == len(row["steps"])
        assert 0 < sum(marks) < len(marks)

        # The loss by its labels: a masked target may be any token, a marked one may not.
        by_labels = labelled(model, ids, marks)
        other = labelled(model, ids, marks, {at: 7 for at, mark in enumerate(marks) if not mark})
        assert all(torch.equal(one, two) for one, two in zip(by_labels, other, strict=True))
        spoiled = labelled(model, ids, marks, {max(at for at, mark in enumerate(marks) if mark): 7})
        assert not all(torch.equal(one, two) for one, two in zip(by_labels, spoiled, strict=True))


def labelled(model: Any, ids: list[int], marks: list[int], other: dict[int, int] | None = None) -> list[Any]:
    """Gradients of a cross entropy with labels that are replaced where `other` says, and then masked."""
    import torch

    model.zero_grad()
    targets = torch.tensor([(other or {}).get(at, token) for at, token in enumerate(ids)])
    targets[torch.tensor(marks) == 0] = -100
    logits = model(torch.tensor([ids])).logits[0, :-1]
    torch.nn.functional.cross_entropy(logits, targets[1:], ignore_index=-100).backward()
    return [weight.grad.clone() for weight in model.parameters()]


def test_a_step_along_the_advantages_makes_the_better_answer_likelier_than_the_worse(exported: Loaded) -> None:
    torch = pytest.importorskip("torch", reason=f"torch {WHY}")
    pytest.importorskip("transformers", reason=f"transformers {WHY}")
    tokenizer = tiny.tokenizer()
    model = tiny.model(len(tokenizer))
    writers = [row for row in lines(exported(Form("jsonl"))) if row["agent"] == "writer"]
    better, worse = writers[0], writers[1]
    assert better["steps"][0]["advantage"] > 0 > worse["steps"][0]["advantage"]

    def gap() -> float:
        with torch.no_grad():
            return likelihood(model, *masked(better, tokenizer)) - likelihood(model, *masked(worse, tokenizer))

    before = gap()
    total = [torch.zeros_like(weight) for weight in model.parameters()]
    for row in (better, worse):
        found = gradients(model, *masked(row, tokenizer), row["steps"][0]["advantage"])
        total = [one + two for one, two in zip(total, found, strict=True)]
    step(model, total)
    assert gap() > before


def likelihood(model: Any, ids: list[int], marks: list[int]) -> float:
    import torch

    logits = model(torch.tensor([ids])).logits[0, :-1]
    chosen = torch.log_softmax(logits, dim=-1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
    counts = torch.tensor(marks[1:], dtype=torch.float)
    return float((chosen * counts).sum() / counts.sum())


@pytest.mark.skipif(find_spec("art") is None, reason=f"openpipe-art {WHY}")
def test_art_trains_the_texts_of_the_agent_and_nothing_else(exported: Loaded) -> None:
    pytest.importorskip("torch", reason=f"torch {WHY}")
    path = exported(Form("art"))
    # In a process of its own: what ART changes in transformers as it is imported keeps newer ones from working.
    words = [sys.executable, "-m", "tests.learning.export.tokenised_by_art", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["groups"] == [3, 3]

    tokenizer = tiny.tokenizer()
    model = tiny.model(len(tokenizer))
    texts = {"It is 42.", "It is 41.", "It is 40.", "I agree: 42.", "It may be 41.", "40"}
    marked = set()
    before = weights_of(model)
    for one in told["results"]:
        written = [token for token, mark in zip(one["ids"], one["marks"], strict=True) if mark]
        marked.add(tokenizer.decode(written).removesuffix("<|end|>"))
        assert (one["advantage"] > 0) == (one["reward"] > 0.5)
        step(model, gradients(model, one["ids"], one["marks"], one["advantage"]))
    assert marked == texts
    assert moved(model, before)
