"""Figura 6: a U-Net drawn from the model itself."""

import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from helpers.config.language import N_, _, grouped
from helpers.plots import style
from helpers.plots.style import CourseFigure

if TYPE_CHECKING:
    import keras

ARROWS: dict[str, dict[str, Any]] = {
    N_("convolution"): {"color": style.BLUE},
    N_("1 x 1 convolution"): {"color": style.PURPLE},
    N_("max pooling"): {"color": style.VERMILLION},
    N_("up-convolution"): {"color": style.GREEN},
    N_("skip connection"): {"color": style.GREY, "linestyle": "--"},
}
STEPS = {"Conv2D": "convolution", "MaxPooling2D": "max pooling", "Conv2DTranspose": "up-convolution"}
STRIPS = {
    "BatchNormalization": (N_("batch normalization"), style.ORANGE),
    "Dropout": (N_("dropout"), style.YELLOW),
}
GAP, LEVEL_GAP, STRIP = 0.26, 0.62, 0.06  # between boxes, between levels, width of a strip; in inches


@dataclass
class FeatureMap:
    """One box: how it was made, its shape, and the place of its own channels (x: left, y: centre)."""

    step: str
    size: str
    channels: int
    height: float
    x: float = 0.0
    y: float = 0.0
    skipped: int = 0
    strips: list[str] = field(default_factory=list)

    @property
    def middle(self) -> float:
        return self.x + _width(self.channels) / 2

    @property
    def left(self) -> float:
        return self.x - (_width(self.skipped) if self.skipped else 0)

    @property
    def right(self) -> float:
        return self.x + _width(self.channels) + STRIP * len(self.strips)


@style.course_style
def unet_diagram(model: "keras.Model") -> CourseFigure:
    """Figura 6: the U-Net, one box per feature map: taller for more pixels, wider for more channels.

    Args:
        model: keras.Model with 2D convolutions, max pooling, transposed convolutions and
            concatenations in the order of a U-Net.
    """
    maps = _feature_maps(model)
    first, last = maps[0], maps[-1]
    right, bottom = last.right, min(one.y - one.height / 2 for one in maps)
    scale = min(1.1, style.MAX_WIDTH_INCHES / (right + 1.2))
    figure, ax = style.new_figure(size=(scale * (right + 1.2), scale * (1.4 - bottom) + 0.9))
    ax.set(xlim=(-0.6, right + 0.6), ylim=(bottom - 0.3, 1.1), aspect="equal")
    ax.set_axis_off()
    for one in maps:
        _draw_box(ax, one)
    _draw_arrows(ax, maps)
    for one, word in ((first, _("input")), (last, _("output"))):
        ax.text(one.middle, one.y - one.height / 2 - 0.06, word, ha="center", va="top", fontsize=8.5)
    ax.text(right + 0.08, last.y, last.size, va="center", rotation=90, fontsize=8.5)
    count = grouped(model.count_params())
    title = _("{name}: {count} parameters").format(name=model.name, count=count)
    ax.set_title(title)
    style.legend_below(figure, _legend(maps), columns=3)
    pooled = [one.size for one in maps if one.step == "max pooling"]
    most, skips = max(one.channels for one in maps), sum(one.skipped > 0 for one in maps)
    said = _(
        "{title}. From {first} down in {steps} steps to {sizes} pixels, with at most {most} channels, and up "
        "again with {skips} skip connections to {last}."
    )
    return figure.described(
        said.format(
            title=title, first=f"{first.size} x {first.channels}", steps=len(pooled), sizes=", ".join(pooled),
            most=most, skips=skips, last=f"{last.size} x {last.channels}",
        )
    )  # fmt: skip


def _feature_maps(network: "keras.Model") -> list[FeatureMap]:
    """Read the feature maps in the order of the layers; place each next to, below or above the last."""
    maps: list[FeatureMap] = []
    for layer in network.layers:
        kind = type(layer).__name__
        if kind == "Concatenate":
            maps[-1].skipped = layer.output.shape[-1] - maps[-1].channels
        elif maps and kind not in STEPS:
            maps[-1].strips.append(kind)
        else:
            rows, columns, channels = layer.output.shape[1:]
            step = STEPS.get(kind, "input")
            if getattr(layer, "kernel_size", None) == (1, 1):
                step = "1 x 1 convolution"
            height = 1.5 * (rows / network.input_shape[1]) ** 0.45
            one = FeatureMap(step, f"{rows} x {columns}", channels, height)
            if step in ("max pooling", "up-convolution"):
                one.x = maps[-1].middle - _width(channels) / 2
                below = maps[-1].y - (maps[-1].height + height) / 2 - LEVEL_GAP
                one.y = next((other.y for other in maps if other.size == one.size), below)
            elif maps:
                one.x, one.y = maps[-1].right + GAP, maps[-1].y
            maps.append(one)
    return maps


def _width(channels: int) -> float:
    return 0.05 + 0.03 * float(np.log2(channels + 1))


def _draw_box(ax: Axes, one: FeatureMap) -> None:
    """Draw the channels of a feature map, those that were copied to it, and its strips."""
    boxes = [(one.left, one.x, "white")] if one.skipped else []
    boxes.append((one.x, one.x + _width(one.channels), style.SKY))
    for kind in one.strips:
        edge = boxes[-1][1]
        boxes.append((edge, edge + STRIP, STRIPS.get(kind, (kind, style.GREY))[1]))
    for left, right, colour in boxes:
        corner, width = (left, one.y - one.height / 2), right - left
        ax.add_patch(Rectangle(corner, width, one.height, facecolor=colour, edgecolor="black"))
    channels = f"{one.skipped}+{one.channels}" if one.skipped else f"{one.channels}"
    middle = (one.left + one.x + _width(one.channels)) / 2
    ax.text(middle, one.y + one.height / 2 + 0.04, channels, ha="center", fontsize=8)


def _draw_arrows(ax: Axes, maps: list[FeatureMap]) -> None:
    """Draw the steps and the skip connections; write the size to the left of the first box of each level."""
    sources: dict[str, FeatureMap] = {}  # size -> the map that a skip connection copies
    ax.text(-0.08, maps[0].y, maps[0].size, ha="right", va="center", rotation=90, fontsize=8.5)
    for last, one in itertools.pairwise(maps):
        start, end = (last.right, last.y), (one.left, one.y)
        if one.step == "max pooling":
            sources[last.size] = last
            start, end = (last.middle, last.y - last.height / 2), (last.middle, one.y + one.height / 2 + 0.22)
            ax.text(one.x - 0.08, one.y, one.size, ha="right", va="center", rotation=90, fontsize=8.5)
        elif one.step == "up-convolution":
            start, end = (last.middle, last.y + last.height / 2 + 0.22), (last.middle, one.y - one.height / 2)
        _arrow(ax, start, end, one.step)
        if one.skipped and one.size in sources:
            _arrow(ax, (sources[one.size].right, one.y), (one.left, one.y), "skip connection")


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], step: str) -> None:
    look = {"arrowstyle": "-|>", "mutation_scale": 9, "shrinkA": 0, "shrinkB": 0, "linewidth": 1.4}
    ax.annotate("", end, start, arrowprops=look | ARROWS[step])


def _legend(maps: list[FeatureMap]) -> dict[str, Patch | Line2D]:
    """Explain boxes, arrows and strips, with the count of each arrow and strip."""
    entries: dict[str, Patch | Line2D] = {
        _("feature map, its channels above"): Patch(facecolor=style.SKY, edgecolor="black"),
        _("copied by a skip connection"): Patch(facecolor="white", edgecolor="black"),
    }
    steps = Counter(one.step for one in maps) + Counter("skip connection" for one in maps if one.skipped)
    for step, look in ARROWS.items():
        entries[f"{_(step)} ({steps[step]})"] = Line2D([], [], marker=">", **look)
    for kind, count in Counter(kind for one in maps for kind in one.strips).items():
        name, colour = STRIPS.get(kind, (kind, style.GREY))
        entries[f"{_(name)} ({count})"] = Patch(facecolor=colour, edgecolor="black")
    return entries
