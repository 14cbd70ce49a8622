"""Structure of the notebooks, and links of the README; nbval runs the notebooks."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from helpers.checks import EXERCISES
from helpers.config.settings import COURSE_FOLDER
from instructor.notebooks import student_edition
from instructor.notebooks.execute import NOTEBOOKS, placed
from instructor.notebooks.release import STUDENT_FOLDER

OPTIONAL = [path for path in NOTEBOOKS if path.parent.name == "beyond"]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request) -> Path:
    return request.param


@pytest.fixture
def cells(path):
    return nbformat.read(path, as_version=4).cells


@pytest.fixture
def code(cells):
    return [cell for cell in cells if cell.cell_type == "code"]


def test_there_are_two_notebooks_and_others_that_run_after_them():
    assert [path.name[:3] for path in NOTEBOOKS if path not in OPTIONAL] == ["01_", "02_", "rep"]
    assert NOTEBOOKS[3:] == OPTIONAL
    assert len({path.name[0] for path in OPTIONAL}) == len(OPTIONAL)  # the numbers of sections begin with it


def test_some_outputs_are_compared_with_each_run(code, path):
    compared = [cell for cell in code if "nbval-check-output" in cell.metadata.get("tags", [])]
    assert len(compared) >= (1 if path in OPTIONAL else 5)
    assert all(cell.outputs for cell in compared)


# ---- exercises ----


def number_of(cell):
    """Return the exercise that a cell belongs to, by its id; None for other cells."""
    own = re.fullmatch(r"(?:exercise|check|think|rubric)-((?:\d+|[a-z])(?:-\d+)+)(?:-text)?", cell.id)
    return own[1].replace("-", ".").upper() if own else None


def test_an_exercise_is_a_text_an_answer_and_a_check(cells, path):
    chapter = path.name.lstrip("0")[0].upper()
    ids = [cell.id for cell in cells if number_of(cell)]
    expected = []
    for number, exercise in EXERCISES.items():
        slug = number.replace(".", "-").lower()
        if number.split(".")[0] == chapter:
            parts = ("rubric", "think") if exercise.kind == "open" else ("exercise", "check")
            expected += [f"exercise-{slug}-text", *(f"{part}-{slug}" for part in parts)]
    assert ids == expected  # and so in the order of their numbers
    fewest, most = (1, 4) if path in OPTIONAL else (6, 20)
    assert fewest <= len(ids) / 3 <= most
    together = [cell.id for cell in cells]
    for start in expected[::3]:
        position = together.index(start)
        assert together[position : position + 3] == expected[expected.index(start) :][:3]


def test_an_exercise_has_the_number_of_its_section(cells):
    section = None
    for cell in cells:
        if heading := re.search(r"^#{2,3} ((?:\d+|[A-Z])\.\d+) ", cell.source, re.MULTILINE):
            section = heading[1]
        if number := number_of(cell):
            assert number == section or number.startswith(f"{section}.")
            assert number in cell.source.splitlines()[0]


def test_exercises_have_their_title_points_and_metadata(cells):
    for cell in cells:
        if not number_of(cell) or cell.id.startswith("rubric-"):
            continue
        exercise = EXERCISES[number_of(cell)]
        if cell.id.endswith("-text"):
            kind = "Think!" if exercise.kind == "open" else "Exercise"
            assert (
                cell.source.lstrip("#").lower().startswith(f" {kind} {exercise.id}: {exercise.title}".lower())
            )
            continue
        marks = cell.metadata.nbgrader
        answer, graded = not cell.id.startswith("check-"), not cell.id.startswith("exercise-")
        assert (marks.solution, marks.grade, marks.locked) == (answer, graded, not answer)
        assert (marks.grade_id, marks.schema_version, marks.task) == (cell.id, 3, False)
        assert marks.get("points") == (exercise.points if graded else None)
        if answer:
            assert student_edition.exercise_number(cell) == exercise.id


def test_every_stored_check_says_correct(code):
    for cell in code:
        if number_of(cell) and cell.id.startswith("check-"):
            assert "nbval-check-output" in cell.metadata.tags
            assert cell.outputs[0].data["text/plain"].startswith("Correct.")


def test_a_later_cell_uses_an_answer_only_after_it_was_chosen(code):
    """`checks.choose` falls back to the course's own, so that every edition runs top to bottom."""
    for position, cell in enumerate(code):
        if not cell.id.startswith("exercise-"):
            continue
        names = {node.name for node in ast.parse(cell.source).body if isinstance(node, ast.FunctionDef)}
        names |= {
            target.id
            for node in ast.walk(ast.parse(student_edition.stub(cell)))
            if isinstance(node, ast.Assign) for target in node.targets
        }  # fmt: skip
        assert names
        choice = f'checks.choose("{number_of(cell)}"'
        for later in code[position + 2 :]:
            used = {node.id for node in ast.walk(ast.parse(later.source)) if isinstance(node, ast.Name)}
            assert not used & names or choice in later.source, later.id
            if choice in later.source:
                exercise = EXERCISES[number_of(cell)]
                assert exercise.reference or exercise.make_reference
                break


def test_each_exercise_says_its_points_and_the_work_it_takes(cells):
    for cell in cells:
        if not re.fullmatch(r"exercise-[\w-]+-text", cell.id):
            continue
        points = EXERCISES[number_of(cell)].points
        line = rf"\n\n\*{points} point{'s' * (points > 1)}, about \d+ minutes(; a person reads it)?\.\* [A-Z]"
        assert re.search(line, cell.source), cell.id


def test_the_title_of_notebook_02_counts_its_exercises():
    title = nbformat.read(NOTEBOOKS[1], as_version=4).cells[0].source
    own = [exercise for exercise in EXERCISES.values() if exercise.id.startswith("2.")]
    checked = sum(exercise.kind != "open" for exercise in own)
    assert f"solve {checked} exercises" in title
    assert f"{sum(exercise.points for exercise in own)} points in all" in title


def test_each_notebook_has_a_student_edition():
    assert sorted(STUDENT_FOLDER.rglob("[!.]*.ipynb")) == sorted(
        placed(path, STUDENT_FOLDER) for path in NOTEBOOKS
    )


def test_a_student_edition_has_its_own_badge_and_its_links_lead_somewhere(path):
    edition = placed(path, STUDENT_FOLDER)
    title = nbformat.read(edition, as_version=4).cells[0].source
    assert f"/{edition.relative_to(COURSE_FOLDER).as_posix()})" in title


def test_notebook_01_needs_no_tensorflow():
    source = nbformat.read(NOTEBOOKS[0], as_version=4)
    imports = {
        line.strip() for cell in source.cells if cell.cell_type == "code" for line in cell.source.splitlines()
        if re.match(r"(import|from) ", line)
    }  # fmt: skip
    program = "\n".join(
        [
            *sorted(imports),
            "import sys",
            "print(sorted({'tensorflow', 'keras', 'jax', 'torch'} & set(sys.modules)))",
        ]
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=COURSE_FOLDER, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
