"""Each check, with the notebook's own solution and with the mistakes that students make."""

import ast
import pickle
import re
from copy import deepcopy

import nbformat
import numpy as np
import pytest

from helpers import checks
from helpers.checks import CORRECT, EXERCISES, NOT_ATTEMPTED, NOT_YET, MissingOutput, answer_types
from helpers.config.environment import COURSE_FOLDER
from instructor.notebooks import student_edition
from tests.support.mistakes import MISTAKES, wrong
from tests.support.network_answers import NETWORK_MISTAKES

NOTEBOOKS = sorted((COURSE_FOLDER / "notebooks").glob("[0-9]*.ipynb"))
SOLVED = {
    number: source
    for path in NOTEBOOKS
    for number, source in student_edition.answer_cells(nbformat.read(path, as_version=4)).items()
}
CHECKED = [  # the others are in test_network_checks.py
    number
    for number, exercise in EXERCISES.items()
    if exercise.kind != "open" and number not in NETWORK_MISTAKES
]


def defined(source):
    """The function or value that an answer cell defines last."""
    names = {"np": np}
    exec(source, names)
    last = ast.parse(source).body[-1]
    return names[last.name if isinstance(last, ast.FunctionDef) else last.targets[0].id]


def verdict(number, answer, seed):
    exercise = EXERCISES[number]
    cases = exercise.cases(np.random.default_rng(seed))
    return exercise.judge(cases, checks.run_answer(exercise, answer, cases))


def test_every_exercise_is_solved_in_a_notebook():
    assert sorted(SOLVED) == sorted(EXERCISES)
    assert sorted(MISTAKES) == sorted(CHECKED)


@pytest.mark.parametrize("number", CHECKED)
def test_the_solution_is_correct_whatever_the_inputs(number):
    answer = defined(SOLVED[number])
    verdicts = [verdict(number, answer, seed) for seed in range(30)]
    assert {str(one) for one in verdicts if one.status != CORRECT} == set()
    assert {one.score for one in verdicts} == {1.0}
    assert len({str(one) for one in verdicts}) == 1  # stored outputs of notebooks are compared


@pytest.mark.parametrize(
    ("number", "source", "words", "score"),
    [(number, *mistake) for number, mistakes in MISTAKES.items() for mistake in mistakes],
)
def test_a_mistake_is_caught_with_a_reason(number, source, words, score):
    answer = wrong(source)
    verdicts = [verdict(number, answer, seed) for seed in range(20)]
    if score is None:
        assert {one.status for one in verdicts} == {NOT_ATTEMPTED}
        return
    assert {one.status for one in verdicts} == {NOT_YET}
    for one in verdicts:
        assert re.search(words, one.message, re.IGNORECASE), one
        assert one.score == score, one


@pytest.mark.parametrize("number", CHECKED)
def test_four_mistakes_have_messages_of_their_own(number):
    seen = {
        re.sub(r"[\d.,]+|'[^']*'", "#", verdict(number, wrong(source), 1).message)
        for source, _, score in MISTAKES[number]
        if score is not None
    }
    assert len(seen) >= 4


@pytest.mark.parametrize("number", CHECKED)
def test_a_stub_is_not_attempted(number):
    cell = next(
        cell for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells
        if student_edition.exercise_number(cell) == number
    )  # fmt: skip
    answer = defined(student_edition.stub(cell))
    assert checks.check(number, answer).status == NOT_ATTEMPTED
    assert checks.check(number, None).status == NOT_ATTEMPTED


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
        found = checks.check(number, answer)
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
    answer = defined(SOLVED[number])

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


def test_an_unknown_number_is_refused():
    with pytest.raises(checks.CheckError, match=r"no exercise '1\.2\.7'\. Did you mean '1\.2\.[12]'"):
        checks.check("1.2.7", None)
    with pytest.raises(checks.CheckError, match="open question"):
        checks.check("1.10", "text")
    with pytest.raises(checks.CheckError, match="not an open question"):
        checks.rubric("1.5")
