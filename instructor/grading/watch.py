"""Runs a command and stops all of it when it takes too much: time, memory, processes or output."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

import psutil

from helpers._common import CourseError

LOOK_SECONDS = 0.1
STDERR_BYTES = 20_000
# Of the machine's memory; with less, everything on it is in danger.
LEAST_BYTES, LEAST_PART = 500 * 2**20, 0.05
# Python that becomes a command which the kernel ends when the thread that started it does: prctl(2),
# PR_SET_PDEATHSIG. If that has happened already, the parent is another.
LEASH = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9, 0, 0, 0); "
    "os.getppid() == int(sys.argv[1]) and os.execvp(sys.argv[2], sys.argv[2:])"
)


class MachineError(CourseError):
    """The machine has too little memory left to go on; no program of a student need be the reason."""


@dataclass(frozen=True)
class Limits:
    """When a program is stopped.

    Args:
        seconds: wall clock, for everything.
        cell_seconds: for one cell of a notebook.
        answer_seconds: for one exercise's answer, its imports included.
        memory_bytes: of all its processes together.
        processes: how many at once.
        threads: how many at once, of all processes together.
        output_bytes: of what comes out.
        disk_bytes: of each writable folder; these lie in memory.
    """

    seconds: float = 1800
    cell_seconds: float = 600
    answer_seconds: float = 60
    memory_bytes: int = 6 * 2**30
    processes: int = 64
    threads: int = 1024
    output_bytes: int = 40 * 2**20
    disk_bytes: int = 2**30


@dataclass(frozen=True)
class Outcome:
    """What became of a command.

    Args:
        stdout: what it wrote, at most the cap.
        stderr: the end of what it wrote there, as text.
        ending: "done", or what was too much: "time", "memory", "processes", "output".
        status: exit status, negative for a signal.
        seconds: wall time.
        peak_bytes: the most memory seen.
    """

    stdout: bytes
    stderr: str
    ending: str
    status: int
    seconds: float
    peak_bytes: int


def watch(command: list[str], stdin: bytes, limits: Limits) -> Outcome:
    """Runs a command to its end, or to the first limit that it passes; nothing of it is left.

    Args:
        command: the words.
        stdin: sent to it.
        limits: when it is stopped.

    Returns:
        Outcome.

    Raises:
        MachineError: the machine's memory ran out.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        _leashed(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    written = _Pipe(process.stdout, limits.output_bytes)
    errors = _Pipe(process.stderr, STDERR_BYTES, tail=True)
    threading.Thread(target=_send, args=(process, stdin), daemon=True).start()
    family = _Family(process.pid)
    _running.add(family)
    ending = "done"
    try:
        while process.poll() is None and ending == "done":
            ending = _too_much(family, written, limits, time.monotonic() - started)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_SECONDS)
    finally:
        family.kill()
        process.wait()
        _running.discard(family)
    written.join()
    errors.join()
    if written.overflow:
        ending = "output"
    return Outcome(
        bytes(written.content),
        errors.content.decode(errors="replace"),
        ending,
        process.returncode,
        time.monotonic() - started,
        family.peak_bytes,
    )


def end_all() -> None:
    """Ends every command that is being watched."""
    for family in list(_running):
        family.kill()


def _leashed(command: list[str]) -> list[str]:
    """The command, which does not outlive this program, where the kernel offers that."""
    if sys.platform != "linux":
        return command
    return [sys.executable, "-I", "-S", "-c", LEASH, str(os.getpid()), *command]


def _too_much(family: "_Family", written: "_Pipe", limits: Limits, seconds: float) -> str:
    family.look()
    if seconds > limits.seconds:
        return "time"
    if family.count > limits.processes:
        return "processes"
    if family.bytes > limits.memory_bytes:
        return "memory"
    memory = psutil.virtual_memory()
    if memory.available < max(LEAST_BYTES, LEAST_PART * memory.total):
        raise MachineError(
            f"the machine has only {memory.available // 2**20} MB of memory left: close other programs, or "
            "grade with fewer --jobs. If it is always this notebook, read it before you run it."
        )
    return "output" if written.overflow else "done"


def _send(process: subprocess.Popen, content: bytes) -> None:
    with contextlib.suppress(OSError), process.stdin:  # it may end before it has read everything
        process.stdin.write(content)


class _Pipe(threading.Thread):
    """Reads a pipe to its end, and keeps so many bytes: the first ones, or the last."""

    def __init__(self, stream, cap: int, tail: bool = False):
        super().__init__(daemon=True)
        self.stream, self.cap, self.tail = stream, cap, tail
        self.content, self.overflow = bytearray(), False
        self.start()

    def run(self) -> None:
        with self.stream:
            while block := self.stream.read1(1 << 16):
                if self.tail:
                    self.content = (self.content + block)[-self.cap :]
                elif len(self.content) + len(block) <= self.cap:
                    self.content += block
                else:
                    self.overflow = True

    def join(self, timeout: float = 5) -> None:
        super().join(timeout)  # without a sandbox, a process that got away may hold the pipe


class _Family:
    """A process and everything it started, as far as that can be seen.

    Processes once seen are remembered: without a sandbox, a child whose parent has ended is nobody's.
    In namespaces and containers the kernel ends all of them with the first one.
    """

    def __init__(self, pid: int):
        self.first, self.seen = pid, {}
        self.bytes = self.peak_bytes = self.count = 0

    def look(self) -> None:
        with contextlib.suppress(psutil.Error):
            first = psutil.Process(self.first)
            for process in [first, *first.children(recursive=True)]:
                self.seen.setdefault(process.pid, process)
        sizes = [size for process in list(self.seen.values()) if (size := _resident(process)) is not None]
        self.count, self.bytes = len(sizes), sum(sizes)
        self.peak_bytes = max(self.peak_bytes, self.bytes)

    def kill(self) -> None:
        self.look()
        with contextlib.suppress(OSError):
            os.killpg(self.first, signal.SIGKILL)
        for process in list(self.seen.values()):  # the watching thread may add some meanwhile
            with contextlib.suppress(psutil.Error):
                process.kill()


def _resident(process: psutil.Process) -> int | None:
    """Bytes in memory; None if it has ended, or its number belongs to another process."""
    try:
        return process.memory_info().rss if process.is_running() else None
    except psutil.Error:
        return None


_running: set[_Family] = set()
