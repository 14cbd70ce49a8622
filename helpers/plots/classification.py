"""Figures of training and of the classifier's results: notebook 02."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from helpers.plots.style import (
    BLACK,
    GREY,
    TRAIN,
    VALIDATION,
    CourseFigure,
    image_grid_size,
    in_course_look,
    listed,
    name_axes,
    new_figure,
    show_image,
)
from helpers.reference import CLASS_NAMES

PANEL_NAMES = {
    "accuracy": "accuracy",
    "tumour_iou": "tumour IoU",
    "raw_mean_iou": "MeanIoU fed raw probabilities",
    "learning_rate": "learning rate",
    "seconds": "seconds an epoch",
}
EXPECTED_LINES = (":", "-.", (0, (1, 4)))


@in_course_look
def learning_curves(
    history: pd.DataFrame,
    panels: Sequence[str],
    expected: Mapping[str, Mapping[str, float]] | None = None,
) -> CourseFigure:
    """Figura 2 and Figura 7: measures per epoch, in training and in validation.

    Args:
        history: a row an epoch, its index 1, 2, ...; a column a measure, and `val_` before
            the name in validation, where there is one.
        panels: names of measures, a chart each.
        expected: measure -> {label: value} to draw beside, e.g. the report's.

    Returns:
        CourseFigure.
    """
    if history.empty:
        return _in_words("No epoch was finished.")
    columns = len(panels) if len(panels) < 4 else 2
    rows = -(-len(panels) // columns)
    figure, axes = new_figure(rows, columns, (min(10.0, 4.8 * columns), 4.0 * rows))
    words = []
    for ax, panel in zip(axes.flat, panels, strict=False):
        words.append(_learning_curve(ax, history, panel, (expected or {}).get(panel, {})))
    for ax in axes.flat[len(panels):]:  # fmt: skip
        ax.set_axis_off()
    epochs = len(history)
    return figure.described(f"After {epochs} {'epoch' if epochs == 1 else 'epochs'}: {'; '.join(words)}.")


def _learning_curve(ax: Axes, history: pd.DataFrame, panel: str, expected: Mapping[str, float]) -> str:
    """Draws one measure and returns its last values in words."""
    name = PANEL_NAMES.get(panel, panel.replace("_", " "))
    last = []
    for column, label, look in ((panel, "training", TRAIN), (f"val_{panel}", "validation", VALIDATION)):
        if column in history:
            ax.plot(history.index, history[column], label=label, markersize=4, **look)
            last.append(f"{label} {history[column].iloc[-1]:.4g}")
    for (label, value), dashes in zip(expected.items(), EXPECTED_LINES * len(expected), strict=False):
        ax.axhline(value, color=BLACK, linestyle=dashes, linewidth=1.1, label=f"{label}: {value:g}")
        last.append(f"{label} {value:g}")
    name_axes(ax, "epoch", name, name, grid="y")
    ax.set_xlim(history.index.min() - 0.5, history.index.max() + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.margins(y=0.1)
    if panel.endswith("iou"):  # a change in the fourth digit shall not look like progress
        ax.set_ylim(0, 1)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
    return f"{name}: {', '.join(last)}"


@in_course_look
def confusion_matrix(truth: ArrayLike, predicted: ArrayLike) -> CourseFigure:
    """Figura 3: how many slices of each true class were given each class.

    Args:
        truth, predicted: (N,) labels 1, 2, 3.

    Returns:
        CourseFigure, a row a true class; the colours are the percentages of the row.
    """
    names = list(CLASS_NAMES.values())
    counts = pd.crosstab(np.asarray(truth), np.asarray(predicted))
    counts = counts.reindex(index=list(CLASS_NAMES), columns=list(CLASS_NAMES), fill_value=0).to_numpy()
    support = counts.sum(axis=1, keepdims=True)
    percent = np.divide(100 * counts, support, out=np.zeros(counts.shape), where=support > 0)
    figure, axes = new_figure(1, 1, (6.0, 4.5))
    ax = axes[0, 0]
    picture = ax.imshow(percent, cmap="Blues", vmin=0, vmax=100)
    figure.colorbar(picture, ax=ax, label="% of the true class", shrink=0.8)
    for (row, column), count in np.ndenumerate(counts):
        text = f"{count}\n{percent[row, column]:.0f} %" if support[row, 0] else "0\nno slices"
        ax.text(column, row, text, ha="center", va="center", fontsize=11,
                color="white" if percent[row, column] > 55 else BLACK)  # fmt: skip
    ax.set_xticks(range(3), names)
    ax.set_yticks(range(3), [f"{name}\n(n = {n})" for name, n in zip(names, support[:, 0], strict=True)])
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    right, total = np.trace(counts), counts.sum()
    name_axes(
        ax, "predicted class", "true class", f"{right} of {total} slices right ({right / max(total, 1):.1%})"
    )
    words = [f"{name} {counts[i, i]} of {support[i, 0]}" for i, name in enumerate(names)]
    return figure.described(f"Confusion matrix of {total} slices, {right} of them right: {listed(words)}.")


@in_course_look
def misclassified_slices(images: np.ndarray, errors: pd.DataFrame, limit: int = 5) -> CourseFigure:
    """Figura 4: slices whose predicted class is wrong.

    Args:
        images: (n, H, W) uint8, in the order of `errors`.
        errors: from `tables.misclassified`.
        limit: how many to show at most.

    Returns:
        CourseFigure; says so in words where there is no error.
    """
    if errors.empty:
        return _in_words("No slice was misclassified.")
    shown = errors.head(limit)
    columns = min(len(shown), 5)
    rows = -(-len(shown) // columns)
    figure, axes = new_figure(rows, columns, image_grid_size(rows, columns, title_lines=3, side=2.6))
    words = []
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, image, one in zip(axes.flat, images, shown.to_dict("records"), strict=False):
        predicted = f"{one['predicted']} ({one['confidence']:.2f})"
        title = f"slice {one['slice']}\ntrue {one['true']}\npredicted {predicted}"
        show_image(ax, image, vmin=0, vmax=255)
        ax.set_title(title, fontsize=9 if columns < 5 else 8.5)
        words.append(f"slice {one['slice']}, {one['true']} taken for {predicted}")
    return figure.described(f"{len(shown)} of {len(errors)} misclassified slices: {'; '.join(words)}.")


@in_course_look
def nearest_slices(
    tested: np.ndarray, nearest: np.ndarray, table: pd.DataFrame, found: pd.DataFrame
) -> CourseFigure:
    """Test slices and, below, the training slices closest to them.

    Args:
        tested, nearest: (n, H, W) uint8.
        table, found: their n rows of the data set's table.

    Returns:
        CourseFigure.
    """
    columns = len(tested)
    figure, axes = new_figure(2, columns, image_grid_size(2, columns, title_lines=2, side=2.5))
    words = []
    pairs = zip(table.to_dict("records"), found.to_dict("records"), strict=True)
    for (above, below), image, other, (one, two) in zip(axes.T, tested, nearest, pairs, strict=True):
        who = "the same patient" if one["patient"] == two["patient"] else "another patient"
        show_image(above, image, vmin=0, vmax=255)
        show_image(below, other, vmin=0, vmax=255)
        above.set_title(f"test: slice {one['number']}\n{one['class_name']}", fontsize=9)
        below.set_title(f"nearest: slice {two['number']}\n{two['class_name']}, {who}", fontsize=9)
        words.append(f"slice {one['number']} ({one['class_name']}) and slice {two['number']} of {who}")
    return figure.described(f"Test slices above, their nearest training slices below: {'; '.join(words)}.")


def _in_words(sentence: str) -> CourseFigure:
    """A figure for the case that there is nothing to draw."""
    figure, axes = new_figure(1, 1, (6, 1.2))
    axes[0, 0].set_axis_off()
    axes[0, 0].text(0.5, 0.5, sentence, ha="center", va="center", fontsize=12, color=GREY)
    return figure.described(sentence)
