"""What of Linux Python has no function for: namespaces, mounts, Landlock, filters of system calls."""

from __future__ import annotations

import ctypes
import os
import stat

TYPE_CHECKING = False  # `typing` takes long to import
if TYPE_CHECKING:
    from collections.abc import Sequence

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
NOSUID, NODEV, NOEXEC, BIND, REC, PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18

_DEATH_SIGNAL, _SECCOMP, _DROP_CAPABILITY, _SUBREAPER, _NO_NEW_PRIVILEGES = 1, 22, 24, 36, 38
_MOUNT_SETATTR, _CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 442, 444, 445, 446
_RECURSIVE, _READ_ONLY = 0x8000, 1

# Rights of Landlock to files; those that an older kernel does not know are left out.
FILE = 0b1100_0000_0000_0111  # execute, write, read, truncate, ioctl: what there is of a single file
READ = 0b1101  # execute, read a file, list a directory
LIST = 0b1000
WRITE = ~(1 << 6 | 1 << 11)  # all but making character and block devices
_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}

# By machine: how the kernel names it, and the number of socket(2) there.
_MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198), "riscv64": (0xC00000F3, 198)}
_IO_URING_SETUP = 425  # makes sockets without calling socket(2)
_X32 = 0x40000000  # system calls of another numbering on x86-64
_ALLOW, _NO_SUCH_FAMILY = 0x7FFF0000, 0x00050000 | 97

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _system_call(number: int, what: str, *arguments: int | object) -> int:
    wide = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    return _checked(_libc.syscall(ctypes.c_long(number), *wide), what)


def _control(option: int, what: str, *arguments: int | object) -> int:
    wide = [ctypes.c_ulong(each) if isinstance(each, int) else each for each in arguments]
    return _checked(_libc.prctl(option, *wide, *[ctypes.c_ulong(0)] * (4 - len(wide))), what)


def die_with_parent() -> None:
    """Be killed when the process that started this one ends."""
    _control(_DEATH_SIGNAL, "death signal", 9)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own has ended."""
    _control(_SUBREAPER, "subreaper", 1)


def forgo_privileges() -> None:
    """Neither this process nor what it starts gains privileges any more, by set-user-id programs for one."""
    _control(_NO_NEW_PRIVILEGES, "no new privileges", 1)


def drop_capabilities() -> None:
    """What is started from here on has none of root's powers."""
    try:
        for capability in range(64):
            _control(_DROP_CAPABILITY, "capabilities", capability)
    except OSError:
        return  # the last one was passed; or there is none that could be dropped


def unshare(flags: int) -> None:
    """Leave namespaces for new ones."""
    _checked(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Mount a file system, or bind a folder; `kind` and `data` as the system call of that name takes them."""
    texts = [None if each is None else os.fsencode(each) for each in (source, target, kind, data)]
    _checked(_libc.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]), f"mount {target}")


def set_read_only(path: str, value: bool, *, recursive: bool = False) -> None:
    """Make a mount one that can only be read, or again one that can be written to."""
    attributes = (ctypes.c_uint64 * 4)(_READ_ONLY if value else 0, 0 if value else _READ_ONLY, 0, 0)
    flags = _RECURSIVE if recursive else 0
    _system_call(_MOUNT_SETATTR, f"mount_setattr {path}", -100, os.fsencode(path), flags, ctypes.byref(attributes), 32)


def landlock_version() -> int:
    """The version of Landlock's interface. Raises: OSError where the kernel has none."""
    return _system_call(_CREATE_RULESET, "landlock", 0, 0, 1)


def restrict(allowed: Sequence[tuple[Sequence[str], int]], *, sockets: bool) -> None:
    """Landlock this process and all that it starts: no signals to others, and nothing but these rights to paths.

    Absent paths are left out; files are left alone if no path is given, and TCP if `sockets`.
    """
    version = landlock_version()
    handled = _RIGHTS[min(version, 5)] if allowed else 0
    fields = [handled]
    if version >= 4:
        fields.append(0 if sockets else 0b11)
    if version >= 6:
        fields.append(0b11)  # neither abstract sockets nor signals beyond those who are restricted with it
    if not any(fields):
        return
    attributes = (ctypes.c_uint64 * len(fields))(*fields)
    rules = _system_call(_CREATE_RULESET, "landlock", ctypes.byref(attributes), 8 * len(fields), 0)
    for paths, rights in allowed:
        for path in paths:
            _allow(rules, path, rights & handled)
    _system_call(_RESTRICT_SELF, "landlock", rules, 0)
    os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not stat.S_ISDIR(os.fstat(opened).st_mode):
        rights &= FILE
    attributes = (ctypes.c_uint32 * 3)(rights, 0, opened)
    _system_call(_ADD_RULE, f"landlock {path}", rules, 1, ctypes.byref(attributes), 0)
    os.close(opened)


def allow_sockets(families: Sequence[int]) -> None:
    """Sockets of other families are refused, as are the ways around that; nothing happens on an unknown machine."""
    machine = os.uname().machine
    if machine not in _MACHINES:
        return
    architecture, socket = _MACHINES[machine]
    load, equal, at_least, end = 0x20, 0x15, 0x35, 0x06
    last = 7 + len(families)  # what refuses; what allows comes after it
    program = [
        (load, 0, 0, 4),
        (equal, 0, last - 2, architecture),
        (load, 0, 0, 0),
        (at_least, last - 4, 0, _X32),
        (equal, last - 5, 0, _IO_URING_SETUP),
        (equal, 0, last - 5, socket),
        (load, 0, 0, 16),
        *((equal, last - 7 - place, 0, family) for place, family in enumerate(families)),
        (end, 0, 0, _NO_SUCH_FAMILY),
        (end, 0, 0, _ALLOW),
    ]
    code = b"".join(
        operation.to_bytes(2, "little") + bytes((if_true, if_false)) + value.to_bytes(4, "little")
        for operation, if_true, if_false, value in program
    )
    kept = ctypes.create_string_buffer(code, len(code))
    filters = (ctypes.c_void_p * 2)(len(program), ctypes.addressof(kept))
    _control(_SECCOMP, "seccomp", 2, ctypes.byref(filters))
