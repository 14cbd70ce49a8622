"""Download the published data set and verify it.

`pooch` checks the checksums and `requests` knows HTTP. Added here: resuming with a Range request into
NAME.part, two routes, a mirror, copies on this computer, and instructions for a download by hand.
"""

import functools
import shutil
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import requests
from requests.exceptions import ChunkedEncodingError

from helpers._common import CourseError, progress_bar
from helpers.config.drive import DRIVE
from helpers.config.environment import require_disk_space
from helpers.config.language import N_, _, grouped
from helpers.datasets.archives import parse_name
from helpers.datasets.matfile import FOLDS_NAME
from helpers.reference import SLICES

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # tqdm, which pooch loads, advises to install ipywidgets
    import pooch

# Jun Cheng, brain tumor dataset, version 5, doi 10.6084/m9.figshare.1512427, CC BY 4.0. Lengths
# and checksums as https://api.figshare.com/v2/articles/1512427 lists them. The ids are not in
# the order of the parts.
PAGE = "https://doi.org/10.6084/m9.figshare.1512427"


class PublishedFile(NamedTuple):
    """Id on figshare, length in bytes and checksum of a published file."""

    id: int
    bytes: int
    md5: str


REGISTRY = {
    name: PublishedFile(number, length, md5)
    for name, number, length, md5 in (
        ("brainTumorDataPublic_1-766.zip", 3381290, 214_401_279, "74b949ad33f042e6e103523091cd1428"),
        ("brainTumorDataPublic_767-1532.zip", 3381296, 217_848_429, "7e8a875500d2c8a346f270538e29890e"),
        ("brainTumorDataPublic_1533-2298.zip", 3381293, 215_563_856, "8227bf6080cb71f15a88be8d25c79ae7"),
        ("brainTumorDataPublic_2299-3064.zip", 3381302, 231_679_762, "b378a80d6174e5317d59eb28430c6652"),
        ("cvind.mat", 7005344, 5_736, "5ea82eb3212c9fcb84290ccf0beb486d"),
    )
}
# Both redirect to the file (observed in 2026). figshare.com/ndownloader answers programs with
# HTTP 202 and no bytes, a challenge for browsers.
ROUTES = (
    "https://api.figshare.com/v2/file/download/{id}",
    "https://ndownloader.figshare.com/files/{id}",
)
# https://www.kaggle.com/datasets/ashkhagan/figshare-brain-tumor-dataset: the loose .mat files,
# public, so without a login. kagglehub comes with Colab.
MIRROR = "ashkhagan/figshare-brain-tumor-dataset"
MIRROR_NOTE = "mirror.txt"  # where kagglehub put its files
DATASET_BYTES = 4_000_000_000  # of the unpacked archives and the data set, about

DRIVE_FOLDERS = ("", "brain-mri-course", "brain-mri", "figshare", "data", "Colab Notebooks")
COLAB_UPLOADS = Path("/content")  # for files dropped on Colab's file pane
WRONG_MD5 = N_("wrong md5 (other bytes of the right length)")

TIMEOUT_SECONDS = (10, 30)  # to connect, and without a single byte
CHUNK_BYTES = 1 << 16
BUSY = (408, 425, 429, 500, 502, 503, 504)  # HTTP statuses that may pass
ATTEMPTS = 4  # in a row that bring less than PROGRESS_BYTES
PROGRESS_BYTES = 1 << 20

pooch.get_logger().setLevel("WARNING")  # the progress bar says the rest


class DownloadError(CourseError):
    """The data could not be downloaded; the message says why, and how to get it by hand."""


def fetch_published(folder: str | Path, look_in: Iterable[str | Path] = ()) -> Path:
    """Download the published data set and verify its lengths and checksums.

    Complete files are kept, copies in other folders are used, and only what is missing is
    downloaded, resuming where an earlier call stopped. The mirror, which has the same slices as
    loose files, comes last.

    Args:
        folder: folder for the four archives and the author's folds.
        look_in: folders that may hold copies of them. Google Drive and Colab's uploads are
            searched in any case.

    Returns:
        The folder to read slices from: `folder`, or the mirror's.

    Raises:
        DownloadError: no route gives a file, the disk is too small, or the folder cannot be
            written to.
    """
    folder = Path(folder).expanduser()
    try:
        return _fetch(folder, [Path(place).expanduser() for place in look_in])
    except OSError as error:  # requests' own errors are handled where they occur
        said = _(
            "{folder} cannot be written to ({error}). Make room there, or set COURSE_HOME to another folder; "
            "what is downloaded is kept."
        )
        raise DownloadError(said.format(folder=folder, error=error.strerror or error)) from error


def _fetch(folder: Path, look_in: list[Path]) -> Path:
    # The smallest first: a route that is blocked shows within seconds.
    by_size = sorted(REGISTRY, key=lambda name: REGISTRY[name].bytes)
    missing = [name for name in by_size if _problem(folder / name, name)]
    note = folder / MIRROR_NOTE
    if missing and note.is_file():
        mirror = Path(note.read_text(encoding="utf-8"))
        if _has_all_slices(mirror):
            return mirror
    if not missing:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    _require_disk_space(folder, missing)
    reasons: list[str] = []
    missing = [name for name in missing if not _copy_found(name, folder, look_in, reasons)]
    for index, name in enumerate(missing):
        if _download(name, folder, reasons):
            continue
        if slices := _from_mirror(reasons):
            note.write_text(str(slices), encoding="utf-8")
            return slices
        raise DownloadError(_by_hand(missing[index:], reasons, folder))
    return folder


def _problem(path: Path, name: str) -> str | None:
    """Return what is wrong with a file that should be the published one, None if nothing is."""
    if not path.is_file():
        return _("missing")
    if problem := _wrong_length(path, name):
        return problem
    return None if pooch.file_hash(path, alg="md5") == REGISTRY[name].md5 else _(WRONG_MD5)


def _wrong_length(path: Path, name: str) -> str | None:
    length, expected = path.stat().st_size, REGISTRY[name].bytes
    said = _("wrong length ({length} of {expected} bytes)")
    return None if length == expected else said.format(length=grouped(length), expected=grouped(expected))


def _require_disk_space(folder: Path, missing: list[str]) -> None:
    parts = sum(_size(folder / f"{name}.part") for name in missing)
    download_bytes = max(0, sum(REGISTRY[name].bytes for name in missing) - parts)
    purpose = _("a download of {size:.2f} GB, with what is made of it,").format(size=download_bytes / 1e9)
    require_disk_space(folder, download_bytes + DATASET_BYTES, purpose, DownloadError)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


# ---- copies on this computer, and the mirror ----


def _copy_found(name: str, folder: Path, look_in: list[Path], reasons: list[str]) -> bool:
    """Copy a file from one of the places to look in; note why others are not used."""
    copy = folder / f"{name}.copy"
    for place in dict.fromkeys([*look_in, *(DRIVE / name for name in DRIVE_FOLDERS), COLAB_UPLOADS]):
        found = place / name
        try:
            if not found.is_file():
                continue
            problem = _wrong_length(found, name)
            if problem is None:
                print(_("Copying {file}.").format(file=found))
                shutil.copyfile(found, copy)
                problem = _problem(copy, name)
        except OSError as error:  # a Drive that has been disconnected
            problem = error.strerror or str(error)
        if problem is None:
            copy.replace(folder / name)
            (folder / f"{name}.part").unlink(missing_ok=True)
            return True
        copy.unlink(missing_ok=True)
        reasons.append(f"{found}: {problem}")
    return False


def _from_mirror(reasons: list[str]) -> Path | None:
    """Have `kagglehub` download and unpack the mirror into its own cache; return the folder."""
    try:
        import kagglehub

        print(_("figshare does not give the files; trying the mirror on Kaggle."))
        place = Path(kagglehub.dataset_download(MIRROR))
        if _has_all_slices(place):
            return place
        said = _("Kaggle mirror: not all of 1.mat to {last}.mat and {folds} in {folder}")
        reasons.append(said.format(last=SLICES, folds=FOLDS_NAME, folder=place))
    except ImportError:
        reasons.append(_("Kaggle mirror: kagglehub is not installed"))
    except Exception as error:  # it passes on whatever its libraries raise
        reasons.append(_("Kaggle mirror: {error}").format(error=_one_line(error)))
    return None


def _has_all_slices(place: Path) -> bool:
    """Whether the loose files are all there. They have no published checksum; the assembly lists bad ones."""
    expected = {parse_name(FOLDS_NAME), *(("slice", number) for number in range(1, SLICES + 1))}
    return expected <= {parse_name(path.name) for path in place.rglob("*")}


# ---- one file over HTTP ----


def _download(name: str, folder: Path, reasons: list[str]) -> bool:
    """Download one file by the first route that gives it; add the reason of each that does not."""
    resume = functools.partial(_resume, folder / f"{name}.part", REGISTRY[name].bytes)
    for route in ROUTES:
        url = route.format(id=REGISTRY[name].id)
        try:
            pooch.retrieve(url, f"md5:{REGISTRY[name].md5}", name, folder, downloader=resume)
            return True
        except requests.RequestException as error:
            reason = _one_line(error)
        except ValueError:  # pooch's, for a wrong checksum; it has removed the file
            reason = _(WRONG_MD5)
        reasons.append(f"{urlsplit(url).netloc}: {reason}")
    return False


def _resume(part: Path, length: int, url: str, output: str, _pooch: object) -> None:
    """Downloader for `pooch` that continues NAME.part until it has the published length."""
    Path(output).unlink()  # pooch's empty temporary file, which would remain after a kill
    farthest, failures = _size(part), 0
    while _size(part) != length:
        try:
            _receive(url, part, length)
        except (requests.ConnectionError, requests.Timeout, ChunkedEncodingError):
            progress, farthest = _size(part) - farthest, max(farthest, _size(part))
            failures = 1 if progress >= PROGRESS_BYTES else failures + 1
            if failures == ATTEMPTS:
                raise
            time.sleep(2 ** (failures - 1))
    part.replace(output)


def _receive(url: str, part: Path, length: int) -> None:
    """Make one request for what NAME.part still lacks, and append what comes."""
    held = _size(part) if _size(part) < length else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={held}-"} if held else {})
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as answer:
        start = held if answer.status_code == 206 else 0  # a host may ignore the Range
        _check_headers(answer, length - start)
        if start:
            said = _("{file}: resuming at {start:.1f} of {length:.1f} MB.")
            print(said.format(file=part.stem, start=start / 1e6, length=length / 1e6))
        with (
            # Not opened for appending: two notebooks then write the same bytes to the same place.
            part.open("r+b" if start else "wb") as file,
            progress_bar(total=length, initial=start, unit="B", scale=True, title=part.stem) as bar,
        ):
            file.seek(start)
            for piece in answer.iter_content(CHUNK_BYTES):
                file.write(piece)
                bar.update(len(piece))
    if _size(part) < length:
        said = _("cut short at {size} of {length} bytes")
        raise requests.ConnectionError(said.format(size=grouped(_size(part)), length=grouped(length)))


def _check_headers(answer: requests.Response, expected: int) -> None:
    """Refuse web pages, messages and files of another length before a byte is written."""
    status = f"HTTP {answer.status_code} {answer.reason}"
    if answer.status_code in BUSY:
        raise requests.ConnectionError(status)
    length = answer.headers.get("Content-Length", _("an unknown number of"))
    if answer.status_code not in (200, 206) or length != str(expected):  # 202 is a challenge for browsers
        kind = answer.headers.get("Content-Type", _("unknown type"))
        said = _("{status} with {length} bytes of {kind}, expected {expected} bytes")
        raise requests.RequestException(
            said.format(status=status, length=length, kind=kind, expected=expected)
        )


def _one_line(error: Exception) -> str:
    cause = getattr(error.args[0], "reason", error) if error.args else error  # of urllib3's MaxRetryError
    return " ".join(str(cause).split())[:200] or type(error).__name__


def _by_hand(missing: list[str], reasons: list[str], folder: Path) -> str:
    return "\n".join([
        _("{file} could not be downloaded. Tried:").format(file=missing[0]),
        *(f"- {reason}" for reason in reasons),
        _("What was downloaded is kept: run this cell again later, and it resumes. Or by hand:"),
        _("1. Open {page} in a browser and download").format(page=PAGE),
        *(f"     {name}  ({grouped(REGISTRY[name].bytes)} bytes)" for name in missing),
        _("2. Put them, still zipped, into {folder}, replacing any that are there").format(folder=folder),
        _("     (on Colab also: into the folder brain-mri-course of your Drive, mounted at {drive})").format(
            drive=DRIVE.parent
        ),
        _("3. Run this cell again: it checks them and uses them."),
    ])  # fmt: skip
