"""Runs one answer on fresh inputs. Started by `answers.py`; see there for what it reads and writes."""

import sys

import numpy as np
from report import Report, read_job

OWN_LINES = "<your answer>"


def outputs(job: dict) -> dict:
    """The answer's outputs, one JSON text a seed; or what went wrong before there were any."""
    from helpers import checks

    exercise = checks.EXERCISES[job["id"]]
    # Bound before the student's code runs. It cannot gain by changing them, but could break its own run.
    encode, answer_of = checks.encode, checks.answer_of
    names = {"__name__": "__main__"}
    for source in job["before"]:
        try:
            exec(compile(source, "<the notebook>", "exec"), names)
        except Exception as error:  # an import that is not there, say; the answer may not need it
            print(error, file=sys.stderr)
    try:
        exec(compile(job["answer"], OWN_LINES, "exec"), names)
        answer = eval(compile(job["expression"], "<the check>", "eval"), names)
    except SyntaxError as error:
        return {"problem": f"Line {error.lineno} is no Python: {error.msg}."}
    except BaseException as error:
        return {"problem": f"{_place(error)} stopped with {type(error).__name__}: {_words(error)}"}
    texts = []
    for seed in job["seeds"]:
        cases = exercise.cases(np.random.default_rng(seed))
        texts.append(encode(answer_of(exercise, answer, cases)))
    return {"outputs": texts}


def _place(error: BaseException) -> str:
    frame, line = error.__traceback__, None
    while frame:
        if frame.tb_frame.f_code.co_filename == OWN_LINES:
            line = frame.tb_lineno
        frame = frame.tb_next
    return f"Line {line} of the cell" if line else "The cell"


def _words(error: BaseException) -> str:
    try:
        return str(error)[:300]
    except Exception:
        return ""


if __name__ == "__main__":
    report = Report()
    sys.stdout = sys.stderr
    report.end(outputs(read_job()))
