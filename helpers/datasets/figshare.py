"""The published archives -> a local folder, verified, by whichever route works."""

import random
import shutil
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from helpers._common import CourseError
from helpers.datasets.answers import RouteError
from helpers.datasets.download import ATTEMPTS, download
from helpers.datasets.found import DRIVE, SLICES, copy_found, unpacked_slices
from helpers.datasets.matfile import FOLDS_NAME
from helpers.datasets.verified import Memory, PublishedFile, file_bytes

# Jun Cheng, brain tumor dataset, version 5, doi 10.6084/m9.figshare.1512427, CC BY 4.0. Lengths
# and checksums as https://api.figshare.com/v2/articles/1512427 lists them. The ids are not in
# the order of the parts.
PAGE = "https://doi.org/10.6084/m9.figshare.1512427"
REGISTRY = {
    name: PublishedFile(name, number, length, md5)
    for name, number, length, md5 in (
        ("brainTumorDataPublic_1-766.zip", 3381290, 214_401_279, "74b949ad33f042e6e103523091cd1428"),
        ("brainTumorDataPublic_767-1532.zip", 3381296, 217_848_429, "7e8a875500d2c8a346f270538e29890e"),
        ("brainTumorDataPublic_1533-2298.zip", 3381293, 215_563_856, "8227bf6080cb71f15a88be8d25c79ae7"),
        ("brainTumorDataPublic_2299-3064.zip", 3381302, 231_679_762, "b378a80d6174e5317d59eb28430c6652"),
        ("cvind.mat", 7005344, 5_736, "5ea82eb3212c9fcb84290ccf0beb486d"),
    )
}
# Both redirect to the file (observed in 2026). figshare.com/ndownloader is no route: it answers
# programs with HTTP 202 and no bytes, a challenge for browsers.
ROUTES = (
    "https://api.figshare.com/v2/file/download/{id}",
    "https://ndownloader.figshare.com/files/{id}",
)
# https://www.kaggle.com/datasets/ashkhagan/figshare-brain-tumor-dataset: the loose .mat files,
# public, so without a login. kagglehub comes with Colab.
MIRROR = "ashkhagan/figshare-brain-tumor-dataset"
DATASET_BYTES = 3_000_000_000  # what the assembly adds, about


class DownloadError(CourseError):
    """The data could not be had; the message says why, and how to get it by hand."""


def fetch(
    folder: str | Path, *, look_in: Iterable[str | Path] = (), rng: random.Random | None = None
) -> Path:
    """Makes the published data be there, whole and right.

    What is there is kept; what lies in another folder is copied; what is missing is
    downloaded, going on where an earlier run stopped. Last comes the mirror, which has the
    same slices as loose files.

    Args:
        folder: where to put the four archives and the author's folds.
        look_in: folders that may hold them already, besides Drive and Colab's uploads; or
            the 3064 slices unpacked.
        rng: spreads the pauses between tries; by default another one in every run.

    Returns:
        The folder to read slices from: `folder`, or the one with the unpacked slices.

    Raises:
        DownloadError: a file could not be had by any route, the disk is too small, or the
            folder cannot be written to.
    """
    folder = Path(folder).expanduser()
    named = [look_in] if isinstance(look_in, (str, Path)) else list(look_in)
    named = [Path(place).expanduser() for place in named]
    try:
        return _fetch(folder, named, rng or random.Random())
    except OSError as error:
        raise DownloadError(
            f"{folder} cannot be written to ({error.strerror or error}). Make room there, or set "
            "COURSE_HOME to another folder; what is fetched is kept."
        ) from error


def _fetch(folder: Path, named: list[Path], rng: random.Random) -> Path:
    memory = Memory(folder / "verified.json")
    if not _missing(memory):
        return folder
    for place in [memory.notes.get("mirror"), *named]:
        slices = unpacked_slices(Path(str(place))) if place else None
        if slices is not None:
            return slices
    folder.mkdir(parents=True, exist_ok=True)
    _require_disk(folder, _missing(memory))
    rejected = [line for file in _missing(memory) for line in copy_found(file, folder, named)]
    reasons = _download_all(memory, rng)
    if not reasons:
        return folder
    try:
        slices = _from_mirror()
    except RouteError as error:
        _download_the_rest(memory, rng)
        missing = _missing(memory)
        if not missing:  # another notebook was at it too
            return folder
        reasons += [f"Kaggle mirror: {error}", *rejected]
        raise DownloadError(_by_hand(missing, reasons, folder)) from error
    memory.remember("mirror", str(slices))
    return slices


def _missing(memory: Memory) -> list[PublishedFile]:
    """What is still to be had, the smallest first: a route that is barred shows within seconds."""
    return sorted((file for file in REGISTRY.values() if not memory.holds(file)), key=lambda file: file.bytes)


def _require_disk(folder: Path, missing: list[PublishedFile]) -> None:
    held = sum(file_bytes(folder / f"{file.name}.part") or 0 for file in missing)
    download_bytes = max(0, sum(file.bytes for file in missing) - held)
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < download_bytes + DATASET_BYTES:
        raise DownloadError(
            f"The disk of {folder} has {free_bytes / 1e9:.1f} GB free, too little: "
            f"{download_bytes / 1e9:.1f} GB are still to be downloaded, and the data set made of them takes "
            f"about {DATASET_BYTES / 1e9:.0f} GB. Make room, or set COURSE_HOME to a folder on a larger disk."
        )


def _download_all(memory: Memory, rng: random.Random) -> list[str]:
    """Downloads file after file; stops at the first that no route gives, with the reasons."""
    for file in _missing(memory):
        reasons = _by_any_route(file, memory, rng, ATTEMPTS)
        if reasons:
            return reasons
    return []


def _download_the_rest(memory: Memory, rng: random.Random) -> None:
    """One try each for the others: what can be had need not be fetched by hand."""
    for file in _missing(memory)[1:]:
        _by_any_route(file, memory, rng, attempts=1)


def _by_any_route(file: PublishedFile, memory: Memory, rng: random.Random, attempts: int) -> list[str]:
    """Tries the routes in turn.

    Returns:
        The reason of each route, nothing where one gave the file.
    """
    reasons = []
    for route in ROUTES:
        url = route.format(id=file.figshare_id)
        try:
            download(url, file, memory.path.parent, rng=rng, attempts=attempts)
        except RouteError as error:
            reasons.append(f"{urlsplit(url).netloc}: {error}")
        if memory.holds(file):  # also where another notebook was faster
            return []
    return reasons


def _from_mirror() -> Path:
    """Has `kagglehub` fetch and unpack the mirror into its own cache.

    Returns:
        The folder with the slices and the folds.

    Raises:
        RouteError: it is not installed, failed, or brought something else.
    """
    try:
        import kagglehub
    except ImportError as error:
        raise RouteError("kagglehub is not installed") from error
    print("figshare does not give the files; trying the mirror on Kaggle.")
    for again in (False, True):  # its cache believes what it once unpacked
        try:
            place = Path(kagglehub.dataset_download(MIRROR, force_download=again))
        except Exception as error:  # it lets through whatever its libraries raise
            first_line = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise RouteError(first_line[:120]) from error
        slices = unpacked_slices(place)
        if slices is not None:
            return slices
    raise RouteError(f"not all of 1.mat to {SLICES}.mat and {FOLDS_NAME} in {place}")


def _by_hand(missing: list[PublishedFile], reasons: list[str], folder: Path) -> str:
    damaged = [file.name for file in missing if (folder / file.name).exists()]
    return "\n".join([
        f"{missing[0].name} could not be downloaded. Tried:",
        *(f"- {reason}" for reason in reasons),
        "What was fetched is kept: run this cell again later, and it goes on from there. Or by hand:",
        f"1. Open {PAGE} in a browser and download",
        *(f"     {file.name}  ({file.bytes:,} bytes)" for file in missing),
        f"2. Put them, still zipped, into {folder}",
        f"     (on Colab also: into the folder brain-mri-course of your Drive, mounted at {DRIVE.parent})",
        *([f"     and replace what is damaged there: {', '.join(damaged)}"] if damaged else []),
        "3. Run this cell again: it checks them and uses them.",
    ])  # fmt: skip
