"""`python -m instructor report`: the page and the PDF of a student's report. Nothing in it is executed."""

import argparse
import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from helpers._common import CourseError
from helpers.hand_in import report_page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
IN_ZIP = "report.ipynb"
MOST_BYTES = 200_000_000  # of a notebook: more is no report
SECONDS = 120  # for a PDF


class ReportError(CourseError):
    """A file without an executed report."""


def add_to(commands) -> None:
    """Add `report` to the subparsers of `python -m instructor`."""
    report = commands.add_parser("report", help="make the page and the PDF of a student's report")
    report.add_argument("report", type=Path, help="the executed notebook, or a hand-in (zip)")
    report.add_argument("--out", type=Path, default=Path("build/report"), help="folder (build/report)")
    report.add_argument("--code", action="store_true", help="show the code cells too")
    report.set_defaults(function=report_command)


def report_command(chosen: argparse.Namespace) -> int:
    """Write `report.html` and, if there is a browser for it, `report.pdf`.

    Args:
        chosen: the options of the command line.

    Returns:
        The exit status, 0.

    Raises:
        ReportError: the file has no report, or the browser failed.
    """
    # Of a zip, no folder: next to an archive are other students' files.
    folder = None if zipfile.is_zipfile(chosen.report) else chosen.report.parent
    notebook = read_report(chosen.report)
    chosen.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as empty:
        try:
            page = report_page(notebook, code=chosen.code, folder=folder or Path(empty))
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # a cell that is none
            raise ReportError(f"{chosen.report} has a malformed cell ({error}). Save it again.") from error
    file = chosen.out / "report.html"
    file.write_text(page, encoding="utf-8")
    print(file)
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print(
            f"There is no Chromium here (none of {', '.join(BROWSERS)}), so there is no PDF: open the page "
            "in a browser and print it to a file."
        )
        return 0
    print_pdf(browser, file, chosen.out / "report.pdf")
    print(chosen.out / "report.pdf")
    return 0


def read_report(path: Path) -> NotebookNode:
    """Read an executed report.

    Args:
        path: of the notebook, or of a zip archive with `report.ipynb` at its top level.

    Raises:
        ReportError: there is none, or its cells have not run.
    """
    try:
        text = _from_zip(path) if zipfile.is_zipfile(path) else path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ReportError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    try:
        notebook = nbformat.reads(text, as_version=4)
    except Exception as error:  # nbformat raises whatever a wrong file leads to
        raise ReportError(
            f"{path} is not a notebook, or a damaged one. Give the report's .ipynb file or the hand-in's zip."
        ) from error
    if not any(cell.get("outputs") for cell in notebook.cells):
        raise ReportError(f"{path}: no cell has run. Run all cells of the report, save it, then try again.")
    return notebook


def _from_zip(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        if IN_ZIP not in archive.namelist():
            raise ReportError(
                f"{path} has no {IN_ZIP} at its top level. Give the zip that the report's last cell writes."
            )
        if archive.getinfo(IN_ZIP).file_size > MOST_BYTES:
            raise ReportError(
                f"{path}: {IN_ZIP} has more than {MOST_BYTES / 1e6:.0f} MB, too much for a report."
            )
        return archive.read(IN_ZIP).decode("utf-8-sig")


def print_pdf(browser: str, page: Path, pdf: Path) -> None:
    """Print a page with a headless Chromium, without a network.

    Scripts are forbidden by the page itself; the browser cannot print without its own.

    Args:
        browser: the program.
        page: HTML file.
        pdf: where the PDF goes.

    Raises:
        ReportError: the browser failed.
    """
    as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # or it won't start
    pdf.unlink(missing_ok=True)  # of an earlier report
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            browser, "--headless", "--disable-gpu", "--no-first-run", f"--user-data-dir={profile}", *as_root,
            "--host-resolver-rules=MAP * ~NOTFOUND", "--disable-background-networking",
            "--no-pdf-header-footer", "--generate-pdf-document-outline",
            f"--print-to-pdf={pdf.resolve()}", page.resolve().as_uri(),
        ]  # fmt: skip
        try:
            subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ReportError(
                f"{browser} could not print {page}: {error}. Print it from a browser."
            ) from error
    if not pdf.is_file():
        raise ReportError(
            f"{browser} could not print {page}. Open the page in a browser and print it to a file."
        )
