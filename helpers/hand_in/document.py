"""Tables and figures of the student's report, numbered and with captions, in the notebook and on its page."""

import base64
import html
import io
import re
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from IPython.display import display
from matplotlib import pyplot
from matplotlib.figure import Figure

from helpers._common import CourseError
from helpers.config.language import N_, _
from helpers.hand_in.results import MissingResultError
from helpers.plots.style import CourseFigure
from helpers.tables import translated

INTERVAL = re.compile(r"(?<=\d) (\([-\d.]+) (\w+) ([-\d.]+\))")
# Texts of the report's own cells that are no captions.
TEMPLATE = (
    N_("Brain tumours in MRI slices: which one, and where?"),
    N_(" Phantoms: synthetic slices, of no real patients."),
)
MISSING = object()  # in place of what needs a result that there isn't


class DocumentError(CourseError):
    """What should be shown is no table or figure."""


class Document:
    """Numbers tables and figures in the order in which they are first shown.

    A cell that is run again keeps its number, because the caption decides; run all cells again after
    adding a table or figure above others.

    Example:
        ```
        document = hand_in.Document()
        document.table(lambda: tables.overlap(...), "Overlap of the masks, test set, threshold 0.5")
        document.figure(lambda: plots.confusion_matrix(...), "Confusion matrix of the test set")
        ```
    """

    def __init__(self) -> None:
        self.captions: dict[str, list[str]] = {N_("Table"): [], N_("Figure"): []}

    def cover(self, title: str, author: str, course: str, date: str) -> None:
        """Show the cover page.

        Args:
            title, author, course, date: of the report. An empty one is marked as missing.
        """
        fields = {"Title": title, "Author": author, "Course": course, "Date": date}
        missing = {
            "Title": _("(title missing)"),
            "Author": _("(author missing)"),
            "Course": _("(course missing)"),
            "Date": _("(date missing)"),
        }
        words = {name: _(value.strip()) or missing[name] for name, value in fields.items()}
        lines = "".join(f"<p>{html.escape(words[name])}</p>" for name in ("Author", "Course", "Date"))
        markup = f'<header class="cover"><h1>{html.escape(words["Title"])}</h1>{lines}</header>'
        _display(markup, "\n".join(words.values()))

    def table(self, make: pd.DataFrame | Callable[[], pd.DataFrame], caption: str, **fields: object) -> None:
        """Show a numbered table.

        Args:
            make: the table, or a function that makes it. If a result that it needs is missing, a line says
                which cells make it. Numbers get three decimals; make them text for other formats.
            caption: what it shows, with its protocol.
            fields: of the caption, "{data}", and their values.

        Raises:
            DocumentError: it is no DataFrame.
        """
        table = _made(make)
        if table is MISSING:
            return
        _require(isinstance(table, pd.DataFrame), _("document.table needs a DataFrame"), table)
        caption = _caption(caption, fields)
        label = self._label("Table", caption)
        if table.empty:
            none = _("None.")
            words = f"{label} {caption} {none}"
            _display(_figure(f"<figcaption>{_bold(label, caption)} {none}</figcaption>"), words)
            return
        table = translated(table)
        if table.index.name and table.columns.nlevels == 1:
            table = table.reset_index()  # so that its name is in the line of the others
        numbered = isinstance(table.index, pd.RangeIndex)  # such an index says nothing
        body = table.to_html(border=0, index=not numbered, float_format="{:.3f}".format, na_rep="–")
        body = body.replace("<th></th>", "<td></td>").replace(' style="text-align: right;"', "")
        body = INTERVAL.sub(r"&nbsp;\1&nbsp;\2&nbsp;\3", body)  # an interval stays on one line
        markup = _figure(f"<figcaption>{_bold(label, caption)}</figcaption>{body}")
        _display(markup, f"{label} {caption}\n{table}")

    def figure(self, make: Any, caption: str, alt: str = "", **fields: object) -> None:
        """Show a numbered figure.

        Args:
            make: a matplotlib figure, or a function that makes it. If a result that it needs is missing, a
                line says which cells make it.
            caption: what it shows, with its protocol.
            alt: the figure in words, for readers who cannot see it; figures of `plots` have their own.
            fields: as of `table`.

        Raises:
            DocumentError: it is no figure.
        """
        figure = _made(make)
        if figure is MISSING:
            return
        _require(isinstance(figure, Figure), _("document.figure needs a figure of matplotlib"), figure)
        caption = _caption(caption, fields)
        label, alt = self._label("Figure", caption), alt or getattr(figure, "alt", "") or caption
        image = base64.b64encode(_png(figure)).decode("ascii")
        markup = f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{image}">'
        _display(
            _figure(f"{markup}<figcaption>{_bold(label, caption)}</figcaption>"), f"{label} {caption}\n{alt}"
        )

    def _label(self, kind: str, caption: str) -> str:
        captions = self.captions[kind]
        if caption not in captions:
            captions.append(caption)
        return f"{_(kind)} {captions.index(caption) + 1}."


def _caption(caption: str, fields: Mapping[str, object]) -> str:
    """Return a caption in the student's language if it is one of the course's, with its fields."""
    return (
        _(caption).format(**{name: _(str(value)) for name, value in fields.items()}) if fields else _(caption)
    )


def _made(make: Any) -> Any:
    try:
        return make() if callable(make) else make
    except MissingResultError as error:
        missing = _("Missing:")
        _display(f'<p class="missing"><b>{missing}</b> {html.escape(str(error))}</p>', f"{missing} {error}")
        return MISSING


def _require(right: bool, words: str, given: object) -> None:
    if right:
        return
    kind = type(given).__name__
    advice = {
        "NoneType": _("Does the function end with return?"),
        "Series": _("Add .to_frame()."),
        "Axes": _("Give axes.figure."),
        "ndarray": _("Make one: pd.DataFrame(array, columns=[...])."),
        "list": _("Make one: pd.DataFrame(rows, columns=[...])."),
        "dict": _("Make one: pd.DataFrame(columns)."),
    }.get(kind, "")
    said = _("{words}, not {kind}. {advice}")
    raise DocumentError(
        said.format(words=words, kind="None" if given is None else kind, advice=advice).strip()
    )


def _png(figure: Figure) -> bytes:
    if isinstance(figure, CourseFigure):
        return figure.png()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, bbox_inches="tight", facecolor="white")
    pyplot.close(figure)  # or the notebook shows it a second time
    return buffer.getvalue()


def _figure(content: str) -> str:
    return f'<figure class="numbered">{content}</figure>'


def _bold(label: str, caption: str) -> str:
    return f"<b>{label}</b> {html.escape(caption)}"


def _display(markup: str, words: str) -> None:
    display({"text/html": markup, "text/plain": words}, raw=True)
