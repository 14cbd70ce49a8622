"""Figures of how certain a score is, and what it hides: notebook 02."""

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike

from helpers.config.language import N_, _, grouped
from helpers.evaluation import calibration
from helpers.evaluation.bootstrap import ConfidenceInterval
from helpers.evaluation.overlap import QUARTERS, area_quartiles
from helpers.plots import style
from helpers.plots.style import CourseFigure

GROUP_LOOKS = style.LOOKS[:3]
# What figures get from notebooks, scores and tables, and show in the student's language.
NAMES = (
    N_("smallest"), N_("second"), N_("third"), N_("largest"), N_("by slice"), N_("by family"),
    N_("accuracy"), N_("macro F1"), N_("recall of meningioma"), N_("recall of glioma"),
    N_("recall of pituitary"), N_("report, test"), N_("report, validation"),
    N_("tumour Dice at threshold 0.5, mean over slices"), N_("tumour Dice at threshold 0.5, pixels pooled"),
    N_("tumour IoU at threshold 0.5, mean over slices"), N_("tumour IoU at threshold 0.5, pixels pooled"),
    N_("no tumour anywhere"), N_("the network"), N_("the true mask, at probability 0.99"),
    N_("centre of the head"), N_("share, meningioma"), N_("share, glioma"), N_("share, pituitary"),
    N_("hit rate, meningioma"), N_("hit rate, glioma"), N_("hit rate, pituitary"),
    N_("Area under the ROC curve, with 95% intervals"), N_("Each slice tested once, with 95% intervals"),
    N_("each tested once"), N_("with 95% intervals"),
    N_("Heat inside the tumour"), N_("95% intervals over families"), N_("ten statistics"),
    N_("U-Net, largest probability"), N_("tumour or healthy (N.3)"),
    N_("tumour or healthy from elsewhere"), N_("healthy (N.3) or healthy from elsewhere"),
)  # fmt: skip
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
    above.plot([0, 1], [0, 1], color="black", linestyle="--", linewidth=1.2, label=_("perfect calibration"))
    above.vlines(confidence, confidence, accuracy, color=style.ORANGE, linewidth=4, alpha=0.6, label=_("gap"))
    above.plot(confidence, accuracy, color=style.BLUE, linewidth=1)
    above.scatter(confidence, accuracy, style.marker_areas(filled["slices"]), color=style.BLUE, zorder=3,
                  label=_("bin (larger: more slices)"))  # fmt: skip
    above.set(xlim=(0, 1.03), ylim=(-0.05, 1.05))
    title = _("{slices}, expected calibration error {error:.3f}").format(slices=slices, error=error)
    style.name_axes(above, "", _("accuracy"), title, grid="both")
    below.bar(table["low"], table["slices"], table["high"] - table["low"], align="edge", color=style.SKY,
              edgecolor="white")  # fmt: skip
    style.count_axis(below.yaxis)
    style.name_axes(below, _("confidence"), _("slices"), "", grid="y")
    style.legend_below(figure)
    said = _("confidence {confidence:.2f}, accuracy {accuracy:.2f} (n = {count})")
    words = [
        said.format(confidence=one.confidence, accuracy=one.accuracy, count=grouped(one.slices))
        for one in filled.itertuples()
    ]
    said = _("Reliability diagram of {slices}, expected calibration error {error:.3f}: {bins}.")
    return figure.described(said.format(slices=slices, error=error, bins="; ".join(words)))


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
    ax.plot("threshold", "coverage", data=table, color=style.ORANGE, linestyle="--",
            label=_("slices answered"))  # fmt: skip
    ax.plot("threshold", "accuracy", data=answered, color=style.BLUE,
            label=_("accuracy on those (larger dots: more slices)"))  # fmt: skip
    ax.scatter(marked["threshold"], marked["accuracy"], style.marker_areas(marked["slices"]), style.BLUE)
    ax.set(xlim=(0.3, 1.01), ylim=(0, 1.05))  # of three classes, one has at least 1/3
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    name = _("answered if the confidence is at least")
    style.name_axes(ax, name, _("share of the slices"), slices, grid="both")
    style.legend_below(figure)
    said = _("from {threshold:g} on {share:.0f}% are answered, {right:.1f}% of them correctly")
    words = [
        said.format(threshold=one.threshold, share=100 * one.coverage, right=100 * one.accuracy)
        for one in answered[answered["threshold"].isin((0, 0.5, 0.7, 0.9))].itertuples()
    ]
    said = _("Answers by confidence, {slices}: {thresholds}.")
    return figure.described(said.format(slices=slices, thresholds="; ".join(words)))


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
    entries = {_("one slice"): Line2D([], [], marker="o", linestyle="", markersize=5, **dot)}
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
            entries |= {_("median"): Line2D([], [], color="black"), _("mean"): mean}
        name = _(QUARTERS[quarter])
        labels.append(f"{name}\n{areas}\nn = {grouped(len(group))}")
        said = _("{quarter} ({areas}) mean {mean:.2f}, median {median:.2f}")
        words.append(said.format(quarter=name, areas=areas, mean=dice.mean(), median=dice.median()))
    ax.set_xticks(range(len(labels)), labels)
    ax.set(xlim=(-0.6, len(labels) - 0.4), ylim=(-0.03, 1.03))
    title = style.counted(len(table), "slice")
    name = _("quarter of the slices, by area of the true tumour")
    style.name_axes(ax, name, _("Dice of the slice"), title, grid="y")
    style.legend_below(figure, entries)
    said = _("Dice of {slices} by area of the tumour: {quarters}.")
    return figure.described(said.format(slices=title, quarters="; ".join(words)))


@style.course_style
def intervals(
    groups: Mapping[str, Mapping[str, ConfidenceInterval]],
    title: str = N_("Scores with 95% intervals"),
    majority: Mapping[str, float] | None = None,
) -> CourseFigure:
    """Show scores with their intervals: one line per measure, one dot with whiskers per group.

    Args:
        groups: label -> measure -> interval, e.g. `{"by slice": ..., "by family": ...}`; at most
            three, with the same measures. Those that are undefined (NaN) are left out.
        title: above the plot.
        majority: measure -> its value if the largest class is always predicted, drawn as a dotted line.
    """
    title = style.translated(title)
    measures = [name for name, one in next(iter(groups.values())).items() if not np.isnan(one.value)]
    figure, ax = style.new_figure(size=(8.0, 0.62 * len(measures) + 1.5))
    places, words = np.arange(len(measures)), []
    for number, (label, group) in enumerate(groups.items()):
        (marker, _line, colour), label = GROUP_LOOKS[number], _(label)
        levels, shown = places + 0.24 * (number - (len(groups) - 1) / 2), [group[name] for name in measures]
        ax.plot([one.value for one in shown], levels, marker, color=colour, label=label)
        ax.plot([[one.low for one in shown], [one.high for one in shown]], [levels] * 2, "|-", color=colour)
        words.append(f"{label}: {style.listed([f'{_(name)} {group[name]}' for name in measures])}")
    for place, value in ((measures.index(name), value) for name, value in (majority or {}).items()):
        ax.vlines(value, place - 0.4, place + 0.4, "black", "dotted", label=_("always the largest class"))
        words.append(f"{_('always the largest class')}: {_(measures[place])} {value:.2f}")
    ax.set_yticks(places, [textwrap.fill(_(name), 30) for name in measures])
    ax.set_ylim(len(measures) - 0.5, -0.5)
    style.name_axes(ax, _("score"), _("measure"), title, grid="x")
    style.legend_below(figure)
    return figure.described(f"{title}: {'; '.join(words)}.")
