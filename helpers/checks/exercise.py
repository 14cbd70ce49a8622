"""An exercise, and how an answer to it becomes a verdict.

An answer is judged in two steps, so that grading needn't trust the student's code: `run_answer`,
which may run in a sandbox, collects its outputs for new inputs; `Exercise.judge` compares them.
"""

import textwrap
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from helpers._common import LINE_WIDTH
from helpers.checks.answer_types import Incorrect, described

NOT_ATTEMPTED, NOT_YET, CORRECT = "not attempted", "not yet", "correct"
EDGE_CREDIT = 0.5  # for an answer that is right except for a detail or for unusual inputs
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
class MissingOutput:
    """Takes the place of an output that there isn't.

    Args:
        reason: a sentence or two, such as the error that the answer raised.
    """

    reason: str


@dataclass(frozen=True)
class Verdict:
    """What an answer is worth. A notebook shows it as a sentence.

    Args:
        status: "correct", "not yet" or "not attempted".
        message: the reason, in words that teach.
        score: share of the exercise's points, 0 to 1.
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
        points: for a correct answer.
        kind: "function", "value", or "open" for a question that a person reads.
        hint: how to begin.
        correct_message: for a correct answer; always the same words.
        cases: a random generator -> inputs, one tuple per call of the function; for a value,
            one tuple with what it is compared with. New each time; numpy and plain data.
        call: the answer, inputs -> its output as numpy and plain data. By default the function is called with
            the inputs, and a value is its own output. An exercise about networks describes them here.
        reference: the course's own answer, which later cells use in place of one that isn't correct yet.
        make_reference: makes it, if that takes Keras, which notebook 01 doesn't load.
        compare: inputs and output of one case; raises `Incorrect` if the output is wrong.
        edge: inputs -> whether they are unusual. An answer that is wrong for these alone gets half
            the points.
        edge_message: what is unusual about them.
        across: all cases and outputs; raises `Incorrect`. Called if every case is right.
        diagnose: all cases and outputs of a wrong answer; raises `Incorrect` with the cause if it is known,
            which takes precedence over what `compare` says.
        rubric: of an open question: the criteria and their points.
    """

    id: str
    title: str
    points: int
    kind: str
    hint: str = ""
    correct_message: str = ""
    cases: Callable[[np.random.Generator], list[tuple]] = lambda rng: []
    call: Callable[[Any, tuple], Any] | None = None
    reference: Any = None
    make_reference: Callable[[], Any] | None = None
    compare: Callable[[tuple, Any], None] = lambda inputs, output: None
    edge: Callable[[tuple], bool] = lambda inputs: False
    edge_message: str = ""
    across: Callable[[list[tuple], list], None] = lambda cases, outputs: None
    diagnose: Callable[[list[tuple], list], None] = lambda cases, outputs: None
    rubric: tuple[tuple[str, int], ...] = ()

    def judge(self, cases: list[tuple], outputs: list) -> Verdict:
        """Judge outputs, without running any of the student's code.

        Args:
            cases: as made by `cases`.
            outputs: as returned by `run_answer` for them.

        Returns:
            The verdict; if several cases are wrong, on the first of those with the least credit.
        """
        if type(outputs) is not list or len(outputs) != len(cases):
            return Verdict(NOT_YET, "There is not one result for each question asked.", 0.0)
        if all(output is None for output in outputs):
            return Verdict(NOT_ATTEMPTED, "Write your answer in the cell above, then run both.", 0.0)
        found = [self._judge_one(*pair) for pair in zip(cases, outputs, strict=True)]
        found = [wrong for wrong in found if wrong] or [_caught(self.across, cases, outputs)]
        worst = min((wrong for wrong in found if wrong), key=lambda wrong: wrong.credit, default=None)
        if worst:
            worst = _caught(self.diagnose, cases, outputs) or worst
            return Verdict(NOT_YET, str(worst), worst.credit)
        return Verdict(CORRECT, self.correct_message, 1.0)

    def _judge_one(self, inputs: tuple, output: Any) -> Incorrect | None:
        if type(output) is MissingOutput:
            wrong: Incorrect | None = Incorrect(output.reason)
        elif output is None:
            wrong = Incorrect("It returned None. Does every way through the function end with return?")
        else:
            wrong = _caught(self.compare, inputs, output)
        if wrong and self.edge(inputs):
            return Incorrect(f"{self.edge_message} {wrong}", EDGE_CREDIT)
        return wrong


def run_answer(exercise: Exercise, answer: Any, cases: list[tuple]) -> list:
    """Run a student's answer on the cases.

    Args:
        exercise: the one that is answered.
        answer: the student's function, or the value.
        cases: as made by `exercise.cases`; the function gets copies.

    Returns:
        For each case what the function returned, or a `MissingOutput`.
    """
    if answer is None:
        return [None for _ in cases]
    if exercise.kind == "value":
        call = exercise.call or (lambda answer, inputs: answer)
        return [_called(call, answer, ())]
    if not callable(answer):
        reason = f"That is {described(answer)}, not a function. Pass its name alone, without parentheses."
        return [MissingOutput(reason) for _ in cases]
    call = exercise.call or (lambda answer, inputs: answer(*inputs))
    return [_called(call, answer, inputs) for inputs in cases]


def _called(call: Callable, answer: Any, inputs: tuple) -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):  # the output shows what is wrong
            return _snapshot(call(answer, deepcopy(inputs)))
    except (Exception, SystemExit) as error:  # whatever a student can write
        name = type(error).__name__
        given = "; ".join(described(value) for value in inputs)
        said = " ".join(f"{name}: {_words(error)}".split())
        return MissingOutput(
            f"Your function stopped with {said} It was given: {given}. {ADVICE.get(name, '')}".strip()
        )


def _snapshot(output: Any) -> Any:
    """Copy an output, which the function may change at its next call."""
    try:
        return deepcopy(output)
    except Exception:  # a generator, say
        return output


def _words(error: BaseException) -> str:
    try:
        return textwrap.shorten(str(error), 300).rstrip(".") + "."
    except Exception:  # str() runs the student's code too
        return ""


def _caught(function: Callable, *arguments: Any) -> Incorrect | None:
    try:
        function(*arguments)
    except Incorrect as wrong:
        return wrong
    return None
