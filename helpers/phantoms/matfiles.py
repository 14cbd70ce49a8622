"""The phantoms' files: MATLAB v7.3 with the layout of the published ones."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import h5py
import numpy as np

from helpers._common import CourseError, read_json
from helpers.config.language import _

VERSION = 4  # increase it when the same seed gives other bytes
MARKER = "phantoms.json"
FOLDS_NAME = "cvind.mat"  # as in the published data set
USER_BLOCK_BYTES = 512
# The date is fixed, and the platform says what this is: a phantom must never pass for a patient.
HEADER = b"MATLAB 7.3 MAT-file, Platform: PHANTOM, Created on: Sun Jan 01 00:00:00 2023 HDF5 schema 1.00 ."


class PhantomFolderError(CourseError):
    """The folder for the phantoms holds something else, or cannot be written to."""


def write_slice(path: Path, label: int, pid: str, image: np.ndarray, mask: np.ndarray) -> None:
    """Write one slice: image int16 (H, W) and mask bool (H, W), transposed to MATLAB's order."""

    def fill(file: h5py.File) -> None:
        cjdata = file.create_group("cjdata")
        cjdata.attrs["MATLAB_class"] = np.bytes_("struct")
        codes = np.frombuffer(pid.encode("utf-16-le"), np.uint16)
        _put(cjdata, "PID", codes[:, None], "char", decode=2)
        _put(cjdata, "image", np.ascontiguousarray(image.T), "int16")
        _put(cjdata, "label", np.array([[label]], np.float64), "double")
        _put(cjdata, "tumorBorder", _border(mask), "double")
        _put(cjdata, "tumorMask", np.ascontiguousarray(mask.T.astype(np.uint8)), "logical", decode=1)

    _write_mat(path, fill)


def write_folds(path: Path, folds: np.ndarray) -> None:
    """Write the fold of every slice, 1 to 5: float64 (1, N)."""
    _write_mat(path, lambda file: _put(file, "cvind", folds[None].astype(np.float64), "double"))


def is_written(folder: Path, call: str, slices: int) -> bool:
    """Whether a folder holds the phantoms of a call.

    Hidden files among phantoms, such as `.ipynb_checkpoints`, count for nothing.

    Args:
        folder: may be missing, empty, or incomplete, or hold phantoms of another `VERSION`.
        call: content of the marker.
        slices: number of slices.

    Raises:
        PhantomFolderError: it is not complete, and holds something else.
    """
    expected = {MARKER, FOLDS_NAME, *(f"{k}.mat" for k in range(1, slices + 1))}
    held = {path.name for path in folder.iterdir()} if folder.exists() else set()
    marker = read_json(folder / MARKER) or {}
    if held >= expected and marker == json.loads(call):
        return True
    # Without a marker the folder may be the user's, and a hidden file something to keep.
    marked = marker | {"version": None} == json.loads(call) | {"version": None}
    ours = {name for name in held if name in expected or name[0] == "."} if marked else {".DS_Store"}
    if foreign := held - ours:
        raise PhantomFolderError(
            _(
                "{folder} holds {file}, which is not one of these phantoms. Delete the folder {folder} if "
                "you don't need it, or set COURSE_HOME to another one."
            ).format(folder=folder, file=min(foreign - expected or foreign))
        )
    return False


def _border(mask: np.ndarray) -> np.ndarray:
    """The mask's outline as MATLAB stores it: float64 (1, 2N), x1, y1, x2, y2, ... in pixels from 1."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=len)[:, 0, :]
    return (contour[:: max(1, len(contour) // 60)] + 1.0).reshape(1, -1)


def _put(
    group: h5py.Group, name: str, array: np.ndarray, matlab_class: str, decode: int | None = None
) -> None:
    """Store an array as MATLAB does: its class as an attribute, large arrays chunked and compressed."""
    large = {"chunks": array.shape, "compression": "gzip", "compression_opts": 1}
    options = large if array.size > 4096 else {}
    dataset = group.create_dataset(name, data=array, track_times=False, **options)
    dataset.attrs["MATLAB_class"] = np.bytes_(matlab_class)
    if decode is not None:
        dataset.attrs["MATLAB_int_decode"] = np.int32(decode)


def _write_mat(path: Path, fill: Callable[[h5py.File], None]) -> None:
    """Write an HDF5 file behind MATLAB's user block."""
    content = io.BytesIO()  # in memory, since HDF5 reports a full disk in its own obscure way
    with h5py.File(content, "w", userblock_size=USER_BLOCK_BYTES, libver="earliest") as file:
        fill(file)
    content.seek(0)
    content.write(HEADER.ljust(116) + bytes(8) + b"\x00\x02IM")
    path.write_bytes(content.getbuffer())
