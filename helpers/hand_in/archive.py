"""Check and pack the hand-in: the report, as a page and as a notebook, and what it takes to repeat it."""

import json
import os
import re
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pandas as pd
from IPython import get_ipython
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from helpers._common import CourseError, read_json
from helpers.checks import EXERCISES
from helpers.config import drive
from helpers.config.language import _
from helpers.config.settings import Settings, on_colab
from helpers.datasets.dataset import Dataset
from helpers.hand_in.course_settings import NO_REASON
from helpers.hand_in.page import ANSWER, STUBS, report_page
from helpers.hand_in.results import TITLES, Results

ARCHIVE, NOTEBOOK = "hand-in.zip", "report.ipynb"
OTHERS = ("01_dataset_assembly", "02_classification_and_segmentation")
NOT_RUN_AGAIN = "hand-in"  # tag of the cells that check and pack
COVER = re.compile(r"""^(TITLE|AUTHOR|COURSE|DATE) = ["']\s*["']""", re.MULTILINE)
SECTIONS = (1, 2, 4, 5, 6, 7, 8, 9)  # without the optional R.3
LABEL = re.compile(r"<figcaption><b>([^<.]+ \d+)\.</b>")
IMAGE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)")
NOT_RUN = 0.1  # share of code cells that may be without a run
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


def check(course: Settings, notebook: str | None = None) -> pd.DataFrame:
    """List what is missing or unusual in the hand-in; nothing is changed.

    Args:
        course: the settings.
        notebook: file name of the report, if you have renamed it.

    Returns:
        DataFrame of text with the columns part and what is missing; no row if everything is there.

    Raises:
        HandInError: the report is not found.
    """
    return _missing(course, Results(course), _report(notebook))


def pack(course: Settings, notebook: str | None = None, code: bool = False) -> Path:
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
    own, results = _report(notebook), Results(course)
    said = _("{name}, saved {when}: what you have changed since then is not in the hand-in.")
    print(said.format(name=own.name, when=own.when))
    for part, what in _missing(course, results, own).itertuples(index=False):
        print(f"{_('Missing:')} {part}: {what}")
    executed = _executed(own, course)
    for said in _remarks(executed):
        print(said)
    page = report_page(executed, code=code, spoken=course.language)
    folder = course.home / "hand-in"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text(page, encoding="utf-8")
    archive = folder / ARCHIVE
    with zipfile.ZipFile(archive.with_suffix(".tmp"), "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(NOTEBOOK, nbformat.writes(executed))
        packed.writestr("report.html", page)
        for name in _images(executed):
            if Path(name).is_file():
                packed.write(name)
        for name, path in _others().items():
            packed.write(path, f"{name}.ipynb")
        for name, content in _repeatable(course, results):
            packed.writestr(f"results/{name}", content)
    archive.with_suffix(".tmp").replace(archive)
    if on_colab():
        from google.colab import files

        files.download(str(archive))
    return archive


def _missing(course: Settings, results: Results, own: Saved) -> pd.DataFrame:
    rows = [
        *_results_missing(course, results),
        *_cover_missing(own.notebook),
        *_sections_missing(own.notebook),
        *_texts_missing(own.notebook),
        *_readings_missing(own.notebook),
        *_notebooks_missing(),
    ]
    return pd.DataFrame(rows, columns=[_("part"), _("what is missing")])


def _report(name: str | None) -> Saved:
    """Return the notebook of this name; without one, the report that is open in Colab, VS Code or Jupyter."""
    if not name and (found := _in_colab()) and dict(_answers(found.notebook)):
        return found
    shell = get_ipython()
    in_vs_code = shell.user_ns.get("__vsc_ipynb_file__") if shell else None
    in_jupyter = os.environ.get("JPY_SESSION_NAME")
    paths = [Path(one) for one in ([name] if name else [in_vs_code, in_jupyter, NOTEBOOK]) if one]
    for path in filter(Path.is_file, paths):
        try:
            notebook = _read(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, nbformat.ValidationError) as error:
            said = _("{path} cannot be read ({error}). Save it again.")
            raise HandInError(said.format(path=path, error=error)) from error
        if dict(_answers(notebook)):
            when = datetime.fromtimestamp(path.stat().st_mtime)
            return Saved(notebook, path.name, _("at {when:%H:%M} on {when:%Y-%m-%d}").format(when=when))
    said = _(
        "there is no report called {name} in {folder}: no notebook with a cell that begins with 'Your answer "
        'to Think! R.1\'. Save it there, or give its name: hand_in.pack(course, notebook="my_report.ipynb").'
    )
    raise HandInError(said.format(name=name or NOTEBOOK, folder=Path.cwd()))


def _in_colab() -> Saved | None:
    if not on_colab():
        return None
    try:
        from google.colab import _message

        content = _message.blocking_request("get_ipynb", request="", timeout_sec=60)["ipynb"]
        return Saved(
            _read(content), content["metadata"].get("colab", {}).get("name", NOTEBOOK), _("just now")
        )
    except Exception:  # it is not a public function; a file will do
        return None


def _read(content: dict) -> NotebookNode:
    return nbformat.convert(nbformat.reads(json.dumps(content), as_version=nbformat.NO_CONVERT), 4)


def _answers(notebook: NotebookNode) -> Iterator[tuple[str, str]]:
    """The free-text answers: number of the exercise, text."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (mark := ANSWER.match(cell.source.lstrip())):
            yield mark[1], STUBS.sub("", cell.source.lstrip()[mark.end() :]).strip()


def _results_missing(course: Settings, results: Results) -> Iterator[tuple[str, str]]:
    for what, made_by in results.missing.items():
        yield _("results of the {what}").format(what=what), _("run {cells}").format(cells=made_by)
    content = (read_json(course.dataset_folder / "fingerprint.json") or {}).get("content")
    for name in results:
        if content and results[name].record["data"]["content"] != content:
            what = _("results of the {what}").format(what=_(TITLES[name]))
            yield what, _("they are of other data than this notebook's")


def _cover_missing(notebook: NotebookNode) -> Iterator[tuple[str, str]]:
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    if not any(".cover(" in source for source in sources):
        yield _("cover page"), _("no cell calls document.cover")
    for field in COVER.findall("\n".join(sources)):
        yield _("cover page"), _("{field} is empty").format(field=field)


def _sections_missing(notebook: NotebookNode) -> Iterator[tuple[str, str]]:
    texts = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for number in SECTIONS:
        if not re.search(rf"^## R\.{number} ", texts, re.MULTILINE):
            said = _("no cell begins with the heading '## R.{number} ...'")
            yield _("section R.{number}").format(number=number), said.format(number=number)


def _texts_missing(notebook: NotebookNode) -> Iterator[tuple[str, str]]:
    answers = dict(_answers(notebook))
    for number, exercise in EXERCISES.items():
        if not number.startswith("R.") or not exercise.words:
            continue
        text, (fewest, most) = answers.get(number), exercise.words
        count, part = len((text or "").split()), f"{number} {_(exercise.title)}"
        if text is None:
            yield part, _("no cell begins with 'Your answer to Think! {number}'").format(number=number)
        elif not text:
            yield part, _("not written yet")
        elif not fewest <= count <= most:
            said = _("{count} words, where {fewest} to {most} are expected")
            yield part, said.format(count=count, fewest=fewest, most=most)


def _readings_missing(notebook: NotebookNode) -> Iterator[tuple[str, str]]:
    """Texts that aren't marked, such as those below the results; the section on theory is optional."""
    heading = ""
    for cell in notebook.cells:
        text = cell.source.strip()
        if cell.cell_type == "markdown" and text.startswith("#"):
            heading = text.partition("\n")[0].strip("# ")
        elif (
            cell.cell_type == "markdown"
            and re.search(rf"(?:{STUBS.pattern})\Z", text)
            and not ANSWER.match(text)
        ):
            part = _("the text '{title}' below '{heading}'")
            title = text.partition("\n")[0].strip("* ")
            yield part.format(title=title, heading=heading), _("not written yet")


def _notebooks_missing() -> Iterator[tuple[str, str]]:
    found = _others()
    for name in OTHERS:
        part = _("notebook {number}").format(number=name[:2])
        if name not in found:
            said = _("put {file}, with its outputs, into {folder}")
            yield part, said.format(file=f"{name}.ipynb", folder=Path.cwd())
            continue
        cells = (read_json(found[name]) or {}).get("cells", [])
        code = [cell for cell in cells if cell.get("cell_type") == "code" and cell.get("source")]
        left = sum(not cell.get("execution_count") for cell in code)
        if left > NOT_RUN * len(code) or not code:
            said = _("{left} of {count} code cells in {file} were not run: run them, and save it")
            yield part, said.format(left=left, count=len(code), file=found[name].name)


def _remarks(executed: NotebookNode) -> Iterator[str]:
    """What only the executed report shows."""
    text = json.dumps(executed, ensure_ascii=False)
    if _(NO_REASON) in text:
        yield _("Missing: a setting differs from the course's, and no reason is given for it in R.4")
    labels = Counter(LABEL.findall(text))
    for label in [label for label, count in labels.items() if count > 1]:
        yield _("{label} is there twice: give the two different captions").format(label=label)
    for name in _images(executed):
        if not Path(name).is_file():
            yield _("Missing: the image {name}, which a text shows").format(name=name)


def _images(notebook: NotebookNode) -> list[str]:
    """Return the files of images in the texts, in the folder of the report."""
    cells = [cell for cell in notebook.cells if "remove-cell" not in cell.metadata.get("tags", [])]
    texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
    names = [unquote(name) for text in texts for name in IMAGE.findall(text)]
    return sorted({name for name in names if not re.match(r"[a-z]+:|[/\\]|.*\.\.", name)})


def _others() -> dict[str, Path]:
    """Return the newest copy of notebooks 01 and 02, here or among Colab's notebooks on Google Drive."""
    folders = [Path.cwd(), drive.DRIVE / "Colab Notebooks"]
    found = {}
    for name in OTHERS:
        paths = [
            path for folder in folders if folder.is_dir() for path in folder.glob(f"*{name}*.ipynb")
            if path.name[0] != "."  # macOS's notes about files
        ]  # fmt: skip
        if paths:
            found[name] = max(paths, key=lambda path: path.stat().st_mtime)
    return found


def _repeatable(course: Settings, results: Results) -> Iterator[tuple[str, str]]:
    """The files that it takes to repeat the results: names and contents."""
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
        "COURSE_LANGUAGE": course.language,
        "COURSE_HOME": str(course.home),
        "COURSE_COPIES": str(course.copies or drive.folder() or course.home / "copies"),  # so none is mounted
        "CUDA_VISIBLE_DEVICES": "-1",  # whose memory this kernel may have taken
    }
    kernel = AsyncKernelManager(kernel_name="python3")
    assert kernel.kernel_spec is not None  # an error if there is none
    # This Python, whatever is installed under the name; in Colab without its connection to the browser.
    kernel.kernel_spec.argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    client = NotebookClient(
        notebook,
        km=kernel,
        timeout=CELL_SECONDS,
        skip_cells_with_tag=NOT_RUN_AGAIN,
        resources={"metadata": {"path": str(Path.cwd())}},
        extra_arguments=["--log-level=ERROR"],
    )
    client.owns_km = True  # so it ends the kernel
    try:
        client.execute(env=os.environ | settings, stderr=subprocess.DEVNULL)
    except (CellTimeoutError, DeadKernelError) as error:
        said = _(
            "{name} could not be run again: a cell took more than {minutes} minutes, or the memory ran out. "
            "Restart the session, run the cells once, then this one."
        )
        raise HandInError(said.format(name=saved.name, minutes=CELL_SECONDS // 60)) from error
    except CellExecutionError as error:
        failed = next(
            cell for cell in notebook.cells
            if any(output.output_type == "error" for output in cell.get("outputs", []))
        )  # fmt: skip
        said = _(
            "a cell of {name} does not run. It begins with {first!r}. {error}. Correct it, save the "
            "notebook, and run this cell again."
        )
        first, words = failed.source.strip().splitlines()[0], f"{error.ename}: {error.evalue.rstrip('.')}"
        raise HandInError(said.format(name=saved.name, first=first, error=words)) from error
    return notebook
