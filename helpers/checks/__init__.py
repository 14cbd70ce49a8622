"""The exercises' checks: `checks.check("1.2.1", answer)` says at once whether an answer is right.

    module      one job
    exercise    an answer's outputs -> a verdict
    expect      is an output of the right type?
    codec       outputs as JSON, for the sandbox in which submissions are graded
    assembly, classification, segmentation    the exercises themselves

None of them imports TensorFlow.
"""

import difflib
import textwrap
from typing import Any

import numpy as np

from helpers._common import LINE_WIDTH, CourseError
from helpers.checks import classification, dataset, segmentation
from helpers.checks.answer_codec import CodecError, Outcome, decode, encode
from helpers.checks.exercise import CORRECT, NOT_ATTEMPTED, NOT_YET, Exercise, Verdict, answer_of

EXERCISES: dict[str, Exercise] = {
    one.id: one for part in (dataset, classification, segmentation) for one in part.EXERCISES
}

__all__ = [
    "CORRECT",
    "EXERCISES",
    "NOT_ATTEMPTED",
    "NOT_YET",
    "CheckError",
    "CodecError",
    "Exercise",
    "Outcome",
    "Verdict",
    "answer_of",
    "check",
    "decode",
    "encode",
    "hint",
    "rubric",
]


class CheckError(CourseError):
    """There is no such exercise, or it cannot be checked in this way."""


def check(number: str, answer: Any) -> Verdict:
    """Checks an answer on new random inputs.

    Args:
        number: of the exercise, "1.2.1".
        answer: your function, by its name alone; or your value.

    Returns:
        Verdict; a notebook shows it as a sentence.

    Raises:
        CheckError: there is no such exercise, or it is an open question.
    """
    exercise = _find(number)
    if exercise.kind == "open":
        raise CheckError(
            f"{number} is an open question, which a person reads. See checks.rubric({number!r})."
        )
    cases = exercise.cases(np.random.default_rng())
    return exercise.judge(cases, answer_of(exercise, answer, cases))


def hint(number: str) -> None:
    """Prints how to begin an exercise.

    Args:
        number: of the exercise, "1.2.1".

    Raises:
        CheckError: there is no such exercise.
    """
    print(textwrap.fill(_find(number).hint, LINE_WIDTH))


def rubric(number: str) -> None:
    """Prints what a good answer to an open question has.

    Args:
        number: of the question, "1.10".

    Raises:
        CheckError: there is no such question, or it is not an open one.
    """
    exercise = _find(number)
    if exercise.kind != "open":
        raise CheckError(f"{number} is no open question: checks.check({number!r}, ...) judges it.")
    for criterion, points in exercise.rubric:
        line = f"- {criterion} ({points} point{'s' * (points > 1)})"
        print(textwrap.fill(line, LINE_WIDTH, subsequent_indent="  "))


def _find(number: str) -> Exercise:
    if number in EXERCISES:
        return EXERCISES[number]
    close = difflib.get_close_matches(str(number), EXERCISES, n=1)
    advice = f"Did you mean {close[0]!r}?" if close else f"There are {', '.join(EXERCISES)}."
    raise CheckError(f"there is no exercise {number!r}. {advice}")
