"""Run a submitted notebook cell by cell, and report the outputs of each.

    job    {"cells": [source or null, ...], "cell_seconds": s, "output_bytes": n}; null: not code
    lines  {"begin": index}, then {"outputs": [...], "error": words or null} when that cell is finished
    end    {"ending": "done" | "time" | "output" | "died"}

An output is {"text": ...} or {"png": base64, "text": alt text}. Errors are those of the kernel's replies:
a cell can change what is displayed.
"""

import json
import os
import signal
import sys
from pathlib import Path

import nbformat
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from report import Report, read_job, share_finished_work

SOCKETS = "/tmp/kernel"  # short: the path of a socket has at most 107 characters
# Run in the kernel before the notebook: its changes of the settings have no effect on `os.environ`.
KEEP_SETTINGS = """
import os

class Environment(type(os.environ)):
    def __setitem__(self, name, value):
        if not name.startswith("COURSE_"):
            super().__setitem__(name, value)

    def __delitem__(self, name):
        if not name.startswith("COURSE_"):
            super().__delitem__(name)

os.environ.__class__ = Environment
"""
EXIT = "exit() or quit() ended Python here; the cells below were not run"


class Client(NotebookClient):
    """A client that kills the kernel when the output exceeds the limit."""

    room = 0
    overflow = False

    def output(self, outs, msg, display_id, cell_index):
        self.room -= len(json.dumps(msg["content"], ensure_ascii=False))
        if self.room >= 0:
            return super().output(outs, msg, display_id, cell_index)
        if not self.overflow:
            self.overflow = True
            os.kill(self.km.provisioner.process.pid, signal.SIGKILL)
        return None


def run(job: dict, report: Report) -> str:
    """Run the job, report each cell's outputs, and return how it ended."""
    notebook = nbformat.v4.new_notebook(cells=[_cell(source) for source in job["cells"]])

    def begin(cell, cell_index):
        report.line({"begin": cell_index})

    def end(cell, cell_index, execute_reply):
        reply = execute_reply["content"]
        exits = any(part.get("source") == "ask_exit" for part in reply.get("payload", []))
        report.line({"outputs": _outputs(cell), "error": EXIT if exits else _error(reply)})
        if exits:
            raise EOFError

    client = Client(
        notebook,
        km=AsyncKernelManager(kernel_name="python3", transport="ipc", ip=f"{SOCKETS}-{os.getpid()}"),
        timeout=job["cell_seconds"],
        allow_errors=True,
        shutdown_kernel="immediate",
        extra_arguments=["--log-level=ERROR", f"--IPKernelApp.exec_lines=exec({KEEP_SETTINGS!r}, {{}})"],
        resources={"metadata": {"path": str(Path.cwd())}},
        on_cell_execute=begin,
        on_cell_executed=end,
    )
    client.owns_km = True  # so it ends the kernel
    client.room = job["output_bytes"]
    try:
        client.execute()
    except EOFError:
        return "done"  # by the notebook itself
    except CellTimeoutError:
        return "time"
    except DeadKernelError:
        return "output" if client.overflow else "died"
    return "done"


def _cell(source: str | None) -> nbformat.NotebookNode:
    return nbformat.v4.new_markdown_cell("") if source is None else nbformat.v4.new_code_cell(source)


def _outputs(cell: nbformat.NotebookNode) -> list[dict]:
    return [kept for output in cell.get("outputs", []) if (kept := _kept(output))]


def _error(reply: dict) -> str | None:
    return None if reply["status"] == "ok" else f"{reply.get('ename')}: {reply.get('evalue')}"


def _kept(output: nbformat.NotebookNode) -> dict | None:
    if output.output_type == "stream":
        return {"text": output.text} if output.name == "stdout" else None
    data = output.get("data", {})
    if "image/png" in data:
        return {"png": data["image/png"], "text": data.get("text/plain", "")}
    return {"text": data["text/plain"] + "\n"} if "text/plain" in data else None


if __name__ == "__main__":
    report = Report()
    sys.stdout = sys.stderr
    job = read_job()
    share_finished_work()
    report.end({"ending": run(job, report)})
