"""The page of the student's report: one file that reads well on a screen and prints as A4."""

import base64
import html
import itertools
import mimetypes
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from string import Template
from typing import NamedTuple
from urllib.parse import unquote

import bleach
from bleach.css_sanitizer import CSSSanitizer
from bleach.html5lib_shim import Filter
from nbconvert.filters import strip_ansi
from nbconvert.filters.markdown_mistune import InvalidNotebook, IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from helpers.checks.exercise import OPEN_STUB
from helpers.config import language
from helpers.config.language import N_, _
from helpers.hand_in import formulas


def _any_language(message: str) -> str:
    """Return a pattern of a text in every language, with spaces of any kind."""
    texts = sorted(language.in_all(message))
    return f"(?:{'|'.join(re.escape(text).replace(chr(92) + ' ', chr(92) + 's+') for text in texts)})"


TEMPLATE = Path(__file__).with_name("page_template")
HEADING = re.compile(r"\A\s*##[ \t]+R\.(?P<number>\d+)[ \t]+(?P<title>[^\n]+)")
ASKED, READING, SECTION = N_("Your answer to Think!"), N_("What these results show"), N_("section")
ANSWER = re.compile(rf"\A[#*\s]*{_any_language(ASKED)}\s+(R\.\d+)[*:.]*[ \t]*", re.IGNORECASE)
PROMPT = re.compile(rf"\A\s*\*\*{_any_language(READING)}\*\*[ \t]*(?:\n|\Z)")
STUBS = re.compile(_any_language(OPEN_STUB))
COVER = re.compile(r'<header class="cover">.*?</header>', re.DOTALL)
SUBHEADING = re.compile(r"<h3[^>]*>(?:R\.[\d.]+\s+)?(.*?)</h3>", re.DOTALL)
# A section, but not in a tag; the word is that of any language.
REFERENCE = re.compile(rf"<[^>]*>|\b((?i:{_any_language(SECTION)})\s+)?R\.(\d+)\b")
LINK_TO_SECTION = re.compile(r'(?<=href=")#R\.(\d+)[^"]*')

# What a text or an output may contain: nothing that runs, hides or comes from elsewhere.
TAGS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "cite", "code", "col", "colgroup", "dd", "del", "div",
    "dl", "dt", "em", "figcaption", "figure", "h1", "h3", "h4", "h5", "h6", "header", "hr", "i", "img", "ins",
    "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "table",
    "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul", "var",
}  # fmt: skip
ATTRIBUTES = {
    "alt", "class", "colspan", "height", "id", "lang", "rowspan", "scope", "src", "start", "style", "width",
}  # fmt: skip
LINK = re.compile(r"https?:|mailto:|#", re.IGNORECASE)
IMAGE = re.compile(r"data:image/(?:gif|jpeg|png|svg\+xml|webp);base64,[A-Za-z0-9+/=\s]+")
HIDDEN = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
FORMULA = re.compile(r'<code class="formula( block)?">(.*?)</code>', re.DOTALL)
# Of an output's forms, the first that there is; its plain text is shown with the code.
FORMS = ("text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg")

MOST_COLUMNS = 10  # that a printed line has room for
TABLE = re.compile(r"<table\b.*?</table>", re.DOTALL)
ROW = re.compile(r"<tr\b.*?</tr>", re.DOTALL)
CELL = re.compile(r"<(?P<tag>t[dh])(?P<more>[^>]*)>(?P<words>.*?)</t[dh]>", re.DOTALL)
# A number with a short unit and an interval; a dash where there is none.
NUMBER = re.compile(r"[-−–+±<>≤≥≈~]?\s*(?:\d[\d.,]*(?:\s*[^\W\d]{1,3}|\s*%)?(?:\s*[(\[±].{0,30})?)?")
# The name of a pandas index, on a line of its own.
INDEX_NAME = re.compile(
    r"(<tr>\s*)<t[dh]></t[dh]>(?P<columns>(?:(?!<tr).)*?</tr>)\s*<tr>\s*(?P<name><th>[^<]+</th>)(?:\s*<t[dh]></t[dh]>)+\s*</tr>",
    re.DOTALL,
)


class _Section(NamedTuple):
    number: str  # in the notebook, without its "R."
    title: str
    body: str


def report_page(
    notebook: NotebookNode, *, code: bool = False, folder: Path | None = None, spoken: str = ""
) -> str:
    """Make the page of an executed report.

    Cells tagged `remove-cell` stay out, and so does a section with nothing in it; one whose text is an
    exercise says that it is not written yet. Sections are numbered again.

    Args:
        notebook: with its outputs; not changed. Its author is not trusted: nothing in it runs, and the page
            loads nothing.
        code: show the code cells too.
        folder: of the images that the texts name; by default the current one.
        spoken: the language of the page; by default that of the notebook's setup cell.

    Returns:
        HTML. Figures, images and formulas are part of it.
    """
    chosen = spoken or language.of_sources(cell.source for cell in notebook.cells)
    with language.speaking(chosen):
        return _page(notebook, code, (folder or Path()).resolve(), chosen)


def _page(notebook: NotebookNode, code: bool, folder: Path, chosen: str) -> str:
    opening, *sections = _sections(_rendered(notebook, code, folder))
    cover = COVER.search(opening.body)
    chapters = _numbered([section for section in sections if section.body.strip()])
    untitled = f'<header class="cover"><h1>{_("Technical report")}</h1></header>'
    return Template((TEMPLATE / "page.html").read_text(encoding="utf-8")).substitute(
        language=chosen,
        contents_title=_("Contents"),
        title=_title(cover[0] if cover else untitled),
        style=(TEMPLATE / "style.css").read_text(encoding="utf-8") + formulas.STYLE,
        cover=cover[0] if cover else untitled,
        contents=_contents(chapters),
        opening=COVER.sub("", opening.body),
        sections=chapters,
    )


def _title(cover: str) -> str:
    heading = re.search(r"<h1>(.*?)</h1>", cover, re.DOTALL)
    return re.sub(r"<[^>]*>", "", heading[1]) if heading else _("Technical report")


# ---- sections ----


def _rendered(notebook: NotebookNode, code: bool, folder: Path) -> Iterator[tuple[re.Match | None, str]]:
    """Yield of each cell the section's heading that it begins with, if it does, and its HTML."""
    for cell in notebook.cells:
        if "remove-cell" in cell.metadata.get("tags", []):
            continue
        if cell.cell_type == "code":
            yield None, _code_cell(cell, code, folder)
        elif cell.cell_type == "markdown":
            heading = HEADING.match(cell.source)
            yield heading, _text(cell, cell.source[heading.end() :] if heading else cell.source, folder)


def _sections(cells: Iterator[tuple[re.Match | None, str]]) -> list[_Section]:
    """Join cells to what comes before the first section, and the sections."""
    sections = [_Section("", "", "")]
    for heading, body in cells:
        if heading:
            title = _clean(_inline(heading["title"]), Path())
            sections.append(_Section(heading["number"], title, body))
        else:
            sections[-1] = sections[-1]._replace(body=sections[-1].body + body)
    return sections


def _numbered(sections: list[_Section]) -> str:
    """Return the sections with numbers from 1, to which references in the texts are changed."""
    places = {section.number: place for place, section in enumerate(sections, 1)}

    def reference(found: re.Match) -> str:
        place = places.get(found[2])
        return f"{found[1] or _(SECTION) + ' '}{place}" if place else found[0]

    text = "".join(_chapter(place, section) for place, section in enumerate(sections, 1))
    text = LINK_TO_SECTION.sub(lambda found: f"#section-{places.get(found[1], 1)}", text)
    return REFERENCE.sub(reference, text)


def _chapter(place: int, section: _Section) -> str:
    count = itertools.count(1)

    def subheading(found: re.Match) -> str:
        return _heading(3, f"{place}.{next(count)}", found[1])

    body = SUBHEADING.sub(subheading, section.body)
    return f"<section>{_heading(2, str(place), section.title)}{body}</section>\n"


def _heading(level: int, number: str, title: str) -> str:
    anchor = f"section-{number.replace('.', '-')}"
    return f'<h{level} id="{anchor}"><span class="section-number">{number}</span> {title}</h{level}>'


def _contents(chapters: str) -> str:
    """Return the items of the table of contents."""
    headings = re.findall(r'<h([23]) id="(section-[\d-]+)">(.*?)</h[23]>', chapters, re.DOTALL)
    return "".join(
        f'<li class="level-{level}"><a href="#{anchor}">{re.sub("</?a[^>]*>", "", title)}</a></li>'
        for level, anchor, title in headings
    )


# ---- cells ----


def _text(cell: NotebookNode, source: str, folder: Path) -> str:
    answer = ANSWER.match(source)
    prompt = answer
    if STUBS.search(source) or cell.metadata.get("nbgrader", {}).get("solution"):
        prompt = prompt or PROMPT.match(source)
    written = STUBS.sub("", source[prompt.end() if prompt else 0 :])
    if not written.strip():
        return f'<p class="missing">({_("not written yet")})</p>' if answer else ""
    return _clean(_markdown(written, cell.get("attachments")), folder)


def _code_cell(cell: NotebookNode, code: bool, folder: Path) -> str:
    shown = [highlight(cell.source, PythonLexer(), HtmlFormatter())] if code and cell.source.strip() else []
    return "".join(shown + [_output(output, code, folder) for output in cell.outputs])


def _output(output: NotebookNode, code: bool, folder: Path) -> str:
    if output.output_type == "stream":
        return _preformatted(output.text) if output.name == "stdout" else ""
    if output.output_type == "error":
        return _preformatted(f"{output.ename}: {output.evalue}")
    form = next((form for form in FORMS if form in output.data), None)
    if form is None:
        return _preformatted(output.data.get("text/plain", "")) if code else ""
    content = output.data[form]
    if form == "text/html":
        return _clean(content, folder)
    if form == "text/markdown":
        return _clean(_markdown(content), folder)
    if form == "image/svg+xml":
        content = base64.b64encode(content.encode()).decode("ascii")
    alt = output.metadata.get(form, {}).get("alt", _("figure without a description"))
    return _clean(f'<img alt="{html.escape(alt)}" src="data:{form};base64,{content}">', folder)


def _preformatted(text: str) -> str:
    return f"<pre>{html.escape(strip_ansi(text))}</pre>" if text.strip() else ""


# ---- Markdown and HTML ----


class _Renderer(IPythonRenderer):
    """nbconvert's renderer; headings are below those of sections, and formulas are marked for `_clean`."""

    def heading(self, text: str, level: int, **attributes) -> str:
        return super().heading(text, max(level, 3), **attributes)

    def image(self, text: str, url: str, title: str | None = None) -> str:
        try:
            return super().image(text, url, title)
        except InvalidNotebook:  # the attachment is missing; `_Images` says so
            return f'<img alt="{html.escape(text)}" src="{html.escape(url)}">'

    def inline_math(self, body: str) -> str:
        return f'<code class="formula">{html.escape(body)}</code>'

    def block_math(self, body: str) -> str:
        return f'<code class="formula block">{html.escape(body)}</code>'

    def latex_environment(self, name: str, body: str) -> str:
        return self.block_math(f"\\begin{{{name}}}{body}\\end{{{name}}}")


def _markdown(source: str, attachments: dict | None = None) -> str:
    renderer = _Renderer(escape=False, exclude_anchor_links=True, attachments=attachments)
    return MarkdownWithMath(renderer=renderer).render(source)


def _inline(source: str) -> str:
    return _markdown(source).strip().removeprefix("<p>").removesuffix("</p>")


class _Images(Filter):
    """Puts images into the page; says which ones are missing or elsewhere."""

    def __init__(self, source, folder: Path):
        super().__init__(source)
        self.folder = folder

    def __iter__(self) -> Iterator[dict]:
        for token in super().__iter__():
            yield self._embedded(token) if token.get("name") == "img" and "data" in token else token

    def _embedded(self, token: dict) -> dict:
        attributes = token["data"]
        source = attributes.get((None, "src"), "")
        if not IMAGE.fullmatch(source):
            source = _data_url(source, self.folder)
        if source is None:
            words = attributes.get((None, "alt")) or attributes.get((None, "src"), _("no name"))
            said = _("[This image is not part of the report: {words}]").format(words=words)
            return {"type": "Characters", "data": said}
        attributes.setdefault((None, "alt"), _("image without a description"))
        attributes[(None, "src")] = source
        return token


def _data_url(name: str, folder: Path) -> str | None:
    """Return an image in a folder as a URL; None if it is elsewhere, missing or of another kind."""
    name = unquote(name)
    kind = mimetypes.guess_type(name, strict=False)[0] or ""
    if re.search(r"[:\\\0]|^/", name) or not kind.startswith("image/"):
        return None
    try:
        path = (folder / name).resolve()
        content = path.read_bytes() if path.is_relative_to(folder) else b""
    except OSError:
        return None
    url = f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
    return url if IMAGE.fullmatch(url) else None


def _allowed(tag: str, name: str, value: str) -> bool:
    if name == "href":
        return tag == "a" and LINK.match(value) is not None
    return name in ATTRIBUTES and (name == "alt" or ">" not in value)  # tags are found again below


def _clean(text: str, folder: Path) -> str:
    """Return HTML with nothing but allowed elements, with its images, formulas and tables for this page."""
    cleaner = bleach.Cleaner(
        tags=TAGS,
        attributes=_allowed,
        protocols={"http", "https", "mailto", "data", "attachment"},
        strip=True,
        css_sanitizer=CSSSanitizer(allowed_css_properties=["text-align"]),
        filters=[partial(_Images, folder=folder)],
    )
    cleaned = cleaner.clean(HIDDEN.sub("", text))
    return TABLE.sub(_table, FORMULA.sub(_formula, cleaned))


def _formula(found: re.Match) -> str:
    element = formulas.mathml(html.unescape(found[2]), block=bool(found[1]))
    return _scrolling("span", _("Formula"), element) if found[1] else element


def _table(found: re.Match) -> str:
    """Return a table that scrolls by itself; columns of numbers are aligned to the right."""
    table = INDEX_NAME.sub(r"\1\g<name>\g<columns>", found[0])
    table = table.replace("<th></th>", "<td></td>")  # the corner of a pandas table is not a header
    numeric = _numeric_columns(table)
    table = ROW.sub(lambda row: row[0] if "colspan=" in row[0] else _aligned(row[0], numeric), table)
    columns = max((len(CELL.findall(row)) for row in ROW.findall(table)), default=0)
    return _scrolling("div", _("Table"), table, " many-columns" if columns > MOST_COLUMNS else "")


def _numeric_columns(table: str) -> set[int]:
    """Return the columns whose cells are numbers, counted from the right: an index has no header below it."""
    rows = [list(CELL.finditer(row[0]))[::-1] for row in ROW.finditer(table) if "colspan=" not in row[0]]
    columns = itertools.zip_longest(*rows)
    return {place for place, column in enumerate(columns) if _is_numeric(list(filter(None, column)))}


def _is_numeric(column: list[re.Match]) -> bool:
    words = [
        html.unescape(re.sub(r"<[^>]*>", "", cell["words"])).strip() for cell in column if cell["tag"] == "td"
    ]
    return any(words) and all(NUMBER.fullmatch(text) for text in words)


def _aligned(row: str, numeric: set[int]) -> str:
    places, to = itertools.count(len(CELL.findall(row)) - 1, -1), _(" to ")

    def cell(found: re.Match) -> str:
        if next(places) not in numeric:
            return found[0]
        # An interval stays on one line.
        words = found["words"].replace(", ", ",&nbsp;").replace(to, to.replace(" ", "&nbsp;"))
        return f'<{found["tag"]}{found["more"]} class="number">{words}</{found["tag"]}>'

    return CELL.sub(cell, row)


def _scrolling(tag: str, label: str, content: str, more: str = "") -> str:
    return f'<{tag} class="scroll{more}" role="group" aria-label="{label}" tabindex="0">{content}</{tag}>'
