"""Check and pack the hand-in: the report, as a page and as a notebook, and what it takes to repeat it."""

import json
import os
import re
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import nbformat
import pandas as pd
from IPython import get_ipython
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from helpers._common import CourseError
from helpers.checks import EXERCISES
from helpers.checks.exercise import OPEN_STUB
from helpers.config import drive
from helpers.config.settings import Settings, on_colab
from helpers.datasets.dataset import Dataset
from helpers.hand_in.course_settings import NO_REASON
from helpers.hand_in.page import report_page
from helpers.hand_in.results import Results

ARCHIVE, NOTEBOOK = "hand-in.zip", "report.ipynb"
OTHERS = ("01_dataset_assembly", "02_classification_and_segmentation")
NOT_RUN_AGAIN = "hand-in"  # tag of the cells that check and pack
ANSWER = re.compile(r"\**Your answer to Think! (R\.\d+)\**\s*", re.IGNORECASE)
COVER = re.compile(r"""^(TITLE|AUTHOR|COURSE|DATE) = ["']\s*["']""", re.MULTILINE)
CELL_SECONDS = 1800


class HandInError(CourseError):
    """The report cannot be found, or one of its cells does not run."""


@dataclass(frozen=True)
class Saved:
    """A notebook as it was saved.

    Args:
        notebook: its content.
        name: of its file.
        when: it was saved, in words.
    """

    notebook: NotebookNode
    name: str
    when: str


def check(course: Settings, notebook: str = NOTEBOOK) -> pd.DataFrame:
    """List what is missing or unusual in the hand-in; nothing is changed.

    Args:
        course: the settings.
        notebook: file name of the report, if you have renamed it.

    Returns:
        DataFrame of text with the columns part and what is missing; no row if everything is there.

    Raises:
        HandInError: the report is not found.
    """
    own = _report(notebook)
    rows = [
        *_results_missing(course),
        *_cover_missing(own.notebook),
        *_texts_missing(own.notebook),
        *_readings_missing(own.notebook),
        *_notebooks_missing(),
    ]
    return pd.DataFrame(rows, columns=["part", "what is missing"])


def pack(course: Settings, notebook: str = NOTEBOOK, code: bool = False) -> Path:
    """Run the report once more from the top, make its page, and pack everything for the hand-in.

    What is missing is printed, not refused. In Colab, the archive is offered as a download.

    Args:
        course: the settings.
        notebook: file name of the report, if you have renamed it. Save it first.
        code: whether the page shows the code cells, too.

    Returns:
        `hand-in.zip`, next to `report.html`, in the folder `hand-in` of COURSE_HOME. It has the report as
        notebook and page, notebooks 01 and 02, and the run records, fingerprint and index of the data.

    Raises:
        HandInError: the report is not found, or a cell of it does not run.
    """
    own, missing = _report(notebook), check(course, notebook)
    print(f"{own.name}, saved {own.when}: what you have changed since then is not in the hand-in.")
    for part, what in missing.itertuples(index=False):
        print(f"Missing: {part}: {what}")
    executed = _executed(own, course)
    if NO_REASON in json.dumps(executed):
        print("Missing: a setting differs from the course's, and no reason is given")
    page = report_page(executed, code=code)
    folder = course.home / "hand-in"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text(page, encoding="utf-8")
    archive = folder / ARCHIVE
    with zipfile.ZipFile(archive.with_suffix(".tmp"), "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(NOTEBOOK, nbformat.writes(executed))
        packed.writestr("report.html", page)
        for name, path in _others().items():
            packed.write(path, f"{name}.ipynb")
        for name, content in _repeatable(course):
            packed.writestr(f"results/{name}", content)
    archive.with_suffix(".tmp").replace(archive)
    if on_colab():
        from google.colab import files

        files.download(str(archive))
    return archive


def _report(name: str) -> Saved:
    """Return the report as it is in Colab, or as Jupyter or VS Code have saved it."""
    if (found := _in_colab()) and dict(_answers(found.notebook)):
        return found
    shell = get_ipython()
    in_vs_code = shell.user_ns.get("__vsc_ipynb_file__") if shell else None
    in_jupyter = os.environ.get("JPY_SESSION_NAME")
    paths = [Path(one) for one in (in_vs_code, in_jupyter, name) if one]
    for path in filter(Path.is_file, paths):
        try:
            notebook = _read(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, nbformat.ValidationError) as error:
            raise HandInError(f"{path} cannot be read ({error}). Save it again.") from error
        if dict(_answers(notebook)):
            when = datetime.fromtimestamp(path.stat().st_mtime)
            return Saved(notebook, path.name, f"at {when:%H:%M} on {when:%Y-%m-%d}")
    raise HandInError(
        f"there is no report called {name} in {Path.cwd()}: no notebook with a cell that begins with 'Your "
        "answer to Think! R.1'. Save it there, or give its name: "
        'hand_in.pack(course, notebook="my_report.ipynb").'
    )


def _in_colab() -> Saved | None:
    if not on_colab():
        return None
    try:
        from google.colab import _message

        content = _message.blocking_request("get_ipynb", request="", timeout_sec=60)["ipynb"]
        return Saved(_read(content), content["metadata"].get("colab", {}).get("name", NOTEBOOK), "just now")
    except Exception:  # it is not a public function; a file will do
        return None


def _read(content: dict) -> NotebookNode:
    return nbformat.convert(nbformat.reads(json.dumps(content), as_version=nbformat.NO_CONVERT), 4)


def _answers(notebook: NotebookNode) -> Iterator[tuple[str, str]]:
    """The free-text answers: number of the exercise, text."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (mark := ANSWER.match(cell.source.lstrip())):
            yield mark[1], cell.source.lstrip()[mark.end() :].strip()


def _results_missing(course: Settings) -> Iterator[tuple[str, str]]:
    for what, made_by in Results(course).missing.items():
        yield what, f"run {made_by}"


def _cover_missing(notebook: NotebookNode) -> Iterator[tuple[str, str]]:
    for cell in notebook.cells:
        for field in COVER.findall(cell.source) if cell.cell_type == "code" else []:
            yield "cover page", f"{field} is empty"


def _texts_missing(notebook: NotebookNode) -> Iterator[tuple[str, str]]:
    answers = dict(_answers(notebook))
    for number, exercise in EXERCISES.items():
        if not number.startswith("R.") or not exercise.words:
            continue
        text, (fewest, most) = answers.get(number), exercise.words
        count = len((text or "").split())
        if text is None:
            yield f"{number} {exercise.title}", f"no cell begins with 'Your answer to Think! {number}'"
        elif not text or OPEN_STUB in text:
            yield f"{number} {exercise.title}", "not written yet"
        elif not fewest <= count <= most:
            yield f"{number} {exercise.title}", f"{count} words, where {fewest} to {most} are expected"


def _readings_missing(notebook: NotebookNode) -> Iterator[tuple[str, str]]:
    """Texts that aren't marked, such as those below the results; the section on theory is optional."""
    for cell in notebook.cells:
        text = cell.source.strip()
        if cell.cell_type == "markdown" and OPEN_STUB in text and not ANSWER.match(text) and text[0] != "#":
            first = text.partition("\n")[0].strip("* ")
            yield f"a text '{first}'", "not written yet"


def _notebooks_missing() -> Iterator[tuple[str, str]]:
    found = _others()
    for name in OTHERS:
        if name not in found:
            yield f"notebook {name[:2]}", f"put {name}.ipynb, with its outputs, into {Path.cwd()}"
            continue
        cells = json.loads(found[name].read_text(encoding="utf-8")).get("cells", [])
        if not any(cell.get("outputs") for cell in cells):
            yield f"notebook {name[:2]}", f"{found[name].name} was saved without outputs: run it, and save it"


def _others() -> dict[str, Path]:
    """Return the newest copy of notebooks 01 and 02, here or among Colab's notebooks on Google Drive."""
    folders = [Path.cwd(), drive.DRIVE / "Colab Notebooks"]
    found = {}
    for name in OTHERS:
        paths = [path for folder in folders if folder.is_dir() for path in folder.glob(f"*{name}*.ipynb")]
        if paths:
            found[name] = max(paths, key=lambda path: path.stat().st_mtime)
    return found


def _repeatable(course: Settings) -> Iterator[tuple[str, str]]:
    """The files that it takes to repeat the results: names and contents."""
    results = Results(course)
    for name in results:
        yield f"{name}.json", json.dumps(results[name].record, indent=2)
    folder = Dataset.open(course.dataset_folder).folder
    for file in ("fingerprint.json", "index.csv"):
        yield file, (folder / file).read_text(encoding="utf-8")


def _executed(saved: Saved, course: Settings) -> NotebookNode:
    """Run the report in a fresh kernel, so that its page shows what its cells say now."""
    notebook = _read(saved.notebook)
    settings = {
        "COURSE_DATA": course.data,
        "COURSE_PROFILE": course.profile.name,
        "COURSE_HOME": str(course.home),
        "CUDA_VISIBLE_DEVICES": "-1",  # whose memory this kernel may have taken
    }
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        skip_cells_with_tag=NOT_RUN_AGAIN,
        resources={"metadata": {"path": str(Path.cwd())}},
        extra_arguments=["--log-level=ERROR"],
    )
    try:
        client.execute(env=os.environ | settings, stderr=subprocess.DEVNULL)
    except CellExecutionError as error:
        raise HandInError(
            f"a cell of {saved.name} does not run: {error.ename}: {error.evalue} Mend it, save the notebook, "
            "and run this cell again."
        ) from error
    return notebook
