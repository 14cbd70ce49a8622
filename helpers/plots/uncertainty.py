"""Figures of how certain a score is, and what it hides: notebook 02."""

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike

from helpers.evaluation import calibration
from helpers.evaluation.bootstrap import ConfidenceInterval
from helpers.evaluation.overlap import QUARTERS, area_quartiles
from helpers.plots import style
from helpers.plots.style import CourseFigure

GROUP_LOOKS = style.LOOKS[:3]
MIN_BOX = 5  # slices; fewer are shown as dots alone


@style.course_style
def reliability_diagram(truth: ArrayLike, probabilities: ArrayLike) -> CourseFigure:
    """Show whether a classifier is right as often as its confidence says, and the slices in each bin.

    Args:
        truth: (N,) labels 1, 2, 3.
        probabilities: (N, 3), predicted.
    """
    table = calibration.reliability(truth, probabilities)
    error = calibration.expected_calibration_error(truth, probabilities)
    filled, slices = table[table["slices"] > 0], style.counted(table["slices"].sum(), "slice")
    confidence, accuracy = filled["confidence"], filled["accuracy"]
    figure, (above, below) = style.new_figure(2, 1, (5.6, 5.8), sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], color="black", linestyle="--", linewidth=1.2, label="perfect calibration")
    above.vlines(confidence, confidence, accuracy, color=style.ORANGE, linewidth=4, alpha=0.6, label="gap")
    above.plot(confidence, accuracy, color=style.BLUE, linewidth=1)
    above.scatter(confidence, accuracy, style.marker_areas(filled["slices"]), color=style.BLUE, zorder=3,
                  label="bin (larger: more slices)")  # fmt: skip
    above.set(xlim=(0, 1.03), ylim=(-0.05, 1.05))
    style.name_axes(above, "", "accuracy", f"{slices}, expected calibration error {error:.3f}", grid="both")
    below.bar(table["low"], table["slices"], table["high"] - table["low"], align="edge", color=style.SKY,
              edgecolor="white")  # fmt: skip
    style.count_axis(below.yaxis)
    style.name_axes(below, "confidence", "slices", "", grid="y")
    style.legend_below(figure)
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
    """
    table = calibration.confidence_curve(truth, probabilities)
    answered, slices = table[table["slices"] > 0], style.counted(table["slices"].max(), "slice")
    marked = answered[np.isclose(answered["threshold"] * 20 % 1, 0) & (answered["threshold"] > 0.34)]
    figure, ax = style.new_figure(size=(7.2, 4.4))
    ax.plot("threshold", "coverage", data=table, color=style.ORANGE, linestyle="--", label="slices answered")
    ax.plot("threshold", "accuracy", data=answered, color=style.BLUE,
            label="accuracy on those (larger dots: more slices)")  # fmt: skip
    ax.scatter(marked["threshold"], marked["accuracy"], style.marker_areas(marked["slices"]), style.BLUE)
    ax.set(xlim=(0.3, 1.01), ylim=(0, 1.05))  # of three classes, one has at least 1/3
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    style.name_axes(ax, "answered if the confidence is at least", "share of the slices", slices, grid="both")
    style.legend_below(figure)
    words = [
        f"from {one.threshold:g} on {one.coverage:.0%} are answered, {one.accuracy:.1%} of them correctly"
        for one in answered[answered["threshold"].isin((0, 0.5, 0.7, 0.9))].itertuples()
    ]
    return figure.described(f"Answers by confidence, {slices}: {'; '.join(words)}.")


@style.course_style
def dice_by_area(dice_values: ArrayLike, areas_px: ArrayLike) -> CourseFigure:
    """Show whether small tumours are outlined less well than large ones, in quarters of the slices by area.

    From five slices on, a quarter has a box from the first to the third quartile and the mean.

    Args:
        dice_values: (N,) 0..1.
        areas_px: (N,) true tumour pixels.
    """
    table = pd.DataFrame({"dice": np.asarray(dice_values, float), "area": np.asarray(areas_px)})
    figure, ax = style.new_figure(size=(7.6, 4.4))
    dot: dict[str, Any] = {"color": style.BLUE, "alpha": 0.55}
    diamond: dict[str, Any] = {"color": style.ORANGE, "markeredgecolor": "black", "markersize": 8}
    entries = {"one slice": Line2D([], [], marker="o", linestyle="", markersize=5, **dot)}
    labels, words = [], []
    for place, (quarter, group) in enumerate(table.groupby(area_quartiles(areas_px))):
        dice, areas = group["dice"], style.span(group["area"].min(), group["area"].max(), " px")
        ax.scatter(place + style.jitter(len(group), 0.22), dice, 25, zorder=3, linewidth=0, **dot)
        if len(group) >= MIN_BOX:
            # Not seaborn's boxplot: it uses an argument that matplotlib 3.11 deprecates.
            ax.boxplot(dice, positions=[place], widths=0.6, whis=0, showfliers=False, showcaps=False,
                       patch_artist=True, manage_ticks=False, medianprops={"color": "black"},
                       boxprops={"facecolor": style.LIGHT_GREY, "edgecolor": style.GREY})  # fmt: skip
            (mean,) = ax.plot(place, dice.mean(), "D", zorder=4, **diamond)
            entries |= {"median": Line2D([], [], color="black"), "mean": mean}
        labels.append(f"{QUARTERS[quarter]}\n{areas}\nn = {len(group):,}")
        words.append(f"{QUARTERS[quarter]} ({areas}) mean {dice.mean():.2f}, median {dice.median():.2f}")
    ax.set_xticks(range(len(labels)), labels)
    ax.set(xlim=(-0.6, len(labels) - 0.4), ylim=(-0.03, 1.03))
    title = style.counted(len(table), "slice")
    name = "quarter of the slices, by area of the true tumour"
    style.name_axes(ax, name, "Dice of the slice", title, grid="y")
    style.legend_below(figure, entries)
    return figure.described(f"Dice of {title} by area of the tumour: {'; '.join(words)}.")


@style.course_style
def intervals(
    groups: Mapping[str, Mapping[str, ConfidenceInterval]],
    title: str = "Scores with 95% intervals",
    majority: Mapping[str, float] | None = None,
) -> CourseFigure:
    """Show scores with their intervals: one line per measure, one dot with whiskers per group.

    Args:
        groups: label -> measure -> interval, e.g. `{"by slice": ..., "by family": ...}`; at most
            three, with the same measures. Those that are undefined (NaN) are left out.
        title: above the plot.
        majority: measure -> its value if the largest class is always predicted, drawn as a dotted line.
    """
    measures = [name for name, one in next(iter(groups.values())).items() if not np.isnan(one.value)]
    figure, ax = style.new_figure(size=(8.0, 0.62 * len(measures) + 1.5))
    places, words = np.arange(len(measures)), []
    for number, (label, group) in enumerate(groups.items()):
        marker, _, colour = GROUP_LOOKS[number]
        levels, shown = places + 0.24 * (number - (len(groups) - 1) / 2), [group[name] for name in measures]
        ax.plot([one.value for one in shown], levels, marker, color=colour, label=label)
        ax.plot([[one.low for one in shown], [one.high for one in shown]], [levels] * 2, "|-", color=colour)
        words.append(f"{label}: {style.listed([f'{name} {group[name]}' for name in measures])}")
    for place, value in ((measures.index(name), value) for name, value in (majority or {}).items()):
        ax.vlines(value, place - 0.4, place + 0.4, "black", "dotted", label="always the largest class")
        words.append(f"always the largest class: {measures[place]} {value:.2f}")
    ax.set_yticks(places, [textwrap.fill(name, 30) for name in measures])
    ax.set_ylim(len(measures) - 0.5, -0.5)
    style.name_axes(ax, "score", "measure", title, grid="x")
    style.legend_below(figure)
    return figure.described(f"{title}: {'; '.join(words)}.")
