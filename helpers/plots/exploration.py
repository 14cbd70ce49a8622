"""Figures of a whole data set: what a network could learn from it, or be misled by.

`table` is `Dataset.table`: one row per slice.
"""

from collections.abc import Callable
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
from helpers.config.language import _, grouped
from helpers.plots import style
from helpers.plots.style import CourseFigure
from helpers.reference import CLASS_NAMES

NAMES = list(CLASS_NAMES.values())
MAX_DOTS = 150  # of a class; with more, dots become a solid band: their density is drawn instead
HEAD_LEVEL = 0.2  # of the brightest pixel of the mean image: about where the head ends


@style.course_style
def class_balance(table: pd.DataFrame) -> CourseFigure:
    """Count slices (left) and patients (right) of each class."""
    figure, axes = style.new_figure(1, 2, (9, 3.6))
    groups = table.groupby("class_name")["patient"]
    slices, patients = (counts.reindex(NAMES, fill_value=0) for counts in (groups.size(), groups.nunique()))
    names = [_(name) for name in NAMES]
    for ax, counts, what in zip(axes, (slices, patients), (_("slices"), _("patients")), strict=True):
        bars = ax.bar(names, counts, color=[style.CLASS_COLOURS[name] for name in NAMES])
        ax.bar_label(bars, [grouped(count) for count in counts], padding=2)
        ax.margins(y=0.12)
        style.count_axis(ax.yaxis)
        style.name_axes(ax, _("class"), what, f"{grouped(counts.sum())} {what}")
    said = _("{name} {slices} slices of {patients} patients")
    words = [
        said.format(name=_(name), slices=grouped(slices[name]), patients=grouped(patients[name]))
        for name in NAMES
    ]
    return figure.described(f"{style.listed(words)}.")


@style.course_style
def slices_per_patient(table: pd.DataFrame) -> CourseFigure:
    """Count how many slices each patient has, in one histogram per class."""
    figure, axes = style.new_figure(1, 3, (9, 3.2), sharex=True, sharey=True)
    patients = table.groupby(["class_name", "patient"]).size()
    words = []
    for ax, name in zip(axes, NAMES, strict=True):
        counts = patients[patients.index.get_level_values("class_name") == name]
        colour = style.CLASS_COLOURS[name]
        sns.histplot(x=counts, discrete=True, color=colour, edgecolor="white", alpha=1, ax=ax)
        style.count_axis(ax.xaxis)
        style.count_axis(ax.yaxis)
        title = f"{_(name)}: {style.counted(len(counts), 'patient')}"
        if len(counts):
            spread = style.span(counts.min(), counts.max())
            ax.axvline(counts.median(), color="black", linestyle=":", label=_("median of the class"))
            title += "\n" + _("{span} slices each").format(span=spread)
            said = _("{name} {span}, median {median:g}")
            words.append(said.format(name=_(name), span=spread, median=counts.median()))
        style.name_axes(ax, _("slices per patient"), _("patients"), title, grid="y")
    style.legend_below(figure)
    count = table["patient"].nunique()
    said = _("{slices} slices of {patients} patients. Slices per patient: {classes}.")
    return figure.described(
        said.format(slices=grouped(len(table)), patients=grouped(count), classes=style.listed(words))
    )


@style.course_style
def tumour_areas(table: pd.DataFrame) -> CourseFigure:
    """Show how little of a slice the tumour fills, in each class, on a logarithmic axis."""
    percent, published = 100 * table["tumour_fraction"], reference.TUMOUR_PERCENT
    title = _("{count} slices: mean {mean:.2f}%, median {median:.2f}%").format(
        count=grouped(len(table)), mean=percent.mean(), median=percent.median()
    )
    name = _("share of the slice that is tumour, % (log scale)")
    figure, ax, medians = _by_class(
        table, percent, name, title, lambda value: _("{value:.2f}%").format(value=value), scale="log"
    )
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter("{x:,g}")
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_ylim(top=-0.85)  # room for the annotation
    ax.axvline(published, color="black", linestyle=":", linewidth=1.2)
    note = _(" published, mean: {value}%").format(value=published)
    ax.annotate(note, (published, 1), xycoords=ax.get_xaxis_transform(), va="top", fontsize=9)
    said = _(
        "The tumour fills {mean:.2f}% of a slice on average (published data: {published}%), from "
        "{lowest:.2f}% to {highest:.2f}%; medians: {medians}."
    )
    return figure.described(
        said.format(
            mean=percent.mean(),
            published=published,
            lowest=percent.min(),
            highest=percent.max(),
            medians=medians,
        )
    )


@style.course_style
def intensity_ranges(table: pd.DataFrame) -> CourseFigure:
    """Show how much the brightness of the slices differs before normalisation."""
    highest = table["intensity_max"]
    counted = {"count": grouped(len(table)), "span": style.span(highest.min(), highest.max())}
    name = _("highest intensity of the slice, as the scanner recorded it")
    title = _("{count} slices: highest intensities from {span}").format(**counted)
    figure, ax, medians = _by_class(table, highest, name, title, lambda value: grouped(value, ".0f"))
    style.count_axis(ax.xaxis)
    said = _("The highest intensity of each of {count} slices: anywhere from {span}; medians: {medians}.")
    return figure.described(said.format(medians=medians, **counted))


@style.course_style
def normalised_brightness(table: pd.DataFrame, images: np.ndarray) -> CourseFigure:
    """Show how bright the slices are on average, once each is stretched to 0..255.

    Args:
        table: `Dataset.table`.
        images: (N, H, H) uint8, `Dataset.images`; row i belongs to row i of the table.
    """
    means = pd.Series([image.mean() for image in images], index=table.index)
    ends = {"count": grouped(len(table)), "lowest": means.min(), "highest": means.max()}
    name = _("mean of the slice after normalisation, on a scale of 0 to 255")
    title = _("{count} slices: means from {lowest:.0f} to {highest:.0f}").format(**ends)
    figure, ax, medians = _by_class(table, means, name, title, "{:.0f}".format)
    style.count_axis(ax.xaxis)
    said = _(
        "The mean of each of {count} slices after normalisation to 0..255: from {lowest:.0f} to "
        "{highest:.0f}; medians: {medians}."
    )
    return figure.described(said.format(medians=medians, **ends))


def _by_class(
    table: pd.DataFrame,
    values: pd.Series,
    name: str,
    title: str,
    form: Callable[[float], str],
    scale: str = "linear",
) -> tuple[CourseFigure, Axes, str]:
    """Draw dots for a class of few slices, a density for one of many; return the medians in words too."""
    figure, ax = style.new_figure(size=(8.4, 3.6))
    ax.set_xscale(scale)
    classes, counts = table["class_name"], table["class_name"].value_counts()
    order = [each for each in NAMES if each in counts]
    places, medians = np.arange(len(order)), values.groupby(classes).median()[order]
    entries: dict[str, Any] = {_("median of the class"): Line2D([], [], color="black")}
    many = classes.map(counts) > MAX_DOTS
    if many.any():
        sns.violinplot(x=values[many], y=classes[many], hue=classes[many], order=order, ax=ax,
                       palette=style.CLASS_COLOURS, saturation=1, inner=None, cut=0, linewidth=0,
                       legend=False)  # fmt: skip
        entries[_("height: density of the slices")] = Patch(color=style.GREY)
    if not many.all():
        few = classes[~many]
        heights = few.map(order.index) + style.jitter(len(few), 0.28)
        ax.scatter(values[~many], heights, 25, list(few.map(style.CLASS_COLOURS)), alpha=0.6, linewidth=0)
        entries[_("one slice")] = Line2D([], [], color=style.GREY, marker="o", linestyle="", markersize=5)
    ax.vlines(medians, places - 0.4, places + 0.4, color="black")
    ax.set_yticks(places, [f"{_(each)}\n{style.counted(counts[each], 'slice')}" for each in order])
    ax.set_ylim(len(order) - 0.5, -0.5)
    style.name_axes(ax, name, _("class"), title, grid="x")
    style.legend_below(figure, entries)
    return figure, ax, style.listed([f"{_(each)} {form(medians[each])}" for each in order])


@style.course_style
def tumour_places(images: np.ndarray, masks: np.ndarray, labels: ArrayLike) -> CourseFigure:
    """Show where the tumours of each class are: the mean of their masks, on one scale of colours.

    Args:
        images: (N, H, H) uint8, for the outline of the mean head.
        masks: (N, H, H), 0 and 1, none empty.
        labels: (N,) labels 1, 2, 3; a class may be missing.
    """
    figure, axes = style.image_grid(1, 3, title_lines=5)
    present = np.unique(np.asarray(labels))
    members = [np.flatnonzero(np.asarray(labels) == label) for label in present]
    maps = [100 * masks[rows].mean(axis=0) for rows in members]
    highest, words = max(map(np.max, maps)), []
    for ax, label, percent, rows in zip(axes[0], present, maps, members, strict=False):
        name = _(CLASS_NAMES[label])
        most = _("at most {percent:.0f}% in one place").format(percent=percent.max())
        title = f"{name}, {style.counted(len(rows), 'slice')}\n{most}"
        style.show_image(ax, percent, title, cmap="cividis", vmin=0, vmax=highest)
        style.outline(ax, _head(images[rows].mean(axis=0)), style.LIGHT_GREY, ":", linewidth=1.2)
        down, across = 100 * np.array(ndimage.center_of_mass(percent)) / (len(percent) - 1)
        said = _(
            "{name} (at most {percent:.0f}%, on average {across:.0f}% from the left and {down:.0f}% from the "
            "top)"
        )
        words.append(said.format(name=name, percent=percent.max(), across=across, down=down))
    bar = figure.colorbar(axes[0, 0].images[0], ax=axes[0].tolist(), location="bottom", aspect=50, shrink=0.6)
    bar.set_label(_("slices of the class with tumour at this place, % (dotted: edge of their mean head)"))
    said = _("How often a place is tumour, one map per class, with the outline of its mean head: {classes}.")
    return figure.described(said.format(classes=style.listed(words)))


def _head(mean: np.ndarray) -> np.ndarray:
    """(H, H) bool, True within the outer edge of the head in a mean image."""
    smooth = ndimage.gaussian_filter(mean, len(mean) / 64)
    parts, _count = ndimage.label(ndimage.binary_fill_holes(smooth > HEAD_LEVEL * smooth.max()))
    return parts == 1 + np.bincount(parts.ravel())[1:].argmax()  # the largest, without the background
