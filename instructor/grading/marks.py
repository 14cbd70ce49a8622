"""Second verdict: mark each answer in the course's own notebook, on new inputs.

The sandbox returns outputs; they are judged here, where no student code runs.
"""

import hashlib
import importlib.util
import json
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from helpers.checks import NOT_ATTEMPTED, NOT_YET, Exercise, MissingOutput, Verdict
from helpers.config import language
from helpers.config.language import N_, _
from instructor.grading import sandbox
from instructor.grading.course import Pristine, Task
from instructor.grading.inside.answer_codec import CodecError, decode
from instructor.grading.oddities import odd_in
from instructor.grading.papers import Paper, storable
from instructor.grading.watch import Limits, Outcome
from instructor.notebooks.student_edition import answer_cells, exercise_number, is_stub, to_python

TRIALS = 3
WAITING = 4  # times as long as it may compute, an answer may take by the clock
USUAL = {"checks", "eval", "exec", "globals", "importlib", "os", "subprocess", "sys", "vars"}  # in own cells
NOT_FOUND, BY_HAND, NEEDS_A_LOOK = "not found", "by hand", "needs a look"
STOPPED = {
    "time": N_("It took too much time and was stopped."),
    "memory": N_("It took too much memory and was stopped."),
    "processes": N_("It started too many processes and was stopped."),
    "files": N_("It wrote too many files and was stopped."),
    "output": N_("It wrote too much and was stopped."),
}
NO_MODULE = re.compile(r"No module named '(\w+)")


@dataclass(frozen=True)
class Mark:
    """The mark of one answer."""

    id: str  # of the exercise, as are title and points
    title: str
    points: float
    status: str  # "correct", "not yet", "not attempted", "not found", "by hand" or "needs a look"
    message: str  # the reason
    got: float | None  # points; None if a person decides
    section: str  # to read again
    answer: str  # the student's cell


def mark(
    paper: Paper, pristine: Pristine, box: sandbox.Sandbox, course: Path, shared: Path | None, limits: Limits
) -> list[Mark]:
    """Mark every exercise of a notebook, in its order, with messages in its language.

    Args:
        pristine: the notebook that the submission was made from.
        course: the copy of the course that student code can read.
        shared: finished data sets and trainings.
    """
    answers = answer_cells(paper)
    with language.speaking(spoken(paper)):
        results = _results(_jobs(paper, pristine, answers), box, sandbox.Visible(course, shared), limits)
        return [_mark(task, answers, results.get(task.exercise.id)) for task in pristine.tasks]


def not_run(paper: Paper, pristine: Pristine, reason: str) -> list[Mark]:
    """Return the marks of answers that could not be run, which a person decides; 0 if there are none."""
    with language.speaking(spoken(paper)):
        return [_mark(task, answer_cells(paper), reason) for task in pristine.tasks]


def spoken(paper: Paper) -> str:
    """Return the language of a notebook, as its setup cell has it."""
    return language.of_sources(cell.source for cell in paper.cells if cell.cell_type == "code")


def notes(paper: Paper, pristine: Pristine) -> list[str]:
    """List the exercises with several different answers, and unusual names in the student's own cells."""
    pairs = {(exercise_number(cell), cell.source) for cell in paper.cells if exercise_number(cell)}
    counts = Counter(number for number, source in pairs if not is_stub(source))
    several = sorted(number for number, count in counts.items() if count > 1)
    said = [f"exercise {number} has several answers; the last was marked" for number in several]
    own, _ = _own_cells(paper, pristine, answer_cells(paper))
    odd = sorted({name for source in own for name in odd_in(source)} - USUAL)
    return [*said, *([f"own cells use {', '.join(odd)}"] if odd else [])]


def judge(task: Task, result: object, seeds: list[int]) -> Verdict:
    """Judge the outputs of one exercise on all trials; the worst one counts.

    Args:
        result: from the sandbox's JSON; any object.
        seeds: of the trials' inputs.
    """
    exercise = task.exercise
    result = result if isinstance(result, dict) else {}
    texts = result.get("outputs")
    if not isinstance(texts, list) or len(texts) != len(seeds):
        problem = result.get("problem")
        words = storable(problem[:1000]) if isinstance(problem, str) else _("It gave no result.")
        return Verdict(NOT_YET, words, 0.0)
    verdicts = []
    for seed, text in zip(seeds, texts, strict=True):
        cases = exercise.cases(np.random.default_rng(seed))
        try:
            outputs = decode(text if isinstance(text, str) else "")
        except CodecError as error:
            outputs = [MissingOutput(str(error))] * len(cases)
        verdicts.append(exercise.judge(cases, outputs))
    worst = min(verdicts, key=lambda verdict: verdict.score)
    return replace(worst, message=storable(worst.message))  # the message may quote an output


def _jobs(paper: Paper, pristine: Pristine, answers: dict[str, str]) -> list[dict]:
    """Return the jobs of `inside/answers.py`; the student's code is parsed in the sandbox."""
    own, counts = _own_cells(paper, pristine, answers)
    said = spoken(paper)
    # The student's own earlier answers: `checks.choose` replaces those that are not correct.
    cells = [
        to_python(answer) if (answer := answers.get(exercise_number(cell) or "")) else found
        for cell, found in zip(pristine.code, pristine.statements, strict=True)
    ]
    return [
        {
            "id": number,
            "language": said,
            "cells": cells[: task.before],
            "own": own[: counts[number]],
            "answer": to_python(answers[number]),
            "expression": task.expression,
            "seeds": _seeds(task.exercise, answers[number]),
            "keras": bool(task.exercise.make_reference) or "keras" in answers[number],
        }
        for task in pristine.tasks
        for number in [task.exercise.id]
        if task.exercise.kind != "open" and number in answers and not is_stub(answers[number])
    ]


def _own_cells(paper: Paper, pristine: Pristine, answers: dict[str, str]) -> tuple[list[str], dict[str, int]]:
    """Return the cells that a student wrote or changed; for each answer, how many are above its check."""
    courses = {cell.source.strip() for cell in pristine.code}
    own: list[str] = []
    counts: dict[str, int] = {}
    answered = None
    for cell in paper.cells:
        number = exercise_number(cell)
        if number and cell.source == answers[number]:
            answered = number
        elif cell.cell_type == "code" and not number and cell.source.strip() not in courses:
            own.append(to_python(cell.source))
        elif cell.cell_type == "code":
            answered = None
        if answered:
            counts[answered] = len(own)
    return own, counts


def _results(jobs: list[dict], box: sandbox.Sandbox, visible: sandbox.Visible, limits: Limits) -> dict:
    """Return the sandbox's results by exercise, or the reason why there is none.

    The answers share a sandbox, which saves time. If it ends in any unusual way, none of its results is used,
    and each answer gets a sandbox of its own, so that it cannot affect the others.
    """
    results, todo = {}, [jobs] if jobs else []
    clock_seconds = WAITING * limits.answer_seconds
    for group in todo:
        # For each answer, and to start: the limit for the notebook is not theirs.
        enough = replace(limits, seconds=clock_seconds * (len(group) + 2))
        job = {"answers": group, "seconds": limits.answer_seconds, "clock_seconds": clock_seconds}
        outcome = sandbox.run(box, [f"{sandbox.PROGRAMS}/answers.py"], job, visible, enough)
        found = _read(outcome)
        if found and found.keys() <= {one["id"] for one in group}:
            results |= found
            left = [one for one in group if one["id"] not in found]
            todo += [left] if left else []
        elif len(group) > 1:
            todo += [[one] for one in group]
        elif outcome.ending == "done":
            said = _("The answer ended the program that runs it (status {status}).")
            results[group[0]["id"]] = said.format(status=outcome.status)
        else:
            results[group[0]["id"]] = {"problem": _(STOPPED[outcome.ending])}
    return results


def _read(outcome: Outcome) -> dict:
    """Return the results; {} if the program did anything but write one line and end."""
    if outcome.ending != "done" or outcome.status or outcome.stdout.find(b"\n") != len(outcome.stdout) - 1:
        return {}
    try:
        return dict(json.loads(outcome.stdout)["answers"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def _mark(task: Task, answers: dict[str, str], result: object) -> Mark:
    exercise, answer = task.exercise, answers.get(task.exercise.id)
    if answer is None:
        message = _("There is no cell that begins with '# Exercise {number}'.").format(number=exercise.id)
        status, got = NOT_FOUND, 0.0
    elif is_stub(answer):
        status, message, got = NOT_ATTEMPTED, _("The cell is as you found it."), 0.0
    elif exercise.kind == "open":
        status, message, got = BY_HAND, _("A person reads this one."), None
    elif isinstance(result, str):
        not_graded = _("It was not graded.")
        status, message, got = NEEDS_A_LOOK, f"{not_graded} {storable(result)}", None
    else:
        verdict = judge(task, result, _seeds(exercise, answer))
        status, message, got = verdict.status, verdict.message, verdict.score * exercise.points
        if verdict.score < 1 and (module := _missing_module(result)):
            missing = _("The module {module} is missing where it was graded: a person decides.")
            message = f"{missing.format(module=module)} {message}"
            status, got = NEEDS_A_LOOK, None
    about = exercise.id, exercise.title, exercise.points
    return Mark(*about, status, message, got, task.section, answer or "")


def _missing_module(result: object) -> str | None:
    """Return a module that an answer wanted, and that is not installed here; Colab may have it."""
    for name in dict.fromkeys(NO_MODULE.findall(json.dumps(result))):
        with suppress(ValueError):  # of a module without a specification, such as __main__
            if importlib.util.find_spec(name) is None:
                return name
    return None


def _seeds(exercise: Exercise, answer: str) -> list[int]:
    """Return seeds of inputs that students can't know; the same if the same answer is marked again.

    Keras is slow, so an answer that builds networks gets one trial. Every known mistake is caught in each.
    """
    digest = hashlib.sha256(f"{exercise.id}\n{answer}".encode()).digest()
    trials = 1 if exercise.make_reference else TRIALS
    return [int.from_bytes(digest[4 * trial : 4 * trial + 4]) for trial in range(trials)]
