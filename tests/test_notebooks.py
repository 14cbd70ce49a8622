"""What every notebook of the course keeps to; nbval runs them (see the Makefile)."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import numpy as np
import pytest

from helpers.settings import COURSE_FOLDER

NOTEBOOKS = sorted((COURSE_FOLDER / "notebooks").glob("*.ipynb"))
PROJECT = tomllib.loads((COURSE_FOLDER / "pyproject.toml").read_text(encoding="utf-8"))
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


def test_the_readme_has_no_gaps():
    text = (COURSE_FOLDER / "README.md").read_text(encoding="utf-8")
    assert not re.search(r"@[A-Z]+@|TODO|TBD", text)
    for path in NOTEBOOKS:
        assert f"{REPOSITORY.removeprefix('https://github.com/')}/blob/main/notebooks/{path.name}" in text
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
