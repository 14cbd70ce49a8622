"""The student editions, run from top to bottom: every check says "not attempted".

pytest doesn't collect this file by itself: `make test` runs it after nbval, whose trainings it loads
from COURSE_HOME.
"""

from helpers.config.settings import COURSE_FOLDER
from instructor import __main__ as command


def test_student_editions_run_and_every_check_says_not_attempted():
    assert command.main(["build", "--check", "--execute", str(COURSE_FOLDER / "build" / "student")]) == 0
