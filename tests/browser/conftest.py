"""A real browser: the system's Chromium, driven by Playwright."""

import shutil
from collections.abc import Iterator

import pytest

playwright = pytest.importorskip("playwright.sync_api")

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def chromium() -> Iterator["playwright.Browser"]:
    """Chromium without a window and without a network."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"there is no Chromium here: none of {', '.join(NAMES)}")
    with playwright.sync_playwright() as driver:
        # No sandbox, since containers run as root; what it opens is our own.
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def tab(chromium) -> Iterator["playwright.Page"]:
    """An empty page, as wide as a notebook on a laptop, which reaches this machine alone."""
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.route(
        lambda url: not url.startswith(("file:", "data:", "blob:", "http://127.0.0.1:")),
        lambda route: route.abort(),
    )
    yield page
    page.close()
