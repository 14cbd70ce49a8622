"""Figures of single slices on their way into the data set: notebook 01."""

from collections.abc import Sequence

import numpy as np
from matplotlib.ticker import MultipleLocator

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
    for ax, image, title in zip(axes[0], (stored, upright), ("as stored", "upright (.T)"), strict=True):
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
def normalisation(image: np.ndarray, normalised: np.ndarray) -> CourseFigure:
    """Show one slice, with its histogram, before and after its intensities are stretched to 0..255.

    Args:
        image: (H, W) int16, raw.
        normalised: (H, W) uint8.
    """
    figure, axes = style.new_figure(2, 2, (9, 6.2), height_ratios=(2, 1))
    words = []
    for (above, below), array, name in zip(axes.T, (image, normalised), ("raw", "normalised"), strict=True):
        values = style.span(array.min(), array.max())
        style.show_image(above, array, f"{name}, {array.dtype}: {values}")
        below.hist(array.ravel(), bins=64, color=style.BLUE, log=True)
        title = f"{name}: histogram of {array.size:,} pixels"
        style.name_axes(below, "intensity", "pixels (log scale)", title)
        below.locator_params(axis="x", nbins=5)
        below.xaxis.set_major_formatter("{x:,g}")
        words.append(f"{name}, {array.dtype}, from {values}")
    return figure.described(
        f"One slice and its histogram, {style.listed(words)}: the histogram keeps its shape, not its range."
    )


@style.course_style
def mask_resizing(mask: np.ndarray, resized: dict[str, np.ndarray]) -> CourseFigure:
    """Compare rules of resizing a mask, in a close-up of the tumour with the pixels' edges.

    Args:
        mask: (H, H) bool, native; not empty.
        resized: rule -> (size, size) mask of 0 and 1.
    """
    versions = {"native": mask, **resized}
    figure, axes = style.image_grid(1, len(versions), side=2.5, title_lines=7)
    left, right, bottom, top = np.array(style.close_up(mask, margin=12.5)) / len(mask)  # of the image's side
    words = []
    for ax, (name, version) in zip(axes[0], versions.items(), strict=True):
        size = len(version)
        counts = f"{np.count_nonzero(version):,} px of tumour ({np.mean(version) / np.mean(mask):.0%})"
        style.show_image(ax, version, vmin=0, vmax=1, interpolation="nearest", extent=(0, 1, 1, 0))
        ax.set_title(f"{name}\n{size} x {size}\n{counts}", fontsize=9.5)
        ax.set_axis_on()
        ax.set(xlim=(left, right), ylim=(bottom, top))
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(MultipleLocator(1 / size))
        ax.tick_params(length=0, labelbottom=False, labelleft=False)
        ax.grid(color=style.GREY, linewidth=0.4)
        ax.set_axisbelow(False)
        words.append(f"{name} at {size} pixels a side: {counts}")
    figure.suptitle("Close-up of the tumour; the lines are the edges of the pixels")
    return figure.described(
        f"One small tumour mask, close up, and the part of its area that each rule keeps. {'; '.join(words)}."
    )
