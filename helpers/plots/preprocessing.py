"""Figures of single slices, on their way into the data set: notebook 01."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from helpers.datasets.matfile import Slice
from helpers.plots.style import (
    BLUE,
    GREY,
    ORANGE,
    CourseFigure,
    image_grid_size,
    in_course_look,
    legend_below,
    listed,
    name_axes,
    new_figure,
    show_image,
    show_mask,
)
from helpers.reference import CLASS_NAMES


@in_course_look
def orientation(stored: np.ndarray, upright: np.ndarray, border: np.ndarray) -> CourseFigure:
    """Shows why a slice has to be transposed: the border fits the upright image.

    Args:
        stored: (W, H) int16, as h5py reads it.
        upright: (H, W) int16, its transpose.
        border: (N, 2) float, x (column) and y (row) of the outline in px, zero-based.

    Returns:
        CourseFigure.
    """
    figure, axes = new_figure(1, 2, (7.8, 4.3))
    x, y = np.vstack([border, border[:1]]).T  # back to the first point
    for ax, image, title in zip(
        axes[0], (stored, upright), ("as stored", "turned upright (.T)"), strict=True
    ):
        show_image(ax, image, title)
        ax.plot(x, y, color=ORANGE)
    legend_below(figure, {"tumorBorder, x = column and y = row": Line2D([], [], color=ORANGE)})
    height, width = upright.shape
    return figure.described(
        f"The same slice of {width} by {height} pixels twice, with the tumour outline of {len(border)} "
        f"points around x {border[:, 0].mean():.0f}, y {border[:, 1].mean():.0f}: as stored, mirrored and "
        "rotated, and turned upright, as the outline needs it."
    )


@in_course_look
def raw_slices(slices: Sequence[Slice]) -> CourseFigure:
    """Figura 1: raw slices, and their tumour masks below.

    Args:
        slices: any number of `Slice`, three in the course.

    Returns:
        CourseFigure, 2 rows and a column a slice.
    """
    columns = len(slices)
    figure, axes = new_figure(2, columns, image_grid_size(2, columns, title_lines=2))
    words = []
    for (above, below), one in zip(axes.T, slices, strict=True):
        name, low, high, area = CLASS_NAMES[one.label], one.image.min(), one.image.max(), one.mask.sum()
        show_image(above, one.image, f"{name}\nintensities {low} to {high:,}")
        show_mask(below, one.mask, f"mask: {area:,} px of tumour")
        words.append(f"{name} (intensities {low} to {high:,}, tumour {area:,} pixels)")
    return figure.described(f"{columns} raw slices, each with its tumour mask below: {listed(words)}.")


@in_course_look
def colour_channels(rgba: np.ndarray) -> CourseFigure:
    """Shows what the four channels of a colour-mapped PNG hold.

    Args:
        rgba: (H, W, 4) uint8 0..255, or float 0..1.

    Returns:
        CourseFigure, one image a channel, black at 0 and white at full.
    """
    figure, axes = new_figure(1, 4, image_grid_size(1, 4, title_lines=4))
    full = 255 if np.issubdtype(rgba.dtype, np.integer) else 1
    ranges = []
    for ax, name, channel in zip(
        axes[0], ("red", "green", "blue", "alpha"), np.moveaxis(rgba, -1, 0), strict=True
    ):
        spread = f"{channel.min():g} to {channel.max():g}"
        show_image(ax, channel, f"{name}\n{spread}", vmin=0, vmax=full)
        _frame(ax)
        ranges.append(f"{name} {spread}")
    red, green, blue, alpha = np.moveaxis(rgba, -1, 0)
    equal = np.array_equal(red, green) and np.array_equal(red, blue)
    facts = [
        "red, green and blue are equal in every pixel" if equal else "red, green and blue differ",
        f"alpha is {alpha.flat[0]:g} everywhere" if np.ptp(alpha) == 0 else "alpha varies",
    ]
    figure.suptitle("; ".join(facts))
    return figure.described(f"The four channels of one slice: {listed(ranges)}; {listed(facts)}.")


@in_course_look
def normalisation(image: np.ndarray, normalised: np.ndarray) -> CourseFigure:
    """Shows one slice before and after its intensities are stretched to 0..255.

    Args:
        image: (H, W) int16, raw.
        normalised: (H, W) uint8.

    Returns:
        CourseFigure, each image with its histogram.
    """
    figure, axes = new_figure(2, 2, (9, 6), height_ratios=(2, 1))
    words = []
    for (above, below), array, name in zip(axes.T, (image, normalised), ("raw", "normalised"), strict=True):
        name = f"{name}, {array.dtype}"
        low, high = array.min(), array.max()
        show_image(above, array, f"{name}: {low} to {high:,}")
        below.hist(array.ravel(), bins=64, color=BLUE, log=True)
        name_axes(below, "intensity", "pixels (log scale)")
        below.locator_params(axis="x", nbins=5)
        below.xaxis.set_major_formatter("{x:,g}")
        words.append(f"{name}, from {low} to {high:,}")
    return figure.described(
        f"One slice and its histogram, {listed(words)}: the shape of the histogram stays, its range changes."
    )


@in_course_look
def mask_resizing(mask: np.ndarray, resized: dict[str, np.ndarray]) -> CourseFigure:
    """Compares rules of resizing a mask, close up.

    Args:
        mask: (H, H) bool, native.
        resized: rule -> (size, size) mask, 0 and 1 (or 255), perhaps with values between.

    Returns:
        CourseFigure, the neighbourhood of the tumour under each rule.
    """
    versions = {"native": np.asarray(mask).astype(np.uint8), **resized}
    figure, axes = new_figure(1, len(versions), image_grid_size(1, len(versions), title_lines=4, side=2.5))
    window = _window(versions["native"])
    words = []
    for ax, (name, version) in zip(axes[0], versions.items(), strict=True):
        full = max(1, 255 * (version.max() > 2))
        tumour, between = np.sum(version == full), np.sum((version != 0) & (version != full))
        share = np.mean(version == full) / np.mean(versions["native"])
        count = f"{tumour:,} px of tumour ({share:.0%})" + (
            f"\n{between:,} px neither 0 nor {full}" if between else ""
        )
        show_image(ax, version, vmin=0, vmax=full, interpolation="nearest", extent=(0, 1, 1, 0))
        ax.set_title(f"{name}\n{len(version)} x {len(version)}\n{count}", fontsize=9.5)
        ax.set(xlim=window[:2], ylim=window[2:])
        words.append(f"{name} at {len(version)} pixels a side: {count.replace(chr(10), ', ')}")
    return figure.described(
        f"One small tumour mask, close up, and the part of its area that each rule keeps. {'; '.join(words)}."
    )


def _window(mask: np.ndarray) -> tuple[float, float, float, float]:
    """A square around the tumour: left, right, bottom, top as fractions of the image."""
    rows, columns = np.nonzero(mask)
    centre = np.array([columns.min() + columns.max() + 1, rows.min() + rows.max() + 1]) / 2
    half = 0.5 * max(np.ptp(rows), np.ptp(columns)) + 12
    left, top = (centre - half) / len(mask)
    right, bottom = (centre + half) / len(mask)
    return left, right, bottom, top


def _frame(ax: Axes) -> None:
    """Draws the edge of an image, which is invisible where the image is white."""
    ax.set_axis_on()
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=True, color=GREY)
