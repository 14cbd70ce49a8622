"""Sort submitted files into one submission per student and notebook."""

from dataclasses import dataclass, field
from pathlib import PurePosixPath

from instructor.grading.course import Course, Pristine
from instructor.grading.intake import SubmittedFile
from instructor.grading.names import copy_number, slugs
from instructor.grading.papers import Paper, PaperError, read_paper
from instructor.notebooks.student_edition import answer_cells, is_stub


@dataclass
class Submission:
    """One student's submission for one notebook of the course.

    Args:
        student: the name.
        slug: the name as part of a file name.
        number: Moodle's participant number, or None.
        notebook: the name of the course's notebook.
        content: the file; None if nothing usable was submitted.
        path: in the folder or archive.
        problem: why it cannot be graded.
        notes: for the instructor.
    """

    student: str
    slug: str
    number: str | None
    notebook: str
    content: bytes | None = None
    path: str = ""
    problem: str | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Candidate:
    file: SubmittedFile
    paper: Paper
    pristine: Pristine

    @property
    def rank(self) -> tuple[float, int, int]:
        """Sort key: time, number of the copy, number of answers."""
        answered = sum(not is_stub(answer) for answer in answer_cells(self.paper).values())
        return self.file.modified, copy_number(self.file.path), answered


def submissions(files: list[SubmittedFile], course: Course) -> list[Submission]:
    """Sort files by student and notebook.

    Args:
        files: from the intake.
        course: whose notebooks they should be.

    Returns:
        One submission per student and notebook of the course, in order of names; if a student
        submitted nothing for a notebook, its `problem` says so.
    """
    students = sorted({file.student for file in files}, key=str.casefold)
    named = slugs(students)
    found = []
    for student in students:
        own = [file for file in files if file.student == student]
        number = next((file.number for file in own if file.number), None)
        empty = [Submission(student, named[student], number, one.name) for one in course.notebooks]
        found += _of_student(own, empty, course)
    return found


def _of_student(files: list[SubmittedFile], empty: list[Submission], course: Course) -> list[Submission]:
    by_notebook = {submission.notebook: submission for submission in empty}
    candidates: dict[str, list[_Candidate]] = {name: [] for name in by_notebook}
    for file in files:
        problem, candidate = _examined(file, course)
        if candidate:
            candidates[candidate.pristine.name].append(candidate)
        else:
            _note(by_notebook, file.path, course, f"{file.path.name} {problem}")
    for name, submission in by_notebook.items():
        if candidates[name]:
            _choose(submission, sorted(candidates[name], key=lambda one: one.rank))
        elif submission.notes:
            submission.problem = "; ".join(submission.notes)
        else:
            submission.problem = "was not submitted"
    return list(by_notebook.values())


def _examined(file: SubmittedFile, course: Course) -> tuple[str | None, _Candidate | None]:
    if file.problem:
        return file.problem, None
    try:
        paper = read_paper(file.content)
    except PaperError as error:
        return str(error), None
    pristine = course.the_one_like(paper, file.path)
    if pristine is None:
        return "is not one of the course's notebooks", None
    return None, _Candidate(file, paper, pristine)


def _choose(submission: Submission, candidates: list[_Candidate]) -> None:
    chosen = candidates[-1]
    submission.content, submission.path = chosen.file.content, str(chosen.file.path)
    if len(candidates) > 1:
        others = ", ".join(sorted(one.file.path.name for one in candidates[:-1]))
        submission.notes.append(f"several versions: {chosen.file.path.name} was graded, not {others}")


def _note(by_notebook: dict[str, Submission], path: PurePosixPath, course: Course, words: str) -> None:
    """Add a note to the notebook that the file's name fits, or to the first one."""
    named = [one.name for one in course.notebooks if one.named_in(path)]
    by_notebook[(named or list(by_notebook))[0]].notes.append(words)
