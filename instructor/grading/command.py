"""`python -m instructor grade SUBMISSIONS --out DIR`."""

import argparse
from dataclasses import replace
from pathlib import Path

from helpers._common import CourseError
from instructor.grading import sandbox
from instructor.grading.course import Course
from instructor.grading.crew import Options, default_jobs, grade_all
from instructor.grading.intake import collect
from instructor.grading.names import missing_and_unknown
from instructor.grading.open_marks import take_open_marks
from instructor.grading.pages import write_pages
from instructor.grading.preparation import prepare
from instructor.grading.submissions import submissions
from instructor.grading.tables import by_student, write_grades, write_gradescope, write_moodle
from instructor.grading.watch import Limits


def add_to(commands) -> None:
    """Add `grade` to the subparsers of `python -m instructor`."""
    grade = commands.add_parser("grade", help="grade submissions", description=__doc__)
    grade.add_argument("submissions", type=Path, help="a folder, or a zip archive from Moodle or Classroom")
    grade.add_argument("--out", type=Path, required=True, help="folder for grades and feedback")
    grade.add_argument("--roster", type=Path, help="CSV with the course's students, to see who is missing")
    grade.add_argument("--jobs", type=_count, default=default_jobs(), help="how many at once (one per core)")
    grade.add_argument(
        "--marks-only", action="store_true", help="only mark the answers; don't run the notebooks"
    )
    grade.add_argument(
        "--minutes",
        type=float,
        default=30,
        help="time limit per notebook (30); a cell may take a third of it",
    )
    grade.add_argument("--scheduler", metavar="ADDRESS", help="grade on the workers of this Dask scheduler")
    grade.add_argument("--no-sandbox", action="store_true", help="run student code with your own rights")
    grade.add_argument("--moodle", action="store_true", help="also write moodle.csv, to upload to Moodle")
    grade.add_argument("--gradescope", action="store_true", help="also write Gradescope's JSON files")
    grade.set_defaults(function=grade_command)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("give a whole number, 1 or more")
    return int(text)


def grade_command(chosen: argparse.Namespace) -> int:
    """Grade the submissions and write tables and pages.

    Args:
        chosen: the options of the command line.

    Returns:
        0, the exit status.

    Raises:
        CourseError: there are no submissions, or they cannot be graded on this machine.
    """
    if chosen.out.resolve().is_relative_to(chosen.submissions.resolve()):
        raise CourseError(f"--out {chosen.out} is inside the folder of submissions. Choose a folder outside.")
    course = Course.load()
    files = collect(chosen.submissions)
    missing, unknown = missing_and_unknown(chosen.roster, {file.student for file in files})
    found = submissions(files, course, missing)
    options = Options(
        rerun=not chosen.marks_only,
        no_sandbox=chosen.no_sandbox,
        limits=replace(Limits(), seconds=60 * chosen.minutes, cell_seconds=20 * chosen.minutes),
        cores=max(1, default_jobs() // chosen.jobs),
    )
    box = "Dask workers" if chosen.scheduler else sandbox.choose(none=chosen.no_sandbox).name
    if options.rerun and not chosen.scheduler:
        prepare(course)  # before the progress bar appears
    memory = chosen.out / ".graded"
    results = grade_all(found, course, options, memory, chosen.jobs, chosen.scheduler)
    for student, own in by_student(results).items():
        own[0]["notes"] += ["is not on the roster"] if student in unknown else []
    write_all(results, box, chosen)
    students, look = len(by_student(results)), chosen.out / "summary.html"
    for people, what in ((missing, "on the roster, but nothing submitted"), (unknown, "not on the roster")):
        if people:
            print(f"{len(people)} {what}: {', '.join(people)}")
    print(f"{students} students, {len(results)} notebooks. Look at {look} first.")
    return 0


def write_all(results: list[dict], box: str, chosen: argparse.Namespace) -> None:
    """Write tables and pages.

    Args:
        results: of all submissions.
        box: name of the sandbox.
        chosen: the options of the command line.
    """
    take_open_marks(results, chosen.out / "open_marks.csv")
    write_grades(results, chosen.out)
    write_pages(results, box, chosen.out)
    if chosen.moodle:
        write_moodle(results, chosen.out / "moodle.csv")
    if chosen.gradescope:
        write_gradescope(results, chosen.out / "gradescope")
