"""Run a student's answers, each in its own process, and report their outputs.

job     {"answers": [{"id", "cells": [source of an earlier answer, or statements of a cell of the course],
         "own": [sources of the student's cells], "answer": source, "expression", "seeds": [...],
         "keras": whether to load it}, ...], "seconds": for each}
result  {"answers": {id: {"outputs": [JSON text, one per seed]} or {"problem": words}}}, both with "before":
         errors of the statements that the answer needs
"""

import contextlib
import importlib
import json
import os
import random
import select
import signal
import sys
import time

import numpy as np
from answer_codec import encode_outputs
from context import NOT_PYTHON, Statement, needed, statements
from report import Report, read_job, share_finished_work

from helpers import checks

LARGEST_BYTES = 26 << 20
OWN_LINES = "<your answer>"
ENDED = "It ended Python itself, or took more memory than there is."


def run(job: dict) -> dict:
    """Run the job."""
    _load_keras_if_needed(job["answers"])
    return {"answers": {one["id"]: _in_a_child(one, job["seconds"]) for one in job["answers"]}}


def outputs(job: dict) -> dict:
    """Return the answer's outputs, or the problem that prevented them."""
    exercise = checks.EXERCISES[job["id"]]
    # Bound before the student's code runs. It cannot gain by changing them, but could break its own run.
    encode, run_answer = encode_outputs, checks.run_answer
    names = {"__name__": "__main__", "display": _nothing, "get_ipython": Notebook}
    try:
        answer = compile(job["answer"], OWN_LINES, "exec")
        check = compile(job["expression"], "<the check>", "eval")
        before = _run_before(job, [answer, check], names)
    except NOT_PYTHON as error:
        place = f"Line {error.lineno} of the cell" if isinstance(error, SyntaxError) else "The cell"
        return {"problem": f"{place} is not valid Python: {getattr(error, 'msg', error)}."}
    try:
        exec(answer, names)
        value = eval(check, names)
    except BaseException as error:
        said = f"{_place(error)} stopped with {type(error).__name__}: {str(error)[:300]}"
        return {"problem": said, "before": before}
    texts = []
    for seed in job["seeds"]:
        cases = exercise.cases(np.random.default_rng(seed))
        random.seed(seed)  # for answers that are random without a seed
        np.random.seed(seed)
        texts.append(encode(run_answer(exercise, value, cases)))
    return {"outputs": texts, "before": before}


class Notebook:
    """What `get_ipython()` returns: magics and shell commands do nothing."""

    def __getattr__(self, name: str):
        return (lambda *_, **__: []) if name.startswith("getoutput") else _nothing


def _nothing(*_, **__) -> None:
    """Take the place of `display`, whose output nobody sees."""


def _run_before(job: dict, answer: list, names: dict) -> str:
    """Run the statements that an answer needs; return the errors, since it may need a missing module."""
    cells = [statements(cell, changes=True) if isinstance(cell, str) else cell for cell in job["cells"]]
    course = [Statement(*one) for cell in cells for one in cell]
    known = {one.text for one in course if one.text}
    own = [one for source in job["own"] for one in statements(source, changes=True) if one.text not in known]
    errors = []
    for one in needed(course, own, answer):
        try:
            exec(one.code or one.text, names)
        except Exception as error:  # what is missing, the answer may not need
            errors.append(str(error)[:300])
    return "; ".join(errors)[:1000]


def _load_keras_if_needed(answers: list[dict]) -> None:
    """Import Keras once rather than in each child. Without an operation, TensorFlow starts no threads."""
    if any(one["keras"] for one in answers):
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # the networks are small, and many graders share a GPU
        with contextlib.suppress(Exception):  # an answer that needs it says what is wrong
            importlib.import_module("keras")


def _in_a_child(one: dict, seconds: float) -> dict:
    """Run in a fork, in which the libraries are loaded; only what it writes is returned."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        os.close(reading)
        with contextlib.suppress(BaseException), os.fdopen(writing, "w") as pipe:
            pipe.write(json.dumps(outputs(one)))
        os._exit(0)
    os.close(writing)
    try:
        written = _read(reading, time.monotonic() + seconds)
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if written is None:
        return {"problem": f"It was stopped after {seconds:.0f} seconds: does a loop never end?"}
    try:
        return dict(json.loads(written))
    except (ValueError, TypeError):
        return {"problem": ENDED}


def _read(pipe: int, deadline: float) -> bytes | None:
    """Everything until the pipe is closed; None after the deadline."""
    content = bytearray()
    while len(content) < LARGEST_BYTES:
        ready, _, _ = select.select([pipe], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            return None
        block = os.read(pipe, 1 << 16)
        if not block:
            break
        content += block
    return bytes(content)


def _place(error: BaseException) -> str:
    frame, line = error.__traceback__, None
    while frame:
        if frame.tb_frame.f_code.co_filename == OWN_LINES:
            line = frame.tb_lineno
        frame = frame.tb_next
    return f"Line {line} of the cell" if line else "The cell"


if __name__ == "__main__":
    report = Report()
    sys.stdout = sys.stderr
    job = read_job()
    share_finished_work()
    report.end(run(job))
