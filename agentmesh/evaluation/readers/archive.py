"""The samples of an `.eval` archive: a zip of JSON, of which each sample is one member or, in chunks, a folder."""

from __future__ import annotations

import importlib
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from agentmesh.errors import MissingExtra, TraceError
from agentmesh.evaluation.readers.trace import Fault
from agentmesh.evaluation.readers.values import parsed

ZSTANDARD = 93
_LIBRARIES = ("compression.zstd", "backports.zstd", "zstandard")
_HEADER = struct.Struct("<26xHH")
_PIECE = re.compile(r"samples/(?P<sample>.+)/(?P<kind>messages|events|attachments)/(?P<start>\d{1,12})\.json")


def is_log(path: Path) -> bool:
    """Whether a zip archive is a log of Inspect. Raises: TraceError if it cannot be opened."""
    with _opened(path) as archive:
        return any(_is_part(member) for member in archive.namelist())


def samples(path: Path) -> Iterator[dict[str, Any] | Fault]:
    """The samples one by one. Raises: TraceError if there are none, MissingExtra."""
    with _opened(path) as archive:
        if not any(map(_is_part, archive.namelist())):
            raise TraceError(f"{path}: a zip archive without samples, so no log of Inspect")
        members = [member for member in archive.infolist() if _is_sample(member.filename)]
        for number, member in enumerate(members, start=1):
            try:
                sample = _json(archive, member)
                if member.filename.endswith("/sample.json") and isinstance(sample, dict):
                    sample |= _pieces(archive, member.filename.removesuffix("/sample.json"))
            except MissingExtra:
                raise
            except Exception as error:  # each way of compressing has errors of its own
                yield Fault(number, f"{member.filename} cannot be read: {error}")
                continue
            yield sample if isinstance(sample, dict) else Fault(number, f"{member.filename} holds no object")


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except Exception as error:  # what a damaged directory of an archive raises is no closed list
        raise TraceError(f"{path}: a zip archive that cannot be opened: {error}") from error


def _is_part(member: str) -> bool:
    return member == "header.json" or member.startswith(("samples/", "_journal/"))


def _is_sample(member: str) -> bool:
    """A whole sample, or the shell of one in chunks."""
    inner = member.removeprefix("samples/")
    if inner == member or not inner.endswith(".json"):
        return False
    return inner.endswith("/sample.json") or (not _PIECE.fullmatch(member) and "/" not in inner)


def _pieces(archive: zipfile.ZipFile, folder: str) -> dict[str, Any]:
    """What the chunks of a sample hold, put together as in a sample of one member."""
    held: dict[str, list[tuple[int, zipfile.ZipInfo]]] = {"messages": [], "events": [], "attachments": []}
    for member in archive.infolist():
        found = _PIECE.fullmatch(member.filename)
        if found and f"samples/{found['sample']}" == folder:
            held[found["kind"]].append((int(found["start"]), member))
    whole: dict[str, list[Any]] = {}
    for kind, pieces in held.items():
        read = [_json(archive, member) for _, member in sorted(pieces, key=lambda piece: piece[0])]
        whole[kind] = [entry for piece in read if isinstance(piece, list) for entry in piece]
    attachments = {f"{at}": text for at, text in enumerate(whole["attachments"])}
    pool = whole["messages"]
    return {"events": whole["events"], "events_data": {"messages": pool}, "attachments": attachments}


def _json(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Any:
    packed = member.compress_type == ZSTANDARD and not hasattr(zipfile, "ZIP_ZSTANDARD")
    data = _unpacked(archive, member) if packed else archive.read(member)
    try:
        return parsed(data.decode("utf-8-sig", errors="replace"))
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg}") from None


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A member that this Python's zipfile cannot decompress, read past its local header."""
    decompress = _zstandard()
    file = cast(Any, archive.fp)
    file.seek(member.header_offset)
    name, extra = _HEADER.unpack(file.read(_HEADER.size))
    file.seek(name + extra, 1)
    data = decompress(file.read(member.compress_size))
    if zlib.crc32(data) != member.CRC:
        raise ValueError("its checksum is wrong")
    return data


def _zstandard() -> Callable[[bytes], bytes]:
    """Whatever here reads Zstandard. Raises: MissingExtra."""
    for library in _LIBRARIES:
        try:
            found = importlib.import_module(library)
        except ImportError:
            continue
        if library == "zstandard":
            return lambda data: _by_zstandard(found, data)
        return cast(Callable[[bytes], bytes], found.decompress)
    raise MissingExtra("a log of Inspect (compressed with Zstandard, which Python reads from 3.14 on)", "inspect")


def _by_zstandard(library: Any, data: bytes) -> bytes:
    """All frames: a long member has several."""
    with library.ZstdDecompressor().stream_reader(data, read_across_frames=True) as stream:
        return cast(bytes, stream.read())
