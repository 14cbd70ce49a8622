"""A course of one small notebook with two real exercises and a free-text question, to test grading."""

import json
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from instructor.grading.watch import Limits

NAME = "01_tiny"
SETUP = "import numpy as np\nprint('Data     none')\nprint('Profile  quick')"
DECODE = "# Exercise 1.2.1\ndef decode_pid(codes):\n    "
UPRIGHT = "# Exercise 1.2.2\ndef upright(stored):\n    "
STUBS = (f"{DECODE}return None  # your code here", f"{UPRIGHT}return None  # your code here")
RIGHT = (f"{DECODE}return ''.join(chr(code) for code in codes[:, 0])", f"{UPRIGHT}return stored.T")
CHECK_DECODE = "# Check 1.2.1\nfrom helpers import checks\n\nchecks.check('1.2.1', decode_pid)"
CHECK_UPRIGHT = "# Check 1.2.2\nchecks.check('1.2.2', upright)"
QUESTION = "**Your answer to Think! 1.10**\n\n"
BLANK = f"{QUESTION}*Write your answer here: a double click opens this cell.*"
POINTS = 2  # of the two exercises; the question has 3
LIMITS = Limits(
    seconds=45,
    cell_seconds=8,  # enough for a gigabyte on a busy machine
    answer_seconds=8,
    memory_bytes=1 << 30,
    processes=40,
    output_bytes=2 << 20,
    disk_bytes=64 << 20,
)


def _nbgrader(cell, grade_id: str, **more):
    cell.metadata.nbgrader = {"grade_id": grade_id, "schema_version": 3, **more}
    return cell


def cells(decode: str = STUBS[0], upright: str = STUBS[1], question: str = BLANK, more: tuple = ()) -> list:
    """Return the cells of a notebook with the given answers, and additional code cells at the end."""
    made = [
        new_markdown_cell("# 1 · A tiny notebook", id="title"),
        new_code_cell(SETUP, id="setup"),
        new_markdown_cell("## 1.2 Inside one file", id="heading-inside"),
        _nbgrader(new_code_cell(decode, id="exercise-1-2-1"), "exercise-1-2-1", solution=True),
        _nbgrader(new_code_cell(CHECK_DECODE, id="check-1-2-1"), "check-1-2-1", grade=True, points=1),
        _nbgrader(new_code_cell(upright, id="exercise-1-2-2"), "exercise-1-2-2", solution=True),
        _nbgrader(new_code_cell(CHECK_UPRIGHT, id="check-1-2-2"), "check-1-2-2", grade=True, points=1),
        _nbgrader(new_markdown_cell(question, id="think-1-10"), "think-1-10", solution=True, grade=True,
                  points=3),
        new_code_cell("print('two and two:', 2 + 2)", id="tagged", metadata={"tags": ["nbval-check-output"]}),
    ]  # fmt: skip
    return [*made, *(new_code_cell(source, id=f"more-{place}") for place, source in enumerate(more))]


def notebook(*answers: str, **named) -> str:
    """Return the text of a notebook file; arguments as for `cells`."""
    return nbformat.writes(new_notebook(cells=cells(*answers, **named)))


def with_outputs(text: str, said: dict[str, str]) -> str:
    """Return the notebook with stored outputs of some cells."""
    made = nbformat.reads(text, as_version=4)
    for cell in made.cells:
        if cell.id in said:
            cell.outputs = [new_output("stream", name="stdout", text=said[cell.id])]
    return nbformat.writes(made)


def as_colab_saves(text: str) -> str:
    """Return the notebook as Colab writes it: minor version 0, ids in the metadata."""
    made = json.loads(text)
    made["nbformat_minor"] = 0
    for cell in made["cells"]:
        cell["metadata"]["id"] = f"Xy{abs(hash(cell.pop('id'))):x}"[:12]
    return json.dumps(made)


def student_edition(folder: Path) -> Path:
    """Write the student edition to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{NAME}.ipynb").write_text(notebook(), encoding="utf-8")
    return folder
