"""Second verdict: mark each answer in the course's own notebook, on new inputs.

The sandbox returns outputs; they are judged here, where no student code runs.
"""

import hashlib
import importlib.util
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from helpers.checks import NOT_ATTEMPTED, NOT_YET, MissingOutput, Verdict
from instructor.grading import sandbox, watch
from instructor.grading.course import Pristine, Task
from instructor.grading.inside.answer_codec import CodecError, decode
from instructor.grading.papers import Paper, storable
from instructor.grading.watch import Limits
from instructor.notebooks.student_edition import answer_cells, exercise_number, is_stub, to_python

TRIALS = 3
NOT_FOUND, BY_HAND, NEEDS_A_LOOK = "not found", "by hand", "needs a look"
NO_MODULE = re.compile(r"No module named '(\w+)")


@dataclass(frozen=True)
class Mark:
    """The mark of one answer.

    Args:
        id, title, points: of the exercise.
        status: "correct", "not yet", "not attempted", "not found", "by hand" or "needs a look".
        message: the reason.
        got: points; None if a person decides.
        section: to read again.
        answer: the student's cell.
    """

    id: str
    title: str
    points: float
    status: str
    message: str
    got: float | None
    section: str
    answer: str


def mark(
    paper: Paper, pristine: Pristine, box: sandbox.Sandbox, course: Path, shared: Path | None, limits: Limits
) -> list[Mark]:
    """Mark every exercise of a notebook.

    Args:
        paper: the submission.
        pristine: the notebook that it was made from.
        box: the sandbox.
        course: the copy of the course that student code can read.
        shared: finished data sets and trainings.
        limits: of time and memory.

    Returns:
        One mark per exercise, in the notebook's order.
    """
    answers = answer_cells(paper)
    tried = [task for task in pristine.tasks if _to_be_run(task, answers)]
    results, reason = {}, ""
    if tried:
        # For each answer, and to start: the limit for the notebook is not theirs.
        enough = replace(limits, seconds=limits.answer_seconds * (len(tried) + 2))
        program = [f"{sandbox.PROGRAMS}/answers.py"]
        job = _job(tried, answers, paper, pristine) | {"seconds": limits.answer_seconds}
        outcome = sandbox.run(box, program, job, sandbox.Visible(course, shared), enough)
        results, reason = _results(outcome)
    return [_mark(task, answers, results, reason) for task in pristine.tasks]


def nothing(task: Task) -> Mark:
    """Return the mark of an exercise in a notebook that is missing or cannot be read."""
    return _mark(task, {}, {}, "")


def not_graded(paper: Paper, pristine: Pristine, reason: str) -> list[Mark]:
    """Return the marks of answers that could not be run; a person decides.

    Args:
        paper: the submission.
        pristine: the notebook that it was made from.
        reason: why.
    """
    answers = answer_cells(paper)
    return [_mark(task, answers, {}, reason) for task in pristine.tasks]


def notes(paper: Paper) -> list[str]:
    """List the exercises with several different answers."""
    found = [answer_cells(Paper([cell])) for cell in paper.cells]
    pairs = {pair for answers in found for pair in answers.items() if not is_stub(pair[1])}
    numbers = [number for number, _ in pairs]
    return [
        f"exercise {number} has several answers; the last was marked"
        for number in sorted(set(numbers))
        if numbers.count(number) > 1
    ]


def judge(task: Task, result: object, seeds: list[int]) -> Verdict:
    """Judge the outputs of one exercise on all trials; the worst one counts.

    Args:
        task: the exercise.
        result: from the sandbox's JSON; any object.
        seeds: of the trials' inputs.
    """
    exercise = task.exercise
    result = result if isinstance(result, dict) else {}
    texts = result.get("outputs")
    if not isinstance(texts, list) or len(texts) != len(seeds):
        problem = result.get("problem")
        words = storable(problem[:1000]) if isinstance(problem, str) else "It gave no result."
        return Verdict(NOT_YET, words, 0.0)
    verdicts = []
    for seed, text in zip(seeds, texts, strict=True):
        cases = exercise.cases(np.random.default_rng(seed))
        try:
            outputs = decode(text if isinstance(text, str) else "")
        except CodecError as error:
            outputs = [MissingOutput(str(error)) for _ in cases]
        verdicts.append(exercise.judge(cases, outputs))
    worst = min(verdicts, key=lambda verdict: verdict.score)
    return replace(worst, message=storable(worst.message))  # the message may quote an output


def _to_be_run(task: Task, answers: dict[str, str]) -> bool:
    answer = answers.get(task.exercise.id)
    return task.exercise.kind != "open" and answer is not None and not is_stub(answer)


def _job(tried: list[Task], answers: dict[str, str], paper: Paper, pristine: Pristine) -> dict:
    """Return the job of `inside/answers.py`; the student's code is parsed in the sandbox."""
    own = _own_cells(paper, pristine)
    jobs = [
        {
            "id": task.exercise.id,
            "before": task.before,
            "own": sum(place < _place(paper, task, answers) for place in own),
            "answer": to_python(answers[task.exercise.id]),
            "expression": task.expression,
            "seeds": _seeds(task, answers),
        }
        for task in tried
    ]
    # The student's own earlier answers: `checks.choose` replaces those that are not correct.
    cells = [
        to_python(answer) if (answer := answers.get(exercise_number(cell) or "")) else found
        for cell, found in zip(pristine.code, pristine.statements, strict=True)
    ]
    sources = [*own.values(), *(job["answer"] for job in jobs)]
    words = {word for source in sources for word in re.findall(r"\w+", source)}
    keras = not words.isdisjoint({"keras", *pristine.keras_names})
    return {"cells": cells, "own": [*own.values()], "answers": jobs, "keras": keras}


def _own_cells(paper: Paper, pristine: Pristine) -> dict[int, str]:
    """Return cells that a student wrote or changed, answers aside: Python by the cell's index."""
    courses = {cell.source.strip() for cell in pristine.code}
    return {
        place: to_python(cell.source)
        for place, cell in enumerate(paper.cells)
        if cell.cell_type == "code" and cell.source.strip() not in courses and not exercise_number(cell)
    }


def _place(paper: Paper, task: Task, answers: dict[str, str]) -> int:
    """Return the index of the cell with a student's answer."""
    return max(
        place for place, cell in enumerate(paper.cells)
        if cell.source == answers[task.exercise.id] and exercise_number(cell) == task.exercise.id
    )  # fmt: skip


def _results(outcome: watch.Outcome) -> tuple[dict, str]:
    """Return the sandbox's results by exercise, and the reason if there are none."""
    if outcome.ending != "done":
        return {}, f"Your answers together took too much {outcome.ending} and were stopped."
    try:
        answers = json.loads(outcome.stdout)["answers"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}, "Your answers ended the program that runs them."
    return (answers, "") if isinstance(answers, dict) else ({}, "There is no result.")


def _mark(task: Task, answers: dict[str, str], results: dict, reason: str) -> Mark:
    exercise, answer = task.exercise, answers.get(task.exercise.id)
    if answer is None:
        message = f"There is no cell that begins with '# Exercise {exercise.id}'."
        status, got = NOT_FOUND, 0.0
    elif exercise.kind == "open":
        blank = is_stub(answer)
        status = NOT_ATTEMPTED if blank else BY_HAND
        message, got = ("", 0.0) if blank else ("A person reads this one.", None)
    elif is_stub(answer):
        status, message, got = NOT_ATTEMPTED, "The cell is as you found it.", 0.0
    elif exercise.id not in results and reason:
        status, message, got = NEEDS_A_LOOK, f"It was not graded. {reason}", None
    else:
        result = results.get(exercise.id)
        verdict = judge(task, result, _seeds(task, answers))
        status, message, got = verdict.status, verdict.message, verdict.score * exercise.points
        if verdict.score < 1 and (module := _missing_module(result)):
            message = f"The module {module} is missing where it was graded: a person decides. {message}"
            status, got = NEEDS_A_LOOK, None
    about = exercise.id, exercise.title, exercise.points
    return Mark(*about, status, message, got, task.section, answer or "")


def _missing_module(result: object) -> str | None:
    """Return a module that an answer wanted, and that is not installed here; Colab may have it."""
    for name in dict.fromkeys(NO_MODULE.findall(json.dumps(result))):
        try:
            if importlib.util.find_spec(name) is None:
                return name
        except ValueError:  # a module without a specification, such as __main__
            continue
    return None


def _seeds(task: Task, answers: dict[str, str]) -> list[int]:
    """Return seeds of inputs that students can't know; the same if the same answer is marked again."""
    digest = hashlib.sha256(f"{task.exercise.id}\n{answers[task.exercise.id]}".encode()).digest()
    return [int.from_bytes(digest[4 * trial : 4 * trial + 4]) for trial in range(TRIALS)]
