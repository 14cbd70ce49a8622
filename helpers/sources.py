"""Where slices come from: phantoms, figshare or a folder -> a list of slice files."""

import io
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from helpers import figshare, phantom, settings
from helpers.dataset import missing_classes_message
from helpers.errors import CourseError
from helpers.mat import CLASS_NAMES, MatFileError, Slice, read_folds, read_slice

FOLDS_NAME = "cvind.mat"
# What zipfile raises for a member that is damaged, encrypted or packed in an unknown way.
UNREADABLE_MEMBER = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError)


class SourceError(CourseError):
    """A folder does not hold the slices that the course needs."""


@dataclass(frozen=True)
class SliceFile:
    """One `N.mat`, loose or inside a zip archive.

    Args:
        number: N, the number of the slice in the published data set.
        path: the file, or the archive that holds it.
        name: for people: "12.mat" or "archive.zip/12.mat".
        version: changes when the file does.
        member: its entry in the archive, None for a loose file.
        archive: the open archive, None for a loose file.
    """

    number: int
    path: Path
    name: str
    version: str
    member: zipfile.ZipInfo | None = field(default=None, repr=False)
    archive: zipfile.ZipFile | None = field(default=None, repr=False)

    def open(self) -> BinaryIO:
        """Opens the file, without unpacking an archive to disk.

        Returns:
            A binary file, to be closed by the caller.

        Raises:
            MatFileError: the archive is damaged there, or encrypted.
        """
        if self.archive is None:
            return self.path.open("rb")
        try:
            content = _NamedBytes(self.archive.read(self.member))
        except UNREADABLE_MEMBER as error:
            raise MatFileError(self.name, None, f"cannot be unpacked ({error})") from error
        content.name = self.name
        return content

    def read(self) -> Slice:
        """Reads the slice.

        Returns:
            Slice, as `helpers.mat.read_slice`.

        Raises:
            MatFileError: the file is malformed.
        """
        return read_slice(self.path if self.archive is None else self.open())


class _NamedBytes(io.BytesIO):
    """Bytes in memory with the `name` of where they came from, for messages."""

    name: str


def obtain(course: settings.Settings) -> Path:
    """Makes the raw data of a course be there: writes the phantoms or downloads the archives.

    Args:
        course: what `helpers.settings.start` returned.

    Returns:
        The folder with `.mat` files or archives.
    """
    if course.data == "phantoms":
        counts = phantom.proportional_counts(course.profile.phantoms)
        phantom.write_phantoms(course.phantom_folder, counts, course.seed)
        return course.phantom_folder
    if course.data == "figshare":
        return figshare.fetch(course.download_folder, look_in=(course.home,))
    return Path(course.data)


def find_slices(folder: str | Path) -> list[SliceFile]:
    """Lists the slices below a folder, loose or in zip archives, without reading them.

    A loose file goes before the same number in an archive.

    Args:
        folder: the folder.

    Returns:
        SliceFile of each slice, by number.

    Raises:
        SourceError: there is no slice, an archive cannot be read, or two files have the
            same number.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise SourceError(f"{folder} is not a folder.")
    loose = _by_number(_loose_files(folder))
    packed = _by_number(file for path in sorted(folder.rglob("*.zip")) for file in _archive_files(path))
    found = packed | loose
    if not found:
        raise SourceError(_nothing_found_message(folder))
    return [found[number] for number in sorted(found)]


def one_of_each_class(files: list[SliceFile]) -> list[SliceFile]:
    """Finds a readable slice of each class.

    Args:
        files: what `find_slices` returned.

    Returns:
        Three files: a meningioma, a glioma, a pituitary tumour.

    Raises:
        SourceError: a class is missing.
    """
    found: dict[int, SliceFile] = {}
    for position in _class_guesses(len(files)):
        try:
            found.setdefault(files[position].read().label, files[position])
        except MatFileError:  # the assembly lists the bad ones
            continue
        if len(found) == len(CLASS_NAMES):
            return [found[label] for label in CLASS_NAMES]
    absent = [name for label, name in CLASS_NAMES.items() if label not in found]
    raise SourceError(missing_classes_message(absent, len(files)))


def find_folds(folder: str | Path) -> np.ndarray | None:
    """Reads the author's folds, where `cvind.mat` lies in or below a folder.

    Args:
        folder: the folder.

    Returns:
        (N,) uint8, the fold 1..5 of slice number i + 1; None where there is no such file.

    Raises:
        MatFileError: the file is malformed.
    """
    path = next(iter(sorted(Path(folder).rglob(FOLDS_NAME))), None)
    return None if path is None else read_folds(path)


def _class_guesses(count: int) -> list[int]:
    """Positions to look for the three classes: file order is class order, nearly."""
    middles = [int(count * share) for share in (0.12, 0.46, 0.85)]
    return [*middles, *range(count)]


def _slice_number(name: str) -> int | None:
    """The N of `N.mat`, None for other names: `cvind.mat`, macOS's `._1.mat`."""
    stem, dot, suffix = name.rpartition("/")[2].partition(".")
    return int(stem) if dot and suffix == "mat" and stem.isascii() and stem.isdigit() else None


def _loose_files(folder: Path):
    for path in sorted(folder.rglob("*.mat")):
        number = _slice_number(path.name)
        if number is not None:
            stat = path.stat()
            yield SliceFile(number, path, path.name, f"{stat.st_size}:{stat.st_mtime_ns}")


def _archive_files(path: Path):
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise SourceError(
            f"{path.name} cannot be read as a zip archive ({error}). If it is one of the four archives, "
            "download it again; if not, move it out of this folder."
        ) from error
    for member in archive.infolist():
        number = _slice_number(member.filename)
        if number is not None:
            name = f"{path.name}/{member.filename}"
            yield SliceFile(number, path, name, f"{member.file_size}:{member.CRC:08x}", member, archive)


def _by_number(files) -> dict[int, SliceFile]:
    found: dict[int, SliceFile] = {}
    for file in files:
        first = found.setdefault(file.number, file)
        if first is not file:
            places = " and ".join(str(one.path.parent / one.name) for one in (first, file))
            raise SourceError(f"slice {file.number} is there twice: {places}. Keep one of them.")
    return found


def _nothing_found_message(folder: Path) -> str:
    others = sorted(path.name for path in folder.iterdir())
    if not others:
        there = "it is empty"
    elif FOLDS_NAME in others and len(others) == 1:
        there = f"it holds only {FOLDS_NAME}, the author's list of folds"
    else:
        there = f"it holds {', '.join(others[:5])}{', ...' if len(others) > 5 else ''}"
    return (
        f"no slices in {folder}: {there}. Put the files 1.mat to 3064.mat or the four archives "
        "brainTumorDataPublic_*.zip there, or set COURSE_DATA=phantoms."
    )
