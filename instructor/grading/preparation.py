"""The instructor's own run of the course, whose data set and trainings all submissions share."""

import os
import tempfile
from pathlib import Path

from helpers._common import read_json, write_json
from helpers.config import settings
from instructor.grading.course import Course
from instructor.notebooks.execute import run_course

PREPARED = "prepared-for-grading.json"


def prepare(course: Course, run: bool = True) -> Path:
    """Run the course's own notebooks on the quick data, except the report, unless this was done before.

    Args:
        course: the course.
        run: whether they are needed; if not, what there is will do.

    Returns:
        The COURSE_HOME with their data set and trainings.

    Raises:
        NotebookError: the course itself does not run.
    """
    os.environ.update(COURSE_DATA="phantoms", COURSE_PROFILE="quick")
    home = settings.load().home
    done = read_json(home / PREPARED) or {}
    if run and done.get("material") != course.material:
        print("Running the course's own notebooks first: every submission shares their data and trainings.")
        with tempfile.TemporaryDirectory() as pages:
            run_course(course.paths, Path(pages))
        home.mkdir(parents=True, exist_ok=True)
        write_json(home / PREPARED, {"material": course.material})
    return home
