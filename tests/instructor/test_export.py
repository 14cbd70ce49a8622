import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers.hand_in.formulas import mathml
from instructor.notebooks.execute import NOTEBOOKS
from instructor.notebooks.export import FORMULA, page


@pytest.fixture
def notebook():
    figure = new_output(
        "display_data", {"image/png": "iVBORw0KGgo="}, metadata={"image/png": {"alt": 'Two "bars" & more'}}
    )
    table = new_output("display_data", {"text/html": "<table><tr><th></th><th>a</th></tr></table>"})
    text = "# 1 · From files\n\n[next](02_b.ipynb#x), [web](https://example.org/02_b.ipynb)"
    return new_notebook(cells=[new_markdown_cell(text), new_code_cell("1", outputs=[figure, table])])


def test_a_page_has_a_title_a_language_and_alt_texts(notebook):
    html = page(notebook, "01_a")
    assert "<title>1 · From files</title>" in html
    assert '<html lang="en">' in html
    assert """alt='Two "bars" &amp; more'""" in html
    assert "<th></th>" not in html


def test_the_page_of_a_spanish_notebook_says_so(notebook):
    notebook.cells += [new_markdown_cell("## Parte A: ¿qué?"), new_code_cell('LANGUAGE = "es"')]
    html = page(notebook, "01_a")
    assert '<html lang="es">' in html and '<nav aria-label="Contenido">' in html


def test_a_page_links_to_the_next_page(notebook):
    html = page(notebook, "01_a")
    assert 'href="02_b.html#x"' in html
    assert 'href="https://example.org/02_b.ipynb"' in html


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_page_contains_no_script(path):
    assert "<script" not in page(nbformat.read(path, as_version=4), path.stem)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_formula_of_the_course_is_rendered(path):
    texts = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
    formulas = [found for text in texts for found in FORMULA.finditer(text)]
    assert [found[0] for found in formulas if not mathml(found[found.lastgroup]).startswith("<math")] == []


def test_the_theme_can_be_dark(notebook):
    assert 'data-jp-theme-light="false"' in page(notebook, "01_a", theme="dark")


def test_a_notebook_without_a_heading_is_titled_by_its_name():
    assert "<title>01_a</title>" in page(new_notebook(cells=[new_code_cell("1")]), "01_a")
    assert "<title>01_a</title>" in page(new_notebook(), "01_a")


def test_formulas_are_rendered_without_a_script():
    text = "Of size $H$:\n\n$$H' < \\frac{H}{S} + 1$$\n\nIt costs 5 $ or 6 $."
    html = page(new_notebook(cells=[new_markdown_cell(text)]), "01_a")
    assert html.count("<math") == 2 and "<mfrac>" in html
    assert "$$" not in html and "5 $ or 6 $" in html


def test_a_page_has_a_list_of_its_parts_and_sections():
    text = (
        "# 1 · From files\n\n## 1.0 Setup\n\n## Part A: files\n\n### 1.1 What `is`\n\n#### Exercise 1.1: more"
    )
    html = page(new_notebook(cells=[new_markdown_cell(text)]), "01_a")
    contents = html[html.index("<nav") : html.index("</nav>")]
    assert contents.count("<li") == 3 and "Exercise" not in contents
    for anchor in re.findall('href="#(.+?)"', contents):
        assert f'id="{anchor}"' in html
    assert "<nav" not in page(new_notebook(), "01_a")
