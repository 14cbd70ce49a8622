"""Many submissions: side by side on this machine, or on others through Dask. Only what changed is graded."""

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
    """Another machine cannot grade."""


@dataclass(frozen=True)
class Options:
    """How to grade; the same on every machine.

    Args:
        rerun: run notebooks again, beside marking the answers.
        no_sandbox: run strangers' code without one.
        limits: of each program.
        cores: threads for each.
    """

    rerun: bool = True
    no_sandbox: bool = False
    limits: Limits = field(default_factory=Limits)
    cores: int = 1


@contextmanager
def workplace(course: Course, options: Options) -> Iterator[Workplace]:
    """Sets this machine up.

    Args:
        course: the course.
        options: how to grade.

    Yields:
        Workplace; its copy of the course is gone afterwards.
    """
    box = sandbox.choose(none=options.no_sandbox)
    shared = prepare(course) if options.rerun else None
    with tempfile.TemporaryDirectory(prefix="grading-course-") as folder:
        visible = visible_course(Path(folder))
        yield Workplace(course, box, visible, shared, options.limits, options.rerun, options.cores)


def grade_all(
    found: list[Submission], course: Course, options: Options, memory: Path, jobs: int, scheduler: str | None
) -> list[dict]:
    """Grades submissions, and shows how far it is.

    Args:
        found: what was handed in.
        course: the course.
        options: how to grade.
        memory: folder with earlier results; those that still hold are taken from there.
        jobs: how many at once on this machine.
        scheduler: address of a Dask scheduler, to grade on its workers instead.

    Returns:
        A result for each submission, in order.

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
            finally:  # interrupted, perhaps: those that have not begun never do, and the others are ended
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
                client.submit(_on_worker, asdict(one), course.version, options, pure=False): order
                for order, one in enumerate(found)
            }
            for future in as_dask_completes(futures):
                try:
                    # JSON text: nothing but text crosses from a machine that ran strangers' code.
                    yield futures[future], json.loads(future.result())
                except KilledWorker as error:
                    raise CrewError(
                        f"workers ended ({error}). What was graded is kept: grade again."
                    ) from error

    return work


def _on_worker(submission: dict, version: str, options: Options) -> str:
    with _one_at_a_time:  # a worker has threads, and the course is prepared once
        place = _worker_place(options)
    if place.course.version != version:
        where = f"the worker on {platform.node()}"
        raise CrewError(
            f"{where} has another version of the course: update it there, and restart the worker."
        )
    return json.dumps(_safely(Submission(**submission), place))


@cache
def _worker_place(options: Options) -> Workplace:
    # Entered and never left: the worker keeps its copy of the course as long as it lives.
    manager = workplace(Course.load(), options)
    _kept.append(manager)
    return manager.__enter__()


_kept: list = []
_one_at_a_time = Lock()


def _safely(submission: Submission, place: Workplace) -> dict:
    """Grades; whatever goes wrong with one submission, the others are graded."""
    try:
        return grade(submission, place)
    except Exception as error:  # a fault of the grader, or of the machine
        submission.notes.append(f"the grader failed ({type(error).__name__}: {error}); grade it again")
        broken = Submission(**asdict(submission) | {"content": None, "problem": "could not be graded"})
        return grade(broken, place) | {"failed": True}


def _key(submission: Submission, course: Course, options: Options) -> str:
    about = asdict(submission) | {"content": None}
    parts = [json.dumps(about, sort_keys=True, default=str), course.version]
    parts.append(repr(replace(options, cores=1)))  # cores change how long it takes, and no mark
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
    """One a core that this program may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
