"""From a slice as the scanner wrote it to its arrays, its pictures and its row of the index."""

import hashlib
import os
from pathlib import Path

import cv2
import numpy as np

from helpers.config.language import _
from helpers.datasets.matfile import MatFileError, Slice, read_slice
from helpers.reference import CLASS_NAMES
from helpers.splits import patient_family

SIZES = (512, 128)  # height and width in px of the arrays of a data set
# Twice as fast as OpenCV's default and smaller: one filter, and run-length encoding only.
GREY = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
if hasattr(cv2, "IMWRITE_PNG_FILTER"):  # from OpenCV 4.12
    GREY += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]
BLACK_AND_WHITE = [cv2.IMWRITE_PNG_BILEVEL, 1, cv2.IMWRITE_PNG_COMPRESSION, 1]


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Stretch one slice to 0..255: its darkest pixel to 0, its brightest to 255.

    Each slice gets its own range, since the published intensities end anywhere between about 860
    and 12,728: one fixed range would leave some slices nearly black.

    Args:
        image: (H, W) of any real dtype.

    Returns:
        (H, W) uint8; all 0 if the image is constant.
    """
    low, high = int(image.min()), int(image.max())
    scale = 255 / (high - low) if high > low else 0.0
    stretched = image.astype(np.float32)  # then in place: this runs for every slice
    stretched -= low
    stretched *= np.float32(scale)
    return np.rint(stretched, out=stretched).astype(np.uint8)


def resize_image(image: np.ndarray, size: int) -> np.ndarray:
    """Resize a grey image: bilinear to enlarge it, by area averaging to shrink it.

    Area averaging keeps thin bright structures that sampling would miss.

    Args:
        image: (H, H) uint8.
        size: height and width of the result in px.

    Returns:
        (size, size) uint8.
    """
    if image.shape[0] == size:
        return image
    method = cv2.INTER_AREA if image.shape[0] > size else cv2.INTER_LINEAR
    return cv2.resize(image, (size, size), interpolation=method)


def resize_mask(mask: np.ndarray, size: int) -> np.ndarray:
    """Resize a mask without ever losing a tumour.

    Enlarging copies the nearest pixel. Shrinking keeps the pixels that the tumour covers by half
    or more; if there are none, it keeps the ones with the largest coverage.

    Args:
        mask: (H, H) bool.
        size: height and width of the result in px.

    Returns:
        (size, size) uint8, 0 or 1; not empty unless `mask` is.
    """
    if mask.shape[0] <= size:
        return cv2.resize(mask.astype(np.uint8), (size, size), interpolation=cv2.INTER_NEAREST)
    coverage = cv2.resize(mask.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    threshold = min(0.5, coverage.max())
    return ((coverage >= threshold) & (coverage > 0)).astype(np.uint8)


def fill_border(border: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Fill an outline: the area that the mask of a slice should cover.

    Args:
        border: (N, 2) float, x (column) and y (row) in px, zero-based; `Slice.border`.
        shape: height and width of the slice.

    Returns:
        (H, W) uint8, 1 inside the outline and on it; all 0 if there are no points.
    """
    filled = np.zeros(shape, np.uint8)
    if len(border):
        height, width = shape
        # A point may be outside the slice, but must fit into 32 bits.
        points = np.clip(np.rint(border), [-width, -height], [2 * width, 2 * height])
        cv2.fillPoly(filled, [points.astype(np.int32)], 1)
    return filled


# ---- the row of one slice in a data set on disk ----


def create_arrays(folder: Path, count: int) -> None:
    """Create the empty arrays and the folders of pictures of a data set with `count` slices."""
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for size in SIZES:
            path, shape = folder / f"{kind}_{size}.npy", (count, size, size)
            np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)


def _write_row(path: Path, row: int, count: int, values: np.ndarray) -> None:
    """Write one of the `count` rows of a `.npy` file.

    Not through a memory map: its pages would count as memory of this process, 1.7 GB for the
    whole data set.
    """
    with path.open("r+b") as file:
        file.seek((row - count) * values.nbytes, os.SEEK_END)
        file.write(values.tobytes())


def process_slice(source: Path, number: int, folder: Path, row: int, count: int) -> dict:
    """Read one slice and write its rows in the four arrays and its two pictures.

    Args:
        source: `.mat` file.
        number: number of the slice, which names its pictures.
        folder: the unfinished data set, as `create_arrays` made it.
        row, count: index of the slice in the arrays, and their length.

    Returns:
        "row", and what the index says about the slice; for a bad file, "field" and "reason".
    """
    try:
        one = read_slice(source)
        height, width = one.image.shape
        if height != width:
            raise MatFileError(
                str(source),
                "image",
                _("is {height} x {width} pixels; slices are square").format(height=height, width=width),
            )
    except MatFileError as error:
        return {"row": row, "field": error.field, "reason": error.reason}
    pixels = to_uint8(one.image)
    images = {size: resize_image(pixels, size) for size in SIZES}
    masks = {size: resize_mask(one.mask, size) for size in SIZES}
    for kind, arrays in (("images", images), ("masks", masks)):
        for size, values in arrays.items():
            _write_row(folder / f"{kind}_{size}.npy", row, count, values)
    _write_png(folder / "images" / f"{number:04d}.png", images[512], GREY)
    _write_png(folder / "masks" / f"{number:04d}.png", masks[512] * 255, BLACK_AND_WHITE)
    return {"row": row} | _describe(one)


def _write_png(path: Path, pixels: np.ndarray, options: list[int]) -> None:
    # imencode rather than imwrite, which cannot write to a path with accents on Windows
    _, encoded = cv2.imencode(".png", pixels, options)
    path.write_bytes(encoded.data)


def _describe(one: Slice) -> dict:
    """Return what the index says about a slice, without its number, file and fold."""
    content = hashlib.sha256(one.image.tobytes())
    content.update(one.mask.tobytes())
    y, x = np.divmod(np.flatnonzero(one.mask), one.mask.shape[1])  # np.nonzero takes ten times as long
    inside = np.count_nonzero(fill_border(one.border, one.mask.shape))
    return {
        "label": one.label,
        "class_name": CLASS_NAMES[one.label],
        "patient": one.pid,
        "family": patient_family(one.pid),
        "native_size": one.image.shape[0],
        "intensity_min": int(one.image.min()),
        "intensity_max": int(one.image.max()),
        "tumour_area_px": len(x),
        "tumour_fraction": round(len(x) / one.mask.size, 6),
        "centroid_x_px": round(float(x.mean()), 2),
        "centroid_y_px": round(float(y.mean()), 2),
        "border_area_ratio": round(len(x) / inside, 4) if inside else float("nan"),
        "checksum": content.hexdigest(),
    }
