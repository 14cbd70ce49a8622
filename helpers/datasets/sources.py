"""Where slices come from: phantoms, figshare or a folder -> a list of slice files."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from helpers.config import settings
from helpers.datasets import archives, figshare
from helpers.datasets.archives import SourceError
from helpers.datasets.dataset import missing_classes_message
from helpers.datasets.matfile import FOLDS_NAME, MatFileError, read_folds
from helpers.datasets.slice_files import SliceFile
from helpers.phantoms import drawing
from helpers.reference import CLASS_NAMES

MAX_DIGITS = 9  # of a slice's number; longer ones are no numbers of slices


def fetch(course: settings.Settings) -> Path:
    """Makes the raw data of a course be there: writes the phantoms or downloads the archives.

    Args:
        course: what `helpers.config.settings.start` returned.

    Returns:
        The folder with `.mat` files or archives.
    """
    if course.data == "phantoms":
        counts = drawing.proportional_counts(course.profile.phantoms)
        drawing.write_phantoms(course.phantom_folder, counts, course.seed)
        return course.phantom_folder
    if course.data == "figshare":
        return figshare.fetch(course.download_folder, look_in=(course.home,))
    return Path(course.data)


def list_slices(folder: str | Path) -> list[SliceFile]:
    """Lists the slices below a folder, loose or in zip archives, without reading them.

    A loose file goes before the same number in an archive.

    Args:
        folder: the folder.

    Returns:
        SliceFile of each slice, by number.

    Raises:
        SourceError: there is no slice, an archive cannot be read or is not to be trusted, or two
            files have the same number.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise SourceError(f"{folder} is not a folder.")
    loose = _by_number(_loose_files(folder))
    packed = _by_number(_packed_files(folder))
    found = packed | loose
    if not found:
        raise SourceError(_nothing_found_message(folder))
    return [found[number] for number in sorted(found)]


def one_per_class(files: list[SliceFile]) -> list[SliceFile]:
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
    """Reads the author's folds, where `cvind.mat` lies in or below a folder, or in an archive there.

    Args:
        folder: the folder.

    Returns:
        (N,) uint8, the fold 1..5 of slice number i + 1; None where there is no such file.

    Raises:
        MatFileError: the file is malformed.
        SourceError: an archive cannot be read or is not to be trusted.
    """
    folder = Path(folder)
    loose = next(iter(sorted(folder.rglob(FOLDS_NAME))), None)
    if loose is not None:
        return read_folds(loose)
    packed = (one for _, one in _packed(folder) if one.info.filename.rpartition("/")[2] == FOLDS_NAME)
    member = next(packed, None)
    return None if member is None else read_folds(member.open())


def _class_guesses(count: int) -> list[int]:
    """Positions to look for the three classes: file order is class order, nearly."""
    middles = [int(count * share) for share in (0.12, 0.46, 0.85)]
    return [*middles, *range(count)]


def _slice_number(name: str) -> int | None:
    """The N of `N.mat`, None for other names: `cvind.mat`, macOS's `._1.mat`."""
    stem, dot, suffix = name.rpartition("/")[2].partition(".")
    digits = stem.isascii() and stem.isdigit() and len(stem) <= MAX_DIGITS
    return int(stem) if dot and suffix == "mat" and digits else None


def _loose_files(folder: Path) -> Iterator[SliceFile]:
    for path in sorted(folder.rglob("*.mat")):
        number = _slice_number(path.name)
        if number is not None:
            stat = path.stat()
            yield SliceFile(number, path, path.name, f"{stat.st_size}:{stat.st_mtime_ns}")


def _packed(folder: Path) -> Iterator[tuple[Path, archives.Member]]:
    for path in sorted(folder.rglob("*.zip")):
        for member in archives.members(path):
            yield path, member


def _packed_files(folder: Path) -> Iterator[SliceFile]:
    for path, member in _packed(folder):
        number = _slice_number(member.info.filename)
        if number is not None:
            yield SliceFile(number, path, member.name, member.version, member)


def _by_number(files: Iterable[SliceFile]) -> dict[int, SliceFile]:
    found: dict[int, SliceFile] = {}
    for file in files:
        first = found.setdefault(file.number, file)
        if first is not file:
            places = " and ".join(str(one.path.parent / one.name) for one in (first, file))
            raise SourceError(f"slice {file.number} is there twice: {places}. {_keep_one(first, file)}")
    return found


def _keep_one(first: SliceFile, second: SliceFile) -> str:
    if first.member is None or first.member.archive is not second.member.archive:
        return "Keep one of them."
    return "No published archive holds a slice twice: download it again."


def _nothing_found_message(folder: Path) -> str:
    others = sorted(path.name for path in folder.iterdir())
    if not others:
        there = "it is empty"
    elif FOLDS_NAME in others and len(others) == 1:
        there = f"it holds only {FOLDS_NAME}, the author's list of folds"
    else:
        there = f"it holds {', '.join(others[:5])}{', ...' if len(others) > 5 else ''}"
        there += ", no archive with slices" if any(name.endswith(".zip") for name in others) else ""
    return (
        f"no slices in {folder}: {there}. Put the files 1.mat to 3064.mat or the four archives "
        "brainTumorDataPublic_*.zip there, or set COURSE_DATA=phantoms."
    )
