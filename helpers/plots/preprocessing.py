"""Figures of single slices on their way into the data set: notebook 01."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from helpers.datasets.matfile import Slice
from helpers.plots import style
from helpers.plots.style import CourseFigure
from helpers.reference import CLASS_NAMES


@style.course_style
def orientation(stored: np.ndarray, upright: np.ndarray, border: np.ndarray) -> CourseFigure:
    """Show why a slice has to be transposed: the border fits the upright image.

    Args:
        stored: (W, H) int16, as h5py reads it.
        upright: (H, W) int16, its transpose.
        border: (N, 2) float, x (column) and y (row) of the outline in px, zero-based.
    """
    figure, axes = style.image_grid(1, 2, side=3.9)
    x, y = np.vstack([border, border[:1]]).T  # back to the first point
    for ax, image, title in zip(
        axes[0], (stored, upright), ("as stored in the file", "upright"), strict=True
    ):
        style.show_image(ax, image, title)
        ax.plot(x, y, color=style.ORANGE, label="tumorBorder, x = column and y = row")
    style.legend_below(figure)
    height, width = upright.shape
    return figure.described(
        f"The same slice of {width} by {height} pixels twice, with the tumour outline of {len(border)} "
        f"points around x {border[:, 0].mean():.0f}, y {border[:, 1].mean():.0f}: as stored, mirrored and "
        "rotated, so that the outline misses the tumour; and upright, where it fits."
    )


@style.course_style
def raw_slices(slices: Sequence[Slice]) -> CourseFigure:
    """Figura 1: raw slices, three in the course, with their tumour masks below."""
    figure, axes = style.image_grid(2, len(slices), title_lines=2)
    words = []
    for (above, below), one in zip(axes.T, slices, strict=True):
        intensities = f"intensities {style.span(one.image.min(), one.image.max())}"
        name, area = CLASS_NAMES[one.label], one.mask.sum()
        style.show_image(above, one.image, f"{name}\n{intensities}")
        style.show_mask(below, one.mask, f"mask: {area:,} px of tumour")
        words.append(f"{name} ({intensities}, tumour {area:,} pixels)")
    return figure.described(
        f"{len(slices)} raw slices, each with its tumour mask below: {style.listed(words)}."
    )


@style.course_style
def colour_channels(rgba: np.ndarray) -> CourseFigure:
    """Show what the four channels of a colour-mapped PNG hold, each black at 0 and white at 1.

    Args:
        rgba: (H, W, 4) float, 0..1.
    """
    figure, axes = style.image_grid(1, 4, title_lines=4)
    red, green, blue, alpha = channels = np.moveaxis(rgba, -1, 0)
    ranges = []
    for ax, name, channel in zip(axes[0], ("red", "green", "blue", "alpha"), channels, strict=True):
        values = style.span(channel.min(), channel.max())
        style.show_image(ax, channel, f"{name}\n{values}", vmin=0, vmax=1)
        ax.set_axis_on()  # the frame: a white image has no visible edge
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set(visible=True, color=style.GREY)
        ranges.append(f"{name} {values}")
    equal = np.array_equal(red, green) and np.array_equal(red, blue)
    facts = [
        "red, green and blue are equal in every pixel" if equal else "red, green and blue differ",
        f"alpha is {alpha.flat[0]:g} everywhere" if np.ptp(alpha) == 0 else "alpha varies",
    ]
    figure.suptitle("; ".join(facts))
    return figure.described(f"The four channels of one slice: {style.listed(ranges)}; {style.listed(facts)}.")


@style.course_style
def normalisation(
    images: Sequence[np.ndarray], normalised: Sequence[np.ndarray], divisor: int
) -> CourseFigure:
    """Compare slices divided by one fixed number with the same slices, each stretched to 0..255.

    Args:
        images: (H, W) int16 each, raw.
        normalised: (H, W) uint8 each, the same slices.
        divisor: the raw intensity that becomes 255 if all slices are divided by the same number.
    """
    figure, axes = style.new_figure(3, len(images), (9, 7.4), height_ratios=(2, 2, 1), sharey="row")
    words = []
    for (above, middle, below), image, own in zip(axes.T, images, normalised, strict=True):
        fixed, raw = 255 * (image / divisor), style.span(image.min(), image.max())
        for ax, pixels, name in (
            (above, fixed, f"raw {raw}\ndivided by {divisor:,}"),
            (middle, own, "each stretched"),
        ):
            ends = style.span(round(float(pixels.min())), round(float(pixels.max())))
            style.show_image(ax, pixels, f"{name}: {ends}", vmin=0, vmax=255)
        for pixels, colour, name in ((fixed, style.ORANGE, "divided"), (own, style.BLUE, "stretched")):
            below.hist(
                pixels.ravel(), bins=64, range=(0, 255), histtype="step", color=colour, log=True, label=name
            )
        style.name_axes(below, "grey value", "", f"{image.size:,} pixels")
        words.append(f"{raw} becomes 0 to {fixed.max():.0f}")
    axes[2, 0].set_ylabel("pixels (log scale)")
    style.legend_below(figure)
    return figure.described(
        f"{len(images)} slices, twice. Above, divided by {divisor:,} so that this would be 255: "
        f"{style.listed(words)}, and the slices are dark. Below, each stretched to 0 to 255: all are equally "
        "bright. Their histograms keep their shape, and only the stretched ones fill the range."
    )


@style.course_style
def mask_resizing(mask: np.ndarray, resized: dict[str, np.ndarray]) -> CourseFigure:
    """Compare rules of resizing a mask, in a close-up of the tumour with the coarse pixels' edges.

    Args:
        mask: (H, H) bool, native; not empty.
        resized: rule -> (size, size) mask of 0 and 1, all of one size.
    """
    versions, side = {"native": mask, **resized}, len(mask)
    coarse = side / min(map(len, versions.values()))  # width of a coarse pixel in native ones
    figure, axes = style.image_grid(1, len(versions), side=2.5, title_lines=7)
    left, right, bottom, top = np.array(style.close_up(mask, margin=12.5)) - 0.5  # pixel 0 is around 0
    edge = side - 0.5
    words = []
    for ax, (name, version) in zip(axes[0], versions.items(), strict=True):
        size = len(version)
        counts = f"{np.count_nonzero(version):,} px of tumour ({np.mean(version) / np.mean(mask):.0%})"
        style.show_image(
            ax, version, vmin=0, vmax=1, interpolation="nearest", extent=(-0.5, edge, edge, -0.5)
        )
        ax.set_title(f"{name}\n{size} x {size}\n{counts}", fontsize=9.5)
        style.outline(ax, mask, style.ORANGE, "--")
        _draw_pixel_edges(ax, side, side / size, colors=style.GREY, linewidths=0.3)
        _draw_pixel_edges(
            ax, side, coarse, colors=style.SKY, linewidths=0.9, label="edges of the coarse pixels"
        )
        ax.set_axis_on()
        ax.set(xlim=(left, right), ylim=(bottom, top), xlabel="column")
        words.append(f"{name} at {size} pixels a side: {counts}")
    for ax in axes[0, 1:]:
        ax.tick_params(labelleft=False)
    axes[0, 0].set_ylabel("row (native pixels)")
    figure.suptitle(f"Close-up: {right - left:.0f} x {right - left:.0f} of {side} x {side} pixels")
    tumour = Line2D([], [], color=style.ORANGE, linestyle="--")
    style.legend_below(figure, {"native tumour": tumour})
    return figure.described(
        f"One small tumour mask, close up, with the grid of the coarse pixels, and the part of its area that "
        f"each rule keeps. {'; '.join(words)}."
    )


def _draw_pixel_edges(ax: Axes, side: int, width: float, **look: Any) -> None:
    """Draw the edges of pixels `width` native pixels wide over an image of `side` native pixels."""
    edges = np.arange(0, side + 1, width) - 0.5
    for draw in (ax.vlines, ax.hlines):
        draw(edges, -0.5, side - 0.5, **look)
