"""An exercise, and how an answer to it becomes a verdict.

An answer is judged in two steps, so that grading needn't trust the student's code: `run_answer`,
which may run in a sandbox, collects its outputs for new inputs; `Exercise.judge` compares them.
"""

import contextlib
import dis
import functools
import html
import io
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from helpers._common import LINE_WIDTH
from helpers.checks.answer_types import EDGE_CREDIT, Incorrect, described, foreign, plain
from helpers.config.language import N_, _, ngettext

NOT_ATTEMPTED, NOT_YET, CORRECT = "not attempted", "not yet", "correct"
SHOWN = {NOT_ATTEMPTED: N_("Not attempted."), NOT_YET: N_("Not yet."), CORRECT: N_("Correct.")}
ADVICE = {
    "AttributeError": N_("Look at what that object can do with dir(...)."),
    "InvalidArgumentError": N_(
        "Two shapes or types don't fit: print the shapes of what goes in. The tumour's "
        "probabilities are probabilities[..., 1]."
    ),
    "IndexError": N_("Something is shorter than the code expects: print its shape or length."),
    "KeyError": N_("Print the keys that there are."),
    "NameError": N_("Is every name spelled as in the first line of the function?"),
    "RuntimeWarning": N_("nan or infinity became a whole number, and which one depends on the computer."),
    "TypeError": N_("Print the type of what goes in."),
    "ValueError": N_("Print the shapes of what goes in."),
    "ZeroDivisionError": N_("Ask first whether the divisor is 0."),
}
COLOURS = {CORRECT: "#009e73", NOT_YET: "#d55e00", NOT_ATTEMPTED: "#767676"}  # of the box; Okabe and Ito
COURSES_OWN = N_("That is the course's own function, not yours.")  # grading looks for it
OPEN_STUB = N_("*Write your answer here: a double click opens this cell.*")  # of a free-text exercise
TRIVIAL = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "COPY_FREE_VARS"}  # of a stub


@dataclass(frozen=True)
class MissingOutput:
    """Takes the place of an output that there isn't.

    Args:
        reason: a sentence or two, such as the error that the answer raised.
    """

    reason: str


@dataclass(frozen=True)
class Verdict:
    """What an answer is worth. A notebook shows it as a coloured box, a terminal as a sentence.

    Args:
        status: "correct", "not yet" or "not attempted".
        message: the reason, in words that teach.
        score: share of the exercise's points, 0 to 1.
        points: of the exercise; 0 if they should not be shown.
    """

    status: str
    message: str
    score: float
    points: float = field(default=0, compare=False)

    def __repr__(self) -> str:
        return textwrap.fill(f"{_(SHOWN[self.status])} {self.message}{self._points()}", LINE_WIDTH)

    def _repr_html_(self) -> str:
        # White, with dark text, also on a dark page: the colours are chosen for it.
        style = (
            f"background: #fff; color: #1a1a1a; border: 1px solid {COLOURS[self.status]}; "
            "border-left-width: 8px; border-radius: 4px; padding: 0.5em 0.8em; max-width: 46em"
        )
        words = html.escape(f"{self.message}{self._points()}")
        return f'<div role="status" style="{style}"><b>{_(SHOWN[self.status])}</b> {words}</div>'

    def _points(self) -> str:
        if not self.points:
            return ""
        said = ngettext(
            "({score:g} of {points:g} point)",
            "({score:g} of {points:g} points)",
            1 if self.points == 1 else 2,
        )
        return f" {said.format(score=self.score * self.points, points=self.points)}"


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
        solved_by: names of the course's functions that solve the exercise; an answer may not call them.
        rubric: of an open question: the criteria and their points.
        words: of an open question: the fewest and the most words that are expected; () if any number is.
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
    solved_by: tuple[str, ...] = ()
    rubric: tuple[tuple[str, int], ...] = ()
    words: tuple[int, int] | tuple[()] = ()

    def judge(self, cases: list[tuple], outputs: list) -> Verdict:
        """Judge outputs, without running any of the student's code.

        Args:
            cases: as made by `cases`.
            outputs: as returned by `run_answer` for them.

        Returns:
            The verdict; if several cases are wrong, on the first of those with the least credit.
        """
        return replace(self._judge(cases, outputs), points=self.points)

    def _judge(self, cases: list[tuple], outputs: list) -> Verdict:
        if type(outputs) is not list or len(outputs) != len(cases):
            return Verdict(NOT_YET, _("There is not one result for each question asked."), 0.0)
        if all(output is None for output in outputs):
            return Verdict(NOT_ATTEMPTED, _("Write your answer in the cell above, then run both."), 0.0)
        found = [self._judge_one(*pair) for pair in zip(cases, outputs, strict=True)]
        found = [wrong for wrong in found if wrong] or [_caught(self.across, cases, outputs)]
        worst = min((wrong for wrong in found if wrong), key=lambda wrong: wrong.credit, default=None)
        if worst:
            worst = _caught(self.diagnose, cases, outputs) or worst
            return Verdict(NOT_YET, str(worst), worst.credit)
        return Verdict(CORRECT, _(self.correct_message), 1.0)

    def _judge_one(self, inputs: tuple, output: Any) -> Incorrect | None:
        if type(output) is MissingOutput:
            wrong: Incorrect | None = Incorrect(output.reason)
        elif output is None:
            wrong = Incorrect(_("It returned None. Does every way through the function end with return?"))
        else:
            wrong = _caught(self.compare, inputs, output)
        if wrong and self.edge(inputs):
            return Incorrect(f"{_(self.edge_message)} {wrong}", EDGE_CREDIT)
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
    blank = type(answer) is tuple and all(part is None for part in answer)  # one in several parts
    if answer is None or blank or _is_stub(answer):
        return [None] * len(cases)
    reason = _not_the_students(exercise, answer)
    if exercise.kind != "value" and not callable(answer):
        said = _("That is {value}, not a function. Pass its name alone, without parentheses.")
        reason = said.format(value=described(answer))
    if reason:
        return [MissingOutput(reason)] * len(cases)
    if exercise.kind == "value":
        return [_called(exercise.call or (lambda answer, inputs: answer), answer, ())]
    call = exercise.call or (lambda answer, inputs: answer(*inputs))
    return [_called(call, answer, inputs) for inputs in cases]


def _called(call: Callable, answer: Any, inputs: tuple) -> Any:
    printed = _Tee()
    try:
        with warnings.catch_warnings(action="ignore"), printed:  # the output shows what is wrong
            output = call(answer, deepcopy(inputs))
            return _nothing(printed.text()) if output is None and inputs else _snapshot(output)
    except (Exception, SystemExit) as error:  # whatever a student can write
        name = type(error).__name__
        given = "; ".join(described(value) for value in inputs)
        reason = _("Your function stopped with {error} It was given: {given}.").format(
            error=" ".join(f"{name}: {_words(error)}".split()), given=given
        )
        return MissingOutput(f"{reason} {_(ADVICE.get(name, ''))}".strip())


class _Tee(contextlib.AbstractContextManager):
    """Remember what is printed, and print it."""

    def __enter__(self) -> "_Tee":
        self.kept, self.shown = io.StringIO(), sys.stdout
        sys.stdout = self
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout = self.shown

    def write(self, text: str) -> int:
        if self.kept.tell() < 1000:
            self.kept.write(text)
        return self.shown.write(text)

    def flush(self) -> None:
        self.shown.flush()

    def text(self) -> str:
        return " ".join(self.kept.getvalue().split())


def _nothing(printed: str) -> MissingOutput:
    if printed:
        said = textwrap.shorten(printed, 60, placeholder=" ...")
        reason = _(
            "Your function printed {printed!r} but returned nothing. print only shows a value; return hands "
            "it to whoever called the function: use return."
        )
        return MissingOutput(reason.format(printed=said))
    return MissingOutput(
        _("Your function returned nothing (None). Does every way through it end with return?")
    )


def _snapshot(output: Any) -> Any:
    """Copy an output, which the function may change at its next call, as plain data."""
    try:
        output = plain(output)
        reason = foreign(output)
        return MissingOutput(reason) if reason else output
    except Exception as error:
        said = _("What it returned cannot be looked at ({error}).")
        return MissingOutput(said.format(error=type(error).__name__))


def _is_stub(answer: Any) -> bool:
    """Whether a function does nothing but return None."""
    if type(answer) is not FunctionType:
        return False
    steps = list(dis.get_instructions(answer))
    constants = {step.argval for step in steps if step.opname in ("LOAD_CONST", "RETURN_CONST")}
    return {step.opname for step in steps} <= TRIVIAL and constants == {None}


def _not_the_students(exercise: Exercise, answer: Any) -> str:
    """Say why an answer is the course's own; "" if it isn't, or is well hidden."""
    answer = _unwrapped(answer)
    module = getattr(answer, "__module__", None) if callable(answer) else None
    own = exercise.reference is not None and answer is exercise.reference
    if own or _is_course(module):
        said = _(
            "The cell after this check may have put it in the place of yours: run your answer cell again, "
            "then this check."
        )
        return f"{_(COURSES_OWN)} {said}"
    forbidden = {*exercise.solved_by, "EXERCISES", "choose"}
    called = next((name for name in _courses_functions(answer, set()) if name in forbidden), None)
    if called:
        said = _("{function} solves this exercise; write it yourself, then compare the two.")
        return f"{_(COURSES_OWN)} {said.format(function=called)}"
    return ""


def _courses_functions(answer: Any, seen: set) -> Iterator[str]:
    """Names of the course's functions in a function, and in those of the notebook that it calls."""
    answer = _unwrapped(answer)
    if type(answer) is not FunctionType or answer in seen:
        return
    seen.add(answer)
    for cell in answer.__closure__ or ():
        inner = _unwrapped(cell.cell_contents)
        if callable(inner) and _is_course(getattr(inner, "__module__", None)):
            yield getattr(inner, "__name__", "")
        yield from _courses_functions(inner, seen)
    steps = [*_steps(answer.__code__)]
    imports = any(step.opname == "IMPORT_NAME" and _is_course(step.argval) for step in steps)
    course = False  # whether the object before a dot is a part of the course
    for step in steps:
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            value = answer.__globals__.get(step.argval)
            course = type(value) is ModuleType and _is_course(value.__name__)
            if callable(value) and _is_course(getattr(value, "__module__", None)):
                yield getattr(value, "__name__", step.argval)
            else:
                yield from _courses_functions(value, seen)
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"):
            if course or imports:
                yield step.argval
        elif step.opname != "EXTENDED_ARG":
            course = False


def _unwrapped(answer: Any) -> Any:
    """The function in a method, a partial, or a decorated function."""
    for _attempt in range(10):
        inner = getattr(answer, "func", None) if isinstance(answer, functools.partial) else None
        inner = inner or getattr(answer, "__func__", None) or getattr(answer, "__wrapped__", None)
        if inner is None:
            break
        answer = inner
    return answer


def _is_course(module: Any) -> bool:
    return isinstance(module, str) and module.partition(".")[0] == "helpers"


def _steps(code: CodeType) -> Iterator[dis.Instruction]:
    yield from dis.get_instructions(code)
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield from _steps(constant)


def _words(error: BaseException) -> str:
    try:
        return textwrap.shorten(str(error), 300).rstrip(".") + "."
    except Exception:  # str() runs the student's code too
        return ""


def _caught(function: Callable, *arguments: Any) -> Incorrect | None:
    """Return what a comparison raises: `Incorrect`, or an error because the output has an unexpected form."""
    try:
        with warnings.catch_warnings(action="ignore"):
            function(*arguments)
    except Incorrect as wrong:
        return wrong
    except Exception as error:
        said = _("The answer cannot be read ({error}): it hasn't the expected form.")
        return Incorrect(said.format(error=type(error).__name__))
    return None
