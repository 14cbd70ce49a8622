"""Run a command, and end all its processes when it exceeds a limit of time, memory, processes or output."""

import contextlib
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from helpers._common import CourseError

LOOK_SECONDS = 0.1
STDERR_BYTES = 20_000
# Memory of the machine that must stay available.
LEAST_BYTES, LEAST_PART = 500 * 2**20, 0.05
RELIEF_SECONDS = 2  # within which the memory of a stopped command becomes available
FILE_BYTES = 1400  # of the kernel's memory for each file in memory, even if it is empty
# Python code that becomes a command which the kernel ends together with the thread that started it (prctl(2),
# PR_SET_PDEATHSIG; if that thread has already ended, the parent differs) or first when memory runs out, and
# which cannot use the instructor's keys (keyctl(2), KEYCTL_JOIN_SESSION_KEYRING).
KEYCTL = {"x86_64": 250, "aarch64": 219}
LEASH = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
libc.prctl(1, 9, 0, 0, 0)
libc.syscall(int(sys.argv[2]), 1, None)
with open("/proc/self/oom_score_adj", "w") as score:
    score.write("1000")
os.getppid() == int(sys.argv[1]) and os.execvp(sys.argv[3], sys.argv[3:])
"""


class MachineError(CourseError):
    """The machine has too little memory left, whatever the reason."""


@dataclass(frozen=True)
class Limits:
    """Limits of a program."""

    seconds: float = 1800  # wall time in total
    cell_seconds: float = 600  # wall time of one cell of a notebook
    answer_seconds: float = (
        60  # processor time of one answer with its imports; by the clock, four times as much
    )
    memory_bytes: int = 6 * 2**30  # of all its processes together
    processes: int = 64  # at the same time
    threads: int = 1024  # at the same time, of all processes together
    output_bytes: int = 40 * 2**20
    disk_bytes: int = 2**30  # of each writable folder, which is in memory
    files: int = 2**16  # in all writable folders together


@dataclass(frozen=True)
class Outcome:
    """The outcome of a command."""

    stdout: bytes  # what it wrote, up to the limit
    stderr: str  # the start of what it wrote there, as text
    ending: str  # "done", or the limit exceeded: "time", "memory", "processes", "files", "output"
    status: int  # exit status, negative for a signal
    seconds: float  # wall time


def watch(command: list[str], stdin: bytes, limits: Limits, folders: list[str] | None = None) -> Outcome:
    """Run a command until it ends or exceeds a limit, then end all its processes.

    Args:
        command: its words.
        stdin: its standard input.
        limits: of time, memory, processes, files and output.
        folders: in memory, as its processes see them; counted if they aren't this machine's own.

    Raises:
        MachineError: the machine's memory ran out, and this command used most of it.
    """
    started, ending = time.monotonic(), "done"
    written, errors = bytearray(), bytearray()
    with tempfile.TemporaryFile() as given:
        given.write(stdin)
        given.seek(0)
        process = subprocess.Popen(
            _leashed(command),
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    readers = [
        threading.Thread(target=_read, args=given, daemon=True)
        for given in ((process.stdout, written, limits.output_bytes), (process.stderr, errors, STDERR_BYTES))
    ]
    for reader in readers:
        reader.start()
    family = _Family(process.pid, folders or [])
    _running.add(family)
    try:
        while process.poll() is None and ending == "done":
            ending = _too_much(family, len(written), limits, time.monotonic() - started)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_SECONDS)
    finally:
        family.kill()
        process.wait()
        _running.discard(family)
    for reader in readers:
        reader.join(5)  # without a sandbox, an escaped process may keep the pipe open
    if len(written) > limits.output_bytes:
        ending = "output"
    said, seconds = errors[:STDERR_BYTES].decode(errors="replace"), time.monotonic() - started
    return Outcome(bytes(written[: limits.output_bytes]), said, ending, process.returncode, seconds)


def end_all() -> None:
    """End every command that is being watched."""
    for family in list(_running):
        family.kill()


def _leashed(command: list[str]) -> list[str]:
    """Return a command that ends together with this process, if the kernel supports it."""
    if sys.platform != "linux":
        return command
    keyctl = str(KEYCTL.get(platform.machine(), -1))
    return [sys.executable, "-I", "-S", "-c", LEASH, str(os.getpid()), keyctl, *command]


def _read(stream: IO[bytes], kept: bytearray, most: int) -> None:
    """Read a pipe to its end, and keep one byte more than `most`."""
    with stream:
        while block := stream.read1(1 << 16):
            kept += block[: most + 1 - len(kept)]


def _too_much(family: "_Family", written: int, limits: Limits, seconds: float) -> str:
    family.look()
    counted = {
        "time": (seconds, limits.seconds),
        "processes": (family.count, limits.processes),
        "memory": (family.bytes, limits.memory_bytes),
        "files": (family.files, limits.files),
        "output": (written, limits.output_bytes),
    }
    if exceeded := [name for name, (value, limit) in counted.items() if value > limit]:
        return exceeded[0]
    memory = psutil.virtual_memory()
    scarce = memory.available < max(LEAST_BYTES, LEAST_PART * memory.total)
    largest = family.bytes >= max(one.bytes for one in list(_running))
    if scarce and largest and time.monotonic() - _last["stopped"] > RELIEF_SECONDS:
        _last["stopped"] = time.monotonic()
        raise MachineError(
            f"the machine has only {memory.available // 2**20} MB of memory left: close other programs, or "
            "grade with fewer --jobs. If it is always this notebook, read it before you run it."
        )
    return "done"


class _Family:
    """A process and all its observed descendants.

    Observed processes are remembered, since without a sandbox a child loses its parent when that ends.
    In namespaces and containers, the kernel ends all of them together with the first one.
    """

    def __init__(self, pid: int, folders: list[str]):
        self.first, self.folders, self.seen = pid, folders, {}
        self.bytes = self.count = self.files = 0

    def look(self) -> None:
        with contextlib.suppress(psutil.Error):
            first = psutil.Process(self.first)
            for process in [first, *first.children(recursive=True)]:
                self.seen.setdefault(process.pid, process)
        sizes = []
        for process in list(self.seen.values()):
            with contextlib.suppress(psutil.Error):
                if process.is_running():  # and its id belongs to no other process
                    sizes.append(process.memory_info().rss)
        size, self.files = self._in_folders()
        self.count, self.bytes = len(sizes), sum(sizes) + size + self.files * FILE_BYTES

    def _in_folders(self) -> tuple[int, int]:
        """Return the bytes and the number of files in the folders."""
        for pid in reversed(list(self.seen)):
            with contextlib.suppress(OSError):
                root = Path(f"/proc/{pid}/root/")
                if root.stat().st_dev != Path("/").stat().st_dev:
                    found = [os.statvfs(f"{root}{folder}") for folder in self.folders]
                    size = sum((one.f_blocks - one.f_bfree) * one.f_frsize for one in found)
                    return size, sum(one.f_files - one.f_ffree for one in found)
        return 0, 0

    def kill(self) -> None:
        self.look()
        with contextlib.suppress(OSError):
            os.killpg(self.first, signal.SIGKILL)
        for process in list(self.seen.values()):  # the watching thread may add more
            with contextlib.suppress(psutil.Error):
                process.kill()


_running: set[_Family] = set()
_last = {"stopped": -RELIEF_SECONDS}  # the time when the largest command was stopped for the machine's memory
