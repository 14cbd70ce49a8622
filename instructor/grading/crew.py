"""Grade many submissions in parallel, on this machine or on Dask workers; only what changed is graded."""

import hashlib
import json
import os
import platform
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from threading import Event, Lock

from joblib import Parallel, delayed, parallel_config

from helpers._common import CourseError, progress_bar, read_json, write_json
from instructor.grading import sandbox
from instructor.grading.course import Course, visible_course
from instructor.grading.grade import Options, Workplace, grade, wanted, whole
from instructor.grading.marks import NEEDS_A_LOOK
from instructor.grading.preparation import prepare
from instructor.grading.submissions import Submission
from instructor.grading.watch import LOOK_SECONDS, end_all

CONNECT_SECONDS = 10


class CrewError(CourseError):
    """A Dask scheduler or worker cannot be used."""


@contextmanager
def workplace(course: Course, options: Options) -> Iterator[Workplace]:
    """Set up this machine; the copy of the course is deleted afterwards."""
    box = sandbox.choose(none=options.no_sandbox)
    shared = prepare(course, options.rerun)
    with tempfile.TemporaryDirectory(prefix="grading-course-") as folder:
        yield Workplace(course, box, visible_course(Path(folder)), shared, options)


def grade_all(
    found: list[Submission], course: Course, options: Options, memory: Path, jobs: int, scheduler: str | None
) -> list[dict]:
    """Grade submissions and show the progress.

    Args:
        found: the submissions.
        course: the course.
        options: how to grade.
        memory: folder with earlier marks and re-runs, which are reused if nothing has changed.
        jobs: how many submissions at once on this machine.
        scheduler: address of a Dask scheduler, to grade on its workers instead.

    Returns:
        One result per submission, in order.

    Raises:
        CrewError: no scheduler or worker is reached, or a worker has another version of the course.
    """
    memory.mkdir(parents=True, exist_ok=True)
    files = [kept_at(memory, one) for one in found]
    keys = [_keys(one, course, options) for one in found]
    parts = list(map(_remembered, files, keys))
    missing = [
        place for place, one in enumerate(found) if one.file and wanted(one, options) - {*parts[place]}
    ]
    if missing:
        crew = _dask(scheduler, course, options) if scheduler else _here(jobs, course, options)
        bar = progress_bar(total=len(missing), unit="notebook", title="grading")
        with crew as (work, settings), bar as progress:
            sent = ((place, found[place].carried() if scheduler else found[place]) for place in missing)
            tasks = (delayed(work)(place, submission, parts[place]) for place, submission in sent)
            graded = Parallel(return_as="generator_unordered", batch_size=1, **settings)(tasks)
            try:
                for place, made in graded:
                    parts[place] = json.loads(made)
                    _remember(files[place], keys[place], parts[place])
                    progress.update()
            finally:
                with warnings.catch_warnings(action="ignore"):  # joblib's, about what is not finished
                    graded.close()
    return [whole(one, part, course) for one, part in zip(found, parts, strict=True)]


@contextmanager
def _here(jobs: int, course: Course, options: Options) -> Iterator[tuple[Callable, dict]]:
    """Yield what grades one submission, and joblib's settings: threads, since each runs other processes."""
    busy, interrupted = set(), Event()

    def work(order: int, submission: Submission, parts: dict) -> tuple[int, str]:
        busy.add(order)
        try:
            return order, json.dumps({} if interrupted.is_set() else grade(submission, place, parts))
        finally:
            busy.discard(order)

    with workplace(course, options) as place:
        try:
            yield work, {"n_jobs": jobs, "backend": "threading"}
        finally:  # if interrupted: end what is running
            interrupted.set()
            while busy:
                end_all()
                time.sleep(LOOK_SECONDS)


@contextmanager
def _dask(address: str, course: Course, options: Options) -> Iterator[tuple[Callable, dict]]:
    """Yield what grades one submission on a worker, and joblib's settings."""
    try:
        from distributed import Client
    except ImportError as error:
        raise CrewError("--scheduler needs Dask: pip install distributed") from error

    version = course.version  # alone, since what `work` uses is sent with each submission

    def work(order: int, submission: Submission, parts: dict) -> tuple[int, str]:
        return order, _on_worker(submission, parts, version, options)

    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except OSError as error:
        raise CrewError(f"no Dask scheduler answers at {address}: {error}") from error
    try:
        with client, parallel_config("dask", client=client, wait_for_workers_timeout=CONNECT_SECONDS):
            # joblib does not notice that workers have ended; nothing takes longer than this.
            yield work, {"timeout": 2 * options.limits.seconds + 3600}
    except TimeoutError as error:
        raise CrewError(f"no worker answers at {address}: {error} Finished results are kept.") from error


def _on_worker(submission: Submission, parts: dict, version: str, options: Options) -> str:
    with _one_at_a_time:  # a worker has threads, and the course is prepared once
        place = _worker_place(options)
    if place.course.version != version:
        where = f"the worker on {platform.node()}"
        raise CrewError(f"{where} has another version of the course: update it there, and restart it.")
    return json.dumps(grade(submission, place, parts))


@cache
def _worker_place(options: Options) -> Workplace:
    return _kept.enter_context(workplace(Course.load(), options))


_kept, _one_at_a_time = ExitStack(), Lock()  # the worker keeps its copy of the course until it ends


def kept_at(memory: Path, submission: Submission) -> Path:
    """Return the file of a submission's result in the folder of results."""
    return memory / f"{submission.slug}--{submission.notebook}.json"


def _keys(submission: Submission, course: Course, options: Options) -> tuple[str, str]:
    """Return what a part depends on: without the time for a notebook, and with it."""
    limits = replace(options.limits, seconds=0, cell_seconds=0)
    others = replace(options, rerun=True, cores=1, limits=limits)  # cores affect the time, not the marks
    about = f"{submission.notebook}\n{course.version}\n{others}\n".encode()
    key = hashlib.sha256(about + (submission.content or b"")).hexdigest()
    return key, f"{key}, {options.limits.seconds:g} s, {options.limits.cell_seconds:g} s"


def _remembered(file: Path, keys: tuple[str, str]) -> dict:
    """Return the parts of an earlier result that are still valid."""
    kept = (read_json(file) or {}).items()
    return {name: one["part"] for name, one in kept if isinstance(one, dict) and one.get("key") in keys}


def _remember(file: Path, keys: tuple[str, str], parts: dict) -> None:
    """Write the parts that are finished; a re-run that took too long depends on the limit."""
    always, timed = keys
    kept = {
        name: {"key": timed if part.get("rerun", {}).get("ending") == "time" else always, "part": part}
        for name, part in parts.items()
        if "failed" not in part
        and "ModuleNotFoundError" not in str(part.get("rerun", {}).get("failures"))
        and NEEDS_A_LOOK not in [mark["status"] for mark in part.get("marks", [])]
    }
    write_json(file, kept)


def default_jobs() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
