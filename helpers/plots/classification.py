"""Figures of training and of the classifier's results: notebook 02."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from helpers.config.language import N_, _, grouped
from helpers.plots import style
from helpers.plots.style import CourseFigure
from helpers.reference import CLASS_NAMES

# Names of maps, and words in titles, that figures get from notebook beyond/grad_cam.
MAP_NAMES = (
    N_("occlusion"), N_("trained"), N_("dense layer"), N_("+ convolution 4"), N_("+ convolution 3"),
    N_("+ convolution 2"), N_("answer"),
)  # fmt: skip
PANEL_NAMES = {
    "accuracy": N_("accuracy"), "loss": N_("loss"), "tumour_iou": N_("tumour IoU"),
    "report_iou": N_("IoU as in the report"),
}  # fmt: skip
CURVES: dict[str, dict[str, Any]] = {
    N_("training"): {"color": style.BLUE, "linestyle": "-", "marker": "o"},
    N_("validation"): {"color": style.VERMILLION, "linestyle": "--", "marker": "s"},
}


@style.course_style
def learning_curves(
    history: pd.DataFrame, panels: Sequence[str], expected: Mapping[str, Mapping[str, float]] | None = None
) -> CourseFigure:
    """Figura 2 and Figura 7: measures per epoch, in training and in validation.

    Args:
        history: one row per epoch, index 1, 2, ...; one column per measure, those of the
            validation with the prefix `val_`.
        panels: names of measures, one chart each.
        expected: measure -> {label: value} to draw as lines, e.g. the report's.
    """
    if history.empty:
        return style.sentence_figure(_("No epoch was finished."))
    columns = 2 if len(panels) == 4 else len(panels)
    rows = len(panels) // columns
    figure, axes = style.new_figure(rows, columns, (4.8 * columns, 3.6 * rows + 0.4), squeeze=False)
    words = [
        _learning_curve(ax, history, panel, (expected or {}).get(panel, {}))
        for ax, panel in zip(axes.flat, panels, strict=True)
    ]
    style.legend_below(figure)
    said = _("After {epochs}: {measures}.")
    return figure.described(
        said.format(epochs=style.counted(len(history), "epoch"), measures="; ".join(words))
    )


def _learning_curve(ax: Axes, history: pd.DataFrame, panel: str, expected: Mapping[str, float]) -> str:
    """Draw one measure and return its last values in words."""
    name, last = _(PANEL_NAMES.get(panel, panel.replace("_", " "))), []
    for (label, look), column in zip(CURVES.items(), (panel, f"val_{panel}"), strict=True):
        ax.plot(history.index, history[column], label=_(label), markersize=4, **look)
        value = history[column].iloc[-1]
        last.append(f"{_(label)} {'–' if np.isnan(value) else format(value, '.4g')}")
    title = _("epoch {number}: {values}").format(number=history.index[-1], values=", ".join(last))
    style.name_axes(ax, _("epoch"), name, title, grid="y")
    for label, value in expected.items():
        label = _(label)
        ax.axhline(value, color="black", linestyle=":", linewidth=1.1, label=label)
        ax.text(1.01, value, f"{value:g}", va="center", fontsize=9, transform=ax.get_yaxis_transform())
        last.append(f"{label} {value:g}")
    ax.set_xlim(history.index.min() - 0.5, history.index.max() + 0.5)
    style.count_axis(ax.xaxis)
    ax.margins(y=0.1)
    if panel.endswith("iou"):  # a change in the fourth digit is not progress and should not look like it
        ax.set_ylim(0, 1)
    return f"{name}: {', '.join(last)}"


@style.course_style
def compare_losses(histories: Mapping[str, Mapping[str, Sequence[float]]]) -> CourseFigure:
    """Show the training and validation loss of several trainings, one chart each.

    Args:
        histories: title -> history, as in `fit(...).history`, with `loss` and `val_loss`.
    """
    figure, axes = style.new_figure(1, len(histories), (4.0 * len(histories), 3.8), squeeze=False)
    words = []
    for ax, (title, history) in zip(axes[0], histories.items(), strict=True):
        for (label, look), column in zip(CURVES.items(), ("loss", "val_loss"), strict=True):
            ax.plot(range(1, len(history[column]) + 1), history[column], label=_(label), markersize=3, **look)
        style.name_axes(ax, _("epoch"), _("loss"), title, grid="y")
        style.count_axis(ax.xaxis)
        losses = [style.span(history[column][0], history[column][-1]) for column in ("loss", "val_loss")]
        said = _("{title}: training loss from {training}, validation loss from {validation}")
        words.append(said.format(title=title, training=losses[0], validation=losses[1]))
    style.legend_below(figure)
    said = _("Loss per epoch of {count} trainings. {trainings}.")
    return figure.described(said.format(count=len(histories), trainings="; ".join(words)))


@style.course_style
def confusion_matrix(truth: ArrayLike, predicted: ArrayLike) -> CourseFigure:
    """Figura 3: how many slices of each true class (row) were predicted as each class.

    Args:
        truth, predicted: (N,) labels 1, 2, 3.
    """
    names, labels = list(map(_, CLASS_NAMES.values())), list(CLASS_NAMES)
    counts = pd.crosstab(np.asarray(truth), np.asarray(predicted))
    counts = counts.reindex(index=labels, columns=labels, fill_value=0).to_numpy()
    support = counts.sum(axis=1)
    percent = 100 * counts / np.maximum(support, 1)[:, None]
    texts = [f"{grouped(count)}\n{part:.0f}%" for count, part in zip(counts.flat, percent.flat, strict=True)]
    figure, ax = style.new_figure(size=(6.0, 4.5))
    rows = [f"{name}\n(n = {grouped(n)})" for name, n in zip(names, support, strict=True)]
    sns.heatmap(percent, vmin=0, vmax=100, cmap="Blues", annot=np.reshape(texts, (3, 3)), fmt="", square=True,
                xticklabels=names, yticklabels=rows, ax=ax,
                cbar_kws={"label": _("% of the true class"), "shrink": 0.8})  # fmt: skip
    ax.tick_params(length=0, rotation=0)
    right, total = np.trace(counts), counts.sum()
    title = _("{right} of {total} slices right ({percent:.1f}%)").format(
        right=grouped(right), total=grouped(total), percent=100 * right / total
    )
    style.name_axes(ax, _("predicted class"), _("true class"), title)
    said = _("{name} {right} of {total}")
    words = [
        said.format(name=name, right=grouped(counts[i, i]), total=grouped(support[i]))
        for i, name in enumerate(names)
    ]
    said = _("Confusion matrix of {total} slices, {right} of them right: {classes}.")
    return figure.described(
        said.format(total=grouped(total), right=grouped(right), classes=style.listed(words))
    )


@style.course_style
def misclassified_slices(images: np.ndarray, masks: np.ndarray, errors: pd.DataFrame) -> CourseFigure:
    """Figura 4: the first five slices whose predicted class is wrong; a sentence if there are none.

    Args:
        images: (n, H, W) uint8, in the order of `errors`.
        masks: (n, H, W) uint8, 1 on the tumour, which is outlined.
        errors: from `tables.misclassified`.
    """
    if errors.empty:
        return style.sentence_figure(_("No slice was misclassified."))
    shown = errors.head(5)
    figure, axes = style.image_grid(1, len(shown), side=2.6, title_lines=3)
    words = []
    for ax, image, mask, one in zip(axes[0], images, masks, shown.to_dict("records"), strict=False):
        true, predicted = (_(name) for name in (one["true"], one["predicted"]))
        predicted = f"{predicted} ({one['confidence']:.2f})"
        style.show_image(ax, image, vmin=0, vmax=255)
        style.outline(ax, mask, style.ORANGE, "solid", 1)
        names = {"number": one["slice"], "true": true, "predicted": predicted}
        ax.set_title(_("slice {number}\ntrue {true}\npredicted {predicted}").format(**names), fontsize=8.5)
        words.append(_("slice {number}, {true} taken for {predicted}").format(**names))
    said = _("{count} of {total} misclassified slices, the tumour outlined: {slices}.")
    return figure.described(
        said.format(count=len(shown), total=grouped(len(errors)), slices="; ".join(words))
    )


@style.course_style
def nearest_slices(
    tested: np.ndarray, nearest: np.ndarray, table: pd.DataFrame, found: pd.DataFrame
) -> CourseFigure:
    """Show test slices with the training slices closest to them below.

    Args:
        tested, nearest: (n, H, W) uint8.
        table, found: their n rows of the data set's table.
    """
    figure, axes = style.image_grid(2, len(tested), side=2.5, title_lines=2)
    words = []
    pairs = zip(table.to_dict("records"), found.to_dict("records"), strict=True)
    for (above, below), image, other, (one, two) in zip(axes.T, tested, nearest, pairs, strict=True):
        who = _("the same patient") if one["patient"] == two["patient"] else _("another patient")
        first, second = (_(name) for name in (one["class_name"], two["class_name"]))
        names = {"class_name": first, "other_class": second, "patient": who}
        names |= {"number": one["number"], "other": two["number"]}
        style.show_image(above, image, vmin=0, vmax=255)
        style.show_image(below, other, vmin=0, vmax=255)
        above.set_title(_("test: slice {number}\n{class_name}").format(**names), fontsize=9)
        below.set_title(_("nearest: slice {other}\n{other_class}, {patient}").format(**names), fontsize=9)
        words.append(_("slice {number} ({class_name}) and slice {other} of {patient}").format(**names))
    said = _("Test slices above, their nearest training slices below: {pairs}.")
    return figure.described(said.format(pairs="; ".join(words)))


@style.course_style
def heat_maps(
    images: np.ndarray, masks: np.ndarray, heats: Mapping[str, np.ndarray], titles: Sequence[str]
) -> CourseFigure:
    """Show heat maps over their slices, the tumour outlined: one row per slice, one column per map.

    Each map is scaled to its own maximum; a map without heat says so.

    Args:
        images: (n, H, W) uint8.
        masks: (n, H, W) bool, the tumour.
        heats: name -> (n, H, W) float, 0 or more.
        titles: n, one per slice.
    """
    figure, axes = style.image_grid(len(images), 1 + len(heats), side=2.3, title_lines=2)
    words = []
    for number, (row, image, mask, title) in enumerate(zip(axes, images, masks, titles, strict=True)):
        title = style.translated(title)
        style.show_image(row[0], image, title, vmin=0, vmax=255)
        style.outline(row[0], mask, style.SKY, "solid", 1.2)
        inside = []
        for ax, (name, maps) in zip(row[1:], heats.items(), strict=True):
            heat, total = maps[number], maps[number].sum()
            percent = 100 * heat[mask].sum() / (total or 1)
            said = _("{percent:.0f}% inside").format(percent=percent) if total else _("no heat")
            style.show_image(ax, image, f"{_(name)}\n{said}", vmin=0, vmax=255)
            scaled = heat / (heat.max() or 1)
            ax.imshow(scaled, cmap="inferno", vmin=0, vmax=1, alpha=0.75 * np.sqrt(scaled))
            style.outline(ax, mask, style.SKY, "solid", 1.2)
            inside.append(f"{_(name)} {said}")
        words.append(f"{title.replace(chr(10), ', ')}: {', '.join(inside)}")
    said = _("{slices} with the tumour outlined and heat maps: {maps}.")
    return figure.described(said.format(slices=style.counted(len(images), "slice"), maps="; ".join(words)))
