"""Figures of a whole data set: what a network could learn from it, or be misled by."""

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import ArrayLike
from scipy import ndimage

from helpers import reference
from helpers.plots import style
from helpers.plots.style import CourseFigure
from helpers.reference import CLASS_NAMES

NAMES = list(CLASS_NAMES.values())
MAX_DOTS = 300  # with more slices, dots become a solid band: their density is drawn instead
HEAD_LEVEL = 0.2  # of the brightest pixel of the mean image: about where the head ends


@style.course_style
def class_balance(table: pd.DataFrame, published: bool = False) -> CourseFigure:
    """Count slices and patients of each class.

    Args:
        table: `Dataset.table`.
        published: also mark the counts of the published data set.

    Returns:
        CourseFigure, slices on the left, patients on the right.
    """
    figure, axes = style.new_figure(1, 2, (9, 3.6))
    groups = table.groupby("class_name")["patient"]
    slices, patients = (counts.reindex(NAMES, fill_value=0) for counts in (groups.size(), groups.nunique()))
    for ax, counts, what in zip(axes[0], (slices, patients), ("slices", "patients"), strict=True):
        bars = ax.bar(NAMES, counts, color=[style.CLASS_COLOURS[name] for name in NAMES])
        ax.bar_label(bars, fmt="{:,.0f}", padding=2)
        ax.margins(y=0.12)
        style.count_axis(ax.yaxis)
        style.name_axes(ax, "class", what, f"{counts.sum():,} {what}")
    words = [f"{name} {slices[name]:,} slices of {patients[name]:,} patients" for name in NAMES]
    alt = f"{style.listed(words)}."
    if published:
        expected = [f"{count:,}" for count in reference.CLASS_COUNTS.values()]
        outlined: dict[str, Any] = {"fill": False, "edgecolor": "black", "linestyle": "--"}
        axes[0, 0].bar(NAMES, list(reference.CLASS_COUNTS.values()), **outlined)
        axes[0, 0].set_xticks(
            range(3), [f"{name}\npublished: {count}" for name, count in zip(NAMES, expected, strict=True)]
        )
        style.legend_below(figure, {"published data set": Patch(**outlined)})
        alt += f" The published data set has {style.listed(expected)} slices."
    return figure.described(alt)


@style.course_style
def slices_per_patient(table: pd.DataFrame) -> CourseFigure:
    """Count how many slices each patient has.

    Args:
        table: `Dataset.table`.

    Returns:
        CourseFigure, one histogram per class, all on the same axes.
    """
    figure, axes = style.new_figure(1, 3, (9, 3.2), sharex=True, sharey=True)
    patients = table.groupby(["class_name", "patient"]).size()
    words = []
    for ax, name in zip(axes[0], NAMES, strict=True):
        counts = patients[patients.index.get_level_values("class_name") == name]
        colour = style.CLASS_COLOURS[name]
        sns.histplot(x=counts, discrete=True, color=colour, edgecolor="white", alpha=1, ax=ax)
        style.count_axis(ax.xaxis)
        style.count_axis(ax.yaxis)
        title, spread = f"{name}: {style.counted(len(counts), 'patient')}", "none"
        if len(counts):
            ax.axvline(counts.median(), color="black", linestyle=":")
            spread = f"{style.span(counts.min(), counts.max())}, median {counts.median():g}"
            title += f"\n{style.span(counts.min(), counts.max())} slices each"
        style.name_axes(ax, "slices of the patient", "patients", title, grid="y")
        words.append(f"{name} {spread}")
    style.legend_below(figure, {"median of the class": Line2D([], [], color="black", linestyle=":")})
    count = table["patient"].nunique()
    return figure.described(
        f"{len(table):,} slices of {count:,} patients. Slices per patient: {style.listed(words)}."
    )


@style.course_style
def tumour_areas(table: pd.DataFrame) -> CourseFigure:
    """Show how little of a slice the tumour fills.

    Args:
        table: `Dataset.table`.

    Returns:
        CourseFigure, the distribution in each class, on a logarithmic axis.
    """
    percent, published = 100 * table["tumour_fraction"], reference.TUMOUR_PERCENT
    title = f"{len(table):,} slices: mean {percent.mean():.2f}%, median {percent.median():.2f}%"
    figure, ax = _by_class(table, percent, "part of the slice that is tumour, % (log scale)", title, log=True)
    ax.axvline(published, color="black", linestyle=":", linewidth=1.2)
    ax.annotate(f" published, mean: {published}%", (published, 1), xycoords=ax.get_xaxis_transform(),
                va="top", fontsize=9)  # fmt: skip
    return figure.described(
        f"The tumour fills {percent.mean():.2f}% of a slice on average (published data: {published}%), from "
        f"{percent.min():.2f}% to {percent.max():.2f}%; medians: {_medians(table, percent, '.2f', '%')}."
    )


@style.course_style
def intensity_ranges(table: pd.DataFrame) -> CourseFigure:
    """Show how differently bright the slices are before they are normalised.

    Args:
        table: `Dataset.table`.

    Returns:
        CourseFigure, the distribution of the highest intensities in each class.
    """
    highest = table["intensity_max"]
    ends = f"{highest.min():,} to {highest.max():,}"
    figure, ax = _by_class(table, highest, "highest intensity of the slice, as the scanner wrote it",
                           f"{len(table):,} slices: highest intensities from {ends}")  # fmt: skip
    ax.set_xlim(left=0)
    ax.xaxis.set_major_formatter("{x:,g}")
    return figure.described(
        f"The highest intensity of each of {len(table):,} slices: anywhere from {ends}; "
        f"medians: {_medians(table, highest, ',.0f')}."
    )


@style.course_style
def normalised_brightness(table: pd.DataFrame, images: np.ndarray) -> CourseFigure:
    """Show how bright the slices are on average, once each is stretched to 0..255.

    Args:
        table: `Dataset.table`.
        images: (N, H, H) uint8, `Dataset.images`; row i belongs to row i of the table.

    Returns:
        CourseFigure, the distribution of the means in each class.
    """
    means = pd.Series([image.mean() for image in images], index=table.index)
    ends = f"from {means.min():.0f} to {means.max():.0f}"
    figure, ax = _by_class(table, means, "mean of the slice after normalisation, on a scale of 0 to 255",
                          f"{len(table):,} slices: means {ends}")  # fmt: skip
    style.count_axis(ax.xaxis)
    return figure.described(
        f"The mean of each of {len(table):,} slices after normalisation to 0..255: {ends}; "
        f"medians: {_medians(table, means, '.0f')}."
    )


def _by_class(
    table: pd.DataFrame, values: pd.Series, name: str, title: str, log: bool = False
) -> tuple[CourseFigure, Axes]:
    """Draw the values of each class: dots for a few slices, a density for many; and the medians."""
    figure, axes = style.new_figure(size=(8.4, 3.6))
    ax, classes = axes[0, 0], table["class_name"]
    order = [each for each in NAMES if (classes == each).any()]
    if log:
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:,g}")
        ax.xaxis.set_minor_formatter(NullFormatter())
    shared = {"x": values, "y": classes, "hue": classes, "order": order, "ax": ax, "legend": False}
    colours = style.CLASS_COLOURS
    entries: dict[str, Any] = {"median of the class": Line2D([], [], color="black")}
    if len(table) <= MAX_DOTS:
        with style.fixed_jitter():
            sns.stripplot(**shared, palette=colours, jitter=0.28, size=5, alpha=0.6, zorder=3)
        entries["a slice"] = Line2D([], [], color=style.GREY, marker="o", linestyle="", markersize=5)
    else:
        sns.violinplot(**shared, palette=colours, inner=None, cut=0, linewidth=0, saturation=1)
        entries["height: density of the slices"] = Patch(color=style.GREY)
    for level, each in enumerate(order):
        ax.vlines(values[classes == each].median(), level - 0.4, level + 0.4, color="black")
    sizes = [style.counted((classes == each).sum(), "slice") for each in order]
    ax.set_yticks(range(len(order)), [f"{each}\n{size}" for each, size in zip(order, sizes, strict=True)])
    style.name_axes(ax, name, "class", title, grid="x")
    style.legend_below(figure, entries)
    return figure, ax


def _medians(table: pd.DataFrame, values: pd.Series, form: str, unit: str = "") -> str:
    medians = values.groupby(table["class_name"]).median()
    return style.listed([f"{name} {medians[name]:{form}}{unit}" for name in NAMES if name in medians])


@style.course_style
def tumour_places(images: np.ndarray, masks: np.ndarray, labels: ArrayLike) -> CourseFigure:
    """Show where the tumours of each class are: the mean of their masks.

    Args:
        images: (N, H, H) uint8, for the outline of the mean head.
        masks: (N, H, H), 0 and 1.
        labels: (N,) labels 1, 2, 3.

    Returns:
        CourseFigure, one map per class, on one scale of colours.
    """
    figure, axes = style.image_grid(1, 3, title_lines=5)
    chosen = [np.asarray(labels) == label for label in CLASS_NAMES]
    maps = [100 * masks[rows].mean(axis=0) if rows.any() else np.zeros(masks.shape[1:]) for rows in chosen]
    highest, words = max(each.max() for each in maps) or 1, []
    for ax, name, each, rows in zip(axes[0], NAMES, maps, chosen, strict=True):
        title = f"{name}, {style.counted(rows.sum(), 'slice')}\nat most {each.max():.0f}% in one place"
        style.show_image(ax, each, title, cmap="cividis", vmin=0, vmax=highest)
        if rows.any():
            style.outline(ax, _head(images[rows].mean(axis=0)), style.LIGHT_GREY, ":", linewidth=1.2)
            words.append(f"{name} (at most {each.max():.0f}%{_whereabouts(each)})")
    bar = figure.colorbar(axes[0, 0].images[0], ax=axes[0].tolist(), location="bottom", aspect=50, shrink=0.6)
    bar.set_label("slices of the class with tumour at this place, % (dotted: edge of their mean head)")
    return figure.described(
        f"How often a place is tumour, one map per class, with the outline of its mean head: "
        f"{style.listed(words)}."
    )


def _head(mean: np.ndarray) -> np.ndarray:
    """(H, H) bool, True within the outer edge of the head in a mean image."""
    smooth = ndimage.gaussian_filter(mean, len(mean) / 64)
    parts, _ = ndimage.label(ndimage.binary_fill_holes(smooth > HEAD_LEVEL * smooth.max()))
    sizes = np.bincount(parts.ravel())[1:]  # without the background
    return parts == 1 + sizes.argmax() if len(sizes) else parts > 0


def _whereabouts(each: np.ndarray) -> str:
    """The centre of mass of a map in words; nothing for an empty map."""
    if not each.any():
        return ""
    down, across = 100 * np.array(ndimage.center_of_mass(each)) / (len(each) - 1)
    return f", on average {across:.0f}% from the left and {down:.0f}% from the top"
