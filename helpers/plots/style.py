"""What all figures share: the look, the text alternative, and a few drawing functions.

Figures are made without pyplot, so that a notebook shows each one once, at the end of its cell.
"""

import base64
import html
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from helpers.config.language import N_, _, grouped, ngettext

# The colours of Okabe and Ito, which colour-blind readers can tell apart.
GREY, LIGHT_GREY = "#767676", "#DDDDDD"
ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILLION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"

PARTS = re.compile(r"(\n|: |, | \d+\b|\b\d+ )")  # of a title: what is between these
CLASS_COLOURS = {N_("meningioma"): BLUE, N_("glioma"): ORANGE, N_("pituitary"): GREEN}
LOOKS = (  # of what is compared in one figure: marker, line, colour
    ("o", "-", BLUE), ("s", "--", VERMILLION), ("^", "-.", GREEN), ("D", ":", PURPLE),
)  # fmt: skip
MAX_WIDTH_INCHES = 10.0  # fits a notebook

# Decorates functions that draw: the course's look inside, the notebook's own style untouched outside.
course_style = style.context(["default", str(Path(__file__).with_name("course.mplstyle"))])


class CourseFigure(Figure):
    """A figure with a text alternative, shown once and on white in every notebook.

    Attributes:
        alt: str, what the figure shows, with its numbers, for readers who cannot see it.
    """

    alt: str = ""

    def described(self, alt: str) -> "CourseFigure":
        """Set the text alternative, one or two sentences, and return the figure."""
        self.alt = alt
        return self

    @course_style  # ticks are made while drawing
    def png(self) -> bytes:
        """Return the figure as a PNG file, on white."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        """The forms that Jupyter and Colab choose from; JupyterLab shows alt text only in HTML."""
        data, alt = base64.b64encode(self.png()).decode("ascii"), html.escape(self.alt)
        image = (
            f'<img src="data:image/png;base64,{data}" alt="{alt}" style="max-width: 100%; background: white">'
        )
        return (
            {"text/html": image, "image/png": data, "text/plain": self.alt},
            {"image/png": {"alt": self.alt}},
        )


def new_figure(
    rows: int = 1, columns: int = 1, size: tuple[float, float] = (8.0, 4.0), **grid: Any
) -> tuple[CourseFigure, Any]:
    """Make an empty figure of a size in inches, at most 10 wide; axes as from `Figure.subplots`."""
    figure = CourseFigure(figsize=(min(size[0], MAX_WIDTH_INCHES), size[1]))
    return figure, figure.subplots(rows, columns, **grid)


def image_grid(
    rows: int, columns: int, side: float = 3.0, title_lines: int = 1
) -> tuple[CourseFigure, np.ndarray]:
    """Make a figure for square images of at most `side` inches, packed without empty bands.

    Returns:
        The figure and its axes, an array (rows, columns); all axes are switched off.
    """
    side = min(side, MAX_WIDTH_INCHES / columns)
    size = (side * columns, rows * (side + 0.18 * title_lines + 0.1))
    figure, axes = new_figure(rows, columns, size, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    return figure, axes


def sentence_figure(sentence: str) -> CourseFigure:
    """Make a figure that says why there is nothing to draw."""
    figure, ax = new_figure(size=(6, 1.2))
    ax.set_axis_off()
    ax.text(0.5, 0.5, sentence, ha="center", va="center", fontsize=12)
    return figure.described(sentence)


def show_image(ax: Axes, image: np.ndarray, title: str = "", **options: Any) -> None:
    """Show a grey image (H, W) or colours (H, W, 3) without axes; `options` go to `Axes.imshow`."""
    ax.imshow(image, **options)
    ax.set_title(title)
    ax.set_axis_off()


def show_mask(ax: Axes, mask: np.ndarray, title: str = "") -> None:
    """Show a mask (H, W) pixel by pixel: 0 black, everything else white."""
    show_image(ax, np.asarray(mask) != 0, title, vmin=0, vmax=1, interpolation="nearest")


def outline(ax: Axes, mask: np.ndarray, color: str, linestyle: str, linewidth: float = 1.6) -> None:
    """Draw the edge of a mask (H, W) bool over an image; an empty mask has no edge."""
    if mask.any():
        rows, columns = (np.arange(-1, length + 1) for length in mask.shape)
        padded = np.pad(mask, 1).astype(float)  # closes the edge of a mask that leaves the image
        ax.autoscale(False)  # the image keeps its size
        ax.contour(columns, rows, padded, levels=[0.5], colors=[color], linestyles=[linestyle],
                   linewidths=[linewidth])  # fmt: skip


def close_up(mask: np.ndarray, margin: float) -> tuple[float, float, float, float]:
    """Find a square window with a margin around a mask: left, right, bottom and top, in px."""
    rows, columns = np.nonzero(mask)
    half = max(np.ptp(rows), np.ptp(columns)) / 2 + margin
    x, y = (columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2
    return x - half, x + half, y + half, y - half


def name_axes(ax: Axes, x: str, y: str, title: str, grid: str = "") -> None:
    """Name the axes (with units) and the chart; `grid` ("x", "y", "both") draws lines behind the data."""
    ax.set(xlabel=x, ylabel=y, title=title)
    if grid:
        ax.grid(axis=grid)  # type: ignore[arg-type]


def count_axis(axis: Axis) -> None:
    """Put ticks at whole numbers, with separators of thousands."""
    axis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    axis.set_major_formatter(lambda x, _position: grouped(x, ".0f"))


def legend_below(
    figure: CourseFigure, extra: Mapping[str, Any] | None = None, columns: int | None = None
) -> None:
    """Put one legend below the figure: the labels of all axes, and `extra`, label -> line or patch."""
    entries: dict[str, Any] = {}
    for ax in figure.axes:
        handles, labels = ax.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
    entries |= extra or {}
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=columns or len(entries))


def jitter(count: int, width: float) -> np.ndarray:
    """Random distances (count,) of dots from their axis, the same in each run."""
    return np.random.default_rng(0).uniform(-width, width, count)


def translated(title: str) -> str:
    """Translate a title from a notebook's code, or the parts that it was put together from.

    Args:
        title: such as "as it is", or "pituitary\\nanswer: glioma".
    """
    parts = [title] if _(title) != title else PARTS.split(title)
    return "".join(map(_, parts))


def marker_areas(counts: ArrayLike) -> np.ndarray:
    """Areas of markers in points squared, larger for more slices."""
    counts = np.asarray(counts, float)
    return 16 + 144 * counts / counts.max(initial=1)


def listed(items: Sequence[str]) -> str:
    """Join words for a sentence: "a, b and c"."""
    return _(" and ").join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def counted(count: int, noun: str) -> str:
    """Format a count with its noun: "1 slice", "3,064 slices"."""
    count = int(count)  # gettext refuses NumPy's integers
    forms = {
        "epoch": ngettext("{count} epoch", "{count} epochs", count),
        "patient": ngettext("{count} patient", "{count} patients", count),
        "resample": ngettext("{count} resample", "{count} resamples", count),
        "slice": ngettext("{count} slice", "{count} slices", count),
        "trial": ngettext("{count} trial", "{count} trials", count),
    }
    return forms[noun].format(count=grouped(count))


def span(low: float, high: float, unit: str = "") -> str:
    """Format a range: "1 to 4,096", or "7" if both ends are equal."""
    ends = [grouped(end) if isinstance(end, int | np.integer) else f"{end:.3g}" for end in (low, high)]
    return _(" to ").join(dict.fromkeys(ends)) + unit
