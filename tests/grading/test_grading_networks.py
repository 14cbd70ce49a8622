"""Answers about networks, marked in the sandbox: Keras is loaded once, and each answer runs in a fork."""

import nbformat
import pytest

from helpers.config.settings import COURSE_FOLDER
from instructor.grading import marks
from instructor.grading.course import Pristine, visible_course
from instructor.grading.papers import read_paper
from instructor.grading.watch import Limits
from instructor.notebooks.student_edition import answer_cells, exercise_number, make_student_edition

NAME = "02_classification_and_segmentation"
SKIP_FIRST = """# Exercise 2.7
def decoder_block(x, skip, width):
    x = layers.Conv2DTranspose(width, 3, strides=2, padding="same", kernel_initializer="he_normal")(x)
    return convolution(convolution(layers.Concatenate()([skip, x]), width), width)
"""
NO_LOSS = (
    "# Exercise 2.8\ndef dice_loss(truth, probabilities):\n    return keras.ops.sum(probabilities[..., 1])\n"
)


@pytest.fixture(scope="module")
def marked(tmp_path_factory, sandbox_here):
    """The marks of a submission with one right answer, one that is half right, and one that is wrong."""
    solved = nbformat.read(COURSE_FOLDER / "notebooks" / f"{NAME}.ipynb", as_version=4)
    answers = {"2.2.3": answer_cells(solved)["2.2.3"], "2.7": SKIP_FIRST, "2.8": NO_LOSS}
    student = make_student_edition(solved, f"{NAME}.ipynb")
    pristine = Pristine(NAME, read_paper(nbformat.writes(student).encode()))
    for cell in student.cells:
        if cell.cell_type == "code":
            cell.source = answers.get(exercise_number(cell) or "", cell.source)
    paper = read_paper(nbformat.writes(student).encode())
    folder = tmp_path_factory.mktemp("course")
    folder.chmod(0o755)
    course = visible_course(folder)
    found = marks.mark(paper, pristine, sandbox_here, course, None, Limits())
    return {mark.id: mark for mark in found}


def test_a_network_gets_its_mark_in_the_sandbox(marked):
    assert marked["2.2.3"].status == "correct", marked["2.2.3"].message
    assert marked["2.2.3"].got == 4


def test_wrong_answers_about_networks_get_theirs(marked):
    assert marked["2.7"].got == 2
    assert "except for the order" in marked["2.7"].message
    assert marked["2.8"].got == 0
    assert marked["2.8"].status == "not yet"
    assert marked["2.3.1"].status == "not attempted"
