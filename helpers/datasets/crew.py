"""Worker processes for a workbench: threads of one Python wait for each other, and for HDF5's one lock.

Not `multiprocessing`, whose workers run a student's script once more, and outlive a parent that is
killed. These import what a workbench needs, nothing else, and end as soon as their input does.
"""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import BinaryIO

import cv2

from helpers._common import CourseError
from helpers.datasets.workbench import Workbench

# Ctrl-C goes to every process of a terminal or notebook; the parent alone acts on it.
START = (
    "import json, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    "sys.path[:] = json.loads(sys.argv[1]); from helpers.datasets.crew import serve; serve()"
)
NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows would open one for each worker
READY = "ready"
BROKEN = (OSError, EOFError, pickle.UnpicklingError)  # what a pipe to a process that ended raises


class CrewError(CourseError):
    """No worker process can be started here, or one was ended from outside."""


class Crew:
    """Processes that work at copies of one workbench; use it in a `with`.

    Args:
        bench: what to work at.
        count: how many processes.

    Raises:
        CrewError: on entering the `with`, where processes cannot be started.
    """

    def __init__(self, bench: Workbench, count: int):
        self._bench, self._count = bench, count
        self._workers: list[subprocess.Popen] = []
        self._idle: SimpleQueue[subprocess.Popen] = SimpleQueue()

    def __enter__(self) -> "Crew":
        try:
            for _ in range(self._count):
                self._workers.append(_start())
            with ThreadPoolExecutor(self._count) as pool:  # they start together
                list(pool.map(self._brief, self._workers))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def process(self, row: int) -> dict:
        """Has an idle worker do `Workbench.process`; call it from as many threads as there are workers.

        Args:
            row: which one.

        Returns:
            Its record.

        Raises:
            CrewError: the worker was ended from outside.
        """
        worker = self._idle.get()
        try:
            return _ask(worker, row)
        finally:
            self._idle.put(worker)

    def close(self) -> None:
        """Ends the workers at once: what they have answered for is written."""
        for worker in self._workers:
            worker.kill()
            worker.communicate()  # closes the pipes, whatever is left in them

    def _brief(self, worker: subprocess.Popen) -> None:
        if _ask(worker, self._bench) != READY:
            raise CrewError("a worker process did not start.")
        self._idle.put(worker)


def serve() -> None:
    """The life of a worker: a workbench and then rows come in, a record goes out for each."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what a library prints is no answer
    cv2.setNumThreads(1)  # the other cores have workers of their own
    received = _received(requests)
    try:
        with next(received) as bench:
            _send(READY, answers)
            for row in received:
                _send(_outcome(bench, row), answers)
    except (OSError, StopIteration):  # the parent is gone, and cannot be told
        os._exit(1)


def _start() -> subprocess.Popen:
    command = [sys.executable, "-c", START, json.dumps(sys.path)]
    try:
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, creationflags=NO_WINDOW
        )
    except (OSError, TypeError) as error:  # TypeError: an embedded Python has no executable
        raise CrewError(f"no worker process can be started here ({error}).") from error


def _ask(worker: subprocess.Popen, request: object) -> object:
    try:
        _send(request, worker.stdin)
        answer = pickle.load(worker.stdout)
    except BROKEN as error:
        raise CrewError(
            "a worker process was ended from outside, perhaps for lack of memory. Run again: what is done "
            "is kept. With workers=1 no process is started."
        ) from error
    if isinstance(answer, Exception):
        raise answer
    return answer


def _send(value: object, channel: BinaryIO) -> None:
    pickle.dump(value, channel)
    channel.flush()


def _received(channel: BinaryIO) -> Iterator:
    while True:
        try:
            yield pickle.load(channel)
        except BROKEN:
            return


def _outcome(bench: Workbench, row: int) -> dict | Exception:
    try:
        return bench.process(row)
    except Exception as error:  # a full disk, say: the parent raises it
        return error
