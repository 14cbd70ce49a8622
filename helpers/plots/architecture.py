"""Figura 6: a U-Net drawn from the model itself."""

import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Patch, Rectangle

from helpers.plots.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    MAX_WIDTH_INCHES,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    YELLOW,
    CourseFigure,
    in_course_look,
    new_figure,
)

STEPS = {  # how each step from one feature map to the next is drawn
    "convolution": {"color": BLUE},
    "1 x 1 convolution": {"color": PURPLE},
    "max pooling": {"color": VERMILLION},
    "up-convolution": {"color": GREEN},
    "skip connection": {"color": GREY, "linestyle": "--"},
}
GAP = 0.26  # between neighbouring maps, in the units of the drawing, about inches
LABEL_HEIGHT = 0.22  # of the number of channels above a box
STRIP = 0.06  # width of the strip for a layer that only changes values
STRIPS = {"BatchNormalization": ("batch normalization", ORANGE), "Dropout": ("dropout", YELLOW)}
LEVEL_GAP = 0.62  # between the levels of the U


@dataclass
class FeatureMap:
    """One box of the drawing.

    Attributes:
        step: a key of `STEPS`, how it came about; "input" for the first.
        level: how often the resolution was halved.
        height_px, width_px, channels: its shape.
        skipped: channels that a skip connection brought to it.
        behind: names of layers that change neither shape nor meaning, e.g. Dropout.
        x: left edge in the drawing.
    """

    step: str
    level: int
    height_px: int
    width_px: int
    channels: int
    skipped: int = 0
    behind: list[str] = field(default_factory=list)
    x: float = 0.0

    @property
    def width(self) -> float:
        """Width of the box: grows with the channels, slowly."""
        return _thickness(self.channels) + (_thickness(self.skipped) if self.skipped else 0)


@in_course_look
def unet_diagram(model: Any) -> CourseFigure:
    """Figura 6: the U-Net, read from the layers of the model.

    Args:
        model: keras.Model with 2D convolutions, max pooling, transposed convolutions and
            concatenations in the order of a U-Net; also where it lies inside another model.

    Returns:
        CourseFigure, a box a feature map: taller for more pixels, wider for more channels.
    """
    network = next((layer for layer in model.layers if hasattr(layer, "layers")), model)
    maps = feature_maps(network)
    heights, centres = _levels(maps)
    _place(maps)
    right, top = maps[-1].x + maps[-1].width, max(centres) + max(heights) / 2
    bottom = centres[-1] - heights[-1] / 2
    scale = min(1.1, MAX_WIDTH_INCHES / (right + 1.2))  # inches a unit
    figure, axes = new_figure(1, 1, (scale * (right + 1.2), scale * (top - bottom + 0.8) + 0.9))
    ax = axes[0, 0]
    ax.set(xlim=(-0.6, right + 0.6), ylim=(bottom - 0.3, top + 0.5), aspect="equal")
    ax.set_axis_off()
    _draw_steps(ax, maps, heights, centres)
    for one in maps:
        _draw_map(ax, one, heights[one.level], centres[one.level])
    _label_resolutions(ax, maps, heights, centres)
    parameters = network.count_params()
    ax.set_title(f"{network.name}: {parameters:,} parameters")
    _legend(figure, maps)
    return figure.described(_in_words(maps, network, parameters))


def feature_maps(network: Any) -> list[FeatureMap]:
    """Reads the feature maps of a U-Net, in the order of its layers.

    Args:
        network: keras.Model.

    Returns:
        One FeatureMap for each input, convolution, pooling and up-convolution; a
        concatenation is noted on the map that it widens.
    """
    maps: list[FeatureMap] = []
    level = 0
    for layer in network.layers:
        kind = type(layer).__name__
        if kind == "Concatenate":
            maps[-1].skipped = layer.output.shape[-1] - maps[-1].channels
            continue
        step = _step(layer, kind)
        if step is None:
            maps[-1].behind.append(kind)
            continue
        level += {"max pooling": 1, "up-convolution": -1}.get(step, 0)
        _, height, width, channels = layer.output.shape
        maps.append(FeatureMap(step, level, height, width, channels))
    return maps


def _step(layer: Any, kind: str) -> str | None:
    """The key of `STEPS` for a layer, None for one that makes no new map."""
    if kind == "Conv2D":
        return "1 x 1 convolution" if max(layer.kernel_size) == 1 else "convolution"
    return {"InputLayer": "input", "MaxPooling2D": "max pooling", "Conv2DTranspose": "up-convolution"}.get(
        kind
    )


def _thickness(channels: int) -> float:
    return 0.05 + 0.03 * float(np.log2(channels + 1))


def _levels(maps: list[FeatureMap]) -> tuple[list[float], list[float]]:
    """Height of the boxes and vertical centre of each level, the top one first."""
    sides = [
        next(one.height_px for one in maps if one.level == level)
        for level in range(max(m.level for m in maps) + 1)
    ]
    heights = [1.5 * (side / sides[0]) ** 0.45 for side in sides]
    centres, y = [], 0.0
    for height in heights:
        centres.append(y - height / 2)
        y -= height + LEVEL_GAP
    return heights, centres


def _place(maps: list[FeatureMap]) -> None:
    """Sets each map's place: to the right of the last one, or right below or above it."""
    for before, one in itertools.pairwise(maps):
        beside = one.step not in ("max pooling", "up-convolution")
        if beside:
            one.x = before.x + before.width + GAP
        elif one.step == "max pooling":
            one.x = before.x + before.width / 2 - one.width / 2
        else:  # above: the up-convolved half stands over the map that it comes from
            one.x = before.x + before.width / 2 - one.width + _thickness(one.channels) / 2


def _draw_map(ax: Axes, one: FeatureMap, height: float, centre: float) -> None:
    """Draws one box, with the number of its channels above."""
    x, bottom = one.x, centre - height / 2
    if one.skipped:
        ax.add_patch(
            Rectangle((x, bottom), _thickness(one.skipped), height, facecolor="white", edgecolor=BLACK)
        )
        x += _thickness(one.skipped)
    ax.add_patch(Rectangle((x, bottom), _thickness(one.channels), height, facecolor=SKY, edgecolor=BLACK))
    edge = x + _thickness(one.channels)
    for kind in one.behind:
        _, colour = STRIPS.get(kind, (kind, GREY))
        ax.add_patch(
            Rectangle((edge, bottom), STRIP, height, facecolor=colour, edgecolor=BLACK, linewidth=0.6)
        )
        edge += STRIP
    channels = f"{one.skipped}+{one.channels}" if one.skipped else f"{one.channels}"
    ax.text(one.x + one.width / 2, centre + height / 2 + 0.04, channels, ha="center", va="bottom", fontsize=8)


def _draw_steps(ax: Axes, maps: list[FeatureMap], heights: list[float], centres: list[float]) -> None:
    """Draws the arrows between the boxes, and the skip connections."""
    left_at: dict[int, FeatureMap] = {}
    for before, one in itertools.pairwise(maps):
        y0, y1 = centres[before.level], centres[one.level]
        if one.step == "max pooling":
            left_at[before.level] = before
            x = before.x + before.width / 2
            _arrow(
                ax,
                (x, y0 - heights[before.level] / 2),
                (x, y1 + heights[one.level] / 2 + LABEL_HEIGHT),
                one.step,
            )
        elif one.step == "up-convolution":
            x = before.x + before.width / 2
            _arrow(
                ax,
                (x, y0 + heights[before.level] / 2 + LABEL_HEIGHT),
                (x, y1 - heights[one.level] / 2),
                one.step,
            )
        else:
            _arrow(ax, (before.x + before.width + STRIP * len(before.behind), y0), (one.x, y1), one.step)
        if one.skipped and one.level in left_at:
            start = left_at[one.level]
            _arrow(
                ax, (start.x + start.width + STRIP * len(start.behind), y1), (one.x, y1), "skip connection"
            )


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], step: str) -> None:
    ax.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=9, shrinkA=0, shrinkB=0, linewidth=1.4, **STEPS[step]
        )
    )


def _label_resolutions(ax: Axes, maps: list[FeatureMap], heights: list[float], centres: list[float]) -> None:
    """Writes height x width beside the first map of each level and the last, and what goes in and out."""
    for level in range(len(heights)):
        first = next(one for one in maps if one.level == level)
        ax.text(first.x - 0.08, centres[level], f"{first.height_px} x {first.width_px}",
                ha="right", va="center", rotation=90, fontsize=8.5)  # fmt: skip
    for one, word in ((maps[0], "input"), (maps[-1], "output")):
        ax.text(one.x + one.width / 2, centres[one.level] - heights[one.level] / 2 - 0.06, word,
                ha="center", va="top", fontsize=8.5)  # fmt: skip
    last = maps[-1]
    ax.text(last.x + last.width + 0.08, centres[last.level], f"{last.height_px} x {last.width_px}",
            ha="left", va="center", rotation=90, fontsize=8.5)  # fmt: skip


def _legend(figure: CourseFigure, maps: list[FeatureMap]) -> None:
    """Explains boxes, arrows and strips, with the count of each arrow and strip."""
    entries = {
        "feature map, its channels above": Patch(facecolor=SKY, edgecolor=BLACK),
        "copied by a skip connection": Patch(facecolor="white", edgecolor=BLACK),
    }
    steps = Counter(one.step for one in maps) + Counter("skip connection" for one in maps if one.skipped)
    for name, look in STEPS.items():
        if steps[name]:
            entries[f"{name} ({steps[name]})"] = Line2D([], [], marker=">", **look)
    for kind, count in Counter(kind for one in maps for kind in one.behind).items():
        name, colour = STRIPS.get(kind, (kind, GREY))
        entries[f"{name} ({count})"] = Patch(facecolor=colour, edgecolor=BLACK)
    figure.legend(
        entries.values(),
        entries.keys(),
        loc="outside lower center",
        ncols=3 if figure.get_figwidth() < 8 else 4,
    )


def _in_words(maps: list[FeatureMap], network: Any, parameters: int) -> str:
    down = [one for one in maps if one.step == "max pooling"]
    first, last = maps[0], maps[-1]
    sizes = ", ".join(f"{one.height_px}" for one in down)
    most, skips = max(one.channels for one in maps), sum(one.skipped > 0 for one in maps)
    return (
        f"{network.name}, {parameters:,} parameters: "
        f"from {first.height_px} by {first.width_px} by {first.channels} "
        f"down in {len(down)} steps to {sizes} pixels, with at most {most} channels, and up again "
        f"with {skips} skip connections to {last.height_px} by {last.width_px} by {last.channels}."
    )
