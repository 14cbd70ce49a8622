"""The page of a student's report: what is on it, and what a student cannot put there."""

import base64
import re
from copy import deepcopy
from html.parser import HTMLParser

import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers.checks.exercise import OPEN_STUB
from helpers.config.language import catalogue
from helpers.hand_in import report_page
from helpers.hand_in.formulas import mathml
from tests.support.report import answer, executed_report, heading, html, markup

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


def page(*cells, **options) -> str:
    return report_page(new_notebook(cells=list(cells)), **options)


def body(text: str) -> str:
    """The sections of a page, without their tags."""
    found = text[text.index("</nav>") : text.index("</main>")]
    return " ".join(re.sub(r"<[^>]*>", " ", found).split())


def headings(text: str) -> list[str]:
    return [
        re.sub("<[^>]*>", "", words)
        for words in re.findall(r'<h[23] id="section-.*?>(.*?)</h[23]>', text, re.DOTALL)
    ]


def test_the_page_has_the_students_title_and_a_language():
    text = report_page(executed_report())
    assert "<title>Two networks for brain MRI &amp; what they don’t know</title>" in text
    assert '<html lang="en">' in text
    assert text.count("<h1>") == 1
    assert text.index('<header class="cover">') < text.index("<nav") < text.index("<section>")


def test_a_report_without_a_cover_has_a_title():
    text = page(heading(1, "Problem"), *answer(1, "It is hard."))
    assert "<title>Technical report</title>" in text and "<h1>Technical report</h1>" in text


def test_the_notebook_is_not_changed():
    notebook = executed_report()
    before = deepcopy(notebook)
    report_page(notebook, code=True)
    assert notebook == before


def test_sections_are_numbered_and_listed():
    text = report_page(executed_report())
    assert headings(text) == [
        "1 Problem", "2 Objectives", "3 Theory", "3.1 Intervals", "4 Data and methods", "5 Results",
        "5.1 Classifier", "5.2 Segmentation", "6 Discussion", "7 Future work", "8 References",
        "9 To repeat this",
    ]  # fmt: skip
    contents = text[text.index("<nav") : text.index("</nav>")]
    assert contents.count("<li") == 12
    for anchor in re.findall('href="#(.+?)"', contents):
        assert text.count(f'id="{anchor}"') == 1


def test_an_optional_section_stays_out_and_the_numbers_follow():
    text = report_page(executed_report(theory=OPEN_STUB))
    assert headings(text)[:4] == ["1 Problem", "2 Objectives", "3 Data and methods", "4 Results"]
    assert "Section 4 has the results" in body(text)  # it is R.5 in the notebook
    assert '<a href="#section-5">the discussion</a>' in text
    assert OPEN_STUB not in text


@pytest.mark.parametrize("unwritten", [OPEN_STUB, "", f"\n{OPEN_STUB}\n\n"])
def test_an_answer_that_is_missing_says_so(unwritten):
    text = page(heading(7, "Future work"), *answer(7, unwritten))
    assert body(text) == "1 Future work (not written yet)"


def test_only_the_answer_is_left_of_its_cell():
    text = page(heading(6, "Discussion"), *answer(6, f"{OPEN_STUB}\n\nSee R.6 and R.99, R.6."))
    assert body(text) == "1 Discussion See section 1 and R.99, section 1."
    assert 'href="https://x.org/R.6"' in page(heading(6, "Discussion"), *answer(6, "[x](https://x.org/R.6)"))


def test_prompts_stay_out_and_so_does_a_text_that_is_only_a_prompt():
    reading = new_markdown_cell(
        "**What these results show**\n\nLess.", metadata={"nbgrader": {"solution": True}}
    )
    unwritten = new_markdown_cell(f"**What these results show**\n\n{OPEN_STUB}")
    own = new_markdown_cell("**Mine**\n\nMore.")
    theory = new_markdown_cell(f"## R.3 Theory\n\n{OPEN_STUB}")
    text = page(theory, heading(5, "Results"), reading, unwritten, own)
    assert body(text) == "1 Results Less. Mine More."


def test_headings_in_an_answer_are_below_the_sections():
    text = page(heading(6, "Discussion"), *answer(6, "# Errors\n\n## R.6 Mine\n\n#### Small"))
    assert headings(text) == ["1 Discussion", "1.1 Errors", "1.2 Mine"]
    assert "<h4>Small</h4>" in text


def test_removed_cells_and_code_are_not_shown():
    text = report_page(executed_report())
    for words in ("six hours", "quick profile", "What is it?", "4 points", "packed", "np.round", "float64",
                  "a warning", "Your answer"):  # fmt: skip
        assert words not in text
    assert "<pre>84 %\n</pre>" in text


def test_code_is_shown_if_wanted():
    text = report_page(executed_report(), code=True)
    assert "np.float64(0.84)" in text
    assert '<span class="c1"># my own</span>' in text
    assert "config.start" not in text


def test_an_error_is_shown_in_one_line():
    error = new_output("error", ename="NameError", evalue="\x1b[31mname 'x'\x1b[0m", traceback=["...", "..."])
    assert body(page(heading(5, "Results"), new_code_cell("x", outputs=[error]))).endswith(
        "NameError: name &#x27;x&#x27;"
    )


def test_figures_of_all_forms_are_on_the_page():
    outputs = [
        new_output("display_data", {"image/png": PNG}, metadata={"image/png": {"alt": 'Two "bars" & more'}}),
        new_output("display_data", {"image/png": PNG, "text/plain": "<Figure>"}),
        new_output("display_data", {"image/svg+xml": "<svg onload='alert(1)'></svg>"}),
        html(f'<img src="data:image/png;base64,{PNG}" alt="of the course" style="max-width: 100%">'),
    ]
    text = page(heading(5, "Results"), new_code_cell("x", outputs=outputs))
    assert text.count("<img") == 4 and text.count("alt=") == 4
    assert 'alt="Two &quot;bars&quot; &amp; more"' in text
    assert "data:image/svg+xml;base64," in text and "onload" not in text


def test_columns_of_numbers_are_aligned_and_every_table_can_scroll():
    text = report_page(executed_report())
    table = text[text.index("Scores of the classifier") :]
    assert '<th class="number">accuracy</th>' in table
    assert '<td class="number">0.84 [0.80,&nbsp;0.88]</td>' in table
    assert '<th class="number">seconds</th>' in table
    assert "<td>the setup cell</td>" in text
    assert text.count("<table") == text.count('<div class="scroll" role="group" aria-label="Table" tab') + 1
    assert text.count('class="scroll many-columns"') == 1


NUMBERS = ["1,226", "0.84 (0.80 to 0.88)", "0.84 [0.80, 0.88]", "512 px", "98%", "−0.5", "–"]
WORDS = ["49 slices, 36 patients", "3 folds", "4285cf70", "Adam", ""]


@pytest.mark.parametrize(
    ("words", "aligned"), [*((one, True) for one in NUMBERS), *((one, False) for one in WORDS)]
)
def test_what_counts_as_a_number(words, aligned):
    text = page(heading(5, "R"), new_code_cell("", outputs=[html(markup(pd.DataFrame({"a": [words]})))]))
    assert ('<th class="number">a</th>' in text) is aligned


@pytest.mark.parametrize("corner", ["<th></th>", "<td></td>"])
def test_headers_of_several_lines(corner):
    plain = pd.DataFrame({"slices": [3], "place": ["skull"]}, index=pd.Index(["glioma"], name="class"))
    text = page(
        heading(5, "R"), new_code_cell("", outputs=[html(markup(plain).replace("<th></th>", corner))])
    )
    assert re.search(
        '<tr>\\s*<th>class</th>\\s*<th class="number">slices</th>\\s*<th>place</th>\\s*</tr>', text
    )
    assert text.count("<tr") == 2
    grouped = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_product([["F1"], ["this run", "report"]]))
    text = page(heading(5, "R"), new_code_cell("", outputs=[html(markup(grouped))]))
    assert '<th class="number">report</th>' in text and '<th colspan="2">F1</th>' in text


# ---- images ----


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "elsewhere.png").write_bytes(b"secret")
    here = tmp_path / "here"
    here.mkdir()
    (here / "a b.png").write_bytes(base64.b64decode(PNG))
    (here / "notes.txt").write_text("secret", encoding="utf-8")
    return here


def test_attachments_and_local_images_are_embedded(folder):
    cell = new_markdown_cell("![one](attachment:one.png) ![two](a%20b.png) <img src='a b.png' alt='three'>")
    cell.attachments = {"one.png": {"image/png": PNG}}
    text = page(heading(5, "Results"), cell, folder=folder)
    assert text.count(f'src="data:image/png;base64,{PNG}"') == 3


@pytest.mark.parametrize(
    "source",
    [
        "../elsewhere.png", "notes.txt", "missing.png", "https://example.org/a.png", "//example.org/a.png",
        "attachment:lost.png", "data:text/html;base64,AAAA", "javascript:alert(1)", "%00.png",
        "..%2Felsewhere.png",        "x" * 5000 + ".png", "a.png/../../elsewhere.png", "file:///etc/hostname",
    ],
)  # fmt: skip
def test_other_images_are_named_but_neither_embedded_nor_loaded(folder, source):
    text = page(heading(5, "Results"), new_markdown_cell(f"![Curve]({source})"), folder=folder)
    assert "[This image is not part of the report: Curve]" in text
    assert "<img" not in text and base64.b64encode(b"secret").decode() not in text


def test_a_link_out_of_the_folder_is_not_followed(folder):
    try:
        (folder / "link.png").symlink_to(folder.parent / "elsewhere.png")
    except OSError:
        pytest.skip("this system makes no symbolic links")
    assert "<img" not in page(heading(5, "Results"), new_markdown_cell("![x](link.png)"), folder=folder)


# ---- untrusted texts ----

HOSTILE = """<script>alert(1)</script><img src=x onerror=alert(1)><iframe src="https://example.org"></iframe>
<a href="javascript:alert(1)">a</a> [b](javascript:alert(1)) <svg><script>alert(1)</script></svg>
<style>body {display: none}</style><div style="position: fixed; text-align: right">c</div></section></main>
<math><mtext><style><img src=x onerror=alert(1)></style></mtext></math><form action="https://example.org"><input>
<meta http-equiv="refresh" content="0; url=https://example.org"><base href="https://example.org">
<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript> $\\text{<script>alert(1)</script>}$
![$x" onerror="alert(1)$](y) <code class="formula block">\\foo"<b onclick=alert(1)></code>
<!-- --!><script>-->"""
SHOWN_TAGS = {
    *("a", "b", "code", "div", "h2", "main", "math", "mtext", "nav", "p", "pre", "section", "span"),
    *("html", "body"),
}
SHOWN_ATTRIBUTES = {"aria-label", "class", "href", "id", "role", "style", "tabindex", "xmlns"}


class Elements(HTMLParser):
    """Collects the elements of a page as a browser finds them."""

    def __init__(self, text: str):
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


@pytest.mark.parametrize("form", ["text", "html", "markdown", "title", "stream"])
def test_nothing_that_a_student_writes_runs(form):
    output = {
        "html": new_output("display_data", {"text/html": HOSTILE, "application/javascript": "alert(1)"}),
        "markdown": new_output("display_data", {"text/markdown": HOSTILE}),
        "stream": new_output("stream", name="stdout", text=HOSTILE),
    }
    cells = {
        "text": [heading(1, "Problem"), *answer(1, HOSTILE)],
        "title": [heading(1, HOSTILE.replace("\n", " ")), *answer(1, "Hard.")],
    }.get(form) or [heading(1, "Problem"), new_code_cell("", outputs=[output[form]])]
    text = page(*cells)
    elements = Elements(text[text.index("</nav>") :]).found
    assert {tag for tag, _ in elements} <= SHOWN_TAGS
    assert {name for _, attributes in elements for name in attributes} <= SHOWN_ATTRIBUTES
    assert {attributes.get("style", "text-align: right;") for _, attributes in elements} == {
        "text-align: right;"
    }
    assert all(re.match("https?:|#", attributes.get("href", "#")) for _, attributes in elements)
    for tag in ("main", "section"):
        assert text.count(f"<{tag}>") == text.count(f"</{tag}>") == 1


def test_the_page_forbids_scripts_and_whatever_is_elsewhere():
    text = report_page(executed_report())
    policy = re.search('<meta http-equiv="Content-Security-Policy" content="(.*?)">', text)[1]
    assert policy.split("; ")[:2] == ["default-src 'none'", "img-src data:"]
    assert "script-src" not in policy
    assert not re.search(r'(?:src|srcset)="(?!data:image/)', text) and "url(" not in text


# ---- formulas ----


def test_formulas_are_part_of_the_page():
    text = report_page(executed_report())
    assert text.count("<math") == text.count("</math>") == 6
    assert "$" not in body(text) and 'class="formula' not in text
    assert text.count('<span class="scroll" role="group" aria-label="Formula"') == 2


def test_dollars_of_money_and_code_are_no_formulas():
    text = page(heading(1, "Problem"), *answer(1, "It costs 5 \\$ or 6 \\$.\n\n`$x$` and\n\n    $y$"))
    assert "<math" not in text and "<code>$x$</code>" in text


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (r"a \dots b", "<mi>…</mi>"),
        (r"\Big[\big(x\big)\Big]", 'minsize="1.623em"'),
        (r"\hat{y}_i^2", "<msubsup>"),
        (r"\bar x_{ij}", "<msub>"),
        (r"\begin{align*} a &= b \\ c &= d \end{align*}", "<mtable"),
        (r"\arg\max_x \mathcal{L}", "arg"),
        (r"a < b \;\&\; c", "&lt;"),
    ],
)
def test_what_a_student_writes_in_a_formula_is_rendered(formula, expected):
    element = mathml(formula)
    assert element.startswith("<math") and expected in element


@pytest.mark.parametrize("formula", [r"\foo{x}", r"\frac{a}", "^", r"\left(" * 3000, r"\hat"])
def test_a_formula_that_cannot_be_read_is_shown_as_code(formula):
    assert mathml(formula) == f"<code>{formula}</code>"


def test_a_formulas_source_is_escaped():
    assert mathml(r"\foo<b>") == r"<code>\foo&lt;b&gt;</code>"


def test_a_spanish_report_has_a_spanish_page():
    setup = new_code_cell('LANGUAGE = "es"  # @param ["en", "es"]', metadata={"tags": ["remove-cell"]})
    stub = catalogue("es").gettext(OPEN_STUB)
    text = page(
        setup,
        heading(1, "Problema"),
        new_markdown_cell("**Tu respuesta a ¡Piensa! R.1**\n\nEs difícil: mira la sección R.5."),
        heading(3, "Teoría"),
        new_markdown_cell(stub),
        heading(5, "Resultados"),
        new_markdown_cell(f"**Qué muestran estos resultados**\n\n{stub}"),
        new_code_cell("", outputs=[html(pd.DataFrame({"a": ["0.9 (0.8 a 1.0)"]}).to_html())]),
        heading(7, "Trabajo futuro"),
        new_markdown_cell(f"**Tu respuesta a ¡Piensa! R.7**\n\n{stub}"),
    )
    assert '<html lang="es">' in text and ">Contenido</h2>" in text and "<h1>Informe técnico</h1>" in text
    assert body(text).startswith("1 Problema Es difícil: mira la sección 2. 2 Resultados")
    assert body(text).endswith("3 Trabajo futuro (sin escribir todavía)")
    assert "0.9 (0.8&nbsp;a&nbsp;1.0)" in text and 'aria-label="Cuadro"' in text
    assert '<html lang="es">' in page(heading(1, "Problem"), spoken="es")
