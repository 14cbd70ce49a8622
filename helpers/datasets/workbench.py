"""The place where one slice file becomes one row of every array, two pictures and one record."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from helpers.datasets.matfile import MatFileError, Slice
from helpers.datasets.preprocessing import SIZES, fill_border, resize_image, resize_mask, to_uint8
from helpers.datasets.rows import RowFile
from helpers.datasets.slice_files import SliceFile
from helpers.reference import CLASS_NAMES
from helpers.splits import patient_family

ARRAYS = [(kind, size) for kind in ("images", "masks") for size in SIZES]
# Twice as fast as OpenCV's own choice, and smaller: one filter, and only runs of equal bytes.
GREY = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
if hasattr(cv2, "IMWRITE_PNG_FILTER"):  # OpenCV before 4.12 tries no filters, and takes no orders
    GREY += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]
BLACK_AND_WHITE = [cv2.IMWRITE_PNG_BILEVEL, 1, cv2.IMWRITE_PNG_COMPRESSION, 1]


@dataclass
class Workbench:
    """Writes rows while it is open: use it in a `with`. Closed, it can be sent to another process.

    Args:
        folder: the unfinished data set, with its arrays and its folders of pictures.
        files: the slices; slice i fills row i.
    """

    folder: Path
    files: list[SliceFile]
    _arrays: dict[tuple[str, int], RowFile] = field(default_factory=dict, init=False, repr=False)

    def __enter__(self) -> "Workbench":
        _keep_freed_memory()
        for key in ARRAYS:
            self._arrays[key] = RowFile(self.array_path(key))
        return self

    def __exit__(self, *_) -> None:
        for array in self._arrays.values():
            array.close()
        self._arrays.clear()

    def process(self, row: int) -> dict:
        """Reads one slice and writes its arrays and pictures.

        Args:
            row: which one.

        Returns:
            Its record.
        """
        file = self.files[row]
        common = {"row": row, "file": file.name, "version": file.version}
        try:
            one = file.read()
            _require_square(one, file)
        except MatFileError as error:
            return common | {"field": error.field, "reason": error.reason}
        pixels = to_uint8(one.image)
        images = {size: resize_image(pixels, size) for size in SIZES}
        masks = {size: resize_mask(one.mask, size) for size in SIZES}
        for size in SIZES:
            self._arrays["images", size].write(row, images[size])
            self._arrays["masks", size].write(row, masks[size])
        _write_png(self._picture("images", file), images[512], GREY)
        _write_png(self._picture("masks", file), masks[512] * 255, BLACK_AND_WHITE)
        return common | _describe(one, file)

    def array_path(self, key: tuple[str, int]) -> Path:
        """Where an array lies.

        Args:
            key: one of `ARRAYS`.

        Returns:
            Its file.
        """
        return self.folder / f"{key[0]}_{key[1]}.npy"

    def _picture(self, kind: str, file: SliceFile) -> Path:
        return self.folder / kind / f"{file.number:04d}.png"


def _keep_freed_memory() -> None:
    """Makes glibc reuse freed memory instead of handing every array back to the system at once.

    It does so up to the size of the largest block that was ever freed; elsewhere this does
    nothing. It saves a tenth of the time.
    """
    bytearray(30 << 20)


def _require_square(one: Slice, file: SliceFile) -> None:
    height, width = one.image.shape
    if height != width:
        raise MatFileError(file.name, "image", f"is {height} x {width} pixels; slices are square")


def _write_png(path: Path, pixels: np.ndarray, options: list[int]) -> None:
    # imencode rather than imwrite, which cannot write to a path with accents on Windows
    _, encoded = cv2.imencode(".png", pixels, options)
    path.write_bytes(encoded.data)


def _describe(one: Slice, file: SliceFile) -> dict:
    """The row of the index that belongs to a slice."""
    content = hashlib.sha256(one.image)
    content.update(one.mask)
    y, x = np.divmod(np.flatnonzero(one.mask), one.mask.shape[1])  # np.nonzero takes ten times as long
    inside = np.count_nonzero(fill_border(one.border, one.mask.shape))
    return {
        "number": file.number,
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
