"""What an exercise is, and how an answer to it becomes a verdict.

An answer is judged in two steps, so that grading needs no trust in the student's kernel: its
outputs for fresh inputs (`answer_of`, which may run in a sandbox), then what they are worth
(`Exercise.judge`, which runs none of the student's code).
"""

import textwrap
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from helpers._common import LINE_WIDTH
from helpers.checks.answer_codec import CodecError, Outcome, decode, encode
from helpers.checks.answer_types import Incorrect, described

NOT_ATTEMPTED, NOT_YET, CORRECT = "not attempted", "not yet", "correct"
EDGE_CREDIT = 0.5  # of an answer that is right but for a detail, or for unusual inputs
ADVICE = {
    "AttributeError": "Look at what that object can do with dir(...).",
    "IndexError": "Something is shorter than the code expects: print its shape or length.",
    "KeyError": "Print the keys that there are.",
    "NameError": "Is every name spelled as in the first line of the function?",
    "TypeError": "Print the type of what goes in.",
    "ValueError": "Print the shapes of what goes in.",
    "ZeroDivisionError": "Ask first whether the divisor is 0.",
}


@dataclass(frozen=True)
class Verdict:
    """What an answer is worth. A notebook shows it as a sentence.

    Args:
        status: "correct", "not yet" or "not attempted".
        message: why, in words that teach.
        score: part of the exercise's points, 0..1.
    """

    status: str
    message: str
    score: float

    def __repr__(self) -> str:
        return textwrap.fill(f"{self.status.capitalize()}. {self.message}", LINE_WIDTH)


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Args:
        id: its number in the notebook, "1.2.1".
        title: a few words.
        points: of a right answer.
        kind: "function", "value", or "open" for a question that a person reads.
        hint: how to begin.
        praise: said of a right answer; always the same words.
        cases: a random generator -> inputs, one tuple a call of the function; for a value,
            one tuple with what it is judged against. New ones each time, numpy and plain data.
        compare: inputs and output of one case; raises `Flaw` where they do not fit.
        edge: inputs -> what is unusual about them, "" for most. Failing there alone leaves
            half the points.
        across: all cases and outputs; raises `Flaw`. Asked when every case is right.
        rubric: of an open question: what a good answer has, and its points.
    """

    id: str
    title: str
    points: int
    kind: str
    hint: str = ""
    praise: str = ""
    cases: Callable[[np.random.Generator], list[tuple]] = lambda rng: []
    compare: Callable[[tuple, Any], None] = lambda inputs, output: None
    edge: Callable[[tuple], str] = lambda inputs: ""
    across: Callable[[list[tuple], list], None] = lambda cases, outputs: None
    rubric: tuple[tuple[str, int], ...] = ()

    def judge(self, cases: list[tuple], outputs: list) -> Verdict:
        """Says what outputs are worth. Runs no code of the student.

        Args:
            cases: what `cases` made.
            outputs: what `answer_of` returned for them.

        Returns:
            Verdict; where several cases are wrong, on the first of the worst.
        """
        if type(outputs) is not list or len(outputs) != len(cases):
            return Verdict(NOT_YET, "There is not one result for each question asked.", 0.0)
        if all(output is None for output in outputs):
            return Verdict(NOT_ATTEMPTED, "Write your answer in the cell above, then run both.", 0.0)
        flaws = [self._flaw(*pair) for pair in zip(cases, outputs, strict=True)]
        flaws = [flaw for flaw in flaws if flaw] or [_caught(self.across, cases, outputs)]
        worst = min((flaw for flaw in flaws if flaw), key=lambda flaw: flaw.credit, default=None)
        if worst:
            return Verdict(NOT_YET, str(worst), worst.credit)
        return Verdict(CORRECT, self.praise, 1.0)

    def _flaw(self, inputs: tuple, output: Any) -> Incorrect | None:
        flaw = Incorrect(output.error) if type(output) is Outcome else _caught(self.compare, inputs, output)
        unusual = self.edge(inputs) if flaw else ""
        return Incorrect(f"{unusual} {flaw}", EDGE_CREDIT) if unusual else flaw


def answer_of(exercise: Exercise, answer: Any, cases: list[tuple]) -> list:
    """Runs a student's answer on the cases.

    Args:
        exercise: which one.
        answer: the student's function, or the value.
        cases: what `exercise.cases` made; the function gets copies.

    Returns:
        What the function returned for each case, made of plain types (`codec.encode` says
        which), or an `Outcome` that says why there is nothing.
    """
    if exercise.kind == "value":
        return [_plain(answer)]
    if answer is None:
        return [None for _ in cases]
    if not callable(answer):
        what = f"That is {described(_plain(answer))}, not a function."
        return [Outcome(f"{what} Hand over its name alone, without brackets.") for _ in cases]
    return [_called(answer, inputs) for inputs in cases]


def _called(function: Callable, inputs: tuple) -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):  # what is wrong shows in the output
            return _plain(function(*deepcopy(inputs)))
    except (Exception, SystemExit) as error:  # whatever a student can write
        name = type(error).__name__
        given = "; ".join(described(value) for value in inputs)
        said = " ".join(f"{name}: {_words(error)}".split())
        return Outcome(
            f"Your function stopped with {said} It was given: {given}. {ADVICE.get(name, '')}".strip()
        )


def _words(error: BaseException) -> str:
    try:
        return textwrap.shorten(str(error), 300).rstrip(".") + "."
    except Exception:  # even that is the student's code
        return ""


def _plain(output: Any) -> Any:
    """The output as it would come out of a sandbox: no object of the student's is left in it."""
    try:
        return decode(encode(output))
    except CodecError as error:
        return Outcome(f"{str(error)[0].upper()}{str(error)[1:]}")
    except Exception as error:
        return Outcome(f"What it returned cannot be looked at ({type(error).__name__}).")


def _caught(function: Callable, *arguments: Any) -> Incorrect | None:
    try:
        function(*arguments)
    except Incorrect as flaw:
        return flaw
    return None
