"""The student editions, run from top to bottom, and each Part of notebook 02 in a fresh kernel.

pytest doesn't collect this file by itself: `make test` runs it after nbval, whose trainings it loads
from COURSE_HOME.
"""

import nbformat
import pytest

from helpers.config.settings import COURSE_FOLDER
from instructor import __main__ as command
from instructor.notebooks.execute import NOTEBOOKS, execute


def test_student_editions_run_and_every_check_says_not_attempted():
    assert command.main(["build", "--check", "--execute", str(COURSE_FOLDER / "build" / "student")]) == 0


@pytest.mark.parametrize("part", ["b", "c"])  # Part A is the beginning of the notebook
def test_a_part_runs_in_a_fresh_kernel_after_the_setup_cell(part, tmp_path):
    notebook = nbformat.read(NOTEBOOKS[1], as_version=4)
    ids = [cell.id for cell in notebook.cells]
    starts = [*(ids.index(f"part-{letter}-start") for letter in "abc"), len(ids)]
    first = "abc".index(part)
    kept = [ids.index("setup"), *range(starts[first], starts[first + 1])]
    notebook.cells = [notebook.cells[index] for index in kept]
    execute(notebook, NOTEBOOKS[1], tmp_path / "kernel.log")
    checked = [cell for cell in notebook.cells if cell.id.startswith("check-")]
    assert checked
    assert all("Correct." in cell.outputs[0].data["text/plain"] for cell in checked)
