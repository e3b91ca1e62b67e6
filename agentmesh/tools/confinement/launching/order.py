"""What agentmesh tells the supervisor to do, and what it hears back; marshalled, for that needs no import."""

from __future__ import annotations

from typing import Literal, TypedDict

Why = Literal["exited", "timeout", "processes", "cancelled"]
"""Why a program is over; of the last, nothing is reported."""


class Fence(TypedDict):
    """How the supervisor itself confines a program, where no other program does."""

    write: list[str]
    read: list[str]
    list: list[str]
    """Folders whose names alone may be read, below them too."""
    network: bool
    namespaces: bool


class Order(TypedDict):
    """A program, and how to run it."""

    argv: list[str]
    folder: str
    environment: dict[str, str]
    stdin: bytes
    seconds: float
    output: int
    processes: int
    """Threads of all of its processes; 0 where somebody else counts them."""
    overhead: int
    """Processes that are there in any case."""
    memory: int
    """Bytes of address space; 0 sets no limits at all."""
    file: int
    private: str
    """A folder that is made for the program and removed after it."""
    parent: int
    """The process that waits for it: when that ends, so does the program."""
    fence: Fence | None
    families: list[int]
    """Socket families that it may use; any if empty."""
    afterwards: list[str]
    """A program to run if this one had to be ended."""


class Report(TypedDict):
    """What became of it."""

    error: str
    """Why it could not be started, or empty."""
    code: int
    ended: Literal["exited", "timeout", "processes"]
    head: bytes
    tail: bytes
    dropped: int
    """Bytes that were left out between the two."""
    seconds: float
