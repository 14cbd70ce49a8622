"""Where slices come from: phantoms, figshare or a folder -> a list of slice files.

Zip archives in a folder are unpacked once, to a folder in COURSE_HOME (see `archives`).
"""

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from helpers.config import settings
from helpers.datasets import download
from helpers.datasets.archives import MANIFEST, SourceError, is_archive, unpack
from helpers.datasets.matfile import (
    FOLDS_NAME,
    MatFileError,
    Slice,
    missing_classes_message,
    read_folds,
    read_slice,
)
from helpers.phantoms.drawing import write_phantoms
from helpers.phantoms.patients import proportional_counts
from helpers.reference import CLASS_NAMES

SLICE_NAME = re.compile(r"([0-9]{1,9})\.mat")  # not cvind.mat, not macOS's ._1.mat
_MatFile = tuple[Path, str, str]  # path, name for messages, version


@dataclass(frozen=True)
class SliceFile:
    """The file `N.mat` of one slice.

    Attributes:
        number: int, N, the number of the slice in the published data set.
        path: Path of the file.
        name: str for messages and tables: "12.mat", or "archive.zip/12.mat" if it was unpacked.
        version: str that changes when the file does.
    """

    number: int
    path: Path
    name: str
    version: str

    def open(self) -> BinaryIO:
        """Open the file for reading in binary mode."""
        return self.path.open("rb")

    def read(self) -> Slice:
        """Read the slice with `read_slice`."""
        return read_slice(self.path)


def fetch(course: settings.Settings) -> Path:
    """Return the raw-data folder, writing the phantoms or downloading the archives if needed.

    Args:
        course: settings returned by `helpers.config.start`.

    Returns:
        Folder with `.mat` files or zip archives.

    Raises:
        DownloadError: the published data could not be downloaded.
    """
    if course.data == "phantoms":
        write_phantoms(course.phantom_folder, proportional_counts(course.profile.phantoms), course.seed)
        return course.phantom_folder
    if course.data == "figshare":
        return download.fetch_published(course.download_folder, look_in=[course.home])
    return Path(course.data)


def list_slices(folder: str | Path) -> list[SliceFile]:
    """List the slices in and below a folder, unpacking zip archives on the first call.

    Archives are unpacked to COURSE_HOME. A loose file takes precedence over the same number in an
    archive.

    Args:
        folder: folder with `N.mat` files or zip archives of them.

    Returns:
        One SliceFile per slice, sorted by number.

    Raises:
        SourceError: there is no slice, an archive is damaged or unsafe, or two files have the
            same number.
    """
    loose, unpacked = _mat_files(Path(folder))
    found = _by_number(unpacked) | _by_number(loose)
    if not found:
        others = ", ".join(sorted(path.name for path in Path(folder).iterdir())[:5])
        raise SourceError(
            f"no slices in {folder}: it holds {others or 'nothing'}. Put the files 1.mat to 3064.mat or the "
            "four archives brainTumorDataPublic_*.zip there, or set COURSE_DATA=phantoms."
        )
    return [found[number] for number in sorted(found)]


def one_per_class(files: list[SliceFile]) -> list[SliceFile]:
    """Find a readable slice of each class.

    Args:
        files: slices returned by `list_slices`.

    Returns:
        Three files: a meningioma, a glioma and a pituitary tumour.

    Raises:
        SourceError: a class is missing.
    """
    found: dict[int, SliceFile] = {}
    middles = [int(len(files) * share) for share in (0.12, 0.46, 0.85)]  # file order is nearly class order
    for position in (*middles, *range(len(files))):
        try:
            found.setdefault(files[position].read().label, files[position])
        except MatFileError:  # `assemble` lists the bad files
            continue
        if len(found) == len(CLASS_NAMES):
            return [found[label] for label in CLASS_NAMES]
    absent = [name for label, name in CLASS_NAMES.items() if label not in found]
    raise SourceError(missing_classes_message(absent, len(files)))


def find_folds(folder: str | Path) -> np.ndarray | None:
    """Read the author's folds from the `cvind.mat` in or below a folder, or in an archive there.

    Args:
        folder: as in `list_slices`.

    Returns:
        (N,) uint8, the fold 1..5 of slice number i + 1; None if there is no such file.

    Raises:
        MatFileError: the file is malformed.
        SourceError: an archive is damaged or unsafe.
    """
    for files in _mat_files(Path(folder)):
        for path, _, _ in files:
            if path.name == FOLDS_NAME:
                return read_folds(path)
    return None


# ---- the `.mat` files of a folder ----


def _mat_files(folder: Path) -> tuple[list[_MatFile], list[_MatFile]]:
    """Return the loose `.mat` files of a folder and those in its archives."""
    if not folder.is_dir():
        raise SourceError(f"{folder} is not a folder. Give the folder with the slices.")
    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]
    unpack_folder = settings.load().home / "unpacked" / f"{folder.resolve().name}-{digest}"
    loose, unpacked = [], []
    for path in sorted(_walk(folder)):
        if path.suffix == ".mat":
            status = path.stat()
            loose.append((path, path.name, f"{status.st_size}:{status.st_mtime_ns}"))
        elif is_archive(path.name):
            target = unpack_folder / path.relative_to(folder)
            files = unpack(path, target).items()
            unpacked += [(target / file, f"{path.name}/{file}", version) for file, version in files]
    return loose, unpacked


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, except for what was unpacked there earlier."""
    for place, folders, names in os.walk(folder):
        if MANIFEST in names:
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.endswith(".partial")]
        yield from (path for name in names if (path := Path(place, name)).is_file())


def _by_number(files: list[_MatFile]) -> dict[int, SliceFile]:
    found: dict[int, SliceFile] = {}
    for path, name, version in files:
        named = SLICE_NAME.fullmatch(path.name)
        if not named:
            continue
        number = int(named[1])
        if number in found:
            raise SourceError(
                f"slice {number} is there twice: {found[number].path} and {path}. Keep one of them, or one "
                "of the archives that they come from."
            )
        found[number] = SliceFile(number, path, name, version)
    return found
