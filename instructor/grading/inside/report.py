"""Input and output of every program in the sandbox: its job, finished trainings, JSON lines as report."""

import ctypes
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

PR_SET_DUMPABLE = 4


def main(run: Callable[[dict, Callable[[dict], None]], dict]) -> None:
    """Run a program of the sandbox, and end even if threads are running.

    Standard output is for the result; other prints go to standard error.

    Args:
        run: the job, a function that writes a part of the result, which is kept whatever happens next -> the
            last part of the result.
    """
    if sys.platform == "linux":  # no other process may open the pipe through /proc
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0)
    handle = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr

    def write(part: dict) -> None:
        handle.write(json.dumps(part) + "\n")
        handle.flush()

    job = read_job()
    share_finished_work()
    write(run(job, write))
    os._exit(0)


def _unread() -> bool:
    """Whether the grader is gone, so that nobody reads the standard error."""
    poll = select.poll()  # a new one each time: a signal may arrive while another one is handled
    poll.register(2, 0)
    return bool(poll.poll(0))


def read_job() -> dict:
    """Read the job from standard input, which is empty afterwards.

    The program ends when nobody reads its standard error any more, since the grader was killed, and when the
    job's time is over: a container continues, and keeps reading, without a grader. Other processes in the
    sandbox cannot end it.
    """
    job = json.load(sys.stdin)
    end = time.monotonic() + job["whole_seconds"]
    if hasattr(signal, "SIGALRM"):
        # With a handler, since the first process of a container ignores signals without one. Student code can
        # send these signals too, so they only make it look. Python itself would obey SIGINT.
        for number in (signal.SIGALRM, signal.SIGINT):
            signal.signal(number, lambda *_: os._exit(1) if time.monotonic() >= end or _unread() else None)
        signal.setitimer(signal.ITIMER_REAL, 1, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    return job


def share_finished_work() -> None:
    """Make a COURSE_HOME with links to the instructor's data sets and trainings, which are read-only.

    In the folder of a training each file is a link, since a run record is replaced when results are added.
    """
    shared, home = Path(os.environ["GRADING_SHARED"] or "/nowhere"), Path(os.environ["COURSE_HOME"])
    for pattern in ("datasets/*", "phantoms/*", "runs/*/*/*/*"):
        for found in shared.glob(pattern):
            link = home / found.relative_to(shared)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(found)
