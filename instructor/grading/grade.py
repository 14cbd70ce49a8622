"""Grade one submission. The result is a plain dictionary, sent between machines, cached and rendered.

It has two parts, which are cached apart: the marks, and the re-run. A failure of one keeps the other.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from instructor.grading import marks, reproduction, stored
from instructor.grading.course import REPORT, Course, Pristine
from instructor.grading.papers import Paper, PaperError, read_paper
from instructor.grading.sandbox import Sandbox
from instructor.grading.submissions import Submission
from instructor.grading.watch import Limits


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
    box: Sandbox
    visible: Path  # the copy of the course that student code can read
    shared: Path | None  # finished data sets and trainings
    options: Options


def wanted(submission: Submission, options: Options) -> set[str]:
    """Return the names of the parts that a submission's result should have."""
    return {"marks", "rerun"} if options.rerun and submission.notebook != REPORT else {"marks"}


def grade(submission: Submission, place: Workplace, parts: dict | None = None) -> dict:
    """Grade one notebook of one student.

    Args:
        submission: the notebook.
        place: where and how.
        parts: those of an earlier result that are still valid; they are not made again.

    Returns:
        The parts: "marks", and "rerun" if it is `wanted`. A part that failed has the reason as "failed".
    """
    parts = dict(parts or {})
    content, pristine = submission.content, place.course.named(submission.notebook)
    if content is None:
        return parts
    if "marks" not in parts:
        parts["marks"] = _safely(_marks, content, pristine, place)
    if "rerun" in wanted(submission, place.options) - {*parts}:
        parts["rerun"] = _safely(_rerun, content, pristine, place)
    return parts


def whole(submission: Submission, parts: dict, course: Course) -> dict:
    """Put the parts of a result together.

    Args:
        submission: the notebook.
        parts: as made by `grade`.
        course: the course.

    Returns:
        `student`, `slug`, `number`, `notebook`, `path`, `problem`, `notes`; `marks`, one per
        exercise; `rerun` and `stored`, or None if the notebook was not run.
    """
    pristine = course.named(submission.notebook)
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
        made = marks.not_run(paper, pristine, parts.get("marks", {}).get("failed", ""))
        result |= {"marks": [asdict(mark) for mark in made], "language": marks.spoken(paper)}
    return result


def _marks(content: bytes, pristine: Pristine, place: Workplace) -> dict:
    paper = read_paper(content)
    made = marks.mark(paper, pristine, place.box, place.visible, place.shared, place.options.limits)
    said = {"notes": marks.notes(paper, pristine), "language": marks.spoken(paper)}
    return {"marks": [asdict(mark) for mark in made]} | said


def _rerun(content: bytes, pristine: Pristine, place: Workplace) -> dict:
    paper, options = read_paper(content), place.options
    again = reproduction.rerun(paper, place.box, place.visible, place.shared, options.limits, options.cores)
    return {"rerun": asdict(again), "stored": asdict(stored.compare(paper, again.texts))}


def _safely(make: Callable, *given) -> dict:
    """Make a part; an error in it must not stop the others."""
    try:
        return make(*given)
    except Exception as error:  # a fault of the grader, or of the machine
        return {"failed": f"{type(error).__name__}: {error}"}
