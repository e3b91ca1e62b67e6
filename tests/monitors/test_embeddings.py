"""Vectors of texts: what a team file may name to make them, and that nothing is imported before it is needed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentmesh import Request, RunResult, Team
from agentmesh.errors import ConfigError, MissingExtra
from agentmesh.monitors.diversity import Diversity
from agentmesh.team.references import UNLOADED
from tests.monitors.acted import said, stream, watched

SEA = ("choir lightship dawn lanterns", "rowing kites breakwater harbours", "sailors letters buoy ferry",
       "drums fishing quay tide")  # fmt: skip
LAND = ("pancakes commuters tram railway", "bicycles repair gasworks bridge", "chess bishop market films",
        "puppets orchard cider barn")  # fmt: skip
CODE = """
from agentmesh.monitors.diversity import Diversity

class Mine(Diversity):
    pass

def same(texts):
    return [[1.0, 0.0] for _ in texts]
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of a model in which words of the sea mean one thing, and words of the land another."""
    numpy = pytest.importorskip("numpy")
    tokenizers = pytest.importorskip("tokenizers")
    persistence = pytest.importorskip("model2vec.persistence")
    meanings = {"[UNK]": (0, 0)} | dict.fromkeys(words(SEA), (1, 0)) | dict.fromkeys(words(LAND), (0, 1))
    known = {word: at for at, word in enumerate(meanings)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(known, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    folder = tmp_path_factory.mktemp("embeddings") / "model"
    vectors = numpy.array(list(meanings.values()), dtype=numpy.float32)
    persistence.save_pretrained(folder, vectors, tokenizer, {}, create_model_card=False)  # the card alone takes 2 s
    return f"model2vec:{folder}"


def words(texts: tuple[str, ...]) -> list[str]:
    return [word for text in texts for word in text.split()]


@pytest.fixture
def my_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module that nobody has imported yet."""
    (tmp_path / "my_vectors.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    yield "my_vectors:same"
    sys.modules.pop("my_vectors", None)


def file(tmp_path: Path, embed: str, use: str = "diversity") -> Path:
    path = tmp_path / "team.yaml"
    path.write_text(
        "version: 1\nagents: {a: {}, b: {}}\ntopology: {kind: flat, agents: [a, b], rounds: 2}\n"
        f'monitors:\n  ideas: {{use: "{use}", threshold: 0.2, parameters: {{embed: "{embed}"}}}}\n'
    )
    return path


def run(path: Path, texts: tuple[str, ...], *allow: str) -> RunResult:
    """The agents say these texts, one after the other."""
    given = iter(texts * 2)

    def reply(request: Request) -> str:
        return next(given)

    return Team.from_yaml(path, models={"default": reply}, allow=allow).run_sync("Plan the festival.")


def score(texts: tuple[str, ...], embed: str | None) -> float:
    events = stream(*(said("ab"[at % 2], text) for at, text in enumerate(texts)))
    return watched(Diversity(embed=embed), events)[1]["diversity_collapse"]


def test_a_model_from_a_folder_tells_what_means_the_same_in_other_words(model: str) -> None:
    mixed = tuple(text for pair in zip(SEA, LAND, strict=True) for text in pair)
    assert score(SEA, None) == 0
    assert score(SEA, model) > 0.5
    assert score(mixed, model) == 0


def test_a_team_file_names_the_model_which_is_read_when_the_first_text_comes(
    tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file(tmp_path, model)
    with monkeypatch.context() as patched:
        patched.delitem(sys.modules, "model2vec")
        assert Team.from_yaml(path).executes == []
        assert "model2vec" not in sys.modules
    result = run(path, SEA)
    assert {(finding.monitor, finding.label) for finding in result.findings} == {("ideas", "diversity_collapse")}
    assert not run(path, SEA[:1] + LAND[:1]).findings


def test_a_function_of_a_file_is_imported_only_with_consent(tmp_path: Path, my_vectors: str) -> None:
    path = file(tmp_path, my_vectors)
    assert Team.from_yaml(path, allow=UNLOADED).executes == [f"import: {my_vectors} (monitors.ideas.parameters.embed)"]
    with pytest.raises(ConfigError, match=r"parameters\.embed: a run would import 'my_vectors:same': consent with"):
        Team.from_yaml(path)
    assert "my_vectors" not in sys.modules
    assert run(path, SEA[:1] + LAND[:1], "my_vectors").findings


def test_a_run_whose_monitor_has_a_function_is_the_same_in_the_next_process(tmp_path: Path, my_vectors: str) -> None:
    path = file(tmp_path, my_vectors)
    first = Team.from_yaml(path, allow=["my_vectors"])
    del sys.modules["my_vectors"]
    again = Team.from_yaml(path, allow=["my_vectors"])
    assert f'"embed": "{my_vectors}"' in first.description
    assert first.hash == again.hash


@pytest.mark.usefixtures("my_vectors")
def test_a_monitor_of_somebody_else_imports_no_function_for_a_file(tmp_path: Path) -> None:
    path = file(tmp_path, "os:system", use="my_vectors:Mine")
    with pytest.raises(ConfigError, match="'embed' is 'os:system'; it is model2vec:FOLDER, or a function"):
        Team.from_yaml(path, allow=["my_vectors", "os"])


def test_a_folder_that_is_not_there_is_told_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no folder 'no/such/model'"):
        Team.from_yaml(file(tmp_path, "model2vec:no/such/model"))
    assert Team.from_yaml(file(tmp_path, "model2vec:owner/model")).monitors, "model2vec may find it elsewhere"


def test_without_the_extra_the_error_names_the_line_that_installs_it(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "model2vec", None)
    with pytest.raises(MissingExtra, match=r"pip install 'agentmesh-topology\[embeddings\]'"):
        Diversity(embed=model)
