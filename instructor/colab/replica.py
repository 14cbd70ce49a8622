"""One of Colab's runtimes, as far as it can be had here: the course opened and run in it.

Like Colab: its Python, packages and IPython kernel, a folder with nothing but the notebook in it,
`google.colab`, no pip, the course fetched by the setup cell. Unlike Colab: no GPU, no Drive, and
the repository on this disk, in which git finds what it looks for on the web.
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
from instructor.notebooks.execute import NotebookError, execute, write_page
from instructor.notebooks.publishing import published

STUBS = Path(__file__).resolve().parent / "stubs"
KERNEL = "colab-twin"
NUMBER = re.compile(r"\d+(?:\.\d+)?")
# OpenCV 4 and 5 round differently when they resize: one phantom's maximum is 12796 and 12798.
NEARLY = 1e-3
NOWHERE = "http://127.0.0.1:9"  # a proxy that is not there: the phantoms need no network
VERSIONS = "import json; from helpers.config import environment; print(json.dumps(runtime.installed()))"


def run_in_twin(runtime: Runtime, python: Path, notebooks: list[Path], out: Path) -> list[dict]:
    """Opens and runs notebooks, each on a new machine, as it were.

    Args:
        runtime: which.
        python: of its environment (`instructor.colab.environments.environment`).
        notebooks: in order.
        out: folder for the executed notebooks, their pages and logs, and `report.json`.

    Returns:
        For each notebook: its name, `error` (None where every cell ran), `seconds` by cell, `stderr`
        (what was written to standard error) by cell, and the cells `differing` from what is stored.
    """
    out.mkdir(parents=True, exist_ok=True)
    reports = []
    with tempfile.TemporaryDirectory(prefix="colab-") as folder:  # not in here: it would be found
        place = Path(folder)
        remote = make_remote(place / "remote.git")
        for path in notebooks:
            content = place / path.stem / "content"
            content.mkdir(parents=True)
            with _kernel(place, environment(python, content, remote)):
                reports.append(_run(path, content, out))
    versions = subprocess.run(
        [python, "-c", VERSIONS], cwd=COURSE_FOLDER, capture_output=True, text=True, check=True
    )
    whole = {"runtime": environment.name, "versions": json.loads(versions.stdout), "notebooks": reports}
    (out / "report.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    return reports


def environment(python: Path, content: Path, remote: Path) -> dict[str, str]:
    """The environment variables of a notebook in the twin.

    Args:
        python: of the runtime's environment.
        content: the folder that stands for /content.
        remote: the repository that stands for the published one.

    Returns:
        Name -> value, beside those of this process.
    """
    return {
        "PATH": os.pathsep.join([str(python.parent), os.environ.get("PATH", "")]),
        "VIRTUAL_ENV": str(python.parent.parent),
        "PYTHONPATH": str(STUBS),
        "COURSE_DATA": "phantoms",
        "COURSE_PROFILE": "quick",
        "COURSE_HOME": str(content / "course"),
        "http_proxy": NOWHERE,
        "https_proxy": NOWHERE,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{remote.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": published().repository,
    }


def make_remote(folder: Path) -> Path:
    """Makes a repository of the course as it is here, with the tag that the setup cell fetches.

    Args:
        folder: where.

    Returns:
        The folder.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=COURSE_FOLDER, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (COURSE_FOLDER / name).is_file():  # not one that is deleted, but not yet from the index
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(COURSE_FOLDER / name, folder / name)
    author = ["-c", "user.name=twin", "-c", "user.email=twin@localhost", "-c", "commit.gpgsign=false"]
    for words in (
        ["init", "-q"],
        ["add", "--all", "--force"],
        [*author, "commit", "-q", "-m", "The course"],
        ["tag", f"v{published().version}"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def _run(path: Path, content: Path, out: Path) -> dict:
    opened = Path(shutil.copy(path, content))
    notebook = nbformat.read(opened, as_version=4)
    stored = _compared(notebook)
    error, seconds = None, {}
    try:
        execute(notebook, opened, log=out / f"{path.stem}.log", kernel=KERNEL, seconds=seconds)
    except NotebookError as failure:
        error = str(failure)
    write_page(notebook, out / path.name)
    return {
        "notebook": path.name,
        "error": error,
        "seconds": seconds,
        "stderr": _stderr(notebook),
        "differing": [cell for cell, shown in _compared(notebook).items() if not _same(shown, stored[cell])],
    }


def _compared(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """What those cells show that are to show the same in every run. (nbval goes by the same tag.)"""
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
    """Whether two texts agree, in their numbers nearly."""
    if NUMBER.sub("", one) != NUMBER.sub("", other):
        return False
    pairs = zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
    return all(math.isclose(float(a), float(b), rel_tol=NEARLY) for a, b in pairs)


def _stderr(notebook: nbformat.NotebookNode) -> dict[str, str]:
    return {
        cell.id: output.text
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.get("name") == "stderr"
    }


@contextlib.contextmanager
def _kernel(folder: Path, variables: dict[str, str]) -> Iterator[None]:
    """Lets Jupyter find a kernel with these variables, by a specification in a folder."""
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
