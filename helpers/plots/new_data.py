"""Figures of networks on other data than they were trained on: notebook beyond/new_data."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike

from helpers.config.language import N_, _, grouped
from helpers.evaluation.bootstrap import ConfidenceInterval
from helpers.plots import style
from helpers.plots.style import CourseFigure

LOOKS = style.LOOKS[:2]  # of two scores
# What figures get from the notebook, and show in the student's language.
NAMES = (
    N_("as it is"), N_("noise"), N_("blur"), N_("bias field"), N_("contrast"), N_("resolution"),
    N_("rotation"), N_("standard deviation, grey values"), N_("standard deviation, px"), N_("strength"),
    N_("gamma"), N_("px of the original per px"), N_("degrees"), N_("accuracy"),
    N_("largest tumour probability of a pixel"), N_("largest probability"), N_("area"),
    N_("with a tumour"), N_("without a tumour"), N_("no tumour, as in N.3"),
    N_("no tumour, from elsewhere"), N_("known"), N_("row"),
)  # fmt: skip


@style.course_style
def slices(images: np.ndarray, titles: Sequence[str], columns: int = 4) -> CourseFigure:
    """Show slices in a grid.

    Args:
        images: (N, H, H) uint8, shown from 0 to 255.
        titles: one for each.
        columns: of the grid.
    """
    rows = -(-len(images) // columns)
    figure, axes = style.image_grid(rows, columns, 2.4)
    titles = [style.translated(title) for title in titles]
    for ax, image, title in zip(axes.flat, images, titles, strict=False):
        style.show_image(ax, image, title, cmap="gray", vmin=0, vmax=255)
    said = _("{slices} side by side, in this order: {titles}.")
    return figure.described(said.format(slices=style.counted(len(images), "slice"), titles=", ".join(titles)))


@style.course_style
def stress(table: pd.DataFrame) -> CourseFigure:
    """Show scores against the strength of each change, with their intervals; one panel per change.

    Args:
        table: one row per change and strength, in the order to be shown: change, unit, strength, and
            for at most two scores a column of `ConfidenceInterval`, named after the score.
    """
    scores = [name for name in table.columns if name not in ("change", "unit", "strength")]
    groups = list(table.groupby("change", sort=False))
    columns = min(3, len(groups))
    rows = -(-len(groups) // columns)
    figure, axes = style.new_figure(rows, columns, (9.6, 2.6 * rows + 0.5), squeeze=False, sharey=True)
    words, said = [], _("{change}, {score} from {first:.2f} to {last:.2f}")
    for ax, (change, group) in zip(axes.flat, groups, strict=False):
        for name, (marker, line, colour) in zip(scores, LOOKS, strict=False):
            low, value, high = _bounds(group[name])
            ax.fill_between(group["strength"], low, high, color=colour, alpha=0.15, linewidth=0)
            ax.plot(group["strength"], value, marker + line, color=colour, label=_(name))
            words.append(said.format(change=_(change), score=_(name), first=value[0], last=value[-1]))
        ax.set(ylim=(-0.03, 1.03), xticks=group["strength"])
        unit, score = group["unit"].iloc[0], _("score") if ax in axes[:, 0] else ""
        style.name_axes(ax, _(unit), score, _(change), grid="y")
    for ax in axes.flat[len(groups) :]:
        ax.set_axis_off()
    style.legend_below(figure)
    said = _("Scores without and with the strongest change: {changes}.")
    return figure.described(said.format(changes="; ".join(words)))


@style.course_style
def alarms(positive: ArrayLike, scores: ArrayLike, name: str) -> CourseFigure:
    """Show how many slices with and without a tumour reach each threshold of a score.

    Args:
        positive: (N,) whether the slice has a tumour.
        scores: (N,) higher means rather a tumour.
        name: of the score, with its unit.
    """
    positive, scores = np.asarray(positive, bool), np.asarray(scores, float)
    thresholds = np.unique(scores)
    middle = np.median(thresholds)
    figure, ax = style.new_figure(size=(7.2, 4.0))
    words = []
    for kind, label, colour, line in (
        (positive, _("with a tumour: found"), style.BLUE, "-"),
        (~positive, _("without a tumour: false alarms"), style.VERMILLION, "--"),
    ):
        shares = (scores[kind] >= thresholds[:, np.newaxis]).mean(axis=1)
        ax.step(thresholds, shares, line, color=colour, label=f"{label} (n = {grouped(kind.sum())})")
        words.append(_percent(label, float(np.mean(scores[kind] >= middle))))
    ax.set_ylim(-0.03, 1.03)
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    threshold = _("threshold: {score}").format(score=_(name))
    style.name_axes(ax, threshold, _("share of the slices"), _("Slices at or above a threshold"), "both")
    style.legend_below(figure)
    said = _("Share of the slices at or above {threshold:.3g} ({score}): {shares}.")
    return figure.described(said.format(threshold=middle, score=_(name), shares="; ".join(words)))


@style.course_style
def roc_curves(
    positive: ArrayLike, scores: Mapping[str, ArrayLike], areas: Mapping[str, ConfidenceInterval]
) -> CourseFigure:
    """Show ROC curves of at most two scores.

    Args:
        positive: (N,) whether the slice has a tumour.
        scores: name -> (N,) higher means rather a tumour.
        areas: name -> the area under its curve.
    """
    from sklearn.metrics import roc_curve  # here: it takes a second to load

    figure, ax = style.new_figure(size=(5.4, 5.4))
    ax.plot([0, 1], [0, 1], ":", color="black", linewidth=1.2, label=_("chance"))
    for (name, values), (_marker, line, colour) in zip(scores.items(), LOOKS, strict=False):
        false_alarms, found, _thresholds = roc_curve(positive, values)
        ax.plot(false_alarms, found, line, color=colour, label=f"{_(name)}, AUC {areas[name]:.2f}")
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    style.name_axes(ax, _("false alarms: share of slices without a tumour"),
                    _("found: share of slices with one"), _("Is there a tumour at all?"),
                    grid="both")  # fmt: skip
    style.legend_below(figure, columns=1)
    words = [f"{_(name)} {areas[name]:.2f}" for name in scores]
    said = _("ROC curves. Area under the curve: {areas}.")
    return figure.described(said.format(areas="; ".join(words)))


@style.course_style
def confident_answers(groups: Mapping[str, ArrayLike]) -> CourseFigure:
    """Show the share of the slices that a classifier answers, if it does from a confidence on.

    Args:
        groups: name -> (N,) confidence of each slice, 0..1; at most two.
    """
    thresholds = np.linspace(0.3, 1, 141)
    figure, ax = style.new_figure(size=(7.2, 4.0))
    words = []
    for (name, confidence), (_marker, line, colour) in zip(groups.items(), LOOKS, strict=False):
        confidence = np.asarray(confidence)
        shares = (confidence >= thresholds[:, np.newaxis]).mean(axis=1)
        ax.plot(thresholds, shares, line, color=colour, label=f"{_(name)} (n = {grouped(len(confidence))})")
        words.append(_percent(_(name), float(np.mean(confidence >= 0.9))))
    ax.set(xlim=(0.3, 1.01), ylim=(-0.03, 1.03))
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    style.name_axes(ax, _("answered if the confidence is at least"), _("share of the slices"),
                    _("Slices that the classifier answers"), grid="both")  # fmt: skip
    style.legend_below(figure)
    said = _("Slices that the classifier answers with a confidence of at least 0.9: {shares}.")
    return figure.described(said.format(shares="; ".join(words)))


def _percent(name: str, share: float) -> str:
    return _("{name} {percent:.0f}%").format(name=name, percent=100 * share)


def _bounds(intervals: pd.Series) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return tuple(np.array([getattr(one, part) for one in intervals]) for part in ("low", "value", "high"))  # type: ignore[return-value]
