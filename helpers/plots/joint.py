"""Figures of one network for both tasks: the optional notebook on it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from helpers.config.language import N_, _, grouped
from helpers.plots import style
from helpers.plots.segmentation import SLICE
from helpers.plots.style import CourseFigure
from helpers.reference import CLASS_NAMES

NAMES = N_("true"), N_("head")  # in titles that figures get from the notebook


@style.course_style
def class_maps(
    images: np.ndarray, targets: np.ndarray, pixels: np.ndarray, titles: Sequence[str]
) -> CourseFigure:
    """Show the likeliest class of each pixel over the slices, with the true outlines.

    Args:
        images: (n, H, W) uint8.
        targets: (n, H, W), 0 background, 1 to 3 the true tumour.
        pixels: (n, H, W, 4) probabilities, background first.
        titles: n, one per slice.
    """
    figure, axes = style.image_grid(1, len(images), side=3.2, title_lines=2)
    colours = ListedColormap([style.CLASS_COLOURS[name] for name in CLASS_NAMES.values()])
    words = []
    for ax, image, target, found, title in zip(
        axes[0], images, targets, pixels.argmax(axis=-1), titles, strict=True
    ):
        title = style.translated(title)
        style.show_image(ax, image, title, **SLICE)
        shown = np.ma.masked_equal(found, 0)
        ax.imshow(shown, cmap=colours, vmin=1, vmax=3, alpha=0.6, interpolation="nearest")
        style.outline(ax, target > 0, "white", "-")
        parts = [
            f"{grouped(int(np.count_nonzero(found == label)))} {_(name)}"
            for label, name in CLASS_NAMES.items()
            if (found == label).any()
        ]
        said = _("{title}: {classes} pixels") if parts else _("{title}: no pixels")
        words.append(said.format(title=" ".join(title.split()), classes=_(" and ").join(parts)))
    named = [Patch(facecolor=style.CLASS_COLOURS[name], label=_(name)) for name in CLASS_NAMES.values()]
    named.append(Patch(facecolor="grey", edgecolor="white", linewidth=1.6, label=_("true outline")))
    figure.legend(handles=named, loc="outside lower center", ncols=4)
    said = _(
        "{count} slices; the true outline in white, the predicted class of each pixel as a colour. {slices}."
    )
    return figure.described(said.format(count=len(images), slices="; ".join(words)))
