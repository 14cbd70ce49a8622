"""Read and execute notebooks, and export them as HTML pages."""

import json
import os
import re
import time
import warnings
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from helpers._common import progress_bar
from helpers.config import settings
from helpers.config.settings import COURSE_FOLDER
from helpers.datasets.sources import list_slices, one_per_class
from instructor.notebooks.export import page

# In the order in which they run: the report and the optional ones in beyond/ load what notebook 02 has saved.
NOTEBOOKS = [
    *sorted((COURSE_FOLDER / "notebooks").glob("*.ipynb")),
    *sorted((COURSE_FOLDER / "notebooks" / "beyond").glob("*.ipynb")),
]
CELL_TIMEOUT_SECONDS = 6 * 3600
# TensorFlow's C++ side writes these to the terminal before any setting can silence it.
NATIVE_LOG = re.compile(r"^(WARNING: All log messages before absl|[IWE]0000 ).*\n?", re.MULTILINE)


class NotebookError(Exception):
    """A notebook cannot be read, or one of its cells raised an error."""


def placed(path: Path, folder: Path) -> Path:
    """Return where a notebook, its page or its student edition goes in a folder: as in `notebooks/`."""
    return folder / ("beyond" if path.parent.name == "beyond" else "") / path.name


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook, whichever program has saved it.

    Colab, VS Code and Kaggle may leave out ids of cells, which then get one: Colab's own, or
    "cell-" and their position; so do cells with the id of another. Widgets without a "state" get
    one, since nbconvert needs it.

    Args:
        path: of the `.ipynb` file.

    Returns:
        The notebook, in nbformat's current version.

    Raises:
        NotebookError: the file is missing or is not a notebook.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise NotebookError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    try:
        stored = json.loads(text)
        if not isinstance(stored, dict) or "nbformat" not in stored:
            raise ValueError("JSON without the key 'nbformat'")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about ids, which are repaired here
            # Not nbformat.reads, which also logs what is wrong.
            notebook = nbformat.convert(nbformat.reader.reads(text), 4)
            _repair(notebook, stored)
            nbformat.validate(notebook)
    except Exception as error:  # whatever nbformat meets in a file that is no notebook
        if mark := re.search(r"^(<{7}|={7}|>{7})", text, re.MULTILINE):
            line = text.count("\n", 0, mark.start()) + 1
            reason = f"line {line} has a merge-conflict mark. Resolve it, as with git checkout --ours"
        else:
            said = (str(error) or type(error).__name__).splitlines()[0]
            reason = f"it is not a valid notebook ({said}). Save it again as .ipynb"
        raise NotebookError(f"{path} cannot be read: {reason}.") from error
    return notebook


def _repair(notebook: NotebookNode, stored: dict) -> None:
    """Add the ids and the states of widgets that a notebook was stored without."""
    cells = stored.get("cells") or []
    ids = [cell.get("id") for cell in cells] or [None] * len(notebook.cells)
    for position, (cell, name) in enumerate(zip(notebook.cells, ids, strict=True), start=1):
        if name is None or name in ids[: position - 1]:
            own = str(cell.metadata.pop("id", ""))
            free = re.fullmatch(r"[\w-]{1,64}", own, re.ASCII) and own not in ids
            cell.id = own if free else f"cell-{position}"
            ids[position - 1] = cell.id
    notebook.nbformat_minor = max(notebook.nbformat_minor, 5)
    widgets = notebook.metadata.get("widgets", {})
    for kind, content in widgets.items():
        if "state" not in content:
            widgets[kind] = NotebookNode(state=content)


def run_course(notebooks: list[Path], out: Path, *, store: bool = False) -> list[Path]:
    """Execute notebooks one after the other and write each as a page.

    Args:
        notebooks: paths of `.ipynb` files, in order.
        out: folder for the executed notebooks and their HTML.
        store: also write the outputs back into the notebooks themselves.

    Returns:
        The paths of the HTML pages.

    Raises:
        CourseError: `COURSE_DATA` names a folder without slices, or without one of the classes.
        NotebookError: a notebook cannot be read, or a cell raised an error; the page shows the
            notebook up to that cell.
    """
    course = settings.load()
    # Absolute, since the notebooks run in their own folder; and whatever their form fields say.
    os.environ.update(
        COURSE_DATA=course.data, COURSE_PROFILE=course.profile.name, COURSE_HOME=str(course.home)
    )
    if course.data not in settings.KEYWORDS:
        one_per_class(list_slices(course.data))  # an unusable folder is reported before any cell runs
    pages = []
    for path in notebooks:
        notebook, executed = read_notebook(path), placed(path, out)
        executed.parent.mkdir(parents=True, exist_ok=True)
        try:
            execute(notebook, path, log=executed.with_suffix(".log"))
        except NotebookError as error:
            raise NotebookError(f"{error}\nSee {write_page(notebook, executed)}") from error
        pages.append(write_page(notebook, executed))
        if store:
            nbformat.write(_without_html_figures(notebook), path)
    return pages


def execute(
    notebook: NotebookNode, path: Path, log: Path, kernel: str = "python3", seconds: dict | None = None
) -> None:
    """Run every cell of a notebook in a fresh kernel, in the notebook's folder.

    Args:
        notebook: executed in place: outputs and execution counts are replaced.
        path: of its file.
        log: file for what the kernel writes to its terminal, mostly TensorFlow's messages.
        kernel: name of the Jupyter kernel.
        seconds: filled with the wall time of each code cell, by its id.

    Raises:
        NotebookError: a cell raised an error, ran too long or killed the kernel.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    begun: dict[str, float] = {}
    seconds = {} if seconds is None else seconds

    def start(cell, **_):
        begun[cell.id] = time.perf_counter()
        progress.set_postfix_str(cell.id)

    def end(cell, **_):
        seconds[cell.id] = round(time.perf_counter() - begun[cell.id], 2)
        progress.update()

    with progress_bar(total=len(code), unit="cell", title=path.stem) as progress, log.open("wb") as terminal:
        client = NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT_SECONDS,
            kernel_name=kernel,
            resources={"metadata": {"path": str(path.parent)}},
            coalesce_streams=True,
            extra_arguments=["--log-level=ERROR"],
            on_cell_start=start,
            on_cell_executed=end,
        )
        try:
            client.execute(stderr=terminal)
        except CellExecutionError as error:
            raise NotebookError(_failure(notebook, path, error)) from error
        except (CellTimeoutError, DeadKernelError) as error:
            raise NotebookError(f"{path.name}: {error}") from error
        finally:
            _tidy(notebook)


def write_page(notebook: NotebookNode, path: Path) -> Path:
    """Write a notebook, and next to it its HTML page.

    Args:
        notebook: executed or not.
        path: of the notebook; the page gets the suffix `.html`.

    Returns:
        The path of the page.
    """
    nbformat.write(notebook, path)
    html = path.with_suffix(".html")
    html.write_text(page(notebook, path.stem), encoding="utf-8")
    return html


def _failure(notebook: NotebookNode, path: Path, error: CellExecutionError) -> str:
    failed = next(
        cell for cell in notebook.cells
        if any(output.output_type == "error" for output in cell.get("outputs", []))
    )  # fmt: skip
    return f"{path.name}, cell '{failed.id}': {error.ename}: {error.evalue}"


def _tidy(notebook: NotebookNode) -> None:
    """Remove what differs between runs without saying anything: timestamps, native log lines."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = NATIVE_LOG.sub("", output.text)
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if o.output_type != "stream" or o.text.strip()]
    notebook.metadata.language_info = {"name": "python"}


def _without_html_figures(notebook: NotebookNode) -> NotebookNode:
    """Drop the HTML form of each figure, which repeats the PNG for the exported page."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output.data.pop("text/html", None)
    return notebook
