"""`python -m instructor grade SUBMISSIONS --out DIR`."""

import argparse
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from helpers._common import CourseError, read_json, write_json
from instructor.grading import platforms, sandbox
from instructor.grading.course import Course
from instructor.grading.crew import Options, default_jobs, grade_all, kept_at, prepare
from instructor.grading.intake import collect
from instructor.grading.names import missing_and_unknown
from instructor.grading.open_marks import add_times, take_open_marks
from instructor.grading.pages import write_pages
from instructor.grading.submissions import Submission, submissions
from instructor.grading.tables import NOT_SUBMITTED, by_student, plain, write_grades
from instructor.grading.watch import Limits


def add_to(commands) -> None:
    """Add `grade` to the subparsers of `python -m instructor`."""
    grade = commands.add_parser("grade", help="grade submissions", description=__doc__)
    add = grade.add_argument
    add("submissions", type=Path, help="a folder, or a zip archive from a learning platform")
    add("--out", type=Path, required=True, help="folder for grades and feedback")
    add("--notebook", action="append", default=[], metavar="01",
        help="grade this notebook alone; can be repeated")  # fmt: skip
    add("--student", metavar="NAME", help="grade this student again, and keep all other results")
    add("--roster", type=Path, metavar="CSV", help="the course's students, to see who is missing")
    add("--jobs", type=_count, default=default_jobs(), help="how many at once (one per core)")
    add("--marks-only", action="store_true", help="only mark the answers; don't run the notebooks")
    add("--minutes", type=float, default=30, help="limit per notebook (30); a cell may take a third of it")
    add("--scheduler", metavar="ADDRESS", help="grade on the workers of this Dask scheduler")
    add("--no-sandbox", action="store_true", help="run student code with your own rights")
    add("--moodle", type=Path, metavar="CSV", help="fill in this grading worksheet of Moodle")
    add("--canvas", type=Path, metavar="CSV", help="fill in this gradebook of Canvas")
    add("--assignment", default="", metavar="TEXT", help="in the heading of the gradebook's column")
    add("--due", type=_moment, metavar="TIME", help="when it is due: 2026-11-20T23:59")
    add("--late", type=_percent, nargs=2, default=(0, 100), metavar=("PER_DAY", "MAXIMUM"),
        help="percent taken off for each day late that has begun, and at most")  # fmt: skip
    grade.set_defaults(function=grade_command)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("give a whole number, 1 or more")
    return int(text)


def _percent(text: str) -> float:
    if not 0 <= float(text) <= 100:
        raise argparse.ArgumentTypeError("give percent, from 0 to 100")
    return float(text)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text if len(text) > 10 else f"{text}T23:59:59")  # a day, to its end


def grade_command(chosen: argparse.Namespace) -> int:
    """Grade the submissions and write tables and pages.

    Returns:
        The exit status: 0, or 130 if it was interrupted.

    Raises:
        CourseError: there are no submissions, they cannot be graded on this machine, or the table of a
            platform cannot be filled in.
    """
    if chosen.out.resolve().is_relative_to(chosen.submissions.resolve()):
        raise CourseError(f"--out {chosen.out} is inside the folder of submissions. Choose a folder outside.")
    if chosen.late[0] and not chosen.due:
        raise CourseError("--late takes off points for lateness, but nothing is due. Give --due as well.")
    _sheets([], chosen)  # what is wrong with them is said before the grading
    course = Course.load()
    files = collect(chosen.submissions)
    missing, unknown = missing_and_unknown(chosen.roster, {file.student for file in files})
    found = _graded(submissions(files, course, missing), chosen.notebook)
    options = Options(
        rerun=not chosen.marks_only,
        no_sandbox=chosen.no_sandbox,
        limits=replace(Limits(), seconds=60 * chosen.minutes, cell_seconds=20 * chosen.minutes),
        cores=max(1, default_jobs() // chosen.jobs),
    )
    box = "Dask workers" if chosen.scheduler else sandbox.choose(none=chosen.no_sandbox).name
    memory = chosen.out / ".graded"
    try:
        if options.rerun and not chosen.scheduler:
            prepare(course)  # before the progress bar appears
        _forget(memory, found, chosen.student, options.rerun)
        results = grade_all(found, course, options, memory, chosen.jobs, chosen.scheduler)
    except KeyboardInterrupt:
        print("\nStopped. The same command resumes.", file=sys.stderr)
        return 130
    students = by_student(results)
    for student in students.keys() & {*unknown}:
        students[student][0]["notes"].append("is not on the roster")
    write_all(results, box, chosen)
    for who, what in ((missing, "on the roster, but submitted nothing"), (unknown, "not on the roster")):
        if who:
            print(f"{len(who)} {what}: {', '.join(who)}")
    look = chosen.out / "summary.html"
    print(f"{len(students)} students, {len(results)} notebooks. Look at {look} first.")
    return 0


def write_all(results: list[dict], box: str, chosen: argparse.Namespace) -> None:
    """Write tables and pages of all results; `box` is the sandbox's name."""
    results, out = plain(results), chosen.out
    sheets = _sheets(results, chosen)
    add_times(results, sheets["moodle"].times if "moodle" in sheets else None, chosen.due, chosen.late)
    left = take_open_marks(results, out / "open_marks.csv")
    write_grades(results, out)
    write_pages(results, box, out)
    for name in ("moodle.csv", "canvas.csv", "feedback.zip"):  # of an earlier run
        (out / name).unlink(missing_ok=True)
    for name, sheet in sheets.items():
        print(platforms.fill_in(sheet, results, out / f"{name}.csv"))
    if "moodle" in sheets:
        platforms.write_feedback_zip(sheets["moodle"], results, out)
    if left:
        print(f"open_marks.csv has rows that match no student or exercise of this run: {'; '.join(left)}")


def _sheets(results: list[dict], chosen: argparse.Namespace) -> dict[str, platforms.Sheet]:
    sheets = {"moodle": platforms.read_moodle(chosen.moodle, results)} if chosen.moodle else {}
    if chosen.late[0] and sheets and sheets["moodle"].unread:
        raise CourseError(
            f"--late: {chosen.moodle} has a time that cannot be read: {sheets['moodle'].unread!r}. Download "
            "the worksheet with Moodle set to English or Spanish."
        )
    if chosen.canvas:
        sheets["canvas"] = platforms.read_canvas(chosen.canvas, results, chosen.assignment)
    return sheets


def _graded(found: list[Submission], names: list[str]) -> list[Submission]:
    """Return the submissions for the notebooks that are named, or else for those that anybody submitted;
    what is missing there gets the notes on files that are not graded.
    """
    there = sorted({one.notebook for one in found})
    wrong = [name for name in names if not any(one.startswith(name) for one in there)]
    if wrong:
        raise CourseError(f"--notebook {wrong[0]}: there are {', '.join(there)}")
    submitted = {one.notebook for one in found if one.problem != NOT_SUBMITTED} or there
    wanted = [name for name in there if (name.startswith(tuple(names)) if names else name in submitted)]
    if not names and wanted != there:
        left = ", ".join(name for name in there if name not in wanted)
        print(f"Nobody submitted {left}: left out of all totals. (--notebook says which notebooks count.)")
    chosen = [one for one in found if one.notebook in wanted]
    others = [one for one in found if one.notebook not in wanted and not one.path]
    for one in chosen:
        notes = [note for two in others if two.student == one.student for note in two.notes]
        if not one.path and not one.notes and notes:
            one.problem = "; ".join(notes)
    return chosen


def _forget(memory: Path, found: list[Submission], student: str | None, rerun: bool) -> None:
    """Delete the results of one student's submissions; those of re-runs only if they will be made again."""
    own = [one for one in found if student and one.student.casefold() == student.casefold()]
    if student and not own:
        raise CourseError(f"--student {student}: nobody has this name. The names are in grades.csv.")
    for file in filter(Path.is_file, (kept_at(memory, one) for one in own)):
        kept = {} if rerun else read_json(file) or {}
        write_json(file, {name: part for name, part in kept.items() if name == "rerun"})
