"""Figures of a whole data set: what is in it, and where.

All are drawn for those who look for what a network could learn, or be misled by.
"""

import cv2
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from helpers import reference
from helpers.plots.style import (
    BLACK,
    CLASS_COLOURS,
    CLASS_MARKERS,
    LIGHT_GREY,
    CourseFigure,
    image_grid_size,
    in_course_look,
    legend_below,
    listed,
    log_axis,
    name_axes,
    new_figure,
    outline,
    show_image,
)
from helpers.reference import CLASS_NAMES

HEAD_LEVEL = 0.2  # of the brightest pixel of the mean image: about where the head ends
HEAD = {"color": LIGHT_GREY, "linestyle": ":", "linewidth": 1.2}


@in_course_look
def class_balance(table: pd.DataFrame, published: bool = False) -> CourseFigure:
    """Counts slices and patients of each class.

    Args:
        table: `Dataset.table`.
        published: also mark the counts of the published data set.

    Returns:
        CourseFigure, slices on the left, patients on the right.
    """
    figure, axes = new_figure(1, 2, (9, 3.6))
    names = list(CLASS_NAMES.values())
    groups = table.groupby("class_name")["patient"]
    slices, patients = (counts.reindex(names, fill_value=0) for counts in (groups.size(), groups.nunique()))
    for ax, counts, what in zip(axes[0], (slices, patients), ("slices", "patients"), strict=True):
        bars = ax.bar(names, counts, color=[CLASS_COLOURS[name] for name in names])
        ax.bar_label(bars, [f"{count:,}" for count in counts], padding=2)
        ax.margins(y=0.12)
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
        name_axes(ax, "", what, f"{counts.sum():,} {what}")
    words = [f"{name} {slices[name]:,} slices of {patients[name]:,} patients" for name in names]
    alt = f"{listed(words)}."
    if published:
        expected = list(reference.CLASS_COUNTS.values())
        outlined = {"fill": False, "edgecolor": BLACK, "linestyle": "--"}
        axes[0, 0].bar(names, expected, **outlined)
        axes[0, 0].set_xticks(
            range(3), [f"{name}\npublished: {count:,}" for name, count in zip(names, expected, strict=True)]
        )
        legend_below(figure, {"published data set": Patch(**outlined)})
        alt += f" The published data set has {listed([f'{count:,}' for count in expected])} slices."
    return figure.described(alt)


@in_course_look
def slices_per_patient(table: pd.DataFrame) -> CourseFigure:
    """Counts how many slices each patient has.

    Args:
        table: `Dataset.table`.

    Returns:
        CourseFigure, a histogram a class, all on the same axes.
    """
    figure, axes = new_figure(1, 3, (9, 3.2), sharex=True, sharey=True)
    all_patients = table.groupby("patient").size()
    bins = np.arange(0.5, all_patients.max() + 1)  # a bar for each whole number
    words = []
    for ax, name in zip(axes[0], CLASS_NAMES.values(), strict=True):
        counts = table[table["class_name"] == name].groupby("patient").size()
        ax.hist(counts, bins=bins, color=CLASS_COLOURS[name], edgecolor="white", linewidth=0.4)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
        title, spread = f"{name}: {len(counts):,} patients", "none"
        if len(counts):
            median = ax.axvline(counts.median(), color=BLACK, linestyle=":")
            title += f"\n{counts.min()} to {counts.max()} slices each"
            spread = f"{counts.min()} to {counts.max()}, median {counts.median():g}"
        name_axes(ax, "slices of the patient", "patients" if ax is axes[0, 0] else "", title, grid="y")
        words.append(f"{name} {spread}")
    legend_below(figure, {"median of the class": median})
    return figure.described(
        f"{len(table):,} slices of {len(all_patients):,} patients. Slices per patient: {listed(words)}."
    )


@in_course_look
def tumour_areas(table: pd.DataFrame) -> CourseFigure:
    """Shows how little of a slice the tumour fills.

    Args:
        table: `Dataset.table`.

    Returns:
        CourseFigure, a dot a slice, on a logarithmic axis.
    """
    figure, axes = new_figure(1, 1, (8.4, 3.6))
    ax = axes[0, 0]
    percent = 100 * table["tumour_fraction"]
    medians = _dots_by_class(ax, table, percent)
    ax.axvline(reference.TUMOUR_PERCENT, color=BLACK, linestyle=":", linewidth=1.2, zorder=0)
    ax.annotate(f" published, mean: {reference.TUMOUR_PERCENT} %", (reference.TUMOUR_PERCENT, 1),
                xycoords=ax.get_xaxis_transform(), va="top", fontsize=9)  # fmt: skip
    title = f"{len(table):,} slices: mean {percent.mean():.2f} %, median {percent.median():.2f} %"
    name_axes(ax, "", "", title, grid="x")
    log_axis(ax.xaxis, "part of the slice that is tumour, %")
    words = [f"{name} {median:.2f} %" for name, median in medians.items()]
    return figure.described(
        f"The tumour fills {percent.mean():.2f} % of a slice on average (published data: "
        f"{reference.TUMOUR_PERCENT} %), from {percent.min():.2f} % to {percent.max():.2f} %; "
        f"medians: {listed(words)}."
    )


@in_course_look
def tumour_places(images: np.ndarray, masks: np.ndarray, labels: ArrayLike) -> CourseFigure:
    """Shows where the tumours of each class lie: the mean of their masks.

    Args:
        images: (N, H, H) uint8, for the outline of the mean head.
        masks: (N, H, H), 0 and 1.
        labels: (N,) labels 1, 2, 3.

    Returns:
        CourseFigure, a map a class, on one scale of colours.
    """
    figure, axes = new_figure(1, 3, image_grid_size(1, 3, title_lines=5))
    chosen = {name: np.asarray(labels) == label for label, name in CLASS_NAMES.items()}
    maps = {
        name: 100 * masks[rows].mean(axis=0) if rows.any() else np.zeros(masks.shape[1:])
        for name, rows in chosen.items()
    }
    highest, words = max(each.max() for each in maps.values()), []
    for ax, (name, each) in zip(axes[0], maps.items(), strict=True):
        count, peak = np.count_nonzero(chosen[name]), each.max()
        title = f"{name}, {count:,} slices\nat most {peak:.0f} % in one place"
        show_image(ax, each, title, cmap="cividis", vmin=0, vmax=highest or 1)
        if count:
            outline(ax, _head(images[chosen[name]].mean(axis=0)), **HEAD)
            words.append(f"{name} (at most {peak:.0f} %, {_whereabouts(each)})")
    bar = figure.colorbar(axes[0, 0].images[0], ax=axes[0].tolist(), location="bottom", aspect=50, shrink=0.6)
    bar.set_label("slices of the class with tumour at this place, % (dotted: edge of their mean head)")
    return figure.described(
        f"How often a place is tumour, a map a class, over the outline of its mean head: {listed(words)}."
    )


@in_course_look
def intensity_ranges(table: pd.DataFrame) -> CourseFigure:
    """Shows how differently bright the slices are before they are normalised.

    Args:
        table: `Dataset.table`.

    Returns:
        CourseFigure, a dot a slice at its highest intensity.
    """
    figure, axes = new_figure(1, 1, (8.4, 3.4))
    ax = axes[0, 0]
    highest = table["intensity_max"]
    medians = _dots_by_class(ax, table, highest)
    ax.set_xlim(left=0)
    ax.xaxis.set_major_formatter("{x:,g}")
    title = f"{len(table):,} slices end anywhere between {highest.min():,} and {highest.max():,}"
    name_axes(ax, "highest intensity of the slice, as the scanner wrote it", "", title, grid="x")
    words = [f"{name} {median:,.0f}" for name, median in medians.items()]
    return figure.described(
        f"The highest intensity of each of {len(table):,} slices: anywhere from {highest.min():,} to "
        f"{highest.max():,}; medians: {listed(words)}."
    )


@in_course_look
def normalised_brightness(table: pd.DataFrame, images: np.ndarray) -> CourseFigure:
    """Shows how bright the slices are on average, once each is stretched to 0..255.

    Args:
        table: `Dataset.table`.
        images: (N, H, H) uint8, `Dataset.images`; row i belongs to row i of the table.

    Returns:
        CourseFigure, a dot a slice.
    """
    figure, axes = new_figure(1, 1, (8.4, 3.4))
    means = pd.Series([image.mean() for image in images], index=table.index)
    medians = _dots_by_class(axes[0, 0], table, means)
    axes[0, 0].set_xlim(left=0)
    title = f"{len(table):,} slices: means between {means.min():.0f} and {means.max():.0f}"
    name_axes(axes[0, 0], "mean of the slice after normalisation, 0 to 255", "", title, grid="x")
    words = [f"{name} {median:.0f}" for name, median in medians.items()]
    return figure.described(
        f"The mean of each of {len(table):,} slices after normalisation to 0..255: from {means.min():.0f} "
        f"to {means.max():.0f}; medians: {listed(words)}."
    )


def _dots_by_class(ax: Axes, table: pd.DataFrame, values: pd.Series) -> dict[str, float]:
    """Draws a dot a slice, in one band a class, and each median; returns the medians."""
    rng = np.random.default_rng(0)
    names = [name for name in CLASS_NAMES.values() if (table["class_name"] == name).any()]
    medians = {}
    for level, name in enumerate(names):
        ours = values[table["class_name"] == name]
        ax.scatter(ours, level + rng.uniform(-0.28, 0.28, len(ours)), s=14, alpha=0.5, linewidths=0,
                   color=CLASS_COLOURS[name], marker=CLASS_MARKERS[name])  # fmt: skip
        medians[name] = ours.median()
        (bar,) = ax.plot(
            [medians[name]] * 2, [level - 0.42, level + 0.42], color=BLACK, linewidth=1.8, zorder=1
        )
    legend_below(ax.figure, {"median of the class": bar})
    ax.set_yticks(
        range(len(names)), [f"{name}\n{(table['class_name'] == name).sum():,} slices" for name in names]
    )
    ax.set_ylim(len(names) - 0.5, -0.5 - 0.25)
    return medians


def _head(mean: np.ndarray) -> np.ndarray:
    """(H, H) uint8, 1 within the outer edge of the head in a mean image."""
    smooth = cv2.GaussianBlur(mean.astype(np.float32), (0, 0), sigmaX=len(mean) / 64)
    bright = (smooth > HEAD_LEVEL * smooth.max()).astype(np.uint8)
    edges, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = max(edges, key=cv2.contourArea, default=None)
    head = np.zeros_like(bright)
    return head if largest is None else cv2.drawContours(head, [largest], -1, 1, thickness=cv2.FILLED)


def _whereabouts(each: np.ndarray) -> str:
    """Where the map has its weight, for those who cannot see it."""
    rows, columns = np.indices(each.shape)
    total = max(each.sum(), 1e-9)
    across, down = (columns * each).sum() / total, (rows * each).sum() / total
    side = len(each) - 1
    return f"on average {100 * across / side:.0f} % from the left and {100 * down / side:.0f} % from the top"
