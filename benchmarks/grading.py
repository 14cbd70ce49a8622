"""Submissions graded per hour and core on the quick data: answers marked, notebooks re-run.

    python -m benchmarks.grading [--students N] [--jobs N] [--train-again] [--json FILE]

Every made-up student submits both solved notebooks with their outputs. The course's own notebooks are run
first if COURSE_HOME has no finished trainings; this is not counted, since it is needed once per class.
A training is found by its configuration: one that a student has not changed is loaded, not repeated.
`--train-again` measures one more student, for whom no training is available.
"""

import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.command import parser, write_figures
from instructor.grading import sandbox
from instructor.grading.course import Course
from instructor.grading.crew import Options, default_jobs, grade, grade_all, prepare, whole, workplace
from instructor.grading.intake import Stored
from instructor.grading.submissions import Submission
from instructor.grading.tables import sums
from instructor.grading.watch import Limits
from instructor.notebooks.execute import NOTEBOOKS

REQUIRED = 30  # submissions per hour and core
PATIENT = Limits(seconds=4 * 3600, cell_seconds=4 * 3600)  # other work may share the machine


def solved_submissions(notebooks: list[Path], students: int) -> list[Submission]:
    """Return one submission per student and notebook."""
    return [
        Submission(f"student {number}", f"student-{number}", None, path.stem, Stored(path), path.name)
        for number in range(students)
        for path in notebooks
    ]


def measure(course: Course, notebooks: list[Path], students: int, jobs: int, train_again: bool) -> dict:
    """Grade a class of students who all submit the same.

    Args:
        course: the course.
        notebooks: that each student submits.
        students: how many.
        jobs: how many at once, with one thread each.
        train_again: also grade one student without the instructor's trainings.

    Returns:
        Results by name. All notebooks of a student count as one submission.
    """
    prepare(course)
    found, options = solved_submissions(notebooks, students), Options(limits=PATIENT)
    results: list[dict] = []
    with tempfile.TemporaryDirectory() as memory:
        wall, cpu = _seconds(
            lambda: results.extend(grade_all(found, course, options, Path(memory), jobs, None))
        )
    again = _train_again(course, found[: len(notebooks)], options) if train_again else {}
    total = sums(results)
    return {
        "students": students,
        "notebooks": len(results),
        "sandbox": sandbox.choose().name,
        "cores": os.cpu_count(),
        "jobs": jobs,
        "python": platform.python_version(),
        "marked_share": (total["got"] + total["waiting"]) / total["out_of"],
        "reproduced": sum(one["rerun"]["verdict"] == "yes" for one in results),
        "wall_seconds": wall,
        "cpu_seconds": cpu,
        "per_hour_and_core_wall": 3600 * students / (wall * jobs),
        "per_hour_and_core_cpu": 3600 * students / cpu,
        **again,
    }


def lines(figures: dict) -> list[str]:
    """Return the lines to print for the results of `measure`."""
    said = [
        f"{figures['students']} students, {figures['notebooks']} notebooks, {figures['jobs']} at once on "
        f"{figures['cores']} cores, {figures['sandbox']}, Python {figures['python']}",
        f"wall time {figures['wall_seconds']:8.1f} s: {figures['per_hour_and_core_wall']:6.1f} submissions "
        f"per hour and core (at least {REQUIRED})",
        f"CPU time  {figures['cpu_seconds']:8.1f} s: {figures['per_hour_and_core_cpu']:6.1f} submissions "
        "per hour and core, if nothing else ran",
        f"{figures['reproduced']} of {figures['notebooks']} notebooks reproduce; "
        f"{figures['marked_share']:.0%} of the points given or waiting to be read",
    ]
    if "again_cpu_seconds" in figures:
        said.append(
            f"one submission that trains everything: {figures['again_cpu_seconds']:.1f} s of CPU, "
            f"{3600 / figures['again_cpu_seconds']:.1f} per hour and core "
            f"({figures['again_reproduced']} notebooks reproduce)"
        )
    return said


def _train_again(course: Course, found: list[Submission], options: Options) -> dict:
    with workplace(course, options) as place:
        alone = replace(place, shared=None)
        results: list[dict] = []
        wall, cpu = _seconds(
            lambda: results.extend(whole(one, grade(one, alone, {}), course) for one in found)
        )
    reproduced = sum(one["rerun"]["verdict"] == "yes" for one in results)
    return {"again_wall_seconds": wall, "again_cpu_seconds": cpu, "again_reproduced": reproduced}


def _seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Return the wall time, and the CPU time of this process and its children."""
    start, before = time.perf_counter(), _cpu()
    work()
    return time.perf_counter() - start, _cpu() - before


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark and print its results."""
    made = parser(__doc__)
    made.add_argument("--students", type=int, default=6)
    made.add_argument("--jobs", type=int, default=default_jobs(), help="how many at once (one per core)")
    made.add_argument(
        "--train-again", action="store_true", help="also one student without finished trainings"
    )
    chosen = made.parse_args(arguments)
    both = [path for path in NOTEBOOKS if path.name[:2].isdecimal()]
    figures = measure(Course.load(), both, chosen.students, chosen.jobs, chosen.train_again)
    print("\n".join(lines(figures)))
    write_figures(figures, chosen.json)


if __name__ == "__main__":
    main()
