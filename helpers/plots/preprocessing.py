"""Figures of single slices on their way into the data set: notebook 01."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from helpers.config.language import N_, _, grouped
from helpers.datasets.matfile import Slice
from helpers.plots import style
from helpers.plots.style import CourseFigure
from helpers.reference import CLASS_NAMES

# The rules of resizing masks that notebook 01 compares; it passes their names.
RULES = N_("bicubic, cut at 0.5"), N_("nearest"), N_("this course")


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
        axes[0], (stored, upright), (_("as stored in the file"), _("upright")), strict=True
    ):
        style.show_image(ax, image, title)
        ax.plot(x, y, color=style.ORANGE, label=_("tumorBorder, x = column and y = row"))
    style.legend_below(figure)
    height, width = upright.shape
    return figure.described(
        _(
            "The same slice of {width} by {height} pixels twice, with the tumour outline of {count} points "
            "around x {x:.0f}, y {y:.0f}: as stored, mirrored and rotated, so that the outline misses the "
            "tumour; and upright, where it fits."
        ).format(width=width, height=height, count=len(border), x=border[:, 0].mean(), y=border[:, 1].mean())
    )


@style.course_style
def raw_slices(slices: Sequence[Slice]) -> CourseFigure:
    """Figura 1: raw slices, three in the course, with their tumour masks below."""
    figure, axes = style.image_grid(2, len(slices), title_lines=2)
    words = []
    for (above, below), one in zip(axes.T, slices, strict=True):
        intensities = _("intensities {span}").format(span=style.span(one.image.min(), one.image.max()))
        name, area = _(CLASS_NAMES[one.label]), grouped(one.mask.sum())
        style.show_image(above, one.image, f"{name}\n{intensities}")
        style.show_mask(below, one.mask, _("mask: {area} px of tumour").format(area=area))
        said = _("{name} ({intensities}, tumour {area} pixels)")
        words.append(said.format(name=name, intensities=intensities, area=area))
    said = _("{count} raw slices, each with its tumour mask below: {slices}.")
    return figure.described(said.format(count=len(slices), slices=style.listed(words)))


@style.course_style
def colour_channels(rgba: np.ndarray) -> CourseFigure:
    """Show what the four channels of a colour-mapped PNG hold, each black at 0 and white at 1.

    Args:
        rgba: (H, W, 4) float, 0..1.
    """
    figure, axes = style.image_grid(1, 4, title_lines=4)
    red, green, blue, alpha = channels = np.moveaxis(rgba, -1, 0)
    ranges = []
    names = (_("red"), _("green"), _("blue"), _("alpha"))
    for ax, name, channel in zip(axes[0], names, channels, strict=True):
        values = style.span(channel.min(), channel.max())
        style.show_image(ax, channel, f"{name}\n{values}", vmin=0, vmax=1)
        ax.set_axis_on()  # the frame: a white image has no visible edge
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set(visible=True, color=style.GREY)
        ranges.append(f"{name} {values}")
    equal = np.array_equal(red, green) and np.array_equal(red, blue)
    facts = [
        _("red, green and blue are equal in every pixel") if equal else _("red, green and blue differ"),
        _("alpha is {value:g} everywhere").format(value=alpha.flat[0])
        if np.ptp(alpha) == 0
        else _("alpha varies"),
    ]
    figure.suptitle("; ".join(facts))
    said = _("The four channels of one slice: {ranges}; {facts}.")
    return figure.described(said.format(ranges=style.listed(ranges), facts=style.listed(facts)))


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
            (above, fixed, _("raw {span}\ndivided by {divisor}").format(span=raw, divisor=grouped(divisor))),
            (middle, own, _("each stretched")),
        ):
            ends = style.span(round(float(pixels.min())), round(float(pixels.max())))
            style.show_image(ax, pixels, f"{name}: {ends}", vmin=0, vmax=255)
        lines = ((fixed, style.ORANGE, _("divided")), (own, style.BLUE, _("stretched")))
        for pixels, colour, name in lines:
            below.hist(
                pixels.ravel(), bins=64, range=(0, 255), histtype="step", color=colour, log=True, label=name
            )
        title = _("{count} pixels").format(count=grouped(image.size))
        style.name_axes(below, _("grey value"), "", title)
        words.append(_("{span} becomes 0 to {highest:.0f}").format(span=raw, highest=fixed.max()))
    axes[2, 0].set_ylabel(_("pixels (log scale)"))
    style.legend_below(figure)
    return figure.described(
        _(
            "{count} slices, twice. Above, divided by {divisor} so that this would be 255: {slices}, and the "
            "slices are dark. Below, each stretched to 0 to 255: all are equally bright. Their histograms "
            "keep their shape, and only the stretched ones fill the range."
        ).format(count=len(images), divisor=grouped(divisor), slices=style.listed(words))
    )


@style.course_style
def mask_resizing(mask: np.ndarray, resized: dict[str, np.ndarray]) -> CourseFigure:
    """Compare rules of resizing a mask, in a close-up of the tumour with the coarse pixels' edges.

    Args:
        mask: (H, H) bool, native; not empty.
        resized: rule -> (size, size) mask of 0 and 1, all of one size.
    """
    versions, side = {N_("native"): mask, **resized}, len(mask)
    coarse = side / min(map(len, versions.values()))  # width of a coarse pixel in native ones
    figure, axes = style.image_grid(1, len(versions), side=2.5, title_lines=7)
    left, right, bottom, top = np.array(style.close_up(mask, margin=12.5)) - 0.5  # pixel 0 is around 0
    edge = side - 0.5
    words = []
    for ax, (name, version) in zip(axes[0], versions.items(), strict=True):
        size = len(version)
        counts = _("{count} px of tumour ({percent:.0f}%)").format(
            count=grouped(int(np.count_nonzero(version))), percent=100 * np.mean(version) / np.mean(mask)
        )
        style.show_image(
            ax, version, vmin=0, vmax=1, interpolation="nearest", extent=(-0.5, edge, edge, -0.5)
        )
        ax.set_title(f"{_(name)}\n{size} x {size}\n{counts}", fontsize=9.5)
        style.outline(ax, mask, style.ORANGE, "--")
        _draw_pixel_edges(ax, side, side / size, colors=style.GREY, linewidths=0.3)
        _draw_pixel_edges(
            ax, side, coarse, colors=style.SKY, linewidths=0.9, label=_("edges of the coarse pixels")
        )
        ax.set_axis_on()
        ax.set(xlim=(left, right), ylim=(bottom, top), xlabel=_("column"))
        said = _("{rule} at {size} pixels a side: {counts}")
        words.append(said.format(rule=_(name), size=size, counts=counts))
    for ax in axes[0, 1:]:
        ax.tick_params(labelleft=False)
    axes[0, 0].set_ylabel(_("row (native pixels)"))
    said = _("Close-up: {part:.0f} x {part:.0f} of {side} x {side} pixels")
    figure.suptitle(said.format(part=right - left, side=side))
    tumour = Line2D([], [], color=style.ORANGE, linestyle="--")
    style.legend_below(figure, {_("native tumour"): tumour})
    said = _(
        "One small tumour mask, close up, with the grid of the coarse pixels, and the part of its area that "
        "each rule keeps. {rules}."
    )
    return figure.described(said.format(rules="; ".join(words)))


def _draw_pixel_edges(ax: Axes, side: int, width: float, **look: Any) -> None:
    """Draw the edges of pixels `width` native pixels wide over an image of `side` native pixels."""
    edges = np.arange(0, side + 1, width) - 0.5
    for draw in (ax.vlines, ax.hlines):
        draw(edges, -0.5, side - 0.5, **look)
