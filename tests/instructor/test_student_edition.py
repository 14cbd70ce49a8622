import gc
import json
import time
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.notebooknode import from_dict
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from instructor import __main__ as command
from instructor.notebooks import release, student_edition
from instructor.notebooks.execute import NOTEBOOKS
from instructor.notebooks.student_edition import (
    EditionError,
    answer_cells,
    differences,
    make_student_edition,
    parse,
)

ANSWER = '''# Exercise 1.5
def twice(x, by=2):
    """Multiplies."""
    ### BEGIN SOLUTION
    product = x * by
    return product
    ### END SOLUTION'''
STUB = '''# Exercise 1.5
def twice(x, by=2):
    """Multiplies."""
    return None  # your code here'''
VALUE = '# Exercise 1.6\n### BEGIN SOLUTION\nfavourite, other = 1, 2\nculprit = "glioma"\n### END SOLUTION'
CHECK = """# Check 1.5
### BEGIN HIDDEN TESTS
assert twice(21) == 42
### END HIDDEN TESTS
checks.check("1.5", twice)"""
FIGURE = {"image/png": "iVBORw0KGgo=", "text/plain": "A figure."}


PLACE = "**Your answer to Think! 1.10**\n\n"


def marked(grade_id, **roles):
    return {"nbgrader": {"grade_id": grade_id, "solution": False, "grade": False} | roles}


def printed(text):
    return new_output("stream", name="stdout", text=text)


@pytest.fixture
def solved():
    cells = [
        new_markdown_cell("[badge](https://x/blob/main/notebooks/01_a.ipynb)", id="title"),
        new_code_cell("answer = 42", id="intro", execution_count=1, outputs=[printed("1.25 s")]),
        new_code_cell(
            "len(slices)", id="count", execution_count=2, outputs=[printed("240")],
            metadata={"tags": ["nbval-check-output"]},
        ),
        new_code_cell(
            "plot()", id="plot", execution_count=3,
            outputs=[printed("took 3 s"), new_output("execute_result", FIGURE, execution_count=3)],
        ),
        new_code_cell(
            "plot()", id="riddle", execution_count=4, metadata={"tags": ["remove-output"]},
            outputs=[new_output("execute_result", FIGURE, execution_count=4)],
        ),
        new_markdown_cell("### Exercise 1.5: double", id="exercise-1-5-text"),
        new_code_cell(
            ANSWER, id="exercise-1-5", execution_count=4, outputs=[printed("debug")],
            metadata=marked("exercise-1-5", solution=True),
        ),
        new_code_cell(
            CHECK, id="check-1-5", execution_count=5, outputs=[printed("Correct.")],
            metadata=marked("check-1-5", grade=True) | {"tags": ["nbval-check-output"]},
        ),
        new_code_cell(VALUE, id="exercise-1-6", metadata=marked("exercise-1-6", solution=True)),
        new_markdown_cell(
            "**Your answer to Think! 1.10**\n\nSiblings are near copies of each other.", id="think-1-10",
            metadata=marked("think-1-10", solution=True, grade=True),
        ),
    ]  # fmt: skip
    return new_notebook(cells=cells)


@pytest.fixture
def student(solved):
    return make_student_edition(solved, "01_a.ipynb")


def by_id(notebook):
    return {cell.id: cell for cell in notebook.cells}


def test_solutions_and_hidden_tests_are_removed(solved, student):
    cells = by_id(student)
    assert cells["exercise-1-5"].source == STUB
    assert cells["exercise-1-6"].source == "# Exercise 1.6\nculprit = None  # your answer here"
    assert cells["check-1-5"].source == '# Check 1.5\nchecks.check("1.5", twice)'
    assert cells["think-1-10"].source == f"**Your answer to Think! 1.10**\n\n{student_edition.OPEN_STUB}"
    assert by_id(solved)["exercise-1-5"].source == ANSWER
    assert differences(solved, student) == []


def test_targets_are_kept_and_other_outputs_cleared(student):
    cells = by_id(student)
    assert [output.output_type for output in cells["plot"].outputs] == ["execute_result"]
    assert cells["plot"].execution_count == 3
    for name in ("intro", "count", "riddle", "exercise-1-5", "check-1-5"):
        assert cells[name].outputs == []
        assert cells[name].execution_count is None


def test_the_badge_opens_the_student_edition(student):
    assert "blob/main/notebooks/student/01_a.ipynb" in student.cells[0].source


@pytest.mark.parametrize(
    ("source", "solution"),
    [
        ("def f():\n    return 1", True),
        ("def f():\n    ### BEGIN SOLUTION\n    return 1", True),
        ("### BEGIN SOLUTION\nx = 1\n### END SOLUTION", False),
        ("### BEGIN HIDDEN TESTS\nassert f()", False),
    ],
)
def test_a_mark_without_its_counterpart_is_an_error(source, solution):
    cell = new_code_cell(source, id="exercise-1-5", metadata=marked("exercise-1-5", solution=solution))
    with pytest.raises(EditionError, match="'exercise-1-5'"):
        make_student_edition(new_notebook(cells=[cell]), "01_a.ipynb")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def twice", "def double"),
        ("by=2", "by=3"),
        ("x, by", "x, y, by"),
        ('"""Multiplies."""', '"""Adds."""'),
    ],
)
def test_a_stub_that_does_not_match_is_reported(solved, student, before, after):
    cell = by_id(student)["exercise-1-5"]
    cell.source = cell.source.replace(before, after)
    assert "cell 'exercise-1-5': the stub" in "".join(differences(solved, student))


def test_a_value_under_another_name_is_reported(solved, student):
    by_id(student)["exercise-1-6"].source = "# Exercise 1.6\nguilty = None"
    assert "cell 'exercise-1-6': the stub" in "".join(differences(solved, student))


def test_a_missing_answer_cell_is_reported(solved, student):
    student.cells = [cell for cell in student.cells if cell.id != "exercise-1-6"]
    assert differences(solved, student) == ["cell 'exercise-1-6' is missing from the student edition."]


@pytest.mark.parametrize("where", ["source", "text cell", "output", "table", "open answer"])
def test_a_visible_solution_is_reported(solved, student, where):
    cells = by_id(student)
    if where == "source":
        cells["intro"].source += "\n    product = x * by"
    elif where == "text cell":
        cells["exercise-1-5-text"].source += "\n\nWrite `product = x * by`."
    elif where == "output":
        cells["count"].outputs = [printed("product = x * by")]
    elif where == "table":
        cells["plot"].outputs[0].data["text/html"] = "<td>product = x * by</td>"
    else:
        cells["title"].source += "\nSiblings are near copies of each other."
    (said,) = differences(solved, student)
    assert "shows the solution of" in said


# ---- answers of a student's notebook ----


def test_the_answers_are_found(solved):
    assert answer_cells(solved) == {
        "1.5": ANSWER,
        "1.6": VALUE,
        "1.10": "**Your answer to Think! 1.10**\n\nSiblings are near copies of each other.",
    }


@pytest.mark.parametrize("lost", ["metadata", "first line", "nothing"])
def test_metadata_or_first_line_is_enough(student, lost):
    cell = by_id(student)["exercise-1-5"]
    cell.source = cell.source.replace("return None  # your code here", "return x * by")
    if lost == "metadata":
        cell.metadata = {"id": "xYz", "executionInfo": {"status": "ok"}}
    if lost == "first line":
        cell.source = cell.source.split("\n", 1)[1]
    assert "return x * by" in answer_cells(student)["1.5"]


@pytest.mark.parametrize("lost", ["metadata", "first line"])
def test_an_exercise_of_an_optional_notebook_begins_with_a_letter(student, lost):
    cell = by_id(student)["exercise-1-5"]
    cell.source = cell.source.replace("Exercise 1.5", "Exercise g.2.1" if lost == "metadata" else "Mine")
    cell.metadata.nbgrader["grade_id"] = "exercise-g-2-1" if lost == "first line" else "mine"
    assert list(answer_cells(student)) == ["G.2.1", "1.6", "1.10"]


def test_the_badge_of_an_optional_notebook_leads_to_its_student_edition(tmp_path):
    path = tmp_path / "beyond" / "a.ipynb"
    path.parent.mkdir()
    badge = "[![Open](b.svg)](https://colab.example/o/n/blob/main/notebooks/beyond/a.ipynb)"
    nbformat.write(new_notebook(cells=[new_markdown_cell(badge, id="title")]), path)
    (edition,) = release.build([path], tmp_path / "student")
    assert edition == tmp_path / "student" / "beyond" / "a.ipynb"
    assert "/notebooks/student/beyond/a.ipynb)" in edition.read_text(encoding="utf-8")
    assert release.complaints([path], tmp_path / "student") == []


def test_without_metadata_and_first_line_there_is_no_answer(student):
    cell = by_id(student)["exercise-1-5"]
    cell.source, cell.metadata = "twice = max", {}
    assert list(answer_cells(student)) == ["1.6", "1.10"]


def test_the_last_real_answer_of_several_counts(student):
    own = by_id(student)["exercise-1-5"]
    answers = [STUB.replace("None", f"x * {n}") for n in (2, 3)]
    for sources, expected in [
        ([*answers, STUB], answers[1]),
        ([STUB, *answers], answers[1]),
        ([STUB, STUB], STUB),
    ]:
        cells = [new_code_cell(source, metadata=own.metadata) for source in sources]
        assert answer_cells(new_notebook(cells=cells))["1.5"] == expected


def test_a_copied_cell_counts_for_what_its_first_line_says(student):
    own = by_id(student)["exercise-1-5"]
    copied = new_code_cell("# Exercise 1.6\nculprit = 'glioma'", metadata=own.metadata)
    student.cells.append(copied)
    assert answer_cells(student)["1.6"] == copied.source
    assert answer_cells(student)["1.5"] == STUB


METADATA = st.dictionaries(
    st.sampled_from(["nbgrader", "tags", "id"]),
    st.one_of(st.none(), st.integers(), st.text(), st.dictionaries(st.just("grade_id"), st.integers())),
)


@given(st.lists(st.tuples(st.text(), METADATA, st.booleans())))
def test_answers_can_be_searched_in_any_notebook(cells):
    made = [
        {"cell_type": "code" if code else "raw", "source": f"# Exercise 1.5\n{source}", "metadata": metadata}
        for source, metadata, code in cells
    ]
    assert set(answer_cells(from_dict({"cells": made}))) <= {"1.5"}


@pytest.mark.parametrize(
    "source",
    [
        STUB,
        "culprit = None",
        "# Exercise 1.5\ndef f(x):\n    pass",
        "%%time\nimport numpy as np\ndef f(x):\n    return None\n",
        student_edition.OPEN_STUB,
        f"{PLACE}{student_edition.OPEN_STUB}\n\n",
        PLACE,
    ],
)
def test_stubs_are_recognized(source):
    assert student_edition.is_stub(source)


@pytest.mark.parametrize(
    "source",
    [
        *(ANSWER, "x = 1", "def f(:", "", "f()", "def f():\n    return 0"),
        "# Exercise 1.5\nfrom helpers.images import to_uint8 as f",
        "def f():\n    return None\nfrom helpers.images import f",
        "def f():\n    return None\n!ls",
        f"{PLACE}{student_edition.OPEN_STUB}\n\nSiblings are near copies.",
        f"{PLACE}Siblings are near copies.",
        f"{PLACE}Siblings are near copies.\n\n{student_edition.OPEN_STUB}",
        f"{PLACE.strip()} Siblings are near copies.\n\n{student_edition.OPEN_STUB}",
    ],
)
def test_answers_are_not_stubs(source):
    assert not student_edition.is_stub(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = (1\n%2)", "x = (1\n%2)"),
        ("%%time\nx = 1\n%time y = 2", "\nx = 1\ny = 2"),
        ("\n\nx = !ls\n!pwd", "\n\nx = get_ipython().getoutput('ls')\nget_ipython().system('pwd')\n"),
        ("%%bash\nls\npwd", "\n\n"),
        ("x = '''\n!ls'''\n!ls", "x = '''\n!ls'''\nget_ipython().system('ls')\n"),
        ("def f(:\n    return 1", "def f(:\n    return 1"),
        ("!ls\n" * 9000 + "x", "!ls\n" * 9000 + "x"),  # IPython would take hours
    ],
)
def test_a_cell_becomes_python_with_the_same_lines(source, expected):
    assert student_edition.to_python(source) == expected


def test_an_answer_is_found_below_a_magic():
    cells = [new_code_cell("%%time\n!pip list\n# Exercise 1.5\nx = 1"), new_code_cell("x = 2 # Exercise 1.6")]
    assert [*answer_cells(new_notebook(cells=cells))] == ["1.5"]


def test_many_threads_can_parse_at_once():
    """With garbage collections in between, during which Python switches threads."""
    source = "\n".join(f"x{number} = f(g(h([{number}, (a, b, [c])])))" for number in range(100))
    before = gc.get_threshold()
    gc.set_threshold(50)
    gc.callbacks.append(switch_threads)
    try:
        with ThreadPoolExecutor(4) as pool:
            trees = list(pool.map(parse, [source] * 16))
    finally:
        gc.callbacks.remove(switch_threads)
        gc.set_threshold(*before)
    assert all(len(tree.body) == 100 for tree in trees)


def switch_threads(phase, info):
    time.sleep(0)


# ---- the committed student editions, and the command ----


def test_the_committed_student_editions_are_up_to_date():
    assert release.complaints(NOTEBOOKS, release.STUDENT_FOLDER) == []


def test_complaints_name_what_to_do(tmp_path):
    assert "there is no student edition" in release.complaints(NOTEBOOKS[:1], tmp_path)[0]
    (path,) = release.build(NOTEBOOKS[:1], tmp_path)
    assert release.complaints(NOTEBOOKS[:1], tmp_path) == []
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].source += " edited by hand"
    nbformat.write(notebook, path)
    (said,) = release.complaints(NOTEBOOKS[:1], tmp_path)
    assert "differs from a fresh build. Run python -m instructor build." in said


def test_the_command_fails_if_an_edition_is_outdated(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(release, "STUDENT_FOLDER", tmp_path)
    assert command.main(["build", "--check"]) == 1
    assert "Run python -m instructor build" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())
    assert command.main(["build"]) == 0
    assert command.main(["build", "--check"]) == 0


def test_a_check_that_does_not_say_not_attempted_is_reported(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("COURSE_DATA", raising=False)
    cells = [
        new_code_cell("import sys; sys.path.insert(0, '../..'); from helpers import checks", id="setup"),
        new_code_cell(
            'checks.check("2.2.2", None)', id="check-2-2", metadata=marked("check-2-2", grade=True)
        ),
        new_code_cell('checks.check("2.2.2", max)', id="check-2-3", metadata=marked("check-2-3", grade=True)),
    ]
    monkeypatch.setenv("PYTHONPATH", str(release.COURSE_FOLDER))
    nbformat.write(new_notebook(cells=cells), tmp_path / "tiny.ipynb")
    (said,) = release.attempted([tmp_path / "tiny.ipynb"], tmp_path, tmp_path / "out")
    assert "cell 'check-2-3'" in said


def test_a_notebook_that_colab_saved_has_a_student_edition(tmp_path):
    """Without ids and with a byte order mark, and the edition too; it is the same in each build."""
    path, folder = tmp_path / NOTEBOOKS[0].name, tmp_path / "student"
    stored = json.loads(NOTEBOOKS[0].read_text(encoding="utf-8")) | {"nbformat_minor": 0}
    for cell in stored["cells"]:
        cell["metadata"]["id"] = cell.pop("id")
    path.write_text("\ufeff" + json.dumps(stored), encoding="utf-8")
    (edition,) = release.build([path], folder)
    assert release.complaints([path], folder) == []
    edition.write_text("\ufeff" + edition.read_text(encoding="utf-8"), encoding="utf-8")
    (said,) = release.complaints([path], folder)
    assert "differs from a fresh build" in said
