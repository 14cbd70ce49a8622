"""The pixel arithmetic between a slice as the scanner wrote it and an array for a network."""

import cv2
import numpy as np

SIZES = (512, 128)  # pixels a side, of the arrays of a data set


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Stretches one slice to 0..255: its darkest pixel to 0, its brightest to 255.

    Slice by slice, since the published intensities end anywhere between about 860 and
    12,728: one fixed number would leave some slices nearly black.

    Args:
        image: (H, W) of any real dtype.

    Returns:
        (H, W) uint8; all 0 where the image is constant.
    """
    low, high = int(image.min()), int(image.max())
    scale = 255 / (high - low) if high > low else 0.0
    stretched = image.astype(np.float32)  # then in place: this runs for every slice
    stretched -= low
    stretched *= np.float32(scale)
    return np.rint(stretched, out=stretched).astype(np.uint8)


def resize_image(image: np.ndarray, size: int) -> np.ndarray:
    """Resizes a grey image: bilinear when it grows, by area when it shrinks.

    Averaging over the area keeps thin bright structures that sampling would miss.

    Args:
        image: (H, H) uint8.
        size: wanted pixels a side.

    Returns:
        (size, size) uint8.
    """
    if image.shape[0] == size:
        return image
    method = cv2.INTER_AREA if image.shape[0] > size else cv2.INTER_LINEAR
    return cv2.resize(image, (size, size), interpolation=method)


def resize_mask(mask: np.ndarray, size: int) -> np.ndarray:
    """Resizes a mask without ever losing a tumour.

    Growing copies the nearest pixel. Shrinking keeps the pixels that the tumour covers by
    half or more; where there is none, it keeps the ones that it covers most.

    Args:
        mask: (H, H) bool.
        size: wanted pixels a side.

    Returns:
        (size, size) uint8, 0 or 1; not empty unless `mask` is.
    """
    if mask.shape[0] <= size:
        return cv2.resize(mask.astype(np.uint8), (size, size), interpolation=cv2.INTER_NEAREST)
    coverage = cv2.resize(mask.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    threshold = min(0.5, coverage.max())
    return ((coverage >= threshold) & (coverage > 0)).astype(np.uint8)


def fill_border(border: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Fills an outline: what the mask of a slice should cover.

    Args:
        border: (N, 2) float, x (column) and y (row) in px, zero-based; `Slice.border`.
        shape: height and width of the slice.

    Returns:
        (H, W) uint8, 1 inside the outline and on it; all 0 where there are no points.
    """
    filled = np.zeros(shape, np.uint8)
    if len(border):
        height, width = shape
        # A point may lie outside the slice, but not so far that it no longer fits into 32 bits.
        points = np.clip(np.rint(border), [-width, -height], [2 * width, 2 * height])
        cv2.fillPoly(filled, [points.astype(np.int32)], 1)
    return filled
