"""Export executed notebooks as accessible HTML pages, light or dark."""

import html
import re
from pathlib import Path

from jinja2 import pass_context
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from helpers.config import language
from helpers.hand_in import formulas

TEMPLATE = Path(__file__).with_name("html_template")
# A Part or a numbered section, as nbconvert renders its heading.
SECTION = re.compile(
    r'<h(?P<level>[23]) id="(?P<anchor>[^"]+)">(?P<words>(?:Parte? |(?:\d+|[A-Z])\.\d+ ).*?)'
    r'<a class="anchor-link"'
)
FORMULA = re.compile(r"\$\$(?P<block>.+?)\$\$|\$(?P<inline>[^$\s](?:[^$]*[^$\s])?)\$", re.DOTALL)


class _Exporter(HTMLExporter):
    """nbconvert's exporter, with formulas as MathML: browsers render it without a script or a network."""

    @pass_context
    def markdown2html(self, context, source):
        return FORMULA.sub(_mathml, super().markdown2html(context, source))


def _mathml(formula: re.Match) -> str:
    kind = str(formula.lastgroup)
    return formulas.mathml(html.unescape(formula[kind]), block=kind == "block")


def page(notebook: NotebookNode, name: str, theme: str = "light") -> str:
    """Export a notebook as one self-contained page.

    Args:
        notebook: with its outputs.
        name: its file name without suffix; the page's title if the notebook has no heading.
        theme: "light" or "dark".

    Returns:
        HTML. Links from one notebook of the course to another lead from page to page.
    """
    exporter = _Exporter(
        template_name=TEMPLATE.name, extra_template_basedirs=[str(TEMPLATE.parent)], theme=theme
    )
    exporter.language_code = language.of_sources(cell.source for cell in notebook.cells)
    exporter.environment.globals["formula_style"] = formulas.STYLE
    heading = re.search(r"^# (.+)$", notebook.cells[0].source, re.MULTILINE) if notebook.cells else None
    title = heading[1] if heading else name
    text, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": title}})
    text = text.replace("<th></th>", "<td></td>")  # the corner of a pandas table is not a header
    with language.speaking(exporter.language_code):
        text = text.replace("<main>", f"{_contents(text)}<main>", 1)
    return re.sub(r'(<a href="(?!https?:)[^"#]+)\.ipynb\b', r"\1.html", text)


def _contents(text: str) -> str:
    """Return a list of links to the parts and sections of a page; nothing if it has none."""
    links = [
        f'<li class="level-{one["level"]}"><a href="#{one["anchor"]}">{one["words"]}</a></li>'
        for one in SECTION.finditer(text)
    ]
    label = language._("Contents")
    return f'<nav aria-label="{label}"><ul>{"".join(links)}</ul></nav>' if links else ""
