"""A sample of submissions with mistakes, re-run and marked as expected.

pytest doesn't collect this file by itself: `make test` runs it after nbval, whose data set and trainings
it loads from COURSE_HOME.
"""

import json
import zipfile
from copy import deepcopy

import nbformat
import pytest

from helpers._common import write_json
from helpers.config import settings
from instructor import __main__ as command
from instructor.grading.course import Course
from instructor.grading.crew import PREPARED
from instructor.grading.stored import TAG
from tests.support.make_class import NOTEBOOKS, as_own, make_class

pytestmark = pytest.mark.filterwarnings("ignore:Cell is missing an id field")
FIRST = "01_dataset_assembly"


@pytest.fixture(scope="module")
def graded(tmp_path_factory, sandbox_here):
    """The expected points, and the results by student and notebook."""
    folder = tmp_path_factory.mktemp("sample")
    known = make_class(folder, students=2)
    home = settings.load().home
    if (home / "runs").is_dir():  # nbval has just run the course here
        write_json(home / PREPARED, {"material": Course.load().material})
    with zipfile.ZipFile(folder / "class.zip", "a") as archive:
        for number, (name, notebook) in enumerate(_with_outputs().items()):
            archive.writestr(
                f"{name}_{number}_assignsubmission_file_/{FIRST}.ipynb", nbformat.writes(notebook)
            )
    assert command.main(["grade", str(folder / "class.zip"), "--out", str(folder / "out")]) == 0
    results = json.loads((folder / "out" / "grades.json").read_text(encoding="utf-8"))
    return known, {(one["student"], one["notebook"]): one for one in results}


def test_every_mark_is_as_expected(graded):
    known, results = graded
    for student, expected in known.items():
        marks = [mark for (name, _), one in results.items() if name == student for mark in one["marks"]]
        assert {mark["id"]: mark["got"] for mark in marks} == expected


def test_wrong_answers_do_not_stop_a_notebook(graded):
    known, results = graded
    again = {key: one["rerun"] for key, one in results.items() if key[0] in known and key[1] != "report"}
    assert len(again) == 4
    assert {key: rerun["failures"] for key, rerun in again.items() if rerun["verdict"] != "yes"} == {}


@pytest.mark.parametrize(("student", "verdict", "count"), [("honest", "agree", 0), ("invented", "differ", 1)])
def test_stored_results_are_compared_with_the_run(graded, student, verdict, count):
    result = graded[1][student, FIRST]
    assert result["stored"]["verdict"] == verdict, result["stored"]["differences"]
    assert len(result["stored"]["differences"]) == count
    assert {mark["status"] for mark in result["marks"]} == {"correct", "by hand"}


def _with_outputs() -> dict:
    """Return the solved notebook, and a copy with a stored output that no run produces."""
    honest = nbformat.read(NOTEBOOKS / f"{FIRST}.ipynb", as_version=4)
    for cell in honest.cells:  # the solved edition itself would not be marked
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = as_own(cell.source)
    invented = deepcopy(honest)
    outputs = [
        output for cell in invented.cells if TAG in cell.metadata.get("tags", [])
        for output in cell.outputs if output.output_type == "stream"
    ]  # fmt: skip
    outputs[-1].text += "and 17 more\n"
    return {"honest": honest, "invented": invented}
