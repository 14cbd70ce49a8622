"""A real browser: the system's Chromium, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from instructor.notebooks.report import BROWSERS


@pytest.fixture(scope="session")
def chromium() -> Iterator:
    """Chromium without a window and without a network: Playwright's `Browser`."""
    playwright = pytest.importorskip("playwright.sync_api")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"there is no Chromium here: none of {', '.join(BROWSERS)}")
    with playwright.sync_playwright() as driver:
        # No sandbox, since containers run as root; it opens only our own pages.
        browser = driver.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def tab(chromium) -> Iterator:
    """An empty page, as wide as a laptop: Playwright's `Page`."""
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    yield page
    page.close()


@pytest.fixture(scope="session")
def course_home() -> Path:
    """A COURSE_HOME with finished trainings, such as nbval leaves (see the Makefile)."""
    home = os.environ.get("COURSE_HOME")
    if not home or not any(Path(home).glob("runs/*/unet")):
        pytest.skip("set COURSE_HOME to a folder with both trainings: the browser tests don't train")
    return Path(home).resolve()
