"""JupyterLab in a browser, used as by a student: open a notebook, run all cells, look at the outputs."""

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from helpers.config.settings import COURSE_FOLDER
from instructor.notebooks import lint
from instructor.notebooks.execute import NOTEBOOKS

# In the course's folder, where the setup cell finds the helpers; ignored by git.
PLACE = COURSE_FOLDER / "build" / "browser"
START_SECONDS, RUN_SECONDS = 120, 600
TOKEN = secrets.token_hex(16)

# JupyterLab renders a traceback like standard error; the course writes neither.
ERRORS = '.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]'
DONE = f"""() => document.querySelector('{ERRORS}') ||
    [...document.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')]
        .every(prompt => /\\[\\d+\\]/.test(prompt.textContent))"""
FIGURES = """all => all.map(one => {
    one.scrollIntoView();
    const box = one.getBoundingClientRect();
    return one.complete && one.naturalWidth > 100 && box.width > 100 && box.height > 50 && one.alt.length > 40
})"""
WIDE = """all => all.filter(one => one.scrollWidth > one.clientWidth + 1)
    .map(one => one.innerText.slice(0, 99))"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory, chromium, course_home) -> Iterator[str]:
    """The address of a JupyterLab server with its own settings."""
    pytest.importorskip("jupyterlab")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = tmp_path_factory.mktemp("jupyter")
    folders = {f"JUPYTER_{kind}_DIR": str(own / kind) for kind in ("CONFIG", "RUNTIME")}
    folders |= {f"JUPYTERLAB_{kind}_DIR": str(own / kind) for kind in ("SETTINGS", "WORKSPACES")}
    environment = os.environ | folders | {"COURSE_HOME": str(course_home)}
    for name in ("COURSE_DATA", "COURSE_PROFILE", "COURSE_COPIES"):
        environment.pop(name, None)
    PLACE.mkdir(parents=True, exist_ok=True)
    with (own / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
                f"--port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={PLACE}",
                f"--IdentityProvider.token={TOKEN}", "--LabApp.news_url=None",
            ],
            env=environment, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(address, server, own / "log")
            yield address
        finally:
            server.terminate()
            server.wait(timeout=30)


def wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    """Return as soon as the server answers."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/api", timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-2000:]}")


def cleared(path: Path) -> Path:
    """Copy a notebook without outputs, so that all outputs come from this run."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    copy = PLACE / path.name
    nbformat.write(notebook, copy)
    return copy


def choose(tab, menu: str, item: str) -> None:
    """Click an item in a menu of JupyterLab."""
    tab.get_by_role("menuitem", name=menu, exact=True).click()
    tab.get_by_role("menuitem", name=item).first.click()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_student_runs_all_cells(tab, lab, path):
    stored = [
        data for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"
        for data in [output.get("data", {}) for output in cell.outputs]
        if "image/png" in data or "<img" in data.get("text/html", "")
    ]  # fmt: skip
    copy = cleared(path)
    tab.goto(f"{lab}/lab/tree/{copy.name}?token={TOKEN}&reset")
    # The toolbar shows the kernel's name when the kernel is ready.
    tab.locator(".jp-NotebookPanel-toolbar").get_by_text("Python 3").wait_for(timeout=START_SECONDS * 1000)
    choose(tab, "Run", "Run All Cells")

    tab.wait_for_function(DONE, timeout=RUN_SECONDS * 1000, polling=500)
    assert tab.locator(ERRORS).all_text_contents() == []
    figures = tab.locator(".jp-OutputArea-output img")
    figures.last.scroll_into_view_if_needed()
    assert figures.evaluate_all(FIGURES) == [True] * len(stored)
    assert tab.locator(".jp-OutputArea-output").evaluate_all(WIDE) == []

    with tab.expect_response(lambda response: response.request.method == "PUT" and copy.name in response.url):
        choose(tab, "File", "Save Notebook")
    assert list(lint.outputs_are_sound(nbformat.read(copy, as_version=4), copy)) == []
