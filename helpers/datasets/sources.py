"""Where slices come from: phantoms, figshare or a folder -> a list of slice files.

Zip archives in a folder are unpacked once, to a folder in COURSE_HOME (see `archives`).
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from helpers._common import PARTIAL
from helpers.config import settings
from helpers.config.language import _
from helpers.datasets import download
from helpers.datasets.archives import MANIFEST, SourceError, parse_name, unpack
from helpers.datasets.matfile import (
    MatFileError,
    Slice,
    missing_classes_message,
    read_folds,
    read_slice,
)
from helpers.phantoms.drawing import write_phantoms
from helpers.phantoms.matfiles import MARKER
from helpers.phantoms.patients import proportional_counts
from helpers.reference import CLASS_NAMES

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
    archive. Files with a name such as "2 (1).mat" are passed over, and a line says so.

    Args:
        folder: folder with `N.mat` files or zip archives of them.

    Returns:
        One SliceFile per slice, sorted by number.

    Raises:
        SourceError: there is no slice, an archive is damaged or unsafe, two files have the same
            number, or something cannot be read.
    """
    loose, unpacked = _mat_files(Path(folder))
    found = _by_number(unpacked) | _by_number(loose)
    passed = [file[1] for file in loose + unpacked if parse_name(file[1]).kind == "passed over"]
    if passed:
        names = ", ".join(passed[:10])
        if len(passed) > 10:
            names += _(" and {count} more").format(count=len(passed) - 10)
        print(_("passed over: {names}. Slices are named 1.mat, archives *.zip.").format(names=names))
    if not found:
        others = ", ".join(sorted(path.name for path in Path(folder).iterdir())[:5])
        held = _("it holds {others}").format(others=others) if others else _("it is empty")
        said = _(
            "no slices in {folder}: {held}. Put the files 1.mat to 3064.mat or the "
            "four archives brainTumorDataPublic_*.zip there, or set COURSE_DATA=phantoms."
        )
        raise SourceError(said.format(folder=folder, held=held))
    return [found[number] for number in sorted(found)]


def one_per_class(files: list[SliceFile]) -> list[SliceFile]:
    """Find a readable slice of each class.

    Args:
        files: slices returned by `list_slices`.

    Returns:
        Three files: a meningioma, a glioma and a pituitary tumour.

    Raises:
        MatFileError: none of the files can be read; the reason is that of the first.
        SourceError: a class is missing.
    """
    found: dict[int, SliceFile] = {}
    bad: dict[int, MatFileError] = {}
    middles = [int(len(files) * share) for share in (0.12, 0.46, 0.85)]  # file order is nearly class order
    for position in (*middles, *range(len(files))):
        try:
            found.setdefault(files[position].read().label, files[position])
        except MatFileError as error:  # `assemble` lists the bad files
            bad[position] = error
        if len(found) == len(CLASS_NAMES):
            return [found[label] for label in CLASS_NAMES]
    if bad and not found:
        raise bad[min(bad)]
    absent = [name for label, name in CLASS_NAMES.items() if label not in found]
    message = missing_classes_message(absent, len(files))
    if bad:
        unread = _("{count} of the slices cannot be read; the first: {error}")
        message += " " + unread.format(count=len(bad), error=bad[min(bad)])
    raise SourceError(message)


def find_folds(folder: str | Path) -> np.ndarray | None:
    """Read the author's folds from the `cvind.mat` in or below a folder, or in an archive there.

    Args:
        folder: as in `list_slices`.

    Returns:
        (N,) uint8, the fold 1..5 of slice number i + 1; None if there is no such file.

    Raises:
        MatFileError: the file is malformed.
        SourceError: an archive is damaged or unsafe, or something cannot be read.
    """
    for files in _mat_files(Path(folder)):
        for path, _name, _version in files:
            if parse_name(path.name).kind == "folds":
                return read_folds(path)
    return None


# ---- the `.mat` files of a folder ----


def _mat_files(folder: Path) -> tuple[list[_MatFile], list[_MatFile]]:
    """Return the loose `.mat` files of a folder and those in its archives, and what is passed over."""
    if not folder.is_dir():
        said = _("{folder} is not a folder. Give the folder with the slices.")
        raise SourceError(said.format(folder=folder))
    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]
    unpack_folder = settings.load().home / "unpacked" / f"{folder.resolve().name}-{digest}"
    loose, unpacked = [], []
    try:
        for path in sorted(_walk(folder)):
            kind = parse_name(path.name).kind
            if kind == "archive":
                target = unpack_folder / path.relative_to(folder)
                files = unpack(path, target).items()
                unpacked += [(target / file, f"{path.name}/{file}", version) for file, version in files]
            elif kind == "passed over":  # may be a link to nothing
                loose.append((path, path.name, ""))
            elif kind:
                status = path.stat()
                loose.append((path, path.name, f"{status.st_size}:{status.st_mtime_ns}"))
    except OSError as error:
        said = _(
            "{path} cannot be read ({error}). If it is a link, what it points to may be gone: delete it. If "
            "it is on Google Drive, mount that again. If it has nothing to do with the slices, give them a "
            "folder of their own."
        )
        raise SourceError(
            said.format(path=error.filename or folder, error=error.strerror or error)
        ) from error
    return loose, unpacked


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, links included, but not what the course itself wrote there.

    COURSE_HOME may be in the folder: its phantoms must not be taken for the slices of patients.
    """
    seen = set(folder.resolve().parents)  # a link that leads up is not followed
    for place, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
        real = Path(place).resolve()
        if real in seen or MANIFEST in names or (MARKER in names and real != folder.resolve()):
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if PARTIAL not in name)
        yield from (Path(place, name) for name in names)


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # deleted since the folder above was listed
        raise error


def _by_number(files: list[_MatFile]) -> dict[int, SliceFile]:
    found: dict[int, SliceFile] = {}
    for path, name, version in files:
        kind, number = parse_name(path.name)
        if kind != "slice":
            continue
        if number in found:
            said = _(
                "slice {number} is there twice: {one} and {other}. Keep one of them, or one of the archives "
                "that they come from."
            )
            raise SourceError(said.format(number=number, one=found[number].path, other=path))
        found[number] = SliceFile(number, path, name, version)
    return found
