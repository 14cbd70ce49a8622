"""The pages that `python -m instructor run` writes, judged by axe-core and measured in a browser."""

import nbformat
import pytest

from instructor.notebooks.execute import NOTEBOOKS
from instructor.notebooks.export import page

axe = pytest.importorskip("axe_playwright_python.sync_playwright")

SERIOUS = {"serious", "critical"}


def findings(tab) -> list[str]:
    """List axe-core's serious findings, one line per element."""
    violations = axe.Axe().run(tab).response["violations"]
    return [
        f"{violation['id']} ({violation['impact']}): {node['html'][:200]}"
        for violation in violations if violation["impact"] in SERIOUS
        for node in violation["nodes"]
    ]  # fmt: skip


@pytest.fixture(
    params=[(path, theme) for path in NOTEBOOKS for theme in ("light", "dark")],
    ids=lambda param: f"{param[0].stem}-{param[1]}",
    scope="module",
)
def opened(request, tab, tmp_path_factory):
    """An exported notebook, opened in the browser."""
    path, theme = request.param
    file = tmp_path_factory.mktemp("pages") / f"{path.stem}.html"
    file.write_text(page(nbformat.read(path, as_version=4), path.stem, theme), encoding="utf-8")
    tab.goto(file.as_uri())
    return tab


def test_axe_finds_no_serious_violation(opened):
    assert findings(opened) == []


def test_nothing_is_wider_than_the_page(opened):
    wide = """() => [...document.querySelectorAll(".jp-OutputArea-output, pre")]
        .filter(part => part.scrollWidth > part.clientWidth + 1).map(part => part.closest(".jp-Cell").id)"""
    assert opened.evaluate(wide) == []
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_every_figure_is_on_white_and_has_an_alt_text(opened, request):
    path, _ = request.node.callspec.params["opened"]
    cells = nbformat.read(path, as_version=4).cells
    stored = [
        output
        for cell in cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {}) or "<img" in output.get("data", {}).get("text/html", "")
    ]
    figures = opened.locator(".jp-OutputArea-output img")
    looks = figures.evaluate_all(
        """all => all.map(one =>
            [getComputedStyle(one).backgroundColor, one.alt.length > 40, one.naturalWidth > 100])"""
    )
    assert len(looks) == len(stored) >= 1
    assert {tuple(look) for look in looks} == {("rgb(255, 255, 255)", True, True)}


def test_axe_detects_violations(tab):
    tab.set_content(
        '<html><body><main><img src="data:,"><p style="color: #bbb">pale</p></main></body></html>'
    )
    found = " ".join(findings(tab))
    assert "image-alt (critical)" in found
    assert "color-contrast (serious)" in found
    assert "html-has-lang (serious)" in found
