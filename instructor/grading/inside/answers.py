"""Runs a student's answers, each in a process of its own, and reports their outputs.

job     {"answers": [{"id", "before": [sources], "answer": source, "expression", "seeds": [...]}, ...],
         "seconds": of each}
result  {"answers": {id: {"outputs": [JSON text, ...]} or {"problem": words}}}
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from report import Report, read_job, share_finished_work

ANSWER = str(Path(__file__).with_name("answer.py"))
LARGEST_BYTES = 8 << 20


def run(job: dict) -> dict:
    """Runs the job."""
    return {"answers": {one["id"]: _run_one(one, job["seconds"]) for one in job["answers"]}}


def _run_one(one: dict, seconds: float) -> dict:
    process = subprocess.Popen(
        [sys.executable, ANSWER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        written, _ = process.communicate(json.dumps(one).encode(), timeout=seconds)
    except subprocess.TimeoutExpired:
        return {"problem": f"It was stopped after {seconds:.0f} seconds: does a loop never end?"}
    finally:
        _end(process)
    if process.returncode != 0 or len(written) > LARGEST_BYTES:
        return {"problem": "It ended Python itself, or took more memory than there is."}
    try:
        return dict(json.loads(written))
    except (ValueError, TypeError):
        return {"problem": "It ended Python itself before there was a result."}


def _end(process: subprocess.Popen) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


if __name__ == "__main__":
    report = Report()
    sys.stdout = sys.stderr
    share_finished_work()
    report.end(run(read_job()))
