"""Curves in head units (see `drawing`), and their position in a slice."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np


def mirrored(points: Sequence) -> np.ndarray:
    """Close the right half of a symmetric outline, given from top to bottom."""
    half = np.asarray(points, np.float64)
    mirror = half[::-1] * (-1, 1)
    return np.concatenate([half, mirror[mirror[:, 0] != 0]])


def smooth(points: Sequence | np.ndarray, samples: int = 10) -> np.ndarray:
    """Return the closed Catmull-Rom curve through `points` (N, 2): (N * samples, 2)."""
    points = np.asarray(points, np.float64)
    before, after, beyond = (np.roll(points, shift, axis=0) for shift in (1, -1, -2))
    t = np.linspace(0, 1, samples, endpoint=False)[:, None, None]
    curve = points + 0.5 * (
        t * (after - before)
        + t**2 * (2 * before - 5 * points + 4 * after - beyond)
        + t**3 * (3 * points - before - 3 * after + beyond)
    )
    return curve.transpose(1, 0, 2).reshape(-1, 2)


def ellipse(x: float, y: float, rx: float, ry: float, degrees: float = 0.0) -> np.ndarray:
    """Return the outline of an ellipse: (48, 2)."""
    angle, tilt = np.linspace(0, 2 * np.pi, 48, endpoint=False), np.deg2rad(degrees)
    u, v = rx * np.cos(angle), ry * np.sin(angle)
    cos, sin = np.cos(tilt), np.sin(tilt)
    return np.stack([x + u * cos - v * sin, y + u * sin + v * cos], axis=1)


@dataclass(frozen=True)
class Frame:
    """Maps head units to pixels of a (size, size) slice."""

    size: int
    matrix: np.ndarray  # (2, 2)
    centre: np.ndarray  # (2,), in pixels

    def fill(self, canvas: np.ndarray, points: np.ndarray, value: float) -> None:
        """Fill a closed outline (N, 2) on `canvas`, to 1/16 of a pixel."""
        pixels = np.asarray(points) @ self.matrix.T + self.centre
        cv2.fillPoly(canvas, [np.round(pixels * 16).astype(np.int32)], value, shift=4)

    def region(self, points: np.ndarray) -> np.ndarray:
        """Return the filled outline as uint8 0/1 (size, size)."""
        canvas = np.zeros((self.size, self.size), np.uint8)
        self.fill(canvas, points, 1)
        return canvas

    def depth(self, region: np.ndarray) -> np.ndarray:
        """Return the distance of each pixel in `region` to its edge, in head units."""
        return cv2.distanceTransform(region, cv2.DIST_L2, 3) * (2.0 / self.size)

    def halved(self) -> "Frame":
        """Return the same view at half the resolution."""
        return Frame(self.size // 2, self.matrix / 2, self.centre / 2)
