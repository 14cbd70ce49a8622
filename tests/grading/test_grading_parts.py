"""The parts of grading that run nothing: which statements an answer needs, comparisons."""

import json
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pytest

from helpers.config.settings import COURSE_FOLDER
from instructor.grading import marks, reproduction
from instructor.grading.course import Course, checked_expression, visible_course
from instructor.grading.inside.answer_codec import encode
from instructor.grading.inside.context import needed, statements
from instructor.grading.papers import Cell, Paper, read_paper
from instructor.grading.stored import compare, same_words, similar_numbers
from instructor.grading.watch import Outcome
from tests.support import tiny_course as tiny

BEFORE = [
    "import numpy as np\nfrom helpers import datasets as made",
    "data = made.prepare(1)\nprint(data)",
    "probabilities = data.predict()",
    "def (",
    "speck = np.zeros(3)",
    "speck = speck + 1\ndata.fit(speck)",
]


def texts_needed(answer, own=(), before=BEFORE):
    course = [one for source in before for one in statements(source)]
    assigned = set()
    students = [one for source in own for one in statements(source, assigned)]
    return [one.text for one in needed(course, students, [compile(answer, "<answer>", "exec")])]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("def f(x):\n    return np.sum(x)", ["import numpy as np"]),
        ("def f(probabilities, data):\n    return probabilities + data", []),
        (
            "def f(x):\n    return x in data",
            ["from helpers import datasets as made", "data = made.prepare(1)"],
        ),
        ("speck.sum()", ["import numpy as np", "speck = np.zeros(3)", "speck = speck + 1"]),
        ("import numpy as np\nx = np.pi", []),
        ("x = [np for np in 'abc']", []),
        ("x = {np: data for np, data in {speck for speck in 'abc'}}", []),
        ("class A:\n    np = 1\n    def f(self):\n        return np", ["import numpy as np"]),
        ("def f():\n    def g():\n        return np\n    return g", ["import numpy as np"]),
    ],
)
def test_only_the_statements_that_an_answer_needs_are_run(answer, expected):
    assert texts_needed(answer) == expected


@pytest.mark.parametrize(
    ("own", "answer", "expected"),
    [
        ("import os, sys\nx = 1", "os.sep", ["import os, sys"]),
        ("from math import *", "sqrt(4)", ["from math import *"]),
        ("class A:\n    pass\nB = A()\nprint(B)", "B", ["class A:\n    pass", "B = A()"]),
        ("t = {}\nfor k in 'ab':\n    t[k] = 1\nprint(t)\nt.clear()", "t",
         ["t = {}", "for k in 'ab':\n    t[k] = 1", "t.clear()"]),
        ("try:\n    import a\nexcept ImportError:\n    a = None", "a",
         ["try:\n    import a\nexcept ImportError:\n    a = None"]),
        ("def f(x):\n    return np.pi", "f(1)", ["import numpy as np", "def f(x):\n    return np.pi"]),
        ("def speck():\n    pass", "speck()",  # what the student wrote last; the course's, if that fails here
         ["import numpy as np", "speck = np.zeros(3)", "speck = speck + 1", "def speck():\n    pass"]),
        ("np.random.seed(1)\nplt.plot(data)", "np.pi", ["import numpy as np"]),
    ],
)  # fmt: skip
def test_students_own_cells_count(own, answer, expected):
    assert texts_needed(answer, [own]) == expected


def test_the_checked_expression_is_read_from_the_check():
    source = "from helpers import checks\nchecks.check('1.2.1', decode_pid)"
    assert checked_expression(source, "1.2.1") == "decode_pid"
    assert checked_expression(source, "1.2.2") is None


@pytest.mark.parametrize(
    ("stored", "fresh", "alike"),
    [
        ("Dice 0.91 at 0.5, 10 slices", "Dice 0.93 at 0.5, 10 slices", True),
        ("Dice 0.91", "Dice 0.31", False),
        ("98.0% right", "96.1% right", True),
        ("475,779 parameters", "999,999 parameters", False),
        ("the worst has 0.9", "the best has 0.9", False),
        ("one 0.9", "one 0.9 0.8", False),
    ],
)
def test_numbers_of_a_training_may_differ_slightly(stored, fresh, alike):
    assert similar_numbers(stored, fresh) is alike


def test_reproducible_outputs_are_compared_word_by_word():
    assert same_words("a  b\n", "a b")
    assert not same_words("0.91", "0.92")


BANNER = "Course   version 1\nData     phantoms\nProfile  quick\n"
RAN = {"setup": BANNER}


@pytest.mark.parametrize(
    ("said", "fresh", "verdict"),
    [
        ({}, {}, "not compared"),
        (RAN | {"tagged": "two and two: 4\n"}, {1: BANNER, 8: "two and two: 4\n"}, "agree"),
        (RAN | {"tagged": "two and two: 5\n"}, {1: BANNER, 8: "two and two: 4\n"}, "differ"),
        (
            RAN | {"tagged": "two and two: 4\n"},
            {1: BANNER, 8: "bar 10%\rbar 20%\r       \rtwo and two: 4\n"},
            "agree",
        ),
        (RAN | {"tagged": "two and two: 4\n"}, {1: BANNER}, "not compared"),
        (RAN | {"tagged": "two and two: 5\n"}, {8: "two and two: 4\n"}, "not compared"),
        ({"tagged": "two and two: 5\n"}, {1: BANNER, 8: "two and two: 4\n"}, "not compared"),
        (RAN | {"tagged": "5"}, {1: BANNER.replace("quick", "full"), 8: "4"}, "not compared"),
        (
            {"setup": "Data     figshare\nProfile  full", "tagged": "two and two: 5"},
            {1: "Data     phantoms\nProfile  quick", 8: "two and two: 4"},
            "not compared",
        ),
    ],
)
def test_stored_results_are_compared_if_possible(said, fresh, verdict):
    paper = read_paper(tiny.with_outputs(tiny.notebook(), said).encode())
    compared = compare(paper, fresh)
    assert compared.verdict == verdict
    assert bool(compared.reason) == (verdict == "not compared")


@pytest.mark.parametrize("language", ["", "es"])
def test_the_courses_notebooks_agree_with_themselves(language):
    for path in sorted((COURSE_FOLDER / "notebooks" / language).glob("0*.ipynb")):
        paper = read_paper(path.read_bytes())
        compared = compare(
            paper, {place: cell.stored for place, cell in enumerate(paper.cells) if cell.stored}
        )
        assert compared.verdict == "agree" and compared.compared > 10


@pytest.fixture
def task(tmp_path):
    course = Course.load(tiny.student_edition(tmp_path))
    return next(task for task in course.notebooks[0].tasks if task.exercise.id == "1.2.2")


def right_outputs(task, seed):
    return [inputs[0].T for inputs in task.exercise.cases(np.random.default_rng(seed))]


def test_outputs_are_judged_outside_the_sandbox(task):
    texts = [encode(right_outputs(task, seed)) for seed in (1, 2)]
    assert marks.judge(task, {"outputs": texts}, [1, 2]).score == 1
    assert marks.judge(task, {"outputs": texts[::-1]}, [1, 2]).score == 0
    assert marks.judge(task, {"outputs": texts[:1] * 2}, [1, 2]).score == 0  # the worst trial counts
    assert marks.judge(task, {"outputs": texts}, [1, 2, 3]).score == 0


@pytest.mark.parametrize(
    "result",
    [None, 7, [], {}, {"outputs": None}, {"outputs": [1, None]}, {"outputs": ["{", "[]"]}, {"problem": 3},
     {"outputs": ['{"array": {}}', "[NaN]"]}, {"status": "correct", "score": 1}, {"outputs": ["9" * 99] * 2}],
)  # fmt: skip
def test_any_result_of_the_sandbox_gives_a_verdict(task, result):
    verdict = marks.judge(task, result, [1, 2])
    assert verdict.score == 0
    assert verdict.message


@pytest.mark.parametrize("result", [{"problem": "\ud800"}, {"outputs": ['"\\ud800"'] * 2}])
def test_lone_surrogates_are_replaced_in_a_message(task, result):
    assert marks.judge(task, result, [1, 2]).message.encode()


def test_lone_surrogates_are_replaced_in_a_rerun():
    lines = [
        {"begin": 1},
        {"outputs": [{"text": "\ud800"}], "error": "\ud800: \ud800"},
    ]
    said = "\n".join(map(json.dumps, lines)).encode()
    read = reproduction._read(
        read_paper(tiny.notebook().encode()), Outcome(said, "", "done", 0, 1.0), tiny.LIMITS
    )
    assert json.dumps(asdict(read), ensure_ascii=False).encode()


def test_several_answers_and_unusual_names_are_reported(tmp_path):
    paper = read_paper(tiny.notebook(*tiny.RIGHT, more=(f"{tiny.DECODE}return 'x'",)).encode())
    pristine = Course.load(tiny.student_edition(tmp_path)).notebooks[0]
    assert marks.notes(paper, pristine) == ["exercise 1.2.1 has several answers; the last was marked"]
    frames = "def peek():\n    return sys._getframe(1), getattr(helpers, 'models')"
    paper = read_paper(tiny.notebook(*tiny.RIGHT, more=(frames, "import os, sys")).encode())
    assert marks.notes(paper, pristine) == ["own cells use _getframe, getattr"]


def test_the_visible_course_is_sufficient_for_the_setup_cell(tmp_path):
    course = visible_course(tmp_path)
    program = "from helpers.config import settings; settings.start({})"
    subprocess.run([sys.executable, "-c", program], cwd=course, check=True, capture_output=True)
    assert not list(course.rglob("*.ipynb")) and not (course / "instructor").exists()
    assert [path.name for path in (course / "locales").rglob("*.*")] == ["course.mo"]  # no solutions


def test_a_later_answer_may_use_an_earlier_one():
    (pristine,) = [one for one in Course.load().notebooks if one.name.startswith("02")]
    answers = {
        "2.9.1": "# Exercise 2.9.1\ndef dice_of(truth, predicted):\n    return 'my own'",
        "2.9.2": "# Exercise 2.9.2\ndef best_threshold(t, p, thresholds):\n    return dice_of(t, p)",
    }
    paper = Paper([Cell("code", source) for source in answers.values()])
    job = next(one for one in marks._jobs(paper, pristine, answers) if one["id"] == "2.9.2")
    before = [statements(cell) if isinstance(cell, str) else cell for cell in job["cells"]]
    chosen = needed([one for cell in before for one in cell], [], [compile(answers["2.9.2"], "a", "exec")])
    assert any("my own" in one.text for one in chosen)
    assert any("checks.choose('2.9.1', dice_of)" in one.text for one in chosen)
