"""Figures of the segmentation: notebook 02."""

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from helpers import reference
from helpers.evaluation import overlap
from helpers.plots.style import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    PREDICTED_MASK,
    SKY,
    TRUE_MASK,
    CourseFigure,
    image_grid_size,
    in_course_look,
    legend_below,
    listed,
    name_axes,
    new_figure,
    outline,
    show_image,
    show_mask,
)

AGREEMENT = {"right": "#FFFFFF", "missed": SKY, "false alarm": ORANGE}
SLICE = {"vmin": 0, "vmax": 255, "interpolation": "nearest"}  # 128 px: show what the network sees
RAW_MEAN_IOU, TUMOUR_IOU = "MeanIoU on raw probabilities", "tumour IoU"


@in_course_look
def example_pairs(images: np.ndarray, masks: np.ndarray, titles: Sequence[str]) -> CourseFigure:
    """Figura 5: slices and masks as the network gets them.

    Args:
        images: (n, H, W) uint8.
        masks: (n, H, W), 0 and 1.
        titles: n, one a slice.

    Returns:
        CourseFigure, images above, masks below.
    """
    columns = len(images)
    figure, axes = new_figure(2, columns, image_grid_size(2, columns, side=2.5))
    areas = [int(np.count_nonzero(mask)) for mask in masks]
    for (above, below), image, mask, title, area in zip(axes.T, images, masks, titles, areas, strict=True):
        show_image(above, image, title, **SLICE)
        show_mask(below, mask, f"{area:,} px of tumour")
    height, width = images.shape[1:]
    words = [f"{title}: {area:,} pixels" for title, area in zip(titles, areas, strict=True)]
    return figure.described(
        f"{columns} slices of {width} by {height} pixels, their tumour masks below. {'; '.join(words)}."
    )


@in_course_look
def segmentation_examples(
    images: np.ndarray,
    truths: np.ndarray,
    probabilities: np.ndarray,
    threshold: float = overlap.THRESHOLD,
    titles: Sequence[str] | None = None,
) -> CourseFigure:
    """Figura 8: predicted masks beside the true ones.

    Args:
        images: (n, H, W) uint8.
        truths: (n, H, W), 0 and 1.
        probabilities: (n, H, W) of the tumour, 0..1.
        threshold: a pixel is tumour where its probability is at least this.
        titles: n, one a slice; None for "slice 1", ...

    Returns:
        CourseFigure, one row a slice: image, true mask, predicted mask, their difference, and
        both outlined over the image.
    """
    rows = len(images)
    titles = [f"slice {row + 1}" for row in range(rows)] if titles is None else titles
    predictions = np.asarray(probabilities) >= threshold
    dice = overlap.dice(truths, predictions)
    figure, axes = new_figure(rows, 5, (10, 2.2 * rows + 0.4))
    for row, title, image, truth, predicted, score in zip(
        axes, titles, images, truths, predictions, dice, strict=True
    ):
        show_image(row[0], image, title, **SLICE)
        show_mask(row[1], truth, "true mask")
        show_mask(row[2], predicted, "predicted mask")
        show_image(row[3], _agreement(truth, predicted), "difference", interpolation="nearest")
        show_image(row[4], image, f"Dice {score:.2f}", **SLICE)
        outline(row[4], truth, **TRUE_MASK)
        outline(row[4], predicted, **PREDICTED_MASK)
    entries = {name: Patch(facecolor=colour, edgecolor=BLACK) for name, colour in AGREEMENT.items()}
    entries |= {
        "true outline": Line2D([], [], **TRUE_MASK),
        "predicted outline": Line2D([], [], **PREDICTED_MASK),
    }
    legend_below(figure, entries)
    words = [f"{title} {score:.2f}" for title, score in zip(titles, dice, strict=True)]
    return figure.described(
        f"{rows} slices with the true mask, the mask predicted at threshold {threshold:g}, and their "
        f"difference. Dice: {listed(words)}."
    )


def _agreement(truth: ArrayLike, predicted: ArrayLike) -> np.ndarray:
    """(H, W, 3) colours 0..1: black where neither mask has tumour, else one of `AGREEMENT`."""
    truth, predicted = np.asarray(truth) != 0, np.asarray(predicted) != 0
    picture = np.zeros((*truth.shape, 3))
    picture[truth & predicted] = to_rgb(AGREEMENT["right"])
    picture[truth & ~predicted] = to_rgb(AGREEMENT["missed"])
    picture[~truth & predicted] = to_rgb(AGREEMENT["false alarm"])
    return picture


@in_course_look
def overlap_measures(table: pd.DataFrame) -> CourseFigure:
    """Shows every number that one can put on the same masks.

    Args:
        table: from `tables.overlap`.

    Returns:
        CourseFigure, a bar a measure, the report's value as a diamond.
    """
    figure, axes = new_figure(1, 1, (8.6, 0.75 * len(table) + 1.1))
    ax = axes[0, 0]
    labels = [textwrap.fill(measure, 30) for measure in table["measure"]]
    ax.barh(labels, table["value"], color=BLUE, height=0.6)
    ax.invert_yaxis()
    for level, one in enumerate(table.itertuples()):  # beside the chart, where no marker hides them
        text = f"{one.value:.3f}" + (f"\nreport {one.report:.4g}" if pd.notna(one.report) else "")
        ax.text(1.02, level, text, va="center")
    given = table["report"].notna().to_numpy()
    if given.any():
        ax.plot(table["report"][given], np.flatnonzero(given), "D", color=ORANGE, markeredgecolor=BLACK,
                markersize=9, linestyle="", label="report")  # fmt: skip
        ax.legend(loc="lower right")
    ax.set_xlim(0, 1)
    name_axes(ax, "value, 1 is perfect", "", "The same predicted masks, measured", grid="x")
    words = [
        f"{one.measure} {one.value:.3f}" + (f" (report {one.report:.4g})" if pd.notna(one.report) else "")
        for one in table.itertuples()
    ]
    return figure.described(f"The same predicted masks under {len(table)} measures: {'; '.join(words)}.")


@in_course_look
def iou_puzzle(table: pd.DataFrame) -> CourseFigure:
    """Shows that the report's IoU is the same for a useless and for a perfect prediction.

    Args:
        table: a row a prediction, with the columns prediction (words), "MeanIoU on raw
            probabilities" and "tumour IoU" (0..1).

    Returns:
        CourseFigure, two bars a prediction, the report's value as a dashed line.
    """
    theirs = reference.UNET_RESULTS["validation"]["IoU"]
    figure, axes = new_figure(1, 1, (8.6, 4.2))
    ax = axes[0, 0]
    centres, width = np.arange(len(table)), 0.38
    looks = {RAW_MEAN_IOU: {"color": GREY, "hatch": "//", "edgecolor": "white"}, TUMOUR_IOU: {"color": BLUE}}
    for (measure, look), offset in zip(looks.items(), (-width / 2, width / 2), strict=True):
        bars = ax.bar(centres + offset, table[measure], width, label=measure, **look)
        ax.bar_label(bars, [f"{value:.4f}" for value in table[measure]], padding=2, fontsize=9)
    ax.axhline(theirs, color=BLACK, linestyle="--", linewidth=1.2, label=f"report, validation: {theirs}")
    ax.set_xticks(centres, [textwrap.fill(prediction, 22) for prediction in table["prediction"]])
    ax.set_ylim(0, 1.1)
    name_axes(ax, "", "IoU", grid="y")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
    words = [
        f"{prediction}: {raw:.4f} and {tumour:.4f}"
        for prediction, raw, tumour in zip(
            table["prediction"], table[RAW_MEAN_IOU], table[TUMOUR_IOU], strict=True
        )
    ]
    return figure.described(
        f"{RAW_MEAN_IOU} and {TUMOUR_IOU} of {len(table)} predictions: {'; '.join(words)}. "
        f"The report's validation value is {theirs}."
    )
