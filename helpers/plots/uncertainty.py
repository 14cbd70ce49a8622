"""Figures of how sure a score is, and what it hides: notebook 02."""

import textwrap
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike

from helpers.evaluation import calibration
from helpers.evaluation.bootstrap import ConfidenceInterval
from helpers.evaluation.overlap import area_quartiles
from helpers.plots.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    LIGHT_GREY,
    ORANGE,
    SKY,
    VERMILLION,
    CourseFigure,
    in_course_look,
    legend_below,
    listed,
    name_axes,
    new_figure,
)

GROUP_LOOKS = (("o", BLUE), ("s", VERMILLION), ("^", GREEN))
REFERENCE_MARKERS = ("D", "X", "P")
MEAN = {"marker": "D", "linestyle": "", "color": ORANGE, "markeredgecolor": BLACK, "markersize": 8}
QUARTERS = {1: "smallest", 2: "second", 3: "third", 4: "largest"}


@in_course_look
def reliability_diagram(
    truth: ArrayLike, probabilities: ArrayLike, bins: int = calibration.BINS
) -> CourseFigure:
    """Shows whether a classifier is as often right as it is sure.

    Args:
        truth: (N,) labels 1, 2, 3.
        probabilities: (N, 3), predicted.
        bins: of confidence, equally wide.

    Returns:
        CourseFigure: accuracy against confidence, and below it the slices of each bin; the
        expected calibration error above.
    """
    table = calibration.reliability(truth, probabilities, bins)
    error = calibration.expected_calibration_error(truth, probabilities, bins)
    filled = table[table["slices"] > 0]
    figure, axes = new_figure(2, 1, (5.6, 5.8), sharex=True, height_ratios=(3, 1))
    above, below = axes[:, 0]
    above.plot([0, 1], [0, 1], color=BLACK, linestyle="--", linewidth=1.2, label="as right as sure")
    above.vlines(filled["confidence"], filled["confidence"], filled["accuracy"], color=ORANGE, linewidth=4,
                 alpha=0.6, label="distance")  # fmt: skip
    above.plot(filled["confidence"], filled["accuracy"], "o-", color=BLUE, label="slices of a bin")
    above.set(xlim=(0, 1.02), ylim=(0, 1.05))
    legend_below(figure, dict(zip(*reversed(above.get_legend_handles_labels()), strict=True)))
    total = table["slices"].sum()
    name_axes(above, "", "accuracy", f"{total} slices, expected calibration error {error:.3f}", grid="both")
    below.bar(table["low"], table["slices"], 1 / bins, align="edge", color=SKY, edgecolor="white")
    name_axes(below, "confidence", "slices", grid="y")
    words = [
        f"sure to {one.confidence:.2f}, right to {one.accuracy:.2f} (n = {one.slices})"
        for one in filled.itertuples()
    ]
    return figure.described(
        f"Reliability of {total} answers, expected calibration error {error:.3f}: {'; '.join(words)}."
    )


@in_course_look
def confidence_curve(truth: ArrayLike, probabilities: ArrayLike) -> CourseFigure:
    """Shows what a classifier gains by answering only where it is sure.

    Args:
        truth: (N,) labels 1, 2, 3.
        probabilities: (N, 3), predicted.

    Returns:
        CourseFigure: part of the slices answered and accuracy on those, against the threshold.
    """
    table = calibration.confidence_curve(truth, probabilities)
    figure, axes = new_figure(1, 1, (7.2, 4.2))
    ax = axes[0, 0]
    ax.plot(table["threshold"], table["coverage"], color=ORANGE, linestyle="--", label="slices answered")
    ax.plot(table["threshold"], table["accuracy"], color=BLUE, label="accuracy on those")
    ax.set(xlim=(0.3, 1), ylim=(0, 1.03))  # of three classes, one has at least 1/3
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    name_axes(
        ax, "answered where the confidence is at least", "", f"{len(np.asarray(truth))} slices", grid="both"
    )
    ax.legend(loc="lower left")
    shown = table[table["threshold"].isin((0, 0.5, 0.7, 0.9)) & (table["slices"] > 0)]
    words = [
        f"from {one.threshold:g} on {one.coverage:.0%} are answered, {one.accuracy:.1%} of them rightly"
        for one in shown.itertuples()
    ]
    return figure.described(f"Answers by confidence: {'; '.join(words)}.")


@in_course_look
def dice_by_area(dice_values: ArrayLike, areas_px: ArrayLike) -> CourseFigure:
    """Shows that small tumours are outlined worse than large ones, if they are.

    Args:
        dice_values: (N,) 0..1.
        areas_px: (N,) true tumour pixels; slices without tumour are left out.

    Returns:
        CourseFigure: for each quarter of the slices by area a box from the first to the third
        quartile, its median, a dot a slice, and the mean.
    """
    dice_values, areas_px = np.asarray(dice_values, float), np.asarray(areas_px)
    quartiles = area_quartiles(areas_px)
    figure, axes = new_figure(1, 1, (7.6, 4.4))
    ax = axes[0, 0]
    labels, words = {}, []
    for quartile, name in QUARTERS.items():
        values, areas = dice_values[quartiles == quartile], areas_px[quartiles == quartile]
        if len(values):
            _box_and_dots(ax, quartile, values)
            range_px = f"{areas.min():,} to {areas.max():,} px"
            labels[quartile] = f"{name}\n{range_px}\nn = {len(values)}"
            words.append(f"{name} ({range_px}) mean {values.mean():.2f}, median {np.median(values):.2f}")
    ax.set_xticks(list(labels), list(labels.values()))
    ax.set(xlim=(0.4, 4.6), ylim=(-0.03, 1.03))
    without = np.count_nonzero(quartiles == 0)
    note = f" ({without} without tumour left out)" if without else ""
    title = f"{np.count_nonzero(quartiles)} slices{note}"
    name_axes(ax, "quarter of the slices, by area of the true tumour", "Dice of the slice", title, grid="y")
    legend = {
        "a slice": Line2D([], [], marker="o", linestyle="", markersize=5, color=BLUE, alpha=0.55),
        "median": Line2D([], [], color=BLACK),
        "mean": Line2D([], [], **MEAN),
    }
    legend_below(figure, legend)
    return figure.described(f"Dice of {title} by area of the tumour: {'; '.join(words)}.")


def _box_and_dots(ax: Axes, place: int, values: np.ndarray) -> None:
    ax.boxplot(values, positions=[place], widths=0.6, showfliers=False, showcaps=False, patch_artist=True,
               manage_ticks=False, boxprops={"facecolor": LIGHT_GREY, "edgecolor": GREY},
               whiskerprops={"linewidth": 0}, medianprops={"color": BLACK})  # fmt: skip
    aside = np.random.default_rng(place).uniform(-0.22, 0.22, len(values))  # so that dots do not hide dots
    ax.scatter(place + aside, values, s=22, alpha=0.55, color=BLUE, linewidths=0, zorder=3)
    ax.plot(place, values.mean(), zorder=4, **MEAN)


@in_course_look
def intervals(
    groups: Mapping[str, Mapping[str, ConfidenceInterval]],
    references: Mapping[str, Mapping[str, float]] | None = None,
    name: str = "score",
    title: str = "",
) -> CourseFigure:
    """Shows scores with their intervals, one or several to a line.

    Args:
        groups: label -> measure -> Interval, e.g. `{"over patients": ..., "over slices": ...}`;
            at most three. Measures appear in the order of the first group.
        references: label -> measure -> value to mark beside, e.g. the report's; at most three.
        name: of the x axis, with the unit.
        title: above the plot.

    Returns:
        CourseFigure, a line a measure, a dot and whiskers a group.
    """
    measures = list(dict.fromkeys(measure for group in groups.values() for measure in group))
    figure, axes = new_figure(1, 1, (8.0, 0.62 * len(measures) + 1.5))
    ax = axes[0, 0]
    words = [f"{label}: {_whiskers(ax, groups, label, measures)}" for label in groups]
    for (label, values), marker in zip((references or {}).items(), REFERENCE_MARKERS, strict=False):
        shown = {measure: values[measure] for measure in measures if measure in values}
        ax.plot(shown.values(), [measures.index(measure) for measure in shown], marker, color=ORANGE,
                markeredgecolor=BLACK, markersize=8, label=label)  # fmt: skip
        words.append(f"{label}: {listed([f'{measure} {value:g}' for measure, value in shown.items()])}")
    if ax.get_xlim()[0] < 0 < ax.get_xlim()[1]:
        ax.axvline(0, color=BLACK, linewidth=1)
    ax.set_yticks(range(len(measures)), [textwrap.fill(measure, 30) for measure in measures])
    ax.set_ylim(len(measures) - 0.5, -0.5)
    name_axes(ax, name, "", title, grid="x")
    if len(words) > 1:
        handles, labels = ax.get_legend_handles_labels()
        legend_below(figure, dict(zip(labels, handles, strict=True)))
    return figure.described(f"{title or f'{name.capitalize()} with intervals'}: {'; '.join(words)}.")


def _whiskers(
    ax: Axes, groups: Mapping[str, Mapping[str, ConfidenceInterval]], label: str, measures: list[str]
) -> str:
    """Draws one group, a bit above or below the middle of its lines, and returns it in words."""
    place = list(groups).index(label)
    marker, colour = GROUP_LOOKS[place]
    group = {measure: groups[label][measure] for measure in measures if measure in groups[label]}
    offset = 0.24 * (place - (len(groups) - 1) / 2)
    values = [one.value for one in group.values()]
    low, high = np.array([(one.low, one.high) for one in group.values()]).T
    places = [measures.index(measure) + offset for measure in group]
    ax.errorbar((low + high) / 2, places, xerr=(high - low) / 2, fmt="none", ecolor=colour, capsize=3)
    ax.plot(values, places, marker, color=colour, label=label)
    return listed([f"{measure} {interval}" for measure, interval in group.items()])
