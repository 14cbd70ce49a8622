import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from helpers.config.settings import COURSE_FOLDER
from instructor import __main__ as command
from instructor.notebooks.execute import NotebookError, run_course


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """Writes a notebook with the given code cells."""
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(COURSE_FOLDER))

    def write(*sources):
        cells = [new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(sources, 1)]
        path = tmp_path / "tiny.ipynb"
        nbformat.write(new_notebook(cells=cells), path)
        return path

    return write


def test_a_notebook_becomes_a_page(notebook, tmp_path):
    source = notebook("import sys; print(6 * 7); print('I0000 00:00:1.5 log', file=sys.stderr)", "1 + 1")
    before = source.read_text()
    (page,) = run_course([source], tmp_path / "out")
    assert "42" in page.read_text()
    assert source.read_text() == before
    run_course([source], tmp_path / "out", store=True)
    stored = nbformat.read(source, as_version=4)
    assert [cell.execution_count for cell in stored.cells] == [1, 2]
    assert [output.output_type for output in stored.cells[0].outputs] == ["stream"]  # the log line is gone
    assert "execution" not in stored.cells[0].metadata


def test_a_failing_cell_is_named_and_shown(notebook, tmp_path):
    source = notebook(
        "x = 1", "from helpers.datasets.matfile import read_slice\nread_slice('none.mat')", "print('after')"
    )
    with pytest.raises(NotebookError, match=r"tiny\.ipynb, cell 'cell-2': MatFileError: none\.mat"):
        run_course([source], tmp_path / "out")
    page = (tmp_path / "out" / "tiny.html").read_text()
    assert "MatFileError" in page
    assert "Traceback" not in page


def test_a_dead_kernel_is_reported(notebook, tmp_path):
    with pytest.raises(NotebookError, match=r"tiny\.ipynb"):
        run_course([notebook("import os; os._exit(1)")], tmp_path / "out")


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("COURSE_DATA", "fantoms", "Did you mean 'phantoms'?"),
        ("COURSE_DATA", "EMPTY", "it holds nothing"),
        ("COURSE_PROFILE", "fast", "choose 'quick' or 'full'"),
    ],
)
def test_invalid_settings_are_reported_before_any_cell_runs(
    notebook, tmp_path, monkeypatch, capsys, variable, value, words
):
    if value == "EMPTY":
        value = str(tmp_path / "empty")
        (tmp_path / "empty").mkdir()
    source = notebook("1")
    monkeypatch.setenv(variable, value)
    assert command.main(["run", str(source), "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
