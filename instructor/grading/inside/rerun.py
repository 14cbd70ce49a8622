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
from collections.abc import Callable
from pathlib import Path

import nbformat
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from report import main

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


def run(job: dict, write: Callable[[dict], None]) -> dict:
    """Run the job, report each cell's outputs, and return how it ended."""
    cells = [
        nbformat.v4.new_markdown_cell() if source is None else nbformat.v4.new_code_cell(source)
        for source in job["cells"]
    ]

    def begin(cell, cell_index):
        write({"begin": cell_index})

    def end(cell, cell_index, execute_reply):
        reply = execute_reply["content"]
        exits = any(part.get("source") == "ask_exit" for part in reply.get("payload", []))
        error = None if reply["status"] == "ok" else f"{reply.get('ename')}: {reply.get('evalue')}"
        outputs = [kept for output in cell.get("outputs", []) if (kept := _kept(output))]
        write({"outputs": outputs, "error": EXIT if exits else error})
        if exits:
            raise EOFError

    client = Client(
        nbformat.v4.new_notebook(cells=cells),
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
        return {"ending": "done"}  # by the notebook itself
    except CellTimeoutError:
        return {"ending": "time"}
    except DeadKernelError:
        return {"ending": "output" if client.overflow else "died"}
    return {"ending": "done"}


def _kept(output: nbformat.NotebookNode) -> dict | None:
    if output.output_type == "stream":
        return {"text": output.text} if output.name == "stdout" else None
    data = output.get("data", {})
    if "image/png" in data:
        return {"png": data["image/png"], "text": data.get("text/plain", "")}
    return {"text": data["text/plain"] + "\n"} if "text/plain" in data else None


if __name__ == "__main__":
    main(run)
