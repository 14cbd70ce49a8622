"""Files that are somewhere on this computer already, and need not be downloaded."""

from contextlib import suppress
from pathlib import Path

from helpers._common import progress_bar
from helpers.config.drive import DRIVE
from helpers.datasets.matfile import FOLDS_NAME
from helpers.datasets.verified import PublishedFile, file_bytes
from helpers.reference import SLICES

DRIVE_FOLDERS = ("", "brain-mri-course", "brain-mri", "figshare", "data", "Colab Notebooks")
COLAB_UPLOADS = Path("/content")  # where files land that are dropped on its file pane
CHUNK_BYTES = 1 << 20
SLICE_FOLDERS = ("", "data", "dataset", "dataset/data")  # the last is the mirror's
MATLAB_START = b"MATLAB 7.3 MAT-file"  # of every v7.3 file


def copy_found(file: PublishedFile, folder: Path, places: list[Path]) -> list[str]:
    """Copies a file that lies in a place that was named, on Drive or among Colab's uploads.

    Args:
        file: what to look for, by its name.
        folder: where to put it, once its length and md5 are right; it exists.
        places: folders to look in first, no deeper.

    Returns:
        A line for each place that has something else under that name.
    """
    rejected = []
    aside = folder / f"{file.name}.copy"
    for place in dict.fromkeys([*places, *(DRIVE / name for name in DRIVE_FOLDERS), COLAB_UPLOADS]):
        found = place / file.name
        if file_bytes(found) is None:
            continue
        problem = _copy(found, aside, file) if file_bytes(found) == file.bytes else file.problem(found)
        if problem is None:
            aside.replace(folder / file.name)
            (folder / f"{file.name}.part").unlink(missing_ok=True)
            break
        aside.unlink(missing_ok=True)
        rejected.append(f"{found}: {problem}")
    return rejected


def unpacked_slices(place: Path) -> Path | None:
    """Finds all slices as loose files, in a folder or laid out in it as in the mirror.

    Their bytes have no published checksum: here they must be there and be MATLAB files; the
    assembly reads each and names the bad ones.

    Args:
        place: the folder.

    Returns:
        The folder with the author's folds, which has the slices in it or one deeper; None
        where not all are there.
    """
    for inner in (place / name for name in SLICE_FOLDERS):
        homes = (inner,) if inner == place else (inner, inner.parent)
        with suppress(OSError):
            folds = next((home for home in homes if _is_matlab(home / FOLDS_NAME)), None)
            if folds and all(_is_matlab(inner / f"{number}.mat") for number in range(1, SLICES + 1)):
                return folds
    return None


def _copy(found: Path, aside: Path, file: PublishedFile) -> str | None:
    """Copies a file, with a bar since Drive is slow; returns what is wrong with it."""
    meter = progress_bar(total=file.bytes, unit="B", scale=True, title=f"Copying {file.name}")
    with aside.open("wb") as copy, meter:
        for chunk in _chunks(found):
            copy.write(chunk)
            meter.update(len(chunk))
    return file.problem(aside)


def _chunks(path: Path):
    # A Drive that goes away cuts the copy short, which its length then shows.
    with suppress(OSError), path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _is_matlab(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MATLAB_START)) == MATLAB_START
