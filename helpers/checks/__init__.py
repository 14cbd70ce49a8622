"""The exercises: `checks.check("1.2.1", answer)` says at once whether an answer is right.

exercise                                    runs an answer and turns its outputs into a verdict
answer_types                                is an output of the right type, size and range?
dataset, classification, networks,          the exercises themselves
training, segmentation, uncertainty
grad_cam, hyperparameters, new_data,        those of the optional notebooks of these names
one_network
report                                      the sections of the student's own report
"""

import difflib
import textwrap
from typing import Any

import numpy as np

from helpers._common import LINE_WIDTH, CourseError
from helpers.checks import (
    classification,
    dataset,
    grad_cam,
    hyperparameters,
    networks,
    new_data,
    one_network,
    report,
    segmentation,
    training,
    uncertainty,
)
from helpers.checks.exercise import (
    CORRECT,
    NOT_ATTEMPTED,
    NOT_YET,
    Exercise,
    MissingOutput,
    Verdict,
    run_answer,
)
from helpers.config.language import _, ngettext

_PARTS = (
    dataset,
    classification,
    networks,
    training,
    segmentation,
    uncertainty,
    grad_cam,
    hyperparameters,
    new_data,
    one_network,
    report,
)
_ALL = [one for part in _PARTS for one in part.EXERCISES]
EXERCISES: dict[str, Exercise] = {
    one.id: one  # "1.10" after "1.9", and "G.1" of an optional notebook after all numbers
    for one in sorted(_ALL, key=lambda one: [int(part, 36) for part in one.id.split(".")])
}

__all__ = [
    "CORRECT",
    "EXERCISES",
    "NOT_ATTEMPTED",
    "NOT_YET",
    "CheckError",
    "Exercise",
    "MissingOutput",
    "Verdict",
    "check",
    "choose",
    "hint",
    "rubric",
    "run_answer",
]


class CheckError(CourseError):
    """There is no such exercise, or it cannot be checked in this way."""


def check(number: str, answer: Any) -> Verdict:
    """Check an answer on new random inputs.

    Args:
        number: of the exercise, "1.2.1".
        answer: your function, by its name alone; or your value.

    Returns:
        The verdict, which a notebook shows as a sentence.

    Raises:
        CheckError: there is no such exercise, or it is an open question.
    """
    exercise = _find(number)
    if exercise.kind == "open":
        said = _("{number} is an open question, which a person reads. See checks.rubric({number!r}).")
        raise CheckError(said.format(number=number))
    cases = exercise.cases(np.random.default_rng())
    return exercise.judge(cases, run_answer(exercise, answer, cases))


def choose(number: str, answer: Any) -> Any:
    """Return what later cells should use: your answer if it is correct, otherwise the course's own.

    Prints which of the two it is.

    Args:
        number: of the exercise, "2.2.1".
        answer: your function or value; None if this session has none.

    Returns:
        `answer`, or the course's own one with the same arguments.

    Raises:
        CheckError: there is no such exercise, or no later cell uses its answer.
    """
    exercise = _find(number)
    reference = exercise.make_reference() if exercise.make_reference else exercise.reference
    if reference is None:
        raise CheckError(_("no later cell uses the answer to {number}.").format(number=number))
    if answer is None:
        said = _("Exercise {number}: there is no answer in this session; the notebook uses the course's own.")
    elif check(number, answer).status == CORRECT:
        said = _("Exercise {number}: from here on, the notebook uses your answer.")
        reference = answer
    else:
        said = _(
            "Exercise {number} is not correct yet: from here on, the notebook uses the course's own answer."
        )
    print(said.format(number=number))
    return reference


def hint(number: str) -> None:
    """Print how to begin an exercise.

    Raises:
        CheckError: there is no such exercise.
    """
    print(textwrap.fill(_(_find(number).hint), LINE_WIDTH))


def rubric(number: str) -> None:
    """Print the criteria for a good answer to an open question, and their points.

    Raises:
        CheckError: there is no such question, or it is not an open one.
    """
    exercise = _find(number)
    if exercise.kind != "open":
        said = _("{number} is not an open question: checks.check({number!r}, ...) judges it.")
        raise CheckError(said.format(number=number))
    if exercise.words:
        print(_("Length: {fewest} to {most} words.").format(fewest=exercise.words[0], most=exercise.words[1]))
    for criterion, points in exercise.rubric:
        worth = ngettext("({points} point)", "({points} points)", points).format(points=points)
        print(textwrap.fill(f"- {_(criterion)} {worth}", LINE_WIDTH, subsequent_indent="  "))


def _find(number: str) -> Exercise:
    if isinstance(number, int | float):
        said = _('the number of an exercise goes between quotes: "{number}", not {number}.')
        raise CheckError(said.format(number=number))
    if number in EXERCISES:
        return EXERCISES[number]
    close = difflib.get_close_matches(str(number), EXERCISES, n=1)
    meant, known = _("Did you mean {meant!r}?"), _("There are {known}.")
    advice = meant.format(meant=close[0]) if close else known.format(known=", ".join(EXERCISES))
    raise CheckError(_("there is no exercise {number!r}. {advice}").format(number=number, advice=advice))
