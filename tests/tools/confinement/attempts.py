"""Ways out of a workspace, really tried: run as a program within it, with what it aims at as JSON on its input.

Every function returns something true if it got what it wanted, and raises where it is refused.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

ATTEMPTS: dict[str, Any] = {}


class Aim(NamedTuple):
    """What lies outside, made by the test for this purpose."""

    outside: str
    home: str
    temporary: str
    secret: str
    victim: int
    port: int
    abstract: str
    unix: str
    git: str


def attempt(function: Any) -> Any:
    """Try it, under the name of the function."""
    ATTEMPTS[function.__name__] = function
    return function


def checked(result: int) -> bool:
    """Whether a function of C succeeded. Raises: OSError if not."""
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return True


libc = ctypes.CDLL(None, use_errno=True)


@attempt
def write_by_absolute_path(aim: Aim) -> Any:
    return Path(aim.outside, "absolute").write_text("x")


@attempt
def write_by_dots(aim: Aim) -> Any:
    return Path(os.path.relpath(aim.outside), "dots").write_text("x")


@attempt
def write_through_own_link(aim: Aim) -> Any:
    Path("way_out").symlink_to(aim.outside)
    return Path("way_out", "own_link").write_text("x")


@attempt
def write_through_given_link(aim: Aim) -> Any:
    return Path("given_link", "given").write_text("x")


@attempt
def write_by_own_root(aim: Aim) -> Any:
    return Path(f"/proc/self/root{aim.outside}", "root").write_text("x")


@attempt
def write_by_root_of_another(aim: Aim) -> Any:
    return Path(f"/proc/{aim.victim}/root{aim.outside}", "root").write_text("x")


@attempt
def write_to_home(aim: Aim) -> Any:
    return Path(aim.home, "written").write_text("x")


@attempt
def write_to_temporary_folder_of_all(aim: Aim) -> Any:
    return Path(aim.temporary, "written").write_text("x")


@attempt
def write_git_hook(aim: Aim) -> Any:
    return Path(aim.git, "hooks", "post-commit").write_text("#!/bin/sh\n")


@attempt
def write_git_configuration(aim: Aim) -> Any:
    return Path(aim.git, "config").write_text("[core]\n\tfsmonitor = true\n")


@attempt
def truncate_a_file(aim: Aim) -> Any:
    os.truncate(Path(aim.outside, "to_truncate"), 0)
    return True


@attempt
def remove_a_file(aim: Aim) -> Any:
    Path(aim.outside, "to_remove").unlink()
    return True


@attempt
def move_a_file_in(aim: Aim) -> Any:
    Path(aim.outside, "to_move").rename("moved_in")
    return True


@attempt
def move_a_file_out(aim: Aim) -> Any:
    Path("to_move_out").write_text("x")
    Path("to_move_out").rename(Path(aim.outside, "moved_out"))
    return True


@attempt
def link_a_file_in(aim: Aim) -> Any:
    Path("hard").hardlink_to(Path(aim.outside, "to_link"))
    return Path("hard").read_text()


@attempt
def change_a_mode(aim: Aim) -> Any:
    Path(aim.outside, "to_change").chmod(0o777)
    return True


@attempt
def change_an_owner(aim: Aim) -> Any:
    os.chown(Path(aim.outside, "to_change"), os.getuid(), os.getgid())
    return True


@attempt
def change_times(aim: Aim) -> Any:
    os.utime(Path(aim.outside, "to_change"), (1, 1))
    return True


@attempt
def read_a_secret(aim: Aim) -> Any:
    return Path(aim.outside, "secret").read_text()


@attempt
def read_a_secret_at_home(aim: Aim) -> Any:
    return Path(aim.home, "secret").read_text()


@attempt
def read_a_secret_in_temporary_folder(aim: Aim) -> Any:
    return Path(aim.temporary, "secret").read_text()


@attempt
def read_password_hashes(aim: Aim) -> Any:
    return Path("/etc/shadow").read_text()


@attempt
def list_a_folder(aim: Aim) -> Any:
    return list(Path(aim.outside).iterdir())


@attempt
def read_environment_of_another(aim: Aim) -> Any:
    return aim.secret in Path(f"/proc/{aim.victim}/environ").read_text()


@attempt
def read_environment_of_the_first_process(aim: Aim) -> Any:
    others = f"/proc/{aim.victim}/comm"  # without it, the first process is one of this program's own
    return Path("/proc/1/environ").read_text() is not None and Path(others).exists()


@attempt
def read_arguments_of_another(aim: Aim) -> Any:
    return Path(f"/proc/{aim.victim}/cmdline").read_text()


@attempt
def read_own_environment(aim: Aim) -> Any:
    return aim.secret in str(os.environ)


@attempt
def use_inherited_files(aim: Aim) -> Any:
    found = []
    for number in range(3, 256):
        try:
            os.fstat(number)
        except OSError:
            continue
        found.append(number)
    return found


@attempt
def open_a_disk(aim: Aim) -> Any:
    disks = [path for path in Path("/dev").iterdir() if stat.S_ISBLK(path.stat().st_mode)]
    return disks[0].open("rb").read(1)


@attempt
def make_a_device(aim: Aim) -> Any:
    os.mknod("null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    return True


@attempt
def mount_a_file_system(aim: Aim) -> Any:
    Path("mounted").mkdir()
    checked(libc.mount(b"none", b"mounted", b"tmpfs", 0, None))
    return checked(libc.umount(b"mounted"))


@attempt
def change_a_setting_of_the_kernel(aim: Aim) -> Any:
    with Path("/proc/sys/kernel/core_pattern").open("r+") as file:
        return file.write(Path("/proc/sys/kernel/core_pattern").read_text())


@attempt
def name_the_host(aim: Aim) -> Any:
    socket.sethostname(socket.gethostname())
    return True


@attempt
def trace_another(aim: Aim) -> Any:
    seize, detach = 0x4206, 17
    checked(libc.ptrace(seize, aim.victim, None, None))
    return libc.ptrace(detach, aim.victim, None, None) or True


@attempt
def signal_another(aim: Aim) -> Any:
    os.kill(aim.victim, signal.SIGCONT)
    return True


@attempt
def reach_a_server(aim: Aim) -> Any:
    return socket.create_connection(("127.0.0.1", aim.port), 1).recv(2)


@attempt
def reach_a_server_by_datagram(aim: Aim) -> Any:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.3)
        client.sendto(b"hi", ("127.0.0.1", aim.port))
        return client.recv(2)


@attempt
def reach_an_abstract_socket(aim: Aim) -> Any:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        client.connect("\0" + aim.abstract)
        return client.recv(2)


@attempt
def reach_a_socket_file(aim: Aim) -> Any:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        client.connect(aim.unix)
        return client.recv(2)


@attempt
def reach_the_hypervisor(aim: Aim) -> Any:
    return socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)


@attempt
def use_sockets_of_the_kernel(aim: Aim) -> Any:
    return socket.socket(socket.AF_PACKET, socket.SOCK_RAW)


@attempt
def let_another_program_write(aim: Aim) -> Any:
    subprocess.run(["sh", "-c", 'echo x > "$0"/shell', aim.outside], check=True, stderr=subprocess.DEVNULL)
    return True


@attempt
def leave_by_nested_namespaces(aim: Aim) -> Any:
    # What the program may be in a namespace of its own, it is not outside.
    new_user_and_mounts = 0x10000000 | 0x20000
    checked(libc.unshare(new_user_and_mounts))
    return Path(aim.outside, "nested").write_text("x")


def main() -> None:
    """Try all, and print what came of each."""
    aim = Aim(**json.load(sys.stdin))
    came = {}
    for name, function in ATTEMPTS.items():
        try:
            got = function(aim)
            came[name] = f"got {str(got)[:80]}" if got else "refused: nothing came of it"
        except Exception as error:
            came[name] = f"refused: {type(error).__name__}: {error}"
    print(json.dumps(came))


if __name__ == "__main__":
    main()
