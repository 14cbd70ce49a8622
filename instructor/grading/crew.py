"""Grade many submissions in parallel, on this machine or on Dask workers; only what changed is graded.

A result has two parts, which are made and cached apart: the marks, and the re-run. A failure of one keeps the
other. Parts are plain dictionaries, which are sent between machines.
"""

import hashlib
import itertools
import json
import os
import platform
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from threading import Event, Lock

from joblib import Parallel, delayed, parallel_config

from helpers._common import CourseError, progress_bar, read_json, write_json
from helpers.config import settings
from instructor.grading import marks, reproduction, sandbox, stored
from instructor.grading.course import REPORT, Course, visible_course
from instructor.grading.papers import Paper, PaperError, read_paper
from instructor.grading.submissions import Submission
from instructor.grading.watch import LOOK_SECONDS, Limits, end_all
from instructor.notebooks.execute import run_course

CONNECT_SECONDS = 10
PREPARED = "prepared-for-grading.json"


class CrewError(CourseError):
    """A Dask scheduler or worker cannot be used."""


@dataclass(frozen=True)
class Options:
    """How to grade; the same on every machine."""

    rerun: bool = True  # run the notebooks, in addition to marking the answers
    no_sandbox: bool = False
    limits: Limits = field(default_factory=Limits)  # of each program
    cores: int = 1  # threads per program


@dataclass(frozen=True)
class Workplace:
    """What one machine needs for grading."""

    course: Course
    box: sandbox.Sandbox
    visible: Path  # the copy of the course that student code can read
    shared: Path | None  # finished data sets and trainings
    options: Options


def prepare(course: Course, run: bool = True) -> Path:
    """Run the course's own notebooks on the quick data, except the report, unless this was done before.

    Args:
        run: whether they are needed; if not, what there is will do.

    Returns:
        The COURSE_HOME with their data set and trainings, which all submissions share.

    Raises:
        NotebookError: the course itself does not run.
    """
    os.environ.update(COURSE_DATA="phantoms", COURSE_PROFILE="quick")
    home = settings.load().home
    if run and (read_json(home / PREPARED) or {}).get("material") != course.material:
        print("Running the course's own notebooks first: every submission shares their data and trainings.")
        with tempfile.TemporaryDirectory() as pages:
            run_course(course.paths, Path(pages))
        home.mkdir(parents=True, exist_ok=True)
        write_json(home / PREPARED, {"material": course.material})
    return home


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
        memory: folder with earlier marks and re-runs, which are reused if nothing has changed.
        jobs: how many submissions at once on this machine.
        scheduler: address of a Dask scheduler, to grade on its workers instead.

    Returns:
        One result per submission, in order: see `whole`.

    Raises:
        CrewError: no scheduler or worker is reached, or a worker has another version of the course.
    """
    memory.mkdir(parents=True, exist_ok=True)
    files = [kept_at(memory, one) for one in found]
    keys = [_keys(one, course, options) for one in found]
    parts = list(map(_remembered, files, keys))
    missing = [n for n, one in enumerate(found) if one.file and _wanted(one, options) - {*parts[n]}]
    if missing:
        crew = _dask(scheduler, course, options) if scheduler else _here(jobs, course, options)
        bar = progress_bar(total=len(missing), unit="notebook", title="grading")
        with crew as (work, backend), bar as progress:
            sent = ((n, found[n].carried() if scheduler else found[n], parts[n]) for n in missing)
            tasks = itertools.starmap(delayed(work), sent)
            graded = Parallel(return_as="generator_unordered", batch_size=1, **backend)(tasks)
            try:
                for n, made in graded:
                    parts[n] = json.loads(made)
                    _remember(files[n], keys[n], parts[n])
                    progress.update()
            finally:
                with warnings.catch_warnings(action="ignore"):  # joblib's, about what is not finished
                    graded.close()
    return [whole(one, part, course) for one, part in zip(found, parts, strict=True)]


def grade(submission: Submission, place: Workplace, known: dict) -> dict:
    """Grade one notebook of one student.

    Args:
        known: the parts of an earlier result that are still valid; they are not made again.

    Returns:
        The parts: "marks", and "rerun" if it is wanted. One that failed has the reason as "failed".
    """
    parts = dict(known)
    for name in sorted(_wanted(submission, place.options) - {*parts}) if submission.file else []:
        make = _marks if name == "marks" else _rerun
        try:
            parts[name] = make(read_paper(submission.content), place, submission.notebook)
        except Exception as error:  # a fault of the grader, or of the machine, which must not stop the others
            parts[name] = {"failed": f"{type(error).__name__}: {error}"}
    return parts


def whole(submission: Submission, parts: dict, course: Course) -> dict:
    """Put the parts of a result, as made by `grade`, together.

    Returns:
        `student`, `slug`, `number`, `notebook`, `path`, `problem`, `notes`; `marks`, one per
        exercise; `rerun` and `stored`, or None if the notebook was not run.
    """
    result = {key: value for key, value in asdict(submission).items() if key != "file"}
    result |= {"marks": [], "rerun": None, "stored": None, "language": "en"}
    for name, part in parts.items():
        what = "marking" if name == "marks" else "the re-run"
        said = [f"{what} failed ({part['failed']}); grade it again"] if "failed" in part else []
        result |= part | {"notes": [*result["notes"], *part.get("notes", said)]}
    if not result["marks"]:
        try:
            paper = read_paper(content) if (content := submission.content) else Paper()
        except PaperError as error:  # for example, the limit of nesting depends on where it is read
            paper, result["problem"] = Paper(), str(error)
        reason = parts.get("marks", {}).get("failed", "")
        made = marks.not_run(paper, course.named(submission.notebook), reason)
        result |= {"marks": [asdict(mark) for mark in made], "language": marks.spoken(paper)}
    return result


def _wanted(submission: Submission, options: Options) -> set[str]:
    return {"marks", "rerun"} if options.rerun and submission.notebook != REPORT else {"marks"}


def _marks(paper: Paper, place: Workplace, notebook: str) -> dict:
    pristine = place.course.named(notebook)
    made = marks.mark(paper, pristine, place.box, place.visible, place.shared, place.options.limits)
    said = {"notes": marks.notes(paper, pristine), "language": marks.spoken(paper)}
    return {"marks": [asdict(mark) for mark in made]} | said


def _rerun(paper: Paper, place: Workplace, _notebook: str) -> dict:
    limits, cores = place.options.limits, place.options.cores
    again = reproduction.rerun(paper, place.box, place.visible, place.shared, limits, cores)
    return {"rerun": asdict(again), "stored": asdict(stored.compare(paper, again.texts))}


@contextmanager
def _here(jobs: int, course: Course, options: Options) -> Iterator[tuple[Callable, dict]]:
    """Yield what grades one submission, and joblib's settings: threads, since each runs other processes."""
    busy, interrupted = set(), Event()

    def work(order: int, submission: Submission, known: dict) -> tuple[int, str]:
        busy.add(order)
        try:
            return order, json.dumps(known if interrupted.is_set() else grade(submission, place, known))
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

    work = partial(_on_worker, course.version, options)  # without the course, since this is sent each time
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


def _on_worker(version: str, options: Options, order: int, submission: Submission, known: dict):
    with _one_at_a_time:  # a worker has threads, and the course is prepared once
        place = _worker_place(options)
    if place.course.version != version:
        where = f"the worker on {platform.node()}"
        raise CrewError(f"{where} has another version of the course: update it there, and restart it.")
    return order, json.dumps(grade(submission, place, known))


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
    kept = {
        name: {"key": keys[part.get("rerun", {}).get("ending") == "time"], "part": part}
        for name, part in parts.items()
        if "failed" not in part
        and "ModuleNotFoundError" not in str(part.get("rerun", {}).get("failures"))
        and marks.NEEDS_A_LOOK not in [mark["status"] for mark in part.get("marks", [])]
    }
    write_json(file, kept)


def default_jobs() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
