"""The report of a comparison: one file, whose figures are those of the JSON."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentmesh import Team
from agentmesh.evaluation.comparison import compare
from agentmesh.evaluation.tasks import load_tasks
from agentmesh.reporting.comparison import comparison_html

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """A comparison in which a name is hostile."""

    async def go() -> dict[str, Any]:
        flat = Team.from_yaml(ROOT / "topologies" / "flat.yaml", model="simulated:worker,laziness=1,span=3")
        flat.name = "<script>alert(1)</script>"
        tasks = load_tasks("arithmetic:n=3,depth=3,width=2")
        made = (await compare([flat], tasks, seeds=2, budget_tokens=20_000)).to_json()
        return dict(json.loads(json.dumps(made)))

    return anyio.run(go)


class Reader(HTMLParser):
    """Cells of tables, and what the page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.loads: list[str] = []
        self.ids: list[str] = []
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.loads += [value for key in ("src", "href") if (value := given.get(key)) and not value.startswith("#")]
        self.ids += [value for key, value in attrs if key == "id" and value]
        if tag == "td":
            self._in_cell = True
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag != "td"

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.cells[-1] += data


def test_every_row_stands_in_the_page_with_its_figures_and_nothing_is_loaded(told: dict[str, Any]) -> None:
    page = comparison_html(told)
    read = Reader()
    read.feed(page)
    assert read.loads == []
    assert {"success", "pairs", "measures", "tasks", "runs"} <= set(read.ids)
    for one in told["teams"]:
        assert one["name"] in read.cells
        low, high = one["ci"]
        assert f"{low:.2f} to {high:.2f}" in read.cells
    assert told["why"] in re.sub("&lt;", "<", page).replace("&gt;", ">")
    assert "<script>alert" not in page


def test_the_data_stands_in_the_page_for_whoever_computes_with_it(told: dict[str, Any]) -> None:
    page = comparison_html(told)
    found = re.search(r'<script type="application/json" id="summary">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    assert json.loads(found[1]) == told


def test_a_comparison_without_a_team_has_a_page_too(told: dict[str, Any]) -> None:
    alone = [one for one in told["teams"] if one["kind"] != "team"]
    bare = {**told, "teams": alone, "pairs": [], "verdict": "unclear", "why": "there is no team to compare"}
    page = comparison_html(bare)
    assert "there is no team to compare" in page
    assert 'id="pairs"' not in page


def test_teams_beside_each_other_have_a_chapter_of_their_own(told: dict[str, Any]) -> None:
    first = next(one for one in told["teams"] if one["kind"] == "team")
    pair = {"a": first["name"], "b": "the other", "difference": 0.25, "ci": [0.1, 0.4], "p": 0.01, "tasks": 8}
    both = {**told, "teams": [*told["teams"], {**first, "name": "the other"}], "pairs": [*told["pairs"], pair]}
    beside, between = comparison_html(both).split('id="between"')
    assert "Teams beside what one agent can do" in beside
    assert "the other</t" in between
    assert 'id="between"' not in comparison_html(told)


def test_where_nothing_was_measured_there_is_no_empty_chapter_of_measures(told: dict[str, Any]) -> None:
    bare = {**told, "teams": [{**one, "measures": {}} for one in told["teams"]]}
    assert 'id="measures"' in comparison_html(told)
    assert 'id="measures"' not in comparison_html(bare)
