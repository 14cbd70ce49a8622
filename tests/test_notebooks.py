"""What every notebook of the course keeps to; nbval runs them (see the Makefile)."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import numpy as np
import pytest

from helpers.checks import EXERCISES
from helpers.settings import COURSE_FOLDER
from instructor import editions

NOTEBOOKS = sorted((COURSE_FOLDER / "notebooks").glob("*.ipynb"))
PROJECT = tomllib.loads((COURSE_FOLDER / "pyproject.toml").read_text(encoding="utf-8"))
STUDENT = sorted((COURSE_FOLDER / "notebooks" / "student").glob("*.ipynb"))
REPOSITORY = PROJECT["project"]["urls"]["Repository"]


def code_lines(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request) -> Path:
    return request.param


@pytest.fixture
def cells(path):
    return nbformat.read(path, as_version=4).cells


@pytest.fixture
def code(cells):
    return [cell for cell in cells if cell.cell_type == "code"]


def test_both_are_there():
    assert [path.name[:3] for path in NOTEBOOKS] == ["01_", "02_"]


def test_the_first_cells(cells, path):
    title, licence, heading, setup = cells[:4]
    assert title.source.startswith(f"# {int(path.name[:2])} ·")
    branch = f"blob/main/notebooks/{path.name}"
    assert (
        f"colab.research.google.com/github/{REPOSITORY.removeprefix('https://github.com/')}/{branch}"
        in title.source
    )
    assert "**Time**" in title.source
    assert "CC BY 4.0" in licence.source
    assert "10.6084/m9.figshare.1512427" in licence.source
    assert heading.source.startswith("## ")
    assert setup.id == "setup"
    assert f'"{REPOSITORY}"' in setup.source
    assert "pip" not in setup.source


def test_the_setup_cell_is_the_same_in_all():
    sources = {nbformat.read(path, as_version=4).cells[3].source for path in NOTEBOOKS}
    assert len(sources) == 1


def test_cells_are_short(code):
    lengths = [len(code_lines(cell)) for cell in code]
    assert np.percentile(lengths, 90) < 18
    assert max(lengths) < 25


def test_ids_can_be_read(cells):
    ids = [cell.id for cell in cells]
    assert len(set(ids)) == len(ids)
    for cell_id in ids:
        assert re.fullmatch(r"[a-z]+[a-z0-9]*(-[a-z0-9]+)*", cell_id)
        assert not re.fullmatch(r"[0-9a-f]{8}", cell_id)


def test_sections_are_numbered(cells, path):
    headings = [line for cell in cells if cell.cell_type == "markdown" for line in cell.source.splitlines()
                if line.startswith("## ")]  # fmt: skip
    chapter = int(path.name[:2])
    numbers = [re.match(rf"## {chapter}\.(\d+) ", heading) for heading in headings]
    assert [int(number[1]) for number in numbers] == list(range(len(headings)))


def test_outputs_are_stored_and_sound(code):
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", f"cell {cell.id} writes to stderr"


def test_every_figure_has_an_alt_text(code):
    figures = [output for cell in code for output in cell.outputs if "image/png" in output.get("data", {})]
    assert figures
    for figure in figures:
        assert len(figure.metadata["image/png"]["alt"]) > 40


def test_every_figure_is_followed_by_a_sentence(cells):
    """At the latest after one more cell, which computes what the sentence is about."""
    for position, cell in enumerate(cells):
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
            assert "markdown" in [following.cell_type for following in cells[position + 1 : position + 3]]


def test_no_path_of_this_machine(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w:/.])/(home|root|work|tmp|Users|mnt)/", text)


def test_something_is_compared(code):
    compared = [cell for cell in code if "nbval-check-output" in cell.metadata.get("tags", [])]
    assert len(compared) >= 5
    assert all(cell.outputs for cell in compared)


def test_relative_links_lead_somewhere(cells, path):
    for cell in cells:
        for link in re.findall(r"\]\((?!https?:|#)([^)]+)\)", cell.source):
            assert (path.parent / link).is_file(), link


# ---- exercises ----


def number_of(cell):
    """The exercise that a cell belongs to, by its id; None for all other cells."""
    own = re.fullmatch(r"(?:exercise|check|think|rubric)-(\d+(?:-\d+)+)(?:-text)?", cell.id)
    return own[1].replace("-", ".") if own else None


def test_an_exercise_is_a_text_an_answer_and_a_check(cells, path):
    chapter = path.name[:2].lstrip("0")
    ids = [cell.id for cell in cells if number_of(cell)]
    wanted = []
    for number, exercise in EXERCISES.items():
        slug = number.replace(".", "-")
        if number.split(".")[0] == chapter:
            parts = ("rubric", "think") if exercise.kind == "open" else ("exercise", "check")
            wanted += [f"exercise-{slug}-text", *(f"{part}-{slug}" for part in parts)]
    assert ids == wanted  # and so in the order of their numbers
    assert 6 <= len(ids) / 3 <= 9
    together = [cell.id for cell in cells]
    for start in wanted[::3]:
        position = together.index(start)
        assert together[position : position + 3] == wanted[wanted.index(start) :][:3]


def test_an_exercise_has_the_number_of_its_section(cells):
    section = None
    for cell in cells:
        if heading := re.search(r"^## (\d+\.\d+) ", cell.source, re.MULTILINE):
            section = heading[1]
        if number := number_of(cell):
            assert number == section or number.startswith(f"{section}.")
            assert number in cell.source.splitlines()[0]


def test_exercises_have_their_title_points_and_marks(cells):
    for cell in cells:
        if not number_of(cell) or cell.id.startswith("rubric-"):
            continue
        exercise = EXERCISES[number_of(cell)]
        if cell.id.endswith("-text"):
            kind = "Think!" if exercise.kind == "open" else "Exercise"
            assert cell.source.lower().startswith(f"### {kind} {exercise.id}: {exercise.title}".lower())
            continue
        marks = cell.metadata.nbgrader
        answer, graded = not cell.id.startswith("check-"), not cell.id.startswith("exercise-")
        assert (marks.solution, marks.grade, marks.locked) == (answer, graded, not answer)
        assert (marks.grade_id, marks.schema_version, marks.task) == (cell.id, 3, False)
        assert marks.get("points") == (exercise.points if graded else None)
        if answer:
            assert editions.exercise_number(cell) == exercise.id


def test_every_stored_check_says_correct(code):
    for cell in code:
        if number_of(cell) and cell.id.startswith("check-"):
            assert "nbval-check-output" in cell.metadata.tags
            assert cell.outputs[0].data["text/plain"].startswith("Correct.")


def test_nothing_depends_on_an_answer(code):
    """Later cells use the course's own functions, so every edition runs top to bottom."""
    for position, cell in enumerate(code):
        if not cell.id.startswith("exercise-"):
            continue
        names = {node.name for node in ast.parse(cell.source).body if isinstance(node, ast.FunctionDef)}
        names |= {
            target.id
            for node in ast.walk(ast.parse(editions.stub(cell)))
            if isinstance(node, ast.Assign) for target in node.targets
        }  # fmt: skip
        assert names
        for later in code[position + 2 :]:
            used = {node.id for node in ast.walk(ast.parse(later.source)) if isinstance(node, ast.Name)}
            assert not used & names, later.id


def test_the_student_editions_can_be_opened_from_colab_and_here():
    assert [path.name for path in STUDENT] == [path.name for path in NOTEBOOKS]
    for path, solved in zip(STUDENT, NOTEBOOKS, strict=True):
        cells = nbformat.read(path, as_version=4).cells
        assert f"/blob/main/notebooks/student/{path.name})" in cells[0].source
        assert cells[3].source == nbformat.read(solved, as_version=4).cells[3].source
        test_relative_links_lead_somewhere(cells, path)


def test_the_readme_has_no_gaps():
    text = (COURSE_FOLDER / "README.md").read_text(encoding="utf-8")
    assert not re.search(r"@[A-Z]+@|TODO|TBD", text)
    for path in NOTEBOOKS:
        folder = f"{REPOSITORY.removeprefix('https://github.com/')}/blob/main/notebooks"
        assert f"{folder}/student/{path.name}" in text
    for link in re.findall(r"\]\((?!https?:|#)([^)]+)\)", text):
        assert (COURSE_FOLDER / link).is_file(), link


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
