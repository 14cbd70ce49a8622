"""Near duplicates: images that are copies of known slices, recompressed, resized or cropped.

Candidates are found by comparing thumbnails. Each is then aligned with the image, and what is compared
is the fine structure: neighbouring slices of a patient have the same outlines, but not the same
details.
"""

import cv2
import numpy as np
import pandas as pd

from helpers.datasets.preprocessing import resize_image
from helpers.evaluation.nearest_neighbour import SIDE, pixel_vectors

COPIED = 0.98  # measured on real slices by `benchmarks/healthy_source.py`: see docs/results.md
CANDIDATES = 2  # per image
DETAIL = 128  # pixels per side at which details are compared
DARK, MIN_SHARE = 45, 0.02  # a row belongs to the head if more than this share of it is brighter than this
STOP = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 60, 1e-6)  # of the alignment


def near_duplicates(images: np.ndarray, known: np.ndarray, threshold: float = COPIED) -> pd.DataFrame:
    """Find images that are probably copies of known slices.

    Copies with another compression, size, brightness or margin are found, and most of those that are
    cut a little or turned by a few degrees; mirrored ones are not.

    Args:
        images: (n, H, H) uint8, the images in question.
        known: (m, K, K) uint8, the slices that they may be copies of.
        threshold: the smallest similarity of a copy.

    Returns:
        DataFrame, one row per copy, in the order of the images: image, known (a row of each array) and
        similarity (the correlation of fine structures after alignment, up to 1).
    """
    whole = pixel_vectors(images) @ pixel_vectors(known).T
    cropped = pixel_vectors(_heads(images)) @ pixel_vectors(_heads(known)).T
    rows = []
    for row, alike in enumerate(np.maximum(whole, cropped)):
        image = resize_image(images[row], DETAIL)
        best = (-1.0, 0)
        for candidate in np.argsort(-alike, kind="stable")[:CANDIDATES]:
            other = resize_image(known[candidate], DETAIL)
            by_head = cropped[row, candidate] > whole[row, candidate]
            best = max(best, (_similarity(image, other, by_head), int(candidate)))
        rows.append((row, best[1], best[0]))
    found = pd.DataFrame(rows, columns=["image", "known", "similarity"])
    return found[found["similarity"] >= threshold].reset_index(drop=True)


def _similarity(image: np.ndarray, other: np.ndarray, by_head: bool) -> float:
    """Align two images (H, H) and correlate their details, -1 to 1; -1 if they cannot be aligned.

    Alignment: G. D. Evangelidis, E. Z. Psarakis, IEEE TPAMI 30(10), 2008, doi 10.1109/TPAMI.2008.113.
    """
    start = _box_to_box(image, other) if by_head else np.eye(2, 3, dtype=np.float32)
    try:
        _, affine = cv2.findTransformECC(image, other, start, cv2.MOTION_AFFINE, STOP, None, 5)  # type: ignore[call-overload]
    except cv2.error:  # it doesn't converge: they have nothing in common
        return -1.0
    shape, inverse = image.shape[::-1], cv2.WARP_INVERSE_MAP
    aligned = cv2.warpAffine(other, affine, shape, flags=cv2.INTER_LINEAR | inverse)
    common = cv2.warpAffine(np.ones_like(other), affine, shape, flags=cv2.INTER_NEAREST | inverse) > 0
    details = np.stack([_details(one)[common] for one in (image, aligned)])
    if common.mean() < 0.25 or not details.std(axis=1).all():
        return -1.0
    return float(np.corrcoef(details)[0, 1])


def _details(image: np.ndarray) -> np.ndarray:
    """Structures of a few pixels: compression loses finer ones, and coarser ones are alike in all heads."""
    pixels = image.astype(np.float32)
    return cv2.GaussianBlur(pixels, (0, 0), 1) - cv2.GaussianBlur(pixels, (0, 0), 3)


def _heads(images: np.ndarray) -> np.ndarray:
    """Thumbnails without margins: (N, H, H) -> (N, 32, 32) uint8."""
    boxes = [(image, _head_box(image)) for image in images]
    parts = [image[top:bottom, left:right] for image, (top, bottom, left, right) in boxes]
    return np.stack([cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for part in parts])


def _head_box(image: np.ndarray) -> tuple[int, int, int, int]:
    """Where the head is: top, bottom, left, right; the whole image (H, H) if nothing is bright."""
    bright = image > DARK
    rows, columns = (np.flatnonzero(bright.mean(axis=axis) > MIN_SHARE) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return 0, image.shape[0], 0, image.shape[1]
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _box_to_box(image: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The affine map (2, 3) from the head's box in one image to that in the other."""
    top, bottom, left, right = _head_box(image)
    other_top, other_bottom, other_left, other_right = _head_box(other)
    x, y = (other_right - other_left) / (right - left), (other_bottom - other_top) / (bottom - top)
    return np.array([[x, 0, other_left - x * left], [0, y, other_top - y * top]], np.float32)
