"""Figures of the segmentation: notebook 02."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from helpers import reference
from helpers.config.language import N_, _, grouped
from helpers.evaluation import overlap
from helpers.plots import style
from helpers.plots.style import CourseFigure

AGREEMENT = {N_("right"): "#FFFFFF", N_("missed"): style.SKY, N_("false alarm"): style.ORANGE}
OUTLINES: dict[str, dict[str, Any]] = {
    N_("true outline"): {"color": style.SKY, "linestyle": "-"},
    N_("predicted outline"): {"color": style.ORANGE, "linestyle": "--"},
}
SLICE: dict[str, Any] = {"vmin": 0, "vmax": 255, "interpolation": "nearest"}  # show what the network sees
MARGIN_PX = 10  # around the tumour in a close-up
PUZZLE = {N_("IoU as in the report"): style.GREY, N_("tumour IoU"): style.BLUE}


@style.course_style
def example_pairs(images: np.ndarray, masks: np.ndarray, titles: Sequence[str]) -> CourseFigure:
    """Figura 5: slices, and their masks below, as the network gets them.

    Args:
        images: (n, H, W) uint8.
        masks: (n, H, W), 0 and 1.
        titles: n, one per slice.
    """
    figure, axes = style.image_grid(2, len(images), side=2.5)
    words = []
    for (above, below), image, mask, title in zip(axes.T, images, masks, map(_, titles), strict=True):
        area = grouped(int(np.count_nonzero(mask)))
        style.show_image(above, image, title, **SLICE)
        style.show_mask(below, mask, _("{area} px of tumour").format(area=area))
        words.append(_("{title}: {area} pixels").format(title=title, area=area))
    height, width = images.shape[1:]
    said = _("{count} slices of {width} by {height} pixels, their tumour masks below. {slices}.")
    return figure.described(
        said.format(count=len(images), width=width, height=height, slices="; ".join(words))
    )


@style.course_style
def segmentation_examples(
    images: np.ndarray, truths: np.ndarray, probabilities: np.ndarray, titles: Sequence[str]
) -> CourseFigure:
    """Figura 8: predicted masks next to the true ones, with close-ups of their difference and outlines.

    Args:
        images: (n, H, W) uint8.
        truths: (n, H, W), 0 and 1, none empty.
        probabilities: (n, H, W) of the tumour, 0..1.
        titles: n, one per slice.
    """
    truths, predictions = np.asarray(truths) != 0, np.asarray(probabilities) >= overlap.THRESHOLD
    dice, titles = overlap.dice(truths, predictions), [_(title) for title in titles]
    figure, axes = style.image_grid(len(images), 5)
    for row, title, image, truth, predicted, score in zip(
        axes, titles, images, truths, predictions, dice, strict=True
    ):
        difference = np.zeros((*truth.shape, 3))  # black if neither mask has tumour
        cases = (truth & predicted, truth & ~predicted, ~truth & predicted)
        for pixels, colour in zip(cases, AGREEMENT.values(), strict=True):
            difference[pixels] = to_rgb(colour)
        style.show_image(row[0], image, title, **SLICE)
        style.show_mask(row[1], truth, _("true mask"))
        style.show_mask(row[2], predicted, _("predicted mask"))
        style.show_image(row[3], difference, _("difference, close up"), interpolation="nearest")
        style.show_image(row[4], image, _("Dice {score:.2f}, close up").format(score=score), **SLICE)
        for mask, look in zip((truth, predicted), OUTLINES.values(), strict=True):
            style.outline(row[4], mask, **look)
        left, right, bottom, top = np.array(style.close_up(truth | predicted, MARGIN_PX)) - 0.5
        for ax in row[3:]:
            ax.set(xlim=(left, right), ylim=(bottom, top))
    entries = {_(name): Patch(facecolor=colour, edgecolor="black") for name, colour in AGREEMENT.items()}
    style.legend_below(figure, entries | {_(name): Line2D([], [], **look) for name, look in OUTLINES.items()})
    words = [f"{title} {score:.2f}" for title, score in zip(titles, dice, strict=True)]
    said = _(
        "{slices} with the true mask, the mask predicted at threshold {threshold:g}, and their difference. "
        "Dice: {scores}."
    )
    slices, scores = style.counted(len(images), "slice"), style.listed(words)
    return figure.described(said.format(slices=slices, threshold=overlap.THRESHOLD, scores=scores))


@style.course_style
def overlap_measures(table: pd.DataFrame) -> CourseFigure:
    """Show how different measures rate the same masks, the report's value as a diamond.

    Args:
        table: from `tables.overlap`.
    """
    figure, ax = style.new_figure(size=(8.6, 0.75 * len(table) + 1.3))
    names = [textwrap.fill(_(measure), 30) for measure in table["measure"]]
    ax.barh(names, table["value"], height=0.6, color=style.BLUE, label=_("these masks"))
    ax.plot(table["report"], names, "D", color=style.ORANGE, markeredgecolor="black", markersize=9,
            label=_("report"))  # fmt: skip
    words = []
    for level, one in enumerate(table.itertuples()):
        report = "" if np.isnan(one.report) else _("report {value:.4g}").format(value=one.report)
        ax.text(1.02, level, f"{one.value:.3f}\n{report}".strip(), va="center")  # where no marker hides it
        words.append(f"{_(one.measure)} {one.value:.3f}" + (f" ({report})" if report else ""))
    ax.invert_yaxis()
    ax.set_xlim(0, 1)
    title = _("The same predicted masks, measured")
    style.name_axes(ax, _("value, 1 is perfect"), _("measure"), title, grid="x")
    style.legend_below(figure)
    said = _("The same predicted masks under {count} measures: {measures}.")
    return figure.described(said.format(count=len(table), measures="; ".join(words)))


@style.course_style
def iou_puzzle(table: pd.DataFrame) -> CourseFigure:
    """Show that the report's IoU (dashed) is the same for a useless and for a perfect prediction.

    Args:
        table: from `tables.iou_puzzle`.
    """
    theirs = reference.UNET_RESULTS["validation"]["IoU"]
    figure, ax = style.new_figure(size=(8.6, 4.2))
    bars = table.melt("prediction", list(PUZZLE), var_name="measure", value_name="IoU")
    bars["prediction"] = bars["prediction"].map(lambda words: textwrap.fill(_(words), 22))
    bars["measure"], palette = bars["measure"].map(_), {_(name): colour for name, colour in PUZZLE.items()}
    sns.barplot(bars, x="prediction", y="IoU", hue="measure", palette=palette, saturation=1, ax=ax)
    ax.get_legend().remove()
    for group in ax.containers:
        ax.bar_label(group, fmt="{:.4f}", padding=2, fontsize=9)
    ax.axhline(
        theirs,
        color="black",
        linestyle="--",
        linewidth=1.2,
        label=_("report, validation: {value}").format(value=theirs),
    )
    ax.set_ylim(0, 1.1)
    title = _("{count} predictions under two measures").format(count=len(table))
    style.name_axes(ax, _("prediction"), "IoU", title, grid="y")
    style.legend_below(figure)
    words = [
        f"{_(prediction)}: {_(' and ').join(f'{value:.4f}' for value in values)}"
        for prediction, *values in table[["prediction", *PUZZLE]].itertuples(index=False)
    ]
    said = _("{measures} of {count} predictions: {predictions}. The report's validation value is {value}.")
    measures, predictions = _(" and ").join(map(_, PUZZLE)), "; ".join(words)
    return figure.described(
        said.format(measures=measures, count=len(table), predictions=predictions, value=theirs)
    )
