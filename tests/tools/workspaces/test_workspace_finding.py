"""What an agent finds in a workspace: names by patterns, lines by regular expressions."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.errors import ToolError
from agentmesh.tools.workspaces import finding, matching
from agentmesh.tools.workspaces.files import Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "poem.txt").write_text("one\ntwo\nthree\nfour\n")
    return Files(tmp_path)


def tree(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(f"this is {path}\n")


def test_a_list_shows_files_in_order_and_links_as_such(files: Files) -> None:
    tree(files.root, "src/b.py", "src/a/z.py", "src-old/x.py", "b/.git/config", ".git", ".github/ci.yml")
    (files.root / "empty").mkdir()
    (files.root / "link").symlink_to("/etc")
    (files.root / "two\nlines").touch()
    (files.root / os.fsdecode(b"caf\xe9")).touch()
    os.mkfifo(files.root / "pipe")
    assert files.list().splitlines() == [
        ".github/ci.yml",
        "b/",
        r"'caf\udce9'",
        "empty/",
        "link -> /etc (link, not followed)",
        "pipe (no regular file)",
        "poem.txt",
        "src/a/z.py",
        "src/b.py",
        "src-old/x.py",
        r"'two\nlines'",
    ]


@pytest.mark.parametrize(
    ("path", "pattern", "found"),
    [
        (".", "*.py", "src/a/z.py src/b.py"),
        (".", "src/*.py", "src/b.py"),
        ("src", "*/*.py", "src/a/z.py"),
        ("src/", "**", "src/a/z.py src/b.py src/c+.pyi"),
        (".", "**/*.py", "src/a/z.py src/b.py"),
        (".", "src/**/[!a-b].py{,i}", "src/a/z.py"),
        (".", "*.{txt,pyi}", "poem.txt src/c+.pyi"),
        (".", "?+.*", "src/c+.pyi"),
        (".", "[", "[nothing matches]"),
        ("src/a", "*.txt", "[nothing matches]"),
    ],
)
def test_a_pattern_chooses_what_is_listed(files: Files, path: str, pattern: str, found: str) -> None:
    tree(files.root, "src/b.py", "src/a/z.py", "src/c+.pyi")
    assert files.list(path, pattern).replace("\n", " ") == found


def test_a_long_list_says_how_much_more_there_is(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "LISTED", 2)
    tree(files.root, "a", "b", "c")
    assert files.list() == "a\nb\n[and 2 more: name a folder or a narrower pattern]"


def test_what_programs_made_for_themselves_is_looked_into_only_where_it_is_named(files: Files) -> None:
    tree(files.root, ".venv/pyvenv.cfg", ".venv/lib/x.py", "cache/CACHEDIR.TAG", "web/node_modules/m/index.js")
    closed = [f"{path}/ (not looked into: name it for that)" for path in (".venv", "cache", "web/node_modules")]
    assert files.list().splitlines() == [*closed[:2], "poem.txt", closed[2]]
    assert files.list(".venv") == ".venv/lib/x.py\n.venv/pyvenv.cfg"
    assert files.search("this is") == "[not found in 1 file]"
    assert (
        files.search("this is", "web/node_modules")
        == "web/node_modules/m/index.js:1: this is web/node_modules/m/index.js"
    )


def test_folders_that_never_end_are_left_at_some_depth(files: Files) -> None:
    deep = "/".join("d" * 80)
    tree(files.root, f"{deep}/end.txt")
    assert files.list().splitlines()[0].endswith("/d/ (not looked into: name it for that)")
    assert files.list(deep) == f"{deep}/end.txt"


def test_a_search_gives_path_line_and_text(files: Files) -> None:
    tree(files.root, "src/a.py", "src/b.txt")
    (files.root / "windows.txt").write_bytes(b"  one\r\n\r\nthis\r\n")
    (files.root / "wide.txt").write_text("this " + "x" * 400)
    assert files.search("^this|^t[hw]").splitlines() == [
        "poem.txt:2: two",
        "poem.txt:3: three",
        "src/a.py:1: this is src/a.py",
        "src/b.txt:1: this is src/b.txt",
        f"wide.txt:1: this {'x' * 295}...",
        "windows.txt:3: this",
    ]
    assert files.search("one$", "windows.txt") == "windows.txt:1: one"
    assert files.search("is", "src", "*.py") == "src/a.py:1: this is src/a.py"
    assert files.search("this", "src/a.py", "*.py") == "src/a.py:1: this is src/a.py"
    assert files.search("(?i)THREE") == "poem.txt:3: three"
    assert files.search(r"\d") == "[not found in 5 files]"


def test_a_search_ends_where_its_limit_does(files: Files) -> None:
    found = "[in more than 2 lines: narrow the expression or files]"
    assert files.search("o", limit=2) == f"poem.txt:1: one\npoem.txt:2: two\n{found}"
    assert files.search("o", limit=3) == "poem.txt:1: one\npoem.txt:2: two\npoem.txt:4: four"


@given(st.lists(st.text("ab\r ", max_size=3), max_size=5), st.sampled_from(["a", "^b", "b$", "", "^$", "a.", "a*?b"]))
def test_lines_are_found_as_one_by_one(lines: list[str], pattern: str) -> None:
    one_by_one = [(number, line) for number, line in enumerate(lines, 1) if re.search(pattern, line)]
    assert list(matching.Expression(pattern).lines("".join(f"{line}\n" for line in lines))) == one_by_one


@pytest.mark.parametrize("pattern", ["(", "[z-a]", "a{2,1}", "(?P<n>a)(?P<n"])
def test_an_expression_that_is_none_is_refused(files: Files, pattern: str) -> None:
    with pytest.raises(ToolError, match=r"the regular expression .* is not well formed: "):
        files.search(pattern)


@pytest.mark.parametrize(
    ("use", "word"),
    [
        (
            lambda files: files.search(r"(a|aa)+[bc]"),
            r"the regular expression '\(a\|aa\)\+\[bc\]' took longer than 0.2 s",
        ),
        (lambda files: files.list(pattern="{a,aa}" * 40 + "[bc]"), "the pattern .* took longer than 0.2 s"),
    ],
)
def test_an_expression_that_would_match_for_ever_comes_to_an_end(
    files: Files, monkeypatch: pytest.MonkeyPatch, use: Callable[[Files], str], word: str
) -> None:
    monkeypatch.setattr(matching, "SECONDS", 0.2)
    files.write("a" * 200, "a" * 200)
    with pytest.raises(ToolError, match=word):
        use(files)


def test_a_place_that_is_not_there_cannot_be_listed_or_searched(files: Files) -> None:
    for use in (files.list, lambda path: files.search("x", path)):
        with pytest.raises(ToolError, match="there is no nowhere; list_files shows"):
            use("nowhere")
    with pytest.raises(ToolError, match=r"poem.txt is a file, not a folder"):
        files.list("poem.txt")
