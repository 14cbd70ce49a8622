"""The phantoms' files: MATLAB v7.3 with the layout of the published ones."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import h5py
import numpy as np

from helpers._common import CourseError

VERSION = 2  # increase it when the same seed gives other bytes
MARKER = "phantoms.json"
FOLDS_NAME = "cvind.mat"  # as in the published data set
USER_BLOCK_BYTES = 512
# The date is fixed, and the platform says what this is: a phantom must never pass for a patient.
HEADER = b"MATLAB 7.3 MAT-file, Platform: PHANTOM, Created on: Sun Jan 01 00:00:00 2023 HDF5 schema 1.00 ."


class PhantomFolderError(CourseError):
    """The folder for the phantoms holds something else."""


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


def is_complete(path: Path) -> bool:
    """Whether a file exists and is complete; HDF5 refuses one shorter than its superblock says."""
    try:
        with h5py.File(path, "r") as file:
            return len(file) == 1
    except (OSError, RuntimeError):
        return False


def prepare_folder(folder: Path, call: dict) -> None:
    """Delete phantoms and temporary files of other calls, and record this call in the marker file.

    Raises:
        PhantomFolderError: the folder holds `.mat` files that are not phantoms.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for part in folder.glob("*.mat.part"):
        part.unlink()
    marker = folder / MARKER
    if marker.exists() and marker.read_text(encoding="utf-8") == json.dumps(call):
        return
    files = sorted(folder.glob("*.mat"))
    if others := [path.name for path in files if not _is_phantom(path)]:
        raise PhantomFolderError(
            f"{folder} holds {others[0]}, which is not a phantom: move it elsewhere, or set COURSE_HOME "
            "to another folder."
        )
    for path in files:
        path.unlink()
    marker.write_text(json.dumps(call), encoding="utf-8")


def _is_phantom(path: Path) -> bool:
    """Whether a file is a phantom, or too short to be a slice of anyone."""
    with path.open("rb") as handle:
        start = handle.read(USER_BLOCK_BYTES)
    return len(start) < USER_BLOCK_BYTES or start.startswith(HEADER)


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
    """Write an HDF5 file behind MATLAB's user block: under a temporary name, then renamed."""
    part = path.with_name(path.name + ".part")
    with h5py.File(part, "w", userblock_size=USER_BLOCK_BYTES, libver="earliest") as file:
        fill(file)
    with part.open("r+b") as handle:
        handle.write(HEADER.ljust(116) + bytes(8) + b"\x00\x02IM")
    part.replace(path)
