"""The checks of the exercises about networks, with right answers in several styles and with mistakes."""

import re
import subprocess
import sys

import numpy as np
import pytest

from helpers import checks
from helpers.checks import CORRECT, EXERCISES, NOT_ATTEMPTED, NOT_YET
from tests.support.network_answers import NETWORK_MISTAKES, NETWORK_RIGHT, evaluated

SLOW = {"2.2.3", "2.7", "2.8"}  # Keras builds a network or a graph for each
CHOSEN = ["2.2.1", "2.2.3", "2.3.1", "2.3.2", "2.3.3", "2.7", "2.8"]


def seeds(number, many=40):
    return range(2 if number in SLOW else many)


def verdict(number, answer, seed):
    exercise = EXERCISES[number]
    cases = exercise.cases(np.random.default_rng(seed))
    return exercise.judge(cases, checks.run_answer(exercise, answer, cases))


@pytest.mark.parametrize(
    ("number", "source"), [(number, one) for number, sources in NETWORK_RIGHT.items() for one in sources]
)
def test_a_right_answer_in_any_style_is_correct(number, source):
    answer = evaluated(source)
    verdicts = {verdict(number, answer, seed) for seed in seeds(number)}
    assert verdicts == {checks.Verdict(CORRECT, EXERCISES[number].correct_message, 1.0)}


@pytest.mark.parametrize(
    ("number", "source", "words", "score"),
    [(number, *one) for number, mistakes in NETWORK_MISTAKES.items() for one in mistakes],
)
def test_a_mistake_is_caught_with_a_reason(number, source, words, score):
    answer = evaluated(source)
    for one in (verdict(number, answer, seed) for seed in seeds(number, 20)):
        assert one.status == (NOT_ATTEMPTED if score is None else NOT_YET)
        assert re.search(words, one.message, re.IGNORECASE), one
        assert one.score == (score or 0.0), one


@pytest.mark.parametrize("number", CHOSEN)
def test_later_cells_get_an_answer_of_the_course_that_is_correct(number, capsys):
    chosen = checks.choose(number, None)
    said = f"Exercise {number}: there is no answer in this session; the notebook uses the course's own.\n"
    assert capsys.readouterr().out == said
    if callable(chosen):
        exercise = EXERCISES[number]
        cases = exercise.cases(np.random.default_rng(0))
        call = exercise.call or (lambda answer, inputs: answer(*inputs))
        assert exercise.judge(cases, [call(chosen, inputs) for inputs in cases]).status == CORRECT
        assert "run your answer cell again" in checks.check(number, chosen).message


@pytest.mark.parametrize("number", ["2.2.3", "2.3.2", "2.3.3", "2.3.4", "2.7", "2.8"])
@pytest.mark.parametrize(
    "forged",
    [
        {},
        [1],
        "text",
        {"value": "0"},
        {"layers": 3},
        {"layers": [{}] * 15, "input": (512, 512, 3)},
        {letter: [[]] for letter in "ABC"},
        {key: ([], [], []) for key in ("which tumour", "findings", "area", "mask")},
        {"stopping": [], "reason": []},
        {"problem": 3},
    ],
)
def test_a_description_that_no_answer_can_have_made_is_refused(number, forged):
    exercise = EXERCISES[number]
    cases = exercise.cases(np.random.default_rng(0))
    assert exercise.judge(cases, [forged] * len(cases)).score == 0


def test_the_checks_load_no_keras():
    code = "import sys, helpers.checks; print({'keras', 'tensorflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("number", sorted(NETWORK_MISTAKES))
@pytest.mark.parametrize("impostor", [True, float("nan"), 1j, np.complex64(1), object(), {1: 2}, "", []])
def test_an_impostor_does_not_pass(number, impostor):
    for answer in (impostor, lambda *_: impostor, lambda *_, **__: (impostor, impostor)):
        found = checks.check(number, answer)
        assert (found.status, found.score) == (NOT_YET, 0)
