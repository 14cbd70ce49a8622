"""Figures of how certain a score is, and what it hides: notebook 02."""

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike

from helpers.evaluation import calibration
from helpers.evaluation.bootstrap import ConfidenceInterval
from helpers.evaluation.overlap import area_quartiles
from helpers.plots import style
from helpers.plots.style import CourseFigure

GROUP_LOOKS = (("o", style.BLUE), ("s", style.VERMILLION), ("^", style.GREEN))
REFERENCE_MARKERS = ("D", "X", "P")
MARKED: dict[str, Any] = {"color": style.ORANGE, "markeredgecolor": "black", "markersize": 8, "linestyle": ""}
QUARTERS = {1: "smallest", 2: "second", 3: "third", 4: "largest"}
MIN_BOX = 5  # slices; fewer are shown as dots alone


@style.course_style
def reliability_diagram(
    truth: ArrayLike, probabilities: ArrayLike, bins: int = calibration.BINS
) -> CourseFigure:
    """Show whether a classifier is right as often as its confidence says.

    Args:
        truth: (N,) labels 1, 2, 3.
        probabilities: (N, 3), predicted.
        bins: of confidence, equally wide.

    Returns:
        CourseFigure: accuracy against confidence, and below it the number of slices in each bin;
        the expected calibration error in the title.
    """
    table = calibration.reliability(truth, probabilities, bins)
    error = calibration.expected_calibration_error(truth, probabilities, bins)
    filled = table[table["slices"] > 0]
    confidence, accuracy, total = filled["confidence"], filled["accuracy"], table["slices"].sum()
    figure, axes = style.new_figure(2, 1, (5.6, 5.8), sharex=True, height_ratios=(3, 1))
    above, below = axes[:, 0]
    above.plot([0, 1], [0, 1], color="black", linestyle="--", linewidth=1.2, label="perfect calibration")
    above.vlines(confidence, confidence, accuracy, color=style.ORANGE, linewidth=4, alpha=0.6, label="gap")
    above.plot(confidence, accuracy, color=style.BLUE, linewidth=1)
    above.scatter(confidence, accuracy, style.marker_areas(filled["slices"]), color=style.BLUE, zorder=3,
                  label="a bin (larger: more slices)")  # fmt: skip
    above.set(xlim=(0, 1.03), ylim=(-0.05, 1.05))
    style.legend_below(figure)
    slices = style.counted(total, "slice")
    style.name_axes(above, "", "accuracy", f"{slices}, expected calibration error {error:.3f}", grid="both")
    below.bar(table["low"], table["slices"], 1 / bins, align="edge", color=style.SKY, edgecolor="white")
    style.count_axis(below.yaxis)
    style.name_axes(below, "confidence", "slices", "", grid="y")
    words = [
        f"confidence {one.confidence:.2f}, accuracy {one.accuracy:.2f} (n = {one.slices:,})"
        for one in filled.itertuples()
    ]
    return figure.described(
        f"Reliability diagram of {slices}, expected calibration error {error:.3f}: {'; '.join(words)}."
    )


@style.course_style
def confidence_curve(truth: ArrayLike, probabilities: ArrayLike) -> CourseFigure:
    """Show what a classifier gains by abstaining when its confidence is low.

    Args:
        truth: (N,) labels 1, 2, 3.
        probabilities: (N, 3), predicted.

    Returns:
        CourseFigure: fraction of the slices answered and accuracy on those, against the threshold.
    """
    table = calibration.confidence_curve(truth, probabilities)
    answered, total = table[table["slices"] > 0], len(np.asarray(truth))
    marked = answered[np.isclose(answered["threshold"] * 20 % 1, 0) & (answered["threshold"] > 0.34)]
    figure, axes = style.new_figure(size=(7.2, 4.4))
    ax = axes[0, 0]
    ax.plot("threshold", "coverage", data=table, color=style.ORANGE, linestyle="--", label="slices answered")
    ax.plot("threshold", "accuracy", data=answered, label="accuracy on those (larger dots: more slices)")
    ax.scatter(marked["threshold"], marked["accuracy"], style.marker_areas(marked["slices"]), style.BLUE)
    counts = ax.secondary_yaxis("right", functions=(lambda part: part * total, lambda count: count / total))
    counts.set_ylabel("slices answered")
    style.count_axis(counts.yaxis)
    ax.set(xlim=(0.3, 1.01), ylim=(0, 1.05))  # of three classes, one has at least 1/3
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    slices = style.counted(total, "slice")
    style.name_axes(ax, "answered if the confidence is at least", "part of the slices", slices, grid="both")
    style.legend_below(figure)
    words = [
        f"from {one.threshold:g} on {one.coverage:.0%} are answered, {one.accuracy:.1%} of them correctly"
        for one in answered[answered["threshold"].isin((0, 0.5, 0.7, 0.9))].itertuples()
    ]
    return figure.described(f"Answers by confidence, {slices}: {'; '.join(words)}.")


@style.course_style
def dice_by_area(dice_values: ArrayLike, areas_px: ArrayLike) -> CourseFigure:
    """Show whether small tumours are outlined less well than large ones.

    Args:
        dice_values: (N,) 0..1.
        areas_px: (N,) true tumour pixels; slices without tumour are left out.

    Returns:
        CourseFigure: for each quarter of the slices by area one dot per slice; from five slices
        on also their mean and a box from the first to the third quartile, with the median.
    """
    table = pd.DataFrame({"dice": np.asarray(dice_values, float), "area": np.asarray(areas_px)})
    table["quarter"] = area_quartiles(areas_px)
    figure, axes = style.new_figure(size=(7.6, 4.4))
    ax = axes[0, 0]
    dot: dict[str, Any] = {"color": style.BLUE, "alpha": 0.55}
    entries = {"a slice": Line2D([], [], marker="o", linestyle="", markersize=5, **dot)}
    labels, words = [], []
    groups = list(table[table["quarter"] > 0].groupby("quarter"))
    for place, (quarter, group) in enumerate(groups):
        dice, areas = group["dice"], style.span(group["area"].min(), group["area"].max(), " px")
        with style.fixed_jitter():
            sns.stripplot(x=place, y=dice, native_scale=True, jitter=0.22, zorder=3, ax=ax, **dot)
        if len(group) >= MIN_BOX:
            # Not seaborn's boxplot: it uses an argument that matplotlib 3.11 deprecates.
            ax.boxplot(dice, positions=[place], widths=0.6, whis=0, showfliers=False, showcaps=False,
                       patch_artist=True, manage_ticks=False, medianprops={"color": "black"},
                       boxprops={"facecolor": style.LIGHT_GREY, "edgecolor": style.GREY})  # fmt: skip
            ax.plot(place, dice.mean(), marker="D", zorder=4, **MARKED)
            entries |= {"median": Line2D([], [], color="black"), "mean": Line2D([], [], marker="D", **MARKED)}
        labels.append(f"{QUARTERS[quarter]}\n{areas}\nn = {len(group):,}")
        words.append(f"{QUARTERS[quarter]} ({areas}) mean {dice.mean():.2f}, median {dice.median():.2f}")
    ax.set_xticks(range(len(labels)), labels)
    ax.set(xlim=(-0.6, len(labels) - 0.4), ylim=(-0.03, 1.03))
    without = (table["quarter"] == 0).sum()
    title = style.counted(len(table) - without, "slice")
    title += f" ({without:,} without tumour left out)" if without else ""
    name = "quarter of the slices, by area of the true tumour"
    style.name_axes(ax, name, "Dice of the slice", title, grid="y")
    style.legend_below(figure, entries)
    return figure.described(f"Dice of {title} by area of the tumour: {'; '.join(words)}.")


@style.course_style
def intervals(
    groups: Mapping[str, Mapping[str, ConfidenceInterval]],
    references: Mapping[str, Mapping[str, float]] | None = None,
    name: str = "score",
    title: str = "",
) -> CourseFigure:
    """Show scores with their intervals.

    Args:
        groups: label -> measure -> interval, e.g. `{"over patients": ..., "over slices": ...}`;
            at most three. Measures appear in the order of the first group.
        references: label -> measure -> value to mark, e.g. the report's; at most three.
        name: of the x axis, with the unit.
        title: above the plot.

    Returns:
        CourseFigure, one line per measure, one dot with whiskers per group.
    """
    title = title or f"{name.capitalize()} with intervals"
    measures = list(dict.fromkeys(measure for group in groups.values() for measure in group))
    figure, axes = style.new_figure(size=(8.0, 0.62 * len(measures) + 1.5))
    ax, words = axes[0, 0], []
    for place, (label, group) in enumerate(groups.items()):
        marker, colour = GROUP_LOOKS[place]
        ours = [measure for measure in measures if measure in group]
        shown = {measure: group[measure] for measure in ours if not np.isnan(group[measure].value)}
        levels = [measures.index(measure) + 0.24 * (place - (len(groups) - 1) / 2) for measure in shown]
        ax.plot([one.value for one in shown.values()], levels, marker, color=colour, label=label)
        for level, one in zip(levels, shown.values(), strict=True):
            ax.plot([one.low, one.high], [level] * 2, "|-", color=colour)
        in_words = [f"{measure} {shown.get(measure, '–')}" for measure in ours]
        words.append(f"{label}: {style.listed(in_words)}")
    for (label, values), marker in zip((references or {}).items(), REFERENCE_MARKERS, strict=False):
        known = {measure: values[measure] for measure in measures if measure in values}
        levels = [measures.index(measure) for measure in known]
        ax.plot(known.values(), levels, marker=marker, label=label, **MARKED)
        words.append(f"{label}: {style.listed([f'{measure} {value:g}' for measure, value in known.items()])}")
    if ax.get_xlim()[0] < 0 < ax.get_xlim()[1]:
        ax.axvline(0, color="black", linewidth=1)
    ax.set_yticks(range(len(measures)), [textwrap.fill(measure, 30) for measure in measures])
    ax.set_ylim(len(measures) - 0.5, -0.5)
    style.name_axes(ax, name, "measure", title, grid="x")
    style.legend_below(figure)
    return figure.described(f"{title}: {'; '.join(words)}.")
