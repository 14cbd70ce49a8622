"""Figures of a search for hyper-parameters: the optional notebook on it."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from helpers.config.language import N_, _, grouped
from helpers.plots import style
from helpers.plots.style import CourseFigure

SCORE = N_("validation accuracy")
NAMES = N_("random"), N_("grid"), N_("genetic")  # of the searches, which figures get from the notebook


@style.course_style
def best_so_far(
    searches: Mapping[str, Sequence[float]], expected: Sequence[float] | None = None
) -> CourseFigure:
    """Show the best score that each search has found after each of its trials.

    Args:
        searches: name -> scores of its trials, in order; at most four.
        expected: (n,) the expected best of 1, 2, ..., n random trials.
    """
    figure, ax = style.new_figure(size=(7.6, 4.2))
    words = []
    for (name, scores), (marker, line, colour) in zip(searches.items(), style.LOOKS, strict=False):
        best = np.maximum.accumulate(scores)
        ax.step(range(1, len(best) + 1), best, where="post", linestyle=line, color=colour, alpha=0.6)
        ax.scatter(range(1, len(best) + 1), scores, 22, color=colour, marker=marker, label=_(name),
                   zorder=3)  # fmt: skip
        said = _("{search} {first:.2f} after 1 trial and {last:.2f} after {count}")
        words.append(said.format(search=_(name), first=best[0], last=best[-1], count=len(best)))
    if expected is not None:
        label = _("random, expected")
        ax.plot(range(1, len(expected) + 1), expected, color="black", linewidth=1.2, label=label)
        said = _("random search is expected to reach {score:.2f} with {count}")
        words.append(said.format(score=expected[-1], count=len(expected)))
    style.count_axis(ax.xaxis)
    title = _("Each trial (mark), and the best so far (line)")
    style.name_axes(ax, _("trial"), _(SCORE), title, grid="y")
    style.legend_below(figure)
    return figure.described(
        _("Best validation accuracy so far: {searches}.").format(searches="; ".join(words))
    )


@style.course_style
def trial_curves(curves: Sequence[Sequence[float]], pruned: Sequence[bool]) -> CourseFigure:
    """Show the score of each trial after each epoch, and which trials were pruned.

    Args:
        curves: per trial the scores after its epochs 1, 2, ...
        pruned: per trial whether it was stopped early.
    """
    figure, ax = style.new_figure(size=(7.6, 4.0))
    looks = {False: (style.BLUE, "o", _("ran to its end")), True: (style.VERMILLION, "x", _("pruned"))}
    entries = {}
    for curve, stopped in zip(curves, pruned, strict=True):
        colour, marker, label = looks[bool(stopped)]
        epochs = range(1, len(curve) + 1)
        ax.plot(epochs, curve, color=colour, linewidth=1.2, alpha=0.7)
        (entries[label],) = ax.plot(epochs[-1], curve[-1], marker, color=colour, zorder=3)
    style.count_axis(ax.xaxis)
    count, stops = style.counted(len(pruned), "trial"), sum(pruned)
    title = _("{trials}, {stops} of them pruned").format(trials=count, stops=stops)
    style.name_axes(ax, _("epoch"), _(SCORE), title, grid="y")
    style.legend_below(figure, entries)
    said = _("{epochs} to {score:.2f}")
    words = [said.format(epochs=style.counted(len(curve), "epoch"), score=curve[-1]) for curve in curves[:12]]
    said = _("{trials}, {stops} pruned; validation accuracy by epoch: {curves}.")
    return figure.described(said.format(trials=count, stops=stops, curves="; ".join(words)))


@style.course_style
def parameter_importance(importances: pd.DataFrame) -> CourseFigure:
    """Show how much of the variance of the scores each hyper-parameter explains.

    Args:
        importances: one row per resample of the trials, one column per hyper-parameter.
    """
    middle = importances.median().sort_values()
    low, high = (importances[middle.index].quantile(share) for share in (0.025, 0.975))
    figure, ax = style.new_figure(size=(7.2, 0.45 * len(middle) + 1.3))
    ax.barh(middle.index, middle, color=style.SKY)
    ax.hlines(middle.index, low, high, color="black", linewidth=1.4)
    ax.set(xlim=(0, 1))
    said = _("Median and 95% range over {resamples} of the trials")
    title = said.format(resamples=style.counted(len(importances), "resample"))
    style.name_axes(ax, _("share of the variance explained"), _("hyper-parameter"), title, grid="x")
    said = _("{name} {median:.2f} ({low:.2f} to {high:.2f})")
    words = [
        said.format(name=name, median=middle[name], low=low[name], high=high[name])
        for name in middle.index[::-1]
    ]
    said = _("Importance of the hyper-parameters: {shares}.")
    return figure.described(said.format(shares="; ".join(words)))


@style.course_style
def parallel_coordinates(
    trials: pd.DataFrame, scores: ArrayLike, logarithmic: Sequence[str] = ()
) -> CourseFigure:
    """Show each trial as a line through its hyper-parameters, coloured by its score; the best one is bold.

    Args:
        trials: one row per trial, one column of numbers per hyper-parameter.
        scores: (n,) of the trials.
        logarithmic: columns with a logarithmic axis.
    """
    scores = np.asarray(scores, float)
    figure, ax = style.new_figure(size=(9.2, 4.4))
    norm, colours = Normalize(scores.min(), scores.max()), mpl.colormaps["viridis"]
    scaled = pd.DataFrame({name: _scaled(trials[name], name in logarithmic) for name in trials})
    best = int(scores.argmax())
    for row in np.argsort(scores):
        width = 3.2 if row == best else 1.1
        ax.plot(range(trials.shape[1]), scaled.iloc[row], color=colours(norm(scores[row])), linewidth=width)
    for place, name in enumerate(trials):
        ax.axvline(place, color=style.GREY, linewidth=0.8)
        for end, level in ((trials[name].min(), -0.06), (trials[name].max(), 1.06)):
            ax.text(place, level, f"{end:.3g}", ha="center", va="center")
    ax.set_xticks(
        range(trials.shape[1]), [f"{name} (log)" if name in logarithmic else name for name in trials]
    )  # names of arguments, which aren't translated
    ax.set(ylim=(-0.12, 1.12), yticks=[])
    count = style.counted(len(trials), "trial")
    style.name_axes(ax, _("hyper-parameter"), _("smallest to largest value"), count)
    figure.colorbar(ScalarMappable(norm, colours), ax=ax, label=_(SCORE))
    style.legend_below(figure, {_("the best trial"): Line2D([], [], color=colours(1.0), linewidth=3.2)})
    found = ", ".join(f"{name} {trials[name].iloc[best]:.3g}" for name in trials)
    said = _(
        "{trials} through {count} hyper-parameters, validation accuracy {low:.2f} to {high:.2f}. The best "
        "one: {values}."
    )
    return figure.described(
        said.format(
            trials=count, count=len(trials.columns), low=scores.min(), high=scores.max(), values=found
        )
    )


@style.course_style
def best_of_n(table: pd.DataFrame) -> CourseFigure:
    """Show what the best of n trials scores on the families that chose it, and on others.

    Args:
        table: index: number of trials; columns `chosen`, `all` and `unseen`: mean scores on the families
            that chose, on all, and on those that took no part in the choice.
    """
    labels = {
        "chosen": _("families that chose it"), "all": _("all families"), "unseen": _("families that didn't"),
    }  # fmt: skip
    figure, ax = style.new_figure(size=(7.2, 4.0))
    for (name, label), (marker, line, colour) in zip(labels.items(), style.LOOKS, strict=False):
        ax.plot(table.index, table[name], line, marker=marker, color=colour, label=label)
    ax.set_xscale("log", base=2)
    ax.set_xticks(table.index, [grouped(count) for count in table.index])
    ax.minorticks_off()
    title = _("What the best of n trials is worth")
    style.name_axes(ax, _("trials to choose from"), _("accuracy of the best one"), title, grid="y")
    style.legend_below(figure)
    said = _("of {count} {chosen:.3f}, {all:.3f} and {unseen:.3f}")
    words = [
        said.format(count=count, chosen=row.chosen, all=row.all, unseen=row.unseen)
        for count, row in zip(table.index, table.itertuples(), strict=True)
    ]
    said = _(
        "Mean accuracy of the best trial on the families that chose it, on all, and on those that didn't: "
        "{counts}."
    )
    return figure.described(said.format(counts="; ".join(words)))


def _scaled(values: pd.Series, logarithmic: bool) -> np.ndarray:
    """Values -> 0..1; 0.5 if all are equal."""
    numbers = np.log(values.to_numpy(float)) if logarithmic else values.to_numpy(float)
    spread = np.ptp(numbers)
    return (numbers - numbers.min()) / spread if spread else np.full(len(numbers), 0.5)
