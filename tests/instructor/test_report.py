"""`python -m instructor report`: from a notebook or a hand-in to a page and a PDF."""

import shutil
import zipfile
from pathlib import Path

import nbformat
import pytest

from instructor import __main__ as command_line
from instructor.notebooks import report
from tests.support.report import answer, executed_report, heading


@pytest.fixture
def notebook(tmp_path) -> Path:
    """The file of an executed report, next to another student's image."""
    written = executed_report()
    written.cells += [heading(11, "More"), *answer(11, "![Curve](theirs.svg)")]
    nbformat.write(written, tmp_path / "report.ipynb")
    (tmp_path / "theirs.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8")
    return tmp_path / "report.ipynb"


@pytest.fixture
def no_browser(monkeypatch):
    monkeypatch.setattr(report.shutil, "which", lambda name: None)


def run(*words) -> int:
    return command_line.main(["report", *map(str, words)])


def test_a_notebook_becomes_a_page(notebook, tmp_path, no_browser, capsys):
    assert run(notebook, "--out", tmp_path / "out") == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Two networks for brain MRI" in page and "np.round" not in page
    assert "data:image/svg+xml" in page
    said = capsys.readouterr().out
    assert str(tmp_path / "out" / "report.html") in said
    assert "print it to a file" in said
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["report.html"]


def test_a_hand_in_becomes_a_page_without_its_neighbours(notebook, tmp_path, no_browser):
    with zipfile.ZipFile(tmp_path / "ana.zip", "w") as archive:
        archive.write(notebook, "report.ipynb")
    assert run(tmp_path / "ana.zip", "--out", tmp_path / "out", "--code") == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "# my own" in page
    assert "[This image is not part of the report: Curve]" in page


def test_a_browser_prints_the_page(notebook, tmp_path, capsys):
    if not any(map(shutil.which, report.BROWSERS)):
        pytest.skip("there is no Chromium here")
    assert run(notebook, "--out", tmp_path / "out") == 0
    pdf = (tmp_path / "out" / "report.pdf").read_bytes()
    assert pdf.startswith(b"%PDF") and pdf.count(b"/Type /Page\n") in range(8, 13)
    assert "report.pdf" in capsys.readouterr().out


def test_a_browser_that_fails_leaves_the_page(notebook, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(report.shutil, "which", lambda name: "true")
    out = tmp_path / "out"
    out.mkdir()
    (out / "report.pdf").write_bytes(b"an earlier one")
    assert run(notebook, "--out", out) == 1
    assert "print it to a file" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["report.html"]


def contents(kind: str) -> bytes | None:
    unrun = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    return {
        "missing": None,
        "text": b"x = 1",
        "binary": b"\xff\xfe\x00",
        "list": b"[]",
        "not run": nbformat.writes(unrun).encode(),
        "old": b'{"nbformat": 2, "nbformat_minor": 0, "metadata": {}, "worksheets": 5}',
    }[kind]


@pytest.mark.parametrize("kind", ["missing", "text", "binary", "list", "not run", "old"])
@pytest.mark.parametrize("zipped", [False, True])
def test_what_is_no_executed_report_is_named(tmp_path, no_browser, capsys, kind, zipped):
    content, path = contents(kind), tmp_path / f"report{'.zip' if zipped else '.ipynb'}"
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("report.ipynb" if content else "ana/report.ipynb", content or b"{}")
    elif content:
        path.write_bytes(content)
    assert run(path, "--out", tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert str(path) in said and said.strip().endswith(".")
    assert not (tmp_path / "out").exists()


def test_a_notebook_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch, notebook, capsys):
    monkeypatch.setattr(report, "MOST_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "ana.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(notebook, "report.ipynb")
    assert run(tmp_path / "ana.zip", "--out", tmp_path / "out") == 1
    assert "too much" in capsys.readouterr().err
