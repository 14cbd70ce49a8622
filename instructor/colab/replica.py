"""Replica of a Colab runtime, in which notebooks are opened and run.

Like Colab: its Python, packages and IPython kernel, a folder that contains only the notebook,
`google.colab`, no pip, the course fetched by the setup cell. Unlike Colab: no GPU, no Drive, and a
repository on this disk from which git fetches instead of the web.
"""

import contextlib
import json
import math
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat

from helpers.config.settings import COURSE_FOLDER
from instructor.colab.environments import Runtime
from instructor.notebooks.execute import NotebookError, execute, placed, read_notebook, write_page
from instructor.notebooks.publishing import published

STUBS = Path(__file__).resolve().parent / "stubs"
KERNEL = "colab-replica"
NUMBER = re.compile(r"\d+(?:\.\d+)?")
# OpenCV 4 and 5 round differently when they resize: one phantom's maximum is 12796 and 12798.
TOLERANCE = 1e-3
NO_NETWORK = "http://127.0.0.1:9"  # a proxy that doesn't exist: the phantoms need no network
VERSIONS = "import json; from helpers.config import environment; print(json.dumps(environment.installed()))"


def run_in_replica(
    runtime: Runtime, python: Path, notebooks: list[Path], out: Path, trained: Path | None = None
) -> list[dict]:
    """Open and run notebooks, each as on a new machine.

    Args:
        runtime: which.
        python: of its environment (`instructor.colab.environments.environment`).
        notebooks: in order.
        out: folder for the executed notebooks, their pages and logs, and `report.json`.
        trained: a COURSE_HOME with finished trainings, copied to each machine. A training on the
            same data and with the same settings is loaded, all others are trained.

    Returns:
        For each notebook: its name, `error` (None if every cell ran), `seconds` by cell, `stderr`
        (what was written to standard error) by cell, and the cells `differing` from what is stored.
    """
    out.mkdir(parents=True, exist_ok=True)
    reports = []
    # Outside the course's folder, since the setup cell looks for the helpers in the folders above.
    with tempfile.TemporaryDirectory(prefix="colab-") as folder:
        place = Path(folder)
        remote = make_remote(place / "remote.git")
        for path in notebooks:
            content = place / path.stem / "content"
            content.mkdir(parents=True)
            if trained and (trained / "runs").is_dir():
                shutil.copytree(trained / "runs", content / "course" / "runs")
            with _kernel(place, environment(python, content, remote)):
                reports.append(_run(path, content, out))
    versions = subprocess.run(
        [python, "-c", VERSIONS], cwd=COURSE_FOLDER, capture_output=True, text=True, check=True
    )
    whole = {"runtime": runtime.name, "versions": json.loads(versions.stdout), "notebooks": reports}
    (out / "report.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    return reports


def environment(python: Path, content: Path, remote: Path) -> dict[str, str]:
    """Return the environment variables that a notebook in the replica gets in addition.

    Args:
        python: of the runtime's environment.
        content: the folder used as /content.
        remote: the repository used as the published one.
    """
    return {
        "PATH": os.pathsep.join([str(python.parent), os.environ.get("PATH", "")]),
        "VIRTUAL_ENV": str(python.parent.parent),
        "PYTHONPATH": str(STUBS),
        "COURSE_DATA": "phantoms",
        "COURSE_PROFILE": "quick",
        "COURSE_HOME": str(content / "course"),
        "http_proxy": NO_NETWORK,
        "https_proxy": NO_NETWORK,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{remote.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": published().repository,
    }


def make_remote(folder: Path) -> Path:
    """Create a repository of the course's files in a folder, with the tag that the setup cell fetches."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=COURSE_FOLDER, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (COURSE_FOLDER / name).is_file():  # unless deleted, but not yet from the index
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(COURSE_FOLDER / name, folder / name)
    author = ["-c", "user.name=replica", "-c", "user.email=replica@localhost", "-c", "commit.gpgsign=false"]
    for words in (
        ["init", "-q"],
        ["add", "--all", "--force"],
        [*author, "commit", "-q", "-m", "The course"],
        ["tag", f"v{published().version}"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def _run(path: Path, content: Path, out: Path) -> dict:
    opened, executed = Path(shutil.copy(path, content)), placed(path, out)
    executed.parent.mkdir(parents=True, exist_ok=True)
    notebook = read_notebook(opened)
    stored = _compared(notebook)
    error, seconds = None, {}
    try:
        execute(notebook, opened, log=executed.with_suffix(".log"), kernel=KERNEL, seconds=seconds)
    except NotebookError as failure:
        error = str(failure)
    write_page(notebook, executed)
    return {
        "notebook": path.name,
        "error": error,
        "seconds": seconds,
        "stderr": _stderr(notebook),
        "differing": [cell for cell, shown in _compared(notebook).items() if not _same(shown, stored[cell])],
    }


def _compared(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """Return the text shown by the cells that show the same in every run (nbval uses the same tag)."""
    return {
        cell.id: "\n".join(text for output in cell.outputs for text in _texts(output))
        for cell in notebook.cells
        if "nbval-check-output" in cell.metadata.get("tags", [])
    }


def _texts(output: nbformat.NotebookNode) -> Iterator[str]:
    data = output.get("data", {})
    if "image/png" not in data:
        yield output.get("text", "")
        yield from (data[kind] for kind in sorted(data) if kind.startswith("text/"))


def _same(one: str, other: str) -> bool:
    """Whether two texts agree, with a tolerance for numbers."""
    if NUMBER.sub("", one) != NUMBER.sub("", other):
        return False
    pairs = zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
    return all(math.isclose(float(a), float(b), rel_tol=TOLERANCE) for a, b in pairs)


def _stderr(notebook: nbformat.NotebookNode) -> dict[str, str]:
    return {
        cell.id: output.text
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.get("name") == "stderr"
    }


@contextlib.contextmanager
def _kernel(folder: Path, variables: dict[str, str]) -> Iterator[None]:
    """Install a Jupyter kernel with these variables in a folder, for as long as the context lasts."""
    spec = folder / "kernels" / KERNEL / "kernel.json"
    spec.parent.mkdir(parents=True, exist_ok=True)
    python = str(Path(variables["VIRTUAL_ENV"]) / "bin" / "python")
    words = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec.write_text(
        json.dumps({"argv": words, "display_name": KERNEL, "language": "python", "env": variables})
    )
    before = os.environ.get("JUPYTER_PATH")
    os.environ["JUPYTER_PATH"] = str(folder)
    try:
        yield
    finally:
        del os.environ["JUPYTER_PATH"]
        if before is not None:
            os.environ["JUPYTER_PATH"] = before
