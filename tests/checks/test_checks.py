"""Each check, with the notebook's own solution and with the mistakes that students make."""

import functools
import inspect
import pickle
import re
import warnings
from copy import deepcopy
from functools import cache
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest

from helpers import checks, datasets, evaluation, splits
from helpers.checks import CORRECT, EXERCISES, NOT_ATTEMPTED, NOT_YET, MissingOutput, answer_types
from helpers.checks.exercise import COURSES_OWN
from helpers.checks.segmentation import EXPLANATIONS
from helpers.evaluation import dice as course_dice
from instructor.grading.course import checked_expression
from instructor.grading.inside.context import needed, statements
from instructor.notebooks import student_edition
from instructor.notebooks.execute import NOTEBOOKS
from tests.support import mistakes, right_answers
from tests.support.network_answers import NETWORK_MISTAKES  # checked in test_network_checks.py

CELLS = [cell for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells]
SOLVED = student_edition.answer_cells(SimpleNamespace(cells=CELLS))
CHECKED = [
    number for number, one in EXERCISES.items() if one.kind != "open" and number not in NETWORK_MISTAKES
]
CHOSEN = [number for number in CHECKED if any(f'checks.choose("{number}"' in one.source for one in CELLS)]
MISTAKES, RIGHT = mistakes.MISTAKES, right_answers.RIGHT
SEEDS = 40


def solution(number, source=None):
    """What the check cell is given if an answer cell holds this source, by default the solution."""
    source = SOLVED[number] if source is None else source
    slug = number.replace(".", "-").lower()
    code = [cell.source for cell in CELLS if cell.cell_type == "code"]
    expression = next(filter(None, (checked_expression(text, number) for text in code)))
    before = CELLS[: next(n for n, cell in enumerate(CELLS) if cell.id == f"check-{slug}")]
    names = {}
    answer = [compile(text, "<answer>", "exec") for text in (source, expression)]
    cells = [cell.source for cell in before if cell.cell_type == "code"][:-1]
    for one in needed([one for cell in cells for one in statements(cell)], [], answer):
        exec(one.text, names)
    exec(source, names)
    return eval(expression, names)


@cache
def drawn(number, seed):
    return EXERCISES[number].cases(np.random.default_rng(seed))


def verdict(number, answer, seed):
    exercise, cases = EXERCISES[number], drawn(number, seed)
    return exercise.judge(cases, checks.run_answer(exercise, answer, cases))


def test_every_exercise_is_solved_in_a_notebook():
    assert sorted(SOLVED) == sorted(EXERCISES)
    assert sorted(MISTAKES) == sorted(CHECKED)


@pytest.mark.parametrize("number", CHECKED)
def test_right_answers_are_correct_whatever_the_inputs(number):
    """The solution, the course's own answer, and answers in other styles."""
    answers = [solution(number), *map(right_answers.evaluated, RIGHT[number])]
    assert len(RIGHT[number]) >= 5
    for answer in answers:
        verdicts = [verdict(number, answer, seed) for seed in range(SEEDS)]
        assert {str(one) for one in verdicts if one.status != CORRECT} == set()
        assert {one.score for one in verdicts} == {1.0}
        assert len({str(one) for one in verdicts}) == 1  # stored outputs of notebooks are compared


@pytest.mark.parametrize("number", CHOSEN)
def test_later_cells_can_use_the_courses_own_answer(number):
    reference, own = EXERCISES[number].reference, solution(number)
    assert reference is not None
    cases = drawn(number, 1)
    if EXERCISES[number].kind == "function":
        assert list(inspect.signature(reference).parameters) == list(inspect.signature(own).parameters)
        with warnings.catch_warnings(action="ignore"):  # of SciPy, about a single resample
            outputs = [reference(*inputs) for inputs in cases]
        assert EXERCISES[number].judge(cases, outputs).score == 1


@pytest.mark.parametrize(
    ("number", "source", "words", "score"),
    [(number, *mistake) for number, all_of_it in MISTAKES.items() for mistake in all_of_it],
)
def test_a_mistake_is_caught_with_a_reason(number, source, words, score):
    answer = mistakes.wrong(source)
    verdicts = [verdict(number, answer, seed) for seed in range(SEEDS)]
    if score is None:
        assert {one.status for one in verdicts} == {NOT_ATTEMPTED}
        return
    assert {one.status for one in verdicts} == {NOT_YET}
    for one in verdicts:
        assert re.search(words, one.message, re.IGNORECASE), one
        assert one.score == score, one


@pytest.mark.parametrize("number", CHECKED)
def test_six_mistakes_have_messages_of_their_own(number):
    seen = {
        re.sub(r"[\d.,]+|'[^']*'", "#", verdict(number, mistakes.wrong(source), 1).message)
        for source, _, score in MISTAKES[number]
        if score is not None
    }
    assert len(seen) >= (5 if number == "2.10.1" else 6)  # which has four choices


@pytest.mark.parametrize("number", CHECKED)
def test_a_stub_is_not_attempted(number):
    cell = next(cell for cell in CELLS if student_edition.exercise_number(cell) == number)
    stub = solution(number, student_edition.stub(cell))
    assert verdict(number, stub, 0).status == NOT_ATTEMPTED
    assert checks.check(number, None).status == NOT_ATTEMPTED


def test_the_points_are_shown():
    assert str(verdict("2.9.1", solution("2.9.1"), 0)).endswith("(2 of 2 points)")
    assert str(verdict("2.9.1", None, 0)).endswith("(0 of 2 points)")
    assert str(verdict("1.8", None, 0)).endswith("(0 of 1 point)")
    assert str(verdict("2.2.2", lambda k, c, f: float(f * (k * k * c + 1)), 0)).endswith("(0.5 of 1 point)")


@pytest.mark.parametrize(
    ("status", "colour"), [(CORRECT, "009e73"), (NOT_YET, "d55e00"), (NOT_ATTEMPTED, "767676")]
)
def test_a_notebook_shows_a_box(status, colour):
    shown = checks.Verdict(status, "a < b & 'c'", 0.5, 2)._repr_html_()
    assert shown.startswith('<div role="status"') and colour in shown
    assert f"<b>{status.capitalize()}.</b> a &lt; b &amp; &#x27;c&#x27; (1 of 2 points)" in shown
    assert "background: #fff; color: #1a1a1a" in shown  # readable on a dark page


HELPER_ANSWERS = {
    "evaluation.dice": ("2.9.1", lambda t, p: evaluation.dice(t[None], p[None])[0]),
    "dice": ("2.9.1", lambda t, p: course_dice(t[None], p[None])[0]),
    "resize_mask": ("1.6", lambda m, f: datasets.resize_mask(m, len(m) // f)),
    "to_uint8": ("1.5", lambda i: datasets.to_uint8(i)),
    "split": ("2.1.1", lambda labels, seed: vars(splits.classification_split(labels, seed))),
    "EXERCISES": ("1.8", lambda p: checks.EXERCISES["1.8"].compare((p,), p)),
    "reference": ("2.9.1", EXERCISES["2.9.1"].reference),
    "function": ("1.5", datasets.to_uint8),
    "inner": ("1.5", lambda i: next(datasets.to_uint8(one) for one in [i])),
    "own function": ("1.5", lambda i: wraps_it(i)),
    "import": ("1.5", lambda i: imports_it(i)),
}


def wraps_it(image):
    return datasets.to_uint8(image)


def imports_it(image):
    from helpers import datasets as mine

    return mine.to_uint8(image)


@pytest.mark.parametrize("how", HELPER_ANSWERS)
def test_the_courses_own_function_is_not_an_answer(how):
    found = checks.check(*HELPER_ANSWERS[how])
    assert found.status == NOT_YET and found.score == 0
    assert found.message.startswith(COURSES_OWN)


def test_the_check_after_choose_advises_to_run_the_answer_cell_again(capsys):
    chosen = checks.choose("2.9.1", lambda t, p: 0.5)
    assert "is not correct yet: from here on, the notebook uses the course's own" in capsys.readouterr().out
    assert "run your answer cell again" in checks.check("2.9.1", chosen).message
    mine = solution("2.9.1")
    assert checks.choose("2.9.1", mine) is mine


def test_the_courses_functions_may_be_building_blocks():
    def best(truth, probabilities, thresholds):
        return max(thresholds, key=lambda one: evaluation.dice(truth, probabilities >= one).mean())

    assert verdict("2.9.2", best, 0).status == CORRECT


def test_what_a_function_prints_is_shown(capsys):
    def talks(patient):
        print("looking at", patient)
        return patient.rstrip("ABCDEF")

    assert verdict("1.8", talks, 0).status == CORRECT
    assert capsys.readouterr().out.count("looking at") == 10


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (b"MR", r"a bytes. .decode\(\) makes text"),
        ({1, 2}, "a set. sorted"),
        (map(str, "a"), "a map. list"),
        (..., "an ellipsis. Three dots"),
        ([1, {2}], "holds a set"),
        (pd.Series([1], index=[3]).groupby(level=0), "returned a SeriesGroupBy"),
    ],
)
def test_other_types_are_named_with_a_way_out(output, words):
    assert re.search(words, answer_types.foreign(answer_types.plain(output)))


def test_tables_and_tensors_become_plain():
    plain = answer_types.plain
    assert plain(pd.Series([4, 5], index=["a", "b"])) == {"a": 4, "b": 5}
    assert type(plain(pd.Series([4, 5]))) is type(plain(pd.Index([4, 5]))) is np.ndarray
    assert plain(np.array("text")) == "text" and plain(np.array(3)) == 3


class AlwaysEqual:
    def __eq__(self, other):
        return True

    __ne__ = __lt__ = __gt__ = __le__ = __ge__ = lambda self, other: False

    def __hash__(self):
        return 0

    def __array__(self, dtype=None, copy=None):
        return np.zeros(1)


class SlyInt(int):
    __eq__ = AlwaysEqual.__eq__
    __hash__ = AlwaysEqual.__hash__


class SlyArray(np.ndarray):
    __eq__ = AlwaysEqual.__eq__
    __hash__ = AlwaysEqual.__hash__


@pytest.mark.parametrize("number", CHECKED)
@pytest.mark.parametrize(
    "impostor",
    [AlwaysEqual(), SlyInt(3), np.zeros((2, 2)).view(SlyArray), True, float("nan"), 1j, np.complex64(1)],
)
def test_an_impostor_does_not_pass(number, impostor):
    for answer in (impostor, lambda *_: impostor, lambda *_: (impostor, impostor), lambda *_: {1: impostor}):
        found = verdict(number, answer, 0)
        assert found.status == NOT_YET
        assert found.score == 0


@pytest.mark.parametrize("expect", [answer_types.whole, answer_types.number, answer_types.text])
def test_true_is_neither_a_number_nor_a_text(expect):
    with pytest.raises(answer_types.Incorrect, match="True"):
        expect(True)


@pytest.mark.parametrize("number", CHECKED)
def test_an_answer_that_changes_its_inputs_changes_a_copy(number):
    exercise = EXERCISES[number]
    cases = exercise.cases(np.random.default_rng(0))
    answer = solution(number)

    def spoils(*inputs):
        result = deepcopy(answer(*inputs))
        for array in inputs:
            if isinstance(array, np.ndarray) and array.dtype.kind != "U":
                array[:] = 0
        return result

    if exercise.kind == "function":
        assert exercise.judge(cases, checks.run_answer(exercise, spoils, cases)).status == CORRECT


def test_an_output_that_later_calls_change_is_judged_as_it_was():
    counts = {}

    def reuses_its_dict(labels, patients):
        counts.update({label: len(set(patients[labels == label])) for label in (1, 2, 3)})
        return counts

    assert checks.check("1.9", reuses_its_dict).status == CORRECT


def test_an_output_that_cannot_be_copied_is_described():
    found = checks.check("1.2.2", lambda stored: (row for row in stored.T))
    assert "It returned a generator" in found.message


@pytest.mark.parametrize("error", [ValueError("no\nway"), SystemExit(0), RecursionError(), KeyError("x")])
def test_an_error_becomes_a_message(error):
    def fails(codes):
        raise error

    found = checks.check("1.2.1", fails)
    assert found.status == NOT_YET
    assert f"stopped with {type(error).__name__}" in found.message
    assert "an array of" in found.message


def test_an_interrupted_check_is_interrupted():
    def stopped(codes):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checks.check("1.2.1", stopped)


def test_a_call_instead_of_the_function_is_named():
    found = checks.check("1.2.2", np.zeros((3, 3)))
    assert "an array of (3, 3) float64, not a function" in found.message


def test_too_few_outputs_are_worth_nothing():
    exercise = EXERCISES["2.2.2"]
    cases = exercise.cases(np.random.default_rng(0))
    assert exercise.judge(cases, []).score == 0
    assert exercise.judge(cases, [MissingOutput("no result")] * len(cases)).message == "no result"


def test_the_inputs_are_new_each_time():
    for number in set(CHECKED) - {"2.10.1"}:
        exercise = EXERCISES[number]
        drawn = {pickle.dumps(exercise.cases(np.random.default_rng(seed))) for seed in range(5)}
        assert len(drawn) == 5


def test_hints_and_rubrics(capsys):
    for number, exercise in EXERCISES.items():
        checks.hint(number)
        assert len(capsys.readouterr().out) > 20
        if exercise.kind == "open":
            assert sum(points for _, points in exercise.rubric) == exercise.points
            checks.rubric(number)
            lines = capsys.readouterr().out.splitlines()
            assert sum(line.startswith("- ") for line in lines) == len(exercise.rubric)
            assert max(map(len, lines)) <= 96


def test_the_explanations_are_those_of_the_notebook():
    text = next(cell.source for cell in CELLS if cell.id == "exercise-2-10-1-text")
    assert dict(re.findall(r"- \*\*(.)\*\* (.*)", text)) == EXPLANATIONS


def test_an_unknown_number_is_refused():
    with pytest.raises(checks.CheckError, match=r"no exercise '1\.2\.7'\. Did you mean '1\.2\.[12]'"):
        checks.check("1.2.7", None)
    for number in (2.9, 2):
        for function in (checks.hint, lambda number: checks.check(number, None)):
            with pytest.raises(checks.CheckError, match=f'between quotes: "{number}", not {number}'):
                function(number)
    with pytest.raises(checks.CheckError, match="open question"):
        checks.check("1.10", "text")
    with pytest.raises(checks.CheckError, match="not an open question"):
        checks.rubric("1.5")


@pytest.mark.parametrize("number", CHECKED)
@pytest.mark.parametrize("output", [[[1, 2], [3]], ([1, [2]], 3), 10**400, {"": None}, [], ""])
def test_an_output_of_any_form_is_judged(number, output):
    exercise = EXERCISES[number]
    cases = drawn(number, 1)
    assert exercise.judge(cases, [output] * len(cases)).score < 1


class Helper:
    def method(self, *inputs):
        return evaluation.nearest(*inputs)


@pytest.mark.parametrize(
    "answer",
    [
        functools.partial(evaluation.nearest),
        functools.partial(functools.partial(EXERCISES["2.11"].reference)),
        Helper().method,
        (lambda own: lambda *inputs: own(*inputs))(evaluation.nearest),
    ],
    ids=["partial", "reference", "method", "closure"],
)
def test_the_courses_own_function_is_recognised_behind_another(answer):
    found = checks.check("2.11", answer)
    assert (found.status, found.score) == (NOT_YET, 0.0)
    assert COURSES_OWN in found.message
