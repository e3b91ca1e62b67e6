"""The files of a workspace as an agent reads, writes and edits them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.errors import ToolError
from agentmesh.tools.workspaces.files import READ, Files
from agentmesh.tools.workspaces.passages import PAGE, exchanged

POEM = "one\ntwo\nthree\nfour\n"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "poem.txt").write_text(POEM)
    return Files(tmp_path)


def holds(files: Files, path: str) -> str:
    return (files.root / path).read_bytes().decode()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_read_as_it_is(files: Files) -> None:
    assert files.read("poem.txt") == files.read("./poem.txt") == POEM
    (files.root / "windows.txt").write_bytes(b"\xef\xbb\xbfa\r\nb\x0cc\r\n")
    assert files.read("windows.txt") == "\ufeffa\r\nb\x0cc\r\n"
    (files.root / "empty.txt").touch()
    assert files.read("empty.txt") == "[the file is empty]"


@pytest.mark.parametrize(
    ("start", "lines", "shown"),
    [
        (1, None, POEM),
        (1, 2, "[lines 1 to 2 of 4; read on with start=3]\none\ntwo"),
        (3, 1, "[lines 3 to 3 of 4; read on with start=4]\nthree"),
        (3, None, "[lines 3 to 4 of 4]\nthree\nfour"),
        (4, 100, "[lines 4 to 4 of 4]\nfour"),
    ],
)
def test_a_part_of_a_file_says_which_and_how_to_read_on(
    files: Files, start: int, lines: int | None, shown: str
) -> None:
    assert files.read("poem.txt", start, lines) == shown


def test_a_long_file_is_read_in_pieces_that_give_all_of_it(files: Files) -> None:
    text = "".join(f"line {number} {'x' * (number % 90)}\n" for number in range(1, 2001))
    files.write("long.txt", text)
    start, pieces = 1, []
    while True:
        head, _, rest = files.read("long.txt", start).partition("\n")
        assert len(rest) <= PAGE
        pieces.append(rest)
        if "read on" not in head:
            break
        start = int(head.partition("start=")[2].rstrip("]"))
    assert len(pieces) > 3
    assert "\n".join(pieces) + "\n" == text


def test_a_line_longer_than_a_page_is_shown_whole_rather_than_never(files: Files) -> None:
    files.write("one.txt", "x" * (2 * PAGE) + "\nend\n")
    assert files.read("one.txt") == "[lines 1 to 1 of 2; read on with start=2]\n" + "x" * (2 * PAGE)


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"\x89PNG\x00\x1a", "is binary, 6 bytes; only text in UTF-8 is read"), (b"caf\xe9", "is binary, 4 bytes")],
)
def test_what_is_no_text_is_refused_with_its_size(files: Files, content: bytes, word: str) -> None:
    (files.root / "data").write_bytes(content)
    with pytest.raises(ToolError, match=f"data {word}"):
        files.read("data")
    with pytest.raises(ToolError, match=f"data {word}"):
        files.edit("data", "a", "b")
    assert "left out 1 file: binary" in files.search("nowhere")


def test_a_file_that_is_too_long_is_not_read(files: Files) -> None:
    with (files.root / "huge.txt").open("wb") as file:
        file.truncate(READ + 1)
    with pytest.raises(ToolError, match=r"huge\.txt has 16,777,217 bytes; at most 16,777,216 are read"):
        files.read("huge.txt")


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("poem.md", "there is no poem.md; list_files shows"),
        ("a/b/c.txt", "there is no a; list_files shows"),
        (".", "is the workspace itself, a folder; name a file in it"),
        ("folder", "folder is a folder, not a file"),
        ("poem.txt/x", "poem.txt is a file, not a folder"),
    ],
)
def test_what_is_not_there_or_is_no_file_is_named(files: Files, path: str, word: str) -> None:
    (files.root / "folder").mkdir()
    with pytest.raises(ToolError, match=word):
        files.read(path)
    with pytest.raises(ToolError, match=word):
        files.edit(path, "a", "b")


def test_a_line_beyond_the_end_is_refused(files: Files) -> None:
    with pytest.raises(ToolError, match=r"poem.txt has 4 lines; start at one of them"):
        files.read("poem.txt", 5)


def test_a_write_says_what_it_did_and_makes_the_folders_on_the_way(files: Files) -> None:
    assert files.write("src/deep/app.py", "a\nb\n") == "created src/deep/app.py: 2 lines"
    assert files.write("src/deep/app.py", "ä") == "replaced src/deep/app.py: 1 line"
    assert holds(files, "src/deep/app.py") == "ä"
    assert names(files.root / "src/deep") == ["app.py"]


def test_a_replaced_file_keeps_its_permissions_and_a_new_one_gets_the_usual_ones(files: Files) -> None:
    script = files.root / "check.sh"
    script.touch()
    script.chmod(0o4750)
    files.write("check.sh", "exit 0\n")
    files.edit("check.sh", "exit 0", "exit 1")
    assert stat.S_IMODE(script.stat().st_mode) == 0o750
    files.write("new.sh", "")
    (files.root / "usual").touch()
    assert (files.root / "new.sh").stat().st_mode == (files.root / "usual").stat().st_mode


def test_who_reads_during_a_write_sees_the_old_file_or_the_new_one(files: Files) -> None:
    with (files.root / "poem.txt").open() as reader:
        files.write("poem.txt", "new")
        assert reader.read() == POEM


def test_a_write_that_fails_leaves_nothing_behind(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(ToolError, match=r"poem.txt: no space left on device"):
        files.write("poem.txt", "new")
    monkeypatch.undo()
    assert holds(files, "poem.txt") == POEM
    assert names(files.root) == ["poem.txt"]


def test_content_that_is_too_long_or_no_text_is_not_written(files: Files) -> None:
    with pytest.raises(ToolError, match="the content has 11 bytes; a file may have 10"):
        Files(files.root, largest=10).write("poem.txt", "x" * 11)
    with pytest.raises(ToolError, match="half of a surrogate pair, at character 2"):
        files.write("poem.txt", "ab\ud800")
    assert holds(files, "poem.txt") == POEM


def test_an_edit_replaces_a_passage_that_stands_there_once(files: Files) -> None:
    assert files.edit("poem.txt", "two\nthree", "2\n3") == "edited poem.txt: 1 passage, from line 2"
    assert files.edit("poem.txt", "four\n", "") == "edited poem.txt: 1 passage, from line 4"
    assert holds(files, "poem.txt") == "one\n2\n3\n"


def test_an_edit_of_several_passages_is_refused_with_their_lines_unless_all_are_meant(files: Files) -> None:
    files.write("sums.py", "a = 1\nb = a\nc = a + a\n")
    with pytest.raises(
        ToolError, match=r"`old` occurs 4 times in sums.py, beginning in lines 1, 2, 3, 3; take in more"
    ):
        files.edit("sums.py", "a", "x")
    assert files.edit("sums.py", "a", "x", all=True) == "edited sums.py: 4 passages, from line 1"
    assert holds(files, "sums.py") == "x = 1\nb = x\nc = x + x\n"


def test_passages_that_overlap_are_as_open_as_others(files: Files) -> None:
    files.write("a.txt", "ababa")
    with pytest.raises(ToolError, match="occurs 2 times"):
        files.edit("a.txt", "aba", "x")


@pytest.mark.parametrize(
    ("old", "word"),
    [
        (
            "def total(a,  b):\n  return a+b",
            r"most like it is lines 2 to 3; it differs in white space alone:\ndef total",
        ),
        ("return a - b", r"most like it is line 3:\n    return a \+ b"),
        ("entirely\nsomething\nelse 12345", "nothing in it is like that: read it again"),
    ],
)
def test_a_passage_that_is_not_there_is_answered_with_the_one_most_like_it(files: Files, old: str, word: str) -> None:
    files.write("sums.py", "# sums\ndef total(a, b):\n    return a + b\n\n\nprint(total(1, 2))\n")
    with pytest.raises(ToolError, match=f"`old` does not occur in sums.py; {word}"):
        files.edit("sums.py", old, "x")


@pytest.mark.parametrize(("old", "new", "word"), [("", "x", "`old` is empty"), ("one", "one", "nothing would change")])
def test_an_edit_that_means_nothing_is_refused(files: Files, old: str, new: str, word: str) -> None:
    with pytest.raises(ToolError, match=word):
        files.edit("poem.txt", old, new)


def test_lines_keep_the_ends_that_they_have(files: Files) -> None:
    (files.root / "windows.txt").write_bytes(b"a\r\nb\r\nc\r\n")
    files.edit("windows.txt", "a\nb", "1\n2\n3")
    files.edit("windows.txt", "c", "4\r\n5")
    assert holds(files, "windows.txt") == "1\r\n2\r\n3\r\n4\r\n5\r\n"


@pytest.mark.parametrize(
    ("old", "new", "all"),
    [("two", "2", False), ("two\n", "", False), ("two", "two\nand a half", False), ("o", "oo", True), ("o", "", True)],
)
def test_an_edit_that_a_dead_process_made_is_not_made_twice(files: Files, old: str, new: str, all: bool) -> None:
    files.edit("poem.txt", old, new, all=all, again=True)
    edited = holds(files, "poem.txt")
    assert edited == POEM.replace(old, new)
    assert files.edit("poem.txt", old, new, all=all, again=True) == "edited poem.txt"
    assert holds(files, "poem.txt") == edited


@given(st.text("ab\n", max_size=8), st.text("ab\n", min_size=1, max_size=3), st.text("ab\n", max_size=4))
def test_no_edit_of_one_passage_is_ever_made_twice(text: str, old: str, new: str) -> None:
    try:
        edited, _, _ = exchanged(text, old, new, all=False, again=False, where="x")
    except ToolError:
        return
    if new or old not in edited:  # where what was removed stands there still, nobody can tell
        assert exchanged(edited, old, new, all=False, again=True, where="x") == (edited, 0, 0)


def test_a_workspace_that_is_gone_is_named(files: Files) -> None:
    with pytest.raises(ToolError, match=r"there is no folder .*/gone of the workspace"):
        Files(files.root / "gone").read("x")
    assert not (files.root / "gone").exists()
    with pytest.raises(ToolError, match="gone"):
        Files(files.root / "gone").write("x", "x")
    with pytest.raises(ValueError, match="an absolute path; found relative"):
        Files(Path("relative"))


def test_a_system_without_directory_descriptors_is_told_so(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "supports_dir_fd", set())
    with pytest.raises(ToolError, match="such as Linux or macOS"):
        files.read("poem.txt")
