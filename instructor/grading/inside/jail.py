"""First program in new Linux namespaces: builds a small root, drops all rights, starts a command.

It uses only the standard library, and calls `mount(2)` itself. The new root has what Python needs,
read-only, and folders in memory of limited size, but nothing else of the machine.
Manual pages: mount(2), pivot_root(2), capabilities(7), user_namespaces(7), seccomp(2).
"""

import ctypes
import errno
import json
import os
import platform
import resource
import signal
import struct
import sys
from pathlib import Path

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC = 1, 2, 4, 8, 32, 4096, 16384
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 22, 24, 38
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
# Numbers of system calls: clone, and those that give memory outside of processes, or the right to mount
# some: unshare, mount, shmget, memfd_create, memfd_secret.
CLONE = {"x86_64": 56, "aarch64": 220}
REFUSED = {"x86_64": (272, 165, 29, 319, 447), "aarch64": (97, 40, 194, 279, 447)}
CLONE3, CLONE_NEWUSER, X32 = 435, 0x10000000, 0x40000000
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# Of BPF: load a word; jump if equal, if at least, if a bit is set; return. <linux/bpf_common.h>
LOAD, EQUAL, AT_LEAST, BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
SECCOMP_MODE_FILTER, ALLOW, REFUSE = 2, 0x7FFF0000, 0x00050000
DEVICES = ("null", "zero", "full", "random", "urandom")

libc = ctypes.CDLL(None, use_errno=True)
libc.mount.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p]


def mount(source: str, target: Path, kind: str | None, flags: int, data: str | None = None) -> None:
    """Call `mount(2)`; an error names the folder."""
    words = [word.encode() if word is not None else None for word in (source, str(target), kind, data)]
    _checked(libc.mount(*words[:3], flags, words[3]), f"mount {target}")


def build_root(root: Path, plan: dict) -> None:
    """Fill an empty folder with the mounts of the plan."""
    mount("none", root, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755")
    for link, target in plan["links"]:
        (root / link.lstrip("/")).symlink_to(target)
    for folder, size in plan["folders"]:
        if not any(Path(folder).is_relative_to(inside) for _, inside in plan["shown"]):
            _memory(root, folder, size)
    for source, inside in plan["shown"]:
        _show(Path(source), root / inside.lstrip("/"))
    for folder, size in plan["folders"]:
        if any(Path(folder).is_relative_to(inside) for _, inside in plan["shown"]):
            _memory(root, folder, size)
    (root / "dev").mkdir(exist_ok=True)
    for device in DEVICES:
        target = root / "dev" / device
        target.touch()
        mount(f"/dev/{device}", target, None, MS_BIND)
    (root / "proc").mkdir()
    mount("proc", root / "proc", "proc", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc" / "passwd").write_text(f"student:x:{plan['user'] or 0}:0::/home/student:/bin/sh\n")


def enter(root: Path) -> None:
    """Make the folder the root; the machine's own root is unmounted."""
    os.chdir(root)
    _checked(libc.syscall(PIVOT_ROOT[platform.machine()], b".", b"."), "pivot_root")
    _checked(libc.umount2(b".", MNT_DETACH), "umount /")
    os.chdir("/")
    mount("none", Path("/"), None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)


def give_up_rights(plan: dict) -> None:
    """Set limits, change to another user if started by root, and drop all capabilities for good."""
    for name, value in plan["limits"].items():
        resource.setrlimit(getattr(resource, name), (value, value))
    capability = 0
    while libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1
    if plan["user"]:
        os.setgroups([])
        os.setresgid(plan["user"], plan["user"], plan["user"])
        os.setresuid(plan["user"], plan["user"], plan["user"])
        # The change of user cancels what `unshare` arranged: to end together with the parent.
        _checked(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "pdeathsig")
    _checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    _refuse_calls()


def _refuse_calls() -> None:
    """Refuse user namespaces, in which everything may be mounted, and memory outside of processes."""
    machine = platform.machine()
    # Each comparison is followed by the next steps: if true, if false.
    steps = [(LOAD, 4), (EQUAL, AUDIT_ARCH[machine], "next", "refuse")]
    steps += [(LOAD, 0), (AT_LEAST, X32, "refuse", "next")]
    # The flags of clone3 are in memory, which a filter cannot read; the C library then uses clone.
    steps += [(EQUAL, CLONE3, "absent", "next")]
    steps += [(EQUAL, number, "refuse", "next") for number in REFUSED[machine]]
    steps += [(EQUAL, CLONE[machine], "next", "allow"), (LOAD, 16), (BIT, CLONE_NEWUSER, "refuse", "allow")]
    ends = {"allow": ALLOW, "refuse": REFUSE | errno.EPERM, "absent": REFUSE | errno.ENOSYS}
    places = {name: len(steps) + place for place, name in enumerate(ends)}
    steps += [(RETURN, value) for value in ends.values()]
    program = b""
    for place, (code, value, *then) in enumerate(steps):
        jumps = [places.get(name, place + 1) - place - 1 for name in then] or [0, 0]
        program += struct.pack("=HBBI", code, *jumps, value)
    held = ctypes.create_string_buffer(program)
    whole = ctypes.create_string_buffer(struct.pack("HP", len(steps), ctypes.addressof(held)))
    _checked(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, whole, 0, 0), "seccomp")


def _memory(root: Path, folder: str, size: int) -> None:
    target = root / folder.lstrip("/")
    target.mkdir(parents=True, exist_ok=True)
    mount("none", target, "tmpfs", MS_NOSUID | MS_NODEV, f"size={size},mode=1777")


def _show(source: Path, target: Path) -> None:
    """Bind a file or folder read-only, including mounts below it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        target.mkdir(exist_ok=True)
    else:
        target.touch()
    mount(str(source), target, None, MS_BIND | MS_REC)
    for point in _mounts_below(target):
        # The kernel refuses to clear flags that are set on the machine.
        kept = os.statvfs(point).f_flag & (MS_NODEV | MS_NOEXEC)
        mount("none", point, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | kept)


def _mounts_below(target: Path) -> list[Path]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [Path(line.split()[4].replace("\\040", " ")) for line in lines]
    return [point for point in points if point.is_relative_to(target)]


def _checked(result: int, what: str) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def main() -> None:
    """Read the plan from the first argument, and become its command."""
    plan = json.loads(sys.argv[1])
    root = Path(plan["root"])
    build_root(root, plan)
    enter(root)
    give_up_rights(plan)
    os.chdir(plan["folder"])
    os.execve(plan["command"][0], plan["command"], plan["environment"])


if __name__ == "__main__":
    main()
