"""Opening what lies beneath a folder, name by name and without following a link: no race of swapped links helps."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from agentmesh.errors import ToolError

PATH_BYTES = 1000
"""Longest path: far below what programs can take, wherever the workspace is."""
TEMPORARY = ".agentmesh-write-"
"""How names of files begin that are being written; one may be left over where a process was killed in the middle."""

_ALLOWED = "allowed: a path relative to the workspace, such as src/app.py"
_SHOWN = 100


def _flags(*names: str) -> int:
    # Not every system has all of them. Where one without its directory descriptors is, `folder` says so.
    return sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_CLOEXEC", *names))


# Passing through a folder needs no right to read it, where the system can tell the two apart.
_FOLDER = _flags("O_PATH", "O_DIRECTORY")
_READ = _flags("O_NONBLOCK", "O_NOCTTY")
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _flags()
LISTING = _flags("O_DIRECTORY")
"""How a folder is opened to see what it holds."""

_KINDS = {
    stat.S_IFLNK: "a symbolic link; links are not followed, name what it leads to if that is in the workspace",
    stat.S_IFDIR: "a folder, not a file",
    stat.S_IFREG: "a file, not a folder",
    stat.S_IFIFO: "a named pipe, not a file",
    stat.S_IFSOCK: "a socket, not a file",
    stat.S_IFBLK: "a device, not a file",
    stat.S_IFCHR: "a device, not a file",
}


def parts_of(path: str) -> tuple[str, ...]:
    """The names that a path goes through; none for the workspace itself. Raises: ToolError, saying what is allowed."""
    if fault := _fault(path):
        shown = path if len(path) <= _SHOWN else f"{path[:_SHOWN]}..."
        raise ToolError(f"the path {shown!r} {fault}; {_ALLOWED}")
    return tuple(part for part in path.split("/") if part not in {"", "."})


def _fault(path: str) -> str | None:
    if not path.strip():
        return "is empty"
    if path.startswith("/"):
        return "is absolute"
    if "\\" in path:
        return "has a backslash; folders are parted by /"
    # NUL, line breaks, halves of surrogate pairs, and the unseen characters by which some systems' names look alike.
    if not path.isprintable():
        return "has a character that cannot be seen"
    if (length := len(path.encode())) > PATH_BYTES:
        return f"has {length:,} bytes, more than {PATH_BYTES:,}"
    parts = path.split("/")
    if ".." in parts:
        return "leads upwards with .."
    if any(is_git(part) for part in parts):
        return "leads into .git, where git keeps what no tool may touch"
    return None


def is_git(name: str) -> bool:
    """Whether a name is `.git`, or what some file systems take for it."""
    return unicodedata.normalize("NFKC", name).casefold().rstrip(". ") in {".git", "git~1"}


@contextmanager
def folder(root: Path, parts: Sequence[str] = (), *, create: bool = False) -> Iterator[int]:
    """A descriptor by which entries of a folder beneath `root` are named. Raises: ToolError.

    The way to `root` is walked in the same manner: an agent whose workspace holds another's cannot swap it for a link.
    """
    if os.open not in os.supports_dir_fd:
        raise ToolError("workspaces need a system that opens files by directory, such as Linux or macOS")
    above = len(root.parts) - 1
    descriptor = os.open("/", _FOLDER)
    try:
        for index, name in enumerate((*root.parts[1:], *parts)):
            inside = index >= above
            where = "/".join(parts[: index - above + 1]) if inside else f"folder {root} of the workspace"
            inner = _entered(descriptor, name, where, create=create and inside)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def _entered(descriptor: int, name: str, where: str, *, create: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=descriptor)
    except FileNotFoundError:
        if not create:
            raise _absent(where) from None
    except OSError as error:
        if error.errno not in {errno.ENOTDIR, errno.ELOOP}:
            raise
        raise ToolError(f"{where} is {_kind(descriptor, name)}") from None
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=descriptor)
    return _entered(descriptor, name, where, create=False)


def _absent(where: str) -> ToolError:
    return ToolError(f"there is no {where}; list_files shows what there is")


def _kind(descriptor: int, name: str) -> str:
    """What stands there, where a folder was looked for."""
    with suppress(FileNotFoundError):
        kind = stat.S_IFMT(os.lstat(name, dir_fd=descriptor).st_mode)
        if kind != stat.S_IFDIR:
            return _KINDS.get(kind, "no folder")
    return "being replaced by something else; try again"


def status_at(descriptor: int, name: str) -> os.stat_result | None:
    """What the system says of whatever has the name, or None where nothing has."""
    try:
        return os.lstat(name, dir_fd=descriptor)
    except FileNotFoundError:
        return None


def usable(status: os.stat_result, where: str) -> os.stat_result:
    """The same. Raises: ToolError where it is not of a file that may be used."""
    kind = stat.S_IFMT(status.st_mode)
    if kind != stat.S_IFREG:
        raise ToolError(f"{where} is {_KINDS.get(kind, 'no file')}")
    # It may be a file from outside that was given a name in here.
    if status.st_nlink > 1:
        raise ToolError(
            f"{where} is a hard link: the file has {status.st_nlink} names; only files with one are touched"
        )
    return status


def content_at(descriptor: int, name: str, where: str, most: int) -> bytes:
    """What a file holds. Raises: ToolError where there is none, where it may not be read, or holds more."""
    # Looked at before it is opened, since opening some devices does something; and again, since it may be swapped.
    status = status_at(descriptor, name)
    if status is None:
        raise _absent(where)
    usable(status, where)
    try:
        opened = os.open(name, _READ, dir_fd=descriptor)
    except FileNotFoundError:
        raise _absent(where) from None
    with os.fdopen(opened, "rb") as file:
        size = usable(os.fstat(opened), where).st_size
        data = file.read(most + 1) if size <= most else b""
    if max(size, len(data)) > most:
        raise ToolError(f"{where} has {size:,} bytes; at most {most:,} are read")
    return data


def put(descriptor: int, name: str, data: bytes, mode: int | None) -> None:
    """Put a new file in the place of whatever has the name: readers see the old or the new, and links lead nowhere."""
    temporary = TEMPORARY + secrets.token_hex(8)
    opened = os.open(temporary, _CREATE, 0o666, dir_fd=descriptor)
    try:
        with os.fdopen(opened, "wb") as file:
            file.write(data)
            if mode is not None:
                os.fchmod(opened, mode & 0o777)
        os.rename(temporary, name, src_dir_fd=descriptor, dst_dir_fd=descriptor)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=descriptor)
        raise


@contextmanager
def told(path: str) -> Iterator[None]:
    """What the system refuses becomes a word to the model."""
    try:
        yield
    except OSError as error:
        raise ToolError(f"{path}: {(error.strerror or str(error)).lower()}") from error
