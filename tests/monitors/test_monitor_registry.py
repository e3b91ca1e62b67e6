"""Monitors by name: built in, installed, referred to; what cannot be used says why."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentmesh import Team
from agentmesh.errors import ConfigError
from agentmesh.monitors import registry

PLUGIN = '''
class Loud:
    """Finds shouting."""

    labels = ("shouting",)
    cost = "one look at each message"

    def __init__(self, limit=0.5):
        if not 0 <= limit <= 1:
            raise ValueError(f"limit is from 0 to 1; found {limit}")

    def observe(self, event):
        return ()
'''


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A distribution that offers a working monitor, a broken one, and one under a name that is taken."""
    (tmp_path / "loud_monitors.py").write_text(PLUGIN)
    info = tmp_path / "loud_monitors-2.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: loud-monitors\nVersion: 2.1\n")
    (info / "entry_points.txt").write_text(
        "[agentmesh.monitors]\nloud = loud_monitors:Loud\nbroken = loud_monitors:Gone\n"
        "sycophancy = loud_monitors:Loud\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("loud_monitors", None)


def team(tmp_path: Path, monitors: str) -> Team:
    file = tmp_path / "team.yaml"
    file.write_text(
        "version: 1\nmodels: {default: echo}\nagents: {a: {}}\ntopology: {kind: solo, agent: a}\n"
        f"monitors: {monitors}\n"
    )
    return Team.from_yaml(file)


def test_built_in_monitors_have_labels_a_cost_and_a_sentence() -> None:
    offers = list(registry.offers())
    assert [offer.name for offer in offers][: len(registry.BUILT_IN)] == list(registry.BUILT_IN)
    for offer in offers:
        assert offer.error is None
        assert offer.labels
        assert offer.cost
        assert offer.about.endswith(".")


@pytest.mark.usefixtures("installed")
def test_installed_monitors_are_listed_with_their_origin_and_a_broken_one_breaks_no_other() -> None:
    offers = {(offer.name, offer.origin): offer for offer in registry.offers()}
    loud = offers["loud", "loud-monitors 2.1"]
    assert (loud.labels, loud.error) == (("shouting",), None)
    assert "Gone" in (offers["broken", "loud-monitors 2.1"].error or "")
    assert "built-in" in (offers["sycophancy", "loud-monitors 2.1"].error or "")
    assert offers["sycophancy", "built in"].error is None


@pytest.mark.usefixtures("installed")
def test_a_file_names_installed_monitors_without_consent_to_imports(tmp_path: Path) -> None:
    made = team(tmp_path, "{loud: {}, other: {use: loud, parameters: {limit: 0.2}}, sycophancy: {}}")
    assert list(made.monitors) == ["loud", "other", "sycophancy"]
    assert made.run_sync("hello").outcome == "completed"


@pytest.mark.usefixtures("installed")
def test_wrong_names_and_parameters_are_told_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        team(
            tmp_path,
            "{sycophanzy: {}, loud: {parameters: {limit: 3}}, x: {use: broken}, progress: {parameters: {y: 1}}}",
        )
    said = [str(problem) for problem in caught.value.problems]
    assert len(said) == 4
    assert "there is no monitor 'sycophanzy'; there are: sycophancy" in said[0]
    assert "did you mean 'sycophancy'" in said[0]
    assert "limit is from 0 to 1; found 3" in said[1]
    assert "cannot be loaded: AttributeError" in said[2]
    assert "'y'" in said[3]
