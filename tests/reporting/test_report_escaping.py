"""Whatever a model, a tool or a person wrote is text in the report, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.events import RunEnded, RunStarted, event_from_json
from agentmesh.reporting import html, summary
from agentmesh.reporting.markup import element
from tests.reporting.logs import log, storied
from tests.reporting.read import Report

HOSTILE = (
    "\"'><script>alert(1)</script></details></section></style></title></svg><img src=x onerror=alert(1)>"
    "<a href=javascript:alert(1)>&lt;&#60;<!-- ]]> \u202e\u2066\x00\x1b[31m\x85\u2028\ufeff\U000e0041\ud800"
)
"""No line breaks and not long, so that nothing is folded up because of it."""


def planted(text: str) -> str:
    return text + HOSTILE


@pytest.fixture(scope="module")
def plain() -> Report:
    return Report(html(storied()))


@pytest.fixture(scope="module")
def hostile() -> Report:
    return Report(html(storied(planted)))


def test_no_text_adds_an_element_or_an_attribute(plain: Report, hostile: Report) -> None:
    assert len(plain.shape) > 300
    assert hostile.shape == plain.shape


def test_what_was_planted_stands_there_to_be_read(hostile: Report) -> None:
    shown = "<script>alert(1)</script></details></section></style></title></svg><img src=x onerror=alert(1)>"
    assert hostile.text.count(shown) > 40


def test_no_name_of_a_node_adds_an_element_or_an_attribute(plain: Report) -> None:
    text = "\n".join(event.model_dump_json() for event in storied())
    for name in ("ann", "bob", "cleo", "notes"):
        text = text.replace(json.dumps(name), json.dumps(f"{name}<b onclick='x'>\"&\u202e", ensure_ascii=False))
    named = Report(html([event_from_json(line) for line in text.splitlines()]))
    assert named.shape == plain.shape
    assert "ann<b onclick='x'>\"&\\u202e" in named.text


def test_characters_that_hide_or_reorder_are_written_out(hostile: Report) -> None:
    hidden = {char for char in hostile.source if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert hidden == {"\n"}
    assert r"\u202e\u2066\x00\x1b[31m\x85\u2028\ufeff\U000e0041\ud800" in hostile.text
    hostile.source.encode("utf-8")


def test_the_numbers_are_embedded_whatever_they_hold() -> None:
    events = storied(planted)
    numbers = next(data for data in Report(html(events)).raw["script"] if data.startswith("{"))
    assert json.loads(numbers) == json.loads(json.dumps(summary(events)))
    assert json.loads(numbers)["answer"] == f"84{HOSTILE}"


def test_a_report_loads_nothing_and_links_to_nothing_but_itself(hostile: Report) -> None:
    assert {name for _, attributes in hostile.elements for name, _ in attributes} & {
        "src",
        "srcset",
        "style",
        "action",
    } == set()
    assert all(re.fullmatch(r"#[a-z]+\d*", href) for href in hostile.values("href"))
    (style,) = hostile.raw["style"]
    assert not re.search(r"url\(|@import|expression", style)


def test_only_its_own_style_and_script_apply(hostile: Report) -> None:
    policy = dict(
        directive.strip().split(" ", 1) for directive in hostile.values("content")[0].split(";") if directive.strip()
    )
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    for kind, text in (("style", hostile.raw["style"][0]), ("script", hostile.raw["script"][-1])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy[f"{kind}-src"] == f"'sha256-{digest}'"


def test_an_image_that_an_agent_chose_is_named_and_not_shown() -> None:
    part = {"type": "image", "url": "https://example.com/x.png"}
    started = event_from_json({"type": "run_started", "team": "t", "task": "look", "parts": [part]})
    report = Report(html(log(started, RunEnded(outcome="failed", reason="x"))))
    assert "image (image/png at an address)" in report.text
    assert "example.com" not in report.source


@given(st.text(), st.text())
def test_any_text_comes_back_as_it_was_or_with_its_hidden_characters_written_out(content: str, value: str) -> None:
    report = Report(element("p", content, title=value))
    assert report.shape == [("p", ("title",))]
    for before, after in ((content, "".join(report.texts)), (value, report.values("title")[0])):
        if all(char.isprintable() for char in before):
            assert after == before
        assert not any(char not in "\n\t" and unicodedata.category(char) == "Cc" for char in after)


def test_an_empty_log_and_one_without_agents_make_a_report() -> None:
    assert "unfinished" in Report(html([])).text
    assert "a run" in Report(html(log(RunEnded(outcome="failed", reason="nothing began")))).text
    assert "Go on." in Report(html(log(RunStarted(team="t", task="Go on.")))).text
