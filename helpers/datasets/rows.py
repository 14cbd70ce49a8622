"""A `.npy` file that is filled row by row, in any order and from any thread.

`numpy.load(..., mmap_mode="r+")` would do the same, but what is written to a map counts as the
process's own memory until the system takes it back: 1.7 GB for the whole data set.
"""

import math
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def create(path: Path, shape: tuple[int, ...]) -> None:
    """Makes a file of zeros, byte for byte as `numpy.save` would.

    Args:
        path: the file, overwritten if it is there.
        shape: of the array, the rows first.
    """
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.uint8)), "fortran_order": False}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header | {"shape": shape})
        file.truncate(file.tell() + math.prod(shape))


class RowFile:
    """An open `.npy` file of uint8; use it in a `with`, or close it.

    Args:
        path: what `create` made.
    """

    def __init__(self, path: Path):
        self.path = path
        self._file = path.open("r+b")
        self._lock = threading.Lock()
        np.lib.format.read_magic(self._file)
        self.shape, _, _ = np.lib.format.read_array_header_1_0(self._file)
        self._start, self._row_bytes = self._file.tell(), math.prod(self.shape[1:])

    def __enter__(self) -> "RowFile":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def write(self, row: int, values: np.ndarray) -> None:
        """Writes one row; when this returns, a killed process does not lose it.

        Args:
            row: which one.
            values: the shape of a row, uint8.
        """
        content = np.ascontiguousarray(values, dtype=np.uint8).data
        with self._lock:
            self._file.seek(self._start + row * self._row_bytes)
            self._file.write(content)
            self._file.flush()

    def read(self, row: int) -> np.ndarray:
        """Reads one row.

        Args:
            row: which one.

        Returns:
            The shape of a row, uint8.
        """
        with self._lock:
            self._file.seek(self._start + row * self._row_bytes)
            return np.frombuffer(self._file.read(self._row_bytes), np.uint8).reshape(self.shape[1:])

    def copy(self, path: Path, rows: Sequence[int]) -> None:
        """Writes some rows to a new file.

        Args:
            path: the new file.
            rows: which ones, in order.
        """
        create(path, (len(rows), *self.shape[1:]))
        with RowFile(path) as kept:
            for place, row in enumerate(rows):
                kept.write(place, self.read(row))

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
