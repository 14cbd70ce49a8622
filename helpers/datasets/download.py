"""Download the published data set and verify it.

`pooch` holds the registry and checks the checksums; `requests` and `urllib3` know HTTP, redirects
and pauses. Added here: resuming with a Range request into NAME.part, two routes, a mirror, copies
on this computer, and instructions for a download by hand.
"""

import functools
import itertools
import random
import shutil
import time
import warnings
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from helpers._common import CourseError, progress_bar
from helpers.config.drive import DRIVE
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
SLICE_FOLDERS = ("", "data", "dataset", "dataset/data")  # the last is the mirror's
MATLAB_START = b"MATLAB 7.3 MAT-file"
WRONG_MD5 = "wrong md5 (other bytes of the right length)"

TIMEOUT_SECONDS = (10, 30)  # to connect, and without a single byte
CHUNK_BYTES = 1 << 16
REDIRECTS = 10
TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
LONGEST_PAUSE_SECONDS = 60
ATTEMPTS = 4  # in a row that bring less than PROGRESS_BYTES
PROGRESS_BYTES = 1 << 20

pooch.get_logger().setLevel("WARNING")  # the progress bar says the rest


class DownloadError(CourseError):
    """The data could not be downloaded; the message says why, and how to get it by hand."""


class RouteError(Exception):
    """A URL does not give the file; the text is the reason, in one line."""


def fetch_published(folder: str | Path, look_in: Iterable[str | Path] = ()) -> Path:
    """Download the published data set and verify its lengths and checksums.

    Complete files are kept, copies in other folders are used, and only what is missing is
    downloaded, resuming where an earlier call stopped. The mirror, which has the same slices as
    loose files, comes last.

    Args:
        folder: folder for the four archives and the author's folds.
        look_in: folders that may hold them already, or all slices unpacked. Google Drive and
            Colab's uploads are searched in any case.

    Returns:
        The folder to read slices from: `folder`, or the one with the unpacked slices.

    Raises:
        DownloadError: no route gives a file, the disk is too small, or the folder cannot be
            written to.
    """
    folder = Path(folder).expanduser()
    try:
        return _fetch(folder, [Path(place).expanduser() for place in look_in])
    except OSError as error:  # requests' own errors are handled where they occur
        raise DownloadError(
            f"{folder} cannot be written to ({error.strerror or error}). Make room there, or set "
            "COURSE_HOME to another folder; what is downloaded is kept."
        ) from error


def _fetch(folder: Path, look_in: list[Path]) -> Path:
    missing = [name for name in REGISTRY if _problem(folder / name, name)]
    if not missing:
        return folder
    note = folder / MIRROR_NOTE
    earlier = [Path(note.read_text(encoding="utf-8"))] if note.is_file() else []
    for place in [*earlier, *look_in]:
        if slices := _unpacked_slices(place):
            return slices
    folder.mkdir(parents=True, exist_ok=True)
    _require_disk_space(folder, missing)
    failed: list[str] = []
    reasons: list[str] = []
    rejected: list[str] = []
    # The smallest first: a route that is blocked shows within seconds.
    for name in sorted(missing, key=lambda name: REGISTRY[name].bytes):
        copied, others = _copy_found(name, folder, look_in)
        rejected += others
        # After a failure, one attempt for each of the others: what can be had need not be fetched by hand.
        tried = [] if copied else _download(name, folder, 1 if failed else ATTEMPTS)
        if not tried:
            continue
        if not failed:
            try:
                return _from_mirror(folder)
            except RouteError as error:
                reasons = [*tried, f"Kaggle mirror: {error}"]
        failed.append(name)
    if failed:
        raise DownloadError(_by_hand(failed, reasons + rejected, folder))
    return folder


def _problem(path: Path, name: str) -> str | None:
    """Return what is wrong with a file that should be the published one, None if nothing is."""
    if not path.is_file():
        return "missing"
    length, expected = path.stat().st_size, REGISTRY[name].bytes
    if length != expected:
        return f"wrong length ({length:,} of {expected:,} bytes)"
    return None if pooch.file_hash(path, alg="md5") == REGISTRY[name].md5 else WRONG_MD5


def _require_disk_space(folder: Path, missing: list[str]) -> None:
    parts = sum(_size(folder / f"{name}.part") for name in missing)
    download_bytes = max(0, sum(REGISTRY[name].bytes for name in missing) - parts)
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < download_bytes + DATASET_BYTES:
        raise DownloadError(
            f"The disk of {folder} has {free_bytes / 1e9:.1f} GB free, which is too little: "
            f"{download_bytes / 1e9:.1f} GB remain to be downloaded, and what is made of them takes about "
            f"{DATASET_BYTES / 1e9:.0f} GB. Make room, or set COURSE_HOME to a folder on a larger disk."
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


# ---- copies on this computer ----


def _copy_found(name: str, folder: Path, look_in: list[Path]) -> tuple[bool, list[str]]:
    """Copy a file from one of the places to look in.

    Returns:
        Whether a complete copy was found, and one line per place with something else of that name.
    """
    rejected: list[str] = []
    copy = folder / f"{name}.copy"
    for place in dict.fromkeys([*look_in, *(DRIVE / name for name in DRIVE_FOLDERS), COLAB_UPLOADS]):
        found = place / name
        try:
            if not found.is_file():
                continue
            if _size(found) == REGISTRY[name].bytes:
                print(f"Copying {found}.")
                shutil.copyfile(found, copy)
            problem = _problem(copy if copy.is_file() else found, name)
        except OSError as error:  # a Drive that has been disconnected
            problem = error.strerror or str(error)
        if problem is None:
            copy.replace(folder / name)
            (folder / f"{name}.part").unlink(missing_ok=True)
            return True, rejected
        copy.unlink(missing_ok=True)
        rejected.append(f"{found}: {problem}")
    return False, rejected


def _unpacked_slices(place: Path) -> Path | None:
    """Find all slices as loose files in a folder, or arranged in it as in the mirror.

    Their bytes have no published checksum: here they must exist and be MATLAB files; the assembly
    reads each and lists the bad ones.

    Returns:
        The folder with the author's folds, which has the slices in it or one level deeper; None
        if some are missing.
    """
    for inner in (place / name for name in SLICE_FOLDERS):
        homes = (inner,) if inner == place else (inner, inner.parent)
        with suppress(OSError):
            folds = next((home for home in homes if _is_matlab(home / FOLDS_NAME)), None)
            if folds and all(_is_matlab(inner / f"{number}.mat") for number in range(1, SLICES + 1)):
                return folds
    return None


def _is_matlab(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MATLAB_START)) == MATLAB_START


def _from_mirror(folder: Path) -> Path:
    """Have `kagglehub` download and unpack the mirror into its own cache; return the folder of slices."""
    try:
        import kagglehub
    except ImportError as error:
        raise RouteError("kagglehub is not installed") from error
    print("figshare does not give the files; trying the mirror on Kaggle.")
    for force in (False, True):  # its cache may be incomplete
        try:
            place = Path(kagglehub.dataset_download(MIRROR, force_download=force))
        except Exception as error:  # it passes on whatever its libraries raise
            raise RouteError(_one_line(error)) from error
        if slices := _unpacked_slices(place):
            (folder / MIRROR_NOTE).write_text(str(slices), encoding="utf-8")
            return slices
    raise RouteError(f"not all of 1.mat to {SLICES}.mat and {FOLDS_NAME} in {place}")


# ---- one file over HTTP ----


class _Retry(urllib3.Retry):
    """Give up if a host asks for a longer pause than a student would wait."""

    def increment(self, method=None, url=None, response=None, error=None, _pool=None, _stacktrace=None):
        if response is not None and (self.get_retry_after(response) or 0) > LONGEST_PAUSE_SECONDS:
            raise urllib3.exceptions.MaxRetryError(_pool, url)
        return super().increment(method, url, response, error, _pool, _stacktrace)


def _download(name: str, folder: Path, attempts: int) -> list[str]:
    """Download one file by the first route that gives it; return the reason of each that does not."""
    reasons = []
    for route in ROUTES:
        url = route.format(id=REGISTRY[name].id)
        registry = pooch.create(
            folder,
            base_url="",
            registry={name: f"md5:{REGISTRY[name].md5}"},
            urls={name: url},
            # A wrong checksum may be the fault of an earlier part: then download once from the start.
            retry_if_failed=int(_size(folder / f"{name}.part") > 0),
        )
        try:
            registry.fetch(name, downloader=functools.partial(_resume, name, attempts))
            return []
        except RouteError as error:
            reasons.append(f"{urlsplit(url).netloc}: {error}")
        except ValueError:  # pooch's, for a wrong checksum; it has removed the file
            reasons.append(f"{urlsplit(url).netloc}: {WRONG_MD5}")
    return reasons


def _resume(name: str, attempts: int, url: str, output: str, registry: pooch.Pooch) -> None:
    """Downloader for `Pooch.fetch` that continues NAME.part until it has the published length."""
    part, length = registry.abspath / f"{name}.part", REGISTRY[name].bytes
    Path(output).unlink()  # pooch's empty temporary file, which would remain after a kill
    farthest, failures = _size(part), 0
    retry = _Retry(
        attempts - 1, backoff_factor=1, backoff_jitter=1, status_forcelist=TRANSIENT, raise_on_status=False
    )
    with requests.Session() as session:
        session.max_redirects = REDIRECTS
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        while _size(part) != length:
            try:
                _receive(session, url, part, length)
            except requests.RequestException as error:  # in the middle of the file
                progress, farthest = _size(part) - farthest, max(farthest, _size(part))
                failures = 1 if progress >= PROGRESS_BYTES else failures + 1
                if failures >= attempts:
                    raise RouteError(_one_line(error)) from error
                time.sleep(random.uniform(0.5, 1) * 2**failures)
    part.replace(output)


def _receive(session: requests.Session, url: str, part: Path, length: int) -> None:
    """Make one request for what NAME.part still lacks, and append what comes."""
    held = _size(part) if _size(part) < length else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={held}-"} if held else {})
    try:
        answer = session.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS)
    except requests.RequestException as error:
        raise RouteError(_one_line(error)) from error
    with answer:
        start = _start(answer, part, held, length)
        pieces = answer.iter_content(CHUNK_BYTES)
        first = next(pieces, b"")
        if not first or (start == 0 and first.lstrip()[:1] in (b"<", b"{")):
            raise RouteError("an empty answer, a web page or a JSON message instead of the file")
        if start:
            print(f"{part.stem}: resuming at {start / 1e6:.1f} of {length / 1e6:.1f} MB.")
        with (
            # Not opened for appending: two notebooks then write the same bytes to the same place.
            part.open("r+b" if start else "wb") as file,
            progress_bar(total=length, initial=start, unit="B", scale=True, title=part.stem) as bar,
        ):
            file.seek(start)
            for piece in itertools.chain([first], pieces):
                if file.tell() + len(piece) > length:
                    raise RouteError(f"wrong length: more than {length:,} bytes")
                file.write(piece)
                bar.update(len(piece))
    if _size(part) < length:
        raise requests.ConnectionError(f"cut short at {_size(part):,} of {length:,} bytes")


def _start(answer: requests.Response, part: Path, held: int, length: int) -> int:
    """Check the headers; return the byte at which the body starts, 0 if the Range was ignored."""
    expected = {f"bytes {held}-{length - 1}/{total}" for total in (length, "*")}
    if answer.status_code == 416 or (
        answer.status_code == 206 and answer.headers.get("Content-Range", "").lower() not in expected
    ):
        part.unlink(missing_ok=True)
        raise requests.ConnectionError(f"HTTP {answer.status_code}: not the requested part of the file")
    if answer.status_code not in (200, 206):  # 202 is a challenge for browsers
        raise RouteError(f"HTTP {answer.status_code} {answer.reason}: no file")
    kind = answer.headers.get("Content-Type", "").lower()
    if "html" in kind or "json" in kind:
        raise RouteError(f"{'a web page (HTML)' if 'html' in kind else 'a JSON message'} instead of the file")
    start = held if answer.status_code == 206 else 0
    announced = answer.headers.get("Content-Length", str(length - start))
    if announced != str(length - start):
        raise RouteError(f"wrong length: {announced} bytes announced, expected {length - start}")
    return start


def _one_line(error: Exception) -> str:
    cause = getattr(error.args[0], "reason", error) if error.args else error  # of urllib3's MaxRetryError
    return " ".join(str(cause).split())[:200] or type(error).__name__


def _by_hand(missing: list[str], reasons: list[str], folder: Path) -> str:
    damaged = [name for name in missing if (folder / name).exists()]
    return "\n".join([
        f"{missing[0]} could not be downloaded. Tried:",
        *(f"- {reason}" for reason in reasons),
        "What was downloaded is kept: run this cell again later, and it resumes. Or by hand:",
        f"1. Open {PAGE} in a browser and download",
        *(f"     {name}  ({REGISTRY[name].bytes:,} bytes)" for name in missing),
        f"2. Put them, still zipped, into {folder}",
        f"     (on Colab also: into the folder brain-mri-course of your Drive, mounted at {DRIVE.parent})",
        *([f"     and replace what is damaged there: {', '.join(damaged)}"] if damaged else []),
        "3. Run this cell again: it checks them and uses them.",
    ])  # fmt: skip
