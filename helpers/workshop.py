"""The unfinished data set: one slice file -> one row of every array, two pictures, one record.

A journal gets one line a slice once its arrays and pictures are written, so a killed run goes on
where it stopped.
"""

import hashlib
import json
import shutil
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np

from helpers import rows
from helpers.dataset import SIZES
from helpers.images import fill_border, resize_image, resize_mask, to_uint8
from helpers.mat import CLASS_NAMES, MatFileError, Slice
from helpers.progress import bar
from helpers.rows import RowFile
from helpers.sources import SliceFile
from helpers.splits import patient_family

FORMAT = 3  # raise it when the same slices would give other bytes
ARRAYS = [(kind, size) for kind in ("images", "masks") for size in SIZES]
# Twice as fast as OpenCV's own choice, and smaller: one filter, and only runs of equal bytes.
GREY = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
if hasattr(cv2, "IMWRITE_PNG_FILTER"):  # OpenCV before 4.12 tries no filters, and takes no orders
    GREY += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]
BLACK_AND_WHITE = [cv2.IMWRITE_PNG_BILEVEL, 1, cv2.IMWRITE_PNG_COMPRESSION, 1]


class Workshop:
    """The unfinished data set: arrays filled row by row, and the journal of what is done.

    Args:
        folder: where to work; what an earlier run left there is used if it still fits.
        files: the slices; slice i fills row i.
    """

    def __init__(self, folder: Path, files: list[SliceFile]):
        self.folder, self.files = folder, files
        self.journal = folder / "journal.jsonl"
        self.header = {"format": FORMAT, "numbers": [file.number for file in files]}
        self.done = self._earlier_records()
        if self.done is None:
            self._start_afresh()
        self.arrays: dict[tuple[str, int], RowFile] = {}  # open while slices are processed

    def process_all(self, workers: int, progress: bool) -> list[dict]:
        """Processes what is not done yet, in threads: inflating and resizing free the GIL.

        Args:
            workers: how many threads.
            progress: show a progress bar.

        Returns:
            One record a slice, in order: the row of its index, or why the file is bad.
        """
        open_rows = [row for row in range(len(self.files)) if row not in self.done]
        _keep_freed_memory()
        with ExitStack() as stack, self.journal.open("a", encoding="utf-8") as journal:
            self.arrays = {key: stack.enter_context(RowFile(self._path(key))) for key in ARRAYS}
            pool = ThreadPoolExecutor(workers)
            # Whatever interrupts the loop, the threads end before the arrays are closed.
            stack.callback(pool.shutdown, cancel_futures=True)
            records = as_completed([pool.submit(self.process, row) for row in open_rows])
            for one in bar(records, total=len(open_rows), unit="slice", title="Assembling", show=progress):
                record = one.result()
                self.done[record["row"]] = record
                journal.write(json.dumps(record) + "\n")
                journal.flush()
        return [self.done[row] for row in range(len(self.files))]

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
            self.arrays["images", size].write(row, images[size])
            self.arrays["masks", size].write(row, masks[size])
        _write_png(self._picture("images", file), images[512], GREY)
        _write_png(self._picture("masks", file), masks[512] * 255, BLACK_AND_WHITE)
        return common | _describe(one, file)

    def keep_only(self, kept: list[int]) -> None:
        """Takes the rows of bad files out of the arrays.

        Args:
            kept: the rows to keep, in order.
        """
        if len(kept) == len(self.files):
            return
        self.journal.unlink()  # it will no longer describe the arrays
        for path in map(self._path, ARRAYS):
            aside = self.folder / "kept_rows.npy"
            with RowFile(path) as array:
                array.copy(aside, kept)
            aside.replace(path)

    def _earlier_records(self) -> dict[int, dict] | None:
        """What an earlier run finished with these same files; None if it had other ones."""
        if not self.journal.is_file():
            return None
        complete = self.journal.read_bytes().split(b"\n")[:-1]  # a kill may tear the last line
        try:
            header, *records = [json.loads(line) for line in complete]
        except ValueError:  # empty, or not our journal
            return None
        if header != self.header or not all(self._path(key).is_file() for key in ARRAYS):
            return None
        self.journal.write_bytes(b"".join(line + b"\n" for line in complete))
        return {
            record["row"]: record
            for record in records
            if "reason" not in record and record["version"] == self.files[record["row"]].version
        }

    def _start_afresh(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        for kind in ("images", "masks"):
            (self.folder / kind).mkdir(parents=True)
        for key in ARRAYS:
            rows.create(self._path(key), (len(self.files), key[1], key[1]))
        self.done = {}
        self.journal.write_text(json.dumps(self.header) + "\n", encoding="utf-8")

    def _path(self, key: tuple[str, int]) -> Path:
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
