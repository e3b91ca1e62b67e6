"""Ways out of a workspace, tried by every tool that takes a path: none leads out, and each is refused with a word."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.errors import ToolError
from agentmesh.tools.workspaces.beneath import PATH_BYTES
from agentmesh.tools.workspaces.files import Files

SECRET = "the secret 1234"
LINK = "is a symbolic link; links are not followed"


class Place:
    """A workspace, and beside it a folder that nobody may touch, with a link to everything in it."""

    def __init__(self, folder: Path) -> None:
        self.outside = folder / "outside"
        (self.outside / "inner").mkdir(parents=True)
        (self.outside / "secret.txt").write_text(SECRET)
        self.root = folder / "work"
        (self.root / "src").mkdir(parents=True)
        (self.root / "src/app.py").write_text("print(1)\n")
        self.files = Files(self.root)
        self._before = self._state()

    def _state(self) -> list[tuple[str, str | None, float]]:
        beside = [path for path in self.root.parent.iterdir() if path != self.root]
        paths = [*beside, *self.outside.rglob("*")]
        return sorted(
            (str(path), path.read_text() if path.is_file() else None, path.stat().st_mtime_ns) for path in paths
        )

    def check(self) -> None:
        """Nothing outside was made, changed, or replaced by the same."""
        assert self._state() == self._before


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.check()


def refused(use: Callable[[], str], word: str) -> None:
    with pytest.raises(ToolError) as caught:
        use()
    assert word in str(caught.value)
    assert SECRET not in str(caught.value)


def refused_everywhere(place: Place, path: str, word: str) -> None:
    refused(lambda: place.files.read(path), word)
    refused(lambda: place.files.write(path, "mine"), word)
    refused(lambda: place.files.edit(path, SECRET, "mine"), word)
    refused(lambda: place.files.list(path), word)
    refused(lambda: place.files.search("secret", path), word)


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("..", "leads upwards with .."),
        ("../outside/secret.txt", "leads upwards with .."),
        ("src/../../outside/secret.txt", "leads upwards with .."),
        ("src/../app.py", "leads upwards with .."),
        ("/etc/passwd", "is absolute; allowed: a path relative to the workspace, such as src/app.py"),
        ("//etc/passwd", "is absolute"),
        ("/proc/self/root/etc/passwd", "is absolute"),
        ("/proc/self/cwd/pyproject.toml", "is absolute"),
        ("/dev/fd/0", "is absolute"),
        ("", "is empty"),
        (" \t", "is empty"),
        ("\0", "a character that cannot be seen"),
        ("src/app.py\0.txt", "a character that cannot be seen"),
        ("src\n/etc/passwd", "a character that cannot be seen"),
        ("src/\ud800", "a character that cannot be seen"),
        ("src\\..\\..\\outside\\secret.txt", "a backslash; folders are parted by /"),
        (".git/config", "leads into .git"),
        (".git", "leads into .git"),
        (".GIT/hooks/pre-commit", "leads into .git"),
        ("src/vendored/.Git/config", "leads into .git"),
        ("./.git/config", "leads into .git"),
        (".git./config", "leads into .git"),
        (".git /config", "leads into .git"),
        ("GIT~1/config", "leads into .git"),
        ("\uff0egit/config", "leads into .git"),
        (".g\u200cit/config", "a character that cannot be seen"),
        (".\u0261it/\u202e", "a character that cannot be seen"),
        ("d/" * PATH_BYTES, "has 2,000 bytes, more than 1,000"),
        ("\u00e9" * (PATH_BYTES // 2 + 1), "has 1,002 bytes, more than 1,000"),
    ],
)
def test_a_path_that_leads_out_is_refused_before_anything_is_opened(place: Place, path: str, word: str) -> None:
    refused_everywhere(place, path, word)


def test_a_name_that_no_system_takes_is_refused(place: Place) -> None:
    refused(lambda: place.files.write("n" * 300, "mine"), "file name too long")
    refused(lambda: place.files.read("n" * 300 + "/x"), "file name too long")


@pytest.mark.parametrize(
    ("link", "target", "path", "word"),
    [
        ("link", "../outside/secret.txt", "link", f"link {LINK}"),
        ("link", "OUTSIDE/secret.txt", "link", f"link {LINK}"),
        ("link", "OUTSIDE/new.txt", "link", f"link {LINK}"),
        ("link", "OUTSIDE", "link", f"link {LINK}"),
        ("link", "OUTSIDE", "link/secret.txt", f"link {LINK}"),
        ("link", "OUTSIDE", "link/new.txt", f"link {LINK}"),
        ("link", "OUTSIDE", "link/", f"link {LINK}"),
        ("link", "OUTSIDE", "link/inner/new/x", f"link {LINK}"),
        ("src/link", "../../outside", "src/link/inner/x", f"src/link {LINK}"),
        ("link", "OUTSIDE/nothing/at/all", "link/x", f"link {LINK}"),
        ("link", "link", "link", f"link {LINK}"),
        ("link", "link", "link/x", f"link {LINK}"),
        ("link", ".", "link/src/app.py", f"link {LINK}"),
        ("link", "src/app.py", "link", f"link {LINK}"),
        ("link", "/proc/self/root", "link/etc/passwd", f"link {LINK}"),
        ("link", "/proc/self/cwd", "link/pyproject.toml", f"link {LINK}"),
        ("link", "/dev/fd/0", "link", f"link {LINK}"),
        ("link", "/dev/stdin", "link", f"link {LINK}"),
        ("link", "/proc/self/mem", "link", f"link {LINK}"),
    ],
)
def test_no_link_is_followed_wherever_it_stands_and_leads(
    place: Place, link: str, target: str, path: str, word: str
) -> None:
    (place.root / link).symlink_to(target.replace("OUTSIDE", str(place.outside)))
    refused_everywhere(place, path, word)
    assert (place.root / link).is_symlink()


def test_a_walk_over_the_workspace_passes_links_by(place: Place) -> None:
    (place.root / "folder").symlink_to(place.outside)
    (place.root / "file.txt").symlink_to(place.outside / "secret.txt")
    os.link(place.outside / "secret.txt", place.root / "hard.txt")
    assert (
        place.files.search("secret") == "[not found in 1 file]\n[left out 1 file: binary, too long, or not to be read]"
    )
    assert f"folder -> {place.outside} (link, not followed)" in place.files.list().splitlines()
    assert "secret.txt" not in place.files.list(pattern="**/secret*")
    (place.root / "hard.txt").unlink()


def test_a_file_with_a_second_name_is_neither_read_nor_written(place: Place) -> None:
    os.link(place.outside / "secret.txt", place.root / "hard.txt")
    word = "hard.txt is a hard link: the file has 2 names"
    refused(lambda: place.files.read("hard.txt"), word)
    refused(lambda: place.files.write("hard.txt", "mine"), word)
    refused(lambda: place.files.edit("hard.txt", SECRET, "mine"), word)
    refused(lambda: place.files.search("secret", "hard.txt"), word)


def socket_at(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (os.mkfifo, "thing is a named pipe, not a file"),
        (socket_at, "thing is a socket, not a file"),
        (lambda path: os.mknod(path, 0o20666, os.makedev(1, 5)), "thing is a device, not a file"),
        (lambda path: os.mknod(path, 0o60666, os.makedev(7, 99)), "thing is a device, not a file"),
    ],
    ids=["pipe", "socket", "character device", "block device"],
)
def test_what_is_no_plain_file_is_neither_opened_nor_waited_for(
    place: Place, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], Any], word: str
) -> None:
    monkeypatch.chdir(place.root)  # names of sockets are short
    try:
        make(Path("thing"))
    except PermissionError:
        pytest.skip("only root may make device nodes")
    for use in (lambda: place.files.read("thing"), lambda: place.files.write("thing", "mine")):
        refused(use, word)
    refused(lambda: place.files.search("x", "thing"), word)
    assert place.files.search("print") == "src/app.py:1: print(1)"


@pytest.mark.parametrize(
    "name",
    ["\u2025", "\u2215etc\u2215passwd", "\uff0f", "\u2024\u2024", "~", "$HOME", "-rf", "*", "...", "..a", "file:x"],
)
def test_names_that_look_like_ways_out_are_names_like_others(place: Place, name: str) -> None:
    place.files.write(f"{name}/x", "mine")
    assert (place.root / name / "x").read_text() == place.files.read(f"{name}/x") == "mine"
    assert name in os.listdir(place.root)  # noqa: PTH208


@pytest.mark.parametrize("call", ["mkdir", "lstat", "rename"])
def test_what_is_swapped_for_a_link_at_the_worst_moment_is_not_followed(
    place: Place, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Between making a folder and entering it, looking at a file and opening it, writing a file and naming it."""
    real = getattr(os, call)
    swapped: list[str] = []

    def swapping(name: str, *arguments: Any, **named: Any) -> Any:
        if call == "rename":
            os.unlink(name, dir_fd=named["src_dir_fd"])
            os.symlink(place.outside / "secret.txt", name, dir_fd=named["src_dir_fd"])
        result = real(name, *arguments, **named)
        if call == "mkdir":
            os.rmdir(name, dir_fd=named["dir_fd"])
            os.symlink(place.outside / "inner", name, dir_fd=named["dir_fd"])
        if call == "lstat":
            os.unlink(name, dir_fd=named["dir_fd"])
            os.symlink(place.outside / "secret.txt", name, dir_fd=named["dir_fd"])
        swapped.append(name)
        return result

    uses = {
        "mkdir": lambda: place.files.write("new/deep/x", "mine"),
        "lstat": lambda: place.files.read("src/app.py"),
        "rename": lambda: place.files.write("src/app.py", "mine"),
    }
    monkeypatch.setattr(os, call, swapping)
    if call == "rename":  # the link has the name now, and leads nowhere by these tools
        uses[call]()
        monkeypatch.undo()
        refused(lambda: place.files.read("src/app.py"), LINK)
    else:
        refused(uses[call], LINK if call == "mkdir" else "too many levels of symbolic links")
    assert len(swapped) == 1


def test_a_file_swapped_for_a_hard_link_after_it_was_looked_at_is_not_read(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.lstat

    def swapping(name: str, *, dir_fd: int) -> os.stat_result:
        found = real(name, dir_fd=dir_fd)
        os.unlink(name, dir_fd=dir_fd)
        os.link(place.outside / "secret.txt", name, dst_dir_fd=dir_fd)
        return found

    monkeypatch.setattr(os, "lstat", swapping)
    refused(lambda: place.files.read("src/app.py"), "src/app.py is a hard link")


def test_a_workspace_that_is_itself_swapped_for_a_link_is_not_followed(place: Place) -> None:
    inner = Files(place.root / "src")
    inner.write("x", "mine")
    shutil.rmtree(place.root / "src")
    (place.root / "src").symlink_to(place.outside)
    refused(lambda: inner.read("secret.txt"), f"folder {place.root / 'src'} of the workspace {LINK}")
    refused(lambda: inner.write("secret.txt", "mine"), LINK)


SWAPPER = """
import ctypes, os, sys, time
folder, link, file, outside = sys.argv[1:]
exchange = ctypes.CDLL(None, use_errno=True).renameat2
number = 0
while True:
    number += 1
    assert exchange(-100, folder.encode(), -100, link.encode(), 2) == 0, ctypes.get_errno()
    os.symlink(outside, file + ".link")
    os.rename(file + ".link", file)
    if number == 1:
        print("swapping", flush=True)
    open(file + ".plain", "w").close()
    os.rename(file + ".plain", file)
    time.sleep(0.0001)
"""
"""Swaps a folder and a link without a moment in which neither is there; puts a link and a file in turn at one name."""


@contextmanager
def swapping(place: Place) -> Iterator[None]:
    if not hasattr(ctypes.CDLL(None), "renameat2"):
        pytest.skip("two names can be exchanged at once on Linux alone")
    (place.root / "moving").mkdir()
    (place.root / "link").symlink_to(place.outside)
    names = (place.root / "moving", place.root / "link", place.root / "file", place.outside / "secret.txt")
    process = subprocess.Popen([sys.executable, "-c", SWAPPER, *map(str, names)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "swapping\n"
        yield
        assert process.poll() is None, "it swapped to the end"
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def fast() -> Iterator[Place]:
    """A place in memory, where there is one: disks take their time to replace a file."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        made = Place(Path(folder).resolve())
        yield made
        made.check()


def test_ten_thousand_writes_while_a_process_swaps_links_all_stay_inside(fast: Place) -> None:
    met: Counter[str] = Counter()
    words: set[str] = set()
    files = fast.files

    def attempt(kind: str, use: Callable[[], str]) -> None:
        try:
            said = use()
        except ToolError as error:
            met[f"{kind} refused"] += 1
            words.add(str(error))
        else:
            assert SECRET not in said
            met[kind] += 1

    with swapping(fast):
        for number in range(2_500):
            attempt("in folder", lambda: files.write(f"moving/{number % 20}.txt", "mine"))  # noqa: B023
            attempt("in folder", lambda: files.write("moving/secret.txt", "mine"))
            attempt("below", lambda: files.write(f"moving/inner/{number % 20}/x", "mine"))  # noqa: B023
            attempt("file", lambda: files.write("file", "mine"))
            if number % 25 == 0:
                attempt("read", lambda: files.read("file") + files.read("moving/secret.txt"))
                attempt("walk", lambda: files.search("secret", "moving") + files.list("moving", "inner/*"))
    # Between two swaps the folder is a new one, in which nothing has been written yet.
    told = ("link", "replaced", "there is no moving/")
    assert all(any(part in word for part in told) for word in words), words
    for kind in ("in folder", "below", "file", "read", "walk"):
        assert met[kind] > 0, met
        assert met[f"{kind} refused"] > 0, met


def test_the_same_race_is_lost_by_a_write_that_checks_first(fast: Place) -> None:
    """What shows that the test above would see it."""
    target = fast.root / "moving" / "taken.txt"
    ends = time.monotonic() + 30
    with swapping(fast):
        while not (fast.outside / "taken.txt").exists():
            assert time.monotonic() < ends, "never met the link"
            with suppress(OSError):  # looking itself trips over the swaps
                if target.parent.resolve().is_relative_to(fast.root):
                    target.write_text("mine")
    (fast.outside / "taken.txt").unlink()
    fast._before = fast._state()


NAMES = st.sampled_from(["..", ".", "", ".git", "src", "app.py", "link", "loop", "pipe", "secret.txt", "~", "\0", " "])
PIECES = NAMES | st.text("abc\u00e9", max_size=3) | st.text(max_size=4)
PATHS = st.lists(PIECES, max_size=5).map("/".join) | st.text(max_size=12)
serial = count()


def test_whatever_the_path_a_write_is_refused_or_lies_beneath_the_workspace(fast: Place) -> None:
    (fast.root / "link").symlink_to(fast.outside)
    (fast.root / "loop").symlink_to("loop")
    (fast.root / "src/link").symlink_to("../../outside/secret.txt")
    os.mkfifo(fast.root / "pipe")
    written: list[Path] = []

    @given(st.lists(PATHS, min_size=5, max_size=10))
    def write(paths: list[str]) -> None:
        for path in paths:
            content = f"mine {next(serial)}"
            try:
                fast.files.write(path, content)
            except ToolError:
                continue
            written.append(fast.root / path)
            assert written[-1].resolve().is_relative_to(fast.root)
            assert written[-1].read_text() == content == fast.files.read(path)

    write()
    assert len(written) > 10
