"""Run a student's answers, each in its own process, and report their outputs.

job     {"answers": [{"id", "cells": [source of an earlier answer, or statements of a cell of the course],
         "own": [sources of the student's cells], "answer": source, "expression", "seeds": [...],
         "keras": whether to load it}, ...], "seconds": of processor time for each, "clock_seconds": likewise}
result  {"answers": {id: {"outputs": [JSON text, one per seed]} or {"problem": words}}}, both with "before":
         errors of the statements that the answer needs; or the reason, as text, why there is no result

The result has no answers after one that left something behind: these are run in another sandbox. If an answer
ends its process, this program ends with a status other than 0. A process has the memory of this one, and can
read the other answers there: they must be the same student's.
"""

import asyncio
import contextlib
import gc
import importlib
import json
import os
import random
import resource
import select
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import CodeType

import numpy as np
from answer_codec import encode_outputs
from context import NOT_PYTHON, Statement, compiled, needed, statements
from report import main

from helpers import checks
from helpers.config import language
from helpers.config.language import _

LARGEST_BYTES = 26 << 20
PAUSE = 0.02
OWN_LINES = "<your answer>"


def run(job: dict, write: Callable) -> dict:
    """Run the job; nothing is written before its end."""
    if any(one["keras"] for one in job["answers"]):  # once rather than in each child
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # the networks are small, and many graders share a GPU
        with contextlib.suppress(Exception):  # an answer that needs it says what is wrong
            importlib.import_module("keras")  # without an operation, TensorFlow starts no threads
    gc.freeze()  # or each child would copy the pages of all objects
    results, before = {}, _state()
    for one in job["answers"]:
        results[one["id"]] = _in_a_child(one, job["seconds"], job["clock_seconds"])
        if _state() != before:
            break
    return {"answers": results}


def outputs(job: dict) -> dict:
    """Return the answer's outputs, or the problem that prevented them."""
    os.environ["COURSE_LANGUAGE"] = job.get("language", "en")  # also of the cells before the answer
    language.choose(os.environ["COURSE_LANGUAGE"])
    exercise = checks.EXERCISES[job["id"]]
    # Bound before the student's code runs. It cannot gain by changing them, but could break its own run.
    encode, run_answer = encode_outputs, checks.run_answer
    names = {"__name__": "__main__", "display": _nothing, "get_ipython": Notebook}
    try:
        answer = compiled(job["answer"], OWN_LINES)
        check = compile(job["expression"], "<the check>", "eval")
        before = _run_before(job, [answer, check], names)
    except NOT_PYTHON as error:
        place = _line(error.lineno if isinstance(error, SyntaxError) else None)
        said = _("{place} is not valid Python: {error}.")
        return {"problem": said.format(place=place, error=getattr(error, "msg", error))}
    said = ""
    try:
        _execute(answer, names)
    except Exception as error:  # perhaps in a line below the answer, as in the notebook
        said = _stopped(error)
    try:
        value = eval(check, names)
    except Exception as error:
        return {"problem": said or _stopped(error), "before": before}
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
    cells = [statements(cell, set()) if isinstance(cell, str) else cell for cell in job["cells"]]
    course = [Statement(*one) for cell in cells for one in cell]
    known = {one.text for one in course if one.text}
    assigned: set[str] = set()  # a list may be made in one cell and filled in another
    own = [one for source in job["own"] for one in statements(source, assigned) if one.text not in known]
    errors = []
    for one in needed(course, own, answer):
        try:
            _execute(one.code or compiled(one.text), names)
        except Exception as error:  # what is missing, the answer may not need
            errors.append(str(error)[:300])
    return "; ".join(errors)[:1000]


def _in_a_child(one: dict, seconds: float, clock_seconds: float) -> dict | str:
    """Run in a fork, in which the libraries are loaded; only what it writes is returned.

    A text is the reason why it cannot be marked.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _be_the_child(one, writing, round(seconds))
    os.close(writing)
    content, status = _watched(child, reading, time.monotonic() + clock_seconds)
    os.close(reading)
    if os.WTERMSIG(status or 0) == signal.SIGXCPU:  # also if it dumped its core
        with language.speaking(one.get("language", "en")):
            said = _("It was stopped after {seconds:.0f} seconds: does a loop never end?")
        return {"problem": said.format(seconds=seconds)}
    if status or len(content) > LARGEST_BYTES:
        raise SystemExit(f"exercise {one['id']} ended its process (status {status}), or wrote too much")
    if status is None:
        return f"It had not ended after {clock_seconds:.0f} seconds: it waits, or the machine was busy."
    return dict(json.loads(content))


def _be_the_child(one: dict, writing: int, seconds: int) -> None:
    """Write the answer's outputs to a pipe and end; nothing else of the parent is open."""
    os.setsid()
    # Of processor time, so that other work on the machine doesn't count.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    os.dup2(writing, 3, inheritable=False)
    os.closerange(4, os.sysconf("SC_OPEN_MAX"))
    for number in (signal.SIGXCPU, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = outputs(one)
    except BaseException as error:  # such as SystemExit
        result = {"problem": _stopped(error)}
    with os.fdopen(3, "w") as pipe:
        pipe.write(json.dumps(result))
    os._exit(0)


def _watched(child: int, pipe: int, deadline: float) -> tuple[bytes, int | None]:
    """Return what the child writes until it ends, and its status; None if it had to be stopped."""
    content, status = bytearray(), None

    def read(seconds: float) -> bool:
        block = os.read(pipe, 1 << 16) if select.select([pipe], [], [], seconds)[0] else b""
        content.extend(block)
        return bool(block)

    while status is None and len(content) <= LARGEST_BYTES and time.monotonic() < deadline:
        time.sleep(0 if read(PAUSE) else 0.001)  # it may have closed the pipe
        ended, code = os.waitpid(child, os.WNOHANG)
        status = code if ended else None
    _end_all(child)
    while read(0):
        pass
    return bytes(content), status


def _end_all(child: int) -> None:
    """End all other processes in the sandbox, where this is the first one; without a sandbox, the child's."""
    with contextlib.suppress(ProcessLookupError):
        if os.getpid() == 1:
            os.kill(-1, signal.SIGKILL)
        else:
            os.killpg(child, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def _state() -> list:
    """List what an answer can change for the next one: files, and limits of this process."""
    tops, state = [Path.home(), Path.cwd()], []
    if os.getpid() == 1:
        tops += [Path("/tmp"), Path("/dev/shm")]
        state = [os.nice(0), os.sched_getscheduler(0), os.sched_getaffinity(0)]
        state += [resource.getrlimit(number) for number in range(16)]
    found = (path for top in tops for path in (top, *top.rglob("*")))
    return state + sorted((str(path), (about := path.lstat()).st_ino, about.st_ctime_ns) for path in found)


def _execute(code: CodeType, names: dict) -> None:
    """Run a cell's code, which may `await` at its top level."""
    waiting = eval(code, names)
    if waiting is not None:
        asyncio.run(waiting)


def _stopped(error: BaseException) -> str:
    frames = traceback.walk_tb(error.__traceback__)
    lines = [line for frame, line in frames if frame.f_code.co_filename == OWN_LINES]
    said, place = _("{place} stopped with {name}: {error}"), _line(lines[-1] if lines else None)
    return said.format(place=place, name=type(error).__name__, error=str(error)[:300])


def _line(line: int | None) -> str:
    return _("Line {line} of the cell").format(line=line) if line else _("The cell")


if __name__ == "__main__":
    main(run)
