"""Second verdict: mark each answer in the course's own notebook, on new inputs.

The sandbox returns outputs; they are judged here, where no student code runs.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from helpers.checks import NOT_ATTEMPTED, NOT_YET, MissingOutput, Verdict
from instructor.grading import sandbox, watch
from instructor.grading.context import imports, needed
from instructor.grading.course import Pristine, Task
from instructor.grading.inside.answer_codec import CodecError, decode
from instructor.grading.papers import Cell, Paper, storable
from instructor.grading.watch import Limits
from instructor.notebooks.student_edition import answer_cells, exercise_number, is_stub

TRIALS = 3
NOT_FOUND, BY_HAND, NEEDS_A_LOOK = "not found", "by hand", "needs a look"


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
    seeds = _seeds(answers)
    tried = [task for task in pristine.tasks if _to_be_run(task, answers)]
    jobs = [_job(task, answers, paper, seeds) for task in tried]
    job = {"answers": jobs, "seconds": limits.answer_seconds}
    results = _results(job, box, sandbox.Visible(course, shared), limits)
    return [_mark(task, answers, results, seeds) for task in pristine.tasks]


def nothing(task: Task) -> Mark:
    """Return the mark of an exercise in a notebook that is missing or cannot be read."""
    return _mark(task, {}, {}, [])


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


def _job(task: Task, answers: dict[str, str], paper: Paper, seeds: list[int]) -> dict:
    answer = answers[task.exercise.id]
    whole = f"{answer}\n{task.expression}"
    own = imports(cell.source for cell in paper.cells if cell.cell_type == "code")
    # The student's own earlier answers: `checks.choose` replaces those that are not correct.
    before = [answers.get(exercise_number(Cell("code", source)) or "", source) for source in task.before]
    return {
        "id": task.exercise.id,
        "before": needed([*own, *before], whole),
        "answer": answer,
        "expression": task.expression,
        "seeds": seeds,
    }


def _results(job: dict, box: sandbox.Sandbox, visible: sandbox.Visible, limits: Limits) -> dict:
    """Return the sandbox's results by exercise, or the reason why there is none.

    The answers share a sandbox, which saves time. If it ends in any unusual way, none of its results is used,
    and each answer gets a sandbox of its own, so that it cannot affect the others.
    """
    results, size = {}, len(job["answers"])
    while waiting := [one for one in job["answers"] if one["id"] not in results][:size]:
        program = [f"{sandbox.PROGRAMS}/answers.py"]
        outcome = sandbox.run(box, program, job | {"answers": waiting}, visible, limits)
        found = _read(outcome)
        if found and found.keys() <= {one["id"] for one in waiting}:
            results |= found
        elif size > 1:
            size = 1
        else:
            results[waiting[0]["id"]] = _without_result(outcome)
    return results


def _read(outcome: watch.Outcome) -> dict:
    """Return the results; {} if the program did anything but write one line and end."""
    if outcome.ending != "done" or outcome.status or outcome.stdout.find(b"\n") != len(outcome.stdout) - 1:
        return {}
    try:
        return dict(json.loads(outcome.stdout)["answers"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def _without_result(outcome: watch.Outcome) -> dict | str:
    if outcome.ending != "done":
        much = "many" if outcome.ending.endswith("s") else "much"  # files, processes
        return {"problem": f"It took too {much} {outcome.ending} and was stopped."}
    return f"The answer ended the program that runs it (status {outcome.status})."


def _mark(task: Task, answers: dict[str, str], results: dict, seeds: list[int]) -> Mark:
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
    elif isinstance(results[exercise.id], str):
        status, message, got = NEEDS_A_LOOK, f"It was not graded. {storable(results[exercise.id])}", None
    else:
        verdict = judge(task, results[exercise.id], seeds)
        status, message, got = verdict.status, verdict.message, verdict.score * exercise.points
    about = exercise.id, exercise.title, exercise.points
    return Mark(*about, status, message, got, task.section, answer or "")


def _seeds(answers: dict[str, str]) -> list[int]:
    """Return seeds of inputs that students can't know; the same if the same answers are marked again."""
    digest = hashlib.sha256(json.dumps(answers, sort_keys=True).encode()).digest()
    return [int.from_bytes(digest[4 * trial : 4 * trial + 4]) for trial in range(TRIALS)]
