"""Sort submitted files into one submission per student and notebook."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from helpers.config.language import LANGUAGES
from instructor.grading.course import Course
from instructor.grading.intake import ANY_CONTENT, EMPTY, NOT_A_NOTEBOOK, Stored, SubmittedFile
from instructor.grading.names import RESULTS, copy_number, slugs
from instructor.grading.papers import PaperError, read_paper
from instructor.grading.tables import NOT_SUBMITTED
from instructor.notebooks.student_edition import answer_cells, is_stub

MOST_BYTES, MOST_READ = 200 * 2**20, 1000  # of the files of one student
TOO_MUCH = f"was not read: at most {MOST_BYTES // 2**20} MB and {MOST_READ:,} files of a student are"
MOST_NAMED = 5  # in a note
PAGE = "report.html"  # of a hand-in
UNIMPORTANT = {EMPTY, NOT_A_NOTEBOOK}  # unless a notebook is missing
Rank = tuple[bool, float, int, int]


@dataclass
class Submission:
    """One student's submission for one notebook of the course."""

    student: str
    slug: str  # the name as part of a file name
    number: str | None  # the platform's number or id of the student
    notebook: str  # the name of the course's notebook
    file: Stored | None = None  # where the student's notebook is; None if nothing usable was submitted
    path: str = ""  # in the folder or archive
    modified: float = 0  # time of its last change, in seconds since 1970
    problem: str | None = None  # why it cannot be graded
    notes: list[str] = field(default_factory=list)  # for the instructor

    @property
    def content(self) -> bytes | None:
        """The bytes of the notebook, read now; None if nothing usable was submitted."""
        return self.file.read() if self.file else None

    def carried(self) -> "Submission":
        """Return a copy that holds the bytes, for a machine that can't read the file."""
        return replace(self, file=self.file and replace(self.file, content=self.content))


def submissions(files: list[SubmittedFile], course: Course, missing: Iterable[str] = ()) -> list[Submission]:
    """Sort files by student and notebook.

    Args:
        files: from the intake.
        course: whose notebooks they should be.
        missing: names of students who submitted nothing.

    Returns:
        One submission per student and notebook of the course, in order of names; if a student
        submitted nothing for a notebook, its `problem` says so.
    """
    own: dict[str, list[SubmittedFile]] = {}
    for file in files:
        own.setdefault(file.student, []).append(file)
    for name in missing:
        own[f"{name} (not submitted)" if name in own else name] = []
    slug = slugs(own)
    found = []
    for student in sorted(own, key=str.casefold):
        number = next((file.number for file in own[student] if file.number), None)
        empty = [Submission(student, slug[student], number, one.name) for one in course.notebooks]
        found += _of_student(own[student], empty, course)
    return found


def _of_student(files: list[SubmittedFile], empty: list[Submission], course: Course) -> list[Submission]:
    found: dict[str, list[tuple[Rank, SubmittedFile]]] = {one.name: [] for one in course.notebooks}
    problems: dict[tuple[str, str], list[str]] = {}
    packed = {file.path.parent for file in files if file.path.parent.name == RESULTS}
    left = MOST_BYTES
    for place, file in enumerate(sorted(files, key=lambda one: one.path.suffix.lower() != ".ipynb")):
        left -= 0 if file.problem else file.size
        try:
            name, rank = _examined(file, course, enough=left < 0 or place >= MOST_READ)
            found[name].append((rank, file))
        except PaperError as error:
            beside = file.path.parent / RESULTS if file.path.name == PAGE else file.path.parent
            if str(error) == NOT_A_NOTEBOOK and beside in packed:  # they belong to a hand-in
                continue
            named = next((one.name for one in course.notebooks if one.named_in(file.path)), "")
            problems.setdefault((named, str(error)), []).append(str(file.path))
    for submission in empty:
        _choose(submission, sorted(found[submission.notebook], key=lambda one: one[0]))
    _tell(problems, {one.notebook: one for one in empty})
    for submission in empty:
        if not submission.file:
            submission.problem = submission.problem or NOT_SUBMITTED
        elif not files[0].named:
            submission.notes.append("the file's name does not say whose it is: it was graded by itself")
    return empty


def _examined(file: SubmittedFile, course: Course, enough: bool) -> tuple[str, Rank]:
    """Return which notebook a file is, and its rank among several: the highest one is graded.

    Raises:
        PaperError: it cannot be graded; the message is written after its name.
    """
    if file.problem or enough:
        raise PaperError(file.problem or TOO_MUCH)
    try:
        paper = read_paper(file.stored.read())
    except PaperError as error:
        raise PaperError(NOT_A_NOTEBOOK if file.path.suffix.lower() in ANY_CONTENT else error) from error
    except Exception as error:  # of a decompressor, or of the disk; it must not stop the other files
        raise PaperError(f"cannot be read ({getattr(error, 'strerror', None) or error})") from error
    pristine, answers = course.the_one_like(paper, file.path), answer_cells(paper)
    chapters = {task.exercise.id.partition(".")[0] for one in course.notebooks for task in one.tasks}
    if pristine is None or (answers and not chapters & {one.partition(".")[0] for one in answers}):
        raise PaperError("is not one of the notebooks that are graded")
    folder = course.folder.parent
    editions = [folder / part / f"{pristine.name}.ipynb" for part in ("", *LANGUAGES)]
    if any(_is_solved(answers, _solutions(path)) for path in editions):
        raise PaperError("is the course's own notebook with the solutions, which is not marked")
    blank = answer_cells(pristine.paper)
    answered = sum(
        not is_stub(source) and source.split() != blank.get(number, "").split()
        for number, source in answers.items()
    )
    return pristine.name, (answered > 0, file.modified, copy_number(file.path.stem), answered)


def _is_solved(answers: dict[str, str], solved: dict[str, str]) -> bool:
    """Whether answers have the marks of the solved edition, or all of its code; if it has none, its texts."""
    same = {number for number in solved if _code(answers.get(number, "")) == _code(solved[number])}
    text = {number for number in solved if solved[number].lstrip().startswith("**")}
    marked = any("### BEGIN SOLUTION" in source for source in answers.values())
    return marked or (bool(same) and same >= (solved.keys() - text or text))


@cache
def _solutions(path: Path) -> dict[str, str]:
    return answer_cells(read_paper(path.read_bytes())) if path.is_file() else {}


def _code(source: str) -> list[str]:
    lines = [" ".join(line.split()) for line in source.splitlines()]
    return [line for line in lines if line and not line.startswith("### ")]


def _choose(submission: Submission, versions: list[tuple[Rank, SubmittedFile]]) -> None:
    """Take the last version."""
    for _, last in versions[-1:]:
        submission.file, submission.path, submission.modified = last.stored, str(last.path), last.modified
        others = [file for _, file in versions[-2::-1] if file.stored.read() != last.stored.read()]
        if others:
            paths = _listed([str(file.path) for file in others])
            submission.notes.append(f"several versions: {submission.path} was graded, not {paths}")


def _tell(problems: dict[tuple[str, str], list[str]], by_notebook: dict[str, Submission]) -> None:
    """Note each problem once, at the notebook that the files' names fit or else at the first missing one."""
    missing = [one for one in by_notebook.values() if not one.file]
    for (name, problem), all_paths in problems.items():
        paths = list(dict.fromkeys(all_paths))
        note = f"{paths[0]} {problem}"
        if paths[1:]:
            note = f"each of {len(paths):,} files {problem}: {_listed(paths)}"
        submission = by_notebook.get(name) or [*missing, *by_notebook.values()][0]
        if submission in missing or problem not in UNIMPORTANT:
            submission.notes.append(note)
        if submission in missing and problem not in UNIMPORTANT:
            submission.problem = f"{submission.problem}; {note}" if submission.problem else note


def _listed(paths: list[str]) -> str:
    return ", ".join([*paths[:MOST_NAMED], "..."] if paths[MOST_NAMED:] else paths)
