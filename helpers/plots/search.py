"""Figures of a search for hyper-parameters: the optional notebook on it."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from helpers.plots import style
from helpers.plots.style import CourseFigure

SCORE = "validation accuracy"


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
        ax.scatter(range(1, len(best) + 1), scores, 22, color=colour, marker=marker, label=name, zorder=3)
        words.append(f"{name} {best[0]:.2f} after 1 trial and {best[-1]:.2f} after {len(best)}")
    if expected is not None:
        ax.plot(range(1, len(expected) + 1), expected, color="black", linewidth=1.2, label="random, expected")
        words.append(f"random search is expected to reach {expected[-1]:.2f} with {len(expected)}")
    style.count_axis(ax.xaxis)
    style.name_axes(ax, "trial", SCORE, "Each trial (mark), and the best so far (line)", grid="y")
    style.legend_below(figure)
    return figure.described(f"Best {SCORE} so far: {'; '.join(words)}.")


@style.course_style
def trial_curves(curves: Sequence[Sequence[float]], pruned: Sequence[bool]) -> CourseFigure:
    """Show the score of each trial after each epoch, and which trials were pruned.

    Args:
        curves: per trial the scores after its epochs 1, 2, ...
        pruned: per trial whether it was stopped early.
    """
    figure, ax = style.new_figure(size=(7.6, 4.0))
    looks = {False: (style.BLUE, "o", "ran to its end"), True: (style.VERMILLION, "x", "pruned")}
    entries = {}
    for curve, stopped in zip(curves, pruned, strict=True):
        colour, marker, label = looks[bool(stopped)]
        epochs = range(1, len(curve) + 1)
        ax.plot(epochs, curve, color=colour, linewidth=1.2, alpha=0.7)
        (entries[label],) = ax.plot(epochs[-1], curve[-1], marker, color=colour, zorder=3)
    style.count_axis(ax.xaxis)
    count, stops = style.counted(len(pruned), "trial"), sum(pruned)
    style.name_axes(ax, "epoch", SCORE, f"{count}, {stops} of them pruned", grid="y")
    style.legend_below(figure, entries)
    words = [f"{style.counted(len(curve), 'epoch')} to {curve[-1]:.2f}" for curve in curves[:12]]
    return figure.described(f"{count}, {stops} pruned; {SCORE} by epoch: {'; '.join(words)}.")


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
    title = f"Median and 95% range over {style.counted(len(importances), 'resample')} of the trials"
    style.name_axes(ax, "share of the variance explained", "hyper-parameter", title, grid="x")
    words = [
        f"{name} {middle[name]:.2f} ({low[name]:.2f} to {high[name]:.2f})" for name in middle.index[::-1]
    ]
    return figure.described(f"Importance of the hyper-parameters: {'; '.join(words)}.")


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
    )
    ax.set(ylim=(-0.12, 1.12), yticks=[])
    count = style.counted(len(trials), "trial")
    style.name_axes(ax, "hyper-parameter", "smallest to largest value", count)
    figure.colorbar(ScalarMappable(norm, colours), ax=ax, label=SCORE)
    style.legend_below(figure, {"the best trial": Line2D([], [], color=colours(1.0), linewidth=3.2)})
    found = ", ".join(f"{name} {trials[name].iloc[best]:.3g}" for name in trials)
    return figure.described(
        f"{count} through {len(trials.columns)} hyper-parameters, {SCORE} {scores.min():.2f} to "
        f"{scores.max():.2f}. The best one: {found}."
    )


@style.course_style
def best_of_n(table: pd.DataFrame) -> CourseFigure:
    """Show what the best of n trials scores on the families that chose it, and on others.

    Args:
        table: index: number of trials; columns `chosen`, `all` and `unseen`: mean scores on the families
            that chose, on all, and on those that took no part in the choice.
    """
    labels = {"chosen": "families that chose it", "all": "all families", "unseen": "families that didn't"}
    figure, ax = style.new_figure(size=(7.2, 4.0))
    for (name, label), (marker, line, colour) in zip(labels.items(), style.LOOKS, strict=False):
        ax.plot(table.index, table[name], line, marker=marker, color=colour, label=label)
    ax.set_xscale("log", base=2)
    ax.set_xticks(table.index, [f"{count:,}" for count in table.index])
    ax.minorticks_off()
    title = "What the best of n trials is worth"
    style.name_axes(ax, "trials to choose from", "accuracy of the best one", title, grid="y")
    style.legend_below(figure)
    words = [
        f"of {count} {row.chosen:.3f}, {row.all:.3f} and {row.unseen:.3f}"
        for count, row in zip(table.index, table.itertuples(), strict=True)
    ]
    return figure.described(
        "Mean accuracy of the best trial on the families that chose it, on all, and on those that didn't: "
        f"{'; '.join(words)}."
    )


def _scaled(values: pd.Series, logarithmic: bool) -> np.ndarray:
    """Values -> 0..1; 0.5 if all are equal."""
    numbers = np.log(values.to_numpy(float)) if logarithmic else values.to_numpy(float)
    spread = np.ptp(numbers)
    return (numbers - numbers.min()) / spread if spread else np.full(len(numbers), 0.5)
