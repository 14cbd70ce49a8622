"""The phantoms' slices as MATLAB v7.3 files with the published layout.

Knows nothing of how a slice is drawn: `write_collection` is given a function for that.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import h5py
import numpy as np

from helpers._common import CourseError, progress_bar
from helpers.datasets.matfile import FOLDS_NAME, USER_BLOCK_BYTES
from helpers.phantoms.patients import Patient, checked_counts, fold_of_patients

VERSION = 2  # raise it when the same seed would give other bytes
MARKER = "phantoms.json"
# The date is fixed, and the platform says what this is: a phantom must never pass for a patient.
HEADER = b"MATLAB 7.3 MAT-file, Platform: PHANTOM, Created on: Sun Jan 01 00:00:00 2023 HDF5 schema 1.00 ."


class PhantomFolderError(CourseError):
    """The folder for the phantoms holds something else."""


def border_of(mask: np.ndarray) -> np.ndarray:
    """The mask's outline as MATLAB stores it: float64 (1, 2N), x1, y1, x2, y2, ... in pixels from 1."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=len)[:, 0, :]
    step = max(1, len(contour) // 60)
    return (contour[::step] + 1.0).reshape(1, -1)


def put(
    group: h5py.Group, name: str, array: np.ndarray, matlab_class: str, decode: int | None = None
) -> None:
    """Store an array as MATLAB does: its class as an attribute, large arrays chunked and compressed."""
    chunked = (
        {"chunks": array.shape, "compression": "gzip", "compression_opts": 1} if array.size > 4096 else {}
    )
    dataset = group.create_dataset(name, data=array, track_times=False, **chunked)
    dataset.attrs["MATLAB_class"] = np.bytes_(matlab_class)
    if decode is not None:
        dataset.attrs["MATLAB_int_decode"] = np.int32(decode)


def write_mat(path: Path, fill: Callable[[h5py.File], None]) -> None:
    """Write an HDF5 file behind MATLAB's user block: under a temporary name, then renamed."""
    part = path.with_name(path.name + ".part")
    with h5py.File(part, "w", userblock_size=USER_BLOCK_BYTES, libver="earliest") as file:
        fill(file)
    with part.open("r+b") as handle:
        handle.write(HEADER.ljust(116) + bytes(8) + b"\x00\x02IM")
    part.replace(path)


def write_slice(path: Path, patient: Patient, image: np.ndarray, mask: np.ndarray) -> None:
    """Write one slice: image int16 (H, W) and mask bool (H, W), which MATLAB's order transposes."""

    def fill(file):
        cjdata = file.create_group("cjdata")
        cjdata.attrs["MATLAB_class"] = np.bytes_("struct")
        put(
            cjdata,
            "PID",
            np.array([[ord(character)] for character in patient.pid], np.uint16),
            "char",
            decode=2,
        )
        put(cjdata, "image", np.ascontiguousarray(image.T), "int16")
        put(cjdata, "label", np.array([[patient.label]], np.float64), "double")
        put(cjdata, "tumorBorder", border_of(mask), "double")
        put(cjdata, "tumorMask", np.ascontiguousarray(mask.T.astype(np.uint8)), "logical", decode=1)

    write_mat(path, fill)


def write_folds(path: Path, patients: Sequence[Patient]) -> None:
    """Write the fold of every slice, 1 to 5: float64 (1, N)."""
    folds = np.repeat(fold_of_patients(patients), [patient.slices for patient in patients])
    write_mat(path, lambda file: put(file, "cvind", folds[None].astype(np.float64), "double"))


def is_phantom(path: Path) -> bool:
    """Whether a file is one of ours, or too short to be anybody's."""
    with path.open("rb") as handle:
        start = handle.read(USER_BLOCK_BYTES)
    return len(start) < USER_BLOCK_BYTES or start.startswith(HEADER)


def is_complete(path: Path) -> bool:
    """Whether a file is there and whole; HDF5 refuses a file shorter than its superblock says."""
    try:
        with h5py.File(path, "r") as file:
            return len(file) == 1
    except (OSError, RuntimeError):
        return False


def prepare(folder: Path, call: dict) -> None:
    """Clear away what another call has left, then sign the folder with this one."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in folder.glob("*.mat.part"):
        part.unlink()
    marker = folder / MARKER
    if marker.exists() and marker.read_text(encoding="utf-8") == json.dumps(call):
        return
    files = sorted(folder.glob("*.mat"))
    strangers = [path.name for path in files if not is_phantom(path)]
    if strangers:
        raise PhantomFolderError(
            f"{folder} holds {strangers[0]}, which is no phantom: move it elsewhere, or set COURSE_HOME "
            "to another folder."
        )
    for path in files:
        path.unlink()
    marker.write_text(json.dumps(call), encoding="utf-8")


def write_collection(
    folder: Path,
    patients: Sequence[Patient],
    counts: Mapping[int, int],
    seed: int,
    draw: Callable[[Patient, int, int], tuple[np.ndarray, np.ndarray]],
    *,
    progress: bool,
) -> list[Path]:
    """Write every slice of every patient, and the folds; keep what is already there and whole.

    Args:
        folder: where to write.
        patients: in the order of the files.
        counts: slices of each label; with the seed, the name of this collection.
        seed: handed on to `draw`.
        draw: `draw(patient, number, seed)` gives image int16 and mask bool of a patient's slice.
        progress: show a progress bar.

    Returns:
        The paths of the slices, in the order of their numbers.

    Raises:
        PhantomFolderError: if the folder holds `.mat` files that are no phantoms.
    """
    named = {str(label): count for label, count in checked_counts(counts, seed).items()}
    prepare(folder, {"counts": named, "seed": int(seed), "version": VERSION})
    slices = [(patient, number) for patient in patients for number in range(patient.slices)]
    paths = [folder / f"{k}.mat" for k in range(1, len(slices) + 1)]
    drawing = progress_bar(paths, total=len(paths), unit="slice", title="Drawing phantoms", show=progress)
    for path, (patient, number) in zip(drawing, slices, strict=True):
        if not is_complete(path):
            write_slice(path, patient, *draw(patient, number, int(seed)))
    if not is_complete(folder / FOLDS_NAME):
        write_folds(folder / FOLDS_NAME, patients)
    return paths
