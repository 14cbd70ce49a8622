"""The three tumours: their position and appearance.

They differ as in the clinic, by place, edge and interior. Functions get the `Cut` (see `drawing`)
that they paint on: random numbers from `cut.shared` are the same for all slices of a patient, and
those from `cut.own` differ a little.
"""

from typing import TYPE_CHECKING

import cv2
import numpy as np

from helpers.phantoms.geometry import ellipse, smooth

if TYPE_CHECKING:
    from helpers.phantoms.drawing import Cut


def blob(
    centre: np.ndarray, radius: float, roughness: float, cut: "Cut", stretch: tuple[float, float] = (1.0, 1.0)
) -> np.ndarray:
    """A star-shaped outline whose radius varies by about `roughness` of itself: (72, 2)."""
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    order = np.arange(2, 7)[:, None]
    amplitude = cut.shared.normal(0, roughness, (5, 1)) + cut.own.normal(0, 0.2 * roughness, (5, 1))
    phase = cut.shared.uniform(0, 2 * np.pi, (5, 1))
    wobble = 1 + np.sum(4 * amplitude / order**2 * np.cos(order * angle + phase), axis=0)
    ray = np.stack([stretch[0] * np.cos(angle), stretch[1] * np.sin(angle)], axis=1)
    return centre + radius * np.clip(wobble, 0.55, 1.5)[:, None] * ray


def meningioma_site(cut: "Cut", radius: float) -> np.ndarray:
    """Centre of a broad-based tumour, on the falx or on the inner skull away from the sella."""
    view, rng = cut.view, cut.shared
    if view.falx and rng.random() < 0.3:
        return np.array([rng.choice((-0.75, 0.75)) * radius, rng.choice(view.falx)])
    edge = smooth(view.cavity)
    top, bottom = view.dura
    far_from_sella = np.linalg.norm(edge - view.sella, axis=1) > 0.3
    base = rng.choice(edge[far_from_sella & (edge[:, 1] > top) & (edge[:, 1] < bottom)])
    inwards = view.cavity.mean(axis=0) - base
    return base + 0.5 * radius * inwards / np.linalg.norm(inwards)


def glioma_site(cut: "Cut", radius: float) -> np.ndarray:
    """Centre of a tumour within a lobe."""
    site = cut.shared.choice(cut.view.glioma_sites) + cut.shared.normal(0, 0.03, 2)
    return site * (cut.shared.choice((-1, 1)) if cut.view.symmetric else 1, 1)


def pituitary_site(cut: "Cut", radius: float) -> np.ndarray:
    """Centre of a tumour that grows upwards out of the sella."""
    return cut.view.sella + np.array([cut.shared.normal(0, 0.01), -0.35 * radius])


def largest_piece(region: np.ndarray) -> np.ndarray:
    """The largest connected part of a bool region, as uint8 0/1."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(region.astype(np.uint8), connectivity=4)
    return (pieces == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA])).astype(np.uint8)


def blend(canvas: np.ndarray, region: np.ndarray, softness: float, signal: float | np.ndarray) -> None:
    """Blend `signal` into a 0/1 region whose edge is blurred by `softness` 512ths of the slice."""
    weight = cv2.GaussianBlur(region.astype(np.float32), (0, 0), softness * canvas.shape[0] / 512)
    canvas += weight * (signal - canvas)


def paint_meningioma(
    canvas: np.ndarray, cut: "Cut", depth: np.ndarray, centre: np.ndarray, radius: float, bright: float
) -> np.ndarray:
    """Bright and homogeneous, with a tail of thickened dura along the skull."""
    mask = largest_piece(cut.frame.region(blob(centre, radius, 0.05, cut)) * (depth > 0))
    tail = (
        cut.frame.region(ellipse(centre[0], centre[1], 1.5 * radius, 1.5 * radius))
        * (depth > 0)
        * (depth < 0.012)
    )
    blend(canvas, tail, 0.9, 0.9 * bright)
    blend(canvas, mask, 0.9, bright + 0.02 * cut.field(48))
    return mask


def paint_glioma(
    canvas: np.ndarray, cut: "Cut", depth: np.ndarray, centre: np.ndarray, radius: float, bright: float
) -> np.ndarray:
    """An irregular enhancing ring with a necrotic core, in dark oedema."""
    mask = largest_piece(cut.frame.region(blob(centre, radius, 0.13, cut)) * (depth > 0.025))
    oedema = cut.frame.region(blob(centre, 1.7 * radius, 0.2, cut)) * (depth > 0.015)
    blend(canvas, oedema, 5, 0.17 * cut.anatomy.contrast)
    blend(canvas, mask, 1.2, bright + 0.07 * cut.field(48))
    rim = np.float32(cut.shared.uniform(0.28, 0.45) * radius) + 0.016 * cut.field(32)
    blend(canvas, mask * (cut.frame.depth(mask) > rim), 1.5, 0.14 + 0.02 * cut.field(48))
    return mask


def paint_pituitary_tumour(
    canvas: np.ndarray, cut: "Cut", depth: np.ndarray, centre: np.ndarray, radius: float, bright: float
) -> np.ndarray:
    """Bright and homogeneous, half in the bone of the sella and half above it."""
    stretch = (1.0, cut.shared.uniform(1.0, 1.3))
    mask = largest_piece(cut.frame.region(blob(centre, radius, 0.06, cut, stretch)) > 0)
    blend(canvas, mask, 0.9, 0.92 * bright + 0.02 * cut.field(48))
    return mask


# label: median radius in head units, position, appearance
TUMOURS = {
    1: (0.163, meningioma_site, paint_meningioma),
    2: (0.142, glioma_site, paint_glioma),
    3: (0.083, pituitary_site, paint_pituitary_tumour),
}


def paint_tumour(canvas: np.ndarray, cut: "Cut", label: int, depth: np.ndarray) -> np.ndarray:
    """Paint the tumour at the same place in all slices of the patient; return its mask as uint8 0/1."""
    median, site, paint = TUMOURS[label]
    radius = median * cut.anatomy.tumour_size
    centre = site(cut, radius)
    here = radius * float(np.sqrt(1 - 0.45 * cut.level**2)) * cut.own.uniform(0.96, 1.04)
    return paint(canvas, cut, depth, centre, here, 0.85 * cut.anatomy.tumour_contrast)
