"""Each rule of the notebooks' standard, broken once in a synthetic notebook that keeps all others."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from instructor import __main__ as command
from instructor.notebooks import lint, markdown
from instructor.notebooks.execute import NOTEBOOKS, placed
from instructor.notebooks.release import STUDENT_FOLDER

TITLE = """# 1 · From files to a data set

[![Open In Colab](https://example.org/badge.svg)](https://colab.research.google.com/github/a/b/blob/main/01_a.ipynb)

**You will** see. **Time**: a minute. Go to [the end](#1.1-The-end), [notebook 2](02_b.ipynb)
or [its start](02_b.ipynb#Where-it-begins)."""
DATA = "Jun Cheng, doi 10.6084/m9.figshare.1512427, licence CC BY 4.0. `# no heading`"
ALT = "Two bars: glioma 112 slices of 19 patients, meningioma 55 of 18."
IMAGE = "![Bars](https://example.org/b.png)"
WIDGET = "application/vnd.jupyter.widget-view+json"


def shown(data, **options):
    return new_output("display_data", data, **options)


def figure(alt=ALT, text=ALT):
    return shown({"image/png": "iVBORw0KGgo=", "text/plain": text}, metadata={"image/png": {"alt": alt}})


def printed(text, name="stdout"):
    return new_output("stream", name=name, text=text)


@pytest.fixture
def notebook():
    cells = [
        new_markdown_cell(TITLE, id="title"),
        new_markdown_cell(DATA, id="data"),
        new_markdown_cell("## 1.0 Setup", id="setup-heading"),
        new_code_cell("start()", id="setup", metadata={"cellView": "form"}, outputs=[printed("Data: 3")]),
        new_markdown_cell("## Part A: all\n\n### 1.1 The end\n\n#### How many?", id="end-heading"),
        new_code_cell("bars()", id="bars", outputs=[figure()]),
        new_code_cell("count()", id="count", outputs=[new_output("execute_result", {"text/html": "<tr>"})]),
        new_markdown_cell("Most are gliomas.\n\n```\n# no heading\n```", id="bars-see"),
    ]
    for count, cell in enumerate([cell for cell in cells if cell.cell_type == "code"], start=1):
        cell.execution_count = count
    metadata = {"colab": {"toc_visible": True, "provenance": []}, "language_info": {"name": "python"}}
    return new_notebook(cells=cells, metadata=metadata)


@pytest.fixture
def said(notebook, tmp_path):
    """Change the notebook, write it, and return the complaints."""

    def break_it(change=lambda cells, notebook: None, folder=tmp_path):
        neighbour = new_notebook(cells=[new_markdown_cell("# Where it begins", id="a")])
        nbformat.write(neighbour, tmp_path / "02_b.ipynb")
        change({cell.id: cell for cell in notebook.cells}, notebook)
        path = folder / "01_a.ipynb"
        nbformat.write(notebook, path)
        return lint.complaints(path)

    return break_it


@pytest.mark.parametrize(
    "path",
    [*NOTEBOOKS, *(placed(path, STUDENT_FOLDER) for path in NOTEBOOKS)],
    ids=lambda path: f"{path.parent.parent.name}-{path.parent.name}-{path.stem}",
)
def test_the_course_keeps_the_standard(path):
    assert lint.complaints(path) == []


def test_the_synthetic_notebook_keeps_the_standard(said):
    assert said() == []


def source(cell_id, text):
    return lambda cells, notebook: cells[cell_id].update(source=text)


def replaced(cell_id, old, new=""):
    return lambda cells, notebook: cells[cell_id].update(source=cells[cell_id].source.replace(old, new))


def output(cell_id, *outputs):
    return lambda cells, notebook: cells[cell_id].update(outputs=list(outputs))


def executed(cell_id, count):
    return lambda cells, notebook: cells[cell_id].update(execution_count=count)


def cell_metadata(cell_id, **items):
    return lambda cells, notebook: cells[cell_id].metadata.update(items)


def metadata(**items):
    return lambda cells, notebook: notebook.metadata.update(items)


def outputs_by_pandas(rows):
    return new_output("execute_result", {"text/html": "<tr></tr>" * rows, "text/plain": "x" * 500})


BROKEN = {
    "no title": (replaced("title", "# 1 · "), "'# 1 · ' is missing"),
    "no badge": (replaced("title", "colab.research"), "'colab.research.google.com/github/' is missing"),
    "no time": (replaced("title", "**Time**"), "'**Time**' is missing"),
    "no licence": (replaced("data", "CC BY 4.0"), "'CC BY 4.0' is missing"),
    "no source": (replaced("data", "10.6084"), "is missing"),
    "no setup": (lambda cells, notebook: notebook.cells.pop(3), "cell 4 is not a code cell"),
    "no form": (lambda cells, notebook: cells["setup"].metadata.clear(), "shows as a form"),
    "a long cell": (source("bars", "x = 1\n" * 26), "'bars': 26 lines of code"),
    "long cells": (source("bars", "x = 1\n" * 24), "more than one code cell in ten"),
    "a random id": (lambda cells, notebook: cells["bars"].update(id="3f2a91bc"), "id is not made of words"),
    "an id of letters": (lambda cells, notebook: cells["bars"].update(id="deadbeef"), "id is not made of"),
    "a second title": (source("bars-see", "# Two\n\nWords."), "'Two' of level 1 follows"),
    "a level left out": (source("bars-see", "###### Deep\n\nWords."), "level 6 follows a heading of level 4"),
    "a number left out": (replaced("end-heading", "1.1", "1.2"), "should be 1.1"),
    "a bold heading": (replaced("end-heading", "## Part A: all", "**Part A: all**"), "should be a heading"),
    "not executed": (executed("count", None), "count None, expected 3"),
    "out of order": (executed("count", 7), "count 7, expected 3"),
    "an error": (output("count", new_output("error", ename="KeyError", evalue="", traceback=[])), "KeyError"),
    "stderr": (output("count", printed("W", "stderr")), "'count': writes to stderr"),
    "a widget": (output("count", shown({WIDGET: {}})), f"type {WIDGET}"),
    "a bar": (output("count", printed("\r 3%|#  |\r100%")), "a progress bar is left"),
    "a wide output": (output("count", printed("a\n" + "x" * 111)), "a line of 111 characters"),
    "a wide result": (output("count", shown({"text/plain": "x" * 111})), "a line of 111 char"),
    "a long output": (output("count", printed("x\n" * 41)), "41 lines of output"),
    "a long table": (output("count", outputs_by_pandas(41)), "a table of more than 40 rows"),
    "a path": (source("count", "open('/home/ann/1.mat')"), "'count': a path of one machine, /home/"),
    "a path in Windows": (source("count", r"open('C:\Users\ann')"), r"a path of one machine, C:\U"),
    "a printed path": (output("count", printed("saved in /tmp/x")), "a path of one machine, /tmp/"),
    "widget state": (metadata(widgets={}), "metadata: 'widgets' does not belong"),
    "a version": (metadata(language_info={"name": "python", "version": "3"}), "'version' does not belong"),
    "timestamps": (cell_metadata("bars", execution={}), "'bars': metadata 'execution' does not belong"),
    "no contents": (metadata(colab={}), "toc_visible is not set"),
    "a GPU for nothing": (metadata(accelerator="GPU"), "should not ask for a GPU"),
    "no GPU": (source("count", "import keras\n1"), "should ask for a GPU"),
    "a lost file": (replaced("title", "02_b.ipynb)", "02_c.ipynb)"), "links to 02_c.ipynb, but"),
    "a lost heading": (replaced("title", "#1.1-The-end", "#1.2"), "links to #1.2, but there is no such"),
    "a lost heading there": (replaced("title", "#Where-it", "#Were-it"), "02_b.ipynb#Were-it-begins, but"),
    "an image without alt": (replaced("title", "Open In Colab"), "'title': an image without alt text"),
    "an <img> without alt": (source("data", DATA + '\n\n<img src="a.png">'), "an image without alt text"),
    "an image without words": (source("bars-see", IMAGE), "what the image shows"),
    "a figure without alt": (output("bars", figure(alt="")), "'bars': a figure's alt text has"),
    "a short alt": (output("bars", figure(alt="A chart.")), "'bars': a figure's alt text has 40"),
    "HTML without alt": (output("count", shown({"text/html": "<img src='a'>"})), "alt text has"),
    "a figure without words": (source("bars-see", f"#### More\n\n{IMAGE}"), "'bars': no sentence after the"),
    "a large file": (output("count", shown({"image/png": "A" * 2_500_000})), "bytes stored"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "words"), BROKEN.values(), ids=BROKEN)
def test_each_broken_rule_is_reported(said, change, words):
    found = said(change)
    assert any(words in complaint for complaint in found), found
    assert all(complaint.startswith("01_a.ipynb, ") for complaint in found)


def test_a_repeated_id_is_reported(said, tmp_path):
    said()
    path = tmp_path / "01_a.ipynb"
    path.write_text(
        path.read_text(encoding="utf-8").replace('"id": "bars"', '"id": "count"'), encoding="utf-8"
    )
    assert "01_a.ipynb, cell 'count': 2 cells have this id." in lint.complaints(path)


@pytest.mark.parametrize("change", [
    output("count", outputs_by_pandas(40)),
    output("bars", figure(text=ALT * 9)),
    source("count", "url = 'https://example.org/home/x'"),
    source("bars-see", "- a list\n- says it, too"),
])  # fmt: skip
def test_allowed_variations_are_not_reported(said, change):
    assert said(change) == []


def test_in_a_student_edition_cells_without_outputs_have_no_count(said, tmp_path):
    def cleared(cells, notebook):
        cells["count"].update(outputs=[], execution_count=None)

    folder = tmp_path / "student"
    folder.mkdir()
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Where it begins")]), folder / "02_b.ipynb")
    assert said(cleared, folder) == []
    assert "count None, expected 3" in said(cleared)[0]


@pytest.mark.parametrize("edition", ["solved", "student"])
def test_an_optional_notebook_is_numbered_by_its_first_letter(said, tmp_path, edition):
    (tmp_path / edition / "beyond").mkdir(parents=True)
    changed = said() or (tmp_path / "01_a.ipynb").read_text(encoding="utf-8")
    for old, new in {"# 1 ": "# G ", "1.0": "G.0", "1.1": "G.1", "(02_b": "(../../02_b"}.items():
        changed = changed.replace(old, new)
    path = tmp_path / edition / "beyond" / "grad_cam.ipynb"
    path.write_text(changed, encoding="utf-8")
    assert lint.complaints(path) == []
    path.write_text(changed.replace("### G.1", "### 1.1"), encoding="utf-8")
    assert any("should be G.1" in complaint for complaint in lint.complaints(path))


def test_the_command_reports_findings_and_lists_links(said, tmp_path, capsys):
    said(replaced("data", "CC BY 4.0"))
    path = str(tmp_path / "01_a.ipynb")
    assert command.main(["lint", path]) == 1
    assert "01_a.ipynb, cell 'data': 'CC BY 4.0' is missing." in capsys.readouterr().err
    assert command.main(["lint", "--links", path]) == 1
    assert capsys.readouterr().out.split() == [
        "https://colab.research.google.com/github/a/b/blob/main/01_a.ipynb",
        "https://example.org/badge.svg",
    ]
    assert command.main(["lint"]) == 0


def test_a_file_without_a_number_is_refused_in_one_sentence(said, tmp_path):
    said()
    for name in ("mine.ipynb", "Copy of 01_a.ipynb", "1.ipynb", "\u0660\u0661_a.ipynb"):
        path = (tmp_path / "01_a.ipynb").rename(tmp_path / name)
        assert lint.complaints(path) == [
            f"{name}: the name does not begin with a number. Rename it, as in 03_name.ipynb."
        ]
        path.rename(tmp_path / "01_a.ipynb")


def test_markdown_is_parsed():
    text = "# A `b`\n\n[![x y](i.png)](a%20b.md)\n\n`[no](link)`\n\n    # code\n"
    assert markdown.headings(text) == [(1, "A b")]
    assert markdown.anchors(text) == {"A-b"}
    assert markdown.links(text) == ["a b.md", "i.png"]
    assert markdown.image_alts(text) == ["x y"]
    assert not markdown.has_sentence("# H\n\n![alt](i.png)\n\n```\ncode\n```")
    assert markdown.has_sentence("![alt](i.png) shows it.")
