"""The figure of this course: its look, and the words that stand in for it.

Figures are made without pyplot, so that a notebook shows each once: where a cell ends on it.
"""

import base64
import functools
import html
import io
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

# The colours of Okabe and Ito, which colour-blind readers can tell apart.
BLACK, GREY, LIGHT_GREY = "#000000", "#767676", "#DDDDDD"
ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILLION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"

CLASS_COLOURS = {"meningioma": BLUE, "glioma": ORANGE, "pituitary": GREEN}
CLASS_MARKERS = {"meningioma": "o", "glioma": "s", "pituitary": "^"}
TRAIN = {"color": BLUE, "linestyle": "-", "marker": "o"}
VALIDATION = {"color": VERMILLION, "linestyle": "--", "marker": "s"}
TRUE_MASK = {"color": SKY, "linestyle": "-"}
PREDICTED_MASK = {"color": ORANGE, "linestyle": "--"}

DPI = 100
MAX_WIDTH_INCHES = 10.0

LOOK = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.dpi": DPI,
    "font.size": 10,
    "axes.titlesize": 10.5,
    "figure.titlesize": 11.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titlepad": 5,
    "grid.color": LIGHT_GREY,
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.8,
    "legend.fontsize": 9,
    "legend.frameon": False,
}


class CourseFigure(Figure):
    """A figure with a text alternative, shown once and on white in every notebook.

    Attributes:
        alt: str, what the figure shows, with its numbers, for those who cannot see it.
    """

    alt: str = ""

    def described(self, alt: str) -> "CourseFigure":
        """Sets the text alternative.

        Args:
            alt: one or two sentences.

        Returns:
            The figure itself.
        """
        self.alt = alt
        return self

    def draw(self, renderer: Any) -> None:
        """Draws in the look of the course, whatever style the notebook has set meanwhile.

        Args:
            renderer: what matplotlib draws with.
        """
        with style.context(["default", LOOK]):  # ticks are made while drawing
            super().draw(renderer)

    def png(self) -> bytes:
        """Draws the figure.

        Returns:
            The bytes of a PNG file, on white.
        """
        buffer = io.BytesIO()
        with style.context(["default", LOOK]):
            self.savefig(
                buffer, format="png", dpi=DPI, facecolor="white", bbox_inches="tight", pad_inches=0.06
            )
        return buffer.getvalue()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        """What Jupyter and Colab show: of these forms each program takes one.

        JupyterLab and nbconvert's default template leave the alt text of a PNG out, so they
        need it as HTML. The PNG is for programs that show no HTML.
        """
        data = base64.b64encode(self.png()).decode("ascii")
        alt = html.escape(self.alt)
        image = (
            f'<img src="data:image/png;base64,{data}" alt="{alt}" style="max-width: 100%; background: white">'
        )
        return (
            {"text/html": image, "image/png": data, "text/plain": self.alt},
            {"image/png": {"alt": self.alt}},
        )


def in_course_look(draw: Callable[..., CourseFigure]) -> Callable[..., CourseFigure]:
    """Makes a function draw in the look of the course and leave the notebook's style alone.

    Args:
        draw: a function that returns a CourseFigure.

    Returns:
        The same function, in that look.
    """

    @functools.wraps(draw)
    def drawn(*args: Any, **kwargs: Any) -> CourseFigure:
        with style.context(["default", LOOK]):
            return draw(*args, **kwargs)

    return drawn


def new_figure(
    rows: int = 1, columns: int = 1, size: tuple[float, float] = (8.0, 4.0), **grid: Any
) -> tuple[CourseFigure, np.ndarray]:
    """Makes an empty figure with a grid of axes.

    Args:
        rows, columns: of the grid.
        size: width and height in inches; at most 10 wide, which fits a notebook.
        **grid: passed on to `Figure.subplots`, e.g. `sharey=True`.

    Returns:
        The figure and its axes, always an array (rows, columns).
    """
    width, height = size
    figure = CourseFigure(figsize=(min(width, MAX_WIDTH_INCHES), height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **grid)


def show_image(ax: Axes, image: np.ndarray, title: str = "", **options: Any) -> None:
    """Shows a grey image or a mask, without axes.

    Args:
        ax: where.
        image: (H, W), black at its minimum and white at its maximum unless `options` has
            `vmin` and `vmax`; or (H, W, 3) colours.
        title: above it.
        **options: passed on to `Axes.imshow`.
    """
    ax.imshow(image, **{"cmap": "gray", **options})
    ax.set_title(title)
    ax.set_axis_off()


def show_mask(ax: Axes, mask: np.ndarray, title: str = "", **options: Any) -> None:
    """Shows a mask with its pixels as they are: background black, tumour white.

    Args:
        ax: where.
        mask: (H, W), 0 and not 0.
        title: above it.
        **options: passed on to `Axes.imshow`.
    """
    show_image(ax, np.asarray(mask) != 0, title, vmin=0, vmax=1, interpolation="nearest", **options)


def outline(ax: Axes, mask: np.ndarray, **line: Any) -> None:
    """Draws the edge of a mask over an image.

    Args:
        ax: where the image is.
        mask: (H, W), 0 and not 0; an empty mask has no edge.
        **line: `color`, `linestyle` and `linewidth`.
    """
    mask = np.asarray(mask) != 0
    if mask.any():
        padded = np.pad(mask, 1).astype(float)  # closes the edge of a mask that leaves the image
        y, x = np.arange(-1, mask.shape[0] + 1), np.arange(-1, mask.shape[1] + 1)
        options = {"linewidth": 1.6, **line}
        ax.autoscale(False)  # the image keeps its size
        ax.contour(
            x, y, padded, levels=[0.5], colors=[options["color"]],
            linestyles=[options["linestyle"]], linewidths=[options["linewidth"]],
        )  # fmt: skip


def image_grid_size(rows: int, columns: int, title_lines: int = 1, side: float = 3.0) -> tuple[float, float]:
    """Computes the size of a figure of square images, without empty bands.

    Args:
        rows, columns: of images.
        title_lines: above each image.
        side: of an image, in inches; smaller where the row would be too wide.

    Returns:
        Width and height in inches.
    """
    side = min(side, MAX_WIDTH_INCHES / columns)
    return side * columns, rows * (side + 0.18 * title_lines + 0.1)


def log_axis(axis: Axis, name: str) -> None:
    """Makes an axis logarithmic, with plain numbers at 1, 2, 5, 10, ...

    Args:
        axis: `ax.xaxis` or `ax.yaxis`.
        name: of what it shows, with the unit.
    """
    axis.axes.set(**{f"{axis.axis_name}scale": "log", f"{axis.axis_name}label": f"{name} (log scale)"})
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:,g}")
    axis.set_minor_formatter(NullFormatter())


def name_axes(ax: Axes, x: str, y: str, title: str = "", grid: str | None = None) -> None:
    """Names the axes of a chart.

    Args:
        ax: the axes.
        x, y: their names, with the unit.
        title: above it.
        grid: "x", "y" or "both" for lines behind the data, None for none.
    """
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.set_title(title)
    if grid:
        ax.grid(axis=grid)


def legend_below(figure: CourseFigure, entries: dict[str, Line2D | Any]) -> None:
    """Puts one legend for all axes below the figure.

    Args:
        figure: the figure.
        entries: label -> line or patch that stands for it.
    """
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=len(entries))


def listed(items: list[str]) -> str:
    """Joins words for a sentence.

    Args:
        items: the words, e.g. ["a", "b", "c"].

    Returns:
        "a, b and c".
    """
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))
