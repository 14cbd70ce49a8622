"""Grade one submission. The result is a plain dictionary, sent between machines, cached and rendered."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

from instructor.grading import marks, reproduction, stored
from instructor.grading.course import Course
from instructor.grading.papers import read_paper
from instructor.grading.sandbox import Sandbox
from instructor.grading.submissions import Submission
from instructor.grading.watch import Limits


@dataclass(frozen=True)
class Workplace:
    """What one machine needs for grading.

    Args:
        course: the course.
        box: the sandbox.
        visible: the copy of the course that student code can read.
        shared: finished data sets and trainings, or None.
        limits: of each program.
        rerun: whether notebooks are run, or only marked.
        cores: threads per program.
    """

    course: Course
    box: Sandbox
    visible: Path
    shared: Path | None = None
    limits: Limits = field(default_factory=Limits)
    rerun: bool = True
    cores: int = 1


def grade(submission: Submission, place: Workplace) -> dict:
    """Grade one notebook of one student.

    Args:
        submission: the notebook.
        place: where and how.

    Returns:
        `student`, `slug`, `number`, `notebook`, `path`, `problem`, `notes`; `marks`, one per
        exercise; `rerun` and `stored`, or None if the notebook was not run.
    """
    pristine = next(one for one in place.course.notebooks if one.name == submission.notebook)
    result = {key: value for key, value in asdict(submission).items() if key != "file"}
    result |= {"marks": [], "rerun": None, "stored": None}
    if submission.file is None:
        result["marks"] = [asdict(marks.nothing(task)) for task in pristine.tasks]
        return result
    paper = read_paper(submission.content)
    where = place.box, place.visible, place.shared, place.limits
    result["marks"] = [asdict(mark) for mark in marks.mark(paper, pristine, *where)]
    result["notes"] = [*submission.notes, *marks.notes(paper)]
    if place.rerun:
        again = reproduction.rerun(paper, *where, cores=place.cores)
        result["rerun"] = asdict(again)
        result["stored"] = asdict(stored.compare(paper, again.texts))
    return result
