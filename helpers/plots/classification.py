"""Figures of training and of the classifier's results: notebook 02."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from helpers.plots import style
from helpers.plots.style import CourseFigure
from helpers.reference import CLASS_NAMES

PANEL_NAMES = {"tumour_iou": "tumour IoU", "report_iou": "IoU as in the report"}
CURVES: dict[str, dict[str, Any]] = {
    "training": {"color": style.BLUE, "linestyle": "-", "marker": "o"},
    "validation": {"color": style.VERMILLION, "linestyle": "--", "marker": "s"},
}


@style.course_style
def learning_curves(
    history: pd.DataFrame, panels: Sequence[str], expected: Mapping[str, Mapping[str, float]] | None = None
) -> CourseFigure:
    """Figura 2 and Figura 7: measures per epoch, in training and in validation.

    Args:
        history: one row per epoch, index 1, 2, ...; one column per measure, those of the
            validation with the prefix `val_`.
        panels: names of measures, one chart each.
        expected: measure -> {label: value} to draw as lines, e.g. the report's.
    """
    if history.empty:
        return style.sentence_figure("No epoch was finished.")
    columns = 2 if len(panels) == 4 else len(panels)
    rows = len(panels) // columns
    figure, axes = style.new_figure(rows, columns, (4.8 * columns, 3.6 * rows + 0.4), squeeze=False)
    words = [
        _learning_curve(ax, history, panel, (expected or {}).get(panel, {}))
        for ax, panel in zip(axes.flat, panels, strict=True)
    ]
    style.legend_below(figure)
    return figure.described(f"After {style.counted(len(history), 'epoch')}: {'; '.join(words)}.")


def _learning_curve(ax: Axes, history: pd.DataFrame, panel: str, expected: Mapping[str, float]) -> str:
    """Draw one measure and return its last values in words."""
    name, last = PANEL_NAMES.get(panel, panel.replace("_", " ")), []
    for (label, look), column in zip(CURVES.items(), (panel, f"val_{panel}"), strict=True):
        ax.plot(history.index, history[column], label=label, markersize=4, **look)
        value = history[column].iloc[-1]
        last.append(f"{label} {'–' if np.isnan(value) else format(value, '.4g')}")
    style.name_axes(ax, "epoch", name, f"epoch {history.index[-1]}: {', '.join(last)}", grid="y")
    for label, value in expected.items():
        ax.axhline(value, color="black", linestyle=":", linewidth=1.1, label=label)
        ax.text(1.01, value, f"{value:g}", va="center", fontsize=9, transform=ax.get_yaxis_transform())
        last.append(f"{label} {value:g}")
    ax.set_xlim(history.index.min() - 0.5, history.index.max() + 0.5)
    style.count_axis(ax.xaxis)
    ax.margins(y=0.1)
    if panel.endswith("iou"):  # a change in the fourth digit is not progress and should not look like it
        ax.set_ylim(0, 1)
    return f"{name}: {', '.join(last)}"


@style.course_style
def compare_losses(histories: Mapping[str, Mapping[str, Sequence[float]]]) -> CourseFigure:
    """Show the training and validation loss of several trainings, one chart each.

    Args:
        histories: title -> history, as in `fit(...).history`, with `loss` and `val_loss`.
    """
    figure, axes = style.new_figure(1, len(histories), (4.0 * len(histories), 3.8), squeeze=False)
    words = []
    for ax, (title, history) in zip(axes[0], histories.items(), strict=True):
        for (label, look), column in zip(CURVES.items(), ("loss", "val_loss"), strict=True):
            ax.plot(range(1, len(history[column]) + 1), history[column], label=label, markersize=3, **look)
        style.name_axes(ax, "epoch", "loss", title, grid="y")
        style.count_axis(ax.xaxis)
        ends = [f"{history[column][0]:.3g} to {history[column][-1]:.3g}" for column in ("loss", "val_loss")]
        words.append(f"{title}: training loss from {ends[0]}, validation loss from {ends[1]}")
    style.legend_below(figure)
    return figure.described(f"Loss per epoch of {len(histories)} trainings. {'; '.join(words)}.")


@style.course_style
def confusion_matrix(truth: ArrayLike, predicted: ArrayLike) -> CourseFigure:
    """Figura 3: how many slices of each true class (row) were predicted as each class.

    Args:
        truth, predicted: (N,) labels 1, 2, 3.
    """
    names, labels = list(CLASS_NAMES.values()), list(CLASS_NAMES)
    counts = pd.crosstab(np.asarray(truth), np.asarray(predicted))
    counts = counts.reindex(index=labels, columns=labels, fill_value=0).to_numpy()
    support = counts.sum(axis=1)
    percent = 100 * counts / np.maximum(support, 1)[:, None]
    texts = [f"{count:,}\n{part:.0f}%" for count, part in zip(counts.flat, percent.flat, strict=True)]
    figure, ax = style.new_figure(size=(6.0, 4.5))
    rows = [f"{name}\n(n = {n:,})" for name, n in zip(names, support, strict=True)]
    sns.heatmap(percent, vmin=0, vmax=100, cmap="Blues", annot=np.reshape(texts, (3, 3)), fmt="", square=True,
                xticklabels=names, yticklabels=rows, ax=ax,
                cbar_kws={"label": "% of the true class", "shrink": 0.8})  # fmt: skip
    ax.tick_params(length=0, rotation=0)
    right, total = np.trace(counts), counts.sum()
    title = f"{right:,} of {total:,} slices right ({right / total:.1%})"
    style.name_axes(ax, "predicted class", "true class", title)
    words = [f"{name} {counts[i, i]:,} of {support[i]:,}" for i, name in enumerate(names)]
    return figure.described(
        f"Confusion matrix of {total:,} slices, {right:,} of them right: {style.listed(words)}."
    )


@style.course_style
def misclassified_slices(images: np.ndarray, masks: np.ndarray, errors: pd.DataFrame) -> CourseFigure:
    """Figura 4: the first five slices whose predicted class is wrong; a sentence if there are none.

    Args:
        images: (n, H, W) uint8, in the order of `errors`.
        masks: (n, H, W) uint8, 1 on the tumour, which is outlined.
        errors: from `tables.misclassified`.
    """
    if errors.empty:
        return style.sentence_figure("No slice was misclassified.")
    shown = errors.head(5)
    figure, axes = style.image_grid(1, len(shown), side=2.6, title_lines=3)
    words = []
    for ax, image, mask, one in zip(axes[0], images, masks, shown.to_dict("records"), strict=False):
        predicted = f"{one['predicted']} ({one['confidence']:.2f})"
        style.show_image(ax, image, vmin=0, vmax=255)
        style.outline(ax, mask, style.ORANGE, "solid", 1)
        ax.set_title(f"slice {one['slice']}\ntrue {one['true']}\npredicted {predicted}", fontsize=8.5)
        words.append(f"slice {one['slice']}, {one['true']} taken for {predicted}")
    return figure.described(
        f"{len(shown)} of {len(errors):,} misclassified slices, the tumour outlined: {'; '.join(words)}."
    )


@style.course_style
def nearest_slices(
    tested: np.ndarray, nearest: np.ndarray, table: pd.DataFrame, found: pd.DataFrame
) -> CourseFigure:
    """Show test slices with the training slices closest to them below.

    Args:
        tested, nearest: (n, H, W) uint8.
        table, found: their n rows of the data set's table.
    """
    figure, axes = style.image_grid(2, len(tested), side=2.5, title_lines=2)
    words = []
    pairs = zip(table.to_dict("records"), found.to_dict("records"), strict=True)
    for (above, below), image, other, (one, two) in zip(axes.T, tested, nearest, pairs, strict=True):
        who = "the same patient" if one["patient"] == two["patient"] else "another patient"
        style.show_image(above, image, vmin=0, vmax=255)
        style.show_image(below, other, vmin=0, vmax=255)
        above.set_title(f"test: slice {one['number']}\n{one['class_name']}", fontsize=9)
        below.set_title(f"nearest: slice {two['number']}\n{two['class_name']}, {who}", fontsize=9)
        words.append(f"slice {one['number']} ({one['class_name']}) and slice {two['number']} of {who}")
    return figure.described(f"Test slices above, their nearest training slices below: {'; '.join(words)}.")


@style.course_style
def heat_maps(
    images: np.ndarray, masks: np.ndarray, heats: Mapping[str, np.ndarray], titles: Sequence[str]
) -> CourseFigure:
    """Show heat maps over their slices, the tumour outlined: one row per slice, one column per map.

    Each map is scaled to its own maximum; a map without heat says so.

    Args:
        images: (n, H, W) uint8.
        masks: (n, H, W) bool, the tumour.
        heats: name -> (n, H, W) float, 0 or more.
        titles: n, one per slice.
    """
    figure, axes = style.image_grid(len(images), 1 + len(heats), side=2.3, title_lines=2)
    words = []
    for number, (row, image, mask, title) in enumerate(zip(axes, images, masks, titles, strict=True)):
        style.show_image(row[0], image, title, vmin=0, vmax=255)
        style.outline(row[0], mask, style.SKY, "solid", 1.2)
        inside = []
        for ax, (name, maps) in zip(row[1:], heats.items(), strict=True):
            heat, total = maps[number], maps[number].sum()
            said = f"{heat[mask].sum() / total:.0%} inside" if total else "no heat"
            style.show_image(ax, image, f"{name}\n{said}", vmin=0, vmax=255)
            scaled = heat / (heat.max() or 1)
            ax.imshow(scaled, cmap="inferno", vmin=0, vmax=1, alpha=0.75 * np.sqrt(scaled))
            style.outline(ax, mask, style.SKY, "solid", 1.2)
            inside.append(f"{name} {said}")
        words.append(f"{title.replace(chr(10), ', ')}: {', '.join(inside)}")
    return figure.described(
        f"{style.counted(len(images), 'slice')} with the tumour outlined and heat maps: {'; '.join(words)}."
    )
