"""The way from the supervisor to the program: namespaces, limits, Landlock, and then the program itself."""

from __future__ import annotations

import fcntl
import os
import resource
import sys

from . import kernel

TYPE_CHECKING = False  # `typing` takes long to import
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable

    from .order import Fence, Order
else:
    import _signal as signal

_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_PROC_FILES = [f"/proc/{name}" for name in ("self", "cpuinfo", "meminfo", "stat", "loadavg", "version", "filesystems")]
_SHARED = "/dev/shm"
_SHARED_SIZE = "size=64m,mode=1777"
_FILES = 1024


def begin(order: Order, output: int, errors: int) -> None:
    """Become the program; what prevents that is written to `errors`. Never returns."""
    try:
        os.setsid()
        if sys.platform == "linux":
            kernel.die_with_parent()
        _wire(order, output)
        fence = order["fence"]
        if fence is not None and fence["namespaces"]:
            _enter_namespaces(fence, lambda: _become(order))
        else:
            _become(order)
    except BaseException as error:
        os.write(errors, f"{getattr(error, 'strerror', None) or error}"[:1000].encode(errors="replace"))
    finally:
        os._exit(127)


def _wire(order: Order, output: int) -> None:
    # A file takes any amount at once, where a pipe would have to be fed.
    path = order["private"] + "/.stdin"
    given = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600) if order["stdin"] else os.open("/dev/null", 0)
    rest = memoryview(order["stdin"])
    while rest:
        rest = rest[os.write(given, rest) :]
    if order["stdin"]:
        os.lseek(given, 0, os.SEEK_SET)
        os.unlink(path)
    os.dup2(given, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)


def _become(order: Order) -> None:
    """Take on every limit and exec."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)  # Python ignores some, and that would be inherited
    os.chdir(order["folder"])
    _limit(order)
    if order["families"]:
        kernel.forgo_privileges()
        fence = order["fence"]
        if fence is not None:
            kernel.drop_capabilities()
        _landlock(fence)
        kernel.allow_sockets(order["families"])
    os.execvpe(order["argv"][0], order["argv"], order["environment"])


def _limit(order: Order) -> None:
    try:
        with open("/proc/self/oom_score_adj", "w") as score:
            score.write("500")  # rather this program than anything else
    except OSError:
        pass
    if not order["memory"]:
        return
    limits = {
        resource.RLIMIT_AS: order["memory"],
        resource.RLIMIT_CPU: int(order["seconds"]) * (os.cpu_count() or 1) + 1,
        resource.RLIMIT_FSIZE: order["file"],
        resource.RLIMIT_NOFILE: _FILES,
        resource.RLIMIT_CORE: 0,
    }
    for which, value in limits.items():
        hard = resource.getrlimit(which)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (least, least))


def _landlock(fence: Fence | None) -> None:
    if fence is None:  # bubblewrap keeps files apart, and must still be able to mount them
        try:
            kernel.restrict((), sockets=True)
        except OSError:
            pass
        return
    own = fence["namespaces"]
    write = [*fence["write"], *([_SHARED] if own else [])]
    read = [*fence["read"], *(["/proc"] if own else _PROC_FILES)]
    allowed = ((write, kernel.WRITE), (read, kernel.READ), (fence["list"], kernel.LIST), (_DEVICES, kernel.FILE))
    kernel.restrict(allowed, sockets=own or fence["network"])


def _enter_namespaces(fence: Fence, become: Callable[[], None]) -> None:
    """Go on in a process that sees no other, on a file system that can be written to only where it may be."""
    user, group = os.getuid(), os.getgid()
    network = 0 if fence["network"] else kernel.NEWNET
    kernel.unshare(kernel.NEWUSER | kernel.NEWNS | kernel.NEWPID | kernel.NEWIPC | kernel.NEWUTS | network)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    _mount(fence)
    if network:
        _raise_loopback()
    _in_child(lambda: _first(become))


def _mount(fence: Fence) -> None:
    kernel.mount("none", "/", None, kernel.REC | kernel.PRIVATE)
    write = set(fence["write"])
    within = [path for path in fence["read"] if any(path.startswith(f"{above}/") for above in write)]
    for path in sorted(write.union(within), key=lambda path: path.count("/")):
        kernel.mount(path, path, None, kernel.BIND | kernel.REC)
    kernel.set_read_only("/", True, recursive=True)
    for path in write:
        kernel.set_read_only(path, False)
    kernel.mount("tmpfs", _SHARED, "tmpfs", kernel.NOSUID | kernel.NODEV, _SHARED_SIZE)


def _first(become: Callable[[], None]) -> None:
    """The first process of the namespace: when the program ends, or this is killed, the kernel kills all others."""
    kernel.mount("proc", "/proc", "proc", kernel.NOSUID | kernel.NODEV | kernel.NOEXEC)
    _in_child(become)


def _in_child(go_on: Callable[[], None]) -> None:
    """Go on in a child, and end as it does. Never returns."""
    child = os.fork()
    if not child:
        kernel.die_with_parent()
        go_on()
        os._exit(127)
    while True:
        pid, status = os.wait()
        if pid == child:
            os._exit(exit_code(status))


def exit_code(status: int) -> int:
    """As shells say it: 128 + N for signal N."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _raise_loopback() -> None:
    import _socket  # `socket` takes ten times as long

    with_flags = b"lo".ljust(16, b"\0") + (1).to_bytes(2, sys.byteorder) + bytes(22)
    made = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    fcntl.ioctl(made.fileno(), 0x8914, with_flags)  # SIOCSIFFLAGS: IFF_UP
    made.close()
