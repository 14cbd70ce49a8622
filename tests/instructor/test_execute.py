import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers.config.settings import COURSE_FOLDER
from instructor import __main__ as command
from instructor.notebooks.execute import NOTEBOOKS, NotebookError, read_notebook, run_course
from instructor.notebooks.export import page


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """Writes a notebook with the given code cells."""
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    for name in ("COURSE_DATA", "COURSE_PROFILE"):  # not delenv, which would not undo what `run_course` sets
        monkeypatch.setenv(name, "")
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


def test_the_page_of_an_optional_notebook_is_where_links_expect_it(notebook, tmp_path):
    (tmp_path / "beyond").mkdir()
    source = notebook("6 * 7").rename(tmp_path / "beyond" / "tiny.ipynb")
    assert run_course([source], tmp_path / "out") == [tmp_path / "out" / "beyond" / "tiny.html"]


def test_form_fields_do_not_change_what_runs(notebook, tmp_path):
    start = "from helpers import config; one = config.start(data='figshare', profile='full')"
    (page,) = run_course([notebook(start, "print(one.data + '-' + one.profile.name)")], tmp_path / "out")
    assert "phantoms-quick" in page.read_text()


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
        ("COURSE_DATA", "EMPTY", "it is empty"),
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


# ---- what Colab, VS Code, Kaggle and git leave in a file ----

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"


def plain():
    """The JSON of a small notebook."""
    cells = [new_markdown_cell("# 3 · Mine", id="title"), new_code_cell("1 + 1", id="sum")]
    return json.loads(nbformat.writes(new_notebook(cells=cells)))


def from_colab(notebook):
    notebook["nbformat_minor"] = 0
    for cell in notebook["cells"]:
        cell["metadata"]["id"] = cell.pop("id")


def without_ids(notebook):
    for cell in notebook["cells"]:
        del cell["id"]


def with_the_same_id(notebook):
    from_colab(notebook)
    for cell in notebook["cells"]:
        cell["metadata"]["id"] = "twice"


def with_a_repeated_id(notebook):
    notebook["cells"][1]["id"] = "title"


def with_ids_that_are_not_valid(notebook):
    from_colab(notebook)
    for cell in notebook["cells"]:
        cell["metadata"]["id"] = "a b"


def with_widgets(notebook):
    notebook["metadata"]["widgets"] = {WIDGET_STATE: {"ab": {"model_name": "HBoxModel", "state": {}}}}


def with_empty_widgets(notebook):
    notebook["metadata"]["widgets"] = {WIDGET_STATE: {}}


def from_vs_code(notebook):
    notebook["metadata"] = {"language_info": {"name": "python"}, "orig_nbformat": 4}
    for cell in notebook["cells"]:
        cell["metadata"]["vscode"] = {"languageId": "python"}


def from_kaggle(notebook):
    notebook["nbformat_minor"] = 4
    notebook["metadata"]["kaggle"] = {"accelerator": "none", "dataSources": []}
    without_ids(notebook)
    notebook["cells"][1]["metadata"] = {"_uuid": "8f2839f2", "_cell_guid": "b1076dfc", "trusted": True}


def version_3(notebook):
    cells = [
        {"cell_type": "heading", "level": 1, "metadata": {}, "source": ["3 · Mine"]},
        {"cell_type": "code", "input": ["1 + 1"], "language": "python", "metadata": {}, "outputs": []},
    ]
    notebook.clear()
    notebook |= {
        "metadata": {"name": ""},
        "nbformat": 3,
        "nbformat_minor": 0,
        "worksheets": [{"cells": cells}],
    }


@pytest.mark.parametrize(
    ("change", "ids"),
    [
        (from_colab, ["title", "sum"]),
        (without_ids, ["cell-1", "cell-2"]),
        (with_the_same_id, ["twice", "cell-2"]),
        (with_a_repeated_id, ["title", "cell-2"]),
        (with_ids_that_are_not_valid, ["cell-1", "cell-2"]),
        (with_widgets, ["title", "sum"]),
        (with_empty_widgets, ["title", "sum"]),
        (from_vs_code, ["title", "sum"]),
        (from_kaggle, ["cell-1", "cell-2"]),
        (version_3, ["cell-1", "cell-2"]),
    ],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "with a byte order mark"])
def test_a_notebook_is_read_whoever_saved_it(tmp_path, change, ids, mark):
    stored = plain()
    change(stored)
    path = tmp_path / "03_mine.ipynb"
    path.write_text(mark + json.dumps(stored), encoding="utf-8", newline="\r\n")
    notebook = read_notebook(path)
    assert [cell.id for cell in notebook.cells] == ids
    assert notebook.cells[1].source == "1 + 1"
    assert read_notebook(path) == notebook  # the same ids each time, as student editions need
    nbformat.validate(notebook)
    assert "Mine" in page(notebook, "mine")
    assert command.main(["lint", str(path)]) == 1


def conflict():
    lines = json.dumps(plain(), indent=1).splitlines()
    return "\n".join(
        [*lines[:5], "<<<<<<< HEAD", *lines[5:7], "=======", ">>>>>>> theirs", *lines[7:]]
    ).encode()


@pytest.mark.parametrize("word", ["run", "lint"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        (b"", "not a valid notebook"),
        (b"<html>", "not a valid notebook"),
        (b"[]", "JSON without the key 'nbformat'"),
        (b'{"cells": []}', "JSON without the key 'nbformat'"),
        (json.dumps(plain())[:-20].encode(), "not a valid notebook"),
        (json.dumps(plain() | {"cells": 3}).encode(), "not a valid notebook"),
        (json.dumps(plain() | {"cells": ["a"]}).encode(), "not a valid notebook"),
        (json.dumps(plain() | {"nbformat": 5}).encode(), "Unsupported nbformat version 5"),
        (json.dumps(plain() | {"metadata": {"widgets": None}}).encode(), "not a valid notebook"),
        (json.dumps(plain()).encode("utf-16"), "can't decode"),
        (b"[" * 100_000, "recursion"),
        (conflict(), "line 6 has a merge-conflict mark. Resolve it"),
    ],
    ids=range(13),
)
def test_what_is_no_notebook_is_refused_in_one_sentence(
    tmp_path, monkeypatch, capsys, caplog, word, content, said
):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    path = tmp_path / "03_mine.ipynb"
    if content is not None:
        path.write_bytes(content)
    out = ["--out", str(tmp_path / "out")] if word == "run" else []
    assert command.main([word, str(path), *out]) == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith(f"{path} cannot be read: ") and said in error
    assert len(error.splitlines()) == 1 and not caplog.records


def test_a_notebook_that_colab_saved_runs(notebook, tmp_path):
    path = notebook("1 + 1")
    stored = json.loads(path.read_text(encoding="utf-8"))
    from_colab(stored)
    with_widgets(stored)
    path.write_text("\ufeff" + json.dumps(stored), encoding="utf-8")
    (html,) = run_course([path], tmp_path / "out")
    assert "2" in html.read_text(encoding="utf-8")
    assert read_notebook(tmp_path / "out" / path.name).cells[0].id == "cell-1"


def test_a_failing_cell_without_an_id_is_named(notebook, tmp_path):
    path = notebook("1", "1 / 0")
    stored = json.loads(path.read_text(encoding="utf-8"))
    without_ids(stored)
    path.write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(NotebookError, match="cell 'cell-2': ZeroDivisionError"):
        run_course([path], tmp_path / "out")


def test_the_course_is_read_as_nbformat_reads_it():
    for path in NOTEBOOKS:
        assert read_notebook(path) == nbformat.read(path, as_version=4)
