"""Grade many submissions in parallel, on this machine or on Dask workers; only what changed is graded."""

import hashlib
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from threading import Lock

from helpers._common import CourseError, progress_bar, read_json, write_json
from instructor.grading import sandbox
from instructor.grading.course import Course, visible_course
from instructor.grading.grade import Workplace, grade
from instructor.grading.preparation import prepare
from instructor.grading.submissions import Submission
from instructor.grading.watch import LOOK_SECONDS, Limits, end_all

CONNECT_SECONDS = 10


class CrewError(CourseError):
    """A Dask scheduler or worker cannot be used."""


@dataclass(frozen=True)
class Options:
    """How to grade; the same on every machine.

    Args:
        rerun: run the notebooks, in addition to marking the answers.
        no_sandbox: run student code without a sandbox.
        limits: of each program.
        cores: threads per program.
    """

    rerun: bool = True
    no_sandbox: bool = False
    limits: Limits = field(default_factory=Limits)
    cores: int = 1


@contextmanager
def workplace(course: Course, options: Options) -> Iterator[Workplace]:
    """Set up this machine; the copy of the course is deleted afterwards."""
    box = sandbox.choose(none=options.no_sandbox)
    shared = prepare(course) if options.rerun else None
    with tempfile.TemporaryDirectory(prefix="grading-course-") as folder:
        visible = visible_course(Path(folder))
        yield Workplace(course, box, visible, shared, options.limits, options.rerun, options.cores)


def grade_all(
    found: list[Submission], course: Course, options: Options, memory: Path, jobs: int, scheduler: str | None
) -> list[dict]:
    """Grade submissions and show the progress.

    Args:
        found: the submissions.
        course: the course.
        options: how to grade.
        memory: folder with earlier results, which are reused if nothing has changed.
        jobs: how many submissions at once on this machine.
        scheduler: address of a Dask scheduler, to grade on its workers instead.

    Returns:
        One result per submission, in order.

    Raises:
        CourseError: no sandbox works, or a worker has another version of the course.
    """
    memory.mkdir(parents=True, exist_ok=True)
    results = [_remembered(memory, one, course, options) for one in found]
    missing = [place for place, result in enumerate(results) if result is None]
    work = _by_dask(scheduler) if scheduler else _here(jobs)
    if not missing:
        return results
    with (
        progress_bar(total=len(missing), unit="notebook", title="grading") as progress,
        closing(work([found[place] for place in missing], course, options)) as graded,
    ):
        for order, result in graded:
            place = missing[order]
            results[place] = result
            _remember(memory, found[place], course, options, result)
            progress.update()
    return results


def _here(jobs: int):
    def work(found: list[Submission], course: Course, options: Options) -> Iterator[tuple[int, dict]]:
        with workplace(course, options) as place, ThreadPoolExecutor(jobs) as pool:
            futures = {pool.submit(_safely, one, place): order for order, one in enumerate(found)}
            try:
                for future in as_completed(futures):
                    yield futures[future], future.result()
            finally:  # if interrupted: cancel what hasn't started, end what is running
                pool.shutdown(wait=False, cancel_futures=True)
                while any(future.running() for future in futures):
                    end_all()
                    time.sleep(LOOK_SECONDS)

    return work


def _by_dask(address: str):
    def work(found: list[Submission], course: Course, options: Options) -> Iterator[tuple[int, dict]]:
        try:
            from distributed import Client, KilledWorker
            from distributed import as_completed as as_dask_completes
        except ImportError as error:
            raise CrewError("--scheduler needs Dask: pip install distributed") from error
        try:
            client = Client(address, timeout=CONNECT_SECONDS)
        except OSError as error:
            raise CrewError(f"no Dask scheduler answers at {address}: {error}") from error
        with client:
            futures = {
                client.submit(_on_worker, one.carried(), course.version, options, pure=False): order
                for order, one in enumerate(found)
            }
            for future in as_dask_completes(futures):
                try:
                    # JSON: only text is accepted from a machine that ran student code.
                    yield futures[future], json.loads(future.result())
                except KilledWorker as error:
                    raise CrewError(
                        f"workers ended ({error}). Finished results are kept: run the command again."
                    ) from error

    return work


def _on_worker(submission: Submission, version: str, options: Options) -> str:
    with _one_at_a_time:  # a worker has threads, and the course is prepared once
        place = _worker_place(options)
    if place.course.version != version:
        where = f"the worker on {platform.node()}"
        raise CrewError(
            f"{where} has another version of the course: update it there, and restart the worker."
        )
    return json.dumps(_safely(submission, place))


@cache
def _worker_place(options: Options) -> Workplace:
    # Never exited: the worker keeps its copy of the course until it ends.
    manager = workplace(Course.load(), options)
    _kept.append(manager)
    return manager.__enter__()


_kept: list = []
_one_at_a_time = Lock()


def _safely(submission: Submission, place: Workplace) -> dict:
    """Grade a submission; an error in it must not stop the others."""
    try:
        return grade(submission, place)
    except Exception as error:  # a fault of the grader, or of the machine
        submission.notes.append(f"the grader failed ({type(error).__name__}: {error}); grade it again")
        broken = replace(submission, file=None, problem="could not be graded")
        return grade(broken, place) | {"failed": True}


def _key(submission: Submission, course: Course, options: Options) -> str:
    about = asdict(submission) | {"file": None}
    parts = [json.dumps(about, sort_keys=True, default=str), course.version]
    parts.append(repr(replace(options, cores=1)))  # cores affect the time, not the marks
    return hashlib.sha256("\n".join(parts).encode() + (submission.content or b"")).hexdigest()


def _file(memory: Path, submission: Submission) -> Path:
    return memory / f"{submission.slug}--{submission.notebook}.json"


def _remembered(memory: Path, submission: Submission, course: Course, options: Options) -> dict | None:
    kept = read_json(_file(memory, submission)) or {}
    return kept.get("result") if kept.get("key") == _key(submission, course, options) else None


def _remember(memory: Path, submission: Submission, course: Course, options: Options, result: dict) -> None:
    if not result.get("failed"):
        kept = {"key": _key(submission, course, options), "result": result}
        write_json(_file(memory, submission), kept)


def default_jobs() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
